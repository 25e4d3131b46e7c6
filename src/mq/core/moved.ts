/** The log has written live messages again somewhere else; the table follows. */

import type { CoreState } from './core-state.js'
import type { Move } from './journal.js'
import { none } from './message-table.js'

/**
 * Moves come by growing position of their old records, so within one list of one queue usually by growing order: the
 * search goes on where the one before ended, and a batch costs one walk at most.
 */
export function onMoved(state: CoreState, moves: readonly Move[]): void {
  for (const { entry, from, to } of moves) {
    const queue = state.queuesByNumber.get(entry.queue)
    const slot = queue === undefined ? none : queue.find(entry.priority, entry.order)
    // It may have been got since; then its removal names the old place, which the log knows how to follow.
    if (slot !== none && state.table.place(slot).lsn === from.lsn) state.table.setPlace(slot, to)
  }
}
