/**
 * Joins what is configured against two owners (safety/) with the cluster: takes its reports, lets go when a right has
 * lapsed, shoots when a silent peer must be off, and says each change once.
 *
 * Invariants
 *  1. A node that is alone and has lost a right drops its addresses in the very step in which it finds out.
 *  2. The peer is shot only while it is silent, and while something here hangs on its being off.
 */

import { after, instant, millis, type Instant, type Millis } from '../base/units.js'
import { isTwoWay, type Timing } from '../membership/peer.js'
import type { ArbiterWord } from '../port/arbiter.js'
import type { LeaseReport, PoisonPill } from '../port/lease.js'
import type { FencingOutcome, FencingProof } from '../port/fencing.js'
import { beginStop, stateOf, voidProbe } from '../resource/group-machine.js'
import { fenceDeadline, onFenced, stepFence } from '../safety/fence.js'
import { diskPatience, isReadable, onLeaseReport } from '../safety/lease.js'
import { patienceWithoutRight, permissionToTake, type Permission } from '../safety/permission.js'
import { isInDanger, lapsedArbiter, lapsedKey, lapsedRenewal, lapsedRight, rightsDeadline, type RightsContext } from '../safety/rights.js'
import type { SafetyState } from '../safety/types.js'
import { isHeld, type Health } from '../wire/ownership.js'
import { applyGroupStep, changeGroup, groupAt, note, peerGroup, shownState, type Turn } from './turn.js'
import type { ClusterSettings, ClusterState } from './types.js'

/** Of two nodes that see their ping nodes vanish, one notices later by up to a ping's interval: no reason to move. */
const dampMs = millis(2_000)

export function changeSafety(turn: Turn, change: Partial<SafetyState>): void {
  turn.state = { ...turn.state, safety: { ...turn.state.safety, ...change } }
}

// --- reports -----------------------------------------------------------------------------------------------------------

export function onLease(turn: Turn, report: LeaseReport): void {
  const { settings, state, now } = turn
  const before = state.safety.lease
  const lease = onLeaseReport(before, report, { now, settings: settings.safety.lease })
  changeSafety(turn, { lease })
  if (report.kind === 'trouble' && before.readTrouble === null && before.writeTrouble === null) note(turn, 'error', `The lease on the disk cannot be ${report.operation === 'read' ? 'read' : 'renewed'}: ${report.reason}`)
  const wasTroubled = before.readTrouble !== null || before.writeTrouble !== null
  if (wasTroubled && lease.readTrouble === null && lease.writeTrouble === null) note(turn, 'info', 'The lease on the disk is read and renewed again')
  const { hold } = turn.state
  // The write that ends now may hold a status from before the hold.
  if (report.kind === 'written' && hold !== null && hold.sequence !== null && report.sequence >= hold.sequence) turn.state = { ...turn.state, hold: { ...hold, isWritten: true } }
  if (report.kind === 'read' && report.pill?.generation === settings.self.generation && !isSamePill(report.pill, before.pill)) onPill(turn, report.pill.from)
}

/** An order stands on the disk for ever; what was given back to us since is not meant by it. */
const isSamePill = (one: PoisonPill, other: PoisonPill | null): boolean => one.generation === other?.generation && one.from === other.from

/** The other node has taken over and says so through the disk: whatever we believe, our time is over. */
function onPill(turn: Turn, from: string): void {
  if (heldGroups(turn).length > 0) letGo(turn, heldGroups(turn), `${from} told this node through the disk to give everything up`)
}

export function onFencedEvent(turn: Turn, attempt: number, outcome: FencingOutcome): void {
  const { settings, state, now } = turn
  const { fencing } = settings.safety
  if (fencing === null) return
  const fence = onFenced(state.safety.fence, attempt, outcome, { now, settings: fencing })
  if (fence === state.safety.fence) return
  const said = outcome.kind === 'fenced' ? `${outcome.device} turned ${settings.peerName} off` : outcome.said.join('; ')
  changeSafety(turn, { fence, fencingProof: { at: now, isProven: outcome.kind === 'fenced', said } })
  if (outcome.kind === 'fenced') {
    note(turn, 'info', `node ${settings.peerName} was fenced: ${said} (${Math.round(outcome.durationMs)} ms)`)
    clearBlockedThere(turn)
  } else note(turn, 'error', `Fencing ${settings.peerName} FAILED: ${said}. Its groups stay where they are; trying again in ${Math.round(fencing.retryMs / 1_000)} s`)
}

export function onFencingTested(turn: Turn, proof: FencingProof): void {
  const isProven = proof.kind === 'proven'
  const before = turn.state.safety.fencingProof
  const said = proof.said.join('; ')
  changeSafety(turn, { fencingProof: { at: turn.now, isProven, said } })
  if (before?.isProven === isProven) return
  note(turn, isProven ? 'info' : 'error', isProven ? `Fencing is proven: ${said}` : `Fencing is NOT proven: ${said}`)
}

/**
 * An operator saw that the peer is off: as good as a device, and void as soon as it is heard. It need not be waited for, and
 * what a stopped one left blocked is free.
 */
export function confirmOff(turn: Turn): string | null {
  const { settings, state, now } = turn
  const { peer } = state
  if (peer.standing.kind === 'alive') return `${settings.peerName} is alive: it was heard just now`
  if (peer.standing.kind !== 'dead') turn.state = { ...state, peer: { ...peer, standing: { kind: 'dead', since: now, reason: 'an operator says that it is off' } } }
  changeSafety(turn, { fence: { kind: 'fenced', at: now, by: 'operator', device: 'operator' } })
  note(turn, 'warn', `An operator gave his word that ${settings.peerName} is off`)
  clearBlockedThere(turn)
  return null
}

/** What is off runs nothing. */
function clearBlockedThere(turn: Turn): void {
  for (const [index, group] of turn.state.groups.entries()) if (group.isBlockedThere) changeGroup(turn, index, { isBlockedThere: false })
}

export function onArbiter(turn: Turn, word: ArbiterWord): void {
  const before = turn.state.safety.arbiter
  changeSafety(turn, { arbiter: onlyWanted(word, turn.state.safety.wanted) })
  if (word.trouble !== null && before?.trouble !== word.trouble) note(turn, 'error', `The arbiter cannot be used: ${word.trouble}`)
  if (word.trouble === null && before !== null && before.trouble !== null) note(turn, 'info', 'The arbiter answers again')
}

export function onConnectivity(turn: Turn, seen: { readonly reached: number; readonly of: number; readonly silent: readonly string[] }): void {
  const before = turn.state.safety.connectivity
  changeSafety(turn, { connectivity: { ...seen, worseSince: before?.worseSince ?? null } })
  if (before?.reached === seen.reached && before.silent.join() === seen.silent.join()) return
  const text = seen.silent.length === 0 ? 'all answer' : `silent: ${seen.silent.join(', ')}`
  note(turn, seen.reached < (before?.reached ?? seen.of) ? 'warn' : 'info', `Ping nodes reached: ${seen.reached} of ${seen.of} (${text})`)
}

export function onCarrier(turn: Turn, index: number, trouble: string | null): void {
  const { group, setup } = groupAt(turn, index)
  if (group.carrierTrouble === trouble) return
  changeGroup(turn, index, { carrierTrouble: trouble })
  note(turn, trouble === null ? 'info' : 'error', trouble === null ? `${setup.key} can be reached here again: its interface has a carrier` : `${setup.key} cannot be reached here: ${trouble}`)
}

// --- conclusions -------------------------------------------------------------------------------------------------------

const heldGroups = (turn: Turn): readonly number[] => turn.state.groups.flatMap((group, index) => (isHeld(stateOf(group.machine.run)) ? [index] : []))

/** Nothing proves that the other node knows us alive: it may be taking over by whatever means are configured. */
export function isAlone(state: ClusterState, settings: ClusterSettings): boolean {
  const { peer } = state
  if (peer.standing.kind !== 'alive' || peer.implementation !== 'own') return true
  return !isTwoWay(peer, settings.self.generation) || peer.view?.hearsPeer !== true
}

export const rightsContext = (state: ClusterState, now: Instant): RightsContext => ({
  now,
  startedAt: state.startedAt,
  heldUntil: state.hold !== null && state.hold.isWritten ? state.hold.until : null
})

/** Why this node may hold nothing alone, or null. */
export const lapseOf = (state: ClusterState, settings: ClusterSettings, now: Instant): string | null => lapsedRight(state.safety, settings.safety, rightsContext(state, now))

/** Whether placement should prefer another node: a holder gives up only what has lapsed, others are judged by what they tell. */
export function isFitFor(state: ClusterState, settings: ClusterSettings, context: { readonly now: Instant; readonly isHolding: boolean }): boolean {
  const rights = rightsContext(state, context.now)
  return context.isHolding ? lapsedRenewal(state.safety, settings.safety, rights) === null : !isInDanger(state.safety, settings.safety, rights)
}

/** Why this node may not hold this group alone, or null. */
export function lapseOfGroup(turn: Turn, index: number): string | null {
  const { state, settings, now } = turn
  return lapseOf(state, settings, now) ?? lapsedKey(state.safety, settings.safety, groupAt(turn, index).setup.id, rightsContext(state, now))
}

/** The addresses go first, in this very step; then everything else is stopped in order. */
export function letGo(turn: Turn, groups: readonly number[], reason: string): void {
  turn.effects.push({ kind: 'drop-addresses', groups })
  note(turn, 'crit', `${reason}: releasing ${groups.map(index => groupAt(turn, index).setup.key).join(', ')} at once`)
  for (const index of groups) {
    const { group, setup } = groupAt(turn, index)
    applyGroupStep(turn, index, beginStop(setup, group.machine, 'stopped', reason), { reason })
  }
  changeSafety(turn, { pausedUntil: after(turn.now, pauseOf(turn.settings)) })
}

/** After giving up, the other node gets the time in which it may take over before anything is started here alone. */
const pauseOf = (settings: ClusterSettings): Millis =>
  millis(2 * Math.max(settings.timing.deadtimeMs, settings.safety.lease?.leaseMs ?? 0, settings.safety.arbiter?.ttlMs ?? 0, settings.safety.quorum?.deadpingMs ?? 0))

/** Lets go of what may not be held any longer. Comes before every other conclusion about groups. */
export function settleRights(turn: Turn): void {
  const { settings, now } = turn
  tellLapse(turn)
  noteConnected(turn)
  if (turn.state.safety.toldLapse !== null && turn.state.safety.fence.kind === 'fenced') voidProof(turn)
  if (turn.state.safety.toldLapse !== null) distrustFarewell(turn)
  const isAloneNow = isAlone(turn.state, settings)
  if (isPeerOff(turn.state, settings) || (!isAloneNow && !isUnheard(turn.state, settings, now))) return forgetDropped(turn)
  const lapsed = heldGroups(turn).map(index => ({ index, why: lapseOfGroup(turn, index) ?? (isAloneNow ? carrierLapse(turn, index) : null) }))
  dropRemains(turn)
  const reasons = new Set(lapsed.flatMap(one => (one.why === null ? [] : [one.why])))
  for (const why of reasons) letGo(turn, lapsed.filter(one => one.why === why).map(one => one.index), `${settings.self.name} is alone and ${why}`)
  const { pausedUntil } = turn.state.safety
  if (pausedUntil !== null && now >= pausedUntil) changeSafety(turn, { pausedUntil: null })
}

/** Takes addresses off also where nobody knows yet what runs: what was seen of such a group does not count any more. */
export function dropUnlooked(turn: Turn, groups: readonly number[]): void {
  turn.effects.push({ kind: 'drop-addresses', groups })
  for (const index of groups) {
    const { machine } = groupAt(turn, index).group
    const voided = voidProbe(machine)
    if (voided !== machine) changeGroup(turn, index, { machine: voided })
  }
}

/** What is still being stopped, could not be stopped, or was not looked at yet has its address too, and the scripts take their time. */
function dropRemains(turn: Turn): void {
  const lapsed = remains(turn.state).filter(index => lapseOfGroup(turn, index) !== null)
  const { dropped } = turn.state.safety
  const due = lapsed.filter(index => !dropped.includes(index))
  if (due.length > 0) dropUnlooked(turn, due)
  if (lapsed.join() !== dropped.join()) changeSafety(turn, { dropped: lapsed })
}

function forgetDropped(turn: Turn): void {
  if (turn.state.safety.dropped.length > 0) changeSafety(turn, { dropped: [] })
}

/** Groups that this node neither holds nor has surely released. */
const remains = (state: ClusterState): readonly number[] =>
  state.groups.flatMap((group, index) => (['stopping', 'blocked', 'unknown'].includes(stateOf(group.machine.run)) ? [index] : []))

/** Groups whose addresses may be up on this node. */
export const addressed = (state: ClusterState): readonly number[] => state.groups.flatMap((group, index) => (['stopped', 'failed'].includes(stateOf(group.machine.run)) ? [] : [index]))

/** A node without carrier cannot serve; one whose peer left in order has nobody who could do better. */
function carrierLapse(turn: Turn, index: number): string | null {
  if (turn.state.peer.standing.kind === 'left') return null
  return groupAt(turn, index).group.carrierTrouble
}

/** The peer is known to be off and to stay so until somebody switches it on: nobody can take anything from us. */
export function isPeerOff(state: ClusterState, settings: ClusterSettings): boolean {
  const { fence } = state.safety
  return fence.kind === 'fenced' && (fence.by === 'operator' || settings.safety.fencing?.staysOff === true)
}

/** What was proved before we stood still, or while we had no right to anything, may long be untrue: it is proved again. */
export function voidProof(turn: Turn): void {
  const { fence } = turn.state.safety
  if (fence.kind !== 'idle' && !isPeerOff(turn.state, turn.settings)) changeSafety(turn, { fence: { kind: 'idle' } })
}

/**
 * A farewell says that the peer released everything then. While we had no right, or slept, it may have been started and have
 * taken over, unheard: what it needs our permission for, we need a proof for. With fencing alone it would have shot us.
 */
export function distrustFarewell(turn: Turn): void {
  const { peer } = turn.state
  const { arbiter, fencing, lease, quorum } = turn.settings.safety
  if (peer.standing.kind !== 'left' || (fencing !== null && lease === null && arbiter === null && quorum === null)) return
  turn.state = { ...turn.state, peer: { ...peer, standing: { kind: 'dead', since: turn.now, reason: 'it was stopped in order, and may have been started since' } } }
}

/** Not heard for so long that a node without every right must count itself alone, whatever patience it has otherwise. */
export function isUnheard(state: ClusterState, settings: ClusterSettings, now: Instant): boolean {
  const due = unheardAt(state, settings)
  return due === null || now >= due
}

const unheardAt = (state: ClusterState, settings: ClusterSettings): Instant | null =>
  state.peer.heardAt === null || (settings.safety.lease === null && settings.safety.arbiter === null && settings.safety.quorum === null) ? null : after(state.peer.heardAt, patienceWithoutRight(settings.timing.deadtimeMs))

function tellLapse(turn: Turn): void {
  const { settings, state, now } = turn
  const lapse = lapseOf(state, settings, now)
  if (lapse === state.safety.toldLapse) return
  changeSafety(turn, { toldLapse: lapse })
  if (lapse !== null && state.safety.toldLapse === null) note(turn, 'error', `${settings.self.name} may hold nothing alone now: ${lapse}`)
  if (lapse === null) note(turn, 'info', `${settings.self.name} has every right to hold its groups again`)
}

/** Remembers since when the peer has been the better connected node. */
function noteConnected(turn: Turn): void {
  const { connectivity } = turn.state.safety
  if (connectivity === null) return
  const theirs = turn.state.peer.standing.kind === 'alive' ? (turn.state.peer.view?.health.reached ?? null) : null
  const isWorse = theirs !== null && theirs > connectivity.reached
  if (isWorse === (connectivity.worseSince !== null)) return
  changeSafety(turn, { connectivity: { ...connectivity, worseSince: isWorse ? turn.now : null } })
}

/** Ping nodes reached, as placement should see them: a peer that is better connected counts only after a while. */
export function dampedReach(turn: Turn): number | null {
  const { connectivity } = turn.state.safety
  if (connectivity === null) return null
  const theirs = turn.state.peer.view?.health.reached ?? null
  const { worseSince } = connectivity
  return theirs !== null && worseSince !== null && turn.now < after(worseSince, dampMs) ? theirs : connectivity.reached
}

/** Whether a group may be taken from the silent peer. */
export function permission(state: ClusterState, settings: ClusterSettings, context: { readonly groupId: string; readonly now: Instant }): Permission {
  const { now, groupId } = context
  const { standing } = state.peer
  const deadSince = standing.kind === 'dead' ? standing.since : now
  const { deadtimeMs, keepaliveMs } = settings.timing
  const allowed = permissionToTake(state.safety, settings.safety, { now, peerName: settings.peerName, deadSince, heardAt: state.peer.heardAt, keepaliveMs, deadtimeMs, groupId, wasFit: state.peer.view?.health.isFit !== false })
  if (!allowed.isGranted || !missesKey(state, settings, groupId)) return allowed
  return { isGranted: false, until: null, text: `the arbiter has not given this node the key, without which it may not hold it alone` }
}

/** Alone it may be started only with the arbiter's key: without it, it would have to be let go at once. */
export const missesKey = (state: ClusterState, settings: ClusterSettings, groupId: string): boolean =>
  settings.safety.arbiter !== null && !isPeerOff(state, settings) && state.safety.arbiter?.ours.includes(groupId) !== true

/**
 * Beside a living peer, too, the key comes first: a daemon that dies between a start and its key would leave a group running
 * whose key the peer could have. Only who has lost the arbiter starts without; that is known there (`byArbiter` waits for it).
 */
export const awaitsKey = (state: ClusterState, settings: ClusterSettings, groupId: string, now: Instant): boolean =>
  missesKey(state, settings, groupId) && lapsedArbiter(state.safety, settings.safety, rightsContext(state, now)) === null

/** Shoots, or stops waiting to. Comes after the groups were decided: claims show what hangs on it. */
export function settleFence(turn: Turn): void {
  const { settings, state, now } = turn
  const { fencing } = settings.safety
  if (state.peer.standing.kind === 'alive' || state.peer.standing.kind === 'left') {
    if (state.safety.fence.kind !== 'idle') {
      if (state.safety.fence.kind === 'fenced') note(turn, 'info', `${settings.peerName} is heard: the proof that it was off is void`)
      if (state.safety.fence.kind === 'shooting') {
        note(turn, 'info', `${settings.peerName} is heard: calling off its fencing`)
        turn.effects.push({ kind: 'call-off', attempt: state.safety.fence.attempt })
      }
      changeSafety(turn, { fence: { kind: 'idle' } })
    }
    return
  }
  if (fencing === null || state.peer.standing.kind !== 'dead' || state.phase !== 'active') return
  const holds = heldGroups(turn).length
  const claims = state.groups.filter(group => group.claim !== null || group.isBlockedThere).length
  // Without every right nothing could be started after the shot, which might hit the node that has them.
  const isOfUse = fencing.staysOff || lapseOf(state, settings, now) === null
  const step = stepFence(state.safety.fence, { now, settings: fencing, isNeeded: isOfUse && holds + claims > 0, isFirst: isFirstToShoot(turn, holds), shots: state.safety.shots })
  if (step.fence !== state.safety.fence) changeSafety(turn, { fence: step.fence })
  if (step.shoot === null) return
  changeSafety(turn, { shots: step.shoot })
  note(turn, 'warn', `Fencing ${settings.peerName} (attempt ${step.shoot}): ${state.peer.standing.reason}`)
  turn.effects.push({ kind: 'fence', attempt: step.shoot, victim: settings.peerName, timeoutMs: fencing.timeoutMs })
}

/** Whoever holds more; of two that hold the same, the one whose name sorts first. Both nodes conclude the same. */
function isFirstToShoot(turn: Turn, holds: number): boolean {
  const { settings, state } = turn
  const theirs = state.peer.view?.groups.filter(group => isHeld(group.state)).length ?? 0
  return holds === theirs ? settings.self.name < settings.peerName : holds > theirs
}

/** A key that was given back is not ours any more, even before the arbiter says so. */
const onlyWanted = (word: ArbiterWord, wanted: readonly string[]): ArbiterWord => ({ ...word, ours: word.ours.filter(id => wanted.includes(id)) })

/** Tells the arbiter which keys this node wants: of groups it claims, holds, has not let go of, or has not looked at yet. */
export function settleWanted(turn: Turn): void {
  if (turn.settings.safety.arbiter === null) return
  const wanted = turn.settings.groups.flatMap((setup, index) => {
    const shown = shownState(groupAt(turn, index).group)
    return shown === 'stopped' || shown === 'failed' ? [] : [setup.id]
  })
  if (wanted.join() === turn.state.safety.wanted.join()) return
  const { arbiter } = turn.state.safety
  changeSafety(turn, { wanted, arbiter: arbiter === null ? null : onlyWanted(arbiter, wanted) })
  turn.effects.push({ kind: 'arbiter-want', groups: wanted })
}

/** The pill for the life that was taken over from: should it wake up with its network cut, it learns it from the disk. */
export function poisonIfTaken(turn: Turn, index: number): void {
  const { settings, state } = turn
  if (settings.safety.lease === null || state.peer.generation === null) return
  const theirs = peerGroup(state, groupAt(turn, index).setup.id)
  if (theirs !== null && !isHeld(theirs.state)) return
  turn.effects.push({ kind: 'poison', generation: state.peer.generation })
}

// --- what others need to know ------------------------------------------------------------------------------------------

export function healthOf(state: ClusterState, settings: ClusterSettings, now: Instant): Health {
  return {
    isFit: !isInDanger(state.safety, settings.safety, rightsContext(state, now)),
    reached: state.safety.connectivity?.reached ?? null,
    stalledMs: Math.round(state.stalls.totalMs),
    holdMs: state.hold === null ? 0 : Math.max(0, Math.round(state.hold.until - now)),
    holdReason: state.hold?.reason ?? ''
  }
}

/**
 * The patience with the peer: on a disk that carries its heartbeats it beats more slowly than on the network, and silence
 * on the network alone proves nothing. A flapping peer is given more.
 */
export function peerTiming(state: ClusterState, settings: ClusterSettings, now: Instant): Timing {
  const { timing } = settings
  const { lease } = settings.safety
  const isQuarantined = state.quarantineUntil !== null && now < state.quarantineUntil
  const diskMs = lease !== null && state.safety.lease.hasMoved && isReadable(state.safety.lease, lease, now) ? diskPatience(lease) : 0
  const deadtimeMs = millis(Math.max(timing.deadtimeMs * (isQuarantined ? quarantinePatience : 1), diskMs))
  return deadtimeMs === timing.deadtimeMs ? timing : { ...timing, deadtimeMs, warntimeMs: millis(Math.max(timing.warntimeMs, deadtimeMs / 2)) }
}

/** A flapping peer is waited for so many deadtimes before it counts as dead. */
export const quarantinePatience = 3

/** The next moment at which something here may change by time alone. */
export function safetyDeadline(state: ClusterState, settings: ClusterSettings): Instant | null {
  const { safety, at: now } = state
  const moments: (Instant | null)[] = [fenceDeadline(safety.fence), safety.pausedUntil]
  moments.push(rightsDeadline(safety, settings.safety, rightsContext(state, now)))
  moments.push(unheardAt(state, settings))
  if (state.peer.standing.kind === 'dead') {
    for (const [index, group] of state.groups.entries()) {
      if (group.claim === null) continue
      const allowed = permission(state, settings, { now, groupId: settings.groups[index]?.id ?? '' })
      if (!allowed.isGranted) moments.push(allowed.until)
    }
  }
  const worseSince = safety.connectivity?.worseSince ?? null
  if (worseSince !== null) moments.push(after(worseSince, dampMs))
  if (state.hold !== null) moments.push(state.hold.until)
  moments.push(state.quarantineUntil)
  const future = moments.filter((one): one is Instant => one !== null && one > now)
  return future.length === 0 ? null : instant(Math.min(...future))
}
