/** Publications. */
import type { CoreState } from './core-state.js'
import type { Outgoing } from './outgoing.js'
import { reasons, type Reason } from './reason.js'
import type { Unit } from './unit-of-work.js'

export function publish(state: CoreState, topic: string, message: Outgoing, unit: Unit, retain: boolean): Reason {
  void [state, topic, message, unit, retain]
  return reasons.functionNotSupported
}
