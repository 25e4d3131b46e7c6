/** Time as the edge sees it; the real one lives in daemon/, the virtual one in test/sim/. The core gets `now` in its events. */

import type { Instant, Millis } from '../base/units.js'

export interface Clock {
  /** The monotonic clock; never goes back, not related to the time of day. */
  monotonic(): Instant
  /** Time of day in milliseconds since 1970; for log lines and the `ts` field, never for a decision. */
  wall(): number
  /** Calls back once after at least `delay`. */
  schedule(delay: Millis, callback: () => void): Scheduled
}

export interface Scheduled {
  cancel(): void
}
