/** `heartbeat standby`, `takeover` and `cleanup`: ask the daemon to move groups or to look again, wait, say the outcome. */

import type { Command } from 'commander'
import type { Millis } from '../base/units.js'
import { request } from '../control/client.js'
import type { ControlRequest, GroupScope } from '../control/protocol.js'
import { parseScope, scopeText, timeOption } from './arguments.js'
import type { CommandContext } from './context.js'
import { reportFailure } from './exit-codes.js'

const moveTimeoutDefault = '10m'

interface MoveOptions {
  readonly wait?: boolean
  readonly force?: boolean
  readonly json: boolean
  readonly timeout: Millis
}

const scopeHelp = `
Which groups:
  all       every group (default)
  local     groups whose home is this node
  foreign   groups whose home is the other node
  GROUP     one group, by the first word of its haresources line, e.g. 10.0.0.5/24/eth0`

const endHelp = `
Exit status:
  0   done (with --no-wait: accepted)
  1   refused or failed; the reason is printed and the groups are where 'heartbeat status' shows them
  2   no such group, or wrong usage
  3   heartbeat does not run on this node
  4   not permitted; use root or a member of the haclient group

Files:
  \${HA_RUN_DIR:-/run/heartbeat}/control   control socket`

export function registerStandby(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('standby')
    .summary('give groups to the other node')
    .argument('[groups]', 'all, local, foreign, or one group', 'all')
    .description('Releases groups held here, last resource first, and has the other node start them. Heartbeat goes on running here and can take them back. Refused when the other node cannot run them.')
    .option('--no-wait', 'return as soon as the daemon has accepted')
    .addOption(timeOption('--timeout <time>', 'how long to wait; the move goes on afterwards', moveTimeoutDefault))
    .option('--json', 'print the outcome as one JSON object', false)
    .addHelpText('after', `${scopeHelp}${endHelp}

Examples:
  heartbeat standby                     maintenance of this node: give everything away
  heartbeat standby foreign             give back what belongs to the other node
  heartbeat standby 10.0.0.5/24/eth0    one group only

Under its old name, which does not wait: hb_standby`)
    .action(async (word: string, options: MoveOptions) =>
      exit(await move(context, { kind: 'standby', scope: parseScope(word), wait: options.wait !== false }, options))
    )
}

export function registerTakeover(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('takeover')
    .summary('fetch groups from the other node')
    .argument('[groups]', 'all, local, foreign, or one group', 'all')
    .description('Has the other node release groups and starts them here, first resource first.')
    .option('--force', 'take groups also when they have failed here before, or when their state on the other node is not known. You vouch that they do not run there: two nodes writing to one disk destroy its data', false)
    .option('--no-wait', 'return as soon as the daemon has accepted')
    .addOption(timeOption('--timeout <time>', 'how long to wait; the move goes on afterwards', moveTimeoutDefault))
    .option('--json', 'print the outcome as one JSON object', false)
    .addHelpText('after', `${scopeHelp}${endHelp}

Examples:
  heartbeat takeover                    run everything here
  heartbeat takeover local              fetch what belongs here (with auto_failback off)
  heartbeat takeover 10.0.0.5/24/eth0   one group only

Under its old name, which does not wait: hb_takeover`)
    .action(async (word: string, options: MoveOptions) =>
      exit(await move(context, { kind: 'takeover', scope: parseScope(word), wait: options.wait !== false, force: options.force === true }, options))
    )
}

export function registerCleanup(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('cleanup')
    .summary('forget failures of groups; stop blocked groups once more')
    .argument('[groups]', 'all, local, foreign, or one group', 'all')
    .description(
      'For a failed group: forgets the failure, so that the group may run here again. For a blocked group: stops all its resources once more, last one first; when every stop succeeds the group is released and may run on either node, otherwise it stays blocked, and this says so.'
    )
    .addOption(timeOption('--timeout <time>', 'how long to wait', moveTimeoutDefault))
    .option('--json', 'print the outcome as one JSON object', false)
    .addHelpText('after', `${scopeHelp}${endHelp}

Examples:
  heartbeat cleanup                     whatever kept /data from being unmounted is gone now: try again
  heartbeat cleanup 10.0.0.5/24/eth0    one group only`)
    .action(async (word: string, options: MoveOptions) => exit(await move(context, { kind: 'cleanup', scope: parseScope(word) }, options)))
}

type MoveRequest = Extract<ControlRequest, { readonly scope: GroupScope }>

async function move(context: CommandContext, asked: MoveRequest, options: MoveOptions): Promise<number> {
  try {
    const result = await request(context.paths.controlSocket, asked, {
      clock: context.clock,
      timeoutMs: options.timeout,
      onProgress: text => (options.json ? undefined : context.out(text))
    })
    const note = result.kind === 'done' ? result.note : `${asked.kind} of ${scopeText(asked.scope)}: done`
    context.out(options.json ? JSON.stringify({ ok: true, note }) : note)
    return 0
  } catch (error) {
    return reportFailure(error, context, options)
  }
}
