/**
 * Appends records: bytes into the buffer, meaning into the state, messages into the index of their extent; and refuses what has
 * no room, as README.md says under "Space".
 */

import { lsn, type Appended, type IndexEntry, type LogRecord, type Place, type StoredMessage } from '../core/journal.js'
import { extentHeaderBytes, fragmentHeaderBytes } from './extent.js'
import { IndexBuilder } from './index-file.js'
import type { ExtentLife } from './liveness.js'
import type { LogParts } from './log-parts.js'
import { encodeSmall, kinds, movedPayloadBytes, putPayloadBytes, writeMoved, writePut } from './record.js'

type SmallRecord = Exclude<LogRecord, { kind: 'put' }>

/** Where a restart would begin: by the durable checkpoint, and by one written now. */
export interface RestartPoints {
  readonly restart: number
  readonly nextRestart: number
}

const noPlace: Place = Object.freeze({ lsn: lsn(0), ordinal: 0, length: 0 })

export class Appender {
  readonly #parts: LogParts
  readonly #points: RestartPoints
  /** The housekeeper has something to do: a new extent was begun, or something was refused. */
  readonly #wake: () => void
  #life: ExtentLife
  #index: IndexBuilder

  constructor(parts: LogParts, first: number, points: RestartPoints, wake: () => void) {
    this.#parts = parts
    this.#points = points
    this.#wake = wake
    this.#life = parts.state.liveness.begin(first, parts.epoch)
    this.#index = this.#newIndex(first)
  }

  append(record: LogRecord): Appended {
    return record.kind === 'put' ? this.#put(record) : this.#small(record)
  }

  #put(record: Extract<LogRecord, { kind: 'put' }>): Appended {
    const { entry, message, origin, unit } = record
    const payload = putPayloadBytes(message, origin)
    if (!this.#hasRoom(payload, this.#putReserve)) return this.#refuse()
    const life = this.#life
    const ordinal = life.count
    const { buffer } = this.#parts
    buffer.begin(payload)
    writePut(buffer.target, buffer.at, unit, entry, message, origin)
    const position = buffer.seal(kinds.put, ordinal)
    const length = message.head.length + message.body.length
    this.#parts.state.put(life, position, ordinal, length, unit, entry, origin)
    this.#index.add(position - life.number * this.#parts.geometry.extentBytes, length, entry, false)
    if (buffer.extent !== life.number) this.#turnTo(buffer.extent, ordinal)
    return { ok: true, lsn: lsn(position), end: lsn(buffer.end), place: { lsn: lsn(position), ordinal, length } }
  }

  #small(record: SmallRecord): Appended {
    const payload = encodeSmall(record)
    if (record.kind === 'define' && !this.#hasRoom(payload.length, this.#putReserve)) return this.#refuse()
    const { buffer } = this.#parts
    buffer.begin(payload.length)
    buffer.target.set(payload, buffer.at)
    const position = buffer.seal(kinds[record.kind], 0)
    this.#applySmall(record, position)
    if (buffer.extent !== this.#life.number) this.#turnTo(buffer.extent, null)
    return { ok: true, lsn: lsn(position), end: lsn(buffer.end), place: noPlace }
  }

  #applySmall(record: SmallRecord, position: number): void {
    const { state } = this.#parts
    switch (record.kind) {
      case 'remove':
        return state.remove(record.place)
      case 'lock':
        return state.lock(position, record.unit, record.place, record.backoutCount)
      case 'count':
        return state.count(record.place, record.backoutCount)
      case 'commit':
        return state.commit(record.unit, record.origin)
      case 'backout':
        return state.backout(record.unit)
      case 'define':
        return state.define(record.number, record.definition)
      case 'delete':
        return state.delete(record.type, record.name)
    }
  }

  /** Writes a live message again; null when the log has no room. */
  move(entry: IndexEntry, message: StoredMessage, from: Place): Place | null {
    const payload = movedPayloadBytes(message)
    if (!this.#hasRoom(payload, this.#parts.window.moveReserve)) return null
    const life = this.#life
    const ordinal = life.count
    const { buffer } = this.#parts
    const backoutCount = this.#parts.state.counts.get(this.#parts.state.keyOf(from)) ?? 0
    buffer.begin(payload)
    writeMoved(buffer.target, buffer.at, entry, message, from, backoutCount)
    const position = buffer.seal(kinds.moved, ordinal)
    const length = message.head.length + message.body.length
    this.#parts.state.moved(life, ordinal, length, entry, from, backoutCount)
    this.#index.add(position - life.number * this.#parts.geometry.extentBytes, length, entry, true)
    if (buffer.extent !== life.number) this.#turnTo(buffer.extent, ordinal)
    return { lsn: lsn(position), ordinal, length }
  }

  /** The end of the log has gone on to another extent. `ordinal` names the message appended last, if it was one. */
  #turnTo(extent: number, ordinal: number | null): void {
    const { liveness } = this.#parts.state
    const full = this.#life
    full.end = this.#parts.geometry.endOf(full.number)
    if (ordinal !== null && this.#parts.buffer.lastExtent > full.number) {
      full.spillOrdinal = ordinal
      full.spillLast = this.#parts.buffer.lastExtent
    }
    for (let between = full.number + 1; between < extent; between += 1) liveness.begin(between, this.#parts.epoch).end = this.#parts.geometry.endOf(between)
    this.#life = liveness.begin(extent, this.#parts.epoch)
    this.#index = this.#newIndex(extent)
    this.#wake()
  }

  #newIndex(extent: number): IndexBuilder {
    const index = new IndexBuilder()
    this.#parts.indexes.set(extent, index)
    return index
  }

  get #putReserve(): number {
    return this.#parts.window.putReserve(this.#parts.state.liveness.live)
  }

  #hasRoom(payload: number, reserve: number): boolean {
    const { window, supply, geometry } = this.#parts
    const bytes = payload + fragmentHeaderBytes + Math.ceil(payload / geometry.extentBytes) * (extentHeaderBytes + fragmentHeaderBytes)
    const end = this.#parts.buffer.end
    const { restart } = this.#points
    const units = this.#parts.state.openUnits
    // Who is early for a checkpoint is not refused; who is kept from one by a unit of work is.
    const fits = window.admits(bytes, restart, end, units) || (window.isBehind(bytes, restart, end) && window.admits(bytes, this.#points.nextRestart, end, units))
    return fits && window.hasFiles(bytes, end, geometry.endOf(supply.prepared), supply.spares * geometry.extentBytes, supply.freeBytes, reserve)
  }

  /** Somebody may have made room meanwhile; the next put will know. */
  #refuse(): Appended {
    this.#parts.supply.tryAgain()
    this.#wake()
    return { ok: false, reason: 'log-full' }
  }
}
