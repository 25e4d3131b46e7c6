/**
 * Every way the process of a queue manager ends, with its own exit status, so that the resource script and an operator
 * can tell them apart without reading the error log.
 */

interface ExitMeaning {
  readonly status: number
  readonly meaning: string
}

export const exitStatuses = {
  orderly: { status: 0, meaning: 'ended as it was told to' },
  general: { status: 1, meaning: 'an unexpected failure; see the error log' },
  configuration: { status: 6, meaning: 'mqs.ini or qm.ini has faults; nothing was started' },
  state: { status: 11, meaning: 'the data directory cannot be read or written' },
  locked: { status: 12, meaning: 'another instance holds the lock' },
  logFailed: { status: 21, meaning: 'the recovery log cannot be written any more; what was answered is stored' },
  lockLost: { status: 22, meaning: 'the right to write was lost; another instance may have it' },
  logUnavailable: { status: 23, meaning: 'the recovery log is missing, damaged, foreign or of a newer version' },
  preemptive: { status: 25, meaning: 'ended pre-emptively: nothing was waited for' },
  bug: { status: 70, meaning: 'a bug: an internal invariant was broken' }
} as const satisfies Readonly<Record<string, ExitMeaning>>

export type ExitReason = keyof typeof exitStatuses

/** The sentence for a status as the system reports it; null when none of ours. */
export function exitMeaning(status: number): string | null {
  return Object.values(exitStatuses).find(row => row.status === status)?.meaning ?? null
}
