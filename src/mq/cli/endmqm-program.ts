/** endmqm: ends a queue manager, as gently as asked, and no less surely. Source: reference 1.4. */

import { controlCall } from '../daemon/control-client.js'
import type { EndMode } from '../daemon/control-protocol.js'
import { writeStatus } from '../daemon/status-file.js'
import { messageLine, messageText } from '../mqsc/messages.js'
import { acquireLock } from '../store/lock.js'
import { codes, named } from './command.js'
import type { MqCommand, Surroundings } from './command.js'
import { isProcessOf, lookAt, pause } from './instance.js'
import type { Instance } from './instance.js'

const answerMs = 5_000
/** How long a process that was killed may take to be gone. */
const killedMs = 10_000
/** A pre-emptive end that is not over by then is done by SIGKILL. */
const preemptMs = 5_000
/** The process does an immediate end within its own limit, or pre-empts itself; this is that and some more. */
const immediateMs = 90_000

export const endmqm: MqCommand = {
  wrongUse: codes.invalidParameter,
  spec: {
    name: 'endmqm',
    operands: 'QMgrName',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'ends a queue manager',
    options: [
      { name: 'c', help: 'controlled (default): it ends when every program has disconnected; returns at once' },
      { name: 'w', help: 'controlled, and waits until it has ended' },
      { name: 'i', help: 'immediate: calls in progress are finished, connections ended; waits' },
      { name: 'p', help: 'pre-emptive: waits for nothing; a process that does not react is killed. The next start recovers' },
      { name: 't', value: 'seconds', help: 'tries to end within so many seconds: controlled first, then immediate; waits' },
      { name: 'tp', value: 'seconds', help: 'as -t, and ends pre-emptively when the time is over' },
      { name: 'r', help: 'clients may reconnect elsewhere (ours always do)' },
      { name: 's', help: 'switch over to a standby instance: not available yet' },
      { name: 'x', help: 'end the standby instance alone: not available yet' },
      { name: 'z', help: 'say nothing' }
    ],
    exit: [
      [0, 'ended, or (-c) told to'],
      [16, 'there is no queue manager of that name'],
      [39, 'wrong option'],
      [40, 'it is not running here'],
      [71, 'unexpected error: it may still run'],
      [72, 'the name is not valid'],
      [77, 'it cannot switch over: there is no standby instance'],
      [119, 'not authorized']
    ],
    examples: [
      ['endmqm -w QM1', 'let the programs finish, and wait for it'],
      ['endmqm -i QM1', 'end it now, in order'],
      ['endmqm -w -r -tp 30 QM1', 'gently, but gone after 30 seconds']
    ]
  },
  run
}

async function run(surroundings: Surroundings): Promise<number> {
  const { options, complain, say, layout } = surroundings
  const modes = ['c', 'w', 'i', 'p'].filter(flag => options.has(flag))
  if (modes.length > 1) return wrong(surroundings, `-${modes.join(' and -')} exclude each other`)
  if (options.has('t') && options.has('tp')) return wrong(surroundings, '-t and -tp exclude each other')
  const target = options.number(options.has('tp') ? 'tp' : 't', 0, 999_999)
  if (typeof target === 'string') return wrong(surroundings, target)
  if (options.has('x')) return wrong(surroundings, '-x: there is no standby instance on this node; leave -x out to end the active instance')
  const found = named(surroundings, options.operands[0])
  if (!found.ok) return found.status
  const { name } = found.queueManager
  const instance = await lookAt(layout, found.queueManager)
  if (instance.processId === null) {
    complain(messageLine('AMQ8146', name))
    return codes.notAvailable
  }
  if (options.has('s')) {
    complain(messageLine('AMQ7276', name, 'no standby instance is running'))
    return 77
  }
  const mode: EndMode = modes[0] === 'i' ? 'immediate' : modes[0] === 'p' ? 'preemptive' : 'controlled'
  const isWaiting = mode !== 'controlled' || modes[0] === 'w' || target !== null
  const call = controlCall(instance.local.control, { op: 'end', mode, targetSeconds: target, mayPreempt: options.has('tp') }, answerMs)
  const answer = await call.answer
  if (answer?.ok !== true) {
    call.close()
    // It hangs, or was gone before it could answer.
    if (await isGone(instance, 0)) return ended(surroundings, name)
    if (mode === 'preemptive') return await kill(surroundings, instance)
    complain(messageLine('AMQ7280', name, `process ${instance.processId} does not answer on ${instance.local.control}; endmqm -p ends it all the same`))
    return codes.unexpected
  }
  if (mode === 'controlled') say(messageText('AMQ7030'))
  if (!isWaiting) {
    call.close()
    return codes.done
  }
  if (mode === 'controlled') say(`Waiting for queue manager ${name} to end.`)
  if (mode !== 'controlled') say(`Queue manager ${name} ending.`)
  const limitMs = mode === 'preemptive' ? preemptMs : target !== null ? target * 1000 + immediateMs : mode === 'immediate' ? immediateMs : Infinity
  const isOver = await Promise.race([call.gone.then(() => true), ...(limitMs === Infinity ? [] : [pauseUnowned(limitMs).then(() => false)])])
  call.close()
  // The connection goes with the process; the lock a moment later.
  if (isOver && (await isGone(instance, killedMs))) return ended(surroundings, name)
  if (mode === 'preemptive') return await kill(surroundings, instance)
  complain(messageLine('AMQ7280', name, `it has not ended within ${Math.round(limitMs / 1000)} s; endmqm -p ends it all the same`))
  return codes.unexpected
}

function wrong({ complain }: Surroundings, why: string): number {
  complain(`endmqm: ${why}`)
  return codes.invalidParameter
}

function ended({ say }: Surroundings, name: string): number {
  say(messageText('AMQ8004', name))
  return codes.done
}

/** SIGKILL, for a process that does not even end pre-emptively. What was answered is in the log. */
async function kill(surroundings: Surroundings, instance: Instance): Promise<number> {
  const { queueManager, processId } = instance
  const { name, dataPath } = queueManager
  if (processId !== null && isProcessOf(processId, name)) process.kill(processId, 'SIGKILL')
  if (!(await isGone(instance, killedMs))) {
    surroundings.complain(messageLine('AMQ7280', name, `process ${processId ?? 0} was killed and is still there`))
    return codes.unexpected
  }
  const lock = await acquireLock(dataPath)
  if (lock.kind === 'held') {
    if (instance.recorded !== null) writeStatus(dataPath, { ...instance.recorded, state: 'ended-preemptively', reason: 'it did not react and was killed' })
    lock.release()
  }
  return ended(surroundings, name)
}

/** Whether its process is gone, waited for at most so long. */
async function isGone({ processId, queueManager }: Instance, limitMs: number): Promise<boolean> {
  const until = performance.now() + limitMs
  while (processId !== null && isProcessOf(processId, queueManager.name)) {
    if (performance.now() >= until) return false
    await pause(10)
  }
  return true
}

/** A pause that keeps nobody from ending. */
const pauseUnowned = (ms: number): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, ms).unref()
  })
