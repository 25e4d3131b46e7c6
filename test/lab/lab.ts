/**
 * The laboratory: two nodes, a client and a switch in network namespaces, and a shared disk.
 *
 *                 client 10.77.0.9
 *                    │ eth0
 *    ┌───────────────┴────────────────┐
 *    │ switch br0 10.77.0.0/24        │      eth0 of both nodes: service network and first heartbeat link
 *    │ switch br1 10.78.0.0/24        │      eth1 of both nodes: second heartbeat link
 *    └──┬─────────────────────────┬───┘
 *      n1 10.77.0.1, 10.78.0.1   n2 10.77.0.2, 10.78.0.2     both see the ext4 image on one loop device
 *
 * Needs root. `dispose` removes everything and runs by itself when this process exits or is interrupted; what a killed
 * process leaves behind is removed by the next laboratory (registry.ts). Several laboratories may exist side by side.
 */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { atOnce, command, monotonicMs, tryCommand } from './command.js'
import { LabNode, echoPort, type LinkName, type NodeName } from './node.js'
import { Probe } from './probe.js'
import { keep, markOf, register, remove, sweep } from './registry.js'

export interface LabOptions {
  /** At most four characters; begins every name the laboratory uses. */
  readonly prefix: string
  /** Size of the shared disk; 0 makes none. */
  readonly diskMegabytes?: number
  /** The shared disk begins as a copy of this image instead, and has its size. */
  readonly diskFrom?: string
}

/** Which way a cable is cut, seen from the node: `in` it hears nothing, `out` nobody hears it. */
export type CutDirection = 'both' | 'in' | 'out'

export const clientAddress = '10.77.0.9'
const pollMs = 20

/** The checkout this file belongs to, whether it runs from test/ or from dist/test/. */
export const projectDirectory = ((): string => {
  let directory = path.dirname(fileURLToPath(import.meta.url))
  while (!fs.existsSync(path.join(directory, 'package.json'))) directory = path.dirname(directory)
  return directory
})()

/** Why no laboratory can be made on this machine, or null. `missing tool` in the reason is a failure in CI. */
export function labUnavailable(): string | null {
  if (process.getuid?.() !== 0) return 'not root: network namespaces cannot be made'
  const tools = { ip: 'iproute2', nsenter: 'util-linux', unshare: 'util-linux', losetup: 'mount', 'mkfs.ext4': 'e2fsprogs' }
  for (const [tool, debianPackage] of Object.entries(tools)) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `missing tool: ${tool} (Debian package ${debianPackage})`
  }
  const tried = spawnSync('unshare', ['--net', '--mount', '--pid', '--fork', 'true'], { encoding: 'utf8' })
  return tried.status === 0 ? null : `no namespaces here: ${tried.stderr.trim()}`
}

const living = new Set<Lab>()
let made = 0
let watchesExit = false

export class Lab {
  readonly name: string
  readonly directory: string
  readonly n1: LabNode
  readonly n2: LabNode
  /** `/dev/loopN` with an ext4 file system, or null. */
  readonly disk: string | null
  readonly #probes: Probe[] = []
  #disposed = false

  private constructor(name: string, directory: string, disk: string | null) {
    this.name = name
    this.directory = directory
    this.disk = disk
    const place = { labName: name, labDirectory: directory, projectDirectory }
    this.n1 = new LabNode('n1', place)
    this.n2 = new LabNode('n2', place)
  }

  static async create(options: LabOptions): Promise<Lab> {
    sweep()
    watchExit()
    made += 1
    const name = `${options.prefix}${process.pid.toString(36)}${made === 1 ? '' : `.${made}`}`
    const directory = register(name)
    try {
      await makeSwitchAndClient(name)
      const disk = await makeDisk(directory, options)
      const lab = new Lab(name, directory, disk)
      living.add(lab)
      await Promise.all(lab.nodes.map(node => node.boot()))
      return lab
    } catch (error) {
      remove(name)
      throw error
    }
  }

  get nodes(): readonly LabNode[] {
    return [this.n1, this.n2]
  }

  node(name: NodeName): LabNode {
    return name === 'n1' ? this.n1 : this.n2
  }

  peerOf(node: LabNode): LabNode {
    return node === this.n1 ? this.n2 : this.n1
  }

  /** The command line that runs something at the client. */
  enteringClient(): readonly string[] {
    return ['ip', 'netns', 'exec', `${this.name}-cl`]
  }

  /** Runs a command at the client; any end but 0 throws. */
  async atClient(words: readonly string[]): Promise<string> {
    return command([...this.enteringClient(), ...words])
  }

  /** Cuts a node's cable: `both` takes the carrier away, as pulling the plug does; one direction alone drops silently. */
  async cutLink(node: LabNode, link: LinkName, direction: CutDirection = 'both'): Promise<void> {
    const port = portOf(node, link)
    if (direction === 'both') await this.#switch('link', 'set', port, 'down')
    else await this.#nft(`add table bridge lab-${port}\nadd chain bridge lab-${port} cut { type filter hook forward priority 0; }\nadd rule bridge lab-${port} cut ${direction === 'in' ? 'oifname' : 'iifname'} "${port}" drop`)
  }

  async healLink(node: LabNode, link: LinkName): Promise<void> {
    const port = portOf(node, link)
    await this.#switch('link', 'set', port, 'up')
    await tryCommand([...this.#switchNamespace(), 'nft', 'delete', 'table', 'bridge', `lab-${port}`])
  }

  async cutBothLinks(node: LabNode): Promise<void> {
    await this.#cutAtOnce(node, 'down')
  }

  async healBothLinks(node: LabNode): Promise<void> {
    await this.#cutAtOnce(node, 'up')
  }

  /**
   * Power loss: the cables go dark and everything on the node is gone, within milliseconds. Returns when it happened.
   * The processor stops first: a daemon that lived on for a moment would see its cables go, and act on it.
   */
  async powerOff(node: LabNode): Promise<number> {
    const at = monotonicMs()
    node.freeze()
    await this.#cutAtOnce(node, 'down')
    await node.die()
    return at
  }

  /** Asks an address every few milliseconds from the client; `udp` wants the node's echo service, `http` a web server. */
  probe(target: { readonly address: string; readonly kind?: 'udp' | 'http'; readonly port?: number; readonly everyMs?: number; readonly thresholdMs?: number }): Probe {
    const program = path.join(projectDirectory, 'dist/test/lab/probe-main.js')
    const words = [target.kind ?? 'udp', target.address, target.port ?? echoPort, target.everyMs ?? 5, target.thresholdMs ?? 30]
    const probe = new Probe(this.enteringClient(), [...atOnce, process.execPath, program, markOf(this.name, 'probe'), ...words.map(String)])
    this.#probes.push(probe)
    return probe
  }

  /** The next datagrams that reach a port at the client, broadcasts above all. */
  async captureAtClient(port: number, count: number): Promise<readonly Buffer[]> {
    const lines = await command([...this.enteringClient(), ...this.#datagramsProgram(), 'capture', String(port), String(count)])
    return lines.trimEnd().split('\n').map(line => Buffer.from(line, 'base64'))
  }

  /** Sends datagrams from the client, one every `everyMs`. */
  async sendFromClient(address: string, port: number, datagrams: readonly Uint8Array[], everyMs = 1): Promise<void> {
    const input = datagrams.map(datagram => `${Buffer.from(datagram).toString('base64')}\n`).join('')
    await command([...this.enteringClient(), ...this.#datagramsProgram(), 'send', address, String(port), String(everyMs)], { input })
  }

  #datagramsProgram(): readonly string[] {
    return [process.execPath, path.join(projectDirectory, 'dist/test/lab/datagrams.js'), markOf(this.name, 'stranger')]
  }

  /** Nodes that hold an address now. */
  async holdersOf(address: string): Promise<readonly NodeName[]> {
    const holds = await Promise.all(this.nodes.map(node => node.holds(address)))
    return this.nodes.filter((_node, index) => holds[index] === true).map(node => node.name)
  }

  /** The hardware address the client has in mind for an address, or null. */
  async clientNeighbour(address: string): Promise<string | null> {
    const listed = await command(['ip', '-n', `${this.name}-cl`, 'neighbour', 'show', address])
    return /lladdr (\S+)/.exec(listed)?.[1] ?? null
  }

  /**
   * Waits until the condition yields something other than false, null or undefined, looking every 20 ms.
   * On failure the error tells what was awaited, what both nodes last logged and what they say of themselves.
   */
  async waitFor<T>(what: string, condition: () => Promise<T | false | null | undefined> | T | false | null | undefined, deadlineMs: number): Promise<T> {
    const began = monotonicMs()
    for (;;) {
      const value = await condition()
      if (value !== false && value !== null && value !== undefined) return value
      if (monotonicMs() - began > deadlineMs) throw new Error(`waited ${deadlineMs} ms for: ${what}\n${await this.story()}`)
      await new Promise(resolve => setTimeout(resolve, pollMs))
    }
  }

  /** Recent log lines, addresses and group states of both nodes, for a failure report. */
  async story(lines = 40): Promise<string> {
    const parts = await Promise.all(
      this.nodes.map(async node => {
        const status = await node.status()
        const groups = status?.groups.map(group => `${group.key}: here ${group.here}, there ${group.there ?? 'unheard'}; ${group.reason}`) ?? ['no daemon answers']
        const log = node.readLog().trimEnd().split('\n').slice(-lines)
        return [`--- ${node.name} holds [${(await node.addressesHeld()).join(' ')}]`, ...groups, ...log].join('\n')
      })
    )
    return parts.join('\n')
  }

  /** Leaves the laboratory standing after this process; `remove` or the demo's --clean ends it. */
  keep(): void {
    keep(this.name)
    this.#disposed = true
    living.delete(this)
  }

  /** Removes everything. Synchronous, so that it also works while the process exits; may be called again. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    living.delete(this)
    remove(this.name)
  }

  #switchNamespace(): readonly string[] {
    return ['ip', 'netns', 'exec', `${this.name}-sw`]
  }

  async #switch(...words: readonly string[]): Promise<void> {
    await command(['ip', '-n', `${this.name}-sw`, ...words])
  }

  async #nft(rules: string): Promise<void> {
    await command([...this.#switchNamespace(), 'nft', '-f', '-'], { input: `${rules}\n` })
  }

  async #cutAtOnce(node: LabNode, state: 'up' | 'down'): Promise<void> {
    const lines = (['eth0', 'eth1'] as const).map(link => `link set ${portOf(node, link)} ${state}`)
    await command(['ip', '-n', `${this.name}-sw`, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  }
}

/** The switch's end of a node's cable. */
const portOf = (node: LabNode, link: LinkName): string => `${node.name}e${link === 'eth0' ? 0 : 1}`

async function makeSwitchAndClient(name: string): Promise<void> {
  await command(['ip', 'netns', 'add', `${name}-sw`])
  await command(['ip', 'netns', 'add', `${name}-cl`])
  const bridge = (number: number): string[] => [
    `link add br${number} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set br${number} up`
  ]
  const switchLines = [...bridge(0), ...bridge(1), `link add cl type veth peer name eth0 netns ${name}-cl`, 'link set cl master br0 up']
  await command(['ip', '-n', `${name}-sw`, '-batch', '-'], { input: `${switchLines.join('\n')}\n` })
  const clientLines = ['link set lo up', 'link set eth0 up', `address add ${clientAddress}/24 dev eth0 broadcast +`]
  await command(['ip', '-n', `${name}-cl`, '-batch', '-'], { input: `${clientLines.join('\n')}\n` })
}

async function makeDisk(directory: string, { diskMegabytes = 32, diskFrom }: LabOptions): Promise<string | null> {
  const image = path.join(directory, 'disk.img')
  if (diskFrom !== undefined) await command(['cp', '--sparse=always', diskFrom, image])
  else if (diskMegabytes === 0) return null
  else await makeFileSystem(image, diskMegabytes)
  const device = (await command(['losetup', '--find', '--show', image])).trim()
  return device
}

async function makeFileSystem(image: string, megabytes: number): Promise<void> {
  fs.writeFileSync(image, '')
  fs.truncateSync(image, megabytes * 1024 * 1024)
  await command(['mkfs.ext4', '-q', '-F', '-m', '0', '-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard', image])
}

/** However this process ends, short of SIGKILL, its laboratories end with it. */
function watchExit(): void {
  if (watchesExit) return
  watchesExit = true
  process.on('exit', () => {
    for (const lab of living) lab.dispose()
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal]))
  }
}
