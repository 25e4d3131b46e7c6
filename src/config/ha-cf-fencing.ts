/**
 * Reads the fencing lines of ha.cf: stonith, stonith_host and the fence_* directives.
 *
 * As in Linux-HA the HOST of a stonith_host line is the node that reaches the device (`*`: both), so what it switches
 * off is the other one. New are several devices for one host: each line is the next level, tried when the one before
 * failed; `level=N` puts several on one level (two power supplies), where all must succeed.
 *
 * Invariant: no finding shows the value of a parameter. It may be a password, even where the line is wrong.
 *
 * Not here: whether a device's program is installed (cli/check-fencing.ts), what it is told (fencing/).
 * Source: Linux-HA 3.0.6, ha.cf(5); Pacemaker's names for the map from nodes to plugs.
 */

import { Secret } from '../base/secret.js'
import { millis } from '../base/units.js'
import { parseCron } from './cron.js'
import { bounds, defaults } from './defaults.js'
import type { Findings } from './diagnostics.js'
import type { Draft, Setting } from './ha-cf-draft.js'
import { shown, within, type Word } from './lexer.js'
import { didYouMean } from './nearest.js'
import type { FencingConfig, FencingDevice, FencingParameters, FencingPlan, Position } from './types.js'
import { parseNumber, shownTime, writtenTime } from './values.js'

/** One line, its form checked; nodes are known only at the end of the file. */
export interface FencingLine {
  /** The node that reaches the device, `*` for both. */
  readonly host: Word
  readonly kind: FencingDevice['kind']
  readonly type: string
  readonly level: number | null
  readonly parameters: FencingParameters
  /** `pcmk_host_map`: which plug feeds which node. */
  readonly plugs: ReadonlyMap<string, string> | null
  /** Of meatware: the nodes that an operator answers for; empty means all. */
  readonly hostlist: readonly Word[]
  readonly position: Position
}

export interface FencingDraft {
  readonly lines: FencingLine[]
  action: Setting<'reset' | 'off'> | null
  test: Setting<string | null> | null
}

export const emptyFencingDraft = (): FencingDraft => ({ lines: [], action: null, test: null })

const agentPattern = /^(?:\/(?:[\w.+-]+\/)*)?fence_[A-Za-z0-9_.-]+$/
const pluginPattern = /^(?:external\/)?[A-Za-z0-9_][A-Za-z0-9_.-]*$/
const parameterName = /^[A-Za-z_][A-Za-z0-9_-]*$/
/** Names whose values are passwords in one agent or another. */
const secretName = /pass|pwd|secret|token|community|credential|hexadecimal_kg|api_?key|private_key$/i
/** What we say ourselves with each call. */
const reserved: ReadonlySet<string> = new Set(['action', 'option', 'nodename'])
/** Agents whose device is the management controller of one machine: without a plug it switches off that one alone. */
const controllerAgents = /^fence_(?:ipmilan(?:plus)?|idrac|drac5?|ilo\w*|imm|rsa|rsb|redfish|amt\w*|cisco_ucs_cimc)$/

/** `stonith TYPE FILE`. */
export function onStonith(values: readonly Word[], name: Word, draft: Draft, findings: Findings): void {
  const [type, file, extra] = values
  if (type === undefined || file === undefined || extra !== undefined) {
    findings.error(name.position, {
      what: `\`stonith\` has the wrong number of words`,
      why: 'it names a type of device and the file with its parameters',
      fix: 'write `stonith TYPE FILE`, or `stonith_host * TYPE PARAMETERS`'
    })
    return
  }
  const kind = checkedType(type, findings)
  if (kind === null) return
  if (kind === 'operator') {
    findings.error(file.position, { what: '`meatware` takes no file', why: 'an operator needs no parameters but names of nodes', fix: 'write `stonith_host * meatware`' })
    return
  }
  if (!/^\/(?:.*[^/])$/.test(file.text)) {
    findings.error(file.position, { what: `\`stonith\` cannot read ${shown(file.text)}`, why: 'it is not the whole path of a file', fix: 'write a path that begins with `/`, of a file that root alone may read' })
    return
  }
  add({ host: { text: '*', position: type.position }, kind, type: type.text, level: null, parameters: { kind: 'file', path: file.text }, plugs: null, hostlist: [], position: name.position }, draft, findings)
}

/** `stonith_host HOST|* TYPE PARAMETERS...`. */
export function onStonithHost(values: readonly Word[], name: Word, draft: Draft, findings: Findings): void {
  const [host, type, ...rest] = values
  if (host === undefined || type === undefined) {
    findings.error(name.position, {
      what: '`stonith_host` names no type of device',
      why: 'nothing could be switched off',
      fix: 'write `stonith_host HOST|* TYPE PARAMETERS...`, e.g. `stonith_host ha1 fence_ipmilan ip=10.0.0.9 username=admin password_script=/etc/ha.d/ipmi-password`'
    })
    return
  }
  const kind = checkedType(type, findings)
  if (kind === null) return
  const level = takeLevel(rest, findings)
  const words = rest.filter(word => !word.text.startsWith('level='))
  if (level === 'faulty') return
  const line = { host, kind, type: type.text, level, position: name.position }
  if (kind === 'operator') {
    const hostlist = words.flatMap(namesIn)
    add({ ...line, parameters: { kind: 'named', values: [] }, plugs: null, hostlist }, draft, findings)
    return
  }
  const named = words.map(namedParameter)
  const isNamed = named.every(parameter => parameter !== null)
  if (!isNamed && kind === 'fence-agent') {
    const odd = words[named.indexOf(null)] ?? type
    findings.error(odd.position, {
      what: `parameter ${words.indexOf(odd) + 1} of ${shown(type.text)} is not NAME=VALUE`,
      why: 'a fence agent would not understand it',
      fix: `see \`man ${type.text.split('/').at(-1) ?? 'fence_agent'}\` for the names; a value has no blanks and no \`#\``
    })
    return
  }
  if (!isNamed && named.some(parameter => parameter !== null)) {
    const odd = words[named.indexOf(null)] ?? type
    findings.warning(odd.position, {
      what: `parameter ${words.indexOf(odd) + 1} of ${shown(type.text)} is not NAME=VALUE, but others are`,
      why: 'all are given to the plug-in by their order then, names included',
      fix: 'write NAME=VALUE for all, or for none'
    })
  }
  const parameters: FencingParameters = isNamed
    ? { kind: 'named', values: named.filter(parameter => parameter !== null).filter(parameter => !parameter.name.startsWith('pcmk_')).map(masked) }
    : { kind: 'positional', words: new Secret(Buffer.from(words.map(word => word.text).join(' '), 'utf8')) }
  const plugs = isNamed ? plugsOf(words, findings) : null
  if (plugs === 'faulty' || (isNamed && !checkReserved(words, kind, findings))) return
  add({ ...line, parameters, plugs, hostlist: [] }, draft, findings)
}

function checkedType(type: Word, findings: Findings): FencingDevice['kind'] | null {
  if (type.text === 'meatware') return 'operator'
  if (agentPattern.test(type.text)) return 'fence-agent'
  if (pluginPattern.test(type.text)) return 'cluster-glue'
  findings.error(type.position, {
    what: `${shown(type.text)} cannot be a type of fencing device`,
    why: 'a type is a fence agent such as `fence_ipmilan`, a plug-in that `stonith -L` lists, or `meatware`',
    fix: 'write the type behind the host, then its parameters'
  })
  return null
}

function takeLevel(words: readonly Word[], findings: Findings): number | null | 'faulty' {
  const word = words.find(candidate => candidate.text.startsWith('level='))
  if (word === undefined) return null
  const parsed = parseNumber(word.text.slice('level='.length), 1, bounds.fencingLevelsMax)
  if (parsed.ok) return parsed.value
  findings.error(within(word, 'level='.length), {
    what: `\`level\` cannot be ${shown(word.text.slice('level='.length))}`,
    why: 'levels are tried in the order of their numbers',
    fix: parsed.fix
  })
  return 'faulty'
}

/** `hostlist=ha1,ha2`, or the names alone. */
function namesIn(word: Word): readonly Word[] {
  const offset = word.text.startsWith('hostlist=') ? 'hostlist='.length : 0
  return [...word.text.slice(offset).matchAll(/[^,]+/g)].map(match => ({ text: match[0].toLowerCase(), position: within(word, offset + match.index) }))
}

function namedParameter(word: Word): { readonly name: string; readonly value: string } | null {
  const equals = word.text.indexOf('=')
  const name = word.text.slice(0, Math.max(0, equals))
  return parameterName.test(name) ? { name, value: word.text.slice(equals + 1) } : null
}

const masked = ({ name, value }: { readonly name: string; readonly value: string }): { readonly name: string; readonly value: string | Secret } =>
  ({ name, value: secretName.test(name) ? new Secret(Buffer.from(value, 'utf8')) : value })

function checkReserved(words: readonly Word[], kind: FencingDevice['kind'], findings: Findings): boolean {
  let isFine = true
  for (const word of words) {
    const name = word.text.slice(0, word.text.indexOf('='))
    if (kind === 'fence-agent' && reserved.has(name)) {
      isFine = false
      findings.error(word.position, { what: `\`${name}\` is not for you to set`, why: 'heartbeat says it with each call: off, status, on, and the node meant', fix: name === 'nodename' ? 'write `plug=` for the outlet' : 'delete it; `fence_action reset` or `off` chooses for all devices' })
    } else if (name.startsWith('pcmk_') && name !== 'pcmk_host_map') {
      findings.warning(word.position, { what: `\`${name}\` is ignored`, why: 'it is an instruction for Pacemaker, not for the device', fix: 'delete it' })
    }
  }
  return isFine
}

/** `pcmk_host_map=ha1:3;ha2:4`. */
function plugsOf(words: readonly Word[], findings: Findings): ReadonlyMap<string, string> | null | 'faulty' {
  const word = words.find(candidate => candidate.text.startsWith('pcmk_host_map='))
  if (word === undefined) return null
  const plugs = new Map<string, string>()
  for (const entry of word.text.slice('pcmk_host_map='.length).split(';')) {
    const match = /^([^:]+):(.+)$/.exec(entry)
    if (match !== null) plugs.set((match[1] ?? '').toLowerCase(), match[2] ?? '')
    else if (entry !== '') {
      findings.error(word.position, { what: '`pcmk_host_map` is not understood', why: 'it says which plug feeds which node', fix: 'write `pcmk_host_map=NODE:PLUG;NODE:PLUG`' })
      return 'faulty'
    }
  }
  return plugs
}

function add(line: FencingLine, draft: Draft, findings: Findings): void {
  if (draft.fencing.lines.length >= bounds.fencingDevicesMax) {
    findings.error(line.position, { what: `more than ${bounds.fencingDevicesMax} fencing devices`, why: 'all of them would have to be tried within fence_timeout', fix: 'keep the two or three that work best' })
    return
  }
  draft.fencing.lines.push(line)
}

export function onFenceAction([word]: readonly Word[], _name: Word, draft: Draft, findings: Findings): void {
  if (word === undefined) return
  const value = word.text.toLowerCase()
  if (value === 'reset' || value === 'off') draft.fencing.action = { value, position: word.position }
  else findings.error(word.position, { what: `\`fence_action\` cannot be ${shown(word.text)}`, why: 'the value is not understood', fix: 'write `reset` (off, then on again) or `off`' })
}

/** `fence_test 0 3 * * *`, with or without quotes, or `off`. */
export function onFenceTest(values: readonly Word[], name: Word, draft: Draft, findings: Findings): void {
  const words = values.map(word => word.text).join(' ').replace(/^(["'])(.*)\1$/, '$2').split(' ').filter(word => word !== '')
  const position = values[0]?.position ?? name.position
  if (words.length === 1 && ['off', 'no', 'false', 'never'].includes(words[0]?.toLowerCase() ?? '')) {
    draft.fencing.test = { value: null, position }
    return
  }
  const parsed = parseCron(words)
  if (parsed.ok) draft.fencing.test = { value: parsed.value, position }
  else findings.error(position, { what: `\`fence_test\` cannot be ${shown(words.join(' '))}`, why: 'the devices would not be tested', fix: `${parsed.fix}, or \`off\`` })
}

/** The whole of it; null when no line names a device. */
export function checkedFencing(draft: Draft, findings: Findings): FencingConfig | null {
  const { lines, action, test } = draft.fencing
  const timeout = draft.times.get('fence_timeout')
  const delay = draft.times.get('fence_delay')
  const retries = draft.numbers.get('fence_retries')
  if (timeout !== undefined && timeout.value < bounds.fenceTimeoutMinMs) {
    findings.error(timeout.position, { what: `fence_timeout ${shownTime(timeout.value)} is too short`, why: 'no device switches anything off that fast', fix: `write \`fence_timeout ${writtenTime(millis(bounds.fenceTimeoutMinMs))}\` or longer, better what the slowest device needs, twice` })
  }
  if (lines.length === 0) {
    const isMistyped = draft.broken.has('stonith') || draft.broken.has('stonith_host')
    const given = Object.entries({ fence_timeout: timeout, fence_delay: delay, fence_retries: retries, fence_action: action, fence_test: test })
    for (const [name, setting] of isMistyped ? [] : given) {
      if (setting === undefined || setting === null) continue
      findings.warning(setting.position, { what: `\`${name}\` is set, but no fencing device`, why: 'a silent peer is taken over without making sure that it is dead', fix: 'add a `stonith_host` line, or delete this one' })
    }
    return null
  }
  if (delay !== undefined && delay.value === 0) {
    findings.warning(delay.position, { what: 'fence_delay is 0', why: 'when the nodes lose sight of each other, both may shoot, and nobody serves', fix: 'write `fence_delay 1` or longer, more than the devices need to switch off' })
  }
  return {
    plans: draft.broken.has('node') ? [] : plansOf(draft, findings),
    timeoutMs: timeout?.value ?? defaults.fenceTimeoutMs,
    retries: retries?.value ?? defaults.fenceRetries,
    delayMs: delay?.value ?? defaults.fenceDelayMs,
    action: action?.value ?? defaults.fenceAction,
    testSchedule: test === null ? defaults.fenceTest : test.value
  }
}

function plansOf(draft: Draft, findings: Findings): readonly FencingPlan[] {
  const nodes = draft.nodes.map(node => node.value)
  const { lines } = draft.fencing
  for (const line of lines) checkLine(line, nodes, findings)
  const plans = nodes.map(victim => ({ victim, levels: levelsFor(victim, lines, nodes, findings) })).filter(plan => plan.levels.length > 0)
  const bare = nodes.length === 2 ? nodes.find(node => !plans.some(plan => plan.victim === node)) : undefined
  const [first] = lines
  if (bare !== undefined && plans.length > 0 && first !== undefined) {
    findings.warning(first.position, {
      what: `no fencing device can switch off ${bare}`,
      why: `${nodes.find(node => node !== bare) ?? 'the other node'} has none in reach, and would take over nothing, or without proof`,
      fix: 'the first word of `stonith_host` is the node that reaches the device; add a line for the other node, or write `*`'
    })
  }
  return plans
}

function checkLine(line: FencingLine, nodes: readonly string[], findings: Findings): void {
  const unknown = (word: Word): void => {
    findings.error(word.position, { what: `${shown(word.text)} is not a node of this cluster`, why: 'the line would never be used', fix: `${didYouMean(word.text, nodes)}write one of ${nodes.join(', ')}` })
  }
  if (line.host.text !== '*' && !nodes.includes(line.host.text.toLowerCase())) unknown(line.host)
  for (const host of line.hostlist) if (!nodes.includes(host.text)) unknown(host)
  for (const node of line.plugs?.keys() ?? []) if (!nodes.includes(node)) unknown({ text: node, position: line.position })
  const hasPlug = line.plugs !== null || (line.parameters.kind === 'named' && line.parameters.values.some(parameter => parameter.name === 'plug' || parameter.name === 'port'))
  if (line.host.text === '*' && line.parameters.kind === 'named' && !hasPlug && controllerAgents.test(line.type.split('/').at(-1) ?? '')) {
    findings.warning(line.host.position, {
      what: `\`*\` lets both nodes use this ${line.type}`,
      why: 'it is the controller of one machine, and that machine would switch off itself',
      fix: 'write the name of the other node instead of `*`, and a second line for the second controller'
    })
  }
}

function levelsFor(victim: string, lines: readonly FencingLine[], nodes: readonly string[], findings: Findings): readonly (readonly FencingDevice[])[] {
  const byLevel = new Map<number, FencingDevice[]>()
  let highest = 0
  for (const line of lines) {
    const host = line.host.text.toLowerCase()
    if (host === victim || (host !== '*' && !nodes.includes(host))) continue
    if (line.hostlist.length > 0 && !line.hostlist.some(name => name.text === victim)) continue
    const level = line.level ?? highest + 1
    highest = Math.max(highest, level)
    const plug = line.plugs?.get(victim)
    if (line.plugs !== null && plug === undefined) {
      findings.error(line.position, { what: `\`pcmk_host_map\` has no plug for ${victim}`, why: 'the device would not know what to switch off', fix: `add \`${victim}:PLUG\`` })
      continue
    }
    const device: FencingDevice = { kind: line.kind, type: line.type, parameters: withPlug(line.parameters, plug), position: line.position }
    byLevel.set(level, [...(byLevel.get(level) ?? []), device])
  }
  return [...byLevel].sort(([a], [b]) => a - b).map(([, devices]) => devices)
}

const withPlug = (parameters: FencingParameters, plug: string | undefined): FencingParameters =>
  parameters.kind !== 'named' || plug === undefined ? parameters : { kind: 'named', values: [...parameters.values.filter(({ name }) => name !== 'plug' && name !== 'port'), { name: 'plug', value: plug }] }
