/**
 * The lease area, simulated: one sector and one command sector for each node, and the loop that writes and reads them as
 * lease-disk/ does on a real disk.
 *
 * Fault model. An operation takes its time and reaches the platter at any moment within it; it may be slow, fail (and have
 * reached the platter all the same), or hang until the disk is well again. What was told written is there; a read shows
 * the sector as it was at one moment while the read went on. A write under way survives the death of its writer.
 */

import { instant, millis, type Instant, type Millis } from '../../src/base/units.js'
import type { Prng } from '../../src/base/prng.js'
import type { LeaseReport, LeaseSight, PoisonPill } from '../../src/port/lease.js'
import type { LeaseSettings } from '../../src/safety/types.js'
import type { Heard } from '../../src/wire/status.js'
import type { VirtualClock } from './virtual-clock.js'

interface Sector {
  readonly sight: LeaseSight
  readonly heard: Heard
}

export interface DiskTrouble {
  readonly slowMs: number
  readonly isFailing: boolean
  readonly isLost: boolean
  readonly isHanging: boolean
}

export const wellDisk: DiskTrouble = { slowMs: 0, isFailing: false, isLost: false, isHanging: false }

export class SimDisk {
  readonly #clock: VirtualClock
  readonly #prng: Prng
  readonly sectors: (Sector | null)[] = [null, null]
  readonly pills: (PoisonPill | null)[] = [null, null]
  readonly #troubles: DiskTrouble[] = [wellDisk, wellDisk]
  readonly #hanging: (() => void)[][] = [[], []]

  constructor(clock: VirtualClock, prng: Prng) {
    this.#clock = clock
    this.#prng = prng
  }

  trouble(node: 0 | 1, change: Partial<DiskTrouble>): void {
    const trouble = { ...(this.#troubles[node] ?? wellDisk), ...change }
    this.#troubles[node] = trouble
    if (trouble.isHanging) return
    for (const goOn of this.#hanging[node]?.splice(0) ?? []) goOn()
  }

  /** Reaches the platter within the operation, then says how it ended. */
  access(node: 0 | 1, handlers: { onPlatter(): void; onEnd(isGood: boolean): void }): void {
    const trouble = this.#troubles[node] ?? wellDisk
    if (trouble.isHanging) {
      this.#hanging[node]?.push(() => this.access(node, handlers))
      return
    }
    const took = trouble.slowMs === 0 ? this.#prng.between(1, 8) : this.#prng.between(trouble.slowMs >> 2, trouble.slowMs)
    if (trouble.isLost) {
      this.#clock.schedule(millis(this.#prng.between(1, 30)), () => handlers.onEnd(false))
      return
    }
    const isBad = trouble.isFailing && this.#prng.chance(3, 4)
    if (!isBad || this.#prng.chance(1, 2)) this.#clock.schedule(millis((took * this.#prng.below(100)) / 100), () => handlers.onPlatter())
    this.#clock.schedule(millis(took), () => handlers.onEnd(!isBad))
  }
}

export interface LeaseEdgeHost {
  now(): Instant
  schedule(delay: Millis, callback: () => void): void
  /** Runs when this life of the daemon runs; never when it is over. */
  whenRunning(callback: () => void): void
  onReport(report: LeaseReport): void
  onHeard(heard: Heard): void
}

const troubleEveryMs = 1_000

/** One life's loop over the area. */
export class SimLeaseEdge {
  readonly #disk: SimDisk
  readonly #node: 0 | 1
  readonly #settings: LeaseSettings
  readonly #host: LeaseEdgeHost
  #shown: { readonly heard: Heard; readonly promisedMs: number } | null = null
  #beat = 0
  #pill: PoisonPill | null = null
  #isWriteDue = false
  #writingSince: Instant | null = null
  #readingSince: Instant | null = null
  #seen: LeaseSight | null = null
  #seenHeard: Heard | null = null
  #hasLooked = false
  readonly #toldAt = { read: Number.NEGATIVE_INFINITY, write: Number.NEGATIVE_INFINITY }

  constructor(disk: SimDisk, node: 0 | 1, settings: LeaseSettings, host: LeaseEdgeHost) {
    this.#disk = disk
    this.#node = node
    this.#settings = settings
    this.#host = host
  }

  open(): void {
    this.#tickWrite()
    this.#host.schedule(millis(this.#settings.intervalMs / 2), () => this.#tickRead())
    this.#read()
  }

  show(heard: Heard, options: { readonly holdMs: number; readonly isUrgent: boolean }): void {
    this.#shown = { heard, promisedMs: Math.max(this.#settings.leaseMs, options.holdMs) }
    if (!options.isUrgent) return
    this.#isWriteDue = true
    this.#write()
  }

  poison(pill: PoisonPill): void {
    this.#pill = pill
    this.#write()
  }

  #tickWrite(): void {
    this.#host.schedule(this.#settings.intervalMs, () => this.#tickWrite())
    this.#isWriteDue = true
    if (this.#writingSince !== null) this.#complain('write', this.#writingSince)
    this.#write()
  }

  #write(): void {
    if (this.#writingSince !== null) return
    const pill = this.#pill
    const shown = this.#shown
    if (pill === null && (!this.#isWriteDue || shown === null)) return
    const from = this.#host.now()
    this.#writingSince = from
    let onPlatter: () => void
    if (pill !== null) {
      onPlatter = () => {
        this.#disk.pills[1 - this.#node] = pill
      }
    } else {
      this.#isWriteDue = false
      this.#beat += 1
      const sector = shown === null ? null : { sight: { generation: shown.heard.generation, sequence: this.#beat, promisedMs: shown.promisedMs }, heard: shown.heard }
      onPlatter = () => {
        this.#disk.sectors[this.#node] = sector
      }
    }
    const onEnd = (isGood: boolean): void =>
      this.#host.whenRunning(() => {
        this.#writingSince = null
        if (!isGood) this.#fail('write')
        else if (pill !== null) this.#pill = this.#pill === pill ? null : this.#pill
        else this.#host.onReport({ kind: 'written', from, tookMs: this.#host.now() - from, sequence: shown?.heard.sequence ?? 0 })
        if (isGood) this.#write()
      })
    this.#disk.access(this.#node, { onPlatter, onEnd })
  }

  #tickRead(): void {
    this.#host.schedule(this.#settings.intervalMs, () => this.#tickRead())
    if (this.#readingSince === null) this.#read()
    else this.#complain('read', this.#readingSince)
  }

  #read(): void {
    const from = this.#host.now()
    this.#readingSince = from
    let found: { readonly sector: Sector | null; readonly pill: PoisonPill | null } | null = null
    const onPlatter = (): void => {
      found = { sector: this.#disk.sectors[1 - this.#node] ?? null, pill: this.#disk.pills[this.#node] ?? null }
    }
    const onEnd = (isGood: boolean): void =>
      this.#host.whenRunning(() => {
        this.#readingSince = null
        if (!isGood || found === null) return this.#fail('read')
        this.#look(found.sector, found.pill, this.#host.now() - from)
      })
    this.#disk.access(this.#node, { onPlatter, onEnd })
  }

  #look(sector: Sector | null, pill: PoisonPill | null, tookMs: number): void {
    const isFirst = !this.#hasLooked
    this.#hasLooked = true
    this.#seen = sector?.sight ?? this.#seen
    this.#host.onReport({ kind: 'read', peer: this.#seen, pill, tookMs })
    if (sector === null || sector.heard === this.#seenHeard) return
    this.#seenHeard = sector.heard
    if (!isFirst) this.#host.onHeard(sector.heard)
  }

  #fail(operation: 'read' | 'write'): void {
    this.#complain(operation, instant(Number.NEGATIVE_INFINITY))
  }

  #complain(operation: 'read' | 'write', since: Instant): void {
    const now = this.#host.now()
    if (now - since < this.#settings.leaseMs / 2 || now - this.#toldAt[operation] < troubleEveryMs) return
    this.#toldAt[operation] = now
    this.#host.onReport({ kind: 'trouble', operation, reason: since === Number.NEGATIVE_INFINITY ? 'EIO' : 'no answer' })
  }
}
