/**
 * Reads what a script's `status` means: running, stopped, or unknown. Pure.
 *
 * Think of two witnesses, the words and the exit code. Our own scripts are sworn in: their exit code has three
 * answers (0, 3, 4) and settles it. Of foreign scripts Linux-HA heard only the words, and thousands of scripts were
 * written to be heard that way, so the words decide; the exit code speaks where they are silent, and its dissent is noted.
 *
 * Invariant: what cannot be told is `unknown`, never `stopped`; a killed script knows nothing.
 *
 * Source: reference on resource agents, 1.4 (the table), 1.6 (the texts of the OCF wrappers). We differ from Linux-HA
 * in two ways: silence is judged by the exit code, and texts that say "I cannot tell" (the OCF errors, drbddisk) are
 * `unknown` where Linux-HA read `stopped`.
 */

export type StatusWord = 'running' | 'stopped' | 'unknown'

export interface StatusReading {
  readonly kind: StatusWord
  /** A sentence for the operator when the witnesses disagree or none of them spoke; null otherwise. */
  readonly note: string | null
}

export interface StatusEvidence {
  /** stdout alone, as Linux-HA read it; bounded by the caller. */
  readonly text: string
  /** null when a signal ended the script. */
  readonly exitCode: number | null
  readonly own: boolean
}

export function readStatus(evidence: StatusEvidence): StatusReading {
  const { exitCode } = evidence
  if (exitCode === null) return { kind: 'unknown', note: 'status was ended by a signal and told nothing' }
  if (evidence.own) return { kind: ownCodes.get(exitCode) ?? 'unknown', note: null }

  const text = evidence.text.trim()
  if (text === '') {
    const kind = foreignCodes.get(exitCode) ?? 'unknown'
    return { kind, note: kind === 'unknown' ? `status printed nothing and ended with exit code ${exitCode}` : null }
  }
  if (ocfErrorText.test(text) && exitCode !== 0) return { kind: 'unknown', note: null }
  if (/cannot determine status/.test(text)) return { kind: 'unknown', note: null } // drbddisk, when drbdadm fails

  const kind = wordsSay(text)
  const agreed = kind === 'running' ? exitCode === 0 : exitCode !== 0
  if (agreed) return { kind, note: null }
  return { kind, note: `status is ambiguous: its text means ${kind}, its exit code ${exitCode} does not; the text decides` }
}

/** Exit codes of our own scripts; every other code means that the script could not tell. */
const ownCodes: ReadonlyMap<number, StatusWord> = new Map([
  [0, 'running'],
  [3, 'stopped']
])

/** Exit codes that settle a silent foreign status: LSB 0 and 3, and the 7 that OCF wrappers pass through. */
const foreignCodes: ReadonlyMap<number, StatusWord> = new Map([
  [0, 'running'],
  [3, 'stopped'],
  [7, 'stopped']
])

/** Linux-HA's shell patterns, in their order: `*[Nn][Oo][Tt]\ *[Rr]unning*`, then `*[Rr]unning*` or `*OK*`. */
function wordsSay(text: string): 'running' | 'stopped' {
  if (/[Nn][Oo][Tt] [^]*[Rr]unning/.test(text)) return 'stopped'
  return /[Rr]unning|OK/.test(text) ? 'running' : 'stopped'
}

/** What the OCF wrappers print when the agent could not tell (hto-mapfuncs); the two blanks are theirs. */
const ocfErrorText =
  /^ERROR:\s+(?:Generic error|Illegal argument|Function unimplemented|User had insufficient privilege|Program is not installed|Program is not configured|Unknown error)/m
