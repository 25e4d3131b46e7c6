/** The address guard of real daemons: addresses removed, left behind, doubled, and interfaces without carrier. */

import fs from 'node:fs'
import t from 'tap'
import { monotonicMs } from '../lab/command.js'
import type { LabNode } from '../lab/node.js'
import { Cluster, address, group, initdeadMs, needsLab, needsTool, soonMs } from './cluster.js'

const needsArping = needsTool('arping', 'iputils-arping')

/** The client's card, by which a stranger is known. */
const strangerMac = async (cluster: Cluster): Promise<string> => (await cluster.lab.atClient(['cat', '/sys/class/net/eth0/address'])).trim()

/** Host pids of the node's processes with such a command line. */
const running = (node: LabNode, commandLine: RegExp): readonly number[] =>
  node.processes().filter(pid => {
    const file = `/proc/${pid}/cmdline`
    return fs.existsSync(file) && commandLine.test(fs.readFileSync(file, 'latin1'))
  })
const monitors = (node: LabNode): readonly number[] => running(node, /^ip\0.*monitor/)
const sentries = (node: LabNode): readonly number[] => running(node, /^\/bin\/bash\0[^\0]*heartbeat-sentry\0/)

/** The guard of the daemon notices nothing before it knows that the address is there: a look of some milliseconds. */
async function guarded(cluster: Cluster, node: LabNode): Promise<void> {
  await cluster.lab.waitFor(`${node.name} to watch`, () => monitors(node).length === 1, soonMs)
}

t.test('guard: the address is flushed on its owner, twenty times -> back each time, said, nothing moves', needsLab, async test => {
  const cluster = await Cluster.running(test)
  await guarded(cluster, cluster.n1)
  const probe = cluster.lab.probe({ address })
  await cluster.lab.waitFor('n1 answers the client', () => probe.answeredBy === 'n1', soonMs)
  const figures: number[] = []
  for (let flush = 1; flush <= 20; flush += 1) {
    const at = monotonicMs()
    await cluster.n1.run(['ip', 'address', 'flush', 'dev', 'eth0'])
    await cluster.lab.waitFor(`flush ${flush} to be mended`, () => cluster.n1.holds(address), soonMs)
    await cluster.lab.waitFor('n1 to answer', () => monotonicMs() - at > 60 && probe.answeredBy === 'n1', soonMs)
    figures.push(Math.round(probe.longestOutageSince(at)))
  }
  test.comment(`the client missed the address for ${figures.join(', ')} ms`)
  await cluster.logs(cluster.n1, /WARN: 10\.77\.0\.100 vanished from eth0.*put back after \d+ ms/)
  await cluster.logs(cluster.n1, /Something keeps removing 10\.77\.0\.100 from eth0/)
  test.ok((cluster.n1.readLog().match(/10\.77\.0\.100 .*eth0/g)?.length ?? 0) <= 12, 'the log stays small')
  test.match((await cluster.n1.status())?.warnings.join('\n'), /something keeps removing 10\.77\.0\.100/)
  test.strictSame(cluster.story(), ['n1 start'])
  await probe.stop()
})

t.test('guard: its monitor is killed while the address is flushed -> another one watches, the address is back', needsLab, async test => {
  const cluster = await Cluster.running(test)
  await guarded(cluster, cluster.n1)
  const [pid = 0] = monitors(cluster.n1)
  process.kill(pid, 'SIGKILL')
  await cluster.n1.run(['ip', 'address', 'flush', 'dev', 'eth0'])
  await cluster.lab.waitFor('the address to be back', () => cluster.n1.holds(address), soonMs)
  await cluster.lab.waitFor('another monitor', () => monitors(cluster.n1).some(one => one !== pid), soonMs)
  await cluster.logs(cluster.n1, /ip monitor ended with SIGKILL/)
})

t.test('guard: daemon stopped, or killed with its guard -> no monitor is left behind', needsTool('setpriv', 'util-linux'), async test => {
  const cluster = await Cluster.running(test)
  await guarded(cluster, cluster.n1)
  await guarded(cluster, cluster.n2)
  await cluster.n2.heartbeat('stop')
  test.strictSame(monitors(cluster.n2), [])
  await kill(cluster.n1)
  await cluster.lab.waitFor('no monitor', () => monitors(cluster.n1).length === 0, soonMs)
})

t.test('guard: a stop -> the address goes and stays away', needsLab, async test => {
  const cluster = await Cluster.running(test)
  await guarded(cluster, cluster.n1)
  test.equal((await cluster.n1.tool('hb_standby', ['all'])).code, 0)
  await cluster.runs(cluster.n2)
  test.strictSame(await cluster.lab.holdersOf(address), ['n2'])
  test.notMatch(cluster.n1.readLog(), /vanished/)
  test.notMatch(cluster.n1.readLog(), /although its group does not run here/)
})

t.test('guard: the address is put on the idle node by hand -> said there and shown', needsLab, async test => {
  const cluster = await Cluster.running(test)
  await guarded(cluster, cluster.n2)
  await cluster.n2.run(['ip', 'address', 'add', `${address}/24`, 'dev', 'eth0'])
  await cluster.logs(cluster.n2, /10\.77\.0\.100 is on eth0 although its group does not run here/)
  test.match((await cluster.n2.status())?.warnings.join('\n'), /although its group does not run here/)
  await cluster.n2.run(['ip', 'address', 'del', `${address}/24`, 'dev', 'eth0'])
  await cluster.logs(cluster.n2, /10\.77\.0\.100 is gone from eth0 again/)
})

t.test('leftover: daemon, guard and sentry are killed, the peer is off -> the next start adopts the address and guards it', needsLab, async test => {
  const cluster = await Cluster.configured(test)
  await cluster.start(cluster.n1)
  await cluster.runs(cluster.n1, group, initdeadMs + soonMs)
  // A sentry that outlives both takes the address off; with all three gone nobody does.
  const [sentry = 0] = sentries(cluster.n1)
  process.kill(sentry, 'SIGKILL')
  await kill(cluster.n1)
  test.ok(await cluster.n1.holds(address), 'left behind')
  await cluster.start(cluster.n1)
  await cluster.runs(cluster.n1, group, initdeadMs + soonMs)
  test.strictSame(cluster.story(), ['n1 start'], 'adopted, not started again')
  await cluster.n1.run(['ip', 'address', 'flush', 'dev', 'eth0'])
  await cluster.logs(cluster.n1, /10\.77\.0\.100 vanished from eth0/)
  test.ok(await cluster.n1.holds(address))
})

t.test('leftover: only the address of a group is left, its service is gone -> the next start cleans up and starts in order', needsLab, async test => {
  const cluster = await Cluster.configured(test)
  await cluster.n1.run(['ip', 'address', 'add', `${address}/24`, 'dev', 'eth0'])
  await cluster.start(cluster.n1)
  await cluster.runs(cluster.n1, group, initdeadMs + soonMs)
  test.strictSame(cluster.story(), ['n1 start'])
  test.strictSame(await cluster.lab.holdersOf(address), ['n1'])
  test.match(cluster.n1.readLog(), /IPaddr 10\.77\.0\.100\/24\/eth0 stop/, 'found in part, stopped first')
})

t.test('duplicate: a stranger has the address at the first start -> failed with its hardware address; gone, and cleaned up -> runs', needsArping, async test => {
  const cluster = await Cluster.configured(test)
  await cluster.lab.atClient(['ip', 'address', 'add', `${address}/24`, 'dev', 'eth0'])
  await cluster.start(cluster.n1, cluster.n2)
  const mac = await strangerMac(cluster)
  await cluster.logs(cluster.n1, new RegExp(`10\\.77\\.0\\.100 is in use by another machine on eth0, hardware address ${mac}`), initdeadMs + soonMs)
  await cluster.lab.waitFor('both have tried', async () => (await cluster.groupOn(cluster.n1))?.here === 'failed' && (await cluster.groupOn(cluster.n2))?.here === 'failed', soonMs)
  test.match((await cluster.n1.status())?.warnings.join('\n'), new RegExp(mac), 'status names it')
  test.strictSame(await cluster.lab.holdersOf(address), [])
  await cluster.lab.atClient(['ip', 'address', 'del', `${address}/24`, 'dev', 'eth0'])
  await cluster.n1.heartbeat('cleanup', group)
  await cluster.runs(cluster.n1)
})

t.test('duplicate: a stranger has the address when a node takes over -> taken at once, and reported within a second', needsArping, async test => {
  const cluster = await Cluster.running(test)
  const mac = await strangerMac(cluster)
  await cluster.lab.atClient(['ip', 'address', 'add', `${address}/24`, 'dev', 'eth0'])
  await cluster.lab.powerOff(cluster.n1)
  await cluster.logs(cluster.n2, new RegExp(`ERROR: 10\\.77\\.0\\.100 is also used by ${mac} on eth0`))
  test.match((await cluster.n2.status())?.warnings.join('\n'), /10\.77\.0\.100 is also used by/)
  await cluster.lab.atClient(['ip', 'address', 'del', `${address}/24`, 'dev', 'eth0'])
  await cluster.logs(cluster.n2, /10\.77\.0\.100 is used by nobody else any more/, 10_000)
  test.strictSame(cluster.story(), ['n1 start', 'n2 start'])
})

t.test('carrier: the service cable of the owner is pulled -> its peer serves; plugged in again -> said, nobody moves', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  await guarded(cluster, cluster.n1)
  const probe = cluster.lab.probe({ address })
  await cluster.lab.waitFor('n1 answers the client', () => probe.answeredBy === 'n1', soonMs)
  const pulled = monotonicMs()
  await cluster.lab.cutLink(cluster.n1, 'eth0')
  await cluster.runs(cluster.n2)
  await cluster.lab.waitFor('n2 answers the client', () => probe.answeredBy === 'n2', soonMs)
  test.comment(`clients missed it for ${Math.round(probe.longestOutageSince(pulled))} ms`)
  await cluster.logs(cluster.n1, /eth0 has no carrier/)
  await cluster.lab.healLink(cluster.n1, 'eth0')
  await cluster.logs(cluster.n1, /can be reached here again/)
  await cluster.settled()
  test.strictSame(cluster.story(), ['n1 start', 'n1 stop', 'n2 start'])
  await probe.stop()
})

async function kill(node: LabNode): Promise<void> {
  const guard = (await node.run(['cat', '/run/heartbeat/guard.pid'])).trim()
  await node.run(['kill', '-KILL', guard, String(node.daemonPid())])
}
