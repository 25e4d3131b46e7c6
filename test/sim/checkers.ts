/**
 * Watches a simulated cluster and says the first rule that it breaks. The checkers look at what really runs and at what
 * was really sent, never at what a daemon thinks of itself, except where a rule is about its words.
 *
 * At every start
 *  - Nothing of the group really runs on the other node, unless that node was declared dead.
 *  - The other node does not show the group blocked, whether it lives, left or died since.
 * At every datagram sent
 *  - Generations grow from life to life, sequences within a life.
 * At every glance
 *  - What a node takes for its peer's generation does not shrink within a life.
 * At every glance, while both nodes are healthy and hear each other
 *  - No group is without service for longer than `idleMost`, unless it failed or is blocked.
 *  - No group runs on both nodes for longer than `doubleMost`: of two owners one yields.
 *
 * What two nodes cannot promise without fencing: while they do not hear each other, both may run a group. That is why the
 * first rule ends with "unless that node was declared dead".
 */

import { shownState } from '../../src/cluster/turn.js'
import { textOf } from '../../src/wire/fields.js'
import type { Message } from '../../src/wire/message.js'
import type { GroupStateName } from '../../src/wire/ownership.js'
import type { SimNode } from './sim-node.js'

/** Three times the longest ever seen in 3,000 lives: scripts that hang until their limit, stops with their retries. */
const idleMostMs = 3_000
/** One keepalive to notice, and three stops; scripts that hung when the fault ended run into their limit first. */
const doubleMostMs = 1_500

export class Checkers {
  readonly #nodes: readonly [SimNode, SimNode]
  readonly #say: (rule: string) => void
  readonly #sent = new Map<string, { generation: number; sequence: number }>()
  readonly #known = new Map<string, { own: number; peer: number }>()
  readonly #idleSince = new Map<number, number>()
  readonly #doubleSince = new Map<number, number>()
  /** The longest times seen, to know how far the bounds are from life. */
  idleLongestMs = 0
  doubleLongestMs = 0

  constructor(nodes: readonly [SimNode, SimNode], say: (rule: string) => void) {
    this.#nodes = nodes
    this.#say = say
  }

  onStart(node: SimNode, group: number): void {
    const other = this.#otherOf(node)
    const standing = node.runner?.state.peer.standing.kind ?? 'unheard'
    const runsThere = other.isPowered && (other.truth[group]?.some(Boolean) ?? false)
    const shown = shownBy(other, group)
    if (runsThere && standing !== 'dead') {
      this.#say(`${node.name} starts group ${group} while ${other.name} really runs it (${shown}) and counts as ${standing}`)
    }
    const id = node.settings.groups[group]?.id
    const word = node.runner?.state.peer.view?.groups.find(one => one.id === id)?.state
    if (word === 'blocked') this.#say(`${node.name} starts group ${group}, which ${other.name} showed blocked (${standing})`)
    if (shown === 'blocked' && standing !== 'dead') this.#say(`${node.name} starts group ${group}, which is blocked on ${other.name} (${standing})`)
  }

  onTransmit(node: SimNode, message: Message): void {
    const generation = Number.parseInt(textOf(message, 'hg') ?? '', 16)
    const sequenceText = textOf(message, 'seq')
    if (sequenceText === undefined) return // NS_ messages are outside the sequence
    const sequence = Number.parseInt(sequenceText, 16)
    const before = this.#sent.get(node.name)
    const isGrowing = before === undefined || generation > before.generation || (generation === before.generation && sequence > before.sequence)
    if (!isGrowing) this.#say(`${node.name} sends ${generation}.${sequence} after ${before.generation}.${before.sequence}`)
    this.#sent.set(node.name, { generation, sequence })
  }

  /** `isConnected`: no wire is cut and nothing is being lost. */
  glance(nowMs: number, isConnected: boolean): void {
    for (const node of this.#nodes) this.#watchGeneration(node)
    const isCalm = isConnected && this.#nodes.every(isHealthy)
    const [a, b] = this.#nodes
    for (const [group, onA] of a.truth.entries()) {
      const onB = b.truth[group] ?? []
      const isExcused = [shownBy(a, group), shownBy(b, group)].some(shown => shown === 'failed' || shown === 'blocked')
      const idleMs = since(this.#idleSince, group, nowMs, isCalm && !isExcused && !onA.every(Boolean) && !onB.every(Boolean))
      const doubleMs = since(this.#doubleSince, group, nowMs, isCalm && !isExcused && onA.some(Boolean) && onB.some(Boolean))
      this.idleLongestMs = Math.max(this.idleLongestMs, idleMs)
      this.doubleLongestMs = Math.max(this.doubleLongestMs, doubleMs)
      if (idleMs > idleMostMs) this.#say(`group ${group} is without service for ${Math.round(idleMs)} ms while both nodes are healthy and hear each other`)
      if (doubleMs > doubleMostMs) this.#say(`group ${group} runs on both nodes for ${Math.round(doubleMs)} ms although they hear each other`)
    }
  }

  #watchGeneration(node: SimNode): void {
    const peer = node.runner?.state.peer.generation
    if (peer === undefined || peer === null) return
    const own = node.settings.self.generation
    const before = this.#known.get(node.name)
    if (before?.own === own && peer < before.peer) this.#say(`${node.name} takes generation ${peer} for its peer's after ${before.peer}`)
    this.#known.set(node.name, { own, peer })
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
  return node.isPowered && !node.isFrozen && isFit && node.runner?.state.phase === 'active'
}

function shownBy(node: SimNode, group: number): GroupStateName | 'daemon dead' {
  const state = node.runner?.state.groups[group]
  return state === undefined ? 'daemon dead' : shownState(state)
}
