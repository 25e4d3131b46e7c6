/** `heartbeat stop`: asks the daemon to release everything and waits until it and its guard are gone. */

import { existsSync, rmSync } from 'node:fs'
import type { Command } from 'commander'
import { execa } from 'execa'
import { HaError } from '../base/errors.js'
import { elapsed, millis } from '../base/units.js'
import type { Millis } from '../base/units.js'
import { request } from '../control/client.js'
import { exitStatuses } from '../daemon/exit-status.js'
import { releaseProgram } from '../daemon/guard.js'
import { timeOption } from './arguments.js'
import type { CommandContext } from './context.js'
import { exitStatusOf, reportFailure } from './exit-codes.js'
import { processFrom, waitGone } from './processes.js'

/** Unmounting a large file system and stopping a database take minutes, not hours. */
export const stopTimeoutDefault = '10m'
/** After "all released" nothing is left to do but to close sockets and end. */
const exitMsMin = millis(10_000)

export interface StopOptions {
  readonly timeout: Millis
  readonly json: boolean
}

export function registerStop(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('stop')
    .summary('release all resources, let the peer take them, and end')
    .description(
      `Asks the daemon on this node to stop every resource group it holds, last resource first, and to end. The peer hears of it at once and starts the groups as soon as they are released. Returns when the daemon and its guard are gone.`
    )
    .addOption(timeOption('--timeout <time>', 'how long to wait; the daemon goes on stopping afterwards', stopTimeoutDefault))
    .option('--json', 'print the outcome as one JSON object', false)
    .addHelpText(
      'after',
      `
Exit status:
  0   stopped, or was not running; what a killed daemon left running was released
  1   the daemon did not answer, or did not end within the time; it is never killed by this command
  4   not permitted; use root or a member of the haclient group
  20  ended, but a resource could not be stopped and may still run here (the reason is printed); the peer does not take
      that group by itself

Times:
  waits at most ${stopTimeoutDefault} by default; each resource has its own limit in ha.cf (stop timeouts and retries)

Files:
  \${HA_RUN_DIR:-/run/heartbeat}/control         control socket
  \${HA_RUN_DIR:-/run/heartbeat}/heartbeat.pid   the daemon's pid

Examples:
  heartbeat stop
  heartbeat stop --timeout 30m

Under its old name: heartbeat -k`
    )
    .action(async (options: StopOptions) => exit(await stop(context, options)))
}

export async function stop(context: CommandContext, options: StopOptions): Promise<number> {
  const { paths, clock } = context
  const started = clock.monotonic()
  const daemon = processFrom(paths.pidFile)
  const guard = processFrom(paths.guardPidFile)
  const pids = [daemon, guard].filter(known => known?.isAlive === true).map(known => known?.pid ?? 0)
  let note: string
  let status = 0
  try {
    const result = await request(paths.controlSocket, { kind: 'stop' }, {
      clock,
      timeoutMs: options.timeout,
      onProgress: text => (options.json ? undefined : context.out(text))
    })
    note = result.kind === 'done' ? result.note : 'stopped'
  } catch (error) {
    if (!(error instanceof HaError)) throw error
    switch (error.code) {
      case 'HA_NOT_RUNNING':
        if (pids.length === 0) return await alreadyStopped(context, options)
        return await stopWithoutSocket(context, options, { daemon: daemon?.isAlive ? daemon.pid : null, guard: guard?.isAlive ? guard.pid : null })
      case 'HA_STOP_INCOMPLETE':
        note = error.message
        status = exitStatusOf(error.code)
        break
      case 'HA_CONTROL_TIMEOUT':
      case 'HA_CONTROL_BUSY':
        return reportFailure(hangs(error, daemon?.pid ?? null), context, options)
      default:
        return reportFailure(error, context, options)
    }
  }
  const left = millis(Math.max(exitMsMin, options.timeout - elapsed(started, clock.monotonic())))
  if (!(await waitGone(pids, left, context))) {
    return reportFailure(new HaError('HA_CONTROL_TIMEOUT', `everything is released, but process ${pids.join(' and ')} did not end; look at the log`), context, options)
  }
  if (options.json) context.out(JSON.stringify({ ok: status === 0, note }))
  else if (status === 0) context.out(note)
  else context.err(`ERROR: ${note}`)
  return status
}

async function alreadyStopped(context: CommandContext, options: StopOptions): Promise<number> {
  if (options.json) context.out(JSON.stringify({ ok: true, note: 'Heartbeat already stopped.' }))
  else context.out('INFO: Heartbeat already stopped.')
  if (existsSync(context.paths.pidFile)) {
    context.err('WARN: the daemon and its guard were killed; releasing what they may have left running')
    return releaseLeftovers(context)
  }
  return 0
}

/** Runs the release program, which stops every resource of this node without a daemon. */
async function releaseLeftovers(context: CommandContext): Promise<number> {
  const released = await execa(process.execPath, [releaseProgram()], {
    env: { ...context.env },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'inherit'
  })
  const status = released.exitCode ?? exitStatuses.general.status
  if (status === exitStatuses.orderly.status) rmSync(context.paths.pidFile, { force: true })
  else context.err(`ERROR: not everything was released (status ${status}): see the log`)
  return status
}

/**
 * The guard between two lives of the daemon, or a daemon that is starting or ending: a TERM is the question they
 * understand. To the guard first, so that it starts nothing any more; it passes the signal on.
 */
async function stopWithoutSocket(
  context: CommandContext,
  options: StopOptions,
  alive: { readonly daemon: number | null; readonly guard: number | null }
): Promise<number> {
  const target = alive.guard ?? alive.daemon
  const pids = [alive.daemon, alive.guard].filter(pid => pid !== null)
  if (target !== null) process.kill(target, 'SIGTERM')
  if (!(await waitGone(pids, options.timeout, context))) {
    return reportFailure(hangs(new HaError('HA_CONTROL_TIMEOUT', 'the control socket is closed'), alive.daemon), context, options)
  }
  const note = 'heartbeat ended. Its control socket was closed, so it could not say what it released: see the log'
  if (options.json) context.out(JSON.stringify({ ok: true, note }))
  else context.out(`WARN: ${note}`)
  return exitStatuses.orderly.status
}

function hangs(error: HaError, pid: number | null): HaError {
  const who = pid === null ? 'The daemon' : `The daemon [pid ${pid}]`
  return new HaError(
    'HA_CONTROL_TIMEOUT',
    `${error.message}. ${who} may hang or still be stopping a resource; it was asked to stop and is left alone. ` +
      'See the log and `heartbeat status`. Whoever kills it must make sure that its resources are stopped before the peer starts them',
    { cause: error }
  )
}
