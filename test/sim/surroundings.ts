/**
 * What stands around the two simulated nodes: the disk of the lease, the arbiter, the fencing device, ping nodes and the
 * carriers of service interfaces; and the edges of one life of a daemon to them, as daemon/safeguards.ts has them.
 */

import { millis, type Instant, type Millis } from '../../src/base/units.js'
import type { Prng } from '../../src/base/prng.js'
import type { ClusterEffect, ClusterEvent, ClusterSettings } from '../../src/cluster/types.js'
import type { FencingOutcome } from '../../src/port/fencing.js'
import type { SafetySettings } from '../../src/safety/types.js'
import type { Heard } from '../../src/wire/status.js'
import { SimArbiter, SimArbiterClient } from './arbiter.js'
import { SimDisk, SimLeaseEdge } from './lease-disk.js'
import { streamOf } from './plan.js'
import type { VirtualClock } from './virtual-clock.js'

export const leaseMs = 2_000
export const ttlMs = 3_000
export const deadpingMs = 500

export class Surroundings {
  readonly disk: SimDisk
  readonly arbiter: SimArbiter
  readonly device: SimFencing
  /** Whether each node reaches the ping node. */
  readonly reaches = [true, true]
  /** carriers[node][group] */
  readonly carriers: boolean[][]

  constructor(clock: VirtualClock, seed: number, host: { readonly groups: number; shoot(victim: 0 | 1): void }) {
    this.disk = new SimDisk(clock, streamOf(seed, 2))
    this.arbiter = new SimArbiter(clock, streamOf(seed, 3), ttlMs)
    this.device = new SimFencing(clock, streamOf(seed, 4), host)
    this.carriers = [0, 1].map(() => Array.from({ length: host.groups }, () => true))
  }
}

/**
 * A power switch. It never lies: it says `fenced` only when it turned the victim off and saw it off. It may fail (having
 * done its work or not), or hang until its time is over. The victim's power comes back after a while.
 */
export class SimFencing {
  readonly #clock: VirtualClock
  readonly #prng: Prng
  readonly #host: { shoot(victim: 0 | 1): void }
  isFailing = false
  isHanging = false
  slowestMs = 1_500

  constructor(clock: VirtualClock, prng: Prng, host: { shoot(victim: 0 | 1): void }) {
    this.#clock = clock
    this.#prng = prng
    this.#host = host
  }

  fence(victim: 0 | 1, timeoutMs: Millis, onEnd: (outcome: FencingOutcome) => void): void {
    const took = this.#prng.between(20, this.slowestMs)
    if (this.isHanging) {
      this.#clock.schedule(timeoutMs, () => onEnd({ kind: 'failed', said: ['sim: no answer in time'], durationMs: timeoutMs }))
      return
    }
    const isBad = this.isFailing
    this.#clock.schedule(millis((took * this.#prng.between(20, 99)) / 100), () => {
      if (!isBad || this.#prng.chance(1, 4)) this.#host.shoot(victim)
    })
    this.#clock.schedule(millis(took), () => onEnd(isBad ? { kind: 'failed', said: ['sim: exit 1'], durationMs: took } : { kind: 'fenced', device: 'sim', durationMs: took }))
  }
}

export interface EdgesHost {
  readonly index: 0 | 1
  readonly generation: number
  now(): Instant
  schedule(delay: Millis, callback: () => void): void
  whenRunning(callback: () => void): void
  post(event: ClusterEvent): void
}

/** How long an edge takes to notice that an interface lost its carrier, or has it again. */
const carrierNoticedMs = millis(15)
const pingAnswersMs = millis(150)

export class Edges {
  readonly #around: Surroundings
  readonly #safety: SafetySettings
  readonly #host: EdgesHost
  readonly #lease: SimLeaseEdge | null
  readonly #arbiter: SimArbiterClient | null
  #reachedTold: boolean | null = null

  constructor(around: Surroundings, settings: ClusterSettings, host: EdgesHost) {
    this.#around = around
    this.#safety = settings.safety
    this.#host = host
    const { lease, arbiter } = settings.safety
    const edge = { now: host.now, schedule: host.schedule, whenRunning: host.whenRunning }
    this.#lease =
      lease === null
        ? null
        : new SimLeaseEdge(around.disk, host.index, lease, {
            ...edge,
            onReport: report => host.post({ kind: 'lease', now: host.now(), report }),
            onHeard: heard => host.post({ kind: 'heard', now: host.now(), link: lease.link, heard })
          })
    this.#arbiter =
      arbiter === null
        ? null
        : new SimArbiterClient(around.arbiter, { node: host.index, generation: host.generation, ttlMs: arbiter.ttlMs }, { ...edge, onWord: word => host.post({ kind: 'arbiter', now: host.now(), word }) })
  }

  open(): void {
    this.#lease?.open()
    this.#arbiter?.open()
    if (this.#safety.quorum !== null) this.#host.schedule(pingAnswersMs, () => this.pingChanged())
    for (const group of this.#around.carriers[this.#host.index]?.keys() ?? []) this.carrierChanged(group)
  }

  show(heard: Heard, options: { readonly holdMs: number; readonly isUrgent: boolean }): void {
    this.#lease?.show(heard, options)
  }

  fence(effect: ClusterEffect & { kind: 'fence' }): void {
    const { host } = { host: this.#host }
    const victim = host.index === 0 ? 1 : 0
    this.#around.device.fence(victim, effect.timeoutMs, outcome =>
      host.whenRunning(() => host.post({ kind: 'fenced', now: host.now(), attempt: effect.attempt, outcome }))
    )
  }

  poison(generation: number): void {
    this.#lease?.poison({ generation, from: 'peer' })
  }

  want(groups: readonly string[]): void {
    this.#arbiter?.want(groups)
  }

  /** The daemon ends in order: keys are given back. */
  close(): void {
    this.#arbiter?.close()
  }

  carrierChanged(group: number): void {
    this.#host.schedule(carrierNoticedMs, () => {
      const carries = this.#around.carriers[this.#host.index]?.[group] !== false
      this.#host.post({ kind: 'carrier', now: this.#host.now(), group, trouble: carries ? null : 'eth9 has no carrier' })
    })
  }

  /** An answer is noticed at once, silence after its time. */
  pingChanged(): void {
    if (this.#safety.quorum === null) return
    const isReached = this.#around.reaches[this.#host.index] === true
    const tell = (): void => {
      const isNow = this.#around.reaches[this.#host.index] === true
      if (isNow !== isReached || isNow === this.#reachedTold) return
      this.#reachedTold = isNow
      this.#host.post({ kind: 'connectivity', now: this.#host.now(), reached: isNow ? 1 : 0, of: 1, silent: isNow ? [] : ['10.0.0.254'] })
    }
    if (isReached) this.#host.schedule(millis(20), tell)
    else this.#host.schedule(millis(deadpingMs), tell)
  }
}

