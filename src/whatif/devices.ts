/** Twins of the lease area, the arbiter and the ping nodes: what they would report, with the faults of the story. Pure. */

import { instant } from '../base/units.js'
import type { LeaseSight, PoisonPill } from '../port/lease.js'
import type { Heard } from '../wire/status.js'
import type { Host } from './host.js'
import type { Agenda } from './queue.js'

const usualDiskMs = 2
const usualArbiterMs = 5
const waitingArbiterMs = 20
const tellEveryMs = 1_000

interface Sector {
  readonly sight: LeaseSight
  readonly heard: Heard | null
}

/** The area on the shared disk: each host writes its sector, then reads the other's, every interval. */
export class Disk {
  /** How long each access takes. */
  tookMs = usualDiskMs
  readonly lost = new Set<Host>()
  readonly #agenda: Agenda
  readonly #hosts: readonly Host[]
  readonly #sectors = new Map<Host, Sector>()
  readonly #pills = new Map<Host, PoisonPill>()
  readonly #busy = new Set<Host>()

  constructor(agenda: Agenda, hosts: readonly Host[]) {
    this.#agenda = agenda
    this.#hosts = hosts
    for (const host of hosts) {
      const { lease } = host.settings.safety
      if (lease !== null && host.state !== null) this.#sectors.set(host, { sight: { generation: host.settings.self.generation, sequence: host.state.sequence, promisedMs: lease.leaseMs }, heard: null })
    }
  }

  usual(): void {
    this.tookMs = usualDiskMs
    this.lost.clear()
  }

  open(host: Host): void {
    const { lease } = host.settings.safety
    if (lease === null) return
    const again = (): void => {
      if (host.isPowered && host.state !== null && !host.isFrozen) this.access(host)
      this.#agenda.plan(lease.intervalMs, again)
    }
    this.#agenda.plan(host === this.#hosts[0] ? 0 : lease.intervalMs / 2, again)
  }

  /** Writes what is newest, then reads; one access of a host is under way at a time. */
  access(host: Host): void {
    const { lease } = host.settings.safety
    if (lease === null || this.#busy.has(host)) return
    this.#busy.add(host)
    const from = instant(this.#agenda.now)
    const { life, newest } = host
    if (this.lost.has(host)) {
      host.post({ kind: 'lease', report: { kind: 'trouble', operation: 'write', reason: 'simulated: the disk is lost' } })
      host.post({ kind: 'lease', report: { kind: 'trouble', operation: 'read', reason: 'simulated: the disk is lost' } })
      return this.#agenda.plan(tellEveryMs, () => void this.#busy.delete(host))
    }
    const takes = this.tookMs
    this.#agenda.plan(takes, () => {
      if (life !== host.life || this.lost.has(host)) return void this.#busy.delete(host)
      const promisedMs = Math.max(lease.leaseMs, newest?.view?.health.holdMs ?? 0)
      if (newest !== null) this.#sectors.set(host, { sight: { generation: newest.generation, sequence: newest.sequence ?? 0, promisedMs }, heard: newest })
      host.post({ kind: 'lease', report: { kind: 'written', from, tookMs: takes, sequence: newest?.sequence ?? 0 } })
      this.#agenda.plan(takes, () => {
        this.#busy.delete(host)
        if (life === host.life && !this.lost.has(host)) this.#read(host, lease.link, takes)
      })
    })
  }

  poison(by: Host, generation: number): void {
    const other = this.#hosts.find(host => host !== by)
    if (other !== undefined && !this.lost.has(by)) this.#pills.set(other, { generation, from: by.name })
  }

  #read(host: Host, link: number, tookMs: number): void {
    const other = this.#hosts.find(one => one !== host)
    const sector = other === undefined ? undefined : this.#sectors.get(other)
    host.post({ kind: 'lease', report: { kind: 'read', peer: sector?.sight ?? null, pill: this.#pills.get(host) ?? null, tookMs } })
    if (sector?.heard !== null && sector?.heard !== undefined) host.post({ kind: 'heard', link, heard: sector.heard })
  }
}

/** A service that keeps a lease for each host and a key for each group. */
export class ArbiterTwin {
  readonly lost = new Set<Host>()
  readonly #agenda: Agenda
  readonly #renewed = new Map<Host, number>()
  readonly #keys = new Map<string, Host>()
  readonly #wanted = new Map<Host, readonly string[]>()
  readonly #looking = new Set<Host>()

  constructor(agenda: Agenda, hosts: readonly Host[]) {
    this.#agenda = agenda
    for (const host of hosts) {
      const word = host.state?.safety.arbiter
      if (word === null || word === undefined) continue
      this.#renewed.set(host, agenda.now)
      this.#wanted.set(host, host.state?.safety.wanted ?? [])
      for (const id of word.ours) this.#keys.set(id, host)
    }
  }

  open(host: Host): void {
    const { arbiter } = host.settings.safety
    if (arbiter === null) return
    const again = (): void => {
      this.#exchange(host)
      this.#agenda.plan(arbiter.ttlMs / 3, again)
    }
    this.#agenda.plan(0, again)
  }

  want(host: Host, ids: readonly string[]): void {
    this.#wanted.set(host, ids)
    this.#exchange(host)
  }

  /** Who waits for a key of the other looks often. */
  #lookAgain(host: Host): void {
    const isWaiting = (this.#wanted.get(host) ?? []).some(id => this.#keys.get(id) !== host)
    if (!isWaiting || this.#looking.has(host)) return
    this.#looking.add(host)
    this.#agenda.plan(waitingArbiterMs, () => {
      this.#looking.delete(host)
      this.#exchange(host)
    })
  }

  #exchange(host: Host): void {
    if (!host.isPowered || host.state === null || host.isFrozen) return
    const from = instant(this.#agenda.now)
    const { life } = host
    this.#agenda.plan(usualArbiterMs, () => {
      if (life !== host.life) return
      const before = this.#renewed.get(host)
      if (this.lost.has(host)) {
        const renewedFrom = before === undefined ? null : instant(before)
        return host.post({ kind: 'arbiter', word: { renewedFrom, ours: this.#held(host), theirs: this.#others(host), trouble: 'simulated: it does not answer' } })
      }
      this.#expire()
      this.#renewed.set(host, from)
      const wanted = this.#wanted.get(host) ?? []
      for (const [id, holder] of this.#keys) if (holder === host && !wanted.includes(id)) this.#keys.delete(id)
      for (const id of wanted) if (!this.#keys.has(id)) this.#keys.set(id, host)
      host.post({ kind: 'arbiter', word: { renewedFrom: from, ours: this.#held(host), theirs: this.#others(host), trouble: null } })
      this.#lookAgain(host)
    })
  }

  #expire(): void {
    for (const [id, holder] of this.#keys) {
      const ttlMs = holder.settings.safety.arbiter?.ttlMs ?? 0
      if (this.#agenda.now > (this.#renewed.get(holder) ?? 0) + ttlMs) this.#keys.delete(id)
    }
  }

  #held = (host: Host): readonly string[] => [...this.#keys].flatMap(([id, holder]) => (holder === host ? [id] : []))
  #others = (host: Host): readonly string[] => [...this.#keys].flatMap(([id, holder]) => (holder === host ? [] : [id]))
}
