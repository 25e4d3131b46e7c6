/** Objects a program opens: queues, topics, subscriptions. */

import type { Origin } from '../mq/core/journal.js'
import type { QueueFacts } from '../mq/core/engine.js'
import type { PutHead } from '../mq/protocol/client/request.js'
import { encodePut, encodeRequest } from '../mq/protocol/client/request.js'
import { Browser } from './browse.js'
import type { BrowseOptions } from './browse.js'
import type { Budget } from './budget.js'
import { consume } from './consume.js'
import type { ConsumeOptions, Delivery } from './consume.js'
import { get } from './getting.js'
import type { GetOptions } from './getting.js'
import { refusal } from './handle.js'
import type { Handle } from './handle.js'
import { originOf } from './lanes.js'
import type { Lanes } from './lanes.js'
import type { Line } from './line.js'
import { bodyOf, descriptorOf, propertiesOf } from './message.js'
import type { Body, PutOptions, Received, Stored } from './message.js'
import { MqError, reasons } from './mq-error.js'

/** What every object of a connection shares. */
export interface Shared {
  readonly line: Line
  readonly lanes: Lanes
  readonly budget: Budget
  readonly whenFull: 'wait' | 'reject'
}

/** Where a put goes: an open object, or a name for one put alone. */
export type PutTarget = { readonly handle: Handle } | { readonly queue: string; readonly queueManager: string }

export async function put(shared: Shared, target: PutTarget, body: Body, options: PutOptions = {}): Promise<Stored> {
  const bytes = bodyOf(body)
  const { line, budget } = shared
  const { messageBytesMax } = line.welcome
  if (bytes.length > messageBytesMax) throw new MqError(reasons.messageTooBigForChannel, `${bytes.length} bytes; the channel takes ${messageBytesMax}`)
  const descriptor = descriptorOf(body, options)
  const properties = propertiesOf(options)
  if (!budget.tryTake(bytes.length)) {
    if (shared.whenFull === 'reject') throw new MqError(reasons.storageNotAvailable, 'too many puts are under way')
    options.signal?.throwIfAborted()
    await budget.take(bytes.length, options.signal)
  }
  const { unit, signal } = options
  // Only a put that may be sent twice has to be recognised.
  const lane = unit === undefined && line.hasFailover ? shared.lanes.take() : null
  const origin: Origin | null = lane === null ? null : originOf(lane)
  const head = (): PutHead => ({
    unit: unit?.wireId ?? null,
    origin,
    newMessageId: false,
    keepContext: options.keepContext === true,
    retain: options.retain === true,
    descriptor,
    properties
  })
  const call = line.perform<Stored>({
    fate: unit === undefined ? 'again' : 'unit',
    ...('handle' in target ? { handle: target.handle } : {}),
    ...(unit === undefined ? {} : { unit }),
    body: bytes,
    encode: token => encodePut(token, 'handle' in target ? { handle: target.handle.wireId } : { target: oneTarget(target) }, head(), bytes),
    read: reply => {
      if (reply.kind !== 'stored') throw refusal(reply)
      if (reply.completion === 2) throw new MqError(reply.reason)
      return { messageId: reply.messageId, correlationId: reply.correlationId, warning: reply.reason, isRepetition: reply.isRepetition }
    },
    ...(signal === undefined ? {} : { signal }),
    onOver: () => {
      budget.give(bytes.length)
      if (lane !== null) shared.lanes.give(lane)
    }
  })
  return unit === undefined ? call : unit.track(call)
}

const oneTarget = (target: { readonly queue: string; readonly queueManager: string }): { kind: 'queue'; name: string; queueManager?: string } => ({
  kind: 'queue',
  name: target.queue,
  ...(target.queueManager === '' ? {} : { queueManager: target.queueManager })
})

abstract class OpenObject {
  protected readonly shared: Shared
  protected readonly handle: Handle

  constructor(shared: Shared, handle: Handle) {
    this.shared = shared
    this.handle = handle
  }

  get isClosed(): boolean {
    return this.handle.isClosed
  }

  /** Idempotent. `remove` deletes a permanent dynamic queue, `purge` even when it has messages. */
  async close(options: { readonly remove?: boolean; readonly purge?: boolean } = {}): Promise<void> {
    await this.shared.line.close(this.handle, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Something to get from: a queue or a subscription. */
abstract class Source extends OpenObject {
  /**
   * The next message, or null when there is none within `waitMs` (2033). Outside a unit of work it is gone with this call;
   * when the connection breaks before it is answered, nobody knows whether it is (2549). Use `consume`, or a unit, where
   * that matters.
   */
  async get(options: GetOptions = {}): Promise<Received | null> {
    const got = await get(this.shared.line, this.handle, 'get', options, 'interrupted')
    return got === null ? null : got.message
  }

  /**
   * Messages as they come, without end unless `idleMs` says so. Each is locked for this program until it is accepted,
   * released or rejected; what is not comes back to its queue when the connection ends or breaks.
   */
  consume(options: ConsumeOptions = {}): AsyncGenerator<Delivery, void, undefined> {
    return consume(this.shared.line, this.handle, options)
  }
}

export class Queue extends Source {
  /** The queue that was found: of a model queue the dynamic one. */
  get name(): string {
    return this.handle.resolvedName
  }

  /** Resolves when the message is stored; a persistent one then survives whatever happens. */
  put(body: Body, options: PutOptions = {}): Promise<Stored> {
    return put(this.shared, { handle: this.handle }, body, options)
  }

  /** Messages from first to last, which stay; each may be got. Ends when there is no more within `waitMs`. */
  browse(options: BrowseOptions = {}): Browser {
    return new Browser(this.shared.line, this.handle, options)
  }

  /** Needs `inquire` when opened. */
  inquire(options: { readonly signal?: AbortSignal } = {}): Promise<QueueFacts> {
    return this.shared.line.perform<QueueFacts>({
      fate: 'again',
      handle: this.handle,
      encode: token => encodeRequest(token, { kind: 'inquire', handle: this.handle.wireId }),
      read: reply => {
        if (reply.kind !== 'facts') throw refusal(reply)
        return reply.facts
      },
      ...(options.signal === undefined ? {} : { signal: options.signal })
    })
  }
}

export class Topic extends OpenObject {
  /** The whole topic string. */
  get topic(): string {
    return this.handle.resolvedName
  }

  /** Resolves when every subscriber's queue has it. */
  publish(body: Body, options: PutOptions = {}): Promise<Stored> {
    return put(this.shared, { handle: this.handle }, body, options)
  }
}

/**
 * What is published from now on. After a broken connection a durable subscription goes on where it was; another begins
 * anew, and what was published meanwhile is not seen.
 */
export class Subscription extends Source {
  /** The queue publications wait on. */
  get queue(): string {
    return this.handle.resolvedName
  }
}
