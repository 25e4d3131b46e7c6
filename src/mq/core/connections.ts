/** Connections come and go, each leaving nothing behind. */

import { Connection } from './connection.js'
import type { CoreState } from './core-state.js'
import type { ConnectionId, ConnectOptions, Result } from './engine.js'
import { uniqueSuffix } from './names.js'
import { closeHandle } from './open.js'
import { reasons, type Reason } from './reason.js'
import { ok, refused } from './results.js'
import { abandon } from './settle.js'
import { commitUnit, endUnit, undoUnit } from './units.js'
import { refuseWait } from './waiters.js'

export function connect(state: CoreState, options: ConnectOptions): Result<ConnectionId> {
  if (state.phase === 'stopping') return refused(reasons.queueManagerStopping)
  if (state.phase === 'quiescing') return refused(reasons.queueManagerQuiescing)
  state.keptFingers.clear()
  const id = state.nextConnection++ as ConnectionId
  state.connections.set(id, new Connection(id, uniqueSuffix(state.epoch, id), options, state.clock.wallMs()))
  return ok(id)
}

/** `orderly` commits open units of work, `broken` backs them out; deliveries not settled are abandoned either way. */
export function disconnect(state: CoreState, id: ConnectionId, how: 'orderly' | 'broken'): void {
  const connection = state.connections.get(id)
  if (connection === undefined) return
  state.connections.delete(id)
  for (const call of connection.waits.values()) refuseWait(state, call, reasons.connectionBroken)
  for (const unit of connection.units.values()) {
    if (unit.standing === 'undone') endUnit(state, unit)
    else if (how === 'orderly') commitUnit(state, unit, null, null, 0, null)
    else undoUnit(state, unit)
  }
  abandon(state, connection, [...connection.deliveries.keys()])
  for (const handle of connection.handles.values()) closeHandle(state, handle)
}

/** Ends a connection without its asking; its units are backed out at once and it is told to go. */
export function endConnection(state: CoreState, connection: Connection, reason: Reason): void {
  disconnect(state, connection.id, 'broken')
  state.events.push({ kind: 'end', connection: connection.id, reason })
}

/** `quiesce`: what is open may be finished. `stop`: every connection is ended now. */
export function endQueueManager(state: CoreState, mode: 'quiesce' | 'stop'): void {
  if (state.phase === 'stopping' || (mode === 'quiesce' && state.phase === 'quiescing')) return
  state.phase = mode === 'stop' ? 'stopping' : 'quiescing'
  for (const connection of state.connections.values()) {
    if (mode === 'stop') endConnection(state, connection, reasons.queueManagerStopping)
    else {
      for (const call of connection.waits.values()) refuseWait(state, call, reasons.queueManagerQuiescing)
      state.events.push({ kind: 'quiesce', connection: connection.id })
    }
  }
}
