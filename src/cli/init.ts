/**
 * `heartbeat init`: writes a first ha.cf, haresources and authkeys from a few options, and says what to do next.
 *
 * The files are composed and checked by the same parser the daemon uses before anything is written, so that init never
 * leaves behind what start would refuse. It asks nothing, and never touches a file that exists.
 */

import { mkdir, lstat } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { parseConfiguration } from '../config/configuration.js'
import type { Diagnostic } from '../config/types.js'
import { exitStatuses } from '../daemon/exit-status.js'
import { ownNodeName } from '../daemon/load-configuration.js'
import { pathsFrom } from '../daemon/paths.js'
import { usageError } from './exit-codes.js'
import { keyFileText, randomKeyText } from './keygen.js'
import { systemCode, writeAtomically, writeFault } from './write-file.js'

export interface InitRequest {
  readonly nodes: readonly string[]
  /** Media as in ha.cf, e.g. `ucast eth1 10.0.0.2`. */
  readonly links: readonly string[]
  /** Address words and resource words of the one group, in starting order. */
  readonly resources: readonly string[]
}

export interface InitialFiles {
  readonly 'ha.cf': string
  readonly haresources: string
  readonly authkeys: string
}

/** What a first configuration decides for the administrator, shown when it is written. */
const chosen = {
  keepalive: '200ms',
  warntime: '1',
  deadtime: '2',
  initdead: '20',
  auto_failback: 'off'
} as const

/** The three files; pure but for the key, which the caller makes. */
export function initialFiles(request: InitRequest, keyText: string): InitialFiles {
  const group = request.resources.length === 0
    ? `# ${request.nodes[0] ?? 'ha1'} 192.168.1.10/24/eth0 Filesystem::/dev/sdb1::/data::ext4\n`
    : `${request.nodes[0] ?? ''} ${request.resources.join(' \\\n    ')}\n`
  return {
    'ha.cf': `# How the two nodes watch each other. The same file on both nodes; check it with: heartbeat check
node ${request.nodes.join(' ')}

# Where heartbeats travel; the more separate cables, the better.
${request.links.join('\n')}

# Send every keepalive; complain after warntime of silence; take over after deadtime; wait initdead for a peer that was
# never heard since our own start. Seconds, or milliseconds with ms directly behind the number.
keepalive ${chosen.keepalive}
warntime ${chosen.warntime}
deadtime ${chosen.deadtime}
initdead ${chosen.initdead}

# off: resources stay where they are when their home node returns. on: they go back at once.
auto_failback ${chosen.auto_failback}

logfile /var/log/ha-log
`,
    haresources: `# What moves: NODE RESOURCE RESOURCE ... The same file on both nodes.
# NODE is where the group prefers to run; started left to right, stopped right to left. \\ continues a line.
${group}`,
    authkeys: keyFileText({ id: 1, method: 'sha256', text: keyText })
  }
}

/**
 * The links with a line for this host's own address beside each `ucast` line, so that one file serves both nodes: a
 * node leaves its own address out.
 *
 * @param ownAddresses  IPv4 addresses of an interface of this host
 */
export function withOwnLines(links: readonly string[], ownAddresses: (nic: string) => readonly string[]): readonly string[] {
  const known = new Set(links.map(link => link.trim().replace(/\s+/g, ' ')))
  return links.flatMap(link => {
    const [kind, nic = '', address = ''] = link.trim().split(/\s+/)
    const [own, another] = kind === 'ucast' ? ownAddresses(nic) : []
    if (own === undefined || another !== undefined || own === address) return [link]
    const line = `ucast ${nic} ${own}`
    const isPeerLinkOnly = !known.has(line)
    known.add(line)
    return isPeerLinkOnly ? [line, link] : [link]
  })
}

interface InitOptions {
  readonly node?: readonly string[]
  readonly link?: readonly string[]
  readonly address?: readonly string[]
  readonly resource?: readonly string[]
  readonly dir?: string
}

const collect = (value: string, previous: readonly string[] | undefined): readonly string[] => [...(previous ?? []), value]

export function registerInit(program: Command): void {
  program
    .command('init')
    .summary('write a first configuration')
    .description('Writes ha.cf, haresources and authkeys, checked and commented, when none of them exists. Asks nothing.')
    .option('--node <name>', 'a node, as `uname -n` prints it; give it twice, the first is the home of the resources', collect)
    .option('--link <medium>', 'a heartbeat medium as in ha.cf, e.g. "ucast eth1 10.0.0.2" or "bcast eth0"; may be repeated', collect)
    .option('--address <address>', 'a floating address, e.g. 192.168.1.10/24/eth0; may be repeated', collect)
    .option('--resource <word>', 'a resource as in haresources, e.g. Filesystem::/dev/sdb1::/data::ext4; started in this order, after the addresses', collect)
    .option('--dir <directory>', 'where to write (default: HA_DIR or /etc/ha.d)')
    .addHelpText('after', `
Example, on ha1:
  heartbeat init --node ha1 --node ha2 --link "ucast eth1 10.0.0.2" --link "bcast eth0" \\
                 --address 192.168.1.10/24/eth0 --resource Filesystem::/dev/sdb1::/data::ext4

For a ucast link this host's own address is added when it can be found, so that both nodes can have the same file.
Chosen for you, change them in ha.cf: ${Object.entries(chosen).map(([name, value]) => `${name} ${value}`).join(', ')}, a sha256 key.

Exit status: 0 written, 1 not written, 2 options missing, 6 the options have faults.`)
    .action(async (options: InitOptions) => {
      const outcome = await init(options, process.env)
      process.stdout.write(outcome.out)
      process.stderr.write(outcome.err)
      process.exitCode = outcome.status
    })
}

interface Outcome {
  readonly out: string
  readonly err: string
  readonly status: number
}

async function init(options: InitOptions, environment: NodeJS.ProcessEnv): Promise<Outcome> {
  const directory = resolve(options.dir ?? pathsFrom(environment).haDir)
  if (options.node?.length !== 2 || options.link === undefined) {
    const counts = options.node?.length === 2 ? [] : [`--node is given ${options.node?.length ?? 0} times; give it twice, once for each node of the cluster`]
    const links = options.link === undefined ? ['--link is not given; the nodes must hear each other, e.g. --link "ucast eth1 10.0.0.2"'] : []
    return refused([...counts, ...links, 'nothing was written; see: heartbeat init --help'], usageError)
  }
  const wordFaults = [...options.node, ...(options.address ?? []), ...(options.resource ?? [])]
    .filter(word => !/^[^\s#]+$/.test(word))
    .map(word => `${JSON.stringify(word)} is not one word; give each node, address and resource an option of its own`)
  const linkFaults = options.link.filter(link => /[\n#]/.test(link) || !/^\s*(bcast|ucast|mcast)\s/.test(link))
    .map(link => `${JSON.stringify(link)} is not a medium; write --link "ucast eth1 10.0.0.2", "bcast eth0" or "mcast eth1 239.0.0.42 694 1 0"`)
  if (wordFaults.length + linkFaults.length > 0) return refused([...wordFaults, ...linkFaults], exitStatuses.configuration.status)

  const links = withOwnLines(options.link, ownIpv4Addresses)
  const files = initialFiles({ nodes: options.node, links, resources: [...(options.address ?? []), ...(options.resource ?? [])] }, randomKeyText())
  const { faults, remarks } = review(files, options.node[0] ?? '')
  if (faults.length > 0) return refused([...faults, 'nothing was written; see: heartbeat init --help'], exitStatuses.configuration.status)
  return await writeAll(directory, files, remarks, { self: await ownNodeName(directory), nodes: options.node.map(node => node.toLowerCase()) })
}

const refused = (lines: readonly string[], status: number = exitStatuses.general.status): Outcome => ({ out: '', err: `${lines.join('\n')}\n`, status })

/** What the daemon's parser says about the files, in terms of the lines rather than of files that do not exist yet. */
function review(files: InitialFiles, nodeName: string): { readonly faults: readonly string[]; readonly remarks: readonly string[] } {
  const result = parseConfiguration(
    {
      haCf: { file: 'ha.cf', text: files['ha.cf'] },
      haresources: { file: 'haresources', text: files.haresources },
      authkeys: { file: 'authkeys', text: files.authkeys, mode: 0o600, ownerUid: 0 }
    },
    { nodeName, uid: 0 }
  )
  const say = (found: Diagnostic): string => {
    const line = Object.entries(files).find(([name]) => name === found.position.file)?.[1].split('\n')[found.position.line - 1]?.trim()
    const quoted = line === undefined || line.startsWith('#') || found.position.file === 'authkeys' ? found.position.file : `${found.position.file}: ${line}`
    return `${quoted}\n  ${found.severity}: ${found.what}; ${found.why}; ${found.fix}`
  }
  const of = (severity: Diagnostic['severity']): readonly string[] => result.diagnostics.filter(found => found.severity === severity).map(say)
  return { faults: of('error'), remarks: of('warning') }
}

async function writeAll(
  directory: string,
  files: InitialFiles,
  remarks: readonly string[],
  names: { readonly self: string; readonly nodes: readonly string[] }
): Promise<Outcome> {
  const entries = Object.entries(files).map(([name, text]) => ({ path: join(directory, name), text, mode: name === 'authkeys' ? 0o600 : 0o644 }))
  const existing = (await Promise.all(entries.map(async entry => ((await exists(entry.path)) ? [entry.path] : [])))).flat()
  if (existing.length > 0) return refused([`${existing.join(', ')} ${existing.length === 1 ? 'exists' : 'exist'} already; nothing was written. Move it away first, or use --dir`])
  const written: string[] = []
  for (const entry of entries) {
    try {
      await mkdir(directory, { recursive: true })
      await writeAtomically(entry.path, entry.text, { mode: entry.mode, replace: false })
      written.push(entry.path)
    } catch (error) {
      return refused([writeFault(entry.path, error), ...(written.length === 0 ? [] : [`written before that: ${written.join(', ')}`])])
    }
  }
  const other = names.nodes.find(node => node !== names.self) ?? 'OTHER'
  return { out: nextSteps(directory, written, other, names), err: remarks.map(remark => `${remark}\n`).join(''), status: 0 }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (systemCode(error) === null) throw error
    return systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR'
  }
}

function nextSteps(directory: string, written: readonly string[], other: string, names: { readonly self: string; readonly nodes: readonly string[] }): string {
  const stranger = names.nodes.includes(names.self) ? '' : `note: this host is called ${names.self}, which is none of the two nodes\n`
  return `${written.map(path => `${path} written`).join('\n')}
chosen: ${Object.entries(chosen).map(([name, value]) => `${name} ${value}`).join(', ')}, a random sha256 key
${stranger}next:
  1. heartbeat check
  2. scp -p ${written.join(' ')} root@${other}:${directory}/
  3. on ${other}: heartbeat check
  4. on both nodes: heartbeat start
  5. heartbeat status
`
}

function ownIpv4Addresses(nic: string): readonly string[] {
  return (networkInterfaces()[nic] ?? []).filter(address => address.family === 'IPv4').map(address => address.address)
}
