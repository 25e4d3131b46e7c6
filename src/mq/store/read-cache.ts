/**
 * Blocks of extents that were read lately, so that whoever reads a queue from front to back does not ask the system for
 * every message. A block is fetched when something near was asked for just before; a lone read fetches no more than it needs.
 *
 * Bounded in bytes; the block used longest ago goes first. Only bytes that cannot change any more are kept: callers say how far
 * an extent is written.
 */

import type { DiskFile } from '../../port/disk.js'

const blockBytes = 128 * 1024
/** Blocks that were touched once; more forget the oldest. */
const touchedMax = 64
/** Blocks per extent, for a key in one number. */
const blocksMax = 4096

export class ReadCache {
  readonly #blocksMax: number
  readonly #blocks = new Map<number, Buffer>()
  readonly #touched = new Set<number>()

  constructor(cacheBytes: number) {
    this.#blocksMax = Math.max(1, Math.floor(cacheBytes / blockBytes))
  }

  /**
   * At least `length` bytes from `offset`, fewer only at the end of the file; borrowed, not to be kept or changed.
   *
   * @param writtenBytes  bytes of the extent that will not change any more
   */
  read(file: DiskFile, extent: number, offset: number, length: number, writtenBytes: number): Buffer {
    const block = Math.floor(offset / blockBytes)
    const start = block * blockBytes
    const key = extent * blocksMax + block
    if (offset + length > start + blockBytes || start + blockBytes > writtenBytes) return file.read(offset, length)
    let bytes = this.#blocks.get(key)
    if (bytes === undefined) {
      if (!this.#touched.has(key)) {
        this.#touch(key)
        return file.read(offset, length)
      }
      bytes = file.read(start, blockBytes)
    } else this.#blocks.delete(key)
    this.#blocks.set(key, bytes)
    if (this.#blocks.size > this.#blocksMax) dropFirst(this.#blocks.keys(), oldest => this.#blocks.delete(oldest))
    return bytes.subarray(offset - start)
  }

  #touch(key: number): void {
    this.#touched.add(key)
    if (this.#touched.size > touchedMax) dropFirst(this.#touched.values(), oldest => this.#touched.delete(oldest))
  }
}

function dropFirst(keys: Iterator<number>, drop: (key: number) => void): void {
  const first = keys.next()
  if (first.done !== true) drop(first.value)
}
