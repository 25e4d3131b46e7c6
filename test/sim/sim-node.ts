/**
 * One simulated node: the production core and runner over a simulated network, simulated scripts, and resources whose
 * true state outlives the daemon. What the daemon believes and what really runs are two things here, as in life.
 *
 * Fault model. A power loss stops everything and forgets what was not forced. A kill ends the daemon only. A freeze stops
 * the daemon (its timers and its mail wait) while scripts go on. Scripts may be slow, fail, or hang until their limit;
 * a started resource counts as running from the moment its start begins, a stopped one only when its stop has ended.
 */

import { millis, type Instant, type Millis } from '../../src/base/units.js'
import type { Prng } from '../../src/base/prng.js'
import type { ClusterEffect, ClusterSettings } from '../../src/cluster/types.js'
import { ClusterRunner, type StepObserver } from '../../src/daemon/cluster-runner.js'
import type { Clock, Scheduled } from '../../src/port/clock.js'
import type { OperationOutcome } from '../../src/resource/group-machine.js'
import { readHeard, statusMessage, withSender, type Heard } from '../../src/wire/status.js'
import type { Message } from '../../src/wire/message.js'
import type { VirtualClock } from './virtual-clock.js'

export interface NodeHost {
  readonly clock: VirtualClock
  readonly prng: Prng
  transmit(from: SimNode, message: Message): void
  story(line: string): void
  onStart(node: SimNode, group: number): void
  /** Watches a life that begins; null for none. */
  observe?(node: SimNode): StepObserver | null
}

export interface NodeTemplate {
  readonly name: string
  settings(generation: number, remembered: { readonly peerGeneration: number | null; readonly peerSequence: number; readonly held: ReadonlyMap<string, number> }): ClusterSettings
}

/** How this node's scripts misbehave now; per group, and ended by the heal. */
export interface Troubles {
  readonly startFails: boolean
  readonly startHangs: boolean
  readonly stopFails: boolean
}

const noTroubles: Troubles = { startFails: false, startHangs: false, stopFails: false }
const mailboxMax = 256

export class SimNode {
  readonly name: string
  readonly #host: NodeHost
  readonly #template: NodeTemplate
  /** What really runs: per group, per resource. */
  readonly truth: boolean[][]
  readonly troubles: Troubles[]
  isPowered = false
  isFrozen = false
  runner: ClusterRunner | null = null
  settings: ClusterSettings
  #generation = 0
  #peerGeneration: number | null = null
  #peerSequence = 0
  #held = new Map<string, number>()
  /** Grows with each life, so that what an earlier one scheduled is dropped. */
  #life = 0
  readonly #waiting: (() => void)[] = []
  readonly #cancels = new Map<string, () => void>()

  constructor(host: NodeHost, template: NodeTemplate) {
    this.#host = host
    this.#template = template
    this.name = template.name
    this.settings = template.settings(0, { peerGeneration: null, peerSequence: 0, held: new Map() })
    this.truth = this.settings.groups.map(group => group.resources.map(() => false))
    this.troubles = this.settings.groups.map(() => noTroubles)
  }

  get isAlive(): boolean {
    return this.runner !== null
  }

  boot(): void {
    if (this.runner !== null) return
    this.isPowered = true
    this.isFrozen = false
    this.#life += 1
    this.#generation += 1
    this.settings = this.#template.settings(this.#generation, { peerGeneration: this.#peerGeneration, peerSequence: this.#peerSequence, held: this.#held })
    const life = this.#life
    const clock: Clock = {
      monotonic: () => this.#host.clock.monotonic(),
      wall: () => this.#host.clock.wall(),
      schedule: (delay, callback) => this.#schedule(life, delay, callback)
    }
    const observer = this.#host.observe?.(this) ?? null
    this.runner = new ClusterRunner({
      ...(observer === null ? {} : { observer }),
      clock,
      settings: this.settings,
      perform: effect => this.#perform(effect),
      causeOfStall: () => null,
      yieldOnce: callback => {
        this.#schedule(life, millis(0), callback)
      }
    })
    this.#host.story(`${this.name} starts, generation ${this.#generation}`)
    this.runner.begin()
  }

  /** The daemon alone dies; resources stay as they are. */
  kill(): void {
    this.#host.story(`${this.name} daemon killed`)
    this.#endLife()
  }

  powerOff(): void {
    this.#host.story(`${this.name} loses power`)
    this.#endLife()
    this.isPowered = false
    for (const group of this.truth) group.fill(false)
  }

  freeze(): void {
    this.#host.story(`${this.name} freezes`)
    this.isFrozen = true
  }

  /** What waited happens now: the timer first or the mail first, as the kernel likes. */
  thaw(): void {
    if (!this.isFrozen) return
    this.#host.story(`${this.name} thaws`)
    this.isFrozen = false
    const waiting = this.#waiting.splice(0)
    if (this.#host.prng.chance(1, 2)) waiting.reverse()
    for (const callback of waiting) callback()
  }

  receive(link: number, message: Message): void {
    const deliver = (): void => {
      const heard: Heard | null = readHeard(message)
      if (heard !== null) this.runner?.post({ kind: 'heard', now: this.#now(), link, heard })
    }
    this.#unlessFrozen(this.#life, deliver)
  }

  ask(request: { readonly kind: 'standby' | 'takeover'; readonly scope: { readonly kind: 'all' } }): void {
    if (this.runner === null || this.isFrozen) return
    this.#host.story(`${this.name} is asked for ${request.kind}`)
    const full = request.kind === 'standby' ? { ...request, kind: 'standby' as const, wait: true } : { ...request, kind: 'takeover' as const, wait: true, force: false }
    this.runner.post({ kind: 'asked', now: this.#now(), id: 1, request: full })
  }

  stop(): void {
    if (this.runner === null || this.isFrozen) return
    this.#host.story(`${this.name} is stopped in order`)
    this.runner.post({ kind: 'asked', now: this.#now(), id: 1, request: { kind: 'stop' } })
  }

  cleanup(): void {
    if (this.runner === null || this.isFrozen) return
    this.runner.post({ kind: 'asked', now: this.#now(), id: 1, request: { kind: 'cleanup', scope: { kind: 'all' } } })
  }

  #endLife(): void {
    this.runner?.stop()
    this.runner = null
    this.isFrozen = false
    this.#life += 1
    this.#waiting.length = 0
    this.#cancels.clear()
  }

  #now(): Instant {
    return this.#host.clock.monotonic()
  }

  #schedule(life: number, delay: Millis, callback: () => void): Scheduled {
    let isCancelled = false
    const scheduled = this.#host.clock.schedule(delay, () =>
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

  /** What belongs to a past life is dropped; what comes to a frozen node waits, the oldest mail being lost first. */
  #unlessFrozen(life: number, callback: () => void): void {
    if (life !== this.#life) return
    if (!this.isFrozen) return callback()
    if (this.#waiting.length >= mailboxMax) this.#waiting.splice(1, 1)
    this.#waiting.push(callback)
  }

  #perform(effect: ClusterEffect): void {
    switch (effect.kind) {
      case 'send-status': {
        const sender = { name: this.name, uuid: new Uint8Array(16), generation: this.#generation, ttl: 3 }
        const status = { sequence: effect.sequence, status: effect.status, deadtimeMs: this.settings.timing.deadtimeMs, view: effect.view }
        return this.#host.transmit(this, statusMessage(sender, status, { wallS: 1_700_000_000, load: '0' }))
      }
      case 'send-fields': {
        const sender = { name: this.name, uuid: new Uint8Array(16), generation: this.#generation, ttl: 3 }
        return this.#host.transmit(this, withSender(sender, effect.fields, { sequence: effect.sequence, surroundings: { wallS: 1, load: '0' } }))
      }
      case 'operate':
        return this.#operate(effect)
      case 'cancel':
        return this.#cancels.get(`${effect.group}/${effect.attempt}`)?.()
      case 'drop-addresses':
        for (const group of effect.groups) {
          const resources = this.truth[group]
          if (resources !== undefined) resources[0] = false // the first resource of every simulated group is its address
        }
        return
      case 'remember':
        this.#peerGeneration = effect.peerGeneration
        this.#peerSequence = effect.peerSequence
        this.#held = new Map(effect.held.map(one => [one.id, one.epoch]))
        return
      case 'note':
        return this.#host.story(`${this.name}: ${effect.text}`)
      case 'exit':
        this.#host.story(`${this.name} ends ${effect.isClean ? 'clean' : 'with something blocked'}`)
        return this.#endLife()
      case 'fence':
      case 'poison':
      case 'arbiter-want':
      case 'compare':
      case 'announce':
      case 'resend':
      case 'progress':
      case 'answer':
        return
    }
  }

  #operate(effect: ClusterEffect & { kind: 'operate' }): void {
    const { prng } = this.#host
    const life = this.#life
    const resources = this.truth[effect.group] ?? []
    const trouble = this.troubles[effect.group] ?? noTroubles
    const post = (kind: OperationOutcome['kind'], exitCode: number | null): void => {
      this.#cancels.delete(`${effect.group}/${effect.attempt}`)
      const outcome: OperationOutcome = { kind, exitCode, signal: null, said: [] }
      this.#unlessFrozen(life, () => this.runner?.post({ kind: 'operated', now: this.#now(), group: effect.group, attempt: effect.attempt, outcome }))
    }
    let isOver = false
    const end = (delay: number, kind: OperationOutcome['kind'], exitCode: number | null, truth: boolean | null): Scheduled =>
      this.#host.clock.schedule(millis(delay), () => {
        if (isOver || !this.isPowered) return
        isOver = true
        if (truth !== null) resources[effect.index] = truth // a script goes on even when its daemon was killed
        if (life === this.#life) post(kind, exitCode)
      })
    this.#cancels.set(`${effect.group}/${effect.attempt}`, () => {
      if (isOver) return
      isOver = true
      this.#host.clock.schedule(millis(prng.between(1, 20)), () => {
        if (life === this.#life) post('cancelled', null)
      })
    })
    const slow = prng.between(2, 60)
    if (effect.operation === 'status') {
      this.#host.clock.schedule(millis(prng.between(2, 15)), () => {
        if (isOver || life !== this.#life) return
        isOver = true
        const isRunning = resources[effect.index] === true
        post(isRunning ? 'running' : 'stopped', isRunning ? 0 : 3)
      })
      return
    }
    if (effect.operation === 'start') {
      this.#host.onStart(this, effect.group)
      if (trouble.startHangs) {
        resources[effect.index] = true
        end(effect.timeoutMs, 'timed-out', null, null)
      } else if (trouble.startFails) end(slow, 'failed', 1, false)
      else {
        resources[effect.index] = true
        end(slow, 'ok', 0, true)
      }
      return
    }
    if (trouble.stopFails) end(slow, 'failed', 1, null)
    else end(slow, 'ok', 0, false)
  }
}
