/**
 * `heartbeat start`: checks the configuration, puts the daemon under its guard into the background, and returns when it is
 * up or says why not. A wrong configuration never starts anything and never disturbs what runs.
 */

import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, constants, mkdirSync, openSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { HaError, errorCodes } from '../base/errors.js'
import type { ErrorCode } from '../base/errors.js'
import { millis } from '../base/units.js'
import type { Millis } from '../base/units.js'
import { formatDiagnostic } from '../config/configuration.js'
import type { Configuration } from '../config/types.js'
import { exitMeaning, exitStatuses } from '../daemon/exit-status.js'
import { defaultRealtimePriority, guardCommand } from '../daemon/guard.js'
import { loadConfiguration } from '../daemon/load-configuration.js'
import { timeOption } from './arguments.js'
import type { CommandContext } from './context.js'
import { exitStatusOf } from './exit-codes.js'
import { processFrom } from './processes.js'
import { fetchStatus } from './status.js'

export const startTimeoutDefault = '30s'
/** How many of the daemon's last words are shown when it died while starting. */
const lastWordsMax = 15

export interface StartOptions {
  readonly foreground: boolean
  readonly realtime: boolean
  readonly timeout: Millis
}

export function registerStart(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('start')
    .summary('start heartbeat on this node')
    .description(
      `Checks ha.cf, haresources and authkeys, starts the daemon in the background under a small guard that starts it again after a crash, and returns when it is up: control socket and heartbeat media open. Resources follow once the peer is heard, or declared absent after initdead. Resources that already run here are adopted, not restarted.`
    )
    .option('-f, --foreground', 'stay in the foreground, without a guard, with the log on standard error (for systemd and for a first look)', false)
    .option('--no-realtime', 'ordinary scheduling, whatever ha.cf says')
    .addOption(timeOption('--timeout <time>', 'how long to wait for the daemon to be up', startTimeoutDefault))
    .addHelpText(
      'after',
      `
Exit status:
  0   up, or already running
  1   the daemon ended while starting, or was not up in time; the reason is printed
  4   not permitted: root is needed
  6   the configuration has faults: all of them are printed, nothing was started or disturbed
  10  no heartbeat medium could be opened
  11  the state or run directory cannot be used
  12  another daemon runs on this node

Files:
  \${HA_DIR:-/etc/ha.d}                      ha.cf, haresources, authkeys, resource.d/
  \${HA_STATE_DIR:-/var/lib/heartbeat}       generation and identity, kept across reboots
  \${HA_RUN_DIR:-/run/heartbeat}             pid files, control socket, heartbeat.stderr (last words after a crash)
  the logfile of ha.cf                     what the daemon does, and why

Examples:
  heartbeat check && heartbeat start
  heartbeat start --foreground             see the log on the terminal; Ctrl-C stops in order

Under its old names: heartbeat -f is heartbeat start --foreground`
    )
    .action(async (options: StartOptions) => exit(await start(context, options)))
}

export async function start(context: CommandContext, options: StartOptions): Promise<number> {
  if (process.geteuid?.() !== 0) {
    context.err('ERROR: heartbeat start needs root: it configures addresses and mounts file systems')
    return exitStatuses.permission.status
  }
  const configuration = await checkedConfiguration(context)
  if (configuration === null) return exitStatuses.configuration.status
  const running = await alreadyRunning(context)
  if (running !== null) return running
  const priority = options.realtime && configuration.cf.realtime ? usablePriority(configuration, context) : null
  if (options.foreground) return await runInForeground(priority)
  return await launch(context, { priority, deadtimeMs: configuration.cf.deadtimeMs, timeout: options.timeout, logfile: configuration.cf.logfile })
}

/** All findings of all files, printed; null when one of them is an error. */
export async function checkedConfiguration(context: CommandContext): Promise<Configuration | null> {
  const result = await loadConfiguration(context.paths.haDir)
  for (const diagnostic of result.diagnostics) {
    if (diagnostic.severity !== 'info') context.err(formatDiagnostic(diagnostic))
  }
  if (result.ok) return result.configuration
  const count = result.diagnostics.filter(diagnostic => diagnostic.severity === 'error').length
  context.err(`ERROR: ${count === 1 ? 'one fault' : `${count} faults`} in the configuration; nothing was started or changed`)
  return null
}

/** The exit status when a daemon is there already, in whatever condition; null when the way is free. */
async function alreadyRunning(context: CommandContext): Promise<number | null> {
  try {
    const report = await fetchStatus(context, millis(2_000))
    context.out(`info: heartbeat: already running [pid ${report.pid}].`)
    return 0
  } catch (error) {
    if (!(error instanceof HaError)) throw error
    const daemon = processFrom(context.paths.pidFile)
    const guard = processFrom(context.paths.guardPidFile)
    if (error.code !== 'HA_NOT_RUNNING') {
      context.err(`ERROR: a daemon${daemon === null ? '' : ` [pid ${daemon.pid}]`} runs here already, but: ${error.message}`)
      return exitStatuses.alreadyRunning.status
    }
    const alive = [daemon, guard].find(known => known?.isAlive === true)
    if (alive === undefined) return null
    context.err(`ERROR: heartbeat [pid ${alive?.pid}] is starting or ending just now; try again, or see 'heartbeat status'`)
    return exitStatuses.alreadyRunning.status
  }
}

/** The priority to run with, or null with one warning when this system does not give it to us. */
function usablePriority({ cf }: Configuration, context: CommandContext): number | null {
  const priority = cf.rtprio ?? defaultRealtimePriority
  const tried = spawnSync('chrt', ['-r', String(priority), 'true'], { encoding: 'utf8', timeout: 5_000 })
  if (tried.status === 0) return priority
  const why = tried.error === undefined ? (tried.stderr.trim().split('\n')[0] ?? '') : 'chrt (util-linux) cannot be run'
  context.err(`WARN: no real-time priority ${priority}: ${why}. Heartbeats may be late when this machine is overloaded; 'realtime off' in ha.cf silences this`)
  return null
}

interface LaunchOptions {
  readonly priority: number | null
  readonly deadtimeMs: Millis
  readonly timeout: Millis
  readonly logfile: string | null
}

async function launch(context: CommandContext, options: LaunchOptions): Promise<number> {
  const { paths } = context
  let stderrFd: number
  try {
    mkdirSync(paths.runDir, { recursive: true, mode: 0o755 })
    stderrFd = openSync(paths.stderrFile, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND, 0o640)
  } catch (error) {
    context.err(`ERROR: the run directory ${paths.runDir} cannot be used: ${error instanceof Error ? error.message : String(error)}`)
    return exitStatuses.state.status
  }
  const { file, args } = guardCommand({ runDir: paths.runDir, realtimePriority: options.priority, deadtimeMs: options.deadtimeMs, ...(context.daemon === undefined ? {} : { daemon: context.daemon }) })
  // `detached` is setsid: no terminal, no signal from the keyboard. Standard error is a small file in the run directory,
  // not /dev/null, so that the last words of a crashed Node process are not lost.
  const guard = spawn(file, args, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', stderrFd, 'pipe'],
    env: { ...context.env, HA_DIR: paths.haDir, HA_STATE_DIR: paths.stateDir, HA_RUN_DIR: paths.runDir, HA_READY_FD: '3' }
  })
  closeSync(stderrFd)
  const answer = await readyAnswer(guard, options.timeout, context)
  guard.unref()
  return sayAnswer(answer, guard, options, context)
}

type ReadyAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly code: string; readonly sentence: string }
  | { readonly kind: 'ended'; readonly status: number | null }
  | { readonly kind: 'timed-out' }

/** The daemon's one line on the ready pipe; without one, how it ended. */
function readyAnswer(guard: ChildProcess, timeout: Millis, { clock }: CommandContext): Promise<ReadyAnswer> {
  return new Promise(resolve => {
    const pipe = guard.stdio[3] as NodeJS.ReadableStream & { destroy(): void } // 'pipe' above
    let said = ''
    const settle = (answer: ReadyAnswer): void => {
      deadline.cancel()
      pipe.destroy()
      resolve(answer)
    }
    const deadline = clock.schedule(timeout, () => settle({ kind: 'timed-out' }))
    pipe.setEncoding('utf8')
    pipe.on('data', chunk => {
      said = (said + String(chunk)).slice(0, 8_192)
      const line = said.split('\n')[0] ?? ''
      if (!said.includes('\n')) return
      const failed = /^failed (\S+) ?(.*)$/.exec(line)
      if (line === 'ready') settle({ kind: 'ready' })
      else settle({ kind: 'failed', code: failed?.[1] ?? 'HA_START_FAILED', sentence: failed?.[2] ?? line })
    })
    // The end of the pipe alone does not tell how the daemon ended; the guard's exit does, and follows at once.
    guard.on('exit', status => settle({ kind: 'ended', status }))
    guard.on('error', () => settle({ kind: 'ended', status: null }))
  })
}

function sayAnswer(answer: ReadyAnswer, guard: ChildProcess, options: LaunchOptions, context: CommandContext): number {
  switch (answer.kind) {
    case 'ready': {
      guard.kill('SIGUSR1') // from now on a crash is answered by a new life
      const pid = processFrom(context.paths.pidFile)?.pid
      context.out(`heartbeat is running${pid === undefined ? '' : ` [pid ${pid}]`}. See: heartbeat status${options.logfile === null ? '' : `, ${options.logfile}`}`)
      return 0
    }
    case 'failed':
      context.err(`ERROR: heartbeat did not start: ${answer.sentence}`)
      return statusFor(answer.code)
    case 'ended': {
      const status = answer.status ?? exitStatuses.general.status
      context.err(`ERROR: heartbeat ended while starting, with status ${status}${withMeaning(status)}`)
      for (const line of lastWords(context)) context.err(`  ${line}`)
      if (options.logfile !== null) context.err(`See ${options.logfile}`)
      return status === 0 ? exitStatuses.general.status : status
    }
    case 'timed-out':
      guard.kill('SIGTERM')
      context.err(`ERROR: heartbeat was not up within ${options.timeout / 1000} s and was told to stop${options.logfile === null ? '' : `; see ${options.logfile}`}`)
      return exitStatuses.general.status
  }
}

/** The code of a `failed` line is one of our error codes, or an exit status. */
function statusFor(code: string): number {
  if (/^\d{1,3}$/.test(code) && Number(code) !== 0) return Number(code)
  return Object.hasOwn(errorCodes, code) ? exitStatusOf(code as ErrorCode) : exitStatuses.general.status
}

function withMeaning(status: number): string {
  const meaning = exitMeaning(status)
  return meaning === null ? '' : ` (${meaning})`
}

function lastWords(context: CommandContext): readonly string[] {
  try {
    return readFileSync(context.paths.stderrFile, 'utf8').split('\n').filter(line => line.trim() !== '').slice(-lastWordsMax)
  } catch {
    return [] // nothing was said, then
  }
}

/**
 * This process becomes the daemon: whoever started it (systemd, a person) is its guard. No second process means that
 * signals reach it directly and no memory is spent on waiting.
 */
async function runInForeground(priority: number | null): Promise<number> {
  if (priority !== null) spawnSync('chrt', ['-r', '-p', String(priority), String(process.pid)], { stdio: 'ignore', timeout: 5_000 })
  process.env['HA_FOREGROUND'] = '1'
  await import('../daemon/main.js')
  return 0 // the daemon sets its own exit status when it ends
}
