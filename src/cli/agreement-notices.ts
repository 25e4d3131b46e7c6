/** What the running daemon knows of differences between the two nodes, for `heartbeat check`. */

import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import { request } from '../control/client.js'
import type { Paths } from '../daemon/paths.js'
import { systemClock } from '../daemon/system-clock.js'

/** The daemon answers from memory. */
const timeoutMs = millis(3_000)

/** One sentence a difference; none when no daemon answers, which is then for the other checks to say. */
export async function agreementNotices(paths: Paths): Promise<readonly string[]> {
  try {
    const result = await request(paths.controlSocket, { kind: 'status' }, { clock: systemClock, timeoutMs })
    return result.kind === 'status' ? (result.status.differences ?? []).map(difference => difference.text) : []
  } catch (error) {
    if (error instanceof HaError) return []
    throw error
  }
}
