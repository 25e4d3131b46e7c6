/**
 * What `dspmq` says of a queue manager, from two witnesses: the state its process recorded last, and the lock. The lock
 * cannot lie about who is alive, the record cannot lie about how the last life ended (reference 1.6.1).
 */

import { unreachable } from '../../base/invariant.js'
import type { LockState } from './lock.js'

/** What the process of a queue manager records of itself, before it becomes true for others. */
export type RecordedState =
  | 'starting'
  | 'running'
  | 'quiescing'
  | 'ending-immediately'
  | 'ending-preemptively'
  | 'ended-normally'
  | 'ended-immediately'
  | 'ended-preemptively'

export type StatusText =
  | 'Starting'
  | 'Running'
  | 'Running as standby'
  | 'Running elsewhere'
  | 'Quiescing'
  | 'Ending immediately'
  | 'Ending pre-emptively'
  | 'Ended normally'
  | 'Ended immediately'
  | 'Ended pre-emptively'
  | 'Ended unexpectedly'
  | 'Status not available'

/**
 * @param recorded  null when it was never started
 * @param master    the lock of the active instance; null when the directory cannot be reached
 * @param standby   the lock of a standby, where one is looked for
 */
export function instanceStatus(recorded: RecordedState | null, master: LockState | null, standby: LockState | null = null): StatusText {
  if (master === null) return 'Status not available'
  if (master.isHeld && master.isHere) return whileAlive(recorded)
  if (standby?.isHere === true) return 'Running as standby'
  if (master.isHeld) return 'Running elsewhere'
  return whenGone(recorded)
}

function whileAlive(recorded: RecordedState | null): StatusText {
  switch (recorded) {
    case 'running':
      return 'Running'
    case 'quiescing':
      return 'Quiescing'
    case 'ending-immediately':
      return 'Ending immediately'
    case 'ending-preemptively':
      return 'Ending pre-emptively'
    // It has the lock and has recorded nothing of this life yet.
    case 'starting':
    case 'ended-normally':
    case 'ended-immediately':
    case 'ended-preemptively':
    case null:
      return 'Starting'
    default:
      return unreachable(recorded)
  }
}

function whenGone(recorded: RecordedState | null): StatusText {
  switch (recorded) {
    case 'starting':
    case 'running':
    case 'quiescing':
    case 'ending-immediately':
    case 'ending-preemptively':
      return 'Ended unexpectedly'
    case 'ended-normally':
      return 'Ended normally'
    case 'ended-preemptively':
      return 'Ended pre-emptively'
    // Creation leaves a queue manager as an immediate end does.
    case 'ended-immediately':
    case null:
      return 'Ended immediately'
    default:
      return unreachable(recorded)
  }
}
