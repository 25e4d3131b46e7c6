/** Expired messages. */
import type { CoreState } from './core-state.js'
import { takeAway } from './messages.js'
import type { Queue } from './queue.js'

export function expire(state: CoreState, queue: Queue, slot: number): void {
  if (state.table.isPersistent(slot)) state.appendReserved({ kind: 'remove', place: state.table.place(slot) }, true)
  takeAway(state, queue, slot)
}

export function scanForExpired(state: CoreState): void {
  state.expiryScanAt = Infinity
}
