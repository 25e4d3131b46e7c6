/**
 * Judges one look at the area after the other: what of it is proof, what is only a sign of life, what is not to be used.
 *
 * Think of a light in a far window. A lamp that we know blinks: somebody is at home. A lamp that we do not know blinks:
 * somebody is there all the same, and to walk in would be wrong. A light that stands still may have been left burning.
 * So a sector that cannot be verified but *changes* counts as a renewal (its writer has other keys, or the disk tears its
 * writes); one that cannot be verified and stands still is what a node left behind that died while writing.
 *
 * Invariants
 *  1. A sight differs from the one before when the other node's sector changed, verified or not, and only then. Its
 *     sequence grows with every change, except when a new generation begins or an operator released the node.
 *  2. Nothing but a verified record is ever handed on: datagrams, generations, promises, orders. Where there is none, the
 *     promise is taken to be at least the lease.
 *  3. A datagram is handed on only when its sector changed since our first look: what a dead node left is no heartbeat.
 *  4. A look at a disk that does not show our own last write is not used: such a disk returns old data, and would show a
 *     living node as dead.
 *
 * Not here: when a lease has run out (safety/), reading and writing (lease-disk/).
 */

import { Buffer } from 'node:buffer'
import type { AuthKeys } from '../config/types.js'
import type { LeaseSight, PoisonPill } from '../port/lease.js'
import { commandPlace, headerPlace, nodePlace, otherSlot, type Slot } from './layout.js'
import { decodeHeader, decodeNode, decodePill, type AreaHeader, type NodeRecord, type ReadNode } from './records.js'
import { refusalWords, type SealRefusal } from './sealed.js'

export type Look =
  | {
      readonly kind: 'seen'
      readonly peer: LeaseSight | null
      readonly pill: PoisonPill | null
      /** The other node's datagram when it is new; shares the memory that was read. */
      readonly datagram: Uint8Array | null
      /** The header is signed with a key that is still accepted, but no longer the one that signs. */
      readonly isHeaderStale: boolean
    }
  /** Something was being written while it was read: look again, and if it is still so, with `isSecondLook`. */
  | { readonly kind: 'torn' }
  /** `isOtherArea`: what stands there is not the area that was opened; nothing may be written there. */
  | { readonly kind: 'unusable'; readonly reason: string; readonly isOtherArea: boolean }

/** What this node itself has put on the disk, so that a look can be checked against it. */
export interface OwnSector {
  /** The sectors of our last write that ended well before the look began; null when there was none. */
  readonly settled: Uint8Array | null
  /** Another write of ours was under way during the look: it may show that one instead, or a part of it. */
  readonly isOverlapped: boolean
  readonly generation: number
}

export interface WatchOptions {
  readonly header: AreaHeader
  /** The header's sector as it was read when it was verified. */
  readonly headerSector: Uint8Array
  readonly ownSlot: Slot
  /** How long a record that cannot be verified is taken to promise. */
  readonly leaseMs: number
  keys(): AuthKeys
  /** Something an operator should know; said once for each change. */
  onNote(text: string): void
}

/** Changes that could not be verified are counted in the fraction of the sequence: 24 days of them at 8 a second. */
const changesMax = 2 ** 24

export class AreaWatch {
  readonly #options: WatchOptions
  readonly #peerName: string
  #headerSector: Buffer
  #headerKeyId: number
  /** The other's slot as last seen; null before the first look. */
  #peerBytes: Buffer | null = null
  #peerRecord: (Omit<NodeRecord, 'datagram' | 'bootId'>) | null = null
  #sight: LeaseSight | null = null
  /** Unverified changes since the last verified record. */
  #changes = 0
  #peerFault: SealRefusal | 'older' | null = null
  #datagram: Buffer = Buffer.alloc(0)
  #commandBytes: Buffer | null = null
  #pill: PoisonPill | null = null

  constructor(options: WatchOptions) {
    this.#options = options
    this.#peerName = options.header.nodes[otherSlot(options.ownSlot)]
    this.#headerSector = Buffer.from(options.headerSector)
    this.#headerKeyId = options.headerSector[20] ?? 0 // sealed.ts: the key's number
  }

  look(bytes: Uint8Array, own: OwnSector, options: { readonly isSecondLook: boolean }): Look {
    const area = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const header = this.#checkHeader(area.subarray(headerPlace.from, headerPlace.to), options)
    if (header !== null) return header
    const ownFault = this.#checkOwn(sliceOf(area, nodePlace(this.#options.ownSlot)), own)
    if (ownFault !== null) return ownFault
    if (!this.#lookAtCommand(sliceOf(area, commandPlace(this.#options.ownSlot)), options)) return { kind: 'torn' }
    const datagram = this.#lookAtPeer(sliceOf(area, nodePlace(otherSlot(this.#options.ownSlot))), options)
    if (datagram === 'torn') return { kind: 'torn' }
    if (this.#changes >= changesMax) return { kind: 'unusable', reason: `the sector of ${this.#peerName} changed ${changesMax} times without being verified`, isOtherArea: false }
    const released = this.#isReleased(sliceOf(area, nodePlace(this.#options.ownSlot)), own)
    return { kind: 'seen', peer: this.#sight, pill: released ?? this.#pill, datagram, isHeaderStale: this.#headerKeyId !== this.#options.keys().active.id }
  }

  #checkHeader(sector: Buffer, options: { readonly isSecondLook: boolean }): Look | null {
    if (sector.equals(this.#headerSector)) return null
    const read = decodeHeader(sector, this.#options.keys())
    if (read.ok && Buffer.from(read.header.area).equals(this.#options.header.area)) {
      this.#headerSector = Buffer.from(sector)
      this.#headerKeyId = read.keyId
      return null
    }
    if (!read.ok && read.reason === 'torn' && !options.isSecondLook) return { kind: 'torn' }
    return { kind: 'unusable', isOtherArea: true, reason: `the header ${read.ok ? 'is that of another lease area now: it was created anew' : refusalWords[read.reason]}; this is not the area that was opened` }
  }

  #checkOwn(slot: Buffer, own: OwnSector): Look | null {
    const { settled } = own
    if (settled === null || slot.subarray(0, settled.length).equals(settled)) return null
    const { header, ownSlot, keys } = this.#options
    const read = decodeNode(slot, { slot: ownSlot, header }, keys())
    if (read.ok && read.record.state === 'released') return null // answered as an order below
    if (own.isOverlapped && this.#isOursSince(read, settled, own)) return null
    const name = header.nodes[ownSlot]
    if (!read.ok) return { kind: 'unusable', isOtherArea: false, reason: `our own sector ${refusalWords[read.reason]}, though we wrote it and were told that it was written` }
    const written = decodeNode(settled, { slot: ownSlot, header }, keys())
    const isOlder = written.ok && read.record.generation === own.generation && read.record.beat < written.record.beat
    return {
      kind: 'unusable',
      isOtherArea: false,
      reason: isOlder
        ? 'the disk returns old data: our own last write is not there'
        : `somebody else writes the sector of ${name}: is there another machine of this name, or a second daemon?`
    }
  }

  /** While we write, the sector may hold what we write now, or be torn; what it may not hold is something older. */
  #isOursSince(read: ReadNode, settled: Uint8Array, own: OwnSector): boolean {
    if (!read.ok) return read.reason === 'torn'
    const { header, ownSlot, keys } = this.#options
    const written = decodeNode(settled, { slot: ownSlot, header }, keys())
    return read.record.generation === own.generation && (!written.ok || read.record.beat > written.record.beat || read.record.generation > written.record.generation)
  }

  /** An operator gave his word that this node is off while it is not: as good as an order to give up. */
  #isReleased(slot: Buffer, own: OwnSector): PoisonPill | null {
    const { settled } = own
    if (settled === null || own.isOverlapped || slot.subarray(0, settled.length).equals(settled)) return null
    return { generation: own.generation, from: 'operator' }
  }

  /** @returns the datagram when it is new, null when it is not */
  #lookAtPeer(slot: Buffer, options: { readonly isSecondLook: boolean }): Uint8Array | null | 'torn' {
    const before = this.#peerBytes
    if (before !== null && slot.equals(before)) return null
    const { header, ownSlot, keys, leaseMs } = this.#options
    const read = decodeNode(slot, { slot: otherSlot(ownSlot), header }, keys())
    if (!read.ok && read.reason === 'torn' && !options.isSecondLook) return 'torn'
    const isFirstLook = before === null
    this.#peerBytes ??= Buffer.alloc(slot.length)
    this.#peerBytes.set(slot)
    if (!read.ok && read.reason === 'empty' && isFirstLook) return null
    const known = this.#peerRecord
    if (read.ok && (read.record.state === 'released' || known === null || isNewer(read.record, known))) {
      this.#noteFault(null)
      return this.#onRecord(read.record, isFirstLook)
    }
    this.#noteFault(read.ok ? 'older' : read.reason)
    if (!isFirstLook) this.#changes += 1
    this.#sight = {
      generation: known?.generation ?? 0,
      sequence: (known?.beat ?? 0) + this.#changes / changesMax,
      promisedMs: Math.max(known?.promisedMs ?? 0, leaseMs)
    }
    return null
  }

  #onRecord(record: NodeRecord, isFirstLook: boolean): Uint8Array | null {
    if (record.state === 'released') {
      this.#options.onNote(`an operator gave his word that ${this.#peerName} is off`)
      // What comes after a release may be any life of the node, also a smaller generation of one whose state was lost.
      this.#sight = { generation: record.generation, sequence: record.beat, promisedMs: 0 }
      this.#peerRecord = null
      this.#changes = 0
      return null
    }
    const { node, state, generation, beat, sequence, monotonicMs, wallMs, promisedMs, renewals } = record
    this.#peerRecord = { node, state, generation, beat, sequence, monotonicMs, wallMs, promisedMs, renewals }
    this.#changes = 0
    this.#sight = { generation, sequence: beat, promisedMs }
    const isNew = record.datagram.length > 0 && !this.#datagram.equals(record.datagram)
    if (isNew) this.#datagram = Buffer.from(record.datagram)
    return isNew && !isFirstLook ? record.datagram : null
  }

  #noteFault(fault: SealRefusal | 'older' | null): void {
    if (fault === this.#peerFault) return
    const before = this.#peerFault
    this.#peerFault = fault
    const sector = `the sector of ${this.#peerName}`
    if (fault === null) this.#options.onNote(`${sector} is in order again (it ${wordsOf(before)})`)
    else this.#options.onNote(`${sector} ${wordsOf(fault)}; it counts as a sign of life while it changes, and as nothing else`)
  }

  /** @returns false when the sector is torn and worth a second look */
  #lookAtCommand(sector: Buffer, options: { readonly isSecondLook: boolean }): boolean {
    if (this.#commandBytes !== null && sector.equals(this.#commandBytes)) return true
    const { header, ownSlot, keys } = this.#options
    const read = decodePill(sector, { slot: ownSlot, header }, keys())
    if (!read.ok && read.reason === 'torn' && !options.isSecondLook) return false
    this.#commandBytes = Buffer.from(sector)
    this.#pill = read.ok ? { generation: read.pill.generation, from: read.pill.from } : null
    if (!read.ok && read.reason !== 'empty') this.#options.onNote(`the command sector of ${header.nodes[ownSlot]} ${refusalWords[read.reason]}; it is not obeyed`)
    return true
  }
}

const wordsOf = (fault: SealRefusal | 'older' | null): string =>
  fault === 'older' ? 'went back to an older record' : fault === null ? 'was in order' : refusalWords[fault]

const isNewer = (record: NodeRecord, known: { readonly generation: number; readonly beat: number }): boolean =>
  record.generation > known.generation || (record.generation === known.generation && record.beat > known.beat)

const sliceOf = (area: Buffer, place: { readonly from: number; readonly to: number }): Buffer => area.subarray(place.from, place.to)
