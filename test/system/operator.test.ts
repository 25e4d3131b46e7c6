/** What an operator types: standby, takeover, status, and Linux-HA's old commands with their old words. */

import t from 'tap'
import type { StatusReport } from '../../src/control/protocol.js'
import { monotonicMs } from '../lab/command.js'
import { Cluster, address, group, needsLab, overlaps, secondAddress, soonMs } from './cluster.js'

const two = `n1 ${group} Recorder::app\nn2 ${secondAddress}/24/eth0 Recorder::web\n`
const other = `${secondAddress}/24/eth0`

t.test('standby and takeover: a planned switch and back -> the command returns when the peer runs it, clients hardly notice', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const probe = cluster.lab.probe({ address })
  await cluster.lab.waitFor('an answer', () => probe.answeredBy === 'n1', soonMs)
  const began = monotonicMs()
  const standby = await cluster.n1.heartbeat('standby')
  test.equal(standby.code, 0, standby.stdout + standby.stderr)
  test.equal((await cluster.groupOn(cluster.n2))?.here, 'running', 'the command returned only then')
  test.strictSame(await cluster.lab.holdersOf(address), ['n2'])
  await cluster.watch('it stays there although auto_failback is on', () => cluster.n2.holds(address), 1_000)
  const takeover = await cluster.n1.heartbeat('takeover')
  test.equal(takeover.code, 0, takeover.stdout + takeover.stderr)
  test.strictSame(await cluster.lab.holdersOf(address), ['n1'])
  await cluster.lab.waitFor('an answer by n1', () => probe.answeredBy === 'n1', soonMs)
  test.ok(probe.longestOutageSince(began) < 500, `outage of ${Math.round(probe.longestOutageSince(began))} ms`)
  test.strictSame(cluster.story(), ['n1 start', 'n1 stop', 'n2 start', 'n2 stop', 'n1 start'])
  test.strictSame(overlaps(cluster.deeds()), [])
  await probe.stop()
})

t.test('standby: local and foreign -> mean the groups by their home, seen from the node that is asked', needsLab, async test => {
  const cluster = await Cluster.running(test, { haresources: two, autoFailback: 'off' })
  await cluster.runs(cluster.n2, other)
  test.equal((await cluster.n2.heartbeat('standby', 'local')).code, 0)
  test.equal((await cluster.n1.status())?.holding, 'all')
  test.equal((await cluster.n1.heartbeat('standby', 'foreign')).code, 0)
  test.equal((await cluster.n2.status())?.holding, 'local')
  test.equal((await cluster.n1.status())?.holding, 'local')
  test.strictSame(cluster.story('app'), ['n1 start'], 'the other group never moved')
})

t.test('standby: the peer is dead -> refused with the reason, the group goes on', needsLab, async test => {
  const cluster = await Cluster.running(test)
  await cluster.lab.powerOff(cluster.n2)
  await cluster.logs(cluster.n1, /node n2: is dead/)
  const standby = await cluster.n1.heartbeat('standby')
  test.not(standby.code, 0)
  test.match(standby.stdout + standby.stderr, /n2/)
  test.equal((await cluster.groupOn(cluster.n1))?.here, 'running')
  test.strictSame(cluster.story(), ['n1 start'])
})

t.test('status: --json and words -> the same truth, and exit code 0', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const json = await cluster.n2.heartbeat('status', '--json')
  test.equal(json.code, 0)
  const report = JSON.parse(json.stdout) as StatusReport
  test.equal(report.node, 'n2')
  test.match(report, { phase: 'active', timing: { keepaliveMs: 100, deadtimeMs: 500 }, groups: [{ key: group, owner: 'n1', here: 'stopped', there: 'running' }] })
  const words = await cluster.n2.heartbeat('status')
  test.equal(words.code, 0)
  test.match(words.stdout, /n1/)
  test.match(words.stdout, /10\.77\.0\.100/)
})

t.test('cl_status: each sub-command -> Linux-HA’s words and exit codes', needsLab, async test => {
  const cluster = await Cluster.running(test, { haresources: two })
  await cluster.runs(cluster.n2, other)
  const cases: readonly (readonly [readonly string[], number, string | RegExp])[] = [
    [['hbstatus'], 0, 'Heartbeat is running on this machine.\n'],
    [['listnodes'], 0, 'n1\nn2\n'],
    [['nodestatus', 'n2'], 0, 'active\n'],
    [['nodestatus', 'n9'], 11, /./],
    [['listhblinks', 'n2'], 0, '\teth0\n\teth1\n'],
    [['hblinkstatus', 'n2', 'eth0'], 0, 'up\n'],
    [['rscstatus'], 0, 'local\n'],
    [['rscstatus', '-m'], 0, 'This node is holding local resources.\n'],
    [['nonsense'], 11, /invalid sub-command/]
  ]
  for (const [args, code, output] of cases) {
    const result = await cluster.n1.tool('cl_status', args)
    test.equal(result.code, code, args.join(' '))
    if (typeof output === 'string') test.equal(sorted(result.stdout), sorted(output), args.join(' '))
    else test.match(result.stdout + result.stderr, output, args.join(' '))
  }
  await cluster.n2.heartbeat('stop')
  test.equal((await cluster.n1.tool('cl_status', ['nodestatus', 'n2'])).code, 1)
  test.equal((await cluster.n1.tool('cl_status', ['rscstatus'])).stdout, 'all\n')
  const stopped = await cluster.n2.tool('cl_status', ['hbstatus'])
  test.equal(stopped.code, 1)
  test.equal(stopped.stdout, 'Heartbeat is stopped on this machine.\n')
})

/** Lines in any order: Linux-HA lists in the order of its tables, which nobody relies on. */
const sorted = (text: string): string => text.split('\n').sort().join('\n')

t.test('hb_standby and hb_takeover: old scripts’ commands -> accepted at once, exit code 0, and the group moves', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  test.equal((await cluster.n1.tool('hb_standby', ['all'])).code, 0)
  await cluster.runs(cluster.n2)
  test.equal((await cluster.n1.tool('hb_takeover', ['all'])).code, 0)
  await cluster.runs(cluster.n1)
  test.equal((await cluster.n1.tool('hb_standby', ['nonsense'])).code, 1)
})

t.test('restart: of the node that runs the group -> the daemon is new, and the group runs on one node', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const pid = cluster.n1.daemonPid()
  const restarted = await cluster.n1.heartbeat('restart')
  test.equal(restarted.code, 0, restarted.stdout + restarted.stderr)
  await cluster.settled()
  await cluster.runs(cluster.n1)
  test.not(cluster.n1.daemonPid(), pid)
  test.strictSame(overlaps(cluster.deeds()), [])
})
