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
    // The log moves what it holds alive, and tells us in the same turn: no record before this one has removed the message, and
    // none after it names the old place. A slot that is not there, or stands for another place, is left alone all the same:
    // a wrong place would give a message the body of another.
    if (slot !== none && state.table.place(slot).lsn === from.lsn) state.table.setPlace(slot, to)
  }
}
