/**
 * The head of a stored message: descriptor and properties as bytes.
 *
 * Layout: version (u8, 1), a bit for each field that differs from its default (u32), those fields in the order of the
 * table, properties when there are any. Numbers are little-endian; a text is its length in bytes (u8) and UTF-8.
 * A typical head is 90 bytes, against 364 of a full descriptor.
 *
 * Heads come from our own log, whose checksum was verified; still nothing is read beyond the end, and what makes no
 * sense throws HA_MQ_DAMAGED.
 */

import { HaError } from '../../base/errors.js'
import { readProperties, writeProperties } from './head-properties.js'
import { HeadReader, HeadWriter } from './head-io.js'
import { defaultDescriptor, emptyId, accountingTokenBytes, messageIdBytes, noProperties, type Descriptor, type Properties } from './message.js'
import { isZero } from './message-ids.js'

const version = 1
const d = defaultDescriptor

/** Bits of the fields, in the order in which they are written. */
const bit = {
  report: 1 << 0,
  messageType: 1 << 1,
  expiry: 1 << 2,
  feedback: 1 << 3,
  encoding: 1 << 4,
  codedCharacterSetId: 1 << 5,
  format: 1 << 6,
  priority: 1 << 7,
  persistence: 1 << 8,
  messageId: 1 << 9,
  correlationId: 1 << 10,
  backoutCount: 1 << 11,
  replyToQueue: 1 << 12,
  replyToQueueManager: 1 << 13,
  userIdentifier: 1 << 14,
  accountingToken: 1 << 15,
  applicationIdentityData: 1 << 16,
  putApplicationType: 1 << 17,
  putApplicationName: 1 << 18,
  putDate: 1 << 19,
  putTime: 1 << 20,
  applicationOriginData: 1 << 21,
  groupId: 1 << 22,
  sequenceNumber: 1 << 23,
  offset: 1 << 24,
  flags: 1 << 25,
  originalLength: 1 << 26,
  properties: 1 << 27
} as const
const knownBits = (1 << 28) - 1

const writer = new HeadWriter()

/** Bytes of a descriptor and properties. Texts longer than 255 bytes are the caller's to refuse; see descriptor-check.ts. */
export function encodeHead(m: Descriptor, properties: Properties): Buffer {
  const w = writer
  let set = 0
  w.begin(version)
  if (m.report !== d.report) set |= w.int(bit.report, m.report)
  if (m.messageType !== d.messageType) set |= w.int(bit.messageType, m.messageType)
  if (m.expiry !== d.expiry) set |= w.int(bit.expiry, m.expiry)
  if (m.feedback !== d.feedback) set |= w.int(bit.feedback, m.feedback)
  if (m.encoding !== d.encoding) set |= w.int(bit.encoding, m.encoding)
  if (m.codedCharacterSetId !== d.codedCharacterSetId) set |= w.int(bit.codedCharacterSetId, m.codedCharacterSetId)
  if (m.format !== '') set |= w.text(bit.format, m.format)
  if (m.priority !== d.priority) set |= w.byte(bit.priority, m.priority)
  if (m.persistence !== d.persistence) set |= w.byte(bit.persistence, m.persistence)
  if (!isZero(m.messageId)) set |= w.bytes(bit.messageId, m.messageId)
  if (!isZero(m.correlationId)) set |= w.bytes(bit.correlationId, m.correlationId)
  if (m.backoutCount !== 0) set |= w.int(bit.backoutCount, m.backoutCount)
  if (m.replyToQueue !== '') set |= w.text(bit.replyToQueue, m.replyToQueue)
  if (m.replyToQueueManager !== '') set |= w.text(bit.replyToQueueManager, m.replyToQueueManager)
  if (m.userIdentifier !== '') set |= w.text(bit.userIdentifier, m.userIdentifier)
  if (!isZero(m.accountingToken)) set |= w.bytes(bit.accountingToken, m.accountingToken)
  if (m.applicationIdentityData !== '') set |= w.text(bit.applicationIdentityData, m.applicationIdentityData)
  if (m.putApplicationType !== d.putApplicationType) set |= w.int(bit.putApplicationType, m.putApplicationType)
  if (m.putApplicationName !== '') set |= w.text(bit.putApplicationName, m.putApplicationName)
  if (m.putDate !== '') set |= w.text(bit.putDate, m.putDate)
  if (m.putTime !== '') set |= w.text(bit.putTime, m.putTime)
  if (m.applicationOriginData !== '') set |= w.text(bit.applicationOriginData, m.applicationOriginData)
  if (!isZero(m.groupId)) set |= w.bytes(bit.groupId, m.groupId)
  if (m.sequenceNumber !== d.sequenceNumber) set |= w.int(bit.sequenceNumber, m.sequenceNumber)
  if (m.offset !== d.offset) set |= w.int(bit.offset, m.offset)
  if (m.flags !== d.flags) set |= w.int(bit.flags, m.flags)
  if (m.originalLength !== d.originalLength) set |= w.int(bit.originalLength, m.originalLength)
  if (properties.size > 0) {
    set |= bit.properties
    writeProperties(w, properties)
  }
  return w.end(set)
}

export interface Head {
  readonly descriptor: Descriptor
  readonly properties: Properties
}

/** What the queue knows better than the head, which was written when the message was put. */
export interface Since {
  readonly expiry: number
  readonly backoutCount: number
}

/** The reverse of `encodeHead`; ids and tokens share the memory of `head`. Throws HaError HA_MQ_DAMAGED. */
export function decodeHead(head: Buffer, since?: Since): Head {
  const r = new HeadReader(head)
  if (r.byte() !== version) throw damaged('its version is unknown')
  const set = r.int() >>> 0
  if ((set & ~knownBits) !== 0) throw damaged('it has unknown fields')
  const report = set & bit.report ? r.int() : d.report
  const messageType = set & bit.messageType ? r.int() : d.messageType
  const expiry = set & bit.expiry ? r.int() : d.expiry
  const feedback = set & bit.feedback ? r.int() : d.feedback
  const encoding = set & bit.encoding ? r.int() : d.encoding
  const codedCharacterSetId = set & bit.codedCharacterSetId ? r.int() : d.codedCharacterSetId
  const format = set & bit.format ? r.text() : ''
  const priority = set & bit.priority ? r.byte() : d.priority
  const persistence = set & bit.persistence ? r.byte() : d.persistence
  const messageId = set & bit.messageId ? r.bytes(messageIdBytes) : emptyId
  const correlationId = set & bit.correlationId ? r.bytes(messageIdBytes) : emptyId
  const backoutCount = set & bit.backoutCount ? r.int() : 0
  const descriptor: Descriptor = {
    report,
    messageType,
    expiry: since === undefined ? expiry : since.expiry,
    feedback,
    encoding,
    codedCharacterSetId,
    format,
    priority,
    persistence,
    messageId,
    correlationId,
    backoutCount: since === undefined ? backoutCount : since.backoutCount,
    replyToQueue: set & bit.replyToQueue ? r.text() : '',
    replyToQueueManager: set & bit.replyToQueueManager ? r.text() : '',
    userIdentifier: set & bit.userIdentifier ? r.text() : '',
    accountingToken: set & bit.accountingToken ? r.bytes(accountingTokenBytes) : d.accountingToken,
    applicationIdentityData: set & bit.applicationIdentityData ? r.text() : '',
    putApplicationType: set & bit.putApplicationType ? r.int() : d.putApplicationType,
    putApplicationName: set & bit.putApplicationName ? r.text() : '',
    putDate: set & bit.putDate ? r.text() : '',
    putTime: set & bit.putTime ? r.text() : '',
    applicationOriginData: set & bit.applicationOriginData ? r.text() : '',
    groupId: set & bit.groupId ? r.bytes(messageIdBytes) : emptyId,
    sequenceNumber: set & bit.sequenceNumber ? r.int() : d.sequenceNumber,
    offset: set & bit.offset ? r.int() : d.offset,
    flags: set & bit.flags ? r.int() : d.flags,
    originalLength: set & bit.originalLength ? r.int() : d.originalLength
  }
  const properties = set & bit.properties ? readProperties(r) : noProperties
  if (r.left !== 0) throw damaged(`${r.left} bytes follow its end`)
  return { descriptor, properties }
}

const damaged = (why: string): HaError => new HaError('HA_MQ_DAMAGED', `the head of a stored message makes no sense: ${why}`)
