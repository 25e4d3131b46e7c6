/**
 * One simulated node: the production core and runner over a simulated network, scripts, disk and arbiter. What the daemon
 * believes and what really runs are two things here, as in life.
 *
 * Fault model. A power loss stops everything and forgets what was not forced. A kill ends the daemon only. A freeze stops
 * the daemon (its timers and its mail wait) while scripts and the guard go on; the guard, when there is one, then takes the
 * addresses off, kills the daemon and starts another. A suspension stops the whole host: it answers nobody meanwhile, and
 * when it wakes the daemon gets the processor within some milliseconds, while the addresses are there at once.
 */

import { millis, type Instant, type Millis } from '../../src/base/units.js'
import type { Prng } from '../../src/base/prng.js'
import type { ClusterEffect, ClusterSettings, OperatorRequest } from '../../src/cluster/types.js'
import { nextDeadline } from '../../src/cluster/step.js'
import { ClusterRunner, type StepObserver } from '../../src/daemon/cluster-runner.js'
import type { Scheduled } from '../../src/port/clock.js'
import { readHeard, statusMessage, withSender, type Heard } from '../../src/wire/status.js'
import { guardTime, SimGuard } from './guard.js'
import { SimScripts, type Troubles } from './sim-scripts.js'
import { Edges, type Surroundings } from './surroundings.js'
import { DriftingClock, type VirtualClock } from './virtual-clock.js'

export interface NodeHost {
  readonly clock: VirtualClock
  readonly around: Surroundings
  transmit(from: SimNode, heard: Heard): void
  story(line: string): void
  broken(rule: string): void
  onStart(node: SimNode, group: number): void
  onDrop(node: SimNode): void
  /** Who looks on while this life's core steps; null for nobody. */
  observe?(node: SimNode): StepObserver | null
}

export interface NodeTemplate {
  readonly index: 0 | 1
  readonly name: string
  readonly prng: Prng
  readonly drift: { readonly offsetMs: number; readonly rate: number }
  readonly hasGuard: boolean
  settings(generation: number, remembered: { readonly peerGeneration: number | null; readonly peerSequence: number; readonly held: ReadonlyMap<string, number> }): ClusterSettings
}

/** A request that an operator waits for. */
export interface Waiting {
  readonly kind: OperatorRequest['kind']
  /** On the world's clock; moved forward by the time in which the daemon stood still. */
  askedAt: number
}

const mailboxMax = 256
const guardRestartsAfterMs = 200
const uuid = new Uint8Array(16)
const uuidText = '00'.repeat(16)
const noMessage = { fields: [] }
/** Every so manieth status is written as a datagram and read again, by the production code. */
const writtenOf = 16

export class SimNode {
  readonly index: 0 | 1
  readonly name: string
  readonly scripts: SimScripts
  readonly requests = new Map<number, Waiting>()
  /** The life of the other node that was proven to be over to the present life of this one; also when the proof is void since. */
  fencedLife: number | null = null
  readonly answers: { readonly id: number; readonly ok: boolean; readonly text: string }[] = []
  isPowered = false
  /** The daemon stands still. */
  isFrozen = false
  /** The whole host does. */
  isSuspended = false
  /** When the host woke last, on the world's clock. */
  wokeAt = Number.NEGATIVE_INFINITY
  /** When its daemon ended last. */
  endedAt = Number.NEGATIVE_INFINITY
  /** An operator gave his word that it stays off. */
  isKeptOff = false
  runner: ClusterRunner | null = null
  settings: ClusterSettings
  readonly #host: NodeHost
  readonly #template: NodeTemplate
  readonly #clock: DriftingClock
  readonly #guard: SimGuard | null
  #edges: Edges | null = null
  #generation = 0
  #peerGeneration: number | null = null
  #peerSequence = 0
  #held = new Map<string, number>()
  #requestId = 0
  #frozenAt = 0
  /** Grows with each life, so that what an earlier one scheduled is dropped. */
  #life = 0
  readonly #waiting: (() => void)[] = []
  readonly #mail: (() => void)[] = []

  constructor(host: NodeHost, template: NodeTemplate) {
    this.#host = host
    this.#template = template
    this.index = template.index
    this.name = template.name
    this.#clock = new DriftingClock(host.clock, template.drift)
    this.settings = template.settings(0, { peerGeneration: null, peerSequence: 0, held: new Map() })
    this.scripts = new SimScripts(host.clock, template.prng, this.settings.groups)
    this.#guard = template.hasGuard ? new SimGuard(host.clock, guardTime(this.settings.safety, this.settings.timing.deadtimeMs), () => this.#onHungry()) : null
  }

  get truth(): boolean[][] {
    return this.scripts.truth
  }

  get troubles(): Troubles[] {
    return this.scripts.troubles
  }

  get isAlive(): boolean {
    return this.runner !== null
  }

  get generation(): number {
    return this.#generation
  }

  /** Every service interface has its carrier. */
  get carries(): boolean {
    return this.#host.around.carriers[this.index]?.every(Boolean) !== false
  }

  boot(): void {
    if (this.runner !== null || this.isKeptOff || this.isSuspended) return
    this.isPowered = true
    this.isFrozen = false
    this.#life += 1
    this.#generation += 1
    this.scripts.endLeftBehind()
    this.settings = this.#template.settings(this.#generation, { peerGeneration: this.#peerGeneration, peerSequence: this.#peerSequence, held: this.#held })
    const life = this.#life
    const schedule = (delay: Millis, callback: () => void): Scheduled => this.#schedule(life, delay, callback)
    const clock = { monotonic: () => this.#now(), wall: () => this.#clock.wall(), schedule }
    const observer = this.#host.observe?.(this) ?? null
    this.runner = new ClusterRunner({
      ...(observer === null ? {} : { observer }),
      clock,
      settings: this.settings,
      perform: effect => this.#perform(effect),
      causeOfStall: () => null,
      yieldOnce: callback => {
        schedule(millis(0), callback)
      }
    })
    this.#edges = new Edges(this.#host.around, this.settings, {
      index: this.index,
      generation: this.#generation,
      now: () => this.#now(),
      schedule,
      whenRunning: callback => this.#unlessFrozen(life, callback),
      post: event => {
        if (event.kind === 'fenced' && event.outcome.kind === 'fenced') this.fencedLife = this.runner?.state.peer.generation ?? null
        this.runner?.post(event)
      }
    })
    this.fencedLife = null
    this.#host.story(`${this.name} starts, generation ${this.#generation}`)
    this.runner.begin()
    this.#edges.open()
  }

  /** The daemon alone dies; resources stay as they are, until the guard sees to them. */
  kill(): void {
    this.#host.story(`${this.name} daemon killed`)
    this.#endLife()
    this.#guard?.orphan()
  }

  powerOff(): void {
    this.#host.story(`${this.name} loses power`)
    this.#endLife()
    this.#guard?.off()
    this.isPowered = false
    this.isSuspended = false
    this.scripts.powerOff()
  }

  freeze(): void {
    if (this.runner === null || this.isFrozen) return
    this.#host.story(`${this.name} freezes`)
    this.isFrozen = true
    this.#frozenAt = this.#host.clock.monotonic()
    this.#guard?.watch()
  }

  suspend(): void {
    if (this.runner === null || this.isFrozen) return
    this.#host.story(`${this.name} is suspended`)
    this.isFrozen = true
    this.isSuspended = true
    this.#frozenAt = this.#host.clock.monotonic()
    this.#guard?.end()
    this.scripts.sleep()
  }

  /** What waited happens now: the timers first or the mail first, as the kernel likes. */
  thaw(schedulingMs = 0): void {
    if (!this.isFrozen) return
    if (this.isSuspended) {
      this.#host.story(`${this.name} wakes`)
      this.isSuspended = false
      this.wokeAt = this.#host.clock.monotonic()
      this.#guard?.slept(this.wokeAt - this.#frozenAt)
      this.scripts.wake()
      if (schedulingMs > 0) {
        const life = this.#life
        this.#host.clock.schedule(millis(schedulingMs), () => {
          if (life === this.#life) this.thaw()
        })
        return
      }
    }
    this.#host.story(`${this.name} thaws`)
    this.isFrozen = false
    this.#guard?.end()
    const away = this.#host.clock.monotonic() - this.#frozenAt
    for (const request of this.requests.values()) request.askedAt += away
    const timers = this.#waiting.splice(0)
    const mail = this.#mail.splice(0)
    const isMailFirst = this.#template.prng.chance(1, 2)
    for (const callback of isMailFirst ? [...mail, ...timers] : [...timers, ...mail]) callback()
  }

  receive(link: number, heard: Heard): void {
    if (this.runner === null) return
    if (!this.isFrozen) return this.runner.post({ kind: 'heard', now: this.#now(), link, heard })
    const life = this.#life
    // A socket's buffer is bounded: the oldest mail is lost first.
    if (this.#mail.length >= mailboxMax) this.#mail.shift()
    this.#mail.push(() => this.#unlessFrozen(life, () => this.receive(link, heard)))
  }

  /** The host answered that no daemon listens: the peer's kernel is told by ICMP. */
  onPortClosed(link: number): void {
    this.#unlessFrozen(this.#life, () => this.runner?.post({ kind: 'port-unreachable', now: this.#now(), link }))
  }

  /** Returns the request's number, or null when nobody could take it. */
  request(request: OperatorRequest): number | null {
    if (this.runner === null || this.isFrozen) return null
    this.#requestId += 1
    const id = this.#requestId
    if (request.kind !== 'cleanup') this.#host.story(`${this.name} is asked for ${request.kind}`)
    this.requests.set(id, { kind: request.kind, askedAt: this.#host.clock.monotonic() })
    this.runner.post({ kind: 'asked', now: this.#now(), id, request })
    return id
  }

  ask(request: { readonly kind: 'standby' | 'takeover'; readonly scope: { readonly kind: 'all' } }): void {
    if (request.kind === 'standby') this.request({ ...request, kind: 'standby', wait: true })
    else this.request({ ...request, kind: 'takeover', wait: true, force: false })
  }

  stop(): void {
    this.request({ kind: 'stop' })
  }

  cleanup(): void {
    this.request({ kind: 'cleanup', scope: { kind: 'all' } })
  }

  carrierChanged(group: number): void {
    this.#edges?.carrierChanged(group)
  }

  pingChanged(): void {
    this.#edges?.pingChanged()
  }

  #onHungry(): void {
    if (!this.isPowered) return
    this.#host.story(`${this.name}: the guard was not fed: takes the addresses off`)
    for (const group of this.truth.keys()) this.scripts.dropAddress(group)
    this.#host.onDrop(this)
    if (this.runner === null) return
    this.kill()
    const life = this.#life
    this.#host.clock.schedule(millis(guardRestartsAfterMs), () => {
      if (life === this.#life && this.isPowered) this.boot()
    })
  }

  #endLife(): void {
    this.runner?.stop()
    this.runner = null
    this.endedAt = this.#host.clock.monotonic()
    this.#edges = null
    this.isFrozen = false
    this.#life += 1
    this.#waiting.length = 0
    this.#mail.length = 0
    this.requests.clear()
  }

  #now(): Instant {
    return this.#clock.monotonic()
  }

  #schedule(life: number, delay: Millis, callback: () => void): Scheduled {
    if (!Number.isFinite(delay)) this.#host.broken(`${this.name} waits ${delay} ms`)
    let isCancelled = false
    const scheduled = this.#clock.schedule(delay, () =>
      this.#unlessFrozen(life, () => {
        if (!isCancelled) callback()
      })
    )
    return {
      cancel: () => {
        isCancelled = true
        scheduled.cancel()
      }
    }
  }

  /** What belongs to a past life is dropped; what comes to a frozen node waits. */
  #unlessFrozen(life: number, callback: () => void): void {
    if (life !== this.#life) return
    if (this.isFrozen) this.#waiting.push(callback)
    else callback()
  }

  #perform(effect: ClusterEffect): void {
    switch (effect.kind) {
      case 'send-status':
        return this.#sendStatus(effect)
      case 'send-fields': {
        const heard = readHeard(withSender(this.#sender(), effect.fields, { sequence: effect.sequence, surroundings: { wallS: 1, load: '0' } }))
        if (heard !== null) this.#host.transmit(this, heard)
        return
      }
      case 'operate': {
        const life = this.#life
        const { group, attempt } = effect
        if (effect.operation === 'start') this.#host.onStart(this, group)
        return this.scripts.operate(effect, outcome => this.#unlessFrozen(life, () => this.runner?.post({ kind: 'operated', now: this.#now(), group, attempt, outcome })))
      }
      case 'cancel':
        return this.scripts.cancel(effect.group, effect.attempt)
      case 'drop-addresses':
        for (const group of effect.groups) this.scripts.dropAddress(group)
        return this.#host.onDrop(this)
      case 'remember':
        this.#peerGeneration = effect.peerGeneration
        this.#peerSequence = effect.peerSequence
        this.#held = new Map(effect.held.map(one => [one.id, one.epoch]))
        return
      case 'note':
        return this.#host.story(`${this.name}: ${effect.text}`)
      case 'fence':
        return this.#edges?.fence(effect)
      case 'poison':
        return this.#edges?.poison(effect.generation)
      case 'arbiter-want':
        return this.#edges?.want(effect.groups)
      case 'answer':
        if (!this.requests.delete(effect.id)) this.#host.broken(`${this.name} answers request ${effect.id} twice, or one that nobody made`)
        this.answers.push({ id: effect.id, ok: effect.ok, text: effect.text })
        return
      case 'exit':
        this.#host.story(`${this.name} ends ${effect.isClean ? 'clean' : 'with something blocked'}`)
        for (const [id, request] of this.requests) this.#host.broken(`${this.name} ends without answering request ${id} (${request.kind})`)
        this.#edges?.close()
        this.#guard?.off()
        return this.#endLife()
      case 'announce':
      case 'resend':
      case 'progress':
        return
    }
  }

  #sendStatus(effect: ClusterEffect & { kind: 'send-status' }): void {
    this.#guard?.feed(effect.quietMs)
    const status = { sequence: effect.sequence, status: effect.status, deadtimeMs: this.settings.timing.deadtimeMs, view: effect.view }
    // Most datagrams go without being written and read, which is what half of the time would be spent on.
    const isWritten = effect.sequence % writtenOf === 1
    const heard = isWritten ? readHeard(statusMessage(this.#sender(), status, { wallS: 1_700_000_000, load: '0' })) : this.#heardOf(effect)
    if (heard === null) return this.#host.broken(`${this.name} sends what nobody can read`)
    this.#host.transmit(this, heard)
    this.#edges?.show(heard, { holdMs: effect.view.health.holdMs, isUrgent: effect.isNews })
  }

  #heardOf(effect: ClusterEffect & { kind: 'send-status' }): Heard {
    const { view } = effect
    const health = { ...view.health, holdMs: Math.round(view.health.holdMs) }
    return {
      type: 'status',
      source: this.name,
      uuid: uuidText,
      generation: this.#generation,
      sequence: effect.sequence,
      destination: null,
      statusText: effect.status,
      deadtimeMs: this.settings.timing.deadtimeMs,
      view: { ...view, health },
      message: noMessage
    }
  }

  #sender(): { readonly name: string; readonly uuid: Uint8Array; readonly generation: number; readonly ttl: number } {
    return { name: this.name, uuid, generation: this.#generation, ttl: 3 }
  }

  /** When the core wants to be called next, as it says now; for the rule that no wait is without end. */
  nextDeadlineIn(): number | null {
    return this.runner === null ? null : nextDeadline(this.runner.state, this.settings) - this.#now()
  }
}
