/** strmqm: starts a queue manager as a process of its own, and returns when it accepts connections. Source: reference 1.3. */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { exitMeaning } from '../daemon/exit-status.js'
import { readyDescriptorVariable } from '../daemon/ready-pipe.js'
import type { StartWord } from '../daemon/ready-pipe.js'
import { makeDirectory } from '../installation/durable-file.js'
import { localFiles } from '../installation/layout.js'
import type { LocalFiles } from '../installation/layout.js'
import { messageLine, messageText } from '../mqsc/messages.js'
import { lifeOf } from '../../process/life.js'
import { codes, named } from './command.js'
import type { MqCommand, Surroundings } from './command.js'
import { lookAt, pause, registeredProcess } from './instance.js'
import type { Instance } from './instance.js'

const mainModule = path.join(path.dirname(fileURLToPath(import.meta.url)), '../daemon/main.js')
/** How long a process of the life before may take to be gone. */
const goneMs = 5_000
const lastWordsMax = 15
const wordsBytesMax = 1024 * 1024
const standbyNotHere = ['x', 'a', 'r', 'ii', 'ic', 'iv', 'e'] as const

export const strmqm: MqCommand = {
  wrongUse: codes.invalidParameter,
  spec: {
    name: 'strmqm',
    operands: '[QMgrName]',
    operandsMin: 0,
    operandsMax: 1,
    summary: 'starts a queue manager',
    description:
      'Starts the process of the queue manager, waits until its log is replayed and it accepts connections, then returns. Without a name the default queue manager is meant. When strmqm is interrupted before that, the start is given up.',
    options: [
      { name: 'ns', help: 'without services: no listener starts by itself' },
      { name: 'c', help: 'define the system objects anew, then end; the queue manager is not left running' },
      { name: 'f', help: 'make directories that are missing in the data directory' },
      { name: 'd', value: 'detail', help: 'messages during the start: all (default), minimal or none' },
      { name: 'z', help: 'say nothing' },
      ...standbyNotHere.map(name => ({ name, help: '', isIgnored: true, ...(['ii', 'ic', 'iv', 'e'].includes(name) ? { value: 'value' } : {}) }))
    ],
    exit: [
      [0, 'it accepts connections'],
      [5, 'it is running already on this node'],
      [16, 'there is no queue manager of that name'],
      [23, 'the log is missing, damaged, foreign or of a newer version'],
      [24, 'a process of the life before is still there'],
      [39, 'wrong option'],
      [43, 'it runs on another node, which does not permit standby instances'],
      [49, 'it is just ending'],
      [69, 'no room on the disk or in memory'],
      [71, 'unexpected error; it is said'],
      [72, 'the name is not valid'],
      [100, 'the data or log directory is not there'],
      [119, 'not authorized']
    ],
    files: ['<data>/errors/AMQERR01.LOG (what it has to say while it runs)', '<root>/errors/<directory>.stderr (last words of a process that died)', '<root>/sockets/<directory>/pid'],
    examples: [
      ['strmqm QM1', 'start it'],
      ['strmqm -ns QM1', 'start it for an administrator alone: no listener']
    ]
  },
  run
}

async function run(surroundings: Surroundings): Promise<number> {
  const { options, complain, layout, say } = surroundings
  for (const option of standbyNotHere) {
    if (!options.has(option)) continue
    complain(option === 'x' ? 'strmqm: -x: standby instances are not available yet; start it without -x on one node' : `strmqm: -${option} is not available here`)
    return codes.invalidParameter
  }
  const detail = options.value('d') ?? 'all'
  if (!['all', 'minimal', 'none'].includes(detail)) {
    complain(`strmqm: -d takes all, minimal or none, not '${detail}'`)
    return codes.invalidParameter
  }
  const found = named(surroundings, options.operands[0])
  if (!found.ok) return found.status
  const { name } = found.queueManager
  const local = localFiles(layout, found.queueManager.directory)
  const ending = registeredProcess(local, name)
  if (ending !== null && lifeOf(ending) === 'ending') {
    say(`Waiting for process ${ending} of its last life, which was ended and still waits for its disk.`)
    if (!(await isPredecessorGone(local, name))) return stillThere(surroundings, name, ending)
  }
  const instance = await lookAt(layout, found.queueManager)
  const refused = refusal(surroundings, instance)
  if (refused !== null) return refused
  if (!(await isPredecessorGone(local, name))) return stillThere(surroundings, name, registeredProcess(local, name))
  say(messageText('AMQ8141', name))
  say('The queue manager is associated with installation Installation1.')
  const isObjects = options.has('c')
  return await launch(surroundings, instance, { withServices: !options.has('ns') && !isObjects, isObjects, detail })
}

/** The status when it cannot be started now, for a reason that can be seen from outside. */
function refusal({ complain }: Surroundings, { queueManager, status, master }: Instance): number | null {
  const { name, dataPath } = queueManager
  switch (status) {
    case 'Status not available':
      complain(messageLine('AMQ7001', name, `${dataPath} cannot be reached`))
      return codes.logLocation
    case 'Quiescing':
    case 'Ending immediately':
    case 'Ending pre-emptively':
      complain(messageLine('AMQ8108', name))
      return codes.stopping
    case 'Starting':
    case 'Running':
      complain(messageLine('AMQ7005', name))
      return codes.running
    case 'Running as standby':
      complain(messageLine('AMQ7005', name))
      return codes.running
    case 'Running elsewhere':
      complain(`${messageLine('AMQ7005', name)} It runs on ${master?.holder?.host ?? 'another host'}, which does not permit standby instances.`)
      return 43
    default:
      return null
  }
}

function stillThere({ complain }: Surroundings, name: string, processId: number | null): number {
  complain(`${messageLine('AMQ7005', name)} Process ${processId ?? 'of its last life'} has not ended yet.`)
  return codes.notDisconnected
}

/** A process that lost its lock, or is in its last breath. */
async function isPredecessorGone(local: LocalFiles, name: string): Promise<boolean> {
  const until = performance.now() + goneMs
  while (registeredProcess(local, name) !== null) {
    if (performance.now() > until) return false
    await pause(20)
  }
  return true
}

interface Launch {
  readonly withServices: boolean
  readonly isObjects: boolean
  readonly detail: string
}

async function launch(surroundings: Surroundings, { queueManager, local }: Instance, how: Launch): Promise<number> {
  const { context, complain, layout } = surroundings
  makeDirectory(local.directory)
  makeDirectory(layout.errors)
  const stderr = fs.openSync(local.lastWords, 'w', 0o660)
  // `detached` is setsid: no terminal, no signal from the keyboard. The last words of a crashed process go to a file.
  const child = spawn(process.execPath, [mainModule, queueManager.name, ...(how.withServices ? [] : ['--no-services']), ...(how.isObjects ? ['--objects'] : [])], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', stderr, 'pipe'],
    env: { ...context.env, MQ_DATA_ROOT: layout.root, [readyDescriptorVariable]: '3' }
  })
  fs.closeSync(stderr)
  // From here on whoever wants it gone finds it, although it has said nothing yet.
  if (child.pid !== undefined) fs.writeFileSync(local.pid, `${child.pid}\n`)
  const word = await lastWord(child, text => {
    if (how.detail === 'all') surroundings.say(text)
  }, text => complain(text))
  child.unref()
  switch (word.kind) {
    case 'ready':
      return codes.done
    case 'failed':
      for (const line of word.lines) complain(line)
      await restorePid(surroundings, queueManager.name)
      return word.status
    case 'ended': {
      if (how.isObjects && word.status === 0) return codes.done
      const meaning = word.status === null ? null : exitMeaning(word.status)
      complain(messageLine('AMQ8101', `the process of queue manager ${queueManager.name} ended ${word.status === null ? 'by a signal' : `with status ${word.status}`} while starting${meaning === null ? '' : `: ${meaning}`}`))
      for (const line of lastLines(local.lastWords)) complain(`  ${line}`)
      await restorePid(surroundings, queueManager.name)
      return codes.unexpected
    }
  }
}

type LastWord = Extract<StartWord, { kind: 'ready' | 'failed' }> | { readonly kind: 'ended'; readonly status: number | null }

/** Passes lines on until it is up, or is not. A start has no deadline of its own: a long log takes its time to replay. */
function lastWord(child: ChildProcess, onLine: (text: string) => void, onWarning: (text: string) => void): Promise<LastWord> {
  return new Promise(resolve => {
    const pipe = child.stdio[3] as NodeJS.ReadableStream & { destroy(): void } // 'pipe' above
    let said = ''
    let word: LastWord | null = null
    const settle = (answer: LastWord): void => {
      if (word !== null) return
      word = answer
      pipe.destroy()
      resolve(answer)
    }
    pipe.setEncoding('utf8')
    pipe.on('data', chunk => {
      said += String(chunk)
      if (said.length > wordsBytesMax) settle({ kind: 'failed', status: codes.unexpected, lines: ['the process says more than it should'] })
      for (let end = said.indexOf('\n'); end !== -1; end = said.indexOf('\n')) {
        const next = JSON.parse(said.slice(0, end)) as StartWord // our own program
        said = said.slice(end + 1)
        if (next.kind === 'line') onLine(next.text)
        else if (next.kind === 'warning') onWarning(next.text)
        else settle(next)
      }
    })
    // The end of the pipe alone does not tell how the process ended; its exit does, and may overtake its last words.
    child.on('exit', status => {
      const end = (): void => settle({ kind: 'ended', status })
      pipe.on('end', end)
      pipe.on('close', end)
      setTimeout(end, 500).unref()
    })
    child.on('error', error => settle({ kind: 'failed', status: codes.unexpected, lines: [messageLine('AMQ8101', error.message)] }))
  })
}

/** Our process did not become the queue manager: the file names the one that is, or goes. */
async function restorePid({ layout, options }: Surroundings, name: string): Promise<void> {
  const found = named({ layout, complain: () => undefined }, options.operands[0])
  if (!found.ok) return
  const { local, processId } = await lookAt(layout, found.queueManager)
  if (processId !== null) fs.writeFileSync(local.pid, `${processId}\n`)
  else if (registeredProcess(local, name) === null) fs.rmSync(local.pid, { force: true })
}

function lastLines(file: string): string[] {
  return fs.readFileSync(file, 'utf8').split('\n').filter(line => line !== '').slice(-lastWordsMax)
}
