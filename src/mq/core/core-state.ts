/**
 * Everything a queue manager knows while it runs. The operations on it are functions in the files beside this one;
 * `QueueManager` (queue-manager.ts) is the door to them.
 */

import type { HaError } from '../../base/errors.js'
import { Catalog } from './objects/catalog.js'
import type { Answer, ConnectionEvent, ConnectionId, MqClock, OutboxEntry, Token } from './engine.js'
import type { ObjectDefinition, ObjectType } from './definition.js'
import type { Connection } from './connection.js'
import type { ExpiryScan } from './expiry.js'
import type { GetCall } from './get-call.js'
import type { Journal, LogRecord, Lsn, Place, Restored, Spool } from './journal.js'
import { invariant } from '../../base/invariant.js'
import { HeadCache } from './head-cache.js'
import { MessageTable } from './message-table.js'
import { MessageIds } from './message-ids.js'
import { PendingWork, type Pending } from './pending.js'
import { Producers } from './producers.js'
import { PutDates } from './put-date.js'
import type { Queue } from './queue.js'
import type { Retained } from './retained-publications.js'
import { Subscriptions } from './subscriptions.js'
import { TopicMap } from './topic-tree.js'
import type { Unit } from './unit-of-work.js'
import { WaitHeap } from './wait-heap.js'

export interface QueueManagerOptions {
  readonly name: string
  /** `name_YYYY-MM-DD_hh.mm.ss` of its creation. */
  readonly qmid: string
  readonly clock: MqClock
  readonly journal: Journal
  readonly spool: Spool
  /** null for a queue manager that starts for the first time. */
  readonly restored: Restored | null
  /** All attributes of a type with their defaults, for objects the engine makes: dynamic queues, subscriptions. */
  readonly defaultsFor: (type: ObjectType) => ObjectDefinition['attributes']
  /** Producers remembered for repeated puts and commits. */
  readonly producersMax?: number
}

/** Looks at this many slots, or reads one for every fifty of them, before a scan goes on in the next turn. */
export const scanBudget = 50_000
export const scanReadCost = 50

export class CoreState {
  readonly name: string
  readonly qmid: string
  readonly clock: MqClock
  readonly journal: Journal
  readonly spool: Spool
  readonly epoch: number
  readonly defaultsFor: (type: ObjectType) => ObjectDefinition['attributes']

  readonly table = new MessageTable()
  readonly catalog = new Catalog()
  readonly queuesByName = new Map<string, Queue>()
  readonly queuesByNumber = new Map<number, Queue>()
  readonly connections = new Map<ConnectionId, Connection>()
  readonly pending = new PendingWork()
  /** Places that are free when the log is forced; apart, since nobody waits for them and lazy records may come before. */
  readonly releases = new PendingWork()
  readonly producers: Producers
  readonly messageIds: MessageIds
  readonly putDates = new PutDates()
  readonly heads = new HeadCache()
  readonly waits = new WaitHeap<GetCall>()
  /** Gets whose scan goes on in the next turn. */
  readonly scanning = new Set<GetCall>()
  /** Units of work with records in the log, oldest first. */
  readonly logged = new Set<Unit>()
  readonly subscriptions = new Subscriptions()
  readonly retained = new TopicMap<Retained>()
  /** Topic objects by topic string; null when one of them changed. */
  topicObjects: Map<string, ObjectDefinition> | null = null
  /** Handles open for publishing, by topic string. */
  readonly publishers = new Map<string, number>()

  /** Set when the log failed for good. */
  failure: HaError | null = null
  /** The kept message taken back last, by list: the next one stands behind it. Only between a start and the first connection. */
  readonly keptFingers = new Map<number, number>()
  phase: 'running' | 'quiescing' | 'stopping' = 'running'
  nextOrder: number
  nextQueueNumber: number
  nextUnitNumber = 1
  nextConnection = 1
  nextUnitId = 1
  nextUnique = 1
  /** Monotonic milliseconds of the next scan for expired messages; Infinity when nothing expires. */
  expiryScanAt = Infinity
  /** No scan begins before, so that scans of deep queues do not follow one another. */
  expiryRestsUntil = 0
  /** A scan that rests between two slices. */
  expiryScan: ExpiryScan | null = null
  /** Slots read since the last rest. */
  expiryRead = 0
  /** End of the record appended last. */
  lastEnd: Lsn
  /** End of the last record that asked for a force: nobody is promised anything of the lazy ones behind it. */
  firmEnd: Lsn

  answers: OutboxEntry[] = []
  events: ConnectionEvent[] = []

  constructor(options: QueueManagerOptions) {
    this.name = options.name
    this.qmid = options.qmid
    this.clock = options.clock
    this.journal = options.journal
    this.spool = options.spool
    this.defaultsFor = options.defaultsFor
    this.epoch = options.restored?.epoch ?? 1
    this.nextOrder = options.restored?.nextOrder ?? 1
    this.nextQueueNumber = options.restored?.nextQueueNumber ?? 1
    this.lastEnd = this.firmEnd = options.journal.end
    this.producers = new Producers(options.producersMax ?? 20_000)
    this.messageIds = new MessageIds(options.name, this.epoch)
  }

  answer(connection: ConnectionId, token: Token, answer: Answer): void {
    this.answers.push({ connection, token, answer })
  }

  /**
   * Answers when everything that anybody was promised is durable. Lazy records at the end of the log are not waited for:
   * no force may come for a long time.
   */
  answerWhenForced(connection: ConnectionId, token: Token, answer: Answer): void {
    if (this.firmEnd <= this.journal.forced && this.pending.length === 0) this.answer(connection, token, answer)
    else this.wait({ end: this.firmEnd, kind: 'answer', slot: 0, order: 0, unit: null, place: null, connection, token, answer })
  }

  wait(entry: Pending): void {
    this.pending.push(entry)
  }

  /** Appends a record that asks for a force; false when the log is full. */
  append(record: LogRecord): boolean {
    const appended = this.journal.append(record)
    if (appended.ok) this.lastEnd = this.firmEnd = appended.end
    return appended.ok
  }

  /** Appends a record of a kind for which the log keeps space in reserve. */
  appendReserved(record: LogRecord, lazy = false): Lsn {
    const appended = this.journal.append(record, { lazy })
    invariant(appended.ok, `the log has room for a ${record.kind} record`)
    this.lastEnd = appended.end
    if (!lazy) this.firmEnd = appended.end
    return appended.lsn
  }

  /** Releases a place when everything appended until now is durable, lazy records too. */
  releaseWhenForced(place: Place): void {
    this.releases.push({ end: this.lastEnd, kind: 'gone', slot: 0, order: 0, unit: null, place, connection: null, token: 0, answer: null })
  }

  queueOf(slot: number): Queue {
    const queue = this.queuesByNumber.get(this.table.queue(slot))
    invariant(queue !== undefined, 'every message is on a queue')
    return queue
  }
}
