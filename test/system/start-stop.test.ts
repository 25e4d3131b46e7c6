/** Starting and stopping daemons in order, and configurations that must not start or disturb one. */

import t from 'tap'
import { monotonicMs } from '../lab/command.js'
import { Cluster, address, defaultHaresources, group, haCf, initdeadMs, needsLab, overlaps, soonMs } from './cluster.js'

t.test('cold start: both nodes together -> the home node runs the group, without waiting for initdead', needsLab, async test => {
  const cluster = await Cluster.configured(test, { initdead: '20' })
  const began = monotonicMs()
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.runs(cluster.n1)
  test.ok(monotonicMs() - began < 5_000, 'long before initdead')
  await cluster.settled()
  test.strictSame(await cluster.lab.holdersOf(address), ['n1'])
  test.strictSame(cluster.story(), ['n1 start'])
  test.match(cluster.n1.readLog(), /Configuration validated\. Starting heartbeat/)
  test.match(cluster.n1.readLog(), /Link n2:eth0 up\./)
  test.match(cluster.n1.readLog(), /Link n2:eth1 up\./)
  test.match(cluster.n1.readLog(), /Status update for node n2: status active/)
})

t.test('cold start: the other node is off -> everything runs here after initdead, not before', needsLab, async test => {
  const cluster = await Cluster.configured(test)
  await cluster.lab.powerOff(cluster.n1)
  const began = monotonicMs()
  await cluster.start(cluster.n2)
  await cluster.runs(cluster.n2)
  const tookMs = monotonicMs() - began
  test.ok(tookMs >= initdeadMs, `initdead was waited for: ${Math.round(tookMs)} ms`)
  test.strictSame(await cluster.lab.holdersOf(address), ['n2'])
  test.equal((await cluster.n2.status())?.nodes.find(node => !node.isSelf)?.state, 'dead')
})

for (const autoFailback of ['on', 'off', 'legacy'] as const) {
  const goesHome = autoFailback !== 'off'
  t.test(`auto_failback ${autoFailback}: the home node comes back -> the group ${goesHome ? 'goes home' : 'stays'}`, needsLab, async test => {
    const cluster = await Cluster.configured(test, { autoFailback })
    await cluster.start(cluster.n2)
    await cluster.runs(cluster.n2)
    await cluster.start(cluster.n1)
    if (goesHome) await cluster.runs(cluster.n1)
    else await cluster.watch('n2 keeps the group', () => cluster.n2.holds(address), 2_000)
    await cluster.settled()
    test.strictSame(await cluster.lab.holdersOf(address), [goesHome ? 'n1' : 'n2'])
    test.strictSame(cluster.story(), goesHome ? ['n2 start', 'n2 stop', 'n1 start'] : ['n2 start'])
    test.strictSame(overlaps(cluster.deeds()), [])
  })
}

t.test('clean stop: the node that runs the group -> releases it first, the peer takes it at once, the command returns after', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const probe = cluster.lab.probe({ address })
  await cluster.lab.waitFor('an answer', () => probe.answeredBy === 'n1', soonMs)
  const began = monotonicMs()
  const stopped = await cluster.n1.heartbeat('stop')
  test.equal(stopped.code, 0, stopped.stdout + stopped.stderr)
  test.equal(await cluster.n1.status(), null, 'no daemon answers any more')
  test.strictSame(await cluster.n1.addressesHeld(), [])
  await cluster.runs(cluster.n2)
  await cluster.lab.waitFor('n2 answers the client', () => probe.answeredBy === 'n2', soonMs)
  test.ok(probe.longestOutageSince(began) < 1_000, `outage of ${Math.round(probe.longestOutageSince(began))} ms`)
  test.strictSame(cluster.story(), ['n1 start', 'n1 stop', 'n2 start'])
  test.match(cluster.n1.readLog(), /Giving up all HA resources\./)
  test.match(cluster.n1.readLog(), /Heartbeat shutdown complete\./)
  test.match(cluster.n2.readLog(), /Received shutdown notice from 'n1'\./)
  await probe.stop()
})

t.test('clean stop: both nodes -> nothing runs anywhere, and a second stop says so', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const results = await Promise.all([cluster.n1.heartbeat('stop'), cluster.n2.heartbeat('stop')])
  test.strictSame(results.map(result => result.code), [0, 0])
  test.strictSame(await cluster.lab.holdersOf(address), [])
  const starts = cluster.deeds().filter(deed => deed.operation === 'start').length
  test.equal(cluster.deeds().length, starts * 2, 'every start was stopped')
  test.equal((await cluster.n1.heartbeat('stop')).code, 0)
  const status = await cluster.n1.heartbeat('status')
  test.equal(status.code, 3)
  test.match(status.stdout + status.stderr, /stopped/)
})

t.test('start: a daemon runs already -> said, and nothing is disturbed', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const pid = cluster.n1.daemonPid()
  const again = await cluster.n1.heartbeat('start')
  test.match(again.stdout + again.stderr, /already running/)
  test.equal(cluster.n1.daemonPid(), pid)
  test.strictSame(cluster.story(), ['n1 start'])
})

t.test('wrong configuration: no daemon runs -> none is started, and all faults of all files are named', needsLab, async test => {
  const cluster = await Cluster.configured(test)
  cluster.n1.writeConfig({ haCf: haCf().replace('deadtime 500ms', 'deadtme 500ms\ndeadtime soon'), haresources: 'n3 10.77.0.100\n', authkeys: 'auth 2\n1 sha1 x\n' })
  const started = await cluster.n1.heartbeat('start')
  const said = started.stdout + started.stderr
  test.equal(started.code, 6, said)
  test.match(said, /ha\.cf:5:1: .*deadtme/)
  test.match(said, /ha\.cf:6:\d+: /)
  test.match(said, /haresources:1:1: .*n3/)
  test.match(said, /authkeys:1:\d+: /)
  test.equal(await cluster.n1.status(), null)
  test.strictSame(cluster.n1.processes().filter(pid => pid === cluster.n1.daemonPid()), [])
})

t.test('wrong configuration: written while daemons run -> start, check and reload refuse it, the daemons go on', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const pid = cluster.n1.daemonPid()
  cluster.n1.writeConfig({ haCf: 'nonsense\n', haresources: 'n9 x\n', authkeys: '' })
  test.not((await cluster.n1.heartbeat('check')).code, 0)
  test.not((await cluster.n1.heartbeat('restart')).code, 0)
  await cluster.watch('n1 goes on', async () => (await cluster.groupOn(cluster.n1))?.here === 'running', 1_500)
  test.equal(cluster.n1.daemonPid(), pid)
  test.strictSame(cluster.story(), ['n1 start'])
})

t.test('authkeys: readable by others -> refused with the mode to set', needsLab, async test => {
  const cluster = await Cluster.configured(test)
  await cluster.n1.run(['chmod', '644', '/etc/ha.d/authkeys'])
  const started = await cluster.n1.heartbeat('start')
  test.not(started.code, 0)
  test.match(started.stdout + started.stderr, /authkeys.*600/s)
})

t.test('check: a good configuration on a good host -> ends with 0; a missing script and interface -> named', needsLab, async test => {
  const cluster = await Cluster.configured(test)
  const good = await cluster.n1.heartbeat('check')
  test.equal(good.code, 0, good.stdout + good.stderr)
  cluster.n1.writeConfig({ haCf: haCf({ more: 'bcast eth7' }), haresources: `${defaultHaresources}n2 Recordr::x\n` })
  const bad = await cluster.n1.heartbeat('check')
  test.not(bad.code, 0)
  test.match(bad.stdout + bad.stderr, /eth7/)
  test.match(bad.stdout + bad.stderr, /Recordr.*Recorder/s, 'the nearest known name')
})

t.test('haresources: two groups with different homes -> each on its own, all on the survivor, and home again', needsLab, async test => {
  const cluster = await Cluster.running(test, { haresources: `n1 ${group} Recorder::app\nn2 10.77.0.101/24/eth0 Recorder::web\n` })
  await cluster.runs(cluster.n1, group)
  await cluster.runs(cluster.n2, '10.77.0.101/24/eth0')
  test.equal((await cluster.n1.status())?.holding, 'local')
  await cluster.n2.heartbeat('stop')
  await cluster.runs(cluster.n1, '10.77.0.101/24/eth0')
  test.equal((await cluster.n1.status())?.holding, 'all')
  await cluster.start(cluster.n2)
  await cluster.runs(cluster.n2, '10.77.0.101/24/eth0')
  await cluster.settled()
  test.strictSame(cluster.story('app'), ['n1 start'], 'the other group was left alone')
  test.strictSame(overlaps(cluster.deeds('web')), [])
})
