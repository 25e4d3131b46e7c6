/** The status datagram: when it is due, and what it shows of this node. */

import { after, millis, type Instant } from '../base/units.js'
import type { GroupView, NodeView } from '../wire/ownership.js'
import { healthOf } from './safety.js'
import { groupAt, shownState, type Turn } from './turn.js'
import type { ClusterSettings, ClusterState } from './types.js'

/** Farewells are repeated so that one lost datagram does not cost the peer a deadtime. */
export const farewellsMax = 3
const farewellSpacing = millis(15)

/** Sends the status when something changed, when an answer is awaited, or when a keepalive has passed. */
export function sendIfDue(turn: Turn): void {
  const { state, settings, now } = turn
  if (state.phase === 'left' && state.farewells >= farewellsMax) return
  const view = currentView(turn)
  if (saysTheSame(view, state.sentView) && !state.isReplyDue && now < nextSendAt(state, settings)) return
  const sequence = state.sequence + 1
  const hold = state.hold !== null && state.hold.sequence === null ? { ...state.hold, sequence } : state.hold
  const groups = state.groups.map(group => (group.claim !== null && group.claim.sequence === null ? { ...group, claim: { sequence } } : group))
  const farewells = state.phase === 'left' ? state.farewells + 1 : 0
  turn.state = { ...state, hold, groups, sequence, sentAt: now, sentView: view, isReplyDue: false, farewells }
  // Linux-HA takes any status after `dead` for the return of a partitioned node, and restarts itself: it comes last, once.
  const isLast = farewells === farewellsMax
  const status = isLast ? 'dead' : state.phase === 'probing' || state.phase === 'joining' ? 'up' : 'active'
  turn.effects.push({ kind: 'send-status', sequence, status, view, isNews: !saysTheSame(view, state.sentView) })
}

export function nextSendAt(state: ClusterState, settings: ClusterSettings): Instant {
  if (state.sentAt === null) return state.startedAt
  return after(state.sentAt, state.phase === 'left' ? farewellSpacing : settings.timing.keepaliveMs)
}

function currentView(turn: Turn): NodeView {
  const { state, settings } = turn
  const { peer } = state
  const groups = settings.groups.map((setup, index): GroupView => {
    const { group } = groupAt(turn, index)
    return { id: setup.id, digest: setup.digest, state: shownState(group), epoch: group.epoch, avoid: group.avoid, wanted: group.wantedUntil !== null, canServe: group.carrierTrouble === null }
  })
  const acknowledged = peer.generation === null || peer.heardAt === null ? null : { generation: peer.generation, sequence: peer.window.newest }
  return { phase: state.phase, acknowledged, hearsPeer: peer.standing.kind === 'alive', groups, health: healthOf(state, settings, turn.now), agreement: state.agreement }
}

/** Two views that differ in nothing but the running acknowledgement. */
export function saysTheSame(one: NodeView | null, other: NodeView | null): boolean {
  if (one === null || other === null) return one === other
  const isSame =
    one.phase === other.phase &&
    one.hearsPeer === other.hearsPeer &&
    one.acknowledged?.generation === other.acknowledged?.generation &&
    one.groups.length === other.groups.length &&
    one.health.isFit === other.health.isFit &&
    one.health.reached === other.health.reached &&
    (one.health.holdMs === 0) === (other.health.holdMs === 0)
  return isSame && one.groups.every((group, at) => isSameGroup(group, other.groups[at]))
}

const isSameGroup = (one: GroupView, other: GroupView | undefined): boolean =>
  one.id === other?.id &&
  one.digest === other.digest &&
  one.state === other.state &&
  one.epoch === other.epoch &&
  one.avoid === other.avoid &&
  one.wanted === other.wanted &&
  one.canServe === other.canServe
