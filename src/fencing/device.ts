/** One fencing device as levels.ts uses it, whichever program stands behind it. */

import type { Instant } from '../base/units.js'

export interface Effort {
  readonly until: Instant
  readonly signal: AbortSignal
}

/** How a call ended; `said` is a clause for an operator, without secrets. */
export interface DeviceWord {
  readonly ok: boolean
  readonly said: string
  /** A second try cannot end otherwise: the program is missing, its file cannot be read. */
  readonly isFinal?: boolean
  /** The device works, but switches other nodes: with `*` old files list every device for both nodes. */
  readonly isForOthers?: boolean
}

export interface Device {
  /** `fence_ipmilan ip=10.0.0.9 password=***`. */
  readonly description: string
  /** A person: waits for a word that comes from elsewhere, and cannot be tested. */
  readonly isOperator: boolean
  /** Asked first on its level, and no proof by itself: fence_heuristics_ping refuses when we are the ones cut off. */
  readonly isCondition: boolean
  /** Switches the victim off, once; ok only when the device says that it is off, and where it can, has been asked again. */
  off(victim: string, effort: Effort): Promise<DeviceWord>
  /** Off and on in one call, for devices that know no other way; null where off and on are two. */
  readonly reset: ((victim: string, effort: Effort) => Promise<DeviceWord>) | null
  /** Switches the victim on again after a proved off. */
  on(victim: string, effort: Effort): Promise<DeviceWord>
  /** Whether it could switch the victim off now. */
  test(victim: string, effort: Effort): Promise<DeviceWord>
}
