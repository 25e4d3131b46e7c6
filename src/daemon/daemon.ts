/**
 * Builds the daemon from its parts, in the order in which they may fail, and takes them down in the reverse order.
 *
 *   configuration → control socket → identity (durable) → media → cluster core
 *
 * The control socket comes before the generation is taken: it is also the lock against a second daemon on this node.
 * Nothing is sent before the generation is durable, and no resource is looked at before the media are open.
 */

import { networkInterfaces } from 'node:os'
import { baseEnvironment } from '../agent/environment.js'
import { locateScript, projectResourceDir, scriptSearchPath } from '../agent/locate.js'
import { createAgentRunner } from '../agent/runner.js'
import { HaError } from '../base/errors.js'
import { elapsed, millis, type Instant, type Millis } from '../base/units.js'
import { peerGroup } from '../cluster/turn.js'
import type { ClusterEffect, ClusterEvent, ClusterSettings, ClusterState, OperatorRequest } from '../cluster/types.js'
import { formatDiagnostic, isError } from '../config/configuration.js'
import type { AuthKeys, Configuration } from '../config/types.js'
import type { ControlRequest } from '../control/protocol.js'
import { startControlServer, type ControlReply, type ControlServer } from '../control/server.js'
import { createMedia } from '../link/media.js'
import type { Clock } from '../port/clock.js'
import { HostNetworkWatch } from '../netwatch/watch.js'
import type { Medium } from '../port/medium.js'
import { AgreementService } from '../sync/agreement-service.js'
import { Exchange } from '../sync/exchange-service.js'
import type { NetworkWatch } from '../port/network-watch.js'
import { decodeDatagram } from '../wire/datagram.js'
import { readHeard, type Heard, type Sender } from '../wire/status.js'
import { ClusterRunner } from './cluster-runner.js'
import { clusterSettings } from './cluster-settings.js'
import { forgottenResources } from './edited-lines.js'
import { Effects } from './effects.js'
import { Flight } from './flight.js'
import { loadConfiguration } from './load-configuration.js'
import { HeldAddresses } from './held-addresses.js'
import { nextGeneration, nodeUuid } from './identity.js'
import type { RootLogger } from './logger.js'
import { Memory, recall, type Remembered } from './memory.js'
import { ownPriority } from '../process/ordinary.js'
import type { Paths } from './paths.js'
import { removePidFile, writePidFile } from './pid-file.js'
import { statusReport } from './report.js'
import { createSafeguards, linksAndSafety, type CreatedSafeguards } from './create-safeguards.js'
import { Safeguards } from './safeguards.js'
import { Sentry } from './sentry.js'
import { StallCauses } from './stall-cause.js'
import { supervise } from './supervise.js'
import { warmUp } from './warm-up.js'

/** Less than the media's second, so that each of their looks sees a state of its own second. */
const interfacesMs = millis(900)
/** How long the first medium may take to open; a host whose network comes up later is waited for this long. */
const mediaWait = millis(5_000)
/** Stopping waits for scripts under their own limits; what comes after them must not take longer than this. */
const closeDeadline = millis(2_000)
/** How many heartbeats the account may be old by which the cause of a stall is found; a reading costs half a heartbeat. */
const accountKeepalives = 10
/** Requests under way; a control connection carries one, and there are at most 32. The number only has to be unique. */
const firstRequestId = 1
/** A flood of datagrams must not keep a deadline waiting for ever: 32 datagrams a turn, so this is 2,048 of them. */
const mailTurnsMax = 64

export interface DaemonOptions {
  readonly configuration: Configuration
  readonly nodeName: string
  readonly paths: Paths
  readonly version: string
  readonly clock: Clock
  readonly logger: RootLogger
}

export interface Daemon {
  /** Begins the orderly end: everything is released. Further calls change nothing. */
  stop(): void
  /** Reads authkeys again and opens the log files anew. */
  hangUp(): void
  /** Resolves when everything is released and closed: true when nothing is left that may still run. */
  readonly ended: Promise<boolean>
}

/** Starts the daemon. Rejects with HaError (HA_ALREADY_RUNNING, HA_STATE_UNUSABLE, HA_MEDIA_UNUSABLE) before anything was touched. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { clock, configuration, logger, nodeName, paths } = options
  // Requests are refused until the core has begun: what is decided before that would be decided about nothing.
  const core: { current: Core | null; isOpen: boolean } = { current: null, isOpen: false }
  const control = await startControlServer({
    path: paths.controlSocket,
    clock,
    onRequest: (request, reply, signal) => {
      if (core.current === null || !core.isOpen) reply.fail('HA_NOT_RUNNING', 'the daemon is still starting')
      else core.current.ask(request, reply, signal)
    },
    onTrouble: sentence => logger.warn({}, sentence)
  })
  try {
    writePidFile(paths.pidFile)
    const generation = nextGeneration(paths.stateDir, { wallMs: clock.wall() })
    if (generation.note !== null) logger.warn({}, generation.note)
    const sender: Sender = {
      name: nodeName,
      uuid: nodeUuid(paths.stateDir),
      generation: generation.generation,
      ttl: configuration.cf.hopfudge + configuration.cf.nodes.length
    }
    logger.info({}, `heartbeat: version ${options.version}`)
    logger.info({}, `Heartbeat generation: ${sender.generation}`)
    const safeguards = await createSafeguards({
      configuration,
      nodeName,
      generation: sender.generation,
      clock,
      runDir: paths.runDir,
      logger,
      keys: () => core.current?.keys ?? configuration.keys,
      isHeard: () => core.current?.isPeerHeard ?? false
    })
    const recalled = recall(paths.stateDir)
    for (const sentence of forgottenResources(recalled.held, configuration.groups)) logger.warn({}, sentence)
    core.current = new Core(options, { control, sender, recalled, safeguards })
    await core.current.open()
    core.isOpen = true
    return core.current
  } catch (error) {
    await core.current?.closeMedia()
    await control.close()
    removePidFile(paths.pidFile)
    throw error
  }
}

interface CoreParts {
  readonly control: ControlServer
  readonly sender: Sender
  readonly recalled: Remembered
  readonly safeguards: CreatedSafeguards
}

class Core implements Daemon {
  readonly ended: Promise<boolean>
  readonly #options: DaemonOptions
  readonly #parts: CoreParts
  readonly #media: readonly Medium[]
  readonly #settings: ClusterSettings
  readonly #runner: ClusterRunner
  readonly #effects: Effects
  readonly #agreement: AgreementService
  readonly #flight: Flight
  readonly #agents: ReturnType<typeof createAgentRunner>
  readonly #held = new HeldAddresses()
  readonly #memory: Memory
  readonly #safeguards: Safeguards
  readonly #sentry: Sentry
  readonly #networkWatch: NetworkWatch
  /** Groups that neither node has been seen to run in this life. */
  readonly #unserved: Set<number>
  #nextRequest = firstRequestId
  #settle: (isClean: boolean) => void = () => undefined
  #keys: AuthKeys
  /** The datagram verified last, under the keys of now. */
  #twin: { readonly payload: Uint8Array; readonly heard: Heard } | null = null
  readonly #stallCauses: StallCauses
  #isEnding = false
  #received = 0

  constructor(options: DaemonOptions, parts: CoreParts) {
    const { clock, configuration, logger, nodeName, paths } = options
    this.#options = options
    this.#parts = parts
    this.#keys = configuration.keys
    this.#stallCauses = new StallCauses(millis(accountKeepalives * configuration.cf.keepaliveMs))
    this.ended = new Promise(resolve => {
      this.#settle = resolve
    })
    const searchPath = scriptSearchPath({ haDir: paths.haDir })
    const environment = baseEnvironment({ haDir: paths.haDir, stateDir: paths.stateDir, runDir: paths.runDir, node: nodeName, cf: configuration.cf })
    this.#agents = createAgentRunner({ clock, searchPath, environment, runDir: paths.runDir, onTrouble: sentence => logger.warn({}, sentence) })
    this.#media = createMedia(configuration.cf.media, { clock, interfaces: remembered(networkInterfaces, { clock, forMs: interfacesMs }) })
    const peerName = configuration.cf.nodes.find(node => node !== nodeName) ?? ''
    this.#settings = clusterSettings({
      configuration,
      nodeName,
      generation: parts.sender.generation,
      rememberedPeerGeneration: ownValue(parts.recalled.peerGenerations, peerName),
      rememberedPeerSequence: ownValue(parts.recalled.peerSequences, peerName) ?? 0,
      heldEpochs: new Map(parts.recalled.held.map(one => [one.id, one.epoch])),
      ...linksAndSafety(this.#media, parts.safeguards),
      agreement: null,
      pathOf: resource => locateScript(resource.type, searchPath)?.path ?? null,
      isOwnScript: resource => this.#agents.isOwnScript(resource)
    })
    this.#memory = new Memory(paths.stateDir, sentence => logger.warn({}, sentence))
    this.#safeguards = new Safeguards(
      parts.safeguards.parts,
      {
        clock,
        nodeName,
        leaseMs: this.#settings.safety.lease?.leaseMs ?? millis(0),
        diskLink: this.#settings.safety.lease?.link ?? -1,
        post: event => this.#runner.post(event),
        read: payload => this.#read(payload)
      }
    )
    this.#networkWatch = new HostNetworkWatch({ clock, groups: configuration.groups, agents: this.#agents, environment, projectResourceDir: projectResourceDir(), carrierReturnMs: configuration.cf.deadtimeMs })
    this.#unserved = new Set(configuration.groups.keys())
    this.#sentry = new Sentry({
      clock,
      settings: this.#settings,
      realtimePriority: ownPriority(),
      runDir: paths.runDir,
      device: configuration.cf.watchdog,
      onTrouble: sentence => logger.error({}, `Hangs are not watched: ${sentence}`)
    })
    this.#effects = new Effects({
      clock,
      configuration,
      keys: () => this.#keys,
      sender: parts.sender,
      peerName,
      media: this.#media,
      agents: this.#agents,
      removal: { projectResourceDir: projectResourceDir(), environment },
      memory: this.#memory,
      safeguards: this.#safeguards,
      feed: told => this.#feedSentry(told),
      networkWatch: this.#networkWatch,
      logger,
      isFirstStart: group => this.#isFirstStart(group),
      commandOf: (group, index) => this.#settings.groups[group]?.resources[index]?.command ?? '',
      wordsOf: id => this.#settings.groups.find(group => group.id === id)?.resources.map(resource => resource.word) ?? [],
      compare: theirs => this.#agreement.compare(theirs),
      post: event => this.#runner.post(event),
      onExit: isClean => this.#end(isClean)
    })
    this.#flight = new Flight({ clock, settings: this.#settings, stateDir: paths.stateDir, version: options.version, state: () => this.#runner.state, warn: sentence => logger.warn({}, sentence) })
    this.#agreement = new AgreementService({
      account: () => this.#flight.account(),
      clock,
      self: { name: nodeName, generation: parts.sender.generation },
      peerName,
      version: options.version,
      groups: configuration.groups,
      searchPath,
      haDir: paths.haDir,
      stateDir: paths.stateDir,
      keys: () => this.#keys,
      peerGeneration: () => talkingGeneration(this.#runner.state.peer),
      send: fields => this.#effects.perform({ kind: 'send-fields', sequence: null, fields, destinationUuid: null }),
      supervise,
      onAgreement: agreement => this.#runner.post({ kind: 'agreement', now: clock.monotonic(), agreement }),
      onCompared: (theirs, differences, trouble) => this.#runner.post({ kind: 'compared', now: clock.monotonic(), theirs, differences, trouble })
    })
    this.#runner = new ClusterRunner({
      clock,
      settings: this.#settings,
      perform: (effect: ClusterEffect) => this.#effects.perform(effect),
      causeOfStall: stallMs => this.#stallCauses.causeOf(stallMs),
      yieldOnce: callback => this.#afterMail(callback, mailTurnsMax),
      observer: this.#flight
    })
  }

  /** Opens the media, waits until one works, and sets the core going. */
  async open(): Promise<void> {
    const { clock, logger } = this.#options
    const reasons = new Map<string, string>()
    let begun = false
    const early: ClusterEvent[] = []
    const post = (event: ClusterEvent): void => {
      if (begun) this.#runner.post(event)
      else if (event.kind === 'medium') early.push(event)
    }
    const firstUp = new Promise<boolean>(resolve => {
      const deadline = clock.schedule(mediaWait, () => resolve(false))
      for (const [link, medium] of this.#media.entries()) {
        medium.open({
          onDatagram: (payload, from) => this.#onDatagram(link, payload, from.address, post),
          onState: (state, reason) => {
            logger[state === 'up' ? 'info' : 'warn']({}, state === 'up' ? reason : `${medium.description} is down: ${reason}`)
            post({ kind: 'medium', now: clock.monotonic(), link, trouble: state === 'up' ? null : reason })
            if (state === 'down') reasons.set(medium.description, reason)
            else {
              deadline.cancel()
              resolve(true)
            }
          },
          onRefused: () => post({ kind: 'port-unreachable', now: clock.monotonic(), link })
        })
      }
    })
    if (!(await firstUp)) {
      const why = [...reasons].map(([medium, reason]) => `${medium}: ${reason}`).join('; ')
      throw new HaError('HA_MEDIA_UNUSABLE', `no heartbeat medium could be opened within ${mediaWait} ms: ${why === '' ? 'none answered' : why}`)
    }
    begun = true
    this.#runner.begin()
    this.#safeguards.open()
    this.#agreement.refresh()
    this.#sentry.open()
    this.#feedSentry({ quietMs: 0, isNews: true }) // the sentry of the life before waits for that
    this.#networkWatch.open({
      onCarrier: (group, trouble) => this.#runner.post({ kind: 'carrier', now: clock.monotonic(), group, trouble }),
      onNote: (level, text) => logger[level]({}, text)
    })
    for (const event of early) this.#runner.post(event)
    warmUp({ clock, settings: this.#settings, sender: this.#parts.sender, keys: this.#keys, isWanted: () => !this.#isEnding })
  }

  /** The keys as last read. */
  get keys(): AuthKeys {
    return this.#keys
  }

  get isPeerHeard(): boolean {
    return this.#runner.state.peer.standing.kind === 'alive'
  }

  ask(request: ControlRequest, reply: ControlReply, signal: AbortSignal): void {
    const { clock, logger, version } = this.#options
    if (request.kind === 'status') {
      const context = { settings: this.#settings, now: clock.monotonic(), version, pid: process.pid, logLinesLost: logger.dropped(), safeguards: this.#safeguards.texts(), troubles: this.#networkWatch.troubles() }
      return reply.done({ kind: 'status', status: statusReport(this.#runner.state, context) })
    }
    if (request.kind === 'reload') return supervise('reload', this.reload(reply))
    if (request.kind === 'why') return supervise('why', this.#flight.report(() => this.#agreement.fetchAccount(signal)).then(report => reply.done({ kind: 'why', ...report })))
    if (request.kind === 'snapshot') return supervise('snapshot', this.#flight.snapshot().then(snapshot => reply.done({ kind: 'snapshot', ...snapshot })))
    if (request.kind === 'sync') return supervise('sync', this.#sync(reply, signal))
    if (request.kind === 'confirm-off') this.#safeguards.confirm(this.#settings.peerName)
    this.#post(request, reply)
  }

  /** Reads the files again. Keys change at once; a fault in any file changes nothing. `reply` is null on SIGHUP. */
  async reload(reply: ControlReply | null): Promise<void> {
    const { configuration, logger, nodeName, paths } = this.#options
    const loaded = await loadConfiguration(paths.haDir, { nodeName })
    if (!loaded.ok) {
      const faults = loaded.diagnostics.filter(isError).map(formatDiagnostic)
      for (const fault of faults) logger.error({}, `Not reloaded: ${fault}`)
      return reply?.fail('HA_CONFIG_INVALID', faults.join('\n'))
    }
    if (this.#twin !== null && this.#runner.state.peer.standing.kind === 'alive' && !decodeDatagram(this.#twin.payload, loaded.configuration.keys).ok) {
      const refusal = `authkeys lacks the key that ${this.#settings.peerName} signs with; without it both nodes would take each other for dead. Keep that key until ${this.#settings.peerName} signs with another`
      logger.error({}, `Not reloaded: ${refusal}`)
      return reply?.fail('HA_CONFIG_INVALID', refusal)
    }
    this.#keys = loaded.configuration.keys
    this.#twin = null
    this.#agreement.refresh()
    const { active, byId } = this.#keys
    const keysNow = `signing with key ${active.id} (${active.method}), accepting ${[...byId.keys()].sort((a, b) => a - b).join(', ')}`
    logger.info({}, `Rereading authentication file: ${keysNow}`)
    const changed = [
      ...(sameValue(configuration.cf, loaded.configuration.cf) ? [] : ['ha.cf']),
      ...(sameValue(configuration.groups, loaded.configuration.groups) ? [] : ['haresources'])
    ]
    const others = changed.length === 0 ? 'ha.cf and haresources: Configuration unchanged.' : `${changed.join(' and ')} changed: takes effect with heartbeat restart`
    logger.info({}, others)
    reply?.done({ kind: 'done', note: `${keysNow}\n${others}` })
  }

  /** Brings the peer's files here for an operator to look at; nothing is replaced. */
  async #sync(reply: ControlReply, signal: AbortSignal): Promise<void> {
    try {
      const fetched = await this.#agreement.fetchFiles({ signal, onProgress: text => reply.progress(text) })
      reply.done({ kind: 'files', node: this.#options.nodeName, peer: this.#settings.peerName, ...fetched })
    } catch (error) {
      if (!(error instanceof HaError)) throw error
      reply.fail(error.code, error.message)
    }
  }

  stop(): void {
    this.#post({ kind: 'stop' }, null)
  }

  hangUp(): void {
    this.#options.logger.reopen()
    supervise('reload', this.reload(null))
  }

  async closeMedia(): Promise<void> {
    this.#runner.stop()
    this.#agreement.close()
    this.#sentry.close()
    this.#networkWatch.close()
    await this.#safeguards.close()
    await Promise.all(this.#media.map(medium => medium.close()))
    this.#agents.close()
  }

  #post(request: OperatorRequest, reply: ControlReply | null): void {
    const id = this.#nextRequest
    this.#nextRequest += 1
    if (reply !== null) this.#effects.expectAnswer(id, reply)
    this.#runner.post({ kind: 'asked', now: this.#options.clock.monotonic(), id, request })
  }

  /** Calls back once a turn of the event loop brought no datagram: a turn reads a bounded number of them. */
  #afterMail(callback: () => void, turnsLeft: number): void {
    const received = this.#received
    setImmediate(() => {
      if (this.#received === received || turnsLeft <= 1) callback()
      else this.#afterMail(callback, turnsLeft - 1)
    })
  }

  #onDatagram(link: number, payload: Uint8Array, from: string, post: (event: ClusterEvent) => void): void {
    this.#received += 1
    const now = this.#options.clock.monotonic()
    // Every datagram comes once on each link; its twin need not be verified and read again.
    if (this.#twin !== null && Buffer.compare(payload, this.#twin.payload) === 0) return post({ kind: 'heard', now, link, heard: this.#twin.heard })
    if (this.#effects.isOwnEcho(payload)) return
    const decoded = decodeDatagram(payload, this.#keys)
    if (!decoded.ok) return post({ kind: 'refused', now, reason: decoded.reason, from })
    const heard = readHeard(decoded.message)
    if (heard === null) return post({ kind: 'refused', now, reason: 'malformed', from })
    if (Exchange.isOurs(heard.type)) return this.#agreement.onHeard(heard, decoded.keyId) // no sign of life, whatever it says
    this.#twin = { payload, heard }
    post({ kind: 'heard', now, link, heard })
    if (this.#unserved.size > 0) this.#noteServed()
  }

  #noteServed(): void {
    const { state } = this.#runner
    for (const index of this.#unserved) {
      const id = this.#settings.groups[index]?.id ?? ''
      if (peerGroup(state, id)?.state === 'running' || state.groups[index]?.machine.run.kind === 'running') this.#unserved.delete(index)
    }
  }

  /** Nobody has served the group since we look, so that nobody waits for this start: there is time to ask the network first. */
  #isFirstStart(group: number): boolean {
    return this.#unserved.has(group)
  }

  #feedSentry(told: { readonly quietMs: number; readonly isNews: boolean }): void {
    const now = this.#options.clock.monotonic()
    this.#stallCauses.sample(now)
    this.#sentry.feed(now, { ...told, addresses: () => this.#held.list(this.#runner.state, this.#settings, (group, resource) => this.#networkWatch.locate(group, resource)) })
  }

  /** What stands in the other node's sector was signed by it like a datagram, and is believed like one. */
  #read(payload: Uint8Array): Heard | null {
    const decoded = decodeDatagram(payload, this.#keys)
    return decoded.ok ? readHeard(decoded.message) : null
  }

  #end(isClean: boolean): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#agreement.close()
    this.#networkWatch.close()
    this.#runner.stop()
    supervise(
      'closing',
      this.#close().finally(() => this.#settle(isClean))
    )
  }

  async #close(): Promise<void> {
    const { clock, logger, nodeName, paths } = this.#options
    const deadline = new Promise<void>(resolve => {
      clock.schedule(closeDeadline, resolve)
    })
    this.#sentry.close()
    await Promise.race([Promise.all([this.#memory.idle(), this.#flight.close(), this.#safeguards.close()]), deadline])
    await Promise.race([Promise.all(this.#media.map(medium => medium.close())), deadline])
    this.#agents.close()
    removePidFile(paths.pidFile)
    logger.info({}, `${nodeName} Heartbeat shutdown complete.`)
    await Promise.race([this.#parts.control.close(), deadline])
  }
}

/** Every medium looks at the interfaces once a second; one look serves them all. */
function remembered<T>(read: () => T, options: { readonly clock: Clock; readonly forMs: Millis }): () => T {
  let last: { readonly value: T; readonly at: Instant } | null = null
  return () => {
    const now = options.clock.monotonic()
    if (last === null || elapsed(last.at, now) >= options.forMs) last = { value: read(), at: now }
    return last.value
  }
}

/** The life of a peer that can be asked: alive, and a daemon of ours. */
const talkingGeneration = (peer: ClusterState['peer']): number | null => (peer.standing.kind === 'alive' && peer.implementation === 'own' ? peer.generation : null)

/** A node may be called `constructor`. */
const ownValue = (values: Readonly<Record<string, number>>, name: string): number | null => (Object.hasOwn(values, name) ? (values[name] ?? null) : null)

/** Positions move when a comment is added; they change nothing. */
const sameValue = (a: unknown, b: unknown): boolean => plain(a) === plain(b)
const plain = (value: unknown): string => JSON.stringify(value, (key, inner: unknown) => (key === 'position' ? undefined : inner))
