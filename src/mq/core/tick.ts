/** What time brings: scans go on, waits end, messages expire. */

import type { CoreState } from './core-state.js'
import { scanForExpired } from './expiry.js'
import { resumeScan } from './get.js'
import { endOverdueWaits } from './waiters.js'

export function onTick(state: CoreState): void {
  // At the end nobody waits any more, and the log may be closed already.
  if (state.phase === 'stopping') return
  // A copy: a scan that rests again waits for the next turn.
  for (const call of [...state.scanning]) resumeScan(state, call)
  endOverdueWaits(state)
  if (state.expiryScanAt <= state.clock.now()) scanForExpired(state)
}

/** Monotonic milliseconds; Infinity when nothing is to come. */
export function nextDeadline(state: CoreState): number {
  if (state.phase === 'stopping') return Infinity
  if (state.scanning.size > 0) return state.clock.now()
  return Math.min(state.waits.first?.deadline ?? Infinity, state.expiryScanAt)
}
