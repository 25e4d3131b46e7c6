/**
 * An arbiter with real daemons: etcd runs at the client, which both nodes reach over the service network alone. Nobody
 * takes a group over before the other's lease there has ended, and who is cut off from it and from the peer lets go.
 */

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { clientAddress } from '../lab/lab.js'
import { Cluster, group, needsTool, overlaps } from './cluster.js'

const ttlMs = 3000
/** etcd looks for ended leases twice a second; the rest is a busy machine. */
const afterTtlMs = 6000
const quietMs = 2000
const options = needsTool('etcd', 'etcd-server')

interface Arbitrated {
  readonly cluster: Cluster
  signal(signal: NodeJS.Signals): void
}

async function arbitrated(test: Test): Promise<Arbitrated> {
  const url = `http://${clientAddress}:2379`
  const cluster = await Cluster.configured(test, { autoFailback: 'off', more: `arbiter etcd ${url} ttl=${ttlMs / 1000}` })
  const folder = fs.mkdtempSync(path.join(cluster.lab.directory, 'etcd-'))
  const log = fs.openSync(path.join(folder, 'log'), 'a')
  const [file = 'ip', ...args] = [...cluster.lab.enteringClient(), 'etcd', '--data-dir', path.join(folder, 'data'), '--listen-client-urls', url, '--advertise-client-urls', url]
  const etcd = spawn(file, args, { stdio: ['ignore', log, log] })
  fs.closeSync(log)
  test.teardown(() => etcd.kill('SIGKILL'))
  await cluster.lab.waitFor('etcd answers', () => /ready to serve client requests|serving .*client requests/.test(fs.readFileSync(path.join(folder, 'log'), 'utf8')), 10_000)
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.settled()
  return { cluster, signal: signal => etcd.kill(signal) }
}

t.test('arbiter: the owner loses its power -> the other has the group, not before the lease has ended', options, async test => {
  const { cluster } = await arbitrated(test)
  await cluster.runs(cluster.n1)
  const died = await cluster.lab.powerOff(cluster.n1)
  await cluster.runs(cluster.n2, group, ttlMs + afterTtlMs)
  const started = cluster.deeds().find(deed => deed.node === 'n2' && deed.operation === 'start')
  test.ok((started?.atMs ?? 0) > died + ttlMs / 2, 'the last renewal was at most a third of the lease before')
  test.comment(`started ${Math.round((started?.atMs ?? 0) - died)} ms after the power was lost, at a lease of ${ttlMs} ms`)
})

t.test('arbiter: the owner is cut off from everybody -> it lets go, then the other takes over; healed -> one owner', options, async test => {
  const { cluster } = await arbitrated(test)
  await cluster.runs(cluster.n1)
  // In the switch, so that the carriers stay and nobody learns it but by silence.
  const links = ['eth0', 'eth1'] as const
  for (const link of links) for (const direction of ['in', 'out'] as const) await cluster.lab.cutLink(cluster.n1, link, direction)
  await cluster.runs(cluster.n2, group, ttlMs + afterTtlMs)
  test.strictSame(overlaps(cluster.deeds()), [])
  for (const link of links) await cluster.lab.healLink(cluster.n1, link)
  await cluster.settled()
  test.strictSame(overlaps(cluster.deeds()), [])
})

t.test('arbiter: etcd is silent while the nodes hear each other -> nothing moves; the owner dies then -> nobody takes over until etcd answers', options, async test => {
  const { cluster, signal } = await arbitrated(test)
  await cluster.runs(cluster.n1)
  const before = cluster.deeds().length
  signal('SIGSTOP')
  await cluster.watch('nothing moves', () => cluster.deeds().length === before, ttlMs + quietMs)
  await cluster.lab.powerOff(cluster.n1)
  // Losing its power includes losing its cables, and n1 may have time to begin a stop.
  const takenOver = (): boolean => cluster.deeds().some(deed => deed.node === 'n2' && deed.operation === 'start')
  await cluster.watch('nobody takes over', () => !takenOver(), ttlMs + quietMs)
  signal('SIGCONT')
  await cluster.runs(cluster.n2, group, ttlMs + afterTtlMs)
})
