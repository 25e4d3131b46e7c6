/**
 * The resource scripts of one simulated host, and what they really did: per group and resource, whether it runs. Truth
 * outlives the daemon. A started resource counts as running from the moment its start begins, a stopped one only when its
 * stop has ended.
 */

import { millis } from '../../src/base/units.js'
import type { Prng } from '../../src/base/prng.js'
import type { ClusterEffect } from '../../src/cluster/types.js'
import type { OperationOutcome } from '../../src/resource/group-machine.js'
import type { VirtualClock } from './virtual-clock.js'

/** How this node's scripts misbehave now; per group, and ended by the heal. */
export interface Troubles {
  readonly startFails: boolean
  readonly startHangs: boolean
  readonly stopFails: boolean
}

export const noTroubles: Troubles = { startFails: false, startHangs: false, stopFails: false }

type Operate = ClusterEffect & { kind: 'operate' }
type OnEnd = (outcome: OperationOutcome) => void

export class SimScripts {
  readonly #clock: VirtualClock
  readonly #prng: Prng
  readonly truth: boolean[][]
  readonly troubles: Troubles[]
  /** Grows when the power goes: scripts of before are gone. */
  #power = 0
  #asleep: (() => void)[] | null = null
  readonly #cancels = new Map<string, () => void>()

  constructor(clock: VirtualClock, prng: Prng, groups: readonly { readonly resources: readonly unknown[] }[]) {
    this.#clock = clock
    this.#prng = prng
    this.truth = groups.map(group => group.resources.map(() => false))
    this.troubles = groups.map(() => noTroubles)
  }

  powerOff(): void {
    this.#power += 1
    this.#asleep = null
    this.#cancels.clear()
    for (const group of this.truth) group.fill(false)
  }

  /** The whole host stands still. */
  sleep(): void {
    this.#asleep ??= []
  }

  wake(): void {
    const waiting = this.#asleep ?? []
    this.#asleep = null
    for (const callback of waiting) callback()
  }

  /** The first resource of every simulated group is its address. */
  dropAddress(group: number): void {
    const resources = this.truth[group]
    if (resources !== undefined) resources[0] = false
  }

  cancel(group: number, attempt: number): void {
    this.#cancels.get(`${group}/${attempt}`)?.()
  }

  /** A new life of the daemon ends the scripts of the old one before it looks at anything (agent/running-scripts.ts). */
  endLeftBehind(): void {
    for (const cancel of [...this.#cancels.values()]) cancel()
  }

  operate(effect: Operate, onEnd: OnEnd): void {
    const resources = this.truth[effect.group] ?? []
    const trouble = this.troubles[effect.group] ?? noTroubles
    const key = `${effect.group}/${effect.attempt}`
    let isOver = false
    const end = (delayMs: number, kind: OperationOutcome['kind'], truth: boolean | null): void =>
      this.#later(delayMs, () => {
        if (isOver) return
        isOver = true
        this.#cancels.delete(key)
        if (truth !== null) resources[effect.index] = truth // a script goes on when its daemon was killed, until the next life
        onEnd({ kind, exitCode: kind === 'ok' || kind === 'running' ? 0 : 1, signal: null, said: [] })
      })
    this.#cancels.set(key, () => {
      if (isOver) return
      isOver = true
      this.#cancels.delete(key)
      this.#later(this.#prng.between(1, 20), () => onEnd({ kind: 'cancelled', exitCode: null, signal: 'SIGKILL', said: [] }))
    })
    if (effect.operation === 'status') {
      this.#later(this.#prng.between(2, 15), () => {
        if (isOver) return
        isOver = true
        this.#cancels.delete(key)
        const isRunning = resources[effect.index] === true
        onEnd({ kind: isRunning ? 'running' : 'stopped', exitCode: isRunning ? 0 : 3, signal: null, said: [] })
      })
      return
    }
    const slow = this.#prng.between(2, 60)
    if (effect.operation === 'start') {
      if (trouble.startFails && !trouble.startHangs) return end(slow, 'failed', false)
      resources[effect.index] = true
      return trouble.startHangs ? end(effect.timeoutMs, 'timed-out', null) : end(slow, 'ok', null)
    }
    if (trouble.stopFails) end(slow, 'failed', null)
    else end(slow, 'ok', false)
  }

  #later(delayMs: number, callback: () => void): void {
    const power = this.#power
    this.#clock.schedule(millis(delayMs), () => {
      if (power !== this.#power) return
      if (this.#asleep === null) callback()
      else this.#asleep.push(callback)
    })
  }
}
