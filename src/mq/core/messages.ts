/**
 * The steps every operation is made of: store a message, let it be seen, lock it, give it back, take it away.
 *
 * Here, and only here, the table, the lists of a queue, the journal and the spool change together.
 */

import type { CoreState } from './core-state.js'
import { HaError } from '../../base/errors.js'
import { decodeHead, type Head } from './head.js'
import type { LogRecord, Origin, Place, StoredMessage } from './journal.js'
import { flags, standings } from './message-table.js'
import { mayReport, type Outgoing } from './outgoing.js'
import type { Queue } from './queue.js'
import { reasons, type Reason } from './reason.js'
import type { Unit } from './unit-of-work.js'
import { offer } from './waiters.js'

const lazily = { lazy: true }

/** 0, or why the queue does not take a message of this length. `isPersistent` as the message will be stored. */
export function refusalByQueue(state: CoreState, queue: Queue, bodyBytes: number, isPersistent: boolean): Reason {
  if (queue.isPutInhibited) return reasons.putInhibited
  if (bodyBytes > queue.messageBytesMax) return reasons.messageTooBigForQueue
  if (bodyBytes > state.catalog.limits.messageBytesMax) return reasons.messageTooBigForQueueManager
  if (isPersistent && queue.isTemporary) return reasons.persistentNotAllowed
  if (queue.depth >= queue.depthMax) return reasons.queueFull
  return reasons.none
}

/**
 * Stores a message at the end of a queue that takes it, seen by nobody yet: `unforced`, or `uncommitted` in a unit. One
 * that is neither persistent nor in a unit is the caller's to make visible at once.
 * Returns its slot, or a reason as a negative number (2102: neither log nor spool has room; nothing changed).
 */
export function store(state: CoreState, queue: Queue, message: Outgoing, unit: Unit | null, origin: Origin | null): number {
  const order = state.nextOrder
  const list = queue.listOf(message.descriptor.priority)
  let place: Place | null
  if (message.isPersistent) {
    const record: LogRecord = {
      kind: 'put',
      unit: unit === null ? 0 : numberOf(state, unit),
      entry: {
        queue: queue.number,
        order,
        priority: list,
        expiresAt: message.expiresAt,
        messageIdHash: message.messageIdHash,
        correlationIdHash: message.correlationIdHash
      },
      message: { head: message.head, body: message.body },
      origin
    }
    // In a unit of work it is the commit that asks for a force.
    const appended = unit === null ? state.journal.append(record) : state.journal.append(record, lazily)
    if (!appended.ok) return -reasons.resourceProblem
    place = appended.place
    state.lastEnd = appended.end
    if (unit === null) state.firmEnd = appended.end
    if (unit !== null && unit.firstLsn === null) logged(state, unit, appended.lsn)
  } else {
    place = state.spool.add({ head: message.head, body: message.body })
    if (place === null) return -reasons.resourceProblem
  }
  state.nextOrder++
  const table = state.table
  const slot = table.allocate()
  table.setFacts(slot, queue.number, order, list, message.expiresAt, message.messageIdHash, message.correlationIdHash)
  table.setPlace(slot, place)
  table.setFlags(slot, (message.isPersistent ? flags.persistent : 0) | (mayReport(message.descriptor) ? flags.mayReport : 0))
  table.setStanding(slot, unit === null ? standings.unforced : standings.uncommitted)
  queue.append(slot)
  queue.lastPutMs = state.clock.wallMs()
  if (message.expiresAt !== 0) scanForExpiryAt(state, message.expiresAt)
  if (unit !== null) {
    queue.uncommitted++
    unit.notePut(slot, order)
  }
  return slot
}

function numberOf(state: CoreState, unit: Unit): number {
  if (unit.number === 0) unit.number = state.nextUnitNumber++
  return unit.number
}

function logged(state: CoreState, unit: Unit, lsn: Unit['firstLsn']): void {
  unit.firstLsn = lsn
  state.logged.add(unit)
}

/** Sees to it that the scan for expired messages comes soon after this wall-clock time. */
export function scanForExpiryAt(state: CoreState, wallMs: number): void {
  const at = Math.max(state.expiryRestsUntil, state.clock.now() + Math.max(0, wallMs - state.clock.wallMs()))
  if (at < state.expiryScanAt) state.expiryScanAt = at
}

/** The message may be had: a waiting get takes it, or it waits on the queue. */
export function makeVisible(state: CoreState, queue: Queue, slot: number): void {
  queue.becomeAvailable(slot)
  if (queue.waiting.size > 0) offer(state, queue, slot)
}

/** Locks an available message as got in a unit of work. */
export function lockInUnit(state: CoreState, queue: Queue, slot: number, unit: Unit): void {
  const table = state.table
  table.setStanding(slot, standings.locked)
  queue.uncommitted++
  noteGet(state, slot, unit)
}

/** Notes in the unit, and in the log, that a message that is locked already goes when the unit commits. */
export function noteGet(state: CoreState, slot: number, unit: Unit): void {
  const table = state.table
  unit.noteGet(slot, table.order(slot))
  if (!table.isPersistent(slot)) return
  const number = numberOf(state, unit)
  const lsn = state.appendReserved({ kind: 'lock', unit: number, place: table.place(slot), backoutCount: table.backoutCount(slot) }, true)
  if (unit.firstLsn === null) logged(state, unit, lsn)
}

/** Puts a locked message back in its place, one backout richer; `isLogged` when a record of the unit says so already. */
export function giveBack(state: CoreState, queue: Queue, slot: number, isLogged: boolean): void {
  const table = state.table
  const backoutCount = table.backoutCount(slot) + 1
  table.setBackoutCount(slot, backoutCount)
  if (!isLogged && table.isPersistent(slot)) state.appendReserved({ kind: 'count', place: table.place(slot), backoutCount }, true)
  putBack(state, queue, slot)
}

/** Puts a locked message that nobody looked at back in its place, as it was. */
export function putBack(state: CoreState, queue: Queue, slot: number): void {
  queue.uncommitted--
  makeVisible(state, queue, slot)
}

/** Takes a message off its queue for good; its place is released when what was appended until now is durable. */
export function takeAway(state: CoreState, queue: Queue, slot: number): void {
  const table = state.table
  const place = table.place(slot)
  if (table.isPersistent(slot)) state.releaseWhenForced(place)
  else state.spool.release(place)
  forget(state, queue, slot)
}

/** Takes a message out of list and table; its place is the caller's to release. */
export function forget(state: CoreState, queue: Queue, slot: number): void {
  queue.unlink(slot)
  state.table.free(slot)
}

export const isExpired = (state: CoreState, slot: number): boolean => {
  const expiresAt = state.table.expiresAt(slot)
  return expiresAt !== 0 && expiresAt <= state.clock.wallMs()
}

/** Reads a message; null when its record is damaged (2101). */
export function readMessage(state: CoreState, slot: number): StoredMessage | null {
  const place = state.table.place(slot)
  try {
    return state.table.isPersistent(slot) ? state.journal.read(place) : state.spool.read(place)
  } catch (error) {
    if (error instanceof HaError && error.code === 'HA_MQ_DAMAGED') return null
    throw error
  }
}

/** Head as of now: what is left of its life, how often it was backed out. null when damaged. */
export function headNow(state: CoreState, slot: number, stored: StoredMessage): Head | null {
  const expiresAt = state.table.expiresAt(slot)
  const expiry = expiresAt === 0 ? -1 : Math.max(1, Math.ceil((expiresAt - state.clock.wallMs()) / 100))
  try {
    return decodeHead(stored.head, { expiry, backoutCount: state.table.backoutCount(slot) })
  } catch (error) {
    if (error instanceof HaError && error.code === 'HA_MQ_DAMAGED') return null
    throw error
  }
}
