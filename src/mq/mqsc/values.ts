/** From what stands in a parameter's parentheses to the value of an attribute, checked for kind, range and length. */

import type { AttributeValue } from '../core/definition.js'
import type { AttributeSpec } from './attributes/attribute.js'
import type { SyntaxFault } from './fault.js'
import { syntaxFault } from './parse.js'
import type { Parameter, Value } from './parse.js'

export type ReadValue = { readonly ok: true; readonly value: AttributeValue } | { readonly ok: false; readonly fault: SyntaxFault }

const good = (value: AttributeValue): ReadValue => ({ ok: true, value })
const bad = (fault: SyntaxFault): ReadValue => ({ ok: false, fault })

const namePattern = /^[A-Za-z0-9./_%]*$/
export const isObjectName = (name: string): boolean => name !== '' && namePattern.test(name)
/** In characters as people count them, not in UTF-16 units. */
export const lengthOf = (text: string): number => (/[\ud800-\udfff]/.test(text) ? [...text].length : text.length)
// Trailing blanks are padding: `' '` is blank. Backwards by hand, since a pattern would look at every run of blanks anew.
function unpadded(text: string): string {
  let end = text.length
  while (end > 0 && text.charAt(end - 1) === ' ') end -= 1
  return text.slice(0, end)
}
/** Texts longer than this are not padded: topic strings, selectors, names of subscriptions. */
const paddedLengthMax = 1024

/** `text` is the whole command, for the error. */
export function readValue(attribute: AttributeSpec, parameter: Parameter, text: string): ReadValue {
  const { name, kind } = attribute
  const { values } = parameter
  if (kind.kind === 'flag') {
    if (values !== null) return bad(syntaxFault(text, parameter.end, `${name} takes no value`))
    return good(parameter.keyword === name ? 'YES' : 'NO')
  }
  if (values === null) return bad(syntaxFault(text, parameter.end, `${parameter.keyword} needs a value`))
  const first = values[0]
  if (first === undefined) {
    const isBlankable = (kind.kind === 'text' || kind.kind === 'name' || (kind.kind === 'list' && kind.words.length === 0)) && !attribute.refusesEmpty
    return isBlankable ? good(kind.kind === 'list' ? [] : '') : bad(syntaxFault(text, parameter.end, `${parameter.keyword} needs a value`))
  }
  if (kind.kind === 'list') return readList(attribute, values, text)
  const second = values[1]
  if (second !== undefined) return bad(syntaxFault(text, second.end, `${parameter.keyword} takes one value`))
  switch (kind.kind) {
    case 'number':
      return readNumber(attribute, first, text)
    case 'keyword':
      return readKeyword(name, kind.words, first)
    case 'text':
      return readText(name, kind.lengthMax, first, text)
    case 'name':
      return readName(name, kind.lengthMax, first, text)
  }
}

function readNumber(attribute: AttributeSpec, value: Value, text: string): ReadValue {
  const { kind, name } = attribute
  if (kind.kind !== 'number') return bad(syntaxFault(text, value.end, `${name} is no number`))
  const word = value.text.toUpperCase()
  if (kind.words.includes(word)) return good(word)
  const valid = [`${kind.min} to ${kind.max}`, ...kind.words].join(', ')
  if (!/^-?\d+$/.test(value.text)) {
    if (kind.words.length > 0) return bad({ id: 'AMQ8425', inserts: [name, value.text, valid], segment: '' })
    return bad(syntaxFault(text, value.end, `${name} needs a number`))
  }
  const number = Number(value.text)
  return number >= kind.min && number <= kind.max ? good(number) : bad({ id: 'AMQ8412', inserts: [name, value.text, valid], segment: '' })
}

function readKeyword(name: string, words: readonly string[], value: Value): ReadValue {
  const word = value.text.toUpperCase()
  return words.includes(word) ? good(word) : bad({ id: 'AMQ8425', inserts: [name, value.text, words.join(', ')], segment: '' })
}

function readText(name: string, lengthMax: number, value: Value, text: string): ReadValue {
  const bare = unpadded(value.text)
  const given = lengthMax > paddedLengthMax && bare !== '' ? value.text : bare
  // A tab is the one control character a description may hold.
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(given)) return bad(syntaxFault(text, value.end, `a control character in ${name}`))
  const length = lengthOf(given)
  return length <= lengthMax ? good(given) : bad({ id: 'AMQ8413', inserts: [name, length, lengthMax], segment: '' })
}

function readName(name: string, lengthMax: number, value: Value, text: string): ReadValue {
  const given = unpadded(value.text)
  if (!namePattern.test(given)) return bad({ id: 'AMQ8424', inserts: [name, given, 'letters, digits and . / _ % only'], segment: text })
  const length = lengthOf(given)
  return length <= lengthMax ? good(given) : bad({ id: 'AMQ8413', inserts: [name, length, lengthMax], segment: '' })
}

function readList(attribute: AttributeSpec, values: readonly Value[], text: string): ReadValue {
  const { kind, name } = attribute
  if (kind.kind !== 'list') return bad(syntaxFault(text, values[0]?.end ?? 0, `${name} is no list`))
  const items: string[] = []
  for (const value of values) {
    const read =
      kind.words.length > 0 ? readKeyword(name, kind.words, value) : kind.isName ? readName(name, kind.lengthMax, value, text) : readText(name, kind.lengthMax, value, text)
    if (!read.ok) return read
    if (read.value !== '') items.push(String(read.value))
    if (items.length > kind.itemsMax) return bad(syntaxFault(text, value.end, `${name} takes at most ${kind.itemsMax} values`))
  }
  return good(Object.freeze(items))
}

/** The name of an object: what `DEFINE QLOCAL(name)` and its like may say. */
export function readObjectName(keyword: string, parameter: Parameter | null, lengthMax: number, text: string, isFree = false): { readonly ok: true; readonly name: string } | { readonly ok: false; readonly fault: SyntaxFault } {
  const value = parameter?.values?.[0]
  if (parameter === null || value === undefined) return { ok: false, fault: syntaxFault(text, parameter?.end ?? text.length, `${keyword} needs a name`) }
  const second = parameter.values?.[1]
  if (second !== undefined) return { ok: false, fault: syntaxFault(text, second.end, `${keyword} takes one name`) }
  const read = isFree ? readText(keyword, lengthMax, value, text) : readName(keyword, lengthMax, value, text)
  if (!read.ok) return read
  const name = String(read.value)
  if (name === '') return { ok: false, fault: { id: 'AMQ8424', inserts: [keyword, name, 'it may not be blank'], segment: text } }
  return { ok: true, name }
}

/** A name that may be generic, to display: letters as in names and a `*` at its end. `isFree` for names of any characters. */
export function readPattern(keyword: string, parameter: Parameter | null, lengthMax: number, text: string, isFree = false): { readonly ok: true; readonly name: string } | { readonly ok: false; readonly fault: SyntaxFault } {
  const value = parameter?.values?.[0]
  if (parameter === null || value === undefined || isFree) return readObjectName(keyword, parameter, lengthMax, text, true)
  const second = parameter.values?.[1]
  if (second !== undefined) return { ok: false, fault: syntaxFault(text, second.end, `${keyword} takes one name`) }
  const pattern = unpadded(value.text)
  const stem = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern
  if (pattern === '' || !namePattern.test(stem)) {
    return { ok: false, fault: { id: 'AMQ8424', inserts: [keyword, pattern, 'letters, digits and . / _ %, a * at the end'], segment: text } }
  }
  if (lengthOf(stem) > lengthMax) return { ok: false, fault: { id: 'AMQ8413', inserts: [keyword, lengthOf(stem), lengthMax], segment: '' } }
  return { ok: true, name: pattern }
}

/** True when the name is what the pattern says: a trailing `*` stands for anything, or nothing. */
export const matchesPattern = (pattern: string, name: string): boolean => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name)
