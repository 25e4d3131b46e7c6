/**
 * The digests that sign a datagram, as lower-case hexadecimal text.
 *
 * `crc` is no signature: it needs no secret and only finds line noise. The others are HMACs (RFC 2104) over the bytes
 * with the key of authkeys. sha256 and sha512 are ours; Linux-HA 3.0.6 knows crc, md5 and sha1.
 *
 * Invariant: a comparison takes the same time wherever the first wrong digit stands.
 * Source: reference on Linux-HA 3.0.6, section 1.7; the CRC is the one of POSIX cksum without the length at the end.
 */

import { Buffer } from 'node:buffer'
import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { AuthKey, AuthMethod } from '../config/types.js'

/** Digits of a digest; a crc has no leading zeros, so it may have fewer. */
export const digestDigitsMax: Readonly<Record<AuthMethod, number>> = { crc: 8, md5: 32, sha1: 40, sha256: 64, sha512: 128 }

/** The digest of the parts, one after the other, by the method and secret of the key. */
export function digestOf(key: AuthKey, ...parts: readonly Uint8Array[]): string {
  if (key.method === 'crc') {
    let crc = 0
    for (const part of parts) crc = crcContinue(crc, part)
    return (~crc >>> 0).toString(16)
  }
  const hmac = createHmac(key.method, keyObjectOf(key))
  for (const part of parts) hmac.update(part)
  return hmac.digest('hex')
}

/** Made once for each key: making it anew is a quarter of what a short HMAC costs. As secret as the keys, and gone with them. */
const keyObjects = new WeakMap<AuthKey, KeyObject>()

function keyObjectOf(key: AuthKey): KeyObject {
  const known = keyObjects.get(key)
  if (known !== undefined) return known
  const made = createSecretKey(key.secret.reveal())
  keyObjects.set(key, made)
  return made
}

/** Whether `claimed` is the digest of the parts. Exact text: upper case or leading zeros are refused. */
export function isDigestOf(claimed: string, key: AuthKey, ...parts: readonly Uint8Array[]): boolean {
  // The length tells nothing secret, and timingSafeEqual wants equal ones.
  const expected = digestOf(key, ...parts)
  if (claimed.length !== expected.length) return false
  return timingSafeEqual(Buffer.from(claimed, 'latin1'), Buffer.from(expected, 'latin1'))
}

/** CRC-32 with polynomial 0x04C11DB7, most significant bit first, no reflection, before the final complement. */
function crcContinue(crc: number, bytes: Uint8Array): number {
  for (const byte of bytes) crc = (crc << 8) ^ (crcTable[((crc >>> 24) ^ byte) & 0xff] as number) // 256 entries
  return crc
}

const crcTable = Int32Array.from({ length: 256 }, (_, index) => {
  let value = index << 24
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c11db7 : value << 1
  return value
})
