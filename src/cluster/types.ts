/**
 * The cluster core's contract: one state, events in, effects out. `step` (step.ts) is the only way from one state to the
 * next; whoever runs it performs the effects in order and posts their outcomes as events (style B3).
 */

import type { Difference } from '../agreement/differences.js'
import type { NoteLevel } from '../base/note.js'
import type { Instant, Millis } from '../base/units.js'
import type { LinkState } from '../membership/links.js'
import type { PeerState, Timing } from '../membership/peer.js'
import type { GroupMachine, GroupOperation, GroupSetup, OperationOutcome } from '../resource/group-machine.js'
import type { ArbiterWord } from '../port/arbiter.js'
import type { FencingOutcome, FencingProof } from '../port/fencing.js'
import type { LeaseReport } from '../port/lease.js'
import type { SafetySettings, SafetyState } from '../safety/types.js'
import type { Agreement, NodePhase, NodeView } from '../wire/ownership.js'
import type { Heard } from '../wire/status.js'
import type { Field } from '../wire/message.js'
import type { Comparison } from './differences.js'

export interface GroupSettings extends GroupSetup {
  readonly id: string
  readonly digest: string
}

/** What is fixed for one life of the daemon. */
export interface ClusterSettings {
  readonly self: { readonly name: string; readonly generation: number }
  readonly peerName: string
  readonly timing: Timing
  readonly autoFailback: 'on' | 'off' | 'legacy'
  readonly groups: readonly GroupSettings[]
  readonly links: readonly LinkSettings[]
  /** What is configured against two owners at once. */
  readonly safety: SafetySettings
  /** Digests of what both nodes should have alike, as far as the start knows them; null until `agreement` says. */
  readonly agreement: Agreement | null
  /** The peer's largest generation known from earlier lives, so that its recorded datagrams stay refused. */
  readonly rememberedPeerGeneration: number | null
  /** The newest sequence of that generation that was written down; at most a minute older than the last one heard. */
  readonly rememberedPeerSequence: number
  /** Epochs of groups held when an earlier life ended, by group id; for groups found running. */
  readonly heldEpochs: ReadonlyMap<string, number>
  /** How long an operator's move may take before it is answered with "not yet". */
  readonly moveTimeoutMs: Millis
}

export interface LinkSettings {
  readonly name: string
  readonly description: string
  /** Silence after which the link counts as dead, where it is not the deadtime: the disk beats more slowly. */
  readonly patienceMs?: Millis
}

export interface Claim {
  /** Sequence of the first datagram that carries the claim; null until it was sent. */
  readonly sequence: number | null
}

export interface GroupState {
  readonly machine: GroupMachine
  readonly claim: Claim | null
  readonly epoch: number
  readonly avoid: boolean
  /** An operator asked for it here, until then. */
  readonly wantedUntil: Instant | null
  /** An operator gave his word that the peer does not run it. */
  readonly isForced: boolean
  /**
   * `suspected`: the peer came back from the dead and may have held it too; `seen`: it did. Whoever keeps the group
   * announces its addresses again once the other shows it released.
   */
  readonly contest: 'none' | 'suspected' | 'seen'
  /**
   * The peer could not stop it, and has not shown since that it is rid of it. A new life of the peer that has not looked
   * yet, or is still stopping, does not clear this.
   */
  readonly isBlockedThere: boolean
  /** Why clients could not reach the group on this node: its service interface has no carrier; null while it has. */
  readonly carrierTrouble: string | null
  /** Why the group is in this state: one sentence. */
  readonly reason: string
}

/** A standby, a takeover, or another try to stop blocked groups, that an operator waits for. */
export interface PendingMove {
  readonly id: number
  readonly kind: 'standby' | 'takeover' | 'cleanup'
  readonly groups: readonly number[]
  readonly deadline: Instant
  /** Groups that have left their old node; one that is back there has failed to move. */
  readonly released: readonly number[]
}

export interface ClusterState {
  readonly phase: NodePhase
  readonly startedAt: Instant
  /** When the last event was taken. */
  readonly at: Instant
  /** Sequence of the last message sent in this life. */
  readonly sequence: number
  readonly peer: PeerState
  readonly links: readonly LinkState[]
  readonly groups: readonly GroupState[]
  readonly sentAt: Instant | null
  /** What the last datagram said; anything else now means: tell it at once. */
  readonly sentView: NodeView | null
  readonly isReplyDue: boolean
  readonly moves: readonly PendingMove[]
  /** Requests to stop, answered when everything is released. */
  readonly stopRequests: readonly number[]
  /** Groups not released yet, as last told to those who wait for the stop; null before the first telling. */
  readonly stopTold: readonly string[] | null
  readonly farewells: number
  readonly isSettledOnce: boolean
  /** When something was last given to `remember`. */
  readonly rememberedAt: Instant
  /** Groups known to differ from the peer's, as text, so that each change is said once. */
  readonly differences: string
  /** The peer's groups that were compared last; the same object needs no second look. */
  readonly comparedGroups: NodeView['groups'] | null
  /** Our digests of now; a reload may change them. */
  readonly agreement: Agreement | null
  readonly comparison: Comparison
  /** The peer's host has said that no heartbeat listens there, and nothing was heard since. */
  readonly isPortClosed: boolean
  /** We stood still and have not read all waiting datagrams yet: what the last one said may long be untrue. */
  readonly isCatchingUp: boolean
  readonly stalls: Stalls
  readonly safety: SafetyState
  /** A pause of ours that an operator announced. */
  readonly hold: Hold | null
  /** When the peer came back from the dead in the same life, newest last; links that flap show here. */
  readonly returns: readonly Instant[]
  /** Until then a flapping peer is given more patience, and nothing moves to it by itself. */
  readonly quarantineUntil: Instant | null
  readonly refusals: ReadonlyMap<string, Refused>
  readonly accepted: number
}

/** Time in which this node did not run. */
export interface Stalls {
  readonly count: number
  readonly longestMs: number
  readonly totalMs: number
  /** The last one: how long, and what it was, where that can be known. */
  readonly last: { readonly at: Instant; readonly ms: number; readonly cause: string | null } | null
}

export interface Hold {
  readonly since: Instant
  readonly until: Instant
  readonly reason: string
  /** Sequence of the first datagram that carries it; null until it was sent. */
  readonly sequence: number | null
  /** The request that waits until the peer has heard of it; null once answered. */
  readonly request: number | null
  /** It stands on the disk as well, so that our lease lasts as long; true without a lease. */
  readonly isWritten: boolean
}

export interface Refused {
  readonly count: number
  readonly unreported: number
  readonly reportedAt: Instant
}

/** Which groups an operator means. */
export type Scope =
  | { readonly kind: 'all' }
  | { readonly kind: 'local' }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'group'; readonly key: string }

export type OperatorRequest =
  | { readonly kind: 'standby'; readonly scope: Scope; readonly wait: boolean }
  | { readonly kind: 'takeover'; readonly scope: Scope; readonly wait: boolean; readonly force: boolean }
  | { readonly kind: 'cleanup'; readonly scope: Scope }
  | { readonly kind: 'stop' }
  /** This node may be silent for so long; 0 ends an earlier announcement. */
  | { readonly kind: 'hold'; readonly durationMs: Millis; readonly reason: string }
  /** An operator's word that the peer is off and stays off until it is heard again. */
  | { readonly kind: 'confirm-off' }

export type ClusterEvent =
  /** The first event of a life: begins to look at every resource and to send. */
  | { readonly kind: 'begin'; readonly now: Instant }
  /** An authenticated message arrived on a link (index into settings.links). */
  | { readonly kind: 'heard'; readonly now: Instant; readonly link: number; readonly heard: Heard }
  /** A datagram was refused before it reached the core; `reason` is counted. */
  | { readonly kind: 'refused'; readonly now: Instant; readonly reason: string; readonly from: string }
  /** A deadline has come; all waiting datagrams have been posted before it. */
  | { readonly kind: 'tick'; readonly now: Instant }
  /** We did not run for `stallMs`; posted before anything that waited meanwhile. */
  | { readonly kind: 'woke'; readonly now: Instant; readonly stallMs: Millis }
  /** Why we did not run before the last `woke`, as far as this host knows; found out after everything that could not wait for it. */
  | { readonly kind: 'stall-explained'; readonly now: Instant; readonly cause: string | null }
  | { readonly kind: 'operated'; readonly now: Instant; readonly group: number; readonly attempt: number; readonly outcome: OperationOutcome }
  | { readonly kind: 'medium'; readonly now: Instant; readonly link: number; readonly trouble: string | null }
  /** The peer's host says that no heartbeat runs there. */
  | { readonly kind: 'port-unreachable'; readonly now: Instant; readonly link: number }
  | { readonly kind: 'asked'; readonly now: Instant; readonly id: number; readonly request: OperatorRequest }
  | { readonly kind: 'fenced'; readonly now: Instant; readonly attempt: number; readonly outcome: FencingOutcome }
  | { readonly kind: 'fencing-tested'; readonly now: Instant; readonly proof: FencingProof }
  | { readonly kind: 'lease'; readonly now: Instant; readonly report: LeaseReport }
  | { readonly kind: 'arbiter'; readonly now: Instant; readonly word: ArbiterWord }
  | { readonly kind: 'connectivity'; readonly now: Instant; readonly reached: number; readonly of: number; readonly silent: readonly string[] }
  /** The service interface of a group lost its carrier (a sentence part says which), or has it again (null). */
  | { readonly kind: 'carrier'; readonly now: Instant; readonly group: number; readonly trouble: string | null }
  /** Our digests were computed, at the start or after a reload. */
  | { readonly kind: 'agreement'; readonly now: Instant; readonly agreement: Agreement }
  /** How the peer's files differ, whose digests are `theirs`; null when it did not say, and then why not. */
  | { readonly kind: 'compared'; readonly now: Instant; readonly theirs: Agreement; readonly differences: readonly Difference[] | null; readonly trouble: string | null }

export type ClusterEffect =
  /**
   * Send our status on every link; `isNews` when it says anything but that we live. The edge adds the time of day and signs.
   * `quietMs` is for those who watch that we live: for so long our silence is no hang, by a hold that all know who might act on it.
   */
  | { readonly kind: 'send-status'; readonly sequence: number; readonly status: 'up' | 'active' | 'dead'; readonly view: NodeView; readonly isNews: boolean; readonly quietMs: number }
  /** Send another message on every link; `sequence` null is one outside the sequence. For Linux-HA peers. */
  | { readonly kind: 'send-fields'; readonly sequence: number | null; readonly fields: readonly Field[]; readonly destinationUuid: string | null }
  /** Send datagrams again that a Linux-HA peer missed. */
  | { readonly kind: 'resend'; readonly first: number; readonly last: number; readonly to: string }
  | { readonly kind: 'operate'; readonly group: number; readonly index: number; readonly operation: GroupOperation; readonly attempt: number; readonly timeoutMs: Millis }
  | { readonly kind: 'cancel'; readonly group: number; readonly attempt: number }
  /** Take the addresses of these groups off this host now, before any other work. */
  | { readonly kind: 'drop-addresses'; readonly groups: readonly number[] }
  /** Tell the network again where this group's addresses live. */
  | { readonly kind: 'announce'; readonly group: number }
  | { readonly kind: 'note'; readonly level: NoteLevel; readonly text: string }
  | { readonly kind: 'progress'; readonly id: number; readonly text: string }
  | { readonly kind: 'answer'; readonly id: number; readonly ok: boolean; readonly code: 'HA_STANDBY_REFUSED' | 'HA_UNKNOWN_GROUP' | 'HA_STOP_INCOMPLETE' | null; readonly text: string }
  /** Keep for the next life: the peer's generation, and the epochs of held groups. Nothing waits for it. */
  | { readonly kind: 'remember'; readonly peerGeneration: number | null; readonly peerSequence: number; readonly held: readonly { readonly id: string; readonly epoch: number }[] }
  /** Make sure that the peer is off; the outcome comes back as `fenced`. */
  | { readonly kind: 'fence'; readonly attempt: number; readonly victim: string; readonly timeoutMs: Millis }
  /** The peer is heard: an attempt under way is ended, if it still can be. */
  | { readonly kind: 'call-off'; readonly attempt: number }
  /** Tell this life of the peer through the disk that its groups are taken. */
  | { readonly kind: 'poison'; readonly generation: number }
  /** Groups (ids) whose keys the arbiter should keep for us from now on. */
  | { readonly kind: 'arbiter-want'; readonly groups: readonly string[] }
  /** Ask the peer for what its digests stand for; `compared` comes back, whatever happens. */
  | { readonly kind: 'compare'; readonly theirs: Agreement }
  /** Everything is released (or blocked): end the daemon. */
  | { readonly kind: 'exit'; readonly isClean: boolean }
