/** What a putter may say in a descriptor. Anybody can send us one, so every field is looked at. */

import { messageTypes, messageIdBytes, accountingTokenBytes, type Descriptor, type Properties } from './message.js'
import { reasons, type Reason } from './reason.js'
import { reportToSomebody, reportUnsupported } from './report-options.js'

const propertyNameBytesMax = 4_095
const propertiesMax = 10_000

const isInt32 = (value: number): boolean => (value | 0) === value
const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 0x7fffffff

/** 0, or the first reason to refuse: 2026, 2013, 2027, 2047, 2050, 2061. A priority above 9 is no reason. */
export function refusalOf(m: Descriptor, properties: Properties): Reason {
  if (m.messageId.length !== messageIdBytes || m.correlationId.length !== messageIdBytes || m.groupId.length !== messageIdBytes) return reasons.descriptorError
  if (m.accountingToken.length !== accountingTokenBytes) return reasons.descriptorError
  if (!isInt32(m.report) || !isInt32(m.messageType) || !isInt32(m.expiry) || !isInt32(m.feedback) || !isInt32(m.encoding)) return reasons.descriptorError
  if (!isInt32(m.codedCharacterSetId) || !isInt32(m.putApplicationType) || !isInt32(m.originalLength)) return reasons.descriptorError
  if (!isCount(m.sequenceNumber) || !isCount(m.offset) || !isCount(m.flags)) return reasons.descriptorError
  if (m.format.length > 8 || m.replyToQueue.length > 48 || m.replyToQueueManager.length > 48) return reasons.descriptorError
  if (m.userIdentifier.length > 12 || m.applicationIdentityData.length > 32 || m.putApplicationName.length > 28) return reasons.descriptorError
  if (m.putDate.length > 8 || m.putTime.length > 8 || m.applicationOriginData.length > 4) return reasons.descriptorError
  if (m.messageType < 1 || (m.messageType < messageTypes.applicationFirst && !isSystemType(m.messageType))) return reasons.descriptorError
  if (m.persistence !== 0 && m.persistence !== 1 && m.persistence !== 2) return reasons.persistenceError
  if (!isInt32(m.priority) || m.priority < -1) return reasons.priorityError
  if (m.expiry === 0 || m.expiry < -1) return reasons.expiryError
  if ((m.report & reportUnsupported) !== 0) return reasons.reportOptionsError
  if (m.replyToQueue === '' && (m.messageType === messageTypes.request || (m.report & reportToSomebody) !== 0)) return reasons.missingReplyToQueue
  if (properties.size > 0 && !areProperties(properties)) return reasons.descriptorError
  return reasons.none
}

const isSystemType = (type: number): boolean =>
  type === messageTypes.request || type === messageTypes.reply || type === messageTypes.report || type === messageTypes.datagram

function areProperties(properties: Properties): boolean {
  if (properties.size > propertiesMax) return false
  for (const name of properties.keys()) if (name === '' || Buffer.byteLength(name) > propertyNameBytesMax) return false
  return true
}
