/**
 * Fencing with real daemons: who shoots whom, and that nothing is taken over without proof. The machines' power is a
 * file for each; when the agent asks for `off`, the laboratory really takes the power from that node.
 */

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { agentFolder } from '../fencing/bench.js'
import { monotonicMs } from '../lab/command.js'
import type { NodeName } from '../lab/node.js'
import { Cluster, address, deadtimeMs, group, needsLab, needsTool, overlaps, soonMs } from './cluster.js'

const agent = path.join(agentFolder, 'fence_test')
/** Longer than any machine under test needs for what should happen at once, had it been meant to happen. */
const quietMs = 2_000

interface Power {
  readonly deaths: { readonly node: NodeName; readonly atMs: number }[]
  /** Of a node's switch, e.g. `off n2`. */
  calls(node: NodeName): readonly string[]
}

interface Fenced {
  readonly cluster: Cluster
  readonly power: Power
}

/** A running cluster in which each node can switch the other one off. `parameters` go to the agents, `more` to ha.cf. */
async function fenced(test: Test, options: { readonly parameters?: string; readonly more?: string } = {}): Promise<Fenced> {
  const folder = test.testdir({ n1: 'on\n', n2: 'on\n' })
  const device = (self: NodeName, victim: NodeName): string => `stonith_host ${self} ${agent} state=${path.join(folder, victim)} ${options.parameters ?? 'wait=yes'}`
  const more = [device('n1', 'n2'), device('n2', 'n1'), 'fence_delay 500ms', 'fence_timeout 5', 'fence_retries 0', options.more ?? 'fence_action off'].join('\n')
  const cluster = await Cluster.configured(test, { autoFailback: 'off', more })
  const deaths: Power['deaths'] = []
  const pending: Promise<void>[] = []
  const watcher = fs.watch(folder, (_event, name) => {
    const node = name === 'n1.wanted' ? cluster.n1 : name === 'n2.wanted' ? cluster.n2 : null
    if (node === null || !node.isOn || deaths.some(death => death.node === node.name)) return
    deaths.push({ node: node.name, atMs: monotonicMs() })
    pending.push(cluster.lab.powerOff(node).then(() => fs.writeFileSync(path.join(folder, node.name), 'off\n')))
  })
  test.teardown(async () => {
    watcher.close()
    await Promise.all(pending)
  })
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.settled()
  const calls = (node: NodeName): readonly string[] => {
    const file = path.join(folder, `${node}.calls`)
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trimEnd().split('\n') : []
  }
  return { cluster, power: { deaths, calls } }
}

const safetyText = async (cluster: Cluster): Promise<string> => (await cluster.n2.heartbeat('status')).stdout

t.test('fencing: the devices answer at the start -> status says proven', needsLab, async test => {
  const { cluster, power } = await fenced(test)
  await cluster.lab.waitFor('a proof in status', async () => /fencing.*proven/.test(await safetyText(cluster)), soonMs)
  test.match(power.calls('n1'), ['monitor n1', 'status n1'])
  test.strictSame(power.deaths, [])
})

t.test('fencing: the owner loses its power -> the other one waits fence_delay, shoots it all the same, and takes over then', needsLab, async test => {
  const { cluster, power } = await fenced(test, { parameters: 'late=0' })
  const died = await cluster.lab.powerOff(cluster.n1)
  await cluster.runs(cluster.n2)
  test.ok((cluster.deeds().at(-1)?.atMs ?? 0) - died > deadtimeMs + 500 - 150, 'not before deadtime and fence_delay')
  test.match(power.calls('n1').filter(call => !/^monitor/.test(call)).join(), /off n1,status n1$/)
  test.match(cluster.n2.readLog(), /node n1 was fenced: \S*fence_test .* \(off, verified by its status\)/)
  test.strictSame(cluster.story(), ['n1 start', 'n2 start'])
})

t.test('fencing: all links cut -> the owner shoots first, keeps its group without a gap, and the other one is off', needsLab, async test => {
  const { cluster, power } = await fenced(test)
  const probe = cluster.lab.probe({ address })
  await cluster.lab.waitFor('n1 answers the client', () => probe.answeredBy === 'n1', soonMs)
  const cut = monotonicMs()
  await cluster.lab.cutLink(cluster.n2, 'eth0')
  await cluster.lab.cutLink(cluster.n2, 'eth1')
  await cluster.logs(cluster.n1, /node n2 was fenced/)
  test.strictSame(power.deaths.map(death => death.node), ['n2'])
  await cluster.watch('n1 keeps the group', () => cluster.n1.holds(address), quietMs)
  test.ok(probe.longestOutageSince(cut) < deadtimeMs, 'the client was answered all the time')
  test.strictSame(cluster.story(), ['n1 start'])
  test.strictSame(power.calls('n1').filter(call => call.startsWith('off')), [], 'nobody shot the owner')
  await probe.stop()
})

t.test('fencing: the daemon of the owner is frozen -> shot before anybody takes its group', needsLab, async test => {
  const { cluster, power } = await fenced(test)
  cluster.n1.freeze()
  await cluster.runs(cluster.n2, group, soonMs * 2)
  test.strictSame(power.deaths.map(death => death.node), ['n1'])
  test.strictSame(overlaps(cluster.deeds(), power.deaths), [])
  test.strictSame(await cluster.lab.holdersOf(address), ['n2'])
})

t.test('fencing: the device says off, but its status says on -> nothing is taken over until an operator gives his word', needsLab, async test => {
  const { cluster } = await fenced(test, { parameters: 'lie=yes', more: 'fence_timeout 2' })
  await cluster.lab.powerOff(cluster.n1)
  await cluster.logs(cluster.n2, /Fencing n1 FAILED: .*it reported success, but its status still says on/, soonMs * 2)
  await cluster.watch('n2 takes nothing', () => cluster.story().join() === 'n1 start', quietMs)
  test.match(await safetyText(cluster), /FAILED|NOT proven/)
  const refused = await cluster.n2.heartbeat('confirm-off', 'n1')
  test.not(refused.code, 0, 'without --yes it only asks')
  const confirmed = await cluster.n2.heartbeat('confirm-off', 'n1', '--yes')
  test.equal(confirmed.code, 0, confirmed.stdout + confirmed.stderr)
  await cluster.runs(cluster.n2)
})

t.test('meatware: the owner loses its power -> an operator\'s word ends the wait', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off', more: 'stonith_host * meatware\nfence_timeout 30\nfence_delay 100ms' })
  await cluster.lab.powerOff(cluster.n1)
  await cluster.logs(cluster.n2, /node n1: is dead/)
  await cluster.watch('n2 takes nothing', () => cluster.story().join() === 'n1 start', quietMs)
  const confirmed = await cluster.n2.heartbeat('confirm-off', 'n1', '--yes')
  test.equal(confirmed.code, 0, confirmed.stdout + confirmed.stderr)
  await cluster.runs(cluster.n2)
})

t.test('cluster-glue: stonith null, as in old ha.cf files -> reset reported, and taken over', needsTool('/usr/sbin/stonith', 'cluster-glue'), async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off', more: 'stonith_host * null n1 n2\nfence_delay 100ms' })
  await cluster.lab.powerOff(cluster.n1)
  await cluster.runs(cluster.n2)
  test.match(cluster.n2.readLog(), /node n1 was fenced: null \*\*\* \(reset, as it reports; cluster-glue cannot verify it\)/)
})
