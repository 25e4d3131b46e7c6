/**
 * `heartbeat check`: the configuration by itself, and the configuration on this host.
 *
 * hostFindings judges; host-facts.ts looks. An error is what would keep a group or a link from working here, a warning
 * what works but deserves a second look.
 */

import { basename } from 'node:path'
import type { Command } from 'commander'
import { canonical, inSubnet, parseIp } from '../config/address.js'
import { formatDiagnostic, isError, type ConfigurationResult } from '../config/configuration.js'
import { Findings } from '../config/diagnostics.js'
import { shown, startOf } from '../config/lexer.js'
import { didYouMean } from '../config/nearest.js'
import { floatingAddress, type FloatingAddress } from '../config/resource-words.js'
import type { Configuration, Diagnostic, HaCf, MediumSpec, Position, ResourceSpec } from '../config/types.js'
import { shownTime } from '../config/values.js'
import { exitStatuses } from '../daemon/exit-status.js'
import { loadConfiguration, ownNodeName } from '../daemon/load-configuration.js'
import { pathsFrom } from '../daemon/paths.js'
import { agreementNotices } from './agreement-notices.js'
import { checkFencing } from './check-fencing.js'
import { checkLease } from './check-lease.js'
import { checkOutside } from './check-outside.js'
import { gatherHostFacts, type HostFacts, type Subnet } from './host-facts.js'

/** Said every time: what decides about a takeover is the administrator's to know. */
export const noFencingNotice =
  'no fencing is configured: when the peer falls silent, its resources are taken over without proof of its death'

/** What is wrong with this configuration on this host; pure. */
export function hostFindings(configuration: Configuration, facts: HostFacts): readonly Diagnostic[] {
  const findings = new Findings()
  const { cf, groups } = configuration
  const start = startOf(cf.media[0]?.position.file ?? 'ha.cf')
  const resources = groups.flatMap(group => group.resources)
  checkMedia(cf.media, facts, findings)
  checkPorts(cf.media, facts, findings)
  checkTiming(cf, start, facts, findings)
  for (const resource of resources) {
    checkScript(resource, facts, findings)
    const floating = floatingAddress(resource)
    if (floating !== null && facts.interfaces !== null) checkAddress(resource, floating, facts, findings)
  }
  checkPrograms(cf, resources, start, facts, findings)
  return findings.inOrder()
}

function checkMedia(media: readonly MediumSpec[], facts: HostFacts, findings: Findings): void {
  if (facts.interfaces === null) return
  const ownAddresses = new Set(facts.subnets.flatMap(subnet => (subnet.own === null ? [] : [canonical(subnet.address)])))
  const isOwnLine = (medium: MediumSpec): boolean => {
    const ip = medium.kind === 'ucast' ? parseIp(medium.address) : null
    return ip !== null && ownAddresses.has(canonical(ip))
  }
  for (const medium of media) {
    const found = facts.interfaces.find(candidate => candidate.name === medium.name)
    if (found === undefined) {
      reportMissingInterface(medium.name, medium.position, 'the link cannot be opened', facts, findings)
      continue
    }
    const subnets = facts.subnets.filter(subnet => subnet.nic === medium.name && subnet.address.family === 4)
    if (!found.isUp) {
      findings.warning(medium.position, { what: `${medium.name} is down`, why: 'no heartbeat passes until it is up', fix: `run: ip link set ${medium.name} up` })
    } else if (!subnets.some(subnet => subnet.own !== null)) {
      findings.warning(medium.position, { what: `${medium.name} has no IPv4 address`, why: 'no heartbeat passes until it has one', fix: 'give it an address that only this node has' })
    } else if (medium.kind === 'bcast' && !found.hasBroadcast) {
      findings.error(medium.position, { what: `${medium.name} cannot broadcast`, why: 'a loopback or point-to-point interface has nobody to send to', fix: 'use `ucast INTERFACE ADDRESS`' })
    } else if (medium.kind === 'ucast' && !isOwnLine(medium)) {
      checkReachable(medium, subnets, facts, findings)
    }
  }
  const [first] = media
  if (first !== undefined && media.every(isOwnLine)) {
    findings.error(first.position, {
      what: 'every `ucast` address is one of this host',
      why: 'nothing is sent to the other node, and both would run everything',
      fix: 'add a `ucast` line with the address of the other node'
    })
  }
  checkSharedSubnets(media, facts.subnets, findings)
}

function checkReachable(medium: MediumSpec & { readonly kind: 'ucast' }, subnets: readonly Subnet[], facts: HostFacts, findings: Findings): void {
  const ip = parseIp(medium.address)
  if (ip === null || subnets.some(subnet => inSubnet(ip, subnet.address, subnet.prefix))) return
  const other = facts.subnets.find(subnet => inSubnet(ip, subnet.address, subnet.prefix))
  findings.warning(medium.position, {
    what: `${medium.address} is not in a network of ${medium.name}`,
    why: other === undefined
      ? 'heartbeats would go through a router, if there is a route at all, and a router is one more thing that fails'
      : `its network is on ${other.nic}, and the kernel sends heartbeats there`,
    fix: other === undefined ? 'give both nodes addresses in one network for this link' : `write \`ucast ${other.nic} ${medium.address}\``
  })
}

/** Without SO_BINDTODEVICE the routing table alone chooses the wire: one of two links in one subnet carries both. */
function checkSharedSubnets(media: readonly MediumSpec[], subnets: readonly Subnet[], findings: Findings): void {
  const seen = new Map<string, MediumSpec>()
  for (const medium of media) {
    if (seen.has(medium.name)) continue
    const own = subnets.filter(subnet => subnet.nic === medium.name && subnet.own !== null && subnet.address.family === 4)
    const twin = [...seen.values()].find(other =>
      subnets.some(subnet => subnet.nic === other.name && own.some(mine => inSubnet(mine.address, subnet.address, Math.min(mine.prefix, subnet.prefix))))
    )
    seen.set(medium.name, medium)
    if (twin === undefined) continue
    findings.warning(medium.position, {
      what: `${medium.name} and ${twin.name} (line ${twin.position.line}) are in the same network`,
      why: 'the routing table sends both through one of them, so they fail together',
      fix: 'give each link a network of its own'
    })
  }
}

function reportMissingInterface(name: string, position: Position, why: string, facts: HostFacts, findings: Findings): void {
  const names = (facts.interfaces ?? []).filter(candidate => !candidate.isLoopback).map(candidate => candidate.name)
  findings.error(position, {
    what: `this host has no interface ${shown(name)}`,
    why,
    fix: `${didYouMean(name, names)}${names.length === 0 ? 'set one up' : `write one of ${names.slice(0, 8).join(', ')}`}`
  })
}

function checkPorts(media: readonly MediumSpec[], facts: HostFacts, findings: Findings): void {
  for (const [port, state] of facts.ports) {
    const position = media.find(medium => medium.port === port)?.position
    if (position === undefined || state === 'free') continue
    if (state === 'taken') {
      findings.error(position, { what: `UDP port ${port} is taken by another program`, why: 'heartbeats could not be received', fix: `find it with \`ss -ulpn sport = ${port}\` and stop it, or choose another \`udpport\` on both nodes` })
    } else {
      findings.info(position, { what: `whether UDP port ${port} is free was not checked`, why: 'ports below 1024 are for root', fix: 'run the command as root' })
    }
  }
}

/** Hosts share out processors in periods of 100 ms (Linux: cpu.max, cpu.cfs_period_us); one that was used up too early leaves most of it without. */
const robbedDeadtimeMs = 200
/** Less than this happens on every virtual machine. */
const stolenShareMax = 0.001

function checkTiming(cf: HaCf, start: Position, facts: HostFacts, findings: Findings): void {
  const stolenShare = facts.stolenShare ?? 0
  if (cf.deadtimeMs < robbedDeadtimeMs && stolenShare >= stolenShareMax) {
    findings.warning(start, {
      what: `deadtime is ${shownTime(cf.deadtimeMs)}, and the host of this virtual machine has withheld ${(stolenShare * 100).toFixed(1)} % of its processor time since boot`,
      why: 'such pauses take tens of milliseconds, no priority helps against them, and the peer takes over for nothing',
      fix: `write \`deadtime ${robbedDeadtimeMs}ms\` or longer, or have processors reserved for this machine`
    })
  }
  if (!cf.realtime && cf.deadtimeMs < 1000) {
    findings.warning(start, {
      what: `realtime is off and deadtime is ${shownTime(cf.deadtimeMs)}`,
      why: 'on a busy machine an ordinary process may wait longer than that, and the peer takes over for nothing',
      fix: 'delete `realtime off`, or write `deadtime 1` or longer'
    })
  }
  if (cf.initdeadMs > 300_000) {
    findings.warning(start, { what: `initdead is ${shownTime(cf.initdeadMs)}`, why: 'a node that starts alone serves nobody for that long', fix: 'cover the boot of the peer, not more' })
  }
}

function checkScript(resource: ResourceSpec, facts: HostFacts, findings: Findings): void {
  const script = facts.scripts.get(resource.type)
  if (script === undefined || script === null) {
    const isThere = facts.scriptNames.includes(resource.type)
    findings.error(resource.position, {
      what: `no script ${shown(resource.type)}`,
      why: `none of ${facts.searchPath.join(', ')} has an executable file of that name, so the group could not start`,
      fix: isThere ? 'it must be a plain file' : `${didYouMean(resource.type, facts.scriptNames)}correct the name, install the script, or chmod +x it`
    })
  } else if (script.style === 'lsb' && resource.args.length > 0) {
    findings.warning(resource.position, {
      what: `${script.path} is an init script, but has arguments here`,
      why: 'init scripts take the operation alone and would mistake the first argument for it',
      fix: 'delete the arguments, or put a script that takes them into resource.d'
    })
  }
}

function checkAddress(resource: ResourceSpec, floating: FloatingAddress, facts: HostFacts, findings: Findings): void {
  const { position } = resource
  const { address, text, nic, prefix } = floating
  if (nic !== null && !facts.interfaces?.some(candidate => candidate.name === nic)) {
    reportMissingInterface(nic, position, 'the address could not be brought up here', facts, findings)
    return
  }
  const isSame = (subnet: Subnet): boolean => subnet.own !== null && subnet.address.family === address.family && subnet.address.value === address.value
  const holder = facts.subnets.find(isSame)
  if (holder !== undefined && !facts.isDaemonRunning) {
    findings.warning(position, {
      what: `${text} is on ${holder.nic} already, and heartbeat does not run`,
      why: 'an address that is set up at boot is on both nodes at once',
      fix: 'take it out of the network configuration of both nodes; heartbeat alone brings it up'
    })
  }
  // A /32 says nothing about neighbours, and our own floating address is no proof that its network is here.
  const matching = facts.subnets.filter(subnet => !isSame(subnet) && inSubnet(address, subnet.address, subnet.prefix) && subnet.prefix < (address.family === 4 ? 32 : 128))
  const longest = Math.max(...matching.map(subnet => subnet.prefix))
  const best = matching.filter(subnet => subnet.prefix === longest)
  const nics = [...new Set(best.map(subnet => subnet.nic))]
  if (matching.length === 0 && holder === undefined) {
    const isGuessed = nic === null || prefix === null
    findings[isGuessed ? 'error' : 'warning'](position, {
      what: `${text} is in no network of this host`,
      why: isGuessed ? 'interface or mask cannot be found out, so the address would not start' : `on ${nic} its neighbours may not be there`,
      fix: isGuessed ? `write \`${text}/${address.family === 4 ? '24' : '64'}/INTERFACE\`, and check that the address is right` : 'check address, mask and interface'
    })
  } else if (nic === null && nics.length > 1) {
    findings.error(position, { what: `the network of ${text} is on ${nics.join(' and ')}`, why: 'which one is meant cannot be found out', fix: `write \`${text}/${longest}/${nics[0] ?? ''}\`` })
  } else if (nic !== null && best.length > 0 && !matching.some(subnet => subnet.nic === nic)) {
    findings.warning(position, { what: `the network of ${text} is on ${nics.join(' and ')}, not on ${nic}`, why: 'clients may not find it there', fix: `write \`${text}/${longest}/${nics[0] ?? ''}\`, or check the interface` })
  } else if (prefix !== null && best.length > 0 && prefix !== longest && prefix < (address.family === 4 ? 32 : 128)) {
    findings.warning(position, { what: `the mask of ${text} is ${prefix} here, but ${longest} on ${nics.join(' and ')}`, why: 'some neighbours would be taken for strangers, or strangers for neighbours', fix: `write \`${text}/${longest}/${nic ?? nics[0] ?? ''}\`` })
  }
}

function checkPrograms(cf: HaCf, resources: readonly ResourceSpec[], start: Position, facts: HostFacts, findings: Findings): void {
  const address = resources.find(resource => floatingAddress(resource) !== null)?.position
  const mounted = resources.find(resource => resource.type === 'Filesystem')?.position
  const wants: readonly { readonly program: string; readonly package: string; readonly at: Position | undefined; readonly severity: 'error' | 'warning'; readonly why: string }[] = [
    { program: 'ip', package: 'iproute2', at: address ?? start, severity: 'error', why: 'addresses are brought up and down with it' },
    { program: 'arping', package: 'iputils-arping', at: address, severity: 'warning', why: 'neighbours are told with it where an address has moved; without, they may send to the old node for minutes' },
    { program: 'mount', package: 'mount', at: mounted, severity: 'error', why: 'file systems could not be mounted' },
    { program: 'umount', package: 'mount', at: mounted, severity: 'error', why: 'file systems could not be released' },
    { program: 'fuser', package: 'psmisc', at: mounted, severity: 'warning', why: 'a process that keeps a file system busy could not be ended, and the release would fail' },
    { program: 'flock', package: 'util-linux', at: start, severity: 'warning', why: 'two commands at once could not be kept apart' },
    { program: 'chrt', package: 'util-linux', at: cf.realtime ? start : undefined, severity: 'warning', why: 'real-time priority is set with it; without, a busy machine looks like a dead one' }
  ]
  for (const want of wants) {
    if (want.at === undefined || facts.programs.has(want.program)) continue
    findings[want.severity](want.at, { what: `the program \`${want.program}\` is missing`, why: want.why, fix: `on Debian: apt-get install ${want.package}` })
  }
}

export interface CheckReport {
  readonly ok: boolean
  readonly node: string
  readonly diagnostics: readonly Diagnostic[]
  readonly notices: readonly string[]
  readonly summary: string
}

/** Everything `heartbeat check` says, for the environment's HA_DIR and the rest of paths.ts. */
export async function checkReport(environment: NodeJS.ProcessEnv, options: { readonly testFencing?: boolean } = {}): Promise<CheckReport> {
  const paths = pathsFrom(environment)
  const node = await ownNodeName(paths.haDir)
  const result = await loadConfiguration(paths.haDir, { nodeName: node })
  const facts = result.ok ? await gatherHostFacts(result.configuration, paths) : null
  const found = result.ok && facts !== null ? [...hostFindings(result.configuration, facts), ...(await checkOutside(result.configuration, facts))] : []
  const fencing = result.ok ? result.configuration.cf.fencing : null
  const devices = fencing === null ? [] : await checkFencing(fencing, { self: node.toLowerCase(), isTested: options.testFencing === true, runDir: paths.runDir })
  const lease = result.ok && result.configuration.cf.lease !== null ? await checkLease(result.configuration.cf.lease, { nodes: result.configuration.cf.nodes, keys: result.configuration.keys }) : []
  const diagnostics = byPlace([...result.diagnostics, ...found, ...devices, ...lease])
  return {
    ok: !diagnostics.some(isError),
    node,
    diagnostics,
    notices: [...(result.ok && takesOverWithoutProof(result.configuration.cf) ? [noFencingNotice] : []), ...(facts?.isDaemonRunning === true ? await agreementNotices(paths) : [])],
    summary: summaryOf(result, diagnostics, paths.haDir)
  }
}

const takesOverWithoutProof = (cf: HaCf): boolean => cf.fencing === null && cf.lease === null && cf.arbiter === null

/** File by file, each from top to bottom. */
function byPlace(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const rank = (found: Diagnostic): number => ['ha.cf', 'haresources', 'authkeys'].indexOf(basename(found.position.file))
  return [...diagnostics].sort((a, b) =>
    rank(a) - rank(b) || a.position.line - b.position.line || a.position.column - b.position.column
  )
}

function summaryOf(result: ConfigurationResult, diagnostics: readonly Diagnostic[], haDir: string): string {
  const errors = diagnostics.filter(isError).length
  const warnings = diagnostics.filter(diagnostic => diagnostic.severity === 'warning').length
  const also = warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`
  if (!result.ok || errors > 0) return `configuration in ${haDir} is not valid: ${counted(errors, 'error')}${also}`
  const { cf, groups } = result.configuration
  return `configuration is valid: ${counted(cf.nodes.length, 'node')}, ${counted(groups.length, 'group')}, ${counted(cf.media.length, 'medium', 'media')}${also}`
}

const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`

export function registerCheck(program: Command): void {
  program
    .command('check')
    .summary('check the configuration and this host, change nothing')
    .description('Reads ha.cf, haresources and authkeys and says everything that is wrong with them, or on this host with them.')
    .option('--json', 'print one JSON object instead of lines')
    .option('--test-fencing', 'also ask the fencing devices whether they could switch the other node off')
    .addHelpText('after', `
Each finding is one line:  FILE:LINE:COLUMN: SEVERITY: what is wrong; why it matters; what to do

  error    heartbeat does not start with it, or a link or group would not work on this host
  warning  it works, but look at it again
  info     good to know

On this host: scripts found and executable; interfaces there and up; addresses and peers in a connected network;
links in separate networks; the UDP port free; the programs that scripts need; times that suit the machine; the
programs, parameters and files of fencing devices. With --test-fencing each device is logged in to and asked for the
other node's status, as the daemon does by itself every day (fence_test); nothing is switched.
When heartbeat runs here, each line, key and script that differs on the other node is named, too.
Members of an arbiter are asked for their version and our keys, ping nodes are pinged. Nothing is started or changed,
nothing is sent to the other node. A running daemon is not disturbed. Run it on both nodes.

Exit status: 0 no errors (there may be warnings), 6 errors.
Files: /etc/ha.d/ha.cf, haresources, authkeys; HA_DIR names another directory; nodeinfo overrides the node's name.`)
    .action(async (options: { readonly json?: boolean; readonly testFencing?: boolean }) => {
      const report = await checkReport(process.env, options)
      const lines = [...report.diagnostics.map(formatDiagnostic), ...report.notices.map(notice => `notice: ${notice}`), report.summary]
      process.stdout.write(`${options.json === true ? JSON.stringify(report) : lines.join('\n')}\n`)
      if (!report.ok) process.exitCode = exitStatuses.configuration.status
    })
}
