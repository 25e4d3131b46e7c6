/** Argument words shared by several commands. Each parser throws commander's error, so that usage mistakes exit with 2. */

import { InvalidArgumentError, Option } from 'commander'
import { millis } from '../base/units.js'
import type { Millis } from '../base/units.js'
import type { GroupScope } from '../control/protocol.js'

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const
/** What setTimeout can wait for. */
const durationMsMax = 2 ** 31 - 1

/** `10m`, `90s`, `500ms`; a bare number means seconds, as in ha.cf. */
export function parseDuration(text: string): Millis {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text)
  const value = Number(found?.[1] ?? Number.NaN) * unitMs[(found?.[2] ?? 's') as keyof typeof unitMs]
  if (Number.isNaN(value)) throw new InvalidArgumentError('give a time such as 90, 90s, 500ms or 10m.')
  if (value > durationMsMax) throw new InvalidArgumentError('the longest time is 24 days.')
  return millis(value)
}

/** An option that takes a time; its help shows the default as it would be written. */
export function timeOption(flags: string, description: string, standard: string, parse: (text: string) => Millis = parseDuration): Option {
  return new Option(flags, description).argParser(parse).default(parse(standard), standard)
}

/** Linux-HA's words, or the first word of a haresources group. */
export function parseScope(word: string | undefined): GroupScope {
  switch (word) {
    case undefined:
    case 'all':
      return { kind: 'all' }
    case 'local':
    case 'foreign':
      return { kind: word }
    default:
      return { kind: 'group', key: word }
  }
}

export function scopeText(scope: GroupScope): string {
  switch (scope.kind) {
    case 'all':
      return 'all groups'
    case 'local':
      return 'the groups whose home is this node'
    case 'foreign':
      return "the groups whose home is the other node"
    case 'group':
      return scope.key
  }
}
