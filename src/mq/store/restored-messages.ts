/**
 * Hands the messages of a restart to the core by growing order, without an object per message.
 *
 * Extents are in order of arrival by themselves; only messages that were moved to the end of the log stand out. Those are
 * collected and sorted (they come in a few growing runs), and merged into the rest on the way.
 */

import { lsn, type IndexEntry, type Place } from '../core/journal.js'
import { blankEntry, type IndexReader } from './index-file.js'
import { footprint, keyOf, type ExtentLife } from './liveness.js'
import type { LogState } from './log-state.js'

export interface IndexedExtent {
  readonly life: ExtentLife
  readonly reader: IndexReader
}

export class RestoredMessages {
  readonly #state: LogState
  readonly #extentBytes: number
  #extents: readonly IndexedExtent[]
  #isMoved: Uint32Array
  /** Messages that are on a queue. */
  readonly count: number

  /**
   * Settles which messages are there: those of deleted queues die here, and what is dead is released.
   *
   * @param extents  every extent with live messages, by number
   */
  constructor(state: LogState, extentBytes: number, extents: readonly IndexedExtent[]) {
    this.#state = state
    this.#extentBytes = extentBytes
    this.#extents = extents
    const { queues } = state
    const standOut: number[] = []
    let highest = -1
    let count = 0
    extents.forEach(({ life, reader }, index) => {
      life.liveBytes = 0
      for (let ordinal = 0; ordinal < life.count; ordinal += 1) {
        if (!life.dead.has(ordinal) && !queues.has(reader.queue(ordinal))) life.dead.set(ordinal)
        if (life.dead.has(ordinal)) {
          life.released.set(ordinal)
          continue
        }
        count += 1
        life.liveBytes += footprint(reader.length(ordinal))
        const order = reader.order(ordinal)
        if (order > highest && !reader.isMoved(ordinal)) highest = order
        else standOut.push(index, ordinal)
      }
    })
    this.count = count
    state.liveness.live = count
    this.#isMoved = Uint32Array.from(standOut)
  }

  /** Once: what it needs is let go of afterwards. */
  forEach(visit: (entry: IndexEntry, place: Place, backoutCount: number) => void): void {
    const extents = this.#extents
    const apart = this.#isMoved
    const orders = new Float64Array(apart.length / 2)
    for (let at = 0; at < orders.length; at += 1) orders[at] = (extents[apart[at * 2] as number] as IndexedExtent).reader.order(apart[at * 2 + 1] as number)
    const sorted = sortedByRuns(orders)
    const entry = blankEntry()
    const place = { lsn: lsn(0), ordinal: 0, length: 0 }
    const counts = this.#state.counts
    const give = ({ life, reader }: IndexedExtent, ordinal: number): void => {
      reader.entry(ordinal, entry)
      place.lsn = lsn(life.number * this.#extentBytes + reader.offset(ordinal))
      place.ordinal = ordinal
      place.length = reader.length(ordinal)
      visit(entry, place, counts.size === 0 ? 0 : (counts.get(keyOf(life.number, ordinal)) ?? 0))
    }
    let next = 0
    const giveApart = (below: number): void => {
      for (; next < sorted.length && (orders[sorted[next] as number] as number) < below; next += 1) {
        const at = sorted[next] as number
        give(extents[apart[at * 2] as number] as IndexedExtent, apart[at * 2 + 1] as number)
      }
    }
    let skip = 0
    extents.forEach((extent, index) => {
      const { life, reader } = extent
      for (let ordinal = 0; ordinal < life.count; ordinal += 1) {
        if (life.dead.has(ordinal)) continue
        if (skip < apart.length && apart[skip] === index && apart[skip + 1] === ordinal) {
          skip += 2
          continue
        }
        if (next < sorted.length) giveApart(reader.order(ordinal))
        give(extent, ordinal)
      }
    })
    giveApart(Number.POSITIVE_INFINITY)
    this.#extents = []
    this.#isMoved = new Uint32Array(0)
  }
}

/** Indices of the values in growing order; a merge sort that begins with the runs it finds. Exported for its test. */
export function sortedByRuns(values: Float64Array): Uint32Array {
  let from: Uint32Array = new Uint32Array(values.length).map((_, index) => index)
  let into: Uint32Array = new Uint32Array(values.length)
  let starts: number[] = []
  for (let at = 0; at < values.length; at += 1) if (at === 0 || (values[at] as number) < (values[at - 1] as number)) starts.push(at)
  while (starts.length > 1) {
    const merged: number[] = []
    for (let run = 0; run < starts.length; run += 2) {
      const left = starts[run] as number
      const middle = starts[run + 1] ?? values.length
      const right = starts[run + 2] ?? values.length
      merged.push(left)
      let a = left
      let b = middle
      for (let at = left; at < right; at += 1) {
        const isLeft = b >= right || (a < middle && (values[from[a] as number] as number) <= (values[from[b] as number] as number))
        into[at] = from[isLeft ? a++ : b++] as number
      }
    }
    starts = merged
    const other = from
    from = into
    into = other
  }
  return from
}
