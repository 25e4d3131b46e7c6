/** Cut cables, and strangers who send datagrams to the heartbeat port. */

import t from 'tap'
import { Prng } from '../../src/base/prng.js'
import { monotonicMs } from '../lab/command.js'
import { Cluster, address, deadtimeMs, group, needsLab, needsTool, soonMs } from './cluster.js'

const port = 694

for (const link of ['eth0', 'eth1'] as const) {
  // The owner would leave with the carrier of its service interface: address-guard.test.ts.
  t.test(`link: ${link} of the idle node cut, then healed -> said, nothing moves, the other link carries on`, needsLab, async test => {
    const cluster = await Cluster.running(test)
    await cluster.lab.cutLink(cluster.n2, link)
    await cluster.logs(cluster.n1, new RegExp(`Link n2:${link} dead\\.`))
    await cluster.watch('n1 keeps the group', () => cluster.n1.holds(address), deadtimeMs * 2)
    const peer = (await cluster.n1.status())?.nodes.find(node => !node.isSelf)
    test.equal(peer?.state, 'active')
    test.equal(peer?.links.find(found => found.name === link)?.state, 'dead')
    await cluster.lab.healLink(cluster.n2, link)
    await cluster.lab.waitFor(`${link} up again`, async () => {
      const links = (await cluster.n1.status())?.nodes.find(node => !node.isSelf)?.links
      return links?.every(found => found.state === 'up') === true
    }, soonMs)
    test.strictSame(cluster.story(), ['n1 start'])
  })
}

for (const autoFailback of ['off', 'on'] as const) {
  t.test(`partition: the switch passes nothing on, then heals, auto_failback ${autoFailback} -> exactly one owner, announced again, nobody restarted`, needsTool('nft', 'nftables'), async test => {
    const cluster = await Cluster.running(test, { autoFailback })
    const probe = cluster.lab.probe({ address })
    const pids = cluster.lab.nodes.map(node => node.daemonPid())
    // The cards keep their carrier: with pulled cables n1 would know that it cannot serve.
    for (const link of ['eth0', 'eth1'] as const) for (const direction of ['in', 'out'] as const) await cluster.lab.cutLink(cluster.n1, link, direction)
    await cluster.runs(cluster.n2)
    await cluster.logs(cluster.n1, /node n2: is dead/)
    test.strictSame(await cluster.lab.holdersOf(address), ['n1', 'n2'], 'what two nodes cannot know')
    const healed = monotonicMs()
    await Promise.all([cluster.lab.healLink(cluster.n1, 'eth0'), cluster.lab.healLink(cluster.n1, 'eth1')])
    // The later start keeps it; with auto_failback on it then goes home in order.
    const owner = autoFailback === 'on' ? cluster.n1 : cluster.n2
    await cluster.lab.waitFor(`${owner.name} alone holds it`, async () => (await cluster.lab.holdersOf(address)).join() === owner.name, soonMs)
    await cluster.settled()
    await cluster.lab.waitFor(`${owner.name} answers the client`, () => probe.answeredBy === owner.name, soonMs)
    const mac = owner.name === 'n1' ? '02:00:0a:77:00:01' : '02:00:0a:77:00:02'
    await cluster.lab.waitFor('the client knows the owner', async () => (await cluster.lab.clientNeighbour(address)) === mac, soonMs)
    test.ok(probe.longestOutageSince(healed) < 1_000, `clients missed it for ${Math.round(probe.longestOutageSince(healed))} ms`)
    test.strictSame(cluster.lab.nodes.map(node => node.daemonPid()), pids, 'nobody restarted')
    test.match(cluster.n1.readLog() + cluster.n2.readLog(), /returning after partition|Both machines own/)
    await probe.stop()
  })
}

t.test('partition: both cables of the owner pulled, then plugged -> one owner at all times, and nobody restarted', needsLab, async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  const pids = cluster.lab.nodes.map(node => node.daemonPid())
  await cluster.lab.cutBothLinks(cluster.n1)
  await cluster.lab.waitFor('n1 to let go', async () => !(await cluster.n1.holds(address)), soonMs)
  await cluster.runs(cluster.n2)
  await cluster.logs(cluster.n1, /node n2: is dead/)
  await cluster.lab.healBothLinks(cluster.n1)
  await cluster.logs(cluster.n1, /can be reached here again/)
  await cluster.watch('n2 alone holds it', async () => (await cluster.lab.holdersOf(address)).join() === 'n2', deadtimeMs)
  await cluster.settled()
  test.strictSame(cluster.story(), ['n1 start', 'n1 stop', 'n2 start'])
  test.strictSame(cluster.lab.nodes.map(node => node.daemonPid()), pids)
})

t.test('partition: one-way, n1 hears nothing but is heard -> one owner, and one again after healing', needsTool('nft', 'nftables'), async test => {
  const cluster = await Cluster.running(test, { autoFailback: 'off' })
  await cluster.lab.cutLink(cluster.n1, 'eth0', 'in')
  await cluster.lab.cutLink(cluster.n1, 'eth1', 'in')
  await cluster.logs(cluster.n1, /node n2: is dead/)
  await cluster.watch('at most one holder', async () => (await cluster.lab.holdersOf(address)).length <= 1, deadtimeMs * 3)
  await cluster.lab.healLink(cluster.n1, 'eth0')
  await cluster.lab.healLink(cluster.n1, 'eth1')
  await cluster.settled()
  test.equal((await cluster.lab.holdersOf(address)).length, 1)
})

t.test('strangers: garbage, oversize, unsigned, wrongly signed and deadly datagrams -> counted, logged at a limited rate, harmless', needsLab, async test => {
  const cluster = await Cluster.running(test, { more: 'bcast eth0' })
  const pids = cluster.lab.nodes.map(node => node.daemonPid())
  const genuine = await cluster.lab.captureAtClient(port, 6)
  const prng = new Prng(7)
  const garbage = Array.from({ length: 400 }, (_, index) => Uint8Array.from({ length: index * 5 }, () => prng.below(256)))
  const forged = genuine.flatMap(datagram => [...Array(40).keys()].map(() => {
    const copy = Buffer.from(datagram)
    const at = prng.below(copy.length)
    copy[at] = (copy[at] ?? 0) ^ (1 + prng.below(255))
    return copy
  }))
  const deadly = ['###\n6:(9)a=b,%%%\n', '###\n4:abcd,%%%\n', '>>>\n', '###\n', '###\n99999999:(0)a=b,%%%\n', '>>>\nt=status\nauth=9 x\n<<<\n', '>>>\n(2)a=\n<<<\n'].map(text => Buffer.from(text, 'latin1'))
  const oversize = [Buffer.alloc(60_000, '###\n'), Buffer.alloc(65_000, 0)]
  for (const node of cluster.lab.nodes) {
    await cluster.lab.sendFromClient(node.serviceAddress, port, [...deadly, ...garbage, ...forged, ...oversize])
  }
  await cluster.settled()
  test.strictSame(cluster.lab.nodes.map(node => node.daemonPid()), pids, 'both daemons live')
  test.strictSame(cluster.story(), ['n1 start'])
  const counted = (await cluster.n1.status())?.datagrams ?? {}
  const refused = Object.entries(counted).filter(([reason]) => reason !== 'accepted' && reason !== 'duplicate').reduce((sum, [, count]) => sum + count, 0)
  test.ok(refused >= garbage.length, `${refused} refused: ${JSON.stringify(counted)}`)
  const logged = cluster.n1.readLog().split('\n').filter(line => /refused/i.test(line)).length
  test.ok(logged > 0 && logged < 30, `${logged} lines about ${refused} datagrams`)
})

t.test('replay: a dead node’s datagrams sent again, before and after its return -> it stays dead, and its new life is believed', needsLab, async test => {
  const cluster = await Cluster.running(test, { more: 'bcast eth0' })
  const recorded = (await cluster.lab.captureAtClient(port, 30)).filter(datagram => datagram.includes('src=n1'))
  test.ok(recorded.length >= 5)
  await cluster.lab.powerOff(cluster.n1)
  const many = Array.from({ length: 20 }, () => recorded).flat()
  const replaying = cluster.lab.sendFromClient(cluster.n2.serviceAddress, port, many, 5)
  await cluster.runs(cluster.n2, group)
  test.equal((await cluster.n2.status())?.nodes.find(node => !node.isSelf)?.state, 'dead')
  await replaying
  await cluster.watch('n2 keeps the group', () => cluster.n2.holds(address), 500)
  await cluster.n1.boot()
  await cluster.start(cluster.n1)
  await cluster.settled()
  await cluster.runs(cluster.n1)
  await cluster.lab.sendFromClient(cluster.n2.serviceAddress, port, many, 2)
  await cluster.settled()
  test.strictSame(await cluster.lab.holdersOf(address), ['n1'])
})
