/**
 * Reads a log back: which extents follow each other through the epochs, what their records add up to, and where it all ends.
 * Reads only; every rule is in README.md under "Restart".
 */

import { HaError } from '../../base/errors.js'
import type { DiskFile } from '../../port/disk.js'
import { readU64 } from './bytes.js'
import type { Checkpoint } from './checkpoint.js'
import { extentName, type ExtentHeader, type Geometry } from './extent.js'
import { IndexBuilder, blankEntry } from './index-file.js'
import type { ExtentLife } from './liveness.js'
import { decodeRecord, entryBytes, isWholeMessage, kinds, readEntry, readOrigin } from './record.js'
import { FileWindow, RecordScanner, lookAfter, type ScanOptions, type ScanStop, type ScannedRecord } from './scan.js'

/** An extent file that restart looks at. */
export interface FoundExtent {
  readonly number: number
  readonly path: string
  readonly file: DiskFile
  readonly header: ExtentHeader
}

/** What one start of the queue manager wrote. */
export interface EpochRange {
  readonly epoch: number
  /** Where its records begin. */
  readonly start: number
  /** Where they end: the next epoch sealed it. Of the last one nobody knows yet. */
  readonly bound: number
}

export interface Tail {
  /** Where the log ends. */
  readonly end: number
  /** Everything before this was forced once, as records after it prove; at most `end`. */
  readonly durable: number
  /** Bytes after the end that were never forced as a whole are there. */
  readonly isTorn: boolean
  /** Why the record at the end does not count. */
  readonly reason: string
}

export interface ReplayCounts {
  /** Records read and applied. */
  records: number
  bytes: number
  /** Units of work that had neither commit nor backout. */
  backedOut: number
  commits: number
}

const endless = Number.MAX_SAFE_INTEGER

export const damaged = (path: string, offset: number, reason: string): HaError =>
  new HaError('HA_MQ_DAMAGED', `${path}, offset ${offset}: ${reason}`, { details: { file: path, offset } })

/** Puts the extents from the restart extent on into the order in which they were written. */
export function rangesOf(checkpoint: Checkpoint, extents: readonly FoundExtent[], geometry: Geometry): EpochRange[] {
  const restart = geometry.extentOf(checkpoint.replayFrom)
  const first = extents.find(extent => extent.number === restart)
  const firstEpoch = first?.header.epoch ?? checkpoint.epoch
  const starts: { readonly epoch: number; readonly start: number; readonly seal: number }[] = [{ epoch: firstEpoch, start: geometry.startOf(restart), seal: 0 }]
  const later = extents.filter(extent => extent.number > restart && extent.header.epoch > firstEpoch)
  for (const epoch of [...new Set(later.map(extent => extent.header.epoch))].sort((a, b) => a - b)) {
    const own = later.filter(extent => extent.header.epoch === epoch)
    const opening = own.find(extent => extent.header.isFirstOfEpoch)
    if (opening === undefined) throw damaged((own[0] as FoundExtent).path, 28, `the first extent of epoch ${epoch} is missing`)
    starts.push({ epoch, start: geometry.startOf(opening.number), seal: opening.header.previousEnd })
  }
  return starts.map(({ epoch, start }, index) => ({ epoch, start, bound: starts[index + 1]?.seal ?? endless }))
}

export class Replay {
  readonly counts: ReplayCounts = { records: 0, bytes: 0, backedOut: 0, commits: 0 }
  /** Indexes of the extents that were read. */
  readonly builders = new Map<number, IndexBuilder>()
  readonly #checkpoint: Checkpoint
  readonly #geometry: Geometry
  readonly #extents: ReadonlyMap<number, FoundExtent>
  readonly #directory: string
  /** Of the range that was read last: see Tail. */
  #durable = 0
  #window: { readonly extent: number; readonly window: FileWindow } | null = null

  constructor(checkpoint: Checkpoint, extents: readonly FoundExtent[], geometry: Geometry, directory: string) {
    this.#checkpoint = checkpoint
    this.#extents = new Map(extents.map(extent => [extent.number, extent]))
    this.#geometry = geometry
    this.#directory = directory
  }

  /** Applies all ranges to the checkpoint's state. @throws HaError HA_MQ_DAMAGED, HA_MQ_NEWER_VERSION */
  run(ranges: readonly EpochRange[]): Tail {
    let tail: Tail = { end: this.#checkpoint.replayFrom, durable: this.#checkpoint.replayFrom, isTorn: false, reason: '' }
    for (const range of ranges) {
      const options = this.#scan(range.epoch, range.start, range.bound)
      const scanner = new RecordScanner(options)
      scanner.skipRest()
      const stop = this.#readAll(scanner, range)
      tail = range.bound === endless ? this.#tailAt(stop, options, range) : this.#sealedAt(stop, range)
      const last = this.#checkpoint.state.liveness.get(this.#geometry.extentOf(tail.end))
      if (last !== undefined && last.epoch === range.epoch) last.end = tail.end
      this.counts.backedOut += this.#checkpoint.state.endEpoch()
    }
    return tail
  }

  /** The index of one extent whose records are known to be whole. */
  rebuild(life: ExtentLife): IndexBuilder {
    return buildIndex(life, this.#geometry, this.#scan(life.epoch, 0, 0).windowOf, extent => this.#pathOf(extent))
  }

  #readAll(scanner: RecordScanner, range: EpochRange): ScanStop {
    const { liveness } = this.#checkpoint.state
    this.#durable = range.start
    for (;;) {
      const record = scanner.next()
      if (!record.ok) return record
      const extent = this.#geometry.extentOf(record.position)
      const life = liveness.begin(extent, range.epoch)
      this.#durable = Math.max(this.#durable, record.durable)
      this.#apply(life, record)
      const next = this.#geometry.extentOf(record.end)
      if (next === extent) continue
      life.end = this.#geometry.endOf(extent)
      if (record.lastExtent > extent && (record.kind === kinds.put || record.kind === kinds.moved)) {
        life.spillOrdinal = record.ordinal
        life.spillLast = record.lastExtent
      }
      for (let between = extent + 1; between < next; between += 1) liveness.begin(between, range.epoch).end = this.#geometry.endOf(between)
      // The extent at hand, so that the end of the log finds it even when it has no record yet.
      if (this.#extents.has(next)) liveness.begin(next, range.epoch)
    }
  }

  #apply(life: ExtentLife, record: ScannedRecord): void {
    const { state, replayFrom } = this.#checkpoint
    const isOld = record.position < replayFrom
    if (!isOld) {
      this.counts.records += 1
      this.counts.bytes += record.end - record.position
    }
    if (record.kind === kinds.put || record.kind === kinds.moved) this.#applyMessage(life, record, isOld)
    else if (!isOld) {
      const decoded = this.#decode(record)
      switch (decoded.kind) {
        case 'remove':
          return state.remove(decoded.place)
        case 'lock':
          return state.lock(record.position, decoded.unit, decoded.place, decoded.backoutCount)
        case 'count':
          return state.count(decoded.place, decoded.backoutCount)
        case 'commit':
          this.counts.commits += 1
          return state.commit(decoded.unit, decoded.origin)
        case 'backout':
          return state.backout(decoded.unit)
        case 'define':
          return state.define(decoded.number, decoded.definition)
        case 'delete':
          return state.delete(decoded.type, decoded.name)
        case 'put':
        case 'moved':
          return
      }
    }
  }

  #applyMessage(life: ExtentLife, record: ScannedRecord, isOld: boolean): void {
    const { payload, kind, ordinal } = record
    const builder = this.#builderOf(life.number)
    if (builder.count !== ordinal) throw damaged(this.#pathOf(life.number), this.#geometry.offsetOf(record.position), `message ${ordinal} of the extent where message ${builder.count} belongs`)
    this.#index(builder, record)
    if (isOld) {
      // What the checkpoint does not list had no live message then.
      if (ordinal < life.count) return
      life.count = ordinal + 1
      life.dead.set(ordinal)
      life.released.set(ordinal)
      return
    }
    const { state } = this.#checkpoint
    if (kind === kinds.put) {
      const origin = (payload[37] as number) & 1 ? readOrigin(payload, entryBytes) : null
      state.put(life, record.position, ordinal, 0, readU64(payload, 0), readEntry(payload), origin)
    } else {
      const moved = this.#decode(record)
      if (moved.kind === 'moved') state.moved(life, ordinal, 0, moved.entry, moved.from, moved.backoutCount)
    }
  }

  #index(builder: IndexBuilder, record: ScannedRecord): void {
    addToIndex(builder, record, this.#geometry, extent => this.#pathOf(extent))
  }

  #decode(record: ScannedRecord): Exclude<ReturnType<typeof decodeRecord>, string> {
    const decoded = decodeRecord(record.kind, record.payload)
    if (typeof decoded !== 'string') return decoded
    const path = this.#pathOf(this.#geometry.extentOf(record.position))
    const offset = this.#geometry.offsetOf(record.position)
    const isNewer = !(Object.values(kinds) as number[]).includes(record.kind)
    throw isNewer ? new HaError('HA_MQ_NEWER_VERSION', `${path}, offset ${offset}: ${decoded}`, { details: { file: path, offset } }) : damaged(path, offset, decoded)
  }

  /** The end of an epoch that a later one has sealed. */
  #sealedAt(stop: ScanStop, range: EpochRange): Tail {
    if (stop.why !== 'bound') throw this.#damage(stop)
    return { end: range.bound, durable: range.bound, isTorn: false, reason: '' }
  }

  /** The end of the last epoch: clean, torn, or not the end at all. */
  #tailAt(stop: ScanStop, options: ScanOptions, range: EpochRange): Tail {
    const { checkpoint, after } = { checkpoint: this.#checkpoint, after: lookAfter(options, stop.at) }
    if (range.epoch === checkpoint.epoch && stop.position < checkpoint.end) throw this.#damage(stop)
    if (after.durable > stop.at) throw this.#damage(stop)
    const here = this.#geometry.extentOf(stop.at)
    if (stop.why === 'no-file' && [...this.#extents.values()].some(extent => extent.number > here && extent.header.epoch === range.epoch)) throw this.#damage(stop)
    const isTorn = stop.position !== stop.at || after.end !== 0 || this.#hasBytes(stop.at)
    return { end: stop.position, durable: Math.min(Math.max(this.#durable, range.epoch === checkpoint.epoch ? checkpoint.end : 0), stop.position), isTorn, reason: stop.reason }
  }

  /** Something that wants to be the record of this position, or anything in the last bytes of a file cut short. */
  #hasBytes(at: number): boolean {
    const window = this.#windowOf(this.#geometry.extentOf(at))
    if (window === null) return false
    const header = window.view(this.#geometry.offsetOf(at), 32)
    if (header.length >= 24) return readU64(header, 16) === at
    return header.subarray(0, 32).some(byte => byte !== 0)
  }

  #damage(stop: ScanStop): HaError {
    return damaged(this.#pathOf(this.#geometry.extentOf(stop.at)), this.#geometry.offsetOf(stop.at), stop.reason)
  }

  #scan(epoch: number, start: number, bound: number): ScanOptions {
    const windowOf = (extent: number): FileWindow | null => (this.#extents.get(extent)?.header.epoch === epoch ? this.#windowOf(extent) : null)
    return { geometry: this.#geometry, epoch, start, bound, windowOf }
  }

  #windowOf(extent: number): FileWindow | null {
    if (this.#window?.extent === extent) return this.#window.window
    const found = this.#extents.get(extent)
    if (found === undefined) return null
    this.#window = { extent, window: new FileWindow(found.file) }
    return this.#window.window
  }

  #builderOf(extent: number): IndexBuilder {
    const known = this.builders.get(extent)
    if (known !== undefined) return known
    const made = new IndexBuilder()
    this.builders.set(extent, made)
    return made
  }

  #pathOf(extent: number): string {
    return this.#extents.get(extent)?.path ?? `${this.#directory}/${extentName(extent)}`
  }
}

function addToIndex(builder: IndexBuilder, { payload, kind, position }: ScannedRecord, geometry: Geometry, pathOf: (extent: number) => string): void {
  if (!isWholeMessage(kind, payload)) throw damaged(pathOf(geometry.extentOf(position)), geometry.offsetOf(position), 'the lengths within a message do not agree')
  builder.add(geometry.offsetOf(position), payload.readUInt32LE(40) + payload.readUInt32LE(44), readEntry(payload), kind === kinds.moved)
}

/**
 * Builds the index of an extent from its records.
 *
 * @param windowOf  the file of an extent; a message may go on in later ones
 * @throws HaError HA_MQ_DAMAGED
 */
export function buildIndex(life: ExtentLife, geometry: Geometry, windowOf: (extent: number) => FileWindow | null, pathOf: (extent: number) => string): IndexBuilder {
  const builder = new IndexBuilder()
  const bound = life.end < geometry.endOf(life.number) ? life.end : endless
  const scanner = new RecordScanner({ geometry, epoch: life.epoch, windowOf, start: geometry.startOf(life.number), bound })
  scanner.skipRest()
  // Not beyond the last message: what follows may go on in an extent that nobody needed any more.
  while (builder.count < life.count && geometry.extentOf(scanner.at) === life.number) {
    const record = scanner.next()
    if (!record.ok) {
      if (record.why === 'bound') break
      // The last message went on in an extent that was taken back when the message died.
      const isGone = builder.count === life.spillOrdinal && life.isDead(builder.count)
      if (!isGone) throw damaged(pathOf(geometry.extentOf(record.at)), geometry.offsetOf(record.at), record.reason)
      builder.add(geometry.offsetOf(record.position), 0, blankEntry(), false)
      break
    }
    if (record.kind === kinds.put || record.kind === kinds.moved) addToIndex(builder, record, geometry, pathOf)
  }
  if (builder.count !== life.count) throw damaged(pathOf(life.number), 0, `${builder.count} messages begin in this extent, ${life.count} are known`)
  return builder
}
