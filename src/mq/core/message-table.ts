/**
 * Remembers every message on every queue in about 60 bytes each: which record holds it, where it stands in its queue,
 * and the few facts that gets look at before they read a record.
 *
 * A message is a slot, a small number. Slots live in chunks of typed arrays, so ten million messages cost the garbage
 * collector nothing. A chunk whose last slot was freed gives its memory back.
 *
 * Invariants
 *  1. A slot is `free`, or linked into exactly one list of exactly one queue.
 *  2. `order` is unique: slot and order together name a message for ever, a slot alone only while it is not freed.
 *
 * Not here: the lists (queue.ts), bodies (journal and spool).
 */

import { invariant } from '../../base/invariant.js'
import { lsn, type Place } from './journal.js'

export const chunkBits = 16
export const chunkSlots = 1 << chunkBits
const chunkMask = chunkSlots - 1

/** No slot. */
export const none = -1

/** What a slot is, a number in one byte. */
export const standings = {
  free: 0,
  /** Getters may have it. */
  available: 1,
  /** Put outside a unit of work; its record is not forced yet. */
  unforced: 2,
  /** Put in a unit of work that is open, or whose commit is not forced yet. */
  uncommitted: 3,
  /** Got in a unit of work, or delivered under lock. */
  locked: 4
} as const

/** Bits of `flags`. */
export const flags = {
  persistent: 1,
  /** It may ask for a report when it goes; only reading it tells. */
  mayReport: 2
} as const

class Chunk {
  readonly next = new Int32Array(chunkSlots)
  readonly previous = new Int32Array(chunkSlots)
  readonly order = new Float64Array(chunkSlots)
  readonly lsn = new Float64Array(chunkSlots)
  readonly ordinal = new Uint32Array(chunkSlots)
  readonly length = new Uint32Array(chunkSlots)
  readonly queue = new Uint32Array(chunkSlots)
  readonly expiresAt = new Float64Array(chunkSlots)
  readonly messageIdHash = new Uint32Array(chunkSlots)
  readonly correlationIdHash = new Uint32Array(chunkSlots)
  readonly backoutCount = new Uint32Array(chunkSlots)
  readonly standing = new Uint8Array(chunkSlots)
  readonly priority = new Uint8Array(chunkSlots)
  readonly flags = new Uint8Array(chunkSlots)
  /** First freed slot, by index in the chunk; they are chained through `next`. */
  freed = none
  /** Slots from here on were never used. */
  fresh = 0
  used = 0
}

/** Bytes of typed arrays per slot. */
export const slotBytes = 4 * 8 + 3 * 8 + 3

export class MessageTable {
  readonly #chunks: (Chunk | null)[] = []
  /** Numbers of chunks with room, the one in use last. */
  readonly #roomy: number[] = []
  #count = 0

  /** Messages in the table. */
  get count(): number {
    return this.#count
  }

  /** Bytes of typed arrays held. */
  get bytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + (chunk === null ? 0 : chunkSlots * slotBytes), 0)
  }

  /** A slot whose fields the caller sets, all of them; linked nowhere. */
  allocate(): number {
    let number = this.#roomy.at(-1)
    if (number === undefined) {
      const vacant = this.#chunks.indexOf(null)
      number = vacant === -1 ? this.#chunks.length : vacant
      this.#chunks[number] = new Chunk()
      this.#roomy.push(number)
    }
    const chunk = this.#chunks[number] as Chunk // roomy chunks exist
    let index = chunk.freed
    if (index === none) index = chunk.fresh++
    else chunk.freed = chunk.next[index] as number
    chunk.used++
    this.#count++
    if (chunk.freed === none && chunk.fresh === chunkSlots) this.#roomy.pop()
    return number * chunkSlots + index
  }

  free(slot: number): void {
    const number = slot >>> chunkBits
    const chunk = this.#chunk(slot)
    const index = slot & chunkMask
    invariant(chunk.standing[index] !== standings.free, 'a slot is freed once')
    const wasFull = chunk.freed === none && chunk.fresh === chunkSlots
    chunk.standing[index] = standings.free
    chunk.order[index] = -1
    chunk.next[index] = chunk.freed
    chunk.freed = index
    chunk.used--
    this.#count--
    if (wasFull) this.#roomy.push(number)
    // An empty chunk goes, unless it is the last one with room: a queue that hovers around empty would make and drop it.
    if (chunk.used === 0 && this.#roomy.length > 1) {
      this.#roomy.splice(this.#roomy.indexOf(number), 1)
      this.#chunks[number] = null
    }
  }

  /** True when the slot still holds the message of this order. */
  isStill(slot: number, order: number): boolean {
    return this.#chunks[slot >>> chunkBits]?.order[slot & chunkMask] === order
  }

  place(slot: number): Place {
    const chunk = this.#chunk(slot)
    const index = slot & chunkMask
    return { lsn: lsn(chunk.lsn[index] as number), ordinal: chunk.ordinal[index] as number, length: chunk.length[index] as number }
  }

  setPlace(slot: number, place: Place): void {
    const chunk = this.#chunk(slot)
    const index = slot & chunkMask
    chunk.lsn[index] = place.lsn
    chunk.ordinal[index] = place.ordinal
    chunk.length[index] = place.length
  }

  setFacts(slot: number, queue: number, order: number, priority: number, expiresAt: number, messageIdHash: number, correlationIdHash: number): void {
    const chunk = this.#chunk(slot)
    const index = slot & chunkMask
    chunk.queue[index] = queue
    chunk.order[index] = order
    chunk.priority[index] = priority
    chunk.expiresAt[index] = expiresAt
    chunk.messageIdHash[index] = messageIdHash
    chunk.correlationIdHash[index] = correlationIdHash
    chunk.backoutCount[index] = 0
  }

  setStanding(slot: number, standing: number): void {
    this.#chunk(slot).standing[slot & chunkMask] = standing
  }

  setFlags(slot: number, bits: number): void {
    this.#chunk(slot).flags[slot & chunkMask] = bits
  }

  setBackoutCount(slot: number, count: number): void {
    this.#chunk(slot).backoutCount[slot & chunkMask] = count
  }

  setNext(slot: number, next: number): void {
    this.#chunk(slot).next[slot & chunkMask] = next
  }

  setPrevious(slot: number, previous: number): void {
    this.#chunk(slot).previous[slot & chunkMask] = previous
  }

  next(slot: number): number {
    return this.#chunk(slot).next[slot & chunkMask] as number
  }

  previous(slot: number): number {
    return this.#chunk(slot).previous[slot & chunkMask] as number
  }

  order(slot: number): number {
    return this.#chunk(slot).order[slot & chunkMask] as number
  }

  /** Number of the queue. */
  queue(slot: number): number {
    return this.#chunk(slot).queue[slot & chunkMask] as number
  }

  /** Number of the list it stands in. */
  priority(slot: number): number {
    return this.#chunk(slot).priority[slot & chunkMask] as number
  }

  expiresAt(slot: number): number {
    return this.#chunk(slot).expiresAt[slot & chunkMask] as number
  }

  messageIdHash(slot: number): number {
    return this.#chunk(slot).messageIdHash[slot & chunkMask] as number
  }

  correlationIdHash(slot: number): number {
    return this.#chunk(slot).correlationIdHash[slot & chunkMask] as number
  }

  backoutCount(slot: number): number {
    return this.#chunk(slot).backoutCount[slot & chunkMask] as number
  }

  standing(slot: number): number {
    return this.#chunk(slot).standing[slot & chunkMask] as number
  }

  flags(slot: number): number {
    return this.#chunk(slot).flags[slot & chunkMask] as number
  }

  isPersistent(slot: number): boolean {
    return (this.flags(slot) & flags.persistent) !== 0
  }

  /**
   * Persistent messages whose record begins in [from, to), in no order; `visit` may set the place of the slot it is
   * given and nothing else. Reads one array of the whole table: a few milliseconds per million messages.
   */
  forEachStored(from: number, to: number, visit: (slot: number) => void): void {
    for (let number = 0; number < this.#chunks.length; number++) {
      const chunk = this.#chunks[number]
      if (chunk === null || chunk === undefined) continue
      for (let index = 0; index < chunk.fresh; index++) {
        const at = chunk.lsn[index] as number
        if (at < from || at >= to || chunk.standing[index] === standings.free) continue
        if (((chunk.flags[index] as number) & flags.persistent) !== 0) visit(number * chunkSlots + index)
      }
    }
  }

  #chunk(slot: number): Chunk {
    return this.#chunks[slot >>> chunkBits] as Chunk // callers hold slots that are not freed
  }
}
