/**
 * Gets and browses: which message, and what becomes of it.
 *
 * A get without conditions takes the first available message in constant time. One with ids compares hashes in the table
 * and reads only candidates. One with a selector must read every head it passes, so a scan that has cost enough rests and
 * goes on in the next turn; what becomes available behind its back sends it back to there. A handle with a selector
 * remembers how far it came, so that a consumer of a deep queue does not read the same heads for every message.
 *
 * Source: reference section 4.5.
 */

import type { Connection, Handle } from './connection.js'
import type { CoreState } from './core-state.js'
import { scanBudget, scanReadCost } from './core-state.js'
import type { Answer, ConnectionId, DeliveryId, GetRequest, HandleId, Token } from './engine.js'
import { expire } from './expiry.js'
import { GetCall } from './get-call.js'
import { headNow, isExpired, forget, lockInUnit, readMessage } from './messages.js'
import { none, standings } from './message-table.js'
import { cursorAtStart, type Cursor, type Queue } from './queue.js'
import { reasons, type Reason } from './reason.js'
import { reportDelivery, wantsDeliveryReport } from './reports.js'
import { nothing } from './results.js'
import { matches } from './selector.js'
import type { Unit } from './unit-of-work.js'
import { commitUnit, ownUnit } from './units.js'
import { beginWait, endWait } from './waiters.js'

export function get(state: CoreState, connectionId: ConnectionId, handleId: HandleId, request: GetRequest, token: Token): void {
  const connection = state.connections.get(connectionId)
  const handle = connection?.handles.get(handleId)
  const unit = request.unit === null ? null : (connection?.units.get(request.unit) ?? undefined)
  const refusal = refusalOfGet(state, connection, handle, request, unit)
  if (connection === undefined || handle === undefined || handle.queue === null || unit === undefined || refusal !== reasons.none) {
    state.answer(connectionId, token, nothing(refusal))
    return
  }
  const call = new GetCall(connection, handle, token, request, unit)
  const found = find(state, handle.queue, call)
  if (found === 'later' || (found === none && request.waitMs !== 0)) {
    call.deadline = request.waitMs === -1 ? Infinity : state.clock.now() + request.waitMs
    beginWait(state, handle.queue, call)
    if (found === 'later') state.scanning.add(call)
  } else if (found === none) state.answer(connectionId, token, nothing(call.mode === 'browse-cursor' || call.mode === 'get-cursor' ? reasons.noMessageUnderCursor : reasons.noMessageAvailable))
  else deliver(state, handle.queue, call, found)
}

function refusalOfGet(state: CoreState, connection: Connection | undefined, handle: Handle | undefined, request: GetRequest, unit: Unit | null | undefined): Reason {
  if (connection === undefined) return state.phase === 'stopping' ? reasons.queueManagerStopping : reasons.connectionHandleError
  if (handle === undefined || handle.queue === null) return reasons.objectHandleError
  if (handle.queue.isDeleted) return reasons.queueDeleted
  if (handle.isStale) return reasons.objectChanged
  const mode = request.mode
  const browses = mode === 'browse-first' || mode === 'browse-next' || mode === 'browse-cursor'
  if ((browses || mode === 'get-cursor') && !handle.browse) return reasons.notOpenForBrowse
  if (!browses && handle.input === 'none') return reasons.notOpenForInput
  if (!Number.isFinite(request.waitMs) || request.waitMs < -1) return reasons.waitIntervalError
  if (request.bytesMax !== undefined && !(request.bytesMax >= 0)) return reasons.dataLengthError
  const { messageId, correlationId } = request.match ?? {}
  if ((messageId !== undefined && messageId.length !== 24) || (correlationId !== undefined && correlationId.length !== 24)) return reasons.descriptorError
  if (isGetInhibited(handle, handle.queue)) return reasons.getInhibited
  if (unit === undefined || unit?.standing === 'undone') return reasons.backedOut
  if (unit !== null && (browses || mode === 'lock')) return reasons.optionsError
  if (unit !== null && unit.operations >= state.catalog.limits.uncommittedMax) return reasons.syncpointLimitReached
  if (state.phase !== 'running' && unit === null) return reasons.queueManagerQuiescing
  return reasons.none
}

export const isGetInhibited = (handle: Handle, queue: Queue): boolean =>
  queue.isGetInhibited || handle.alias?.definition.attributes['GET'] === 'DISABLED'

/** The message for a call, `none`, or `later` when the scan rests. */
function find(state: CoreState, queue: Queue, call: GetCall): number | 'later' {
  if (call.mode === 'browse-cursor' || call.mode === 'get-cursor') return underCursor(state, call.handle)
  if (call.isBrowse) {
    const cursor = call.handle.cursor as Cursor // a handle open for browse has one
    if (call.mode === 'browse-first') Object.assign(cursor, cursorAtStart())
    return scan(state, queue, call, { ...cursor })
  }
  if (!call.takesAny) return scan(state, queue, call, { ...(passedBefore(call) ?? cursorAtStart()) })
  for (;;) {
    const slot = queue.firstAvailable()
    if (slot === none || !isExpired(state, slot)) return slot
    expire(state, queue, slot)
  }
}

function underCursor(state: CoreState, handle: Handle): number {
  const cursor = handle.cursor
  if (cursor === null || !cursor.isOnMessage || cursor.slot === none) return none
  return state.table.standing(cursor.slot) === standings.available && !isExpired(state, cursor.slot) ? cursor.slot : none
}

/** How far earlier gets through the same selector came: they need not look at those messages again. */
const passedBefore = (call: GetCall): Cursor | null => (call.isBrowse || call.messageId !== null || call.correlationId !== null ? null : call.handle.passed)

/** Goes on from `from` to the next message that suits. When it must rest, `call.scan` says where it goes on. */
export function scan(state: CoreState, queue: Queue, call: GetCall, from: Cursor): number | 'later' {
  const table = state.table
  let budget = scanBudget
  let list = from.priority
  let passed = from.slot
  const readCost = call.selector === null ? 0 : scanReadCost
  const memory = passedBefore(call)
  for (;;) {
    let slot = passed === none ? queue.hint(list) : table.next(passed)
    while (slot !== none) {
      if (budget < 0) {
        call.scan = { priority: list, slot: passed, isOnMessage: false }
        remember(memory, list, passed)
        return 'later'
      }
      const next = table.next(slot)
      if (table.standing(slot) === standings.available) {
        if (isExpired(state, slot)) {
          expire(state, queue, slot)
          slot = next
          budget -= scanReadCost
          continue
        }
        if (call.takesAny || accepts(state, call, slot)) {
          remember(memory, list, passed)
          return slot
        }
        budget -= readCost
      }
      budget--
      passed = slot
      slot = next
    }
    if (list === 0) {
      remember(memory, list, passed)
      return none
    }
    list--
    passed = none
  }
}

function remember(memory: Cursor | null, list: number, passed: number): void {
  if (memory === null) return
  memory.priority = list
  memory.slot = passed
}

/** The message has the ids asked for, and the selector says yes. Hashes first, then the head itself. */
export function accepts(state: CoreState, call: GetCall, slot: number): boolean {
  if (call.messageId !== null && state.table.messageIdHash(slot) !== call.messageIdHash) return false
  if (call.correlationId !== null && state.table.correlationIdHash(slot) !== call.correlationIdHash) return false
  if (call.takesAny) return true
  const head = state.heads.of(state, slot)
  // A damaged message is let through: the getter is told 2101 rather than that there is nothing.
  if (head === null) return true
  if (call.messageId !== null && !call.messageId.equals(head.descriptor.messageId)) return false
  if (call.correlationId !== null && !call.correlationId.equals(head.descriptor.correlationId)) return false
  return call.selector === null || matches(call.selector, head.descriptor, head.properties)
}

/** Goes on with a scan that rested. */
export function resumeScan(state: CoreState, call: GetCall): void {
  const queue = call.handle.queue
  const cursor = call.scan
  if (queue === null || cursor === null || call.isDone) {
    state.scanning.delete(call)
    return
  }
  queue.cursors.delete(cursor)
  const found = scan(state, queue, call, cursor)
  if (found === 'later') {
    if (call.scan !== null) queue.cursors.add(call.scan)
    return
  }
  state.scanning.delete(call)
  call.scan = null
  if (found !== none) {
    endWait(state, call)
    deliver(state, queue, call, found)
  } else if (call.deadline <= state.clock.now()) {
    endWait(state, call)
    state.answer(call.connection.id, call.token, nothing(reasons.noMessageAvailable))
  } else if (call.deadline !== Infinity) state.waits.add(call)
}

/** Hands the message of `slot` to the call, and does with it what its mode says. */
export function deliver(state: CoreState, queue: Queue, call: GetCall, slot: number): void {
  const stored = readMessage(state, slot)
  const head = stored === null ? null : headNow(state, slot, stored)
  const { connection, token } = call
  if (stored === null || head === null) {
    if (call.isBrowse) moveCursor(state, call.handle, slot)
    state.answer(connection.id, token, nothing(reasons.objectDamaged))
    return
  }
  const isTooLong = stored.body.length > call.bytesMax
  const body = isTooLong ? stored.body.subarray(0, call.bytesMax) : stored.body
  const stays = isTooLong && !call.acceptTruncated
  const reason = stays ? reasons.truncatedMessageFailed : isTooLong ? reasons.truncatedMessageAccepted : reasons.none
  const answer: Answer = {
    kind: 'get',
    completion: isTooLong ? 1 : 0,
    reason,
    message: { descriptor: head.descriptor, properties: head.properties, body },
    bodyBytes: stored.body.length,
    delivery: call.mode === 'lock' && !stays ? (connection.nextId++ as DeliveryId) : null
  }
  if (stays) {
    state.answer(connection.id, token, answer)
    return
  }
  queue.lastGetMs = state.clock.wallMs()
  connection.gets++
  if (call.isBrowse) {
    moveCursor(state, call.handle, slot)
    state.answer(connection.id, token, answer)
  } else if (answer.delivery !== null) {
    state.table.setStanding(slot, standings.locked)
    queue.uncommitted++
    connection.deliveries.set(answer.delivery, { slot, order: state.table.order(slot) })
    state.answer(connection.id, token, answer)
  } else if (call.unit !== null) {
    lockInUnit(state, queue, slot, call.unit)
    if (wantsDeliveryReport(head)) reportDelivery(state, head, stored.body, call.unit)
    state.answer(connection.id, token, answer)
  } else if (wantsDeliveryReport(head)) {
    // The report and the removal are true together.
    const unit = ownUnit(state)
    lockInUnit(state, queue, slot, unit)
    reportDelivery(state, head, stored.body, unit)
    commitUnit(state, unit, null, connection.id, token, answer)
  } else remove(state, queue, slot, connection.id, token, answer)
}

/** The message goes at once; if it is persistent, the answer waits until that is durable. */
export function remove(state: CoreState, queue: Queue, slot: number, connection: ConnectionId, token: Token, answer: Answer): void {
  const place = state.table.place(slot)
  if (state.table.isPersistent(slot)) {
    state.appendReserved({ kind: 'remove', place })
    state.wait({ end: state.firmEnd, kind: 'gone', slot: 0, order: 0, unit: null, place, connection, token, answer })
  } else {
    state.spool.release(place)
    state.answer(connection, token, answer)
  }
  forget(state, queue, slot)
}

/** A browse that failed for want of room does not come here: its cursor stays where it was. */
function moveCursor(state: CoreState, handle: Handle, slot: number): void {
  const cursor = handle.cursor
  if (cursor === null) return
  cursor.priority = state.table.priority(slot)
  cursor.slot = slot
  cursor.isOnMessage = true
}
