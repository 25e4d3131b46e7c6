/**
 * A cluster with one means against two owners, and the faults of the table "Who owns what when something is lost".
 *
 * fencing  a fence agent whose power switch is this test: it cuts the node's power and says so
 * lease    an area on one file, which each node sees through a loop device of its own; a device is lost by throttling it to
 *          nothing, as a dead path to a storage does: what is under way hangs, and goes on when the path is back
 * arbiter  etcd on the client's machine
 * quorum   the client's machine as ping node
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import { asAdministrator, command, tryCommand } from '../lab/command.js'
import { clientAddress, projectDirectory } from '../lab/lab.js'
import type { LabNode } from '../lab/node.js'
import { markOf } from '../lab/registry.js'
import { Cluster, address, group, soonMs } from './cluster.js'

export const methods = ['fencing', 'lease', 'arbiter', 'quorum', 'none'] as const
export type Method = (typeof methods)[number]

export const leaseMs = 2_000
export const arbiterTtlMs = 3_000

const blkio = '/sys/fs/cgroup/blkio'
const etcdPort = 2379
const counterPort = 7008

interface Teardown {
  teardown(end: () => void | Promise<void>): void
}

/** What a test of this method needs of the machine: a command and the Debian package that brings it. */
export const toolOf: Readonly<Record<Method, readonly [string, string]>> = {
  fencing: ['nft', 'nftables'],
  lease: ['nft', 'nftables'],
  arbiter: ['etcd', 'etcd-server'],
  quorum: ['ping', 'iputils-ping'],
  none: ['nft', 'nftables']
}

export class SafetyLab {
  readonly cluster: Cluster
  readonly method: Method
  /** /dev/loopN of each node, and its number for the block layer. */
  #disks: { readonly node: string; readonly device: string; readonly number: string }[] = []
  #etcd: ChildProcess | null = null
  #switch: NodeJS.Timeout | null = null
  /** A power loss under way. */
  #switching: Promise<void> = Promise.resolve()

  private constructor(cluster: Cluster, method: Method) {
    this.cluster = cluster
    this.method = method
  }

  static async running(test: Teardown, method: Method): Promise<SafetyLab> {
    const more = { fencing: fencingLines, lease: 'lease /run/lease 2', arbiter: `arbiter etcd http://${clientAddress}:${etcdPort} ttl=3`, quorum: `ping ${clientAddress}\ndeadping 1`, none: '' }[method]
    const cluster = await Cluster.configured(test, { autoFailback: 'off', more, haresources: `n1 ${group} Recorder::app Counter\n` })
    const lab = new SafetyLab(cluster, method)
    for (const node of cluster.lab.nodes) node.writeScript('Counter', counterScript(cluster.lab.name, cluster.lab.directory))
    test.teardown(() => lab.#dispose())
    await lab.#prepare()
    // Together: a node that is started alone makes sure that the other is off once its initdead has passed.
    await Promise.all(cluster.lab.nodes.map(node => lab.start(node)))
    await cluster.settled(20_000)
    return lab
  }

  get n1(): LabNode {
    return this.cluster.n1
  }

  get n2(): LabNode {
    return this.cluster.n2
  }

  /** `heartbeat start`, and the daemon in a control group of its own, so that its way to the disk can be lost. */
  async start(node: LabNode): Promise<void> {
    const disk = this.#disks.find(one => one.node === node.name)
    // Fence agents are looked for in the host's own folders; this node sees ours there.
    if (this.method === 'fencing') await node.run(['mount', '--bind', path.join(this.cluster.lab.directory, 'agents'), '/usr/local/sbin'])
    if (disk !== undefined) await node.run(['ln', '-sfn', disk.device, '/run/lease'])
    await this.cluster.start(node)
    const daemon = node.hostPidOf(node.daemonPid() ?? 0)
    if (disk !== undefined && daemon !== null) fs.writeFileSync(path.join(this.#groupOf(node), 'cgroup.procs'), `${daemon}\n`)
  }

  async #prepare(): Promise<void> {
    const { lab } = this.cluster
    if (this.method === 'fencing') this.#watchSwitch()
    if (this.method === 'lease') {
      const area = path.join(lab.directory, 'lease')
      fs.writeFileSync(area, '')
      fs.truncateSync(area, 1024 * 1024)
      for (const node of lab.nodes) {
        const device = (await command(['losetup', '--direct-io=on', '--find', '--show', area])).trim()
        const number = fs.readFileSync(`/sys/block/${path.basename(device)}/dev`, 'utf8').trim()
        this.#disks.push({ node: node.name, device, number })
        fs.mkdirSync(this.#groupOf(node), { recursive: true })
      }
      const created = await this.n1.heartbeat('lease', 'create', this.#disks[0]?.device ?? '', '--force-unshared')
      if (created.code !== 0) throw new Error(`heartbeat lease create: ${created.stdout}${created.stderr}`)
    }
    if (this.method === 'arbiter') await this.startEtcd()
  }

  /** The power switch: the fence agent asks by a file, and reads the answer from another. */
  #watchSwitch(): void {
    const { lab } = this.cluster
    for (const node of lab.nodes) {
      fs.writeFileSync(path.join(lab.directory, `power.${node.name}`), 'on\n')
    }
    const folder = path.join(lab.directory, 'agents')
    fs.mkdirSync(folder)
    fs.writeFileSync(path.join(folder, 'fence_lab'), fenceAgent(lab.directory), { mode: 0o755 })
    let isBusy = false
    this.#switch = setInterval(() => {
      if (isBusy) return
      const asked = lab.nodes.find(node => fs.existsSync(path.join(lab.directory, `off.${node.name}`)))
      if (asked === undefined) return
      isBusy = true
      const off = asked.isOn ? lab.powerOff(asked) : Promise.resolve(0)
      this.#switching = off
        .then(() => {
          fs.writeFileSync(path.join(lab.directory, `power.${asked.name}`), 'off\n')
          fs.rmSync(path.join(lab.directory, `off.${asked.name}`), { force: true })
        })
        .finally(() => {
          isBusy = false
        })
    }, 10)
  }

  async powerOn(node: LabNode): Promise<void> {
    await node.boot()
    fs.writeFileSync(path.join(this.cluster.lab.directory, `power.${node.name}`), 'on\n')
    await this.start(node)
  }

  // --- faults ------------------------------------------------------------------------------------------------------------

  /** The nodes do not hear each other; clients, disk and arbiter reach both. `from` alone is not heard, when given. */
  async separate(from: LabNode | null): Promise<void> {
    const pairs = [['n1', 'n2'], ['n2', 'n1']].filter(([sender]) => from === null || from.name === sender)
    const rules = pairs.flatMap(([sender, hearer]) => [0, 1].map(link => `add rule bridge apart cut iifname "${sender ?? ''}e${link}" oifname "${hearer ?? ''}e${link}" drop`))
    await this.#nft(['add table bridge apart', 'add chain bridge apart cut { type filter hook forward priority 0; }', ...rules])
  }

  /** What the node sends to and hears from the client's machine is lost: its ping node, and its arbiter. */
  async losePing(node: LabNode): Promise<void> {
    await this.#nft(['add table bridge noping', 'add chain bridge noping cut { type filter hook forward priority 0; }', `add rule bridge noping cut iifname "${node.name}e0" oifname "cl" ether type ip ip protocol icmp drop`])
  }

  async rejoin(): Promise<void> {
    for (const table of ['apart', 'noping']) await tryCommand([...this.#inSwitch(), 'nft', 'delete', 'table', 'bridge', table])
  }

  loseDisk(node: LabNode): void {
    this.#throttle(node, 1)
  }

  findDisk(node: LabNode): void {
    this.#throttle(node, 0)
  }

  async startEtcd(): Promise<void> {
    const { lab } = this.cluster
    const data = path.join(lab.directory, 'etcd')
    const url = `http://${clientAddress}:${etcdPort}`
    const peer = `http://${clientAddress}:2380`
    // prettier-ignore
    const words = ['etcd', '--data-dir', data, '--name', 'one', '--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peer,
      '--initial-advertise-peer-urls', peer, '--initial-cluster', `one=${peer}`, '--log-level', 'error', '--unsafe-no-fsync']
    const [file = '', ...args] = [...lab.enteringClient(), ...words]
    const etcd = spawn(file, args, { stdio: ['ignore', 'ignore', 'ignore'] })
    this.#etcd = etcd
    await lab.waitFor('etcd answers', async () => (await tryCommand([...lab.enteringClient(), 'curl', '-sf', `${url}/health`])).code === 0, 20_000)
  }

  async stopEtcd(): Promise<void> {
    const etcd = this.#etcd
    this.#etcd = null
    if (etcd === null || etcd.exitCode !== null) return
    const ended = new Promise(resolve => etcd.once('exit', resolve))
    etcd.kill('SIGKILL')
    await ended
  }

  /** A client that asks the counter all the time, and believes only answers to what it asked last. */
  counts(): Counting {
    const { lab } = this.cluster
    const program = path.join(projectDirectory, 'dist/test/lab/counter-client.js')
    const [file = 'env', ...args] = asAdministrator([...lab.enteringClient(), process.execPath, program, markOf(lab.name, 'counting'), address, String(counterPort), '10'])
    return new Counting(spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
  }

  // --- looking ---------------------------------------------------------------------------------------------------------

  async holders(): Promise<string> {
    const holders = await this.cluster.lab.holdersOf(address)
    return holders.length === 2 ? 'both' : (holders[0] ?? 'nobody')
  }

  /** Both daemons up, active, hearing each other, and the group on n1. */
  async restore(): Promise<void> {
    const { cluster } = this
    for (const node of cluster.lab.nodes) if (!node.isOn) await this.powerOn(node)
    await cluster.settled(30_000)
    await cluster.lab.waitFor('both nodes have every right', async () => (await Promise.all(cluster.lab.nodes.map(node => node.status()))).every(status => status?.safety.every(one => one.method === 'fencing' || one.standing !== 'unproven') === true), 10_000)
    if ((await this.holders()) !== 'n1') {
      const moved = await this.n1.heartbeat('takeover')
      if (moved.code !== 0) throw new Error(`heartbeat takeover: ${moved.stdout}${moved.stderr}\n${await cluster.lab.story()}`)
    }
    await cluster.settled(soonMs)
  }

  #groupOf(node: LabNode): string {
    return path.join(blkio, `${this.cluster.lab.name}-${node.name}`)
  }

  #throttle(node: LabNode, bytesPerSecond: number): void {
    const disk = this.#disks.find(one => one.node === node.name)
    if (disk === undefined) return
    for (const direction of ['read', 'write']) fs.writeFileSync(path.join(this.#groupOf(node), `blkio.throttle.${direction}_bps_device`), `${disk.number} ${bytesPerSecond}\n`)
  }

  #inSwitch(): readonly string[] {
    return ['ip', 'netns', 'exec', `${this.cluster.lab.name}-sw`]
  }

  async #nft(rules: readonly string[]): Promise<void> {
    await command([...this.#inSwitch(), 'nft', '-f', '-'], { input: `${rules.join('\n')}\n` })
  }

  async #dispose(): Promise<void> {
    if (this.#switch !== null) clearInterval(this.#switch)
    await this.#switching
    for (const node of this.cluster.lab.nodes) this.findDisk(node)
    await this.stopEtcd()
    this.cluster.lab.dispose()
    for (const disk of this.#disks) {
      await tryCommand(['rmdir', path.join(blkio, `${this.cluster.lab.name}-${disk.node}`)])
    }
  }
}

/** The answers that a client believed, in order. */
export class Counting {
  readonly answers: { readonly atMs: number; readonly number: number; readonly node: string }[] = []
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = once(child, 'exit')
    if (child.stdout === null) throw new Error('the client has no output')
    readline.createInterface({ input: child.stdout }).on('line', line => {
      const [at = '', number = '', node = ''] = line.split(' ')
      this.answers.push({ atMs: Number(at), number: Number(number), node })
    })
  }

  /** Answers that only two counters at once can have given: a number that is not larger than the one before. */
  doubled(): readonly string[] {
    return this.answers.flatMap((answer, at) => {
      const before = this.answers[at - 1]
      return before === undefined || answer.number > before.number ? [] : [`${answer.node} answered ${answer.number} at ${answer.atMs} after ${before.node} had answered ${before.number} at ${before.atMs}`]
    })
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end()
    await this.#ended
  }
}

/** Starts and stops test/lab/counter.ts; ready means that it reads its socket. */
const counterScript = (labName: string, directory: string): string => `#!/bin/sh
pidfile=/run/counter.pid
alive() { [ -s $pidfile ] && kill -0 "$(cat $pidfile)" 2>/dev/null; }
case $1 in
  start)
    alive && exit 0
    rm -f /run/counter.out
    ${process.execPath} ${path.join(projectDirectory, 'dist/test/lab/counter.js')} ${markOf(labName, 'counter')} "$(uname -n)" ${address} ${counterPort} ${directory}/count >/run/counter.out 2>&1 </dev/null &
    echo $! >$pidfile
    until grep -q ready /run/counter.out; do alive || { cat /run/counter.out; exit 1; }; sleep 0.01; done
    ;;
  stop)
    alive || exit 0
    pid=$(cat $pidfile)
    kill -KILL "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
    ;;
  status) if alive; then echo running; else echo stopped; fi ;;
esac
`

const fencingLines = ['stonith_host * fence_lab', 'fence_delay 1', 'fence_action off', 'fence_timeout 10', 'fence_test off'].join('\n')

/** A fence agent in the protocol of Debian's: NAME=VALUE lines on standard input; status answers 0 for on and 2 for off. */
const fenceAgent = (directory: string): string => `#!/bin/sh
action=reboot plug=
while IFS= read -r line; do
  case $line in
    action=*) action=\${line#action=} ;;
    nodename=*) plug=\${line#nodename=} ;;
    port=* | plug=*) plug=\${line#*=} ;;
  esac
done
read -r power <${directory}/power.$plug
case $action in
  off) [ "$power" = off ] || echo wanted >${directory}/off.$plug ;;
  status | monitor) [ "$power" = on ] && exit 0; [ "$action" = monitor ] && exit 0; exit 2 ;;
  metadata) echo '<resource-agent name="fence_lab"><actions><action name="off"/></actions></resource-agent>' ;;
  *) exit 1 ;;
esac
`
