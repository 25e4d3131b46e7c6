/**
 * The outer shape of the client protocol: how a connection begins, and how frames are cut out of a stream of bytes.
 * Layout: README.md beside this file.
 */

import { Writer } from './bytes.js'

/** `0x9d` begins no text, no TLS record and no other protocol that shares the port. */
export const magic: Buffer = Buffer.from([0x9d, 0x4c, 0x48, 0x4d]) // ·LHM
/** Magic and four bytes more; see `encodeOffer` and `encodeChoice`. */
export const preambleBytes = 8
export const versionLowest = 1
export const versionHighest = 1

/** What a queue manager takes in one frame; bodies beyond `partBytesMax` come in several. */
export const frameBytesMax = 1024 * 1024
/** A client trusts its queue manager further: heads may carry properties put by other protocols. */
export const replyFrameBytesMax = 16 * 1024 * 1024
/** Body bytes that go into one frame, so that frames of other calls find their way between. */
export const partBytesMax = 256 * 1024
/** Calls of one connection that may be open at once; more are refused with 2071. */
export const callsMax = 4096
/** Length, kind and token. */
export const headerBytes = 9

export const kinds = {
  // Both ways
  part: 0x01,
  heartbeat: 0x02,
  // Client to queue manager
  hello: 0x10,
  disconnect: 0x11,
  open: 0x12,
  close: 0x13,
  put: 0x14,
  putOne: 0x15,
  get: 0x16,
  cancel: 0x17,
  begin: 0x18,
  commit: 0x19,
  backout: 0x1a,
  settle: 0x1b,
  subscribe: 0x1c,
  unsubscribe: 0x1d,
  inquire: 0x1e,
  lastSequence: 0x1f,
  command: 0x20,
  // Queue manager to client
  welcome: 0x80,
  done: 0x81,
  opened: 0x82,
  stored: 0x83,
  message: 0x84,
  began: 0x85,
  subscribed: 0x86,
  facts: 0x87,
  sequence: 0x88,
  report: 0x89,
  quiesce: 0x8a,
  end: 0x8b
} as const

/** True when these first bytes can only be ours; null when there are too few to say. */
export function recognise(first: Uint8Array): boolean | null {
  for (let index = 0; index < Math.min(first.length, magic.length); index++) {
    if (first[index] !== magic[index]) return false
  }
  return first.length < magic.length ? null : true
}

export interface VersionRange {
  readonly lowest: number
  readonly highest: number
}

export const ourVersions: VersionRange = { lowest: versionLowest, highest: versionHighest }

/** What a client says first: the versions it speaks. */
export const encodeOffer = (versions: VersionRange = ourVersions): Buffer => Buffer.from([...magic, versions.lowest, versions.highest, 0, 0])

/** What a queue manager answers: the version chosen, 0 for none, and the versions it speaks. */
export const encodeChoice = (chosen: number, versions: VersionRange = ourVersions): Buffer =>
  Buffer.from([...magic, chosen, versions.lowest, versions.highest, 0])

/** null when it is no preamble. `preamble` has `preambleBytes` bytes. */
export function decodeOffer(preamble: Uint8Array): VersionRange | null {
  const [lowest = 0, highest = 0] = preamble.subarray(magic.length)
  return recognise(preamble) === true && lowest > 0 && lowest <= highest ? { lowest, highest } : null
}

export function decodeChoice(preamble: Uint8Array): (VersionRange & { readonly chosen: number }) | null {
  const [chosen = 0, lowest = 0, highest = 0] = preamble.subarray(magic.length)
  return recognise(preamble) === true && lowest <= highest ? { chosen, lowest, highest } : null
}

/** The highest version both speak, or 0. */
export function choose(offer: VersionRange, ours: VersionRange = ourVersions): number {
  const highest = Math.min(offer.highest, ours.highest)
  return highest >= Math.max(offer.lowest, ours.lowest) ? highest : 0
}

export interface Frame {
  readonly kind: number
  readonly token: number
  /** A view of the bytes received; copy what is kept. */
  readonly payload: Buffer
}

/** Begins a frame in `writer`; `finishFrame` ends it. One frame at a time. */
export function beginFrame(writer: Writer, kind: number, token: number): void {
  writer.u32(0)
  writer.u8(kind)
  writer.u32(token)
}

/** The frame's bytes, with `after` as the last field when given. */
export function finishFrame(writer: Writer, after?: Uint8Array): Buffer {
  writer.patchU32(writer.length - 4 + (after?.length ?? 0), 0)
  return writer.take(after)
}

const shared = new Writer()

export function encodeFrame(kind: number, token: number, payload?: Uint8Array): Buffer {
  beginFrame(shared, kind, token)
  return finishFrame(shared, payload)
}

export type Cut = { readonly kind: 'frame'; readonly frame: Frame } | { readonly kind: 'more' } | { readonly kind: 'fault'; readonly why: string }

const more: Cut = { kind: 'more' }
/** Small arrivals are joined up to this size, so that a frame sent byte by byte costs no object a byte. */
const joinedBytes = 4096

/**
 * Cuts a stream into preamble and frames. Holds what arrived and was not taken, and nothing else: a length is only ever
 * compared, never allocated for before its bytes are there.
 */
export class FrameDecoder {
  readonly #frameBytesMax: number
  #chunks: Buffer[] = []
  /** Bytes of the first chunk that were taken. */
  #offset = 0
  #bytes = 0

  constructor(options: { readonly frameBytesMax: number }) {
    this.#frameBytesMax = options.frameBytesMax
  }

  /** Bytes that wait to be taken. */
  get waitingBytes(): number {
    return this.#bytes
  }

  /** Takes ownership of the bytes. */
  push(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#bytes += bytes.length
    const last = this.#chunks.at(-1)
    if (last !== undefined && this.#chunks.length > 1 && last.length + bytes.length <= joinedBytes) {
      this.#chunks[this.#chunks.length - 1] = Buffer.concat([last, bytes])
    } else this.#chunks.push(bytes)
  }

  /** The first bytes of a connection, or null while they are not all there. */
  preamble(): Buffer | null {
    return this.#bytes < preambleBytes ? null : this.#take(preambleBytes)
  }

  next(): Cut {
    if (this.#bytes < headerBytes) return more
    const length = this.#peekLength()
    if (length < headerBytes - 4) return { kind: 'fault', why: `a frame of ${length} bytes is too short` }
    if (length + 4 > this.#frameBytesMax) return { kind: 'fault', why: `a frame of ${length} bytes exceeds the limit of ${this.#frameBytesMax}` }
    if (this.#bytes < length + 4) return more
    const bytes = this.#take(length + 4)
    return { kind: 'frame', frame: { kind: bytes[4] as number, token: bytes.readUInt32BE(5), payload: bytes.subarray(headerBytes) } }
  }

  #peekLength(): number {
    const first = this.#chunks[0] as Buffer // there are at least `headerBytes` bytes
    if (first.length - this.#offset >= 4) return first.readUInt32BE(this.#offset)
    let length = 0
    let at = this.#offset
    for (let chunk = 0, count = 0; count < 4; ) {
      const bytes = this.#chunks[chunk] as Buffer
      if (at >= bytes.length) {
        chunk++
        at = 0
      } else {
        length = length * 256 + (bytes[at++] as number)
        count++
      }
    }
    return length
  }

  /** Removes so many bytes from the front; a view when they lie in one chunk. `count` are there. */
  #take(count: number): Buffer {
    this.#bytes -= count
    const first = this.#chunks[0] as Buffer
    const end = this.#offset + count
    if (end <= first.length) {
      const view = first.subarray(this.#offset, end)
      this.#offset = end
      if (end === first.length) this.#dropChunks(1)
      return view
    }
    const joined = Buffer.allocUnsafe(count)
    let taken = 0
    let chunk = 0
    while (taken < count) {
      const bytes = this.#chunks[chunk] as Buffer
      const copied = bytes.copy(joined, taken, this.#offset)
      taken += copied
      this.#offset += copied
      if (this.#offset === bytes.length) {
        chunk++
        this.#offset = 0
      }
    }
    if (chunk > 0) this.#chunks.splice(0, chunk)
    return joined
  }

  #dropChunks(count: number): void {
    if (this.#chunks.length === count) this.#chunks = []
    else this.#chunks.splice(0, count)
    this.#offset = 0
  }
}
