/**
 * The files under the log: formats them ahead of need, names them when their turn comes, takes them back when they are dead.
 *
 * ```
 *   format ──► R0000004.LOG ──► header written and forced, renamed ──► S0000019.LOG ──► (dead) ──► R0000019.LOG
 * ```
 * Formatting means zeros, written and forced, so that a later force has no blocks to allocate and no disk to fill. Only
 * files of our own epoch are used again: into older ones a predecessor that merely sleeps may still write.
 */

import path from 'node:path'
import { HaError } from '../../base/errors.js'
import type { Disk, DiskFile } from '../../port/disk.js'
import { encodeExtentHeader, extentHeaderBytes, extentName, spareName, type Geometry } from './extent.js'

const pieceBytes = 1024 * 1024
const piecesAtOnce = 16

export interface SupplyOptions {
  readonly disk: Disk
  readonly active: string
  readonly geometry: Geometry
  readonly qmid: string
  readonly epoch: number
  readonly mayWrite: () => boolean
  /** Formatted files kept for later, at most. */
  readonly sparesMax: number
}

interface AwaitedFile {
  readonly promise: Promise<DiskFile>
  readonly resolve: (file: DiskFile) => void
  readonly reject: (error: HaError) => void
}

export const isDiskFullError = (error: unknown): boolean => error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
export const isMissingError = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

export class ExtentSupply {
  /** The last extent that has a file; -1 before the first. */
  prepared = -1
  /** Formatting met a full disk and has not succeeded since. */
  isDiskFull = false
  /** What the file system last said; 0 while the disk is full. */
  freeBytes = 0
  readonly #options: SupplyOptions
  readonly #files = new Map<number, DiskFile>()
  readonly #spares: number[] = []
  #nextSpare = 0
  #mayHaveRoom = false
  readonly #waiting = new Map<number, AwaitedFile>()

  constructor(options: SupplyOptions) {
    this.#options = options
  }

  get spares(): number {
    return this.#spares.length
  }

  /** Somebody waits for an extent that is not there. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0
  }

  get(extent: number): DiskFile | undefined {
    return this.#files.get(extent)
  }

  /** An extent of an earlier epoch, open for reading. */
  adopt(extent: number, file: DiskFile): void {
    this.#files.set(extent, file)
  }

  /** A formatted file that was found in its place. */
  adoptSpare(number: number): void {
    this.#spares.push(number)
    this.#nextSpare = Math.max(this.#nextSpare, number + 1)
  }

  /** The file of an extent, at once or when it is prepared. */
  fileOf(extent: number): DiskFile | Promise<DiskFile> {
    const file = this.#files.get(extent)
    if (file !== undefined) return file
    const known = this.#waiting.get(extent)
    if (known !== undefined) return known.promise
    let settle: Omit<AwaitedFile, 'promise'> = { resolve: () => undefined, reject: () => undefined }
    const promise = new Promise<DiskFile>((resolve, reject) => {
      settle = { resolve, reject }
    })
    this.#waiting.set(extent, { promise, ...settle })
    return promise
  }

  /**
   * Gives the extent after the last prepared one, or the first of an epoch, its file.
   *
   * @param seal  for the first extent of an epoch: where the log before it ends
   * @returns     false when the disk is full
   */
  async prepare(extent: number, seal: number | null): Promise<boolean> {
    const { disk, active, geometry, qmid, epoch } = this.#options
    // Zeros and header are forced together.
    const spare = this.#spares.shift() ?? (await this.#format(false))
    if (spare === null) return false
    this.#checkRight()
    const from = path.join(active, spareName(spare))
    const header = encodeExtentHeader({
      extentBytes: geometry.extentBytes,
      number: extent,
      epoch,
      isFirstOfEpoch: seal !== null,
      previousEnd: seal ?? extent * geometry.extentBytes,
      qmid
    })
    const file = await disk.open(from, 'read-write')
    try {
      await file.write([header], 0)
      await file.force()
    } catch (error) {
      await file.close()
      if (!isDiskFullError(error)) throw error
      await disk.remove(from)
      this.#isFull()
      return false
    }
    await file.close()
    this.#checkRight()
    const to = path.join(active, extentName(extent))
    await disk.rename(from, to)
    const ready = await disk.open(to, 'read-write')
    this.#files.set(extent, ready)
    this.prepared = extent
    this.#waiting.get(extent)?.resolve(ready)
    this.#waiting.delete(extent)
    return true
  }

  /** Asks the file system how much is free. */
  async measure(): Promise<void> {
    this.freeBytes = await this.#options.disk.free(this.#options.active)
  }

  /** Formats files until there are so many spares, or the disk is full. */
  async stock(count: number): Promise<void> {
    while (this.#spares.length < count) {
      const made = await this.#format(true)
      if (made === null) return
      this.#spares.push(made)
    }
  }

  /** Takes the file of a dead extent out of the log: kept as a spare when it is ours and wanted, else removed. */
  async retire(extent: number, isOurs: boolean): Promise<void> {
    const { disk, active, geometry, sparesMax } = this.#options
    const file = this.#files.get(extent)
    const isReusable = isOurs && this.#spares.length < sparesMax && file?.size() === geometry.extentBytes
    this.#files.delete(extent)
    this.#checkRight()
    if (file !== undefined) await file.close()
    const name = path.join(active, extentName(extent))
    if (!isReusable) {
      // A predecessor that wakes just now may have been faster.
      try {
        await disk.remove(name)
      } catch (error) {
        if (!isMissingError(error)) throw error
      }
      return
    }
    const spare = this.#nextSpare
    this.#nextSpare += 1
    await disk.rename(name, path.join(active, spareName(spare)))
    this.#spares.push(spare)
    this.isDiskFull = false
  }

  /** Somebody may have made room on a full disk: formatting may be tried again. */
  tryAgain(): void {
    this.#mayHaveRoom = true
  }

  /** Whether `prepare` has a chance. */
  get canPrepare(): boolean {
    return !this.isDiskFull || this.#mayHaveRoom || this.#spares.length > 0
  }

  /** Nothing will be prepared any more: whoever waits hears why. */
  abandon(error: HaError): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  /**
   * Gives the disk a file back: a spare, or the extent prepared last when nothing was appended to it.
   *
   * @param extent  the end of the log is in it
   * @returns       false when there is none to give
   */
  async giveBack(extent: number): Promise<boolean> {
    this.#checkRight()
    const spare = this.#spares.pop()
    if (spare !== undefined) {
      await this.#options.disk.remove(path.join(this.#options.active, spareName(spare)))
      return true
    }
    if (this.prepared <= extent) return false
    // Who appends meanwhile waits for it to be prepared once more.
    const last = this.prepared
    this.prepared -= 1
    await this.retire(last, false)
    return true
  }

  /** At an orderly end: extents prepared and not used become spares again, so that the next start need not format. */
  async unprepare(extent: number): Promise<void> {
    for (; this.prepared > extent; this.prepared -= 1) await this.retire(this.prepared, true)
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()]
    this.#files.clear()
    for (const file of files) await file.close()
  }

  /** Its name need not be durable: it gets another one. @returns the number of the new spare, or null when the disk is full; then nothing is left of it */
  async #format(forces: boolean): Promise<number | null> {
    const { disk, active, geometry } = this.#options
    this.#mayHaveRoom = false
    this.freeBytes = await disk.free(active)
    if (this.freeBytes < geometry.extentBytes + extentHeaderBytes) return this.#isFull()
    this.#checkRight()
    const number = this.#nextSpare
    this.#nextSpare += 1
    const name = path.join(active, spareName(number))
    const file = await disk.open(name, 'create')
    try {
      await writeZeros(file, geometry.extentBytes)
      if (forces) await file.force()
    } catch (error) {
      await file.close()
      if (!isDiskFullError(error)) throw error
      await disk.remove(name)
      return this.#isFull()
    }
    await file.close()
    this.freeBytes -= geometry.extentBytes
    this.isDiskFull = false
    return number
  }

  #isFull(): null {
    this.isDiskFull = true
    this.freeBytes = 0
    return null
  }

  #checkRight(): void {
    if (!this.#options.mayWrite()) throw new HaError('HA_MQ_LOCK_LOST')
  }
}

async function writeZeros(file: DiskFile, bytes: number): Promise<void> {
  const piece = Buffer.alloc(Math.min(pieceBytes, bytes))
  for (let at = 0; at < bytes; ) {
    const pieces: Buffer[] = []
    let size = 0
    while (pieces.length < piecesAtOnce && at + size < bytes) {
      const next = piece.subarray(0, Math.min(piece.length, bytes - at - size))
      pieces.push(next)
      size += next.length
    }
    await file.write(pieces, at)
    at += size
  }
}
