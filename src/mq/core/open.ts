/** Handles: what may be done with an object, and for how long. Source: reference sections 3.4, 3.5, 4.9, 6.1. */

import type { Connection, Handle } from './connection.js'
import type { CoreState } from './core-state.js'
import type { ConnectionId, HandleId, OpenOptions, OpenTarget, Result } from './engine.js'
import type { CatalogEntry } from './objects/catalog.js'
import { cursorAtStart, type Queue } from './queue.js'
import { addDynamicQueue, deleteQueue } from './queues.js'
import { reasons, type Reason } from './reason.js'
import { resolve } from './resolve.js'
import { ok, refused } from './results.js'
import { parseSelector, type Selector } from './selector.js'
import { detach } from './subscribe.js'
import { topicOf, type TopicPath } from './topics.js'
import { refuseWait } from './waiters.js'

export function openObject(state: CoreState, connectionId: ConnectionId, target: OpenTarget, options: OpenOptions): Result<Handle> {
  const connection = state.connections.get(connectionId)
  const refusal = refusalOfOpen(state, connection)
  if (connection === undefined || refusal !== reasons.none) return refused(refusal)
  const isInput = options.input !== undefined
  const forOutputOnly = !isInput && options.browse !== true
  if (forOutputOnly && options.output !== true && options.inquire !== true) return refused(reasons.optionsError)
  let selector: Selector | null = null
  if (options.selector !== undefined && options.selector !== '') {
    const parsed = parseSelector(options.selector)
    if (!parsed.ok) return refused(parsed.reason)
    selector = parsed.selector
  }
  if (target.kind === 'topic') {
    if (!forOutputOnly) return refused(reasons.optionNotValidForType)
    const path = topicOf(state, target.object ?? '', target.topic ?? '', 'publish')
    return path.ok ? ok(addHandle(state, connection, { path: path.value, options })) : path
  }
  const resolved = resolve(state, target.name, target.queueManager ?? '', forOutputOnly)
  switch (resolved.kind) {
    case 'refused':
      return refused(resolved.reason)
    case 'topic-object': {
      const path = topicOf(state, resolved.name, '', 'publish')
      return path.ok ? ok(addHandle(state, connection, { path: path.value, options, alias: resolved.alias })) : path
    }
    case 'model': {
      const queue = addDynamicQueue(state, resolved.definition, target.dynamicName ?? 'AMQ.*')
      if (typeof queue === 'number') return refused(queue)
      const opened = openQueue(state, connection, queue, options, null, selector)
      if (opened.ok) opened.value.ownsQueue = queue.isTemporary
      return opened
    }
    case 'queue':
      return openQueue(state, connection, resolved.queue, options, resolved.alias, selector)
  }
}

function refusalOfOpen(state: CoreState, connection: Connection | undefined): Reason {
  if (connection === undefined) return state.phase === 'stopping' ? reasons.queueManagerStopping : reasons.connectionHandleError
  if (state.phase !== 'running') return reasons.queueManagerQuiescing
  return connection.handles.size >= state.catalog.limits.handlesMax ? reasons.handleNotAvailable : reasons.none
}

/** Opens a queue that was found; 2042 when somebody has it exclusively, or we ask for that and somebody has it. */
export function openQueue(
  state: CoreState,
  connection: Connection,
  queue: Queue,
  options: OpenOptions,
  alias: CatalogEntry | null,
  selector: Selector | null
): Result<Handle> {
  let input: Handle['input'] = 'none'
  if (options.input !== undefined) {
    const wantsAll = options.input === 'exclusive' || (options.input === 'default' && queue.isExclusiveByDefault)
    input = wantsAll || !queue.isShareable ? 'exclusive' : 'shared'
    if (queue.isHeldExclusively || (input === 'exclusive' && queue.openInput > 0)) return refused(reasons.objectInUse)
  }
  const handle = addHandle(state, connection, { queue, options, input, alias, selector })
  if (input !== 'none') queue.openInput++
  if (input === 'exclusive') queue.isHeldExclusively = true
  if (handle.output) queue.openOutput++
  queue.handles.add(handle)
  if (handle.cursor !== null) queue.cursors.add(handle.cursor)
  if (handle.passed !== null) {
    queue.cursors.add(handle.passed)
    queue.passed.add(handle.passed)
  }
  return ok(handle)
}

interface HandleParts {
  readonly queue?: Queue
  readonly path?: TopicPath
  readonly options: OpenOptions
  readonly input?: Handle['input']
  readonly alias?: CatalogEntry | null
  readonly selector?: Selector | null
}

function addHandle(state: CoreState, connection: Connection, parts: HandleParts): Handle {
  const { options } = parts
  const handle: Handle = {
    id: connection.nextId++ as HandleId,
    connection,
    queue: parts.queue ?? null,
    topic: parts.path?.topic ?? null,
    topicDefaults: parts.path?.defaults ?? null,
    alias: parts.alias ?? null,
    input: parts.input ?? 'none',
    browse: options.browse === true,
    output: options.output === true,
    inquire: options.inquire === true,
    selector: parts.selector ?? null,
    cursor: options.browse === true ? cursorAtStart() : null,
    passed: (parts.selector ?? null) !== null && parts.input !== undefined && parts.input !== 'none' ? cursorAtStart() : null,
    ownsQueue: false,
    subscription: null,
    isStale: false,
    calls: new Set()
  }
  if (handle.alias !== null) handle.alias.opened++
  if (handle.topic !== null) state.publishers.set(handle.topic, (state.publishers.get(handle.topic) ?? 0) + 1)
  connection.handles.set(handle.id, handle)
  return handle
}

/** Ends a handle: its waits end with 2019, a temporary queue it made goes with it. */
export function closeHandle(state: CoreState, handle: Handle): void {
  if (!handle.connection.handles.delete(handle.id)) return
  for (const call of handle.calls) refuseWait(state, call, reasons.objectHandleError)
  if (handle.alias !== null) handle.alias.opened--
  if (handle.topic !== null) {
    const left = (state.publishers.get(handle.topic) ?? 1) - 1
    if (left === 0) state.publishers.delete(handle.topic)
    else state.publishers.set(handle.topic, left)
  }
  const queue = handle.queue
  if (queue === null) return
  if (handle.input !== 'none') queue.openInput--
  if (handle.input === 'exclusive') queue.isHeldExclusively = false
  if (handle.output) queue.openOutput--
  queue.handles.delete(handle)
  if (handle.cursor !== null) queue.cursors.delete(handle.cursor)
  if (handle.passed !== null) {
    queue.cursors.delete(handle.passed)
    queue.passed.delete(handle.passed)
  }
  if (handle.subscription !== null) detach(state, handle)
  // A temporary queue is not in the log, so this cannot fail.
  if (handle.ownsQueue && !queue.isDeleted) deleteQueue(state, queue)
}

export interface CloseOptions {
  readonly remove?: boolean
  readonly purge?: boolean
}

/** Closes for the owner; `remove` deletes a permanent dynamic queue (2045 for others, 2055 with messages). */
export function close(state: CoreState, connectionId: ConnectionId, handleId: HandleId, options: CloseOptions): Result<null> {
  const connection = state.connections.get(connectionId)
  if (connection === undefined) return refused(state.phase === 'stopping' ? reasons.queueManagerStopping : reasons.connectionHandleError)
  const handle = connection.handles.get(handleId)
  if (handle === undefined) return refused(reasons.objectHandleError)
  const queue = handle.queue
  if (options.remove === true && queue !== null && !queue.isTemporary && !queue.isDeleted) {
    if (queue.definition.attributes['DEFTYPE'] !== 'PERMDYN') return refused(reasons.optionNotValidForType)
    if (queue.handles.size > 1) return refused(reasons.objectInUse)
    if (queue.uncommitted > 0 || (queue.depth > 0 && options.purge !== true)) return refused(reasons.queueNotEmpty)
    const reason = deleteQueue(state, queue)
    if (reason !== reasons.none) return refused(reason)
  }
  closeHandle(state, handle)
  return ok(null)
}
