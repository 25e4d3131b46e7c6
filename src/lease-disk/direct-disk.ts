/**
 * The lease area on a real block device or file: O_DIRECT, so that reads come from the disk and not from this machine's
 * page cache, and O_DSYNC, so that a write that ended is on the disk.
 *
 * O_DIRECT wants memory aligned to the disk's sectors. Node has no aligned allocator, but the memory of a WebAssembly
 * module begins on a page; two pages of 64 KiB are all that is ever needed, and nothing is allocated per operation.
 *
 * Every operation holds one of libuv's four pool threads until the kernel answers. The contract of disk.ts allows two
 * at a time, so a dead disk leaves two threads to everybody else, however long it stays dead. A thread that hangs in the
 * kernel also keeps `process.exit` from ending the process: see `isHanging` in area.ts.
 */

import { Buffer } from 'node:buffer'
import fs from 'node:fs'
import { invariant } from '../base/invariant.js'
import { areaBytes, lookBytes, nodeSlotBytes, sectorBytes } from '../lease/layout.js'
import type { DiskFault, LeaseDisk, Opened, ReadBytes } from './disk.js'

const { O_RDWR, O_DIRECT, O_DSYNC, O_NOCTTY, O_NONBLOCK } = fs.constants
const closed = -1
/** TypeScript knows it as part of a browser only. */
declare const WebAssembly: { readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => { readonly buffer: ArrayBuffer } }
const wasmPageBytes = 65_536

export class DirectDisk implements LeaseDisk {
  readonly path: string
  readonly #look: Buffer
  readonly #write: Buffer
  #descriptor = closed

  constructor(path: string) {
    this.path = path
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 2 })
    this.#look = Buffer.from(memory.buffer, 0, lookBytes)
    this.#write = Buffer.from(memory.buffer, wasmPageBytes, nodeSlotBytes)
  }

  open(done: (opened: Opened) => void): void {
    invariant(this.#descriptor === closed, 'a disk is opened once at a time')
    // O_NONBLOCK: a FIFO of this name must not hold a thread for ever; it means nothing to disks.
    const flags = O_RDWR | O_DSYNC | O_NOCTTY | O_NONBLOCK
    fs.open(this.path, flags | O_DIRECT, (error, descriptor) => {
      if (error === null) this.#examine(descriptor, null, done)
      else if (error.code !== 'EINVAL') done({ ok: false, fault: faultOf(error) })
      else {
        fs.open(this.path, flags, (again, buffered) => {
          if (again !== null) done({ ok: false, fault: faultOf(again) })
          else this.#examine(buffered, `${this.path} does not know O_DIRECT; what is read may come from this machine's memory instead of the disk, so it is good for tests only`, done)
        })
      }
    })
  }

  #examine(descriptor: number, note: string | null, done: (opened: Opened) => void): void {
    fs.fstat(descriptor, (error, stat) => {
      const reason =
        error !== null ? faultOf(error).reason
        : !stat.isFile() && !stat.isBlockDevice() ? 'it is neither a block device nor a plain file'
        : stat.isFile() && stat.size < areaBytes ? `it has ${stat.size} bytes, and a lease area has ${areaBytes}`
        : stat.isBlockDevice() && note !== null ? 'this block device does not know O_DIRECT'
        : null
      if (reason === null) {
        this.#descriptor = descriptor
        done({ ok: true, note })
      } else fs.close(descriptor, () => done({ ok: false, fault: { reason } }))
    })
  }

  read(done: (result: ReadBytes) => void): void {
    fs.read(this.#descriptor, this.#look, 0, lookBytes, 0, (error, count) => {
      if (error !== null) done({ ok: false, fault: faultOf(error) })
      else if (count !== lookBytes) done({ ok: false, fault: { reason: `only ${count} of ${lookBytes} bytes could be read` } })
      else done({ ok: true, bytes: this.#look })
    })
  }

  write(at: number, sectors: Uint8Array, done: (fault: DiskFault | null) => void): void {
    invariant(at % sectorBytes === 0 && sectors.length % sectorBytes === 0 && sectors.length <= nodeSlotBytes && at + sectors.length <= areaBytes, 'whole sectors within the area')
    this.#write.set(sectors)
    fs.write(this.#descriptor, this.#write, 0, sectors.length, at, (error, count) => {
      if (error !== null) done(faultOf(error))
      else done(count === sectors.length ? null : { reason: `only ${count} of ${sectors.length} bytes could be written` })
    })
  }

  close(done: () => void): void {
    const descriptor = this.#descriptor
    this.#descriptor = closed
    if (descriptor === closed) done()
    else fs.close(descriptor, () => done()) // nothing is lost: every write was forced when it ended
  }
}

const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is nothing of this name',
  ENXIO: 'the device is gone',
  ENODEV: 'the device is gone',
  EIO: 'the disk answered with an input/output error',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'it is read-only',
  EISDIR: 'it is a directory',
  ENOSPC: 'no space left',
  ESTALE: 'the file system behind it went away'
}

/** The system's code, with words for an operator. */
export function faultOf(error: NodeJS.ErrnoException): DiskFault {
  const code = error.code ?? 'unknown error'
  return { reason: `${words[code] ?? error.message} (${code})` }
}
