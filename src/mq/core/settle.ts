/** The end of locks of delivered messages: accepted, released, rejected, abandoned. Nothing is settled when one of them is unknown. */

import type { Connection, Delivery } from './connection.js'
import type { CoreState } from './core-state.js'
import { reject } from './dead-letter.js'
import type { ConnectionId, DeliveryId, SettleVerdict, Token, UnitId } from './engine.js'
import { reportDelivery, wantsDeliveryReport } from './reports.js'
import { flags } from './message-table.js'
import { giveBack, headNow, noteGet, putBack, readMessage, takeAway } from './messages.js'
import type { Queue } from './queue.js'
import { reasons, type Reason } from './reason.js'
import { done } from './results.js'
import type { Unit } from './unit-of-work.js'
import { commitUnit, ownUnit } from './units.js'


export function settle(
  state: CoreState,
  connectionId: ConnectionId,
  deliveries: readonly DeliveryId[],
  verdict: SettleVerdict,
  unitId: UnitId | null,
  token: Token
): void {
  const connection = state.connections.get(connectionId)
  const unit = unitId === null ? null : connection?.units.get(unitId)
  const refusal = refusalOfSettle(state, connection, deliveries, verdict, unit)
  if (refusal !== reasons.none || connection === undefined || unit === undefined) {
    state.answer(connectionId, token, done(refusal))
    return
  }
  if (verdict === 'abandon') {
    abandon(state, connection, deliveries)
    state.answer(connectionId, token, done(reasons.none))
    return
  }
  let isDurableWork = false
  for (const id of deliveries) {
    const delivery = connection.deliveries.get(id)
    connection.deliveries.delete(id)
    if (verdict !== 'unseen' && id > connection.settledLast) connection.settledLast = id
    // The queue may be gone with its messages; then there is nothing left to settle.
    if (delivery === undefined || !state.table.isStill(delivery.slot, delivery.order)) continue
    if (verdict === 'accept') isDurableWork = accept(state, delivery, unit) || isDurableWork
    else if (verdict === 'unseen') putBack(state, state.queueOf(delivery.slot), delivery.slot)
    else if (verdict === 'release') giveBack(state, state.queueOf(delivery.slot), delivery.slot, false)
    else isDurableWork = reject(state, state.queueOf(delivery.slot), delivery.slot) || isDurableWork
  }
  if (isDurableWork) state.answerWhenForced(connectionId, token, done(reasons.none))
  else state.answer(connectionId, token, done(reasons.none))
}

/**
 * Gives deliveries back that their program has left without a word; their ids in the order of delivery.
 *
 * Programs take messages in the order in which they came. So it has looked at those before the last one it settled, and at
 * the next one of each queue: that may be what broke it. These come back one backout richer, so that a message that breaks
 * every program reaches BOTHRESH. What only lay prefetched behind them comes back as it was, or a lost network would
 * make poison of messages that nobody has tried.
 */
export function abandon(state: CoreState, connection: Connection, deliveries: readonly DeliveryId[]): void {
  const tried = new Set<Queue>()
  for (const id of deliveries) {
    const delivery = connection.deliveries.get(id)
    connection.deliveries.delete(id)
    if (delivery === undefined || !state.table.isStill(delivery.slot, delivery.order)) continue
    const queue = state.queueOf(delivery.slot)
    if (id > connection.settledLast && tried.has(queue)) {
      putBack(state, queue, delivery.slot)
      continue
    }
    if (id > connection.settledLast) tried.add(queue)
    giveBack(state, queue, delivery.slot, false)
  }
}

function refusalOfSettle(
  state: CoreState,
  connection: Connection | undefined,
  deliveries: readonly DeliveryId[],
  verdict: SettleVerdict,
  unit: Unit | null | undefined
): Reason {
  if (connection === undefined) return state.phase === 'stopping' ? reasons.queueManagerStopping : reasons.connectionHandleError
  if (unit === undefined || unit?.standing === 'undone') return reasons.backedOut
  if (unit !== null && verdict !== 'accept') return reasons.optionsError
  if (unit !== null && unit.operations + deliveries.length > state.catalog.limits.uncommittedMax) return reasons.syncpointLimitReached
  if (new Set(deliveries).size !== deliveries.length) return reasons.objectHandleError
  return deliveries.every(id => connection.deliveries.has(id)) ? reasons.none : reasons.objectHandleError
}

/** True when the answer must wait for the log. */
function accept(state: CoreState, delivery: Delivery, unit: Unit | null): boolean {
  const { slot } = delivery
  const table = state.table
  const queue = state.queueOf(slot)
  const reporting = (table.flags(slot) & flags.mayReport) !== 0
  const stored = reporting ? readMessage(state, slot) : null
  const head = stored === null ? null : headNow(state, slot, stored)
  if (stored !== null && head !== null && wantsDeliveryReport(head)) {
    const into = unit ?? ownUnit(state)
    noteGet(state, slot, into)
    reportDelivery(state, head, stored.body, into)
    if (unit === null) commitUnit(state, into, null, null, 0, null)
    return unit === null && into.number !== 0
  }
  if (unit !== null) {
    noteGet(state, slot, unit)
    return false
  }
  const isPersistent = table.isPersistent(slot)
  if (isPersistent) state.appendReserved({ kind: 'remove', place: table.place(slot) })
  queue.uncommitted--
  takeAway(state, queue, slot)
  return isPersistent
}
