/** A message on its way to queues: its descriptor completed, its head encoded once for every queue it goes to. */

import type { Connection } from './connection.js'
import type { CoreState } from './core-state.js'
import type { PutRequest } from './engine.js'
import { encodeHead } from './head.js'
import { applicationTypes, priorityAsQueue, priorityMax, type Descriptor, type Properties } from './message.js'
import { hashOf, isZero } from './message-ids.js'
import { report } from './report-options.js'

export interface Outgoing {
  readonly descriptor: Descriptor
  readonly properties: Properties
  readonly body: Buffer
  readonly head: Buffer
  readonly isPersistent: boolean
  /** Wall-clock milliseconds; 0 never. */
  readonly expiresAt: number
  readonly messageIdHash: number
  readonly correlationIdHash: number
}

/** What the first object that was opened says for fields left to it. */
export interface PutDefaults {
  readonly defaultPriority: number
  readonly defaultPersistence: 0 | 1
}

/** Encodes a descriptor in which nothing is left open. */
export function outgoing(descriptor: Descriptor, properties: Properties, body: Buffer, expiresAt: number): Outgoing {
  return {
    descriptor,
    properties,
    body,
    head: encodeHead(descriptor, properties),
    isPersistent: descriptor.persistence === 1,
    expiresAt,
    messageIdHash: hashOf(descriptor.messageId),
    correlationIdHash: hashOf(descriptor.correlationId)
  }
}

const applicationTypeOf = (connection: Connection): number => {
  const kind = connection.options.kind
  if (kind === 'internal') return applicationTypes.queueManager
  return kind === 'local' || kind === 'client' ? applicationTypes.unix : applicationTypes.user
}

/** Fills what the putter left to us: ids, context, date, the queue's defaults. The descriptor passed `refusalOf`. */
export function prepare(state: CoreState, connection: Connection, request: PutRequest, defaults: PutDefaults): Outgoing {
  const given = request.message.descriptor
  const keeps = request.keepContext === true
  const wallMs = state.clock.wallMs()
  state.putDates.at(wallMs)
  // Written out field by field: a literal of one shape is much cheaper than spreading 27 fields on every put.
  const descriptor: Descriptor = {
    report: given.report,
    messageType: given.messageType,
    expiry: given.expiry,
    feedback: given.feedback,
    encoding: given.encoding,
    codedCharacterSetId: given.codedCharacterSetId === 0 ? state.catalog.limits.codedCharacterSetId : given.codedCharacterSetId,
    format: given.format,
    priority: given.priority === priorityAsQueue ? defaults.defaultPriority : Math.min(given.priority, priorityMax),
    persistence: given.persistence === 2 ? defaults.defaultPersistence : given.persistence,
    messageId: request.newMessageId === true || isZero(given.messageId) ? state.messageIds.next() : given.messageId,
    correlationId: given.correlationId,
    backoutCount: 0,
    replyToQueue: given.replyToQueue,
    replyToQueueManager: given.replyToQueue !== '' && given.replyToQueueManager === '' ? state.name : given.replyToQueueManager,
    userIdentifier: keeps ? given.userIdentifier : connection.userIdentifier,
    accountingToken: given.accountingToken,
    applicationIdentityData: keeps ? given.applicationIdentityData : '',
    putApplicationType: keeps ? given.putApplicationType : applicationTypeOf(connection),
    putApplicationName: keeps ? given.putApplicationName : connection.applicationName,
    putDate: keeps && given.putDate !== '' ? given.putDate : state.putDates.date,
    putTime: keeps && given.putTime !== '' ? given.putTime : state.putDates.time,
    applicationOriginData: keeps ? given.applicationOriginData : '',
    groupId: given.groupId,
    sequenceNumber: given.sequenceNumber,
    offset: given.offset,
    flags: given.flags,
    originalLength: given.originalLength
  }
  return outgoing(descriptor, request.message.properties, request.message.body, given.expiry === -1 ? 0 : wallMs + given.expiry * 100)
}

/** It asks for something to happen when it leaves its queue. */
export const mayReport = (descriptor: Descriptor): boolean => (descriptor.report & (report.delivery | report.expiration)) !== 0
