/**
 * How attributes are laid out in a report: two cells a line, the second at column 43.
 *
 * A cell of 40 characters or more has a line to itself. A list of names starts a line, and its further values follow on
 * lines of their own, under the first one and beginning with a comma. Source: queue manager reference 3.3.
 */

import type { AttributeValue } from '../core/definition.js'

const indent = '   '
const cellWidth = 40

export interface Cell {
  readonly name: string
  /** null is shown as nothing known: `( )`. */
  readonly value: AttributeValue | null
  /** flag: `SHARE` or `NOSHARE`. word: the name alone. list: values one below the other. */
  readonly form: 'value' | 'flag' | 'word' | 'list'
}

export const cell = (name: string, value: AttributeValue | null): Cell => ({ name, value, form: 'value' })

const shown = (value: AttributeValue | null): string => {
  const text = value === null ? '' : Array.isArray(value) ? value.join(',') : String(value)
  return text === '' ? ' ' : text
}

/** The texts of one cell: one, or for a list of several values one a line. */
function texts({ name, value, form }: Cell): readonly string[] {
  if (form === 'word') return [name]
  if (form === 'flag') return [value === 'YES' ? name : `NO${name}`]
  if (form !== 'list' || !Array.isArray(value) || value.length < 2) return [`${name}(${shown(value)})`]
  const margin = ' '.repeat(name.length + 1)
  return value.map((item: string, index) => `${index === 0 ? `${name}(` : `${margin},`}${item}${index === value.length - 1 ? ')' : ''}`)
}

/** The lines of one object. */
export function layOut(cells: readonly Cell[]): string[] {
  const lines: string[] = []
  let waiting: string | null = null
  const flush = (): void => {
    if (waiting !== null) lines.push(indent + waiting)
    waiting = null
  }
  for (const item of cells) {
    const [text = '', ...more] = texts(item)
    if (item.form === 'list') flush()
    if (more.length > 0 || text.length >= cellWidth) {
      flush()
      for (const line of [text, ...more]) lines.push(indent + line)
    } else if (waiting === null) waiting = text
    else {
      lines.push(indent + waiting.padEnd(cellWidth) + text)
      waiting = null
    }
  }
  flush()
  return lines
}
