/** Two nodes whose files differ: what is said, what stays where it is, and how one command makes them agree again. */

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { LabNode } from '../lab/node.js'
import { Cluster, address, authkeys, group, needsLab, secondAddress, soonMs } from './cluster.js'

const other = `${secondAddress}/24/eth0`
const ours = `# on n1\nn1 ${group} Recorder::app\nn2 ${other} Recorder::web\n`
const theirs = `n1 ${group} Recorder::app2 # another name\nn2 ${other} Recorder::web\n`

const fileOf = (node: LabNode, name: string): string => path.join(node.directory, 'ha.d', name)
const readFile = (node: LabNode, name: string): string => fs.readFileSync(fileOf(node, name), 'utf8')

/** Both nodes run with haresources that differ in one line of two. */
async function differing(test: Parameters<typeof Cluster.configured>[0]): Promise<Cluster> {
  const cluster = await Cluster.configured(test, { haresources: ours, autoFailback: 'off' })
  cluster.n2.writeConfig({ haresources: theirs })
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.lab.waitFor('both active', async () => (await Promise.all(cluster.lab.nodes.map(node => node.status()))).every(status => status?.phase === 'active'), 2 * soonMs)
  await cluster.runs(cluster.n2, other)
  return cluster
}

t.test('haresources: one line of two differs -> named with both texts on both nodes, the other group moves, this one does not', needsLab, async test => {
  const cluster = await differing(test)
  const line = /haresources differs: n\d line \d `n1 10\.77\.0\.100\/24\/eth0 Recorder::app2?`, n\d line \d `n1 10\.77\.0\.100\/24\/eth0 Recorder::app2?`/g
  for (const node of cluster.lab.nodes) await cluster.logs(node, new RegExp(line.source))
  test.match(cluster.n1.readLog(), /n1 line 2 `n1 \S+ Recorder::app`, n2 line 1 `n1 \S+ Recorder::app2`/)
  test.match(cluster.n2.readLog(), /n2 line 1 `n1 \S+ Recorder::app2`, n1 line 2 `n1 \S+ Recorder::app`/)
  const status = await cluster.n2.heartbeat('status')
  test.match(status.stdout, /WARNING: haresources differs: n2 line 1/)
  const check = await cluster.n1.heartbeat('check')
  test.match(check.stdout, /notice: haresources differs: n1 line 2/)
  test.equal((await cluster.n2.heartbeat('standby', other)).code, 0, 'the group that agrees moves')
  await cluster.runs(cluster.n1, other)
  const held = await cluster.lab.holdersOf(address)
  await cluster.watch('the group that differs stays where it is', async () => JSON.stringify(await cluster.lab.holdersOf(address)) === JSON.stringify(held), 1_500)
  for (const node of cluster.lab.nodes) test.equal(node.readLog().match(line)?.length, 1, `said once on ${node.name}`)
})

t.test('sync: pulled from the other node -> shown, checked, copied with a copy kept; after a restart the group moves again', needsLab, async test => {
  const cluster = await differing(test)
  const dry = await cluster.n2.heartbeat('sync', '--dry-run')
  test.equal(dry.code, 1, dry.stdout + dry.stderr)
  test.match(dry.stdout, /--- n2:\S+haresources\n\+\+\+ n1:\S+haresources/)
  test.match(dry.stdout, /-n1 \S+ Recorder::app2 # another name\n/)
  test.equal(readFile(cluster.n2, 'haresources'), theirs, 'a dry run changes nothing')
  const unasked = await cluster.n2.heartbeat('sync')
  test.equal(unasked.code, 1)
  test.match(unasked.stderr, /say --yes/)
  test.equal(readFile(cluster.n2, 'haresources'), theirs)
  fs.chmodSync(fileOf(cluster.n2, 'haresources'), 0o640)
  const done = await cluster.n2.heartbeat('sync', '--from', 'n1', '--yes')
  test.equal(done.code, 0, done.stdout + done.stderr)
  test.match(done.stdout, /heartbeat restart/)
  test.equal(readFile(cluster.n2, 'haresources'), ours)
  test.equal(fs.statSync(fileOf(cluster.n2, 'haresources')).mode & 0o777, 0o640, 'the mode stays')
  const copies = fs.readdirSync(path.join(cluster.n2.directory, 'ha.d')).filter(name => name.startsWith('haresources.~'))
  test.equal(copies.length, 1)
  test.equal(readFile(cluster.n2, copies[0] ?? ''), theirs)
  test.equal((await cluster.n2.heartbeat('sync', '--dry-run')).code, 0, 'nothing differs any more')
  const restarted = await cluster.n2.heartbeat('restart')
  test.equal(restarted.code, 0, restarted.stdout + restarted.stderr)
  await cluster.settled()
  await cluster.logs(cluster.n1, /agree with n2 again/)
  const holder = (await cluster.n1.holds(address)) ? cluster.n1 : cluster.n2
  const moved = await holder.heartbeat('standby', group)
  test.equal(moved.code, 0, moved.stdout + moved.stderr)
  await cluster.runs(holder === cluster.n1 ? cluster.n2 : cluster.n1)
})

t.test('scripts and keys: changed on one node and reloaded -> the script and the key are named, sync copies the script and never the keys', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const script = `${readFile(cluster.n1, 'resource.d/Recorder')}# newer\n`
  cluster.n1.writeScript('Recorder', script)
  cluster.n1.writeConfig({ authkeys: `${authkeys}2 sha256 another-secret-of-the-test\n` })
  test.equal((await cluster.n1.heartbeat('reload')).code, 0)
  for (const node of cluster.lab.nodes) {
    await cluster.logs(node, /scripts differ: Recorder is [0-9a-f]{12} on n\d and [0-9a-f]{12} on n\d/)
    await cluster.logs(node, /authkeys differs: key 2 \(sha256\) is on n1 only/)
    test.notMatch(node.readLog(), /another-secret/)
  }
  test.equal((await cluster.n1.heartbeat('standby')).code, 0, 'groups move all the same')
  const keys = readFile(cluster.n2, 'authkeys')
  const done = await cluster.n2.heartbeat('sync', '--yes', '--json')
  test.equal(done.code, 0, done.stdout + done.stderr)
  test.equal(readFile(cluster.n2, 'resource.d/Recorder'), script)
  test.equal(readFile(cluster.n2, 'authkeys'), keys)
  test.equal((await cluster.n2.heartbeat('reload')).code, 0)
  await cluster.lab.waitFor('only the key is left to differ', async () => {
    const texts = (await cluster.n1.status())?.differences?.map(one => one.text) ?? []
    return texts.length === 1 && /key 2/.test(texts[0] ?? '')
  }, soonMs)
})

t.test('sync: wrong direction, a faulty file over there, a dead peer -> refused by name, nothing is changed', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const pushed = await cluster.n1.heartbeat('sync', '--to', 'n2', '--yes')
  test.equal(pushed.code, 2)
  test.match(pushed.stderr, /run on n2: heartbeat sync --from n1/)
  cluster.n1.writeConfig({ haresources: 'n1 10.77.0.100/24/eth0 Recorder::app NoSuchScript\n' })
  const before = readFile(cluster.n2, 'haresources')
  const faulty = await cluster.n2.heartbeat('sync', '--yes')
  test.equal(faulty.code, 6, faulty.stdout + faulty.stderr)
  test.match(faulty.stderr, /NoSuchScript/)
  test.equal(readFile(cluster.n2, 'haresources'), before)
  await cluster.lab.powerOff(cluster.n1)
  await cluster.logs(cluster.n2, /node n1: is dead/)
  const dead = await cluster.n2.heartbeat('sync', '--dry-run')
  test.equal(dead.code, 13, dead.stdout + dead.stderr)
  test.match(dead.stderr, /n1 is not heard/)
})
