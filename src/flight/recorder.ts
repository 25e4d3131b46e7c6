/**
 * Records every event that the core takes, in memory first and within a second in the ring file, so that a life can be
 * replayed after an incident, a crash included. While nothing but heartbeats happen, ten seconds of them go in one write:
 * each write wakes an idle processor twice, and that costs more than all the rest of the recorder.
 *
 * Like the recorder of an aeroplane it must never be the reason for an accident: the heartbeat path only appends to a
 * buffer. One write is under way at a time; while the disk hangs what comes meanwhile is kept up to `waitingBytesMax`,
 * then dropped and counted, and the record goes on with a new checkpoint.
 *
 * Invariants
 *  1. `before` and `after` never wait, never throw, and keep of a heartbeat no more than its reference.
 *  2. No timer runs while nothing but heartbeats happen: they themselves are the clock for writing.
 *  3. What is on the disk is at most a second behind what was decided, and ten behind plain heartbeats.
 */

import { elapsed, millis, type Instant } from '../base/units.js'
import type { ClusterEvent, ClusterSettings, ClusterState } from '../cluster/types.js'
import type { Clock } from '../port/clock.js'
import type { Heard } from '../wire/status.js'
import { chronicled, emptyChronicle, isOrdinary, type Chronicle } from './chronicle.js'
import { FlightEncoder, type Durations } from './codec.js'
import { operationUnderWay } from '../resource/under-way.js'
import { chunkBytes, encodeChunk, headerBytes, placeFor } from './ring.js'

export const flightBytes = 8 * 1024 * 1024
const flushEveryMs = 1_000
const quietFlushEveryMs = 10_000
const flushBytes = 64 * 1024
const eventsMax = 512
const noMessage: Heard['message'] = { fields: [] }
const checkpointEveryMs = 60_000
const checkpointEveryBytes = 256 * 1024
const waitingBytesMax = 4 * 1024 * 1024

/** Beside the time: this share of the file, so that most of it can be replayed. */
const checkpointShare = 1 / 8
const settingsShare = 1 / 4

/** The ring file as the recorder needs it. */
export interface FlightFile {
  /** Number and end of the newest chunk found; 0 and the beginning in a new file. */
  readonly last: { readonly number: number; readonly to: number }
  readonly sizeBytes: number
  write(bytes: Buffer, position: number): Promise<void>
  close(): Promise<void>
}

export interface FlightRecorderOptions {
  readonly clock: Clock
  readonly settings: ClusterSettings
  /** Of the file; checkpoints and settings are repeated often enough that a part of it is always enough. */
  readonly sizeBytes: number
  /** Opens or makes the file; may take its time, and may fail. */
  open(): Promise<FlightFile>
  /** Each kind of trouble once, until it is over. */
  onTrouble(sentence: string): void
}

export class FlightRecorder {
  readonly #options: FlightRecorderOptions
  readonly #encoder = new FlightEncoder()
  /** Not encoded yet. */
  #events: ClusterEvent[] = []
  #lastHeard: Heard | null = null
  #lastSlim: Heard | null = null
  #file: FlightFile | null = null
  #number = 0
  #end = headerBytes
  /** Taken from the encoder, and not yet with the disk. */
  #waiting: { readonly bytes: Buffer; readonly beginsAnew: boolean }[] = []
  #waitingBytes = 0
  #writing: Promise<void> | null = null
  #beginsAnew = false
  #flushedAt: Instant
  #checkpointAt: Instant
  #sinceCheckpoint = 0
  #lastCheckpointBytes = 0
  #writtenChronicle: Chronicle | null = null
  #sinceSettings = 0
  #needs: 'begin' | 'periodic' | 'gap' | null = 'begin'
  readonly #checkpointBytes: number
  #hasTimer = false
  #isBroken = false
  #isTold = false
  #isClosed = false
  #lost = 0
  #unwritten = 0
  #chronicle: Chronicle = emptyChronicle
  #durations: Record<string, number> = {}

  constructor(options: FlightRecorderOptions) {
    this.#options = options
    this.#checkpointBytes = Math.min(checkpointEveryBytes, options.sizeBytes * checkpointShare)
    this.#flushedAt = this.#checkpointAt = options.clock.monotonic()
    this.#writing = this.#open()
  }

  /** Why each group moved last, as this life has seen it. */
  get chronicle(): Chronicle {
    return this.#chronicle
  }

  get durations(): Durations {
    return this.#durations
  }

  /** Events that are in no file: the disk was too slow, or the file cannot be used. */
  get lost(): number {
    return this.#lost
  }

  /** The core is about to take this event in this state. */
  before(event: ClusterEvent, state: ClusterState): void {
    if (event.kind === 'operated') this.#measure(event, state)
    if (this.#isBroken) return void (this.#lost += 1)
    if (this.#needs !== null || this.#events.length >= eventsMax || elapsed(this.#flushedAt, event.now) >= quietFlushEveryMs) this.#onDue(event.now, state)
    this.#events.push(event.kind === 'heard' ? { kind: 'heard', now: event.now, link: event.link, heard: this.#slim(event.heard) } : event)
  }

  /** What the core made of it. */
  after(event: ClusterEvent, before: ClusterState, now: ClusterState): void {
    if (isOrdinary(event, before, now)) return
    this.#chronicle = chronicled(this.#chronicle, event, before, now, this.#options.settings)
    if (!this.#hasTimer && !this.#isBroken) this.#armTimer()
  }

  /** Everything taken so far is with the operating system when this resolves; the caller gives up on a hanging disk. */
  async idle(): Promise<void> {
    this.#flush(this.#options.clock.monotonic())
    while (this.#writing !== null) await this.#writing
  }

  async close(): Promise<void> {
    await this.idle()
    this.#isClosed = true
    await this.#file?.close()
  }

  /** Without its raw fields, which would keep a whole datagram in memory; the same one again for the same datagram on another link. */
  #slim(heard: Heard): Heard {
    if (heard.view === null) return heard
    if (heard !== this.#lastHeard) {
      this.#lastHeard = heard
      this.#lastSlim = { ...heard, message: noMessage }
    }
    return this.#lastSlim ?? heard
  }

  #onDue(now: Instant, state: ClusterState): void {
    this.#encode()
    if (this.#isCheckpointDue(now)) this.#checkpoint(now, state)
    if (elapsed(this.#flushedAt, now) >= quietFlushEveryMs || this.#encoder.length >= flushBytes) this.#flush(now)
  }

  /** All at once: one warm run of the encoder costs a fraction of many cold ones. */
  #encode(): void {
    for (const event of this.#events) this.#encoder.event(event)
    this.#unwritten += this.#events.length
    this.#events = []
  }

  /** How long the script took, for those who ask what would happen. */
  #measure(event: ClusterEvent & { kind: 'operated' }, state: ClusterState): void {
    const machine = state.groups[event.group]?.machine
    const under = machine === undefined || machine.attempt !== event.attempt ? null : operationUnderWay(machine)
    const { durationMs } = event.outcome as { readonly durationMs?: number }
    if (under === null || durationMs === undefined || !['ok', 'running', 'stopped'].includes(event.outcome.kind)) return
    this.#durations = { ...this.#durations, [`${event.group}/${under.index}/${under.operation}`]: Math.round(durationMs) }
  }

  /** Never more checkpoints than events: with a thousand groups one is as long as an hour of heartbeats. */
  #isCheckpointDue(now: Instant): boolean {
    if (this.#needs !== null) return true
    const bytes = this.#sinceCheckpoint + this.#encoder.length
    const isDue = bytes >= this.#lastCheckpointBytes && (elapsed(this.#checkpointAt, now) >= checkpointEveryMs || bytes >= this.#checkpointBytes)
    if (isDue) this.#needs = 'periodic'
    return isDue
  }

  #checkpoint(now: Instant, state: ClusterState): void {
    this.#take() // so that the checkpoint begins a chunk
    const { clock, settings } = this.#options
    const cause = this.#needs ?? 'periodic'
    // The time of day of `now`, which may be a moment ago.
    const wallMs = clock.wall() - elapsed(now, clock.monotonic())
    // Neither settings nor chronicle must ever be the oldest thing in the ring.
    const isWhole = cause === 'begin' || this.#sinceSettings >= this.#options.sizeBytes * settingsShare
    const chronicle = isWhole || this.#chronicle !== this.#writtenChronicle ? this.#chronicle : null
    this.#encoder.checkpoint({ cause, wallMs, now, state, chronicle, durations: this.#durations, lost: this.#lost })
    this.#writtenChronicle = this.#chronicle
    if (isWhole) {
      this.#encoder.settings(settings)
      this.#sinceSettings = 0
    }
    this.#lastCheckpointBytes = this.#encoder.length
    this.#beginsAnew = true
    this.#needs = null
    this.#checkpointAt = now
    this.#sinceCheckpoint = 0
  }

  #armTimer(): void {
    this.#hasTimer = true
    this.#options.clock.schedule(millis(flushEveryMs), () => {
      this.#hasTimer = false
      if (!this.#isClosed) this.#flush(this.#options.clock.monotonic())
    })
  }

  #flush(now: Instant): void {
    this.#flushedAt = now
    if (this.#isBroken) return
    this.#encode()
    this.#take()
    if (this.#writing === null && this.#waiting.length > 0) this.#writing = this.#drain()
  }

  /** Moves what the encoder has to what waits for the disk; too much of it is dropped. */
  #take(): void {
    if (this.#encoder.length === 0) return
    const bytes = this.#encoder.take()
    this.#sinceCheckpoint += bytes.length
    this.#sinceSettings += chunkBytes(bytes.length)
    const beginsAnew = this.#beginsAnew
    this.#beginsAnew = false
    if (this.#waitingBytes + bytes.length > waitingBytesMax) return this.#drop('the disk does not take the flight record in time')
    this.#waiting.push({ bytes, beginsAnew })
    this.#waitingBytes += bytes.length
  }

  /** The newest part is dropped; the record goes on from a new checkpoint. */
  #drop(why: string): void {
    this.#lost += this.#unwritten
    this.#unwritten = 0
    this.#needs = 'gap'
    // The next life of the record must not need the settings of the part that is lost.
    this.#sinceSettings = Number.POSITIVE_INFINITY
    this.#tell(`${why}: events are missing in it`)
  }

  #tell(sentence: string): void {
    if (this.#isTold) return
    this.#isTold = true
    this.#options.onTrouble(sentence)
  }

  async #open(): Promise<void> {
    try {
      this.#file = await this.#options.open()
      this.#number = this.#file.last.number
      this.#end = this.#file.last.to
    } catch (error) {
      this.#break(error)
    }
    this.#writing = null
    if (this.#waiting.length > 0 && !this.#isBroken) this.#writing = this.#drain()
  }

  #break(error: unknown): void {
    this.#isBroken = true
    this.#waiting = []
    this.#waitingBytes = 0
    this.#events = []
    this.#encoder.clear()
    this.#tell(`the flight record cannot be kept: ${error instanceof Error ? error.message : String(error)}`)
  }

  async #drain(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined && this.#file !== null; next = this.#waiting.shift()) {
      const { sizeBytes } = this.#file
      const chunk = encodeChunk(this.#number + 1, next.beginsAnew, next.bytes)
      this.#waitingBytes -= next.bytes.length
      if (chunk.length > sizeBytes - headerBytes) {
        this.#drop('a part of the flight record is larger than its file')
        continue
      }
      const position = placeFor(chunk.length, this.#end, sizeBytes)
      try {
        await this.#file.write(chunk, position)
      } catch (error) {
        this.#break(error)
        break
      }
      this.#number += 1
      this.#end = position + chunk.length
      if (this.#waiting.length === 0) this.#unwritten = 0
    }
    this.#writing = null
  }
}
