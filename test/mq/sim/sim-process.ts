/** One process's view of the simulated disk: the Disk port, and the end of it. */

import type { Disk, DiskFile } from '../../../src/port/disk.js'
import type { Prng } from '../../../src/base/prng.js'
import type { SimDisk } from './sim-disk.js'
import { changeDirectory, changeInode, emptyInode, forceDirectory, type Directory, type Inode } from './sim-medium.js'

export class SimProcess implements Disk {
  readonly #disk: SimDisk
  readonly #prng: Prng
  isEnded = false

  constructor(disk: SimDisk, prng: Prng) {
    this.#disk = disk
    this.#prng = prng
  }

  async open(path: string, mode: 'create' | 'read-write' | 'read'): Promise<DiskFile> {
    return await this.ask('open', path, () => {
      const directory = this.#disk.directoryOf(path, 'open')
      const known = directory.names.get(baseOf(path))
      if (known === undefined && mode !== 'create') throw systemError('ENOENT', 'open', path)
      const inode = known ?? emptyInode()
      if (known === undefined) changeDirectory(directory, { kind: 'set', name: baseOf(path), inode })
      else if (mode === 'create') changeInode(inode, { kind: 'truncate', length: 0 })
      return new SimFile(this, this.#disk, path, inode, mode !== 'read')
    })
  }

  async list(directory: string): Promise<readonly string[]> {
    return await this.ask('list', directory, () => [...this.#disk.directory(directory, 'scandir').names.keys()].sort())
  }

  async rename(from: string, to: string): Promise<void> {
    const move = (): Directory => {
      const directory = this.#disk.directoryOf(from, 'rename')
      const inode = directory.names.get(baseOf(from))
      if (inode === undefined) throw systemError('ENOENT', 'rename', from)
      changeDirectory(directory, { kind: 'move', from: baseOf(from), name: baseOf(to), inode })
      return directory
    }
    await this.ask('rename', from, () => forceDirectory(move()), move)
  }

  async remove(path: string): Promise<void> {
    await this.ask('remove', path, () => {
      const directory = this.#disk.directoryOf(path, 'unlink')
      if (!directory.names.has(baseOf(path))) throw systemError('ENOENT', 'unlink', path)
      changeDirectory(directory, { kind: 'unset', name: baseOf(path) })
    })
  }

  async makeDirectory(path: string): Promise<void> {
    await this.ask('makeDirectory', path, () => this.#disk.makeDirectory(path))
  }

  async forceDirectory(path: string): Promise<void> {
    await this.ask('forceDirectory', path, () => forceDirectory(this.#disk.directory(path, 'open')))
  }

  async free(path: string): Promise<number> {
    return await this.ask('free', path, () => this.#disk.free())
  }

  /** Puts an operation on the list; `inPart` is what may be done of it when the process ends first. */
  async ask<T>(what: string, path: string, perform: () => T, inPart: (() => unknown) | null = perform): Promise<T> {
    return await new Promise((resolve, reject) => {
      if (this.isEnded) return
      this.#disk.add({
        owner: this,
        what,
        path,
        perform: () => {
          try {
            resolve(perform())
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)))
          }
        },
        inPart: inPart === null ? null : () => ignoringFaults(inPart)
      })
    })
  }

  /** Bytes of a write that reached the cache before the end. */
  somePart(length: number): number {
    return this.#prng.chance(1, 2) ? length : this.#prng.below(length + 1)
  }
}

class SimFile implements DiskFile {
  readonly path: string
  readonly #process: SimProcess
  readonly #disk: SimDisk
  readonly #inode: Inode
  readonly #isWritable: boolean
  #isClosed = false

  constructor(process: SimProcess, disk: SimDisk, path: string, inode: Inode, isWritable: boolean) {
    this.#process = process
    this.#disk = disk
    this.path = path
    this.#inode = inode
    this.#isWritable = isWritable
  }

  async write(bytes: readonly Buffer[], position: number): Promise<void> {
    await this.#process.ask(
      'write',
      this.path,
      () => {
        this.#check('write')
        this.#disk.write(this.path, this.#inode, position, Buffer.concat(bytes)) // copied, as the system does
      },
      () => {
        const all = Buffer.concat(bytes)
        changeInode(this.#inode, { kind: 'write', position, bytes: all.subarray(0, this.#process.somePart(all.length)) })
      }
    )
  }

  async force(): Promise<void> {
    const force = (): void => {
      this.#check('fdatasync')
      this.#disk.force(this.path, this.#inode)
    }
    await this.#process.ask('force', this.path, force)
  }

  read(position: number, length: number): Buffer {
    this.#check('read')
    return Buffer.from(this.#inode.content.subarray(position, position + length))
  }

  size(): number {
    this.#check('fstat')
    return this.#inode.content.length
  }

  async truncate(length: number): Promise<void> {
    await this.#process.ask('truncate', this.path, () => {
      this.#check('ftruncate')
      changeInode(this.#inode, { kind: 'truncate', length })
    })
  }

  async close(): Promise<void> {
    await this.#process.ask('close', this.path, () => {
      this.#check('close')
      this.#isClosed = true
    })
  }

  #check(syscall: string): void {
    const isWrite = syscall === 'write' || syscall === 'ftruncate'
    if (this.#isClosed || this.#process.isEnded || (isWrite && !this.#isWritable)) throw systemError('EBADF', syscall, this.path)
  }
}

/** Work in part at an end: a fault there is nobody's to hear. */
function ignoringFaults(work: () => unknown): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
  }
}

export const parentOf = (name: string): string => name.slice(0, Math.max(1, name.lastIndexOf('/')))
export const baseOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1)

export function systemError(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path })
}
