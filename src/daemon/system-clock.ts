/**
 * The real clock: the one place, beside the simulator's virtual clock, that reads the time and arms timers.
 */

import { readFileSync } from 'node:fs'
import type { Clock, Scheduled } from '../port/clock.js'
import { instant } from '../base/units.js'
import type { Millis } from '../base/units.js'

/** setTimeout takes at most 2^31-1 ms and fires at once for more; waiting that long is the same as waiting longer. */
const delayMsMax = 2 ** 31 - 1
/**
 * The event loop counts whole milliseconds of its own, so a timer may fire up to one too early: a deadline that is found
 * not to have come yet costs a whole awakening, for nothing.
 */
const timerErrorMs = 1

/** A difference between two clocks that is no jitter of reading them. */
const jumpMs = 100

/**
 * The monotonic clock with the time added in which the machine slept: CLOCK_MONOTONIC, which Node reads, stands still
 * while a machine is suspended, and a lease on a disk does not. Every reading compares it with the time of day, which goes
 * on; only when the two disagree is the kernel's uptime asked, which counts sleep and is not moved when somebody sets the time.
 */
export class BootClock {
  readonly #read: { monotonic(): number; wall(): number; uptimeMs(): number | null }
  #wallOffset: number
  /** Uptime less monotonic time at the beginning; null where there is no uptime. */
  readonly #awake: number | null
  #sleptMs = 0

  constructor(read: { monotonic(): number; wall(): number; uptimeMs(): number | null }) {
    this.#read = read
    const monotonic = read.monotonic()
    const uptimeMs = read.uptimeMs()
    this.#wallOffset = read.wall() - monotonic
    this.#awake = uptimeMs === null ? null : uptimeMs - monotonic
  }

  now(): number {
    const monotonic = this.#read.monotonic()
    const wallOffset = this.#read.wall() - monotonic
    if (Math.abs(wallOffset - this.#wallOffset) > jumpMs) {
      this.#wallOffset = wallOffset
      const uptimeMs = this.#read.uptimeMs()
      if (uptimeMs !== null && this.#awake !== null) {
        const sleptMs = uptimeMs - monotonic - this.#awake
        if (sleptMs > this.#sleptMs + jumpMs / 2) this.#sleptMs = sleptMs
      }
    }
    return monotonic + this.#sleptMs
  }
}

const bootClock = new BootClock({ monotonic: () => performance.now(), wall: () => Date.now(), uptimeMs })

/** /proc/uptime counts CLOCK_BOOTTIME in hundredths of a second; null on a system without it. */
function uptimeMs(): number | null {
  try {
    const seconds = Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0])
    return Number.isFinite(seconds) ? seconds * 1_000 : null
  } catch {
    return null // no /proc: sleep is not noticed, as on every system without this clock
  }
}

export const systemClock: Clock = {
  monotonic: () => instant(bootClock.now()),
  wall: () => Date.now(),
  schedule(delay: Millis, callback: () => void): Scheduled {
    const timer = setTimeout(callback, Math.min(Math.ceil(delay) + timerErrorMs, delayMsMax))
    return { cancel: () => clearTimeout(timer) }
  }
}
