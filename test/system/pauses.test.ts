/** Daemons that hang, machines that stand still, and pauses that were announced. */

import t from 'tap'
import { monotonicMs } from '../lab/command.js'
import type { LabNode } from '../lab/node.js'
import { Cluster, address, deadtimeMs, needsLab, overlaps, soonMs } from './cluster.js'

function hostPid(node: LabNode): number {
  const pid = node.hostPidOf(node.daemonPid() ?? 0)
  if (pid === null) throw new Error(`${node.name} has no daemon`)
  return pid
}

t.test('hang: the daemon of the owner stops for ever -> its sentry takes the address off before the other node takes it, and the group is released', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  const old = hostPid(cluster.n1)
  let seenBoth = 0
  process.kill(old, 'SIGSTOP')
  await cluster.lab.waitFor('n2 holds the address', async () => {
    const holders = await cluster.lab.holdersOf(address)
    if (holders.length === 2) seenBoth += 1
    return holders.join() === 'n2'
  }, soonMs)
  test.equal(seenBoth, 0, 'never on both')
  await cluster.lab.waitFor('another daemon on n1', () => {
    const pid = cluster.n1.daemonPid()
    return pid !== null && cluster.n1.hostPidOf(pid) !== null && cluster.n1.hostPidOf(pid) !== old
  }, soonMs)
  await cluster.settled(20_000)
  test.equal((await cluster.lab.holdersOf(address)).join(), 'n2')
  // What the hanging daemon had started besides its address is stopped by its next life.
  test.strictSame(cluster.story(), ['n1 start', 'n2 start', 'n1 stop'])
  await cluster.logs(cluster.n1, /The daemon ended unexpectedly \(137\)/)
})

t.test('hang: the daemon stops for less than deadtime -> nothing moves, and the stall is told on both nodes', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off', deadtime: '2', initdead: '4' })
  const pid = hostPid(cluster.n1)
  process.kill(pid, 'SIGSTOP')
  await cluster.watch('the owner keeps its address', () => cluster.n1.holds(address), 700)
  process.kill(pid, 'SIGCONT')
  await cluster.lab.waitFor('n1 counts the stall, and n2 has heard of it', async () => {
    const [own, other] = await Promise.all([cluster.n1.status(), cluster.n2.status()])
    return (own?.stalls.lastMs ?? 0) > 300 && own?.stalls.cause === 'it was stopped, or its machine was' && (other?.peerStalledMs ?? 0) > 300
  }, soonMs)
  test.strictSame(cluster.story(), ['n1 start'])
})

t.test('hold: a pause announced, the owner stands still for longer than deadtime -> nothing moves, and it goes on as before', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  const held = await cluster.n1.heartbeat('hold', '20s', '--reason', 'snapshot')
  test.equal(held.code, 0, held.stdout + held.stderr)
  test.match(held.stdout, /n2 waits/)
  cluster.n1.freeze()
  await cluster.watch('n2 takes nothing', async () => !(await cluster.n2.holds(address)), 3 * deadtimeMs)
  test.match((await cluster.n2.status())?.warnings.join('\n'), /n1 is on hold .*snapshot/)
  cluster.n1.thaw()
  await cluster.settled()
  test.strictSame(cluster.story(), ['n1 start'])
  const ended = await cluster.n1.heartbeat('hold', '--end')
  test.equal(ended.code, 0, ended.stdout + ended.stderr)
})

t.test('hold: the owner dies during its pause -> the other node takes over when the pause has ended, not later', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  const began = monotonicMs()
  const held = await cluster.n1.heartbeat('hold', '3s', '--reason', 'snapshot')
  test.equal(held.code, 0, held.stdout + held.stderr)
  const diedAt = await cluster.lab.powerOff(cluster.n1)
  await cluster.runs(cluster.n2, undefined, 3_000 + soonMs)
  test.ok(monotonicMs() - began > 2_500, 'it waited')
  test.strictSame(overlaps(cluster.deeds(), [{ node: 'n1', atMs: diedAt }]), [])
})

t.test('hold: the daemon dies during its pause while its host lives -> the hold hides nothing', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  const held = await cluster.n1.heartbeat('hold', '60s', '--reason', 'snapshot')
  test.equal(held.code, 0, held.stdout + held.stderr)
  // Daemon and guard at once: nobody starts it again, and the host refuses our datagrams.
  await cluster.n1.run(['sh', '-c', 'kill -KILL $(cat /run/heartbeat/guard.pid) $(cat /run/heartbeat/heartbeat.pid)'])
  await cluster.runs(cluster.n2)
  test.strictSame(await cluster.lab.holdersOf(address), ['n2'], 'the sentry has taken the address off where nobody else would')
})

t.test('hold: nobody there to wait, a time too long, no time at all -> refused, and says why', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  const [long, none, word] = await Promise.all([cluster.n1.heartbeat('hold', '2h'), cluster.n1.heartbeat('hold'), cluster.n1.heartbeat('hold', 'soon')])
  test.strictSame([long.code, none.code, word.code], [2, 2, 2])
  test.match(long.stderr, /at most 1h/)
  test.equal((await cluster.n2.heartbeat('stop')).code, 0)
  const alone = await cluster.n1.heartbeat('hold', '60s')
  test.equal(alone.code, 1)
  test.match(alone.stderr, /n2 is not alive/)
})
