/** Why a frame is refused; becomes an ERROR frame. `reason` 0: the frame itself is wrong, no code of the queue manager says so. */

import { reasonSymbol, type Reason } from '../../core/reason.js'

export interface Refusal {
  readonly ok: false
  readonly reason: Reason
  readonly why: string
}

export const refusal = (reason: Reason, why: string): Refusal => ({ ok: false, reason, why })
export const malformed = (why: string): Refusal => ({ ok: false, reason: 0, why })

/** What the engine said no to, in a sentence: `MQRC_Q_FULL (2053): SEND to /queue/Q`. */
export const engineRefusal = (reason: Reason, what: string): Refusal => refusal(reason, `${reasonSymbol(reason)} (${reason}): ${what}`)
