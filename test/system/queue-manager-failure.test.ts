/** H7 of the scenarios: everything that can happen to the node that runs the queue manager, while a client puts. */

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Putter } from '../demo/putter-client.js'
import { monotonicMs } from '../lab/command.js'
import type { Lab } from '../lab/lab.js'
import type { LabNode } from '../lab/node.js'
import { atClient, floatingAddress, mountPoint, processOn, queue, queueManagerOnShared } from '../lab/queue-manager.js'
import { deadtimeMs, needsLab, needsTool } from './cluster.js'
import { configuredQueueManager, everyPutIsThere, patienceMs, processId, putting, returns, runningQueueManager, runs } from './queue-manager-cluster.js'

const rounded = (ms: number): string => `${Math.round(ms)} ms`

/** What queue managers of the node had to say that they could not write to their own data directory. */
const machineErrors = (node: LabNode): string => fs.readFileSync(path.join(node.directory, 'mqm/errors/AMQERR01.LOG'), 'utf8')

async function answeredAgain(lab: Lab, putter: Putter): Promise<void> {
  const since = monotonicMs()
  await lab.waitFor('the client puts', () => putter.hasAnsweredSince(since), patienceMs)
}

t.test('power loss: of the node that runs the queue manager, while a client puts -> the peer runs it, every put that was answered is there once', needsLab, async test => {
  const cluster = await runningQueueManager(test, { autoFailback: 'off' })
  const putter = await putting(test, cluster)
  const died = await cluster.lab.powerOff(cluster.n1)
  await runs(cluster, cluster.n2)
  const outageMs = await putter.outageAfter(cluster.lab, died)
  test.comment(`the client waited ${rounded(outageMs)}; deadtime is ${deadtimeMs} ms, the goal is 1500 ms more`)
  await returns(cluster, cluster.n1)
  await cluster.settled(patienceMs)
  test.strictSame(await cluster.lab.holdersOf(floatingAddress), ['n2'])
  await everyPutIsThere(test, cluster.n2, putter)
})

t.test('kernel hang: the owner stands still and its lock runs out -> the peer takes over; thawed, the old queue manager sees that and ends; every put that was answered is there once', needsLab, async test => {
  const cluster = await runningQueueManager(test, { autoFailback: 'off', storage: 'directory' })
  const { lab, n1, n2 } = cluster
  const putter = await putting(test, cluster)
  const old = processId(n1)
  n1.freeze()
  // What a file server does when the lease of a silent client ends.
  fs.rmSync(path.join(queueManagerOnShared(lab), 'master'))
  const frozen = monotonicMs()
  await runs(cluster, n2)
  test.comment(`the client waited ${rounded(await putter.outageAfter(lab, frozen))}`)
  n1.thaw()
  await lab.waitFor('the old queue manager to be gone', () => n1.hostPidOf(old) === null, patienceMs)
  test.match(machineErrors(n1), /AMQ7279S.*lost the lock on its data; it ends/)
  await lab.waitFor('n2 alone holds the address', async () => (await lab.holdersOf(floatingAddress)).join() === 'n2', patienceMs)
  await cluster.settled(patienceMs)
  test.equal((await cluster.groupOn(n2))?.here, 'running')
  await answeredAgain(lab, putter)
  await everyPutIsThere(test, n2, putter)
})

t.test('kernel hang: the owner stands still and keeps its lock -> the peer waits for the lock, and gets it when the thawed node yields', needsLab, async test => {
  const cluster = await runningQueueManager(test, { autoFailback: 'off', storage: 'directory' })
  const { lab, n1, n2 } = cluster
  const putter = await putting(test, cluster)
  const frozen = monotonicMs()
  n1.freeze()
  await cluster.logs(n2, /mqseries start/, patienceMs)
  await cluster.watch('n2 neither runs it nor gives up', async () => (await cluster.groupOn(n2))?.here === 'starting', 1_000)
  n1.thaw()
  await runs(cluster, n2)
  test.comment(`the client waited ${rounded(await putter.outageAfter(lab, frozen))}`)
  await cluster.settled(patienceMs)
  test.equal(processOn(n1), null)
  test.strictSame(await lab.holdersOf(floatingAddress), ['n2'])
  await everyPutIsThere(test, n2, putter)
})

t.test('heartbeat daemon alone: killed with SIGKILL -> started again, the queue manager goes on under it, the client notices nothing', needsLab, async test => {
  const cluster = await runningQueueManager(test, { deadtime: '4', initdead: '5' })
  const { lab, n1 } = cluster
  const putter = await putting(test, cluster)
  const before = processId(n1)
  const daemon = n1.daemonPid()
  const killed = monotonicMs()
  await n1.run(['kill', '-KILL', String(daemon)])
  await lab.waitFor('another daemon on n1', async () => {
    const status = await n1.status()
    return status !== null && status.pid !== daemon && status.phase === 'active'
  }, patienceMs)
  await cluster.settled(patienceMs)
  const outageMs = await putter.outageAfter(lab, killed)
  test.comment(`the longest wait of the client was ${rounded(outageMs)}`)
  test.equal(processOn(n1), before, 'the same process')
  test.equal(processOn(cluster.n2), null)
  test.strictSame(await lab.holdersOf(floatingAddress), ['n1'])
  await everyPutIsThere(test, n1, putter)
})

t.test('service cable: pulled from the owner while the other heartbeat link works -> the group moves to the node that clients reach, nothing is lost', needsLab, async test => {
  const cluster = await runningQueueManager(test, { autoFailback: 'off' })
  const { lab, n1, n2 } = cluster
  const putter = await putting(test, cluster)
  const pulled = monotonicMs()
  await lab.cutLink(n1, 'eth0')
  await runs(cluster, n2)
  const outageMs = await putter.outageAfter(lab, pulled)
  test.comment(`the client waited ${rounded(outageMs)}`)
  await lab.healLink(n1, 'eth0')
  await cluster.settled(patienceMs)
  test.equal(processOn(n1), null)
  test.strictSame(await lab.holdersOf(floatingAddress), ['n2'])
  await everyPutIsThere(test, n2, putter)
})

t.test('partition: the switch passes nothing on -> the peer takes the address and waits for the lock: one queue manager; healed, the later start keeps the group', needsTool('nft', 'nftables'), async test => {
  const cluster = await runningQueueManager(test, { autoFailback: 'off', storage: 'directory' })
  const { lab, n1, n2 } = cluster
  const putter = await putting(test, cluster)
  const pulled = monotonicMs()
  // The cards keep their carrier: with pulled cables n1 would let go at once.
  for (const link of ['eth0', 'eth1'] as const) for (const direction of ['in', 'out'] as const) await lab.cutLink(n1, link, direction)
  await cluster.logs(n2, /mqseries start/, patienceMs)
  await cluster.watch('n1 goes on, n2 waits', async () => (await cluster.groupOn(n1))?.here === 'running' && (await cluster.groupOn(n2))?.here === 'starting', 1_000)
  await Promise.all([lab.healLink(n1, 'eth0'), lab.healLink(n1, 'eth1')])
  await runs(cluster, n2)
  test.comment(`the client waited ${rounded(await putter.outageAfter(lab, pulled))}`)
  await cluster.settled(patienceMs)
  test.equal(processOn(n1), null)
  test.strictSame(await lab.holdersOf(floatingAddress), ['n2'])
  await everyPutIsThere(test, n2, putter)
})

t.test('disk: refuses to be mounted on n1 -> n2 runs the group', needsLab, async test => {
  const cluster = await configuredQueueManager(test)
  await cluster.n1.run(['sh', '-c', 'rmdir "$0" && : >"$0"', mountPoint])
  await cluster.start(cluster.n1, cluster.n2)
  await runs(cluster, cluster.n2)
  test.match(cluster.n1.readLog(), /Filesystem \S+ \S+ ext4 start failed/)
  test.strictSame(await cluster.lab.holdersOf(floatingAddress), ['n2'])
  await atClient(cluster.lab, 'amqsput', [queue], 'there is a way\n')
  test.strictSame((await atClient(cluster.lab, 'amqsbrowse', [queue], 'y\n')).slice(0, 1), ['1 there is a way'])
})

t.test('queue manager alone: killed with SIGKILL -> started again where it is, nothing moves, every put that was answered is there once', needsLab, async test => {
  const cluster = await runningQueueManager(test)
  const { lab, n1, n2 } = cluster
  const putter = await putting(test, cluster)
  const before = processId(n1)
  const killed = monotonicMs()
  await n1.run(['kill', '-KILL', String(before)])
  await lab.waitFor('another process on n1', () => ![null, before].includes(processOn(n1)), patienceMs)
  const outageMs = await putter.outageAfter(lab, killed)
  test.comment(`the client waited ${rounded(outageMs)}`)
  test.equal(processOn(n2), null)
  test.strictSame(await lab.holdersOf(floatingAddress), ['n1'])
  test.notMatch(n2.readLog(), /mqseries start/)
  await everyPutIsThere(test, n1, putter)
})
