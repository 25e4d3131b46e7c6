/**
 * One STOMP connection, seen from the queue manager: CONNECT, frames, heart-beats, end.
 *
 * Frames are taken in order, and only while the peer reads what we say and not too many puts are open; those that may not
 * be taken yet stay where they are, and then we stop reading. Every ERROR is followed by the end, as the specification
 * demands; then transactions are backed out and deliveries without acknowledgement go back, as when a client vanishes.
 *
 * A RECEIPT is sent when the engine has answered: for a persistent SEND, a COMMIT or an ACK that means durable. DISCONNECT
 * waits for all answers before its receipt.
 *
 * Source: STOMP 1.0, 1.1 and 1.2 protocol specifications. What headers mean to us stands in README.md.
 */

import { after, elapsed, millis } from '../../../base/units.js'
import type { Instant } from '../../../base/units.js'
import type { Answer, ConnectionId, Token } from '../../core/engine.js'
import { reasons, reasonSymbol } from '../../core/reason.js'
import type { Reason } from '../../core/reason.js'
import type { Credentials, Session, SessionContext, Verdict } from '../session.js'
import { Calls, type Host } from './calls.js'
import { FrameDecoder, type Cut, type Frame } from './frame.js'
import { agreedBeats, HeartBeat, ownHeartBeat } from './heart-beat.js'
import { versions, type Version } from './header-text.js'
import { connectedFrame, errorFrame, heartBeatBytes, receiptFrame } from './outgoing-frame.js'
import { malformed, refusal, type Refusal } from './refusal.js'
import { Sends } from './sends.js'
import { Subscriptions } from './subscriptions.js'
import { Transactions } from './transactions.js'

const loginMs = millis(30_000)
/** How long a connection may go on after a controlled end began. */
const quiesceMs = millis(10_000)
/** How long DISCONNECT waits for what is not answered: a disk that hangs must not keep connections for ever. */
const leaveMs = millis(30_000)
/** What may wait unprocessed before we stop reading. */
const waitingBytesMax = 128 * 1024
const authorizeToken = 0
const applicationTagMax = 28

interface Open {
  readonly connection: ConnectionId
  readonly transactions: Transactions
  readonly sends: Sends
  readonly subscriptions: Subscriptions
}

type State =
  | { readonly kind: 'greeting' }
  | { readonly kind: 'authorizing'; readonly headers: ReadonlyMap<string, string>; readonly receipt: string | null }
  | ({ readonly kind: 'open' } & Open)
  /** DISCONNECT was said; the answers that are open come first, or the time is over. */
  | ({ readonly kind: 'leaving'; readonly receipt: string | null; readonly until: Instant } & Open)
  | { readonly kind: 'ended' }

export class StompSession implements Session {
  readonly protocol = 'stomp'
  readonly #context: SessionContext
  readonly #decoder: FrameDecoder
  readonly #calls = new Calls()
  readonly #begunAt: Instant
  #state: State = { kind: 'greeting' }
  #version: Version = '1.0'
  #heartBeat: HeartBeat | null = null
  #isWritable = true
  #isPaused = false
  #quiesceAt: Instant | null = null

  constructor(context: SessionContext) {
    this.#context = context
    this.#decoder = new FrameDecoder({ headerCountMax: context.limits.headerCountMax, headerBytesMax: context.limits.headerBytesMax })
    this.#begunAt = context.clock.now()
    context.wakeAt(after(this.#begunAt, loginMs))
  }

  onBytes(bytes: Buffer): void {
    if (this.#state.kind === 'ended') return
    this.#heartBeat?.onHeard(this.#context.clock.now())
    if (this.#state.kind === 'leaving') return
    this.#decoder.push(bytes)
    this.#onEvent()
  }

  onWritable(): void {
    this.#isWritable = true
    this.#onEvent()
  }

  onTick(): void {
    if (this.#state.kind === 'ended') return
    const now = this.#context.clock.now()
    if (this.#state.kind === 'greeting' || this.#state.kind === 'authorizing') {
      if (elapsed(this.#begunAt, now) >= loginMs) return this.#refuse(malformed('no CONNECT in time'), null)
    }
    if (this.#state.kind === 'leaving' && this.#state.until <= now) {
      return this.#refuse(malformed(`nothing was answered for ${leaveMs} ms after DISCONNECT; what was sent last may be stored or not`), this.#state.receipt)
    }
    if (this.#quiesceAt !== null && elapsed(this.#quiesceAt, now) >= quiesceMs) return this.#endWith(reasons.queueManagerQuiescing)
    const beat = this.#heartBeat
    if (beat !== null) {
      // While we do not read, we cannot hear.
      if (this.#isPaused) beat.onHeard(now)
      if (beat.isGone(now)) return this.#refuse(malformed(`nothing was heard for ${beat.silentMs(now)} ms`), null)
      if (beat.isBeatDue(now)) this.#send(heartBeatBytes())
    }
    this.#onEvent()
    this.#arm()
  }

  onAnswer(token: Token, answer: Answer): void {
    if (this.#state.kind !== 'open' && this.#state.kind !== 'leaving') return
    this.#calls.onAnswer(token, answer)
    if (this.#state.kind === 'leaving') this.#finishLeaving()
    else if (this.#decoder.waitingBytes > 0 || this.#isPaused) this.#run()
    this.#whenQuiet()
  }

  /** No command is ever given. */
  onCommand(): void {
    return
  }

  onEnd(reason: Reason, how: 'quiesce' | 'now'): void {
    if (this.#state.kind === 'ended') return
    if (how === 'now' || this.#state.kind === 'greeting' || this.#state.kind === 'authorizing') return this.#endWith(reason === 0 ? reasons.queueManagerQuiescing : reason)
    this.#quiesceAt = this.#context.clock.now()
    this.#whenQuiet()
    this.#arm()
  }

  onClosed(): void {
    this.#leave('broken')
  }

  // --- Frames -----------------------------------------------------------------------------------------------------------

  /** Something happened outside; what the engine had ready before was delivered. */
  #onEvent(): void {
    if (this.#state.kind === 'open') this.#state.subscriptions.onEvent()
    this.#run()
    if (this.#state.kind === 'open' && this.#state.subscriptions.isAhead) this.#context.wakeAt(this.#context.clock.now())
  }

  /** Takes what has arrived as far as it may be taken. */
  #run(): void {
    while (this.#mayTake()) {
      const cut = this.#decoder.next()
      if (cut.kind === 'more') break
      if (cut.kind === 'fault') {
        this.#onFault(cut)
        break
      }
      this.#onFrame(cut.frame)
    }
    if (this.#state.kind === 'open') this.#state.subscriptions.flush()
    if (this.#state.kind === 'ended') return
    const isPaused = this.#decoder.waitingBytes > waitingBytesMax || (this.#decoder.waitingBytes > 0 && !this.#mayTake())
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    if (isPaused) this.#context.output.pauseReading()
    else {
      this.#heartBeat?.onHeard(this.#context.clock.now())
      this.#context.output.resumeReading()
    }
  }

  #mayTake(): boolean {
    if (this.#state.kind === 'greeting') return true
    return this.#state.kind === 'open' && this.#isWritable && !this.#state.sends.isFull
  }

  #onFault(cut: Extract<Cut, { kind: 'fault' }>): void {
    if (this.#state.kind === 'open') this.#state.subscriptions.flush()
    if (cut.fault !== 'body-too-large') this.#refuse(malformed(cut.why), cut.receipt)
    else if (this.#state.kind === 'greeting') this.#refuse(malformed('SEND before CONNECT'), cut.receipt)
    else this.#refuse(refusal(reasons.messageTooBigForChannel, cut.why), cut.receipt)
  }

  #onFrame(frame: Frame): void {
    const receipt = frame.headers.get('receipt') ?? null
    if (this.#state.kind === 'greeting') return this.#onGreeting(frame, receipt)
    if (this.#state.kind !== 'open') return
    const refused = this.#obey(this.#state, frame, receipt)
    if (refused !== null) this.#refuse(refused, receipt)
  }

  /** Null when the frame was obeyed or is on its way; else why it was not. */
  #obey(open: Open, frame: Frame, receipt: string | null): Refusal | null {
    const { headers } = frame
    const { transactions, sends, subscriptions } = open
    if (frame.command !== 'ACK') subscriptions.flush()
    switch (frame.command) {
      case 'SEND':
        return sends.send(frame, receipt)
      case 'ACK':
        return subscriptions.ack(headers, receipt)
      case 'NACK':
        if (this.#version === '1.0') return malformed('NACK is not part of STOMP 1.0')
        return subscriptions.nack(headers, receipt)
      case 'SUBSCRIBE':
        return subscriptions.subscribe(headers, receipt)
      case 'UNSUBSCRIBE':
        return subscriptions.unsubscribe(headers, receipt)
      case 'BEGIN': {
        const refused = transactions.begin(headers)
        if (refused === null) this.#acknowledge(receipt)
        return refused
      }
      case 'COMMIT':
        return transactions.commit(headers, receipt)
      case 'ABORT':
        return transactions.abort(headers, receipt)
      case 'DISCONNECT':
        subscriptions.stop()
        this.#state = { ...open, kind: 'leaving', receipt, until: after(this.#context.clock.now(), leaveMs) }
        this.#finishLeaving()
        this.#arm()
        return null
      case 'CONNECT':
      case 'STOMP':
        return malformed(`${frame.command} on a connection that is open already`)
    }
  }

  // --- Greeting ---------------------------------------------------------------------------------------------------------

  #onGreeting({ command, headers }: Frame, receipt: string | null): void {
    if (command !== 'CONNECT' && command !== 'STOMP') return this.#refuse(malformed(`${command} before CONNECT`), receipt)
    const version = chosenVersion(headers.get('accept-version'))
    if (version === null) return this.#refuseVersion(receipt)
    this.#version = version
    if (agreedBeats(headers.get('heart-beat')) === null) return this.#refuse(malformed('heart-beat takes two counts of milliseconds'), receipt)
    this.#state = { kind: 'authorizing', headers, receipt }
    this.#context.authorize(headers.get('channel') ?? '', credentialsOf(headers, version), authorizeToken)
  }

  onAuthorized(_token: Token, verdict: Verdict): void {
    if (this.#state.kind !== 'authorizing') return
    const { headers, receipt } = this.#state
    // The log hears why, the client only which code.
    if (!verdict.ok) return this.#endWith(verdict.reason, receipt, verdict.why)
    const { engine, clock, limits, remoteAddress, remotePort } = this.#context
    const facts = verdict.channelFacts
    const clientId = headers.get('client-id') ?? null
    const connected = engine.connect({
      kind: 'stomp',
      applicationTag: (clientId ?? 'stomp').slice(0, applicationTagMax),
      user: verdict.user,
      channel: facts?.name ?? '',
      connectionName: `${remoteAddress}(${remotePort})`,
      processId: 0
    })
    if (!connected.ok) return this.#endWith(connected.reason, receipt)
    const messageBytesMax = Math.min(limits.messageBytesMax, facts?.messageBytesMax ?? Number.MAX_SAFE_INTEGER)
    this.#begin(connected.value, clientId, messageBytesMax)
    this.#heartBeat = new HeartBeat(agreedBeats(this.#version === '1.0' ? undefined : headers.get('heart-beat')) ?? { sendMs: 0, receiveMs: 0 }, clock.now())
    // Plain words: the headers of CONNECTED cannot be escaped.
    const session = `${this.#context.instance ?? ''}-${connected.value}`.replaceAll(/[^A-Za-z0-9.-]/g, '_')
    this.#send(connectedFrame(this.#version, session, `linux-heartbeat-mq/${this.#context.productVersion.replaceAll(/[^A-Za-z0-9.-]/g, '_')}`, ownHeartBeat))
    this.#acknowledge(receipt)
    this.#arm()
    this.#onEvent()
  }

  #begin(connection: ConnectionId, clientId: string | null, messageBytesMax: number): void {
    this.#decoder.version = this.#version
    this.#decoder.bodyBytesMax = messageBytesMax
    const session = this
    const host: Host = {
      engine: this.#context.engine,
      connection,
      version: this.#version,
      clock: this.#context.clock,
      limits: this.#context.limits,
      messageBytesMax,
      clientId,
      calls: this.#calls,
      get isWritable() {
        return session.#isWritable
      },
      send: frame => { this.#send(frame) },
      acknowledge: receipt => { this.#acknowledge(receipt) },
      refuse: (refused, receipt) => { this.#refuse(refused, receipt) }
    }
    const transactions = new Transactions(host)
    const sends = new Sends(host, transactions)
    this.#state = { kind: 'open', connection, transactions, sends, subscriptions: new Subscriptions(host, transactions, word => sends.temporaryQueue(word)) }
  }

  // --- Output -----------------------------------------------------------------------------------------------------------

  #send(frame: Buffer): void {
    this.#heartBeat?.onSaid()
    if (this.#context.output.write(frame) || !this.#isWritable) return
    this.#isWritable = false
    if (this.#state.kind === 'open') this.#state.subscriptions.hold()
  }

  #acknowledge(receipt: string | null): void {
    if (receipt !== null && this.#state.kind !== 'ended') this.#send(receiptFrame(receipt, this.#version))
  }

  // --- Ends -------------------------------------------------------------------------------------------------------------

  #finishLeaving(): void {
    if (this.#state.kind !== 'leaving' || this.#calls.count > 0) return
    const { transactions, receipt } = this.#state
    // An orderly end would commit what is open; transactions that were not committed are aborted.
    this.#acknowledge(receipt)
    this.#leave(transactions.count === 0 ? 'orderly' : 'broken')
    this.#context.output.end(null)
  }

  /** After a controlled end began a connection ends as soon as nothing is under way. */
  #whenQuiet(): void {
    if (this.#quiesceAt === null || this.#state.kind !== 'open') return
    const { transactions, subscriptions } = this.#state
    if (this.#calls.count === 0 && transactions.count === 0 && subscriptions.unacknowledged === 0) this.#endWith(reasons.queueManagerQuiescing)
  }

  #refuse({ reason, why }: Refusal, receipt: string | null): void {
    if (this.#state.kind === 'ended') return
    this.#leave('broken')
    this.#context.output.write(errorFrame({ why, reason, receipt }, this.#version))
    this.#context.output.end(why)
  }

  #refuseVersion(receipt: string | null): void {
    const why = `none of the versions asked for is spoken here: ${[...versions].reverse().join(', ')}`
    this.#leave('broken')
    this.#context.output.write(errorFrame({ why, reason: 0, receipt, tellsVersions: true }, this.#version))
    this.#context.output.end(why)
  }

  /** Ended by the queue manager; `forLog` is what only the log hears. */
  #endWith(reason: Reason, receipt: string | null = null, forLog: string | null = null): void {
    if (this.#state.kind === 'ended') return
    this.#leave('broken')
    this.#context.output.write(errorFrame({ why: `${reasonSymbol(reason)} (${reason})`, reason, receipt }, this.#version))
    this.#context.output.end(forLog === null ? null : `${reasonSymbol(reason)}: ${forLog}`)
  }

  #leave(how: 'orderly' | 'broken'): void {
    const state = this.#state
    if (state.kind === 'ended') return
    this.#state = { kind: 'ended' }
    this.#context.wakeAt(null)
    if (state.kind === 'open' || state.kind === 'leaving') this.#context.engine.disconnect(state.connection, how)
  }

  #arm(): void {
    if (this.#state.kind === 'ended') return
    if (this.#state.kind === 'greeting' || this.#state.kind === 'authorizing') return this.#context.wakeAt(after(this.#begunAt, loginMs))
    const isAhead = this.#state.kind === 'open' && this.#state.subscriptions.isAhead
    if (isAhead) return this.#context.wakeAt(this.#context.clock.now())
    const beatAt = this.#heartBeat?.nextAt() ?? null
    const quiesceAt = this.#quiesceAt === null ? null : after(this.#quiesceAt, quiesceMs)
    const leaveAt = this.#state.kind === 'leaving' ? this.#state.until : null
    this.#context.wakeAt([beatAt, quiesceAt, leaveAt].reduce((first, at) => (first === null || (at !== null && at < first) ? at : first)))
  }
}

/** The newest of those the client speaks; 1.0 when it does not say. */
function chosenVersion(offered: string | undefined): Version | null {
  if (offered === undefined) return '1.0'
  const words = offered.split(',').map(word => word.trim())
  return versions.find(version => words.includes(version)) ?? null
}

/** `login` and `passcode`, or `token` alone. Clients of 1.0 may have set blanks behind the colon. */
function credentialsOf(headers: ReadonlyMap<string, string>, version: Version): Credentials {
  const text = (name: string): string => (version === '1.0' ? (headers.get(name) ?? '').trim() : (headers.get(name) ?? ''))
  const token = text('token')
  if (token !== '') return { kind: 'token', token }
  const user = text('login')
  return user === '' ? { kind: 'none' } : { kind: 'password', user, password: text('passcode') }
}
