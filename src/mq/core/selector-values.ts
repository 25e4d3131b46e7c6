/**
 * The logic of selectors: comparisons and arithmetic with NULL, which stands for "unknown".
 *
 * Values of unlike types compare as false (JMS 3.8.1.2), except that NULL makes every comparison unknown. Strings and
 * booleans are equal or not; only numbers have an order. Arithmetic with what is no number, and a result that is not
 * finite, is NULL.
 */

import type { SelectorValue } from './selector-fields.js'

/** Null is unknown. */
export type Truth = boolean | null
export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>='
export type Arithmetic = '+' | '-' | '*' | '/'

export const isNumeric = (value: SelectorValue): value is number | bigint => typeof value === 'number' || typeof value === 'bigint'

function ordered(operator: Comparison, left: number | bigint, right: number | bigint): boolean {
  switch (operator) {
    case '=':
      return left == right // not ===: a bigint equals a number of the same value
    case '<>':
      return left != right
    case '<':
      return left < right
    case '<=':
      return left <= right
    case '>':
      return left > right
    case '>=':
      return left >= right
  }
}

export function compare(operator: Comparison, left: SelectorValue, right: SelectorValue): Truth {
  if (left === null || right === null) return null
  if (isNumeric(left)) return isNumeric(right) && ordered(operator, left, right)
  if (typeof left !== typeof right) return false
  return operator === '=' ? left === right : operator === '<>' && left !== right
}

export function calculate(operator: Arithmetic, left: SelectorValue, right: SelectorValue): number | null {
  if (!isNumeric(left) || !isNumeric(right)) return null
  const a = Number(left)
  const b = Number(right)
  const result = operator === '+' ? a + b : operator === '-' ? a - b : operator === '*' ? a * b : a / b
  return Number.isFinite(result) ? result : null
}

/** A condition from any value: what is no boolean is unknown. */
export const truthOf = (value: SelectorValue): Truth => (typeof value === 'boolean' ? value : null)

export const not = (truth: Truth): Truth => (truth === null ? null : !truth)

/** A string that is wholly a number or a boolean, as that; everything else as it is. */
export function converted(value: SelectorValue): SelectorValue {
  if (typeof value !== 'string' || value === '' || value.length > 64) return value
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value)) {
    const number = Number(value)
    return Number.isFinite(number) ? number : value
  }
  if (/^(?:true|false)$/i.test(value)) return value.length === 4
  return value
}

/** A LIKE pattern, cut into what each position takes. */
type PatternPart = { readonly kind: 'text'; readonly character: number } | { readonly kind: 'one' } | { readonly kind: 'any' }

/** Null when the escape character stands before something that needs no escape, or at the end. */
export function likePattern(pattern: string, escape: string | null): readonly PatternPart[] | null {
  const parts: PatternPart[] = []
  let isEscaped = false
  for (const symbol of pattern) {
    const character = symbol.codePointAt(0) as number // a symbol of an iterated string has one
    if (isEscaped) {
      if (symbol !== '%' && symbol !== '_' && symbol !== escape) return null
      parts.push({ kind: 'text', character })
      isEscaped = false
    } else if (symbol === escape) isEscaped = true
    else if (symbol === '_') parts.push({ kind: 'one' })
    else if (symbol === '%') {
      if (parts.at(-1)?.kind !== 'any') parts.push({ kind: 'any' })
    } else parts.push({ kind: 'text', character })
  }
  return isEscaped ? null : parts
}

/** Goes back to the last `%` only, so the time is at most the product of both lengths. `_` takes one code point. */
export function isLike(text: string, parts: readonly PatternPart[]): boolean {
  let at = 0
  let part = 0
  let anyPart = -1
  let anyAt = 0
  while (at < text.length) {
    const character = text.codePointAt(at) as number // `at` is within the text
    const width = character > 0xffff ? 2 : 1
    const wanted = parts[part]
    if (wanted?.kind === 'any') {
      anyPart = part++
      anyAt = at
    } else if (wanted !== undefined && (wanted.kind === 'one' || wanted.character === character)) {
      at += width
      part += 1
    } else if (anyPart !== -1) {
      anyAt += (text.codePointAt(anyAt) as number) > 0xffff ? 2 : 1 // anyAt < at < text.length
      at = anyAt
      part = anyPart + 1
    } else return false
  }
  while (parts[part]?.kind === 'any') part += 1
  return part === parts.length
}
