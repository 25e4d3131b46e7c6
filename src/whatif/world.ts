/**
 * Answers "what would happen if …": the production core of both nodes in a small world of virtual time, from the state as
 * it is now, with the faults that somebody asks about, and nothing else going wrong.
 *
 * It is a rehearsal, not a prophecy: what is assumed is said beside the answer, and datagrams are never lost here unless
 * the question says so.
 */

import type { ClusterEffect, ClusterSettings } from '../cluster/types.js'
import type { Heard } from '../wire/status.js'
import type { Situation } from './begin.js'
import { ArbiterTwin, Disk } from './devices.js'
import type { Fault, FaultAct } from './faults.js'
import { Host, isAddress, type HostWorld } from './host.js'
import { Agenda } from './queue.js'

export interface WhatIfOptions {
  readonly situation: Situation
  readonly faults: readonly Fault[]
  /** Of script operations, in ms, by `group/resource/operation` as measured on this node. */
  readonly durations: Readonly<Record<string, number>>
  /** How long to look on at most. */
  readonly forMs: number
}

export interface TimelineEntry {
  /** Since the beginning. */
  readonly ms: number
  /** null: the world itself. */
  readonly node: string | null
  readonly what: string
}

export interface GroupOutcome {
  readonly key: string
  readonly before: string | null
  readonly after: string | null
  /** Time in which nobody served it, the beginning and the end of each. */
  readonly outageMs: number
  readonly outages: readonly { readonly fromMs: number; readonly toMs: number | null }[]
  /** Time in which its addresses were on both nodes at once. */
  readonly doubleMs: number
}

export interface WhatIf {
  readonly assumptions: readonly string[]
  readonly timeline: readonly TimelineEntry[]
  readonly groups: readonly GroupOutcome[]
  readonly endedMs: number
}

export const scriptDefaultMs = 100
const statusDefaultMs = 20
const fencingMs = 2_000
const networkMs = 0.3
const timelineMax = 1_000
const repeatsMax = 3
const lookEveryMs = 1

export const whatIf = (options: WhatIfOptions): WhatIf => new World(options).run()

/** Notes of the core that say nothing about what the question is about. */
const isNoise = (text: string): boolean => /^(Status update for node|Late heartbeat|Local status now set)/.test(text)

class World implements HostWorld {
  readonly agenda: Agenda
  readonly #options: WhatIfOptions
  readonly #beganAt: number
  readonly #hosts: readonly [Host, Host]
  readonly #disk: Disk
  readonly #arbiter: ArbiterTwin
  readonly #timeline: TimelineEntry[] = []
  /** cut[link][from]. */
  readonly #cut: boolean[][]
  readonly #failing = new Set<string>()
  readonly #notes = new Map<string, number>()
  #fencingFails = false
  #stirredAt: number
  #faultsLeft: number
  readonly #watch: GroupWatch[]

  constructor(options: WhatIfOptions) {
    this.#options = options
    const { situation } = options
    this.agenda = new Agenda(situation.now)
    this.#beganAt = this.#stirredAt = situation.now
    this.#faultsLeft = options.faults.length
    this.#hosts = [new Host(this, situation.nodes[0]), new Host(this, situation.nodes[1])]
    this.#disk = new Disk(this.agenda, this.#hosts)
    this.#arbiter = new ArbiterTwin(this.agenda, this.#hosts)
    const { settings, state } = situation.nodes[0]
    const isAlive = state?.peer.standing.kind === 'alive'
    // A link that does not carry now does not begin to carry by itself.
    this.#cut = settings.links.map((_, index) => [0, 1].map(() => isAlive && state.links[index]?.isUp === false))
    this.#watch = settings.groups.map((_, index) => new GroupWatch(this.#ownerOf(index)))
  }

  run(): WhatIf {
    for (const host of this.#hosts) {
      host.resume()
      this.#disk.open(host)
      this.#arbiter.open(host)
    }
    for (const fault of this.#options.faults) {
      this.agenda.plan(fault.afterMs, () => {
        this.#faultsLeft -= 1
        this.tell(null, fault.text)
        this.#strike(fault.act)
      })
    }
    const look = (): void => {
      for (const [index, watch] of this.#watch.entries()) watch.look(this.#ms(), this.#isServed(index), this.#isDouble(index))
      this.agenda.plan(lookEveryMs, look)
    }
    this.agenda.plan(0, look)
    const quietMs = this.#quietMs()
    this.agenda.runUntil(this.#beganAt + this.#options.forMs, () => this.#faultsLeft === 0 && this.agenda.now - this.#stirredAt > quietMs)
    const [own] = this.#hosts
    const groups = own.settings.groups.map((setup, index) => (this.#watch[index] as GroupWatch).outcome(setup.key, this.#ms(), this.#ownerOf(index)))
    return { assumptions: this.#assumptions(), timeline: this.#timeline, groups, endedMs: Math.round(this.#ms()) }
  }

  durationOf(group: number, index: number, operation: string): number {
    return this.#options.durations[`${group}/${index}/${operation}`] ?? (operation === 'status' ? statusDefaultMs : scriptDefaultMs)
  }

  fails(host: Host, group: number, operation: string): boolean {
    return this.#failing.has(`${host.name}/${group}/${operation}`)
  }

  tell(host: Host | null, what: string): void {
    this.stir()
    if (this.#timeline.length < timelineMax) this.#timeline.push({ ms: Math.round(this.#ms()), node: host?.name ?? null, what })
  }

  /** What comes again and again is no news after the third time, and nobody waits for its end. */
  #note(host: Host, text: string): void {
    const kind = `${host.name} ${text.replace(/\d+/g, '')}`
    const times = (this.#notes.get(kind) ?? 0) + 1
    this.#notes.set(kind, times)
    if (times <= repeatsMax) this.tell(host, times === repeatsMax ? `${text} (and so on)` : text)
  }

  stir(): void {
    this.#stirredAt = this.agenda.now
  }

  perform(host: Host, effect: ClusterEffect): void {
    switch (effect.kind) {
      case 'send-status':
        return this.#send(host, effect)
      case 'note':
        return effect.level === 'debug' || isNoise(effect.text) ? undefined : this.#note(host, effect.text)
      case 'answer':
      case 'progress':
        return this.tell(host, effect.text)
      case 'fence':
        return this.#fence(host, effect.attempt, effect.victim)
      case 'poison':
        return this.#disk.poison(host, effect.generation)
      case 'arbiter-want':
        return this.#arbiter.want(host, effect.groups)
      default:
        return // announcements, memories and words for Linux-HA change nothing here
    }
  }

  #send(host: Host, effect: ClusterEffect & { kind: 'send-status' }): void {
    const { settings } = host
    const heard: Heard = {
      type: 'status',
      source: host.name,
      uuid: null,
      generation: settings.self.generation,
      sequence: effect.sequence,
      destination: null,
      statusText: effect.status,
      deadtimeMs: settings.timing.deadtimeMs,
      view: effect.view,
      message: { fields: [] }
    }
    host.newest = heard
    const from = this.#hosts.indexOf(host)
    const to = this.#hosts[1 - from] as Host // two nodes
    for (const link of settings.links.keys()) {
      if (link === settings.safety.lease?.link || this.#cut[link]?.[from] === true) continue
      this.agenda.plan(networkMs, () => {
        if (this.#cut[link]?.[from] === true) return
        if (to.state !== null) return to.post({ kind: 'heard', link, heard })
        const isTold = to.isPowered && settings.links[link]?.description.startsWith('ucast') === true
        if (isTold && this.#cut[link]?.[1 - from] !== true) host.post({ kind: 'port-unreachable', link })
      })
    }
    if (effect.isNews) this.#disk.access(host)
  }

  #fence(by: Host, attempt: number, victimName: string): void {
    const { life } = by
    const victim = this.#hosts.find(host => host.name === victimName)
    this.agenda.plan(fencingMs, () => {
      if (life !== by.life) return
      this.stir()
      if (this.#fencingFails) return by.post({ kind: 'fenced', attempt, outcome: { kind: 'failed', said: ['simulated: the device does not do it'], durationMs: fencingMs } })
      victim?.powerOff('is switched off by the fencing device')
      by.post({ kind: 'fenced', attempt, outcome: { kind: 'fenced', device: 'the fencing device', durationMs: fencingMs } })
    })
  }

  #strike(act: FaultAct): void {
    const hostsOf = (node: number | null): readonly Host[] => (node === null ? this.#hosts : [this.#hosts[node] as Host])
    const [host] = hostsOf('node' in act && act.node !== null ? act.node : 0)
    if (host === undefined) return
    switch (act.kind) {
      case 'dies':
        return host.powerOff('loses power')
      case 'daemon-dies':
        return host.endLife()
      case 'starts':
        return host.boot()
      case 'stops':
        return host.post({ kind: 'asked', id: 1, request: { kind: 'stop' } })
      case 'standby':
        return host.post({ kind: 'asked', id: 1, request: { kind: 'standby', scope: { kind: 'all' }, wait: true } })
      case 'takeover':
        return host.post({ kind: 'asked', id: 1, request: { kind: 'takeover', scope: { kind: 'all' }, wait: true, force: false } })
      case 'hangs':
        return host.hang(act.forMs, guardMs(host.settings))
      case 'link':
        return this.#cutLinks(act)
      case 'disk':
        if (!act.isLost && act.tookMs === null) this.#disk.usual()
        if (act.tookMs !== null) this.#disk.tookMs = act.tookMs
        if (act.isLost) for (const one of hostsOf(act.node)) this.#disk.lost.add(one)
        return
      case 'arbiter':
        for (const one of hostsOf(act.node)) act.isLost ? this.#arbiter.lost.add(one) : this.#arbiter.lost.delete(one)
        return
      case 'ping':
        return hostsOf(act.node).forEach(one => this.#ping(one, act.isLost))
      case 'carrier':
        return this.#carrier(host, act.isLost)
      case 'fencing':
        this.#fencingFails = act.fails
        return
      case 'script':
        this.#failing.add(`${host.name}/${act.group}/${act.operation}`)
    }
  }

  #cutLinks(act: FaultAct & { kind: 'link' }): void {
    const disk = this.#hosts[0].settings.safety.lease?.link
    for (const [link, directions] of this.#cut.entries()) {
      if (link === disk || (act.link !== null && act.link !== link)) continue
      for (const from of [0, 1]) if (act.from === null || act.from === from) directions[from] = act.isCut
    }
  }

  /** Ping nodes are noticed to be silent after their deadping. */
  #ping(host: Host, isLost: boolean): void {
    const of = host.state?.safety.connectivity?.of ?? host.settings.safety.quorum?.of ?? 0
    if (of === 0) return
    const silent = isLost ? Array.from({ length: of }, (_, at) => `ping node ${at + 1}`) : []
    this.agenda.plan(isLost ? (host.settings.safety.quorum?.deadpingMs ?? host.settings.timing.deadtimeMs) : 10, () => host.post({ kind: 'connectivity', reached: isLost ? 0 : of, of, silent }))
  }

  #carrier(host: Host, isLost: boolean): void {
    host.hasCarrier = !isLost
    for (const group of host.settings.groups.keys()) host.post({ kind: 'carrier', group, trouble: isLost ? 'simulated: no carrier' : null })
  }

  #ms(): number {
    return this.agenda.now - this.#beganAt
  }

  /** Nothing more is to be expected after so long without any news: longer than every wait of the core. */
  #quietMs(): number {
    const { safety, timing } = this.#hosts[0].settings
    return 2_000 + 3 * Math.max(timing.deadtimeMs, safety.lease?.leaseMs ?? 0, safety.arbiter?.ttlMs ?? 0, safety.quorum?.deadpingMs ?? 0, safety.fencing?.delayMs ?? 0, safety.fencing?.retryMs ?? 0)
  }

  #serves = (host: Host, group: number): boolean => host.isPowered && host.hasCarrier && host.truth[group]?.every(Boolean) === true
  #isServed = (group: number): boolean => this.#hosts.some(host => this.#serves(host, group))

  #isDouble(group: number): boolean {
    const setup = this.#hosts[0].settings.groups[group]
    const watched = (setup?.resources ?? []).flatMap((resource, index) => (isAddress(resource.word) ? [index] : []))
    const indices = watched.length === 0 ? (setup?.resources ?? []).map((_, index) => index) : watched
    return this.#hosts.every(host => host.isPowered && host.hasCarrier && indices.some(index => host.truth[group]?.[index] === true))
  }

  #ownerOf(group: number): string | null {
    const owners = this.#hosts.filter(host => this.#serves(host, group)).map(host => host.name)
    return owners.length === 0 ? null : owners.join(' and ')
  }

  #without(): readonly string[] {
    return this.#options.faults.flatMap(fault => {
      const why = missing(fault.act, this.#hosts[0].settings)
      return why === null ? [] : [`${why}: '${fault.text}' changes nothing`]
    })
  }

  #assumptions(): readonly string[] {
    const { settings } = this.#hosts[0]
    const { safety } = settings
    const measured = Object.keys(this.#options.durations).length
    return [
      ...this.#options.situation.assumptions,
      'no datagram is lost but by what was asked; the network takes 0.3 ms',
      `${measured === 0 ? `each script takes ${scriptDefaultMs} ms` : `each script takes as long as it last took here, on both nodes; one that never ran here takes ${scriptDefaultMs} ms`}`,
      `a daemon that hangs longer than ${guardMs(settings)} ms is ended by its sentry and starts again after 1 s`,
      ...(safety.fencing === null ? [] : [`fencing answers after ${fencingMs / 1_000} s, and a node that was fenced stays off`]),
      ...(safety.lease === null ? [] : ['an access to the lease area takes 2 ms']),
      ...(safety.arbiter === null ? [] : ['the arbiter answers after 5 ms']),
      ...this.#without(),
      ...(safety.fencing === null && safety.lease === null && safety.arbiter === null && safety.quorum === null ? ['nothing is configured against two owners: silence is taken for death'] : [])
    ]
  }
}

/** What a fault needs that is not there. */
function missing(act: FaultAct, { safety }: ClusterSettings): string | null {
  if (act.kind === 'disk' && safety.lease === null) return 'no lease area is configured'
  if (act.kind === 'arbiter' && safety.arbiter === null) return 'no arbiter is configured'
  if (act.kind === 'ping' && safety.quorum === null) return 'no ping node is configured'
  return act.kind === 'fencing' && safety.fencing === null ? 'no fencing device is configured' : null
}

/** When the sentry ends a daemon that hangs: before the other node may take anything. */
function guardMs(settings: ClusterSettings): number {
  const { safety, timing } = settings
  return Math.min(timing.deadtimeMs, ((safety.lease?.leaseMs ?? Number.POSITIVE_INFINITY) * 2) / 3, ((safety.arbiter?.ttlMs ?? Number.POSITIVE_INFINITY) * 2) / 3)
}

/** Adds up when a group was served by nobody, and by two. */
class GroupWatch {
  readonly #before: string | null
  readonly #outages: { readonly fromMs: number; readonly toMs: number }[] = []
  #downSince: number | null = null
  #doubleMs = 0
  #lookedAt = 0

  constructor(before: string | null) {
    this.#before = before
  }

  look(ms: number, isServed: boolean, isDouble: boolean): void {
    if (isDouble) this.#doubleMs += ms - this.#lookedAt
    this.#lookedAt = ms
    if (!isServed) this.#downSince ??= ms
    else if (this.#downSince !== null) {
      this.#outages.push({ fromMs: Math.round(this.#downSince), toMs: Math.round(ms) })
      this.#downSince = null
    }
  }

  outcome(key: string, endMs: number, after: string | null): GroupOutcome {
    const open = this.#downSince === null ? [] : [{ fromMs: Math.round(this.#downSince), toMs: null }]
    const outages = [...this.#outages, ...open]
    const outageMs = outages.reduce((sum, one) => sum + (one.toMs ?? endMs) - one.fromMs, 0)
    return { key, before: this.#before, after, outageMs: Math.round(outageMs), outages, doubleMs: Math.round(this.#doubleMs) }
  }
}

