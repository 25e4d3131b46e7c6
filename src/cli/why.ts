/** `heartbeat why`: how each group came to be where it is, and why it is not elsewhere, in both nodes' words. */

import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import { request } from '../control/client.js'
import type { WhyReport } from '../control/protocol.js'
import { flightPath } from '../flight/file.js'
import { readRecording, endingOf, type Recording } from '../flight/replay.js'
import { nodeWhy, withEarlier } from '../flight/why.js'
import type { CommandContext } from './context.js'
import { reportFailure, usageError } from './exit-codes.js'
import { whyText } from './why-text.js'

/** The daemon gives the peer some seconds to answer. */
const whyTimeoutMs = millis(15_000)

export function registerWhy(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('why')
    .summary('how each group came to be where it is, and why it is not elsewhere')
    .argument('[group]', 'one group, by the first word of its haresources line; all of them without it')
    .description(
      `Tells the last move of each group as a chain of causes, from the first sign to its running, with times and the outage; then why it is not on the other node now. This node's daemon is asked, and through it the other node's; what happened before this daemon's start is taken from the flight record of this node.`
    )
    .option('--json', 'print both accounts as one JSON object', false)
    .addHelpText(
      'after',
      `
The times are those of the clock of the node whose name stands before the fact. The outage is counted from the last word
of a node that died, or from the beginning of a stop in order, to the group's running.

Exit status:
  0   told
  1   neither the daemon nor the flight record can be asked
  2   no such group, or wrong usage
  4   not permitted; use root or a member of the haclient group

Files:
  \${HA_RUN_DIR:-/run/heartbeat}/control        control socket
  \${HA_STATE_DIR:-/var/lib/heartbeat}/flight    the flight record: every event of the last hours; read by root alone

Examples:
  heartbeat why
  heartbeat why 10.0.0.5/24/eth0
  heartbeat why --json | jq '.own.groups[].move.facts'`
    )
    .action(async (group: string | undefined, options: { json: boolean }) => exit(await why(context, group ?? null, options)))
}

async function why(context: CommandContext, group: string | null, options: { readonly json: boolean }): Promise<number> {
  let report: WhyReport
  let notes: readonly string[]
  try {
    ;({ report, notes } = await gather(context))
  } catch (error) {
    return reportFailure(error, context, options)
  }
  if (group !== null && !report.own.groups.some(one => one.key === group)) {
    const known = report.own.groups.map(one => one.key).join(', ')
    const failure = new HaError('HA_UNKNOWN_GROUP', `no such resource group: ${group}; haresources has ${known === '' ? 'none' : known}`)
    reportFailure(failure, context, options)
    return usageError
  }
  const chosen = group === null ? report : only(report, group)
  if (options.json) context.out(JSON.stringify({ ok: true, ...chosen, notes }))
  else context.out(whyText(chosen, notes))
  return 0
}

const only = (report: WhyReport, key: string): WhyReport => ({
  ...report,
  own: { ...report.own, groups: report.own.groups.filter(one => one.key === key) },
  peer: report.peer === null ? null : { ...report.peer, groups: report.peer.groups.filter(one => one.key === key) }
})

/** The daemon's word first; the record fills in what was before its start, or speaks alone when no daemon runs. */
async function gather(context: CommandContext): Promise<{ readonly report: WhyReport; readonly notes: readonly string[] }> {
  const record = await recorded(context)
  const notes = typeof record === 'string' ? [record] : [...record.troubles]
  const lives = typeof record === 'string' ? [] : record.lives
  try {
    const result = await request(context.paths.controlSocket, { kind: 'why' }, { clock: context.clock, timeoutMs: whyTimeoutMs })
    if (result.kind !== 'why') throw new HaError('HA_CONTROL_BAD_REQUEST', 'the daemon answered, but not with its account')
    return { report: { own: withEarlier(result.own, lives), peer: result.peer, peerTrouble: result.peerTrouble }, notes }
  } catch (error) {
    if (!(error instanceof HaError) || error.code !== 'HA_NOT_RUNNING') throw error
    const last = lives.at(-1)
    const ending = last === undefined ? null : endingOf(last)
    if (ending === null) throw new HaError('HA_NOT_RUNNING', `no heartbeat daemon runs on this node, and there is no flight record to ask instead${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`)
    const own = withEarlier(nodeWhy(ending), lives)
    const at = new Date(ending.clock.wallMs + (ending.state.at - ending.clock.now)).toISOString()
    return { report: { own, peer: null, peerTrouble: 'no daemon runs here that could ask it' }, notes: [...notes, `no heartbeat daemon runs on this node: this is how things stood at ${at}`] }
  }
}

/** The flight record of this node, or why there is none. */
export async function recorded(context: CommandContext, path = flightPath(context.paths.stateDir)): Promise<Recording | string> {
  try {
    return readRecording(await readFile(path))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return `there is no flight record ${path}`
    if (code === undefined) throw error
    return `the flight record cannot be read: ${message}`
  }
}
