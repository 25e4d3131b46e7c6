/**
 * The records of the flight recorder: every event that the core took, in a few bytes each, and checkpoints to start from.
 *
 * A healthy pair produces nothing but ticks and heartbeats, so these are written as differences: a tick is its time since
 * the last record, a heartbeat is what it adds to the one before. Everything else is written in full, as JSON: it is rare,
 * and it is what somebody will want to read.
 *
 *   checkpoint  1  JSON {version, cause, wallMs, now, state, chronicle, durations, lost}   all differences begin anew here
 *   settings    2  JSON                                                       what is fixed for this life
 *   event       3  time, JSON                                                 any event
 *   tick        4  time
 *   twin        5  time, link                  the datagram heard last, once more on another link
 *   next        6  time, link, sequence, ack   a heartbeat that says the same as the last one; both numbers as growth
 *   written     7  time, time, number, count   a lease report: from, tookMs, sequence
 *   read        8  time, sequence, number      a lease report that shows nothing new but the sequence
 *   time: nanoseconds since the last one plus 1, as a count; 0 and the number itself when that would not give it back
 *
 * Invariant: decoding gives back every event exactly, to the last bit of its time; or throws DamagedRecord.
 */

import { instant, type Instant } from '../base/units.js'
import type { ClusterEvent, ClusterSettings, ClusterState } from '../cluster/types.js'
import type { LeaseReport } from '../port/lease.js'
import type { Heard } from '../wire/status.js'
import type { Chronicle } from './chronicle.js'
import { ByteReader, ByteWriter, DamagedRecord } from './bytes.js'
import { eventFrom, plainEvent, plainSettings, plainState, settingsFrom, stateFrom } from './plain.js'

/** Grows with every change of a record or of what the core keeps in its state. */
export const flightVersion = 2

const tags = { checkpoint: 1, settings: 2, event: 3, tick: 4, twin: 5, next: 6, written: 7, read: 8 } as const

/** How long each operation last took, in ms, by `group/resource/operation`: indices and a word. */
export type Durations = Readonly<Record<string, number>>

export interface Checkpoint {
  readonly cause: 'begin' | 'periodic' | 'gap'
  /** Time of day and monotonic clock at the same moment. */
  readonly wallMs: number
  readonly now: Instant
  /** Before the event that follows. */
  readonly state: ClusterState
  /** null: as at the checkpoint before. */
  readonly chronicle: Chronicle | null
  readonly durations: Durations
  /** Events lost before this checkpoint since the life began, because the disk did not take them. */
  readonly lost: number
}

export type FlightRecord =
  | ({ readonly kind: 'checkpoint' } & Checkpoint)
  | { readonly kind: 'settings'; readonly settings: ClusterSettings }
  | { readonly kind: 'event'; readonly event: ClusterEvent }

/** What both sides remember between records. */
interface Context {
  now: number
  heard: Heard | null
  sight: { readonly report: LeaseReport & { kind: 'read' } } | null
}

const freshContext = (): Context => ({ now: 0, heard: null, sight: null })
const nanos = 1e6

export class FlightEncoder {
  readonly #out = new ByteWriter()
  #context = freshContext()

  get length(): number {
    return this.#out.length
  }

  /** The bytes since the last call. */
  take(): Buffer {
    return this.#out.take()
  }

  /** Forgets what was not taken. The next record must be a checkpoint. */
  clear(): void {
    this.#out.clear()
  }

  checkpoint(one: Checkpoint): void {
    this.#context = freshContext()
    this.#out.byte(tags.checkpoint)
    this.#out.text(JSON.stringify({ ...one, version: flightVersion, state: plainState(one.state) }))
  }

  settings(settings: ClusterSettings): void {
    this.#out.byte(tags.settings)
    this.#out.text(JSON.stringify(plainSettings(settings)))
  }

  event(event: ClusterEvent): void {
    switch (event.kind) {
      case 'tick':
        return this.#head(tags.tick, event.now)
      case 'heard':
        return this.#heard(event)
      case 'lease':
        return this.#lease(event)
      default:
        return this.#full(event)
    }
  }

  #heard(event: ClusterEvent & { kind: 'heard' }): void {
    const { heard } = event
    const before = this.#context.heard
    this.#context.heard = heard
    if (heard === before) {
      this.#head(tags.twin, event.now)
      return this.#out.count(event.link)
    }
    if (before === null || !isSuccessor(before, heard)) return this.#full(event)
    this.#head(tags.next, event.now)
    this.#out.count(event.link)
    this.#out.count((heard.sequence ?? 0) - (before.sequence ?? 0))
    this.#out.count((heard.view?.acknowledged?.sequence ?? 0) - (before.view?.acknowledged?.sequence ?? 0))
  }

  #lease(event: ClusterEvent & { kind: 'lease' }): void {
    const { report } = event
    if (report.kind === 'written') {
      this.#head(tags.written, event.now)
      this.#time(report.from)
      this.#out.number(report.tookMs)
      return this.#out.count(report.sequence)
    }
    if (report.kind === 'read') {
      const before = this.#context.sight?.report ?? null
      this.#context.sight = { report }
      if (before !== null && isNextSight(before, report)) {
        this.#head(tags.read, event.now)
        this.#out.count((report.peer?.sequence ?? 0) - (before.peer?.sequence ?? 0))
        return this.#out.number(report.tookMs)
      }
    }
    this.#full(event)
  }

  #full(event: ClusterEvent): void {
    this.#head(tags.event, event.now)
    this.#out.text(JSON.stringify(plainEvent(event)))
  }

  #head(tag: number, now: Instant): void {
    this.#out.byte(tag)
    this.#time(now)
  }

  #time(now: number): void {
    const grown = Math.round(now * nanos) - Math.round(this.#context.now * nanos)
    if (grown >= 0 && Number.isSafeInteger(grown) && (Math.round(this.#context.now * nanos) + grown) / nanos === now) this.#out.count(grown + 1)
    else {
      this.#out.count(0)
      this.#out.number(now)
    }
    this.#context.now = now
  }
}

/** Reads records one after the other. Begin at a checkpoint: what stands before it cannot be understood. */
export class FlightDecoder {
  #context = freshContext()

  /** The records of one taken piece. Throws DamagedRecord where they end too early or make no sense; `take` has got those before. */
  decode(bytes: Buffer, take: (record: FlightRecord) => void): void {
    const reader = new ByteReader(bytes)
    while (!reader.isAtEnd) take(this.#sensible(reader))
  }

  /** A checksum guards what was written; that it makes sense is found out by trying. */
  #sensible(reader: ByteReader): FlightRecord {
    try {
      return this.#record(reader)
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof TypeError) throw new DamagedRecord('a record makes no sense')
      throw error
    }
  }

  #record(reader: ByteReader): FlightRecord {
    const tag = reader.byte()
    switch (tag) {
      case tags.checkpoint:
        this.#context = freshContext()
        return { kind: 'checkpoint', ...checkpointFrom(parsed(reader.text())) }
      case tags.settings:
        return { kind: 'settings', settings: settingsFrom(parsed(reader.text())) }
      case tags.event: {
        const now = this.#time(reader)
        const event = eventFrom(parsed(reader.text()), now)
        if (event.kind === 'heard') this.#context.heard = event.heard
        if (event.kind === 'lease' && event.report.kind === 'read') this.#context.sight = { report: event.report }
        return { kind: 'event', event }
      }
      case tags.tick:
        return { kind: 'event', event: { kind: 'tick', now: this.#time(reader) } }
      case tags.twin:
      case tags.next:
        return { kind: 'event', event: this.#heard(reader, tag) }
      case tags.written: {
        const now = this.#time(reader)
        const from = this.#time(reader)
        const tookMs = reader.number()
        return { kind: 'event', event: { kind: 'lease', now, report: { kind: 'written', from, tookMs, sequence: reader.count() } } }
      }
      case tags.read: {
        const now = this.#time(reader)
        const report = this.#context.sight?.report
        if (report === undefined) throw new DamagedRecord('a lease report without the one before')
        const grown = reader.count()
        const tookMs = reader.number()
        const next = { ...report, tookMs, peer: report.peer === null ? null : { ...report.peer, sequence: report.peer.sequence + grown } }
        this.#context.sight = { report: next }
        return { kind: 'event', event: { kind: 'lease', now, report: next } }
      }
      default:
        throw new DamagedRecord(`a record of an unknown kind, ${tag}`)
    }
  }

  #heard(reader: ByteReader, tag: number): ClusterEvent {
    const now = this.#time(reader)
    const link = reader.count()
    const before = this.#context.heard
    if (before === null) throw new DamagedRecord('a heartbeat without the one before')
    if (tag === tags.twin) return { kind: 'heard', now, link, heard: before }
    const { view } = before
    if (view === null || view.acknowledged === null || before.sequence === null) throw new DamagedRecord('a heartbeat that follows none')
    const sequence = before.sequence + reader.count()
    const acknowledged = { ...view.acknowledged, sequence: view.acknowledged.sequence + reader.count() }
    const heard = { ...before, sequence, view: { ...view, acknowledged } }
    this.#context.heard = heard
    return { kind: 'heard', now, link, heard }
  }

  #time(reader: ByteReader): Instant {
    const grown = reader.count()
    this.#context.now = grown === 0 ? reader.number() : (Math.round(this.#context.now * nanos) + grown - 1) / nanos
    return instant(this.#context.now)
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) throw new DamagedRecord('a record is no object')
  return value as Readonly<Record<string, unknown>>
}

function checkpointFrom(plain: Readonly<Record<string, unknown>>): Checkpoint {
  if (plain['version'] !== flightVersion) throw new DamagedRecord(`a record of version ${String(plain['version'])}; this program reads version ${flightVersion}`)
  const one = plain as unknown as Checkpoint
  return { cause: one.cause, wallMs: one.wallMs, now: one.now, state: stateFrom(plain['state'] as Readonly<Record<string, unknown>>), chronicle: one.chronicle, durations: one.durations, lost: one.lost }
}

/** Both are statuses of ours in one life that differ in their running numbers alone. */
function isSuccessor(one: Heard, next: Heard): boolean {
  if (one.view === null || next.view === null || one.sequence === null || next.sequence === null || next.sequence < one.sequence) return false
  const before = one.view.acknowledged
  const acknowledged = next.view.acknowledged
  if (before === null || acknowledged === null || before.generation !== acknowledged.generation || acknowledged.sequence < before.sequence) return false
  const { groups } = next.view
  return (
    isAlike(one, next, ['view', 'message', 'sequence']) &&
    isAlike(one.view, next.view, ['acknowledged', 'groups', 'health', 'agreement']) &&
    isAlike(one.view.health, next.view.health) &&
    isAlike(one.view.agreement, next.view.agreement) &&
    one.view.groups.length === groups.length &&
    one.view.groups.every((group, at) => isAlike(group, groups[at] ?? null))
  )
}

/** Equal in every member but these; a member that is an object must be the very same one. */
function isAlike(one: object | null, other: object | null, except: readonly string[] = []): boolean {
  if (one === other) return true
  if (one === null || other === null) return false
  for (const name in one) {
    if (!except.includes(name) && one[name as keyof typeof one] !== other[name as keyof typeof other]) return false
  }
  return Object.keys(one).length === Object.keys(other).length
}

function isNextSight(before: LeaseReport & { kind: 'read' }, next: LeaseReport & { kind: 'read' }): boolean {
  if (!isAlike(before, next, ['peer', 'pill', 'tookMs']) || !isAlike(before.pill, next.pill)) return false
  return isAlike(before.peer, next.peer, ['sequence']) && (next.peer?.sequence ?? 0) >= (before.peer?.sequence ?? 0)
}
