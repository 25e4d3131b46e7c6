/**
 * From the name that is opened to the queue or topic it stands for. Source: reference section 6.1, without transmission:
 * a name that leads to another queue manager is refused with the reason why there is no route.
 */

import type { CoreState } from './core-state.js'
import { textOf, type ObjectDefinition } from './definition.js'
import { isObjectName } from './names.js'
import type { CatalogEntry } from './objects/catalog.js'
import type { Queue } from './queue.js'
import { reasons, type Reason } from './reason.js'

export type Resolved =
  | { readonly kind: 'queue'; readonly queue: Queue; readonly alias: CatalogEntry | null }
  | { readonly kind: 'model'; readonly definition: ObjectDefinition }
  | { readonly kind: 'topic-object'; readonly name: string; readonly alias: CatalogEntry }
  | { readonly kind: 'refused'; readonly reason: Reason }

const refusedFor = (reason: Reason): Resolved => ({ kind: 'refused', reason })

/** `forOutputOnly` false: nothing remote can be meant (2045). */
export function resolve(state: CoreState, name: string, queueManager: string, forOutputOnly: boolean): Resolved {
  if (queueManager !== '' && !isObjectName(queueManager)) return refusedFor(reasons.objectQueueManagerNameError)
  if (!isObjectName(name)) return refusedFor(reasons.objectNameError)
  if (queueManager !== '' && queueManager !== state.name) return elsewhere(state, name, queueManager, forOutputOnly)
  const entry = state.catalog.findQueue(name)
  if (entry === null) return refusedFor(reasons.unknownObjectName)
  switch (entry.definition.type) {
    case 'QALIAS':
      return aliased(state, entry, forOutputOnly)
    case 'QMODEL':
      return { kind: 'model', definition: entry.definition }
    case 'QREMOTE':
      return remote(state, entry, forOutputOnly)
    default:
      return local(state, name, null)
  }
}

function local(state: CoreState, name: string, alias: CatalogEntry | null): Resolved {
  const queue = state.queuesByName.get(name)
  return queue === undefined ? refusedFor(reasons.unknownObjectName) : { kind: 'queue', queue, alias }
}

function aliased(state: CoreState, alias: CatalogEntry, forOutputOnly: boolean): Resolved {
  const target = textOf(alias.definition, 'TARGET') || textOf(alias.definition, 'TARGQ')
  if (textOf(alias.definition, 'TARGTYPE') === 'TOPIC') {
    return forOutputOnly ? { kind: 'topic-object', name: target, alias } : refusedFor(reasons.optionNotValidForType)
  }
  const entry = state.catalog.findQueue(target)
  if (entry === null) return refusedFor(reasons.unknownAliasBaseQueue)
  if (entry.definition.type === 'QALIAS' || entry.definition.type === 'QMODEL') return refusedFor(reasons.aliasBaseQueueTypeError)
  if (entry.definition.type !== 'QREMOTE') return local(state, target, alias)
  const resolved = remote(state, entry, forOutputOnly)
  // The name opened first supplies the defaults.
  return resolved.kind === 'queue' ? { ...resolved, alias } : resolved
}

/** A remote definition leads home when it names this queue manager, else nowhere yet. */
function remote(state: CoreState, entry: CatalogEntry, forOutputOnly: boolean): Resolved {
  if (!forOutputOnly) return refusedFor(reasons.optionNotValidForType)
  const { definition } = entry
  const name = textOf(definition, 'RNAME')
  const queueManager = textOf(definition, 'RQMNAME')
  if (name === '') return refusedFor(reasons.unknownObjectName)
  if (queueManager !== '' && queueManager !== state.name) return refusedFor(routeRefusal(state, textOf(definition, 'XMITQ'), queueManager))
  const target = state.catalog.findQueue(name)
  if (target === null || target.definition.type !== 'QLOCAL') return refusedFor(reasons.remoteQueueNameError)
  return local(state, name, entry)
}

/** A queue manager alias may bring the name home. */
function elsewhere(state: CoreState, name: string, queueManager: string, forOutputOnly: boolean): Resolved {
  const alias = state.catalog.find('QREMOTE', queueManager)
  if (alias !== null && textOf(alias.definition, 'RNAME') === '') {
    const target = textOf(alias.definition, 'RQMNAME')
    if (target === state.name) return resolve(state, name, '', forOutputOnly)
    return refusedFor(routeRefusal(state, textOf(alias.definition, 'XMITQ'), target))
  }
  return refusedFor(routeRefusal(state, '', queueManager))
}

/** Why no message can be sent to this queue manager. */
function routeRefusal(state: CoreState, transmissionQueue: string, queueManager: string): Reason {
  if (transmissionQueue !== '') return transmissionRefusal(state, transmissionQueue, reasons.unknownTransmissionQueue, reasons.transmissionQueueTypeError, reasons.transmissionQueueUsageError)
  const named = state.queuesByName.get(queueManager)
  if (named?.isTransmission === true) return reasons.unknownRemoteQueueManager
  const byDefault = state.catalog.limits.defaultTransmissionQueue
  if (byDefault === '') return reasons.unknownRemoteQueueManager
  return transmissionRefusal(state, byDefault, reasons.unknownDefaultTransmissionQueue, reasons.defaultTransmissionQueueTypeError, reasons.defaultTransmissionQueueUsageError)
}

function transmissionRefusal(state: CoreState, name: string, unknown: Reason, type: Reason, usage: Reason): Reason {
  const entry = state.catalog.findQueue(name)
  if (entry === null) return unknown
  if (entry.definition.type !== 'QLOCAL') return type
  // A good transmission queue still leads nowhere: there are no message channels yet.
  return textOf(entry.definition, 'USAGE') === 'XMITQ' ? reasons.unknownRemoteQueueManager : usage
}
