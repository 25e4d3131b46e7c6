/**
 * Messages that are not persistent: in memory up to a budget, then in one file that is never forced and emptied at each start.
 *
 * They lie in chunks, one after the other. When memory is used up, the chunk that was filled first goes to the file as a whole,
 * in the background; until it is written it is still read from memory. A chunk is given back when its last message is released,
 * so one message that stays holds its chunk: of memory that costs the budget nothing more, of the file a chunk's worth.
 *
 * Full: no more memory than one and a half budgets, no more file than its maximum, and nothing while the disk refuses;
 * then `add` says null.
 */

import path from 'node:path'
import { HaError } from '../../base/errors.js'
import { invariant } from '../../base/invariant.js'
import { lsn, type Place, type Spool, type StoredMessage } from '../core/journal.js'
import type { Disk, DiskFile } from '../../port/disk.js'
import { isMissingError } from './extent-supply.js'

export interface SpoolOptions {
  readonly disk: Disk
  /** Made when missing; what is in the spool file is lost. */
  readonly directory: string
  readonly memoryBytes: number
  readonly fileBytes: number
  /** Smaller ones are for tests. */
  readonly chunkBytes?: number
}

interface Chunk {
  readonly number: number
  readonly capacity: number
  /** null once it is in the file. */
  bytes: Buffer | null
  used: number
  live: number
  /** Position in the file; -1 while it has none. */
  position: number
  isBeingWritten: boolean
}

export const spoolFileName = 'spool'
const lengthsBytes = 8
/** Positions a chunk takes of the numbers that name messages; more than the largest message. */
const span = 2 ** 28
const idleMax = 4

export class MessageSpool implements Spool {
  readonly #file: DiskFile
  readonly #path: string
  readonly #disk: Disk
  readonly #memoryBytes: number
  readonly #fileBytes: number
  readonly #chunkBytes: number
  readonly #chunks = new Map<number, Chunk>()
  /** Full chunks in memory, in the order in which they were filled. */
  #full: Chunk[] = []
  #current: Chunk | null = null
  readonly #freeNumbers: number[] = []
  #nextNumber = 0
  readonly #idle: Buffer[] = []
  /** Free places in the file, each of one chunk; and where the file ends. */
  readonly #freeSlots: number[] = []
  #fileEnd = 0
  #residentBytes = 0
  #hasDiskRefused = false
  #isWriting = false
  #writing: Promise<void> = Promise.resolve()

  private constructor(options: SpoolOptions, file: DiskFile) {
    this.#disk = options.disk
    this.#file = file
    this.#path = file.path
    this.#memoryBytes = options.memoryBytes
    this.#fileBytes = options.fileBytes
    this.#chunkBytes = options.chunkBytes ?? 1024 * 1024
  }

  static async open(options: SpoolOptions): Promise<MessageSpool> {
    await options.disk.makeDirectory(options.directory)
    return new MessageSpool(options, await options.disk.open(path.join(options.directory, spoolFileName), 'create'))
  }

  /** Bytes of memory its chunks take now. */
  get residentBytes(): number {
    return this.#residentBytes
  }

  add(message: StoredMessage): Place | null {
    const length = message.head.length + message.body.length
    const chunk = this.#chunkFor(lengthsBytes + length)
    if (chunk === null || chunk.bytes === null) return null
    const offset = chunk.used
    chunk.bytes.writeUInt32LE(message.head.length, offset)
    chunk.bytes.writeUInt32LE(message.body.length, offset + 4)
    chunk.bytes.set(message.head, offset + lengthsBytes)
    chunk.bytes.set(message.body, offset + lengthsBytes + message.head.length)
    chunk.used += lengthsBytes + length
    chunk.live += 1
    return { lsn: lsn(chunk.number * span + offset), ordinal: 0, length }
  }

  read(place: Place): StoredMessage {
    const chunk = this.#chunkOf(place)
    const offset = place.lsn % span
    const size = lengthsBytes + place.length
    // From memory a copy, since the chunk is used again.
    const bytes = chunk.bytes === null ? this.#file.read(chunk.position + offset, size) : Buffer.from(chunk.bytes.subarray(offset, offset + size))
    const headBytes = bytes.length === size ? bytes.readUInt32LE(0) : 0
    if (bytes.length !== size || headBytes + bytes.readUInt32LE(4) !== place.length) {
      throw new HaError('HA_MQ_DAMAGED', `${this.#path}, offset ${chunk.position + offset}: this is not the message that was put here`, { details: { file: this.#path, offset: chunk.position + offset } })
    }
    return { head: bytes.subarray(lengthsBytes, lengthsBytes + headBytes), body: bytes.subarray(lengthsBytes + headBytes) }
  }

  release(place: Place): void {
    const chunk = this.#chunkOf(place)
    invariant(chunk.live > 0, 'a message of the spool is released once')
    chunk.live -= 1
    if (chunk.live > 0 || chunk.isBeingWritten) return
    if (chunk === this.#current) chunk.used = 0
    else this.#drop(chunk)
  }

  /** Writes under way have ended and the file is gone. */
  async close(): Promise<void> {
    while (this.#isWriting) await this.#writing
    await this.#file.close()
    try {
      await this.#disk.remove(this.#path)
    } catch (error) {
      if (!isMissingError(error)) throw error
    }
  }

  #chunkOf(place: Place): Chunk {
    const chunk = this.#chunks.get(Math.floor(place.lsn / span))
    invariant(chunk !== undefined, 'a place of the spool is not used after its release')
    return chunk
  }

  #chunkFor(size: number): Chunk | null {
    const current = this.#current
    if (current !== null && current.capacity - current.used >= size) return current
    const capacity = Math.max(this.#chunkBytes, size)
    if (capacity > span || this.#residentBytes + capacity > Math.max(this.#memoryBytes * 1.5, this.#chunkBytes)) {
      this.#spill()
      return null
    }
    if (current !== null) {
      if (current.live === 0) this.#drop(current)
      else this.#full.push(current)
    }
    const chunk: Chunk = {
      number: this.#freeNumbers.pop() ?? this.#nextNumber++,
      capacity,
      bytes: (capacity === this.#chunkBytes ? this.#idle.pop() : undefined) ?? Buffer.allocUnsafeSlow(capacity),
      used: 0,
      live: 0,
      position: -1,
      isBeingWritten: false
    }
    this.#residentBytes += capacity
    this.#chunks.set(chunk.number, chunk)
    this.#current = chunk
    this.#spill()
    return chunk
  }

  #drop(chunk: Chunk): void {
    this.#chunks.delete(chunk.number)
    this.#freeNumbers.push(chunk.number)
    if (chunk.bytes !== null) {
      this.#full = this.#full.filter(other => other !== chunk)
      this.#freeMemory(chunk)
    }
    if (chunk.position !== -1) {
      for (let at = 0; at < chunk.capacity; at += this.#chunkBytes) this.#freeSlots.push(chunk.position + at)
      this.#hasDiskRefused = false
    }
    if (chunk === this.#current) this.#current = null
    this.#spill()
  }

  #freeMemory(chunk: Chunk): void {
    if (chunk.bytes === null) return
    this.#residentBytes -= chunk.capacity
    if (chunk.capacity === this.#chunkBytes && this.#idle.length < idleMax) this.#idle.push(chunk.bytes)
    chunk.bytes = null
  }

  /** Begins to write the oldest chunks out while more memory is used than there should be. */
  #spill(): void {
    if (this.#residentBytes > this.#memoryBytes && !this.#hasDiskRefused && !this.#isWriting) this.#writing = this.#writeOut()
  }

  /** Never rejects: a disk that refuses only means that memory is all there is. */
  async #writeOut(): Promise<void> {
    this.#isWriting = true
    while (this.#residentBytes > this.#memoryBytes && !this.#hasDiskRefused) {
      const chunk = this.#full.shift()
      if (chunk === undefined) break
      const position = this.#slotFor(chunk)
      if (position === -1 || !(await this.#write(chunk, position))) {
        this.#hasDiskRefused = true
        if (chunk.live > 0) this.#full.unshift(chunk)
        else this.#drop(chunk)
      }
    }
    this.#isWriting = false
  }

  async #write(chunk: Chunk, position: number): Promise<boolean> {
    const bytes = chunk.bytes
    if (bytes === null) return true
    chunk.isBeingWritten = true
    try {
      await this.#file.write([bytes.subarray(0, chunk.used)], position)
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error
      for (let at = 0; at < chunk.capacity; at += this.#chunkBytes) this.#freeSlots.push(position + at)
      return false
    } finally {
      chunk.isBeingWritten = false
    }
    chunk.position = position
    if (chunk.live === 0) this.#drop(chunk)
    else this.#freeMemory(chunk)
    return true
  }

  /** A place in the file, or -1 when it is full. Large chunks always go to its end. */
  #slotFor(chunk: Chunk): number {
    const slots = Math.ceil(chunk.capacity / this.#chunkBytes)
    const free = slots === 1 ? this.#freeSlots.pop() : undefined
    if (free !== undefined) return free
    const position = this.#fileEnd
    if (position + slots * this.#chunkBytes > this.#fileBytes) return -1
    this.#fileEnd += slots * this.#chunkBytes
    return position
  }
}
