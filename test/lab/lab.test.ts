/** The laboratory itself, without any daemon: what it promises to the tests that measure daemons in it. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import t from 'tap'
import { monotonicMs } from './command.js'
import { Lab, labUnavailable } from './lab.js'
import { directoryOf, labNames, register, remove, startTimeOf, sweep, sweepNamespaces } from './registry.js'

const unavailable = labUnavailable()
const skip = unavailable === null ? {} : { skip: unavailable }
const address = '10.77.0.100'

async function makeLab(test: { teardown(end: () => void): void }): Promise<Lab> {
  const lab = await Lab.create({ prefix: 'lab' })
  test.teardown(() => lab.dispose())
  return lab
}

t.test('lab: two nodes booted -> each has its own name, processes, directories and both networks', skip, async test => {
  const lab = await makeLab(test)
  for (const node of lab.nodes) {
    test.equal((await node.run(['uname', '-n'])).trim(), node.name)
    const peer = lab.peerOf(node)
    await node.run(['ping', '-c', '1', '-W', '1', peer.serviceAddress])
    await node.run(['ping', '-c', '1', '-W', '1', peer.secondAddress])
    await node.run(['sh', '-c', 'echo $0 >/var/log/mine; echo $0 >/etc/ha.d/mine; echo $0 >/var/lib/heartbeat/mine', node.name])
    test.match(await node.run(['ps', '-e', '-o', 'args']), /^COMMAND\nsh -c/, 'its own pid 1 comes first')
  }
  test.equal(lab.n1.readLog('mine'), 'n1\n')
  test.equal(lab.n2.readLog('mine'), 'n2\n')
  test.notOk(fs.existsSync('/etc/ha.d/mine'), 'the host is not touched')
})

t.test('lab: a process loses its parent -> pid 1 of the node reaps it', skip, async test => {
  const lab = await makeLab(test)
  const orphan = (await lab.n1.run(['sh', '-c', '(sleep 0.05 & echo $!)'])).trim()
  await lab.waitFor('the orphan to be gone, not a zombie', async () => (await lab.n1.exec(['kill', '-0', orphan])).code !== 0, 2_000)
})

t.test('lab: the holder of an address loses power, the peer takes it -> the client sees one outage and who answers', skip, async test => {
  const lab = await makeLab(test)
  await lab.n1.run(['ip', 'address', 'add', `${address}/24`, 'dev', 'eth0'])
  test.strictSame(await lab.holdersOf(address), ['n1'])
  const probe = lab.probe({ address })
  await lab.waitFor('n1 answers the client', () => probe.answeredBy === 'n1', 3_000)
  const died = await lab.powerOff(lab.n1)
  await lab.waitFor('the client misses it', () => probe.answeredBy === null, 1_000)
  await lab.n2.run(['ip', 'address', 'add', `${address}/24`, 'dev', 'eth0'])
  await lab.n2.run(['arping', '-q', '-U', '-c', '1', '-I', 'eth0', address])
  await lab.waitFor('n2 answers the client', () => probe.answeredBy === 'n2', 3_000)
  test.equal(probe.outages.length, 1)
  test.equal(probe.outages[0]?.before, 'n1')
  test.equal(probe.outages[0]?.by, 'n2')
  test.ok((probe.outages[0]?.fromMs ?? 0) > died - 50 && (probe.outages[0]?.toMs ?? Infinity) < monotonicMs(), 'the outage lies where it was made')
  test.strictSame(await lab.holdersOf(address), ['n2'])
  await lab.n1.boot()
  test.strictSame(await lab.n1.addressesHeld(), [], 'nothing of its old life')
  await lab.n1.run(['ping', '-c', '1', '-W', '1', lab.n2.secondAddress])
})

t.test('lab: a cable cut in both directions or in one -> exactly that is silent, and healing restores it', skip, async test => {
  const lab = await makeLab(test)
  const reaches = async (from: 'n1' | 'n2', to: string): Promise<boolean> => (await lab.node(from).exec(['ping', '-c', '1', '-W', '0.3', to])).code === 0
  await lab.cutLink(lab.n1, 'eth1')
  test.notOk(await reaches('n2', lab.n1.secondAddress))
  test.ok(await reaches('n2', lab.n1.serviceAddress))
  await lab.healLink(lab.n1, 'eth1')
  await lab.waitFor('eth1 to carry again', () => reaches('n2', lab.n1.secondAddress), 2_000)
  if (spawnSync('sh', ['-c', 'command -v nft']).status !== 0) return
  await lab.cutLink(lab.n1, 'eth1', 'out')
  const heardBefore = await lab.n2.run(['sh', '-c', "grep '^Icmp:' /proc/net/snmp"])
  test.notOk(await reaches('n1', lab.n2.secondAddress))
  test.equal(await lab.n2.run(['sh', '-c', "grep '^Icmp:' /proc/net/snmp"]), heardBefore, 'n2 did not hear the question')
  await lab.healLink(lab.n1, 'eth1')
  await lab.waitFor('eth1 to carry again', () => reaches('n1', lab.n2.secondAddress), 2_000)
})

t.test('lab: a frozen node -> answers nothing until thawed, and nothing is lost', skip, async test => {
  const lab = await makeLab(test)
  const probe = lab.probe({ address: lab.n1.serviceAddress })
  await lab.waitFor('an answer', () => probe.answeredBy === 'n1', 3_000)
  lab.n1.freeze()
  await lab.waitFor('silence', () => probe.answeredBy === null, 1_000)
  lab.n1.thaw()
  await lab.waitFor('an answer again', () => probe.answeredBy === 'n1', 1_000)
  test.equal(probe.outages.length, 1)
})

t.test('lab: the shared disk -> what one node wrote the other reads', skip, async test => {
  const lab = await makeLab(test)
  const disk = lab.disk ?? ''
  await lab.n1.run(['sh', '-c', 'mkdir /run/disk && mount -t ext4 "$0" /run/disk && echo hello >/run/disk/file && umount /run/disk', disk])
  test.equal(await lab.n2.run(['sh', '-c', 'mkdir /run/disk && mount -t ext4 "$0" /run/disk && cat /run/disk/file', disk]), 'hello\n')
})

t.test('lab: disposed, twice -> no namespace, process, loop device or file remains', skip, async test => {
  const lab = await makeLab(test)
  const disk = lab.disk ?? ''
  await lab.n1.run(['sh', '-c', 'mkdir /run/disk && mount -t ext4 "$0" /run/disk', disk])
  lab.dispose()
  lab.dispose()
  test.notMatch(spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout, lab.name)
  test.notOk(fs.existsSync(directoryOf(lab.name)))
  await lab.waitFor('the loop device to be let go', () => !spawnSync('losetup', ['-a'], { encoding: 'utf8' }).stdout.includes(lab.name), 3_000)
})

t.test('lab: its owner was killed -> the next sweep removes it, and leaves those of the living alone', skip, async test => {
  const dead = `labdead${process.pid}`
  const alive = `labalive${process.pid}`
  test.teardown(() => {
    remove(dead)
    remove(alive)
  })
  fs.writeFileSync(`${register(dead)}/owner`, `${process.pid} ${Number(startTimeOf(process.pid)) - 1}\n`) // an earlier bearer of our pid
  register(alive)
  spawnSync('ip', ['netns', 'add', `${dead}-n1`])
  test.ok(sweep().includes(dead))
  test.ok(labNames().includes(alive))
  test.notMatch(spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout, dead)
})

t.test('namespaces of smaller tests: their process is gone -> the next sweep removes them, and what runs in them, and no others', skip, async test => {
  const gone = spawnSync('true').pid
  const [dead, alive] = [`agt${gone}x1`, `agt${process.pid}x9999`]
  for (const name of [dead, alive]) spawnSync('ip', ['netns', 'add', name])
  test.teardown(() => spawnSync('ip', ['netns', 'delete', alive]))
  spawnSync('ip', ['netns', 'exec', dead, 'sh', '-c', 'sleep 60 >/dev/null 2>&1 &'])
  const [left = 0] = spawnSync('ip', ['netns', 'pids', dead], { encoding: 'utf8' }).stdout.split('\n').map(Number)
  test.ok(startTimeOf(left) !== null)
  const swept = sweepNamespaces()
  test.ok(swept.includes(dead))
  test.notOk(swept.includes(alive))
  const listed = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout
  test.notMatch(listed, dead)
  test.match(listed, alive)
})
