/**
 * Datagrams: a message, signed. The only door between bytes from the network and everything else.
 *
 * A datagram is refused at the first reason, cheapest first, and its signature is checked before any field is looked at:
 *
 *     length ─► magic ─► lengths or lines ─► signature found ─► key known ─► digest ─► fields
 *
 * Invariants
 *  1. Decoding never throws and never reads a field of a datagram whose digest is wrong.
 *  2. A digest is checked with the method *and the secret* of the key that the datagram names. Linux-HA 3.0.6 takes the
 *     secret of its own active key, which cuts the link during a change of keys.
 *  3. `crc` counts only for an id that authkeys lists as crc.
 *
 * We differ from Linux-HA in one more way: what follows the end is refused (a few NUL bytes excepted, which a sender in C
 * may leave there), so that nothing unsigned rides along.
 *
 * Not here: replays and generations (membership/), what the fields mean (status.ts).
 * Source: reference on Linux-HA 3.0.6, sections 1.1 to 1.8. Layout: wire/README.md.
 */

import { Buffer } from 'node:buffer'
import { invariant } from '../base/invariant.js'
import type { AuthKey, AuthKeys } from '../config/types.js'
import { classicLines, isClassic, parseClassic, scanClassic } from './classic.js'
import { digestDigitsMax, digestOf, isDigestOf } from './digest.js'
import { bufferOver } from './fields.js'
import type { Decoded, Field, Message } from './message.js'
import {
  datagramBytesMax,
  fieldsMax,
  isNetstring,
  netstringText,
  parseNetstring,
  readCounted,
  refused,
  scanNetstring,
  type Parsed,
  type Refused
} from './netstring.js'

/** `###` LF `%%%` LF and no more; a classic message has the same length. */
const datagramBytesMin = 8
const signatureBytesMax = 6 + digestDigitsMax.sha512

/**
 * Reads one datagram.
 *
 * @param bytes  the UDP payload; the values of the message share its memory
 * @param keys   authkeys; the id in the datagram selects the key
 */
export function decodeDatagram(bytes: Uint8Array, keys: AuthKeys): Decoded {
  if (bytes.length > datagramBytesMax) return refused('too-long')
  if (bytes.length < datagramBytesMin) return refused('too-short')
  if (isNetstring(bytes)) return decodeNetstring(bytes, keys)
  if (isClassic(bytes)) return decodeClassic(bytes, keys)
  return refused('wrong-magic')
}

function decodeNetstring(bytes: Uint8Array, keys: AuthKeys): Decoded {
  const scan = scanNetstring(bytes)
  if (!scan.ok) return scan
  if (isRestEmpty(bytes, scan.signedEnd)) return refused('no-signature')
  const tail = readCounted(bytes, scan.signedEnd)
  if (tail === null || !isRestEmpty(bytes, tail.end + 1)) return refused('malformed')
  const key = verify(bytes, tail.start, tail.end, keys, bytes.subarray(0, scan.signedEnd))
  if ('ok' in key) return key
  return finish(parseNetstring(bytes, scan), key, 'netstring')
}

function decodeClassic(bytes: Uint8Array, keys: AuthKeys): Decoded {
  const scan = scanClassic(bytes)
  if (!scan.ok) return scan
  if (!isRestEmpty(bytes, scan.end)) return refused('malformed')
  if (scan.authEnd === 0) return refused('no-signature')
  const before = bytes.subarray(scan.linesStart, scan.authStart)
  const behind = bytes.subarray(scan.authEnd, scan.linesEnd)
  const key = verify(bytes, scan.authStart + 'auth='.length, scan.authEnd - 1, keys, before, behind)
  if ('ok' in key) return key
  return finish(parseClassic(bytes, scan), key, 'classic')
}

/** Checks `ID SP DIGEST` at [start, end) against the signed parts; the key that signed, or why not. */
function verify(bytes: Uint8Array, start: number, end: number, keys: AuthKeys, ...signed: readonly Uint8Array[]): AuthKey | Refused {
  if (end - start > signatureBytesMax) return refused('malformed')
  const text = bufferOver(bytes).toString('latin1', start, end)
  const space = text.indexOf(' ')
  const idText = text.slice(0, Math.max(space, 0))
  if (!/^(0|[1-9][0-9]{0,4})$/.test(idText)) return refused('malformed')
  const key = keys.byId.get(Number(idText))
  if (key === undefined) return refused('unknown-key')
  return isDigestOf(text.slice(space + 1), key, ...signed) ? key : refused('bad-digest')
}

function finish(parsed: Parsed, key: AuthKey, form: 'netstring' | 'classic'): Decoded {
  if (!parsed.ok) return parsed
  // Linux-HA compresses whole messages only when told to, or from 256 KiB on; a small one could unpack to any size.
  if (parsed.message.fields.some(field => field.name === '_compressed_payload')) return refused('compressed')
  return { ok: true, message: parsed.message, keyId: key.id, form }
}

const paddingMax = 8

function isRestEmpty(bytes: Uint8Array, from: number): boolean {
  if (bytes.length - from > paddingMax) return false
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false
  return true
}

/**
 * Writes a datagram in netstring form, signed with the key. An `auth` field of the message is left out and, with
 * `innerAuth`, made anew as the last one, as Linux-HA does under `msgfmt classic`.
 * Throws InvariantError for a message that breaks the limits of the form: those are ours to keep.
 */
export function encodeNetstring(message: Message, key: AuthKey, options: { readonly innerAuth: boolean }): Uint8Array {
  const fields = withoutAuth(message)
  const text = netstringText(options.innerAuth ? [...fields, authField(key, classicLines(fields))] : fields)
  const signed = Buffer.from(text, 'latin1')
  const signature = `${key.id} ${digestOf(key, signed)}`
  return withinLimits(Buffer.from(`${text}${signature.length}:${signature},`, 'latin1'))
}

/** Writes a datagram in classic form; the `auth` line comes last. */
export function encodeClassic(message: Message, key: AuthKey): Uint8Array {
  const lines = classicLines(withoutAuth(message))
  const signature = `${key.id} ${digestOf(key, Buffer.from(lines, 'latin1'))}`
  return withinLimits(Buffer.from(`>>>\n${lines}auth=${signature}\n<<<\n`, 'latin1'))
}

function withoutAuth(message: Message): readonly Field[] {
  const fields = message.fields.filter(field => field.name !== 'auth')
  invariant(fields.length < fieldsMax, 'a message has fewer than 100 fields beside auth')
  return fields
}

function authField(key: AuthKey, lines: string): Field {
  return { name: 'auth', type: 0, value: Buffer.from(`${key.id} ${digestOf(key, Buffer.from(lines, 'latin1'))}`, 'latin1') }
}

function withinLimits(datagram: Buffer): Buffer {
  invariant(datagram.length <= datagramBytesMax, 'a datagram fits into one UDP packet')
  return datagram
}
