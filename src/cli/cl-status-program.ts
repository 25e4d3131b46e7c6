/**
 * cl_status: answers of a running daemon in Linux-HA's words and exit statuses, for the many scripts that match them.
 *
 *   0 yes   1 no (node down, link dead, parameter unset, heartbeat stopped)   11 wrong use   12 no answer in 5 s   13 unknown
 *
 * Source: reference on Linux-HA 3.0.6, section 7.3, and the output of its cl_status.
 * We differ where the original has no answer for us: there are no clients (clientstatus says offline), no weights and
 * sites other than the defaults, and no ping nodes yet.
 */

import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import type { NodeReport, StatusReport } from '../control/protocol.js'
import type { CommandContext } from './context.js'
import { fetchStatus } from './status.js'

const ok = 0
const no = 1
const wrongUse = 11
const timedOut = 12
const unknown = 13
/** The original sets an alarm of this length. */
const alarmMs = millis(5_000)

interface Asked {
  readonly report: StatusReport
  /** -m: sentences instead of words. */
  readonly isForPeople: boolean
  readonly flags: ReadonlySet<string>
  readonly words: readonly string[]
  readonly context: CommandContext
}

interface SubCommand {
  /** The option letters it takes; `p:` takes a value, which becomes the first word. */
  readonly options: string
  readonly wordsMin: number
  run(asked: Asked): number | Promise<number>
}

const subCommands: Readonly<Record<string, SubCommand>> = {
  listnodes: { options: 'mpnv', wordsMin: 0, run: listNodes },
  nodestatus: { options: 'm', wordsMin: 1, run: nodeStatus },
  nodeweight: { options: 'm', wordsMin: 1, run: asked => ofNode(asked, () => ['100', name => `The weight of the cluster node ${name} is 100`]) },
  nodesite: { options: 'm', wordsMin: 1, run: asked => ofNode(asked, () => ['', name => `The site of the cluster node ${name} is `]) },
  nodetype: { options: 'm', wordsMin: 1, run: asked => ofNode(asked, () => ['normal', name => `The node ${name}'s type: normal`]) },
  listhblinks: { options: 'mv', wordsMin: 1, run: listLinks },
  hblinkstatus: { options: 'm', wordsMin: 2, run: linkStatus },
  clientstatus: { options: 'm', wordsMin: 2, run: clientStatus },
  rscstatus: { options: 'm', wordsMin: 0, run: resourceStatus },
  hbparameter: { options: 'mp:', wordsMin: 1, run: parameter }
}

export async function clStatus(args: readonly string[], context: CommandContext): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === '-h' || name === '--help') {
    context.out(helpText)
    return ok
  }
  if (name === 'hbstatus') return await daemonStatus(rest, context)
  const command = Object.hasOwn(subCommands, name) ? subCommands[name] : undefined
  if (command === undefined) {
    context.err(`cl_status: ERROR: ${name}: invalid sub-command.`)
    return wrongUse
  }
  const parsed = parseOptions(rest, command.options)
  if (typeof parsed === 'string') {
    context.err(`cl_status: ERROR: ${parsed}`)
    return wrongUse
  }
  try {
    const report = await fetchStatus(context, alarmMs)
    if (parsed.words.length < command.wordsMin) {
      context.err(name === 'hbparameter' ? 'cl_status: ERROR: parameter name required' : 'Not enough parameters.')
      return wrongUse
    }
    return await command.run({ report, isForPeople: parsed.flags.has('m'), ...parsed, context })
  } catch (error) {
    if (!(error instanceof HaError)) throw error
    if (error.code === 'HA_CONTROL_TIMEOUT') {
      context.err('cl_status: ERROR: no answer from heartbeat within 5 s')
      return timedOut
    }
    context.err('cl_status: ERROR: Cannot signon with heartbeat')
    context.err(`cl_status: ERROR: REASON: ${error.message}`)
    return no
  }
}

async function daemonStatus(args: readonly string[], context: CommandContext): Promise<number> {
  const parsed = parseOptions(args, 'mv')
  const flags = typeof parsed === 'string' ? new Set<string>() : parsed.flags // the original overlooks wrong options here
  let report: StatusReport
  try {
    report = await fetchStatus(context, alarmMs)
  } catch (error) {
    if (!(error instanceof HaError)) throw error
    if (error.code === 'HA_CONTROL_TIMEOUT') return timedOut
    const isStopped = error.code === 'HA_NOT_RUNNING'
    context.out(isStopped ? 'Heartbeat is stopped on this machine.' : 'Heartbeat is apparently running on this machine, but refuses my connection')
    if (flags.has('v')) context.out(`(${error.message})`)
    return isStopped ? no : ok
  }
  if (!flags.has('v')) {
    context.out('Heartbeat is running on this machine.')
    return ok
  }
  const isForPeople = flags.has('m')
  context.out(isForPeople ? `Heartbeat version ${report.version}` : `version:\t${report.version}`)
  context.out(isForPeople ? 'Resources controlled by "haresources"' : 'managed by:\t"haresources"')
  return listNodes({ report, isForPeople, flags, words: [], context })
}

function listNodes({ report, isForPeople, flags, context }: Asked): number {
  if (isForPeople) context.out('The nodes are as follow:')
  if (flags.has('p') && !flags.has('n')) return ok // only ping nodes, of which there are none
  for (const node of report.nodes) {
    if (!flags.has('v')) {
      context.out(node.name)
      continue
    }
    context.out('')
    context.out(`${node.name}\t${node.state}\t(nodetype: normal)`)
    printLinks(node, { isForPeople, isVerbose: true }, context)
  }
  return ok
}

function nodeStatus(asked: Asked): number {
  const node = nodeNamed(asked)
  if (node === undefined) return unknownNode(asked.context)
  asked.context.out(asked.isForPeople ? `The cluster node ${asked.words[0]} is ${node.state}` : node.state)
  return node.state === 'active' || node.state === 'up' ? ok : no
}

/** A value every known node has: the bare word and the sentence. */
function ofNode(asked: Asked, value: () => readonly [string, (name: string) => string]): number {
  if (nodeNamed(asked) === undefined) return unknownNode(asked.context)
  const [word, sentence] = value()
  asked.context.out(asked.isForPeople ? sentence(asked.words[0] ?? '') : word)
  return ok
}

function listLinks(asked: Asked): number {
  const node = nodeNamed(asked)
  if (node === undefined) {
    asked.context.err('cl_status: ERROR: Cannot start heartbeat link interface walk.')
    return unknown
  }
  printLinks(node, { isForPeople: asked.isForPeople, isVerbose: asked.flags.has('v') }, asked.context)
  return ok
}

function printLinks(node: NodeReport, how: { readonly isForPeople: boolean; readonly isVerbose: boolean }, context: CommandContext): void {
  if (how.isForPeople) context.out('\tthis node has the following heartbeat links:')
  for (const link of node.links) context.out(how.isVerbose ? `\t${link.name}\t${link.state}` : `\t${link.name}`)
}

function linkStatus(asked: Asked): number {
  const link = nodeNamed(asked)?.links.find(candidate => candidate.name === asked.words[1])
  if (link === undefined) {
    asked.context.err('cl_status: ERROR: Cannot get heartbeat link status')
    return unknown
  }
  asked.context.out(asked.isForPeople ? `The node ${asked.words[0]}'s heartbeat link ${link.name} is ${link.state}` : link.state)
  return link.state === 'up' ? ok : no
}

function clientStatus(asked: Asked): number {
  if (nodeNamed(asked) === undefined) {
    asked.context.err(`cl_status: ERROR: Cannot get heartbeat client ${asked.words[1]}'s status`)
    return unknown
  }
  asked.context.out('offline')
  return no
}

function resourceStatus({ report, isForPeople, context }: Asked): number {
  context.out(isForPeople ? `This node is holding ${report.holding} resources.` : report.holding)
  return ok
}

/** A directive of ha.cf as written; the four times also when the file cannot be read, and with their defaults. */
async function parameter({ report, isForPeople, words, context }: Asked): Promise<number> {
  const name = words[0] ?? ''
  const value = (await recordedIn(context, report.node))[name] ?? derivedParameter(name, report)
  if (value === undefined) {
    context.err(`cl_status: ERROR: Cannot get parameter ${name}'s value`)
    return no
  }
  context.out(isForPeople ? `Heartbeat parameter ${name}'s value: ${value}` : value)
  return ok
}

async function recordedIn(context: CommandContext, nodeName: string): Promise<Readonly<Record<string, string>>> {
  const [{ readFile }, { join }, { parseHaCf }] = await Promise.all([import('node:fs/promises'), import('node:path'), import('../config/ha-cf.js')])
  const file = join(context.paths.haDir, 'ha.cf')
  try {
    return parseHaCf({ file, text: await readFile(file, 'utf8') }, { nodeName }).cf?.recorded ?? {}
  } catch (error) {
    if (error instanceof Error && 'code' in error) return {} // not readable for us; the daemon's own values remain
    throw error
  }
}

function derivedParameter(name: string, { timing, autoFailback, version }: StatusReport): string | undefined {
  switch (name) {
    case 'keepalive':
      return `${timing.keepaliveMs}ms`
    case 'warntime':
      return `${timing.warntimeMs}ms`
    case 'deadtime':
      return `${timing.deadtimeMs}ms`
    case 'initdead':
      return `${timing.initdeadMs}ms`
    case 'auto_failback':
      return autoFailback
    case 'hbversion':
      return version
    default:
      return undefined
  }
}

function nodeNamed({ report, words }: Asked): NodeReport | undefined {
  const wanted = (words[0] ?? '').toLowerCase()
  return report.nodes.find(node => node.name.toLowerCase() === wanted)
}

function unknownNode(context: CommandContext): number {
  context.err('Error. May be due to incorrect node name')
  return wrongUse
}

/** getopt's rules as far as cl_status needs them: letters may be joined, `-p VALUE` or `-pVALUE`, `--` ends. */
function parseOptions(args: readonly string[], letters: string): { readonly flags: ReadonlySet<string>; readonly words: readonly string[] } | string {
  const flags = new Set<string>()
  const words: string[] = []
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] ?? ''
    if (word === '--') return { flags, words: [...words, ...args.slice(index + 1)] }
    if (!word.startsWith('-') || word === '-') {
      words.push(word)
      continue
    }
    for (let at = 1; at < word.length; at += 1) {
      const letter = word[at] ?? ''
      const place = letter === ':' ? -1 : letters.indexOf(letter)
      if (place === -1) return `invalid option -- '${letter}'`
      flags.add(letter)
      if (letters[place + 1] !== ':') continue
      const value = word.slice(at + 1) || args[(index += 1)]
      if (value === undefined) return `option requires an argument -- '${letter}'`
      words.unshift(value)
      break
    }
  }
  return { flags, words }
}

const helpText = `Usage: cl_status <sub-command> [<options>] [<parameters>]

Sub-commands:
  hbstatus [-v]                       is heartbeat running on this node? -v adds version, nodes and links
  listnodes [-p] [-n] [-v]            the nodes; -p ping nodes only, -n normal ones only, -v with state and links
  nodestatus <node>                   active, up, init or dead
  nodetype <node>                     normal or ping
  nodeweight <node>, nodesite <node>  as in Linux-HA; always the defaults here
  listhblinks <node> [-v]             the node's heartbeat links; -v with their state
  hblinkstatus <node> <link>          up or dead
  clientstatus <node> <client>        always offline: this daemon has no API clients
  rscstatus                           none, local, foreign, all or transition
  hbparameter -p <name>               a directive of ha.cf

Every sub-command takes -m: sentences for people.

Exit status: 0 yes; 1 no, or heartbeat is stopped; 11 wrong use; 12 no answer within 5 s; 13 no such link or client.`
