/**
 * Calls of the engine as promises, for requests that are answered once and done with: the REST API. One call object is one
 * connection of the engine; it is disconnected when the request ends, whatever happened.
 */

import type { Answer, ConnectionId, ConnectOptions, Engine, GetAnswer, GetRequest, HandleId, OpenOptions, OpenTarget, PutAnswer, PutRequest, Token } from '../core/engine.js'
import { reasons } from '../core/reason.js'
import type { Reason } from '../core/reason.js'
import type { Session } from '../protocol/session.js'
import type { Dispatcher } from './dispatcher.js'

/** The engine refused a call. */
export class RefusedCall extends Error {
  override readonly name = 'RefusedCall'
  readonly reason: Reason

  constructor(reason: Reason) {
    super(`reason ${reason}`)
    this.reason = reason
  }
}

export class EngineCall implements Session {
  readonly protocol = 'http'
  readonly #dispatcher: Dispatcher
  readonly #engine: Engine
  readonly #waiting = new Map<Token, (answer: Answer) => void>()
  #connection: ConnectionId | null = null
  #nextToken: Token = 1
  #endReason: Reason | null = null

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher
    this.#engine = dispatcher.engineFor(() => this)
  }

  get queueManager(): string {
    return this.#engine.name
  }

  /** Rejects with RefusedCall, as every call here. */
  connect(options: ConnectOptions): void {
    this.#dispatcher.enter(() => {
      const connected = this.#engine.connect(options)
      if (!connected.ok) throw new RefusedCall(connected.reason)
      this.#connection = connected.value
    })
  }

  /** Nothing stays behind: what was not answered is backed out. */
  disconnect(): void {
    const connection = this.#connection
    if (connection === null) return
    this.#connection = null
    this.#dispatcher.enter(() => {
      this.#engine.disconnect(connection, 'broken')
    })
    this.#failAll(reasons.connectionBroken)
  }

  open(target: OpenTarget, options: OpenOptions): HandleId {
    let handle: HandleId | null = null
    this.#dispatcher.enter(() => {
      const opened = this.#engine.open(this.#connected(), target, options)
      if (!opened.ok) throw new RefusedCall(opened.reason)
      handle = opened.value.handle
    })
    if (handle === null) throw new RefusedCall(reasons.unexpectedError)
    return handle
  }

  async putOne(target: OpenTarget, request: PutRequest): Promise<PutAnswer> {
    const answer = await this.#ask((connection, token) => {
      this.#engine.putOne(connection, target, request, token)
    })
    if (answer.completion === 2) throw new RefusedCall(answer.reason)
    if (answer.kind !== 'put') throw new RefusedCall(reasons.unexpectedError)
    return answer
  }

  /** A get that finds nothing resolves with a null message and 2033. */
  async get(handle: HandleId, request: GetRequest): Promise<GetAnswer> {
    const answer = await this.#ask((connection, token) => {
      this.#engine.get(connection, handle, request, token)
    })
    if (answer.kind !== 'get') throw new RefusedCall(answer.reason)
    const isMissing = answer.reason === reasons.noMessageAvailable || answer.reason === reasons.noMessageUnderCursor
    if (answer.completion === 2 && !isMissing) throw new RefusedCall(answer.reason)
    return answer
  }

  onAnswer(token: Token, answer: Answer): void {
    const resolve = this.#waiting.get(token)
    this.#waiting.delete(token)
    resolve?.(answer)
  }

  onEnd(reason: Reason, how: 'quiesce' | 'now'): void {
    if (how === 'quiesce') return // one request is all there is; let it finish
    this.#endReason = reason === reasons.none ? reasons.queueManagerStopping : reason
    this.#failAll(this.#endReason)
  }

  onBytes(): void {}
  onAuthorized(): void {}
  onCommand(): void {}
  onWritable(): void {}
  onTick(): void {}
  onClosed(): void {
    this.disconnect()
  }

  #connected(): ConnectionId {
    if (this.#connection === null) throw new RefusedCall(this.#endReason ?? reasons.connectionHandleError)
    return this.#connection
  }

  #ask(call: (connection: ConnectionId, token: Token) => void): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#endReason !== null || this.#connection === null) {
        reject(new RefusedCall(this.#endReason ?? reasons.connectionBroken))
        return
      }
      const connection = this.#connection
      const token = this.#nextToken
      this.#nextToken += 1
      this.#waiting.set(token, resolve)
      this.#dispatcher.enter(() => {
        call(connection, token)
      })
    })
  }

  #failAll(reason: Reason): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const resolve of waiting) resolve({ kind: 'done', completion: 2, reason })
  }
}
