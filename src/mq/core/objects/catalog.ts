/** The objects of a queue manager by type and name. Source: reference section 3; names of all queues share one space. */

import { definitionKey, numberOf, objectTypes, textOf, type ObjectDefinition, type ObjectType } from '../definition.js'

/** An object as everybody who has it open sees it: a new definition replaces the old one in place. */
export interface CatalogEntry {
  definition: ObjectDefinition
  /** Number of a queue, else 0. */
  readonly number: number
  /** Open handles that name it, for objects without messages; queues count their own. */
  opened: number
}

/** What the queue manager object says that is looked at on every call. */
export interface Limits {
  messageBytesMax: number
  handlesMax: number
  uncommittedMax: number
  deadLetterQueue: string
  codedCharacterSetId: number
  defaultTransmissionQueue: string
  isPublishSubscribeEnabled: boolean
}

const limitsOf = (definition: ObjectDefinition | null): Limits => {
  const qmgr: ObjectDefinition = definition ?? { type: 'QMGR', name: '', attributes: {} }
  return {
    messageBytesMax: numberOf(qmgr, 'MAXMSGL', 4_194_304),
    handlesMax: numberOf(qmgr, 'MAXHANDS', 256),
    uncommittedMax: numberOf(qmgr, 'MAXUMSGS', 10_000),
    deadLetterQueue: textOf(qmgr, 'DEADQ'),
    codedCharacterSetId: numberOf(qmgr, 'CCSID', 1208),
    defaultTransmissionQueue: textOf(qmgr, 'DEFXMITQ'),
    isPublishSubscribeEnabled: textOf(qmgr, 'PSMODE') !== 'DISABLED'
  }
}

const byName = (a: ObjectDefinition, b: ObjectDefinition): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

export class Catalog {
  readonly #entries = new Map<string, CatalogEntry>()
  readonly #namesByType = new Map<ObjectType, Map<string, CatalogEntry>>(objectTypes.map(type => [type, new Map()]))
  limits: Limits = limitsOf(null)

  find(type: ObjectType, name: string): CatalogEntry | null {
    return this.#ofType(type).get(name) ?? null
  }

  findQueue(name: string): CatalogEntry | null {
    return this.#entries.get(`QUEUE/${name}`) ?? null
  }

  list(type: ObjectType): readonly ObjectDefinition[] {
    return [...this.#ofType(type).values()].map(entry => entry.definition).sort(byName)
  }

  /** Creates or replaces; `number` counts for a new one only. */
  set(definition: ObjectDefinition, number: number): CatalogEntry {
    const key = definitionKey(definition)
    const known = this.#entries.get(key)
    const entry = known ?? { definition, number, opened: 0 }
    entry.definition = definition
    if (known === undefined) {
      this.#entries.set(key, entry)
      this.#ofType(definition.type).set(definition.name, entry)
    }
    if (definition.type === 'QMGR') this.limits = limitsOf(definition)
    return entry
  }

  remove(definition: ObjectDefinition): void {
    const key = definitionKey(definition)
    if (!this.#entries.delete(key)) return
    this.#ofType(definition.type).delete(definition.name)
  }

  #ofType(type: ObjectType): Map<string, CatalogEntry> {
    return this.#namesByType.get(type) as Map<string, CatalogEntry> // every type has one from the start
  }
}
