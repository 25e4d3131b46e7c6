/**
 * The guard, simulated: a process beside the daemon that is fed with every status sent, and takes the addresses off the
 * host when it was fed nothing for its time. It sleeps when the whole host does, and counts only the time in which it ran.
 */

import { millis, type Millis } from '../../src/base/units.js'
import type { Scheduled } from '../../src/port/clock.js'
import type { SafetySettings } from '../../src/safety/types.js'
import type { VirtualClock } from './virtual-clock.js'

/** Before the peer may take anything: its patience, and two thirds of what a lease or an arbiter's key gives. */
export function guardTime(safety: SafetySettings, deadtimeMs: Millis): { readonly mostMs: number; readonly ofKeyMs: number } {
  const ofKeyMs = safety.arbiter === null ? Number.POSITIVE_INFINITY : (safety.arbiter.ttlMs * 2) / 3
  const ofLeaseMs = safety.lease === null ? Number.POSITIVE_INFINITY : (safety.lease.leaseMs * 2) / 3
  return { mostMs: Math.min(deadtimeMs, ofKeyMs, ofLeaseMs), ofKeyMs }
}

export class SimGuard {
  readonly #clock: VirtualClock
  readonly #time: { readonly mostMs: number; readonly ofKeyMs: number }
  readonly #onHungry: () => void
  #dueAt = Number.POSITIVE_INFINITY
  #watching: Scheduled | null = null

  constructor(clock: VirtualClock, time: { readonly mostMs: number; readonly ofKeyMs: number }, onHungry: () => void) {
    this.#clock = clock
    this.#time = time
    this.#onHungry = onHungry
  }

  /** The daemon lives; it may be silent for `holdMs`, which a key at the arbiter does not wait for. */
  feed(holdMs: number): void {
    this.#dueAt = this.#clock.monotonic() + Math.min(Math.max(this.#time.mostMs, holdMs), this.#time.ofKeyMs)
  }

  /** Nobody feeds any more. Only now a timer is needed: a daemon that runs feeds in time. */
  watch(): void {
    this.#watching?.cancel()
    if (this.#dueAt === Number.POSITIVE_INFINITY) return
    this.#watching = this.#clock.schedule(millis(Math.max(0, this.#dueAt - this.#clock.monotonic())), () => {
      if (this.#clock.monotonic() < this.#dueAt) return
      this.#dueAt = Number.POSITIVE_INFINITY
      this.#onHungry()
    })
  }

  /** The host slept for so long, the guard too. */
  slept(ms: number): void {
    if (this.#dueAt !== Number.POSITIVE_INFINITY) this.#dueAt += ms
  }

  /** The host sleeps, or is off. */
  end(): void {
    this.#watching?.cancel()
    this.#watching = null
  }

  off(): void {
    this.end()
    this.#dueAt = Number.POSITIVE_INFINITY
  }
}
