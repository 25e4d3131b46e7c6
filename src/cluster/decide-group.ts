/**
 * Decides, for one group, what this node does next: claim, withdraw, start, stop, or nothing. Level-triggered: it looks
 * at both nodes' latest words and at nothing else, so a lost datagram only delays it.
 *
 * The rule that keeps two nodes off one group is a handshake after Dekker: a node starts only from `claimed`, and only
 * when it holds a datagram that the peer sent *after hearing that claim* and in which the peer shows the group released.
 * If both claim, each must see the other released after its own claim; both cannot. The placement, equal on both nodes,
 * says who withdraws.
 *
 * Invariants
 *  1. Never started beside a living peer without its acknowledgement; never while the peer shows anything but released.
 *  2. Never started after a peer's silence without the permission of safety/permission.ts; nor when the peer last showed it
 *     blocked, unless the peer was proved to be off or an operator gave his word.
 *  3. A start begun after a peer's death pauses when the peer turns up holding the group, until it let go.
 *  4. Of two holders exactly one yields: the placement's, or the one that hears the other when hearing is one-way.
 *
 * Not here: whether the peer is alive (membership/), the order of scripts (resource/group-machine.ts).
 */

import { isDeaf, isTwoWay } from '../membership/peer.js'
import { beginStart, beginStop, clearFailure, resume } from '../resource/group-machine.js'
import { isHeld, isReleased, type GroupView } from '../wire/ownership.js'
import { placement, survivorOf, type Placement, type PlacementRules, type Standing } from '../resource/placement.js'
import { applyGroupStep, changeGroup, groupAt, note, peerGroup, shownState, type Turn } from './turn.js'
import { awaitsKey, dampedReach, isAlone, isFitFor, isPeerOff, isUnheard, lapseOf, lapseOfGroup, missesKey, peerTiming, permission, poisonIfTaken } from './safety.js'
import type { GroupSettings, GroupState } from './types.js'

/** What is known about the peer's part in one group, worked out once per decision. */
interface Situation {
  readonly theirs: GroupView | null
  readonly isPeerAlive: boolean
  /** Alive, one of ours, and it has heard this life of ours. */
  readonly isTalking: boolean
  readonly agrees: boolean
  readonly rules: PlacementRules
  readonly mine: Standing
  readonly other: Standing
}

export function decideGroup(turn: Turn, index: number): void {
  retryFailure(turn, index)
  const { group } = groupAt(turn, index)
  switch (shownState(group)) {
    case 'unknown':
    case 'stopping':
    case 'failed':
    case 'blocked':
      return
    case 'starting':
    case 'running':
      return decideHeld(turn, index)
    case 'stopped':
    case 'claimed':
      // What the mail of a stall says may long be untrue; only all of it together counts.
      return turn.state.isCatchingUp ? undefined : decideReleased(turn, index)
  }
}

/** Where the group should be, and why; for decisions and for the operator. */
export function wish(turn: Turn, index: number): Placement {
  const { rules, mine, other } = situation(turn, index)
  return placement(rules, mine, other)
}

/**
 * The peer shows anything but released: a start under way must not go on to its next resource. That it has fallen silent
 * since is no leave; what is needed to take it over from a silent one is needed now, not only when the start began.
 */
export function isHeldByPeer(turn: Turn, index: number): boolean {
  const { state, settings, now } = turn
  const { setup } = groupAt(turn, index)
  const { kind } = state.peer.standing
  const theirs = peerGroup(state, setup.id)
  if (theirs === null || isReleased(theirs.state) || theirs.state === 'claimed') return false
  return kind === 'alive' || (kind === 'dead' && !permission(state, settings, { now, groupId: setup.id }).isGranted)
}

function situation(turn: Turn, index: number): Situation {
  const { state, settings } = turn
  const { group, setup } = groupAt(turn, index)
  const { peer } = state
  const theirs = peerGroup(state, setup.id)
  const isPeerAlive = peer.standing.kind === 'alive'
  const isTalking = isPeerAlive && peer.implementation === 'own' && isTwoWay(peer, settings.self.generation)
  const agrees = theirs !== null && theirs.digest === setup.digest
  const shown = shownState(group)
  const phase = peer.view?.phase
  return {
    theirs,
    isPeerAlive,
    isTalking,
    agrees,
    // Nothing goes home to a node whose links flap.
    rules: { home: setup.home, autoFailback: settings.autoFailback !== 'off' && !isQuarantined(turn) },
    mine: {
      name: settings.self.name,
      isEligible: state.phase === 'active' && shown !== 'unknown' && shown !== 'failed' && shown !== 'blocked' && group.carrierTrouble === null,
      isHolding: isHeld(shown),
      epoch: group.epoch,
      avoid: group.avoid,
      wanted: group.wantedUntil !== null,
      isFit: isFitFor(state, settings, { now: turn.now, isHolding: isHeld(shown) }),
      reached: isHeld(shown) ? dampedReach(turn) : (state.safety.connectivity?.reached ?? null)
    },
    other: {
      name: settings.peerName,
      isEligible:
        isTalking && agrees && phase === 'active' && theirs.state !== 'unknown' && theirs.state !== 'failed' && theirs.state !== 'blocked' && theirs.canServe,
      isHolding: isPeerAlive && theirs !== null && isHeld(theirs.state),
      epoch: theirs?.epoch ?? 0,
      avoid: theirs?.avoid === true,
      wanted: isTalking && theirs?.wanted === true,
      isFit: peer.view?.health.isFit ?? true,
      reached: peer.view?.health.reached ?? null
    }
  }
}

/** What this node has on the disk or at the arbiter keeps the other from starting it, whatever it claims. */
function isSecured(turn: Turn, index: number): boolean {
  const { lease, arbiter } = turn.settings.safety
  return (lease !== null || arbiter !== null) && lapseOfGroup(turn, index) === null
}

const isQuarantined = (turn: Turn): boolean => turn.state.quarantineUntil !== null && turn.now < turn.state.quarantineUntil

/** A failed group with nowhere else to go is tried here again, at growing intervals. */
function retryFailure(turn: Turn, index: number): void {
  const { group, setup } = groupAt(turn, index)
  const { run } = group.machine
  if (run.kind !== 'failed' || turn.now < run.retryAt || turn.state.phase !== 'active') return
  const { other, isPeerAlive } = situation(turn, index)
  if (isPeerAlive && (other.isHolding || other.isEligible)) return
  note(turn, 'info', `Resource group ${setup.key}: no other node can run it; trying again here`)
  changeGroup(turn, index, { machine: clearFailure(group.machine), reason: 'tried again after a failure' })
}

/** Whether to let go comes first: nothing more is started of a group that is about to be stopped. */
function decideHeld(turn: Turn, index: number): void {
  decideYield(turn, index)
  const { group, setup } = groupAt(turn, index)
  if (shownState(group) !== 'starting' || isHeldByPeer(turn, index)) return
  applyGroupStep(turn, index, resume(setup, group.machine))
}

function decideYield(turn: Turn, index: number): void {
  const { state, settings } = turn
  const { group } = groupAt(turn, index)
  const now = situation(turn, index)
  const peerName = settings.peerName
  if (state.phase === 'leaving') return stop(turn, index, 'this node is being stopped')
  if (group.isBlockedThere && shownState(group) === 'starting' && !group.isForced) {
    return stop(turn, index, `it is blocked on ${peerName} and may still run there`)
  }
  if (!now.isPeerAlive) return
  if (state.peer.implementation === 'linux-ha') {
    return stop(turn, index, `${peerName} runs Linux-HA Heartbeat, with which resources are not shared`)
  }
  if (now.other.isHolding) {
    if (group.contest !== 'seen') {
      changeGroup(turn, index, { contest: 'seen' })
      note(turn, 'error', `Both machines own our resources! ${peerName} also shows ${groupAt(turn, index).setup.key} ${now.theirs?.state ?? ''}`)
    }
    if (survivorOf(now.rules, now.mine, now.other).name !== settings.self.name) {
      const why = now.other.epoch === now.mine.epoch ? 'keeps it, as both started it equally late' : 'started it later and keeps it'
      turn.effects.push({ kind: 'drop-addresses', groups: [index] }) // one owner at once; the rest is stopped in order
      return stop(turn, index, `${peerName} ${why}`)
    }
  } else if (group.contest !== 'none' && now.theirs !== null && isReleased(now.theirs.state) && shownState(group) === 'running') {
    changeGroup(turn, index, { contest: 'none' })
    note(turn, 'info', `${peerName} does not hold ${groupAt(turn, index).setup.key}; announcing its addresses again`)
    turn.effects.push({ kind: 'announce', group: index })
  }
  if (isDeaf(state.peer, peerTiming(state, settings, turn.now), turn.now) && now.theirs !== null && (now.other.isHolding || (now.theirs.state === 'claimed' && !isSecured(turn, index)))) {
    turn.effects.push({ kind: 'drop-addresses', groups: [index] })
    return stop(turn, index, `${peerName} takes it and does not hear us; the node that hears both yields`)
  }
  // A node that still looks around keeps what it adopted; only a full member gives up what runs. A peer that is still
  // stopping its own may end blocked: of two owners one yields, and the other keeps serving until that is over.
  if (state.phase === 'active' && now.other.isEligible && !now.other.isHolding && now.theirs?.state !== 'stopping') {
    const { node, reason } = placement(now.rules, now.mine, now.other)
    if (node === peerName) stop(turn, index, reason, { avoid: group.avoid || now.other.wanted })
  }
}

function decideReleased(turn: Turn, index: number): void {
  const { state } = turn
  const { group, setup } = groupAt(turn, index)
  // A wish over there outlives its fulfilment: auto_failback does not undo what an operator asked for.
  if (situation(turn, index).other.wanted && group.wantedUntil === null) changeGroup(turn, index, { avoid: true })
  const now = situation(turn, index)
  const target = placement(now.rules, now.mine, now.other)
  const refusal = refusalToClaim(turn, now, group, target)
  if (refusal !== null) {
    if (group.claim !== null) note(turn, 'info', `Withdrawing the claim on ${setup.key}: ${refusal}`)
    changeGroup(turn, index, { claim: null, reason: refusal })
    return
  }
  if (group.claim === null) changeGroup(turn, index, { claim: { sequence: null }, reason: target.reason })
  const claim = groupAt(turn, index).group.claim
  if (claim === null) return
  if (state.peer.standing.kind === 'dead' && !isPermitted(turn, index)) return
  if (!mayStart(turn, now, groupAt(turn, index), claim)) return
  if (state.peer.standing.kind === 'dead') noteTakeover(turn, index, now)
  const epoch = Math.max(group.epoch, now.theirs?.epoch ?? 0) + 1
  applyGroupStep(turn, index, beginStart(setup, group.machine), { claim: null, epoch, avoid: false, contest: 'none', reason: target.reason })
}

/** The line of the log that an incident is later judged by: what was taken over, and on what proof. */
function noteTakeover(turn: Turn, index: number, now: Situation): void {
  const { settings, state } = turn
  const { setup } = groupAt(turn, index)
  const allowed = permission(state, settings, { now: turn.now, groupId: setup.id })
  // A Linux-HA node shows no groups: it may have held anything.
  const mayHaveHeld = now.theirs === null ? state.peer.implementation === 'linux-ha' : !isReleased(now.theirs.state)
  if (mayHaveHeld) note(turn, 'info', `Resources being acquired from ${settings.peerName}.`)
  if (!allowed.isGranted) return
  if (allowed.by !== 'none') note(turn, allowed.by === 'quorum' ? 'warn' : 'info', `Taking over ${setup.key}: ${allowed.text}.`)
  else if (mayHaveHeld) note(turn, 'warn', `No STONITH device configured. Taking over ${setup.key} without proof that ${settings.peerName} is off; shared disks are not protected.`)
  poisonIfTaken(turn, index)
}

/** Why this node must not even claim the group, or null when it may. */
function refusalToClaim(turn: Turn, now: Situation, group: GroupState, target: Placement): string | null {
  const { state, settings } = turn
  const peerName = settings.peerName
  if (state.phase !== 'active') return state.phase === 'leaving' ? 'this node is being stopped' : 'this node is still looking around'
  if (group.carrierTrouble !== null && target.node === null) return `it cannot be reached here: ${group.carrierTrouble}`
  if (target.node !== settings.self.name) return target.node === null ? target.reason : `it belongs on ${target.node}: ${target.reason}`
  if (group.isBlockedThere && !group.isForced) return `blocked on ${peerName}: its stop failed there and it may still run`
  if (!isPeerOff(state, settings)) {
    const isAloneNow = isAlone(state, settings)
    const lapse = isAloneNow || isUnheard(state, settings, turn.now) ? lapseOf(state, settings, turn.now) : null
    if (lapse !== null) return `${settings.self.name} is alone and ${lapse}`
    const { pausedUntil } = state.safety
    if (isAloneNow && pausedUntil !== null && turn.now < pausedUntil) return `${settings.self.name} gave it up to be safe; ${peerName} is given time to take it`
  }
  if (!now.isPeerAlive) return null
  if (state.peer.implementation === 'linux-ha') return `${peerName} runs Linux-HA Heartbeat, with which resources are not shared`
  if (!now.isTalking) return `${peerName} is heard but does not hear us yet`
  if (!now.agrees || now.theirs === null) return `its line in haresources differs on ${peerName}`
  const phase = state.peer.view?.phase
  if (phase === 'probing' || phase === 'joining' || now.theirs.state === 'unknown') return `${peerName} is still looking around`
  if (isHeld(now.theirs.state)) return `${peerName} has not released it yet`
  return null
}

/** Silence alone may prove nothing; then the operator reads what is waited for, once. */
function isPermitted(turn: Turn, index: number): boolean {
  const { group, setup } = groupAt(turn, index)
  const allowed = permission(turn.state, turn.settings, { now: turn.now, groupId: setup.id })
  if (allowed.isGranted) return true
  if (group.reason !== allowed.text) {
    note(turn, 'info', `${setup.key} is not taken over yet: ${allowed.text}`)
    changeGroup(turn, index, { reason: allowed.text })
  }
  return false
}

function mayStart(turn: Turn, now: Situation, { group, setup }: { readonly group: GroupState; readonly setup: GroupSettings }, claim: { readonly sequence: number | null }): boolean {
  const { state, settings } = turn
  switch (state.peer.standing.kind) {
    case 'unheard':
      return false
    case 'dead':
      return true // refusalToClaim has excluded a blocked group, and permission was given
    case 'left':
      return !missesKey(state, settings, setup.id) && (now.theirs === null || isReleased(now.theirs.state) || group.isForced)
    case 'alive': {
      const acknowledged = state.peer.view?.acknowledged
      const isAcknowledged = acknowledged?.generation === settings.self.generation && claim.sequence !== null && acknowledged.sequence >= claim.sequence
      // A peer that is heard but does not hear us can acknowledge nothing; while every right is ours it starts nothing.
      const isKept = settings.safety.arbiter !== null && !missesKey(state, settings, setup.id) && lapseOf(state, settings, turn.now) === null && isDeaf(state.peer, peerTiming(state, settings, turn.now), turn.now)
      if (!isAcknowledged && !(isKept && now.theirs !== null && isReleased(now.theirs.state))) return false
      if (awaitsKey(state, settings, setup.id, turn.now)) return false
      return now.theirs !== null && (isReleased(now.theirs.state) || group.isForced)
    }
  }
}

function stop(turn: Turn, index: number, reason: string, change: Partial<GroupState> = {}): void {
  const { group, setup } = groupAt(turn, index)
  applyGroupStep(turn, index, beginStop(setup, group.machine, 'stopped', reason), { ...change, reason })
}
