/**
 * hb_standby and hb_takeover with Linux-HA's words and exit statuses: 0 once the request is handed over, 1 for wrong use.
 *
 * Two things differ on purpose. Without a running daemon the originals block for ever in a FIFO; these say so and return 1.
 * And `hb_takeover failback`, which the original turns into "all" by an oversight, means what its name says: the groups
 * whose home is this node.
 *
 * Source: reference on Linux-HA 3.0.6, sections 5.5 and 7.4.
 */

import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import { request } from '../control/client.js'
import type { ControlRequest, GroupScope } from '../control/protocol.js'
import type { CommandContext } from './context.js'

const answerTimeoutMs = millis(10_000)

type OldWord = 'all' | 'foreign' | 'local' | 'failback'

const isOldWord = (word: string): word is OldWord => ['all', 'foreign', 'local', 'failback'].includes(word)

export function hbStandby(args: readonly string[], context: CommandContext): Promise<number> {
  return runOldMove('hb_standby', args, context, word => {
    const scope: GroupScope = { kind: word === 'failback' ? 'foreign' : word }
    return { said: `Going standby [${scope.kind}].`, asked: { kind: 'standby', scope, wait: false } }
  })
}

export function hbTakeover(args: readonly string[], context: CommandContext): Promise<number> {
  return runOldMove('hb_takeover', args, context, word => {
    const scope: GroupScope = { kind: word === 'failback' ? 'local' : word }
    return { said: null, asked: { kind: 'takeover', scope, wait: false, force: false } }
  })
}

async function runOldMove(
  name: string,
  args: readonly string[],
  context: CommandContext,
  meaning: (word: OldWord) => { readonly said: string | null; readonly asked: ControlRequest }
): Promise<number> {
  const word = args[0] ?? 'all'
  if (args.length > 1) return usage(name, `${name}: too many arguments`, context)
  if (word === '--help' || word === '-h') return usage(name, null, context)
  if (!isOldWord(word)) return usage(name, `${name}: wrong resources(${word}).`, context)
  const { said, asked } = meaning(word)
  if (said !== null) context.out(said)
  try {
    await request(context.paths.controlSocket, asked, { clock: context.clock, timeoutMs: answerTimeoutMs })
    return 0
  } catch (error) {
    if (!(error instanceof HaError)) throw error
    context.err(`${name}: ${error.message}`)
    return 1
  }
}

function usage(name: string, complaint: string | null, context: CommandContext): number {
  if (complaint !== null) context.out(complaint)
  context.out('usage:')
  context.err(`${name} [all|foreign|local|failback]`)
  return 1
}
