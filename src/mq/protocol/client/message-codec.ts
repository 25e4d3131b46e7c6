/**
 * Descriptor and properties on the wire. A descriptor says by a mask which fields differ from the standard one, in the
 * order of the message descriptor, and then only those.
 */

import { accountingTokenBytes, defaultDescriptor, messageIdBytes, noProperties } from '../../core/message.js'
import type { Descriptor, Properties, PropertyValue } from '../../core/message.js'
import type { Reader, Writer } from './bytes.js'

const standard = defaultDescriptor
const fieldBytesMax = 1024
const propertyNameBytesMax = 4095
const propertiesMax = 4096
const maskAll = 0x7ffffff

const i64Min = -(2n ** 63n)
const i64Max = 2n ** 63n - 1n

export function encodeDescriptor(writer: Writer, from: Descriptor): void {
  const mask =
    (from.report !== standard.report ? 0x1 : 0) |
    (from.messageType !== standard.messageType ? 0x2 : 0) |
    (from.expiry !== standard.expiry ? 0x4 : 0) |
    (from.feedback !== standard.feedback ? 0x8 : 0) |
    (from.encoding !== standard.encoding ? 0x10 : 0) |
    (from.codedCharacterSetId !== standard.codedCharacterSetId ? 0x20 : 0) |
    (from.format !== standard.format ? 0x40 : 0) |
    (from.priority !== standard.priority ? 0x80 : 0) |
    (from.persistence !== standard.persistence ? 0x100 : 0) |
    (!from.messageId.equals(standard.messageId) ? 0x200 : 0) |
    (!from.correlationId.equals(standard.correlationId) ? 0x400 : 0) |
    (from.backoutCount !== standard.backoutCount ? 0x800 : 0) |
    (from.replyToQueue !== standard.replyToQueue ? 0x1000 : 0) |
    (from.replyToQueueManager !== standard.replyToQueueManager ? 0x2000 : 0) |
    (from.userIdentifier !== standard.userIdentifier ? 0x4000 : 0) |
    (!from.accountingToken.equals(standard.accountingToken) ? 0x8000 : 0) |
    (from.applicationIdentityData !== standard.applicationIdentityData ? 0x10000 : 0) |
    (from.putApplicationType !== standard.putApplicationType ? 0x20000 : 0) |
    (from.putApplicationName !== standard.putApplicationName ? 0x40000 : 0) |
    (from.putDate !== standard.putDate ? 0x80000 : 0) |
    (from.putTime !== standard.putTime ? 0x100000 : 0) |
    (from.applicationOriginData !== standard.applicationOriginData ? 0x200000 : 0) |
    (!from.groupId.equals(standard.groupId) ? 0x400000 : 0) |
    (from.sequenceNumber !== standard.sequenceNumber ? 0x800000 : 0) |
    (from.offset !== standard.offset ? 0x1000000 : 0) |
    (from.flags !== standard.flags ? 0x2000000 : 0) |
    (from.originalLength !== standard.originalLength ? 0x4000000 : 0)
  writer.u32(mask)
  if ((mask & 0x1) !== 0) writer.i32(from.report)
  if ((mask & 0x2) !== 0) writer.i32(from.messageType)
  if ((mask & 0x4) !== 0) writer.i32(from.expiry)
  if ((mask & 0x8) !== 0) writer.i32(from.feedback)
  if ((mask & 0x10) !== 0) writer.i32(from.encoding)
  if ((mask & 0x20) !== 0) writer.i32(from.codedCharacterSetId)
  if ((mask & 0x40) !== 0) writer.text(from.format)
  if ((mask & 0x80) !== 0) writer.i32(from.priority)
  if ((mask & 0x100) !== 0) writer.i32(from.persistence)
  if ((mask & 0x200) !== 0) writer.raw(sized(from.messageId, messageIdBytes))
  if ((mask & 0x400) !== 0) writer.raw(sized(from.correlationId, messageIdBytes))
  if ((mask & 0x800) !== 0) writer.i32(from.backoutCount)
  if ((mask & 0x1000) !== 0) writer.text(from.replyToQueue)
  if ((mask & 0x2000) !== 0) writer.text(from.replyToQueueManager)
  if ((mask & 0x4000) !== 0) writer.text(from.userIdentifier)
  if ((mask & 0x8000) !== 0) writer.raw(sized(from.accountingToken, accountingTokenBytes))
  if ((mask & 0x10000) !== 0) writer.text(from.applicationIdentityData)
  if ((mask & 0x20000) !== 0) writer.i32(from.putApplicationType)
  if ((mask & 0x40000) !== 0) writer.text(from.putApplicationName)
  if ((mask & 0x80000) !== 0) writer.text(from.putDate)
  if ((mask & 0x100000) !== 0) writer.text(from.putTime)
  if ((mask & 0x200000) !== 0) writer.text(from.applicationOriginData)
  if ((mask & 0x400000) !== 0) writer.raw(sized(from.groupId, messageIdBytes))
  if ((mask & 0x800000) !== 0) writer.i32(from.sequenceNumber)
  if ((mask & 0x1000000) !== 0) writer.i32(from.offset)
  if ((mask & 0x2000000) !== 0) writer.i32(from.flags)
  if ((mask & 0x4000000) !== 0) writer.i32(from.originalLength)
}

/** Check `reader.fault` before use. */
export function decodeDescriptor(reader: Reader): Descriptor {
  const mask = reader.u32()
  if (mask > maskAll) reader.refuse('the descriptor has a field that is not known')
  if (mask === 0) return standard
  // The order of the properties is the order of the fields in the frame.
  return {
    report: (mask & 0x1) !== 0 ? reader.i32() : standard.report,
    messageType: (mask & 0x2) !== 0 ? reader.i32() : standard.messageType,
    expiry: (mask & 0x4) !== 0 ? reader.i32() : standard.expiry,
    feedback: (mask & 0x8) !== 0 ? reader.i32() : standard.feedback,
    encoding: (mask & 0x10) !== 0 ? reader.i32() : standard.encoding,
    codedCharacterSetId: (mask & 0x20) !== 0 ? reader.i32() : standard.codedCharacterSetId,
    format: (mask & 0x40) !== 0 ? reader.text(fieldBytesMax) : standard.format,
    priority: (mask & 0x80) !== 0 ? reader.i32() : standard.priority,
    persistence: (mask & 0x100) !== 0 ? reader.i32() : standard.persistence,
    messageId: (mask & 0x200) !== 0 ? reader.copy(messageIdBytes) : standard.messageId,
    correlationId: (mask & 0x400) !== 0 ? reader.copy(messageIdBytes) : standard.correlationId,
    backoutCount: (mask & 0x800) !== 0 ? reader.i32() : standard.backoutCount,
    replyToQueue: (mask & 0x1000) !== 0 ? reader.text(fieldBytesMax) : standard.replyToQueue,
    replyToQueueManager: (mask & 0x2000) !== 0 ? reader.text(fieldBytesMax) : standard.replyToQueueManager,
    userIdentifier: (mask & 0x4000) !== 0 ? reader.text(fieldBytesMax) : standard.userIdentifier,
    accountingToken: (mask & 0x8000) !== 0 ? reader.copy(accountingTokenBytes) : standard.accountingToken,
    applicationIdentityData: (mask & 0x10000) !== 0 ? reader.text(fieldBytesMax) : standard.applicationIdentityData,
    putApplicationType: (mask & 0x20000) !== 0 ? reader.i32() : standard.putApplicationType,
    putApplicationName: (mask & 0x40000) !== 0 ? reader.text(fieldBytesMax) : standard.putApplicationName,
    putDate: (mask & 0x80000) !== 0 ? reader.text(fieldBytesMax) : standard.putDate,
    putTime: (mask & 0x100000) !== 0 ? reader.text(fieldBytesMax) : standard.putTime,
    applicationOriginData: (mask & 0x200000) !== 0 ? reader.text(fieldBytesMax) : standard.applicationOriginData,
    groupId: (mask & 0x400000) !== 0 ? reader.copy(messageIdBytes) : standard.groupId,
    sequenceNumber: (mask & 0x800000) !== 0 ? reader.i32() : standard.sequenceNumber,
    offset: (mask & 0x1000000) !== 0 ? reader.i32() : standard.offset,
    flags: (mask & 0x2000000) !== 0 ? reader.i32() : standard.flags,
    originalLength: (mask & 0x4000000) !== 0 ? reader.i32() : standard.originalLength
  }
}

/** Ids have their full length on the wire; a shorter one given by a program is filled with zeros, a longer one cut. */
function sized(bytes: Buffer, length: number): Buffer {
  if (bytes.length === length) return bytes
  const whole = Buffer.alloc(length)
  bytes.copy(whole, 0, 0, length)
  return whole
}

const valueKinds = { null: 0, false: 1, true: 2, number: 3, integer: 4, text: 5, bytes: 6 } as const

export function encodeProperties(writer: Writer, properties: Properties): void {
  writer.uint(properties.size)
  for (const [name, value] of properties) {
    writer.text(name)
    encodeValue(writer, value)
  }
}

function encodeValue(writer: Writer, value: PropertyValue): void {
  if (value === null) writer.u8(valueKinds.null)
  else if (typeof value === 'boolean') writer.u8(value ? valueKinds.true : valueKinds.false)
  else if (typeof value === 'number') {
    writer.u8(valueKinds.number)
    writer.f64(value)
  } else if (typeof value === 'bigint' && value >= i64Min && value <= i64Max) {
    writer.u8(valueKinds.integer)
    writer.i64(value)
  } else if (Buffer.isBuffer(value)) {
    writer.u8(valueKinds.bytes)
    writer.bytes(value)
  } else {
    // An integer beyond 64 bits has no type of its own and travels as its digits.
    writer.u8(valueKinds.text)
    writer.text(String(value))
  }
}

/** Check `reader.fault` before use. */
export function decodeProperties(reader: Reader): Properties {
  const count = reader.uint()
  if (count === 0) return noProperties
  if (count > propertiesMax) reader.refuse(`more than ${propertiesMax} properties`)
  const properties = new Map<string, PropertyValue>()
  for (let index = 0; index < count && reader.fault === null; index++) {
    const name = reader.text(propertyNameBytesMax)
    if (name === '') reader.refuse('a property without a name')
    else if (properties.has(name)) reader.refuse(`property ${name} twice`)
    else properties.set(name, decodeValue(reader))
  }
  return properties
}

function decodeValue(reader: Reader): PropertyValue {
  switch (reader.u8()) {
    case valueKinds.null:
      return null
    case valueKinds.false:
      return false
    case valueKinds.true:
      return true
    case valueKinds.number:
      return reader.f64()
    case valueKinds.integer:
      return reader.i64()
    case valueKinds.text:
      return reader.text()
    case valueKinds.bytes:
      return reader.bytes()
    default:
      reader.refuse('a property of a type that is not known')
      return null
  }
}
