/**
 * The engine as handed to one session. It passes every call on and notes which connections the session made, so that
 * answers find their way and a session that goes leaves nothing behind.
 */

import type {
  ConnectionId,
  ConnectOptions,
  DeliveryId,
  Engine,
  GetRequest,
  HandleId,
  OpenedObject,
  OpenOptions,
  OpenTarget,
  PutRequest,
  QueueFacts,
  Result,
  Subscribed,
  SubscribeRequest,
  Token,
  UnitId
} from '../core/engine.js'
import type { Origin } from '../core/journal.js'

export interface ConnectionNotes {
  connected(connection: ConnectionId): void
  disconnected(connection: ConnectionId): void
}

export class SessionEngine implements Engine {
  readonly #engine: Engine
  readonly #notes: ConnectionNotes

  constructor(engine: Engine, notes: ConnectionNotes) {
    this.#engine = engine
    this.#notes = notes
  }

  get name(): string {
    return this.#engine.name
  }

  get qmid(): string {
    return this.#engine.qmid
  }

  connect(options: ConnectOptions): Result<ConnectionId> {
    const connected = this.#engine.connect(options)
    if (connected.ok) this.#notes.connected(connected.value)
    return connected
  }

  disconnect(connection: ConnectionId, how: 'orderly' | 'broken'): void {
    this.#engine.disconnect(connection, how)
    this.#notes.disconnected(connection)
  }

  open(connection: ConnectionId, target: OpenTarget, options: OpenOptions): Result<OpenedObject> {
    return this.#engine.open(connection, target, options)
  }

  close(connection: ConnectionId, handle: HandleId, options?: { readonly remove?: boolean; readonly purge?: boolean }): Result<null> {
    return this.#engine.close(connection, handle, options)
  }

  begin(connection: ConnectionId): Result<UnitId> {
    return this.#engine.begin(connection)
  }

  inquire(connection: ConnectionId, handle: HandleId): Result<QueueFacts> {
    return this.#engine.inquire(connection, handle)
  }

  put(connection: ConnectionId, handle: HandleId, request: PutRequest, token: Token): void {
    this.#engine.put(connection, handle, request, token)
  }

  putOne(connection: ConnectionId, target: OpenTarget, request: PutRequest, token: Token): void {
    this.#engine.putOne(connection, target, request, token)
  }

  get(connection: ConnectionId, handle: HandleId, request: GetRequest, token: Token): void {
    this.#engine.get(connection, handle, request, token)
  }

  cancel(connection: ConnectionId, token: Token): void {
    this.#engine.cancel(connection, token)
  }

  settle(connection: ConnectionId, deliveries: readonly DeliveryId[], verdict: 'accept' | 'release' | 'reject', unit: UnitId | null, token: Token): void {
    this.#engine.settle(connection, deliveries, verdict, unit, token)
  }

  commit(connection: ConnectionId, unit: UnitId, origin: Origin | null, token: Token): void {
    this.#engine.commit(connection, unit, origin, token)
  }

  backout(connection: ConnectionId, unit: UnitId, token: Token): void {
    this.#engine.backout(connection, unit, token)
  }

  subscribe(connection: ConnectionId, request: SubscribeRequest): Result<Subscribed> {
    return this.#engine.subscribe(connection, request)
  }

  unsubscribe(connection: ConnectionId, durableName: string): Result<null> {
    return this.#engine.unsubscribe(connection, durableName)
  }

  sync(connection: ConnectionId, token: Token): void {
    this.#engine.sync(connection, token)
  }

  lastSequence(producer: Buffer): number {
    return this.#engine.lastSequence(producer)
  }
}
