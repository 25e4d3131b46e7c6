/**
 * A laboratory with our daemon configured on both nodes, and the words in which system tests speak of it.
 *
 * The resources of most tests are an address and a Recorder: a script that notes each start and stop in one file for both
 * nodes, and that fails or hangs on demand. From those notes `overlaps` reads whether a group ever ran on two nodes.
 */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import type { GroupReport, StatusReport } from '../../src/control/protocol.js'
import { basicEnvironment, monotonicMs } from '../lab/command.js'
import { Lab, labUnavailable } from '../lab/lab.js'
import type { LabNode, NodeName } from '../lab/node.js'

export const keepaliveMs = 100
export const deadtimeMs = 500
export const initdeadMs = 1_000
/** Time for what should happen soon, on a busy machine; the figures themselves are measured by the bench. */
export const soonMs = 5_000

export const address = '10.77.0.100'
export const secondAddress = '10.77.0.101'
/** The group of most tests: an address and a recorder called `app`. */
export const group = `${address}/24/eth0`
export const defaultHaresources = `n1 ${group} Recorder::app\n`

/** Options for t.test: skips the test with the reason where no laboratory can be made. */
export const needsLab = ((): { readonly skip?: string } => {
  const reason = labUnavailable()
  return reason === null ? {} : { skip: reason }
})()

/** As needsLab, for tests that also need a command or file of another package. */
export function needsTool(tool: string, debianPackage: string): { readonly skip?: string } {
  if (needsLab.skip !== undefined) return needsLab
  const isThere = tool.startsWith('/') ? fs.existsSync(tool) : spawnSync('sh', ['-c', `command -v ${tool}`], { env: { ...basicEnvironment } }).status === 0
  return isThere ? {} : { skip: `missing tool: ${tool} (Debian package ${debianPackage})` }
}

export interface ClusterOptions {
  readonly haresources?: string
  readonly autoFailback?: 'on' | 'off' | 'legacy'
  /** More lines for ha.cf. */
  readonly more?: string
  readonly logfile?: string
  /** As in ha.cf; initdeadMs without it. */
  readonly initdead?: string
  /** As in ha.cf; deadtimeMs without it. Longer where a busy machine must not look like a dead node. */
  readonly deadtime?: string
  readonly diskMegabytes?: number
  /** As the laboratory's. */
  readonly diskFrom?: string
}

interface Teardown {
  teardown(end: () => void | Promise<void>): void
}

export function haCf(options: ClusterOptions = {}): string {
  return [
    `logfile ${options.logfile ?? '/var/log/ha-log'}`,
    'logfacility none',
    `keepalive ${keepaliveMs}ms`,
    'warntime 250ms',
    `deadtime ${options.deadtime ?? `${deadtimeMs}ms`}`,
    `initdead ${options.initdead ?? `${initdeadMs}ms`}`,
    'udpport 694',
    'ucast eth0 10.77.0.1',
    'ucast eth0 10.77.0.2',
    'bcast eth1',
    `auto_failback ${options.autoFailback ?? 'on'}`,
    'node n1 n2',
    options.more ?? '',
    ''
  ].join('\n')
}

export const authkeys = 'auth 1\n1 sha1 a-test-secret\n'

/** One note of a Recorder: at which time (CLOCK_MONOTONIC, 10 ms steps), where, what. */
export interface Deed {
  readonly atMs: number
  readonly node: NodeName
  readonly operation: 'start' | 'stop'
  readonly name: string
}

export class Cluster {
  readonly lab: Lab

  private constructor(lab: Lab) {
    this.lab = lab
  }

  /** A laboratory with everything configured and nothing started; removed when the test ends. */
  static async configured(test: Teardown, options: ClusterOptions = {}): Promise<Cluster> {
    const lab = await Lab.create({ prefix: 'sys', diskMegabytes: options.diskMegabytes ?? 0, ...(options.diskFrom === undefined ? {} : { diskFrom: options.diskFrom }) })
    test.teardown(() => lab.dispose())
    const cluster = new Cluster(lab)
    for (const node of lab.nodes) {
      node.writeConfig({ haCf: haCf(options), haresources: options.haresources ?? defaultHaresources, authkeys })
      node.writeScript('Recorder', recorder(lab.directory))
    }
    fs.mkdirSync(path.join(lab.directory, 'behaviour'))
    return cluster
  }

  /** As `configured`, with both daemons started and every group running. */
  static async running(test: Teardown, options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = await Cluster.configured(test, options)
    await cluster.start(cluster.n1, cluster.n2)
    await cluster.settled()
    return cluster
  }

  get n1(): LabNode {
    return this.lab.n1
  }

  get n2(): LabNode {
    return this.lab.n2
  }

  /** `heartbeat start` on the nodes at once; throws what it said when it failed. */
  async start(...nodes: readonly LabNode[]): Promise<void> {
    const results = await Promise.all(nodes.map(node => node.heartbeat('start')))
    results.forEach((result, index) => {
      if (result.code !== 0) throw new Error(`heartbeat start on ${nodes[index]?.name ?? '?'} ended with ${result.code}: ${result.stdout}${result.stderr}\n${nodes[index]?.readLog() ?? ''}`)
    })
  }

  /** Waits until both daemons are active and every group runs on exactly one node, and both say so. */
  async settled(deadlineMs = initdeadMs + soonMs): Promise<void> {
    await this.lab.waitFor(
      'both nodes active and every group running on one of them',
      async () => {
        const [one, two] = await Promise.all([this.n1.status(), this.n2.status()])
        return one !== null && two !== null && isSettled(one) && isSettled(two)
      },
      deadlineMs
    )
  }

  /** Waits until the node runs the group, and says so. */
  async runs(node: LabNode, key = group, deadlineMs = soonMs): Promise<void> {
    await this.lab.waitFor(`${node.name} runs ${key}`, async () => (await this.groupOn(node, key))?.here === 'running', deadlineMs)
  }

  async groupOn(node: LabNode, key = group): Promise<GroupReport | null> {
    return (await node.status())?.groups.find(found => found.key === key) ?? null
  }

  /** Waits for a line in the node's log. */
  async logs(node: LabNode, pattern: RegExp, deadlineMs = soonMs): Promise<void> {
    await this.lab.waitFor(`${node.name} logs ${String(pattern)}`, () => pattern.test(node.readLog()), deadlineMs)
  }

  /**
   * Keeps looking for a while and fails at the first sight of what must not be. The one place where tests let time pass:
   * that nothing happens can only be seen by watching.
   */
  async watch(what: string, mustHold: () => Promise<boolean> | boolean, forMs: number): Promise<void> {
    const end = monotonicMs() + forMs
    await this.lab.waitFor(
      what,
      async () => {
        if (!(await mustHold())) throw new Error(`did not hold: ${what}\n${await this.lab.story()}`)
        return monotonicMs() > end
      },
      forMs + soonMs
    )
  }

  /** From now on the Recorder does this instead of succeeding, on one node. `ok` ends it. */
  behave(node: LabNode, operation: 'start' | 'stop' | 'status', behaviour: 'ok' | 'fail' | 'hang', name = 'app'): void {
    const file = path.join(this.lab.directory, 'behaviour', `${node.name}.${name}.${operation}`)
    if (behaviour === 'ok') fs.rmSync(file, { force: true })
    else fs.writeFileSync(file, `${behaviour}\n`)
  }

  /** What the Recorders did, in order. */
  deeds(name = 'app'): readonly Deed[] {
    const file = path.join(this.lab.directory, 'deeds')
    if (!fs.existsSync(file)) return []
    return fs
      .readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => {
        const [seconds, node, operation, who] = line.split(' ')
        return { atMs: Number(seconds) * 1000, node: node as NodeName, operation: operation as Deed['operation'], name: who ?? '' }
      })
      .filter(deed => deed.name === name)
  }

  /** The deeds as words, for comparing: `n1 start`. */
  story(name = 'app'): readonly string[] {
    return this.deeds(name).map(deed => `${deed.node} ${deed.operation}`)
  }
}

/** Times at which a start was made on one node while the other had started and neither stopped nor died. */
export function overlaps(deeds: readonly Deed[], deaths: readonly { readonly node: NodeName; readonly atMs: number }[] = []): readonly string[] {
  const running = new Set<NodeName>()
  const found: string[] = []
  const events = [...deeds, ...deaths.map(death => ({ ...death, operation: 'death' as const }))].sort((a, b) => a.atMs - b.atMs)
  for (const event of events) {
    if (event.operation !== 'start') running.delete(event.node)
    else {
      const other = event.node === 'n1' ? 'n2' : 'n1'
      if (running.has(other)) found.push(`${event.node} started at ${event.atMs} while ${other} ran it`)
      running.add(event.node)
    }
  }
  return found
}

/** Both nodes hear each other, every group has an owner, and nothing of it is on its way, up or down, on either. */
function isSettled(status: StatusReport): boolean {
  const isOnItsWay = (state: string | null): boolean => state !== null && ['claimed', 'starting', 'stopping', 'unknown'].includes(state)
  const isAtRest = (one: GroupReport): boolean => one.owner !== null && [one.here, one.there].includes('running') && ![one.here, one.there].some(isOnItsWay)
  return status.phase === 'active' && status.nodes.every(node => node.state === 'active') && status.groups.every(isAtRest)
}

/** Arguments: name, operation. A stop is noted when it is done, a start when it begins, so an overlap cannot hide. */
const recorder = (directory: string): string => `#!/bin/sh
# Notes every start and stop in one file for both nodes; fails or hangs when told to.
node=$(uname -n)
mark=/run/recorder.$1
note() {
  read -r uptime rest </proc/uptime
  echo "$uptime $node $2 $1" >>${directory}/deeds
}
behaviour=$(cat "${directory}/behaviour/$node.$1.$2" 2>/dev/null)
case $2 in
  start)
    note "$1" start
    case $behaviour in
      fail) echo "told to fail"; exit 1 ;;
      hang) sleep 3600 ;;
    esac
    : >"$mark"
    ;;
  stop)
    case $behaviour in
      fail) echo "told to fail"; exit 1 ;;
      hang) sleep 3600 ;;
    esac
    [ ! -e "$mark" ] || note "$1" stop
    rm -f "$mark"
    ;;
  status)
    case $behaviour in hang) sleep 3600 ;; esac
    if [ -e "$mark" ]; then echo running; else echo stopped; fi
    ;;
  *) echo "usage: Recorder NAME start|stop|status"; exit 2 ;;
esac
`
