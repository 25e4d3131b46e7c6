/** What MQSC displays of a running queue manager. Source: reference section 11.1. */

import type { ConnectionStatus, HandleStatus, QueueStatus, SubscriptionStatus, TopicStatus } from './administration.js'
import type { Connection, Handle } from './connection.js'
import type { CoreState } from './core-state.js'
import { textOf } from './definition.js'
import { headNow, readMessage } from './messages.js'
import { none } from './message-table.js'
import { putMs } from './put-date.js'
import { isThere } from './retained-publications.js'
import type { Queue } from './queue.js'

export function queueStatus(state: CoreState, name: string): QueueStatus | null {
  const queue = state.queuesByName.get(name)
  if (queue === undefined) return null
  return {
    name,
    depth: queue.depth,
    openInput: queue.openInput,
    openOutput: queue.openOutput,
    hasUncommitted: queue.uncommitted > 0,
    oldestSeconds: oldestSeconds(state, queue),
    lastPutMs: queue.lastPutMs,
    lastGetMs: queue.lastGetMs
  }
}

/** By the put date of the message that was put first; that date may have been set by its putter. */
function oldestSeconds(state: CoreState, queue: Queue): number | null {
  const slot = queue.oldest()
  const stored = slot === none ? null : readMessage(state, slot)
  const head = stored === null ? null : headNow(state, slot, stored)
  const at = head === null ? null : putMs(head.descriptor.putDate, head.descriptor.putTime)
  return at === null ? null : Math.max(0, Math.floor((state.clock.wallMs() - at) / 1_000))
}

export const handlesOf = (state: CoreState, queue: string): readonly HandleStatus[] =>
  [...(state.queuesByName.get(queue)?.handles ?? [])].map(handle => handleStatus(queue, handle))

function handleStatus(queue: string, handle: Handle): HandleStatus {
  const { options, name } = handle.connection
  return {
    queue,
    connection: name,
    applicationTag: options.applicationTag,
    channel: options.channel,
    connectionName: options.connectionName,
    user: options.user,
    processId: options.processId,
    input: handle.input === 'none' ? 'NO' : handle.input === 'shared' ? 'SHARED' : 'EXCL',
    output: handle.output,
    browse: handle.browse,
    inquire: handle.inquire
  }
}

export function connectionStatus(connection: Connection): ConnectionStatus {
  const { kind, applicationTag, channel, connectionName, user, processId } = connection.options
  let unitStartedMs: number | null = null
  for (const unit of connection.units.values()) {
    if (unit.operations > 0 && (unitStartedMs === null || unit.startedMs < unitStartedMs)) unitStartedMs = unit.startedMs
  }
  return {
    id: connection.name,
    kind,
    applicationTag,
    channel,
    connectionName,
    user,
    processId,
    unitStartedMs,
    connectedMs: connection.connectedMs,
    puts: connection.puts,
    gets: connection.gets
  }
}

export const subscriptionStatus = (state: CoreState): readonly SubscriptionStatus[] =>
  [...state.subscriptions.byName.values()].map(({ name, topic, queue, isDurable, messages }) => ({ name, topic, destination: queue, isDurable, messages }))

/** Topics that somebody publishes to, subscribes to, keeps a publication of, or has defined an object for. */
export function topicStatus(state: CoreState): readonly TopicStatus[] {
  const subscribers = new Map<string, number>()
  for (const { topic } of state.subscriptions.byName.values()) subscribers.set(topic, (subscribers.get(topic) ?? 0) + 1)
  const retained = new Set(state.retained.match('#').filter(publication => isThere(state, publication)).map(publication => publication.topic))
  const objects = state.catalog.list('TOPIC').map(definition => textOf(definition, 'TOPICSTR'))
  const topics = new Set([...objects, ...state.publishers.keys(), ...subscribers.keys(), ...retained])
  topics.delete('')
  return [...topics].sort().map(topic => ({
    topic,
    publishers: state.publishers.get(topic) ?? 0,
    subscribers: subscribers.get(topic) ?? 0,
    isRetained: retained.has(topic)
  }))
}
