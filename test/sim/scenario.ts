/**
 * Named stories in the simulated world: two nodes without any fault but those the story tells, and a small vocabulary.
 * All rules of checkers.ts hold here too; a broken one fails the test with the whole story.
 */

import { shownState } from '../../src/cluster/turn.js'
import type { ClusterState } from '../../src/cluster/types.js'
import type { SimNode } from './sim-node.js'
import type { Method } from './plan.js'
import { World, type NodeName } from './world.js'

export interface ScenarioOptions {
  readonly seed?: number
  readonly homes?: readonly NodeName[]
  readonly autoFailback?: 'on' | 'off'
  readonly methods?: readonly Method[]
  readonly hasGuard?: boolean
}

const bothLinks = [0, 1]

export class Scenario {
  readonly world: World

  constructor(options: ScenarioOptions = {}) {
    const { seed = 1, homes = ['alpha'], autoFailback = 'off', methods = [], hasGuard = methods.length > 0 } = options
    this.world = new World({ seed, homes, autoFailback, methods, hasGuard, strikes: false })
  }

  /** Both nodes started together, every group running. */
  static running(options: ScenarioOptions = {}): Scenario {
    const scenario = new Scenario(options)
    for (const node of scenario.world.nodes) node.boot()
    scenario.until('every group runs on one node', () => scenario.world.isServed() && scenario.isAtRest(), 2_000)
    return scenario
  }

  get now(): number {
    return this.world.clock.monotonic()
  }

  node(name: NodeName): SimNode {
    return name === 'alpha' ? this.world.nodes[0] : this.world.nodes[1]
  }

  state(name: NodeName): ClusterState {
    const { runner } = this.node(name)
    if (runner === null) throw this.world.failure(`${name} has no daemon`)
    return runner.state
  }

  /** Both daemons have ended what they were doing. */
  isAtRest(): boolean {
    return this.world.nodes.every(node => node.runner?.state.groups.every(group => ['running', 'stopped'].includes(shownState(group))) === true)
  }

  /** Where the whole group really runs; `both` and `nobody` are answers too. */
  holderOf(group = 0): NodeName | 'both' | 'nobody' {
    const [onA, onB] = this.world.nodes.map(node => node.truth[group]?.every(Boolean) ?? false)
    if (onA === true) return onB === true ? 'both' : 'alpha'
    return onB === true ? 'beta' : 'nobody'
  }

  runsOn(name: NodeName, group = 0): boolean {
    return this.node(name).truth[group]?.every(Boolean) === true
  }

  /** Lets time pass until the condition holds; the story fails when it does not within `withinMs`. Returns how long it took. */
  until(what: string, condition: () => boolean, withinMs: number): number {
    const from = this.now
    if (!condition() && !this.world.runUntil(from + withinMs, condition)) throw this.world.failure(`not within ${withinMs} ms: ${what}`)
    return this.now - from
  }

  passes(durationMs: number): void {
    this.world.runUntil(this.now + durationMs, () => false)
  }

  /** Cuts both wires, or those that carry what `from` sends. */
  cut(from: NodeName | 'both' = 'both'): void {
    this.world.network.cut(bothLinks, 1, from)
  }

  mend(): void {
    this.world.network.mendAll()
  }

  /** The lines of the story that contain one of these words, without their times. */
  story(...words: readonly string[]): readonly string[] {
    return this.world.story.map(line => line.trim().replace(/^\d+ /, '')).filter(line => words.some(word => line.includes(word)))
  }
}
