/**
 * Holds the edges that keep two nodes from owning one group: fencing devices, the lease area, the arbiter, ping nodes.
 * What they report goes to the cluster core as events; what the core decides comes here as effects.
 */

import { millis, type Millis } from '../base/units.js'
import type { ClusterEffect, ClusterEvent } from '../cluster/types.js'
import type { Arbiter } from '../port/arbiter.js'
import type { Clock } from '../port/clock.js'
import type { Connectivity } from '../port/connectivity.js'
import type { Fencing, FencingProof } from '../port/fencing.js'
import type { LeaseArea } from '../port/lease.js'
import type { Heard } from '../wire/status.js'
import type { SafeguardTexts } from './safety-report.js'
import { supervise } from './supervise.js'

/** Giving leases and keys back must not keep a stopping daemon waiting. */
const closeWithin = millis(1_500)

/** Devices, whether an operator's word can be given to one of them, and their tests by the calendar. */
export interface FencingParts {
  readonly devices: Fencing & { confirm(victim: string): boolean }
  test(onProof: (proof: FencingProof) => void): { stop(): void }
}

/** The area, and what its disk was measured to need. */
export interface MeasuredLease extends LeaseArea {
  status(): { readonly sentence: string }
}

export interface SafeguardParts {
  readonly fencing: FencingParts | null
  readonly lease: MeasuredLease | null
  readonly arbiter: Arbiter | null
  readonly connectivity: Connectivity | null
}

export interface SafeguardContext {
  readonly clock: Clock
  readonly nodeName: string
  readonly leaseMs: Millis
  /** Index of the link `disk`. */
  readonly diskLink: number
  post(event: ClusterEvent): void
  /** Verifies and reads what stands in the other node's sector; null when it is refused. */
  read(payload: Uint8Array): Heard | null
}

export class Safeguards {
  readonly #parts: SafeguardParts
  readonly #context: SafeguardContext
  readonly #ending = new AbortController()
  #tests: { stop(): void } | null = null
  #shooting: { readonly attempt: number; readonly abort: AbortController } | null = null

  constructor(parts: SafeguardParts, context: SafeguardContext) {
    this.#parts = parts
    this.#context = context
  }

  open(): void {
    const { clock, diskLink, post, read } = this.#context
    const { arbiter, connectivity, fencing, lease } = this.#parts
    this.#tests = fencing?.test(proof => post({ kind: 'fencing-tested', now: clock.monotonic(), proof })) ?? null
    lease?.open({
      onReport: report => post({ kind: 'lease', now: clock.monotonic(), report }),
      onDatagram: payload => {
        const heard = read(payload)
        if (heard !== null) post({ kind: 'heard', now: clock.monotonic(), link: diskLink, heard })
      }
    })
    arbiter?.open(word => post({ kind: 'arbiter', now: clock.monotonic(), word }))
    connectivity?.open(seen => post({ kind: 'connectivity', now: clock.monotonic(), ...seen }))
  }

  fence(effect: ClusterEffect & { kind: 'fence' }): void {
    const { clock, post } = this.#context
    const { fencing } = this.#parts
    if (fencing === null) return // the core shoots only with a device configured
    const shooting = new AbortController()
    this.#shooting = { attempt: effect.attempt, abort: shooting }
    const shot = fencing.devices.fence(effect.victim, { timeoutMs: effect.timeoutMs, signal: AbortSignal.any([shooting.signal, this.#ending.signal]) }).then(outcome => {
      post({ kind: 'fenced', now: clock.monotonic(), attempt: effect.attempt, outcome })
    })
    supervise(`fencing ${effect.victim}`, shot)
  }

  callOff(attempt: number): void {
    if (this.#shooting?.attempt === attempt) this.#shooting.abort.abort()
  }

  /** The operator's word, for a device that waits for nothing else (meatware). */
  confirm(victim: string): void {
    this.#parts.fencing?.devices.confirm(victim)
  }

  poison(generation: number): void {
    this.#parts.lease?.poison({ generation, from: this.#context.nodeName })
  }

  want(groups: readonly string[]): void {
    this.#parts.arbiter?.want(groups)
  }

  /** The newest signed status, for the disk. A hold promises more than the lease. */
  show(payload: Uint8Array, status: { readonly generation: number; readonly sequence: number; readonly holdMs: number; readonly isNews: boolean }): void {
    const promisedMs = Math.max(this.#context.leaseMs, status.holdMs)
    this.#parts.lease?.show(payload, { generation: status.generation, sequence: status.sequence, promisedMs, isUrgent: status.isNews })
  }

  texts(): SafeguardTexts {
    const { arbiter, connectivity, fencing, lease } = this.#parts
    return { fencing: fencing?.devices.description ?? null, lease: lease === null ? null : `${lease.description} (${lease.status().sentence})`, arbiter: arbiter?.description ?? null, quorum: connectivity?.description ?? null }
  }

  async close(): Promise<void> {
    this.#ending.abort()
    const { arbiter, connectivity, fencing, lease } = this.#parts
    connectivity?.close()
    this.#tests?.stop()
    fencing?.devices.close()
    const deadline = new Promise<void>(resolve => {
      this.#context.clock.schedule(closeWithin, resolve)
    })
    await Promise.race([Promise.all([arbiter?.close(), lease?.close()]), deadline])
  }
}
