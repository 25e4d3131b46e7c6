/**
 * A unit of work: what was put and got since its begin, to be made true or undone as a whole.
 *
 * A unit in which only messages that are not persistent moved never touches the log. The first persistent one gives it a
 * number, and from its record on it pins the log until it ends.
 */

import type { Connection } from './connection.js'
import type { UnitId } from './engine.js'
import type { Lsn } from './journal.js'
import type { Retained } from './retained-publications.js'

export class Unit {
  readonly id: UnitId
  /** null for units of our own: publications, reports, dead letters. */
  readonly connection: Connection | null
  readonly startedMs: number
  /** Number in the log; 0 while nothing persistent happened in it. */
  number = 0
  firstLsn: Lsn | null = null
  /** Slots and orders of messages put and got: the order tells whether the slot still holds that message. */
  readonly puts: number[] = []
  readonly putOrders: number[] = []
  readonly gets: number[] = []
  readonly getOrders: number[] = []
  /** Retained publications that take effect at the commit. */
  readonly publications: Retained[] = []
  /** `undone`: backed out because the log needed the space; its owner has not heard of it yet. */
  standing: 'open' | 'undone' | 'ended' = 'open'

  constructor(id: UnitId, connection: Connection | null, startedMs: number) {
    this.id = id
    this.connection = connection
    this.startedMs = startedMs
  }

  get operations(): number {
    return this.puts.length + this.gets.length
  }

  notePut(slot: number, order: number): void {
    this.puts.push(slot)
    this.putOrders.push(order)
  }

  noteGet(slot: number, order: number): void {
    this.gets.push(slot)
    this.getOrders.push(order)
  }
}
