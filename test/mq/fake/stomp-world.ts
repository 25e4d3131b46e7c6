/**
 * A queue manager on a fake log, and STOMP clients without sockets: what a client writes goes straight into its session,
 * what the session says is cut into frames by a reader of its own. Time moves when the test says so.
 */

import { instant, type Instant } from '../../../src/base/units.js'
import type { AttributeValue, ObjectDefinition, ObjectType } from '../../../src/mq/core/definition.js'
import type { ConnectionId } from '../../../src/mq/core/engine.js'
import { QueueManager } from '../../../src/mq/core/queue-manager.js'
import { reasons } from '../../../src/mq/core/reason.js'
import { SessionEngine } from '../../../src/mq/listener/session-engine.js'
import type { Credentials, SessionContext, SessionLimits, SessionOutput, Verdict } from '../../../src/mq/protocol/session.js'
import { StompSession } from '../../../src/mq/protocol/stomp/session.js'
import { FakeClock } from './core-fixture.js'
import { FakeJournal, FakeSpool } from './fake-journal.js'

/** A frame as it came, nothing unescaped. */
export interface SeenFrame {
  readonly command: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
}

export const headerOf = (frame: SeenFrame, name: string): string | undefined => frame.headers.find(([key]) => key === name)?.[1]

/** Cuts what a session wrote; throws when it is not STOMP, since then the session is wrong. Beats are frames without a command. */
export function cutFrames(bytes: Buffer): { readonly frames: SeenFrame[]; readonly rest: Buffer } {
  const frames: SeenFrame[] = []
  let at = 0
  for (;;) {
    if (bytes[at] === 10) {
      frames.push({ command: '', headers: [], body: Buffer.alloc(0) })
      at += 1
      continue
    }
    const headEnd = bytes.indexOf('\n\n', at)
    if (headEnd === -1) return { frames, rest: bytes.subarray(at) }
    const [command = '', ...lines] = bytes.toString('utf8', at, headEnd).split('\n')
    const headers = lines.map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)] as const)
    const length = headers.find(([name]) => name === 'content-length')?.[1]
    const end = length === undefined ? bytes.indexOf(0, headEnd) : headEnd + 2 + Number(length)
    if (end === -1 || end >= bytes.length) return { frames, rest: bytes.subarray(at) }
    if (bytes[end] !== 0) throw new Error(`no NUL behind the body of ${command}`)
    frames.push({ command, headers, body: Buffer.from(bytes.subarray(headEnd + 2, end)) })
    at = end + 1
  }
}

export const stompLimits: SessionLimits = {
  frameBytesMax: 1_048_576,
  headerCountMax: 60,
  headerBytesMax: 16_384,
  subscriptionsMax: 20,
  unacknowledgedMax: 1_000,
  messageBytesMax: 4_194_304
}

export class StompPeer implements SessionOutput {
  readonly world: StompWorld
  readonly session: StompSession
  /** False: the session hears that the peer reads slowly. */
  isReading = true
  isPaused = false
  isEnded = false
  why: string | null = null
  wakeAt: Instant | null = null
  bytesWritten = 0
  writes = 0
  connection: ConnectionId | null = null
  #unread: Buffer = Buffer.alloc(0)
  #isTold = true

  constructor(world: StompWorld, limits: SessionLimits) {
    this.world = world
    const engine = new SessionEngine(world.qm, {
      connected: connection => {
        this.connection = connection
      },
      disconnected: () => undefined
    })
    const context: SessionContext = {
      engine,
      clock: world.clock,
      output: this,
      limits,
      remoteAddress: '10.0.0.9',
      remotePort: 4711,
      isLocal: false,
      isTls: false,
      productVersion: '0.1.0',
      instance: '1',
      authorize: (channel, credentials, token) => {
        world.later(() => {
          this.session.onAuthorized(token, world.judge(channel, credentials))
        })
      },
      command: () => {
        throw new Error('STOMP gives no commands')
      },
      wakeAt: at => {
        this.wakeAt = at
      }
    }
    this.session = new StompSession(context)
  }

  write(bytes: Buffer): boolean {
    if (this.isEnded) throw new Error('written after the end')
    this.#unread = Buffer.concat([this.#unread, bytes])
    this.bytesWritten += bytes.length
    this.writes += 1
    this.#isTold = this.isReading
    return this.isReading
  }

  end(why: string | null): void {
    if (this.isEnded) throw new Error('ended twice')
    this.isEnded = true
    this.why = why
    this.world.later(() => {
      this.session.onClosed()
    })
  }

  pauseReading(): void {
    this.isPaused = true
  }

  resumeReading(): void {
    this.isPaused = false
  }

  /** Frames that came since asked last. */
  frames(): SeenFrame[] {
    const { frames, rest } = cutFrames(this.#unread)
    this.#unread = Buffer.from(rest)
    return frames
  }

  /** Bytes as the client wrote them. */
  send(bytes: Buffer | string): void {
    if (!this.isEnded) this.session.onBytes(Buffer.from(bytes))
    this.world.settle()
  }

  /** Reads again. */
  read(): void {
    this.isReading = true
    if (!this.#isTold) this.session.onWritable()
    this.#isTold = true
    this.world.settle()
  }

  vanish(): void {
    this.isEnded = true
    this.session.onClosed()
    this.world.settle()
  }
}

const ownDefaults = (type: ObjectType): ObjectDefinition['attributes'] =>
  type === 'QLOCAL' ? { MAXDEPTH: 5_000, MAXMSGL: 4_194_304, SHARE: 'YES', DEFSOPT: 'SHARED' } : type === 'QMODEL' ? { MAXDEPTH: 5_000, MAXMSGL: 4_194_304, SHARE: 'YES', DEFTYPE: 'TEMPDYN' } : {}

export class StompWorld {
  readonly clock = new FakeClock()
  readonly journal = new FakeJournal()
  readonly qm: QueueManager
  readonly peers: StompPeer[] = []
  /** Off: nothing becomes durable until `force()`. */
  isForcing = true
  readonly #later: (() => void)[] = []

  constructor() {
    this.qm = new QueueManager({
      name: 'QM1',
      qmid: 'QM1_2026-03-01_12.00.00',
      clock: this.clock,
      journal: this.journal,
      spool: new FakeSpool(),
      restored: null,
      defaultsFor: ownDefaults
    })
    this.define('QMODEL', 'SYSTEM.DEFAULT.MODEL.QUEUE', { DEFTYPE: 'TEMPDYN' })
    this.define('QLOCAL', 'SYSTEM.RETAINED.PUB.QUEUE')
  }

  define(type: ObjectType, name: string, attributes: Record<string, AttributeValue> = {}): void {
    const outcome = this.qm.define({ type, name, attributes: { ...ownDefaults(type), ...attributes } })
    if (!outcome.ok) throw new Error(`define ${type} ${name}: ${outcome.reason}`)
    this.settle()
  }

  depth(queue: string): number {
    return this.qm.queueStatus(queue)?.depth ?? -1
  }

  /** A connection that has said nothing yet. */
  accept(limits: Partial<SessionLimits> = {}): StompPeer {
    const peer = new StompPeer(this, { ...stompLimits, ...limits })
    this.peers.push(peer)
    return peer
  }

  /** A client that is connected; CONNECTED has been read. */
  connect(version = '1.2', headers = '', limits: Partial<SessionLimits> = {}): StompPeer {
    const peer = this.accept(limits)
    peer.send(`CONNECT\naccept-version:${version}\nhost:here\n${headers}\n\0`)
    const [connected] = peer.frames()
    if (connected?.command !== 'CONNECTED') throw new Error(`not connected: ${connected?.command ?? 'nothing'}`)
    return peer
  }

  /** Passcode `wrong` is wrong; channel SMALL takes 100 bytes. */
  judge(channel: string, credentials: Credentials): Verdict {
    if (credentials.kind === 'password' && credentials.password === 'wrong') return { ok: false, reason: reasons.notAuthorized, why: 'the password is wrong' }
    const user = credentials.kind === 'password' ? credentials.user : 'guest'
    return { ok: true, user, channelFacts: { name: channel === '' ? 'STOMP' : channel, messageBytesMax: channel === 'SMALL' ? 100 : 4_194_304, heartbeatSeconds: 300 } }
  }

  later(action: () => void): void {
    this.#later.push(action)
  }

  force(): void {
    this.journal.force()
    this.qm.onForced()
    this.settle()
  }

  advance(ms: number): void {
    const end = this.clock.ms + ms
    for (;;) {
      const due = [this.qm.nextDeadline(), ...this.peers.filter(peer => !peer.isEnded).map(peer => peer.wakeAt)].filter(at => at !== null)
      const next = Math.min(end, ...due)
      this.clock.advance(Math.max(0, next - this.clock.ms))
      this.settle()
      if (this.clock.ms >= end) return
    }
  }

  /** Delivers until nobody has anything to say any more, as the dispatcher does. */
  settle(): void {
    for (let rounds = 0; rounds < 1_000_000; rounds++) {
      if (!this.#deliver() && !this.#wake()) return
    }
    throw new Error('there is always something to do')
  }

  #deliver(): boolean {
    let isBusy = false
    for (let action = this.#later.shift(); action !== undefined; action = this.#later.shift()) {
      action()
      isBusy = true
    }
    for (const { connection, token, answer } of this.qm.takeAnswers()) {
      isBusy = true
      this.#of(connection)?.session.onAnswer(token, answer)
    }
    for (const event of this.qm.takeEvents()) {
      isBusy = true
      if (event.kind === 'end') this.#of(event.connection)?.session.onEnd(event.reason, 'now')
      else this.#of(event.connection)?.session.onEnd(0, 'quiesce')
    }
    if (this.isForcing && this.journal.end > this.journal.forced) {
      this.journal.force()
      this.qm.onForced()
      isBusy = true
    }
    return isBusy
  }

  /** Timers that are due. */
  #wake(): boolean {
    let isBusy = false
    for (const peer of this.peers) {
      if (peer.isEnded || peer.wakeAt === null || peer.wakeAt > this.clock.now()) continue
      peer.wakeAt = null
      peer.session.onTick()
      isBusy = true
    }
    const due = this.qm.nextDeadline()
    if (due !== null && due <= instant(this.clock.ms)) {
      this.qm.onTick()
      isBusy = true
    }
    return isBusy
  }

  #of(connection: ConnectionId): StompPeer | undefined {
    return this.peers.find(peer => peer.connection === connection && !peer.isEnded)
  }
}
