/** The head read last: several waiting selectors look at the same new message one after the other. */

import type { CoreState } from './core-state.js'
import type { Head } from './head.js'
import { headNow, readMessage } from './messages.js'

export class HeadCache {
  #order = -1
  #head: Head | null = null

  /** null when the record is damaged. Expiry and backout count are those of the reading. */
  of(state: CoreState, slot: number): Head | null {
    const order = state.table.order(slot)
    if (order === this.#order && this.#head !== null) return this.#head
    const stored = readMessage(state, slot)
    this.#order = order
    this.#head = stored === null ? null : headNow(state, slot, stored)
    return this.#head
  }
}
