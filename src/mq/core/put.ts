/**
 * Puts: the checks in their order, then the store.
 *
 * Source: reference section 4.3 for the order of the checks, 4.7 for reports of arrival.
 */

import type { Connection, Handle } from './connection.js'
import type { CoreState } from './core-state.js'
import { refusalOf } from './descriptor-check.js'
import type { ConnectionId, HandleId, OpenTarget, PutAnswer, PutRequest, Token } from './engine.js'
import { priorityMax } from './message.js'
import { makeVisible, refusalByQueue, store } from './messages.js'
import { closeHandle, openObject } from './open.js'
import { prepare, type Outgoing, type PutDefaults } from './outgoing.js'
import { publish } from './publish.js'
import type { Queue } from './queue.js'
import { reasons, type Reason } from './reason.js'
import { reportArrival } from './reports.js'
import { report } from './report-options.js'
import { putRefused } from './results.js'
import type { Unit } from './unit-of-work.js'
import { commitUnit, ownUnit, spoilUnit, undoUnit } from './units.js'

export function put(state: CoreState, connectionId: ConnectionId, handleId: HandleId, request: PutRequest, token: Token): void {
  const connection = state.connections.get(connectionId)
  const handle = connection?.handles.get(handleId)
  if (connection === undefined || handle === undefined) {
    const reason = connection !== undefined ? reasons.objectHandleError : state.phase === 'stopping' ? reasons.queueManagerStopping : reasons.connectionHandleError
    state.answer(connectionId, token, putRefused(reason))
    return
  }
  putThrough(state, connection, handle, request, token)
}

export function putOne(state: CoreState, connectionId: ConnectionId, target: OpenTarget, request: PutRequest, token: Token): void {
  const connection = state.connections.get(connectionId)
  const opened = openObject(state, connectionId, target, { output: true })
  if (!opened.ok || connection === undefined) {
    refuse(state, connectionId, token, request, opened.ok ? reasons.connectionHandleError : opened.reason)
    return
  }
  putThrough(state, connection, opened.value, request, token)
  closeHandle(state, opened.value)
}

function putThrough(state: CoreState, connection: Connection, handle: Handle, request: PutRequest, token: Token): void {
  const unit = request.unit === null ? null : connection.units.get(request.unit)
  const origin = unit === null ? (request.origin ?? null) : null
  const refusal = refusalOfPut(state, handle, request, unit)
  if (unit === undefined || refusal !== reasons.none) {
    refuse(state, connection.id, token, request, refusal)
    return
  }
  if (origin !== null && state.producers.isRepetition(origin)) {
    const { messageId, correlationId } = request.message.descriptor
    state.answerWhenForced(connection.id, token, { kind: 'put', completion: 0, reason: 0, messageId, correlationId, isRepetition: true })
    return
  }
  const message = prepare(state, connection, request, defaultsOf(handle))
  const isCapped = request.message.descriptor.priority > priorityMax
  const answer: PutAnswer = {
    kind: 'put',
    completion: isCapped ? 1 : 0,
    reason: isCapped ? reasons.priorityExceedsMaximum : reasons.none,
    messageId: message.descriptor.messageId,
    correlationId: message.descriptor.correlationId,
    isRepetition: false
  }
  const reason =
    handle.queue !== null
      ? putOnQueue(state, connection, handle.queue, message, unit, request, token, answer)
      : putOnTopic(state, connection, handle, message, unit, request, token, answer)
  if (reason !== reasons.none) refuse(state, connection.id, token, request, reason)
  else connection.puts++
}

function refuse(state: CoreState, connection: ConnectionId, token: Token, request: PutRequest, reason: Reason): void {
  if (request.unit === null && request.origin !== null && request.origin !== undefined) state.producers.refused(request.origin)
  state.answer(connection, token, putRefused(reason))
}

function refusalOfPut(state: CoreState, handle: Handle, request: PutRequest, unit: Unit | null | undefined): Reason {
  if (!handle.output) return reasons.notOpenForOutput
  if (handle.queue?.isDeleted === true) return reasons.queueDeleted
  if (handle.isStale) return reasons.objectChanged
  if (unit === undefined || unit?.standing === 'undone') return reasons.backedOut
  if (unit === null && state.phase !== 'running') return reasons.queueManagerQuiescing
  if (handle.alias?.definition.attributes['PUT'] === 'DISABLED') return reasons.putInhibited
  if (unit !== null && unit.operations >= state.catalog.limits.uncommittedMax) return reasons.syncpointLimitReached
  return refusalOf(request.message.descriptor, request.message.properties)
}

const plainDefaults: PutDefaults = { defaultPriority: 0, defaultPersistence: 0 }

/** The first object opened says what a message gets that leaves it to the queue. */
function defaultsOf(handle: Handle): PutDefaults {
  if (handle.alias !== null) {
    const { DEFPRTY, DEFPSIST } = handle.alias.definition.attributes as { DEFPRTY?: unknown; DEFPSIST?: unknown }
    return { defaultPriority: typeof DEFPRTY === 'number' ? Math.min(9, Math.max(0, DEFPRTY)) : 0, defaultPersistence: DEFPSIST === 'YES' ? 1 : 0 }
  }
  return handle.queue ?? handle.topicDefaults ?? plainDefaults
}

function putOnQueue(
  state: CoreState,
  connection: Connection,
  queue: Queue,
  message: Outgoing,
  unit: Unit | null,
  request: PutRequest,
  token: Token,
  answer: PutAnswer
): Reason {
  const refusal = refusalByQueue(state, queue, message.body.length, message.isPersistent)
  if (refusal !== reasons.none) return refusal
  const origin = request.origin ?? null
  if ((message.descriptor.report & report.arrival) !== 0 && unit === null) {
    // The report and the message are true together.
    const own = ownUnit(state)
    const slot = store(state, queue, message, own, null)
    if (slot < 0) return -slot
    reportArrival(state, message, own)
    commitUnit(state, own, origin, connection.id, token, answer)
    return reasons.none
  }
  const slot = store(state, queue, message, unit, unit === null ? origin : null)
  if (slot < 0) return -slot
  if (unit !== null) {
    if ((message.descriptor.report & report.arrival) !== 0) reportArrival(state, message, unit)
    state.answer(connection.id, token, answer)
    return reasons.none
  }
  if (origin !== null) state.producers.stored(origin)
  if (message.isPersistent) {
    const order = state.table.order(slot)
    state.wait({ end: state.firmEnd, kind: 'put', slot, order, unit: null, place: null, connection: connection.id, token, answer })
  } else {
    state.answer(connection.id, token, answer)
    makeVisible(state, queue, slot)
  }
  return reasons.none
}

function putOnTopic(
  state: CoreState,
  connection: Connection,
  handle: Handle,
  message: Outgoing,
  unit: Unit | null,
  request: PutRequest,
  token: Token,
  answer: PutAnswer
): Reason {
  const into = unit ?? ownUnit(state)
  const before = into.operations
  const reason = publish(state, handle.topic ?? '', message, into, request.retain === true)
  if (reason !== reasons.none) {
    if (unit === null) undoUnit(state, into)
    else if (unit.operations > before) spoilUnit(state, unit)
    return reason
  }
  if (unit === null) commitUnit(state, into, request.origin ?? null, connection.id, token, answer)
  else state.answer(connection.id, token, answer)
  return reasons.none
}
