/**
 * The classic form of a message: one `name=text` line a field between `>>>` and `<<<`.
 *
 *     ">>>" LF  *( NAME "=" TEXT LF  |  "(" T ")" NAME "=" ENCODED LF )  "<<<" LF
 *
 * Linux-HA sends it over serial lines only, but accepts it over UDP, and both forms' inner signature (`auth`) is made over
 * its lines. A line break inside a value is written as a control byte; a nested message is written as a whole block whose
 * line breaks become one control byte per depth of nesting.
 *
 * Invariant: as in netstring.ts, looking for the signature interprets nothing but line breaks and the word `auth=`.
 * The form cannot say everything: text that itself contains those control bytes comes back as line breaks.
 *
 * Not here: keys and digests (datagram.ts). Source: reference on Linux-HA 3.0.6, sections 1.3, 1.4, 1.7.
 */

import { Buffer } from 'node:buffer'
import { bufferOver, isFieldName } from './fields.js'
import type { Field } from './message.js'
import { invariant } from '../base/invariant.js'
import { fieldTypeOf, fieldsMax, nestedValue, nestingMax, parseNested, refused, valueProblem, type Parsed, type Refused } from './netstring.js'

/** Where things are in a classic message; offsets into the scanned bytes. */
export interface ClassicScan {
  readonly ok: true
  /** The lines before `<<<`. */
  readonly linesStart: number
  readonly linesEnd: number
  /** The only line that begins with `auth=`, its LF included; both 0 when there is none. */
  readonly authStart: number
  readonly authEnd: number
  /** Just behind the LF of `<<<`. */
  readonly end: number
}

const greater = 0x3e
const less = 0x3c
const lineFeed = 0x0a
/** A line break inside a string. */
const textBreak = '\x13'
/** A line break of a nested message, by its depth. */
const nestedBreak = (depth: number): string => String.fromCharCode(depth < 12 ? 20 + depth : 3 + depth)

/** Whether the bytes begin with `>>>` LF. */
export function isClassic(bytes: Uint8Array): boolean {
  return bytes[0] === greater && bytes[1] === greater && bytes[2] === greater && bytes[3] === lineFeed
}

/** Walks the lines of a message that begins with `>>>` LF, and looks for nothing but `<<<` and `auth=`. */
export function scanClassic(bytes: Uint8Array): ClassicScan | Refused {
  let authStart = 0
  let authEnd = 0
  let at = 4
  for (let lines = 0; !isEndMarker(bytes, at); lines++) {
    const lineEnd = bytes.indexOf(lineFeed, at)
    if (lineEnd === -1) return refused('malformed')
    if (lines >= fieldsMax) return refused('too-many-fields')
    if (isAuthLine(bytes, at)) {
      if (authEnd !== 0) return refused('malformed') // which of the two would count?
      authStart = at
      authEnd = lineEnd + 1
    }
    at = lineEnd + 1
  }
  return { ok: true, linesStart: 4, linesEnd: at, authStart, authEnd, end: at + 4 }
}

function isEndMarker(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === less && bytes[at + 1] === less && bytes[at + 2] === less && bytes[at + 3] === lineFeed
}

function isAuthLine(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x61 && bytes[at + 1] === 0x75 && bytes[at + 2] === 0x74 && bytes[at + 3] === 0x68 && bytes[at + 4] === 0x3d
}

/** Makes fields of the lines that were scanned; call it for authenticated bytes only. */
export function parseClassic(bytes: Uint8Array, scan: ClassicScan): Parsed {
  return parseLines(bufferOver(bytes).toString('latin1', scan.linesStart, scan.linesEnd), 0)
}

function parseLines(text: string, depth: number): Parsed {
  const fields: Field[] = []
  const lines = text.split('\n', fieldsMax + 2)
  if (lines.pop() !== '') return refused(lines.length > fieldsMax ? 'too-many-fields' : 'malformed') // every line ends with LF
  for (const line of lines) {
    const read = parseLine(line, depth)
    if (!('name' in read)) return read
    fields.push(read)
  }
  return { ok: true, message: { fields } }
}

function parseLine(line: string, depth: number): Field | Refused {
  const isTyped = line.startsWith('(')
  if (isTyped && line.charAt(2) !== ')') return refused('malformed')
  const type = isTyped ? fieldTypeOf(line.charCodeAt(1)) : 0
  // A string is never written with its type; `(0)` is an error in Linux-HA too.
  if (type === null || (isTyped && type === 0)) return refused('bad-field-type')
  const equals = line.indexOf('=')
  const name = line.slice(isTyped ? 3 : 0, Math.max(equals, 0))
  if (!isFieldName(name)) return refused('malformed')
  const encoded = line.slice(equals + 1)
  switch (type) {
    case 0:
      return checked({ name, type, value: Buffer.from(encoded.replaceAll(textBreak, '\n'), 'latin1') }, depth)
    case 1:
    case 4: {
      const value = Buffer.from(encoded, 'base64')
      return value.toString('base64') === encoded ? { name, type, value } : refused('malformed') // Buffer skips what is no base64
    }
    case 2:
      return parseStruct(name, encoded, depth)
    case 3:
      return checked({ name, type, value: Buffer.from(encoded, 'latin1') }, depth)
  }
}

function parseStruct(name: string, encoded: string, depth: number): Field | Refused {
  if (depth >= nestingMax) return refused('malformed')
  const block = encoded.replaceAll(nestedBreak(depth), '\n')
  if (!block.startsWith('>>>\n') || !block.endsWith('<<<\n')) return refused('malformed')
  const nested = parseLines(block.slice(4, -4), depth + 1)
  return nested.ok ? { name, type: 2, value: nestedValue(nested.message.fields) } : nested
}

function checked(field: Field, depth: number): Field | Refused {
  const problem = valueProblem(field.type, field.value, depth)
  return problem === null ? field : refused(problem)
}

/** The lines of the fields, without markers, as Latin-1 text: what the inner signature covers. */
export function classicLines(fields: readonly Field[], depth = 0): string {
  let text = ''
  for (const field of fields) text += classicLine(field, depth)
  return text
}

function classicLine(field: Field, depth: number): string {
  const value = bufferOver(field.value)
  switch (field.type) {
    case 0:
      return `${field.name}=${oneLine(value.toString('latin1'))}\n`
    case 1:
    case 4:
      return `(${field.type})${field.name}=${value.toString('base64')}\n`
    case 2: {
      const nested = parseNested(value, depth)
      invariant(nested.ok, 'a struct field holds a whole message in netstring form, nested 16 deep at most')
      const block = `>>>\n${classicLines(nested.message.fields, depth + 1)}<<<\n`
      return `(2)${field.name}=${block.replaceAll('\n', nestedBreak(depth))}\n`
    }
    case 3:
      return `(3)${field.name}=${oneLine(value.toString('latin1'))}\n`
  }
}

// Looking first is much cheaper than replacing, and a line break inside a value is rare.
const oneLine = (text: string): string => (text.includes('\n') ? text.replaceAll('\n', textBreak) : text)
