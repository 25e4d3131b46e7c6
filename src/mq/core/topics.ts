/**
 * Topic objects and topic strings: which string is meant, and what the tree above it says.
 *
 * An attribute of a topic is that of the nearest topic object at or above its string that does not leave it to its
 * parent; above all stands SYSTEM.BASE.TOPIC. Source: reference section 3.8.
 */

import type { CoreState } from './core-state.js'
import { textOf, type AttributeValue, type ObjectDefinition } from './definition.js'
import type { Result } from './engine.js'
import type { PutDefaults } from './outgoing.js'
import { reasons } from './reason.js'
import { ok, refused } from './results.js'
import { filterFault, topicFault } from './topic-tree.js'

const baseTopic = 'SYSTEM.BASE.TOPIC'

export interface TopicPath {
  /** The full string. */
  readonly topic: string
  readonly defaults: PutDefaults
}

/** The topic of an object, a string, or both; 2085 for an unknown object, 2425 for a string that cannot be one. */
export function topicOf(state: CoreState, object: string, topic: string, purpose: 'publish' | 'subscribe'): Result<TopicPath> {
  let full = topic
  if (object !== '') {
    const entry = state.catalog.find('TOPIC', object)
    if (entry === null) return refused(reasons.unknownObjectName)
    const above = textOf(entry.definition, 'TOPICSTR')
    full = above === '' ? topic : topic === '' ? above : `${above}/${topic}`
  }
  const fault = purpose === 'publish' ? topicFault(full) : filterFault(full)
  if (fault !== null) return refused(reasons.topicStringError)
  const priority = topicAttribute(state, full, 'DEFPRTY')
  return ok({
    topic: full,
    defaults: {
      defaultPriority: typeof priority === 'number' ? Math.min(9, Math.max(0, priority)) : 0,
      defaultPersistence: topicAttribute(state, full, 'DEFPSIST') === 'YES' ? 1 : 0
    }
  })
}

/** What the tree says of an attribute for a topic or filter; undefined when nobody says anything. */
export function topicAttribute(state: CoreState, topic: string, attribute: string): AttributeValue | undefined {
  const objects = topicObjects(state)
  for (let at: string | null = topic; at !== null; at = above(at)) {
    const value = objects.get(at)?.attributes[attribute]
    if (value !== undefined && value !== 'ASPARENT' && value !== '') return value
  }
  const value = state.catalog.find('TOPIC', baseTopic)?.definition.attributes[attribute]
  return value === 'ASPARENT' || value === '' ? undefined : value
}

const above = (topic: string): string | null => (topic.includes('/') ? topic.slice(0, topic.lastIndexOf('/')) : null)

/** Topic objects by topic string, made again when one of them changed. */
function topicObjects(state: CoreState): ReadonlyMap<string, ObjectDefinition> {
  state.topicObjects ??= new Map(
    state.catalog
      .list('TOPIC')
      .filter(definition => textOf(definition, 'TOPICSTR') !== '')
      .map(definition => [textOf(definition, 'TOPICSTR'), definition])
  )
  return state.topicObjects
}
