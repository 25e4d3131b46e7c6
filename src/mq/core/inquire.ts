/** What an application may ask about the queue it has open. */

import type { Connection } from './connection.js'
import { numberOf, textOf } from './definition.js'
import type { HandleId, QueueFacts, Result } from './engine.js'
import { reasons } from './reason.js'
import { ok, refused } from './results.js'

export function inquire(connection: Connection, handleId: HandleId): Result<QueueFacts> {
  const handle = connection.handles.get(handleId)
  if (handle === undefined || handle.queue === null) return refused(reasons.objectHandleError)
  const { queue, alias } = handle
  if (queue.isDeleted) return refused(reasons.queueDeleted)
  const opened = alias?.definition ?? queue.definition
  return ok({
    name: queue.name,
    depth: queue.depth,
    maxDepth: queue.depthMax,
    isGetInhibited: queue.isGetInhibited || textOf(opened, 'GET') === 'DISABLED',
    isPutInhibited: queue.isPutInhibited || textOf(opened, 'PUT') === 'DISABLED',
    defaultPersistence: textOf(opened, 'DEFPSIST') === 'YES' ? 1 : 0,
    maxMessageBytes: queue.messageBytesMax,
    backoutThreshold: numberOf(queue.definition, 'BOTHRESH')
  })
}
