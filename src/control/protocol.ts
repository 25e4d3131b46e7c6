/**
 * What commands and the daemon say to each other over the control socket: one JSON object a line, version 1.
 *
 *   command → daemon   {"v":1,"id":7,"request":{"kind":"status"}}
 *   daemon → command   {"v":1,"id":7,"progress":"giving up 10.0.0.5"}        any number of times
 *                      {"v":1,"id":7,"ok":true,"result":{…}}                  or, once and last,
 *                      {"v":1,"id":7,"ok":false,"error":{"code":"HA_…","message":"…"}}
 *
 * Limits: a line holds at most `lineBytesMax`; a connection sends one request; at most `connectionsMax` connections.
 * Nothing in a request is trusted: `parseRequest` returns the request or the sentence that refuses it.
 */

import type { ErrorCode } from '../base/errors.js'
import type { Millis } from '../base/units.js'
import type { NodeWhy } from '../flight/why.js'
import type { GroupStateName } from '../wire/ownership.js'

export const protocolVersion = 1
export const lineBytesMax = 64 * 1024
export const connectionsMax = 32
/** As on the wire between nodes: a mistyped unit must not switch the cluster off. */
export const holdMsMax = 3_600_000
export const holdReasonMax = 80

/** Which groups a standby or takeover means: Linux-HA's words, seen from the node that is asked, or one group's key. */
export type GroupScope =
  | { readonly kind: 'all' }
  | { readonly kind: 'local' }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'group'; readonly key: string }

export type ControlRequest =
  | { readonly kind: 'status' }
  /** Give the groups to the peer; answered when the peer runs them, or they are back, or with why not. */
  | { readonly kind: 'standby'; readonly scope: GroupScope; readonly wait: boolean }
  /** Fetch the groups from the peer; answered when they run here. */
  | { readonly kind: 'takeover'; readonly scope: GroupScope; readonly wait: boolean; readonly force: boolean }
  /** Release everything and end; answered when all is released, just before the daemon exits. */
  | { readonly kind: 'stop' }
  /** Read the files again: new keys take effect at once, other changes are only named. */
  | { readonly kind: 'reload' }
  /** Forget failures: look at every resource again and clear `failed` and `blocked` where it is really stopped. */
  | { readonly kind: 'cleanup'; readonly scope: GroupScope }
  /** This node may be silent for so long (0 ends it); answered when the other node has heard of it. */
  | { readonly kind: 'hold'; readonly durationMs: Millis; readonly reason: string }
  /** An operator's word that the other node is off. */
  | { readonly kind: 'confirm-off' }
  /** Bring the other node's files into a directory of this node for an operator to look at; nothing is replaced. */
  | { readonly kind: 'sync' }
  /** Both nodes' accounts of how each group came to be where it is. */
  | { readonly kind: 'why' }
  /** Everything the core knows now, for a what-if; what was recorded until now is in the flight record when it is answered. */
  | { readonly kind: 'snapshot' }

export type ControlResponse =
  | { readonly v: 1; readonly id: number; readonly progress: string }
  | { readonly v: 1; readonly id: number; readonly ok: true; readonly result: ControlResult }
  | { readonly v: 1; readonly id: number; readonly ok: false; readonly error: { readonly code: ErrorCode; readonly message: string } }

export type ControlResult =
  | { readonly kind: 'status'; readonly status: StatusReport }
  /** `note` is a sentence for the operator, e.g. `ha2 now runs 10.0.0.5`. */
  | { readonly kind: 'done'; readonly note: string }
  | ({ readonly kind: 'files' } & PeerFiles)
  | ({ readonly kind: 'why' } & WhyReport)
  | ({ readonly kind: 'snapshot' } & FlightSnapshot)

export interface WhyReport {
  readonly own: NodeWhy
  /** null: the other node's account could not be had, and `peerTrouble` says why. */
  readonly peer: NodeWhy | null
  readonly peerTrouble: string | null
}

/** The core's settings and state in the form of flight/plain.ts, and how long each script operation last took. */
export interface FlightSnapshot {
  readonly version: string
  readonly now: number
  readonly wallMs: number
  readonly settings: Readonly<Record<string, unknown>>
  readonly state: Readonly<Record<string, unknown>>
  /** In ms, by `group/resource/operation`. */
  readonly durations: Readonly<Record<string, number>>
  readonly lost: number
}

export interface LinkReport {
  readonly name: string
  /** e.g. `ucast eth0 10.0.0.2` */
  readonly description: string
  /** `up`: the peer is heard on it. */
  readonly state: 'up' | 'dead'
  /** The medium itself: bound and sending, or why not. */
  readonly medium: string
  readonly silenceMs: number | null
}

export interface NodeReport {
  readonly name: string
  readonly isSelf: boolean
  /** Linux-HA's words: init, up, active, dead. */
  readonly state: 'init' | 'up' | 'active' | 'dead'
  readonly reason: string
  readonly generation: number | null
  /** Which daemon the node runs: ours, Linux-HA's, or not known yet. */
  readonly implementation: 'own' | 'linux-ha' | 'unknown'
  readonly links: readonly LinkReport[]
}

export interface GroupReport {
  readonly key: string
  readonly home: string
  readonly resources: readonly string[]
  /** State on this node and, as last heard, on the peer. */
  readonly here: GroupStateName
  readonly there: GroupStateName | null
  /** The node that runs it, or null. */
  readonly owner: string | null
  /** Why it is where it is, or why it runs nowhere: one sentence. */
  readonly reason: string
}

/** One means against two owners, strongest first in a report. */
export interface SafetyReport {
  readonly method: 'fencing' | 'lease' | 'arbiter' | 'quorum'
  readonly standing: 'proven' | 'unproven' | 'absent'
  readonly description: string | null
  readonly text: string
}

export interface StatusReport {
  readonly version: string
  readonly pid: number
  readonly node: string
  /** probing, joining, active, leaving */
  readonly phase: string
  readonly uptimeMs: number
  readonly generation: number
  readonly timing: { readonly keepaliveMs: number; readonly warntimeMs: number; readonly deadtimeMs: number; readonly initdeadMs: number }
  readonly autoFailback: 'on' | 'off' | 'legacy'
  readonly nodes: readonly NodeReport[]
  readonly groups: readonly GroupReport[]
  /** Linux-HA's word for what this node holds; `transition` while something moves. */
  readonly holding: 'none' | 'local' | 'foreign' | 'all' | 'transition'
  /** Where the two nodes' files differ, line by line; absent from an older daemon. */
  readonly differences?: readonly DifferenceReport[]
  /** What an operator should know now: disagreement, blocked groups, takeover without proof of death … */
  readonly warnings: readonly string[]
  /** Datagrams by what became of them: accepted, duplicate, and each reason for refusal. */
  readonly datagrams: Readonly<Record<string, number>>
  /** Own stalls noticed since start; `cause` of the last one, where the kernel kept account of it. */
  readonly stalls: { readonly count: number; readonly longestMs: number; readonly totalMs: number; readonly lastMs: number; readonly lastAgoMs: number | null; readonly cause: string | null }
  /** What the other node said of its own stalls, in ms since its start; null while it has not. */
  readonly peerStalledMs: number | null
  readonly safety: readonly SafetyReport[]
}

export interface DifferenceReport {
  readonly topic: 'version' | 'haresources' | 'authkeys' | 'scripts'
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'crit'
  readonly text: string
}

/** What the other node offered, as it lies on this node now. */
export interface PeerFiles {
  readonly node: string
  readonly peer: string
  readonly files: readonly PeerFile[]
  /** What the other node keeps to itself, each with the reason. */
  readonly withheld: readonly string[]
  /** Scripts that only this node has. */
  readonly onlyHere: readonly string[]
}

export interface PeerFile {
  /** `haresources`, `ha.cf` (the shared lines alone) or `resource.d/NAME`. */
  readonly name: string
  readonly bytes: number
  readonly sha256: string
  readonly mode: number
  /** Where the content lies, for root to read; null when this node's file has the same. */
  readonly path: string | null
}
