/**
 * Decides whether a node that is alone may go on holding what it holds.
 *
 * Alone means: nothing proves that the other node knows us alive. Then the other may be taking over by the very means that
 * are configured, and each of them is a right that we must still hold: a lease renewed in time, the arbiter's lease and
 * key, a ping node that answers. Taking over needs one proof; holding alone needs every right. So no two nodes hold.
 *
 * Source: design section 4, rule 2; reference "fencing and leases", section 5.
 */

import { after, millis, type Instant } from '../base/units.js'
import { guardOf, leaseUntil } from './lease.js'
import type { SafetySettings, SafetyState } from './types.js'

export interface RightsContext {
  readonly now: Instant
  readonly startedAt: Instant
  /** The end of a hold that the other node can read on the disk; null without one. */
  readonly heldUntil: Instant | null
}

/**
 * A right that was never proven in this life is not called lapsed before the edge had this share of its time to prove it.
 * What an earlier life held may have run for most of its time already, so the share is small.
 */
const graceOf = 0.2

/** Why this node may not go on alone with any group, as a sentence part; null while every right holds. */
export function lapsedRight(safety: SafetyState, settings: SafetySettings, context: RightsContext): string | null {
  return lapsedRenewal(safety, settings, context) ?? lapsedQuorum(safety, settings, context)
}

/** After this share of its time a right that is not renewed counts as in danger. */
const dangerOf = 0.75

/**
 * A right that is not renewed as it should be; told to the other node early, so that of two nodes that lose the same thing
 * at once the standby is known to be no better before the owner looks for somebody. Ping nodes are compared elsewhere.
 */
export function isInDanger(safety: SafetyState, settings: SafetySettings, context: RightsContext): boolean {
  const ends: readonly [Instant | null, Instant | null][] = [
    [settings.lease === null ? null : safety.lease.renewedFrom, settings.lease === null ? null : leaseUntil(safety.lease, settings.lease, context.heldUntil)],
    [settings.arbiter === null ? null : (safety.arbiter?.renewedFrom ?? null), settings.arbiter === null ? null : arbiterUntil(safety, settings, context)]
  ]
  if (ends.some(([from, until]) => from !== null && until !== null && context.now >= from + (until - from) * dangerOf)) return true
  return lapsedRenewal(safety, settings, context) !== null
}

/** Why a right that must be renewed has lapsed, or null. */
export const lapsedRenewal = (safety: SafetyState, settings: SafetySettings, context: RightsContext): string | null =>
  lapsedLease(safety, settings, context) ?? lapsedArbiter(safety, settings, context)

function lapsedLease(safety: SafetyState, settings: SafetySettings, context: RightsContext): string | null {
  if (settings.lease === null) return null
  const until = leaseUntil(safety.lease, settings.lease, context.heldUntil) ?? after(context.startedAt, millis(settings.lease.leaseMs * graceOf))
  if (context.now < until) return null
  const why = safety.lease.writeTrouble === null ? '' : ` (${safety.lease.writeTrouble})`
  return `its lease on the disk was not renewed in time${why}`
}

/** Why the lease at the arbiter has lapsed, or null. */
export function lapsedArbiter(safety: SafetyState, settings: SafetySettings, context: RightsContext): string | null {
  if (settings.arbiter === null) return null
  if (context.now < arbiterUntil(safety, settings, context)) return null
  const why = safety.arbiter?.trouble ?? null
  return `its lease at the arbiter was not renewed in time${why === null ? '' : ` (${why})`}`
}

function arbiterUntil(safety: SafetyState, settings: SafetySettings, context: RightsContext): Instant {
  const ttlMs = settings.arbiter?.ttlMs ?? millis(0)
  const from = safety.arbiter?.renewedFrom ?? null
  if (from !== null) return after(from, millis(ttlMs - guardOf(ttlMs)))
  return safety.arbiter === null ? after(context.startedAt, millis(ttlMs * graceOf)) : context.startedAt
}

function lapsedQuorum(safety: SafetyState, settings: SafetySettings, context: RightsContext): string | null {
  if (settings.quorum === null) return null
  const { connectivity } = safety
  if (connectivity === null) {
    const until = after(context.startedAt, millis(2 * settings.quorum.deadpingMs))
    return context.now < until ? null : 'no ping node was reached since its start'
  }
  return connectivity.reached > 0 ? null : `it reaches no ping node (${connectivity.silent.join(', ')})`
}

/** Why this node may not hold this group alone, although its rights in general hold; null when it may. */
export function lapsedKey(safety: SafetyState, settings: SafetySettings, groupId: string, context: RightsContext): string | null {
  if (settings.arbiter === null || safety.arbiter === null) return null
  if (safety.arbiter.ours.includes(groupId)) return null
  // An adopted group's key must first be fetched; the grace is the one of a lease never renewed.
  if (context.now < after(context.startedAt, millis(settings.arbiter.ttlMs * graceOf))) return null
  return 'the arbiter does not keep its key for this node'
}

/** The next moment at which a right lapses unless it is renewed; null when none can. */
export function rightsDeadline(safety: SafetyState, settings: SafetySettings, context: RightsContext): Instant | null {
  const ends: Instant[] = []
  if (settings.lease !== null) ends.push(leaseUntil(safety.lease, settings.lease, context.heldUntil) ?? after(context.startedAt, millis(settings.lease.leaseMs * graceOf)))
  if (settings.arbiter !== null) ends.push(arbiterUntil(safety, settings, context))
  const future = ends.filter(end => end > context.now)
  return future.length === 0 ? null : (Math.min(...future) as Instant)
}
