/** Where tests that explore begin to draw from. */

import { execFileSync } from 'node:child_process'

/** HA_SEED when given, else the commit, so that a run of CI can be repeated. */
export function baseSeed(): number {
  const given = process.env['HA_SEED']
  if (given !== undefined) return Number(given)
  try {
    return Number.parseInt(execFileSync('git', ['rev-parse', '--short=7', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }), 16)
  } catch {
    return 1_000_001 // no git or no repository, as in an unpacked archive
  }
}
