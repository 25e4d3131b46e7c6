/**
 * A whole cluster drawn from one seed: two nodes with what stands around them (network, disk, arbiter, fencing device,
 * ping node), what is configured against two owners, and a plan of strikes (plan.ts).
 *
 * Checked after every event: the rules in checkers.ts. Checked after all faults are healed: within a bound every group
 * really runs, whole, on exactly one node, and on the other nothing of it is left.
 */

import { millis } from '../../src/base/units.js'
import type { ClusterSettings, GroupSettings } from '../../src/cluster/types.js'
import type { StepObserver } from '../../src/daemon/cluster-runner.js'
import { diskPatience } from '../../src/safety/lease.js'
import type { SafetySettings } from '../../src/safety/types.js'
import { Checkers } from './checkers.js'
import { Network } from './network.js'
import { drawPlan, faultsUntilMs, nodeNames, streamOf, strikeText, type Method, type NodeName, type Plan } from './plan.js'
import { schedule } from './strikes.js'
import { SimNode, type NodeHost, type NodeTemplate } from './sim-node.js'
import { noTroubles } from './sim-scripts.js'
import { deadpingMs, leaseMs, Surroundings, ttlMs } from './surroundings.js'
import { VirtualClock } from './virtual-clock.js'

export type { NodeName } from './plan.js'

export class BrokenRule extends Error {
  override readonly name = 'BrokenRule'
}

/** After the heal: initdead, the longest script limits with their retries, the retry of a failed group, and moves. */
const settleBoundMs = 40_000
/** Services must stay put this long before a run counts as settled. */
const quietMs = 1_500
const storyMax = 400
/** How often the checkers look at what holds over time. */
const glanceMs = 50
/** Events at one and the same moment: more than this, and somebody runs in a circle. */
const sameMomentMax = 5_000

export interface WorldOptions {
  readonly seed: number
  /** Only these strikes of the plan; the others are left out. */
  readonly only?: readonly number[]
  /** Instead of what is drawn; `strikes: false` for stories told by hand. */
  readonly strikes?: boolean
  readonly methods?: readonly Method[]
  readonly homes?: readonly NodeName[]
  readonly autoFailback?: 'on' | 'off'
  readonly hasGuard?: boolean
  readonly keepaliveMs?: number
  readonly deadtimeMs?: number
  /** Looks on while the cores step; called at each boot of a node. */
  observe?(node: SimNode): StepObserver | null
}

export class World {
  readonly clock = new VirtualClock()
  readonly plan: Plan
  readonly nodes: readonly [SimNode, SimNode]
  readonly network: Network
  readonly around: Surroundings
  readonly story: string[] = []
  readonly checkers: Checkers
  readonly #options: WorldOptions
  #broken: string | null = null
  #events = 0
  #arbiterRestarts = 0
  #moment = -1
  #atMoment = 0

  constructor(options: WorldOptions) {
    this.#options = options
    const drawn = drawPlan(options.seed)
    const only = options.only === undefined ? null : new Set(options.only)
    this.plan = {
      ...drawn,
      methods: options.methods ?? drawn.methods,
      autoFailback: options.autoFailback ?? drawn.autoFailback,
      homes: options.homes ?? drawn.homes,
      hasGuard: options.hasGuard ?? drawn.hasGuard,
      strikes: options.strikes === false ? [] : drawn.strikes.filter(strike => only === null || only.has(strike.index))
    }
    const { seed } = options
    this.around = new Surroundings(this.clock, seed, { groups: this.plan.homes.length, shoot: victim => this.#shoot(victim) })
    this.network = new Network(this.clock, streamOf(seed, 5), () => this.nodes)
    const host: NodeHost = {
      clock: this.clock,
      around: this.around,
      transmit: (from, heard) => {
        this.checkers.onTransmit(from, heard)
        this.network.transmit(from.index, heard)
      },
      story: line => this.tell(line),
      broken: rule => this.#break(rule),
      onStart: (node, group) => {
        this.tell(`${node.name} starts group ${group} (peer ${node.runner?.state.peer.standing.kind ?? '?'})`)
        this.checkers.onStart(node, group)
      },
      onDrop: node => this.tell(`${node.name} drops addresses`),
      observe: node => options.observe?.(node) ?? null
    }
    const template = (index: 0 | 1): NodeTemplate => ({
      index,
      name: nodeNames[index],
      prng: streamOf(seed, 6 + index),
      drift: this.plan.drift[index] ?? { offsetMs: 0, rate: 1 },
      hasGuard: this.plan.hasGuard,
      settings: (generation, remembered) => this.#settings({ index, generation, remembered })
    })
    this.nodes = [new SimNode(host, template(0)), new SimNode(host, template(1))]
    this.checkers = new Checkers(this.nodes, { methods: this.plan.methods, now: () => this.clock.monotonic(), say: rule => this.#break(rule) })
    this.#glanceAgain()
  }

  get events(): number {
    return this.#events
  }

  /** One whole life: faults, heal, settle. Throws BrokenRule with the story when a rule is broken. */
  run(): void {
    for (const [index, node] of this.nodes.entries()) this.#later(this.plan.bootAtMs[index] ?? 0, () => node.boot())
    for (const strike of this.plan.strikes) {
      schedule({ clock: this.clock, nodes: this.nodes, network: this.network, around: this.around, story: line => this.tell(line) }, strike)
    }
    this.runUntil(faultsUntilMs, () => false)
    this.#heal()
    const deadline = faultsUntilMs + settleBoundMs
    let quietSince: number | null = null
    let isWellNext = 0
    this.runUntil(deadline, () => {
      const now = this.clock.monotonic()
      if (now < isWellNext) return false
      isWellNext = now + 10
      quietSince = this.isServed() ? (quietSince ?? now) : null
      return quietSince !== null && now - quietSince >= quietMs
    })
    if (quietSince === null) throw this.failure(`not every group runs on exactly one node ${settleBoundMs} ms after the heal`)
  }

  /** Lets the world go on until `isDone`, at most to `limitMs` on its clock. Says whether it was done. */
  runUntil(limitMs: number, isDone: () => boolean): boolean {
    while (this.clock.monotonic() < limitMs && this.clock.step()) {
      this.#events += 1
      this.checkers.onEvent()
      this.#watchProgress()
      if (this.#broken !== null) throw this.failure(this.#broken)
      if (isDone()) return true
    }
    return false
  }

  #watchProgress(): void {
    const now = this.clock.monotonic()
    this.#atMoment = now === this.#moment ? this.#atMoment + 1 : 0
    this.#moment = now
    if (this.#atMoment > sameMomentMax) this.#break(`${sameMomentMax} events at one moment: somebody runs in a circle`)
  }

  #break(rule: string): void {
    this.#broken ??= rule
  }

  /** The fencing device switches a node off; it comes back by itself, as after a reset. */
  #shoot(victim: 0 | 1): void {
    const node = this.nodes[victim]
    this.tell(`${node.name} is shot`)
    if (node.isPowered) node.powerOff()
    this.#later(1_000 + ((this.#events * 37) % 3_000), () => node.boot())
  }

  /** Every fault ends; blocked groups get the operator's word, as nothing else may free them. */
  #heal(): void {
    this.tell('all faults healed')
    this.network.lossOf = 0
    this.network.duplicateOf = 0
    this.network.delayMaxMs = 2
    this.network.mendAll()
    const { around } = this
    around.arbiter.slowMs = 0
    if (!around.arbiter.isUp) around.arbiter.restarted()
    around.arbiter.isReachable.fill(true)
    around.device.isFailing = false
    around.device.isHanging = false
    for (const node of this.nodes) {
      around.disk.trouble(node.index, { slowMs: 0, isFailing: false, isLost: false, isHanging: false })
      around.reaches[node.index] = true
      node.pingChanged()
      node.troubles.fill(noTroubles)
      for (const group of node.troubles.keys()) {
        const carriers = around.carriers[node.index]
        if (carriers !== undefined) carriers[group] = true
        node.carrierChanged(group)
      }
      node.isKeptOff = false
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
      const { restarts } = this.around.arbiter
      // Its leases begin their time anew: whoever waits for a key of somebody gone begins to wait anew.
      this.checkers.glance(this.network.isWell && restarts === this.#arbiterRestarts)
      this.#arbiterRestarts = restarts
      this.#glanceAgain()
    })
  }

  #settings(node: { readonly index: 0 | 1; readonly generation: number; readonly remembered: { readonly peerGeneration: number | null; readonly peerSequence: number; readonly held: ReadonlyMap<string, number> } }): ClusterSettings {
    const keepalive = this.#options.keepaliveMs ?? 100
    const deadtime = this.#options.deadtimeMs ?? 500
    const groups = this.plan.homes.map(
      (home, at): GroupSettings => ({
        key: `group${at}`,
        home,
        id: `0000000${at}`,
        digest: '00000000',
        resources: ['address', 'disk', 'service'].map(word => ({ word, command: word, isIdempotent: word !== 'service' })),
        limits: { startTimeoutMs: millis(1_000), stopTimeoutMs: millis(1_000), statusTimeoutMs: millis(500), stopRetries: 2, stopRetryDelayMs: millis(200) }
      })
    )
    const safety = safetyOf(this.plan.methods)
    const disk = safety.lease === null ? [] : [{ name: 'disk', description: 'lease', patienceMs: diskPatience(safety.lease) }]
    return {
      self: { name: nodeNames[node.index], generation: node.generation },
      peerName: nodeNames[node.index === 0 ? 1 : 0],
      timing: { keepaliveMs: millis(keepalive), warntimeMs: millis(deadtime / 2), deadtimeMs: millis(deadtime), initdeadMs: millis(deadtime * 2) },
      autoFailback: this.plan.autoFailback,
      groups,
      links: [...[0, 1].map(link => ({ name: `eth${link}`, description: `ucast eth${link}` })), ...disk],
      rememberedPeerGeneration: node.remembered.peerGeneration,
      rememberedPeerSequence: node.remembered.peerSequence,
      heldEpochs: node.remembered.held,
      safety,
      agreement: null,
      moveTimeoutMs: millis(8_000)
    }
  }

  #later(delay: number, callback: () => void): void {
    this.clock.schedule(millis(delay), callback)
  }

  tell(line: string): void {
    this.story.push(`${String(Math.round(this.clock.monotonic())).padStart(6)} ${line}`)
    if (this.story.length > storyMax) this.story.splice(0, storyMax / 4)
  }

  /** The error that tells which rule was broken, and how it came to that. */
  failure(rule: string): BrokenRule {
    const { plan } = this
    const states = this.nodes.map(node => `${node.runner?.describe() ?? `${node.name} down`} truth=${JSON.stringify(node.truth)}${node.isFrozen ? ' frozen' : ''}`)
    const settings = `methods: ${plan.methods.join(' ') || 'none'}; auto_failback ${plan.autoFailback}; homes ${plan.homes.join(' ')}; guard ${plan.hasGuard ? 'yes' : 'no'}`
    return new BrokenRule(`${rule}\n${settings}\n${plan.strikes.map(strikeText).join('\n')}\n${states.join('\n')}\n${this.story.slice(-80).join('\n')}`)
  }
}

export function safetyOf(methods: readonly Method[]): SafetySettings {
  const has = (method: Method): boolean => methods.includes(method)
  return {
    fencing: has('fencing') ? { delayMs: millis(300), timeoutMs: millis(3_000), retryMs: millis(1_000) } : null,
    lease: has('lease') ? { leaseMs: millis(leaseMs), intervalMs: millis(leaseMs / 8), link: 2 } : null,
    arbiter: has('arbiter') ? { ttlMs: millis(ttlMs) } : null,
    quorum: has('quorum') ? { deadpingMs: millis(deadpingMs), of: 1 } : null
  }
}
