/**
 * For every object type: its attributes, the words of its key cells, and the object whose values are the defaults.
 */

import { isChannelRuleType } from '../core/channel-authority.js'
import { textOf } from '../core/definition.js'
import type { AttributeValue, ObjectDefinition, ObjectType } from '../core/definition.js'
import type { AttributeSpec } from './attributes/attribute.js'
import { channelRuleAttributes } from './attributes/channel-rule.js'
import { channelAttributes, channelTypes, isChannelType } from './attributes/channel.js'
import {
  authenticationAttributes,
  authenticationTypes,
  isAuthenticationType,
  listenerAttributes,
  namelistAttributes,
  processAttributes,
  serviceAttributes,
  subscriptionAttributes,
  topicAttributes
} from './attributes/others.js'
import { aliasQueueAttributes, localQueueAttributes, modelQueueAttributes, remoteQueueAttributes } from './attributes/queue.js'
import { queueManagerAttributes } from './attributes/queue-manager.js'

const plain: Readonly<Record<Exclude<ObjectType, 'CHANNEL' | 'AUTHINFO' | 'CHLAUTH'>, readonly AttributeSpec[]>> = {
  QMGR: queueManagerAttributes,
  QLOCAL: localQueueAttributes,
  QALIAS: aliasQueueAttributes,
  QREMOTE: remoteQueueAttributes,
  QMODEL: modelQueueAttributes,
  LISTENER: listenerAttributes,
  TOPIC: topicAttributes,
  SUB: subscriptionAttributes,
  PROCESS: processAttributes,
  NAMELIST: namelistAttributes,
  SERVICE: serviceAttributes
}

/** The attribute that says which table applies, for types that have several tables. */
export const subtypeAttribute = (type: ObjectType): 'CHLTYPE' | 'AUTHTYPE' | 'TYPE' | null =>
  type === 'CHANNEL' ? 'CHLTYPE' : type === 'AUTHINFO' ? 'AUTHTYPE' : type === 'CHLAUTH' ? 'TYPE' : null

export const subtypesOf = (type: ObjectType): readonly string[] =>
  type === 'CHANNEL' ? channelTypes : type === 'AUTHINFO' ? authenticationTypes : type === 'CHLAUTH' ? Object.keys(channelRuleAttributes) : []

/** The attributes of a type in display order; for CHANNEL, AUTHINFO and CHLAUTH of one subtype, empty for an unknown one. */
export function attributesOf(type: ObjectType, subtype = ''): readonly AttributeSpec[] {
  switch (type) {
    case 'CHANNEL':
      return isChannelType(subtype) ? channelAttributes[subtype] : []
    case 'AUTHINFO':
      return isAuthenticationType(subtype) ? authenticationAttributes[subtype] : []
    case 'CHLAUTH':
      return isChannelRuleType(subtype) ? channelRuleAttributes[subtype] : []
    default:
      return plain[type]
  }
}

export function subtypeOf(definition: ObjectDefinition): string {
  const attribute = subtypeAttribute(definition.type)
  return attribute === null ? '' : textOf(definition, attribute)
}

/** Every attribute any subtype of the type has, each once, in display order. */
export function allAttributesOf(type: ObjectType): readonly AttributeSpec[] {
  const subtypes = subtypesOf(type)
  if (subtypes.length === 0) return attributesOf(type)
  const found = new Map<string, AttributeSpec>()
  for (const subtype of subtypes) for (const attribute of attributesOf(type, subtype)) if (!found.has(attribute.name)) found.set(attribute.name, attribute)
  return [...found.values()]
}

export const findAttribute = (attributes: readonly AttributeSpec[], word: string): AttributeSpec | undefined =>
  attributes.find(attribute => attribute.name === word || attribute.synonyms.includes(word))

/** Longest name of an object of the type, in characters. */
export const nameLengthOf = (type: ObjectType): number => (type === 'CHANNEL' || type === 'CHLAUTH' ? 20 : type === 'SUB' ? 10_240 : 48)

const defaultObjects: Readonly<Partial<Record<ObjectType, string>>> = {
  QLOCAL: 'SYSTEM.DEFAULT.LOCAL.QUEUE',
  QALIAS: 'SYSTEM.DEFAULT.ALIAS.QUEUE',
  QREMOTE: 'SYSTEM.DEFAULT.REMOTE.QUEUE',
  QMODEL: 'SYSTEM.DEFAULT.MODEL.QUEUE',
  LISTENER: 'SYSTEM.DEFAULT.LISTENER.TCP',
  TOPIC: 'SYSTEM.DEFAULT.TOPIC',
  SUB: 'SYSTEM.DEFAULT.SUB',
  PROCESS: 'SYSTEM.DEFAULT.PROCESS',
  NAMELIST: 'SYSTEM.DEFAULT.NAMELIST',
  SERVICE: 'SYSTEM.DEFAULT.SERVICE'
}
const defaultChannels: Readonly<Record<string, string>> = {
  SDR: 'SYSTEM.DEF.SENDER',
  SVR: 'SYSTEM.DEF.SERVER',
  RCVR: 'SYSTEM.DEF.RECEIVER',
  RQSTR: 'SYSTEM.DEF.REQUESTER',
  SVRCONN: 'SYSTEM.DEF.SVRCONN',
  CLNTCONN: 'SYSTEM.DEF.CLNTCONN',
  CLUSSDR: 'SYSTEM.DEF.CLUSSDR',
  CLUSRCVR: 'SYSTEM.DEF.CLUSRCVR',
  AMQP: 'SYSTEM.DEF.AMQP'
}

/** The object whose attributes DEFINE starts from; null for types that have none. */
export function defaultObjectOf(type: ObjectType, subtype = ''): string | null {
  if (type === 'CHANNEL') return defaultChannels[subtype] ?? null
  if (type === 'AUTHINFO') return subtype === '' ? null : `SYSTEM.DEFAULT.AUTHINFO.${subtype}`
  return defaultObjects[type] ?? null
}

/** What a new object of the type has where nothing is said: the product's own defaults, kept attributes only. */
export function productDefaults(type: ObjectType, subtype = ''): Record<string, AttributeValue> {
  const values: Record<string, AttributeValue> = {}
  for (const attribute of attributesOf(type, subtype)) if (attribute.use !== 'live') values[attribute.name] = attribute.default
  return values
}
