/** Subscriptions as connections make, resume and end them. */

import type { Connection, Handle } from './connection.js'
import type { CoreState } from './core-state.js'
import type { ConnectionId, Result, Subscribed, SubscribeRequest } from './engine.js'
import { putPublication } from './publish.js'
import { closeHandle, openQueue } from './open.js'
import { reasons, type Reason } from './reason.js'
import { ok, refused } from './results.js'
import { readRetained } from './retained-publications.js'
import type { Subscription } from './subscription.js'
import { addManagedQueue, applySubscription, endSubscription, prepareSubscription, selectorOf } from './subscriptions.js'
import { topicAttribute, topicOf } from './topics.js'
import { uniqueSuffix } from './names.js'
import { commitUnit, ownUnit } from './units.js'

const nameLengthMax = 10_240

export function subscribe(state: CoreState, id: ConnectionId, request: SubscribeRequest): Result<Subscribed> {
  const connection = state.connections.get(id)
  if (connection === undefined) return refused(state.phase === 'stopping' ? reasons.queueManagerStopping : reasons.connectionHandleError)
  if (state.phase !== 'running') return refused(reasons.queueManagerQuiescing)
  if (connection.handles.size >= state.catalog.limits.handlesMax) return refused(reasons.handleNotAvailable)
  const name = request.durableName
  if (name !== null && (name === '' || name.length > nameLengthMax)) return refused(reasons.subscriptionNameError)
  const known = name === null ? undefined : state.subscriptions.byName.get(name)
  if (known !== undefined) return request.resume === true ? resume(state, connection, known, request) : refused(reasons.subscriptionAlreadyExists)
  if (name !== null && request.create === false) return refused(reasons.noSubscription)
  const path = topicOf(state, request.object ?? '', request.topic, 'subscribe')
  if (!path.ok) return path
  const { topic } = path.value
  const refusal = refusalByTopic(state, topic, name !== null)
  if (refusal !== reasons.none) return refused(refusal)
  const made = name === null ? addNondurable(state, topic, request.selector) : addDurable(state, connection, name, topic, request.selector)
  if (!made.ok) return made
  const attached = attach(state, connection, made.value, false)
  if (attached.ok) sendRetained(state, made.value)
  return attached
}

/** What the request says must be what the subscription is; what it leaves out is taken as it is. */
function resume(state: CoreState, connection: Connection, known: Subscription, request: SubscribeRequest): Result<Subscribed> {
  if (known.handle !== null) return refused(reasons.subscriptionInUse)
  const object = request.object ?? ''
  if (object !== '' || request.topic !== '') {
    const path = topicOf(state, object, request.topic, 'subscribe')
    if (!path.ok) return path
    if (path.value.topic !== known.topic) return refused(reasons.topicNotAlterable)
  }
  const selector = selectorOf(request.selector)
  if (!selector.ok) return selector
  if (selector.value !== null && selector.value.text !== known.selector?.text) return refused(reasons.selectorNotAlterable)
  return attach(state, connection, known, true)
}

function refusalByTopic(state: CoreState, topic: string, isDurable: boolean): Reason {
  if (!state.catalog.limits.isPublishSubscribeEnabled || topicAttribute(state, topic, 'SUB') === 'DISABLED') return reasons.subscriptionInhibited
  return isDurable && topicAttribute(state, topic, 'DURSUB') === 'NO' ? reasons.durabilityNotAllowed : reasons.none
}

function addNondurable(state: CoreState, topic: string, selectorText: string | undefined): Result<Subscription> {
  const selector = selectorOf(selectorText)
  if (!selector.ok) return selector
  const queue = addManagedQueue(state, topic, false)
  if (typeof queue === 'number') return refused(queue)
  const name = `${state.name} ${uniqueSuffix(state.epoch, state.nextUnique++)}`
  const subscription: Subscription = { name, topic, isDurable: false, queue: queue.name, isManaged: true, selector: selector.value, handle: null, messages: 0 }
  state.subscriptions.add(subscription)
  return ok(subscription)
}

function addDurable(state: CoreState, connection: Connection, name: string, topic: string, selector: string | undefined): Result<Subscription> {
  const prepared = prepareSubscription(state, {
    type: 'SUB',
    name,
    attributes: {
      ...state.defaultsFor('SUB'),
      TOPICOBJ: '',
      TOPICSTR: topic,
      SELECTOR: selector ?? '',
      DESTCLAS: 'MANAGED',
      DEST: '',
      DURABLE: 'YES',
      SUBTYPE: 'API',
      SUBUSER: connection.userIdentifier
    }
  })
  if (!prepared.ok) return prepared
  if (!state.append({ kind: 'define', number: 0, definition: prepared.value })) return refused(reasons.resourceProblem)
  state.catalog.set(prepared.value, 0)
  applySubscription(state, prepared.value)
  return ok(state.subscriptions.byName.get(name) as Subscription) // added just now: its topic was checked
}

/** Opens the queue of a subscription; 2429 when somebody else uses it. */
function attach(state: CoreState, connection: Connection, subscription: Subscription, resumed: boolean): Result<Subscribed> {
  if (subscription.handle !== null) return refused(reasons.subscriptionInUse)
  const queue = state.queuesByName.get(subscription.queue)
  if (queue === undefined) return refused(reasons.unknownObjectName)
  const opened = openQueue(state, connection, queue, { input: 'shared' }, null, null)
  if (!opened.ok) {
    if (!resumed) endSubscription(state, subscription)
    return opened
  }
  opened.value.subscription = subscription
  subscription.handle = opened.value
  return ok({ handle: opened.value.id, queue: queue.name, resumed })
}

/** What was published before, one of each topic. */
function sendRetained(state: CoreState, subscription: Subscription): void {
  const found = state.retained.match(subscription.topic)
  if (found.length === 0) return
  const unit = ownUnit(state)
  for (const retained of found) {
    const message = readRetained(state, retained)
    // One that does not fit is missing for this subscriber, as a publication to a full queue would be.
    if (message !== null) putPublication(state, subscription, message, unit)
  }
  commitUnit(state, unit, null, null, 0, null)
}

/** The handle on its queue is closed: one that is not durable ends. */
export function detach(state: CoreState, handle: Handle): void {
  const { subscription } = handle
  if (subscription === null) return
  handle.subscription = null
  subscription.handle = null
  if (!subscription.isDurable) endSubscription(state, subscription)
}

export function unsubscribe(state: CoreState, id: ConnectionId, durableName: string): Result<null> {
  if (!state.connections.has(id)) return refused(state.phase === 'stopping' ? reasons.queueManagerStopping : reasons.connectionHandleError)
  const subscription = state.subscriptions.byName.get(durableName)
  if (subscription === undefined || !subscription.isDurable) return refused(reasons.noSubscription)
  if (subscription.handle !== null && subscription.handle.connection.id !== id) return refused(reasons.subscriptionInUse)
  if (!state.append({ kind: 'delete', number: 0, type: 'SUB', name: durableName })) return refused(reasons.resourceProblem)
  const entry = state.catalog.find('SUB', durableName)
  if (entry !== null) state.catalog.remove(entry.definition)
  if (subscription.handle !== null) closeHandle(state, subscription.handle)
  endSubscription(state, subscription)
  return ok(null)
}
