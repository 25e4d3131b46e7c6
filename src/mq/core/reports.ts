/** Reports. */
import type { CoreState } from './core-state.js'
import type { Head } from './head.js'
import type { Outgoing } from './outgoing.js'
import type { Queue } from './queue.js'
import { report } from './report-options.js'
import type { Unit } from './unit-of-work.js'

export const wantsDeliveryReport = (head: Head): boolean => (head.descriptor.report & report.delivery) !== 0

export function reportDelivery(state: CoreState, queue: Queue, head: Head, body: Buffer, unit: Unit): void {
  void [state, queue, head, body, unit]
}

export function reportArrival(state: CoreState, queue: Queue, message: Outgoing, unit: Unit): void {
  void [state, queue, message, unit]
}
