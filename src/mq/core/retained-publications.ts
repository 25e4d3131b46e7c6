/**
 * The last publication of each topic that was published with `retain`, for subscriptions to come.
 *
 * Each is a persistent message on SYSTEM.RETAINED.PUB.QUEUE with its topic among its properties, so it is logged and
 * restored like any other; beside the queue stands a map from topic to message. A new one locks the old one in its unit
 * of work: at the commit one takes the place of the other, after a crash exactly one is there.
 */

import type { CoreState } from './core-state.js'
import { publicationProperties } from './message.js'
import { none, standings } from './message-table.js'
import { headNow, lockInUnit, readMessage, store, takeAway } from './messages.js'
import { outgoing, type Outgoing } from './outgoing.js'
import { reasons, type Reason } from './reason.js'
import type { Unit } from './unit-of-work.js'

export const retainedQueue = 'SYSTEM.RETAINED.PUB.QUEUE'

export interface Retained {
  readonly topic: string
  readonly slot: number
  readonly order: number
}

/** Keeps a publication in the unit; 0, or why that cannot be. `message` says its topic among its properties. */
export function keepPublication(state: CoreState, topic: string, message: Outgoing, unit: Unit): Reason {
  const queue = state.queuesByName.get(retainedQueue)
  if (queue === undefined) return reasons.unknownObjectName
  // Kept persistently whatever the publication was; its descriptor still says what that was. It has no expiry but its own.
  const kept: Outgoing = message.isPersistent ? message : { ...message, isPersistent: true }
  const slot = store(state, queue, kept, unit, null)
  if (slot < 0) return -slot
  const before = state.retained.get(topic)
  if (before !== null && isThere(state, before)) lockInUnit(state, queue, before.slot, unit)
  unit.publications.push({ topic, slot, order: state.table.order(slot) })
  return reasons.none
}

/** The unit is committed: its publication is the retained one of its topic. */
export function retain(state: CoreState, publication: Retained): void {
  const before = state.retained.get(publication.topic)
  // Another unit kept one of the same topic meanwhile: the commit that came last wins.
  if (before !== null && before.order !== publication.order) removeRetained(state, before)
  if (isThere(state, publication)) state.retained.set(publication.topic, publication)
}

export function removeRetained(state: CoreState, publication: Retained): void {
  if (!isThere(state, publication)) return
  state.appendReserved({ kind: 'remove', place: state.table.place(publication.slot) })
  takeAway(state, state.queueOf(publication.slot), publication.slot)
}

/** Somebody may have taken it from its queue, or it expired. */
export const isThere = (state: CoreState, { slot, order }: Retained): boolean =>
  state.table.isStill(slot, order) && state.table.standing(slot) === standings.available

/** The publication with its body, or null when it is gone or damaged. */
export function readRetained(state: CoreState, publication: Retained): Outgoing | null {
  if (!isThere(state, publication)) return null
  const { slot } = publication
  const stored = readMessage(state, slot)
  const head = stored === null ? null : headNow(state, slot, stored)
  if (stored === null || head === null) return null
  const properties = new Map(head.properties).set(publicationProperties.isRetained, true)
  return outgoing({ ...head.descriptor, backoutCount: 0 }, properties, stored.body, state.table.expiresAt(slot))
}

/** After a restart: the map is made of what stands on the queue. */
export function restoreRetained(state: CoreState): void {
  const queue = state.queuesByName.get(retainedQueue)
  for (let list = 0; queue !== undefined && list <= 9; list++) {
    for (let slot = queue.head(list); slot !== none; ) {
      const next = state.table.next(slot)
      const stored = readMessage(state, slot)
      const topic = (stored === null ? null : headNow(state, slot, stored))?.properties.get(publicationProperties.topic)
      if (typeof topic === 'string') adopt(state, { topic, slot, order: state.table.order(slot) })
      slot = next
    }
  }
}

function adopt(state: CoreState, publication: Retained): void {
  const other = state.retained.get(publication.topic)
  if (other !== null && other.order > publication.order) removeRetained(state, publication)
  else {
    if (other !== null) removeRetained(state, other)
    state.retained.set(publication.topic, publication)
  }
}
