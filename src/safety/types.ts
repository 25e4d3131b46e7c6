/**
 * What is configured against two owners at once, and what is known about it now. Shapes only; the rules stand in
 * rights.ts (may we go on?), permission.ts (may we take over?), fence.ts (when to shoot) and connectivity.ts.
 */

import type { Instant, Millis } from '../base/units.js'
import type { ArbiterWord } from '../port/arbiter.js'
import type { LeaseSight, PoisonPill } from '../port/lease.js'

/** Every method that ha.cf configures; null for the others. All null is Linux-HA's old way. */
export interface SafetySettings {
  readonly fencing: FencingSettings | null
  readonly lease: LeaseSettings | null
  readonly arbiter: ArbiterSettings | null
  readonly quorum: QuorumSettings | null
}

export interface FencingSettings {
  /** How long the node that holds less waits before it shoots, so that of two living nodes one survives. */
  readonly delayMs: Millis
  /** The limit of one attempt through all levels. */
  readonly timeoutMs: Millis
  /** The pause after an attempt that failed. */
  readonly retryMs: Millis
  /**
   * The victim stays off until a person switches it on (`fence_action off`). One that is reset comes back by itself, and
   * may then get by a lease or a key what its executioner holds without them. False when not said.
   */
  readonly staysOff?: boolean
}

export interface LeaseSettings {
  readonly leaseMs: Millis
  /** How often the area is written and read. */
  readonly intervalMs: Millis
  /** Index of the link `disk`, on which the other's sector is heard. */
  readonly link: number
}

export interface ArbiterSettings {
  readonly ttlMs: Millis
}

export interface QuorumSettings {
  /** Silence after which the edge counts a ping node as unreachable. */
  readonly deadpingMs: Millis
  /** Ping nodes and groups configured. */
  readonly of: number
}

export const noSafety: SafetySettings = { fencing: null, lease: null, arbiter: null, quorum: null }

export type FenceState =
  | { readonly kind: 'idle' }
  /** The peer is silent; the node that holds more shoots first. */
  | { readonly kind: 'waiting'; readonly until: Instant }
  | { readonly kind: 'shooting'; readonly attempt: number; readonly since: Instant }
  | { readonly kind: 'failed'; readonly attempt: number; readonly at: Instant; readonly retryAt: Instant; readonly said: string }
  /** Proof that the peer is off; void as soon as it is heard. */
  | { readonly kind: 'fenced'; readonly at: Instant; readonly by: 'device' | 'operator'; readonly device: string }

export interface LeaseState {
  /** The moment before the last write that succeeded was issued. */
  readonly renewedFrom: Instant | null
  /** Since when our sector has shown a lease of ours without a gap: the end of the first write after the last gap. */
  readonly visibleSince: Instant | null
  /** When the area was last read without fault: the moment before that read was issued, and the one after it ended. */
  readonly readFrom: Instant | null
  readonly readAt: Instant | null
  /** The other's sector, and when a read first showed it like this. */
  readonly sight: LeaseSight | null
  readonly changedAt: Instant | null
  /** The order that the last read showed: it is obeyed when it turns up, and stays on the disk after that. */
  readonly pill: PoisonPill | null
  /** The other's sector has moved since we look: it is no relic of an earlier life. */
  readonly hasMoved: boolean
  /** Why the last read or write failed; null while both work. */
  readonly readTrouble: string | null
  readonly writeTrouble: string | null
}

export interface ConnectivityState {
  readonly reached: number
  readonly of: number
  readonly silent: readonly string[]
  /** Since when the peer has been better connected than we are; null while it is not. */
  readonly worseSince: Instant | null
}

export interface SafetyState {
  readonly fence: FenceState
  /** Attempts so far in this life: an outcome that comes late is never taken for another's. */
  readonly shots: number
  /** The last test of the fencing devices, or the last shot. */
  readonly fencingProof: { readonly at: Instant; readonly isProven: boolean; readonly said: string } | null
  readonly lease: LeaseState
  readonly arbiter: ArbiterWord | null
  /** What the arbiter was last asked to keep for us. */
  readonly wanted: readonly string[]
  readonly connectivity: ConnectivityState | null
  /** We gave everything up to be safe: nothing is started alone before this moment. */
  readonly pausedUntil: Instant | null
  /** Groups (indices) that are on their way out, or not looked at, whose addresses went when a right lapsed; each goes once. */
  readonly dropped: readonly number[]
  /** Rights that have lapsed, as last told to the log. */
  readonly toldLapse: string | null
}

export const unprovenSafety: SafetyState = {
  fence: { kind: 'idle' },
  shots: 0,
  fencingProof: null,
  lease: { renewedFrom: null, visibleSince: null, readFrom: null, readAt: null, sight: null, changedAt: null, pill: null, hasMoved: false, readTrouble: null, writeTrouble: null },
  arbiter: null,
  wanted: [],
  connectivity: null,
  pausedUntil: null,
  dropped: [],
  toldLapse: null
}
