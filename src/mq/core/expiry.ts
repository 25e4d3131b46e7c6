/**
 * Messages whose time is over: removed when a get or browse walks over them, and by a scan now and then.
 *
 * Each queue knows a time before which none of its messages expires, so a scan looks only at queues where there is
 * something to find. It works in slices, and rests after a pass for a time in proportion to what it read: a deep queue
 * of short-lived messages costs about one per cent of the time, and loses its dead a little later.
 *
 * Source: reference sections 4.5, 4.7. An expired message is never returned; it counts in the depth until removed.
 */

import type { CoreState } from './core-state.js'
import { flags, none, standings } from './message-table.js'
import { headNow, lockInUnit, readMessage, takeAway } from './messages.js'
import { cursorAtStart, type Cursor, type Queue } from './queue.js'
import { feedback, report } from './report-options.js'
import { sendReport } from './reports.js'
import { commitUnit, ownUnit } from './units.js'

const sliceSlots = 20_000
const restMsMin = 100
/** Slots read per millisecond of rest. */
const slotsPerRestMs = 1_000
/** Expired, but locked or uncommitted: looked at again after this time. */
const heldRetryMs = 1_000

/** Removes an available message that is expired, and reports that when the message asks for it. */
export function expire(state: CoreState, queue: Queue, slot: number): void {
  const table = state.table
  const stored = (table.flags(slot) & flags.mayReport) !== 0 ? readMessage(state, slot) : null
  const head = stored === null ? null : headNow(state, slot, stored)
  if (stored !== null && head !== null && (head.descriptor.report & report.expiration) !== 0) {
    // The report and the removal are true together.
    const unit = ownUnit(state)
    lockInUnit(state, queue, slot, unit)
    sendReport(state, head, stored.body, feedback.expiration, unit)
    commitUnit(state, unit, null, null, 0, null)
    return
  }
  if (table.isPersistent(slot)) state.appendReserved({ kind: 'remove', place: table.place(slot) }, true)
  takeAway(state, queue, slot)
}

/** Where the scan stands between two slices. */
export interface ExpiryScan {
  readonly queue: Queue
  readonly cursor: Cursor
  /** Soonest expiry of what was passed. */
  earliest: number
}

/** One slice; sets when the next one is due. */
export function scanForExpired(state: CoreState): void {
  const now = state.clock.now()
  let budget = sliceSlots
  while (budget > 0) {
    const scan = state.expiryScan ?? nextScan(state)
    if (scan === null) {
      rest(state, now)
      return
    }
    const read = scanSlice(state, scan, budget)
    budget -= read + 1
    state.expiryRead += read
  }
  state.expiryScanAt = now
}

function nextScan(state: CoreState): ExpiryScan | null {
  const wallMs = state.clock.wallMs()
  for (const queue of state.queuesByNumber.values()) {
    if (queue.earliestExpiry > wallMs) continue
    const cursor = cursorAtStart()
    queue.earliestExpiry = Infinity // what arrives from now on lowers it
    queue.cursors.add(cursor)
    state.expiryScan = { queue, cursor, earliest: Infinity }
    return state.expiryScan
  }
  return null
}

/** Returns the number of slots read; at the end of the queue the scan is over. */
function scanSlice(state: CoreState, scan: ExpiryScan, budget: number): number {
  const { queue, cursor } = scan
  const table = state.table
  const wallMs = state.clock.wallMs()
  let read = 0
  while (!queue.isDeleted) {
    const slot = cursor.slot === none ? queue.head(cursor.priority) : table.next(cursor.slot)
    if (slot === none) {
      if (cursor.priority === 0) break
      cursor.priority--
      cursor.slot = none
      continue
    }
    if (read >= budget) return read
    read++
    cursor.slot = slot
    const expiresAt = table.expiresAt(slot)
    if (expiresAt === 0) continue
    if (expiresAt > wallMs) scan.earliest = Math.min(scan.earliest, expiresAt)
    else if (table.standing(slot) === standings.available) expire(state, queue, slot)
    else scan.earliest = Math.min(scan.earliest, wallMs + heldRetryMs)
  }
  queue.cursors.delete(cursor)
  queue.earliestExpiry = Math.min(queue.earliestExpiry, scan.earliest)
  state.expiryScan = null
  return read
}

function rest(state: CoreState, now: number): void {
  state.expiryRestsUntil = now + Math.max(restMsMin, Math.ceil(state.expiryRead / slotsPerRestMs))
  state.expiryRead = 0
  let earliest = Infinity
  for (const queue of state.queuesByNumber.values()) earliest = Math.min(earliest, queue.earliestExpiry)
  state.expiryScanAt = earliest === Infinity ? Infinity : Math.max(state.expiryRestsUntil, now + earliest - state.clock.wallMs())
}
