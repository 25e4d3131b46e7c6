/**
 * Decides when the silent peer is shot, and remembers what came of it.
 *
 * A duel in which one must survive: whoever holds more of the groups shoots at once, the other counts first. When the
 * peer really is dead, counting costs its moment; when only the wire is cut, the service stays where it is.
 *
 * Invariants
 *  1. One attempt at a time, each with a number of its own; an outcome of another attempt is ignored.
 *  2. The proof is void as soon as the peer is heard, and when this node stood still or lost a right: a victim that was reset
 *     may have come back meanwhile and have taken over in its turn.
 *  3. A failed attempt is repeated, at a pause, for as long as the peer is silent and something hangs on it.
 */

import { after, type Instant } from '../base/units.js'
import type { FencingOutcome } from '../port/fencing.js'
import type { FenceState, FencingSettings } from './types.js'

export interface FenceContext {
  readonly now: Instant
  readonly settings: FencingSettings
  /** The peer is silent and something of ours hangs on its being off. */
  readonly isNeeded: boolean
  /** This node shoots first. */
  readonly isFirst: boolean
  /** Attempts begun so far in this life. */
  readonly shots: number
}

export interface FenceStep {
  readonly fence: FenceState
  /** Shoot now, under this number. */
  readonly shoot: number | null
}

export function stepFence(fence: FenceState, context: FenceContext): FenceStep {
  const { now, settings, shots } = context
  if (!context.isNeeded) return { fence: fence.kind === 'waiting' || fence.kind === 'failed' ? { kind: 'idle' } : fence, shoot: null }
  switch (fence.kind) {
    case 'idle': {
      if (context.isFirst) return shooting(shots + 1, now)
      return { fence: { kind: 'waiting', until: after(now, settings.delayMs) }, shoot: null }
    }
    case 'waiting':
      return now >= fence.until ? shooting(shots + 1, now) : { fence, shoot: null }
    case 'failed':
      return now >= fence.retryAt ? shooting(shots + 1, now) : { fence, shoot: null }
    case 'shooting':
    case 'fenced':
      return { fence, shoot: null }
  }
}

const shooting = (attempt: number, now: Instant): FenceStep => ({ fence: { kind: 'shooting', attempt, since: now }, shoot: attempt })

/** Takes the outcome of an attempt. */
export function onFenced(fence: FenceState, attempt: number, outcome: FencingOutcome, context: { readonly now: Instant; readonly settings: FencingSettings }): FenceState {
  if (fence.kind !== 'shooting' || fence.attempt !== attempt) return fence
  const { now, settings } = context
  if (outcome.kind === 'fenced') return { kind: 'fenced', at: now, by: 'device', device: outcome.device }
  return { kind: 'failed', attempt, at: now, retryAt: after(now, settings.retryMs), said: outcome.said.join('; ') }
}

/** The next moment at which `stepFence` may do something by itself. */
export function fenceDeadline(fence: FenceState): Instant | null {
  return fence.kind === 'waiting' ? fence.until : fence.kind === 'failed' ? fence.retryAt : null
}
