/**
 * Runs one operation of a resource script and says how it ended. Implementations: agent/ (real), test/sim (simulated).
 */

import type { Millis } from '../base/units.js'
import type { ResourceSpec } from '../config/types.js'

/** `announce` tells the network again where an address lives (gratuitous ARP, unsolicited NA); always by our own IPaddr2. */
export type AgentOperation = 'start' | 'stop' | 'status' | 'announce'

/**
 * How an operation ended. `ok`: start or stop said success. For status: `running`, `stopped`, or `unknown` when the
 * script could not tell. `failed`: a non-zero exit or a killing signal. `not-installed`: no executable script found.
 */
export type AgentResultKind = 'ok' | 'running' | 'stopped' | 'unknown' | 'failed' | 'timed-out' | 'cancelled' | 'not-installed'

export interface AgentOutcome {
  readonly kind: AgentResultKind
  /** null when the child was ended by a signal or never ran. */
  readonly exitCode: number | null
  readonly signal: string | null
  readonly durationMs: Millis
  /** The last lines the script wrote (stdout and stderr), bounded; for the log and the operator. */
  readonly said: readonly string[]
}

export interface AgentRequest {
  readonly resource: ResourceSpec
  readonly operation: AgentOperation
  readonly timeoutMs: Millis
  /** More environment for the script: HA_PROBE. */
  readonly variables?: Readonly<Record<string, string>>
}

export interface AgentRunner {
  /**
   * Always resolves, within `timeoutMs` plus a fixed grace for ending the process group; never rejects.
   * Aborting `signal` ends the whole process group and resolves as `cancelled`.
   */
  run(request: AgentRequest, options: { readonly signal: AbortSignal }): Promise<AgentOutcome>
}
