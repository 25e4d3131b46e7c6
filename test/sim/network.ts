/** The simulated wires: two links with loss, delay, duplication, replays, and cuts in either direction. */

import { millis } from '../../src/base/units.js'
import type { Prng } from '../../src/base/prng.js'
import type { Heard } from '../../src/wire/status.js'
import { nodeNames, type NodeName } from './plan.js'
import type { VirtualClock } from './virtual-clock.js'

export const linksCount = 2
/** What an eavesdropper keeps of each node's datagrams. */
const recordMax = 300

export interface Receiver {
  readonly index: 0 | 1
  readonly isPowered: boolean
  readonly isAlive: boolean
  readonly isSuspended: boolean
  receive(link: number, heard: Heard): void
  onPortClosed(link: number): void
}

export class Network {
  readonly #clock: VirtualClock
  readonly #prng: Prng
  readonly #nodes: () => readonly [Receiver, Receiver]
  /** How many faults cut it, by link and sender: two that overlap heal one after the other. */
  readonly #cuts: number[][] = Array.from({ length: linksCount }, () => [0, 0])
  readonly #recorded: Heard[][] = [[], []]
  lossOf = 0
  delayMaxMs = 2
  duplicateOf = 0
  /** When a cut was last mended, on the world's clock. */
  mendedAt = 0

  constructor(clock: VirtualClock, prng: Prng, nodes: () => readonly [Receiver, Receiver]) {
    this.#clock = clock
    this.#prng = prng
    this.#nodes = nodes
  }

  get isWell(): boolean {
    return this.lossOf === 0 && this.#cuts.every(directions => directions.every(count => count === 0))
  }

  /** One more fault (or, with -1, one less) cuts these links for what `from` sends, or in both directions. */
  cut(links: readonly number[], by: 1 | -1, from: NodeName | 'both' = 'both'): void {
    for (const link of links) {
      const directions = this.#cuts[link]
      if (directions === undefined) continue
      for (const [index, name] of nodeNames.entries()) {
        if (from === 'both' || from === name) directions[index] = Math.max(0, (directions[index] ?? 0) + by)
      }
    }
    if (this.isWell) this.mendedAt = this.#clock.monotonic()
  }

  mendAll(): void {
    for (const directions of this.#cuts) directions.fill(0)
    this.mendedAt = this.#clock.monotonic()
  }

  transmit(from: 0 | 1, heard: Heard): void {
    const prng = this.#prng
    const to = this.#nodes()[1 - from] as Receiver // two nodes
    const recorded = this.#recorded[from]
    if (recorded?.push(heard) === recordMax + 1) recorded.shift()
    for (let link = 0; link < linksCount; link += 1) {
      if (this.#isCut(link, from) || (this.lossOf > 0 && prng.chance(this.lossOf, 100))) continue
      const copies = this.duplicateOf > 0 && prng.chance(this.duplicateOf, 100) ? 2 : 1
      for (let copy = 0; copy < copies; copy += 1) {
        this.#clock.schedule(millis(prng.between(0, this.delayMaxMs)), () => {
          // A wire cut while the datagram was under way loses it.
          if (!this.#isCut(link, from)) this.#arrive(from, to, link, heard)
        })
      }
    }
  }

  /** Delivers again, at once, what an eavesdropper recorded of this node's datagrams, oldest first. */
  replay(from: 0 | 1, start = 0, count = recordMax): number {
    const to = this.#nodes()[1 - from] as Receiver // two nodes
    const recorded = (this.#recorded[from] ?? []).slice(start, start + count)
    for (const heard of recorded) this.#clock.schedule(millis(0), () => to.receive(0, heard))
    return recorded.length
  }

  #isCut(link: number, from: 0 | 1): boolean {
    return (this.#cuts[link]?.[from] ?? 0) > 0
  }

  /** A host whose daemon is gone says so, if its answer comes through. */
  #arrive(from: 0 | 1, to: Receiver, link: number, heard: Heard): void {
    if (!to.isPowered || to.isSuspended) return
    if (to.isAlive) return to.receive(link, heard)
    if (!this.#isCut(link, to.index)) this.#nodes()[from].onPortClosed(link)
  }
}
