/**
 * One node of the laboratory: a computer of its own as far as its processes can tell.
 *
 * It has its own network (eth0 the service network, eth1 the second heartbeat link), its own name, its own process table
 * whose pid 1 reaps orphans and whose death is a power loss, and its own /run. /etc/ha.d, /var/lib/heartbeat, /var/log
 * and /var/mqm are directories of the laboratory that outlive a power loss, as disks do; the host's own are covered, never touched.
 * Everything else of the file system, devices included, is the host's.
 */

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { millis } from '../../src/base/units.js'
import { request } from '../../src/control/client.js'
import type { StatusReport } from '../../src/control/protocol.js'
import { systemClock } from '../../src/daemon/system-clock.js'
import { atOnce, command, monotonicMs, tryCommand, type CommandOptions, type CommandResult } from './command.js'
import { markOf, readProc } from './registry.js'

export type NodeName = 'n1' | 'n2'
export type LinkName = 'eth0' | 'eth1'

export interface NodePlace {
  readonly labName: string
  readonly labDirectory: string
  /** The checkout: bin/ and dist/ are below it. */
  readonly projectDirectory: string
}

/** The three files an administrator writes. Absent ones are left as they are. */
export interface NodeFiles {
  readonly haCf?: string
  readonly haresources?: string
  readonly authkeys?: string
}

const numberOf: Readonly<Record<NodeName, number>> = { n1: 1, n2: 2 }
const bootDeadlineMs = 5_000
export const echoPort = 7007

/** Runs as pid 1. Arguments: a mark, the node's name, its directory. The last line reaps whatever loses its parent. */
const pidOneScript = `
set -e
node=$2 dir=$3
cover() { # a directory, and what is to be seen there
  if [ ! -d "$1" ]; then
    # The host lacks it and shall go on lacking it: show a copy of its parent, made of links, that has it.
    # What is covered below that parent already stays covered: hence rbind, and a place of its own for each copy.
    parent=\${1%/*} host=/run/host/\${1##*/}
    mkdir -p "$host"
    mount --rbind "$parent" "$host"
    mount -t tmpfs -o mode=755 tmpfs "$parent"
    for entry in "$host"/* "$host"/.[!.]*; do
      [ ! -e "$entry" ] || ln -s "$entry" "$parent/"
    done
    mkdir "$1"
  fi
  mount --bind "$2" "$1"
}
echo "$node" >/proc/sys/kernel/hostname
mount -t tmpfs -o mode=755 tmpfs /run
# The last is what systemd-tmpfiles makes at boot for Debian's resource agents.
mkdir -p /run/lock /run/heartbeat /run/resource-agents
cover /etc/ha.d "$dir/ha.d"
cover /var/lib/heartbeat "$dir/state"
cover /var/log "$dir/log"
cover /var/mqm "$dir/mqm"
echo booted >"$dir/booted"
while :; do sleep 86400 & wait $!; done
`

export class LabNode {
  readonly name: NodeName
  readonly serviceAddress: string
  readonly secondAddress: string
  readonly #place: NodePlace
  /** pid 1 of the node as the host sees it, or null while it is off. */
  #pidOne: number | null = null

  constructor(name: NodeName, place: NodePlace) {
    this.name = name
    this.#place = place
    this.serviceAddress = `10.77.0.${numberOf[name]}`
    this.secondAddress = `10.78.0.${numberOf[name]}`
    for (const folder of ['ha.d/resource.d', 'state', 'log', 'mqm']) fs.mkdirSync(path.join(this.directory, folder), { recursive: true })
  }

  get directory(): string {
    return path.join(this.#place.labDirectory, this.name)
  }

  get namespace(): string {
    return `${this.#place.labName}-${this.name}`
  }

  get isOn(): boolean {
    return this.#pidOne !== null
  }

  /** Switches the node on: cables, pid 1, the echo service. */
  async boot(): Promise<void> {
    await this.#plugIn()
    const booted = path.join(this.directory, 'booted')
    fs.rmSync(booted, { force: true })
    const mark = markOf(this.#place.labName, this.name)
    const launched = spawn(
      'ip',
      // prettier-ignore
      ['netns', 'exec', this.namespace, 'unshare', '--mount', '--uts', '--pid', '--fork', '--kill-child', '--propagation', 'private',
        '--mount-proc', 'sh', '-c', pidOneScript, 'pid-one', mark, this.name, this.directory],
      { stdio: ['ignore', 'ignore', fs.openSync(path.join(this.directory, 'boot.log'), 'a')], detached: true }
    )
    launched.unref()
    const deadline = monotonicMs() + bootDeadlineMs
    while (!fs.existsSync(booted)) {
      if (monotonicMs() > deadline || launched.exitCode !== null) {
        throw new Error(`${this.name} did not boot: ${fs.readFileSync(path.join(this.directory, 'boot.log'), 'utf8')}`)
      }
      await pause(5)
    }
    // `unshare --fork` has exactly one child: the node's pid 1.
    const children = readProc(launched.pid ?? 0, `task/${launched.pid ?? 0}/children`)?.trim() ?? ''
    this.#pidOne = Number(children)
    if (!Number.isInteger(this.#pidOne) || this.#pidOne <= 1) throw new Error(`${this.name}: its pid 1 cannot be found: "${children}"`)
    const echo = path.join(this.#place.projectDirectory, 'dist/test/lab/echo.js')
    await this.run(['sh', '-c', '"$@" >/dev/null 2>&1 &', 'background', ...atOnce, process.execPath, echo, mark, this.name, String(echoPort)])
  }

  /** The command line that runs something in this node, for a shell of one's own. */
  entering(): readonly string[] {
    if (this.#pidOne === null) throw new Error(`${this.name} is off`)
    return ['nsenter', '--target', String(this.#pidOne), '--mount', '--uts', '--net', '--pid', '--']
  }

  /** Runs a command in the node; any end is a result. */
  async exec(words: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return tryCommand([...this.entering(), ...words], options)
  }

  /** Runs a command in the node; any end but 0 throws. */
  async run(words: readonly string[], options: CommandOptions = {}): Promise<string> {
    return command([...this.entering(), ...words], options)
  }

  /** One of the project's commands: `heartbeat`, `cl_status`, … */
  async tool(name: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.exec([process.execPath, path.join(this.#place.projectDirectory, 'bin', name), ...args], { timeoutMs: 60_000, ...options })
  }

  async heartbeat(...args: readonly string[]): Promise<CommandResult> {
    return this.tool('heartbeat', args)
  }

  /** The daemon's own report through its control socket, or null when no daemon answers. Cheap enough to poll. */
  async status(): Promise<StatusReport | null> {
    if (this.#pidOne === null) return null
    const socket = `/proc/${this.#pidOne}/root/run/heartbeat/control`
    if (!fs.existsSync(socket)) return null
    const answer = await request(socket, { kind: 'status' }, { clock: systemClock, timeoutMs: millis(1_000) }).catch(() => null)
    return answer?.kind === 'status' ? answer.status : null
  }

  /** Writes the configuration; authkeys gets mode 600. */
  writeConfig(files: NodeFiles): void {
    const write = (name: string, text: string | undefined, mode: number): void => {
      if (text === undefined) return
      const file = path.join(this.directory, 'ha.d', name)
      fs.writeFileSync(file, text)
      fs.chmodSync(file, mode)
    }
    write('ha.cf', files.haCf, 0o644)
    write('haresources', files.haresources, 0o644)
    write('authkeys', files.authkeys, 0o600)
  }

  /** Puts a script into the node's /etc/ha.d/resource.d. */
  writeScript(name: string, text: string): void {
    const file = path.join(this.directory, 'ha.d/resource.d', name)
    fs.writeFileSync(file, text)
    fs.chmodSync(file, 0o755)
  }

  /** What the node wrote below /var/log; empty when the file is not there. */
  readLog(name = 'ha-log'): string {
    const file = path.join(this.directory, 'log', name)
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''
  }

  /** The floating addresses the node holds: every address but its own. */
  async addressesHeld(): Promise<readonly string[]> {
    if (this.#pidOne === null) return []
    const listed = await tryCommand(['ip', '-n', this.namespace, '-json', 'address', 'show'])
    if (listed.code !== 0) return []
    const links = JSON.parse(listed.stdout) as readonly { readonly addr_info?: readonly { readonly local?: string; readonly scope?: string }[] }[]
    const own = new Set([this.serviceAddress, this.secondAddress, '127.0.0.1', '::1', `fd00:77::${numberOf[this.name]}`])
    return links.flatMap(link => link.addr_info ?? []).flatMap(({ local, scope }) => (local === undefined || own.has(local) || scope === 'link' ? [] : [local]))
  }

  async holds(address: string): Promise<boolean> {
    return (await this.addressesHeld()).includes(address)
  }

  /** The pid the daemon wrote to its pid file, as the node counts; null when there is none. */
  daemonPid(): number | null {
    if (this.#pidOne === null) return null
    const file = `/proc/${this.#pidOne}/root/run/heartbeat/heartbeat.pid`
    return fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8')) : null
  }

  /** Host pids of everything in the node, its pid 1 left out. */
  processes(): readonly number[] {
    if (this.#pidOne === null) return []
    const wanted = fs.readlinkSync(`/proc/${this.#pidOne}/ns/pid`)
    const found: number[] = []
    for (const entry of fs.readdirSync('/proc')) {
      const pid = Number(entry)
      if (!Number.isInteger(pid) || pid === this.#pidOne || !fs.existsSync(`/proc/${pid}/ns/pid`)) continue
      if (linkOf(`/proc/${pid}/ns/pid`) === wanted) found.push(pid)
    }
    return found
  }

  /** The host's pid of a process that the node knows by `pid`. */
  hostPidOf(pid: number): number | null {
    const seen = this.processes().find(host => /^NSpid:.*\s(\d+)$/m.exec(readProc(host, 'status') ?? '')?.[1] === String(pid))
    return seen ?? null
  }

  /** Stops every process at once, as a virtual machine is paused; the kernel still answers ARP for its addresses. */
  freeze(): void {
    this.#signalAll('SIGSTOP')
  }

  thaw(): void {
    this.#signalAll('SIGCONT')
  }

  /** Everything in the node is gone at once, nothing is said to anybody. The cables must be cut before. */
  async die(): Promise<void> {
    if (this.#pidOne === null) return
    process.kill(this.#pidOne, 'SIGKILL')
    this.#pidOne = null
    // The namespace would take its cables along, but some time later; the next boot wants to lay new ones.
    const lines = [0, 1].map(link => `link delete ${this.name}e${link}`)
    await command(['ip', '-n', `${this.#place.labName}-sw`, '-batch', '-'], { input: `${lines.join('\n')}\n` })
    await command(['ip', 'netns', 'delete', this.namespace])
  }

  #signalAll(signal: 'SIGSTOP' | 'SIGCONT'): void {
    // A process may fork between our look and the signal: look again until nobody new is found.
    const done = new Set<number>()
    for (let round = 0; round < 10; round += 1) {
      const fresh = this.processes().filter(pid => !done.has(pid))
      if (fresh.length === 0) return
      for (const pid of fresh) {
        done.add(pid)
        signalIfThere(pid, signal)
      }
    }
  }

  async #plugIn(): Promise<void> {
    const number = numberOf[this.name]
    const sw = `${this.#place.labName}-sw`
    await command(['ip', 'netns', 'add', this.namespace])
    await command(['ip', '-n', sw, '-batch', '-'], {
      // A node keeps its hardware addresses over a power loss, as real cards do.
      input: [0, 1]
        .flatMap(link => [
          `link add ${this.name}e${link} type veth peer name eth${link} address 02:00:0a:${77 + link}:00:0${number} netns ${this.namespace}`,
          `link set ${this.name}e${link} master br${link} up`
        ])
        .join('\n')
    })
    await command(['ip', '-n', this.namespace, '-batch', '-'], {
      input: [
        'link set lo up',
        'link set eth0 up',
        'link set eth1 up',
        `address add ${this.serviceAddress}/24 dev eth0 broadcast +`,
        `address add ${this.secondAddress}/24 dev eth1 broadcast +`
      ].join('\n')
    })
    // IPv6 may be switched off on this machine; only the test of IPv6 addresses minds.
    await tryCommand(['ip', '-n', this.namespace, 'address', 'add', `fd00:77::${number}/64`, 'dev', 'eth0', 'nodad'])
  }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** A process may end at any moment. */
function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

function linkOf(file: string): string | null {
  try {
    return fs.readlinkSync(file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return null
    throw error
  }
}
