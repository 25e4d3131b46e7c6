/**
 * One node of the what-if: the production core, driven as the daemon's runner drives it, and the resources that really run
 * there. Scripts go on while the daemon stands still; the guard process ends what a daemon holds that hangs too long.
 */

import { elapsed, instant, millis, type Instant } from '../base/units.js'
import { initialState, nextDeadline, step } from '../cluster/step.js'
import type { ClusterEffect, ClusterEvent, ClusterSettings, ClusterState } from '../cluster/types.js'
import type { OperationResult } from '../resource/group-machine.js'
import { operationUnderWay } from '../resource/under-way.js'
import type { Heard } from '../wire/status.js'
import type { Agenda } from './queue.js'

/** What a host needs of the world around it. */
export interface HostWorld {
  readonly agenda: Agenda
  /** How long this operation takes, in ms. */
  durationOf(group: number, index: number, operation: string): number
  fails(host: Host, group: number, operation: string): boolean
  perform(host: Host, effect: ClusterEffect): void
  tell(host: Host | null, what: string): void
  /** Something happened that matters: the end of the story is not reached yet. */
  stir(): void
}

/** Events as they come; the time is stamped when they are taken. */
export type Unstamped = ClusterEvent extends infer Event ? (Event extends ClusterEvent ? Omit<Event, 'now'> : never) : never

const restartMs = 1_000
const latenessMs = 50
/** No timer is finer. A deadline is a sum of fractions, rounded: at its very moment the core may find that it is not there yet, and asks again. */
const grainMs = 0.05
const waitingMax = 256

export class Host {
  readonly name: string
  settings: ClusterSettings
  state: ClusterState | null
  isPowered: boolean
  hasCarrier = true
  /** By group and resource: what really runs. */
  readonly truth: boolean[][]
  newest: Heard | null = null
  readonly #world: HostWorld
  #frozen = false
  #armed = 0
  #armedFor = Number.POSITIVE_INFINITY
  #waiting: Unstamped[] = []
  #isStepping = false
  #mailbox: Unstamped[] = []
  /** Grows with each life; what an earlier one planned is dropped. */
  life = 0

  constructor(world: HostWorld, begin: { readonly settings: ClusterSettings; readonly state: ClusterState | null; readonly isPowered: boolean; readonly running: readonly boolean[] }) {
    this.#world = world
    this.name = begin.settings.self.name
    this.settings = begin.settings
    this.state = begin.state
    this.isPowered = begin.isPowered
    this.truth = begin.settings.groups.map((group, index) => group.resources.map(() => begin.running[index] === true))
  }

  get now(): Instant {
    return instant(this.#world.agenda.now)
  }

  get isFrozen(): boolean {
    return this.#frozen
  }

  /** Goes on from the state it was given: deadlines, and scripts that were under way. */
  resume(): void {
    if (this.state === null) return
    for (const [group, { machine }] of this.state.groups.entries()) {
      const under = operationUnderWay(machine)
      if (under !== null) this.#operate({ kind: 'operate', group, ...under, attempt: machine.attempt, timeoutMs: millis(60_000) })
    }
    this.#arm()
  }

  post(event: Unstamped): void {
    if (this.state === null) return
    if (this.#frozen) {
      if (this.#waiting.length < waitingMax) this.#waiting.push(event)
      return
    }
    this.#mailbox.push(event)
    if (this.#isStepping) return
    this.#isStepping = true
    for (let next = this.#mailbox.shift(); next !== undefined && this.state !== null; next = this.#mailbox.shift()) {
      const stepped = step(this.state, { ...next, now: this.now } as ClusterEvent, this.settings)
      this.state = stepped.state
      for (const effect of stepped.effects) this.#perform(effect)
    }
    this.#mailbox = []
    this.#isStepping = false
    this.#arm()
  }

  boot(): void {
    if (this.state !== null) return
    this.isPowered = true
    this.life += 1
    this.settings = { ...this.settings, self: { ...this.settings.self, generation: this.settings.self.generation + 1 } }
    this.state = initialState(this.settings, this.now)
    this.#world.tell(this, 'its daemon starts')
    this.post({ kind: 'begin' })
  }

  endLife(): void {
    this.life += 1
    this.state = null
    this.#frozen = false
    this.#waiting = []
    this.#armed += 1
  }

  powerOff(why: string): void {
    if (!this.isPowered) return
    this.#world.tell(this, why)
    this.endLife()
    this.isPowered = false
    for (const group of this.truth) group.fill(false)
  }

  /** The daemon stands still for so long; after `guardMs` its guard takes the addresses off and starts it again. */
  hang(forMs: number, guardMs: number): void {
    if (this.state === null || this.#frozen) return
    this.#world.tell(this, `its daemon stands still for ${Math.round(forMs)} ms`)
    this.#frozen = true
    const life = this.life
    if (forMs > guardMs) {
      this.#world.agenda.plan(guardMs, () => {
        if (life !== this.life) return
        this.#world.tell(this, 'its sentry takes the addresses off and ends the daemon, which hangs too long')
        for (const group of this.truth.keys()) this.dropAddresses(group)
        this.endLife()
        this.#world.agenda.plan(restartMs, () => this.boot())
      })
    } else this.#world.agenda.plan(forMs, () => (life === this.life ? this.#thaw() : undefined))
  }

  dropAddresses(group: number): void {
    const resources = this.truth[group] ?? []
    for (const [index, resource] of (this.settings.groups[group]?.resources ?? []).entries()) if (isAddress(resource.word)) resources[index] = false
    this.#world.stir()
  }

  #thaw(): void {
    this.#frozen = false
    this.#world.tell(this, 'its daemon goes on')
    const lateMs = elapsed(instant(this.#armedFor), this.now)
    const waiting = this.#waiting
    this.#waiting = []
    if (lateMs > latenessMs) {
      this.post({ kind: 'woke', stallMs: lateMs })
      this.post({ kind: 'stall-explained', cause: 'simulated' })
    }
    for (const event of waiting) this.post(event)
    this.post({ kind: 'tick' })
  }

  #arm(): void {
    if (this.state === null) return
    this.#armed += 1
    const mine = this.#armed
    const due = Math.max(this.now + grainMs, nextDeadline(this.state, this.settings))
    this.#armedFor = due
    this.#world.agenda.plan(due - this.now, () => {
      if (mine === this.#armed && !this.#frozen) this.post({ kind: 'tick' })
    })
  }

  #perform(effect: ClusterEffect): void {
    switch (effect.kind) {
      case 'operate':
        return this.#operate(effect)
      case 'drop-addresses':
        this.#world.tell(this, `drops the addresses of ${effect.groups.map(group => this.settings.groups[group]?.key ?? '').join(', ')}`)
        for (const group of effect.groups) this.dropAddresses(group)
        return
      case 'cancel': {
        const life = this.life
        return this.#world.agenda.plan(5, () => this.#end(life, effect.group, effect.attempt, 'cancelled'))
      }
      case 'exit':
        this.#world.tell(this, 'its daemon has ended')
        return this.endLife()
      default:
        return this.#world.perform(this, effect)
    }
  }

  #operate(effect: ClusterEffect & { kind: 'operate' }): void {
    const { group, index, operation } = effect
    const life = this.life
    const resources = this.truth[group] ?? []
    const takes = this.#world.durationOf(group, index, operation)
    const isLate = takes > effect.timeoutMs
    this.#world.stir()
    this.#world.agenda.plan(Math.min(takes, effect.timeoutMs), () => {
      if (!this.isPowered) return
      this.#world.stir()
      const fails = this.#world.fails(this, group, operation)
      if (operation !== 'status' && !fails && !isLate) resources[index] = operation === 'start'
      const kind: OperationResult = operation === 'status' ? (resources[index] === true ? 'running' : 'stopped') : fails ? 'failed' : isLate ? 'timed-out' : 'ok'
      this.#end(life, group, effect.attempt, kind)
    })
  }

  #end(life: number, group: number, attempt: number, kind: OperationResult): void {
    if (life !== this.life) return
    const exitCode = kind === 'ok' || kind === 'running' ? 0 : kind === 'stopped' ? 3 : kind === 'failed' ? 1 : null
    this.post({ kind: 'operated', group, attempt, outcome: { kind, exitCode, signal: null, said: kind === 'failed' ? ['simulated'] : [] } })
  }
}

/** A word of haresources that is an address, by its script or by itself. */
export const isAddress = (word: string): boolean => /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]+)(\/|$)/i.test(word) || /^(IPaddr2?|IPv6addr|IPsrcaddr)::/.test(word)
