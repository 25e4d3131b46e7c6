/**
 * Every way the heartbeat daemon ends, with its own exit status, so that a script, the guard and an operator can tell them
 * apart without reading the log. Statuses 1, 4 and 6 are Linux-HA's own numbers.
 *
 * The guard (bin/heartbeat-guard) starts the daemon again after every status that is not `isFinal`.
 */

interface ExitMeaning {
  readonly status: number
  /** What it means for the operator. */
  readonly meaning: string
  /** The daemon decided to end: starting it again would change nothing, or would go against the operator. */
  readonly isFinal: boolean
}

export const exitStatuses = {
  orderly: { status: 0, meaning: 'stopped in order; every resource was released', isFinal: true },
  general: { status: 1, meaning: 'an unexpected failure; see the log', isFinal: false },
  permission: { status: 4, meaning: 'not permitted; heartbeat needs root', isFinal: true },
  configuration: { status: 6, meaning: 'the configuration has faults; nothing was started', isFinal: true },
  media: { status: 10, meaning: 'no heartbeat medium could be opened', isFinal: true },
  state: { status: 11, meaning: 'the state directory cannot be read or written', isFinal: true },
  alreadyRunning: { status: 12, meaning: 'a heartbeat daemon runs on this node already', isFinal: true },
  lease: { status: 13, meaning: 'the lease area may not be used: mirrored storage, or not this cluster\'s', isFinal: true },
  stopIncomplete: { status: 20, meaning: 'stopped, but a resource could not be stopped and may still run here', isFinal: true },
  bug: { status: 70, meaning: 'a bug: an internal invariant was broken', isFinal: false }
} as const satisfies Readonly<Record<string, ExitMeaning>>

export type ExitReason = keyof typeof exitStatuses

/** The sentence for a status as the system reports it; null when none of ours. */
export function exitMeaning(status: number): string | null {
  return Object.values(exitStatuses).find(row => row.status === status)?.meaning ?? null
}
