/**
 * A disk that behaves as badly as disks may, and the same way for the same seed.
 *
 * What a process does waits in a list until the test pumps it: `step` performs one waiting operation, in any order, since
 * calls that were not awaited have none. A power cut undoes what was not forced:
 *  - file data: each 512-byte sector is left as it was after any number of the unforced writes to it, each sector on its
 *    own. So writes between two forces may be lost, torn and reordered; a sector itself is never torn, and never shows
 *    a later write without the earlier ones, since what reaches the medium is the sector as the cache had it;
 *  - length: grown by some of the lost writes or not; the gap reads as zeros;
 *  - names: each directory keeps the first few of its unforced creations, removals and renames;
 *  - operations that waited at that moment may have been done or not, in part too.
 * A kill of the process only drops its waiting operations (some are done): what the cache has, stays.
 *
 * Faults: EIO and ENOSPC on write (part of it done), a capacity, EIO on force. A failed force loses what it should have
 * forced as Linux does: the cache still shows it and thinks it clean, the medium may not have it, and no later force
 * writes it. Bit rot by `rot`. What does not break here: forced bytes, and names once the directory was forced.
 *
 * A process is attached by `attach`; several may be at once, which is how one that was frozen comes back. After its end
 * its promises stay open for ever and its synchronous calls throw.
 */

import type { Prng } from '../../../src/base/prng.js'
import { changeInode, emptyDirectory, emptyInode, forceInode, settleDirectory, settleInode, type Directory, type Inode, type Mood } from './sim-medium.js'
import { baseOf, parentOf, SimProcess, systemError } from './sim-process.js'

export type { SimProcess } from './sim-process.js'

export interface DiskFaults {
  /** Chance of EIO per write, per thousand. */
  readonly writeError: number
  /** Chance of EIO per force, per thousand. */
  readonly forceError: number
  /** Bytes of all files together; more is ENOSPC. */
  readonly capacity: number
  /** Chance that an operation is slow (passed over many times), per thousand. */
  readonly slow: number
  /** Operations are done in the order of their calls. */
  readonly inOrder: boolean
}

export const noFaults: DiskFaults = { writeError: 0, forceError: 0, capacity: Number.MAX_SAFE_INTEGER, slow: 0, inOrder: false }

interface Operation {
  readonly owner: SimProcess
  readonly what: string
  readonly path: string
  /** Performs it and settles its promise. */
  readonly perform: () => void
  /** What of it may be done when the end comes before the answer. */
  readonly inPart: (() => void) | null
  patience: number
}

export class SimDisk {
  faults: DiskFaults
  /** Told of each fault and each end, for stories. */
  onStory: ((line: string) => void) | null = null
  /** Told of each operation as it is done; much. */
  onOperation: ((line: string) => void) | null = null
  readonly #prng: Prng
  readonly #directories = new Map<string, Directory>([['/', emptyDirectory()]])
  #waiting: Operation[] = []
  readonly #attached = new Set<SimProcess>()

  constructor(prng: Prng, faults: DiskFaults = noFaults) {
    this.#prng = prng
    this.faults = faults
  }

  attach(): SimProcess {
    const process = new SimProcess(this, this.#prng)
    this.#attached.add(process)
    return process
  }

  /** Number of operations that wait, of one process or of all. */
  waiting(owner?: SimProcess): number {
    return owner === undefined ? this.#waiting.length : this.#waiting.filter(operation => operation.owner === owner).length
  }

  /** Performs one waiting operation, of this process or of any; false when there is none. */
  step(owner?: SimProcess): boolean {
    const candidates = owner === undefined ? this.#waiting : this.#waiting.filter(operation => operation.owner === owner)
    if (candidates.length === 0) return false
    let chosen = candidates[0] as Operation // not empty
    if (!this.faults.inOrder) {
      chosen = this.#prng.pick(candidates)
      if (chosen.patience > 0) {
        chosen.patience -= 1
        chosen = candidates.find(other => other.patience === 0) ?? chosen
      }
    }
    this.#waiting.splice(this.#waiting.indexOf(chosen), 1)
    this.onOperation?.(`disk: ${chosen.what} ${chosen.path}`)
    chosen.perform()
    return true
  }

  /** Pumps until the promise settles. Throws when it waits for something that is not this disk. */
  async finish<T>(promise: Promise<T>, owner?: SimProcess): Promise<T> {
    let isSettled = false
    const outcome = promise.then(
      value => {
        isSettled = true
        return { ok: true as const, value }
      },
      (error: unknown) => {
        isSettled = true
        return { ok: false as const, error }
      }
    )
    for (let idle = 0; ; ) {
      await turn()
      if (isSettled) break
      if (this.step(owner)) idle = 0
      else if ((idle += 1) > 20) throw new Error('the promise waits for something that is not the disk')
    }
    const settled = await outcome
    if (settled.ok) return settled.value
    throw settled.error
  }

  /** SIGKILL: what waits is done or not, the cache stays. */
  kill(owner: SimProcess): void {
    owner.isEnded = true
    this.#attached.delete(owner)
    const mine = this.#waiting.filter(operation => operation.owner === owner)
    this.#waiting = this.#waiting.filter(operation => operation.owner !== owner)
    for (const operation of this.#shuffled(mine)) if (this.#prng.chance(1, 2)) operation.inPart?.()
    this.onStory?.(`disk: kill with ${mine.length} operations waiting`)
  }

  /** Power off: every process ends, and what was not forced is lost in part. */
  cutPower(): void {
    for (const owner of this.#attached) this.kill(owner)
    const mood = this.#prng.pick<Mood>(['none', 'all', 'any', 'any', 'few'])
    this.onStory?.(`disk: power cut, unforced sectors kept: ${mood}`)
    for (const directory of this.#directories.values()) settleDirectory(directory, mood, this.#prng)
    for (const inode of new Set([...this.#directories.values()].flatMap(directory => [...directory.names.values()]))) settleInode(inode, mood, this.#prng)
  }

  /** The bytes of a file as a reader would see them now, or null; a copy. */
  peek(name: string): Buffer | null {
    const inode = this.#find(name)
    return inode === undefined ? null : Buffer.from(inode.content)
  }

  /** Names of all files, sorted. */
  files(): string[] {
    return [...this.#directories].flatMap(([directory, { names }]) => [...names.keys()].map(name => `${directory === '/' ? '' : directory}/${name}`)).sort()
  }

  /** Replaces a file's bytes durably, behind everybody's back; creates it when missing. */
  poke(name: string, bytes: Buffer): void {
    const inode = this.#find(name) ?? emptyInode()
    inode.content = Buffer.from(bytes)
    inode.durable = Buffer.from(bytes)
    inode.unforced = []
    const directory = this.directoryOf(name, 'open')
    directory.names.set(baseOf(name), inode)
    directory.durable.set(baseOf(name), inode)
  }

  /** Removes a file durably, behind everybody's back. */
  lose(name: string): void {
    const directory = this.directoryOf(name, 'unlink')
    directory.names.delete(baseOf(name))
    directory.durable.delete(baseOf(name))
  }

  /** Flips one bit on the medium. */
  rot(name: string, position: number, bit: number): void {
    const bytes = this.peek(name)
    if (bytes === null || position >= bytes.length) return
    bytes[position] = (bytes[position] as number) ^ (1 << bit) // position is inside
    this.poke(name, bytes)
  }

  /** A new disk with the same durable and cached bytes, for trying several ends of one story. */
  copy(prng: Prng): SimDisk {
    const twin = new SimDisk(prng, this.faults)
    const inodes = new Map<Inode, Inode>()
    const twinOf = (inode: Inode): Inode => {
      const known = inodes.get(inode)
      if (known !== undefined) return known
      const made = { content: Buffer.from(inode.content), durable: Buffer.from(inode.durable), unforced: [...inode.unforced] }
      inodes.set(inode, made)
      return made
    }
    for (const [name, directory] of this.#directories) {
      twin.#directories.set(name, {
        names: new Map([...directory.names].map(([key, inode]) => [key, twinOf(inode)])),
        durable: new Map([...directory.durable].map(([key, inode]) => [key, twinOf(inode)])),
        unforced: directory.unforced.map(change => (change.kind !== 'unset' ? { ...change, inode: twinOf(change.inode) } : change))
      })
    }
    return twin
  }

  /* What follows is for SimProcess and its files. */

  add(operation: Omit<Operation, 'patience'>): void {
    this.#waiting.push({ ...operation, patience: this.#prng.below(1000) < this.faults.slow ? this.#prng.between(5, 50) : 0 })
  }

  directory(name: string, syscall: string): Directory {
    const found = this.#directories.get(name)
    if (found === undefined) throw systemError('ENOENT', syscall, name)
    return found
  }

  directoryOf(name: string, syscall: string): Directory {
    const found = this.#directories.get(parentOf(name))
    if (found === undefined) throw systemError('ENOENT', syscall, name)
    return found
  }

  makeDirectory(name: string): void {
    if (this.#directories.has(name)) return
    if (name !== '/') this.makeDirectory(parentOf(name))
    this.#directories.set(name, emptyDirectory())
  }

  free(): number {
    let used = 0
    for (const { names } of this.#directories.values()) for (const inode of names.values()) used += inode.content.length
    return Math.max(0, this.faults.capacity - used)
  }

  /** Writes into the cache, up to the first fault. Keeps the bytes. */
  write(name: string, inode: Inode, position: number, bytes: Buffer): void {
    const growth = Math.max(0, position + bytes.length - inode.content.length)
    const isFull = growth > 0 && growth > this.free()
    const fails = this.#prng.below(1000) < this.faults.writeError
    const done = isFull || fails ? this.#prng.below(bytes.length + 1) : bytes.length
    const fits = isFull ? Math.min(done, Math.max(0, inode.content.length - position + this.free())) : done
    changeInode(inode, { kind: 'write', position, bytes: bytes.subarray(0, fits) })
    if (fails) throw this.#fault('EIO', 'write', name)
    if (isFull) throw this.#fault('ENOSPC', 'write', name)
  }

  force(name: string, inode: Inode): void {
    if (this.#prng.below(1000) < this.faults.forceError) {
      // The medium got some of it. The rest is never tried again, though the cache goes on showing it.
      const shown = inode.content
      settleInode(inode, 'any', this.#prng)
      inode.content = shown
      throw this.#fault('EIO', 'fdatasync', name)
    }
    forceInode(inode)
  }

  #fault(code: string, syscall: string, name: string): Error {
    this.onStory?.(`disk: ${code} on ${syscall} of ${name}`)
    return systemError(code, syscall, name)
  }

  #find(name: string): Inode | undefined {
    return this.#directories.get(parentOf(name))?.names.get(baseOf(name))
  }

  #shuffled<T>(items: readonly T[]): T[] {
    const mixed = [...items]
    for (let at = mixed.length - 1; at > 0; at -= 1) {
      const other = this.#prng.below(at + 1)
      const item = mixed[at] as T // both indices are below the length
      mixed[at] = mixed[other] as T
      mixed[other] = item
    }
    return mixed
  }
}

/** Lets everything that is ready run, promises and immediates; a turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve)
  })
}
