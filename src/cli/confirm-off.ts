/** `heartbeat confirm-off`: an operator's word that the other node is off, where no device can prove it. */

import type { Command } from 'commander'
import { request } from '../control/client.js'
import { parseDuration } from './arguments.js'
import type { CommandContext } from './context.js'
import { reportFailure, usageError } from './exit-codes.js'

const answerWithin = parseDuration('10s')

interface ConfirmOptions {
  readonly yes: boolean
  readonly json: boolean
}

export function registerConfirmOff(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('confirm-off')
    .summary('give your word that the other node is off')
    .argument('<node>', 'the node that is off, as ha.cf names it')
    .description(
      'When this node waits for proof that the other one is dead (its fencing device does not answer, its lease cannot be read, or meatware is configured), go there, see that it has no power, and say so. Groups that are blocked there are freed as well, also when it was stopped in order; and a node that starts alone waits no longer for it (initdead).'
    )
    .option('--yes', 'you have seen it: the node has no power, and will not get it back before heartbeat runs here', false)
    .option('--json', 'print the outcome as one JSON object', false)
    .addHelpText(
      'after',
      `
What you vouch for: nothing of that node writes to the shared disk or answers for the addresses any more. If it is only cut
off, two nodes will write to one disk, and its data is lost. The word is void as soon as the node is heard.

Exit status:
  0   taken; see heartbeat status
  1   refused: that node is alive, or heartbeat cannot use the word now
  2   no such node, --yes is missing, or wrong usage
  3   heartbeat does not run on this node
  4   not permitted; use root or a member of the haclient group

Example:
  heartbeat confirm-off ha2 --yes`
    )
    .action(async (node: string, options: ConfirmOptions) => exit(await confirm(context, node, options)))
}

async function confirm(context: CommandContext, node: string, options: ConfirmOptions): Promise<number> {
  try {
    const known = await request(context.paths.controlSocket, { kind: 'status' }, { clock: context.clock, timeoutMs: answerWithin })
    const peers = known.kind === 'status' ? known.status.nodes.filter(one => !one.isSelf).map(one => one.name) : []
    if (!peers.includes(node.toLowerCase())) {
      context.err(`no other node is called ${node}; ha.cf names ${peers.join(', ')}`)
      return usageError
    }
    if (!options.yes) {
      context.err(`is ${node} without power? If it only cannot be heard, two nodes will write to one disk. When you have seen it: heartbeat confirm-off ${node} --yes`)
      return usageError
    }
    const result = await request(context.paths.controlSocket, { kind: 'confirm-off' }, { clock: context.clock, timeoutMs: answerWithin })
    const note = result.kind === 'done' ? result.note : 'taken'
    context.out(options.json ? JSON.stringify({ ok: true, note }) : note)
    return 0
  } catch (error) {
    return reportFailure(error, context, options)
  }
}
