/**
 * The netstring form of a message: length-prefixed fields between `###` and `%%%`.
 *
 *     "###" LF  *( LEN ":" "(" T ")" NAME "=" VALUE "," )  "%%%" LF  [ LEN ":" ID SP DIGEST "," ]
 *
 * Reading goes in two steps, because anybody can send us bytes. `scanNetstring` only walks the lengths and finds where
 * the signed part ends; after the signature was checked, `parseNetstring` looks at types, names and values. Linux-HA does
 * it the other way round, and one unsigned datagram ends it.
 *
 * Invariants
 *  1. Both steps end with a value for every input, in time proportional to its length (times the nesting, at most 16).
 *  2. Only the canonical writing is read (no leading zeros, no junk before a colon), so writing what was read gives the
 *     same bytes again.
 *
 * Not here: keys and digests (datagram.ts). Source: reference on Linux-HA 3.0.6, sections 1.2, 1.4, 1.5.
 */

import { Buffer } from 'node:buffer'
import { bufferOver, isFieldName } from './fields.js'
import type { Field, FieldType, Message, Refusal } from './message.js'

/** UDP over IPv4 carries no more. */
export const datagramBytesMax = 65_507
export const fieldsMax = 100
/** Levels of messages within messages, the outermost not counted. */
export const nestingMax = 16
const listBytesMax = 1023

/** Where things are in a netstring message; offsets into the scanned bytes. */
export interface NetstringScan {
  readonly ok: true
  /** Start and end of each field's text, from its `(` to before its comma. */
  readonly spans: readonly number[]
  /** Just behind the LF of `%%%`: the signature covers everything before. */
  readonly signedEnd: number
}

export type Refused = { readonly ok: false; readonly reason: Refusal }
export type Parsed = { readonly ok: true; readonly message: Message } | Refused

export const refused = (reason: Refusal): Refused => ({ ok: false, reason })

const colon = 0x3a
const comma = 0x2c
const lineFeed = 0x0a
const percent = 0x25
const hash = 0x23

/** Whether the bytes begin with `###` LF. */
export function isNetstring(bytes: Uint8Array): boolean {
  return bytes[0] === hash && bytes[1] === hash && bytes[2] === hash && bytes[3] === lineFeed
}

/** Walks the lengths of a message that begins with `###` LF, and looks at nothing else. */
export function scanNetstring(bytes: Uint8Array): NetstringScan | Refused {
  const spans: number[] = []
  let at = 4
  while (bytes[at] !== percent) {
    const counted = readCounted(bytes, at)
    if (counted === null) return refused('malformed')
    if (spans.length >= 2 * fieldsMax) return refused('too-many-fields')
    spans.push(counted.start, counted.end)
    at = counted.end + 1
  }
  if (bytes[at + 1] !== percent || bytes[at + 2] !== percent || bytes[at + 3] !== lineFeed) return refused('malformed')
  return { ok: true, spans, signedEnd: at + 4 }
}

/** Reads `LEN ":" … ","` at an offset: where the counted bytes start and end, or null. */
export function readCounted(bytes: Uint8Array, offset: number): { readonly start: number; readonly end: number } | null {
  let length = 0
  let at = offset
  for (; at < offset + 5; at++) {
    const digit = (bytes[at] ?? 0) - 0x30
    if (digit < 0 || digit > 9) break
    length = length * 10 + digit
  }
  const hasLeadingZero = bytes[offset] === 0x30 && at !== offset + 1
  if (at === offset || hasLeadingZero || bytes[at] !== colon) return null
  const start = at + 1
  const end = start + length
  return bytes[end] === comma ? { start, end } : null // an end behind the bytes has no comma
}

/** Makes fields of what was scanned; call it for authenticated bytes only. Values share the memory of `bytes`. */
export function parseNetstring(bytes: Uint8Array, scan: NetstringScan, depth = 0): Parsed {
  const buffer = bufferOver(bytes)
  const fields: Field[] = []
  for (let index = 0; index < scan.spans.length; index += 2) {
    const start = scan.spans[index] as number // spans holds pairs
    const end = scan.spans[index + 1] as number
    if (end - start < 5 || buffer[start] !== 0x28 || buffer[start + 2] !== 0x29) return refused('malformed')
    const type = fieldTypeOf(buffer[start + 1] as number) // at least 5 bytes
    if (type === null) return refused('bad-field-type')
    const equals = buffer.indexOf(0x3d, start + 3)
    if (equals === -1 || equals >= end) return refused('malformed')
    const name = buffer.toString('latin1', start + 3, equals)
    const value = buffer.subarray(equals + 1, end)
    if (!isFieldName(name)) return refused('malformed')
    const problem = valueProblem(type, value, depth)
    if (problem !== null) return refused(problem)
    fields.push({ name, type, value })
  }
  return { ok: true, message: { fields } }
}

/** Reads a nested message: a struct field's value, which has no tail. */
export function parseNested(value: Uint8Array, depth: number): Parsed {
  if (depth >= nestingMax || !isNetstring(value)) return refused('malformed')
  const scan = scanNetstring(value)
  if (!scan.ok) return scan
  if (scan.signedEnd !== value.length) return refused('malformed')
  return parseNetstring(value, scan, depth + 1)
}

/** What is wrong with a value for its type, or null. The same for both wire forms. */
export function valueProblem(type: FieldType, value: Uint8Array, depth: number): Refusal | null {
  switch (type) {
    case 0:
      return value.includes(0) ? 'malformed' : null
    case 2: {
      const nested = parseNested(value, depth)
      return nested.ok ? null : nested.reason
    }
    case 3:
      return isList(value) ? null : 'malformed'
    default:
      return null // binary and compressed values are any bytes
  }
}

/** The type a digit names, or null; Linux-HA indexes past its table here. */
export function fieldTypeOf(byte: number): FieldType | null {
  const digit = byte - 0x30
  return digit === 0 || digit === 1 || digit === 2 || digit === 3 || digit === 4 ? digit : null
}

function isList(value: Uint8Array): boolean {
  if (value.length > listBytesMax || value.includes(0)) return false
  let at = 0
  while (at < value.length) {
    const counted = readCounted(value, at)
    if (counted === null) return false
    at = counted.end + 1
  }
  return true
}

/** The message in netstring form without a tail, as Latin-1 text: one character a byte, fast to build in V8. */
export function netstringText(fields: readonly Field[]): string {
  let text = '###\n'
  for (const field of fields) {
    const length = 4 + field.name.length + field.value.length
    text += `${length}:(${field.type})${field.name}=${bufferOver(field.value).toString('latin1')},`
  }
  return `${text}%%%\n`
}

/** The value of a struct field that holds these fields. */
export function nestedValue(fields: readonly Field[]): Uint8Array {
  return Buffer.from(netstringText(fields), 'latin1')
}
