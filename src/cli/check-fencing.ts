/**
 * `heartbeat check` of the fencing devices on this host: their programs, the names of their parameters, who may read
 * their passwords; and when asked, whether they answer.
 *
 * fencingFindings judges, gatherFencingFacts looks, as with check.ts and host-facts.ts. Only the devices that this node
 * would use are looked at; the other node's may be installed there alone. No value of a parameter is ever shown.
 */

import { readdir, stat } from 'node:fs/promises'
import { after, elapsed, millis } from '../base/units.js'
import { Secret } from '../base/secret.js'
import { Findings } from '../config/diagnostics.js'
import { shown } from '../config/lexer.js'
import { didYouMean } from '../config/nearest.js'
import type { Diagnostic, FencingConfig, FencingDevice, Position } from '../config/types.js'
import { shownTime } from '../config/values.js'
import { systemClock } from '../daemon/system-clock.js'
import { Children, type ChildResult } from '../fencing/child.js'
import { locateAgent } from '../fencing/fence-agent.js'
import { agentFolders, createFencing, stonithProgram } from '../fencing/fencing.js'

export interface FencingFacts {
  /** Of each type the names of its parameters; null when the program or plug-in is not there, empty when it does not tell. */
  readonly parameters: ReadonlyMap<string, readonly string[] | null>
  /** Every fence agent and plug-in here, to suggest from. */
  readonly types: readonly string[]
  readonly hasStonith: boolean
  /** Permission bits of files with parameters, ha.cf among them; null when missing. */
  readonly modes: ReadonlyMap<string, number | null>
}

const secretNames = /pass|pwd|secret|community|token/i
const lookMs = millis(5_000)

/** All findings, with those of a test of each device when `isTested`; ends within the time limits of the devices. */
export async function checkFencing(config: FencingConfig, options: { readonly self: string; readonly isTested: boolean; readonly runDir: string }): Promise<readonly Diagnostic[]> {
  const plans = config.plans.filter(plan => plan.victim !== options.self)
  const devices = plans.flatMap(plan => plan.levels.flat())
  const found = fencingFindings(devices, await gatherFencingFacts(devices, options.runDir))
  return options.isTested ? [...found, ...(await testFindings(config, options))] : found
}

/** Pure. */
export function fencingFindings(devices: readonly FencingDevice[], facts: FencingFacts): readonly Diagnostic[] {
  const findings = new Findings()
  for (const device of devices) {
    if (device.kind === 'operator') continue
    const known = facts.parameters.get(device.type) ?? null
    if (known === null) reportMissing(device, facts, findings)
    else if (known.length > 0) checkNames(device, known, findings)
    checkSecrets(device, known ?? [], facts, findings)
  }
  return findings.inOrder()
}

function reportMissing(device: FencingDevice, facts: FencingFacts, findings: Findings): void {
  const why = 'the other node could not be switched off with it'
  if (device.kind === 'cluster-glue' && !facts.hasStonith) {
    findings.error(device.position, { what: `${stonithProgram} is not installed`, why, fix: 'on Debian: apt-get install cluster-glue' })
    return
  }
  const isAgent = device.kind === 'fence-agent'
  findings.error(device.position, {
    what: isAgent ? `no fence agent ${shown(device.type)}` : `\`stonith\` has no type ${shown(device.type)}`,
    why,
    fix: `${didYouMean(device.type, facts.types)}${isAgent ? 'on Debian: apt-get install fence-agents' : '`stonith -L` lists the types'}`
  })
}

function checkNames(device: FencingDevice, known: readonly string[], findings: Findings): void {
  if (device.parameters.kind !== 'named') return
  for (const { name } of device.parameters.values) {
    if (known.includes(name)) continue
    findings.warning(device.position, {
      what: `${shown(device.type)} knows no parameter ${shown(name)}`,
      why: 'it will be ignored',
      fix: `${didYouMean(name, known)}write one of ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', ...' : ''}`
    })
  }
}

function checkSecrets(device: FencingDevice, known: readonly string[], facts: FencingFacts, findings: Findings): void {
  const { parameters } = device
  const file = parameters.kind === 'file' ? parameters.path : device.position.file
  const mode = facts.modes.get(file) ?? null
  if (mode === null) {
    if (parameters.kind === 'file') findings.error(device.position, { what: `${shown(file)} cannot be read`, why: 'it should hold the parameters of the device', fix: 'write the file, for root alone: chmod 600' })
    return
  }
  const holdsPassword =
    parameters.kind === 'file' || (parameters.kind === 'named' ? parameters.values.some(({ value }) => value instanceof Secret) : known.some(name => secretNames.test(name)))
  if (!holdsPassword || (mode & 0o044) === 0) return
  findings.warning(device.position, {
    what: `${file} holds a password of ${device.type}, and others than root may read it`,
    why: 'who has it can switch a node off',
    fix: parameters.kind === 'file' ? `run: chmod 600 ${file}` : `run: chmod 600 ${file}; or keep the parameters in a file of their own: \`stonith ${device.type} FILE\``
  })
}

async function testFindings(config: FencingConfig, options: { readonly self: string; readonly runDir: string }): Promise<readonly Diagnostic[]> {
  const findings = new Findings()
  const fencing = createFencing(config, { clock: systemClock, self: options.self, runDir: options.runDir })
  try {
    for (const { victim, levels } of config.plans.filter(plan => plan.victim !== options.self)) {
      const position: Position | undefined = levels[0]?.[0]?.position
      if (position === undefined) continue
      const startedAt = systemClock.monotonic()
      const proof = await fencing.test(victim, { timeoutMs: config.timeoutMs, signal: new AbortController().signal })
      const tookMs = elapsed(startedAt, systemClock.monotonic())
      const said = proof.said.join('; ')
      if (proof.kind === 'proven' && tookMs > config.delayMs) {
        findings.warning(position, {
          what: `a test of the devices took ${shownTime(millis(Math.ceil(tookMs / 100) * 100))}, longer than fence_delay ${shownTime(config.delayMs)}`,
          why: 'when all links fail, the second shot is fired before the first one has hit, and both nodes may go down',
          fix: `write \`fence_delay ${Math.ceil((2 * tookMs) / 1000)}\` or longer on both nodes`
        })
      }
      if (proof.kind === 'proven' && proof.said.some(word => word.endsWith(` ${victim} is off`))) {
        findings.warning(position, { what: `a fencing device says that ${victim} is off`, why: said, fix: `look whether it is; when ${victim} runs, the device is watching another plug or machine` })
      } else if (proof.kind === 'proven') findings.info(position, { what: `fencing of ${victim} is proven`, why: said, fix: 'nothing to do' })
      else findings.error(position, { what: `fencing of ${victim} is not proven`, why: said, fix: 'correct the device that did not answer, then run the test again' })
    }
  } finally {
    fencing.close()
  }
  return findings.inOrder()
}

export async function gatherFencingFacts(devices: readonly FencingDevice[], runDir: string): Promise<FencingFacts> {
  const children = new Children({ clock: systemClock, runDir, graceMs: millis(300) })
  const hasStonith = locateAgent(stonithProgram, []) !== null
  const run = (path: string, args: readonly string[], input?: string): Promise<ChildResult> =>
    children.run({ path, args, ...(input === undefined ? {} : { input }), until: after(systemClock.monotonic(), lookMs), signal: new AbortController().signal, scrub: text => text })
  const plugins = hasStonith && devices.some(device => device.kind === 'cluster-glue') ? wordsOf((await run(stonithProgram, ['-L'])).text) : []

  const parameters = new Map<string, readonly string[] | null>()
  for (const device of devices) {
    if (device.kind === 'operator' || parameters.has(device.type)) continue
    if (device.kind === 'fence-agent') {
      const path = locateAgent(device.type, agentFolders)
      const metadata = path === null ? null : (await run(path, [], 'action=metadata\n')).text
      parameters.set(device.type, metadata === null ? null : [...metadata.matchAll(/<parameter name="([^"]+)"/g)].map(match => match[1] ?? ''))
    } else {
      parameters.set(device.type, plugins.includes(device.type) ? wordsOf((await run(stonithProgram, ['-t', device.type, '-n'])).text) : null)
    }
  }
  const files = new Set(devices.map(({ parameters: given, position }) => (given.kind === 'file' ? given.path : position.file)))
  const modes = new Map<string, number | null>()
  for (const file of files) modes.set(file, await modeOf(file))
  return { parameters, types: [...plugins, ...(await agentsHere())], hasStonith, modes }
}

const wordsOf = (text: string): readonly string[] => text.split(/\s+/).filter(word => word !== '')

async function modeOf(path: string): Promise<number | null> {
  try {
    const found = await stat(path)
    return found.isFile() ? found.mode & 0o777 : null
  } catch (error) {
    // Missing, or behind a folder that we may not enter: it cannot be used either way.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    return null
  }
}

async function agentsHere(): Promise<readonly string[]> {
  const names: string[] = []
  for (const folder of agentFolders) {
    try {
      names.push(...(await readdir(folder)).filter(name => name.startsWith('fence_')))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error // /usr/local/sbin need not exist
    }
  }
  return [...new Set(names)]
}
