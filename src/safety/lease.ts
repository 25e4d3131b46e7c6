/**
 * Reads the lease area's reports: how long our own lease lasts, and when the other's has run out.
 *
 * Two people share a parking place and a meter. I count my paid time from before I put the coin in; you count it from
 * after you read the meter. So I am always gone before you drive in, whatever the two walks to the meter took.
 *
 * Invariants
 *  1. The holder's lease is counted from before the write was issued, the taker's from after the read that first showed it.
 *  2. Both on monotonic clocks; the taker adds what two clocks may differ by, the holder stops a guard before the end.
 *  3. What was found at our start counts as unchanged since our first read, never as older.
 *
 * Source: the recipe of Chockler and Malkhi, and of sanlock's delta leases; reference "fencing and leases", section 5.
 */

import { after, instant, millis, type Instant, type Millis } from '../base/units.js'
import type { LeaseReport } from '../port/lease.js'
import type { LeaseSettings, LeaseState } from './types.js'

/** Two quartz clocks differ by less than a tenth of this; virtual machines by less than all of it. */
const driftOf = 1e-3
/** The taker's allowance for the granularity of timers. */
const marginMs = 50
/** Nothing was read for this many intervals: what the disk showed may long be untrue. */
const staleIntervals = 4

export function onLeaseReport(lease: LeaseState, report: LeaseReport, context: { readonly now: Instant; readonly settings: LeaseSettings | null }): LeaseState {
  const { now, settings } = context
  switch (report.kind) {
    case 'written':
      return {
        ...lease,
        renewedFrom: instant(Math.max(lease.renewedFrom ?? report.from, report.from)),
        visibleSince: isUnbroken(lease, settings, now) ? lease.visibleSince : now,
        writeTrouble: null
      }
    case 'trouble':
      return report.operation === 'read' ? { ...lease, readTrouble: report.reason } : { ...lease, writeTrouble: report.reason }
    case 'read': {
      const { peer } = report
      const { sight } = lease
      const isSame = lease.readAt !== null && peer?.generation === sight?.generation && peer?.sequence === sight?.sequence
      const known = { ...lease, readAt: now, readTrouble: null, sight: peer, pill: report.pill, readFrom: instant(now - report.tookMs) }
      return isSame ? known : { ...known, changedAt: now, hasMoved: lease.readAt !== null }
    }
  }
}

/** This renewal ended before the last one had run out: the other node has never had reason to count us as gone. */
function isUnbroken(lease: LeaseState, settings: LeaseSettings | null, now: Instant): boolean {
  if (lease.visibleSince === null || lease.renewedFrom === null || settings === null) return false
  return now < after(lease.renewedFrom, millis(settings.leaseMs - guardOf(settings.leaseMs)))
}

/** How long before its end a lease alone no longer carries: the time to take addresses off and stop scripts. */
export const guardOf = (durationMs: Millis): Millis => millis(durationMs / 3)

/** Until when this node may count on its lease; null when it was never renewed. `promisedUntil` is the end of a hold. */
export function leaseUntil(lease: LeaseState, settings: LeaseSettings, promisedUntil: Instant | null): Instant | null {
  if (lease.renewedFrom === null) return null
  const ends = Math.max(after(lease.renewedFrom, settings.leaseMs), promisedUntil ?? Number.NEGATIVE_INFINITY)
  return instant(ends - guardOf(settings.leaseMs))
}

/** The area was read lately, so that what it shows may be judged. */
export function isReadable(lease: LeaseState, settings: LeaseSettings, now: Instant): boolean {
  return lease.readAt !== null && now <= after(lease.readAt, millis(settings.intervalMs * staleIntervals))
}

/** How long the other's sector counts; a promise of 0 is an operator's word that the node is off (`heartbeat lease release`). */
const promiseOf = (lease: LeaseState, settings: LeaseSettings): number => (lease.sight?.promisedMs === 0 ? 0 : Math.max(settings.leaseMs, lease.sight?.promisedMs ?? 0))

/** When the other's lease will have run out for us if its sector does not move again; null while nothing was read. */
export function peerLeaseEndsAt(lease: LeaseState, settings: LeaseSettings): Instant | null {
  if (lease.changedAt === null) return null
  const promisedMs = promiseOf(lease, settings)
  return after(lease.changedAt, millis(promisedMs * (1 + driftOf) + marginMs))
}

/**
 * The last good read was issued when the other's own count had ended, and still showed nothing new: had it been renewed in
 * time, we would have seen it. A slow read that ended just now may show a sector as it was long ago.
 *
 * And it was issued when our own renewal already stood there. Where a disk was lost to both and comes back, both find the
 * other's lease run out; whoever looks after having written sees the other's write, or the other will see his.
 *
 * And it was issued after the other was heard last (`heardAt`): beside us it may have renewed a lease that had run out, and have
 * started something, unseen by a read that was under way.
 */
export function hasSeenItEnd(lease: LeaseState, settings: LeaseSettings, heardAt: Instant | null): boolean {
  if (lease.changedAt === null || lease.readFrom === null || lease.visibleSince === null || lease.readFrom < Math.max(lease.visibleSince, heardAt ?? 0)) return false
  const promisedMs = promiseOf(lease, settings)
  return lease.readFrom >= after(lease.changedAt, millis(Math.max(0, promisedMs - guardOf(settings.leaseMs)) * (1 + driftOf)))
}

/** How long the other may be silent on a disk that carries its heartbeats: two of its writes, and two of our reads. */
export const diskPatience = (settings: LeaseSettings): Millis => millis(Math.min(settings.leaseMs, 3 * settings.intervalMs))

/** The other's sector moves: it lives, whatever the network says. */
export function isBeating(lease: LeaseState, settings: LeaseSettings, now: Instant): boolean {
  return lease.hasMoved && lease.sight?.promisedMs !== 0 && lease.changedAt !== null && isReadable(lease, settings, now) && now < after(lease.changedAt, diskPatience(settings))
}
