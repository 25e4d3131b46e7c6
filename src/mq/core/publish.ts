/**
 * A publication goes to the queue of every subscription whose topic matches and whose selector agrees, all in one unit of
 * work: either everybody gets it or nobody does.
 *
 * What happens when a queue does not take it depends on the topic (PMSGDLV, NPMSGDLV): ALL makes the publish fail, ALLDUR
 * only for durable subscriptions, ALLAVAIL never. First the dead-letter queue is tried, unless USEDLQ(NO).
 */

import type { CoreState } from './core-state.js'
import { sendToDeadLetters } from './dead-letter.js'
import { publicationProperties } from './message.js'
import { refusalByQueue, store } from './messages.js'
import { outgoing, type Outgoing } from './outgoing.js'
import { reasons, type Reason } from './reason.js'
import { keepPublication } from './retained-publications.js'
import { matches } from './selector.js'
import type { Subscription } from './subscription.js'
import { topicAttribute } from './topics.js'
import type { Unit } from './unit-of-work.js'

/** 0, or why the publication fails; the unit may hold part of it then, and cannot be committed. */
export function publish(state: CoreState, topic: string, message: Outgoing, unit: Unit, isRetained: boolean): Reason {
  if (!state.catalog.limits.isPublishSubscribeEnabled || topicAttribute(state, topic, 'PUB') === 'DISABLED') return reasons.putInhibited
  if (message.body.length > state.catalog.limits.messageBytesMax) return reasons.messageTooBigForQueueManager
  const subscriptions = state.subscriptions.tree.match(topic)
  if (subscriptions.length === 0 && !isRetained) return reasons.none
  const properties = new Map(message.properties).set(publicationProperties.topic, topic)
  const publication = outgoing(message.descriptor, properties, message.body, message.expiresAt)
  const usesDeadLetters = topicAttribute(state, topic, 'USEDLQ') !== 'NO' && state.queuesByName.has(state.catalog.limits.deadLetterQueue)
  const policy = topicAttribute(state, topic, message.isPersistent ? 'PMSGDLV' : 'NPMSGDLV') ?? (message.isPersistent ? 'ALLDUR' : 'ALLAVAIL')
  const mustReach = (subscription: Subscription): boolean => policy === 'ALL' || (policy === 'ALLDUR' && subscription.isDurable)
  // Asked before anything is stored: what is in a unit cannot be taken out of it again.
  if (!usesDeadLetters) {
    for (const subscription of subscriptions) {
      const refusal = mustReach(subscription) ? refusalBySubscription(state, subscription, publication) : reasons.none
      if (refusal !== reasons.none) return refusal
    }
  }
  if (isRetained) {
    const reason = keepPublication(state, topic, publication, unit)
    if (reason !== reasons.none) return reason
  }
  for (const subscription of subscriptions) {
    const reason = putPublication(state, subscription, publication, unit)
    if (reason === reasons.none) continue
    if (usesDeadLetters && subscription.isDurable && sendToDeadLetters(state, publication, subscription.queue, '', reason, unit) === reasons.none) continue
    if (mustReach(subscription)) return reason
  }
  return reasons.none
}

function refusalBySubscription(state: CoreState, subscription: Subscription, publication: Outgoing): Reason {
  if (!isSelected(subscription, publication)) return reasons.none
  const queue = state.queuesByName.get(subscription.queue)
  if (queue === undefined) return reasons.unknownObjectName
  return refusalByQueue(state, queue, publication.body.length, publication.isPersistent && !queue.isTemporary)
}

const isSelected = ({ selector }: Subscription, { descriptor, properties }: Outgoing): boolean => selector === null || matches(selector, descriptor, properties)

/** Puts a publication on the queue of one subscription in the unit, when its selector agrees; 0, or why it cannot. */
export function putPublication(state: CoreState, subscription: Subscription, publication: Outgoing, unit: Unit): Reason {
  if (!isSelected(subscription, publication)) return reasons.none
  const refusal = refusalBySubscription(state, subscription, publication)
  const queue = state.queuesByName.get(subscription.queue)
  if (refusal !== reasons.none || queue === undefined) return refusal
  const message = queue.isTemporary && publication.isPersistent ? asTemporary(publication) : publication
  const slot = store(state, queue, message, unit, null)
  if (slot < 0) return -slot
  subscription.messages++
  return reasons.none
}

/** A subscription that ends with its connection gets a copy that is not persistent: nobody could read it after a crash. */
const asTemporary = (publication: Outgoing): Outgoing =>
  outgoing({ ...publication.descriptor, persistence: 0 }, publication.properties, publication.body, publication.expiresAt)
