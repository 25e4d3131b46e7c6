/**
 * rcdmqimg and rcrmqobj. Messages live in the log itself, so an image of a queue is its messages written again at the end
 * of the log; from then on older log files are not needed for it. Source: reference 1.11.
 */

import { askQueueManager } from '../daemon/control-client.js'
import { isQueueType } from '../core/definition.js'
import type { ObjectDefinition } from '../core/definition.js'
import { readQmIni } from '../installation/qm-ini.js'
import { messageLine } from '../mqsc/messages.js'
import { codes, named } from './command.js'
import type { MqCommand, Surroundings } from './command.js'
import { lookAt } from './instance.js'

const notLinear = 68
const resourceProblem = 131
const noObjects = 128
const answerMs = 600_000

/** Types whose image is the messages of queues; definitions of the others are in every checkpoint. */
const queueTypes: Readonly<Record<string, readonly string[]>> = {
  all: ['QLOCAL'],
  '*': ['QLOCAL'],
  queue: ['QLOCAL'],
  qlocal: ['QLOCAL'],
  ql: ['QLOCAL']
}
const definitionTypes: readonly string[] = [
  'qalias', 'qa', 'qremote', 'qr', 'qmodel', 'qm', 'qmgr', 'channel', 'chl', 'process', 'prcs', 'namelist', 'nl', 'listener', 'lstr', 'topic', 'sub', 'authinfo', 'service', 'syncfile', 'catalog', 'ctlg', 'clchltab'
]

const shared = (name: string, summary: string, description: string): MqCommand['spec'] => ({
  name,
  operands: '[ObjectName]',
  operandsMin: 0,
  operandsMax: 1,
  summary,
  description,
  options: [
    { name: 'm', value: 'QMgrName', help: 'queue manager; default: the default one. It must be running' },
    { name: 't', value: 'type', help: `type of the objects: ${[...Object.keys(queueTypes), ...definitionTypes].join(', ')}` },
    { name: 'l', help: 'show the log files that are needed afterwards' },
    { name: 'z', help: 'say nothing' }
  ],
  exit: [
    [0, 'done'],
    [16, 'there is no queue manager of that name'],
    [36, 'wrong arguments'],
    [40, 'it is not running'],
    [68, 'the log is circular: no media images'],
    [128, 'no object was processed'],
    [131, 'the log has no room']
  ],
  examples: [[`${name} -m QM1 -t queue '*'`, '']]
})

export const rcdmqimg: MqCommand = {
  wrongUse: codes.invalidArguments,
  spec: shared('rcdmqimg', 'records media images of objects in a linear log', 'Afterwards log files older than MEDIALOG of DISPLAY QMSTATUS are needed no more.'),
  run: surroundings => run(surroundings, 'rcdmqimg')
}

export const rcrmqobj: MqCommand = {
  wrongUse: codes.invalidArguments,
  spec: shared(
    'rcrmqobj',
    'recreates damaged objects from their media images',
    'Objects and messages are nowhere but in the log, which is read and checked as a whole at every start: an object alone cannot be damaged, so there is nothing to recreate.'
  ),
  run: surroundings => run(surroundings, 'rcrmqobj')
}

async function run(surroundings: Surroundings, command: 'rcdmqimg' | 'rcrmqobj'): Promise<number> {
  const { options, complain, say, layout } = surroundings
  const type = options.value('t')?.toLowerCase() ?? ''
  const pattern = options.operands[0] ?? ''
  if (!(type in queueTypes) && !definitionTypes.includes(type)) {
    complain(`${command}: -t with a type of objects is required`)
    return codes.invalidArguments
  }
  if (pattern === '' && type !== 'all' && type !== '*' && !['qmgr', 'syncfile', 'catalog', 'ctlg', 'clchltab'].includes(type)) {
    complain(`${command}: the name of an object is missing`)
    return codes.invalidArguments
  }
  const found = named(surroundings, options.value('m') ?? undefined)
  if (!found.ok) return found.status
  const { name, dataPath } = found.queueManager
  if (readQmIni(dataPath).log.type !== 'LINEAR') {
    complain(messageLine('AMQ8199', command, 'media images need a linear log (crtmqm -ll); this queue manager has a circular one'))
    return notLinear
  }
  const { processId, local } = await lookAt(layout, found.queueManager)
  const listed = processId === null ? null : await askQueueManager(local.control, { op: 'definitions' }, answerMs)
  if (listed?.ok !== true || listed.definitions === undefined) {
    complain(messageLine('AMQ8146', name))
    return codes.notAvailable
  }
  const queues = chosen(listed.definitions, type, pattern)
  if (command === 'rcrmqobj' || (queues.length === 0 && type in queueTypes)) {
    complain(command === 'rcrmqobj' ? 'No object is damaged; no object was processed.' : messageLine('AMQ8147', pattern))
    return noObjects
  }
  const answer = await askQueueManager(local.control, { op: 'record-image', queues }, answerMs)
  if (answer?.ok !== true) {
    complain(messageLine('AMQ8199', 'a media image', answer?.why ?? 'the queue manager did not answer'))
    return resourceProblem
  }
  say(`Media images of ${queues.length} queues recorded.`)
  return codes.done
}

function chosen(definitions: readonly ObjectDefinition[], type: string, pattern: string): string[] {
  const types = queueTypes[type] ?? []
  const matches = (name: string): boolean => pattern === '' || pattern === '*' || (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern)
  return definitions.filter(definition => isQueueType(definition.type) && types.includes(definition.type) && matches(definition.name)).map(({ name }) => name)
}
