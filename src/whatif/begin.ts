/**
 * What the two nodes know at the moment at which a what-if begins. Of this node the daemon tells everything; the other
 * node's state is made from what it last said, the way a mirror is made: what it shows of itself, and what we told it.
 */

import { after, instant, millis, type Instant } from '../base/units.js'
import { windowUpTo } from '../membership/sequence-window.js'
import type { GroupRun } from '../resource/group-machine.js'
import { initialState } from '../cluster/step.js'
import { shownState } from '../cluster/turn.js'
import type { ClusterSettings, ClusterState, GroupState } from '../cluster/types.js'
import { wellHealth, type GroupStateName, type GroupView, type NodeView } from '../wire/ownership.js'

/** One node at the beginning; `state` null: no daemon runs there. */
export interface Beginning {
  readonly settings: ClusterSettings
  readonly state: ClusterState | null
  readonly isPowered: boolean
  /** The node's groups that really run there, as far as anybody knows. */
  readonly running: readonly boolean[]
}

export interface Situation {
  readonly now: Instant
  /** This node first. */
  readonly nodes: readonly [Beginning, Beginning]
  readonly assumptions: readonly string[]
}

/** From the running daemon's word. */
export function presentSituation(settings: ClusterSettings, state: ClusterState, now: Instant): Situation {
  const own: Beginning = { settings, state, isPowered: true, running: state.groups.map(group => isThere(shownState(group))) }
  const { standing, view } = state.peer
  const peer = mirrored(settings, state)
  if (standing.kind === 'alive' && view !== null && state.peer.implementation === 'own') {
    const other = seen(peer, { now, own: view, ownSequence: state.peer.window.newest, other: state.sentView ?? null, otherSequence: state.sequence, otherGeneration: settings.self.generation, template: state })
    const running = settings.groups.map(setup => isThere(view.groups.find(one => one.id === setup.id)?.state ?? 'stopped'))
    return { now, nodes: [own, { settings: peer, state: other, isPowered: true, running }], assumptions: [`${settings.peerName} is as it last showed itself; it is configured like ${settings.self.name}`] }
  }
  const isPowered = standing.kind === 'left'
  const text = standing.kind === 'left' ? 'runs no daemon: it was stopped in order' : `is off: it counts as ${standing.kind} here`
  return { now, nodes: [own, { settings: peer, state: null, isPowered, running: settings.groups.map(() => false) }], assumptions: [`${settings.peerName} ${text}`] }
}

/** From the files alone: both nodes are up, every group is at home. */
export function assumedSituation(settings: ClusterSettings, now = instant(3_600_000)): Situation {
  const peer = mirrored(settings, null)
  const view = (own: ClusterSettings, other: ClusterSettings): NodeView => ({
    phase: 'active',
    acknowledged: { generation: other.self.generation, sequence: 1 },
    hearsPeer: true,
    groups: own.groups.map((setup): GroupView => ({ id: setup.id, digest: setup.digest, state: setup.home === own.self.name ? 'running' : 'stopped', epoch: 1, avoid: false, wanted: false, canServe: true })),
    health: { ...wellHealth, reached: own.safety.quorum?.of ?? null },
    agreement: own.agreement
  })
  const nodes = [settings, peer].map((own, at): Beginning => {
    const other = at === 0 ? peer : settings
    const state = seen(own, { now, own: view(own, other), ownSequence: 1, other: view(other, own), otherSequence: 1, otherGeneration: other.self.generation, template: null })
    return { settings: own, state, isPowered: true, running: own.groups.map(setup => setup.home === own.self.name) }
  })
  return { now, nodes: nodes as unknown as [Beginning, Beginning], assumptions: ['no daemon was asked: both nodes are up, they hear each other, and every group runs at home'] }
}

const isThere = (state: GroupStateName): boolean => state === 'running' || state === 'blocked' || state === 'starting' || state === 'stopping'

/** The other node's settings: ours with the names changed round. */
function mirrored(settings: ClusterSettings, state: ClusterState | null): ClusterSettings {
  const generation = state?.peer.generation ?? 1
  return { ...settings, self: { name: settings.peerName, generation }, peerName: settings.self.name, rememberedPeerGeneration: settings.self.generation, rememberedPeerSequence: 0, heldEpochs: new Map() }
}

interface Seen {
  readonly now: Instant
  /** What the node shows of itself, and the number of its newest datagram. */
  readonly own: NodeView
  readonly ownSequence: number
  /** What it last heard of the other. */
  readonly other: NodeView | null
  readonly otherSequence: number
  readonly otherGeneration: number
  /** The other node's own state, for what both see alike (the disk, the arbiter); null when nobody was asked. */
  readonly template: ClusterState | null
}

/** A node that has been up for an hour, shows this, and has heard that. */
function seen(settings: ClusterSettings, what: Seen): ClusterState {
  const { now, own, other, template } = what
  const since = after(now, millis(-3_600_000))
  const base = initialState(settings, since)
  const alive = { kind: 'alive', since } as const
  const { lease } = settings.safety
  const sight = lease === null ? null : { generation: what.otherGeneration, sequence: what.otherSequence, promisedMs: lease.leaseMs }
  const keys = own.groups.filter(group => isThere(group.state)).map(group => group.id)
  const theirs = (other?.groups ?? []).filter(group => isThere(group.state)).map(group => group.id)
  const reached = own.health.reached
  const of = template?.safety.connectivity?.of ?? settings.safety.quorum?.of ?? reached ?? 0
  return {
    ...base,
    phase: own.phase,
    at: now,
    sequence: what.ownSequence,
    sentAt: template?.peer.heardAt ?? now,
    sentView: own,
    isReplyDue: false,
    isSettledOnce: true,
    rememberedAt: now,
    peer: { ...base.peer, standing: alive, generation: what.otherGeneration, window: windowUpTo(what.otherSequence), heardAt: template?.sentAt ?? now, statusText: 'active', implementation: 'own', announcedDeadtimeMs: settings.timing.deadtimeMs, view: other, acknowledgedAt: now },
    links: base.links.map((link, index) => {
      const isUp = template === null || template.links[index]?.isUp === true
      return { ...link, isUp, heardAt: template?.sentAt ?? now, newest: what.otherSequence, generation: what.otherGeneration }
    }),
    groups: base.groups.map((group, index) => groupFrom(group, own.groups.find(one => one.id === settings.groups[index]?.id), { now, blockedThere: other?.groups.find(one => one.id === settings.groups[index]?.id)?.state === 'blocked' })),
    safety: {
      ...base.safety,
      lease: lease === null ? base.safety.lease : { ...base.safety.lease, ...(template?.safety.lease ?? {}), renewedFrom: now, readAt: now, sight, changedAt: now, hasMoved: true, readTrouble: null, writeTrouble: null },
      arbiter: settings.safety.arbiter === null ? null : { renewedFrom: now, ours: keys, theirs, trouble: null },
      wanted: settings.safety.arbiter === null ? [] : keys,
      connectivity: reached === null ? null : { reached, of, silent: [], worseSince: null }
    }
  }
}

function groupFrom(group: GroupState, view: GroupView | undefined, context: { readonly now: Instant; readonly blockedThere: boolean }): GroupState {
  const run = runFrom(view?.state ?? 'stopped', context.now)
  const wantedUntil = view?.wanted === true ? after(context.now, millis(60_000)) : null
  return {
    ...group,
    machine: { run, attempt: 1, failures: run.kind === 'failed' ? 1 : 0 },
    epoch: view?.epoch ?? 0,
    avoid: view?.avoid ?? false,
    wantedUntil,
    isBlockedThere: context.blockedThere,
    carrierTrouble: view?.canServe === false ? 'its interface has no carrier' : null,
    reason: 'as it was when it was asked'
  }
}

/** What is between two states there is taken for where it is going. */
function runFrom(state: GroupStateName, now: Instant): GroupRun {
  switch (state) {
    case 'running':
    case 'starting':
      return { kind: 'running' }
    case 'failed':
      return { kind: 'failed', reason: 'it failed before', retryAt: after(now, millis(60_000)) }
    case 'blocked':
      return { kind: 'blocked', reason: 'it was blocked before' }
    case 'unknown':
    case 'stopped':
    case 'claimed':
    case 'stopping':
      return { kind: 'stopped' }
  }
}
