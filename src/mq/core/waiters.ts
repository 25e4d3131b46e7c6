/**
 * Gets that wait for a message. The longest waiting that suits gets it; browses see it as well.
 *
 * A wait ends once: by a message, its deadline, a cancel, an inhibition, or the end of its handle or connection.
 */

import type { ConnectionId, Token } from './engine.js'
import type { CoreState } from './core-state.js'
import { expire } from './expiry.js'
import type { GetCall } from './get-call.js'
import { accepts, deliver } from './get.js'
import { isExpired } from './messages.js'
import { standings } from './message-table.js'
import type { Cursor, Queue } from './queue.js'
import { reasons, type Reason } from './reason.js'
import { nothing } from './results.js'

export function beginWait(state: CoreState, queue: Queue, call: GetCall): void {
  queue.waiting.add(call)
  call.handle.calls.add(call)
  call.connection.waits.set(call.token, call)
  if (call.scan !== null) queue.cursors.add(call.scan)
  else if (call.deadline !== Infinity) state.waits.add(call)
}

export function endWait(state: CoreState, call: GetCall): void {
  call.isDone = true
  const queue = call.handle.queue
  queue?.waiting.delete(call)
  if (call.scan !== null) queue?.cursors.delete(call.scan)
  call.scan = null
  state.scanning.delete(call)
  state.waits.remove(call)
  call.handle.calls.delete(call)
  call.connection.waits.delete(call.token)
}

export function refuseWait(state: CoreState, call: GetCall, reason: Reason): void {
  endWait(state, call)
  state.answer(call.connection.id, call.token, nothing(reason))
}

/** Ends the waits of a queue: 2016, 2052. */
export function refuseWaits(state: CoreState, queue: Queue, reason: Reason): void {
  for (const call of queue.waiting) refuseWait(state, call, reason)
}

export function cancelWait(state: CoreState, connection: ConnectionId, token: Token): void {
  const call = state.connections.get(connection)?.waits.get(token)
  if (call !== undefined) refuseWait(state, call, reasons.noMessageAvailable)
}

/** A message has become available: whoever waits for it gets it. */
export function offer(state: CoreState, queue: Queue, slot: number): void {
  if (isExpired(state, slot)) {
    expire(state, queue, slot)
    return
  }
  for (const call of queue.waiting) {
    if (call.scan !== null) {
      if (queue.isBehind(call.scan, slot)) queue.stepBefore(call.scan, slot)
      continue
    }
    if (call.isBrowse) {
      const cursor = call.handle.cursor as Cursor // a handle open for browse has one
      if (queue.isBehind(cursor, slot) || !accepts(state, call, slot)) continue
      endWait(state, call)
      deliver(state, queue, call, slot)
      continue
    }
    if (!accepts(state, call, slot)) continue
    endWait(state, call)
    deliver(state, queue, call, slot)
    if (state.table.standing(slot) !== standings.available) return
  }
}

/** Ends the waits whose time is over. */
export function endOverdueWaits(state: CoreState): void {
  const now = state.clock.now()
  for (let call = state.waits.first; call !== undefined && call.deadline <= now; call = state.waits.first) {
    refuseWait(state, call, reasons.noMessageAvailable)
  }
}
