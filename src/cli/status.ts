/** `heartbeat status`: asks the daemon and prints what it says, for a person or as JSON. */

import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import { request } from '../control/client.js'
import type { StatusReport } from '../control/protocol.js'
import type { CommandContext } from './context.js'
import { notRunning, reportFailure } from './exit-codes.js'
import { processFrom } from './processes.js'
import { statusText } from './status-text.js'

/** The daemon answers at once from memory; longer means that it hangs. */
export const statusTimeoutMs = millis(5_000)

export function registerStatus(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('status')
    .summary('what runs where, and why')
    .description(
      `Shows this node and its peer, each link with the time since it was last heard, and each resource group with its home, its state on both nodes, its owner and the reason. What needs attention stands first.`
    )
    .option('--json', 'print the whole report as one JSON object', false)
    .addHelpText(
      'after',
      `
The states of a group:
  stopped    does not run there               starting   its resources are being started, left to right
  claimed    about to be started there        stopping   its resources are being stopped, right to left
  running    all its resources run there      failed     a resource could not be started; 'heartbeat cleanup' forgets it
  blocked    a resource could not be stopped: nobody starts the group until a person has looked ('heartbeat cleanup')

Exit status:
  0   heartbeat runs on this node
  1   it does not run, but left a pid file: it was killed; or it runs and does not answer
  3   it is stopped
  4   not permitted; use root or a member of the haclient group

Files:
  \${HA_RUN_DIR:-/run/heartbeat}/control         control socket
  \${HA_RUN_DIR:-/run/heartbeat}/heartbeat.pid   the daemon's pid

Examples:
  heartbeat status
  heartbeat status --json | jq '.groups[] | {key, owner}'
  watch -n1 heartbeat status

Under its old name: heartbeat -s`
    )
    .action(async (options: { json: boolean }) => exit(await status(context, options)))
}

export async function status(context: CommandContext, options: { readonly json: boolean }): Promise<number> {
  let report: StatusReport
  try {
    report = await fetchStatus(context)
  } catch (error) {
    if (error instanceof HaError && error.code === 'HA_NOT_RUNNING') return sayStopped(context, options)
    return reportFailure(error, context, options)
  }
  const warnings = guardWarning(context, report)
  if (options.json) context.out(JSON.stringify({ running: true, ...report, warnings: [...report.warnings, ...warnings] }))
  else context.out(statusText({ ...report, warnings: [...report.warnings, ...warnings] }))
  return 0
}

export async function fetchStatus(context: CommandContext, timeoutMs = statusTimeoutMs): Promise<StatusReport> {
  const result = await request(context.paths.controlSocket, { kind: 'status' }, { clock: context.clock, timeoutMs })
  if (result.kind !== 'status') throw new HaError('HA_CONTROL_BAD_REQUEST', 'the daemon answered, but not with its status')
  return result.status
}

function sayStopped(context: CommandContext, options: { readonly json: boolean }): number {
  const { pidFile, guardPidFile } = context.paths
  const daemon = processFrom(pidFile)
  const isPidFileLeft = existsSync(pidFile)
  const text =
    daemon?.isAlive === true
      ? `heartbeat [pid ${daemon.pid}] runs, but its control socket is closed: it is starting or ending; try again`
      : processFrom(guardPidFile)?.isAlive === true
        ? 'heartbeat is being started again by its guard after a crash; try again, and see the log'
        : isPidFileLeft
          ? `heartbeat is stopped. No process, but ${pidFile} was left: the daemon was killed, and its resources may still run here`
          : 'heartbeat is stopped. No process'
  if (options.json) context.out(JSON.stringify({ running: false, isPidFileLeft, text }))
  else context.out(text)
  return isPidFileLeft || daemon?.isAlive === true ? 1 : notRunning
}

/** A pid file of a guard that is gone means that the next crash of the daemon would be its last. */
function guardWarning(context: CommandContext, report: StatusReport): readonly string[] {
  const guard = processFrom(context.paths.guardPidFile)
  if (guard === null || guard.isAlive) return []
  return [`the guard [pid ${guard.pid}] of the daemon [pid ${report.pid}] is gone: after a crash nobody would start it again; restart heartbeat when convenient`]
}
