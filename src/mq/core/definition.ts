/**
 * What an object definition is, whoever defines it: MQSC, a start of the queue manager, or restart recovery.
 *
 * Attributes are kept under their MQSC names (`MAXDEPTH`, `DESCR`), completely: a definition in hand has every attribute
 * of its type, defaults filled in. Flags without parentheses (`SHARE`, `TRIGGER`, `HARDENBO`) are kept as their
 * positive name with `'YES'` or `'NO'`. Numbers are numbers; keywords are upper case; names and texts are as given.
 */

export const objectTypes = [
  'QMGR',
  'QLOCAL',
  'QALIAS',
  'QREMOTE',
  'QMODEL',
  'CHANNEL',
  'LISTENER',
  'TOPIC',
  'SUB',
  'PROCESS',
  'NAMELIST',
  'AUTHINFO',
  'SERVICE',
  'CHLAUTH'
] as const
export type ObjectType = (typeof objectTypes)[number]

export type QueueType = 'QLOCAL' | 'QALIAS' | 'QREMOTE' | 'QMODEL'
export const isQueueType = (type: ObjectType): type is QueueType => type === 'QLOCAL' || type === 'QALIAS' || type === 'QREMOTE' || type === 'QMODEL'

export type AttributeValue = string | number | readonly string[]

export interface ObjectDefinition {
  readonly type: ObjectType
  /** Unique among the objects of its namespace: all queues share one; every other type has its own. */
  readonly name: string
  readonly attributes: Readonly<Record<string, AttributeValue>>
}

/** Namespace key: what may not exist twice. */
export const definitionKey = (definition: Pick<ObjectDefinition, 'type' | 'name'>): string =>
  `${isQueueType(definition.type) ? 'QUEUE' : definition.type}/${definition.name}`

/** A text attribute; '' when absent or of another shape. */
export function textOf(definition: ObjectDefinition, attribute: string): string {
  const value = definition.attributes[attribute]
  return typeof value === 'string' ? value : ''
}

/** A number attribute; `otherwise` when absent or of another shape. */
export function numberOf(definition: ObjectDefinition, attribute: string, otherwise = 0): number {
  const value = definition.attributes[attribute]
  return typeof value === 'number' ? value : otherwise
}
