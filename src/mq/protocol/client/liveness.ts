/**
 * Whether the client still lives, and when to tell it that we do.
 *
 * Both sides send a heartbeat in each interval, busy or not, which is cheaper than knowing whether one is needed. Two
 * silent intervals make a client suspect; since we may have been held up ourselves, it is given up only when the silence
 * lasts while we look once more.
 */

import { after, elapsed, millis } from '../../../base/units.js'
import type { Instant } from '../../../base/units.js'

const graceMs = millis(1_000)
const heartbeatMsMin = 200
const heartbeatMsMax = 300_000

/** The smaller of what both want; 0 stands for "no wish". */
export function agreedHeartbeat(asked: number, channel: number): number {
  const wishes = [asked, channel].filter(wish => wish > 0)
  return wishes.length === 0 ? heartbeatMsMax : Math.max(heartbeatMsMin, Math.min(heartbeatMsMax, ...wishes))
}

export class Liveness {
  readonly heartbeatMs: number
  #heardAt: Instant
  #saidAt: Instant
  /** When the silence was noticed; null while the client is heard. */
  #suspectAt: Instant | null = null

  constructor(heartbeatMs: number, now: Instant) {
    this.heartbeatMs = heartbeatMs
    this.#heardAt = this.#saidAt = now
  }

  onHeard(now: Instant): void {
    this.#heardAt = now
    this.#suspectAt = null
  }

  silentMs(now: Instant): number {
    return elapsed(this.#heardAt, now)
  }

  /** True when the client is to be given up. */
  isGone(now: Instant): boolean {
    if (this.silentMs(now) < this.heartbeatMs * 2) return false
    this.#suspectAt ??= now
    return elapsed(this.#suspectAt, now) >= graceMs
  }

  /** True once in each interval. */
  isBeatDue(now: Instant): boolean {
    if (elapsed(this.#saidAt, now) < this.heartbeatMs) return false
    this.#saidAt = now
    return true
  }

  /** When to look again. */
  nextAt(now: Instant): Instant {
    const beatAt = after(this.#saidAt, millis(this.heartbeatMs))
    const silentAt = this.#suspectAt === null ? after(this.#heardAt, millis(this.heartbeatMs * 2)) : after(this.#suspectAt, graceMs)
    return Math.max(Math.min(beatAt, silentAt), after(now, millis(1))) as Instant
  }
}
