/**
 * Reports to whoever a message names for replies: it arrived, it was delivered, it expired, it could not be delivered.
 *
 * A report is put in the unit of work of what it reports, so that both are true or neither. One that cannot be delivered
 * goes to the dead-letter queue; without one it is dropped: a report never keeps its message from moving.
 *
 * Source: reference section 4.7.
 */

import type { CoreState } from './core-state.js'
import { sendToDeadLetters } from './dead-letter.js'
import type { Head } from './head.js'
import { accountingTokenBytes, applicationTypes, defaultDescriptor, emptyBody, formats, messageTypes, noProperties, type Descriptor } from './message.js'
import { refusalByQueue, store } from './messages.js'
import { outgoing, type Outgoing } from './outgoing.js'
import type { Queue } from './queue.js'
import { reasons, type Reason } from './reason.js'
import { feedback, report } from './report-options.js'
import { resolve } from './resolve.js'
import type { Unit } from './unit-of-work.js'

/** Bytes of the body in a report "with data". */
const dataBytes = 100
const emptyToken = Buffer.alloc(accountingTokenBytes)

export const wantsDeliveryReport = (head: Head): boolean => (head.descriptor.report & report.delivery) !== 0

export function reportDelivery(state: CoreState, head: Head, body: Buffer, unit: Unit): void {
  sendReport(state, head, body, feedback.delivery, unit)
}

export function reportArrival(state: CoreState, message: Outgoing, unit: Unit): void {
  sendReport(state, message, message.body, feedback.arrival, unit)
}

/** Puts a report in the unit. `code` is a feedback value; a reason code means an exception. */
export function sendReport(state: CoreState, original: Head, body: Buffer, code: number, unit: Unit): void {
  const { descriptor: about } = original
  if (about.replyToQueue === '') return
  const message = reportOf(state, about, body, code)
  const reason = putToName(state, about.replyToQueue, about.replyToQueueManager, message, unit)
  if (reason !== reasons.none) sendToDeadLetters(state, message, about.replyToQueue, about.replyToQueueManager, reason, unit)
}

function reportOf(state: CoreState, about: Descriptor, body: Buffer, code: number): Outgoing {
  const wallMs = state.clock.wallMs()
  state.putDates.at(wallMs)
  const data = dataOf(about.report, body, code)
  const passesOn = (about.report & report.passDiscardAndExpiry) !== 0
  const descriptor: Descriptor = {
    ...defaultDescriptor,
    messageType: messageTypes.report,
    report: passesOn ? about.report & report.discard : 0,
    expiry: passesOn ? about.expiry : -1,
    feedback: code,
    encoding: about.encoding,
    codedCharacterSetId: about.codedCharacterSetId,
    format: data.length > 0 ? about.format : formats.none,
    priority: about.priority,
    persistence: about.persistence,
    messageId: (about.report & report.passMessageId) !== 0 ? about.messageId : state.messageIds.next(),
    correlationId: (about.report & report.passCorrelationId) !== 0 ? about.correlationId : about.messageId,
    replyToQueueManager: state.name,
    userIdentifier: about.userIdentifier,
    accountingToken: emptyToken,
    putApplicationType: applicationTypes.queueManager,
    putApplicationName: state.name.slice(0, 28),
    putDate: state.putDates.date,
    putTime: state.putDates.time
  }
  return outgoing(descriptor, noProperties, data, descriptor.expiry === -1 ? 0 : wallMs + descriptor.expiry * 100)
}

/** The bits of its kind say whether a report carries nothing, the first 100 bytes, or the whole body. */
function dataOf(options: number, body: Buffer, code: number): Buffer {
  const [some, all] =
    code === feedback.arrival
      ? [report.arrivalWithData, report.arrivalWithFullData]
      : code === feedback.delivery
        ? [report.deliveryWithData, report.deliveryWithFullData]
        : code === feedback.expiration
          ? [report.expirationWithData, report.expirationWithFullData]
          : [report.exceptionWithData, report.exceptionWithFullData]
  if ((options & all) === all) return body
  return (options & some) === some ? body.subarray(0, dataBytes) : emptyBody
}

/** Stores a message of our own on the queue of a name; 0, or why that cannot be. */
export function putToName(state: CoreState, name: string, queueManager: string, message: Outgoing, unit: Unit): Reason {
  const resolved = resolve(state, name, queueManager === state.name ? '' : queueManager, true)
  if (resolved.kind === 'refused') return resolved.reason
  if (resolved.kind !== 'queue') return reasons.queueTypeError
  if (resolved.alias?.definition.attributes['PUT'] === 'DISABLED') return reasons.putInhibited
  return putToQueue(state, resolved.queue, message, unit)
}

export function putToQueue(state: CoreState, queue: Queue, message: Outgoing, unit: Unit): Reason {
  const refusal = refusalByQueue(state, queue, message.body.length, message.isPersistent)
  if (refusal !== reasons.none) return refusal
  const slot = store(state, queue, message, unit, null)
  return slot < 0 ? -slot : reasons.none
}
