/** An open object as the program knows it; the queue manager's own handle changes with each connection. */

import type { HandleId, OpenOptions, OpenTarget, SubscribeRequest } from '../mq/core/engine.js'
import { reasons } from '../mq/core/reason.js'
import type { Reply } from '../mq/protocol/client/reply.js'
import { encodeRequest } from '../mq/protocol/client/request.js'
import { MqError } from './mq-error.js'

export type Opening =
  | { readonly kind: 'object'; readonly target: OpenTarget; readonly options: OpenOptions }
  | { readonly kind: 'subscription'; readonly request: SubscribeRequest }

export class Handle {
  readonly opening: Opening
  /** On the live connection; null while it is not open there. */
  id: HandleId | null = null
  /** The queue that was found, or the whole topic string. */
  resolvedName = ''
  /** Grows with each opening: what depends on the one before (a browse cursor, a locked message) is lost. */
  generation = 0
  /** Why it could not be opened again. */
  fault: MqError | null = null
  isClosed = false

  constructor(opening: Opening) {
    this.opening = opening
  }

  /** A dynamic queue that still exists is opened under its own name, others as at first. */
  encode(token: number): Buffer {
    const { opening } = this
    if (opening.kind === 'subscription') {
      const request = opening.request.durableName === null ? opening.request : { ...opening.request, resume: true, create: true }
      return encodeRequest(token, { kind: 'subscribe', request: this.generation === 0 ? opening.request : request })
    }
    return encodeRequest(token, { kind: 'open', target: opening.target, options: opening.options })
  }

  /** Takes the answer. Throws MqError when it is a refusal. */
  opened(reply: Reply): void {
    switch (reply.kind) {
      case 'opened':
        this.resolvedName = reply.resolvedName
        break
      case 'subscribed':
        this.resolvedName = reply.queue
        break
      default:
        throw refusal(reply)
    }
    this.id = reply.handle
    this.generation++
    this.fault = null
  }

  onBroken(): void {
    this.id = null
  }

  /** The handle to write into a frame; the call was not let through without it. */
  get wireId(): HandleId {
    if (this.id === null) throw new MqError(reasons.objectHandleError, 'the object is closed')
    return this.id
  }
}

/** The error of an answer that is not the one hoped for. */
export function refusal(reply: Reply): MqError {
  if (reply.kind === 'done' && reply.completion === 2) return new MqError(reply.reason, reply.text)
  return new MqError(reasons.unexpectedError, `an answer of kind ${reply.kind}`)
}
