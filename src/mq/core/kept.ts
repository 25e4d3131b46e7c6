/** Messages of NPMCLASS(HIGH) queues, which are not in the log and yet survive an orderly end. Source: reference 5.4. */

import type { CoreState } from './core-state.js'
import type { KeptMessage } from './engine.js'
import { flags, none, standings } from './message-table.js'
import { readMessage, scanForExpiryAt } from './messages.js'

/** By growing order within a queue and priority, so that taking them back needs one walk along each list. */
export function* keptMessages(state: CoreState): Generator<KeptMessage> {
  const table = state.table
  for (const queue of state.queuesByNumber.values()) {
    if (!queue.keepsNonpersistent || queue.isTemporary) continue
    const slots: number[] = []
    queue.forEach(slot => {
      if (!table.isPersistent(slot) && table.standing(slot) !== standings.uncommitted) slots.push(slot)
    })
    for (const slot of slots) {
      const message = readMessage(state, slot)
      if (message === null) continue
      yield {
        entry: {
          queue: queue.number,
          order: table.order(slot),
          priority: table.priority(slot),
          expiresAt: table.expiresAt(slot),
          messageIdHash: table.messageIdHash(slot),
          correlationIdHash: table.correlationIdHash(slot)
        },
        backoutCount: table.backoutCount(slot),
        message
      }
    }
  }
}

/** Puts a kept message back in its place; dropped when its queue is gone, does not keep them any more, or no room is left. */
export function keep(state: CoreState, kept: KeptMessage): void {
  const { entry } = kept
  const queue = state.queuesByNumber.get(entry.queue)
  if (queue === undefined || !queue.keepsNonpersistent) return
  const place = state.spool.add(kept.message)
  if (place === null) return
  const table = state.table
  const slot = table.allocate()
  table.setFacts(slot, entry.queue, entry.order, entry.priority, entry.expiresAt, entry.messageIdHash, entry.correlationIdHash)
  table.setPlace(slot, place)
  table.setBackoutCount(slot, kept.backoutCount)
  table.setFlags(slot, flags.mayReport)
  table.setStanding(slot, standings.available)
  const finger = state.keptFingers.get(queue.number * 10 + entry.priority) ?? none
  state.keptFingers.set(queue.number * 10 + entry.priority, queue.insert(slot, finger))
  state.nextOrder = Math.max(state.nextOrder, entry.order + 1)
  if (entry.expiresAt !== 0) scanForExpiryAt(state, entry.expiresAt)
}
