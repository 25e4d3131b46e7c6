/** `heartbeat restart`: checks the configuration first, then stops, then starts. */

import type { Command } from 'commander'
import type { Millis } from '../base/units.js'
import { exitStatuses } from '../daemon/exit-status.js'
import { parseDuration, timeOption } from './arguments.js'
import type { CommandContext } from './context.js'
import { checkedConfiguration, start, startTimeoutDefault } from './start.js'
import { stop, stopTimeoutDefault } from './stop.js'

interface RestartOptions {
  readonly timeout: Millis
}

export function registerRestart(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('restart')
    .summary('stop and start again; the peer runs the resources meanwhile')
    .description(
      `Checks the configuration first: with a fault in it nothing is stopped. Then stops as 'heartbeat stop' does, so the peer takes the resources, and starts as 'heartbeat start' does. Where they run afterwards is auto_failback's decision.`
    )
    .addOption(timeOption('--timeout <time>', 'how long to wait for the stop', stopTimeoutDefault))
    .addHelpText(
      'after',
      `
Exit status: that of 'heartbeat stop' when stopping failed (nothing is started then), otherwise that of 'heartbeat start'.

Examples:
  heartbeat restart                after a change of ha.cf or haresources; on one node after the other`
    )
    .action(async (options: RestartOptions) => exit(await restart(context, options)))
}

async function restart(context: CommandContext, options: RestartOptions): Promise<number> {
  if ((await checkedConfiguration(context)) === null) return exitStatuses.configuration.status
  const stopped = await stop(context, { timeout: options.timeout, json: false })
  if (stopped !== 0) return stopped
  return await start(context, { foreground: false, realtime: true, timeout: parseDuration(startTimeoutDefault) })
}
