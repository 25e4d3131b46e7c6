/**
 * Decides whether the peer is alive, from nothing but what was heard and when.
 *
 * Think of a lighthouse: a late flash is a reason to look harder (warntime), a long dark is a reason to act (deadtime).
 * Whether we had our own eyes shut meanwhile is told to us, and that time does not count against the lighthouse.
 *
 * Invariants
 *  1. The generation never shrinks, and within one generation only new sequences count: a replay keeps nobody alive.
 *  2. A larger generation is a new life: everything known of the old one (its vector, its sequences) is forgotten.
 *  3. Before `initdead` has passed since our own start, a peer that was never heard is not declared dead.
 *  4. Silence is measured in time during which we ran: `forgive` moves the last hearing forward by our own stall.
 *  5. A farewell counts only from one that has heard our present life: memory of earlier lives is not complete, and a recorded
 *     farewell would give us all it has.
 *  6. A peer that announced a pause is waited for until its end, and not a moment longer; any word of it ends or renews it.
 *
 * Not here: signatures (wire/), what follows from a death (cluster/).
 * Source: Linux-HA ha.cf(5) keepalive, warntime, deadtime, initdead; reference sections 2.1, 2.2, 4. We differ: the peer
 * is judged by our own deadtime (Linux-HA: by the one the peer announces), except a Linux-HA peer, which announces a
 * longer one while it starts.
 */

import { after, elapsed, instant, millis, type Instant, type Millis } from '../base/units.js'
import type { NodeView } from '../wire/ownership.js'
import type { NoteLevel } from '../base/note.js'
import { accept, windowUpTo, type SequenceWindow } from './sequence-window.js'

export interface Timing {
  readonly keepaliveMs: Millis
  readonly warntimeMs: Millis
  readonly deadtimeMs: Millis
  readonly initdeadMs: Millis
}

export type PeerStanding =
  | { readonly kind: 'unheard' }
  | { readonly kind: 'alive'; readonly since: Instant }
  /** Silent for its dead time: it may be off, cut off, or hanging. */
  | { readonly kind: 'dead'; readonly since: Instant; readonly reason: string }
  /** It said to this life of ours that it released everything and ends. */
  | { readonly kind: 'left'; readonly since: Instant }

export interface PeerState {
  readonly name: string
  readonly standing: PeerStanding
  /** The largest generation seen, also in earlier lives of ours; null when none. */
  readonly generation: number | null
  readonly uuid: string | null
  readonly window: SequenceWindow
  /** When the newest status was heard, or anything at all of a new life; moved forward by our own stalls. */
  readonly heardAt: Instant | null
  readonly statusText: string
  readonly implementation: 'own' | 'linux-ha' | 'unknown'
  readonly announcedDeadtimeMs: number | null
  /** The peer's last vector, kept after its death: what it held, and what was blocked. */
  readonly view: NodeView | null
  /** The end of a pause that it announced; null without one. */
  readonly holdUntil: Instant | null
  readonly holdReason: string
  /** When its acknowledgement of our datagrams last advanced; how a peer that does not hear us is noticed. */
  readonly acknowledgedAt: Instant | null
}

/** A sequenced message of the peer, reduced to what this module judges. */
export interface PeerMessage {
  readonly generation: number
  readonly sequence: number
  readonly uuid: string | null
  /** Present in `status` messages only. */
  readonly status: { readonly text: string; readonly deadtimeMs: number | null; readonly view: NodeView | null } | null
}

export interface PeerNote {
  readonly level: NoteLevel
  readonly text: string
}

export type Hearing = 'newest' | 'late' | 'duplicate' | 'replay' | 'old-generation'

/** `remembered` is what earlier lives of ours heard of the peer last, so that its recorded datagrams stay refused. */
export function unheardPeer(name: string, rememberedGeneration: number | null, rememberedSequence = 0): PeerState {
  return {
    name,
    standing: { kind: 'unheard' },
    generation: rememberedGeneration,
    uuid: null,
    window: windowUpTo(rememberedSequence),
    heardAt: null,
    statusText: 'init',
    implementation: 'unknown',
    announcedDeadtimeMs: null,
    view: null,
    holdUntil: null,
    holdReason: '',
    acknowledgedAt: null
  }
}

export interface PeerStep {
  readonly peer: PeerState
  readonly hearing: Hearing
  readonly notes: readonly PeerNote[]
}

/** Takes one authenticated message of the peer. `own` is our generation, to read its acknowledgement. */
export function hear(peer: PeerState, message: PeerMessage, context: { readonly now: Instant; readonly timing: Timing; readonly ownGeneration: number }): PeerStep {
  const { now } = context
  if (peer.generation !== null && message.generation < peer.generation) return { peer, hearing: 'old-generation', notes: [] }
  const notes: PeerNote[] = []
  let known = peer
  if (peer.generation === null || message.generation > peer.generation) {
    const isKnown = peer.standing.kind !== 'unheard' && peer.heardAt !== null
    if (isKnown) notes.push({ level: peer.standing.kind === 'alive' ? 'warn' : 'info', text: `Heartbeat restart on node ${peer.name}` })
    // Its first status may be lost: whatever came of the new life instead gives it a whole deadtime to show itself.
    known = { ...unheardPeer(peer.name, message.generation), uuid: peer.uuid, heardAt: now }
  }
  const judged = accept(known.window, message.sequence)
  if (judged.freshness === 'too-old') return { peer: known, hearing: 'replay', notes }
  if (judged.freshness === 'duplicate') return { peer: known, hearing: 'duplicate', notes }
  known = { ...known, window: judged.window }
  if (message.uuid !== null && message.uuid !== known.uuid) {
    if (known.uuid !== null) notes.push({ level: 'info', text: `node ${peer.name} changed its uuid to ${message.uuid}` })
    known = { ...known, uuid: message.uuid }
  }
  if (message.status === null || judged.freshness === 'late') return { peer: known, hearing: judged.freshness, notes }
  const told = onStatus(known, message, message.status, context, notes)
  const isReturn = told.standing.kind !== 'dead' && known.generation === peer.generation
  return { peer: told, hearing: 'newest', notes: isReturn ? withReturn(peer, notes, now) : notes }
}

function onStatus(
  peer: PeerState,
  message: PeerMessage,
  status: NonNullable<PeerMessage['status']>,
  context: { readonly now: Instant; readonly timing: Timing; readonly ownGeneration: number },
  notes: PeerNote[]
): PeerState {
  const { now, timing, ownGeneration } = context
  const { view } = status
  if (view?.phase === 'left' && view.acknowledged?.generation !== ownGeneration) {
    if (peer.statusText !== status.text) notes.push({ level: 'info', text: `A shutdown notice of ${peer.name} that does not know this life of ours is not counted: it may be a recording` })
    return { ...peer, generation: message.generation, statusText: status.text }
  }
  const interval = peer.heardAt === null || peer.standing.kind !== 'alive' ? 0 : elapsed(peer.heardAt, now)
  if (interval > timing.warntimeMs) {
    notes.push({ level: 'warn', text: `Late heartbeat: Node ${peer.name}: interval ${Math.round(interval)} ms` })
  }
  // A farewell is repeated; only its first and its last word are news.
  const isFarewellAgain = peer.standing.kind === 'left' && status.view?.phase === 'left'
  if (status.text !== peer.statusText || (peer.standing.kind !== 'alive' && !isFarewellAgain)) {
    notes.push({ level: 'info', text: `Status update for node ${peer.name}: status ${status.text}` })
  }
  const hasAdvanced =
    view?.acknowledged?.generation === ownGeneration &&
    (peer.view?.acknowledged?.generation !== ownGeneration || view.acknowledged.sequence > peer.view.acknowledged.sequence)
  const isBack = peer.standing.kind !== 'alive'
  return {
    ...peer,
    generation: message.generation,
    standing: view?.phase === 'left' ? { kind: 'left', since: now } : isBack ? { kind: 'alive', since: now } : peer.standing,
    heardAt: now,
    statusText: status.text,
    implementation: view === null ? 'linux-ha' : 'own',
    announcedDeadtimeMs: status.deadtimeMs,
    view,
    holdUntil: view === null || view.health.holdMs === 0 ? null : after(now, millis(view.health.holdMs)),
    holdReason: view?.health.holdReason ?? '',
    acknowledgedAt: hasAdvanced || isBack ? now : peer.acknowledgedAt
  }
}

/** The line operators know for a node that was cut off and is heard again in the same life. */
function withReturn(before: PeerState, notes: readonly PeerNote[], now: Instant): readonly PeerNote[] {
  if (before.standing.kind !== 'dead' || before.heardAt === null) return notes
  const awayMs = Math.round(elapsed(before.standing.since, now))
  return [{ level: 'crit', text: `Cluster node ${before.name} returning after partition. It was counted as dead for ${awayMs} ms` }, ...notes]
}

/** When the peer will be judged dead if nothing more is heard, or null when there is nothing to judge. */
export function deathAt(peer: PeerState, timing: Timing, startedAt: Instant): Instant | null {
  if (peer.standing.kind === 'unheard') {
    const initdeadAt = after(startedAt, timing.initdeadMs)
    return peer.heardAt === null ? initdeadAt : instant(Math.max(initdeadAt, after(peer.heardAt, timing.deadtimeMs)))
  }
  if (peer.standing.kind !== 'alive' || peer.heardAt === null) return null
  return instant(Math.max(after(peer.heardAt, deadtimeOf(peer, timing)), peer.holdUntil ?? 0))
}

/** Declares the peer dead once its time has run out. */
export function judge(peer: PeerState, timing: Timing, context: { readonly startedAt: Instant; readonly now: Instant }): { readonly peer: PeerState; readonly notes: readonly PeerNote[] } {
  const due = deathAt(peer, timing, context.startedAt)
  if (due === null || context.now < due) return { peer, notes: [] }
  const reason =
    peer.heardAt === null
      ? `not heard since our start, initdead ${timing.initdeadMs} ms has passed`
      : `silent for ${Math.round(elapsed(peer.heardAt, context.now))} ms, deadtime ${deadtimeOf(peer, timing)} ms`
  return {
    peer: { ...peer, standing: { kind: 'dead', since: context.now, reason } },
    notes: [{ level: 'warn', text: `node ${peer.name}: is dead (${reason})` }]
  }
}

/** Does not hold time in which we ourselves stood still against the peer. */
export function forgive(peer: PeerState, stallMs: Millis, now: Instant): PeerState {
  const shift = (moment: Instant | null): Instant | null => (moment === null ? null : instant(Math.min(now, moment + stallMs)))
  return { ...peer, heardAt: shift(peer.heardAt), acknowledgedAt: shift(peer.acknowledgedAt) }
}

/**
 * The peer is alive but has acknowledged nothing new of ours for its deadtime: it does not hear us, counts us as dead,
 * and cannot be asked to step back. The one that hears both sides must yield.
 */
export function isDeaf(peer: PeerState, timing: Timing, now: Instant): boolean {
  if (peer.holdUntil !== null && now < peer.holdUntil) return false
  return peer.standing.kind === 'alive' && peer.acknowledgedAt !== null && elapsed(peer.acknowledgedAt, now) >= timing.deadtimeMs
}

/** The peer has heard this life of ours: its vector may be used for decisions. */
export function isTwoWay(peer: PeerState, ownGeneration: number): boolean {
  return peer.view?.acknowledged?.generation === ownGeneration
}

const deadtimeOf = (peer: PeerState, timing: Timing): Millis =>
  peer.implementation === 'linux-ha' && peer.announcedDeadtimeMs !== null && peer.announcedDeadtimeMs > timing.deadtimeMs
    ? (peer.announcedDeadtimeMs as Millis)
    : timing.deadtimeMs
