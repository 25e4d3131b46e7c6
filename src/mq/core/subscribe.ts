/** Subscriptions. */
import type { Handle } from './connection.js'
import type { CoreState } from './core-state.js'
import type { ConnectionId, Result, Subscribed, SubscribeRequest } from './engine.js'
import { reasons } from './reason.js'
import { refused } from './results.js'

export function detach(state: CoreState, handle: Handle): void {
  void [state, handle]
}

export function subscribe(state: CoreState, connection: ConnectionId, request: SubscribeRequest): Result<Subscribed> {
  void [state, connection, request]
  return refused(reasons.functionNotSupported)
}

export function unsubscribe(state: CoreState, connection: ConnectionId, durableName: string): Result<null> {
  void [state, connection, durableName]
  return refused(reasons.functionNotSupported)
}
