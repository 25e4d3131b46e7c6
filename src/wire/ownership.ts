/**
 * The words in which a node says what it holds: one state per resource group, carried whole in every datagram.
 *
 * Level-triggered: the latest vector is the truth about its sender, whatever was lost before it. A state says what the
 * other node may conclude, not what the script is doing at this moment:
 *
 *   unknown    not looked at yet in this life: it may run here
 *   stopped    surely not running here
 *   claimed    wants to start it; not started yet
 *   starting   may run in part
 *   running    runs
 *   stopping   may still run in part
 *   failed     could not be started here and was released: surely not running
 *   blocked    could not be stopped: may run, and nobody starts it elsewhere
 */

export const groupStates = ['unknown', 'stopped', 'claimed', 'starting', 'running', 'stopping', 'failed', 'blocked'] as const
export type GroupStateName = (typeof groupStates)[number]

/** What one node shows of one resource group. */
export interface GroupView {
  /** 8 hex digits of the group's key: what the two nodes match groups by. */
  readonly id: string
  /** 8 hex digits of the whole line: home node and every resource word. */
  readonly digest: string
  readonly state: GroupStateName
  /** Grows at every start anywhere; of two owners the one with the larger epoch started last. */
  readonly epoch: number
  /** An operator moved it away from this node; it comes back only when nobody else can run it. */
  readonly avoid: boolean
  /** An operator asked for it on this node. */
  readonly wanted: boolean
  /** Its service interface carries: clients could reach it on this node. */
  readonly canServe: boolean
}

/** The phases of a daemon's life, as it tells them. `left` is its last word: everything is released or blocked. */
export const nodePhases = ['probing', 'joining', 'active', 'leaving', 'left'] as const
export type NodePhase = (typeof nodePhases)[number]

/** What the sender has heard of the receiver: a claim counts only when its sequence is acknowledged here. */
export interface Acknowledgement {
  readonly generation: number
  readonly sequence: number
}

/** How well a node is, and what it announces. */
export interface Health {
  /** It holds every right that it would need alone: lease, arbiter, ping nodes. */
  readonly isFit: boolean
  /** Ping nodes and groups that it reaches; null when none are configured. */
  readonly reached: number | null
  /** Milliseconds in which it did not run since its start, so that the other node knows whom a silence is due to. */
  readonly stalledMs: number
  /** It announced to be silent for so long from now, and why; 0 for none. */
  readonly holdMs: number
  readonly holdReason: string
}

export const wellHealth: Health = { isFit: true, reached: null, stalledMs: 0, holdMs: 0, holdReason: '' }

/** Short digests of what both nodes should have alike; each at most 16 letters, digits, dots and dashes. */
export interface Agreement {
  readonly version: string
  readonly haresources: string
  readonly authkeys: string
  readonly scripts: string
}

/** Everything a node says about itself in one datagram, beside Linux-HA's own fields. */
export interface NodeView {
  readonly phase: NodePhase
  readonly acknowledged: Acknowledgement | null
  /** Whether the sender counts the receiver as alive. */
  readonly hearsPeer: boolean
  readonly groups: readonly GroupView[]
  readonly health: Health
  /** null from a node that does not say. */
  readonly agreement: Agreement | null
}

/** Surely nothing of the group runs on a node that shows this state. */
export const isReleased = (state: GroupStateName): boolean => state === 'stopped' || state === 'failed'

/** The node has it, or is getting it. */
export const isHeld = (state: GroupStateName): boolean => state === 'starting' || state === 'running'
