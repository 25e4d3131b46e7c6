/**
 * Reads the values that ha.cf directives share: times, booleans and numbers in Linux-HA's spelling.
 *
 * Each reader answers with the value, or with the clause that says how the word should have been written.
 * Source: Linux-HA 3.0.6, ha.cf(5) and its parser: `N` or `N.N` is seconds, `ms` and `us` stand directly behind the
 * number in any case, everything is rounded to milliseconds.
 */

import { millis, type Millis } from '../base/units.js'

export type Value<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fix: string }

/** The longest delay a timer can wait, 2^31 - 1 ms (24.8 days). */
export const timeMaxMs = 2_147_483_647

export function parseTime(text: string): Value<Millis> {
  const match = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(.*)$/.exec(text)
  if (match === null) return { ok: false, fix: 'write a time such as `2` (seconds), `1.5` or `500ms`' }
  const [, digits = '', unit = ''] = match
  const factor = { '': 1000, ms: 1, us: 0.001 }[unit.toLowerCase()]
  if (factor === undefined) {
    const seconds = /^(s|sec|secs|second|seconds)$/i.test(unit) ? `write \`${digits}\`: a number alone means seconds` : null
    return { ok: false, fix: seconds ?? 'write a number of seconds, or a number with `ms` or `us` directly behind it' }
  }
  const value = Math.round(Number(digits) * factor)
  if (!(value <= timeMaxMs)) return { ok: false, fix: `write at most ${Math.floor(timeMaxMs / 1000)} seconds` }
  return { ok: true, value: millis(value) }
}

export function parseBoolean(text: string): Value<boolean> {
  const word = text.toLowerCase()
  if (['true', 'on', 'yes', 'y', '1'].includes(word)) return { ok: true, value: true }
  if (['false', 'off', 'no', 'n', '0'].includes(word)) return { ok: true, value: false }
  return { ok: false, fix: 'write `on` or `off` (also true, yes, y, 1 and false, no, n, 0)' }
}

export function parseNumber(text: string, min: number, max: number): Value<number> {
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return { ok: true, value }
  return { ok: false, fix: `write a whole number from ${min} to ${max}` }
}

/** A duration as an administrator reads it best: with its unit. */
export function shownTime(value: Millis): string {
  return value % 1000 === 0 ? `${value / 1000}s` : `${value}ms`
}

/** A duration as it must be written in ha.cf, where a number alone means seconds. */
export function writtenTime(value: Millis): string {
  return value % 1000 === 0 ? String(value / 1000) : `${value}ms`
}
