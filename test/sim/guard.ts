/**
 * The guard, simulated: a process beside the daemon that is fed with every status sent, and takes the addresses off the
 * host when it was fed nothing for its time. It sleeps when the whole host does, and counts only the time in which it ran;
 * at the daemon's end it looks at the clock on the wall.
 */

import { millis, type Millis } from '../../src/base/units.js'
import type { Scheduled } from '../../src/port/clock.js'
import type { SafetySettings } from '../../src/safety/types.js'
import type { VirtualClock } from './virtual-clock.js'

/** Before the peer may take anything: its patience, and two thirds of what a lease or an arbiter's key gives. */
export function guardTime(safety: SafetySettings, deadtimeMs: Millis): number {
  const ofKeyMs = safety.arbiter === null ? Number.POSITIVE_INFINITY : (safety.arbiter.ttlMs * 2) / 3
  const ofLeaseMs = safety.lease === null ? Number.POSITIVE_INFINITY : (safety.lease.leaseMs * 2) / 3
  return Math.min(deadtimeMs, ofKeyMs, ofLeaseMs)
}

export class SimGuard {
  readonly #clock: VirtualClock
  readonly #mostMs: number
  readonly #onHungry: () => void
  #dueAt = Number.POSITIVE_INFINITY
  /** By the clock on the wall, which goes on while the host sleeps. */
  #fedAt = Number.POSITIVE_INFINITY
  #watching: Scheduled | null = null

  constructor(clock: VirtualClock, mostMs: number, onHungry: () => void) {
    this.#clock = clock
    this.#mostMs = mostMs
    this.#onHungry = onHungry
  }

  /** The daemon lives; its silence is no hang for `quietMs`. */
  feed(quietMs: number): void {
    this.#fedAt = this.#clock.monotonic()
    this.#dueAt = this.#fedAt + Math.max(this.#mostMs, quietMs)
  }

  /** The daemon is gone: its next life must feed in time, and a hold does not count. */
  orphan(): void {
    this.#dueAt = Math.min(this.#dueAt, this.#fedAt + this.#mostMs)
    this.watch()
  }

  /** Nobody feeds any more. Only now a timer is needed: a daemon that runs feeds in time. */
  watch(): void {
    this.#watching?.cancel()
    if (this.#dueAt === Number.POSITIVE_INFINITY) return
    this.#watching = this.#clock.schedule(millis(Math.max(0, this.#dueAt - this.#clock.monotonic())), () => {
      if (this.#clock.monotonic() < this.#dueAt) return
      this.off()
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
    this.#fedAt = Number.POSITIVE_INFINITY
  }
}
