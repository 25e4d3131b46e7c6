/**
 * A sealed record: the form that everything in the lease area has. Layout in README.md, table 1.
 *
 * Reading goes from cheap to dear, and nothing is looked at before what guards it was checked:
 *
 *     empty ─► magic ─► version ─► length ─► CRC-32C ─► area ─► key known ─► HMAC ─► slot ─► the record's own fields
 *
 * Invariants
 *  1. Reading ends with a value for all bytes, and a change of any byte of the sectors that a record covers is refused.
 *  2. A signature is checked with the method and secret of the key that the record names, as in datagrams.
 *
 * Not here: what the records mean (records.ts).
 */

import { Buffer } from 'node:buffer'
import { invariant } from '../base/invariant.js'
import type { AuthKey, AuthKeys } from '../config/types.js'
import { digestOf, isDigestOf } from '../wire/digest.js'
import { crc32c } from './crc32c.js'
import { sectorBytes } from './layout.js'

export const formatVersion = 1
/** Where a record's own fields begin. */
export const bodyAt = 40
const crcAt = 16
/** sha512 in hexadecimal, the longest. */
export const signatureBytesMax = 128

export type SealRefusal =
  /** Never written: all zero. */
  | 'empty'
  | 'no-record'
  | 'other-version'
  | 'bad-length'
  /** The checksum is wrong: written in part, or damaged. */
  | 'torn'
  /** Of another area. */
  | 'foreign'
  | 'unknown-key'
  | 'bad-signature'
  /** Well signed, but at the wrong place or with impossible fields. */
  | 'malformed'

/** A sentence's end for each refusal: `the sector of ha2 …`. */
export const refusalWords: Readonly<Record<SealRefusal, string>> = {
  empty: 'was never written',
  'no-record': 'holds something that is no lease record',
  'other-version': 'was written by a version with another format',
  'bad-length': 'has an impossible length',
  torn: 'has a wrong checksum: written in part, or damaged',
  foreign: 'belongs to another lease area',
  'unknown-key': 'is signed with a key that authkeys does not have',
  'bad-signature': 'has a wrong signature',
  malformed: 'is well signed but makes no sense'
}

export interface SealRefused {
  readonly ok: false
  readonly reason: SealRefusal
}

export const sealRefused = (reason: SealRefusal): SealRefused => ({ ok: false, reason })

export interface Unsealed {
  readonly ok: true
  readonly area: Uint8Array
  readonly keyId: number
  /** The record's own fields; shares the memory that was read. */
  readonly body: Buffer
}

export interface SealPlace {
  /** 8 characters that name the kind of record. */
  readonly magic: string
  /** The node's slot, or `noSlot`. */
  readonly slot: number
}

export const noSlot = 0xffff

/** Bytes on the disk for a body of so many bytes, with the longest signature. */
export const sealedBytes = (bodyBytes: number): number => roundUp(bodyAt + bodyBytes + signatureBytesMax)

const roundUp = (bytes: number): number => Math.ceil(bytes / sectorBytes) * sectorBytes

/** Whole sectors that hold the record. `area` is the 16 bytes of the area's uuid. */
export function seal(place: SealPlace, area: Uint8Array, body: Uint8Array, key: AuthKey): Uint8Array {
  invariant(area.length === 16 && place.magic.length === 8, 'an area has a uuid of 16 bytes, a record a magic of 8')
  // A crc has no leading zeros, so its length is known only afterwards; the length is signed, so it is padded to be fixed.
  const signatureBytes = signatureLength(key)
  const length = bodyAt + body.length + signatureBytes
  const bytes = Buffer.alloc(roundUp(length))
  bytes.write(place.magic, 0, 'latin1')
  bytes.writeUInt16BE(formatVersion, 8)
  bytes.writeUInt16BE(place.slot, 10)
  bytes.writeUInt32BE(length, 12)
  bytes.writeUInt8(key.id, 20)
  bytes.writeUInt8(signatureBytes, 21)
  bytes.set(area, 24)
  bytes.set(body, bodyAt)
  const signed = bytes.subarray(0, length - signatureBytes)
  bytes.write(digestOf(key, signed).padEnd(signatureBytes, ' '), length - signatureBytes, 'latin1')
  bytes.writeUInt32BE(crc32c(bytes), crcAt)
  return bytes
}

const signatureLength = (key: AuthKey): number => ({ crc: 8, md5: 32, sha1: 40, sha256: 64, sha512: 128 })[key.method]

/**
 * Reads a record.
 *
 * @param bytes  the whole slot as read; what stands behind the record's last sector is left over from a longer one
 * @param area   the uuid that the record must carry; null for the header, which says it
 * @param keys   null reads without checking the signature: only to describe to a person what stands there
 */
export function unseal(bytes: Uint8Array, place: SealPlace, area: Uint8Array | null, keys: AuthKeys | null): Unsealed | SealRefused {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isZero(view.subarray(0, sectorBytes))) return sealRefused('empty')
  if (view.length < sectorBytes || view.toString('latin1', 0, 8) !== place.magic) return sealRefused('no-record')
  if (view.readUInt16BE(8) !== formatVersion) return sealRefused('other-version')
  const length = view.readUInt32BE(12)
  const signatureBytes = view.readUInt8(21)
  if (length < bodyAt + signatureBytes || length > view.length || signatureBytes > signatureBytesMax) return sealRefused('bad-length')
  if (crc32c(view.subarray(0, roundUp(length)), crcAt, crcAt + 4) !== view.readUInt32BE(crcAt)) return sealRefused('torn')
  const found = view.subarray(24, 40)
  if (area !== null && !found.equals(area)) return sealRefused('foreign')
  const keyId = view.readUInt8(20)
  if (keys !== null) {
    const key = keys.byId.get(keyId)
    if (key === undefined) return sealRefused('unknown-key')
    if (!isSignatureOf(view, length - signatureBytes, length, key)) return sealRefused('bad-signature')
  }
  if (view.readUInt16BE(10) !== place.slot) return sealRefused('malformed')
  return { ok: true, area: found, keyId, body: view.subarray(bodyAt, length - signatureBytes) }
}

const isZero = (bytes: Buffer): boolean => bytes.every(byte => byte === 0)
const noCrc = Buffer.alloc(4)

function isSignatureOf(view: Buffer, from: number, to: number, key: AuthKey): boolean {
  const claimed = view.toString('latin1', from, to)
  return claimed.length === signatureLength(key) && isDigestOf(claimed.trimEnd(), key, view.subarray(0, crcAt), noCrc, view.subarray(crcAt + 4, from))
}
