/**
 * Checks a calendar expression before anything runs by it: five fields (minute, hour, day of the month, month, day of
 * the week), or six with the second in front. What is accepted here is accepted by node-cron, which runs it; a test
 * compares the two. Its few extras beyond cron(5) (`L`, `W`, `#`) are left out.
 */

import { shown } from './lexer.js'
import type { Value } from './values.js'

interface Field {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly words: readonly string[]
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const second: Field = { name: 'second', min: 0, max: 59, words: [] }
const fields: readonly Field[] = [
  { name: 'minute', min: 0, max: 59, words: [] },
  { name: 'hour', min: 0, max: 23, words: [] },
  { name: 'day of the month', min: 1, max: 31, words: [] },
  { name: 'month', min: 1, max: 12, words: months },
  { name: 'day of the week', min: 0, max: 7, words: weekdays }
]

const example = 'write five fields, e.g. `0 3 * * *` (every day at 3:00)'

/** The expression with single blanks, or what to write instead. */
export function parseCron(words: readonly string[]): Value<string> {
  const wanted = words.length === 6 ? [second, ...fields] : fields
  if (words.length !== wanted.length) return { ok: false, fix: `${example}; there ${words.length === 1 ? 'is 1' : `are ${words.length}`} here` }
  for (const [index, field] of wanted.entries()) {
    const word = words[index] ?? ''
    if (word.length > 200 || !word.split(',').every(part => isPart(part, field))) {
      return { ok: false, fix: `the ${field.name} ${shown(word)} must be \`*\` or numbers from ${field.min} to ${field.max}, such as \`${field.min}\`, \`${field.min}-${field.max}\`, \`*/2\`; ${example}` }
    }
  }
  return { ok: true, value: words.join(' ') }
}

/** `*`, `7`, `1-5`, and each with a step behind a slash. */
function isPart(part: string, field: Field): boolean {
  const match = /^(?:\*|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:\/([0-9]{1,2}))?$/i.exec(part)
  if (match === null) return false
  const [, from, to, step] = match
  if (step !== undefined && (Number(step) === 0 || (from !== undefined && to === undefined))) return false
  if (from === undefined) return true
  const low = numberOf(from, field)
  const high = to === undefined ? low : numberOf(to, field)
  return low !== null && high !== null && low <= high
}

function numberOf(text: string, field: Field): number | null {
  const word = field.words.indexOf(text.toLowerCase())
  if (word >= 0) return word + (field.name === 'month' ? 1 : 0)
  const value = /^[0-9]{1,2}$/.test(text) ? Number(text) : NaN
  return value >= field.min && value <= field.max ? value : null
}
