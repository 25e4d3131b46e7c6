/**
 * `heartbeat sync`: makes this node's files those of the other node, after showing the difference and asking.
 *
 * A node takes files only when somebody asks for it there: the command runs on the node that is changed. So whoever
 * stole the cluster's key still cannot put a script onto a node.
 */

import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import { request } from '../control/client.js'
import type { PeerFiles } from '../control/protocol.js'
import { exitStatuses } from '../daemon/exit-status.js'
import type { CommandContext } from './context.js'
import { reportFailure, usageError } from './exit-codes.js'
import { installChanges, type Installed } from './sync-install.js'
import { fetchStatus } from './status.js'
import { faultsOf, planSync, type SyncChange, type SyncPlan } from './sync-plan.js'

/** The daemon gives up after 180 s. */
const syncTimeoutMs = millis(200_000)
const differs = 1
const notAgreed = 1

export interface SyncOptions {
  readonly from?: string
  readonly to?: string
  readonly dryRun: boolean
  readonly yes: boolean
  readonly json: boolean
}

export function registerSync(program: Command, context: CommandContext, exit: (status: number) => void): void {
  program
    .command('sync')
    .summary("take over the other node's haresources, ha.cf and scripts")
    .description(
      `Shows how haresources, ha.cf and the scripts in resource.d differ on the two nodes, asks, and makes this node's files those of the other node. Run it on the node that is to be changed; its own daemon fetches the files from the other node's, sealed with the cluster's key, over the heartbeat links.`
    )
    .option('--dry-run', 'show what would change, change nothing', false)
    .option('--from <node>', 'the node to copy from: the other one')
    .option('--to <node>', 'the node to change: this one')
    .option('--yes', 'do not ask', false)
    .option('--json', 'print one JSON object; changes nothing without --yes', false)
    .addHelpText(
      'after',
      `
What is copied:
  haresources   as a whole
  ha.cf         but for the lines that stay with their node, because they name its interfaces (bcast, ucast, mcast,
                serial, baud) or may hold a password (stonith, stonith_host)
  resource.d/*  plain files of at most 1 MiB that every user may read there; a link, or a script that only this node
                has, is left alone
At most 64 files. Never copied: authkeys. Do that by hand, so that the key never crosses the network it protects:
  scp -p /etc/ha.d/authkeys OTHER:/etc/ha.d/authkeys    then on both nodes: heartbeat reload

The result is checked as 'heartbeat check' does before any file is replaced. All files are replaced, or none. Each old
one is kept beside the new one as NAME.~DATE~; mode and owner stay.

Exit status:
  0    nothing differs, or all files were copied
  1    --dry-run: something would change; otherwise: not agreed to, nothing was changed
  2    wrong options
  3    heartbeat does not run on this node
  4    not permitted; use root
  6    the other node's files have faults here; nothing was changed
  13   the other node's files could not be fetched or written; nothing was changed

Examples:
  heartbeat sync --dry-run
  heartbeat sync && heartbeat restart`
    )
    .action(async (options: SyncOptions) => exit(await sync(context, options, askOperator)))
}

/** @param ask  puts the question to the operator; null when there is nobody to ask */
export async function sync(context: CommandContext, options: SyncOptions, ask: (question: string) => Promise<boolean | null>): Promise<number> {
  try {
    const names = await nodeNames(context)
    const refusal = wrongDirection(names, options)
    if (refusal !== null) return say(context, options, { fetched: names, plan: { changes: [], remarks: [] }, faults: [], note: refusal, status: usageError })
    const fetched = await fetchFiles(context, options)
    const plan = await planSync(fetched, context.paths.haDir)
    const faults = plan.changes.length === 0 ? [] : await faultsOf(plan.changes, context.paths, fetched.node)
    const report = { fetched, plan, faults }
    if (!options.json) showPlan(context, report)
    const verdict = (note: string, status: number, installed: readonly Installed[] = []): number => say(context, options, { ...report, note, status, installed })
    if (plan.changes.length === 0) return verdict(`every file that ${fetched.peer} offers is the same on ${fetched.node}`, 0)
    if (faults.length > 0) return verdict(`the files of ${fetched.peer} have faults on ${fetched.node}; nothing was changed`, exitStatuses.configuration.status)
    if (options.dryRun) return verdict(`${counted(plan.changes.length)} would change on ${fetched.node}; nothing was changed`, differs)
    const isAgreed = options.yes ? true : options.json ? null : await ask(`Replace ${counted(plan.changes.length)} on ${fetched.node} by those of ${fetched.peer}? [y/N] `)
    if (isAgreed !== true) return verdict(`nothing was changed${isAgreed === null ? '; say --yes where nobody can be asked' : ''}`, notAgreed)
    const installed = await installChanges(plan.changes, { wallMs: context.clock.wall() })
    return verdict(nextStep(plan.changes), 0, installed)
  } catch (error) {
    return reportFailure(error, context, options)
  }
}

type NodeNames = Pick<PeerFiles, 'node' | 'peer'>

async function nodeNames(context: CommandContext): Promise<NodeNames> {
  const { node, nodes } = await fetchStatus(context)
  return { node, peer: nodes.find(one => !one.isSelf)?.name ?? '' }
}

async function fetchFiles(context: CommandContext, options: SyncOptions): Promise<PeerFiles> {
  const onProgress = (text: string): void => {
    if (!options.json) context.err(safe(text))
  }
  const result = await request(context.paths.controlSocket, { kind: 'sync' }, { clock: context.clock, timeoutMs: syncTimeoutMs, onProgress })
  if (result.kind !== 'files') throw new HaError('HA_CONTROL_BAD_REQUEST', 'the daemon answered, but not with files')
  return result
}

/** Files are pulled, never pushed: --from names the other node, --to this one. */
function wrongDirection(names: NodeNames, options: SyncOptions): string | null {
  const { node, peer } = names
  if (options.from !== undefined && options.from.toLowerCase() !== peer) {
    return options.from.toLowerCase() === node ? `a node takes files only when asked there: run on ${peer}: heartbeat sync --from ${node}` : `--from ${safe(options.from)} is not the other node; that is ${peer}`
  }
  if (options.to !== undefined && options.to.toLowerCase() !== node) {
    return options.to.toLowerCase() === peer ? `a node takes files only when asked there: run on ${peer}: heartbeat sync --from ${node}` : `--to ${safe(options.to)} is not this node; that is ${node}`
  }
  return null
}

interface Report {
  readonly fetched: NodeNames
  readonly plan: SyncPlan
  readonly faults: readonly string[]
}

function showPlan(context: CommandContext, { plan, faults }: Report): void {
  for (const change of plan.changes) for (const line of change.diff) context.out(safe(line))
  for (const remark of plan.remarks) context.out(`note: ${safe(remark)}`)
  for (const fault of faults) context.err(safe(fault))
}

function say(context: CommandContext, options: SyncOptions, report: Report & { readonly note: string; readonly status: number; readonly installed?: readonly Installed[] }): number {
  const { fetched, installed = [], note, plan, status } = report
  const isDone = status === 0 || (options.dryRun && status === differs)
  if (options.json) {
    const changes = plan.changes.map(change => ({ file: change.path, isNew: change.before === null, diff: change.diff }))
    context.out(JSON.stringify({ ok: isDone, node: fetched.node, peer: fetched.peer, changes, remarks: plan.remarks, faults: report.faults, installed, note }))
    return status
  }
  for (const one of installed) context.out(one.backup === null ? `${one.path}: new` : `${one.path}: replaced, the old one is ${one.backup}`)
  if (isDone) context.out(note)
  else context.err(`ERROR: ${note}`)
  return status
}

/** Scripts are read at each call; the two files at the start. */
const nextStep = (changes: readonly SyncChange[]): string =>
  changes.some(change => change.name === 'haresources' || change.name === 'ha.cf')
    ? 'takes effect on this node with: heartbeat restart'
    : 'the scripts are used from now on; to have them compared again: heartbeat reload'

const counted = (files: number): string => `${files} file${files === 1 ? '' : 's'}`

/** Text of the other node must not move the operator's cursor. */
const safe = (text: string): string => text.replace(/[\u0000-\u0008\u000A-\u001F\u007F-\u009F]/g, '?')

/** null where nobody sits at the terminal. */
async function askOperator(question: string): Promise<boolean | null> {
  if (process.stdin.isTTY !== true) return null
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return /^y(es)?$/i.test((await lines.question(question)).trim())
  } finally {
    lines.close()
  }
}
