/** One call of the program, from its making to its answer, over as many connections as that takes. */

import { setMaxListeners } from 'node:events'
import type { Reply } from '../mq/protocol/client/reply.js'
import { abortReason } from './mq-error.js'
import type { Handle } from './handle.js'
import type { Unit } from './unit.js'
import type { WireCall } from './wire.js'

/**
 * What becomes of a call that was sent when the connection breaks, and comes back: `again` it is sent again, which does
 * no harm; `unit` it was part of a unit of work, which is backed out (2003); `interrupted` nobody knows whether it took
 * place (2549); `commit` it is made again before
 * anything else, under its origin, and the queue manager says what became of it.
 */
export type Fate = 'again' | 'unit' | 'interrupted' | 'commit'

export interface CallPlan<T> {
  readonly fate: Fate
  /** The handle the call goes through; it waits until that is open again. */
  readonly handle?: Handle
  readonly unit?: Unit
  /** The frame; of a put the one with the first part of `body`. */
  encode(token: number): Buffer
  /** Makes the call a put. */
  readonly body?: Buffer
  /** Throws MqError when the answer is a refusal. */
  read(reply: Reply, body: Buffer): T
  /** Of a commit: how it is made again after a break. */
  readonly repeat?: (token: number) => Buffer
  readonly signal?: AbortSignal
  /** A get: aborting ends its wait, and a message that came first is still delivered. */
  readonly isCancellable?: boolean
  /** Called once when the call needs nothing more: answered, failed, or given up before it was sent. */
  onOver?(): void
  /** The answer to a call whose program had gone: undo what it made. */
  onLate?(value: T): void
}

export interface CallOwner {
  /** The program gave up. `sent` calls stay known until they are answered. */
  onAborted(call: AnyCall): void
  /** True when this answer is none: the call is made again on the next connection. */
  postpones(call: AnyCall, reply: Reply): boolean
  /** A call is over. */
  onOver(): void
}

export class Call<T> implements WireCall {
  readonly plan: CallPlan<T>
  readonly promise: Promise<T>
  /** On the live connection; null while it waits to be sent. */
  token: number | null = null
  /** The program does not wait any more. */
  isAbandoned = false
  isOver = false
  /** Its wait was ended by us, to make it again on another connection. */
  isMoving = false
  readonly #owner: CallOwner
  #resolve!: (value: T) => void
  #reject!: (error: Error) => void

  constructor(plan: CallPlan<T>, owner: CallOwner) {
    this.plan = plan
    this.#owner = owner
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (plan.signal === undefined) return
    // One signal may end any number of calls; each takes its listener away when it is over.
    setMaxListeners(0, plan.signal)
    plan.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  onReply(reply: Reply, body: Buffer): void {
    if (this.#owner.postpones(this as AnyCall, reply)) return
    let value: T
    try {
      value = this.plan.read(reply, body)
    } catch (error) {
      return this.fail(error instanceof Error ? error : new Error(String(error)))
    }
    const isLate = this.isAbandoned
    if (!this.#end()) return
    if (isLate) this.plan.onLate?.(value)
    else this.#resolve(value)
  }

  fail(error: Error): void {
    if (!this.#end()) return
    const isCancelled = this.plan.isCancellable === true && this.plan.signal?.aborted === true
    if (!this.isAbandoned) this.#reject(isCancelled ? abortReason(this.plan.signal as AbortSignal) : error)
  }

  /** The program goes with its signal's reason; the call itself stays until it is answered. */
  abandon(): void {
    if (this.isAbandoned || this.isOver) return
    this.isAbandoned = true
    this.#reject(abortReason(this.plan.signal as AbortSignal))
  }

  #end(): boolean {
    if (this.isOver) return false
    this.isOver = true
    this.plan.signal?.removeEventListener('abort', this.#onAbort)
    this.plan.onOver?.()
    this.#owner.onOver()
    return true
  }

  readonly #onAbort = (): void => this.#owner.onAborted(this as AnyCall)
}

/** A call whatever its value is. */
export type AnyCall = Call<unknown>
