/**
 * Making and reading the named fields of a message, so that nobody else handles their bytes.
 *
 * When a name occurs twice the first one counts, as in Linux-HA. Numbers are read with a bound and never guessed:
 * anything but digits of the right base is "not there". Text is UTF-8; bytes that are not become U+FFFD.
 *
 * Not here: which fields a message of a kind must have (status.ts).
 * Source: reference on Linux-HA 3.0.6, sections 1.2, 1.4 and 1.9 (which numbers are hex and which decimal).
 */

import { Buffer } from 'node:buffer'
import { invariant } from '../base/invariant.js'
import type { Field, Message } from './message.js'

/** The first field of that name, of whatever type. */
export function fieldOf(message: Message, name: string): Field | undefined {
  for (const field of message.fields) if (field.name === name) return field
  return undefined
}

/** The text of a string field, or undefined when there is none of that name and type. */
export function textOf(message: Message, name: string): string | undefined {
  const field = fieldOf(message, name)
  return field === undefined || field.type !== 0 ? undefined : bufferOver(field.value).toString('utf8')
}

/** The bytes of a binary field, or undefined. They are part of the datagram's buffer: copy them to keep them long. */
export function bytesOf(message: Message, name: string): Uint8Array | undefined {
  const field = fieldOf(message, name)
  return field === undefined || field.type !== 1 ? undefined : field.value
}

/** A number written in hexadecimal (`seq`, `hg`, `ts`, `dt`, `ackseq`), or null when absent, malformed or above `max`. */
export function hexNumberOf(message: Message, name: string, max: number = Number.MAX_SAFE_INTEGER): number | null {
  const text = textOf(message, name)
  return text === undefined ? null : parseHexNumber(text, max)
}

/** A number written in decimal (`protocol`, `ttl`, `isstable`), or null when absent, malformed or above `max`. */
export function decimalNumberOf(message: Message, name: string, max: number = Number.MAX_SAFE_INTEGER): number | null {
  const text = textOf(message, name)
  return text === undefined ? null : parseDecimalNumber(text, max)
}

/** 1 to 16 hexadecimal digits, not above `max`; null otherwise. Negative numbers, signs and `0x` are refused. */
export function parseHexNumber(text: string, max: number = Number.MAX_SAFE_INTEGER): number | null {
  if (!/^[0-9a-fA-F]{1,16}$/.test(text)) return null
  return withinBound(Number.parseInt(text, 16), max)
}

/** 1 to 16 decimal digits, not above `max`; null otherwise. */
export function parseDecimalNumber(text: string, max: number = Number.MAX_SAFE_INTEGER): number | null {
  if (!/^[0-9]{1,16}$/.test(text)) return null
  return withinBound(Number.parseInt(text, 10), max)
}

/** A string field. The text is our own: NUL, which no string field can carry, is a bug of the caller. */
export function stringField(name: string, text: string): Field {
  invariant(isFieldName(name), 'a field name is printable, has no = and does not start with (')
  invariant(!text.includes('\0'), 'a string field carries no NUL')
  return { name, type: 0, value: Buffer.from(text, 'utf8') }
}

/** A number as Linux-HA writes most of them: lower-case hexadecimal without a prefix. */
export function hexField(name: string, value: number): Field {
  invariant(Number.isSafeInteger(value) && value >= 0, 'numbers on the wire are whole and not negative')
  return stringField(name, value.toString(16))
}

/** A binary field, e.g. a UUID of 16 raw bytes. The bytes are kept, not copied. */
export function binaryField(name: string, value: Uint8Array): Field {
  invariant(isFieldName(name), 'a field name is printable, has no = and does not start with (')
  return { name, type: 1, value }
}

export const fieldNameBytesMax = 255

/**
 * Whether both wire forms can carry the name: not empty, no `=`, no control bytes, and no `(` at the start, which the
 * classic form would take for a type. Names are bytes, shown as Latin-1, so that an odd one survives unchanged.
 */
export function isFieldName(name: string): boolean {
  if (name.length > fieldNameBytesMax) return false
  return /^[!-'\)-<>-~\u00a1-\u00ff][!-<>-~\u00a1-\u00ff]*$/.test(name)
}

/** A Buffer over the same memory, for its fast conversions; no copy. */
export function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function withinBound(value: number, max: number): number | null {
  return Number.isSafeInteger(value) && value <= max ? value : null
}
