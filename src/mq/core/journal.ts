/**
 * What the core asks of the recovery log. Types only; the real one is `mq/store`, the simulated one lives in the tests.
 *
 * Appending is synchronous and only moves bytes in memory: it assigns the place and returns. The log is forced later,
 * for everything appended until then at once (group commit), and the core is told by `forced(lsn)`. Until then nothing
 * that depends on the record may be seen by anybody: the core makes puts visible and answers calls when it is told.
 */

import type { HaError } from '../../base/errors.js'
import type { ObjectDefinition, ObjectType } from './definition.js'

/** A byte position in the log, counted from the creation of the queue manager; a safe integer, u64 on disk. */
declare const lsnBrand: unique symbol
export type Lsn = number & { readonly [lsnBrand]: 'lsn' }
export const lsn = (value: number): Lsn => value as Lsn

/** Identifies one unit of work within the log; 0 is "no unit of work". Never reused within an epoch. */
export type UnitNumber = number

/** Where a stored message is: enough to read it, and to say which record is no longer needed. */
export interface Place {
  /** Position of the record in the log, or in the spool for a message that is not persistent. */
  readonly lsn: Lsn
  /** Counts the messages of one log extent; with the extent it names the message in restart indexes. */
  readonly ordinal: number
  /** Bytes of head and body together. */
  readonly length: number
}

/** A message as stored. `head` is `encodeHead(descriptor, properties)`. */
export interface StoredMessage {
  readonly head: Buffer
  readonly body: Buffer
}

/** What the index of a restart needs to know about a message without reading it. All numbers fit their width on disk. */
export interface IndexEntry {
  /** Number of the queue, given at its definition; u32. */
  readonly queue: number
  /** Position in the order of arrival, unique within the queue manager, growing; u53. Kept when a record is moved. */
  readonly order: number
  /** 0 to 9. */
  readonly priority: number
  /** Wall-clock milliseconds at which it expires; 0 never. */
  readonly expiresAt: number
  /** FNV-1a of the ids, so that matching reads only candidates; u32. */
  readonly messageIdHash: number
  readonly correlationIdHash: number
}

/** Who put it and under which number, so that a repetition after a broken connection is recognised. */
export interface Origin {
  /** 16 bytes, chosen at random by the client library once in its life. */
  readonly producer: Buffer
  /** Grows by one for every put outside a unit of work, and for every commit. */
  readonly sequence: number
}

export type LogRecord =
  /** A message; visible when forced, or at the commit of `unit`. */
  | { readonly kind: 'put'; readonly unit: UnitNumber; readonly entry: IndexEntry; readonly message: StoredMessage; readonly origin: Origin | null }
  /** A message got outside any unit of work, expired, cleared or purged: gone. */
  | { readonly kind: 'remove'; readonly place: Place }
  /** A message got in a unit of work: gone at its commit, back with `backoutCount` + 1 if there is none. */
  | { readonly kind: 'lock'; readonly unit: UnitNumber; readonly place: Place; readonly backoutCount: number }
  /** The new backout count of a message that was delivered and not accepted. */
  | { readonly kind: 'count'; readonly place: Place; readonly backoutCount: number }
  | { readonly kind: 'commit'; readonly unit: UnitNumber; readonly origin: Origin | null }
  | { readonly kind: 'backout'; readonly unit: UnitNumber }
  /** An object as it now is, whole. `number` is the queue's number for queues, else 0. */
  | { readonly kind: 'define'; readonly number: number; readonly definition: ObjectDefinition }
  /** The object is gone, and with a queue all its messages. */
  | { readonly kind: 'delete'; readonly number: number; readonly type: ObjectType; readonly name: string }

/** `log-full`: no space can be had without harming others (2102). Nothing was appended. */
export type Appended = { readonly ok: true; readonly lsn: Lsn; /** The log is durable for this record when forced up to here. */ readonly end: Lsn; /** For `put`; else a place of no meaning. */ readonly place: Place } | { readonly ok: false; readonly reason: 'log-full' }

export interface Journal {
  /** Everything before this is durable. */
  readonly forced: Lsn
  /** Where the next record begins. */
  readonly end: Lsn
  /**
   * Appends a record. A `lazy` record asks for no force of its own and rides on the next one.
   * `commit`, `backout`, `remove`, `lock` and `count` never meet a full log: space for them is kept in reserve.
   */
  append(record: LogRecord, options?: { readonly lazy?: boolean }): Appended
  /** Reads a message back. Throws HaError HA_MQ_DAMAGED when the record does not verify. */
  read(place: Place): StoredMessage
  /** The record of this message is not needed any more; called when its removal is durable. */
  release(place: Place): void
}

/** A live message whose record was written again at the head of the log, so that the space of its old one can be reused. */
export interface Move {
  readonly entry: IndexEntry
  readonly from: Place
  readonly to: Place
}

/**
 * What the log tells the core, each an event of its own: never from within a call of the core to the log. The owner
 * passes them on and then drains the outbox.
 */
export interface JournalEvents {
  /** The log is durable up to `journal.forced`. */
  onForced(): void
  /**
   * These messages, by growing `from.lsn`, are at `to` from now on, also for records appended next. The core does not
   * release `from`. Messages locked by an open unit of work and puts that are not committed are never moved; messages
   * locked without a record (deliveries not settled) are. At most some hundred at a time.
   */
  onMoved(moves: readonly Move[]): void
  /** The log is nearly full because this unit of work has been open for too long: back it out (2003 for its owner). */
  onPinned(unit: UnitNumber): void
  /** Final: HA_MQ_LOG_FAILED or HA_MQ_LOCK_LOST. Nothing is forced any more, and `append` throws this error. */
  onFailed(error: HaError): void
}

/**
 * Holds messages that are not persistent: in memory up to a budget, then in files without a force. Nothing of it
 * survives an unexpected end.
 */
export interface Spool {
  /** null when neither memory nor disk has room (2102). */
  add(message: StoredMessage): Place | null
  read(place: Place): StoredMessage
  release(place: Place): void
}

/** What restart recovery hands to the core, in this order: objects, messages by growing `order`, then the rest. */
export interface Restored {
  readonly objects: readonly { readonly number: number; readonly definition: ObjectDefinition }[]
  /** Calls back once per message that is on a queue; entries are reused between calls, so copy what you keep. */
  forEachMessage(visit: (entry: IndexEntry, place: Place, backoutCount: number) => void): void
  readonly producers: readonly Origin[]
  /** The first order number that was never used. */
  readonly nextOrder: number
  /** The first queue number that was never used. */
  readonly nextQueueNumber: number
  /** Grows by one with each start; goes into generated message ids. */
  readonly epoch: number
}
