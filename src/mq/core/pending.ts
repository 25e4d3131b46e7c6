/**
 * What waits for the log to be forced, in log order.
 *
 * One entry for each record that somebody waits for, oldest first: since records are appended in order, everything that
 * became durable is at the front.
 */

import type { Answer, ConnectionId, Token } from './engine.js'
import type { Place } from './journal.js'
import type { Unit } from './unit-of-work.js'

export interface Pending {
  /** Durable when the log is forced up to here. */
  readonly end: number
  /**
   * `put`: the message becomes visible. `commit`: the unit's work becomes true. `gone`: the place is released.
   * `answer`: there is only an answer to give.
   */
  readonly kind: 'put' | 'commit' | 'gone' | 'answer'
  readonly slot: number
  readonly order: number
  readonly unit: Unit | null
  readonly place: Place | null
  readonly connection: ConnectionId | null
  readonly token: Token
  readonly answer: Answer | null
}

export class PendingWork {
  #entries: Pending[] = []
  #first = 0

  get length(): number {
    return this.#entries.length - this.#first
  }

  /** `end` is never before that of the entry pushed last. */
  push(entry: Pending): void {
    this.#entries.push(entry)
  }

  /** The next entry that is durable, taken out, or null. */
  take(forced: number): Pending | null {
    const entry = this.#entries[this.#first]
    if (entry === undefined || entry.end > forced) return null
    this.#first++
    if (this.#first === this.#entries.length) {
      this.#entries.length = 0
      this.#first = 0
    } else if (this.#first >= 4_096 && this.#first * 2 >= this.#entries.length) {
      // Taken entries are dropped in lumps, so that each is moved at most once on average.
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
    return entry
  }
}
