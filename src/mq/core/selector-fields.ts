/**
 * What an identifier of a selector names: a field of the descriptor, or a property.
 *
 * JMS names: JMSPriority, JMSMessageID (`ID:` and 48 hexadecimal digits), JMSCorrelationID (the text it was put with, else
 * as JMSMessageID; NULL when there is none), JMSDeliveryMode ('PERSISTENT' or 'NON_PERSISTENT'), JMSTimestamp (wall-clock
 * milliseconds), JMSType, JMSXDeliveryCount, JMSXUserID, JMSXAppID, JMSXGroupID, JMSXGroupSeq.
 * Descriptor fields: `MQMD.` or `Root.MQMD.` and the name in the table below; ids as 48 lower-case hexadecimal digits.
 * Everything else is a property, found with or without its folder `usr.`. An unknown one is NULL.
 */

import { emptyId, type Descriptor, type Properties, type PropertyValue } from './message.js'
import { putMs } from './put-date.js'

/** A value within a selector; byte strings appear as lower-case hexadecimal digits. */
export type SelectorValue = string | number | bigint | boolean | null

/** Properties that carry what a descriptor has no room for; JMS and STOMP write and read them. */
export const jmsProperties = { correlationId: 'jms.Cid', type: 'mcd.Type' } as const

type FieldReader = (descriptor: Descriptor, properties: Properties) => SelectorValue

const isEmptyId = (id: Buffer): boolean => id.equals(emptyId)
const hex = (bytes: Buffer): string => bytes.toString('hex')
const idText = (id: Buffer): string | null => (isEmptyId(id) ? null : `ID:${hex(id)}`)

function plain(value: PropertyValue | undefined): SelectorValue {
  if (value === undefined) return null
  return value !== null && typeof value === 'object' ? hex(value) : value
}

const fields: Readonly<Record<string, FieldReader>> = {
  JMSPriority: d => d.priority,
  JMSMessageID: d => idText(d.messageId),
  JMSDeliveryMode: d => (d.persistence === 1 ? 'PERSISTENT' : 'NON_PERSISTENT'),
  JMSTimestamp: d => putMs(d.putDate, d.putTime),
  JMSXDeliveryCount: d => d.backoutCount + 1,
  JMSXUserID: d => d.userIdentifier,
  JMSXAppID: d => d.putApplicationName,
  'MQMD.Report': d => d.report,
  'MQMD.MsgType': d => d.messageType,
  'MQMD.Expiry': d => d.expiry,
  'MQMD.Feedback': d => d.feedback,
  'MQMD.Encoding': d => d.encoding,
  'MQMD.CodedCharSetId': d => d.codedCharacterSetId,
  'MQMD.Format': d => d.format,
  'MQMD.Priority': d => d.priority,
  'MQMD.Persistence': d => d.persistence,
  'MQMD.MsgId': d => hex(d.messageId),
  'MQMD.CorrelId': d => hex(d.correlationId),
  'MQMD.BackoutCount': d => d.backoutCount,
  'MQMD.ReplyToQ': d => d.replyToQueue,
  'MQMD.ReplyToQMgr': d => d.replyToQueueManager,
  'MQMD.UserIdentifier': d => d.userIdentifier,
  'MQMD.ApplIdentityData': d => d.applicationIdentityData,
  'MQMD.PutApplType': d => d.putApplicationType,
  'MQMD.PutApplName': d => d.putApplicationName,
  'MQMD.PutDate': d => d.putDate,
  'MQMD.PutTime': d => d.putTime,
  'MQMD.ApplOriginData': d => d.applicationOriginData,
  'MQMD.GroupId': d => hex(d.groupId),
  'MQMD.MsgSeqNumber': d => d.sequenceNumber,
  'MQMD.Offset': d => d.offset,
  'MQMD.MsgFlags': d => d.flags,
  'MQMD.OriginalLength': d => d.originalLength
}

/** Fields whose text form stands in a property. */
const fieldsWithProperties: Readonly<Record<string, FieldReader>> = {
  JMSCorrelationID: (d, p) => plain(p.get(jmsProperties.correlationId) ?? idText(d.correlationId)),
  JMSType: (_, p) => plain(p.get(jmsProperties.type)),
  JMSXGroupID: (d, p) => plain(p.get('JMSXGroupID') ?? idText(d.groupId)),
  JMSXGroupSeq: (d, p) => plain(p.get('JMSXGroupSeq') ?? d.sequenceNumber)
}

const userFolder = 'usr.'
const descriptorFolder = 'Root.'

export interface Field {
  readonly read: FieldReader
  /** False: the descriptor alone tells. */
  readonly needsProperties: boolean
}

/** Null for a name of the descriptor's folder that is no field; any other name is a property. */
export function selectorField(name: string): Field | null {
  const short = name.startsWith(`${descriptorFolder}MQMD.`) ? name.slice(descriptorFolder.length) : name
  const read = Object.hasOwn(fields, short) ? fields[short] : undefined
  if (read !== undefined) return { read, needsProperties: false }
  if (short.startsWith('MQMD.')) return null
  const mixed = Object.hasOwn(fieldsWithProperties, name) ? fieldsWithProperties[name] : undefined
  if (mixed !== undefined) return { read: mixed, needsProperties: true }
  const other = name.startsWith(userFolder) ? name.slice(userFolder.length) : userFolder + name
  return { read: (_, p) => plain(p.get(name) ?? p.get(other)), needsProperties: true }
}
