/**
 * Where things are: positions of the log, names of its files, the header that says whose extent it is. README.md has the
 * layouts. Pure.
 */

import { crcOf, readU64, writeU64 } from './bytes.js'

export const version = 1
export const extentHeaderBytes = 4096
export const fragmentHeaderBytes = 32
/** What is left of an extent below this stays unused. */
const fragmentMin = fragmentHeaderBytes + 8
const headerUsed = 128
const headerMagic = 'LHMQLOG\0'
const controlMagic = 'LHMQCTL\0'
export const controlFileName = 'amqhlctl.lfh'
export const controlBytes = 128
export const qmidBytesMax = 64
export const extentBytesMin = 16 * 4096
export const extentBytesMax = 65535 * 4096

export const align8 = (bytes: number): number => Math.ceil(bytes / 8) * 8

/** Arithmetic of positions, for one size of extents. */
export class Geometry {
  readonly extentBytes: number

  constructor(extentBytes: number) {
    this.extentBytes = extentBytes
  }

  extentOf(position: number): number {
    return Math.floor(position / this.extentBytes)
  }

  offsetOf(position: number): number {
    return position % this.extentBytes
  }

  /** Where the first record of an extent may begin. */
  startOf(extent: number): number {
    return extent * this.extentBytes + extentHeaderBytes
  }

  /** Where the extent ends. */
  endOf(extent: number): number {
    return (extent + 1) * this.extentBytes
  }

  /** The place for the next fragment at or after an aligned position. */
  settle(position: number): number {
    const extent = Math.floor(position / this.extentBytes)
    if (this.endOf(extent) - position < fragmentMin) return this.startOf(extent + 1)
    // A fragment that fills its extent to the last byte ends where the header of the next one is.
    return Math.max(position, this.startOf(extent))
  }

  /** Payload bytes that a fragment beginning at a settled position can take. */
  room(position: number): number {
    return this.endOf(this.extentOf(position)) - position - fragmentHeaderBytes
  }

  /** The settled end of a record of so many payload bytes beginning at a settled position. */
  after(position: number, payloadBytes: number): number {
    let at = position
    let left = payloadBytes
    for (;;) {
      const room = this.room(at)
      if (left <= room) return this.settle(at + align8(fragmentHeaderBytes + left))
      left -= room
      at = this.startOf(this.extentOf(at) + 1)
    }
  }
}

const numbered = (number: number): string => String(number).padStart(7, '0')
export const extentName = (number: number): string => `S${numbered(number)}.LOG`
export const indexName = (number: number): string => `S${numbered(number)}.IDX`
export const spareName = (number: number): string => `R${numbered(number)}.LOG`
export const checkpointName = (epoch: number, sequence: number): string => `K${String(epoch).padStart(10, '0')}-${String(sequence).padStart(10, '0')}.CKP`

/** What a name in the directory `active` says; `other` for what is not ours. */
export type LogFileName =
  | { readonly kind: 'extent' | 'index' | 'spare'; readonly number: number }
  | { readonly kind: 'checkpoint'; readonly epoch: number; readonly sequence: number }
  | { readonly kind: 'unfinished' | 'other' }

export function parseName(name: string): LogFileName {
  if (name.endsWith('.tmp')) return { kind: 'unfinished' }
  const file = /^([SR])(\d{7,10})\.(LOG|IDX)$/.exec(name)
  if (file !== null) {
    const number = Number(file[2])
    if (file[3] === 'IDX') return file[1] === 'S' ? { kind: 'index', number } : { kind: 'other' }
    return { kind: file[1] === 'S' ? 'extent' : 'spare', number }
  }
  const checkpoint = /^K(\d{10})-(\d{10})\.CKP$/.exec(name)
  return checkpoint === null ? { kind: 'other' } : { kind: 'checkpoint', epoch: Number(checkpoint[1]), sequence: Number(checkpoint[2]) }
}

export interface ExtentHeader {
  readonly extentBytes: number
  readonly number: number
  readonly epoch: number
  readonly isFirstOfEpoch: boolean
  readonly previousEnd: number
  readonly qmid: string
}

export interface Control {
  readonly extentBytes: number
  readonly type: 'circular' | 'linear'
  readonly qmid: string
}

/** Why bytes are not what they should be; `newer` has its own error code. */
export type Unreadable = { readonly ok: false; readonly why: 'newer' | 'damaged'; readonly offset: number; readonly reason: string }
export type Readable<T> = { readonly ok: true; readonly value: T } | Unreadable

/** @returns the whole page in front of an extent */
export function encodeExtentHeader(header: ExtentHeader): Buffer {
  const bytes = Buffer.alloc(extentHeaderBytes)
  bytes.write(headerMagic, 0, 'latin1')
  bytes.writeUInt32LE(version, 8)
  bytes.writeUInt32LE(header.extentBytes, 12)
  writeU64(bytes, header.number, 16)
  bytes.writeUInt32LE(header.epoch, 24)
  bytes.writeUInt32LE(header.isFirstOfEpoch ? 1 : 0, 28)
  writeU64(bytes, header.previousEnd, 32)
  bytes.write(header.qmid, 40, qmidBytesMax, 'utf8')
  bytes.writeUInt32LE(crcOf(bytes, 0, headerUsed - 4), headerUsed - 4)
  return bytes
}

export function decodeExtentHeader(bytes: Buffer): Readable<ExtentHeader> {
  const fault = faultOf(bytes, headerMagic, 'an extent of a log')
  if (fault !== null) return fault
  return {
    ok: true,
    value: {
      extentBytes: bytes.readUInt32LE(12),
      number: readU64(bytes, 16),
      epoch: bytes.readUInt32LE(24),
      isFirstOfEpoch: bytes.readUInt32LE(28) === 1,
      previousEnd: readU64(bytes, 32),
      qmid: qmidAt(bytes, 40)
    }
  }
}

export function encodeControl(control: Control): Buffer {
  const bytes = Buffer.alloc(controlBytes)
  bytes.write(controlMagic, 0, 'latin1')
  bytes.writeUInt32LE(version, 8)
  bytes.writeUInt32LE(control.extentBytes, 12)
  bytes.writeUInt8(control.type === 'linear' ? 1 : 0, 16)
  bytes.write(control.qmid, 24, qmidBytesMax, 'utf8')
  bytes.writeUInt32LE(crcOf(bytes, 0, controlBytes - 4), controlBytes - 4)
  return bytes
}

export function decodeControl(bytes: Buffer): Readable<Control> {
  const fault = faultOf(bytes, controlMagic, 'a log control file')
  if (fault !== null) return fault
  const extentBytes = bytes.readUInt32LE(12)
  if (extentBytes < extentBytesMin || extentBytes > extentBytesMax || extentBytes % 4096 !== 0) {
    return { ok: false, why: 'damaged', offset: 12, reason: `${extentBytes} bytes are no size of an extent` }
  }
  return { ok: true, value: { extentBytes, type: bytes.readUInt8(16) === 1 ? 'linear' : 'circular', qmid: qmidAt(bytes, 24) } }
}

/** Magic, version and checksum of a header of 128 bytes, in this order, so that a newer layout is not called damaged. */
function faultOf(bytes: Buffer, magic: string, what: string): Unreadable | null {
  const damaged = (offset: number, reason: string): Unreadable => ({ ok: false, why: 'damaged', offset, reason })
  if (bytes.length < headerUsed) return damaged(bytes.length, `the file ends within its header of ${headerUsed} bytes`)
  if (bytes.toString('latin1', 0, 8) !== magic) return damaged(0, `this is not ${what}`)
  const found = bytes.readUInt32LE(8)
  if (found > version) return { ok: false, why: 'newer', offset: 8, reason: `format version ${found}; this program knows ${version}` }
  if (found !== version) return damaged(8, `format version ${found} does not exist`)
  if (bytes.readUInt32LE(headerUsed - 4) !== crcOf(bytes, 0, headerUsed - 4)) return damaged(headerUsed - 4, 'the checksum of the header is wrong')
  return null
}

export function qmidAt(bytes: Buffer, at: number): string {
  const text = bytes.subarray(at, at + qmidBytesMax)
  const end = text.indexOf(0)
  return text.toString('utf8', 0, end === -1 ? qmidBytesMax : end)
}
