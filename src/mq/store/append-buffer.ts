/**
 * The end of the log in memory: what waits for its force, and the last megabytes behind it for readers.
 *
 * Appending writes into a chunk, a piece of memory that is a piece of one extent. `takeBatch` cuts off what was appended
 * until now as the next thing to write; appending goes on behind it, in the same chunk, while it is written. Chunks behind the
 * forced end are kept as a cache, up to a number of bytes, then used again.
 *
 * Not here: files. Whoever takes a batch writes and forces it before taking the next, which is what `sinceBatch` in each
 * record promises to restart.
 */

import { fragmentHeaderBytes, align8, type Geometry } from './extent.js'
import { firstFragment, lastFragment, sealFragment, type Kind } from './record.js'

export interface BatchPart {
  readonly extent: number
  /** Offset in the extent. */
  readonly offset: number
  readonly buffers: Buffer[]
}

export interface Batch {
  readonly parts: readonly BatchPart[]
  /** The log is durable up to here when all parts are. */
  readonly end: number
}

interface Chunk {
  /** Position of its first byte. */
  readonly position: number
  readonly bytes: Buffer
  used: number
}

export interface AppendBufferOptions {
  readonly chunkBytes: number
  /** Bytes kept for readers behind the forced end. */
  readonly keepBytes: number
}

export class AppendBuffer {
  /** Where the next record begins. */
  end: number
  /** Extent of `end`. */
  extent: number
  /** Where `begin` wants the payload: bytes and first index. */
  target: Buffer = Buffer.alloc(0)
  at = 0
  /** Extent of the last fragment of the record sealed last; not the one it began in when it was split. */
  lastExtent: number
  readonly #geometry: Geometry
  readonly #epoch: number
  readonly #options: AppendBufferOptions
  readonly #chunks: Chunk[] = []
  readonly #idle: Buffer[] = []
  #keptBytes = 0
  #current: Chunk | null = null
  #extentEnd: number
  #batchStart: number
  #payloadBytes = 0
  #isSplit = false

  constructor(geometry: Geometry, epoch: number, start: number, options: AppendBufferOptions) {
    this.#geometry = geometry
    this.#epoch = epoch
    this.#options = options
    this.end = start
    this.extent = geometry.extentOf(start)
    this.lastExtent = this.extent
    this.#extentEnd = geometry.endOf(this.extent)
    this.#batchStart = start
  }

  /** Makes room for a payload; the caller writes it to `target` from `at`, then calls `seal`. */
  begin(payloadBytes: number): void {
    this.#payloadBytes = payloadBytes
    this.#isSplit = payloadBytes > this.#extentEnd - this.end - fragmentHeaderBytes
    if (this.#isSplit) {
      this.target = Buffer.allocUnsafe(payloadBytes)
      this.at = 0
      return
    }
    const chunk = this.#chunkFor(align8(fragmentHeaderBytes + payloadBytes))
    this.target = chunk.bytes
    this.at = chunk.used + fragmentHeaderBytes
  }

  /** @returns the position of the record */
  seal(kind: Kind, ordinal: number): number {
    const position = this.end
    if (this.#isSplit) this.#sealSplit(kind, ordinal)
    else this.#sealFragment(kind, firstFragment | lastFragment, ordinal, this.#payloadBytes)
    return position
  }

  /** Cuts off everything appended and not taken yet; null when there is nothing. */
  takeBatch(): Batch | null {
    if (this.#batchStart === this.end) return null
    const parts: BatchPart[] = []
    let first = this.#chunks.length
    while (first > 0 && endOf(this.#chunks[first - 1] as Chunk) > this.#batchStart) first -= 1
    for (const chunk of this.#chunks.slice(first)) {
      const from = Math.max(chunk.position, this.#batchStart)
      const bytes = chunk.bytes.subarray(from - chunk.position, chunk.used)
      const extent = this.#geometry.extentOf(from)
      const part = parts.at(-1)
      // Chunks of one extent follow each other without a gap.
      if (part !== undefined && part.extent === extent) part.buffers.push(bytes)
      else if (bytes.length > 0) parts.push({ extent, offset: this.#geometry.offsetOf(from), buffers: [bytes] })
    }
    this.#batchStart = this.end
    return { parts, end: this.end }
  }

  /** Bytes in memory from this position on, to the end of their chunk; null when they are not here. */
  view(position: number): Buffer | null {
    const chunks = this.#chunks
    let low = 0
    let high = chunks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((chunks[middle] as Chunk).position <= position) low = middle + 1
      else high = middle
    }
    const chunk = chunks[low - 1]
    return chunk === undefined || position >= endOf(chunk) ? null : chunk.bytes.subarray(position - chunk.position, chunk.used)
  }

  /** Lets go of the oldest bytes beyond what is kept for readers; never of bytes at or after `forced`. */
  trim(forced: number): void {
    while (this.#keptBytes > this.#options.keepBytes) {
      const oldest = this.#chunks[0]
      if (oldest === undefined || oldest === this.#current || endOf(oldest) > forced) return
      this.#chunks.shift()
      this.#keptBytes -= oldest.bytes.length
      if (oldest.bytes.length === this.#options.chunkBytes && this.#idle.length < 4) this.#idle.push(oldest.bytes)
    }
  }

  #sealSplit(kind: Kind, ordinal: number): void {
    const payload = this.target
    let done = 0
    while (done < payload.length) {
      const bytes = Math.min(payload.length - done, this.#extentEnd - this.end - fragmentHeaderBytes)
      const chunk = this.#chunkFor(align8(fragmentHeaderBytes + bytes))
      payload.copy(chunk.bytes, chunk.used + fragmentHeaderBytes, done, done + bytes)
      const flags = (done === 0 ? firstFragment : 0) | (done + bytes === payload.length ? lastFragment : 0)
      this.target = chunk.bytes
      this.#sealFragment(kind, flags, ordinal, bytes)
      done += bytes
    }
  }

  #sealFragment(kind: Kind, flags: number, ordinal: number, payloadBytes: number): void {
    const chunk = this.#current as Chunk // #chunkFor made it
    const size = align8(fragmentHeaderBytes + payloadBytes)
    const end = chunk.used + fragmentHeaderBytes + payloadBytes
    if (end < chunk.used + size) chunk.bytes.fill(0, end, chunk.used + size)
    sealFragment(chunk.bytes, chunk.used, payloadBytes, kind, flags, this.#epoch, this.end, this.end - this.#batchStart, ordinal)
    chunk.used += size
    this.lastExtent = this.extent
    this.end = this.#geometry.settle(this.end + size)
    if (this.end >= this.#extentEnd) {
      this.extent += 1
      this.#extentEnd += this.#geometry.extentBytes
      this.#current = null
    }
  }

  #chunkFor(size: number): Chunk {
    const current = this.#current
    if (current !== null && current.bytes.length - current.used >= size) return current
    const idle = size <= this.#options.chunkBytes ? this.#idle.pop() : undefined
    const bytes = idle ?? Buffer.allocUnsafeSlow(Math.max(this.#options.chunkBytes, size))
    const chunk: Chunk = { position: this.end, bytes, used: 0 }
    this.#chunks.push(chunk)
    this.#keptBytes += bytes.length
    this.#current = chunk
    return chunk
  }
}

const endOf = (chunk: Chunk): number => chunk.position + chunk.used
