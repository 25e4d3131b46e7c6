/**
 * The index of an extent: what a restart must know of each message in it, 40 bytes each, so that it reads no bodies.
 *
 * A builder collects while records are appended; its bytes are the file's. A reader looks into such bytes without making
 * an object per message. Layout: README.md. Pure.
 */

import type { IndexEntry } from '../core/journal.js'
import { crcOf, readU64, writeU64 } from './bytes.js'
import { noSpill, type ExtentLife } from './liveness.js'
import { version, type Readable } from './extent.js'

const magic = 'LHMQIDX\0'
const headerBytes = 64
export const indexEntryBytes = 40

export class IndexBuilder {
  count = 0
  #bytes = Buffer.allocUnsafe(headerBytes + 256 * indexEntryBytes)

  add(offset: number, length: number, entry: IndexEntry, isMoved: boolean): void {
    const at = headerBytes + this.count * indexEntryBytes
    if (at + indexEntryBytes > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(this.#bytes.length * 2)
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    const bytes = this.#bytes
    bytes.writeUInt32LE(offset, at)
    bytes.writeUInt32LE(length, at + 4)
    bytes.writeUInt32LE(entry.queue, at + 8)
    bytes.writeUInt32LE(entry.messageIdHash, at + 12)
    bytes.writeUInt32LE(entry.correlationIdHash, at + 16)
    bytes.writeUInt32LE(entry.priority | (isMoved ? 0x100 : 0), at + 20)
    writeU64(bytes, entry.order, at + 24)
    writeU64(bytes, entry.expiresAt, at + 32)
    this.count += 1
  }

  /** What was collected until now, to look at; valid until the next `add`. */
  reader(): IndexReader {
    return new IndexReader(this.#bytes, this.count)
  }

  /** The whole file. */
  finish(life: ExtentLife): Buffer {
    const bytes = this.#bytes.subarray(0, headerBytes + this.count * indexEntryBytes)
    bytes.fill(0, 0, headerBytes)
    bytes.write(magic, 0, 'latin1')
    bytes.writeUInt32LE(version, 8)
    bytes.writeUInt32LE(life.epoch, 12)
    writeU64(bytes, life.number, 16)
    writeU64(bytes, life.end, 24)
    bytes.writeUInt32LE(this.count, 32)
    if (life.spillOrdinal !== noSpill) {
      bytes.writeUInt32LE(1, 36)
      writeU64(bytes, life.spillLast, 40)
    }
    bytes.writeUInt32LE(crcOf(bytes, headerBytes, bytes.length), 56)
    bytes.writeUInt32LE(crcOf(bytes, 0, headerBytes - 4), headerBytes - 4)
    return bytes
  }
}

/** A view of index entries. */
export class IndexReader {
  readonly count: number
  readonly #bytes: Buffer

  constructor(bytes: Buffer, count: number) {
    this.#bytes = bytes
    this.count = count
  }

  offset(ordinal: number): number {
    return this.#bytes.readUInt32LE(headerBytes + ordinal * indexEntryBytes)
  }

  length(ordinal: number): number {
    return this.#bytes.readUInt32LE(headerBytes + ordinal * indexEntryBytes + 4)
  }

  queue(ordinal: number): number {
    return this.#bytes.readUInt32LE(headerBytes + ordinal * indexEntryBytes + 8)
  }

  isMoved(ordinal: number): boolean {
    return this.#bytes[headerBytes + ordinal * indexEntryBytes + 21] === 1
  }

  order(ordinal: number): number {
    return readU64(this.#bytes, headerBytes + ordinal * indexEntryBytes + 24)
  }

  /** Fills a reused entry. */
  entry(ordinal: number, into: MutableEntry): void {
    const at = headerBytes + ordinal * indexEntryBytes
    const bytes = this.#bytes
    into.queue = bytes.readUInt32LE(at + 8)
    into.messageIdHash = bytes.readUInt32LE(at + 12)
    into.correlationIdHash = bytes.readUInt32LE(at + 16)
    into.priority = bytes[at + 20] as number // within the entries
    into.order = readU64(bytes, at + 24)
    into.expiresAt = readU64(bytes, at + 32)
  }
}

export type MutableEntry = { -readonly [Field in keyof IndexEntry]: IndexEntry[Field] }
export const blankEntry = (): MutableEntry => ({ queue: 0, order: 0, priority: 0, expiresAt: 0, messageIdHash: 0, correlationIdHash: 0 })

export interface IndexFile {
  readonly epoch: number
  readonly number: number
  readonly end: number
  readonly reader: IndexReader
}

/** Everything that does not verify is only a reason to build the index anew. */
export function decodeIndex(bytes: Buffer): Readable<IndexFile> {
  const damaged = (offset: number, reason: string): Readable<IndexFile> => ({ ok: false, why: 'damaged', offset, reason })
  if (bytes.length < headerBytes) return damaged(bytes.length, 'the file ends within its header')
  if (bytes.toString('latin1', 0, 8) !== magic) return damaged(0, 'this is no index of an extent')
  if (bytes.readUInt32LE(8) !== version) return damaged(8, 'another format version')
  if (bytes.readUInt32LE(headerBytes - 4) !== crcOf(bytes, 0, headerBytes - 4)) return damaged(headerBytes - 4, 'the checksum of the header is wrong')
  const count = bytes.readUInt32LE(32)
  if (bytes.length !== headerBytes + count * indexEntryBytes) return damaged(32, `${count} messages do not fit ${bytes.length} bytes`)
  if (bytes.readUInt32LE(56) !== crcOf(bytes, headerBytes, bytes.length)) return damaged(56, 'the checksum of the entries is wrong')
  return { ok: true, value: { epoch: bytes.readUInt32LE(12), number: readU64(bytes, 16), end: readU64(bytes, 24), reader: new IndexReader(bytes, count) } }
}
