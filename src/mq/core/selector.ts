/**
 * Selectors: SQL-92 conditions over message properties and header fields, as JMS has them (chapter 3.8.1).
 *
 * A message is selected when the condition is true; false and unknown (NULL anywhere it matters) are both no. Names are
 * explained in selector-fields.ts, the logic in selector-values.ts, the grammar in selector-parser.ts. Beyond JMS:
 * identifiers in double quotes, numbers in IN, and the prefix `convert_string_expressions:` known from other brokers,
 * with which strings of properties that look like numbers or booleans compare as such (STOMP headers are strings all).
 * Division is that of real numbers: 7 / 2 is 3.5.
 */

import type { Descriptor, Properties } from './message.js'
import { reasons } from './reason.js'
import { selectorTokens } from './selector-lexer.js'
import { compileSelector, type Condition } from './selector-parser.js'

export const selectorLengthMax = 10_240
const convertPrefix = 'convert_string_expressions:'

export interface Selector {
  /** As given. */
  readonly text: string
  /** False: only the descriptor is looked at, properties need not be read. */
  readonly needsProperties: boolean
  readonly condition: Condition
}

export type ParsedSelector =
  | { readonly ok: true; readonly selector: Selector }
  /** `column` counts characters from 1. */
  | { readonly ok: false; readonly reason: typeof reasons.selectorSyntaxError; readonly why: string; readonly column: number }

/** Compiles a selector. A blank one selects everything. Never throws on input. */
export function parseSelector(text: string): ParsedSelector {
  const refused = (why: string, column: number): ParsedSelector => ({ ok: false, reason: reasons.selectorSyntaxError, why, column })
  if (text.length > selectorLengthMax) return refused(`longer than ${selectorLengthMax} characters`, selectorLengthMax + 1)
  const convertsStrings = text.startsWith(convertPrefix)
  // Blanks in place of the prefix keep the columns right.
  const expression = convertsStrings ? text.slice(convertPrefix.length).padStart(text.length) : text
  if (expression.trim() === '') return { ok: true, selector: { text, needsProperties: false, condition: () => true } }
  const compiled = compileSelector(selectorTokens(expression), convertsStrings)
  if (!compiled.ok) return refused(compiled.why, compiled.column)
  return { ok: true, selector: { text, needsProperties: compiled.needsProperties, condition: compiled.condition } }
}

/** True when the selector is true of the message; `noProperties` will do where it needs none. */
export const matches = (selector: Selector, descriptor: Descriptor, properties: Properties): boolean => selector.condition(descriptor, properties) === true
