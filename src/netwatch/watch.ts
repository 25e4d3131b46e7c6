/**
 * Watches the host's network for the groups: implements port/network-watch.ts.
 *
 * Think of a night watchman with a list. What is on the list and missing is put back and announced; what is there and not
 * on the list is reported; whether the doors (the interfaces) can be used is told to those who decide; and once a minute
 * he calls out what we hold, and listens whether a stranger answers to the name.
 *
 * Invariants
 *  1. Nothing is put back that is not expected at that moment. A stop waits for the end of a repair under way, so that no
 *     repair puts back what the stop removes.
 *  2. That an address is absent, or present against our word, is believed only after a look begun later than our last
 *     own change to it.
 *  3. At most one repair runs at a time, for all addresses that are missing.
 *
 * Not here: what a lost carrier means (the core), how an address is started and stopped (resource.d).
 */

import { join } from 'node:path'
import { after, millis, type Instant, type Millis } from '../base/units.js'
import type { ResourceGroup, ResourceSpec } from '../config/types.js'
import type { AgentOperation, AgentResultKind, AgentRunner } from '../port/agent-runner.js'
import type { Clock, Scheduled } from '../port/clock.js'
import type { LocatedAddress, NetworkWatch, NetworkWatchHandlers } from '../port/network-watch.js'
import { addressArgument } from './address-argument.js'
import { carrierTrouble } from './carrier.js'
import { runCommand, type RunningCommand } from './command.js'
import { GuardedAddress, strangeSentence } from './guarded-address.js'
import { HostNetwork, type HostAddress } from './host-network.js'
import { Monitor } from './monitor.js'
import { NeighbourCheck, type CheckTarget } from './neighbour-check.js'
import { Repair } from './repair.js'

export interface NetworkWatchOptions {
  readonly clock: Clock
  readonly groups: readonly ResourceGroup[]
  /** Announces an address that was put back. */
  readonly agents: AgentRunner
  readonly environment: Readonly<Record<string, string>>
  readonly projectResourceDir: string
  /**
   * How long a carrier that has come back must last before it is told. The peer may be behind the same cable: before a node
   * serves again it must have had time to hear it, or both would serve. It also damps a loose plug.
   */
  readonly carrierReturnMs: Millis
}

const whereLimitMs = millis(2_000)
const neighbourLimitMs = millis(2_000)
const announceLimitMs = millis(5_000)

export class HostNetworkWatch implements NetworkWatch {
  readonly #options: NetworkWatchOptions
  readonly #network = new HostNetwork()
  readonly #items: readonly GuardedAddress[]
  readonly #monitor: Monitor
  readonly #repair: Repair
  readonly #check: NeighbourCheck
  readonly #carrier = new Map<number, string | null>()
  /** Carriers that are back, and not told yet. */
  readonly #returns = new Map<number, Scheduled>()
  readonly #commands = new Set<RunningCommand>()
  readonly #kept = new Set<Promise<void>>()
  readonly #closing = new AbortController()
  #handlers: NetworkWatchHandlers | null = null
  #retry: Scheduled | null = null
  #whereAsked = -1
  #isProbeTroubleTold = false

  constructor(options: NetworkWatchOptions) {
    this.#options = options
    const { clock, environment, projectResourceDir } = options
    this.#items = options.groups.flatMap((group, index) => itemsOf(group, index)).map((one, id) => new GuardedAddress(id, one.group, one.index, one.argument))
    this.#monitor = new Monitor({ clock, environment, network: this.#network, onChange: () => this.#settle(), onNote: (level, text) => this.#note(level, text) })
    this.#repair = new Repair({ clock, environment, onEnd: end => this.#onRepaired(end) })
    this.#check = new NeighbourCheck({
      clock,
      environment,
      projectResourceDir,
      nicOf: target => this.#askableNic(target),
      onAnswer: (target, nic, culprits) => this.#onAnswer(target, nic, culprits),
      onTrouble: (target, trouble) => this.#onProbeTrouble(target, trouble)
    })
  }

  /** A cluster without addresses needs no watch: then nothing is begun at all. */
  open(handlers: NetworkWatchHandlers): void {
    this.#handlers = handlers
    if (this.#items.length > 0) this.#monitor.open()
  }

  /** Announcements under way are ended; `idle` says when they have. */
  close(): void {
    this.#handlers = null
    this.#closing.abort()
    this.#monitor.close()
    this.#check.close()
    this.#retry?.cancel()
    for (const timer of this.#returns.values()) timer.cancel()
    this.#repair.end()
    for (const command of this.#commands) command.end()
  }

  async idle(): Promise<void> {
    await Promise.all(this.#kept)
  }

  began(group: number, index: number, operation: AgentOperation): Promise<void> | null {
    const item = this.#item(group, index)
    if (item === null) return null
    if (operation === 'stop') return this.#releaseItem(item)
    if (operation === 'start' && item.mode !== 'up') item.becomeBusy()
    return null
  }

  ended(group: number, index: number, operation: AgentOperation, kind: AgentResultKind): void {
    const item = this.#item(group, index)
    if (item === null) return
    if ((operation === 'start' && kind === 'ok') || (operation === 'status' && kind === 'running')) this.expect(group, index)
    else if ((operation === 'stop' && kind === 'ok' && item.mode === 'busy') || (operation === 'status' && kind === 'stopped' && item.mode === 'unknown')) {
      item.mode = 'down'
      item.believedFrom = this.#monitor.look()
    }
  }

  expect(group: number, index: number): void {
    const item = this.#item(group, index)
    if (item === null || item.mode === 'up' || this.#handlers === null) return
    item.becomeBusy()
    item.mode = 'up'
    item.believedFrom = this.#monitor.look()
    this.#settle()
  }

  release(group: number): void {
    for (const item of this.#items) if (item.group === group) this.#keep(this.#releaseItem(item))
  }

  check(group: number): void {
    for (const item of this.#items) if (item.group === group) this.#check.ask(item.id)
  }

  locate(group: number, index: number): readonly LocatedAddress[] | null {
    const item = this.#item(group, index)
    const found = item === null ? [] : this.#network.find(item.argument.address).filter(one => this.#nicOf(one) !== 'lo')
    if (found.length === 0) return null
    return found.map(one => ({
      address: one.address,
      prefix: one.prefix,
      family: one.address.includes(':') ? 6 : 4,
      nic: this.#nicOf(one),
      isPrimary: !one.isSecondary && this.#network.addressesOn(one.link).some(other => other.isSecondary)
    }))
  }

  troubles(): readonly string[] {
    const now = this.#options.clock.monotonic()
    return this.#items.flatMap(item => item.troubles(now))
  }

  /** The process of `ip monitor`, for tests. */
  get monitorPid(): number | null {
    return this.#monitor.pid
  }

  /** How often the host was looked at in full, for tests. */
  get looks(): number {
    return this.#monitor.looks
  }

  /** The interfaces whose carrier decides whether a group can be served here. */
  nicsOf(group: number): readonly string[] {
    return this.#items.filter(item => item.group === group).flatMap(item => item.nic ?? [])
  }

  #item(group: number, index: number): GuardedAddress | null {
    return this.#items.find(item => item.group === group && item.index === index) ?? null
  }

  #nicOf(address: HostAddress): string {
    return this.#network.link(address.link)?.name ?? ''
  }

  #note(level: 'info' | 'warn' | 'error', text: string): void {
    this.#handlers?.onNote(level, text)
  }

  #releaseItem(item: GuardedAddress): Promise<void> | null {
    item.becomeBusy()
    this.#check.remove(item.id)
    return this.#repair.endIfFor(item.id)
  }

  /** Draws every conclusion from what is known now. */
  #settle(): void {
    if (this.#handlers === null) return
    for (const item of this.#items) {
      // While it is being started, too: it may be gone again before its script has ended.
      this.#notePlace(item)
      if (item.mode === 'up') this.#settleExpected(item)
      else if (item.mode === 'down') this.#settleUnexpected(item)
      this.#settleStanding(item)
    }
    this.#repairMissing()
    this.#askWhere()
    this.#settleCarrier()
  }

  #notePlace(item: GuardedAddress): void {
    const seen = this.#network.find(item.argument.address)[0]
    const nic = seen === undefined ? '' : this.#nicOf(seen)
    if (seen === undefined || nic === '') return
    if (item.place === null) item.repairTrouble = null
    item.place = { nic, seen }
  }

  #settleExpected(item: GuardedAddress): void {
    const now = this.#options.clock.monotonic()
    const { address } = item.argument
    if (this.#network.find(address).length > 0) {
      item.confirmedFrom = 0
      if (!item.isAnnounced) this.#check.add(targetOf(item))
      item.isAnnounced = true
      if (item.missingSince === null || this.#repair.isFor(item.id)) return
      const note = item.putBack(item.nic ?? '', now)
      if (note !== null) this.#note(note.level, note.text)
      this.#announce(item)
      return this.#check.ask(item.id)
    }
    if (!this.#isBelieved(item)) return
    if (item.place === null) {
      if (item.repairTrouble !== null) return
      // It was never seen here, so nobody knows how to put it back: a script that is not ours may do as it pleases.
      item.repairTrouble = `${address} is said to be started, but is on no interface of this host`
      return this.#note('warn', `${item.repairTrouble}; it cannot be guarded`)
    }
    item.missingSince ??= now
    if (item.failure !== null) this.#onFailedRepair(item, item.failure, now)
  }

  /** Onto an interface that is switched off or absent nothing can be put; the carrier is told, and its return repairs. */
  #hasRoom(item: GuardedAddress): boolean {
    return this.#network.linkNamed(item.nic ?? '')?.isUp === true
  }

  #isBelieved(item: GuardedAddress): boolean {
    return this.#monitor.looks >= Math.max(item.believedFrom, item.confirmedFrom)
  }

  #onFailedRepair(item: GuardedAddress, failure: string, now: Instant): void {
    item.failure = null
    if (!this.#hasRoom(item)) return
    item.failures += 1
    item.retryAt = after(now, millis(Math.min(failurePauseMinMs * 2 ** (item.failures - 1), failurePauseMaxMs)))
    item.repairTrouble = `${item.argument.address} is gone from ${item.nic ?? 'this host'} and could not be put back: ${failure}`
    if (item.failures === 1) this.#note('error', item.repairTrouble)
  }

  #settleUnexpected(item: GuardedAddress): void {
    const seen = this.#network.find(item.argument.address)[0]
    const nic = seen === undefined ? null : this.#nicOf(seen)
    if (nic === null || nic === 'lo') {
      if (item.strangeNic !== null) this.#note('info', `${item.argument.address} is gone from ${item.strangeNic} again`)
      item.strangeNic = null
    } else if (item.strangeNic === null && this.#monitor.looks >= item.believedFrom) {
      item.strangeNic = nic
      this.#note('warn', strangeSentence(item.argument.address, nic))
    }
  }

  #settleStanding(item: GuardedAddress): void {
    const link = item.nic === null ? null : this.#network.linkNamed(item.nic)
    if (item.isNicStanding !== null || item.nic === null || item.mode === 'busy' || this.#monitor.looks === 0) return
    const ours = new Set(this.#items.map(one => one.argument.address))
    const hasOwn = link !== null && this.#network.addressesOn(link.index).some(one => !ours.has(one.address) && !one.address.startsWith('fe80:'))
    item.isNicStanding = link !== null && link.isUp && (hasOwn || this.#network.find(item.argument.address).length === 0)
  }

  #settleCarrier(): void {
    if (this.#monitor.looks === 0) return
    for (const group of new Set(this.#items.map(item => item.group))) {
      const interfaces = this.#items
        .filter(item => item.group === group && item.nic !== null && item.nic !== 'lo')
        .map(item => ({ name: item.nic ?? '', isStanding: item.isNicStanding === true || (item.mode === 'up' && item.place !== null) }))
      this.#tellCarrier(group, carrierTrouble(interfaces, this.#network))
    }
  }

  /** A loss is told at once, a return when it has lasted. */
  #tellCarrier(group: number, trouble: string | null): void {
    if (trouble !== null || (this.#carrier.get(group) ?? null) === null) {
      this.#returns.get(group)?.cancel()
      this.#returns.delete(group)
    }
    if (trouble === (this.#carrier.get(group) ?? null)) return
    if (trouble === null) {
      if (this.#returns.has(group)) return
      const told = this.#options.clock.schedule(this.#options.carrierReturnMs, () => {
        this.#returns.delete(group)
        this.#carrier.set(group, null)
        this.#handlers?.onCarrier(group, null)
      })
      this.#returns.set(group, told)
      return
    }
    this.#carrier.set(group, trouble)
    this.#handlers?.onCarrier(group, trouble)
  }

  #repairMissing(): void {
    const { clock } = this.#options
    const now = clock.monotonic()
    if (this.#repair.isRunning) return
    const missing = this.#items.filter(item => item.mode === 'up' && item.missingSince !== null && item.place !== null && this.#isBelieved(item))
    const possible = missing.filter(item => this.#network.find(item.argument.address).length === 0 && this.#hasRoom(item))
    const due = possible.filter(item => item.retryAt === null || item.retryAt <= now)
    if (due.length > 0) this.#repair.begin(due)
    const waiting = possible.filter(item => item.retryAt !== null && item.retryAt > now).map(item => item.retryAt ?? now)
    this.#retry?.cancel()
    this.#retry = waiting.length === 0 ? null : clock.schedule(millis(Math.max(1, Math.min(...waiting) - now)), () => this.#settle())
  }

  #onRepaired({ ids, exitCode, wasEnded, trouble }: { readonly ids: readonly number[]; readonly exitCode: number | null; readonly wasEnded: boolean; readonly trouble: string }): void {
    if (this.#handlers === null) return
    const now = this.#options.clock.monotonic()
    const look = this.#monitor.look()
    for (const item of this.#items) {
      if (!ids.includes(item.id) || item.mode !== 'up') continue
      item.confirmedFrom = look
      if (wasEnded) continue
      item.retryAt = after(now, millis(repairGapMs))
      if (exitCode !== 0) item.failure = trouble
    }
    this.#settle()
  }

  /** Holds a promise that never rejects until it has ended; nobody waits for it. */
  #keep(promise: Promise<void> | null): void {
    if (promise === null) return
    const kept = promise.then(() => {
      this.#kept.delete(kept)
    })
    this.#kept.add(kept)
  }

  #announce(item: GuardedAddress): void {
    const resource = this.#resourceOf(item)
    if (resource === null) return
    const { agents, clock } = this.#options
    const { count } = item
    const failed = (said: readonly string[]): void => {
      // Perhaps it was removed again in the meantime; then it is announced when it is back.
      clock.schedule(doubtMs, () => {
        if (item.mode === 'up' && item.missingSince === null && item.count === count) this.#note('warn', `Could not announce ${item.argument.address}: ${said.join(' | ')}`)
      })
    }
    const announced = agents.run({ resource, operation: 'announce', timeoutMs: announceLimitMs }, { signal: this.#closing.signal }).then(
      outcome => {
        if (outcome.kind !== 'ok') failed(outcome.said)
      },
      (error: unknown) => failed([String(error)])
    )
    this.#keep(announced)
  }

  #resourceOf(item: GuardedAddress): ResourceSpec | null {
    return this.#options.groups[item.group]?.resources[item.index] ?? null
  }

  /** Asks the script for interfaces that haresources leaves to the routes; again at each look while there is no answer. */
  #askWhere(): void {
    if (this.#whereAsked === this.#monitor.looks) return
    this.#whereAsked = this.#monitor.looks
    for (const item of this.#items) {
      if (item.nic !== null) continue
      const script = join(this.#options.projectResourceDir, 'IPaddr2')
      const spec = this.#resourceOf(item)?.args[0] ?? ''
      this.#run([script, spec, 'where'], whereLimitMs, output => {
        if (output === '' || item.routedNic !== null) return
        item.routedNic = output
        this.#settle()
      })
    }
  }

  /** Runs a question to the host; its one line of answer, empty when there is none. */
  #run(words: readonly string[], limitMs: typeof whereLimitMs, onAnswer: (output: string) => void): void {
    const { clock, environment } = this.#options
    const command = runCommand(words, { clock, environment, limitMs }, end => {
      this.#commands.delete(command)
      if (this.#handlers !== null) onAnswer(end.exitCode === 0 ? end.stdout.trim() : '')
    })
    this.#commands.add(command)
  }

  #askableNic(target: CheckTarget): string | null {
    const seen = this.#network.find(target.address)[0]
    const link = seen === undefined ? null : this.#network.link(seen.link)
    return link !== null && link.hasCarrier && link.hasNeighbours ? link.name : null
  }

  #onAnswer(target: CheckTarget, nic: string, heard: readonly string[]): void {
    const item = this.#items[target.id]
    if (item === undefined || item.mode !== 'up') return
    const culprits = heard.filter(mac => !this.#network.hasMac(mac))
    if (culprits.join() === item.culprits.join()) return
    item.culprits = culprits
    if (culprits.length === 0) return this.#note('info', `${target.address} is used by nobody else any more`)
    item.culpritText = `${target.address} is also used by ${culprits.join(', ')} on ${nic}: clients reach one or the other`
    this.#run(['ip', '-oneline', 'neighbour', 'show', 'dev', nic], neighbourLimitMs, output => {
      const known = output
        .split('\n')
        .filter(line => culprits.some(mac => line.includes(mac)) && !line.startsWith(`${target.address} `))
        .map(line => line.split(' ')[0] ?? '')
      if (item.culprits !== culprits) return
      if (known.length > 0) item.culpritText += ` (this host knows it as ${known.slice(0, knownMax).join(', ')})`
      this.#note('error', item.culpritText)
    })
  }

  #onProbeTrouble(target: CheckTarget, trouble: string): void {
    // Perhaps the interface is just going; then the carrier says it.
    this.#options.clock.schedule(doubtMs, () => {
      if (this.#isProbeTroubleTold || this.#askableNic(target) === null) return
      this.#isProbeTroubleTold = true
      this.#note('warn', `Whether others use ${target.address} cannot be found out: ${trouble}. This is said once`)
    })
  }
}

/** A rival who removes an address at once, again and again, does not get our whole processor. */
const repairGapMs = 50
const failurePauseMinMs = 1_000
const failurePauseMaxMs = 30_000
const doubtMs = millis(500)
const knownMax = 4

const targetOf = (item: GuardedAddress): CheckTarget => ({ id: item.id, address: item.argument.address, family: item.argument.family })

function itemsOf(group: ResourceGroup, groupIndex: number): { readonly group: number; readonly index: number; readonly argument: NonNullable<ReturnType<typeof addressArgument>> }[] {
  return group.resources.flatMap((resource, index) => {
    const argument = addressArgument(resource)
    return argument === null ? [] : [{ group: groupIndex, index, argument }]
  })
}
