/** Argument words of the sample programs. Each parser throws commander's error, so that usage mistakes end with 99. */

import { InvalidArgumentError } from 'commander'

const secondsMax = 2_000_000

/** Seconds, also parts of them; `-1` for ever. */
export function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (seconds === -1) return Number.POSITIVE_INFINITY
  if (text === '' || !(seconds >= 0 && seconds <= secondsMax)) throw new InvalidArgumentError(`give seconds up to ${secondsMax}, or -1 for ever.`)
  return seconds
}

export function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw new InvalidArgumentError('give a whole number.')
  return count
}

export function parsePriority(text: string): number {
  if (!/^\d$/.test(text)) throw new InvalidArgumentError('give a number from 0 to 9.')
  return Number(text)
}
