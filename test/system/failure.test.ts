/** Crashes, hangs and full disks, with real daemons. The simulation covers the orders of events; here the system is real. */

import t from 'tap'
import { heldBy, Holdings } from '../bench/holdings.js'
import { monotonicMs } from '../lab/command.js'
import type { Probe } from '../lab/probe.js'
import { Cluster, address, deadtimeMs, group, needsLab, overlaps, soonMs } from './cluster.js'

/** A machine under test may be busy: how much later than deadtime a takeover may be here. The bench has the true figure. */
const slackMs = 500

async function probed(cluster: Cluster, by: string): Promise<Probe> {
  const probe = cluster.lab.probe({ address })
  await cluster.lab.waitFor(`${by} answers the client`, () => probe.answeredBy === by, soonMs)
  return probe
}

t.test('power loss: of the node that runs the group -> the peer runs it after deadtime, and the returned node gets it back', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const probe = await probed(cluster, 'n1')
  const died = await cluster.lab.powerOff(cluster.n1)
  await cluster.lab.waitFor('n2 answers the client', () => probe.answeredBy === 'n2', soonMs)
  const outageMs = probe.longestOutageSince(died)
  test.ok(outageMs < deadtimeMs + slackMs, `outage of ${Math.round(outageMs)} ms`)
  test.ok(outageMs > deadtimeMs - 150, 'nobody was declared dead early')
  test.match(cluster.n2.readLog(), /node n1: is dead/)
  test.match(cluster.n2.readLog(), /Resources being acquired from n1\./)
  await cluster.runs(cluster.n2)

  const back = monotonicMs()
  await cluster.n1.boot()
  await cluster.start(cluster.n1)
  await cluster.runs(cluster.n1)
  await cluster.settled()
  test.ok(probe.longestOutageSince(back) < 1_000, 'failback is a planned switch')
  test.strictSame(cluster.story(), ['n1 start', 'n2 start', 'n2 stop', 'n1 start'])
  test.strictSame(overlaps(cluster.deeds(), [{ node: 'n1', atMs: died }]), [])
  await probe.stop()
})

t.test('power loss: of the idle node -> nothing moves', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const probe = await probed(cluster, 'n1')
  const died = await cluster.lab.powerOff(cluster.n2)
  await cluster.logs(cluster.n1, /node n2: is dead/)
  test.ok(probe.longestOutageSince(died) < deadtimeMs, 'the client was answered all the time')
  test.strictSame(cluster.story(), ['n1 start'])
  await probe.stop()
})

t.test('power loss: of both nodes, one comes back -> it runs everything after initdead', needsLab, async test => {
  const cluster = await Cluster.running(test)
  await Promise.all(cluster.lab.nodes.map(node => cluster.lab.powerOff(node)))
  await cluster.n2.boot()
  await cluster.start(cluster.n2)
  await cluster.runs(cluster.n2)
  test.strictSame(await cluster.lab.holdersOf(address), ['n2'])
})

t.test('daemon: killed with SIGKILL while it runs a group -> started again by its guard, adopts the group, no outage', needsLab, async test => {
  // The next life takes 0.4 s here to be heard, and more on a busy machine; a peer that has waited its deadtime takes over.
  const cluster = await Cluster.running(test, { deadtime: '4', initdead: '5' })
  const probe = await probed(cluster, 'n1')
  const pid = cluster.n1.daemonPid()
  const killed = monotonicMs()
  await cluster.n1.run(['kill', '-KILL', String(pid)])
  await cluster.lab.waitFor('another daemon on n1', async () => {
    const status = await cluster.n1.status()
    return status !== null && status.pid !== pid && status.phase === 'active'
  }, soonMs)
  await cluster.settled()
  test.strictSame(await cluster.lab.holdersOf(address), ['n1'])
  test.ok(probe.longestOutageSince(killed) < deadtimeMs, 'clients saw nothing')
  test.strictSame(cluster.story(), ['n1 start'], 'nothing was started or stopped anywhere')
  await probe.stop()
})

t.test('daemon: killed with SIGKILL in the middle of a start -> its next life ends the script before it looks; the group runs on one node', needsLab, async test => {
  const cluster = await Cluster.configured(test, { deadtime: '4', initdead: '5' })
  cluster.behave(cluster.n1, 'start', 'hang')
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.lab.waitFor('the start hangs', () => cluster.story().join() === 'n1 start', soonMs)
  cluster.behave(cluster.n1, 'start', 'ok')
  await cluster.n1.run(['kill', '-KILL', String(cluster.n1.daemonPid())])
  await cluster.logs(cluster.n1, /start of Recorder::app \(pid \d+\), begun by an earlier life of this daemon, was still running: ended/)
  await cluster.settled()
  test.equal((await cluster.lab.holdersOf(address)).length, 1)
  test.strictSame(overlaps(cluster.deeds()), [])
})

t.test('daemon: killed after haresources was edited -> its next life says what it held and does not know any more', needsLab, async test => {
  const cluster = await Cluster.running(test, { deadtime: '4', initdead: '5' })
  await cluster.n1.run(['sh', '-c', 'sed -i s/Recorder::app// /etc/ha.d/haresources'])
  await cluster.n1.run(['kill', '-KILL', String(cluster.n1.daemonPid())])
  await cluster.logs(cluster.n1, /does not name Recorder::app there any more\. Recorder::app may still run here/)
  test.strictSame(cluster.story(), ['n1 start'])
})

t.test('daemon: killed, and its guard stands still -> its sentry takes the address off before the peer has it; the late next life yields', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  const holdings = await Holdings.of(cluster.lab, address)
  const guard = (await cluster.n1.run(['cat', '/run/heartbeat/guard.pid'])).trim()
  await cluster.n1.run(['kill', '-STOP', guard])
  const killed = monotonicMs()
  await cluster.n1.run(['kill', '-KILL', String(cluster.n1.daemonPid())])
  await cluster.runs(cluster.n2)
  await cluster.lab.waitFor('n2 alone holds the address', async () => (await cluster.lab.holdersOf(address)).join() === 'n2', soonMs)
  await cluster.n1.run(['kill', '-CONT', guard])
  await cluster.settled()
  test.strictSame(await cluster.lab.holdersOf(address), ['n2'])
  const bothMs = heldBy(2, holdings.spans, killed, monotonicMs())
  await holdings.stop()
  test.comment(`both held it for ${bothMs.toFixed(0)} ms`)
  test.ok(bothMs < slackMs)
  await cluster.lab.waitFor('n1 has let go of the rest', async () => (await cluster.groupOn(cluster.n1))?.here === 'stopped', soonMs)
})

t.test('daemon: killed with its guard -> the peer takes over; the next start on that node ends with one holder', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  const guard = (await cluster.n1.run(['cat', '/run/heartbeat/guard.pid'])).trim()
  await cluster.n1.run(['kill', '-KILL', guard, String(cluster.n1.daemonPid())])
  await cluster.runs(cluster.n2)
  await cluster.start(cluster.n1)
  await cluster.settled()
  await cluster.lab.waitFor('n1 has let go of the rest', async () => (await cluster.groupOn(cluster.n1))?.here === 'stopped', soonMs)
  test.strictSame(await cluster.lab.holdersOf(address), ['n2'])
})

t.test('freeze: the owner stands still for two seconds -> the peer takes over; thawed, it yields at once and nobody restarts', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  const probe = await probed(cluster, 'n1')
  const pids = cluster.lab.nodes.map(node => node.daemonPid())
  const frozen = monotonicMs()
  cluster.n1.freeze()
  await cluster.runs(cluster.n2)
  await cluster.lab.waitFor('two seconds of frost', () => monotonicMs() - frozen > 2_000, 3_000)
  cluster.n1.thaw()
  const thawed = monotonicMs()
  await cluster.lab.waitFor('n2 alone holds the address', async () => (await cluster.lab.holdersOf(address)).join() === 'n2', soonMs)
  const bothMs = monotonicMs() - thawed
  test.ok(bothMs < 500, `both held it for ${Math.round(bothMs)} ms after the thaw`)
  await cluster.settled()
  // What had reached n1 while it was frozen is answered late, after the thaw; from then on n2 answers.
  await cluster.lab.waitFor('n2 to answer', () => probe.answeredBy === 'n2', soonMs)
  test.ok(probe.longestOutageSince(thawed) < 300, `after the thaw clients missed it for ${Math.round(probe.longestOutageSince(thawed))} ms`)
  test.strictSame(cluster.lab.nodes.map(node => node.daemonPid()), pids, 'nobody restarted')
  test.strictSame(cluster.story(), ['n1 start', 'n2 start', 'n1 stop'])
  await probe.stop()
})

t.test('freeze: the idle node stands still for two seconds -> thawed, it does not blame its peer, and nothing moved', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const probe = await probed(cluster, 'n1')
  const frozen = monotonicMs()
  cluster.n2.freeze()
  await cluster.logs(cluster.n1, /node n2: is dead/)
  await cluster.lab.waitFor('two seconds of frost', () => monotonicMs() - frozen > 2_000, 3_000)
  cluster.n2.thaw()
  await cluster.settled()
  test.notMatch(cluster.n2.readLog(), /node n1: is dead/)
  test.ok(probe.longestOutageSince(frozen) < deadtimeMs, 'the client was answered all the time')
  test.strictSame(cluster.story(), ['n1 start'])
  await probe.stop()
})

t.test('freeze: shorter than deadtime -> nothing moves, and the stall is counted', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const frozen = monotonicMs()
  cluster.n1.freeze()
  await cluster.lab.waitFor('300 ms of frost', () => monotonicMs() - frozen > 300, 1_000)
  cluster.n1.thaw()
  await cluster.lab.waitFor('the stall to be counted', async () => ((await cluster.n1.status())?.stalls.count ?? 0) > 0, soonMs)
  test.strictSame(await cluster.lab.holdersOf(address), ['n1'])
  test.strictSame(cluster.story(), ['n1 start'])
})

/** How a small file system of its own under each of the daemon's directories is spoiled. */
const spoilers = {
  full: 'dd if=/dev/zero of="$d/fill" bs=4k 2>/dev/null || true',
  'gone read-only': 'mount -o remount,abort "$d"',
  hung: 'fsfreeze --freeze "$d"'
} as const
const directories = 'for d in /var/log /var/lib/heartbeat; do'

for (const [what, spoil] of Object.entries(spoilers)) {
  t.test(`disk: under log and state ${what} -> no heartbeat is late, and a takeover is as fast as ever`, needsLab, async test => {
    const cluster = await Cluster.configured(test, { more: 'debug 1' })
    for (const node of cluster.lab.nodes) {
      const make = 'image="$0$(echo "$d" | tr / -)"; truncate -s 4M "$image"; mkfs.ext4 -q -F -m 0 "$image"; mount -o loop "$image" "$d"'
      await node.run(['sh', '-c', `set -e; ${directories} ${make}; done`, `${node.directory}/disk`])
    }
    await cluster.start(cluster.n1, cluster.n2)
    await cluster.settled()
    const probe = await probed(cluster, 'n1')
    // The node that dies keeps its good disk: what is asked of n1 is done when it is dead.
    test.teardown(async () => {
      await cluster.n2.exec(['sh', '-c', `${directories} fsfreeze --unfreeze "$d"; done`])
    })
    const before = monotonicMs()
    await cluster.n2.run(['sh', '-c', `${directories} ${spoil}; done`])
    await cluster.watch('both stay active', async () => (await cluster.n1.status())?.nodes.every(node => node.state === 'active') === true, 1_500)
    test.ok(probe.longestOutageSince(before) < deadtimeMs, 'the client was answered all the time')
    const died = await cluster.lab.powerOff(cluster.n1)
    await cluster.runs(cluster.n2, group)
    await cluster.lab.waitFor('n2 answers the client', () => probe.answeredBy === 'n2', soonMs)
    test.ok(probe.longestOutageSince(died) < deadtimeMs + slackMs, `outage of ${Math.round(probe.longestOutageSince(died))} ms`)
    test.equal((await cluster.n2.status())?.stalls.count, 0)
    await probe.stop()
  })
}
