/**
 * The bytes of one record's payload, and of a fragment's header. Layouts: README.md. Pure; decoding never throws on bytes
 * from a disk, it says what is wrong and where.
 */

import { lsn, type IndexEntry, type LogRecord, type Origin, type Place, type StoredMessage } from '../core/journal.js'
import { objectTypes, type ObjectDefinition, type ObjectType } from '../core/definition.js'
import { crc32, readU64, writeU64 } from './bytes.js'
import { fragmentHeaderBytes } from './extent.js'

export const kinds = { put: 1, remove: 2, lock: 3, count: 4, commit: 5, backout: 6, define: 7, delete: 8, moved: 9 } as const
export type Kind = (typeof kinds)[keyof typeof kinds]
export const kindNames: readonly string[] = ['?', ...Object.keys(kinds)]

export const firstFragment = 1
export const lastFragment = 2
const recordMagic = 0x514d
export const entryBytes = 48
const placeBytes = 16
export const originBytes = 24
/** Between the entry and the head of a moved message. */
const movedBytes = placeBytes + 8
/** Longest payload before head and body. */
export const payloadLeadMax = entryBytes + originBytes
/** A kind, a length or a text beyond this is not one we wrote. */
export const payloadBytesMax = 1024 * 1024 * 1024

/** A message written again at the end of the log; only the store makes these. */
export interface MovedRecord {
  readonly kind: 'moved'
  readonly entry: IndexEntry
  readonly from: Place
  readonly backoutCount: number
  readonly message: StoredMessage
}
export type AnyRecord = LogRecord | MovedRecord

/* ---- fragments ---- */

/** Writes the header in front of a payload that is in place already. */
export function sealFragment(bytes: Buffer, at: number, payload: number, kind: Kind, flags: number, epoch: number, position: number, sinceBatch: number, ordinal: number): void {
  bytes.writeUInt32LE(payload, at + 4)
  bytes.writeUInt32LE(kind | (flags << 8) | (recordMagic << 16), at + 8)
  bytes.writeUInt32LE(epoch, at + 12)
  writeU64(bytes, position, at + 16)
  bytes.writeUInt32LE(sinceBatch, at + 24)
  bytes.writeUInt32LE(ordinal, at + 28)
  bytes.writeUInt32LE(crc32(bytes.subarray(at + 4, at + fragmentHeaderBytes + payload)), at)
}

export interface Fragment {
  readonly kind: number
  readonly flags: number
  readonly epoch: number
  readonly sinceBatch: number
  readonly ordinal: number
  readonly payloadBytes: number
}

/** Cheap look at a header: does it claim to be the fragment at this position? */
export const claimsToBe = (bytes: Buffer, at: number, position: number): boolean =>
  bytes.readUInt16LE(at + 10) === recordMagic && readU64(bytes, at + 16) === position

/**
 * Reads the fragment at `at`.
 *
 * @param position   its position in the log; a fragment of another position is refused
 * @param roomBytes  payload bytes there can be at most
 * @returns          a reason when it does not verify; nothing behind a wrong checksum is trusted
 */
export function readFragment(bytes: Buffer, at: number, position: number, roomBytes: number): Fragment | string {
  if (bytes.length - at < fragmentHeaderBytes) return 'the file ends within the header of a record'
  if (bytes.readUInt16LE(at + 10) !== recordMagic) return 'no record begins here'
  if (readU64(bytes, at + 16) !== position) return 'a record of another position is here'
  const payloadBytes = bytes.readUInt32LE(at + 4)
  if (payloadBytes > roomBytes) return `a record of ${payloadBytes} bytes does not fit into its extent`
  if (bytes.length - at - fragmentHeaderBytes < payloadBytes) return 'the file ends within a record'
  if (crc32(bytes.subarray(at + 4, at + fragmentHeaderBytes + payloadBytes)) !== bytes.readUInt32LE(at)) return 'the checksum of a record is wrong'
  return {
    kind: bytes[at + 8] as number, // the length was checked
    flags: bytes[at + 9] as number,
    epoch: bytes.readUInt32LE(at + 12),
    sinceBatch: bytes.readUInt32LE(at + 24),
    ordinal: bytes.readUInt32LE(at + 28),
    payloadBytes
  }
}

/* ---- payloads: sizes and writing ---- */

export const putPayloadBytes = (message: StoredMessage, origin: Origin | null): number =>
  entryBytes + (origin === null ? 0 : originBytes) + message.head.length + message.body.length

export const movedPayloadBytes = (message: StoredMessage): number => entryBytes + movedBytes + message.head.length + message.body.length

function writeEntry(bytes: Buffer, start: number, unit: number, entry: IndexEntry, flags: number, message: StoredMessage): void {
  writeU64(bytes, unit, start)
  writeU64(bytes, entry.order, start + 8)
  writeU64(bytes, entry.expiresAt, start + 16)
  bytes.writeUInt32LE(entry.queue, start + 24)
  bytes.writeUInt32LE(entry.messageIdHash, start + 28)
  bytes.writeUInt32LE(entry.correlationIdHash, start + 32)
  bytes.writeUInt32LE(entry.priority | (flags << 8), start + 36)
  bytes.writeUInt32LE(message.head.length, start + 40)
  bytes.writeUInt32LE(message.body.length, start + 44)
}

function writeMessage(bytes: Buffer, at: number, { head, body }: StoredMessage): void {
  bytes.set(head, at)
  bytes.set(body, at + head.length)
}

export function writePut(bytes: Buffer, at: number, unit: number, entry: IndexEntry, message: StoredMessage, origin: Origin | null): void {
  writeEntry(bytes, at, unit, entry, origin === null ? 0 : 1, message)
  if (origin !== null) writeOrigin(bytes, at + entryBytes, origin)
  writeMessage(bytes, at + entryBytes + (origin === null ? 0 : originBytes), message)
}

export function writeMoved(bytes: Buffer, at: number, entry: IndexEntry, message: StoredMessage, from: Place, backoutCount: number): void {
  writeEntry(bytes, at, 0, entry, 0, message)
  writePlace(bytes, at + entryBytes, from)
  bytes.writeUInt32LE(backoutCount, at + entryBytes + placeBytes)
  bytes.writeUInt32LE(0, at + entryBytes + placeBytes + 4)
  writeMessage(bytes, at + entryBytes + movedBytes, message)
}

export function writePlace(bytes: Buffer, at: number, place: Place): void {
  writeU64(bytes, place.lsn, at)
  bytes.writeUInt32LE(place.ordinal, at + 8)
  bytes.writeUInt32LE(place.length, at + 12)
}

export function writeOrigin(bytes: Buffer, at: number, origin: Origin): void {
  bytes.fill(0, at, at + 16)
  origin.producer.copy(bytes, at, 0, 16)
  writeU64(bytes, origin.sequence, at + 16)
}

/** The payload of a record that is no message; small. */
export function encodeSmall(record: Exclude<LogRecord, { kind: 'put' }>): Buffer {
  switch (record.kind) {
    case 'remove': {
      const bytes = Buffer.allocUnsafe(placeBytes)
      writePlace(bytes, 0, record.place)
      return bytes
    }
    case 'lock': {
      const bytes = Buffer.alloc(8 + placeBytes + 8)
      writeU64(bytes, record.unit, 0)
      writePlace(bytes, 8, record.place)
      bytes.writeUInt32LE(record.backoutCount, 8 + placeBytes)
      return bytes
    }
    case 'count': {
      const bytes = Buffer.alloc(placeBytes + 8)
      writePlace(bytes, 0, record.place)
      bytes.writeUInt32LE(record.backoutCount, placeBytes)
      return bytes
    }
    case 'commit': {
      const bytes = Buffer.allocUnsafe(record.origin === null ? 8 : 8 + originBytes)
      writeU64(bytes, record.unit, 0)
      if (record.origin !== null) writeOrigin(bytes, 8, record.origin)
      return bytes
    }
    case 'backout': {
      const bytes = Buffer.allocUnsafe(8)
      writeU64(bytes, record.unit, 0)
      return bytes
    }
    case 'define':
      return numberedJson(record.number, record.definition)
    case 'delete':
      return numberedJson(record.number, { type: record.type, name: record.name })
  }
}

function numberedJson(number: number, value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(value), 'utf8')
  const bytes = Buffer.allocUnsafe(4 + text.length)
  bytes.writeUInt32LE(number, 0)
  bytes.set(text, 4)
  return bytes
}

/* ---- payloads: reading ---- */

export const readPlace = (bytes: Buffer, at: number): Place => ({ lsn: lsn(readU64(bytes, at)), ordinal: bytes.readUInt32LE(at + 8), length: bytes.readUInt32LE(at + 12) })
export const readOrigin = (bytes: Buffer, at: number): Origin => ({ producer: Buffer.from(bytes.subarray(at, at + 16)), sequence: readU64(bytes, at + 16) })

export const readEntry = (bytes: Buffer): IndexEntry => ({
  queue: bytes.readUInt32LE(24),
  order: readU64(bytes, 8),
  priority: bytes[36] as number, // callers checked the length
  expiresAt: readU64(bytes, 16),
  messageIdHash: bytes.readUInt32LE(28),
  correlationIdHash: bytes.readUInt32LE(32)
})

/** Bytes between the entry and the head. */
const leadBytes = (kind: number, payload: Buffer): number => (kind === kinds.moved ? movedBytes : (payload[37] as number) & 1 ? originBytes : 0)

/** Whether the lengths within a payload of kind `put` or `moved` agree with it. */
export function isWholeMessage(kind: number, payload: Buffer): boolean {
  if (payload.length < entryBytes) return false
  return entryBytes + leadBytes(kind, payload) + payload.readUInt32LE(40) + payload.readUInt32LE(44) === payload.length
}

/** Head and body, borrowed from the payload of a whole message. */
export function messageIn(kind: number, payload: Buffer): StoredMessage {
  const head = entryBytes + leadBytes(kind, payload)
  const body = head + payload.readUInt32LE(40)
  return { head: payload.subarray(head, body), body: payload.subarray(body, body + payload.readUInt32LE(44)) }
}

/** @returns the record, its buffers borrowed from the payload; or why the payload is none */
export function decodeRecord(kind: number, payload: Buffer): AnyRecord | string {
  const short = (bytes: number): boolean => payload.length !== bytes
  switch (kind) {
    case kinds.put: {
      if (!isWholeMessage(kind, payload)) return 'the lengths within a put do not agree'
      const origin = (payload[37] as number) & 1 ? readOrigin(payload, entryBytes) : null
      return { kind: 'put', unit: readU64(payload, 0), entry: readEntry(payload), message: messageIn(kind, payload), origin }
    }
    case kinds.moved:
      if (payload.length < entryBytes + movedBytes || !isWholeMessage(kind, payload)) return 'the lengths within a moved message do not agree'
      return { kind: 'moved', entry: readEntry(payload), from: readPlace(payload, entryBytes), backoutCount: payload.readUInt32LE(entryBytes + placeBytes), message: messageIn(kind, payload) }
    case kinds.remove:
      return short(placeBytes) ? 'a remove of a wrong length' : { kind: 'remove', place: readPlace(payload, 0) }
    case kinds.lock:
      if (short(8 + placeBytes + 8)) return 'a lock of a wrong length'
      return { kind: 'lock', unit: readU64(payload, 0), place: readPlace(payload, 8), backoutCount: payload.readUInt32LE(8 + placeBytes) }
    case kinds.count:
      return short(placeBytes + 8) ? 'a count of a wrong length' : { kind: 'count', place: readPlace(payload, 0), backoutCount: payload.readUInt32LE(placeBytes) }
    case kinds.commit:
      if (short(8) && short(8 + originBytes)) return 'a commit of a wrong length'
      return { kind: 'commit', unit: readU64(payload, 0), origin: payload.length === 8 ? null : readOrigin(payload, 8) }
    case kinds.backout:
      return short(8) ? 'a backout of a wrong length' : { kind: 'backout', unit: readU64(payload, 0) }
    case kinds.define:
      return decodeDefinition(payload)
    case kinds.delete:
      return decodeDeletion(payload)
    default:
      return `a record of unknown kind ${kind}`
  }
}

function decodeDefinition(payload: Buffer): LogRecord | string {
  if (payload.length < 4) return 'a definition of a wrong length'
  const definition = parseDefinition(payload.toString('utf8', 4))
  return definition === null ? 'a definition that is not an object of ours' : { kind: 'define', number: payload.readUInt32LE(0), definition }
}

function decodeDeletion(payload: Buffer): LogRecord | string {
  if (payload.length < 4) return 'a deletion of a wrong length'
  const named = parseNamed(payload.toString('utf8', 4))
  return named === null ? 'a deletion that does not name an object' : { kind: 'delete', number: payload.readUInt32LE(0), type: named.type, name: named.name }
}

const isObjectType = (type: unknown): type is ObjectType => (objectTypes as readonly unknown[]).includes(type)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function parseNamed(text: string): { readonly type: ObjectType; readonly name: string; readonly value: object } | null {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null || !('type' in value) || !('name' in value)) return null
  const { type, name } = value
  return typeof name === 'string' && isObjectType(type) ? { type, name, value } : null
}

/** An object definition from its JSON, or null when it is none. */
export function parseDefinition(text: string): ObjectDefinition | null {
  const named = parseNamed(text)
  if (named === null || !('attributes' in named.value)) return null
  const attributes = named.value.attributes
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) return null
  const isValue = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number' || (Array.isArray(value) && value.every(item => typeof item === 'string'))
  if (!Object.values(attributes).every(isValue)) return null
  return { type: named.type, name: named.name, attributes: attributes as ObjectDefinition['attributes'] } // every value was looked at
}
