/** `heartbeat simulate`: what would happen if, and what would have happened with another setting. */

import type { Command } from 'commander'
import { HaError } from '../base/errors.js'
import { instant, millis, type Millis } from '../base/units.js'
import type { ClusterSettings } from '../cluster/types.js'
import { request } from '../control/client.js'
import { formatDiagnostic, isError } from '../config/configuration.js'
import { loadConfiguration, ownNodeName } from '../daemon/load-configuration.js'
import { offlineSettings } from '../daemon/offline-settings.js'
import { settingsFrom, stateFrom } from '../flight/plain.js'
import { assumedSituation, presentSituation, type Situation } from '../whatif/begin.js'
import { faultHelp, parseFaults, type Names } from '../whatif/faults.js'
import { whatIf } from '../whatif/world.js'
import { timeOption } from './arguments.js'
import type { CommandContext } from './context.js'
import { reportFailure, usageError } from './exit-codes.js'
import { simulateReplay } from './simulate-replay.js'
import { whatIfText } from './simulate-text.js'

/** The daemon writes what it has recorded before it answers, and gives a hanging disk two seconds. */
const snapshotTimeoutMs = millis(8_000)

interface SimulateOptions {
  readonly replay?: string | boolean
  readonly set: readonly string[]
  readonly for: Millis
  readonly json: boolean
}

export function registerSimulate(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('simulate')
    .summary('what would happen if; or: what would have happened with another setting')
    .argument('[faults]', "what goes wrong, e.g. 'ha1 dies' or 'link eth1 cut, ha2 dies after 3s'")
    .description(
      `Runs the production core of both nodes from the running configuration and the present state in a small world of virtual time, lets happen what is asked about, and prints the timeline, who owns what at the end, and how long each group was without service. Nothing is done to the cluster. Without a running daemon the files are taken, with both nodes up and every group at home.`
    )
    .option('--replay [file]', 'instead: live the last incident of the flight record again, with --set')
    .option('--set <name=value>', 'with --replay, a setting to change: deadtime, keepalive, warntime, initdead, auto_failback (may be repeated)', (one: string, all: readonly string[]) => [...all, one], [])
    .addOption(timeOption('--for <time>', 'how long to look on at most', '2m'))
    .option('--json', 'print one JSON object', false)
    .addHelpText(
      'after',
      `
What can go wrong; several, separated by commas, each with 'after TIME' when it comes later:
${faultHelp()}
TIME is 500ms, 3s or 1m.

What is assumed (how long scripts, disk and fencing devices take) is printed with the answer.

A replay feeds the recorded events of this node through the same core with the setting changed, and shows where the
decisions differ first. It knows what this node heard, and not what the other node would have said to other decisions.

Exit status:
  0   told
  1   the flight record cannot be read, or holds no incident
  2   wrong usage: a fault, a name or a setting that is not known
  4   not permitted; use root or a member of the haclient group
  6   no daemon runs, and the files have faults

Files:
  \${HA_RUN_DIR:-/run/heartbeat}/control        control socket
  \${HA_STATE_DIR:-/var/lib/heartbeat}/flight    the flight record

Examples:
  heartbeat simulate 'ha1 dies'
  heartbeat simulate 'all links cut, all links healed after 5s'
  heartbeat simulate 'disk slow 2s, ha1 hangs 2s after 10s' --json
  heartbeat simulate --replay --set deadtime=2s`
    )
    .action(async (faults: string | undefined, options: SimulateOptions) => exit(await simulate(context, faults ?? null, options)))
}

async function simulate(context: CommandContext, faults: string | null, options: SimulateOptions): Promise<number> {
  if (options.replay !== undefined && options.replay !== false) {
    if (faults !== null) return wrong(context, options, 'a replay takes no faults: give either faults or --replay')
    return simulateReplay(context, typeof options.replay === 'string' ? options.replay : null, options)
  }
  if (options.set.length > 0) return wrong(context, options, '--set changes a replay: give --replay, too')
  if (faults === null) return wrong(context, options, "say what goes wrong, e.g. heartbeat simulate 'ha1 dies'; 'heartbeat simulate --help' lists it all")
  try {
    const { situation, durations } = await begin(context)
    const parsed = parseFaults(faults, namesOf(situation.nodes[0].settings))
    if (!parsed.ok) return wrong(context, options, parsed.message)
    const result = whatIf({ situation, faults: parsed.faults, durations, forMs: options.for })
    context.out(options.json ? JSON.stringify({ ok: true, ...result }) : whatIfText(result))
    return 0
  } catch (error) {
    return reportFailure(error, context, options)
  }
}

export function wrong(context: CommandContext, options: { readonly json: boolean }, message: string): number {
  if (options.json) context.out(JSON.stringify({ ok: false, code: 'usage', message }))
  else context.err(`ERROR: ${message}`)
  return usageError
}

const namesOf = (settings: ClusterSettings): Names => ({
  nodes: [settings.self.name, settings.peerName],
  links: settings.links.flatMap((link, index) => (index === settings.safety.lease?.link ? [] : [link.name])),
  groups: settings.groups.map(group => group.key)
})

/** The state of now from the daemon, or else what the files say. */
async function begin(context: CommandContext): Promise<{ readonly situation: Situation; readonly durations: Readonly<Record<string, number>> }> {
  try {
    const result = await request(context.paths.controlSocket, { kind: 'snapshot' }, { clock: context.clock, timeoutMs: snapshotTimeoutMs })
    if (result.kind !== 'snapshot') throw new HaError('HA_CONTROL_BAD_REQUEST', 'the daemon answered, but not with its state')
    return { situation: presentSituation(settingsFrom(result.settings), stateFrom(result.state), instant(result.now)), durations: result.durations }
  } catch (error) {
    if (!(error instanceof HaError) || error.code !== 'HA_NOT_RUNNING') throw error
    return { situation: assumedSituation(await fromFiles(context)), durations: {} }
  }
}

async function fromFiles(context: CommandContext): Promise<ClusterSettings> {
  const { haDir } = context.paths
  const nodeName = await ownNodeName(haDir)
  const loaded = await loadConfiguration(haDir, { nodeName })
  if (!loaded.ok) throw new HaError('HA_CONFIG_INVALID', `no daemon runs, and the files have faults:\n${loaded.diagnostics.filter(isError).map(formatDiagnostic).join('\n')}`)
  return offlineSettings(loaded.configuration, { nodeName, haDir })
}
