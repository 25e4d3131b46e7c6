/** The walkthrough, H1 to H6 of the scenarios: set up, start, put and get, fail over, fail back. All of it real. */

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { Lab } from '../lab/lab.js'
import type { LabNode } from '../lab/node.js'
import { atClient, createQueueManager, dataDirectory, diskMegabytes, floatingAddress, logDirectory, mangledName, mountDisk, mountPoint, queue, queueManager, queueManagerData, toolOn, tryAtClient, unmountDisk } from '../lab/queue-manager.js'
import { needsLab, type Cluster } from './cluster.js'
import { patienceMs, returns, runs, runningQueueManager, startBoth, configuredQueueManager } from './queue-manager-cluster.js'

const macOf = (node: LabNode): string => `02:00:0a:77:00:0${node.name === 'n1' ? 1 : 2}`

async function makeLab(test: { teardown(end: () => void): void }): Promise<Lab> {
  const lab = await Lab.create({ prefix: 'sys', diskMegabytes })
  test.teardown(() => lab.dispose())
  return lab
}

/** `amqsput` of the walkthrough's five messages, and what the browsing program then says when it gets four. */
async function putFiveGetFour(test: Test, cluster: Cluster): Promise<void> {
  await atClient(cluster.lab, 'amqsput', [queue], 'Hello\nThis\nis\na\ntest\n')
  const said = await atClient(cluster.lab, 'amqsbrowse', [queue], 'y\ny\ny\ny\nn\n')
  test.strictSame(said.filter(line => line.startsWith('got ')), ['got Hello', 'got This', 'got is', 'got a'])
  test.ok(said.includes('5 test'))
  test.equal(said.at(-1), 'no more messages: completion code 2, reason 2033')
}

t.test('set-up: hacrtmqm on n1, halinkmqm on n2 -> a trial start works on either node, on the same data; what is a node\'s own stays on its own disk', needsLab, async test => {
  const lab = await makeLab(test)
  await createQueueManager(lab)
  for (const node of lab.nodes) {
    test.equal((await node.run(['readlink', `/var/mqm/qmgrs/${mangledName}`])).trim(), queueManagerData, `linked on ${node.name}`)
    test.match(fs.readFileSync(path.join(node.directory, 'mqm/mqs.ini'), 'utf8'), /Name=ha\.queue\.manager\n/, `${node.name} has an mqs.ini of its own`)
    test.ok(fs.existsSync(path.join(node.directory, 'mqm/sockets', mangledName)), `${node.name} has a place for sockets`)
    await mountDisk(lab, node)
    test.notMatch(await node.run(['find', mountPoint, '-type', 's']), /./, 'no socket on the shared disk')
    await toolOn(node, 'strmqm', [queueManager])
    test.match(await toolOn(node, 'runmqsc', [queueManager], `display qlocal(${queue}) defpsist\ndisplay channel(HA.CHANNEL) mcauser\nend\n`), /DEFPSIST\(YES\)[^]*MCAUSER\('?mqm'?\)/, `defined on n1, seen on ${node.name}`)
    await toolOn(node, 'endmqm', ['-i', queueManager])
    await unmountDisk(node)
  }
})

t.test('set-up: the same again, or where nothing is mounted -> refused with its code, nothing changed', needsLab, async test => {
  const { lab } = await configuredQueueManager(test)
  const { n1, n2 } = lab
  test.equal((await n1.tool('strmqm', [queueManager])).code, 100, 'not mounted')
  test.equal((await n2.tool('halinkmqm', [queueManager, mangledName, dataDirectory, 'standby'])).code, 100, 'not mounted')
  await mountDisk(lab, n1)
  const before = await n1.run(['ls', '-lR', '--time-style=full-iso', mountPoint])
  test.equal((await n1.tool('hacrtmqm', ['-md', dataDirectory, '-ld', logDirectory, queueManager])).code, 8)
  await unmountDisk(n1)
  await mountDisk(lab, n2)
  test.equal((await n2.tool('halinkmqm', [queueManager, mangledName, dataDirectory, 'standby'])).code, 0, 'linked already: no fault')
  test.equal((await n2.tool('halinkmqm', [queueManager, 'ha.queue.manager', dataDirectory, 'standby'])).code, 39)
  test.equal((await n2.tool('hacrtmqm', ['-md', dataDirectory, '-ld', logDirectory, queueManager])).code, 8)
  test.equal(await n2.run(['ls', '-lR', '--time-style=full-iso', mountPoint]), before)
  await unmountDisk(n2)
})

t.test('one writer: strmqm while it runs -> 5 on the same node, 43 on the other, and it goes on', needsLab, async test => {
  const { lab } = await configuredQueueManager(test)
  const { n1, n2 } = lab
  // Both see the file system at once, as two nodes see a network file system.
  for (const node of lab.nodes) await mountDisk(lab, node)
  await toolOn(n1, 'strmqm', [queueManager])
  const here = await n1.tool('strmqm', [queueManager])
  test.equal(here.code, 5)
  test.match(here.stdout + here.stderr, /AMQ7005/)
  const there = await n2.tool('strmqm', [queueManager])
  test.equal(there.code, 43)
  test.match(there.stdout + there.stderr, /AMQ7005.*runs on n1/s)
  test.match(await toolOn(n2, 'dspmq', ['-m', queueManager]), /Running elsewhere/)
  test.match(await toolOn(n1, 'dspmq', ['-m', queueManager]), /STATUS\(Running\)/)
  await toolOn(n1, 'endmqm', ['-i', queueManager])
  await toolOn(n2, 'strmqm', [queueManager])
  await toolOn(n2, 'endmqm', ['-i', queueManager])
  for (const node of lab.nodes) await unmountDisk(node)
})

t.test('walkthrough: start, five messages put and four got, heartbeat stop -> "test" is on the other node; start again -> back home with auto_failback on', needsLab, async test => {
  const cluster = await configuredQueueManager(test)
  const { lab, n1, n2 } = cluster

  await startBoth(cluster)
  test.strictSame(await lab.holdersOf(floatingAddress), ['n1'])
  const story = [
    /heartbeat: version \d+\.\d+\.\d+/,
    /Heartbeat generation: \d+/,
    /Link n2:eth\d up\./,
    /Status update for node n2: status \w+/,
    /Acquiring resource group: n1 10\.77\.0\.100\/24\/eth0 Filesystem::\S+ mqseries/,
    /Running \S+\/IPaddr 10\.77\.0\.100\/24\/eth0 start/,
    /Running \S+\/Filesystem \S+ \/run\/ha ext4 start/,
    /Running \S+\/mqseries start/,
    /Resource group 10\.77\.0\.100\/24\/eth0 is running on this node/
  ]
  let from = 0
  for (const line of story) {
    const found = n1.readLog().slice(from).search(line)
    test.ok(found !== -1, `in its turn the log says ${String(line)}`)
    from += Math.max(0, found)
  }

  await putFiveGetFour(test, cluster)
  test.equal(await lab.clientNeighbour(floatingAddress), macOf(n1), 'the client talks to n1')

  test.equal((await n1.heartbeat('stop')).code, 0)
  await runs(cluster, n2)
  // Nobody at the client has said a word since: only the announcement can have moved the entry.
  await lab.waitFor('the neighbour entry of the client to move by gratuitous ARP', async () => (await lab.clientNeighbour(floatingAddress)) === macOf(n2), patienceMs)
  test.strictSame(await lab.holdersOf(floatingAddress), ['n2'])
  test.strictSame(await atClient(lab, 'amqsbrowse', [queue], 'y\n'), ['1 test', 'get it? (y/n)', 'got test', 'no more messages: completion code 2, reason 2033'])
  const empty = await tryAtClient(lab, 'amqsbrowse', [queue])
  test.match(empty.stdout, /^no more messages: completion code 2, reason 2033\n$/)

  await atClient(lab, 'amqsput', [queue], 'on n2\n')
  await cluster.start(n1)
  await runs(cluster, n1)
  await cluster.settled(patienceMs)
  test.match(n2.readLog(), /Running \S+\/mqseries stop/)
  test.strictSame(await lab.holdersOf(floatingAddress), ['n1'])
  test.strictSame((await atClient(lab, 'amqsbrowse', [queue], 'y\n')).slice(0, 1), ['1 on n2'])
})

t.test('walkthrough: power loss of n1, and its return with auto_failback off -> it stays on n2', needsLab, async test => {
  const cluster = await runningQueueManager(test, { autoFailback: 'off' })
  const { lab, n1, n2 } = cluster
  await putFiveGetFour(test, cluster)
  await lab.powerOff(n1)
  await runs(cluster, n2)
  await returns(cluster, n1)
  await cluster.settled(patienceMs)
  test.equal((await cluster.groupOn(n2))?.here, 'running')
  test.equal((await cluster.groupOn(n1))?.here, 'stopped')
  test.strictSame((await atClient(lab, 'amqsbrowse', [queue], 'y\n')).slice(0, 1), ['1 test'])
})
