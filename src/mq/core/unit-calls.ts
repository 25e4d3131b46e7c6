/** Begin, commit and backout as connections call them. */

import type { CoreState } from './core-state.js'
import type { ConnectionId, Result, Token, UnitId } from './engine.js'
import type { Origin } from './journal.js'
import { reasons } from './reason.js'
import { done, ok, refused } from './results.js'
import { beginUnit, commitUnit, endUnit, undoUnit } from './units.js'

const gone = (state: CoreState): number => (state.phase === 'stopping' ? reasons.queueManagerStopping : reasons.connectionHandleError)

export function begin(state: CoreState, id: ConnectionId): Result<UnitId> {
  const connection = state.connections.get(id)
  if (connection === undefined) return refused(gone(state))
  if (state.phase !== 'running') return refused(reasons.queueManagerQuiescing)
  return ok(beginUnit(state, connection).id)
}

export function commit(state: CoreState, id: ConnectionId, unitId: UnitId, origin: Origin | null, token: Token): void {
  const connection = state.connections.get(id)
  if (connection === undefined) {
    state.answer(id, token, done(gone(state)))
    return
  }
  const unit = connection.units.get(unitId)
  if (origin !== null && state.producers.isRepetition(origin)) {
    // The unit was committed before the connection broke; what was put again since is dropped.
    if (unit?.standing === 'undone') endUnit(state, unit)
    else if (unit !== undefined) undoUnit(state, unit)
    state.answerWhenForced(id, token, done(reasons.none))
  } else if (unit === undefined || unit.standing === 'undone' || (origin !== null && state.producers.isRefused(origin))) {
    // An unknown unit was backed out with the connection or queue manager it belonged to. Its owner, who asked over a new
    // connection, is told so; should the commit come late over the old one, it must not take place any more.
    if (unit?.standing === 'undone') endUnit(state, unit)
    else if (unit !== undefined) undoUnit(state, unit)
    if (origin !== null) state.producers.refused(origin)
    state.answer(id, token, done(reasons.backedOut))
  } else commitUnit(state, unit, origin, id, token, done(reasons.none))
}

export function backout(state: CoreState, id: ConnectionId, unitId: UnitId, token: Token): void {
  const connection = state.connections.get(id)
  const unit = connection?.units.get(unitId)
  if (unit?.standing === 'undone') endUnit(state, unit)
  else if (unit !== undefined) undoUnit(state, unit)
  state.answer(id, token, done(connection === undefined ? gone(state) : reasons.none))
}
