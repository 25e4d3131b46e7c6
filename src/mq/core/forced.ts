/** The log is durable further than before: what waited becomes true, in log order, and is answered. */

import { unreachable } from '../../base/invariant.js'
import type { CoreState } from './core-state.js'
import { makeVisible } from './messages.js'
import { applyCommit } from './units.js'

export function onForced(state: CoreState): void {
  if (state.failure !== null) return
  const { table, pending, releases, journal } = state
  for (let entry = releases.take(journal.forced); entry !== null; entry = releases.take(journal.forced)) {
    if (entry.place !== null) journal.release(entry.place)
  }
  for (let entry = pending.take(journal.forced); entry !== null; entry = pending.take(journal.forced)) {
    switch (entry.kind) {
      case 'put':
        if (table.isStill(entry.slot, entry.order)) makeVisible(state, state.queueOf(entry.slot), entry.slot)
        break
      case 'commit':
        if (entry.unit !== null) applyCommit(state, entry.unit)
        break
      case 'gone':
        if (entry.place !== null) journal.release(entry.place)
        break
      case 'answer':
        break
      default:
        unreachable(entry.kind)
    }
    if (entry.answer !== null && entry.connection !== null) state.answer(entry.connection, entry.token, entry.answer)
  }
}
