/**
 * One local queue: the order of its messages, how many there are, who has it open, and what its definition allows.
 *
 * Messages stand in ten lists, one for each priority, in the order in which they were put, whatever became of them since;
 * so a message that comes back after a backout stands where it stood. Gets take the first available of the highest list.
 * Each list has a hint: everything before it is unavailable, so a hundred thousand locked messages are not walked twice.
 *
 * Invariants
 *  1. Within a list `order` grows from head to tail.
 *  2. No available message stands before the hint of its list; a hint of `none` says there is no available message.
 *  3. `depth` counts every message in the lists, uncommitted and locked ones too.
 *
 * Source: reference sections 3.4, 4.4. FIFO queues use the list of DEFPRTY alone.
 */

import { invariant } from '../../base/invariant.js'
import { numberOf, textOf, type ObjectDefinition } from './definition.js'
import type { GetCall } from './get-call.js'
import type { Handle } from './connection.js'
import { none, standings, type MessageTable } from './message-table.js'

export const priorities = 10

/** A place between two messages: everything up to and including `slot` of the list, and the lists above, lies behind it. */
export interface Cursor {
  priority: number
  slot: number
  /** The message it was moved to still stands there. */
  isOnMessage: boolean
}

export const cursorAtStart = (): Cursor => ({ priority: priorities - 1, slot: none, isOnMessage: false })

export class Queue {
  readonly name: string
  readonly number: number
  definition: ObjectDefinition
  /** A temporary dynamic queue: nothing of it is in the log. */
  readonly isTemporary: boolean
  isDeleted = false

  isPutInhibited = false
  isGetInhibited = false
  isShareable = true
  isExclusiveByDefault = false
  isFifo = false
  isTransmission = false
  keepsNonpersistent = false
  depthMax = 5000
  messageBytesMax = 4_194_304
  defaultPriority = 0
  defaultPersistence: 0 | 1 = 0

  depth = 0
  /** Put or got in units of work that are not ended. */
  uncommitted = 0
  openInput = 0
  openOutput = 0
  isHeldExclusively = false
  lastPutMs: number | null = null
  lastGetMs: number | null = null
  /** No message expires before; wall-clock milliseconds. */
  earliestExpiry = Infinity

  readonly handles = new Set<Handle>()
  /** Gets that wait, the longest waiting first. */
  readonly waiting = new Set<GetCall>()
  /** Cursors that must step back when the message they stand on goes. */
  readonly cursors = new Set<Cursor>()
  /** Cursors that must step back when a message behind them becomes available. */
  readonly passed = new Set<Cursor>()

  readonly #table: MessageTable
  readonly #heads = new Int32Array(priorities).fill(none)
  readonly #tails = new Int32Array(priorities).fill(none)
  #finger = { slot: none, order: -1 }
  readonly #hints = new Int32Array(priorities).fill(none)

  constructor(table: MessageTable, number: number, definition: ObjectDefinition, isTemporary: boolean) {
    this.#table = table
    this.number = number
    this.name = definition.name
    this.isTemporary = isTemporary
    this.definition = definition
    this.redefine(definition)
  }

  /** Takes over the attributes; messages stay where they are. */
  redefine(definition: ObjectDefinition): void {
    this.definition = definition
    this.isPutInhibited = textOf(definition, 'PUT') === 'DISABLED'
    this.isGetInhibited = textOf(definition, 'GET') === 'DISABLED'
    this.isShareable = textOf(definition, 'SHARE') !== 'NO'
    this.isExclusiveByDefault = textOf(definition, 'DEFSOPT') === 'EXCL'
    this.isFifo = textOf(definition, 'MSGDLVSQ') === 'FIFO'
    this.isTransmission = textOf(definition, 'USAGE') === 'XMITQ'
    this.keepsNonpersistent = textOf(definition, 'NPMCLASS') === 'HIGH'
    this.depthMax = numberOf(definition, 'MAXDEPTH', 5000)
    this.messageBytesMax = numberOf(definition, 'MAXMSGL', 4_194_304)
    this.defaultPriority = Math.min(9, Math.max(0, numberOf(definition, 'DEFPRTY', 0)))
    this.defaultPersistence = textOf(definition, 'DEFPSIST') === 'YES' ? 1 : 0
  }

  /** The list a message of this priority goes to. */
  listOf(priority: number): number {
    return this.isFifo ? this.defaultPriority : priority
  }

  /** Adds a message at the end of the list of its priority; its fields are set. */
  append(slot: number): void {
    const table = this.#table
    const list = table.priority(slot)
    const tail = this.#tails[list] as number
    table.setPrevious(slot, tail)
    table.setNext(slot, none)
    if (tail === none) this.#heads[list] = slot
    else table.setNext(tail, slot)
    this.#tails[list] = slot
    this.#counted(slot)
  }

  /** Adds a message at its place in the order, looking from `after`; returns the slot to look from for the next one. */
  insert(slot: number, after: number): number {
    const table = this.#table
    const list = table.priority(slot)
    const order = table.order(slot)
    let before = after !== none && table.priority(after) === list && table.order(after) < order ? after : none
    let next = before === none ? (this.#heads[list] as number) : table.next(before)
    while (next !== none && table.order(next) < order) {
      before = next
      next = table.next(next)
    }
    table.setPrevious(slot, before)
    table.setNext(slot, next)
    if (before === none) this.#heads[list] = slot
    else table.setNext(before, slot)
    if (next === none) this.#tails[list] = slot
    else table.setPrevious(next, slot)
    this.#counted(slot)
    return slot
  }

  /** Takes a message out of its list; the slot is the caller's to free. */
  unlink(slot: number): void {
    const table = this.#table
    const list = table.priority(slot)
    const previous = table.previous(slot)
    const next = table.next(slot)
    if (previous === none) this.#heads[list] = next
    else table.setNext(previous, next)
    if (next === none) this.#tails[list] = previous
    else table.setPrevious(next, previous)
    if (this.#hints[list] === slot) this.#hints[list] = next
    if (this.cursors.size > 0) {
      for (const cursor of this.cursors) {
        if (cursor.slot !== slot) continue
        cursor.slot = previous
        cursor.isOnMessage = false
      }
    }
    this.depth--
    invariant(this.depth >= 0, 'a queue holds no fewer than no messages')
    if (this.depth === 0) this.earliestExpiry = Infinity
  }

  /** The message stands in its list and may be had from now on. */
  becomeAvailable(slot: number): void {
    const table = this.#table
    const list = table.priority(slot)
    table.setStanding(slot, standings.available)
    const hint = this.#hints[list] as number
    if (hint === none || table.order(slot) < table.order(hint)) this.#hints[list] = slot
    if (this.passed.size > 0) for (const cursor of this.passed) if (this.isBehind(cursor, slot)) this.stepBefore(cursor, slot)
  }

  /** The cursor has passed the place of the message already. */
  isBehind(cursor: Cursor, slot: number): boolean {
    const list = this.#table.priority(slot)
    if (list !== cursor.priority) return list > cursor.priority
    return cursor.slot !== none && this.#table.order(slot) <= this.#table.order(cursor.slot)
  }

  stepBefore(cursor: Cursor, slot: number): void {
    cursor.priority = this.#table.priority(slot)
    cursor.slot = this.#table.previous(slot)
    cursor.isOnMessage = false
  }

  /** The first message of a list from which available ones may be found; everything before is unavailable. */
  hint(list: number): number {
    const table = this.#table
    let slot = this.#hints[list] as number
    while (slot !== none && table.standing(slot) !== standings.available) slot = table.next(slot)
    this.#hints[list] = slot
    return slot
  }

  /** The message a get without conditions takes, or `none`. */
  firstAvailable(): number {
    for (let list = priorities - 1; list >= 0; list--) {
      if (this.#hints[list] === none) continue
      const slot = this.hint(list)
      if (slot !== none) return slot
    }
    return none
  }

  head(list: number): number {
    return this.#heads[list] as number
  }

  /** The message of this order in a list, or `none`; looks on from where the last one was found. */
  find(list: number, order: number): number {
    const table = this.#table
    const { slot: finger, order: fingerOrder } = this.#finger
    const isGood = finger !== none && fingerOrder <= order && table.isStill(finger, fingerOrder) && table.priority(finger) === list
    let slot = isGood ? finger : (this.#heads[list] as number)
    while (slot !== none && table.order(slot) < order) slot = table.next(slot)
    if (slot !== none) this.#finger = { slot, order: table.order(slot) }
    return slot !== none && table.order(slot) === order ? slot : none
  }

  /** The message that was put first, or `none`. */
  oldest(): number {
    let oldest: number = none
    for (let list = 0; list < priorities; list++) {
      const head = this.#heads[list] as number
      if (head !== none && (oldest === none || this.#table.order(head) < this.#table.order(oldest))) oldest = head
    }
    return oldest
  }

  /** Every message, highest priority first; the visitor may unlink the one it is given. */
  forEach(visit: (slot: number) => void): void {
    for (let list = priorities - 1; list >= 0; list--) {
      for (let slot = this.#heads[list] as number; slot !== none; ) {
        const next = this.#table.next(slot)
        visit(slot)
        slot = next
      }
    }
  }

  #counted(slot: number): void {
    this.depth++
    const expiresAt = this.#table.expiresAt(slot)
    if (expiresAt !== 0 && expiresAt < this.earliestExpiry) this.earliestExpiry = expiresAt
    if (this.#table.standing(slot) === standings.available) this.becomeAvailable(slot)
  }
}
