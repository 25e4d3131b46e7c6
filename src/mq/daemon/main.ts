/**
 * The process of a queue manager: `node main.js NAME [--no-services]`, with MQ_DATA_ROOT, and MQ_READY_FD when strmqm waits
 * for word. Always in the foreground and always as the user it was started as; strmqm makes it a daemon.
 */

import fs from 'node:fs'
import path from 'node:path'
import { HaError } from '../../base/errors.js'
import { instant } from '../../base/units.js'
import { packageRoot } from '../../daemon/paths.js'
import type { MqClock } from '../core/engine.js'
import { ErrorLog } from '../installation/error-log.js'
import { administratorsUmask } from '../installation/administrators.js'
import { codeOf, makeDirectory } from '../installation/durable-file.js'
import { dataFiles, layoutFrom, localFiles } from '../installation/layout.js'
import { findQueueManager, readInstallation } from '../installation/mqs-ini.js'
import { errorLogBytesDefault, readQmIni } from '../installation/qm-ini.js'
import type { MessageId } from '../mqsc/messages.js'
import { messageLine, messageText, severityOf } from '../mqsc/messages.js'
import { systemObjects } from '../mqsc/system-objects.js'
import { exitStatuses } from './exit-status.js'
import type { ExitReason } from './exit-status.js'
import { entryOf } from './note.js'
import { hostName, openQueueManager } from './open-queue-manager.js'
import type { OpenedQueueManager } from './open-queue-manager.js'
import { QueueManagerProcess } from './queue-manager-process.js'
import { ReadyPipe } from './ready-pipe.js'
import { ownName } from './security.js'
import { startFailure } from './start-failure.js'
import { writeStatus } from './status-file.js'

const clock: MqClock = { now: () => instant(performance.now()), wallMs: () => Date.now() }

export function packageVersion(): string {
  const parsed = JSON.parse(fs.readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as { readonly version: string } // our own file
  return parsed.version
}

interface Flags {
  /** Listeners and the like start by themselves. */
  readonly withServices: boolean
  /** Only defines the system objects anew and ends. */
  readonly isForObjects: boolean
}

async function main(name: string, flags: Flags): Promise<void> {
  const ready = new ReadyPipe(process.env)
  const version = packageVersion()
  const layout = layoutFrom(process.env)
  const logOptions = { program: 'queue-manager', user: ownName(), host: hostName(), version, wallMs: () => clock.wallMs(), onTrouble: (text: string) => console.error(text) }
  /** Of the machine: for a queue manager whose own log is not ours to write, or is on a disk that failed. */
  const machineLog = new ErrorLog({ ...logOptions, directory: layout.errors, queueManager: name, bytesMax: errorLogBytesDefault })
  let errorLog = machineLog
  let running: QueueManagerProcess | null = null
  let pidFile = ''

  /** The end that nobody asked for: one line that stays, a word for strmqm, a status of its own; nobody is answered any more. */
  const fail = (reason: ExitReason, id: MessageId, summary: string): never => {
    const entry = entryOf(id, summary, 'process')
    // What needs the disk of the queue manager comes last: that may be what has just failed, and it may hang.
    console.error(`${id}${severityOf(id)}: ${summary}`)
    if (reason === 'lockLost' || reason === 'logFailed') machineLog.fatal(entry)
    if (reason !== 'lockLost') {
      if (errorLog !== machineLog || reason !== 'logFailed') errorLog.fatal(entry)
      running?.recordFailure(summary)
    }
    forgetPid(pidFile)
    process.exit(exitStatuses[reason].status)
  }
  const onBug = (error: unknown): void => {
    const text = error instanceof Error ? `${error.stack ?? error.message}${error.cause instanceof Error ? ` | ${error.cause.stack ?? error.cause.message}` : ''}` : String(error)
    ready.say({ kind: 'failed', status: 71, lines: [messageLine('AMQ6109', text.split('\n')[0] ?? '')] })
    fail('bug', 'AMQ6109', messageText('AMQ6109', text.replaceAll('\n', ' | ')))
  }
  process.on('uncaughtException', onBug)
  process.on('unhandledRejection', onBug)

  try {
    const known = findQueueManager(readInstallation(layout), name)
    if (known === null) throw new HaError('HA_STATE_UNUSABLE', `queue manager ${name} is not known on this node`)
    const { dataPath, directory } = known
    const files = dataFiles(dataPath)
    const local = localFiles(layout, directory)
    pidFile = local.pid
    const settings = readQmIni(dataPath)
    makeDirectory(files.errors)
    makeDirectory(local.directory)
    const log = new ErrorLog({ ...logOptions, directory: files.errors, queueManager: name, bytesMax: settings.errorLogBytes, excluded: settings.excludedMessages })
    const opened = await openQueueManager({
      name,
      dataPath,
      log: settings.log,
      spoolDirectory: local.spool,
      spoolMemoryBytes: settings.spoolMemoryBytes,
      clock,
      onLocked: recorded => {
        errorLog = log // only the holder of the lock writes there
        if (!recorded.state.startsWith('ended')) {
          log.write({ id: 'AMQ5009', severity: 'S', summary: `The life before of queue manager ${name}, on ${recorded.host}, ended unexpectedly${recorded.reason === '' ? '' : `: ${recorded.reason}`}`, action: 'None: the log is replayed.', source: 'process' })
        }
        fs.writeFileSync(local.pid, `${process.pid}\n`)
        writeStatus(dataPath, { ...recorded, state: 'starting', reason: '', startedMs: clock.wallMs(), host: hostName() })
      },
      // The state before it was tried: a start that failed has changed nothing.
      onAbandoned: (recorded, error) => {
        writeStatus(dataPath, { ...recorded, reason: `the last start failed: ${error instanceof Error ? error.message : String(error)}` })
      },
      onFailed: error => {
        const failure = startFailure(error, name)
        if (failure !== null) ready.say({ kind: 'failed', status: failure.status, lines: failure.lines })
        if (error.code === 'HA_MQ_LOCK_LOST') fail('lockLost', 'AMQ7279', `${messageText('AMQ7279', name)} ${error.message}`)
        else fail('logFailed', 'AMQ7017', messageText('AMQ7017', error.message))
      }
    })
    const { story } = opened.log
    const line = (id: MessageId, ...inserts: readonly (string | number)[]): void => {
      log.write(entryOf(id, messageText(id, ...inserts), 'process'))
      if (ready.say({ kind: 'line', text: messageText(id, ...inserts) })) return
      // A cluster manager whose patience is over kills strmqm and goes on as if nothing were here: then nothing may be.
      fail('general', 'AMQ8101', 'strmqm was interrupted before the queue manager accepted connections; the start is given up')
    }
    if (story.torn !== null) log.write({ id: 'AMQ7230', severity: 'W', summary: `The end of the log was torn: ${story.torn.bytes} bytes of ${story.torn.file} from ${story.torn.offset} on were cut off (${story.torn.reason}); they are kept in ${story.torn.copy}`, source: 'process' })
    line('AMQ7229', story.recordsReplayed, name)
    line('AMQ7230', name)
    line('AMQ7232', name)
    line('AMQ7233', story.unitsBackedOut, story.unitsBackedOut, name)
    if (flags.isForObjects) {
      const objects = await defineSystemObjects(opened)
      line('AMQ8048', 0, objects, 0)
      writeStatus(dataPath, { ...opened.recorded, state: 'ended-immediately', reason: '', startedMs: clock.wallMs(), host: hostName() })
      await log.flush()
      opened.lock.release()
      process.exit(exitStatuses.orderly.status)
    }
    const exit = (how: 'orderly' | 'preemptive' | 'failed', error?: unknown): void => {
      if (how === 'failed') onBug(error)
      log.fatal(entryOf('AMQ8004', messageText('AMQ8004', name), 'process'))
      forgetPid(pidFile)
      if (how === 'orderly') opened.lock.release()
      process.exit(exitStatuses[how === 'orderly' ? 'orderly' : 'preemptive'].status)
    }
    running = new QueueManagerProcess({ opened, settings, dataPath, local, errorLog: log, clock, version, withServices: flags.withServices, exit })
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => running?.end('immediate'))
    // A terminal that goes away ends nobody here.
    process.on('SIGHUP', () => undefined)
    const failures = await running.start()
    for (const text of failures) ready.say({ kind: 'warning', text })
    line('AMQ8003', name, version)
    ready.say({ kind: 'ready' })
  } catch (error) {
    const failure = startFailure(error, name)
    if (failure === null) return onBug(error)
    ready.say({ kind: 'failed', status: failure.status, lines: failure.lines })
    fail(failure.exit, failure.id, failure.lines.join(' ').replace(/^AMQ\d{4}[A-Z]: /, ''))
  }
}

/** Takes our number off the pid file, unless it names another process by now. */
function forgetPid(file: string): void {
  try {
    if (fs.readFileSync(file, 'utf8').trim() === String(process.pid)) fs.rmSync(file)
  } catch (error) {
    // Gone already, or its disk is: whoever reads it looks whether the process is there.
    if (codeOf(error) === null) throw error
  }
}

/** Replaces every system object by the one of a new queue manager, and closes the log; their number. */
async function defineSystemObjects({ core, dispatcher, log }: OpenedQueueManager): Promise<number> {
  const objects = systemObjects(clock.wallMs())
  let end = log.journal.end
  dispatcher.enter(() => {
    for (const definition of objects) {
      const outcome = core.define(definition, { force: true })
      if (outcome.ok) end = outcome.end
    }
  })
  await log.forcedTo(end)
  dispatcher.close()
  await log.close()
  return objects.length
}

const [name = '', ...words] = process.argv.slice(2)
process.chdir('/')
process.umask(administratorsUmask)
await main(name, { withServices: !words.includes('--no-services'), isForObjects: words.includes('--objects') })
