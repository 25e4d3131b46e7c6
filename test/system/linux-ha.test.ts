/** Debian's heartbeat 3.0.6 as the other node. It observes: sharing resources with it is a later matter. */

import t from 'tap'
import { askLinuxHa, linuxHaUnavailable, prepareLinuxHa, startLinuxHa, stopLinuxHa } from '../lab/linux-ha.js'
import { Cluster, address, authkeys, group, needsLab, soonMs } from './cluster.js'

const reason = linuxHaUnavailable()
const needsLinuxHa = needsLab.skip !== undefined || reason === null ? needsLab : { skip: reason }

/** What 3.0.6 understands, with the times of our tests. Its haresources is the same, of its own script names. */
const linuxHaCf = (autoFailback: 'on' | 'off'): string =>
  `logfile /var/log/ha-log\ndebugfile /var/log/ha-debug\nuse_logd off\nkeepalive 100ms\nwarntime 250ms\ndeadtime 500ms\ninitdead 2\nudpport 694\nucast eth0 10.77.0.1\nucast eth0 10.77.0.2\nbcast eth1\nauto_failback ${autoFailback}\nnode n1 n2\n`

async function mixed(test: { teardown(end: () => void | Promise<void>): void }): Promise<Cluster> {
  const cluster = await Cluster.configured(test, { autoFailback: 'off', initdead: '2' })
  await prepareLinuxHa(cluster.n2)
  cluster.n2.writeConfig({ haCf: linuxHaCf('off'), haresources: `n1 IPaddr::${group}\n`, authkeys })
  cluster.n1.writeConfig({ haresources: `n1 IPaddr::${group}\n` })
  return cluster
}

t.test('Linux-HA 3.0.6: as the peer -> each shows the other active with both links up, and we hold nothing and say why', needsLinuxHa, async test => {
  const cluster = await mixed(test)
  const started = await startLinuxHa(cluster.n2)
  test.equal(started.code, 0, started.stderr)
  await cluster.start(cluster.n1)
  const theirs = async (words: readonly string[], expected: string): Promise<void> => {
    await cluster.lab.waitFor(
      `cl_status ${words.join(' ')} on the Linux-HA node says ${expected}`,
      async () => (await askLinuxHa(cluster.n2, ...words)).stdout.trim() === expected,
      20_000
    )
  }
  await theirs(['nodestatus', 'n1'], 'active')
  await theirs(['hblinkstatus', 'n1', 'eth0'], 'up')
  await theirs(['hblinkstatus', 'n1', 'eth1'], 'up')
  test.strictSame((await askLinuxHa(cluster.n2, 'listhblinks', 'n1')).stdout.split(/\s+/).filter(Boolean).sort(), ['eth0', 'eth1'])
  await cluster.lab.waitFor('we show it active', async () => {
    const peer = (await cluster.n1.status())?.nodes.find(node => !node.isSelf)
    return peer?.state === 'active' && peer.implementation === 'linux-ha' && peer.links.every(link => link.state === 'up')
  }, soonMs)
  await cluster.watch('we hold nothing beside it', async () => !(await cluster.n1.holds(address)), 2_000)
  const status = await cluster.n1.status()
  test.match([...(status?.warnings ?? []), ...(status?.groups.map(one => one.reason) ?? [])].join('\n'), /Linux-HA/)
  test.match(cluster.n1.readLog(), /n2 runs Linux-HA Heartbeat/)
  test.notMatch(cluster.n2.readLog(), /ERROR.*(n1|auth|netstring|replay)/, 'it has nothing to complain about')
  test.strictSame((await cluster.n1.tool('cl_status', ['nodestatus', 'n2'])).stdout, 'active\n')
})

t.test('Linux-HA 3.0.6: our daemon stops, starts again and is powered off -> it follows each, without a complaint of replay', needsLinuxHa, async test => {
  const cluster = await mixed(test)
  await startLinuxHa(cluster.n2)
  await cluster.start(cluster.n1)
  const theirWord = async (expected: string): Promise<void> => {
    await cluster.lab.waitFor(`Linux-HA says ${expected}`, async () => (await askLinuxHa(cluster.n2, 'nodestatus', 'n1')).stdout.trim() === expected, 20_000)
  }
  await theirWord('active')
  // Its readers start one by one; what waited in the socket of the last one would look like a replay later.
  await cluster.lab.waitFor('Linux-HA reads both links', async () => (await askLinuxHa(cluster.n2, 'hblinkstatus', 'n1', 'eth0')).stdout.trim() === 'up', 20_000)
  test.equal((await cluster.n1.heartbeat('stop')).code, 0)
  await theirWord('dead')
  await cluster.watch('it does not take our farewell for a healed partition', () => !/returning after partition|Giving up all HA resources/.test(cluster.n2.readLog()), 3_000)
  await cluster.start(cluster.n1)
  await theirWord('active')
  test.match(cluster.n2.readLog(), /Heartbeat restart on node n1/)
  await cluster.lab.powerOff(cluster.n1)
  await theirWord('dead')
  test.notMatch(cluster.n2.readLog(), /replay attack/)
})

t.test('Linux-HA 3.0.6: stops or dies beside us -> we see it, and take the groups it leaves', needsLinuxHa, async test => {
  const cluster = await mixed(test)
  await startLinuxHa(cluster.n2)
  await cluster.start(cluster.n1)
  await cluster.lab.waitFor('we see Linux-HA', async () => (await cluster.n1.status())?.nodes.find(node => !node.isSelf)?.implementation === 'linux-ha', 10_000)
  const stopped = await stopLinuxHa(cluster.n2)
  test.equal(stopped.code, 0, stopped.stderr)
  await cluster.runs(cluster.n1, `IPaddr::${group}`, 20_000)
  test.strictSame(await cluster.lab.holdersOf(address), ['n1'])
})
