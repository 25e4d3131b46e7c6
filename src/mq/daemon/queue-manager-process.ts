/**
 * One queue manager in its process: the opened core, who may come in and how, and how it ends.
 *
 *   sockets ──► listener ──► sessions ──► dispatcher ──► core ──► log
 *                  ▲                          │
 *   endmqm ──► control server ──► ending      └──► answers back
 */

import fs from 'node:fs'
import { HaError } from '../../base/errors.js'
import { supervise } from '../../daemon/supervise.js'
import type { MqClock } from '../core/engine.js'
import { reasons } from '../core/reason.js'
import type { ErrorLog } from '../installation/error-log.js'
import { dataFiles } from '../installation/layout.js'
import type { LocalFiles } from '../installation/layout.js'
import type { QueueManagerSettings } from '../installation/qm-ini.js'
import { Gatekeeper } from '../listener/gatekeeper.js'
import { Listener } from '../listener/listener.js'
import type { Admission, Applicant, OpenPort } from '../listener/listener.js'
import { RestServer } from '../listener/rest.js'
import { Authenticator } from '../listener/users.js'
import { executeCommand } from '../mqsc/execute.js'
import { messageLine } from '../mqsc/messages.js'
import { magic } from '../protocol/client/frame.js'
import { ClientSession } from '../protocol/client/session.js'
import { StompSession } from '../protocol/stomp/session.js'
import type { CommandAnswer, SessionLimits } from '../protocol/session.js'
import type { RecordedState } from '../store/instance-status.js'
import type { ControlAnswer, ControlRequest } from './control-protocol.js'
import { ControlServer } from './control-server.js'
import type { ControlPeer } from './control-server.js'
import { Ending } from './ending.js'
import { ProcessFacilities } from './facilities.js'
import { takeKept, writeKept } from './kept-file.js'
import { Listeners } from './listeners.js'
import { noteLine, noteTo } from './note.js'
import { hostName } from './open-queue-manager.js'
import type { OpenedQueueManager } from './open-queue-manager.js'
import { Administrators, loadTls } from './security.js'
import type { SecureSettings } from './security.js'
import { writeStatus } from './status-file.js'

const messageBytesMax = 104_857_600
const limits: SessionLimits = {
  frameBytesMax: messageBytesMax + 1024 * 1024,
  headerCountMax: 1_000,
  headerBytesMax: 64 * 1024,
  subscriptionsMax: 1_000,
  unacknowledgedMax: 10_000,
  messageBytesMax
}
const outputBytesMax = 1024 * 1024
const drainMs = 30_000
const recogniseMs = 10_000
const authorizeMs = 30_000
/** What clients may take to read their last words and close. */
const farewellMs = 2_000
const defaultChannel = 'SYSTEM.DEF.SVRCONN'

export interface ProcessOptions {
  readonly opened: OpenedQueueManager
  readonly settings: QueueManagerSettings
  readonly dataPath: string
  readonly local: LocalFiles
  readonly errorLog: ErrorLog
  readonly clock: MqClock
  readonly version: string
  /** `-ns`: no listeners start by themselves. */
  readonly withServices: boolean
  readonly exit: (how: 'orderly' | 'preemptive' | 'failed', error?: unknown) => void
}

export class QueueManagerProcess {
  readonly #options: ProcessOptions
  readonly #startedMs: number
  readonly #gatekeeper: Gatekeeper
  readonly #authenticator: Authenticator
  readonly #administrators = new Administrators()
  readonly #listener: Listener
  readonly #listeners: Listeners
  readonly #facilities: ProcessFacilities
  readonly #control: ControlServer
  readonly #ending: Ending
  #localPort: OpenPort | null = null
  #tls: SecureSettings | null
  #isStarted = false

  /** @throws HaError HA_MQ_INI_INVALID when certificates cannot be used */
  constructor(options: ProcessOptions) {
    this.#options = options
    const { opened, clock, settings, version, errorLog } = options
    const { core, dispatcher } = opened
    this.#startedMs = clock.wallMs()
    this.#tls = loadTls(settings.tls)
    const note = (level: 'info' | 'warn', text: string): void => noteLine(errorLog, 'listener', level, text)
    this.#authenticator = new Authenticator(dataFiles(options.dataPath).users, text => note('warn', text))
    this.#gatekeeper = new Gatekeeper({
      administration: core,
      authenticator: this.#authenticator,
      isAdministrator: user => this.#administrators.has(user),
      defaultChannel,
      instances: (channel, address) => this.#listener.instances(channel, address),
      note
    })
    const admit = (applicant: Applicant): Promise<Admission> => this.#gatekeeper.admit(applicant)
    const command = (text: string, user: string, isUnix: boolean): Promise<CommandAnswer> => this.#command(text, user, isUnix)
    this.#listener = new Listener({
      dispatcher,
      clock,
      sessions: { client: context => new ClientSession(context), stomp: context => new StompSession(context) },
      rest: new RestServer({ dispatcher, clock, bodyBytesMax: messageBytesMax, headerBytesMax: limits.headerBytesMax, headerCountMax: limits.headerCountMax, admit, command, supervise }),
      clientMagic: magic,
      limits,
      connectionsMax: settings.channelsMax,
      outputBytesMax,
      drainMs,
      recogniseMs,
      authorizeMs,
      productVersion: version,
      instance: String(opened.epoch),
      admit,
      command,
      tls: () => this.#tls,
      note,
      supervise
    })
    this.#listeners = new Listeners({ listener: this.#listener, defaults: settings.tcp, wallMs: () => clock.wallMs(), note: noteTo(errorLog, 'listeners'), supervise })
    this.#facilities = new ProcessFacilities({
      clock,
      version,
      dataPath: options.dataPath,
      log: opened.log,
      listener: this.#listener,
      listeners: this.#listeners,
      gatekeeper: this.#gatekeeper,
      phase: () => (!this.#isStarted ? 'STARTING' : this.#ending.phase === 'RUNNING' ? 'RUNNING' : 'QUIESCING'),
      refreshSecurity: () => this.#refreshSecurity()
    })
    this.#control = new ControlServer(options.local.control, (request, peer) => this.#onControl(request, peer), supervise)
    this.#ending = new Ending({
      record: state => this.#record(state),
      quiesce: () => dispatcher.enter(() => core.onEnd('quiesce')),
      connections: () => core.connections().filter(connection => connection.kind !== 'internal').length,
      stop: () => this.#stop(),
      exit: options.exit,
      supervise
    })
  }

  /**
   * Takes kept messages back, opens the sockets, and records that it runs. Resolves, with the failures of listeners, when
   * connections are accepted; rejects with the system's error when the local sockets cannot be made.
   */
  async start(): Promise<readonly string[]> {
    const { opened, dataPath, local, withServices } = this.#options
    const { core, dispatcher, epoch } = opened
    const kept = takeKept(dataFiles(dataPath).kept, epoch)
    if (kept.length > 0) {
      dispatcher.enter(() => {
        for (const message of kept) core.keep(message)
      })
    }
    fs.rmSync(local.socket, { force: true })
    await this.#control.open()
    this.#localPort = await this.#listener.openLocal(local.socket)
    fs.chmodSync(local.socket, 0o660)
    const failures = withServices ? await this.#listeners.startAutomatic(core.list('LISTENER')) : []
    this.#record('running')
    fs.writeFileSync(local.pid, `${process.pid}\n`)
    this.#isStarted = true
    return failures
  }

  /** SIGTERM and the like. */
  end(mode: 'controlled' | 'immediate' | 'preemptive'): void {
    this.#ending.request(mode)
  }

  /** The state for others to read. After a lost right it belongs to another instance, and is left alone. */
  #record(state: RecordedState, reason = ''): void {
    const { opened, dataPath } = this.#options
    if (!opened.mayWrite()) return
    writeStatus(dataPath, { ...opened.recorded, state, reason, startedMs: this.#startedMs, host: hostName() })
  }

  /** Why it ends without having been asked; never throws. */
  recordFailure(reason: string): void {
    try {
      this.#record(this.#isStarted ? 'running' : 'starting', reason)
    } catch (error) {
      this.#options.errorLog.fatal({ id: 'AMQ7002', severity: 'S', summary: `The status file cannot be written: ${String(error)}` })
    }
  }

  async #command(text: string, user: string, isUnix: boolean): Promise<CommandAnswer> {
    // The directory of the local socket admits administrators alone; from elsewhere the user says who it is.
    if (!isUnix && !this.#administrators.has(user)) return { outcome: 'not-authorized', lines: [messageLine('AMQ8135')] }
    const { opened } = this.#options
    let running: ReturnType<typeof executeCommand> | null = null
    opened.dispatcher.enter(() => {
      running = executeCommand(text, { administration: opened.core, facilities: this.#facilities })
    })
    const result = await (running as ReturnType<typeof executeCommand> | null)
    if (result === null) return { outcome: 'failed', lines: [messageLine('AMQ8101', 'the command was not run')] }
    try {
      if (result.end !== null) await this.#facilities.forcedTo(result.end)
    } catch (error) {
      if (!(error instanceof HaError)) throw error
      return { outcome: 'failed', lines: [messageLine('AMQ8145')] }
    }
    return { outcome: result.outcome, lines: result.lines }
  }

  async #onControl(request: ControlRequest, peer: ControlPeer): Promise<ControlAnswer> {
    const { core, log } = this.#options.opened
    switch (request.op) {
      case 'status': {
        const { phase } = this.#ending
        const listeners = this.#listeners.statuses().map(({ name, port, address }) => ({ name, port, address }))
        return { ok: true, status: { processId: process.pid, status: this.#isStarted ? phase : 'STARTING', connections: core.connections().length, listeners } }
      }
      case 'end':
        // After the answer has left.
        setImmediate(() => this.#ending.request(request.mode, { seconds: request.targetSeconds, mayPreempt: request.mayPreempt }))
        return { ok: true }
      case 'listen': {
        const onEnded = (): void => {
          peer.tell({ ok: true, ended: true })
          peer.end()
        }
        const opened = await this.#listeners.openTemporary({ ...request, onEnded })
        if (typeof opened === 'string') return { ok: false, id: 'AMQ9218', why: opened }
        peer.onGone(opened.close)
        return { ok: true, port: opened.port }
      }
      case 'end-listeners':
        return { ok: true, count: await this.#listeners.endTemporaries() }
      case 'definitions':
        return { ok: true, definitions: (['QMGR', 'QLOCAL', 'QALIAS', 'QREMOTE', 'QMODEL', 'CHANNEL', 'LISTENER', 'TOPIC', 'SUB', 'PROCESS', 'NAMELIST', 'AUTHINFO', 'SERVICE', 'CHLAUTH'] as const).flatMap(type => core.list(type)) }
      case 'record-image': {
        const why = await log.recordImage(request.queues)
        return why === null ? { ok: true, count: request.queues.length } : { ok: false, id: 'AMQ8199', why }
      }
    }
  }

  #refreshSecurity(): void {
    this.#authenticator.refresh()
    this.#administrators.refresh()
    try {
      this.#tls = loadTls(this.#options.settings.tls)
    } catch (error) {
      if (!(error instanceof HaError)) throw error
      noteLine(this.#options.errorLog, 'security', 'warn', `${error.message}; the certificate read before stays in use`)
    }
  }

  async #stop(): Promise<void> {
    const { opened, dataPath } = this.#options
    const { core, dispatcher, log, epoch } = opened
    await this.#listeners.closeAll()
    await this.#localPort?.close()
    // What is in progress is answered before its connection hears the end.
    await log.forcedTo(log.journal.end)
    dispatcher.enter(() => core.onEnd('stop'))
    this.#listener.endAll(reasons.queueManagerStopping, 'now')
    await this.#untilGone()
    await log.forcedTo(log.journal.end)
    dispatcher.close()
    if (opened.mayWrite()) writeKept(dataFiles(dataPath).kept, epoch, core.keptMessages())
    await log.close()
    this.#control.close()
    await this.#options.errorLog.flush()
  }

  async #untilGone(): Promise<void> {
    const until = performance.now() + farewellMs
    while (this.#listener.connections > 0 && performance.now() < until) {
      await new Promise<void>(resolve => {
        setTimeout(resolve, 5)
      })
    }
    this.#listener.destroyAll()
  }
}
