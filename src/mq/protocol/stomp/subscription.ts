/** One subscription of a connection, and the messages that were delivered to it and not acknowledged. */

import type { Answer, DeliveryId, HandleId, Token } from '../../core/engine.js'
import type { Pending } from './calls.js'

export type AckMode = 'auto' | 'client' | 'client-individual'

export interface Delivery {
  readonly id: DeliveryId
  readonly subscription: Subscription
  readonly messageId: Buffer
  readonly backoutCount: number
  /** What the client calls it: the `ack` header in 1.2, before that the message id. */
  readonly key: string
}

export interface SubscriptionFacts {
  /** `id`, or the destination where 1.0 gives none. */
  readonly key: string
  readonly destination: string
  readonly isTopic: boolean
  readonly mode: AckMode
  readonly prefetch: number
  readonly handle: HandleId
  readonly durableName: string | null
  /** What its MESSAGE frames begin with. */
  readonly prefix: string
}

export class Subscription implements Pending {
  readonly facts: SubscriptionFacts
  /** Oldest first, by key. */
  readonly unacknowledged = new Map<string, Delivery>()
  /** Names its one open get. */
  token: Token = 0
  isGetting = false
  isClosed = false
  /** A message that nobody would take when it was rejected: it is delivered, whatever its backout count. */
  unrejectable: Buffer | null = null
  readonly #onGot: (subscription: Subscription, answer: Answer) => void

  constructor(facts: SubscriptionFacts, onGot: (subscription: Subscription, answer: Answer) => void) {
    this.facts = facts
    this.#onGot = onGot
  }

  get hasRoom(): boolean {
    return this.unacknowledged.size < this.facts.prefetch
  }

  onAnswer(answer: Answer): void {
    this.#onGot(this, answer)
  }
}
