/**
 * A whole cluster drawn from one seed: two nodes, two links with loss, delay, duplication, replays and cuts in either
 * direction, and a plan of faults. Each seed leaves some kinds of fault out, so that the rest get room.
 *
 * Checked after every event: the rules in checkers.ts. Checked after all faults are healed: within a bound every group
 * really runs, whole, on exactly one node, and on the other nothing of it is left.
 */

import { Prng } from '../../src/base/prng.js'
import { millis } from '../../src/base/units.js'
import type { ClusterSettings, GroupSettings } from '../../src/cluster/types.js'
import { noSafety } from '../../src/safety/types.js'
import type { Message } from '../../src/wire/message.js'
import type { StepObserver } from '../../src/daemon/cluster-runner.js'
import { Checkers } from './checkers.js'
import { SimNode, type NodeTemplate } from './sim-node.js'
import { VirtualClock } from './virtual-clock.js'

export class BrokenRule extends Error {
  override readonly name = 'BrokenRule'
}

const faultKinds = ['loss', 'delay', 'duplicate', 'replay', 'cut', 'cut-one-way', 'power', 'kill', 'freeze', 'stop', 'move', 'start-fails', 'start-hangs', 'stop-fails'] as const
export type FaultKind = (typeof faultKinds)[number]

const names = ['alpha', 'beta'] as const
export type NodeName = (typeof names)[number]
const linksCount = 2
const faultsUntilMs = 12_000
/** After the heal: initdead, the longest script limits with their retries, the retry of a failed group, and moves. */
const settleBoundMs = 40_000
/** Services must stay put this long before a run counts as settled. */
const quietMs = 1_500
const storyMax = 400
/** What an eavesdropper keeps of each node's datagrams. */
const recordMax = 300
/** How often the checkers look at what holds over time. */
const glanceMs = 50

export interface WorldOptions {
  readonly seed: number
  /** Instead of drawn ones: kinds of fault, the groups' home nodes, auto_failback. For scenarios. */
  readonly faults?: readonly FaultKind[]
  readonly homes?: readonly NodeName[]
  readonly autoFailback?: 'on' | 'off'
  readonly keepaliveMs?: number
  readonly deadtimeMs?: number
  /** Watches each life of each daemon. */
  observe?(node: SimNode): StepObserver | null
}

export class World {
  readonly clock = new VirtualClock()
  readonly prng: Prng
  readonly nodes: readonly [SimNode, SimNode]
  readonly faults: ReadonlySet<FaultKind>
  readonly autoFailback: 'on' | 'off'
  readonly story: string[] = []
  readonly checkers: Checkers
  /** cut[link][from] */
  readonly #cut: boolean[][] = Array.from({ length: linksCount }, () => [false, false])
  #lossOf = 0
  #delayMaxMs = 2
  #duplicateOf = 0
  readonly #recorded: Message[][] = [[], []]
  #broken: string | null = null
  #events = 0

  constructor(options: WorldOptions) {
    this.prng = new Prng(options.seed)
    const failback = this.prng.chance(1, 2) ? 'on' : 'off'
    this.autoFailback = options.autoFailback ?? failback
    const drawnFaults = faultKinds.filter(() => this.prng.chance(2, 5))
    this.faults = new Set(options.faults ?? drawnFaults)
    const groupsCount = this.prng.between(1, 3)
    const drawnHomes = Array.from({ length: groupsCount }, () => this.prng.pick(names))
    const homes = options.homes ?? drawnHomes
    const host = {
      clock: this.clock,
      prng: this.prng,
      transmit: (from: SimNode, message: Message) => this.#transmit(from, message),
      story: (line: string) => this.#tell(line),
      observe: (node: SimNode) => options.observe?.(node) ?? null,
      onStart: (node: SimNode, group: number) => {
        this.#tell(`${node.name} starts group ${group} (peer ${node.runner?.state.peer.standing.kind ?? '?'})`)
        this.checkers.onStart(node, group)
      }
    }
    const template = (index: 0 | 1): NodeTemplate => ({
      name: names[index],
      settings: (generation, remembered) => this.#settings(options, { index, generation, homes, remembered })
    })
    this.nodes = [new SimNode(host, template(0)), new SimNode(host, template(1))]
    this.checkers = new Checkers(this.nodes, rule => {
      this.#broken ??= rule
    })
    this.#glanceAgain()
    if (this.faults.has('loss')) this.#lossOf = this.prng.between(1, 30)
    if (this.faults.has('delay')) this.#delayMaxMs = this.prng.between(5, 150)
    if (this.faults.has('duplicate')) this.#duplicateOf = this.prng.between(1, 30)
  }

  get events(): number {
    return this.#events
  }

  /** One whole life: faults, heal, settle. Throws BrokenRule with the story when a rule is broken. */
  run(): void {
    for (const node of this.nodes) this.#later(this.prng.between(0, 400), () => node.boot())
    for (let at = this.prng.between(500, 2_000); at < faultsUntilMs; at += this.prng.between(50, 2_500)) {
      this.#later(at, () => this.#strike())
    }
    this.runUntil(faultsUntilMs, () => false)
    this.#heal()
    const deadline = faultsUntilMs + settleBoundMs
    let quietSince: number | null = null
    this.runUntil(deadline, () => {
      const now = this.clock.monotonic()
      quietSince = this.isServed() ? (quietSince ?? now) : null
      return quietSince !== null && now - quietSince >= quietMs
    })
    if (quietSince === null) throw this.failure(`not every group runs on exactly one node ${settleBoundMs} ms after the heal`)
  }

  /** Lets the world go on until `isDone`, at most to `limitMs` on its clock. Says whether it was done. */
  runUntil(limitMs: number, isDone: () => boolean): boolean {
    while (this.clock.monotonic() < limitMs && this.clock.step()) {
      this.#events += 1
      if (this.#broken !== null) throw this.failure(this.#broken)
      if (isDone()) return true
    }
    return false
  }

  /** Cuts these links for what `from` sends, or in both directions. */
  cut(links: readonly number[], isCut: boolean, from: NodeName | 'both' = 'both'): void {
    for (const link of links) {
      for (const [index, name] of names.entries()) {
        const directions = this.#cut[link]
        if (directions !== undefined && (from === 'both' || from === name)) directions[index] = isCut
      }
    }
  }

  /** Every datagram from now on takes up to this long. */
  slow(delayMaxMs: number): void {
    this.#delayMaxMs = delayMaxMs
  }

  /** Delivers again, at once, what an eavesdropper recorded of this node's datagrams, oldest first. */
  replay(node: SimNode, from = 0, count = recordMax): void {
    const index = node === this.nodes[0] ? 0 : 1
    const to = this.nodes[1 - index] as SimNode // two nodes
    const recorded = (this.#recorded[index] ?? []).slice(from, from + count)
    this.#tell(`${recorded.length} datagrams of ${node.name} are replayed`)
    for (const message of recorded) this.#later(0, () => to.receive(0, message))
  }

  /** One fault of a kind this seed allows; most heal by themselves after a while. */
  #strike(): void {
    const kind = this.prng.pick(faultKinds)
    if (!this.faults.has(kind)) return
    const { prng } = this
    const node = prng.pick(this.nodes)
    const lastsMs = prng.chance(1, 2) ? prng.between(20, 900) : prng.between(900, 5_000)
    switch (kind) {
      case 'cut':
      case 'cut-one-way': {
        const from = prng.below(2)
        const links = prng.chance(1, 2) ? [0, 1] : [prng.below(linksCount)]
        this.#tell(`${kind} links ${links.join(',')} from ${names[from] ?? ''} for ${lastsMs} ms`)
        const set = (isCut: boolean): void => this.cut(links, isCut, kind === 'cut' ? 'both' : (names[from] ?? 'both'))
        set(true)
        return this.#later(lastsMs, () => set(false))
      }
      case 'replay':
        return this.replay(node, prng.below(recordMax), prng.between(1, 60))
      case 'power':
        if (node.isPowered) node.powerOff()
        return this.#later(lastsMs, () => node.boot())
      case 'kill':
        if (!node.isAlive) return
        node.kill()
        return this.#later(prng.chance(3, 4) ? prng.between(100, 300) : lastsMs, () => node.boot())
      case 'freeze':
        if (!node.isAlive) return
        node.freeze()
        return this.#later(lastsMs, () => node.thaw())
      case 'stop':
        node.stop()
        return this.#later(lastsMs, () => node.boot())
      case 'move':
        // Now and then two operators look at the same moment, each at his node.
        if (prng.chance(1, 3)) return this.nodes.forEach(one => one.cleanup())
        return node.ask({ kind: prng.chance(1, 2) ? 'standby' : 'takeover', scope: { kind: 'all' } })
      case 'start-fails':
      case 'start-hangs':
      case 'stop-fails': {
        const group = prng.below(node.troubles.length)
        const before = node.troubles[group] ?? { startFails: false, startHangs: false, stopFails: false }
        this.#tell(`${node.name} group ${group}: ${kind} for ${lastsMs} ms`)
        const key = kind === 'start-fails' ? 'startFails' : kind === 'start-hangs' ? 'startHangs' : 'stopFails'
        node.troubles[group] = { ...before, [key]: true }
        return this.#later(lastsMs, () => {
          node.troubles[group] = { ...(node.troubles[group] ?? before), [key]: false }
        })
      }
      case 'loss':
      case 'delay':
      case 'duplicate':
        return // these are there all the time
    }
  }

  /** Every fault ends; blocked groups get the operator's word, as nothing else may free them. */
  #heal(): void {
    this.#tell('all faults healed')
    this.#lossOf = 0
    this.#duplicateOf = 0
    this.#delayMaxMs = 2
    for (const directions of this.#cut) directions.fill(false)
    for (const node of this.nodes) {
      node.troubles.fill({ startFails: false, startHangs: false, stopFails: false })
      node.thaw()
      node.boot()
    }
    // An operator looks every few seconds: starts what was stopped, cleans up what was blocked.
    for (let at = 500; at < settleBoundMs; at += 3_000) {
      this.#later(at, () => {
        for (const node of this.nodes) {
          node.boot()
          node.cleanup()
        }
      })
    }
  }

  /** Every group runs, whole, on exactly one node, and nothing of it on the other. */
  isServed(): boolean {
    const [a, b] = this.nodes
    return a.truth.every((group, index) => {
      const other = b.truth[index] ?? []
      const onA = group.every(Boolean) && !other.some(Boolean)
      const onB = other.every(Boolean) && !group.some(Boolean)
      return onA || onB
    })
  }

  #glanceAgain(): void {
    this.#later(glanceMs, () => {
      const isConnected = this.#lossOf === 0 && this.#cut.every(directions => directions.every(isCut => !isCut))
      this.checkers.glance(this.clock.monotonic(), isConnected)
      this.#glanceAgain()
    })
  }

  #transmit(from: SimNode, message: Message): void {
    const { prng } = this
    const index = from === this.nodes[0] ? 0 : 1
    const to = this.nodes[1 - index] as SimNode // two nodes
    this.checkers.onTransmit(from, message)
    const recorded = this.#recorded[index]
    if (recorded?.push(message) === recordMax + 1) recorded.shift()
    for (let link = 0; link < linksCount; link += 1) {
      if (this.#cut[link]?.[index] === true || prng.chance(this.#lossOf, 100)) continue
      const copies = prng.chance(this.#duplicateOf, 100) ? 2 : 1
      for (let copy = 0; copy < copies; copy += 1) {
        this.#later(prng.between(0, this.#delayMaxMs), () => {
          // A wire cut while the datagram was under way loses it.
          if (this.#cut[link]?.[index] !== true) to.receive(link, message)
        })
      }
    }
  }

  #settings(
    options: WorldOptions,
    node: { readonly index: 0 | 1; readonly generation: number; readonly homes: readonly string[]; readonly remembered: { readonly peerGeneration: number | null; readonly peerSequence: number; readonly held: ReadonlyMap<string, number> } }
  ): ClusterSettings {
    const keepalive = options.keepaliveMs ?? 100
    const deadtime = options.deadtimeMs ?? 500
    const groups = node.homes.map(
      (home, at): GroupSettings => ({
        key: `group${at}`,
        home,
        id: `0000000${at}`,
        digest: '00000000',
        resources: ['address', 'disk', 'service'].map(word => ({ word, command: word, isIdempotent: word !== 'service' })),
        limits: { startTimeoutMs: millis(1_000), stopTimeoutMs: millis(1_000), statusTimeoutMs: millis(500), stopRetries: 2, stopRetryDelayMs: millis(200) }
      })
    )
    return {
      self: { name: names[node.index], generation: node.generation },
      peerName: names[1 - node.index] ?? '',
      timing: { keepaliveMs: millis(keepalive), warntimeMs: millis(deadtime / 2), deadtimeMs: millis(deadtime), initdeadMs: millis(deadtime * 2) },
      autoFailback: this.autoFailback,
      groups,
      links: [0, 1].map(link => ({ name: `eth${link}`, description: `ucast eth${link}` })),
      rememberedPeerGeneration: node.remembered.peerGeneration,
      rememberedPeerSequence: node.remembered.peerSequence,
      heldEpochs: node.remembered.held,
      safety: noSafety,
    agreement: null,
    moveTimeoutMs: millis(8_000)
    }
  }

  #later(delay: number, callback: () => void): void {
    this.clock.schedule(millis(delay), callback)
  }

  #tell(line: string): void {
    this.story.push(`${String(Math.round(this.clock.monotonic())).padStart(6)} ${line}`)
    if (this.story.length > storyMax) this.story.shift()
  }

  /** The error that tells which rule was broken, and how it came to that. */
  failure(rule: string): BrokenRule {
    const states = this.nodes.map(node => `${node.runner?.describe() ?? `${node.name} down`} truth=${JSON.stringify(node.truth)}`)
    const faults = [...this.faults].join(' ')
    return new BrokenRule(`${rule}\nfaults: ${faults}; auto_failback ${this.autoFailback}\n${states.join('\n')}\n${this.story.slice(-60).join('\n')}`)
  }
}
