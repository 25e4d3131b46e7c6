/**
 * The Disk port on the files of this machine.
 *
 * Every error leaves here as the system's error with `code`, `syscall` and `path`: calls by descriptor do not know their
 * path, so it is added, since "EIO" alone sends nobody to the right disk. What a short write left over is written by the
 * next call; a write that makes no progress is EIO, for a loop that never ends would hide it.
 *
 * Not here: policy. Whether an error is the end is for the caller to say; a rejected force always is (port/disk.ts).
 */

import fs from 'node:fs'
import path from 'node:path'
import { constants } from 'node:os'
import type { Disk, DiskFile } from '../../port/disk.js'

/** Readable by the group `mqm`, by nobody else: messages are inside. */
const fileMode = 0o660
const directoryMode = 0o2770

const openFlags = {
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_TRUNC,
  'read-write': fs.constants.O_RDWR,
  read: fs.constants.O_RDONLY
} as const

/** Instead of a descriptor once the file is closed. */
const closed = -1

export const realDisk: Disk = {
  open: async (name, mode) => new RealFile(name, await byCallback<number>(name, done => fs.open(name, openFlags[mode], fileMode, done))),
  list: async directory => (await byCallback<string[]>(directory, done => fs.readdir(directory, done))).sort(),
  rename: async (from, to) => {
    await byCallback<void>(from, done => fs.rename(from, to, done))
    await forceDirectory(path.dirname(to))
  },
  remove: async name => await byCallback<void>(name, done => fs.unlink(name, done)),
  makeDirectory: async name => {
    await byCallback<unknown>(name, done => fs.mkdir(name, { recursive: true, mode: directoryMode }, done))
  },
  forceDirectory,
  free: async name => {
    const facts = await byCallback<fs.StatsFs>(name, done => fs.statfs(name, done))
    return facts.bavail * facts.bsize
  }
}

async function forceDirectory(name: string): Promise<void> {
  const descriptor = await byCallback<number>(name, done => fs.open(name, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY, done))
  try {
    await byCallback<void>(name, done => fs.fsync(descriptor, done))
  } finally {
    await byCallback<void>(name, done => fs.close(descriptor, done))
  }
}

class RealFile implements DiskFile {
  readonly path: string
  #descriptor: number

  constructor(name: string, descriptor: number) {
    this.path = name
    this.#descriptor = descriptor
  }

  async write(bytes: readonly Buffer[], position: number): Promise<void> {
    let left = bytes.filter(piece => piece.length > 0)
    let at = position
    while (left.length > 0) {
      const descriptor = this.#open('write')
      const pieces = left
      const written = await byCallback<number>(this.path, done => fs.writev(descriptor, pieces, at, done))
      if (written === 0) throw systemError('EIO', 'write', this.path)
      at += written
      left = afterWritten(left, written)
    }
  }

  async force(): Promise<void> {
    const descriptor = this.#open('fdatasync')
    await byCallback<void>(this.path, done => fs.fdatasync(descriptor, done))
  }

  read(position: number, length: number): Buffer {
    const descriptor = this.#open('read')
    const bytes = Buffer.allocUnsafe(length)
    let filled = 0
    return withPath(this.path, () => {
      while (filled < length) {
        const got = fs.readSync(descriptor, bytes, filled, length - filled, position + filled)
        if (got === 0) break
        filled += got
      }
      return bytes.subarray(0, filled)
    })
  }

  size(): number {
    const descriptor = this.#open('fstat')
    return withPath(this.path, () => fs.fstatSync(descriptor).size)
  }

  async truncate(length: number): Promise<void> {
    const descriptor = this.#open('ftruncate')
    await byCallback<void>(this.path, done => fs.ftruncate(descriptor, length, done))
  }

  /** The number is given up before the call: the system may give it to the next file at once. */
  async close(): Promise<void> {
    const descriptor = this.#descriptor
    if (descriptor === closed) throw systemError('EBADF', 'close', this.path)
    this.#descriptor = closed
    await byCallback<void>(this.path, done => fs.close(descriptor, done))
  }

  #open(syscall: string): number {
    if (this.#descriptor === closed) throw systemError('EBADF', syscall, this.path)
    return this.#descriptor
  }
}

/** What is left of a list of pieces after the first `written` bytes of it; exported for its test. */
export function afterWritten(pieces: readonly Buffer[], written: number): Buffer[] {
  const left: Buffer[] = []
  let skip = written
  for (const piece of pieces) {
    if (skip >= piece.length) skip -= piece.length
    else {
      left.push(skip === 0 ? piece : piece.subarray(skip))
      skip = 0
    }
  }
  return left
}

type Callback<T> = (error: NodeJS.ErrnoException | null, value?: T) => void

/** One call of node:fs as a promise that keeps the path in its error. */
function byCallback<T>(name: string, call: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error === null || error === undefined) resolve(value as T) // void calls have no value, and T is void there
      else reject(named(error, name))
    })
  })
}

function withPath<T>(name: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw error instanceof Error ? named(error, name) : error
  }
}

function named(error: NodeJS.ErrnoException, name: string): NodeJS.ErrnoException {
  if (error.path === undefined) {
    error.path = name
    error.message = `${error.message} '${name}'`
  }
  return error
}

/** An error like the system's own, for what the system reports in another way. */
function systemError(code: keyof typeof constants.errno, syscall: string, name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${syscall} '${name}'`), { code, errno: -constants.errno[code], syscall, path: name })
}
