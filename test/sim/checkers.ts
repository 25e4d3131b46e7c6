/**
 * Watches a simulated cluster and says the first rule that it breaks. The checkers look at what really runs and at what
 * was really sent, never at what a daemon thinks of itself, except where a rule is about its words.
 *
 * At every event
 *  - Where fencing, a lease or an arbiter is configured: never two owners of a group at one instant. A node owns a group
 *    while the group's address (its first resource) is up and the host answers: powered, and not suspended as a whole. A
 *    frozen daemon's host answers; it is the guard's business to take its addresses off. A host that woke is given
 *    `wakeMs` of its own running time to take its addresses off before they count again.
 * At every start
 *  - Nothing of the group really runs on the other node, unless that node was declared dead; or, where nothing is configured
 *    that it would have needed, was stopped in order and came back behind a cut wire, or started it while it heard nobody and
 *    cannot have told us yet.
 *  - The other node does not show the group blocked, nor did it when it was heard last, unless it was fenced since.
 * At every datagram sent
 *  - Generations grow from life to life, sequences within a life.
 * At every glance
 *  - What a node takes for its peer's generation does not shrink within a life.
 *  - The core's next deadline is finite, and not farther away than its next keepalive.
 *  - Every operator's request is answered within its time; every start and every stop ends (both in time that it ran).
 * At every glance, while both nodes are healthy and hear each other
 *  - No group is without service for longer than `idleMost` (with an arbiter, and `keyMost`), unless it failed or is blocked.
 *  - No group runs on both nodes for longer than `doubleMost`: of two owners one yields.
 *
 * What two nodes cannot promise with nothing configured, or with ping nodes alone: while they do not hear each other, both
 * may run a group.
 */

import type { OperatorRequest } from '../../src/cluster/types.js'
import { shownState } from '../../src/cluster/turn.js'
import type { PeerState } from '../../src/membership/peer.js'
import type { GroupStateName } from '../../src/wire/ownership.js'
import type { Heard } from '../../src/wire/status.js'
import type { Method } from './plan.js'
import type { SimNode } from './sim-node.js'

/** Twice the longest ever seen: scripts that hang until their limit, stops with their retries. */
const idleMostMs = 3_000
/** A start waits for the arbiter's key, and so for the end of an exchange with it that is lost, until its lease there has lapsed. */
const keyMostMs = 3_000
/** One keepalive to notice, and three stops; scripts that hung when the fault ended run into their limit first. */
const doubleMostMs = 1_500
/** What the operator of the issue asked for: both hold the address at most so long after a node wakes. */
const wakeMs = 20
/** How long an operator waits at most, by what he asked: a move has its own limit, a stop those of its scripts. */
const answeredWithinMs: Readonly<Record<OperatorRequest['kind'], number>> = { standby: 8_500, takeover: 8_500, cleanup: 8_500, stop: 12_000, hold: 6_500, 'confirm-off': 100 }
/** The slowest wire: what a node did less than that ago, the other cannot know. */
const newsMs = 155
/** Both nodes send less within `newsMs`. */
const saidMost = 400
/** Three starts that hang until their limit, an end of each, and stops with all their retries. */
const movingMostMs = 12_000

export interface CheckersOptions {
  readonly methods: readonly Method[]
  now(): number
  say(rule: string): void
}

export class Checkers {
  readonly #nodes: readonly [SimNode, SimNode]
  readonly #options: CheckersOptions
  readonly #isStrict: boolean
  readonly #sent = [
    { generation: 0, sequence: 0 },
    { generation: 0, sequence: 0 }
  ]
  /** When the latest heartbeats were sent, by node, generation and sequence. */
  readonly #saidAt = new Map<string, number>()
  readonly #known = new Map<string, { own: number; peer: number }>()
  readonly #idleSince = new Map<number, number>()
  readonly #doubleSince = new Map<number, number>()
  readonly #moving = new Map<string, { since: number; state: GroupStateName }>()
  /** When a node last started a part of a group while it heard nobody, by `node/group`. */
  readonly #aloneAt = new Map<string, number>()
  /** When a node began to start a group of which nothing ran there, by `node/group`. */
  readonly #begunAt = new Map<string, number>()
  #glancedAt = 0
  /** The longest times seen, to know how far the bounds are from life. */
  idleLongestMs = 0
  doubleLongestMs = 0

  constructor(nodes: readonly [SimNode, SimNode], options: CheckersOptions) {
    this.#nodes = nodes
    this.#options = options
    this.#isStrict = options.methods.some(method => method !== 'quorum')
  }

  onEvent(): void {
    if (!this.#isStrict) return
    const [a, b] = this.#nodes
    if (!a.isPowered || !b.isPowered || a.isSuspended || b.isSuspended) return
    for (let group = 0; group < a.truth.length; group += 1) {
      if (a.truth[group]?.[0] !== true || b.truth[group]?.[0] !== true) continue
      const now = this.#options.now()
      if (now - a.wokeAt <= wakeMs || now - b.wokeAt <= wakeMs) continue
      this.#options.say(`two owners of group ${group}: its address is up on ${a.name} (${shownBy(a, group)}) and on ${b.name} (${shownBy(b, group)})`)
    }
  }

  onStart(node: SimNode, group: number): void {
    const other = this.#otherOf(node)
    const state = node.runner?.state
    const standing = state?.peer.standing.kind ?? 'unheard'
    const runsThere = other.isPowered && (other.truth[group]?.some(Boolean) ?? false)
    const shown = shownBy(other, group)
    const now = this.#options.now()
    if (node.truth[group]?.some(Boolean) !== true) this.#begunAt.set(`${node.name}/${group}`, now)
    const aloneAt = (one: SimNode): number => this.#aloneAt.get(`${one.name}/${group}`) ?? Number.NEGATIVE_INFINITY
    if (standing === 'dead') this.#aloneAt.set(`${node.name}/${group}`, now)
    const isGoingOn = node.truth[group]?.[0] === true
    // A start that began alone goes on while a peer that does not hear us, and so starts it too, still shows it released.
    const isCrossing = isGoingOn && other.runner?.state.peer.standing.kind === 'dead'
    const isNewThere = now - aloneAt(other) <= newsMs
    // One that was permitted beside a daemon that is gone goes on beside its recordings, which nobody can tell from itself.
    const isRecording = isGoingOn && !other.isAlive && aloneAt(node) >= other.endedAt
    // So does one beside what the other said before it started it, or beside a recording of it; where a right proves something, that is no excuse.
    const saidAt = state === undefined ? Number.POSITIVE_INFINITY : this.#newestSaidAt(other, state.peer)
    const isOldNews = isGoingOn && (saidAt < (this.#begunAt.get(`${other.name}/${group}`) ?? 0) || now - saidAt > newsMs)
    const isUnknowable = isRecording || (!this.#isStrict && (standing === 'left' || isCrossing || isNewThere || isOldNews))
    if (runsThere && standing !== 'dead' && !isUnknowable) {
      this.#options.say(`${node.name} starts group ${group} while ${other.name} really runs it (${shown}) and counts as ${standing}`)
    }
    if (state?.safety.fence.kind === 'fenced' || (node.fencedLife !== null && node.fencedLife === state?.peer.generation)) return
    const id = node.settings.groups[group]?.id
    const word = state?.peer.view?.groups.find(one => one.id === id)?.state
    if (word === 'blocked') this.#options.say(`${node.name} starts group ${group}, which ${other.name} showed blocked (${standing})`)
    if (shown === 'blocked' && standing !== 'dead') this.#options.say(`${node.name} starts group ${group}, which is blocked on ${other.name} (${standing})`)
  }

  onTransmit(node: SimNode, heard: Heard): void {
    if (heard.sequence === null) return // NS_ messages are outside the sequence
    const { generation, sequence } = heard
    const before = this.#sent[node.index]
    if (before === undefined) return
    const isGrowing = generation > before.generation || (generation === before.generation && sequence > before.sequence)
    if (!isGrowing) this.#options.say(`${node.name} sends ${generation}.${sequence} after ${before.generation}.${before.sequence}`)
    before.generation = generation
    before.sequence = sequence
    this.#saidAt.set(`${node.name} ${generation}.${sequence}`, this.#options.now())
    const oldest = this.#saidAt.keys().next()
    if (this.#saidAt.size > saidMost && oldest.done !== true) this.#saidAt.delete(oldest.value)
  }

  /** When the newest was said that somebody heard of the node; long ago when that is forgotten. */
  #newestSaidAt(node: SimNode, { generation, window }: PeerState): number {
    return this.#saidAt.get(`${node.name} ${generation ?? 0}.${window.newest}`) ?? Number.NEGATIVE_INFINITY
  }

  /** `isConnected`: no wire is cut and nothing is being lost. */
  glance(isConnected: boolean): void {
    const nowMs = this.#options.now()
    const sinceGlanceMs = nowMs - this.#glancedAt
    this.#glancedAt = nowMs
    for (const node of this.#nodes) {
      this.#watchGeneration(node)
      if (node.isFrozen) this.#stoodStill(node, sinceGlanceMs)
      else this.#watchWaits(node, nowMs)
    }
    const isCalm = isConnected && this.#nodes.every(isHealthy)
    const [a, b] = this.#nodes
    for (const [group, onA] of a.truth.entries()) {
      const onB = b.truth[group] ?? []
      const isExcused = [shownBy(a, group), shownBy(b, group)].some(shown => shown === 'failed' || shown === 'blocked')
      const idleMs = since(this.#idleSince, group, nowMs, isCalm && !isExcused && !onA.every(Boolean) && !onB.every(Boolean))
      const doubleMs = since(this.#doubleSince, group, nowMs, isCalm && !isExcused && onA.some(Boolean) && onB.some(Boolean))
      this.idleLongestMs = Math.max(this.idleLongestMs, idleMs)
      this.doubleLongestMs = Math.max(this.doubleLongestMs, doubleMs)
      if (idleMs > idleMostMs + (this.#options.methods.includes('arbiter') ? keyMostMs : 0)) this.#options.say(`group ${group} is without service for ${Math.round(idleMs)} ms while both nodes are healthy and hear each other`)
      if (doubleMs > doubleMostMs) this.#options.say(`group ${group} runs on both nodes for ${Math.round(doubleMs)} ms although they hear each other`)
    }
  }

  #watchGeneration(node: SimNode): void {
    const peer = node.runner?.state.peer.generation
    if (peer === undefined || peer === null) return
    const own = node.settings.self.generation
    const before = this.#known.get(node.name)
    if (before?.own === own && peer < before.peer) this.#options.say(`${node.name} takes generation ${peer} for its peer's after ${before.peer}`)
    this.#known.set(node.name, { own, peer })
  }

  #watchWaits(node: SimNode, nowMs: number): void {
    const dueInMs = node.nextDeadlineIn()
    if (dueInMs === null) return
    if (!Number.isFinite(dueInMs) || dueInMs > node.settings.timing.keepaliveMs + 1) this.#options.say(`${node.name} would wait ${dueInMs} ms`)
    for (const request of node.requests.values()) {
      const waitedMs = nowMs - request.askedAt
      if (waitedMs > answeredWithinMs[request.kind]) this.#options.say(`${node.name} has not answered a request (${request.kind}) for ${Math.round(waitedMs)} ms`)
    }
    for (const [group, state] of node.runner?.state.groups.entries() ?? []) {
      const key = `${node.name} ${node.generation} ${group}`
      const shown = shownState(state)
      const before = this.#moving.get(key)
      if (shown !== 'starting' && shown !== 'stopping') this.#moving.delete(key)
      else if (before?.state !== shown) this.#moving.set(key, { since: nowMs, state: shown })
      else if (nowMs - before.since > movingMostMs) this.#options.say(`${node.name} has been ${shown} group ${group} for ${Math.round(nowMs - before.since)} ms`)
    }
  }

  /** Time in which a node stood still counts for none of its waits. */
  #stoodStill(node: SimNode, ms: number): void {
    for (const [key, moving] of this.#moving) if (key.startsWith(node.name)) moving.since += ms
  }

  #otherOf(node: SimNode): SimNode {
    return node === this.#nodes[0] ? this.#nodes[1] : this.#nodes[0]
  }
}

/** How long a condition has held; starts again whenever it does not. */
function since(begun: Map<number, number>, group: number, nowMs: number, holds: boolean): number {
  if (!holds) {
    begun.delete(group)
    return 0
  }
  const from = begun.get(group) ?? nowMs
  begun.set(group, from)
  return nowMs - from
}

function isHealthy(node: SimNode): boolean {
  const isFit = node.troubles.every(trouble => !trouble.startFails && !trouble.startHangs && !trouble.stopFails)
  return node.isPowered && !node.isFrozen && isFit && node.carries && node.runner?.state.phase === 'active'
}

function shownBy(node: SimNode, group: number): GroupStateName | 'daemon dead' {
  const state = node.runner?.state.groups[group]
  return state === undefined ? 'daemon dead' : shownState(state)
}
