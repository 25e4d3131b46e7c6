/**
 * The checkpoint: the state of the log at one moment, so that a restart reads the log from there and not from its beginning.
 * Layout: README.md. Pure; the housekeeper writes it, recovery finds it.
 */

import { lsn, type Lsn } from '../core/journal.js'
import { crcOf, readU64, writeU64 } from './bytes.js'
import { qmidAt, qmidBytesMax, version, type Readable } from './extent.js'
import { extentOfKey, keyOf, ordinalOfKey } from './liveness.js'
import { LogState } from './log-state.js'
import { originBytes, parseDefinition, readOrigin, writeOrigin } from './record.js'

const magic = 'LHMQCKP\0'
const sections = { head: 1, objects: 2, producers: 3, extents: 4, counts: 5, end: 6 } as const
const headBytes = 24 + qmidBytesMax + 32
const extentFixedBytes = 40

export interface CheckpointHead {
  readonly epoch: number
  readonly sequence: number
  /** The queue manager ended after it; nobody can be writing any more. */
  readonly isOrderly: boolean
  readonly qmid: string
  readonly replayFrom: Lsn
  /** The moment it describes: everything before was durable when it was written. */
  readonly end: Lsn
}

export interface Checkpoint extends CheckpointHead {
  readonly state: LogState
  /** Extents it needs, growing. */
  readonly extents: readonly number[]
}

/** @param needed numbers of the extents to list, growing */
export function encodeCheckpoint(head: CheckpointHead, state: LogState, needed: readonly number[]): Buffer {
  return Buffer.concat([
    section(sections.head, [encodeHead(head, state)]),
    section(sections.objects, encodeObjects(state)),
    section(sections.producers, encodeProducers(state)),
    section(sections.extents, encodeExtents(state, needed)),
    section(sections.counts, [encodeCounts(state, new Set(needed))]),
    section(sections.end, [])
  ])
}

function section(id: number, pieces: readonly Buffer[]): Buffer {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const bytes = Buffer.allocUnsafe(8 + length + 4)
  bytes.writeUInt32LE(id, 0)
  bytes.writeUInt32LE(length, 4)
  let at = 8
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  bytes.writeUInt32LE(crcOf(bytes, 0, at), at)
  return bytes
}

function encodeHead(head: CheckpointHead, state: LogState): Buffer {
  const bytes = Buffer.alloc(headBytes)
  bytes.write(magic, 0, 'latin1')
  bytes.writeUInt32LE(version, 8)
  bytes.writeUInt32LE(head.epoch, 12)
  bytes.writeUInt32LE(head.sequence, 16)
  bytes.writeUInt32LE(head.isOrderly ? 1 : 0, 20)
  bytes.write(head.qmid, 24, qmidBytesMax, 'utf8')
  const at = 24 + qmidBytesMax
  writeU64(bytes, head.replayFrom, at)
  writeU64(bytes, head.end, at + 8)
  writeU64(bytes, state.nextOrder, at + 16)
  writeU64(bytes, state.nextQueueNumber, at + 24)
  return bytes
}

const encodeObjects = (state: LogState): Buffer[] =>
  [...state.objects.values()].map(({ number, definition }) => {
    const json = Buffer.from(JSON.stringify(definition), 'utf8')
    const bytes = Buffer.allocUnsafe(8 + json.length)
    bytes.writeUInt32LE(number, 0)
    bytes.writeUInt32LE(json.length, 4)
    bytes.set(json, 8)
    return bytes
  })

function encodeProducers(state: LogState): Buffer[] {
  const origins = state.origins.list()
  const bytes = Buffer.allocUnsafe(origins.length * originBytes)
  origins.forEach((origin, index) => writeOrigin(bytes, index * originBytes, origin))
  return [bytes]
}

const encodeExtents = (state: LogState, needed: readonly number[]): Buffer[] =>
  needed.flatMap(number => {
    const life = state.liveness.get(number)
    if (life === undefined) return []
    const bitmap = life.dead.copy(life.count)
    const bytes = Buffer.alloc(extentFixedBytes)
    writeU64(bytes, number, 0)
    bytes.writeUInt32LE(life.epoch, 8)
    bytes.writeUInt32LE(life.count, 12)
    writeU64(bytes, life.end, 16)
    bytes.writeUInt32LE(life.spillOrdinal, 24)
    writeU64(bytes, life.spillLast, 28)
    bytes.writeUInt32LE(bitmap.length, 36)
    return [bytes, Buffer.from(bitmap.buffer, bitmap.byteOffset, bitmap.length)]
  })

function encodeCounts(state: LogState, needed: ReadonlySet<number>): Buffer {
  const kept = [...state.counts].filter(([key]) => needed.has(extentOfKey(key)))
  const bytes = Buffer.allocUnsafe(kept.length * 16)
  kept.forEach(([key, count], index) => {
    writeU64(bytes, extentOfKey(key), index * 16)
    bytes.writeUInt32LE(ordinalOfKey(key), index * 16 + 8)
    bytes.writeUInt32LE(count, index * 16 + 12)
  })
  return bytes
}

/** Carries the place and reason of a fault out of the decoder; never leaves this file. */
class Fault extends Error {
  readonly offset: number
  readonly why: 'newer' | 'damaged'

  constructor(offset: number, reason: string, why: 'newer' | 'damaged' = 'damaged') {
    super(reason)
    this.offset = offset
    this.why = why
  }
}

export function decodeCheckpoint(bytes: Buffer, extentBytes: number): Readable<Checkpoint> {
  try {
    return { ok: true, value: decode(bytes, extentBytes) }
  } catch (error) {
    if (error instanceof Fault) return { ok: false, why: error.why, offset: error.offset, reason: error.message }
    throw error
  }
}

function decode(bytes: Buffer, extentBytes: number): Checkpoint {
  const reader = new SectionReader(bytes)
  const head = reader.section(sections.head)
  if (head.end - head.start !== headBytes || bytes.toString('latin1', head.start, head.start + 8) !== magic) throw new Fault(head.start, 'this is no checkpoint')
  const found = bytes.readUInt32LE(head.start + 8)
  if (found !== version) throw new Fault(head.start + 8, `format version ${found}; this program knows ${version}`, found > version ? 'newer' : 'damaged')
  const at = head.start + 24 + qmidBytesMax
  const state = new LogState(extentBytes)
  state.nextOrder = readU64(bytes, at + 16)
  state.nextQueueNumber = readU64(bytes, at + 24)
  decodeObjects(bytes, reader.section(sections.objects), state)
  const producers = reader.section(sections.producers)
  for (let from = producers.start; from + originBytes <= producers.end; from += originBytes) state.origins.heard(readOrigin(bytes, from))
  const extents = decodeExtents(bytes, reader.section(sections.extents), state)
  const counts = reader.section(sections.counts)
  for (let from = counts.start; from + 16 <= counts.end; from += 16) {
    state.counts.set(keyOf(readU64(bytes, from), bytes.readUInt32LE(from + 8)), bytes.readUInt32LE(from + 12))
  }
  reader.section(sections.end)
  return {
    epoch: bytes.readUInt32LE(head.start + 12),
    sequence: bytes.readUInt32LE(head.start + 16),
    isOrderly: (bytes.readUInt32LE(head.start + 20) & 1) === 1,
    qmid: qmidAt(bytes, head.start + 24),
    replayFrom: lsn(readU64(bytes, at)),
    end: lsn(readU64(bytes, at + 8)),
    state,
    extents
  }
}

interface Range {
  readonly start: number
  readonly end: number
}

class SectionReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The payload of the next section, which must be this one and verify. */
  section(id: number): Range {
    const bytes = this.#bytes
    const from = this.#at
    if (bytes.length - from < 12) throw new Fault(from, 'the file ends before its sections do')
    if (bytes.readUInt32LE(from) !== id) throw new Fault(from, `section ${bytes.readUInt32LE(from)} where section ${id} belongs`)
    const end = from + 8 + bytes.readUInt32LE(from + 4)
    if (end + 4 > bytes.length) throw new Fault(from + 4, 'a section is longer than the file')
    if (bytes.readUInt32LE(end) !== crcOf(bytes, from, end)) throw new Fault(from, 'the checksum of a section is wrong')
    this.#at = end + 4
    return { start: from + 8, end }
  }
}

function decodeObjects(bytes: Buffer, range: Range, state: LogState): void {
  for (let at = range.start; at < range.end; ) {
    if (range.end - at < 8) throw new Fault(at, 'the section ends within an object')
    const end = at + 8 + bytes.readUInt32LE(at + 4)
    if (end > range.end) throw new Fault(at, 'an object is longer than its section')
    const definition = parseDefinition(bytes.toString('utf8', at + 8, end))
    if (definition === null) throw new Fault(at, 'a definition that is not an object of ours')
    state.define(bytes.readUInt32LE(at), definition)
    at = end
  }
}

function decodeExtents(bytes: Buffer, range: Range, state: LogState): number[] {
  const numbers: number[] = []
  for (let at = range.start; at < range.end; ) {
    if (range.end - at < extentFixedBytes) throw new Fault(at, 'the section ends within an extent')
    const number = readU64(bytes, at)
    const count = bytes.readUInt32LE(at + 12)
    const bitmapBytes = bytes.readUInt32LE(at + 36)
    const end = at + extentFixedBytes + bitmapBytes
    if (end > range.end || bitmapBytes !== Math.ceil(count / 8)) throw new Fault(at + 36, 'a bitmap does not fit its extent')
    const life = state.liveness.begin(number, bytes.readUInt32LE(at + 8))
    life.restore(count, bytes.subarray(at + extentFixedBytes, end))
    life.end = readU64(bytes, at + 16)
    life.spillOrdinal = bytes.readUInt32LE(at + 24)
    life.spillLast = readU64(bytes, at + 28)
    numbers.push(number)
    at = end
  }
  return numbers
}
