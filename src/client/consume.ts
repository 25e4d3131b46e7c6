/** Consuming: messages come locked, and the program says of each what becomes of it. */

import type { DeliveryId } from '../mq/core/engine.js'
import { encodeRequest } from '../mq/protocol/client/request.js'
import type { Verb } from '../mq/protocol/client/request.js'
import { get } from './getting.js'
import type { Got } from './getting.js'
import type { Handle } from './handle.js'
import type { Line } from './line.js'
import { Received } from './message.js'
import { abortReason, MqError, reasons } from './mq-error.js'
import { awaitedLater } from './supervise.js'
import { readDone } from './unit.js'
import type { Unit } from './unit.js'

export interface ConsumeOptions {
  /**
   * Messages locked ahead of the program. Default 1: none. What is locked ahead and not taken when the loop ends goes back
   * with a backout count raised by one.
   */
  readonly prefetch?: number
  /** Ends the loop when nothing came for so long. Default: goes on for ever. */
  readonly idleMs?: number
  readonly messageId?: Uint8Array
  readonly correlationId?: Uint8Array
  /** Accepts a message when the loop asks for the next one, releases it when the loop is left by an error or `break`. */
  readonly autoAccept?: boolean
  /** Ends the loop with the signal's reason. */
  readonly signal?: AbortSignal
}

/** A locked message. Settle it once. */
export class Delivery extends Received {
  readonly #line: Line
  readonly #id: DeliveryId
  readonly #generation: number
  #isSettled = false

  constructor(got: Got, line: Line) {
    super(got.message)
    this.#line = line
    this.#id = got.delivery as DeliveryId // mode `lock` has one
    this.#generation = line.generation
    line.holds++
  }

  /** How often it was delivered before and not accepted. */
  get backoutCount(): number {
    return this.descriptor.backoutCount
  }

  /** Locked on a connection that is gone: the message is on its queue again. */
  get isStale(): boolean {
    return this.#generation !== this.#line.generation
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /**
   * The message is done with: gone when this resolves, or with the commit of `unit`. Rejects with 2549 when the connection
   * broke: it goes back to its queue then, unless the acceptance had arrived.
   */
  accept(options: { readonly unit?: Unit } = {}): Promise<void> {
    return this.settle('accept', options.unit)
  }

  /** Back to its place, backout count one higher. */
  release(): Promise<void> {
    return this.settle('release', undefined)
  }

  /** To the backout queue (BOQNAME), else the dead-letter queue. */
  reject(): Promise<void> {
    return this.settle('reject', undefined)
  }

  async settle(verdict: Verb, unit: Unit | undefined): Promise<void> {
    if (this.#isSettled) throw new MqError(reasons.objectHandleError, 'the message is settled already')
    this.#isSettled = true
    this.#line.holds--
    if (this.isStale) {
      if (verdict === 'release') return // the break has done it
      throw new MqError(reasons.callInterrupted, 'the connection broke; the message has gone back to its queue')
    }
    const settled = this.#line.perform<void>({
      fate: unit === undefined ? 'interrupted' : 'unit',
      ...(unit === undefined ? {} : { unit }),
      encode: token => encodeRequest(token, { kind: 'settle', deliveries: [this.#id], verdict, unit: unit?.wireId ?? null }),
      read: readDone
    })
    await (unit === undefined ? settled : unit.track(settled))
  }
}

/** Written against a line and a handle so that queues and subscriptions share it. */
export async function* consume(line: Line, handle: Handle, options: ConsumeOptions): AsyncGenerator<Delivery, void, undefined> {
  const { idleMs, messageId, correlationId, signal } = options
  const stop = new AbortController()
  const onAbort = (): void => stop.abort(abortReason(signal as AbortSignal))
  signal?.throwIfAborted()
  signal?.addEventListener('abort', onAbort, { once: true })
  /** In the order in which they were asked for, which is the order of the messages. */
  const asked: Promise<Delivery | null>[] = []
  const ask = (): void => {
    const next = get(
      line,
      handle,
      'lock',
      {
        waitMs: idleMs ?? Number.POSITIVE_INFINITY,
        ...(messageId === undefined ? {} : { messageId }),
        ...(correlationId === undefined ? {} : { correlationId }),
        signal: stop.signal
      },
      'again'
    ).then(got => (got === null ? null : new Delivery(got, line)))
    awaitedLater(next)
    asked.push(next)
  }
  try {
    for (;;) {
      while (asked.length < Math.max(1, options.prefetch ?? 1)) ask()
      const delivery = await (asked.shift() as Promise<Delivery | null>)
      if (delivery === null) return
      if (delivery.isStale) {
        await delivery.release() // ends our hold on it; it will come again
        continue
      }
      yield* options.autoAccept === true ? accepted(delivery) : [delivery]
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    stop.abort(new MqError(reasons.noMessageAvailable, 'nobody waits any more'))
    await Promise.allSettled(asked.map(async next => (await next)?.release()))
  }
}

async function* accepted(delivery: Delivery): AsyncGenerator<Delivery, void, undefined> {
  let isDone = false
  try {
    yield delivery
    isDone = true
  } finally {
    if (!delivery.isSettled) await (isDone ? delivery.accept() : delivery.release())
  }
}
