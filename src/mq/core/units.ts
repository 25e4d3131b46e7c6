/**
 * Begin, commit and backout.
 *
 * A commit with nothing persistent in it is true at once. Any other is true when its record is forced; until then the
 * unit's puts stay invisible and its gets stay locked, so a crash in between is a backout and nobody saw anything else.
 *
 * Source: reference sections 4.6, 5.6.
 */

import type { Connection } from './connection.js'
import type { CoreState } from './core-state.js'
import type { Answer, ConnectionId, Token, UnitId } from './engine.js'
import type { Origin, UnitNumber } from './journal.js'
import { giveBack, makeVisible, takeAway } from './messages.js'
import { retain } from './retained-publications.js'
import { reasons, type Reason } from './reason.js'
import { Unit } from './unit-of-work.js'
import { refuseWait } from './waiters.js'

/** A unit of ours, which its maker commits before the call ends. */
export const ownUnit = (state: CoreState): Unit => new Unit(0 as UnitId, null, state.clock.wallMs())

/** Commits, and answers when that is durable. `connection` null: nobody waits. */
export function commitUnit(state: CoreState, unit: Unit, origin: Origin | null, connection: ConnectionId | null, token: Token, answer: Answer | null): void {
  endUnit(state, unit)
  if (origin !== null) state.producers.stored(origin)
  if (unit.number === 0) {
    applyCommit(state, unit)
    if (connection !== null && answer !== null) state.answer(connection, token, answer)
    return
  }
  state.appendReserved({ kind: 'commit', unit: unit.number, origin })
  state.logged.delete(unit)
  state.wait({ end: state.firmEnd, kind: 'commit', slot: 0, order: 0, unit, place: null, connection, token, answer })
}

/** The commit is durable: gets are gone, puts are seen. */
export function applyCommit(state: CoreState, unit: Unit): void {
  const table = state.table
  for (let index = 0; index < unit.gets.length; index++) {
    const slot = unit.gets[index] as number
    if (!table.isStill(slot, unit.getOrders[index] as number)) continue
    const queue = state.queueOf(slot)
    queue.uncommitted--
    const place = table.place(slot)
    if (table.isPersistent(slot)) state.journal.release(place)
    else state.spool.release(place)
    queue.unlink(slot)
    table.free(slot)
  }
  for (let index = 0; index < unit.puts.length; index++) {
    const slot = unit.puts[index] as number
    if (!table.isStill(slot, unit.putOrders[index] as number)) continue
    const queue = state.queueOf(slot)
    queue.uncommitted--
    makeVisible(state, queue, slot)
  }
  for (const publication of unit.publications) retain(state, publication)
}

/** Drops puts, gives gets back to their places, one backout richer. */
export function undoUnit(state: CoreState, unit: Unit): void {
  endUnit(state, unit)
  undoWork(state, unit)
}

function undoWork(state: CoreState, unit: Unit): void {
  // The record is lazy: without it a restart comes to the same end.
  if (unit.number !== 0) state.appendReserved({ kind: 'backout', unit: unit.number }, true)
  state.logged.delete(unit)
  const table = state.table
  for (let index = 0; index < unit.puts.length; index++) {
    const slot = unit.puts[index] as number
    if (!table.isStill(slot, unit.putOrders[index] as number)) continue
    const queue = state.queueOf(slot)
    queue.uncommitted--
    takeAway(state, queue, slot)
  }
  for (let index = 0; index < unit.gets.length; index++) {
    const slot = unit.gets[index] as number
    if (table.isStill(slot, unit.getOrders[index] as number)) giveBack(state, state.queueOf(slot), slot, true)
  }
  unit.puts.length = 0
  unit.gets.length = 0
  unit.publications.length = 0
}

/** The unit of this number in the log is backed out, as `undoOldest` does. False when it is not open. */
export function undoNumbered(state: CoreState, number: UnitNumber): boolean {
  for (const unit of state.logged) {
    if (unit.number !== number) continue
    spoilUnit(state, unit)
    return true
  }
  return false
}

/** The oldest unit that pins the log is backed out; its owner hears 2003 at its next call. False when there is none. */
export function undoOldest(state: CoreState): boolean {
  for (const unit of state.logged) {
    spoilUnit(state, unit)
    return true
  }
  return false
}

/** Backs a unit out without its owner's asking; it stays with the connection until the owner hears 2003. */
export function spoilUnit(state: CoreState, unit: Unit): void {
  endUnit(state, unit, reasons.backedOut)
  undoWork(state, unit)
  unit.standing = 'undone'
  unit.connection?.units.set(unit.id, unit)
}

export function beginUnit(state: CoreState, connection: Connection): Unit {
  const unit = new Unit(state.nextUnitId++ as UnitId, connection, state.clock.wallMs())
  connection.units.set(unit.id, unit)
  return unit
}

/** The unit is no more its connection's; gets that wait in it end with 2033, since a message would come too late. */
export function endUnit(state: CoreState, unit: Unit, reason: Reason = reasons.noMessageAvailable): void {
  if (unit.connection !== null) {
    for (const call of unit.connection.waits.values()) if (call.unit === unit) refuseWait(state, call, reason)
  }
  unit.standing = 'ended'
  unit.connection?.units.delete(unit.id)
}
