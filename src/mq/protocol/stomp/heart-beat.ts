/**
 * Heart-beats: whether the client still lives, and when to let it hear that we do.
 *
 * Each side says what it can do and what it wants; the interval in one direction is the larger of the sender's promise
 * and the receiver's wish, none when either is 0. A client that was not heard for two of its intervals is suspect; since
 * we may have been held up ourselves, it is given up when the silence lasts while we look once more.
 */

import { after, elapsed, millis } from '../../../base/units.js'
import type { Instant } from '../../../base/units.js'
import { countOf } from './frame.js'

/** What we promise and wish at most: one each second. */
const ownMs = 1_000
const intervalMsMax = 24 * 3_600_000
const graceMs = millis(1_000)

export interface Beats {
  /** Milliseconds; 0 none. */
  readonly sendMs: number
  readonly receiveMs: number
}

/** The header of our CONNECTED. */
export const ownHeartBeat = `${ownMs},${ownMs}`

/** Null when the header is not two counts of milliseconds. Absent: no beats. */
export function agreedBeats(header: string | undefined): Beats | null {
  if (header === undefined) return { sendMs: 0, receiveMs: 0 }
  const comma = header.indexOf(',')
  const promised = countOf(header.slice(0, comma).trim())
  const wanted = countOf(header.slice(comma + 1).trim())
  if (comma === -1 || promised === -1 || wanted === -1) return null
  const agreed = (ms: number): number => (ms === 0 ? 0 : Math.min(intervalMsMax, Math.max(ms, ownMs)))
  return { sendMs: agreed(wanted), receiveMs: agreed(promised) }
}

export class HeartBeat {
  readonly #receiveMs: number
  /** How often we look: twice and a half in each interval, so that one is never missed. */
  readonly #lookMs: number
  #heardAt: Instant
  #suspectAt: Instant | null = null
  #lookAt: Instant
  #hasSaid = true

  constructor(beats: Beats, now: Instant) {
    this.#receiveMs = beats.receiveMs
    this.#lookMs = Math.floor(beats.sendMs * 0.4)
    this.#heardAt = now
    this.#lookAt = after(now, millis(this.#lookMs))
  }

  onHeard(now: Instant): void {
    this.#heardAt = now
    this.#suspectAt = null
  }

  /** Anything we say is as good as a beat. */
  onSaid(): void {
    this.#hasSaid = true
  }

  silentMs(now: Instant): number {
    return elapsed(this.#heardAt, now)
  }

  /** True when the client is to be given up. While we do not read, it cannot be heard: do not ask then. */
  isGone(now: Instant): boolean {
    if (this.#receiveMs === 0 || this.silentMs(now) < this.#receiveMs * 2) return false
    this.#suspectAt ??= now
    return elapsed(this.#suspectAt, now) >= graceMs
  }

  /** True when nothing was said since we looked last. */
  isBeatDue(now: Instant): boolean {
    if (this.#lookMs === 0 || elapsed(this.#lookAt, now) < 0) return false
    this.#lookAt = after(now, millis(this.#lookMs))
    const isDue = !this.#hasSaid
    this.#hasSaid = false
    return isDue
  }

  /** When to look again; null when there are no beats. */
  nextAt(): Instant | null {
    const silentAt = this.#receiveMs === 0 ? null : this.#suspectAt === null ? after(this.#heardAt, millis(this.#receiveMs * 2)) : after(this.#suspectAt, graceMs)
    if (this.#lookMs === 0) return silentAt
    return silentAt === null || this.#lookAt < silentAt ? this.#lookAt : silentAt
  }
}
