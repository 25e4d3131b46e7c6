/** The cluster managers that are measured: ours, and for comparison Debian's heartbeat 3.0.6 and keepalived. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { linuxHaUnavailable, prepareLinuxHa, startLinuxHa } from '../lab/linux-ha.js'
import type { Lab } from '../lab/lab.js'
import type { LabNode } from '../lab/node.js'

export const address = '10.77.0.100'
export const keepaliveMs = 100
export const deadtimeMs = 500
export const initdeadMs = 1_000

export interface Contender {
  readonly name: string
  /** Why it cannot be measured here, or null. */
  unavailable(): string | null
  /** Configures both nodes for one address whose home is n1. */
  configure(lab: Lab): Promise<void>
  start(node: LabNode): Promise<void>
  /** Gives the address away in order, as an administrator would. */
  handOver(node: LabNode): Promise<void>
  /** Ready to be switched or to take over: everything has settled after the start. */
  isSettled(lab: Lab): Promise<boolean>
  /** Longest a lone start may take before we give up. */
  readonly coldStartLimitMs: number
}

const haCf = (more: string): string =>
  `logfile /var/log/ha-log\nkeepalive ${keepaliveMs}ms\nwarntime 250ms\ndeadtime ${deadtimeMs}ms\ninitdead ${initdeadMs}ms\nudpport 694\nucast eth0 10.77.0.1\nucast eth0 10.77.0.2\nbcast eth1\nauto_failback off\nnode n1 n2\n${more}`
const authkeys = 'auth 1\n1 sha1 bench\n'
const haresources = `n1 ${address}/24/eth0\n`

async function ordered(node: LabNode, ...words: readonly string[]): Promise<void> {
  const result = await node.heartbeat(...words)
  if (result.code !== 0) throw new Error(`heartbeat ${words.join(' ')} on ${node.name}: ${result.stdout}${result.stderr}`)
}

const own: Contender = {
  name: 'this project',
  coldStartLimitMs: 20_000,
  unavailable: () => null,
  async configure(lab) {
    for (const node of lab.nodes) node.writeConfig({ haCf: haCf('logfacility none\n'), haresources, authkeys })
  },
  start: node => ordered(node, 'start'),
  handOver: node => ordered(node, 'standby'),
  async isSettled(lab) {
    const reports = await Promise.all(lab.nodes.map(node => node.status()))
    return reports.every(report => report?.phase === 'active' && report.nodes.every(node => node.state === 'active') && report.groups.every(group => group.owner !== null))
  }
}

const linuxHa: Contender = {
  name: 'Linux-HA 3.0.6',
  coldStartLimitMs: 40_000,
  unavailable: linuxHaUnavailable,
  async configure(lab) {
    for (const node of lab.nodes) {
      await prepareLinuxHa(node)
      node.writeConfig({ haCf: haCf('use_logd off\n'), haresources, authkeys })
    }
  },
  async start(node) {
    const result = await startLinuxHa(node)
    if (result.code !== 0) throw new Error(`Linux-HA on ${node.name}: ${result.stderr}`)
  },
  async handOver(node) {
    await node.run(['/usr/share/heartbeat/hb_standby', 'all'])
  },
  async isSettled(lab) {
    const words = await Promise.all(lab.nodes.map(node => node.exec(['/usr/bin/cl_status', 'rscstatus'])))
    return words.every(result => result.code === 0 && /^(none|local|foreign|all)$/.test(result.stdout.trim())) && words.some(result => result.stdout.trim() !== 'none')
  }
}

const keepalived: Contender = {
  name: 'keepalived',
  coldStartLimitMs: 20_000,
  unavailable: () => (spawnSync('sh', ['-c', 'command -v keepalived'], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } }).status === 0 ? null : 'missing tool: keepalived (Debian package keepalived)'),
  async configure(lab) {
    for (const node of lab.nodes) {
      const text = `global_defs { router_id ${node.name}\n vrrp_version 3\n }\nvrrp_instance one {\n state BACKUP\n nopreempt\n interface eth0\n virtual_router_id 51\n priority ${node.name === 'n1' ? 150 : 100}\n advert_int 0.1\n virtual_ipaddress {\n ${address}/24\n }\n}\n`
      fs.writeFileSync(path.join(node.directory, 'log/keepalived.conf'), text)
    }
  },
  async start(node) {
    await node.run(['sh', '-c', 'keepalived --vrrp -f /var/log/keepalived.conf -p /run/k.pid -r /run/v.pid >/var/log/keepalived.log 2>&1'])
  },
  async handOver(node) {
    await node.run(['sh', '-c', 'pid=$(cat /run/k.pid); kill "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done'])
  },
  async isSettled(lab) {
    return (await lab.holdersOf(address)).length === 1
  }
}

export const contenders: readonly Contender[] = [own, linuxHa, keepalived]
