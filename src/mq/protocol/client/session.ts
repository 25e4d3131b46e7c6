/**
 * One connection of our own client protocol, seen from the queue manager: handshake, calls, heartbeats, end.
 *
 * A session decodes, keeps its client within bounds, and hands on; what a call means is decided by the engine. Frames are
 * taken in order and only while the peer reads our answers; those that may not be taken yet stay where they are, and
 * when too many do, we stop reading. A put in parts is handed on when its last byte is there.
 */

import { after, elapsed, millis } from '../../../base/units.js'
import type { Instant } from '../../../base/units.js'
import type { Answer, ConnectionId, Result, Token } from '../../core/engine.js'
import { reasons, reasonSymbol } from '../../core/reason.js'
import type { Reason } from '../../core/reason.js'
import type { CommandAnswer, Session, SessionContext, Verdict } from '../session.js'
import { Assembly } from './assembly.js'
import { Calls } from './calls.js'
import { callsMax, choose, decodeOffer, encodeChoice, frameBytesMax, FrameDecoder, partBytesMax } from './frame.js'
import { agreedHeartbeat, Liveness } from './liveness.js'
import { descriptorFault } from './message-checks.js'
import { Outgoing } from './outgoing.js'
import { encodeMessage, encodeReply, encodeReport } from './reply.js'
import type { Reply } from './reply.js'
import { decodeRequest } from './request.js'
import type { Bulk, Hello, PutHead, Request } from './request.js'

const loginMs = millis(30_000)
/** What may wait unprocessed before we stop reading. */
const waitingBytesMax = 2 * frameBytesMax
const applicationTagMax = 28
const authorizeToken = 0

type PlainReply = Exclude<Reply, { kind: 'message' | 'report' | 'part' }>
type PutTo = Extract<Request, { kind: 'put' | 'putOne' }>

type State =
  | { readonly kind: 'preamble' }
  | { readonly kind: 'hello' }
  | { readonly kind: 'authorizing'; readonly hello: Hello; readonly token: number }
  | { readonly kind: 'open'; readonly connection: ConnectionId; readonly user: string }
  | { readonly kind: 'ended' }

export class ClientSession implements Session {
  readonly protocol = 'client'
  readonly #context: SessionContext
  readonly #decoder = new FrameDecoder({ frameBytesMax })
  readonly #outgoing: Outgoing
  readonly #calls = new Calls()
  #state: State = { kind: 'preamble' }
  /** Answers that wait until what they tell is durable. */
  readonly #lasting = new Map<number, PlainReply>()
  /** A put whose body is still coming; `into` is null when it was refused and the rest is passed over. */
  #incoming: { readonly put: PutTo; readonly token: number; readonly into: Assembly | null; left: number } | null = null
  #messageBytesMax: number
  #liveness: Liveness | null = null
  #isPaused = false
  readonly #begunAt: Instant

  constructor(context: SessionContext) {
    this.#context = context
    this.#outgoing = new Outgoing(context.output)
    this.#messageBytesMax = context.limits.messageBytesMax
    this.#begunAt = context.clock.now()
    context.wakeAt(after(this.#begunAt, loginMs))
  }

  onBytes(bytes: Buffer): void {
    if (this.#state.kind === 'ended') return
    this.#liveness?.onHeard(this.#context.clock.now())
    this.#decoder.push(bytes)
    this.#calls.onDelivered()
    this.#run()
  }

  onWritable(): void {
    this.#outgoing.onWritable()
    this.#calls.onDelivered()
    this.#run()
  }

  onAuthorized(_token: Token, verdict: Verdict): void {
    if (this.#state.kind !== 'authorizing') return
    const { hello, token } = this.#state
    if (!verdict.ok) return this.#refuse(verdict.reason, verdict.why)
    const { engine, isLocal, remoteAddress, remotePort } = this.#context
    if (hello.queueManager !== '' && hello.queueManager !== engine.name) {
      return this.#refuse(reasons.queueManagerNameError, `asked for queue manager ${hello.queueManager}`)
    }
    const connected = engine.connect({
      kind: isLocal && hello.channel === '' ? 'local' : 'client',
      applicationTag: hello.application.slice(0, applicationTagMax),
      user: verdict.user,
      channel: hello.channel,
      connectionName: isLocal ? '' : `${remoteAddress}(${remotePort})`,
      processId: hello.processId
    })
    if (!connected.ok) return this.#refuse(connected.reason, reasonSymbol(connected.reason))
    this.#state = { kind: 'open', connection: connected.value, user: verdict.user }
    const facts = verdict.channelFacts
    this.#messageBytesMax = Math.min(this.#context.limits.messageBytesMax, facts?.messageBytesMax ?? Number.MAX_SAFE_INTEGER)
    const now = this.#context.clock.now()
    this.#liveness = new Liveness(agreedHeartbeat(hello.heartbeatMs, (facts?.heartbeatSeconds ?? 0) * 1_000), now)
    this.#reply(token, {
      kind: 'welcome',
      welcome: {
        queueManager: engine.name,
        qmid: engine.qmid,
        instance: this.#context.instance ?? '',
        version: this.#context.productVersion,
        heartbeatMs: this.#liveness.heartbeatMs,
        messageBytesMax: this.#messageBytesMax,
        frameBytesMax,
        callsMax
      }
    })
    this.#arm(now)
    this.#run()
  }

  onAnswer(token: Token, answer: Answer): void {
    if (this.#state.kind !== 'open' || !this.#calls.close(token, answer.kind === 'get' ? (answer.message?.body.length ?? 0) : 0)) return
    switch (answer.kind) {
      case 'put': {
        const { completion, reason, messageId, correlationId, isRepetition } = answer
        this.#reply(token, { kind: 'stored', completion, reason, messageId, correlationId, isRepetition })
        break
      }
      case 'get':
        this.#answerGet(token, answer)
        break
      case 'done': {
        const lasting = answer.completion === 2 ? undefined : this.#lasting.get(token)
        this.#lasting.delete(token)
        this.#reply(token, lasting ?? { kind: 'done', completion: answer.completion, reason: answer.reason, text: '' })
        break
      }
    }
    if (this.#decoder.waitingBytes > 0) this.#run()
  }

  onCommand(token: Token, answer: CommandAnswer): void {
    if (this.#state.kind !== 'open' || !this.#calls.close(token)) return
    const lines = Buffer.from(answer.lines.join('\n'))
    this.#outgoing.sendBulk(token, encodeReport(token, answer.outcome, lines), lines)
    this.#run()
  }

  onTick(): void {
    if (this.#state.kind === 'ended') return
    const now = this.#context.clock.now()
    this.#calls.onDelivered()
    if (this.#liveness === null) {
      if (elapsed(this.#begunAt, now) >= loginMs) return this.#fail('no complete greeting in time')
    } else {
      // While we do not read, we hear nothing; the socket's owner cuts those who take nothing either.
      if (!this.#isPaused && this.#liveness.isGone(now)) return this.#fail(`nothing was heard for ${this.#liveness.silentMs(now)} ms`)
      // When the peer does not read, what waits to be read is word enough.
      if (this.#liveness.isBeatDue(now) && this.#outgoing.isWritable) this.#reply(0, { kind: 'heartbeat' })
    }
    this.#run()
    this.#arm(now)
  }

  onEnd(reason: Reason, how: 'quiesce' | 'now'): void {
    if (this.#state.kind === 'ended') return
    if (how === 'now') return this.#endWith(reason, '', null)
    if (this.#state.kind === 'open') this.#reply(0, { kind: 'quiesce', reason: reason === reasons.none ? reasons.queueManagerQuiescing : reason })
  }

  onClosed(): void {
    this.#leave('broken')
  }

  // --- Frames -----------------------------------------------------------------------------------------------------------

  /** Takes what has arrived as far as it may be taken. */
  #run(): void {
    while (this.#step());
    if (this.#state.kind === 'ended') return
    const isPaused = this.#decoder.waitingBytes > waitingBytesMax
    // Gets that found no message yet are not heard of; what the engine had ready is known after this event.
    if (this.#calls.isAhead) this.#arm(this.#context.clock.now())
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    if (isPaused) this.#context.output.pauseReading()
    else this.#context.output.resumeReading()
  }

  /** One frame; false when there is none, or it may not be taken yet. */
  #step(): boolean {
    switch (this.#state.kind) {
      case 'ended':
      case 'authorizing':
        return false
      case 'preamble':
        return this.#onPreamble()
      case 'hello':
        break
      case 'open':
        if (!this.#outgoing.isFree || this.#calls.isFull) return false
    }
    const cut = this.#decoder.next()
    if (cut.kind === 'more') return false
    if (cut.kind === 'fault') {
      this.#fail(cut.why)
      return false
    }
    const decoded = decodeRequest(cut.frame)
    if (!decoded.ok) {
      this.#fail(decoded.why)
      return false
    }
    this.#onRequest(cut.frame.token, decoded.request)
    return true
  }

  #onPreamble(): boolean {
    const preamble = this.#decoder.preamble()
    if (preamble === null) return false
    const offer = decodeOffer(preamble)
    const chosen = offer === null ? 0 : choose(offer)
    this.#outgoing.send(encodeChoice(chosen))
    if (chosen === 0) {
      this.#state = { kind: 'ended' }
      this.#context.output.end(offer === null ? 'the greeting is not one of this protocol' : `speaks versions ${offer.lowest} to ${offer.highest} only`)
      return false
    }
    this.#state = { kind: 'hello' }
    return true
  }

  #onRequest(token: number, request: Request): void {
    if (this.#state.kind === 'hello') {
      if (request.kind !== 'hello') return this.#fail(`${request.kind} before the greeting`)
      this.#state = { kind: 'authorizing', hello: request.hello, token }
      return this.#context.authorize(request.hello.channel, request.hello.credentials, authorizeToken)
    }
    if (this.#state.kind !== 'open') return
    const { connection, user } = this.#state
    const { engine } = this.#context
    switch (request.kind) {
      case 'put':
      case 'putOne':
        return this.#onPut(token, request)
      case 'part':
        return this.#onPart(token, request.bytes)
      case 'get':
        if (!this.#opens(token)) return
        this.#calls.open(token, request.request.waitMs === 0 ? 'get' : 'wait')
        return engine.get(connection, request.handle, this.#boundedGet(request.request), token)
      case 'settle':
        if (!this.#opens(token)) return
        this.#calls.open(token, 'other')
        return engine.settle(connection, request.deliveries, request.verdict, request.unit, token)
      case 'cancel':
        if (this.#calls.has(request.call)) engine.cancel(connection, request.call)
        return
      case 'heartbeat':
        return
      case 'open':
        return this.#onOpen(token, connection, request)
      case 'close': {
        const closed = engine.close(connection, request.handle, { remove: request.remove, purge: request.purge })
        return this.#answer(token, closed, done, request.remove ? connection : null)
      }
      case 'begin':
        return this.#answer(token, engine.begin(connection), unit => ({ kind: 'began', unit }))
      case 'commit':
        if (!this.#opens(token)) return
        this.#calls.open(token, 'other')
        return engine.commit(connection, request.unit, request.origin, token)
      case 'backout':
        if (!this.#opens(token)) return
        this.#calls.open(token, 'other')
        return engine.backout(connection, request.unit, token)
      case 'subscribe':
        return this.#onSubscribe(token, connection, request.request)
      case 'unsubscribe':
        return this.#answer(token, engine.unsubscribe(connection, request.name), done, connection)
      case 'inquire':
        return this.#answer(token, engine.inquire(connection, request.handle), facts => ({ kind: 'facts', facts }))
      case 'lastSequence':
        return this.#answer(token, { ok: true, value: engine.lastSequence(request.producer) }, sequence => ({ kind: 'sequence', sequence }), connection)
      case 'command':
        if (!this.#opens(token)) return
        this.#calls.open(token, 'other')
        return this.#context.command(request.text, user, token)
      case 'disconnect':
        this.#leave('orderly')
        this.#reply(token, { kind: 'done', completion: 0, reason: reasons.none, text: '' })
        return this.#context.output.end(null)
      case 'hello':
        return this.#fail('a second greeting')
    }
  }

  #onOpen(token: number, connection: ConnectionId, request: Extract<Request, { kind: 'open' }>): void {
    const { target, options } = request
    const opened = this.#context.engine.open(connection, target, options)
    // Another name may mean a dynamic queue, which an answer promises.
    const isOther = opened.ok && target.kind === 'queue' && opened.value.resolvedName !== target.name
    this.#answer(token, opened, value => ({ kind: 'opened', ...value }), isOther ? connection : null)
  }

  #onSubscribe(token: number, connection: ConnectionId, request: Extract<Request, { kind: 'subscribe' }>['request']): void {
    const subscribed = this.#context.engine.subscribe(connection, request)
    this.#answer(token, subscribed, value => ({ kind: 'subscribed', ...value }), request.durableName === null ? null : connection)
  }

  /** True when a call of this token may be opened; otherwise it is answered. */
  #opens(token: number): boolean {
    if (this.#calls.has(token)) {
      this.#fail(`token ${token} names an open call already`)
      return false
    }
    if (this.#calls.count < callsMax) return true
    this.#refuseCall(token, reasons.storageNotAvailable, `more than ${callsMax} calls at once`)
    return false
  }

  // --- Puts -------------------------------------------------------------------------------------------------------------

  #onPut(token: number, put: PutTo): void {
    if (this.#incoming !== null) return this.#fail('a put before the last part of the one before')
    const { bodyBytes, part } = put.bulk
    const isRefused = this.#isPutRefused(token, put.head, put.bulk)
    if (this.#state.kind !== 'open') return
    if (bodyBytes <= partBytesMax) {
      // A copy, because the bytes received with it would be kept as long as the body.
      if (!isRefused) this.#handOn(token, put, Buffer.from(part))
      return
    }
    this.#incoming = { put, token, into: isRefused ? null : new Assembly(token, bodyBytes, part), left: bodyBytes - part.length }
  }

  #isPutRefused(token: number, head: PutHead, { bodyBytes }: Bulk): boolean {
    if (bodyBytes > this.#messageBytesMax) {
      this.#refuseCall(token, reasons.messageTooBigForChannel, `the channel takes ${this.#messageBytesMax} bytes`)
      return true
    }
    const fault = descriptorFault(head.descriptor)
    if (fault !== null) {
      this.#refuseCall(token, reasons.descriptorError, fault)
      return true
    }
    return !this.#opens(token)
  }

  #onPart(token: number, bytes: Buffer): void {
    const incoming = this.#incoming
    if (incoming === null || incoming.token !== token || bytes.length === 0 || bytes.length > incoming.left) {
      return this.#fail('a part of no message')
    }
    incoming.left -= bytes.length
    incoming.into?.add(bytes)
    if (incoming.left > 0) return
    this.#incoming = null
    if (incoming.into === null) return
    // The token was free when the put began; it must be so still.
    if (this.#opens(token)) this.#handOn(token, incoming.put, incoming.into.body())
  }

  #handOn(token: number, put: PutTo, body: Buffer): void {
    if (this.#state.kind !== 'open') return
    const { engine } = this.#context
    const { descriptor, properties, ...options } = put.head
    const request = { ...options, message: { descriptor, properties, body } }
    this.#calls.open(token, 'put', body.length)
    if (put.kind === 'put') engine.put(this.#state.connection, put.handle, request, token)
    else engine.putOne(this.#state.connection, put.target, request, token)
  }

  // --- Answers ----------------------------------------------------------------------------------------------------------

  /** MAXMSGL of the channel bounds what is got, too: a longer message stays on its queue (2218). */
  #boundedGet(request: Extract<Request, { kind: 'get' }>['request']): typeof request {
    if ((request.bytesMax ?? Number.MAX_SAFE_INTEGER) <= this.#messageBytesMax) return request
    return { ...request, bytesMax: this.#messageBytesMax, acceptTruncated: false }
  }

  #answerGet(token: Token, answer: Extract<Answer, { kind: 'get' }>): void {
    const { completion, reason, bodyBytes, delivery, message } = answer
    if (reason === reasons.truncatedMessageFailed && bodyBytes > this.#messageBytesMax) {
      return this.#refuseCall(token, reasons.messageTooBigForChannel, `the message has ${bodyBytes} bytes, the channel takes ${this.#messageBytesMax}`)
    }
    const first = encodeMessage(token, { completion, reason, wholeBytes: bodyBytes, delivery }, message)
    if (message === null) this.#outgoing.send(first)
    else this.#outgoing.sendBulk(token, first, message.body)
  }

  /** `durably`: what was done is told only when the log says that it lasts. */
  #answer<T>(token: number, result: Result<T>, reply: (value: T) => PlainReply, durably: ConnectionId | null = null): void {
    if (!result.ok) return this.#refuseCall(token, result.reason, '')
    if (durably === null) return this.#reply(token, reply(result.value))
    if (!this.#opens(token)) return
    this.#calls.open(token, 'other')
    this.#lasting.set(token, reply(result.value))
    this.#context.engine.sync(durably, token)
  }

  #reply(token: number, reply: PlainReply): void {
    this.#outgoing.send(encodeReply(token, reply))
  }

  #refuseCall(token: number, reason: Reason, text: string): void {
    this.#reply(token, { kind: 'done', completion: 2, reason, text })
  }

  #arm(now: Instant): void {
    if (this.#state.kind === 'ended') return
    if (this.#liveness === null) this.#context.wakeAt(after(this.#begunAt, loginMs))
    else this.#context.wakeAt(this.#calls.isAhead ? after(now, millis(1)) : this.#liveness.nextAt(now))
  }

  // --- Ends -------------------------------------------------------------------------------------------------------------

  /** The greeting was in order, but the client may not connect. The log hears why, the client only which code. */
  #refuse(reason: Reason, why: string): void {
    this.#endWith(reason, '', `${reasonSymbol(reason)}: ${why}`)
  }

  /** The client broke the protocol. */
  #fail(why: string): void {
    this.#endWith(reasons.connectionBroken, why, why)
  }

  #endWith(reason: Reason, text: string, why: string | null): void {
    if (this.#state.kind === 'ended') return
    const isGreeted = this.#state.kind !== 'preamble'
    this.#leave('broken')
    // Before the version is chosen a frame would not be understood.
    if (isGreeted) this.#reply(0, { kind: 'end', reason, text })
    this.#context.output.end(why)
  }

  #leave(how: 'orderly' | 'broken'): void {
    const state = this.#state
    if (state.kind === 'ended') return
    this.#state = { kind: 'ended' }
    this.#incoming = null
    this.#context.wakeAt(null)
    if (state.kind === 'open') this.#context.engine.disconnect(state.connection, how)
  }
}

const done = (): { kind: 'done'; completion: 0; reason: Reason; text: string } => ({ kind: 'done', completion: 0, reason: reasons.none, text: '' })
