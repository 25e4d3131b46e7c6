/**
 * runmqlsr and endmqlsr. The queue manager owns its sockets, so runmqlsr asks it to listen and stays for as long as that
 * shall last: when the program ends, however, so does the listener. Source: reference 1.8.
 */

import { askQueueManager, controlCall } from '../daemon/control-client.js'
import { messageLine, messageText } from '../mqsc/messages.js'
import { named } from './command.js'
import type { MqCommand, Surroundings } from './command.js'
import { lookAt } from './instance.js'

const endedByCommand = 4
const unexpected = 10
const failed = 20
const answerMs = 10_000

export const runmqlsr: MqCommand = {
  wrongUse: failed,
  spec: {
    name: 'runmqlsr',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    json: 'none',
    summary: 'runs a listener in the foreground until it is ended',
    description: 'Asks a running queue manager to listen on a port. LISTENER objects with CONTROL(QMGR) do the same without a program.',
    options: [
      { name: 't', value: 'TCP', help: 'the protocol; required, and TCP is the only one' },
      { name: 'm', value: 'QMgrName', help: 'queue manager; default: the default one' },
      { name: 'p', value: 'port', help: 'default: the Port of stanza TCP in qm.ini, else 1414' },
      { name: 'i', value: 'address', help: 'listen on this address alone; default: all' },
      { name: 'b', value: 'backlog', help: 'connections that may wait to be accepted; default 100' },
      { name: 'g', help: '', isIgnored: true }
    ],
    exit: [
      [0, 'ended by a signal, or with its queue manager'],
      [4, 'ended by endmqlsr'],
      [10, 'the connection to the queue manager broke'],
      [20, 'it could not be started']
    ],
    examples: [['runmqlsr -t TCP -p 1414 -m QM1 &', '']]
  },
  run: runListener
}

async function runListener(surroundings: Surroundings): Promise<number> {
  const { options, complain, say, context } = surroundings
  if ((options.value('t') ?? '').toUpperCase() !== 'TCP') {
    complain('runmqlsr: -t TCP is required')
    return failed
  }
  const port = options.number('p', 1, 65_535)
  const backlog = options.number('b', 1, 65_535)
  for (const value of [port, backlog]) {
    if (typeof value !== 'string') continue
    complain(`runmqlsr: ${value}`)
    return failed
  }
  const running = await find(surroundings)
  if (running === null) return failed
  const call = controlCall(running.control, { op: 'listen', port: port === null ? 0 : Number(port), address: options.value('i') ?? '', backlog: backlog === null ? 0 : Number(backlog) }, answerMs)
  let isEnded = false
  call.onMore = answer => {
    isEnded ||= answer.ok && answer.ended === true
  }
  const answer = await call.answer
  if (answer?.ok !== true) {
    call.close()
    complain(answer === null ? messageLine('AMQ8145') : messageLine('AMQ9218', 'runmqlsr', port ?? 1414, answer.why))
    return failed
  }
  say(messageText('AMQ5026', 'runmqlsr', answer.port ?? 0, process.pid))
  let isSignalled = false
  const stop = (): void => {
    isSignalled = true
    call.close()
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, stop)
  await call.gone
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.off(signal, stop)
  if (isEnded) return endedByCommand
  if (isSignalled) return 0
  const { status } = await lookAt(surroundings.layout, running.queueManager)
  if (status !== 'Ended unexpectedly') return 0
  context.err(messageLine('AMQ8145'))
  return unexpected
}

export const endmqlsr: MqCommand = {
  wrongUse: failed,
  spec: {
    name: 'endmqlsr',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'ends the listeners that runmqlsr runs',
    description: 'Listeners of LISTENER objects are ended by STOP LISTENER.',
    options: [
      { name: 'm', value: 'QMgrName', help: 'queue manager; default: the default one' },
      { name: 'w', help: 'wait until they have ended (it always does)' }
    ],
    exit: [
      [0, 'ended'],
      [10, 'there was none'],
      [20, 'error']
    ]
  },
  run: async surroundings => {
    const running = await find(surroundings)
    if (running === null) return failed
    const answer = await askQueueManager(running.control, { op: 'end-listeners' }, answerMs)
    if (answer?.ok !== true) {
      surroundings.complain(messageLine('AMQ8145'))
      return failed
    }
    surroundings.say(`${answer.count ?? 0} listeners ended.`)
    return (answer.count ?? 0) > 0 ? 0 : unexpected
  }
}

async function find(surroundings: Surroundings): Promise<{ readonly control: string; readonly queueManager: Parameters<typeof lookAt>[1] } | null> {
  const found = named(surroundings, surroundings.options.value('m') ?? undefined)
  if (!found.ok) return null
  const { processId, local } = await lookAt(surroundings.layout, found.queueManager)
  if (processId !== null) return { control: local.control, queueManager: found.queueManager }
  surroundings.complain(messageLine('AMQ8146', found.queueManager.name))
  return null
}
