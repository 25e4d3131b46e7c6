/**
 * Decides whether a group may be taken over from a silent node: is it dead, or only cut off?
 *
 * Any one proof suffices: it was shot (or an operator gave his word), its lease on the shared disk has run out, the
 * arbiter gave us the key. Where none of these is configured, reaching a ping node is taken for one, after the time in
 * which the other would have noticed that it reaches none; and where nothing is configured, silence is, as in Linux-HA.
 *
 * Invariants
 *  1. A configured proof that is missing means no, whatever else is known. Silence alone is never enough then.
 *  2. A sector that was never written is no lease that has run out.
 *  3. A key proves something only about a node that needed one for its start: cluster/safety.ts, `awaitsKey`.
 *  4. A lease or a key counts only some time after the silence was noticed here: the other one, whose right may have
 *     lapsed long before, needs that long to notice the silence and to let go.
 */

import { after, instant, millis, type Instant, type Millis } from '../base/units.js'
import { hasSeenItEnd, isReadable, peerLeaseEndsAt } from './lease.js'
import type { SafetySettings, SafetyState } from './types.js'

export type ProofName = 'fencing' | 'operator' | 'lease' | 'arbiter' | 'quorum' | 'none'

export type Permission =
  | { readonly isGranted: true; readonly by: ProofName; readonly text: string }
  /** `until` is when the answer may change by time alone. */
  | { readonly isGranted: false; readonly until: Instant | null; readonly text: string }

export interface PermissionContext {
  readonly now: Instant
  readonly peerName: string
  /** When the peer was declared dead here. */
  readonly deadSince: Instant
  /** When it was heard last, in any way; null when never. */
  readonly heardAt: Instant | null
  readonly keepaliveMs: Millis
  readonly deadtimeMs: Millis
  readonly groupId: string
  /** The peer held its rights when it was heard last. */
  readonly wasFit: boolean
}

export function permissionToTake(safety: SafetyState, settings: SafetySettings, context: PermissionContext): Permission {
  const { fence } = safety
  if (fence.kind === 'fenced') {
    const isDevice = fence.by === 'device'
    return { isGranted: true, by: isDevice ? 'fencing' : 'operator', text: isDevice ? `${fence.device} turned ${context.peerName} off` : `an operator says that ${context.peerName} is off` }
  }
  const answers = [byFencing(safety, settings, context), byLease(safety, settings, context), byArbiter(safety, settings, context)].filter(answer => answer !== null)
  if (answers.length === 0) return settings.quorum === null ? byNothing(context) : byQuorum(settings.quorum, context)
  const granted = answers.find(answer => answer.isGranted)
  if (granted !== undefined) return granted
  const untils = answers.flatMap(answer => (answer.isGranted || answer.until === null ? [] : [answer.until]))
  return { isGranted: false, until: untils.length === 0 ? null : instant(Math.min(...untils)), text: answers.map(answer => answer.text).join('; ') }
}

/**
 * The time that the other node needs at most to let go, after we noticed its silence, if its rights had lapsed before: until
 * then it may have heard us say that we hear it.
 */
const noticeMs = (context: PermissionContext): Millis => millis(patienceWithoutRight(context.deadtimeMs) + 2 * context.keepaliveMs + 100)

/** A node that has lost a right holds on only while it hears the other, and nothing makes it wait longer than this. */
export const patienceWithoutRight = (deadtimeMs: Millis): Millis => millis(deadtimeMs / 2)

function byFencing(safety: SafetyState, settings: SafetySettings, context: PermissionContext): Permission | null {
  if (settings.fencing === null) return null
  const { fence } = safety
  const text =
    fence.kind === 'failed'
      ? `fencing ${context.peerName} failed: ${fence.said}`
      : fence.kind === 'waiting'
        ? `${context.peerName} may shoot first: it holds more`
        : `waiting for proof that ${context.peerName} is off`
  return { isGranted: false, until: null, text }
}

function byLease(safety: SafetyState, settings: SafetySettings, context: PermissionContext): Permission | null {
  if (settings.lease === null) return null
  const { lease } = safety
  if (!isReadable(lease, settings.lease, context.now)) {
    return { isGranted: false, until: null, text: `the lease of ${context.peerName} cannot be read${lease.readTrouble === null ? '' : ` (${lease.readTrouble})`}` }
  }
  if (lease.sight === null) {
    // It may have an area of its own on a disk of its own: what nobody ever wrote says nothing about anybody.
    return { isGranted: false, until: null, text: `${context.peerName} has never written to the lease area: start heartbeat there once, or say heartbeat confirm-off ${context.peerName}` }
  }
  const endsAt = instant(Math.max(peerLeaseEndsAt(lease, settings.lease) ?? Number.POSITIVE_INFINITY, after(context.deadSince, noticeMs(context))))
  if (context.now < endsAt) return { isGranted: false, until: endsAt, text: `the lease of ${context.peerName} on the disk has not run out yet` }
  if (!hasSeenItEnd(lease, settings.lease, context.heardAt)) return { isGranted: false, until: null, text: `the lease of ${context.peerName} on the disk should have run out; one more look must show it` }
  return { isGranted: true, by: 'lease', text: `the lease of ${context.peerName} on the disk has run out` }
}

function byArbiter(safety: SafetyState, settings: SafetySettings, context: PermissionContext): Permission | null {
  if (settings.arbiter === null) return null
  const { arbiter } = safety
  if (arbiter === null || !arbiter.ours.includes(context.groupId)) {
    const holder = arbiter?.theirs.includes(context.groupId) === true ? `still keeps its key for ${context.peerName}` : 'has not given us its key yet'
    return { isGranted: false, until: null, text: `the arbiter ${holder}${arbiter?.trouble === null || arbiter === null ? '' : ` (${arbiter.trouble})`}` }
  }
  // Who had lost the arbiter may have started it without a key: its next life, which looks for one, is given its time.
  const from = after(context.deadSince, context.wasFit ? noticeMs(context) : millis(Math.max(noticeMs(context), settings.arbiter.ttlMs)))
  if (context.now < from) return { isGranted: false, until: from, text: `the arbiter's key is here; ${context.peerName} is given time to notice` }
  return { isGranted: true, by: 'arbiter', text: 'the arbiter gave this node the key' }
}

function byQuorum(quorum: NonNullable<SafetySettings['quorum']>, context: PermissionContext): Permission {
  const from = after(context.deadSince, millis(Math.max(0, quorum.deadpingMs - context.deadtimeMs) + noticeMs(context)))
  if (context.now < from) return { isGranted: false, until: from, text: `${context.peerName} is given time to notice that it reaches no ping node` }
  return { isGranted: true, by: 'quorum', text: 'this node reaches its ping nodes; that the other does not is an assumption' }
}

const byNothing = (context: PermissionContext): Permission => ({
  isGranted: true,
  by: 'none',
  text: `nothing proves that ${context.peerName} is off: no fencing, lease or arbiter is configured`
})
