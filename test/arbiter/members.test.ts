import { performance } from 'node:perf_hooks'
import t from 'tap'
import { millis } from '../../src/base/units.js'
import { configFor, EtcdServer, Node, noEtcd } from './etcd-server.js'

const options = { skip: noEtcd }

t.test('arbiter: of three members the leader stops (SIGSTOP) -> the lease is kept; it goes on, another stops -> still kept', options, async t => {
  const members = await EtcdServer.startCluster(t, 3)
  const endpoints = members.map(member => member.endpoint)
  const ha1 = new Node(t, 'ha1', configFor(endpoints, { ttlMs: millis(5000) })).open('aaaa')
  await ha1.holds('aaaa')
  const leading = async (): Promise<EtcdServer | undefined> => {
    const leads = await Promise.all(members.map(member => member.leads()))
    return members[leads.indexOf(true)]
  }
  const leader = await leading()
  const stoppedAt = performance.now()
  leader?.signal('SIGSTOP')
  await ha1.hears('renewed by the others', word => word.trouble === null && (word.renewedFrom ?? 0) > stoppedAt + 1500)
  leader?.signal('SIGCONT')
  const other = members.find(member => member !== leader)
  other?.signal('SIGSTOP')
  const again = performance.now()
  await ha1.hears('renewed again', word => word.trouble === null && (word.renewedFrom ?? 0) > again + 1500)
  other?.signal('SIGCONT')
  const moments = ha1.words.flatMap(word => word.renewedFrom ?? [])
  t.ok(ha1.words.slice(2).every(word => word.renewedFrom !== null), 'the lease was never lost')
  t.comment(`longest without a renewal that counts: ${Math.round(Math.max(...moments.slice(1).map((moment, index) => moment - (moments[index] ?? moment))))} ms of 5000 ms`)
  t.comment([...new Set(ha1.words.flatMap(word => word.trouble ?? []))].join('; '))
})

t.test('arbiter: of three members two are gone -> no renewal counts; back again -> recovered', options, async t => {
  const members = await EtcdServer.startCluster(t, 3)
  const ha1 = new Node(t, 'ha1', configFor(members.map(member => member.endpoint))).open('aaaa')
  await ha1.holds('aaaa')
  const [, second, third] = members
  second?.signal('SIGSTOP')
  third?.signal('SIGSTOP')
  const cut = performance.now()
  await ha1.hears('trouble for longer than the lease', word => word.trouble !== null && performance.now() > cut + 3500)
  t.ok((ha1.word?.renewedFrom ?? 0) < cut + 500, 'whatever the one that is left says')
  second?.signal('SIGCONT')
  third?.signal('SIGCONT')
  await ha1.holds('aaaa')
})
