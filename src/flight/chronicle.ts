/**
 * Remembers why each group last moved: the facts that the core saw, in order, from the first sign to the group's running.
 *
 * A reporter who sits beside the core and takes notes. He decides nothing and is asked for nothing; take him away and the
 * cluster does the same. What he writes down is read off the core's state before and after each event, not off its log
 * lines, so that the chain holds facts and not phrases.
 *
 * Invariants: at most `factsMax` facts and one finished and one unfinished move for each group; a quiet event costs a few
 * comparisons.
 */

import { elapsed, type Instant } from '../base/units.js'
import { permission } from '../cluster/safety.js'
import { peerGroup, shownState } from '../cluster/turn.js'
import type { ClusterEvent, ClusterSettings, ClusterState, OperatorRequest } from '../cluster/types.js'
import type { GroupStateName } from '../wire/ownership.js'

export interface Fact {
  readonly at: Instant
  /** A sentence part that reads on its own: `ha1 silent on eth0 for 500 ms`. */
  readonly text: string
  /** The group (id) it is about, or null when it is about a node. */
  readonly group: string | null
}

export interface Move {
  /** null: nobody was known to run it before. */
  readonly from: string | null
  /** null while it has not come to run anywhere. */
  readonly to: string | null
  /** When clients can have lost it first: the last word of a node that died, or the beginning of a stop; null when it ran nowhere before. */
  readonly downAt: Instant | null
  readonly runningAt: Instant | null
  readonly facts: readonly Fact[]
}

interface Open {
  readonly from: string | null
  readonly since: Instant
  readonly downAt: Instant | null
}

export interface Chronicle {
  readonly facts: readonly Fact[]
  /** By group id. */
  readonly moves: Readonly<Record<string, Move>>
  readonly open: Readonly<Record<string, Open>>
  /** The node last known to run each group. */
  readonly owners: Readonly<Record<string, string>>
}

export const emptyChronicle: Chronicle = { facts: [], moves: {}, open: {}, owners: {} }

const factsMax = 32
const movedFactsMax = 16

/** Takes one step of the core into the chronicle; the same object when nothing is worth a word. */
export function chronicled(chronicle: Chronicle, event: ClusterEvent, before: ClusterState, now: ClusterState, settings: ClusterSettings): Chronicle {
  if (isOrdinary(event, before, now)) return chronicle
  const found = [...nodeFacts(event, before, now, settings), ...groupFacts(before, now, settings)]
  const isMoving = found.length > 0 || !isSame(before.groups, now.groups) || before.peer.view?.groups !== now.peer.view?.groups || before.peer.standing !== now.peer.standing
  if (!isMoving) return chronicle
  const facts = found.length === 0 ? chronicle.facts : [...chronicle.facts, ...found].slice(-factsMax)
  return settings.groups.reduce((known, _, index) => follow(known, before, now, settings, index), { ...chronicle, facts })
}

/** A sign of life that changed nothing anybody would ask about: almost every event. */
export function isOrdinary(event: ClusterEvent, before: ClusterState, now: ClusterState): boolean {
  if (event.kind !== 'tick' && event.kind !== 'heard' && event.kind !== 'lease') return false
  const { peer, safety } = now
  return (
    isSame(before.groups, now.groups) &&
    before.peer.standing === peer.standing &&
    before.peer.generation === peer.generation &&
    before.peer.view?.groups === peer.view?.groups &&
    before.isPortClosed === now.isPortClosed &&
    before.safety.fence === safety.fence &&
    before.safety.toldLapse === safety.toldLapse &&
    before.safety.connectivity === safety.connectivity &&
    now.links.every((link, index) => link.isUp === before.links[index]?.isUp)
  )
}

/** The core makes the list anew with every datagram it sends, but not what has not changed in it. */
const isSame = (one: ClusterState['groups'], other: ClusterState['groups']): boolean => one === other || one.every((group, index) => group === other[index])

// --- facts about nodes ---------------------------------------------------------------------------------------------------

function nodeFacts(event: ClusterEvent, before: ClusterState, now: ClusterState, settings: ClusterSettings): readonly Fact[] {
  const texts: string[] = []
  const self = settings.self.name
  const peer = settings.peerName
  if (event.kind === 'woke' && event.stallMs >= settings.timing.warntimeMs) texts.push(`${self} stood still for ${Math.round(event.stallMs)} ms`)
  if (event.kind === 'stall-explained' && event.cause !== null && (now.stalls.last?.ms ?? 0) >= settings.timing.warntimeMs) texts.push(`why ${self} stood still: ${event.cause}`)
  if (event.kind === 'asked') texts.push(askedText(event.request, self))
  if (before.links !== now.links) texts.push(...linkTexts(before, now, peer))
  if (before.peer !== now.peer) texts.push(...peerTexts(before, now, peer))
  if (!before.isPortClosed && now.isPortClosed) texts.push(`the host of ${peer} says that no heartbeat runs there`)
  if (before.safety !== now.safety) texts.push(...safetyTexts(before, now, settings))
  return texts.map(text => ({ at: now.at, text, group: null }))
}

function linkTexts(before: ClusterState, now: ClusterState, peer: string): readonly string[] {
  const dead = now.links.filter((link, index) => !link.isUp && before.links[index]?.isUp === true)
  const silent = dead.map(link => `${link.name}${link.heardAt === null ? '' : ` for ${Math.round(elapsed(link.heardAt, now.at))} ms`}`)
  const troubled = now.links.filter((link, index) => link.trouble !== null && before.links[index]?.trouble === null)
  return [...(dead.length === 0 ? [] : [`${peer} silent on ${silent.join(' and ')}`]), ...troubled.map(link => `link ${link.name} does not work here: ${link.trouble ?? ''}`)]
}

function peerTexts(before: ClusterState, now: ClusterState, peer: string): readonly string[] {
  const was = before.peer.standing.kind
  const { standing } = now.peer
  if (before.peer.generation !== null && now.peer.generation !== null && before.peer.generation !== now.peer.generation) return [`heartbeat on ${peer} was started again`]
  if (was === standing.kind) return []
  switch (standing.kind) {
    case 'dead':
      return [`${peer} declared dead (${standing.reason})`]
    case 'left':
      return [`${peer} said that it leaves${now.peer.view?.groups.some(group => group.state === 'blocked') === true ? '' : ', everything released'}`]
    case 'alive':
      return [was === 'dead' ? `${peer} heard again` : `${peer} heard`]
    case 'unheard':
      return []
  }
}

function safetyTexts(before: ClusterState, now: ClusterState, settings: ClusterSettings): readonly string[] {
  const texts: string[] = []
  const { fence, toldLapse } = now.safety
  if (fence !== before.safety.fence) {
    if (fence.kind === 'waiting') texts.push(`${settings.peerName} may shoot first: it holds more`)
    if (fence.kind === 'shooting') texts.push(`fencing ${settings.peerName}, attempt ${fence.attempt}`)
    if (fence.kind === 'fenced') texts.push(fence.by === 'operator' ? `an operator gave his word that ${settings.peerName} is off` : `${settings.peerName} fenced by ${fence.device}`)
    if (fence.kind === 'failed') texts.push(`fencing failed: ${fence.said}`)
  }
  if (toldLapse !== before.safety.toldLapse) texts.push(toldLapse === null ? `${settings.self.name} has every right again` : `${settings.self.name} lost a right: ${toldLapse}`)
  const reached = now.safety.connectivity?.reached
  if (reached !== undefined && reached !== before.safety.connectivity?.reached) texts.push(`${settings.self.name} reaches ${reached} of ${now.safety.connectivity?.of ?? 0} ping nodes`)
  return texts
}

function askedText(request: OperatorRequest, self: string): string {
  const scope = 'scope' in request ? ` of ${request.scope.kind === 'group' ? request.scope.key : `${request.scope.kind} groups`}` : ''
  return `an operator asked for ${request.kind}${scope} on ${self}`
}

// --- facts about groups --------------------------------------------------------------------------------------------------

function groupFacts(before: ClusterState, now: ClusterState, settings: ClusterSettings): readonly Fact[] {
  if (isSame(before.groups, now.groups) && before.peer.view?.groups === now.peer.view?.groups) return []
  return settings.groups.flatMap((setup, index) => {
    const one = before.groups[index]
    const other = now.groups[index]
    if (one === undefined || other === undefined) return []
    const texts: string[] = []
    const was = shownState(one)
    const is = shownState(other)
    const theyWere = peerGroup(before, setup.id)?.state
    const theyAre = peerGroup(now, setup.id)?.state
    if (theyAre !== undefined && theyWere !== theyAre && now.peer.standing.kind !== 'dead') texts.push(`${settings.peerName} shows it ${theyAre}`)
    if (one.carrierTrouble !== other.carrierTrouble) texts.push(other.carrierTrouble === null ? `${settings.self.name} can be reached again` : `${settings.self.name} cannot be reached: ${other.carrierTrouble}`)
    if (was !== is) texts.push(ownText(was, is, index, now, settings))
    else if (is === 'claimed' && one.reason !== other.reason) texts.push(`not yet: ${other.reason}`)
    return texts.map(text => ({ at: now.at, text, group: setup.id }))
  })
}

function ownText(was: GroupStateName, is: GroupStateName, index: number, now: ClusterState, settings: ClusterSettings): string {
  const self = settings.self.name
  const group = now.groups[index]
  const reason = group === undefined || group.reason === '' ? '' : ` (${group.reason})`
  switch (is) {
    case 'claimed':
      return `${self} claims it${reason}`
    case 'starting':
      return `${self} starts it${proofOf(index, now, settings)}`
    case 'running':
      return was === 'unknown' ? `found running on ${self}` : `running on ${self}`
    case 'stopping':
      return `${self} stops it${reason}`
    case 'stopped':
      return was === 'claimed' ? `${self} withdraws its claim${reason}` : was === 'unknown' ? `not running on ${self}` : `released on ${self}`
    case 'failed':
    case 'blocked':
      return `${is} on ${self}: ${group?.machine.run.kind === is ? group.machine.run.reason : ''}`
    case 'unknown':
      return `${self} looks whether it runs there`
  }
}

/** On what proof a silent peer's group is taken. */
function proofOf(index: number, now: ClusterState, settings: ClusterSettings): string {
  if (now.peer.standing.kind !== 'dead') return ''
  const allowed = permission(now, settings, { now: now.at, groupId: settings.groups[index]?.id ?? '' })
  return ` (${allowed.text})`
}

// --- moves ---------------------------------------------------------------------------------------------------------------

/** Who is known to run it wholly now; null when nobody is. */
function ownerOf(state: ClusterState, settings: ClusterSettings, index: number): string | null {
  const group = state.groups[index]
  if (group !== undefined && shownState(group) === 'running') return settings.self.name
  const theirs = peerGroup(state, settings.groups[index]?.id ?? '')
  return state.peer.standing.kind === 'alive' && theirs?.state === 'running' ? settings.peerName : null
}

function follow(chronicle: Chronicle, before: ClusterState, now: ClusterState, settings: ClusterSettings, index: number): Chronicle {
  const id = settings.groups[index]?.id ?? ''
  const owner = ownerOf(now, settings, index)
  const known = chronicle.owners[id] ?? null
  const open = chronicle.open[id]
  if (owner === null) {
    if (open !== undefined) return chronicle
    // The first sign of a death is the silence that led to it.
    const isDeath = before.peer.standing.kind === 'alive' && now.peer.standing.kind === 'dead' && known === settings.peerName
    const since = isDeath ? (now.peer.heardAt ?? now.at) : now.at
    return { ...chronicle, open: { ...chronicle.open, [id]: { from: known, since, downAt: known === null ? null : since } } }
  }
  if (owner === known && open === undefined) return chronicle
  const { [id]: _, ...others } = chronicle.open
  const since = open?.since ?? now.at
  const facts = causesOf(chronicle, since, id)
  const move: Move = { from: open?.from ?? known, to: owner, downAt: open?.downAt ?? null, runningAt: now.at, facts }
  return { ...chronicle, open: others, owners: { ...chronicle.owners, [id]: owner }, moves: { ...chronicle.moves, [id]: move } }
}

/**
 * What led to a move, and the move itself. An operator's word or a lost right comes a moment before what it leads to; what
 * was before the group came to rest last belongs to the move before.
 */
function causesOf(chronicle: Chronicle, since: Instant, id: string): readonly Fact[] {
  const restedAt = chronicle.moves[id]?.runningAt ?? Number.NEGATIVE_INFINITY
  const concerned = chronicle.facts.filter(fact => fact.at > restedAt && (fact.group === null || fact.group === id))
  const lead = concerned.find(fact => since - fact.at <= leadMs)?.at ?? since
  return concerned.filter(fact => fact.at >= Math.min(since, lead)).slice(-movedFactsMax)
}

const leadMs = 2_000

/** The last move of a group, or the one under way. */
export function lastMove(chronicle: Chronicle, id: string): { readonly move: Move; readonly isOpen: boolean } | null {
  const open = chronicle.open[id]
  if (open !== undefined) {
    return { move: { from: open.from, to: null, downAt: open.downAt, runningAt: null, facts: causesOf(chronicle, open.since, id) }, isOpen: true }
  }
  const move = chronicle.moves[id]
  return move === undefined ? null : { move, isOpen: false }
}
