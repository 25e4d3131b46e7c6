/**
 * One live connection to a queue manager: frames out, answers in, heartbeats, and one end.
 *
 * Frames made in one go leave in one write. A body longer than a part is sent in parts as the socket takes them; puts keep
 * their order behind it, other calls pass it.
 */

import type { Socket } from 'node:net'
import { Assembly } from '../mq/protocol/client/assembly.js'
import { encodeFrame, kinds, partBytesMax } from '../mq/protocol/client/frame.js'
import type { FrameDecoder } from '../mq/protocol/client/frame.js'
import { decodeReply } from '../mq/protocol/client/reply.js'
import type { Reply, Welcome } from '../mq/protocol/client/reply.js'
import { encodeRequest } from '../mq/protocol/client/request.js'
import { MqError, reasons } from './mq-error.js'

const graceMs = 1_000
const noBody = Buffer.alloc(0)

export interface WireCall {
  onReply(reply: Reply, body: Buffer): void
}

export interface WireEvents<Call extends WireCall> {
  /** Once; the calls that were not answered, in the order they were made. */
  onBroken(error: MqError, unanswered: readonly Call[]): void
  onQuiesce(reason: number): void
}

interface Outgoing {
  /** The put's frame with the first part of the body. */
  readonly first: Buffer
  readonly token: number
  readonly body: Buffer
  /** Bytes of the body that left; 0 before the first frame. */
  sent: number
}

export class Wire<Call extends WireCall> {
  readonly welcome: Welcome
  readonly #socket: Socket
  readonly #decoder: FrameDecoder
  readonly #events: WireEvents<Call>
  readonly #calls = new Map<number, Call>()
  #nextToken = 1
  #gathered: Buffer[] = []
  #puts: Outgoing[] = []
  readonly #idlers: (() => void)[] = []
  #isBlocked = false
  #isBroken = false
  #incoming: { readonly reply: Reply; readonly into: Assembly } | null = null
  #heardAt = performance.now()
  #beat: NodeJS.Timeout | null = null
  #grace: NodeJS.Timeout | null = null
  /** Why the queue manager ended the connection, when it said so. */
  #lastWord: MqError | null = null

  constructor(socket: Socket, decoder: FrameDecoder, welcome: Welcome, events: WireEvents<Call>) {
    this.#socket = socket
    this.#decoder = decoder
    this.#events = events
    this.welcome = welcome
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrain)
    socket.on('error', error => this.break(new MqError(reasons.connectionBroken, error.message, { cause: error })))
    socket.on('close', () => this.break(new MqError(reasons.connectionBroken, 'the queue manager closed the connection')))
    if (welcome.heartbeatMs > 0) this.#beat = setInterval(this.#onBeat, welcome.heartbeatMs)
    socket.resume()
    // What came with the greeting waits in the decoder.
    queueMicrotask(() => this.#read())
  }

  get isBroken(): boolean {
    return this.#isBroken
  }

  /** In the order they were made. */
  unanswered(): Call[] {
    return [...this.#calls.values()]
  }

  /** Resolves when every call is answered, or the connection is broken. */
  idle(): Promise<void> {
    if (this.#calls.size === 0 || this.#isBroken) return Promise.resolve()
    return new Promise(resolve => this.#idlers.push(resolve))
  }

  /** Sends a call and returns its token. */
  call(call: Call, encode: (token: number) => Buffer): number {
    const token = this.#newToken()
    this.#send(encode(token))
    this.#calls.set(token, call)
    return token
  }

  /** As `call`, in order with other puts. `encode` makes the frame with the first part of `body`. */
  put(call: Call, encode: (token: number) => Buffer, body: Buffer): number {
    const token = this.#newToken()
    const first = encode(token)
    this.#calls.set(token, call)
    if (body.length <= partBytesMax && this.#puts.length === 0) this.#send(first)
    else {
      this.#puts.push({ first, token, body, sent: 0 })
      this.#pump()
    }
    return token
  }

  /** Asks for the end of a get's wait; the get is answered all the same. */
  cancel(token: number): void {
    if (this.#calls.has(token)) this.#send(encodeRequest(0, { kind: 'cancel', call: token }))
  }

  /** Ends the connection at once. Idempotent. */
  break(error: MqError): void {
    if (this.#isBroken) return
    this.#isBroken = true
    if (this.#beat !== null) clearInterval(this.#beat)
    if (this.#grace !== null) clearTimeout(this.#grace)
    this.#socket.destroy()
    const unanswered = [...this.#calls.values()]
    this.#calls.clear()
    this.#gathered = []
    this.#puts = []
    this.#events.onBroken(this.#lastWord ?? error, unanswered)
    this.#onIdle()
  }

  // --- Out --------------------------------------------------------------------------------------------------------------

  /** Not in use until its frame is made, since making one may fail. */
  #newToken(): number {
    do this.#nextToken = this.#nextToken === 0xffffffff ? 1 : this.#nextToken + 1
    while (this.#calls.has(this.#nextToken))
    return this.#nextToken
  }

  #send(frame: Buffer): void {
    if (this.#isBroken) return
    // After the promises that are ready now have run, so that their frames leave together.
    if (this.#gathered.push(frame) === 1) process.nextTick(this.#flush)
  }

  readonly #flush = (): void => {
    const gathered = this.#gathered
    if (this.#isBroken || gathered.length === 0) return
    this.#gathered = []
    const isTaken = this.#socket.write(gathered.length === 1 ? (gathered[0] as Buffer) : Buffer.concat(gathered))
    if (!isTaken) this.#isBlocked = true
  }

  #pump(): void {
    for (let put = this.#puts[0]; put !== undefined && !this.#isBlocked && !this.#isBroken; put = this.#puts[0]) {
      const end = Math.min(put.sent + partBytesMax, put.body.length)
      this.#send(put.sent === 0 ? put.first : encodeFrame(kinds.part, put.token, put.body.subarray(put.sent, end)))
      put.sent = end
      if (end === put.body.length) this.#puts.shift()
      // Sent now, to learn whether the socket takes more.
      if (put.body.length > partBytesMax) this.#flush()
    }
  }

  readonly #onDrain = (): void => {
    this.#isBlocked = false
    this.#pump()
  }

  // --- In ---------------------------------------------------------------------------------------------------------------

  readonly #onData = (bytes: Buffer): void => {
    this.#heardAt = performance.now()
    this.#decoder.push(bytes)
    this.#read()
  }

  #read(): void {
    while (!this.#isBroken) {
      const cut = this.#decoder.next()
      if (cut.kind === 'more') return
      const decoded = cut.kind === 'fault' ? { ok: false as const, why: cut.why } : decodeReply(cut.frame)
      if (!decoded.ok || cut.kind === 'fault') return this.break(new MqError(reasons.connectionBroken, decoded.ok ? '' : decoded.why))
      this.#onReply(cut.frame.token, decoded.reply)
    }
  }

  #onReply(token: number, reply: Reply): void {
    switch (reply.kind) {
      case 'heartbeat':
        return
      case 'quiesce':
        return this.#events.onQuiesce(reply.reason)
      case 'end':
        this.#lastWord = new MqError(reply.reason, reply.text === '' ? 'the queue manager ended the connection' : reply.text)
        return
      case 'part':
        return this.#onPart(token, reply.bytes)
      case 'message':
      case 'report': {
        const { bodyBytes, part } = reply.bulk
        if (bodyBytes <= partBytesMax) return this.#deliver(token, reply, bodyBytes === 0 ? noBody : Buffer.from(part))
        if (bodyBytes > 2 ** 31 - 1) return this.break(new MqError(reasons.connectionBroken, `a body of ${bodyBytes} bytes`))
        this.#incoming = { reply, into: new Assembly(token, bodyBytes, part) }
        return
      }
      default:
        return this.#deliver(token, reply, noBody)
    }
  }

  #onPart(token: number, bytes: Buffer): void {
    const incoming = this.#incoming
    if (incoming === null || incoming.into.token !== token || !incoming.into.add(bytes)) {
      return this.break(new MqError(reasons.connectionBroken, 'a part of no message'))
    }
    if (!incoming.into.isComplete) return
    this.#incoming = null
    this.#deliver(token, incoming.reply, incoming.into.body())
  }

  #deliver(token: number, reply: Reply, body: Buffer): void {
    const call = this.#calls.get(token)
    if (call === undefined) return this.break(new MqError(reasons.connectionBroken, `an answer to call ${token}, which is not open`))
    this.#calls.delete(token)
    call.onReply(reply, body)
    if (this.#calls.size === 0) this.#onIdle()
  }

  #onIdle(): void {
    for (const idler of this.#idlers.splice(0)) idler()
  }

  // --- Heartbeats -------------------------------------------------------------------------------------------------------

  readonly #onBeat = (): void => {
    this.#send(encodeRequest(0, { kind: 'heartbeat' }))
    const silentMs = (): number => performance.now() - this.#heardAt
    const patienceMs = this.welcome.heartbeatMs * 2
    if (this.#grace !== null || silentMs() < patienceMs) return
    // We may have been held up ourselves: judge only after the socket had time to be read.
    this.#grace = setTimeout(() => {
      this.#grace = null
      if (silentMs() >= patienceMs) this.break(new MqError(reasons.connectionBroken, `nothing was heard for ${Math.round(silentMs())} ms`))
    }, graceMs)
  }
}
