/**
 * Messages that cannot go where they should: rejected by the application, or not deliverable by us.
 *
 * MQDLH, 172 bytes, little-endian: `DLH `, version 1, reason, destination queue (48) and queue manager (48), then
 * encoding, character set and format (8) of the body as it was, application type, name (28), date (8) and time (8).
 *
 * Source: reference sections 4.6, 4.8.
 */

import type { CoreState } from './core-state.js'
import { textOf } from './definition.js'
import { applicationTypes, defaultDescriptor, formats, type Descriptor } from './message.js'
import { giveBack, headNow, noteGet, readMessage } from './messages.js'
import { outgoing, type Outgoing } from './outgoing.js'
import type { Queue } from './queue.js'
import { reasons, type Reason } from './reason.js'
import { backoutThresholdReached, report } from './report-options.js'
import { putToName, putToQueue, sendReport } from './reports.js'
import type { Unit } from './unit-of-work.js'
import { commitUnit, ownUnit } from './units.js'

export const deadLetterHeaderBytes = 172

/** Puts a message on the dead-letter queue in the unit; 0, or why that cannot be. The queue must be local, and for use. */
export function sendToDeadLetters(state: CoreState, message: Outgoing, queue: string, queueManager: string, reason: Reason, unit: Unit): Reason {
  const target = state.queuesByName.get(state.catalog.limits.deadLetterQueue)
  if (target === undefined || target.isTransmission) return reasons.unknownObjectName
  state.putDates.at(state.clock.wallMs())
  const { descriptor: original } = message
  const descriptor: Descriptor = {
    ...original,
    format: formats.deadLetter,
    encoding: defaultDescriptor.encoding,
    codedCharacterSetId: state.catalog.limits.codedCharacterSetId,
    putApplicationType: applicationTypes.queueManager,
    putApplicationName: state.name.slice(0, 28),
    putDate: state.putDates.date,
    putTime: state.putDates.time
  }
  const header = deadLetterHeader(state, original, queue, queueManager === '' ? state.name : queueManager, reason)
  return putToQueue(state, target, outgoing(descriptor, message.properties, Buffer.concat([header, message.body]), message.expiresAt), unit)
}

function deadLetterHeader(state: CoreState, original: Descriptor, queue: string, queueManager: string, reason: Reason): Buffer {
  const header = Buffer.alloc(deadLetterHeaderBytes, ' ')
  let at = header.write('DLH ', 0, 'latin1')
  at = header.writeInt32LE(1, at)
  at = header.writeInt32LE(reason, at)
  header.write(queue.slice(0, 48), at, 'latin1')
  header.write(queueManager.slice(0, 48), at + 48, 'latin1')
  at = header.writeInt32LE(original.encoding, at + 96)
  at = header.writeInt32LE(original.codedCharacterSetId, at)
  header.write(original.format.slice(0, 8), at, 'latin1')
  at = header.writeInt32LE(applicationTypes.queueManager, at + 8)
  header.write(state.name.slice(0, 28), at, 'latin1')
  header.write(state.putDates.date, at + 28, 'latin1')
  header.write(state.putDates.time, at + 36, 'latin1')
  return header
}

/**
 * The application gave a locked message up: it goes to BOQNAME, else to the dead-letter queue, else back to its place,
 * one backout richer. True when the answer must wait for the log.
 */
export function reject(state: CoreState, queue: Queue, slot: number): boolean {
  const unit = ownUnit(state)
  if (!moveAway(state, queue, slot, unit)) {
    giveBack(state, queue, slot, false)
    return false
  }
  noteGet(state, slot, unit)
  commitUnit(state, unit, null, null, 0, null)
  return unit.number !== 0
}

/** Puts the message elsewhere in the unit; false when nobody takes it. */
function moveAway(state: CoreState, queue: Queue, slot: number, unit: Unit): boolean {
  const stored = readMessage(state, slot)
  const head = stored === null ? null : headNow(state, slot, stored)
  if (stored === null || head === null) return false
  const message = outgoing({ ...head.descriptor, backoutCount: 0 }, head.properties, stored.body, state.table.expiresAt(slot))
  const backoutQueue = textOf(queue.definition, 'BOQNAME')
  const refusal = backoutQueue === '' ? backoutThresholdReached : putToName(state, backoutQueue, '', message, unit)
  if (refusal === reasons.none) return true
  const options = head.descriptor.report
  const isDropped = (options & report.discard) !== 0
  if (!isDropped && sendToDeadLetters(state, message, queue.name, '', refusal, unit) !== reasons.none) return false
  if ((options & report.exception) !== 0) sendReport(state, head, stored.body, refusal, unit)
  return true
}
