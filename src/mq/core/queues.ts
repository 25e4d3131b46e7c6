/** Queues come and go: predefined, permanent dynamic and temporary dynamic ones. */

import type { CoreState } from './core-state.js'
import { textOf, type ObjectDefinition } from './definition.js'
import { forget } from './messages.js'
import { dynamicName, uniqueSuffix } from './names.js'
import { Queue } from './queue.js'
import { reasons, type Reason } from './reason.js'
import { refuseWaits } from './waiters.js'

/** Makes a queue of a definition that is in the log already, or never will be (`isTemporary`). */
export function addQueue(state: CoreState, definition: ObjectDefinition, number: number, isTemporary: boolean): Queue {
  const queue = new Queue(state.table, number, definition, isTemporary)
  state.catalog.set(definition, number)
  state.queuesByName.set(definition.name, queue)
  state.queuesByNumber.set(number, queue)
  return queue
}

/** Takes a queue and all its messages away. For one that is in the log, the `delete` record has been appended. */
export function dropQueue(state: CoreState, queue: Queue): void {
  queue.isDeleted = true
  refuseWaits(state, queue, reasons.queueDeleted)
  state.queuesByName.delete(queue.name)
  state.queuesByNumber.delete(queue.number)
  state.catalog.remove(queue.definition)
  queue.forEach(slot => {
    const place = state.table.place(slot)
    if (state.table.isPersistent(slot)) state.releaseWhenForced(place)
    else state.spool.release(place)
    forget(state, queue, slot)
  })
}

/** Deletes a temporary queue, or a logged one; 2102 when the log is full. Handles that are open find it gone. */
export function deleteQueue(state: CoreState, queue: Queue): Reason {
  if (!queue.isTemporary && !state.append({ kind: 'delete', number: queue.number, type: 'QLOCAL', name: queue.name })) return reasons.resourceProblem
  dropQueue(state, queue)
  return reasons.none
}

/** Makes a queue as a model says. `asked` may end in `*`. Reasons: 2152, 2100, 2102. */
export function addDynamicQueue(state: CoreState, model: ObjectDefinition, asked: string): Queue | Reason {
  const name = dynamicName(asked, uniqueSuffix(state.epoch, state.nextUnique++))
  if (name === null) return reasons.objectNameError
  if (state.catalog.findQueue(name) !== null) return reasons.objectAlreadyExists
  const type = textOf(model, 'DEFTYPE') === 'PERMDYN' ? 'PERMDYN' : 'TEMPDYN'
  const definition: ObjectDefinition = {
    type: 'QLOCAL',
    name,
    attributes: { ...state.defaultsFor('QLOCAL'), ...model.attributes, DEFTYPE: type }
  }
  const number = state.nextQueueNumber++
  if (type === 'PERMDYN' && !state.append({ kind: 'define', number, definition })) return reasons.resourceProblem
  return addQueue(state, definition, number, type === 'TEMPDYN')
}
