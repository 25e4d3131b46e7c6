/**
 * The client library: `import { connect } from 'linux-heartbeat/client'`.
 *
 *   await using connection = await connect('failover:(tcp://a:1414,tcp://b:1414)')
 *   await using orders = await connection.openQueue('ORDERS')
 *   await orders.put('Hello', { persistent: true })
 *   for await (const message of orders.consume()) { work(message.text); await message.accept() }
 *
 * Every wait takes an AbortSignal. Every failure is an `MqError` with a reason code. See address.ts for addresses.
 */

import path from 'node:path'
import type { OpenOptions } from '../mq/core/engine.js'
import { encodeRequest } from '../mq/protocol/client/request.js'
import type { Hello } from '../mq/protocol/client/request.js'
import type { CommandAnswer } from '../mq/protocol/session.js'
import { defaultFailover, parseDestination } from './address.js'
import type { Destination, FailoverOptions } from './address.js'
import { Budget } from './budget.js'
import { refusal } from './handle.js'
import { Lanes } from './lanes.js'
import { Line } from './line.js'
import type { Body, PutOptions, Stored } from './message.js'
import { MqError, reasons } from './mq-error.js'
import { defaults } from './options.js'
import type { ConnectionNotice, ConnectOptions, TlsSettings } from './options.js'
import { put, Queue, Subscription, Topic } from './queue.js'
import type { Shared } from './queue.js'
import { readDone, Unit } from './unit.js'

export { MqError, reasons, Queue, Subscription, Topic, Unit }
export { Received } from './message.js'
export { Browsed, Browser } from './browse.js'
export { Delivery } from './consume.js'
export type { BrowseOptions } from './browse.js'
export type { ConsumeOptions } from './consume.js'
export type { GetOptions } from './getting.js'
export type { Descriptor, Properties, PropertyValue } from './message.js'
export type { Body, PutOptions, Stored, ConnectOptions, ConnectionNotice, FailoverOptions, TlsSettings, CommandAnswer }

export interface QueueOptions extends OpenOptions {
  /** Of another queue manager. Default: this one. */
  readonly queueManager?: string
  /** For a model queue: the name of the dynamic queue, with `*` at its end for a unique one. */
  readonly dynamicName?: string
  readonly signal?: AbortSignal
}

export interface SubscribeOptions {
  /** Topic object whose topic string goes before `topic`. */
  readonly object?: string
  /** A durable subscription of this name, made when there is none, and gone on with when there is: then another topic is 2510, another selector 2524. */
  readonly durableName?: string
  /** SQL-92 over properties and header fields. */
  readonly selector?: string
  readonly signal?: AbortSignal
}

export interface TransactionOptions {
  /** How often the work is done again when it was backed out by a break (2003), or the queue manager ended. Default 0. */
  readonly retries?: number
  readonly signal?: AbortSignal
}

/**
 * Connects. Rejects with MqError: 2538 or 2059 nobody answers, 2035 not authorized, 2058 another queue manager, 2540 no such
 * channel, 2539 a wrong address, 2548 or 2556 no success with failover; or with the signal's reason.
 */
export async function connect(options: string | ConnectOptions): Promise<Connection> {
  const given: ConnectOptions = typeof options === 'string' ? { address: options } : options
  let connection: Connection | null = null
  const line = new Line({
    destination: destinationOf(given),
    hello: helloOf(given),
    tls: given.tls ?? {},
    connectTimeoutMs: given.connectTimeoutMs ?? defaults.connectTimeoutMs,
    closeTimeoutMs: given.closeTimeoutMs ?? defaults.closeTimeoutMs,
    onNotice: notice => {
      if (notice.kind === 'closed') connection?.onClosed(notice.error)
      given.onNotice?.(notice)
    }
  })
  await line.connect(given.signal)
  connection = new Connection(line, given)
  return connection
}

/** One connection; with failover one after the other. Close it, or declare it with `await using`. */
export class Connection {
  readonly #line: Line
  readonly #shared: Shared
  readonly #units = new Set<Unit>()

  /** Made by `connect`. */
  constructor(line: Line, options: ConnectOptions) {
    this.#line = line
    const budget = new Budget(options.putsMax ?? defaults.putsMax, options.putBytesMax ?? defaults.putBytesMax)
    this.#shared = { line, budget, lanes: new Lanes(), whenFull: options.whenFull ?? 'wait' }
  }

  get queueManager(): string {
    return this.#line.welcome.queueManager
  }

  /** Unique among all queue managers, and the same after a failover. */
  get queueManagerId(): string {
    return this.#line.welcome.qmid
  }

  get isClosed(): boolean {
    return this.#line.isClosed
  }

  /** Default: for input as the queue says, and for output. Name the accesses you want to have only those. */
  async openQueue(name: string, options: QueueOptions = {}): Promise<Queue> {
    const { queueManager, dynamicName, signal, ...access } = options
    const isBare = access.input === undefined && access.output === undefined && access.browse === undefined && access.inquire === undefined
    const target = { kind: 'queue' as const, name, ...(queueManager === undefined ? {} : { queueManager }), ...(dynamicName === undefined ? {} : { dynamicName }) }
    const opened = isBare ? { ...access, input: 'default' as const, output: true } : access
    return new Queue(this.#shared, await this.#line.open({ kind: 'object', target, options: opened }, signal))
  }

  /** A topic to publish to: a topic string, or a topic object, or the object's string and the rest. */
  async openTopic(topic: string, options: { readonly object?: string; readonly signal?: AbortSignal } = {}): Promise<Topic> {
    const { object, signal } = options
    const target = { kind: 'topic' as const, ...(topic === '' ? {} : { topic }), ...(object === undefined ? {} : { object }) }
    return new Topic(this.#shared, await this.#line.open({ kind: 'object', target, options: { output: true } }, signal))
  }

  /** Wildcards: `#` any number of levels, `+` one level. */
  async subscribe(topic: string, options: SubscribeOptions = {}): Promise<Subscription> {
    const { object, durableName, selector, signal } = options
    const request = {
      topic,
      durableName: durableName ?? null,
      ...(object === undefined ? {} : { object }),
      ...(selector === undefined ? {} : { selector }),
      ...(durableName === undefined ? { create: true } : { resume: true, create: true })
    }
    return new Subscription(this.#shared, await this.#line.open({ kind: 'subscription', request }, signal))
  }

  /** Ends a durable subscription; what waits for it is deleted. */
  unsubscribe(durableName: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#line.perform<void>({
      fate: 'interrupted',
      encode: token => encodeRequest(token, { kind: 'unsubscribe', name: durableName }),
      read: readDone,
      ...(options.signal === undefined ? {} : { signal: options.signal })
    })
  }

  /** One put to a queue by name. */
  put(queue: string, body: Body, options: PutOptions & { readonly queueManager?: string } = {}): Promise<Stored> {
    return put(this.#shared, { queue, queueManager: options.queueManager ?? '' }, body, options)
  }

  /** A unit of work; `transaction` is easier to use rightly. */
  async begin(options: { readonly signal?: AbortSignal } = {}): Promise<Unit> {
    const unit = await Unit.begin(this.#line, this.#shared.lanes, options.signal)
    for (const known of this.#units) if (known.isEnded) this.#units.delete(known)
    this.#units.add(unit)
    return unit
  }

  /**
   * Does `work` in a unit of work and commits; an error backs out and is thrown on. Rejects with 2003 when a break of the
   * connection backed it out (then it may be done again), with 2549 when the commit's fate is not known.
   */
  async transaction<T>(work: (unit: Unit) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    for (let retries = options.retries ?? 0; ; retries--) {
      try {
        return await this.#transactOnce(work, options.signal)
      } catch (error) {
        if (!(error instanceof MqError && this.#line.isWorthAnotherUnit(error.reason)) || retries <= 0) throw error
      }
    }
  }

  async #transactOnce<T>(work: (unit: Unit) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    await using unit = await this.begin(signal === undefined ? {} : { signal })
    const result = await work(unit)
    signal?.throwIfAborted()
    await unit.commit()
    return result
  }

  /** One MQSC command, such as `DISPLAY QLOCAL(*)`. Resolves also when it failed; see `outcome`. */
  command(text: string, options: { readonly signal?: AbortSignal } = {}): Promise<CommandAnswer> {
    return this.#line.perform<CommandAnswer>({
      fate: 'interrupted',
      encode: token => encodeRequest(token, { kind: 'command', text }),
      read: (reply, body) => {
        if (reply.kind !== 'report') throw refusal(reply)
        return { outcome: reply.outcome, lines: body.length === 0 ? [] : body.toString('utf8').split('\n') }
      },
      ...(options.signal === undefined ? {} : { signal: options.signal })
    })
  }

  /** Ends waits, lets other calls be answered, backs out open units, disconnects. Idempotent, never rejects, bounded. */
  async close(): Promise<void> {
    if (!this.#line.isClosed) await Promise.allSettled([...this.#units].map(unit => unit.backout()))
    this.#units.clear()
    await this.#line.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** From the line: nothing will be sent any more. */
  onClosed(error: Error | null): void {
    this.#shared.budget.fail(error ?? new MqError(reasons.connectionHandleError, 'the connection is closed'))
  }
}

function destinationOf(options: ConnectOptions): Destination {
  const destination = parseDestination(options.address)
  if (options.failover === undefined) return destination
  return { ...destination, failover: { ...(destination.failover ?? defaultFailover), ...options.failover } }
}

function helloOf(options: ConnectOptions): Hello {
  const { user, password, token } = options
  return {
    channel: options.channel ?? '',
    queueManager: options.queueManager ?? '',
    application: (options.application ?? path.basename(process.argv[1] ?? 'node')).slice(0, 28),
    credentials: token !== undefined ? { kind: 'token', token } : user !== undefined ? { kind: 'password', user, password: password ?? '' } : { kind: 'none' },
    processId: process.pid,
    heartbeatMs: options.heartbeatMs ?? defaults.heartbeatMs
  }
}
