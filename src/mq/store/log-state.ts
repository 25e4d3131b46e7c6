/**
 * What the records of a log add up to: a fold, the same at run time and at restart, so that a checkpoint taken at any moment
 * and a replay of everything cannot differ.
 *
 * Applying the records from `replayFrom` on a second time, to a state that has them already, changes nothing: every record says
 * what is, not what changes; and a unit of work that is open at a checkpoint is replayed from its first record.
 */

import { definitionKey, type ObjectDefinition, type ObjectType } from '../core/definition.js'
import type { IndexEntry, Origin, Place, UnitNumber } from '../core/journal.js'
import { Liveness, extentOfKey, keyOf, type ExtentLife } from './liveness.js'
import { Origins } from './origins.js'

interface OpenUnit {
  /** Position of its first record. */
  readonly first: number
  /** Key and length of each message put, in turn. */
  readonly puts: number[]
  /** Key and backout count of each message locked, in turn. */
  readonly locks: number[]
}

export interface ObjectState {
  readonly number: number
  readonly definition: ObjectDefinition
}

export class LogState {
  readonly liveness = new Liveness()
  readonly origins: Origins
  readonly objects = new Map<string, ObjectState>()
  /** Backout counts that are not 0, by key. */
  readonly counts = new Map<number, number>()
  /** Numbers of the queues that exist. */
  readonly queues = new Set<number>()
  nextOrder = 1
  nextQueueNumber = 1
  readonly #units = new Map<UnitNumber, OpenUnit>()
  readonly #extentBytes: number

  constructor(extentBytes: number, origins = new Origins()) {
    this.#extentBytes = extentBytes
    this.origins = origins
  }

  get openUnits(): number {
    return this.#units.size
  }

  /** The unit of work whose first record is oldest; null when none is open. */
  get oldestUnit(): { readonly unit: UnitNumber; readonly first: number } | null {
    // A map keeps the order of insertion, and that is the order of first records.
    for (const [unit, { first }] of this.#units) return { unit, first }
    return null
  }

  keyOf(place: Place): number {
    return keyOf(Math.floor(place.lsn / this.#extentBytes), place.ordinal)
  }

  put(life: ExtentLife, position: number, ordinal: number, length: number, unit: UnitNumber, entry: IndexEntry, origin: Origin | null): void {
    this.liveness.born(life, ordinal, length)
    const key = keyOf(life.number, ordinal)
    if (this.counts.size > 0) this.counts.delete(key)
    if (entry.order >= this.nextOrder) this.nextOrder = entry.order + 1
    if (unit !== 0) this.#unit(unit, position).puts.push(key, length)
    if (origin !== null) this.origins.heard(origin)
  }

  moved(life: ExtentLife, ordinal: number, length: number, entry: IndexEntry, from: Place, backoutCount: number): void {
    this.liveness.born(life, ordinal, length)
    if (entry.order >= this.nextOrder) this.nextOrder = entry.order + 1
    this.#dies(this.keyOf(from))
    this.#setCount(keyOf(life.number, ordinal), backoutCount)
  }

  remove(place: Place): void {
    this.#dies(this.keyOf(place))
  }

  lock(position: number, unit: UnitNumber, place: Place, backoutCount: number): void {
    this.#unit(unit, position).locks.push(this.keyOf(place), backoutCount)
  }

  count(place: Place, backoutCount: number): void {
    this.#setCount(this.keyOf(place), backoutCount)
  }

  commit(unit: UnitNumber, origin: Origin | null): void {
    const open = this.#units.get(unit)
    if (open !== undefined) {
      for (let at = 0; at < open.locks.length; at += 2) this.#dies(open.locks[at] as number)
      this.#units.delete(unit)
    }
    if (origin !== null) this.origins.heard(origin)
  }

  /** Its puts are gone at once, also without any record of it; nobody could see them. */
  backout(unit: UnitNumber): void {
    const open = this.#units.get(unit)
    if (open === undefined) return
    for (let at = 0; at < open.puts.length; at += 2) this.liveness.release(open.puts[at] as number, open.puts[at + 1] as number)
    for (let at = 0; at < open.locks.length; at += 2) this.#setCount(open.locks[at] as number, (open.locks[at + 1] as number) + 1)
    this.#units.delete(unit)
  }

  define(number: number, definition: ObjectDefinition): void {
    this.objects.set(definitionKey(definition), { number, definition })
    if (number !== 0) this.queues.add(number)
    if (number >= this.nextQueueNumber) this.nextQueueNumber = number + 1
  }

  delete(type: ObjectType, name: string): void {
    const key = definitionKey({ type, name })
    this.queues.delete(this.objects.get(key)?.number ?? 0)
    this.objects.delete(key)
  }

  /** Backs out every open unit of work: its process is gone. @returns how many there were */
  endEpoch(): number {
    const open = [...this.#units.keys()]
    for (const unit of open) this.backout(unit)
    return open.length
  }

  /** Keys of messages an open unit of work has locked or put, in these extents. */
  heldKeys(isWanted: (extent: number) => boolean): Set<number> {
    const held = new Set<number>()
    for (const { puts, locks } of this.#units.values()) {
      for (const keys of [puts, locks]) for (let at = 0; at < keys.length; at += 2) {
        const key = keys[at] as number
        if (isWanted(extentOfKey(key))) held.add(key)
      }
    }
    return held
  }

  #unit(unit: UnitNumber, position: number): OpenUnit {
    const known = this.#units.get(unit)
    if (known !== undefined) return known
    const made: OpenUnit = { first: position, puts: [], locks: [] }
    this.#units.set(unit, made)
    return made
  }

  #dies(key: number): void {
    this.liveness.die(key)
    if (this.counts.size > 0) this.counts.delete(key)
  }

  #setCount(key: number, count: number): void {
    if (count === 0 || this.liveness.isDead(key)) this.counts.delete(key)
    else this.counts.set(key, count)
  }
}
