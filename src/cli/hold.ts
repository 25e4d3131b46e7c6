/** `heartbeat hold`: announces that this node may be silent for a while, and returns when the other node has heard of it. */

import { InvalidArgumentError, type Command } from 'commander'
import { millis, type Millis } from '../base/units.js'
import { request } from '../control/client.js'
import { parseDuration } from './arguments.js'
import type { CommandContext } from './context.js'
import { reportFailure } from './exit-codes.js'

/** The other node must hear of it, and with a lease the disk, too; the daemon gives up after 5 s by itself. */
const answerWithin = parseDuration('10s')
const longest = parseDuration('1h')

interface HoldOptions {
  readonly reason: string
  readonly end: boolean
  readonly json: boolean
}

export function registerHold(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('hold')
    .summary('announce that this node will be silent for a while')
    .argument('[time]', 'how long at most, e.g. 60s or 5m; at most 1h', parseHold)
    .description(
      'Before a snapshot, a live migration, or anything else that stops this machine for longer than deadtime: the other node then waits for this one until the time is over instead of taking its groups. Returns when the other node has heard of it; begin the pause only then.'
    )
    .option('--reason <text>', 'what the log and heartbeat status of both nodes say', 'not given')
    .option('--end', 'end the announcement early', false)
    .option('--json', 'print the outcome as one JSON object', false)
    .addHelpText(
      'after',
      `
What it does not do:
  It ends by itself. A node that is still silent then counts as dead at once.
  It hides no death that can be proved: when the host of this node answers that no heartbeat runs there, or the node was
  fenced, the other node waits no longer.
  With a shared-disk lease, the lease is promised for the whole time on the disk, too. An arbiter's lease cannot be
  promised for longer than its ttl: after a longer pause this node releases its groups when it wakes.

Exit status:
  0   the other node has heard of it and waits
  1   it could not be announced; the reason is printed. Do not begin the pause
  2   wrong usage
  3   heartbeat does not run on this node
  4   not permitted; use root or a member of the haclient group

Examples:
  heartbeat hold 60s --reason snapshot && take-the-snapshot; heartbeat hold --end
  heartbeat hold 5m --reason 'live migration'`
    )
    .action(async (time: Millis | undefined, options: HoldOptions, command: Command) => {
      if ((time === undefined) === !options.end) command.error('error: give either a time or --end')
      exit(await hold(context, time ?? null, options))
    })
}

function parseHold(text: string): Millis {
  const duration = parseDuration(text)
  if (duration <= 0 || duration > longest) throw new InvalidArgumentError('it is longer than nothing and at most 1h')
  return duration
}

async function hold(context: CommandContext, durationMs: Millis | null, options: HoldOptions): Promise<number> {
  try {
    const asked = { kind: 'hold', durationMs: durationMs ?? millis(0), reason: options.reason } as const
    const result = await request(context.paths.controlSocket, asked, { clock: context.clock, timeoutMs: answerWithin })
    const note = result.kind === 'done' ? result.note : 'announced'
    context.out(options.json ? JSON.stringify({ ok: true, note }) : note)
    return 0
  } catch (error) {
    return reportFailure(error, context, options)
  }
}
