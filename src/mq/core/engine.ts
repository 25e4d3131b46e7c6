/**
 * The calls a queue manager answers, whoever asks: a client channel, STOMP, HTTP, a local program, MQSC. Types only;
 * `QueueManager` in queue-manager.ts implements them.
 *
 * Two kinds of calls. Those that touch nothing durable (connect, open, close, begin, inquire) answer at once. The others
 * take a `token` and are answered through the outbox, in memory order, when the answer may be known: a persistent put or
 * a commit when its record is forced, a get with wait when a message comes or the wait ends. An answer may be in the
 * outbox as soon as the call returns. The owner of the core drains the outbox after each event, so that no answer is
 * ever delivered from within a call.
 */

import type { Instant } from '../../base/units.js'
import type { IndexEntry, Origin, StoredMessage } from './journal.js'
import type { Message } from './message.js'
import type { CompletionCode, Reason } from './reason.js'

/** Time as the core sees it; a parameter. `now` is monotonic, for waits; `wallMs` dates messages and their expiry. */
export interface MqClock {
  now(): Instant
  wallMs(): number
}

declare const brand: unique symbol
type Id<Name extends string> = number & { readonly [brand]: Name }
export type ConnectionId = Id<'connection'>
export type HandleId = Id<'handle'>
/** One unit of work of a connection. A connection may have several (STOMP); most have one at a time. */
export type UnitId = Id<'unit'>
/** Names one message delivered under lock and not settled yet. Grows; never reused on a connection. */
export type DeliveryId = Id<'delivery'>
/** The caller's own name for a call; comes back with the answer. Unique among the open calls of a connection. */
export type Token = number

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: Reason }

export interface ConnectOptions {
  readonly kind: 'local' | 'client' | 'stomp' | 'rest' | 'internal'
  /** Shown as APPLTAG; at most 28 characters. */
  readonly applicationTag: string
  /** The user the channel's rules and the password check left us with; goes into UserIdentifier. */
  readonly user: string
  /** SVRCONN channel, or '' for local programs. */
  readonly channel: string
  /** `address(port)` of the partner, or ''. */
  readonly connectionName: string
  readonly processId: number
}

/** What to open. */
export type OpenTarget =
  /** A queue, an alias, or a model queue (then `dynamicName`, with a trailing `*` for a unique name, says how it is called). */
  | { readonly kind: 'queue'; readonly name: string; readonly queueManager?: string; readonly dynamicName?: string }
  /** A topic by object, by string, or both (object's string + '/' + string). For output only. */
  | { readonly kind: 'topic'; readonly object?: string; readonly topic?: string }

export interface OpenOptions {
  /** `default` is the queue's DEFSOPT. */
  readonly input?: 'default' | 'shared' | 'exclusive'
  readonly browse?: boolean
  readonly output?: boolean
  readonly inquire?: boolean
  /** SQL-92 selector over properties and header fields; only matching messages are seen through the handle. */
  readonly selector?: string
}

export interface OpenedObject {
  readonly handle: HandleId
  /** The queue that was found in the end (a dynamic queue's generated name), or the full topic string. */
  readonly resolvedName: string
}

export interface PutRequest {
  readonly message: Message
  /** null: no syncpoint. */
  readonly unit: UnitId | null
  /** For recognition of repetitions; only outside units of work (a commit carries its own). */
  readonly origin?: Origin | null
  /** Generate a message id even when the descriptor has one. */
  readonly newMessageId?: boolean
  /** The descriptor's put date, application and user are kept (context set by the caller) rather than made by us. */
  readonly keepContext?: boolean
  /** Topics: keep as the retained publication of the topic. */
  readonly retain?: boolean
}

export interface PutAnswer {
  readonly kind: 'put'
  readonly completion: CompletionCode
  readonly reason: Reason
  /** As stored; 24 bytes. Of a repetition that was recognised: the id asked for. */
  readonly messageId: Buffer
  readonly correlationId: Buffer
  /** The repetition of a put that is already stored: nothing was stored again. */
  readonly isRepetition: boolean
}

export type GetMode =
  /** Destructive; in `unit` when one is given, else durable before the answer. */
  | 'get'
  /** Destructive, but stays locked for this connection until settled (STOMP client acknowledgements). */
  | 'lock'
  | 'browse-first'
  | 'browse-next'
  | 'browse-cursor'
  /** Gets the message the browse cursor stands on. */
  | 'get-cursor'

export interface GetMatch {
  /** Absent or all zero: any. */
  readonly messageId?: Buffer
  readonly correlationId?: Buffer
}

export interface GetRequest {
  readonly mode: GetMode
  readonly unit: UnitId | null
  /** Milliseconds; 0 answers at once, -1 waits for ever. Below -1: 2090. */
  readonly waitMs: number
  readonly match?: GetMatch
  /** Room for the body; longer bodies are truncated (2079) or refused (2080, message stays). Absent: no limit. */
  readonly bytesMax?: number
  readonly acceptTruncated?: boolean
}

export interface GetAnswer {
  readonly kind: 'get'
  readonly completion: CompletionCode
  readonly reason: Reason
  /** null when there is none (2033 and other failures). Expiry is what is left. */
  readonly message: Message | null
  /** Length of the whole body, also when truncated. */
  readonly bodyBytes: number
  /** For mode `lock`; else null. */
  readonly delivery: DeliveryId | null
}

/** Commit, backout, settle, unsubscribe, command and others that answer with a reason alone. */
export interface PlainAnswer {
  readonly kind: 'done'
  readonly completion: CompletionCode
  readonly reason: Reason
}

export type Answer = PutAnswer | GetAnswer | PlainAnswer

export interface OutboxEntry {
  readonly connection: ConnectionId
  readonly token: Token
  readonly answer: Answer
}

/** What happened to a connection without its asking. */
export type ConnectionEvent =
  /** The connection is to be closed now: STOP CONN, STOP CHANNEL, end of the queue manager. */
  | { readonly kind: 'end'; readonly connection: ConnectionId; readonly reason: Reason }
  /** A controlled end began; finish what is open and disconnect. */
  | { readonly kind: 'quiesce'; readonly connection: ConnectionId }

export interface SubscribeRequest {
  /** Topic object, topic string, or both. Wildcards `#` (any levels) and `+` (one level). */
  readonly object?: string
  readonly topic: string
  /** Name of a durable subscription, unique in the queue manager; null for one that ends with the connection. */
  readonly durableName: string | null
  readonly selector?: string
  /**
   * Resume an existing durable subscription of the name; without it an existing name is 2432. Another topic than it has is
   * 2510, another selector 2524; an empty topic and no selector take it as it is.
   */
  readonly resume?: boolean
  readonly create?: boolean
}

export interface Subscribed {
  /** Open for input on the subscription's queue. */
  readonly handle: HandleId
  readonly queue: string
  readonly resumed: boolean
}

export interface QueueFacts {
  readonly name: string
  readonly depth: number
  readonly maxDepth: number
  readonly isGetInhibited: boolean
  readonly isPutInhibited: boolean
  readonly defaultPersistence: 0 | 1
  readonly maxMessageBytes: number
  /** BOTHRESH: a message backed out so often is for BOQNAME; 0 for none. Absent where a partner does not tell it. */
  readonly backoutThreshold?: number
}

export type SettleVerdict = 'accept' | 'release' | 'reject' | 'abandon' | 'unseen'

export interface Engine {
  readonly name: string
  readonly qmid: string

  connect(options: ConnectOptions): Result<ConnectionId>
  /**
   * `orderly` commits open units of work, `broken` backs them out. Locked deliveries go back either way; the backout count
   * is raised of those that the program can have looked at.
   */
  disconnect(connection: ConnectionId, how: 'orderly' | 'broken'): void
  open(connection: ConnectionId, target: OpenTarget, options: OpenOptions): Result<OpenedObject>
  /** `remove`: delete a permanent dynamic queue, with `purge` even if it has messages. Temporary ones go by themselves. */
  close(connection: ConnectionId, handle: HandleId, options?: { readonly remove?: boolean; readonly purge?: boolean }): Result<null>
  begin(connection: ConnectionId): Result<UnitId>
  inquire(connection: ConnectionId, handle: HandleId): Result<QueueFacts>

  put(connection: ConnectionId, handle: HandleId, request: PutRequest, token: Token): void
  /** Open for output, put, close. */
  putOne(connection: ConnectionId, target: OpenTarget, request: PutRequest, token: Token): void
  get(connection: ConnectionId, handle: HandleId, request: GetRequest, token: Token): void
  /** Ends the wait of a get; its answer is 2033 unless a message came first. */
  cancel(connection: ConnectionId, token: Token): void
  /**
   * Ends locks of mode `lock`. `accept` removes the messages, in `unit` when one is given; `release` puts them back with
   * backout count + 1; `reject` sends them to BOQNAME, else the dead-letter queue, else drops nothing and releases;
   * `abandon` puts them back as the end of the connection would, `unseen` as if they had never been delivered.
   * 2019 for a delivery that is unknown or settled already, then nothing is settled.
   */
  settle(connection: ConnectionId, deliveries: readonly DeliveryId[], verdict: SettleVerdict, unit: UnitId | null, token: Token): void
  /**
   * The unit is over in any case; gets that wait in it end with 2033. 2003: it is unknown, or was backed out because the
   * log needed its space. A commit whose origin was stored before is answered 0, and what this unit holds is dropped.
   */
  commit(connection: ConnectionId, unit: UnitId, origin: Origin | null, token: Token): void
  backout(connection: ConnectionId, unit: UnitId, token: Token): void

  subscribe(connection: ConnectionId, request: SubscribeRequest): Result<Subscribed>
  /** Ends a durable subscription of this name and deletes its managed queue. */
  unsubscribe(connection: ConnectionId, durableName: string): Result<null>
  /**
   * Answers 0 when everything this queue manager did until now is durable. What was done by a call that answers at once
   * (a durable subscription, its end, a permanent dynamic queue) is told to a client only after this answer.
   */
  sync(connection: ConnectionId, token: Token): void
  /**
   * The highest sequence stored for a producer, or 0: where a client library goes on after a reconnection. It may still
   * wait for the log, so a client is told only after `sync`.
   */
  lastSequence(producer: Buffer): number
}

/** What the owner of the core does with it, besides passing calls on. */
export interface EngineOwner {
  /** The log is durable up to `journal.forced`: make visible and answer what waited for it. */
  onForced(): void
  /** Ends waits, expires messages in bounded slices, drops idle state. Call at `nextDeadline()`. */
  onTick(): void
  nextDeadline(): Instant | null
  /** `quiesce`: no new work, connections are told. `stop`: every connection is ended. */
  onEnd(mode: 'quiesce' | 'stop'): void
  takeAnswers(): readonly OutboxEntry[]
  takeEvents(): readonly ConnectionEvent[]
  /**
   * Messages that are not persistent and outlive an orderly end (NPMCLASS(HIGH)), oldest first; called after `stop`.
   * `keep` takes them back, in that order, after a start and before the first connection.
   */
  keptMessages(): Iterable<KeptMessage>
  keep(message: KeptMessage): void
}

/** A message carried from one life of the queue manager to the next, beside the log. */
export interface KeptMessage {
  /** Number, order, expiry and hashes as in the log; the queue may be gone when it is taken back, then it is dropped. */
  readonly entry: IndexEntry
  readonly backoutCount: number
  readonly message: StoredMessage
}
