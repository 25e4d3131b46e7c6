/** Dead letters. */
import type { CoreState } from './core-state.js'
import { giveBack } from './messages.js'
import type { Queue } from './queue.js'

export function reject(state: CoreState, queue: Queue, slot: number): boolean {
  giveBack(state, queue, slot, false)
  return false
}
