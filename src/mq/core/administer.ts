/** Objects are defined, deleted and cleared. Source: reference sections 3.4 to 3.8. */

import type { AdminOutcome, BegunClear } from './administration.js'
import type { CoreState } from './core-state.js'
import { isQueueType, textOf, type ObjectDefinition, type ObjectType } from './definition.js'
import type { Lsn } from './journal.js'
import { none } from './message-table.js'
import { takeAway } from './messages.js'
import type { CatalogEntry } from './objects/catalog.js'
import { priorities, type Queue } from './queue.js'
import { addQueue, deleteQueue } from './queues.js'
import { reasons, type Reason } from './reason.js'
import { ok, refused } from './results.js'
import { removeRetained } from './retained-publications.js'
import { applySubscription, endSubscription, managedDurable, prepareSubscription } from './subscriptions.js'
import { refuseWait, refuseWaits } from './waiters.js'

/** A few milliseconds. */
const clearSliceMessages = 5_000

const done = (state: CoreState): AdminOutcome => ({ ok: true, end: state.firmEnd })
const existing = (state: CoreState, type: ObjectType, name: string): CatalogEntry | null =>
  isQueueType(type) ? state.catalog.findQueue(name) : state.catalog.find(type, name)

export function define(state: CoreState, given: ObjectDefinition, isForced: boolean): AdminOutcome {
  const { type, name } = given
  const known = existing(state, type, name)
  if (known !== null && known.definition.type !== type) return refused(reasons.objectAlreadyExists)
  const queue = type === 'QLOCAL' ? state.queuesByName.get(name) : undefined
  const refusal = refusalOfChange(known, queue, given, isForced)
  if (refusal !== reasons.none) return refused(refusal)
  const prepared = type === 'SUB' ? prepareSubscription(state, given) : ok(given)
  if (!prepared.ok) return prepared
  const definition = prepared.value
  const number = known?.number ?? (isQueueType(type) ? state.nextQueueNumber++ : 0)
  if (queue?.isTemporary !== true && !state.append({ kind: 'define', number, definition })) return refused(reasons.resourceProblem)
  const before = known?.definition ?? null
  if (type === 'QLOCAL' && queue === undefined) addQueue(state, definition, number, false)
  else state.catalog.set(definition, number)
  if (queue !== undefined) {
    queue.redefine(definition)
    if (queue.isGetInhibited) refuseWaits(state, queue, reasons.getInhibited)
  }
  if (type === 'TOPIC') state.topicObjects = null
  if (type === 'SUB') applySubscription(state, definition)
  if (type === 'QALIAS' && known !== null && before !== null) onAliasChanged(state, known, before)
  return done(state)
}

function refusalOfChange(known: CatalogEntry | null, queue: Queue | undefined, definition: ObjectDefinition, isForced: boolean): Reason {
  if (queue !== undefined) {
    const isUsageChanged = (textOf(definition, 'USAGE') === 'XMITQ') !== queue.isTransmission
    if (isUsageChanged && (queue.depth > 0 || queue.handles.size > 0)) return reasons.objectInUse
    const isNoMoreShared = queue.isShareable && textOf(definition, 'SHARE') === 'NO'
    if (isNoMoreShared && queue.openInput > 1 && !isForced) return reasons.objectInUse
  }
  if (known !== null && definition.type === 'QALIAS' && known.opened > 0 && !isForced && isElsewhere(known.definition, definition)) return reasons.objectInUse
  return reasons.none
}

const isElsewhere = (before: ObjectDefinition, now: ObjectDefinition): boolean =>
  textOf(before, 'TARGET') !== textOf(now, 'TARGET') || textOf(before, 'TARGTYPE') !== textOf(now, 'TARGTYPE')

/** Handles that were opened by the alias: stale when it leads elsewhere now, their waits over when gets are inhibited. */
function onAliasChanged(state: CoreState, alias: CatalogEntry, before: ObjectDefinition): void {
  const isStale = isElsewhere(before, alias.definition)
  const isInhibited = textOf(alias.definition, 'GET') === 'DISABLED'
  if (alias.opened === 0 || (!isStale && !isInhibited)) return
  for (const connection of state.connections.values()) {
    for (const handle of connection.handles.values()) {
      if (handle.alias !== alias) continue
      if (isStale) handle.isStale = true
      for (const call of handle.calls) refuseWait(state, call, isStale ? reasons.objectChanged : reasons.getInhibited)
    }
  }
}

export function removeObject(state: CoreState, type: ObjectType, name: string, purge: boolean): AdminOutcome {
  const known = existing(state, type, name)
  if (known === null || known.definition.type !== type) return refused(reasons.unknownObjectName)
  if (known.opened > 0) return refused(reasons.objectInUse)
  const queue = type === 'QLOCAL' ? state.queuesByName.get(name) : undefined
  if (queue !== undefined) {
    if (queue.handles.size > 0 || queue.openInput > 0 || isSubscribed(state, queue)) return refused(reasons.objectInUse)
    if (queue.uncommitted > 0 || (queue.depth > 0 && !purge)) return refused(reasons.queueNotEmpty)
    const reason = deleteQueue(state, queue)
    return reason === reasons.none ? done(state) : refused(reason)
  }
  const subscription = type === 'SUB' ? state.subscriptions.byName.get(name) : undefined
  if (subscription !== undefined && subscription.handle !== null) return refused(reasons.objectInUse)
  if (!state.append({ kind: 'delete', number: known.number, type, name })) return refused(reasons.resourceProblem)
  state.catalog.remove(known.definition)
  if (type === 'TOPIC') state.topicObjects = null
  if (subscription !== undefined) endSubscription(state, subscription)
  return done(state)
}

/** A queue that we made for a subscription goes with it, not before. */
function isSubscribed(state: CoreState, queue: Queue): boolean {
  if (!queue.name.startsWith(managedDurable)) return false
  for (const { queue: name } of state.subscriptions.byName.values()) if (name === queue.name) return true
  return false
}

/** Forgets the retained publication of a topic; done when there is none. */
export function clearRetained(state: CoreState, topic: string): AdminOutcome {
  const publication = state.retained.get(topic)
  if (publication !== null) {
    removeRetained(state, publication)
    state.retained.delete(topic)
  }
  return done(state)
}

export function clearQueue(state: CoreState, name: string): AdminOutcome {
  const begun = beginClear(state, name)
  if (!begun.ok) return begun
  while (!begun.clearing.next().isDone) continue
  return done(state)
}

/**
 * Takes the messages that are on a queue now off it, slice by slice. It holds the queue like one who has it open for exclusive
 * input: so nothing of what it has still to take can be locked by anybody else.
 */
export function beginClear(state: CoreState, name: string): BegunClear {
  const queue = state.queuesByName.get(name)
  if (queue === undefined) return refused(reasons.unknownObjectName)
  if (queue.openInput > 0) return refused(reasons.objectInUse)
  if (queue.uncommitted > 0) return refused(reasons.queueNotEmpty)
  const before = state.nextOrder
  queue.openInput++
  queue.isHeldExclusively = true
  let isHolding = true
  const next = (): { readonly isDone: boolean; readonly end: Lsn } => {
    if (isHolding && (queue.isDeleted || clearSlice(state, queue, before))) {
      isHolding = false
      queue.openInput--
      queue.isHeldExclusively = false
    }
    return { isDone: !isHolding, end: state.firmEnd }
  }
  return { ok: true, clearing: { next } }
}

/** True when nothing is left that was put before. */
function clearSlice(state: CoreState, queue: Queue, before: number): boolean {
  const { table } = state
  let left = clearSliceMessages
  for (let list = priorities - 1; list >= 0; list--) {
    // In a list messages stand in the order in which they were put.
    for (let slot = queue.head(list); slot !== none && table.order(slot) < before; slot = queue.head(list)) {
      if (left === 0) return false
      left--
      if (table.isPersistent(slot)) state.appendReserved({ kind: 'remove', place: table.place(slot) })
      takeAway(state, queue, slot)
    }
  }
  return true
}
