/** `heartbeat reload`: has the running daemon read authkeys again, so that keys change without an outage. */

import type { Command } from 'commander'
import { millis } from '../base/units.js'
import { request } from '../control/client.js'
import { exitStatuses } from '../daemon/exit-status.js'
import type { CommandContext } from './context.js'
import { reportFailure } from './exit-codes.js'
import { checkedConfiguration } from './start.js'

/** Reading three small files; longer means that the daemon or the disk hangs. */
const reloadTimeoutMs = millis(10_000)

export function registerReload(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('reload')
    .summary('read authkeys again, without an outage')
    .description(
      'Checks all three files first; with a fault in one of them nothing changes. Then the running daemon signs with the new active key and accepts every key listed. Changes of ha.cf and haresources need a restart; the answer says when there are any.'
    )
    .option('--json', 'print the outcome as one JSON object', false)
    .addHelpText(
      'after',
      `
To change keys without an outage:
  1. heartbeat keygen --add --write        on one node; adds a key without signing with it
  2. copy authkeys to the other node, then on both: heartbeat reload
  3. change 'auth N' to the new number on both, and on both: heartbeat reload
  4. remove the old key's line on both, and on both: heartbeat reload

Exit status:
  0   done
  3   heartbeat does not run on this node
  4   not permitted; use root or a member of the haclient group
  6   the configuration has faults; nothing was changed

Examples:
  heartbeat reload                 on both nodes, after each change of authkeys

Under its old name: heartbeat -r`
    )
    .action(async (options: { json: boolean }) => exit(await reload(context, options)))
}

async function reload(context: CommandContext, options: { readonly json: boolean }): Promise<number> {
  if ((await checkedConfiguration(context)) === null) return exitStatuses.configuration.status
  try {
    const result = await request(context.paths.controlSocket, { kind: 'reload' }, { clock: context.clock, timeoutMs: reloadTimeoutMs })
    const note = result.kind === 'done' ? result.note : ''
    context.out(options.json ? JSON.stringify({ ok: true, note }) : note)
    return exitStatuses.orderly.status
  } catch (error) {
    return reportFailure(error, context, options)
  }
}
