/**
 * A queue manager: the one door to its state, for connections (Engine), for the process it runs in (EngineOwner), for
 * the log (JournalEvents) and for MQSC (Administration).
 *
 * Synchronous and pure: a call changes the state and fills the outbox; time, log and spool are parameters. Where to
 * read: put.ts and get.ts for the life of a message, units.ts for units of work, forced.ts for what happens when the log
 * is durable, messages.ts for the steps they share.
 */

import type { HaError } from '../../base/errors.js'
import { instant, type Instant } from '../../base/units.js'
import { beginClear, clearQueue, clearRetained, define, removeObject } from './administer.js'
import type { AdminOutcome, Administration, BegunClear, ConnectionStatus, HandleStatus, QueueStatus, SubscriptionStatus, TopicStatus } from './administration.js'
import { connect, disconnect, endConnection, endQueueManager } from './connections.js'
import { CoreState, type QueueManagerOptions } from './core-state.js'
import type { ObjectDefinition, ObjectType } from './definition.js'
import type {
  ConnectionEvent,
  ConnectionId,
  ConnectOptions,
  DeliveryId,
  Engine,
  EngineOwner,
  GetRequest,
  HandleId,
  KeptMessage,
  OpenedObject,
  OpenOptions,
  OpenTarget,
  OutboxEntry,
  PutRequest,
  QueueFacts,
  Result,
  SettleVerdict,
  Subscribed,
  SubscribeRequest,
  Token,
  UnitId
} from './engine.js'
import { onForced } from './forced.js'
import { get } from './get.js'
import { inquire } from './inquire.js'
import type { JournalEvents, Move, Origin, UnitNumber } from './journal.js'
import { keep, keptMessages } from './kept.js'
import { onMoved } from './moved.js'
import { close, openObject } from './open.js'
import { put, putOne } from './put.js'
import { reasons } from './reason.js'
import { restore } from './restore.js'
import { done, ok, refused } from './results.js'
import { settle } from './settle.js'
import { connectionStatus, handlesOf, queueStatus, subscriptionStatus, topicStatus } from './status.js'
import { subscribe, unsubscribe } from './subscribe.js'
import { nextDeadline, onTick } from './tick.js'
import { backout, begin, commit } from './unit-calls.js'
import { undoNumbered, undoOldest } from './units.js'
import { cancelWait } from './waiters.js'

export type { QueueManagerOptions } from './core-state.js'

const runningReason = (state: CoreState): number => (state.phase === 'stopping' ? reasons.queueManagerStopping : reasons.connectionHandleError)

export class QueueManager implements Engine, EngineOwner, JournalEvents, Administration {
  readonly name: string
  readonly qmid: string
  readonly #state: CoreState

  /** Throws HaError HA_MQ_DAMAGED when what was restored makes no sense. */
  constructor(options: QueueManagerOptions) {
    this.name = options.name
    this.qmid = options.qmid
    this.#state = new CoreState(options)
    if (options.restored !== null) restore(this.#state, options.restored)
  }

  // ── Engine ──────────────────────────────────────────────────────────────────────────────────────────────────────

  connect(options: ConnectOptions): Result<ConnectionId> {
    return connect(this.#state, options)
  }

  disconnect(connection: ConnectionId, how: 'orderly' | 'broken'): void {
    disconnect(this.#state, connection, how)
  }

  open(connection: ConnectionId, target: OpenTarget, options: OpenOptions): Result<OpenedObject> {
    const opened = openObject(this.#state, connection, target, options)
    if (!opened.ok) return opened
    return ok({ handle: opened.value.id, resolvedName: opened.value.queue?.name ?? opened.value.topic ?? '' })
  }

  close(connection: ConnectionId, handle: HandleId, options: { readonly remove?: boolean; readonly purge?: boolean } = {}): Result<null> {
    return close(this.#state, connection, handle, options)
  }

  begin(connection: ConnectionId): Result<UnitId> {
    return begin(this.#state, connection)
  }

  inquire(connection: ConnectionId, handle: HandleId): Result<QueueFacts> {
    const known = this.#state.connections.get(connection)
    return known === undefined ? refused(runningReason(this.#state)) : inquire(known, handle)
  }

  put(connection: ConnectionId, handle: HandleId, request: PutRequest, token: Token): void {
    put(this.#state, connection, handle, request, token)
  }

  putOne(connection: ConnectionId, target: OpenTarget, request: PutRequest, token: Token): void {
    putOne(this.#state, connection, target, request, token)
  }

  get(connection: ConnectionId, handle: HandleId, request: GetRequest, token: Token): void {
    get(this.#state, connection, handle, request, token)
  }

  cancel(connection: ConnectionId, token: Token): void {
    cancelWait(this.#state, connection, token)
  }

  settle(connection: ConnectionId, deliveries: readonly DeliveryId[], verdict: SettleVerdict, unit: UnitId | null, token: Token): void {
    settle(this.#state, connection, deliveries, verdict, unit, token)
  }

  commit(connection: ConnectionId, unit: UnitId, origin: Origin | null, token: Token): void {
    commit(this.#state, connection, unit, origin, token)
  }

  backout(connection: ConnectionId, unit: UnitId, token: Token): void {
    backout(this.#state, connection, unit, token)
  }

  subscribe(connection: ConnectionId, request: SubscribeRequest): Result<Subscribed> {
    return subscribe(this.#state, connection, request)
  }

  unsubscribe(connection: ConnectionId, durableName: string): Result<null> {
    return unsubscribe(this.#state, connection, durableName)
  }

  sync(connection: ConnectionId, token: Token): void {
    if (this.#state.connections.has(connection)) this.#state.answerWhenForced(connection, token, done(reasons.none))
    else this.#state.answer(connection, token, done(runningReason(this.#state)))
  }

  lastSequence(producer: Buffer): number {
    return this.#state.producers.last(producer)
  }

  // ── EngineOwner and JournalEvents ───────────────────────────────────────────────────────────────────────────────

  onForced(): void {
    onForced(this.#state)
  }

  onMoved(moves: readonly Move[]): void {
    onMoved(this.#state, moves)
  }

  onPinned(unit: UnitNumber): void {
    undoNumbered(this.#state, unit)
  }

  /** Nothing can become durable any more: every connection ends, and nothing that waits for the log is ever answered. */
  onFailed(error: HaError): void {
    this.#state.failure = error
    this.#state.phase = 'stopping'
    for (const connection of this.#state.connections.keys()) {
      this.#state.events.push({ kind: 'end', connection, reason: reasons.connectionBroken })
    }
    this.#state.connections.clear()
  }

  /** Backs out the unit of work that pins the log longest; its owner hears 2003. False when there is none. */
  backOutOldestUnit(): boolean {
    return undoOldest(this.#state)
  }

  onTick(): void {
    onTick(this.#state)
  }

  nextDeadline(): Instant | null {
    const at = nextDeadline(this.#state)
    return at === Infinity ? null : instant(at)
  }

  onEnd(mode: 'quiesce' | 'stop'): void {
    endQueueManager(this.#state, mode)
  }

  takeAnswers(): readonly OutboxEntry[] {
    const answers = this.#state.answers
    if (answers.length > 0) this.#state.answers = []
    return answers
  }

  takeEvents(): readonly ConnectionEvent[] {
    const events = this.#state.events
    if (events.length > 0) this.#state.events = []
    return events
  }

  keptMessages(): Iterable<KeptMessage> {
    return keptMessages(this.#state)
  }

  keep(message: KeptMessage): void {
    keep(this.#state, message)
  }

  /** Messages on queues, and bytes of memory the table of them takes. */
  facts(): { readonly messages: number; readonly tableBytes: number } {
    return { messages: this.#state.table.count, tableBytes: this.#state.table.bytes }
  }

  // ── Administration ──────────────────────────────────────────────────────────────────────────────────────────────

  list(type: ObjectType): readonly ObjectDefinition[] {
    return this.#state.catalog.list(type)
  }

  find(type: ObjectType, name: string): ObjectDefinition | null {
    return this.#state.catalog.find(type, name)?.definition ?? null
  }

  findQueue(name: string): ObjectDefinition | null {
    return this.#state.catalog.findQueue(name)?.definition ?? null
  }

  define(definition: ObjectDefinition, options: { readonly force?: boolean } = {}): AdminOutcome {
    return define(this.#state, definition, options.force === true)
  }

  remove(type: ObjectType, name: string, options: { readonly purge?: boolean } = {}): AdminOutcome {
    return removeObject(this.#state, type, name, options.purge === true)
  }

  clear(queue: string): AdminOutcome {
    return clearQueue(this.#state, queue)
  }

  beginClear(queue: string): BegunClear {
    return beginClear(this.#state, queue)
  }

  clearRetained(topic: string): AdminOutcome {
    return clearRetained(this.#state, topic)
  }

  queueStatus(name: string): QueueStatus | null {
    return queueStatus(this.#state, name)
  }

  handles(queue: string): readonly HandleStatus[] {
    return handlesOf(this.#state, queue)
  }

  connections(): readonly ConnectionStatus[] {
    return [...this.#state.connections.values()].map(connectionStatus)
  }

  endConnection(id: string): boolean {
    for (const connection of this.#state.connections.values()) {
      if (connection.name !== id) continue
      endConnection(this.#state, connection, reasons.connectionBroken)
      return true
    }
    return false
  }

  subscriptions(): readonly SubscriptionStatus[] {
    return subscriptionStatus(this.#state)
  }

  topics(): readonly TopicStatus[] {
    return topicStatus(this.#state)
  }
}
