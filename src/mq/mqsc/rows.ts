/**
 * What a DISPLAY shows: rows of cells, which of them are wanted (WHERE), and which cells of each (ALL, names).
 *
 * Both definitions and status displays come down to this, so all of them understand the same words.
 */

import type { AttributeValue, ObjectDefinition } from '../core/definition.js'
import type { AttributeSpec } from './attributes/attribute.js'
import { findAttribute } from './object-types.js'
import { layOut } from './layout.js'
import type { Cell } from './layout.js'
import { messageLine } from './messages.js'
import type { MessageId } from './messages.js'
import { syntaxFault } from './parse.js'
import type { Parameter } from './parse.js'
import type { SyntaxFault } from './fault.js'
import { done, failed } from './result.js'
import type { CommandResult } from './result.js'
import { matchesPattern } from './values.js'

export interface Row {
  /** Always shown, and first. */
  readonly keys: readonly Cell[]
  readonly cells: readonly Cell[]
}

export type Operator = 'LT' | 'GT' | 'EQ' | 'NE' | 'LE' | 'GE' | 'LK' | 'NL' | 'CT' | 'EX' | 'CTG' | 'EXG'
const operators: ReadonlySet<string> = new Set(['LT', 'GT', 'EQ', 'NE', 'LE', 'GE', 'LK', 'NL', 'CT', 'EX', 'CTG', 'EXG'])

export interface Filter {
  readonly attribute: string
  readonly operator: Operator
  readonly value: string
}

export interface Selection {
  readonly filter: Filter | null
  /** Conditions like CHLTYPE(SVRCONN): keyword and pattern. */
  readonly conditions: readonly { readonly name: string; readonly pattern: string }[]
  readonly isAll: boolean
  /** Empty: what the display shows when nothing is asked for. */
  readonly names: readonly string[]
}

export interface SelectionWords {
  /** What may be asked for and filtered by. */
  readonly attributes: readonly AttributeSpec[]
  /** Key words, which may be filtered by and asked for without effect. */
  readonly keys: readonly string[]
  /** Keywords that take a value here, and then select rows. */
  readonly conditions: readonly string[]
  /** Words that mean nothing here but are accepted. */
  readonly ignored?: readonly string[]
}

export type ReadSelection = { readonly ok: true; readonly selection: Selection } | { readonly ok: false; readonly fault: SyntaxFault }

export function readSelection(parameters: readonly Parameter[], words: SelectionWords, text: string): ReadSelection {
  let filter: Filter | null = null
  let isAll = false
  const names: string[] = []
  const conditions: { name: string; pattern: string }[] = []
  for (const parameter of parameters) {
    const { keyword, values } = parameter
    const attribute = findAttribute(words.attributes, keyword) ?? findFlag(words.attributes, keyword)
    if (keyword === 'WHERE') {
      const read = readFilter(parameter, words, text)
      if (!read.ok) return read
      filter = read.filter
    } else if (values !== null) {
      const [value, second] = values
      if (!words.conditions.includes(keyword) || value === undefined || second !== undefined) {
        return { ok: false, fault: syntaxFault(text, parameter.end, `${keyword} takes no value here`) }
      }
      conditions.push({ name: attribute?.name ?? keyword, pattern: value.text })
    } else if (keyword === 'ALL') isAll = true
    else if (attribute !== undefined) names.push(attribute.name)
    else if (!words.keys.includes(keyword) && !(words.ignored ?? []).includes(keyword)) {
      return { ok: false, fault: syntaxFault(text, parameter.end, `${keyword} is no attribute here`) }
    }
  }
  return { ok: true, selection: { filter, conditions, isAll, names } }
}

const findFlag = (attributes: readonly AttributeSpec[], word: string): AttributeSpec | undefined =>
  word.startsWith('NO') ? attributes.find(attribute => attribute.kind.kind === 'flag' && attribute.name === word.slice(2)) : undefined

type ReadFilter = { readonly ok: true; readonly filter: Filter } | { readonly ok: false; readonly fault: SyntaxFault }

function readFilter(parameter: Parameter, words: SelectionWords, text: string): ReadFilter {
  const refuse = (end: number, why: string): ReadFilter => ({ ok: false, fault: syntaxFault(text, end, why) })
  const [name, operator, value, extra] = parameter.values ?? []
  if (name === undefined || operator === undefined || value === undefined || extra !== undefined) {
    return refuse(extra?.end ?? parameter.end, 'WHERE needs an attribute, an operator and a value')
  }
  const attribute = findAttribute(words.attributes, name.text)
  if (attribute === undefined && !words.keys.includes(name.text)) return refuse(name.end, `${name.text} is no attribute here`)
  if (!operators.has(operator.text)) return refuse(operator.end, `${operator.text} is no operator`)
  const filter: Filter = { attribute: attribute?.name ?? name.text, operator: operator.text as Operator, value: value.text.trimEnd() }
  const kind = attribute?.kind.kind
  const isListOperator = ['CT', 'EX', 'CTG', 'EXG'].includes(filter.operator)
  if (isListOperator !== (kind === 'list')) return refuse(operator.end, `${operator.text} does not go with ${name.text}`)
  if (kind === 'number' && attribute !== undefined) {
    const isWord = attribute.kind.kind === 'number' && attribute.kind.words.includes(value.text.toUpperCase())
    if (!/^-?\d{1,15}$/.test(value.text) && !isWord) return refuse(value.end, `${name.text} is compared with a number`)
    if (filter.operator === 'LK' || filter.operator === 'NL') return refuse(operator.end, `${operator.text} does not go with numbers`)
  }
  return { ok: true, filter }
}

/** Rows without the attribute do not match, whatever the operator. */
function matches(row: Row, filter: Filter): boolean {
  const found = [...row.keys, ...row.cells].find(item => item.name === filter.attribute)
  if (found === undefined) return false
  const { operator, value } = filter
  const actual = found.value ?? ''
  switch (operator) {
    case 'CT':
    case 'CTG':
      return listOf(actual).some(item => matchesItem(operator, value, item))
    case 'EX':
    case 'EXG':
      return !listOf(actual).some(item => matchesItem(operator, value, item))
    case 'LK':
      return matchesPattern(value, String(actual))
    case 'NL':
      return !matchesPattern(value, String(actual))
    default:
      return compares(operator, actual, value)
  }
}

const listOf = (value: AttributeValue): readonly string[] => (Array.isArray(value) ? (value as readonly string[]) : [String(value)])
const matchesItem = (operator: Operator, pattern: string, item: string): boolean => (operator === 'CT' || operator === 'EX' ? item === pattern : matchesPattern(pattern, item))

function compares(operator: Operator, actual: AttributeValue, value: string): boolean {
  const isNumeric = typeof actual === 'number' && /^-?\d+$/.test(value)
  const left = isNumeric ? actual : String(actual)
  const right = isNumeric ? Number(value) : value
  switch (operator) {
    case 'EQ':
      return left === right
    case 'NE':
      return left !== right
    // A word in place of a number (KAINT(AUTO)) is neither less nor more than a number.
    case 'LT':
      return typeof actual === 'number' === isNumeric && left < right
    case 'GT':
      return typeof actual === 'number' === isNumeric && left > right
    case 'LE':
      return typeof actual === 'number' === isNumeric && left <= right
    default:
      return typeof actual === 'number' === isNumeric && left >= right
  }
}

const meets = (row: Row, { name, pattern }: { readonly name: string; readonly pattern: string }): boolean => {
  if (pattern === 'ALL' && name.endsWith('TYPE')) return true
  const found = [...row.keys, ...row.cells].find(item => item.name === name)
  return found !== undefined && matchesPattern(pattern, String(found.value ?? ''))
}

/** What of a row is shown when nothing is asked for: the cells of these names; null means all. */
export type Defaults = readonly string[] | null

function wantedOf({ isAll, names, filter }: Selection, defaults: Defaults): Defaults {
  const filtered = filter === null ? [] : [filter.attribute]
  if (isAll) return null
  if (names.length > 0) return [...names, ...filtered]
  return defaults === null ? null : [...defaults, ...filtered]
}

/** The report of the rows that are selected, in their order; `notFound` when there are none. */
export function showRows(rows: readonly Row[], selection: Selection, id: MessageId, defaults: Defaults, notFound: readonly [MessageId, ...string[]]): CommandResult {
  const { filter } = selection
  const chosen = rows.filter(row => (filter === null || matches(row, filter)) && selection.conditions.every(condition => meets(row, condition)))
  if (chosen.length === 0) {
    const [missing, ...inserts] = notFound
    return failed(missing, ...inserts)
  }
  const lines: string[] = []
  const wanted = wantedOf(selection, defaults)
  for (const row of chosen) {
    const cells = wanted === null ? row.cells : row.cells.filter(item => wanted.includes(item.name))
    lines.push(messageLine(id), ...layOut([...row.keys, ...cells]))
  }
  return done(lines)
}

/** The cell of an attribute as a definition has it. */
export function cellOf(attribute: AttributeSpec, value: AttributeValue | null): Cell {
  const { name, kind, isSecret } = attribute
  // The value itself stays here, so that no WHERE can ask for it letter by letter.
  if (isSecret) return { name, value: value === '' || value === null ? '' : '********', form: 'value' }
  if (kind.kind === 'flag') return { name, value, form: 'flag' }
  const isNameList = kind.kind === 'list' && kind.words.length === 0 && ['NAMES', 'USERLIST', 'ADDRLIST'].includes(name)
  return { name, value, form: isNameList ? 'list' : 'value' }
}

/** The cells of all attributes a definition keeps, live ones by `live`. Attributes it does not say have their default. */
export function cellsOf(attributes: readonly AttributeSpec[], definition: ObjectDefinition, live: (name: string) => AttributeValue | null): Cell[] {
  return attributes.map(attribute => cellOf(attribute, attribute.use === 'live' ? live(attribute.name) : (definition.attributes[attribute.name] ?? attribute.default)))
}
