/**
 * What one attribute of an object is: its values, its default, and whether we act on it.
 *
 * The tables in this folder are made of these. Everything that speaks of attributes reads them: the parser (is the word
 * known, is the value good), DEFINE (defaults), DISPLAY (order), the dump, and the page on what is only stored.
 */

import type { AttributeValue } from '../../core/definition.js'

export type AttributeKind =
  /** `words` are accepted in place of a number and kept as text, like KAINT(AUTO). */
  | { readonly kind: 'number'; readonly min: number; readonly max: number; readonly words: readonly string[] }
  | { readonly kind: 'keyword'; readonly words: readonly string[] }
  /** Any characters, at most `lengthMax` of them. */
  | { readonly kind: 'text'; readonly lengthMax: number }
  /** The name of another object: letters, digits and . / _ % */
  | { readonly kind: 'name'; readonly lengthMax: number }
  /** A word with no parentheses, and its NO form. Kept as YES or NO. */
  | { readonly kind: 'flag' }
  /** With `words` a list of keywords, else of texts. */
  | { readonly kind: 'list'; readonly itemsMax: number; readonly lengthMax: number; readonly words: readonly string[]; readonly isName: boolean }

/**
 * acted: the queue manager behaves by it. stored: kept, displayed and dumped, but nothing follows from it.
 * made: kept in the definition, set by us and never by a command. live: not kept, found out when displayed.
 */
export type AttributeUse = 'acted' | 'stored' | 'made' | 'live'

export interface AttributeSpec {
  readonly name: string
  readonly kind: AttributeKind
  readonly default: AttributeValue
  readonly use: AttributeUse
  /** Other words for the same attribute. */
  readonly synonyms: readonly string[]
  /** Given at DEFINE and unchangeable since. */
  readonly isFixed: boolean
  /** Shown as asterisks, never dumped. */
  readonly isSecret: boolean
  /** `NAME()` is refused though `NAME(' ')` is not. */
  readonly refusesEmpty: boolean
}

export interface AttributeExtras {
  readonly synonyms?: readonly string[]
  readonly isFixed?: boolean
  readonly isSecret?: boolean
  readonly refusesEmpty?: boolean
}

const spec = (name: string, kind: AttributeKind, value: AttributeValue, use: AttributeUse, extras: AttributeExtras): AttributeSpec =>
  Object.freeze({
    name,
    kind,
    default: value,
    use,
    synonyms: extras.synonyms ?? [],
    isFixed: extras.isFixed ?? false,
    isSecret: extras.isSecret ?? false,
    refusesEmpty: extras.refusesEmpty ?? false
  })

export const countMax = 999_999_999
export const nameLengthMax = 48
export const textLengthMax = 64

export const number = (name: string, use: AttributeUse, value: number | string, min: number, max: number, words: readonly string[] = []): AttributeSpec =>
  spec(name, { kind: 'number', min, max, words }, value, use, {})
/** The first word is the default. */
export const keyword = (name: string, use: AttributeUse, words: string, extras: AttributeExtras & { readonly default?: string } = {}): AttributeSpec => {
  const list = words.split(' ')
  return spec(name, { kind: 'keyword', words: list }, extras.default ?? list[0] ?? '', use, extras)
}
export const text = (name: string, use: AttributeUse, lengthMax: number = textLengthMax, value = '', extras: AttributeExtras = {}): AttributeSpec =>
  spec(name, { kind: 'text', lengthMax }, value, use, extras)
export const objectName = (name: string, use: AttributeUse, lengthMax: number = nameLengthMax, value = '', extras: AttributeExtras = {}): AttributeSpec =>
  spec(name, { kind: 'name', lengthMax }, value, use, extras)
export const flag = (name: string, use: AttributeUse, value: 'YES' | 'NO'): AttributeSpec => spec(name, { kind: 'flag' }, value, use, {})
export const list = (name: string, use: AttributeUse, itemsMax: number, lengthMax: number, extras: { readonly isName?: boolean } = {}): AttributeSpec =>
  spec(name, { kind: 'list', itemsMax, lengthMax, words: [], isName: extras.isName ?? false }, Object.freeze([]), use, {})
/** A list of keywords; the first word is the default. */
export const keywords = (name: string, use: AttributeUse, itemsMax: number, words: string): AttributeSpec => {
  const all = words.split(' ')
  return spec(name, { kind: 'list', itemsMax, lengthMax: 0, words: all, isName: false }, Object.freeze(all.slice(0, 1)), use, {})
}
/** Set by us when the object is created or changed. */
export const made = (name: string): AttributeSpec => spec(name, { kind: 'text', lengthMax: textLengthMax }, '', 'made', {})
/** Found out at each display. */
export const live = (name: string): AttributeSpec => spec(name, { kind: 'text', lengthMax: textLengthMax }, '', 'live', {})
export const liveNumber = (name: string): AttributeSpec => spec(name, { kind: 'number', min: 0, max: Number.MAX_SAFE_INTEGER, words: [] }, 0, 'live', {})

/** True for what DEFINE and ALTER may set. */
export const isSettable = (attribute: AttributeSpec): boolean => attribute.use === 'acted' || attribute.use === 'stored'
/** True for what a definition in hand has a value of. */
export const isKept = (attribute: AttributeSpec): boolean => attribute.use !== 'live'
