/**
 * Reads records one after the other from extents, in large sequential reads, and says exactly where and why it stops.
 *
 * It trusts nothing: every fragment must be of its position and epoch and verify, and their order must follow the fragment
 * rule. What a stop means (end, torn tail, damage) is for the caller to say.
 */

import type { DiskFile } from '../../port/disk.js'
import { fragmentHeaderBytes, align8, type Geometry } from './extent.js'
import { claimsToBe, firstFragment, lastFragment, readFragment, type Fragment } from './record.js'

const windowBytes = 4 * 1024 * 1024

/** A file through a window that moves forward. */
export class FileWindow {
  readonly file: DiskFile
  readonly size: number
  #start = 0
  #bytes: Buffer = Buffer.alloc(0)

  constructor(file: DiskFile) {
    this.file = file
    this.size = file.size()
  }

  /** At least `length` bytes from `offset`, more if they are at hand, fewer at the end of the file. Borrowed until the next call. */
  view(offset: number, length: number): Buffer {
    const have = this.#start + this.#bytes.length - offset
    if (offset < this.#start || have < Math.min(length, this.size - offset)) {
      this.#bytes = this.file.read(offset, Math.max(windowBytes, length))
      this.#start = offset
    }
    return this.#bytes.subarray(offset - this.#start)
  }
}

export interface ScannedRecord {
  readonly ok: true
  readonly position: number
  /** Where the next record begins. */
  readonly end: number
  readonly kind: number
  readonly epoch: number
  readonly ordinal: number
  /** Borrowed until the next call. */
  readonly payload: Buffer
  /** Everything before this was durable when this record was written. */
  readonly durable: number
  /** Extent of its last fragment. */
  readonly lastExtent: number
}

export interface ScanStop {
  readonly ok: false
  /** Position of the record that is not whole: its first fragment. */
  readonly position: number
  /** Position of the fragment that does not verify. */
  readonly at: number
  /** `bound`: the end the caller named. */
  readonly why: 'bound' | 'no-file' | 'bad'
  readonly reason: string
}

export interface ScanOptions {
  readonly geometry: Geometry
  /** Records of other epochs are not ours. */
  readonly epoch: number
  /** The extent's file, or null when there is none. */
  readonly windowOf: (extent: number) => FileWindow | null
  readonly start: number
  /** Records end here at the latest. */
  readonly bound: number
}

export class RecordScanner {
  #at: number
  readonly #options: ScanOptions

  constructor(options: ScanOptions) {
    this.#options = options
    this.#at = options.geometry.settle(options.start)
  }

  /** Skips the rest of a record that began in an earlier extent. Only useful at the start of an extent. */
  skipRest(): void {
    const extent = this.#options.geometry.extentOf(this.#at)
    for (;;) {
      const fragment = this.#fragment(this.#at)
      if (typeof fragment === 'string' || (fragment.flags & firstFragment) !== 0) return
      const next = this.#after(this.#at, fragment)
      if (next >= this.#options.bound) {
        this.#at = Math.min(next, this.#options.bound)
        return
      }
      this.#at = next
      if (this.#options.geometry.extentOf(next) !== extent) return
    }
  }

  /** Where the next record begins, or would. */
  get at(): number {
    return this.#at
  }

  next(): ScannedRecord | ScanStop {
    const { geometry, bound, windowOf } = this.#options
    const position = this.#at
    if (position >= bound) return { ok: false, position, at: position, why: 'bound', reason: 'the log ends here' }
    const pieces: Buffer[] = []
    let first: Fragment | null = null
    for (let at = position; ; ) {
      const stop = (reason: string, why: ScanStop['why'] = 'bad'): ScanStop => ({ ok: false, position, at, why, reason })
      if (windowOf(geometry.extentOf(at)) === null) return stop('the extent is missing', 'no-file')
      const fragment = this.#fragment(at)
      if (typeof fragment === 'string') return stop(fragment)
      if (((fragment.flags & firstFragment) !== 0) !== (first === null)) return stop('the fragments of a record are not in order')
      first ??= fragment
      if (fragment.kind !== first.kind || fragment.ordinal !== first.ordinal) return stop('the fragments of a record do not belong together')
      const isLast = (fragment.flags & lastFragment) !== 0
      if (!isLast && fragment.payloadBytes !== geometry.room(at)) return stop('a fragment with more to come does not fill its extent')
      const end = this.#after(at, fragment)
      if (at + align8(fragmentHeaderBytes + fragment.payloadBytes) > bound) return stop('a record reaches over the end of the log')
      const payload = this.#payload(at, fragment)
      if (isLast) {
        this.#at = end
        const whole = pieces.length === 0 ? payload : Buffer.concat([...pieces, payload])
        return {
          ok: true,
          position,
          end,
          kind: first.kind,
          epoch: first.epoch,
          ordinal: first.ordinal,
          payload: whole,
          durable: position - first.sinceBatch,
          lastExtent: geometry.extentOf(at)
        }
      }
      pieces.push(Buffer.from(payload))
      at = end
    }
  }

  #after(at: number, fragment: Fragment): number {
    return this.#options.geometry.settle(at + align8(fragmentHeaderBytes + fragment.payloadBytes))
  }

  #fragment(at: number): Fragment | string {
    const { geometry, epoch, windowOf } = this.#options
    const window = windowOf(geometry.extentOf(at))
    if (window === null) return 'the extent is missing'
    const room = geometry.room(at)
    const offset = geometry.offsetOf(at)
    const header = window.view(offset, fragmentHeaderBytes)
    if (header.length < fragmentHeaderBytes) return 'the file ends within the header of a record'
    const payloadBytes = header.readUInt32LE(4)
    const bytes = payloadBytes <= room && claimsToBe(header, 0, at) ? window.view(offset, fragmentHeaderBytes + payloadBytes) : header
    const fragment = readFragment(bytes, 0, at, room)
    if (typeof fragment === 'string') return fragment
    return fragment.epoch === epoch ? fragment : `a record of epoch ${fragment.epoch} is here`
  }

  #payload(at: number, fragment: Fragment): Buffer {
    const window = this.#options.windowOf(this.#options.geometry.extentOf(at)) as FileWindow // #fragment found it
    return window.view(this.#options.geometry.offsetOf(at), fragmentHeaderBytes + fragment.payloadBytes).subarray(fragmentHeaderBytes, fragmentHeaderBytes + fragment.payloadBytes)
  }
}

/** Later extents are looked through this far; their records follow each other from the start. */
const laterBytes = 1024 * 1024
/** Looked at in one go, at least. */
const lookBytes = 64 * 1024

export interface Afterwards {
  /** The highest position known to have been durable, by records after the stop; 0 when none verifies. */
  readonly durable: number
  /** End of the last fragment found; 0 when there is none. */
  readonly end: number
}

/** Looks for records after a stop: they tell a torn tail from damage. */
export function lookAfter(options: ScanOptions, stop: number): Afterwards {
  const { geometry, windowOf } = options
  let durable = 0
  let end = 0
  for (let extent = geometry.extentOf(stop); ; extent += 1) {
    const window = windowOf(extent)
    if (window === null) return { durable, end }
    const isFirst = extent === geometry.extentOf(stop)
    const from = isFirst ? geometry.offsetOf(stop) + 8 : geometry.offsetOf(geometry.startOf(extent))
    const to = isFirst ? window.size : Math.min(window.size, from + laterBytes)
    for (let offset = from; offset + fragmentHeaderBytes <= to; ) {
      const bytes = window.view(offset, lookBytes)
      const found = nextClaim(bytes, extent * geometry.extentBytes + offset, Math.min(bytes.length, to - offset))
      if (found === -1) {
        // The last words may be the start of a header that the next window has whole.
        offset += Math.max(8, Math.min(bytes.length, to - offset) - fragmentHeaderBytes + 8)
        continue
      }
      const position = extent * geometry.extentBytes + offset + found
      const fragment = readFragment(window.view(offset + found, fragmentHeaderBytes + bytes.readUInt32LE(found + 4)), 0, position, geometry.room(position))
      if (typeof fragment === 'string' || fragment.epoch !== options.epoch) offset += found + 8
      else {
        durable = Math.max(durable, position - fragment.sinceBatch)
        offset += found + align8(fragmentHeaderBytes + fragment.payloadBytes)
        end = extent * geometry.extentBytes + offset
      }
    }
  }
}

/** Index of the next header that claims to be of its position, or -1. */
function nextClaim(bytes: Buffer, position: number, length: number): number {
  for (let at = 0; at + fragmentHeaderBytes <= length; at += 8) {
    if (bytes[at + 10] === 0x4d && bytes[at + 11] === 0x51 && claimsToBe(bytes, at, position + at)) return at
  }
  return -1
}
