/**
 * The subscriptions there are, and how their definitions (SUB objects) and queues come and go with them.
 *
 * A durable subscription is a SUB object with a queue; both are logged. A crash between the two leaves a managed queue
 * without subscription, which the next start deletes.
 */

import type { CoreState } from './core-state.js'
import { textOf, type ObjectDefinition } from './definition.js'
import type { Result } from './engine.js'
import { topicOf } from './topics.js'
import { addDynamicQueue, deleteQueue } from './queues.js'
import { reasons, type Reason } from './reason.js'
import { ok, refused } from './results.js'
import { parseSelector, type Selector } from './selector.js'
import type { Subscription } from './subscription.js'
import { TopicTree } from './topic-tree.js'
import type { Queue } from './queue.js'
import { topicAttribute } from './topics.js'

export const managedDurable = 'SYSTEM.MANAGED.DURABLE.'
export const managedNondurable = 'SYSTEM.MANAGED.NDURABLE.'

export class Subscriptions {
  readonly byName = new Map<string, Subscription>()
  readonly tree = new TopicTree<Subscription>()

  add(subscription: Subscription): void {
    this.byName.set(subscription.name, subscription)
    this.tree.add(subscription.topic, subscription)
  }

  delete(subscription: Subscription): void {
    this.byName.delete(subscription.name)
    this.tree.remove(subscription.topic, subscription)
  }
}

/** A queue of ours for a subscription; 2102 when the log is full. */
export function addManagedQueue(state: CoreState, topic: string, isDurable: boolean): Queue | Reason {
  const named = topicAttribute(state, topic, isDurable ? 'MDURMDL' : 'MNDURMDL')
  const model = typeof named === 'string' ? state.catalog.find('QMODEL', named) : null
  const attributes = { ...model?.definition.attributes, DEFTYPE: isDurable ? 'PERMDYN' : 'TEMPDYN' }
  return addDynamicQueue(state, { type: 'QMODEL', name: '', attributes }, `${isDurable ? managedDurable : managedNondurable}*`)
}

/** Adds the subscription that a SUB object says; a template without topic is none. */
export function subscriptionOf(state: CoreState, definition: ObjectDefinition): Result<Subscription | null> {
  const object = textOf(definition, 'TOPICOBJ')
  const topic = textOf(definition, 'TOPICSTR')
  if (object === '' && topic === '') return ok(null)
  const path = topicOf(state, object, topic, 'subscribe')
  if (!path.ok) return path
  const selector = selectorOf(textOf(definition, 'SELECTOR'))
  if (!selector.ok) return selector
  return ok({
    name: definition.name,
    topic: path.value.topic,
    isDurable: true,
    queue: textOf(definition, 'DEST'),
    isManaged: textOf(definition, 'DESTCLAS') === 'MANAGED',
    selector: selector.value,
    handle: null,
    messages: 0
  })
}

export function selectorOf(text: string | undefined): Result<Selector | null> {
  if (text === undefined || text === '') return ok(null)
  const parsed = parseSelector(text)
  return parsed.ok ? ok(parsed.selector) : refused(parsed.reason)
}

/** Defines or changes a SUB object; its record has not been appended yet. The definition given back names the queue. */
export function prepareSubscription(state: CoreState, definition: ObjectDefinition): Result<ObjectDefinition> {
  const made = subscriptionOf(state, definition)
  if (!made.ok) return made
  const subscription = made.value
  if (subscription === null) return ok(definition)
  const known = state.subscriptions.byName.get(definition.name)
  if (known !== undefined && !known.isDurable) return refused(reasons.objectAlreadyExists)
  if (known !== undefined && known.handle !== null && known.topic !== subscription.topic) return refused(reasons.objectInUse)
  if (!subscription.isManaged) return state.queuesByName.has(subscription.queue) ? ok(definition) : refused(reasons.unknownObjectName)
  if (known?.isManaged === true) return ok({ ...definition, attributes: { ...definition.attributes, DEST: known.queue } })
  const queue = addManagedQueue(state, subscription.topic, true)
  if (typeof queue === 'number') return refused(queue)
  return ok({ ...definition, attributes: { ...definition.attributes, DEST: queue.name } })
}

/** The definition is in the log: the subscription is what it says from now on. */
export function applySubscription(state: CoreState, definition: ObjectDefinition): void {
  const known = state.subscriptions.byName.get(definition.name)
  const made = subscriptionOf(state, definition)
  if (known !== undefined) state.subscriptions.delete(known)
  if (!made.ok || made.value === null) return
  const { value: subscription } = made
  if (known !== undefined) {
    subscription.handle = known.handle
    subscription.messages = known.messages
    if (known.handle !== null) known.handle.subscription = subscription
  }
  state.subscriptions.add(subscription)
  if (known?.isManaged === true && known.queue !== subscription.queue) dropManagedQueue(state, known)
}

/** Ends a subscription whose SUB object is deleted, or that never had one. */
export function endSubscription(state: CoreState, subscription: Subscription): void {
  state.subscriptions.delete(subscription)
  if (subscription.isManaged) dropManagedQueue(state, subscription)
}

/** When the log is full the queue stays, without a subscription, until the next start deletes it. */
function dropManagedQueue(state: CoreState, subscription: Subscription): void {
  const queue = state.queuesByName.get(subscription.queue)
  if (queue !== undefined) deleteQueue(state, queue)
}

/** After a restart: subscriptions of the SUB objects; managed queues that nobody subscribes with are deleted. */
export function restoreSubscriptions(state: CoreState): void {
  for (const definition of state.catalog.list('SUB')) applySubscription(state, definition)
  const used = new Set([...state.subscriptions.byName.values()].map(subscription => subscription.queue))
  for (const queue of [...state.queuesByName.values()]) {
    if (queue.name.startsWith(managedDurable) && textOf(queue.definition, 'DEFTYPE') === 'PERMDYN' && !used.has(queue.name)) deleteQueue(state, queue)
  }
}
