/**
 * Prints a recovery log as it is on disk, for people (`dmpmqlog`) and programs (`--json`). Reads only, and trusts nothing:
 * damage becomes a line with file and offset, and the walk goes on behind it where it can.
 *
 * It shows more than a restart would use: records of units of work that were backed out, and messages long gone. It does
 * not judge whether the queue manager would start. The log of one that runs may be read; its last records may be missing.
 *
 * Bodies are never shown: whoever may read messages gets them from the queue manager.
 */

import path from 'node:path'
import type { Disk, DiskFile } from '../../port/disk.js'
import type { Place } from '../core/journal.js'
import {
  align8,
  controlBytes,
  controlFileName,
  decodeControl,
  decodeExtentHeader,
  extentHeaderBytes,
  fragmentHeaderBytes,
  Geometry,
  parseName,
  type ExtentHeader,
  type Unreadable
} from './extent.js'
import { decodeRecord, firstFragment, kindNames, lastFragment, readFragment, type AnyRecord, type Fragment } from './record.js'

export type DumpLine =
  | { readonly line: 'control'; readonly file: string; readonly qmid: string; readonly type: 'circular' | 'linear'; readonly extentBytes: number }
  | { readonly line: 'file'; readonly file: string; readonly bytes: number; readonly kind: string }
  | { readonly line: 'extent'; readonly file: string; readonly number: number; readonly epoch: number; readonly isFirstOfEpoch: boolean; readonly previousEnd: number; readonly qmid: string }
  | RecordLine
  | { readonly line: 'end'; readonly file: string; readonly lsn: number; readonly why: string }
  | { readonly line: 'damage'; readonly file: string; readonly offset: number; readonly why: string }

export interface RecordLine {
  readonly line: 'record'
  readonly lsn: number
  readonly kind: string
  readonly epoch: number
  /** LSN where the batch began that it was forced with. */
  readonly batch: number
  readonly fragments: number
  /** Of the whole record, in hexadecimal; of its first fragment when it has several. */
  readonly checksum: string
  readonly payloadBytes: number
  /** What is peculiar to the kind: unit, queue, order, place and so on. */
  readonly facts: Readonly<Record<string, string | number>>
}

export interface DumpOptions {
  /** Records shown at most; all when absent. */
  readonly count?: number
  /** Records before this position are passed over. */
  readonly from?: number
}

/** Payload kept of one record; what is longer is described by its beginning. */
const payloadKeptMax = 128 * 1024 * 1024
const readAheadBytes = 4096

/**
 * The lines of the log in `directory`, which holds the control file and the directory `active`.
 *
 * @throws the system's error when the directory cannot be read; everything within it becomes a line
 */
export async function* dumpLog(disk: Disk, directory: string, options: DumpOptions = {}): AsyncGenerator<DumpLine> {
  const geometry = yield* dumpControl(disk, directory)
  const active = path.posix.join(directory, 'active')
  const extents: { name: string; number: number }[] = []
  for (const name of await disk.list(active)) {
    const parsed = parseName(name)
    if (parsed.kind === 'extent') extents.push({ name, number: parsed.number })
    else yield* dumpFile(disk, active, name, parsed.kind)
  }
  if (geometry === null) return
  extents.sort((one, other) => one.number - other.number)
  const walk = new Walk(geometry, options)
  for (const { name, number } of extents) {
    const file = await disk.open(path.posix.join(active, name), 'read')
    try {
      yield* walk.extent(file, name, number)
    } finally {
      await file.close()
    }
    if (walk.isDone) return
  }
}

async function* dumpControl(disk: Disk, directory: string): AsyncGenerator<DumpLine, Geometry | null> {
  const file = await disk.open(path.posix.join(directory, controlFileName), 'read')
  try {
    const control = decodeControl(file.read(0, controlBytes))
    if (!control.ok) {
      yield damageOf(controlFileName, control)
      return null
    }
    yield { line: 'control', file: controlFileName, qmid: control.value.qmid, type: control.value.type, extentBytes: control.value.extentBytes }
    return new Geometry(control.value.extentBytes)
  } finally {
    await file.close()
  }
}

async function* dumpFile(disk: Disk, directory: string, name: string, kind: string): AsyncGenerator<DumpLine> {
  const file = await disk.open(path.posix.join(directory, name), 'read')
  try {
    yield { line: 'file', file: name, bytes: file.size(), kind }
  } finally {
    await file.close()
  }
}

/** A record whose last fragment has not come yet. */
interface Unfinished {
  readonly lsn: number
  readonly first: Fragment
  readonly checksum: string
  readonly payloads: Buffer[]
  payloadBytes: number
  fragments: number
  /** The extent in which the next fragment must begin. */
  next: number
}

class Walk {
  readonly #geometry: Geometry
  readonly #from: number
  #left: number
  #unfinished: Unfinished | null = null

  constructor(geometry: Geometry, options: DumpOptions) {
    this.#geometry = geometry
    this.#from = options.from ?? 0
    this.#left = options.count ?? Infinity
  }

  get isDone(): boolean {
    return this.#left <= 0
  }

  *extent(file: DiskFile, name: string, number: number): Generator<DumpLine> {
    const header = decodeExtentHeader(file.read(0, extentHeaderBytes))
    if (!header.ok) {
      yield damageOf(name, header)
      return
    }
    const { extentBytes, epoch, isFirstOfEpoch, previousEnd, qmid } = header.value
    yield { line: 'extent', file: name, number: header.value.number, epoch, isFirstOfEpoch, previousEnd, qmid }
    if (header.value.number !== number || extentBytes !== this.#geometry.extentBytes) {
      yield { line: 'damage', file: name, offset: 0, why: `the header is of extent ${header.value.number} of ${extentBytes} bytes` }
      return
    }
    yield* this.#records(file, name, header.value)
  }

  *#records(file: DiskFile, name: string, header: ExtentHeader): Generator<DumpLine> {
    const end = this.#geometry.endOf(header.number)
    let at = this.#geometry.startOf(header.number)
    if (this.#unfinished !== null && (header.isFirstOfEpoch || this.#unfinished.next !== header.number)) {
      yield { line: 'end', file: name, lsn: this.#unfinished.lsn, why: 'the record that began there has no end' }
      this.#unfinished = null
    }
    while (!this.isDone && this.#geometry.settle(at) < end) {
      at = this.#geometry.settle(at)
      const bytes = this.#bytesOf(file, at)
      const fragment = readFragment(bytes, 0, at, this.#geometry.room(at))
      if (typeof fragment === 'string') {
        yield { line: 'end', file: name, lsn: at, why: fragment }
        return
      }
      yield* this.#fragment(fragment, bytes, at, name)
      at += align8(fragmentHeaderBytes + fragment.payloadBytes)
    }
  }

  /** The fragment at a position, as long as its header says, or less. */
  #bytesOf(file: DiskFile, at: number): Buffer {
    const offset = this.#geometry.offsetOf(at)
    const bytes = file.read(offset, readAheadBytes)
    if (bytes.length < fragmentHeaderBytes) return bytes
    const whole = fragmentHeaderBytes + Math.min(bytes.readUInt32LE(4), this.#geometry.room(at))
    return whole <= bytes.length ? bytes : file.read(offset, whole)
  }

  *#fragment(fragment: Fragment, bytes: Buffer, at: number, name: string): Generator<DumpLine> {
    const payload = bytes.subarray(fragmentHeaderBytes, fragmentHeaderBytes + fragment.payloadBytes)
    const offset = this.#geometry.offsetOf(at)
    if ((fragment.flags & firstFragment) !== 0) {
      if (this.#unfinished !== null) yield { line: 'damage', file: name, offset, why: `a record begins before that at ${this.#unfinished.lsn} has ended` }
      this.#unfinished = { lsn: at, first: fragment, checksum: bytes.readUInt32LE(0).toString(16).padStart(8, '0'), payloads: [], payloadBytes: 0, fragments: 0, next: 0 }
    }
    const record = this.#unfinished
    if (record === null) {
      // Its beginning was in an extent that has been reused.
      if (at >= this.#from) yield { line: 'damage', file: name, offset, why: 'the rest of a record whose beginning is not here' }
      return
    }
    if (record.payloadBytes <= payloadKeptMax) record.payloads.push(Buffer.from(payload))
    record.payloadBytes += payload.length
    record.fragments += 1
    record.next = this.#geometry.extentOf(at) + 1
    if ((fragment.flags & lastFragment) === 0) return
    this.#unfinished = null
    if (record.lsn < this.#from) return
    const described = describe(record)
    this.#left -= 1
    yield typeof described === 'string' ? { line: 'damage', file: name, offset, why: described } : described
  }
}

function describe(record: Unfinished): RecordLine | string {
  const { first } = record
  const decoded = decodeRecord(first.kind, record.payloads.length === 1 ? (record.payloads[0] as Buffer) : Buffer.concat(record.payloads))
  if (typeof decoded === 'string') return decoded
  return {
    line: 'record',
    lsn: record.lsn,
    kind: kindNames[first.kind] ?? '?',
    epoch: first.epoch,
    batch: record.lsn - first.sinceBatch,
    fragments: record.fragments,
    checksum: record.checksum,
    payloadBytes: record.payloadBytes,
    facts: factsOf(decoded, first.ordinal)
  }
}

const placeText = (place: Place): string => `${place.lsn}/${place.ordinal}`

function factsOf(record: AnyRecord, ordinal: number): Readonly<Record<string, string | number>> {
  switch (record.kind) {
    case 'put':
    case 'moved': {
      const { entry, message } = record
      const facts: Record<string, string | number> = { queue: entry.queue, order: entry.order, ordinal, priority: entry.priority, headBytes: message.head.length, bodyBytes: message.body.length }
      if (entry.expiresAt !== 0) facts['expiresAt'] = entry.expiresAt
      if (record.kind === 'moved') return { ...facts, from: placeText(record.from), backoutCount: record.backoutCount }
      return { unit: record.unit, ...facts, ...originFacts(record.origin) }
    }
    case 'remove':
      return { place: placeText(record.place) }
    case 'lock':
      return { unit: record.unit, place: placeText(record.place), backoutCount: record.backoutCount }
    case 'count':
      return { place: placeText(record.place), backoutCount: record.backoutCount }
    case 'commit':
      return { unit: record.unit, ...originFacts(record.origin) }
    case 'backout':
      return { unit: record.unit }
    case 'define':
      return { queue: record.number, type: record.definition.type, name: record.definition.name }
    case 'delete':
      return { queue: record.number, type: record.type, name: record.name }
  }
}

const originFacts = (origin: { readonly producer: Buffer; readonly sequence: number } | null): Readonly<Record<string, string | number>> =>
  origin === null ? {} : { producer: origin.producer.toString('hex'), sequence: origin.sequence }

const damageOf = (file: string, fault: Unreadable): DumpLine => ({ line: 'damage', file, offset: fault.offset, why: fault.reason })

/** One line for people. Positions are in bytes; `<extent:offset>` says where to look. */
export function dumpText(line: DumpLine, extentBytes: number): string {
  switch (line.line) {
    case 'control':
      return `${line.file}: queue manager ${line.qmid}, ${line.type} log, extents of ${line.extentBytes} bytes`
    case 'file':
      return `${line.file}: ${line.kind}, ${line.bytes} bytes`
    case 'extent':
      return `${line.file}: extent ${line.number}, epoch ${line.epoch}${line.isFirstOfEpoch ? `, first of its epoch; the log before ends at ${positionText(line.previousEnd, extentBytes)}` : ''}`
    case 'record': {
      const facts = Object.entries(line.facts).map(([name, value]) => `${name} ${value}`)
      const parts = line.fragments > 1 ? `, ${line.fragments} fragments` : ''
      return `${positionText(line.lsn, extentBytes)} ${line.kind.padEnd(7)} ${facts.join(' ')} (${line.payloadBytes} bytes${parts}, checksum ${line.checksum}, epoch ${line.epoch}, batch ${line.batch})`
    }
    case 'end':
      return `${positionText(line.lsn, extentBytes)} end: ${line.why}`
    case 'damage':
      return `${line.file}: DAMAGED at ${line.offset}: ${line.why}`
  }
}

const positionText = (position: number, extentBytes: number): string => `${position} <${Math.floor(position / extentBytes)}:${position % extentBytes}>`
