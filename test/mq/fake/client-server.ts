/**
 * A queue manager in this process that speaks the client protocol on a loopback port: the real core, dispatcher,
 * connection and session on a log in memory that is forced a moment after each record, unless the test holds it.
 */

import { once } from 'node:events'
import net from 'node:net'
import { instant } from '../../../src/base/units.js'
import type { AttributeValue, ObjectDefinition, ObjectType } from '../../../src/mq/core/definition.js'
import type { MqClock } from '../../../src/mq/core/engine.js'
import type { Appended, LogRecord } from '../../../src/mq/core/journal.js'
import { QueueManager } from '../../../src/mq/core/queue-manager.js'
import { reasons } from '../../../src/mq/core/reason.js'
import { Connection } from '../../../src/mq/listener/connection.js'
import { Dispatcher } from '../../../src/mq/listener/dispatcher.js'
import { ClientSession } from '../../../src/mq/protocol/client/session.js'
import type { ChannelFacts, CommandAnswer, Credentials, Verdict } from '../../../src/mq/protocol/session.js'
import { FakeJournal, FakeSpool } from './fake-journal.js'

export const realClock: MqClock = { now: () => instant(performance.now()), wallMs: () => Date.now() }

export interface ServerOptions {
  readonly name?: string
  readonly qmid?: string
  readonly channel?: ChannelFacts
  readonly outputBytesMax?: number
  readonly authorize?: (channel: string, credentials: Credentials) => Verdict
  readonly command?: (text: string) => CommandAnswer
  /** '' a Unix socket at this path instead of a port. */
  readonly path?: string
}

/** A log that forces itself soon after each record. */
class SelfForcingJournal extends FakeJournal {
  onDue: () => void = () => undefined

  override append(record: LogRecord, options: { readonly lazy?: boolean } = {}): Appended {
    const appended = super.append(record, options)
    this.onDue()
    return appended
  }
}

const ownDefaults = (type: ObjectType): ObjectDefinition['attributes'] => (type === 'QLOCAL' ? { MAXDEPTH: 1_000_000, MAXMSGL: 104_857_600 } : {})

export class ClientServer {
  readonly options: ServerOptions
  qm: QueueManager
  journal: FakeJournal
  /** While true nothing becomes durable. */
  isForceHeld = false
  readonly sessions = new Set<Connection>()
  /** Why connections ended, for those that did not end in order. */
  readonly faults: string[] = []
  readonly #server: net.Server
  #dispatcher: Dispatcher
  #epoch = 1
  #isForceDue = false

  private constructor(options: ServerOptions, server: net.Server) {
    this.options = options
    this.#server = server
    const { qm, dispatcher, journal } = this.#start(new SelfForcingJournal(), null)
    this.qm = qm
    this.journal = journal
    this.#dispatcher = dispatcher
    this.define('QMGR', options.name ?? 'QM1', { MAXMSGL: 104_857_600 })
    server.on('connection', socket => this.#accept(socket))
  }

  static async listen(options: ServerOptions = {}): Promise<ClientServer> {
    const server = net.createServer()
    const made = new ClientServer(options, server)
    if (options.path === undefined) server.listen(0, '127.0.0.1')
    else server.listen(options.path)
    await once(server, 'listening')
    return made
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  get address(): string {
    return this.options.path === undefined ? `tcp://127.0.0.1:${this.port}` : `unix:${this.options.path}`
  }

  define(type: ObjectType, name: string, attributes: Record<string, AttributeValue> = {}): void {
    this.#dispatcher.enter(() => {
      const outcome = this.qm.define({ type, name, attributes: { ...ownDefaults(type), ...attributes } })
      if (!outcome.ok) throw new Error(`define ${name}: ${outcome.reason}`)
    })
  }

  depth(queue: string): number {
    return this.qm.queueStatus(queue)?.depth ?? -1
  }

  force(): void {
    const journal = this.journal
    journal.force()
    this.#dispatcher.onForced()
  }

  /** Ends every connection without a word. */
  cut(): void {
    for (const session of this.sessions) session.destroy('cut')
  }

  /** Power loss and restart: what was not forced is gone. */
  crash(): void {
    this.cut()
    const after = this.journal.crash(this.#epoch)
    this.#epoch++
    this.#dispatcher.close()
    const journal = Object.setPrototypeOf(after.journal, SelfForcingJournal.prototype) as SelfForcingJournal
    const { qm, dispatcher } = this.#start(journal, after.restored)
    this.qm = qm
    this.journal = journal
    this.#dispatcher = dispatcher
  }

  /** A controlled or an immediate end. */
  end(mode: 'quiesce' | 'stop'): void {
    this.#dispatcher.enter(() => this.qm.onEnd(mode))
  }

  async close(): Promise<void> {
    this.#dispatcher.close()
    this.cut()
    this.#server.close()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  #start(journal: SelfForcingJournal, restored: ConstructorParameters<typeof QueueManager>[0]['restored']): { qm: QueueManager; dispatcher: Dispatcher; journal: FakeJournal } {
    const qm = new QueueManager({
      name: this.options.name ?? 'QM1',
      qmid: this.options.qmid ?? 'QM1_2026-03-01_12.00.00',
      clock: realClock,
      journal,
      spool: new FakeSpool(),
      restored,
      defaultsFor: ownDefaults
    })
    journal.onDue = () => {
      if (this.isForceHeld || this.#isForceDue) return
      this.#isForceDue = true
      setImmediate(() => {
        this.#isForceDue = false
        if (!this.isForceHeld && journal === this.journal && journal.end > journal.forced) this.force()
      })
    }
    return { qm, journal, dispatcher: new Dispatcher({ engine: qm, clock: realClock }) }
  }

  #accept(socket: net.Socket): void {
    const { authorize, command, channel, outputBytesMax, path } = this.options
    const dispatcher = this.#dispatcher
    const connection: Connection = new Connection({
      socket,
      dispatcher,
      clock: realClock,
      outputBytesMax: outputBytesMax ?? 1024 * 1024,
      drainMs: 10_000,
      onClosed: why => {
        this.sessions.delete(connection)
        if (why !== null) this.faults.push(why)
      }
    })
    this.sessions.add(connection)
    const session: ClientSession = new ClientSession({
      engine: dispatcher.engineFor(() => session),
      clock: realClock,
      output: connection,
      limits: { frameBytesMax: 1024 * 1024, headerCountMax: 100, headerBytesMax: 65_536, subscriptionsMax: 100, unacknowledgedMax: 1_000, messageBytesMax: 104_857_600 },
      remoteAddress: socket.remoteAddress ?? '',
      remotePort: socket.remotePort ?? 0,
      isLocal: path !== undefined,
      isTls: false,
      productVersion: '0.1.0',
      instance: String(this.#epoch),
      authorize: (name, credentials, token) => {
        const verdict = authorize?.(name, credentials) ?? { ok: true, user: 'alice', ...(channel === undefined ? {} : { channelFacts: channel }) }
        setImmediate(() => connection.onAuthorized(token, verdict))
      },
      command: (text, _user, token) => {
        const answer = command?.(text) ?? { outcome: 'done' as const, lines: [`AMQ8006I: ${text}`] }
        setImmediate(() => connection.onCommand(token, answer))
      },
      wakeAt: connection.wakeAt
    })
    connection.begin(session, Buffer.alloc(0))
  }
}

export const refuseAll: ServerOptions = { authorize: () => ({ ok: false, reason: reasons.notAuthorized, why: 'nobody may' }) }
