/**
 * The cluster core: one function from state and event to state and effects. The same code runs in the daemon, in the
 * simulator, and in tests.
 *
 * Each event first records what happened; then `settle` looks at the whole state and decides what follows from it:
 * who is alive, which groups to claim, start or stop, what to tell the peer. Nothing is decided anywhere else, so the
 * order in which facts arrive does not matter, only the facts.
 *
 * Invariants between the deciders
 *  1. Every change of what this node shows is sent at once, and otherwise a status goes out every keepalive.
 *  2. A claim becomes known with the sequence of the first datagram that carries it, never before.
 *  3. After a stall longer than the peer's patience the addresses go first, before any datagram is looked at.
 *  4. While waiting datagrams are still being read after a stall, nothing is claimed or started.
 *  5. Every wait has a deadline in `nextDeadline`.
 */

import { unreachable } from '../base/invariant.js'
import { after, elapsed, millis, type Instant, type Millis } from '../base/units.js'
import { deathAt, forgive, hear, isTwoWay, judge, unheardPeer } from '../membership/peer.js'
import { forgiveLink, hearOn, judgeLink, linkDeathAt, silentLink } from '../membership/links.js'
import { beginProbe, beginStop, deadlineOf, onOutcome, onTime, stateOf } from '../resource/group-machine.js'
import { unprovenSafety } from '../safety/types.js'
import { isHeld, type GroupView, type NodeView } from '../wire/ownership.js'
import type { Heard } from '../wire/status.js'
import { decideGroup, isHeldByPeer } from './decide-group.js'
import { noteDifferences, nothingCompared, onCompared } from './differences.js'
import { onLinuxHa } from './linux-ha.js'
import { onAsked, settleMoves } from './operator.js'
import { addressed, distrustFarewell, dropUnlooked, healthOf, lapseOf, onArbiter, onCarrier, onConnectivity, onFencedEvent, onFencingTested, onLease, peerTiming, safetyDeadline, settleFence, settleRights, settleWanted, voidProof } from './safety.js'
import { noteReturn, onStallExplained, quietTime, settleHold, settleQuarantine } from './pauses.js'
import { countRefused, reportRefused, refusalReportAt } from './refusals.js'
import { applyGroupStep, changeGroup, groupAt, note, peerGroup, shownState, type Turn } from './turn.js'
import type { ClusterEffect, ClusterEvent, ClusterSettings, ClusterState, GroupState } from './types.js'

export interface ClusterStep {
  readonly state: ClusterState
  readonly effects: readonly ClusterEffect[]
  /** Nothing was decided and no deadline came nearer: the armed one will do. */
  readonly isQuiet: boolean
}

/** The share of a keepalive after which a heard heartbeat is answered at once instead of at its time. */
const nearlyDue = 0.75
/** Farewells are repeated so that one lost datagram does not cost the peer a deadtime. */
const farewellsMax = 3
/** A restart of ours accepts recorded datagrams of the peer's present life that are at most this old. */
const rememberEvery = millis(60_000)
const farewellSpacing = millis(15)

export function initialState(settings: ClusterSettings, now: Instant): ClusterState {
  const group = (id: string): GroupState => ({
    machine: { run: { kind: 'probing', index: 0, seen: [], isVoid: false }, attempt: 0, failures: 0 },
    claim: null,
    epoch: settings.heldEpochs.get(id) ?? 0,
    avoid: false,
    wantedUntil: null,
    isForced: false,
    contest: 'none',
    isBlockedThere: false,
    carrierTrouble: null,
    reason: 'looking whether it runs here'
  })
  return {
    phase: 'probing',
    startedAt: now,
    at: now,
    sequence: 0,
    peer: unheardPeer(settings.peerName, settings.rememberedPeerGeneration, settings.rememberedPeerSequence),
    links: settings.links.map(link => silentLink(link.name, link.description)),
    groups: settings.groups.map(setup => group(setup.id)),
    sentAt: null,
    sentView: null,
    isReplyDue: true,
    moves: [],
    stopRequests: [],
    stopTold: null,
    farewells: 0,
    isSettledOnce: false,
    rememberedAt: now,
    differences: '',
    comparedGroups: null,
    agreement: settings.agreement,
    comparison: nothingCompared,
    isPortClosed: false,
    isCatchingUp: false,
    stalls: { count: 0, longestMs: 0, totalMs: 0, last: null },
    safety: unprovenSafety,
    hold: null,
    returns: [],
    quarantineUntil: null,
    refusals: new Map(),
    accepted: 0
  }
}

export function step(state: ClusterState, event: ClusterEvent, settings: ClusterSettings): ClusterStep {
  const turn: Turn = { state: { ...state, at: event.now }, effects: [], now: event.now, settings, isQuiet: false }
  record(turn, event)
  if (!turn.isQuiet) settle(turn)
  if (isWorthKeeping(state, turn.state, turn.now)) remember(turn)
  return { state: turn.state, effects: turn.effects, isQuiet: turn.isQuiet }
}

function record(turn: Turn, event: ClusterEvent): void {
  switch (event.kind) {
    case 'begin':
      note(turn, 'info', `Local status now set to: 'up'`)
      for (const [index, setup] of turn.settings.groups.entries()) applyGroupStep(turn, index, beginProbe(setup))
      return
    case 'heard':
      return onHeard(turn, event.link, event.heard)
    case 'refused':
      return countRefused(turn, event.reason, event.from)
    case 'tick':
      turn.state = { ...turn.state, isCatchingUp: false }
      return
    case 'woke':
      return onWoke(turn, event.stallMs)
    case 'stall-explained':
      return onStallExplained(turn, event.cause)
    case 'operated': {
      const { group, setup } = groupAt(turn, event.group)
      const context = { now: turn.now, mayGoOn: !isHeldByPeer(turn, event.group) }
      const stepped = onOutcome(setup, group.machine, { attempt: event.attempt, outcome: event.outcome }, context)
      const isAdopted = group.machine.run.kind === 'probing' && stepped.machine.run.kind === 'running'
      return applyGroupStep(turn, event.group, stepped, isAdopted ? { reason: 'found running here when heartbeat started' } : {})
    }
    case 'medium': {
      const links = turn.state.links.map((link, at) => (at === event.link ? { ...link, trouble: event.trouble } : link))
      turn.state = { ...turn.state, links }
      return
    }
    case 'port-unreachable':
      return onPortUnreachable(turn, event.link)
    case 'asked':
      return onAsked(turn, event.id, event.request)
    case 'fenced':
      return onFencedEvent(turn, event.attempt, event.outcome)
    case 'fencing-tested':
      return onFencingTested(turn, event.proof)
    case 'lease':
      return onLease(turn, event.report)
    case 'arbiter':
      return onArbiter(turn, event.word)
    case 'connectivity':
      return onConnectivity(turn, event)
    case 'carrier':
      return onCarrier(turn, event.group, event.trouble)
    case 'agreement':
      turn.state = { ...turn.state, agreement: event.agreement }
      return
    case 'compared':
      return onCompared(turn, event.theirs, event.differences, event.trouble)
    default:
      return unreachable(event)
  }
}

function onHeard(turn: Turn, linkIndex: number, heard: Heard): void {
  const { settings, now } = turn
  if (linkIndex === settings.safety.lease?.link && !turn.state.safety.lease.hasMoved) {
    turn.isQuiet = true // a sector that has not moved since we look may be a relic of a life long over
    return
  }
  if (heard.source === settings.self.name) {
    // Our own broadcast comes back to us; anything else under our name is another machine.
    if (heard.generation !== settings.self.generation || (heard.sequence ?? 0) > turn.state.sequence) countRefused(turn, 'own-name-from-elsewhere', heard.source)
    return
  }
  if (heard.source !== settings.peerName) return countRefused(turn, 'unknown-node', heard.source)
  const isForUs = heard.destination === null || heard.destination === settings.self.name
  if (heard.sequence === null) {
    if (isForUs) onLinuxHa(turn, heard)
    return
  }
  const before = turn.state.peer
  const message = {
    generation: heard.generation,
    sequence: heard.sequence,
    uuid: heard.uuid,
    status: heard.type === 'status' && heard.statusText !== null ? { text: heard.statusText, deadtimeMs: heard.deadtimeMs, view: heard.view } : null
  }
  const step = hear(before, message, { now, timing: settings.timing, ownGeneration: settings.self.generation })
  if (step.hearing === 'old-generation' || step.hearing === 'replay') return countRefused(turn, step.hearing, heard.source)
  const link = turn.state.links[linkIndex]
  if (link !== undefined) {
    const heardOn = hearOn(link, settings.peerName, { generation: heard.generation, sequence: heard.sequence, now })
    turn.state = { ...turn.state, links: turn.state.links.map((one, at) => (at === linkIndex ? heardOn.link : one)) }
    turn.effects.push(...heardOn.notes.map(one => ({ kind: 'note', ...one }) as const))
  }
  if (step.hearing === 'duplicate') {
    turn.isQuiet = turn.effects.length === 0
    return
  }
  turn.effects.push(...step.notes.map(one => ({ kind: 'note', ...one }) as const))
  turn.state = { ...turn.state, peer: step.peer, accepted: turn.state.accepted + 1, isPortClosed: false }
  if (step.hearing === 'newest' && message.status !== null) onPeerStatus(turn, before)
  turn.isQuiet = turn.effects.length === 0 && !turn.state.isReplyDue && turn.state.groups.every(group => group.claim === null)
  if (isForUs && step.peer.implementation !== 'own') onLinuxHa(turn, heard)
}

/** What a new word of the peer calls for at once: an answer, and things worth keeping or telling. */
function onPeerStatus(turn: Turn, before: ClusterState['peer']): void {
  const { peer } = turn.state
  if (before.standing.kind === 'dead' && peer.standing.kind === 'alive') {
    suspectContest(turn)
    if (before.generation === peer.generation) noteReturn(turn)
  }
  if (peer.standing.kind === 'left' && before.standing.kind !== 'left') note(turn, 'info', `Received shutdown notice from '${peer.name}'.`)
  for (const index of turn.settings.groups.keys()) noteBlockedThere(turn, index)
  // An acknowledgement is awaited there when its vector changed; do not let it wait for our next keepalive.
  const isSame = saysTheSame(peer.view, before.view)
  if (isSame && peer.view !== null && before.view !== null) {
    // The old groups are kept, so that what was concluded from them need not be concluded again.
    turn.state = { ...turn.state, peer: { ...peer, view: { ...peer.view, groups: before.view.groups } } }
  }
  const hasNews = !isSame || before.standing.kind !== 'alive'
  // Nearly due anyway: answering now spares both nodes a second awakening for the same keepalive.
  const isNearlyDue = turn.now >= after(turn.state.sentAt ?? turn.state.startedAt, millis(turn.settings.timing.keepaliveMs * nearlyDue))
  if ((hasNews || isNearlyDue) && peer.implementation === 'own' && peer.standing.kind === 'alive') turn.state = { ...turn.state, isReplyDue: true }
}

/** Blocked stays blocked until the peer shows plainly that it released the group, or has it whole. */
function noteBlockedThere(turn: Turn, index: number): void {
  const { group, setup } = groupAt(turn, index)
  const shown = peerGroup(turn.state, setup.id)?.state
  if (shown === undefined || shown === 'unknown' || shown === 'stopping') return
  const isBlockedThere = shown === 'blocked'
  if (isBlockedThere !== group.isBlockedThere) changeGroup(turn, index, { isBlockedThere })
}

/** While a peer counted as dead it may have announced our addresses as its own. */
function suspectContest(turn: Turn): void {
  const groups = turn.state.groups.map(group => (isHeld(stateOf(group.machine.run)) ? { ...group, contest: 'suspected' as const } : group))
  turn.state = { ...turn.state, groups }
}

/** Evidence, not proof: the daemon is gone, its resources may not be. Only its silence counts. */
function onPortUnreachable(turn: Turn, link: number): void {
  if (turn.state.isPortClosed) return
  // A pause that was announced does not hide that nobody is there to end it.
  turn.state = { ...turn.state, isPortClosed: true, peer: { ...turn.state.peer, holdUntil: null } }
  note(turn, 'info', `The host of ${turn.settings.peerName} answers on ${turn.settings.links[link]?.name ?? ''} that no heartbeat runs there`)
}

function onWoke(turn: Turn, stallMs: Millis): void {
  const { state, settings, now } = turn
  const { timing } = settings
  const announcedMs = state.hold === null ? 0 : Math.max(0, elapsed(state.sentAt ?? state.startedAt, state.hold.until))
  const patience = Math.max(state.peer.standing.kind === 'alive' ? timing.deadtimeMs : timing.initdeadMs, announcedMs)
  const { stalls: before } = state
  const stalls = { count: before.count + 1, longestMs: Math.max(before.longestMs, stallMs), totalMs: before.totalMs + stallMs, last: { at: now, ms: stallMs, cause: null } }
  const links = state.links.map(link => forgiveLink(link, stallMs, now))
  turn.state = { ...state, stalls, links, peer: forgive(state.peer, stallMs, now), isCatchingUp: true }
  const held = state.groups.flatMap((group, index) => (isHeld(stateOf(group.machine.run)) ? [index] : []))
  // What the peer waited for is our next datagram, and the last one was sent before the stall began.
  const silence = elapsed(state.sentAt ?? state.startedAt, now)
  // A hold is waited for by a peer that knows of it; one that was started since knows nothing, and may hold what we lost.
  const isOverdue = silence >= patience || (silence >= timing.deadtimeMs && lapseOf(state, settings, now) !== null)
  if (isOverdue) {
    voidProof(turn)
    distrustFarewell(turn)
    voidClaims(turn)
  }
  const exposed = addressed(state)
  if (!isOverdue || exposed.length === 0 || isStillOurs(turn)) return
  dropUnlooked(turn, exposed)
  const silent = stallMs < patience ? ` and was silent for ${Math.round(silence)} ms` : ''
  const reason = `this node stood still for ${Math.round(stallMs)} ms${silent}, longer than ${settings.peerName} waits (${patience} ms)`
  note(turn, 'crit', `${reason}: releasing everything before looking around`)
  for (const index of held) {
    const { group, setup } = groupAt(turn, index)
    applyGroupStep(turn, index, beginStop(setup, group.machine, 'stopped', reason), { reason })
  }
}

/** What the peer acknowledged and showed before the stall may long be untrue: claims are made known anew, and nobody is deaf yet. */
function voidClaims(turn: Turn): void {
  turn.state = { ...turn.state, peer: { ...turn.state.peer, acknowledgedAt: turn.now } }
  for (const [index, group] of turn.state.groups.entries()) if (group.claim !== null) changeGroup(turn, index, { claim: { sequence: null } })
}

/** Where taking over needs a lapsed lease, an unlapsed one says more than any clock of the peer. */
function isStillOurs(turn: Turn): boolean {
  const { settings, state, now } = turn
  const { lease, arbiter } = settings.safety
  return (lease !== null || arbiter !== null) && lapseOf(state, settings, now) === null
}

/** Draws every conclusion from the state as it is now. */
function settle(turn: Turn): void {
  judgeLiving(turn)
  for (const [index, setup] of turn.settings.groups.entries()) {
    const { machine } = groupAt(turn, index).group
    if (deadlineOf(machine) !== null) applyGroupStep(turn, index, onTime(setup, machine, turn.now))
  }
  settlePhase(turn)
  settleHold(turn)
  settleQuarantine(turn)
  settleRights(turn)
  for (const index of turn.settings.groups.keys()) decideGroup(turn, index)
  settleFence(turn)
  settleWanted(turn)
  noteDifferences(turn)
  settleMoves(turn)
  noteSettled(turn)
  settleLeaving(turn)
  reportRefused(turn)
  sendIfDue(turn)
}

function judgeLiving(turn: Turn): void {
  const { settings, now } = turn
  if (!isJudgementDue(turn.state, settings, now)) return
  const judged = judge(turn.state.peer, peerTiming(turn.state, settings, now), { startedAt: turn.state.startedAt, now })
  const links = turn.state.links.map((link, index) => judgeLink(link, settings.peerName, patienceOf(settings, index), now))
  turn.state = { ...turn.state, peer: judged.peer, links: links.map(one => one.link) }
  turn.effects.push(...[...links.flatMap(one => one.notes), ...judged.notes].map(one => ({ kind: 'note', ...one }) as const))
}

function settlePhase(turn: Turn): void {
  const { state, settings } = turn
  if (state.phase === 'probing' && state.groups.every(group => group.machine.run.kind !== 'probing')) {
    turn.state = { ...turn.state, phase: 'joining' }
  }
  if (turn.state.phase !== 'joining') return
  const { peer } = state
  const isKnown =
    peer.standing.kind === 'dead' ||
    peer.standing.kind === 'left' ||
    (peer.standing.kind === 'alive' && (peer.implementation === 'linux-ha' || isTwoWay(peer, settings.self.generation)))
  if (!isKnown && turn.now < after(state.startedAt, settings.timing.initdeadMs)) return
  turn.state = { ...turn.state, phase: 'active' }
  note(turn, 'info', `Local status now set to: 'active'`)
}

function noteSettled(turn: Turn): void {
  const { state } = turn
  if (state.isSettledOnce || state.phase !== 'active') return
  const isMoving = state.groups.some(group => ['unknown', 'claimed', 'starting', 'stopping'].includes(shownState(group)))
  if (isMoving) return
  turn.state = { ...state, isSettledOnce: true }
  note(turn, 'info', `Initial resource acquisition complete (T_RESOURCES)`)
}

function settleLeaving(turn: Turn): void {
  const { state } = turn
  tellStopProgress(turn)
  if (state.phase === 'leaving' && state.groups.every(group => ['stopped', 'failed', 'blocked'].includes(shownState(group)))) {
    // A new life of the other node knows nothing of what is blocked here: at least clients shall not find two addresses.
    const blocked = state.groups.flatMap((group, index) => (group.machine.run.kind === 'blocked' ? [index] : []))
    if (blocked.length > 0) turn.effects.push({ kind: 'drop-addresses', groups: blocked })
    note(turn, 'info', 'All HA resources relinquished.')
    turn.state = { ...state, phase: 'left' }
    return
  }
  if (state.phase !== 'left' || state.farewells < farewellsMax) return
  const blocked = turn.settings.groups.filter((_, index) => groupAt(turn, index).group.machine.run.kind === 'blocked')
  for (const id of state.stopRequests) {
    const isClean = blocked.length === 0
    const text = isClean ? 'everything is released' : `stopped, but may still run here: ${blocked.map(one => one.key).join(', ')}`
    turn.effects.push({ kind: 'answer', id, ok: isClean, code: isClean ? null : 'HA_STOP_INCOMPLETE', text })
  }
  turn.state = { ...state, stopRequests: [] }
  turn.effects.push({ kind: 'exit', isClean: blocked.length === 0 })
}

/** Those who wait for the stop hear of each group when it is released. */
function tellStopProgress(turn: Turn): void {
  const { state, settings } = turn
  if (state.phase !== 'leaving' || state.stopRequests.length === 0) return
  const left = settings.groups.filter((_, index) => ['unknown', 'starting', 'running', 'stopping'].includes(shownState(groupAt(turn, index).group))).map(one => one.key)
  const told = state.stopTold ?? []
  const gone = told.filter(key => !left.includes(key))
  const isBlocked = (key: string): boolean => settings.groups.some((one, index) => one.key === key && groupAt(turn, index).group.machine.run.kind === 'blocked')
  const ends = gone.map(key => (isBlocked(key) ? `${key} could not be stopped and is blocked` : `${key} is released`))
  const texts = state.stopTold === null ? left.map(key => `giving up ${key}`) : ends
  for (const id of state.stopRequests) for (const text of texts) turn.effects.push({ kind: 'progress', id, text })
  if (state.stopTold === null || gone.length > 0) turn.state = { ...state, stopTold: left }
}

/** Sends the status when something changed, when an answer is awaited, or when a keepalive has passed. */
function sendIfDue(turn: Turn): void {
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
  turn.effects.push({ kind: 'send-status', sequence, status, view, isNews: !saysTheSame(view, state.sentView), quietMs: quietTime(state, settings, now) })
}

function nextSendAt(state: ClusterState, settings: ClusterSettings): Instant {
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
function saysTheSame(one: NodeView | null, other: NodeView | null): boolean {
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

/** A group that is still looked at keeps the epoch that an earlier life left, or a second crash would forget it. */
const isKept = (group: GroupState): boolean => isHeld(stateOf(group.machine.run)) || (group.machine.run.kind === 'probing' && group.epoch > 0)

/** What the next life needs has changed: the peer's generation, or what this node holds. */
function isWorthKeeping(before: ClusterState, now: ClusterState, at: Instant): boolean {
  if (before.peer.generation !== now.peer.generation) return true
  const hasHeard = now.peer.standing.kind === 'alive' && at >= after(now.rememberedAt, rememberEvery)
  if (hasHeard) return true
  if (before.groups === now.groups) return false
  const heldText = (state: ClusterState): string => state.groups.map(group => (isKept(group) ? group.epoch : '-')).join(' ')
  return heldText(before) !== heldText(now)
}

function remember(turn: Turn): void {
  const held = turn.settings.groups.flatMap((setup, index) => {
    const { group } = groupAt(turn, index)
    return isKept(group) ? [{ id: setup.id, epoch: group.epoch }] : []
  })
  const { peer } = turn.state
  turn.state = { ...turn.state, rememberedAt: turn.now }
  turn.effects.push({ kind: 'remember', peerGeneration: peer.generation, peerSequence: peer.window.newest, held })
}

/** The peer or a link will be declared dead at this moment, unless waiting datagrams say otherwise: read them first. */
export function isJudgementDue(state: ClusterState, settings: ClusterSettings, now: Instant): boolean {
  const death = deathAt(state.peer, peerTiming(state, settings, now), state.startedAt)
  if (death !== null && death <= now) return true
  return state.links.some((link, index) => (linkDeathAt(link, patienceOf(settings, index)) ?? Number.POSITIVE_INFINITY) <= now)
}

/** When `step` must be called with a tick if nothing happens before. Never null: a living daemon always sends again. */
export function nextDeadline(state: ClusterState, settings: ClusterSettings): Instant {
  const { timing } = settings
  let first = nextSendAt(state, settings)
  const consider = (one: Instant | null): void => {
    if (one !== null && one < first) first = one
  }
  consider(deathAt(state.peer, peerTiming(state, settings, state.at), state.startedAt))
  consider(safetyDeadline(state, settings))
  consider(refusalReportAt(state))
  if (state.phase === 'joining') consider(after(state.startedAt, timing.initdeadMs))
  for (const [index, link] of state.links.entries()) consider(linkDeathAt(link, patienceOf(settings, index)))
  for (const group of state.groups) {
    consider(deadlineOf(group.machine))
    consider(group.wantedUntil)
  }
  for (const move of state.moves) consider(move.deadline)
  return first
}

const patienceOf = (settings: ClusterSettings, link: number): Millis => settings.links[link]?.patienceMs ?? settings.timing.deadtimeMs

/** One line: phase, peer, groups; printed by logs, transcripts and failing simulations. */
export function describe(state: ClusterState, settings: ClusterSettings): string {
  const groups = settings.groups.map((setup, index) => {
    const group = state.groups[index]
    return `${setup.key}=${group === undefined ? '?' : `${shownState(group)}@${group.epoch}`}`
  })
  return `${settings.self.name} ${state.phase} peer=${state.peer.standing.kind} ${groups.join(' ')}`
}
