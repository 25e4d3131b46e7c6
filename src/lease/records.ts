/**
 * The three records of a lease area: the header, a node's sector, and an order to a node. Layout in README.md, tables 2 to 4.
 *
 * A node's sector is its heartbeat on the disk. It carries the newest signed datagram of the node, and with it the owner
 * record of every resource group: id, state and epoch as in the ownership vector, written by this node alone.
 *
 * Invariant: reading never throws; numbers are safe integers, names are checked, lengths are bounded by the slot.
 */

import { Buffer } from 'node:buffer'
import { invariant } from '../base/invariant.js'
import type { AuthKeys } from '../config/types.js'
import { nodeSlotBytes, sectorBytes, type Slot } from './layout.js'
import { bodyAt, noSlot, seal, sealRefused, signatureBytesMax, unseal, type SealRefused } from './sealed.js'

export const headerMagic = 'HBLSAREA'
const nodeMagic = 'HBLSNODE'
const pillMagic = 'HBLSPILL'

const nameBytesMax = 64
const namePattern = /^[a-z0-9][a-z0-9._-]*$/

export interface AreaHeader {
  /** The 16 bytes that tell this area from every other. */
  readonly area: Uint8Array
  readonly nodes: readonly [string, string]
  /** The lease that the area was made for; what counts is ha.cf, and what each node promises. */
  readonly leaseMs: number
  /** Time of day, in ms since 1970; for people. */
  readonly createdAt: number
  /** Made by somebody who knew that only one machine sees this storage: for tests. */
  readonly isUnsharedAllowed: boolean
}

const unsharedFlag = 1

export function encodeHeader(header: AreaHeader, keys: AuthKeys): Uint8Array {
  const body = Buffer.alloc(20 + 2 * (1 + nameBytesMax))
  body.writeUInt32BE(sectorBytes, 0)
  body.writeUInt32BE(header.leaseMs, 4)
  writeSafe(body, header.createdAt, 8)
  body.writeUInt16BE(header.isUnsharedAllowed ? unsharedFlag : 0, 16)
  writeName(body, header.nodes[0], 20)
  writeName(body, header.nodes[1], 21 + nameBytesMax)
  return seal({ magic: headerMagic, slot: noSlot }, header.area, body, keys.active)
}

export type ReadHeader = { readonly ok: true; readonly header: AreaHeader; readonly keyId: number } | SealRefused

/** @param keys  null describes without believing (see unseal) */
export function decodeHeader(sector: Uint8Array, keys: AuthKeys | null): ReadHeader {
  const found = unseal(sector, { magic: headerMagic, slot: noSlot }, null, keys)
  if (!found.ok) return found
  const { body } = found
  if (body.length !== 20 + 2 * (1 + nameBytesMax) || body.readUInt32BE(0) !== sectorBytes) return sealRefused('malformed')
  const first = readName(body, 20)
  const second = readName(body, 21 + nameBytesMax)
  const createdAt = readSafe(body, 8)
  if (first === null || second === null || first === second || createdAt === null) return sealRefused('malformed')
  const header = { area: Uint8Array.from(found.area), nodes: [first, second] as const, leaseMs: body.readUInt32BE(4), createdAt, isUnsharedAllowed: (body.readUInt16BE(16) & unsharedFlag) !== 0 }
  return { ok: true, header, keyId: found.keyId }
}

/** `released`: an operator gave his word that the node is off; nobody needs to wait for what it promised. */
export type NodeSectorState = 'beating' | 'released'
const stateNumbers: Readonly<Record<NodeSectorState, number>> = { beating: 1, released: 2 }

/** How long renewals took, as the writer measured; 0 while nothing was measured. */
export interface ShownLatency {
  readonly medianMs: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface NodeRecord {
  readonly node: string
  readonly state: NodeSectorState
  /** 16 bytes of the kernel's boot id: another one means that the machine was off in between. */
  readonly bootId: Uint8Array
  readonly generation: number
  /** Grows by one with every write of this life. */
  readonly beat: number
  /** The sequence of the datagram below; 0 without one. */
  readonly sequence: number
  readonly monotonicMs: number
  /** Time of day, in ms since 1970; for people. */
  readonly wallMs: number
  readonly promisedMs: number
  readonly renewals: ShownLatency
  /** The node's newest signed datagram; empty when it did not fit. Shares the memory that was read. */
  readonly datagram: Uint8Array
}

const nodeFixedBytes = 16 + 5 * 8 + 4 + 4 + 12 + 1 + nameBytesMax + 4
/** The longest datagram that a node's slot carries. */
export const leaseDatagramBytesMax = nodeSlotBytes - bodyAt - nodeFixedBytes - signatureBytesMax
const promisedMsMax = 0xffffffff

export function encodeNode(record: NodeRecord, slot: Slot, area: Uint8Array, keys: AuthKeys): Uint8Array {
  invariant(record.datagram.length <= leaseDatagramBytesMax, 'the caller leaves out a datagram that does not fit')
  invariant(record.bootId.length === 16, 'a boot id has 16 bytes')
  const body = Buffer.alloc(nodeFixedBytes + record.datagram.length)
  body.set(record.bootId, 0)
  writeSafe(body, record.generation, 16)
  writeSafe(body, record.beat, 24)
  writeSafe(body, record.sequence, 32)
  writeSafe(body, Math.floor(record.monotonicMs), 40)
  writeSafe(body, Math.floor(record.wallMs), 48)
  body.writeUInt32BE(Math.min(Math.ceil(record.promisedMs), promisedMsMax), 56)
  body.writeUInt8(stateNumbers[record.state], 60)
  body.writeUInt32BE(tenths(record.renewals.medianMs), 64)
  body.writeUInt32BE(tenths(record.renewals.p99Ms), 68)
  body.writeUInt32BE(tenths(record.renewals.maxMs), 72)
  writeName(body, record.node, 76)
  body.writeUInt32BE(record.datagram.length, 77 + nameBytesMax)
  body.set(record.datagram, nodeFixedBytes)
  return seal({ magic: nodeMagic, slot }, area, body, keys.active)
}

export type ReadNode = { readonly ok: true; readonly record: NodeRecord } | SealRefused

export function decodeNode(bytes: Uint8Array, expected: { readonly slot: Slot; readonly header: AreaHeader }, keys: AuthKeys): ReadNode {
  const found = unseal(bytes, { magic: nodeMagic, slot: expected.slot }, expected.header.area, keys)
  if (!found.ok) return found
  const { body } = found
  if (body.length < nodeFixedBytes) return sealRefused('malformed')
  const [generation, beat, sequence, monotonicMs, wallMs] = [16, 24, 32, 40, 48].map(at => readSafe(body, at))
  const state = (['beating', 'released'] as const).find(name => stateNumbers[name] === body.readUInt8(60))
  const node = readName(body, 76)
  if (generation == null || beat == null || sequence == null || monotonicMs == null || wallMs == null || state === undefined) return sealRefused('malformed')
  if (node === null || node !== expected.header.nodes[expected.slot]) return sealRefused('malformed')
  if (body.readUInt32BE(77 + nameBytesMax) !== body.length - nodeFixedBytes) return sealRefused('malformed')
  const renewals = { medianMs: body.readUInt32BE(64) / 10, p99Ms: body.readUInt32BE(68) / 10, maxMs: body.readUInt32BE(72) / 10 }
  return {
    ok: true,
    record: { node, state, bootId: body.subarray(0, 16), generation, beat, sequence, monotonicMs, wallMs, promisedMs: body.readUInt32BE(56), renewals, datagram: body.subarray(nodeFixedBytes) }
  }
}

/** An order to one life of a node; `from` and its own life say who ordered it. */
export interface PillRecord {
  readonly generation: number
  readonly from: string
  readonly fromGeneration: number
  readonly wallMs: number
}

const pillBytes = 3 * 8 + 1 + nameBytesMax

export function encodePill(pill: PillRecord, slot: Slot, area: Uint8Array, keys: AuthKeys): Uint8Array {
  const body = Buffer.alloc(pillBytes)
  writeSafe(body, pill.generation, 0)
  writeSafe(body, pill.fromGeneration, 8)
  writeSafe(body, Math.floor(pill.wallMs), 16)
  writeName(body, pill.from, 24)
  return seal({ magic: pillMagic, slot }, area, body, keys.active)
}

export type ReadPill = { readonly ok: true; readonly pill: PillRecord } | SealRefused

/** @param expected.slot  the slot of the node that is ordered */
export function decodePill(sector: Uint8Array, expected: { readonly slot: Slot; readonly header: AreaHeader }, keys: AuthKeys): ReadPill {
  const found = unseal(sector, { magic: pillMagic, slot: expected.slot }, expected.header.area, keys)
  if (!found.ok) return found
  const { body } = found
  if (body.length !== pillBytes) return sealRefused('malformed')
  const [generation, fromGeneration, wallMs] = [0, 8, 16].map(at => readSafe(body, at))
  const from = readName(body, 24)
  if (generation == null || fromGeneration == null || wallMs == null || from === null) return sealRefused('malformed')
  if (from !== expected.header.nodes[expected.slot === 0 ? 1 : 0]) return sealRefused('malformed')
  return { ok: true, pill: { generation, from, fromGeneration, wallMs } }
}

const tenths = (ms: number): number => Math.min(Math.round(ms * 10), 0xffffffff)

function writeSafe(body: Buffer, value: number, at: number): void {
  invariant(Number.isSafeInteger(value) && value >= 0, 'what is written to the lease area is a count')
  body.writeBigUInt64BE(BigInt(value), at)
}

function readSafe(body: Buffer, at: number): number | null {
  const value = body.readBigUInt64BE(at)
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null
}

function writeName(body: Buffer, name: string, at: number): void {
  invariant(namePattern.test(name) && name.length <= nameBytesMax, 'node names are checked by the configuration')
  body.writeUInt8(name.length, at)
  body.write(name, at + 1, 'latin1')
}

function readName(body: Buffer, at: number): string | null {
  const length = body.readUInt8(at)
  if (length > nameBytesMax) return null
  const name = body.toString('latin1', at + 1, at + 1 + length)
  return namePattern.test(name) ? name : null
}
