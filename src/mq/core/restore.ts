/** What restart recovery found becomes the state of the queue manager. */

import { HaError } from '../../base/errors.js'
import type { CoreState } from './core-state.js'
import type { Restored } from './journal.js'
import { scanForExpiryAt } from './messages.js'
import { flags, standings } from './message-table.js'
import { restoreRetained } from './retained-publications.js'
import { restoreSubscriptions } from './subscriptions.js'
import { addQueue } from './queues.js'

/** Throws HaError HA_MQ_DAMAGED when a message belongs to no queue. */
export function restore(state: CoreState, restored: Restored): void {
  for (const { number, definition } of restored.objects) {
    if (definition.type === 'QLOCAL') addQueue(state, definition, number, false)
    else state.catalog.set(definition, number)
  }
  const table = state.table
  restored.forEachMessage((entry, place, backoutCount) => {
    const queue = state.queuesByNumber.get(entry.queue)
    if (queue === undefined) {
      throw new HaError('HA_MQ_DAMAGED', `a stored message belongs to queue number ${entry.queue}, which does not exist`, { details: { lsn: place.lsn, queue: entry.queue } })
    }
    const slot = table.allocate()
    table.setFacts(slot, entry.queue, entry.order, entry.priority, entry.expiresAt, entry.messageIdHash, entry.correlationIdHash)
    table.setPlace(slot, place)
    table.setBackoutCount(slot, backoutCount)
    // Whether it asks for reports is known when it is read.
    table.setFlags(slot, flags.persistent | flags.mayReport)
    table.setStanding(slot, standings.available)
    queue.append(slot)
    if (entry.expiresAt !== 0) scanForExpiryAt(state, entry.expiresAt)
  })
  restoreSubscriptions(state)
  restoreRetained(state)
  for (const origin of restored.producers) state.producers.stored(origin)
}
