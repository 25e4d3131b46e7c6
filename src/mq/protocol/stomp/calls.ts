/** The calls of one session to the engine that are not answered, and what is to be done with each answer. */

import type { Answer, ConnectionId, Engine, MqClock, Token } from '../../core/engine.js'
import type { SessionLimits } from '../session.js'
import type { Version } from './header-text.js'
import { engineRefusal, type Refusal } from './refusal.js'

export interface Pending {
  onAnswer(answer: Answer): void
}

/** A session as its parts see it. */
export interface Host {
  readonly engine: Engine
  readonly connection: ConnectionId
  readonly version: Version
  readonly clock: MqClock
  readonly limits: SessionLimits
  /** The smaller of what the channel and the listener take. */
  readonly messageBytesMax: number
  /** From CONNECT; null when there was none. */
  readonly clientId: string | null
  readonly calls: Calls
  /** False: nothing more is asked from the engine until the peer has read. */
  readonly isWritable: boolean
  send(frame: Buffer): void
  /** RECEIPT, when one was asked for. */
  acknowledge(receipt: string | null): void
  /** ERROR, then the end of the session. */
  refuse(refusal: Refusal, receipt: string | null): void
}

export class Calls {
  readonly #open = new Map<Token, Pending>()
  #next = 1
  #reserved = 0

  /** Calls that an orderly end waits for. */
  get count(): number {
    return this.#open.size - this.#reserved
  }

  open(pending: Pending): Token {
    const token = this.#next++
    this.#open.set(token, pending)
    return token
  }

  /** A token for one call after the other; nobody waits for its answers. */
  reserve(pending: Pending): Token {
    this.#reserved += 1
    return this.open(pending)
  }

  release(token: Token): void {
    if (this.#open.delete(token)) this.#reserved -= 1
  }

  onAnswer(token: Token, answer: Answer): void {
    const pending = this.#open.get(token)
    if (pending === undefined) return
    if (answer.kind !== 'get') this.#open.delete(token)
    pending.onAnswer(answer)
  }
}

/** A call whose answer is a reason alone: RECEIPT when it is 0, ERROR otherwise. */
export class PlainCall implements Pending {
  readonly #host: Host
  readonly #what: string
  readonly #receipt: string | null
  readonly #onDone: (() => void) | null

  constructor(host: Host, what: string, receipt: string | null, onDone: (() => void) | null = null) {
    this.#host = host
    this.#what = what
    this.#receipt = receipt
    this.#onDone = onDone
  }

  onAnswer(answer: Answer): void {
    if (answer.completion === 2) return this.#host.refuse(engineRefusal(answer.reason, this.#what), this.#receipt)
    this.#host.acknowledge(this.#receipt)
    this.#onDone?.()
  }
}
