import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import t, { type Test } from 'tap'
import type { ArbiterWord } from '../../src/port/arbiter.js'
import { asAdministrator } from '../lab/command.js'
import { projectDirectory } from '../lab/lab.js'
import { configFor, endpoint, EtcdServer, eventually, freePort, Node, noEtcd } from './etcd-server.js'

const key = (group: string): string => `/heartbeat/test/groups/${group}`
const options = { skip: noEtcd }

t.test('arbiter: a free etcd -> keys of the wanted groups are made, bound to a lease that is renewed', options, async t => {
  const server = await EtcdServer.start(t)
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint]), 7).open('aaaa', 'bbbb')
  const before = performance.now()
  const word = await ha1.holds('aaaa', 'bbbb')
  t.equal(await server.get(key('aaaa')), 'ha1.7')
  t.ok(word.renewedFrom !== null && word.renewedFrom <= performance.now())
  // Longer than the lease of 2 s: without renewals the keys would be gone.
  await ha1.hears('three renewals', later => (later.renewedFrom ?? 0) > before + 3000)
  t.equal(await server.get(key('bbbb')), 'ha1.7')
  const gaps = ha1.words.slice(1).map((later, index) => (later.renewedFrom ?? 0) - (ha1.words[index]?.renewedFrom ?? 0))
  t.ok(gaps.every(gap => gap >= 0), 'the moment of renewal never goes back')
})

t.test('arbiter: two nodes want the same group -> one has it, the other is told; given back, the other gets it', options, async t => {
  const server = await EtcdServer.start(t)
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint])).open('aaaa')
  await ha1.holds('aaaa')
  const ha2 = new Node(t, 'ha2', configFor([server.endpoint]), 90).open('aaaa', 'bbbb')
  const word = await ha2.holds('bbbb')
  t.strictSame(word.theirs, ['aaaa'])
  await ha1.hears('the other\'s key', seen => seen.theirs.join() === 'bbbb')
  t.equal(await server.get(key('aaaa')), 'ha1.1', 'a greater generation of another node takes nothing')
  ha1.arbiter.want([])
  await ha1.holds()
  await ha2.holds('aaaa', 'bbbb')
  t.equal(await server.get(key('aaaa')), 'ha2.90')
})

t.test('arbiter: both ask at the same moment, twenty groups -> each group has exactly one holder, and both agree who', options, async t => {
  const server = await EtcdServer.start(t)
  const groups = Array.from({ length: 20 }, (_, index) => `g${100 + index}`)
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint])).open(...groups)
  const ha2 = new Node(t, 'ha2', configFor([server.endpoint])).open(...groups)
  const isSettled = (node: Node): boolean => node.word !== undefined && node.word.ours.length + node.word.theirs.length === 20
  await eventually('all keys made', () => isSettled(ha1) && isSettled(ha2))
  t.strictSame(ha1.word?.ours, ha2.word?.theirs)
  t.strictSame(ha2.word?.ours, ha1.word?.theirs)
})

t.test('arbiter: an orderly end -> the keys are free at once', options, async t => {
  const server = await EtcdServer.start(t)
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint])).open('aaaa')
  await ha1.holds('aaaa')
  await ha1.arbiter.close()
  t.equal(await server.get(key('aaaa')), null)
})

t.test('arbiter: a key without a lease, made by an operator -> never replaced, never deleted', options, async t => {
  const server = await EtcdServer.start(t)
  await server.put(key('aaaa'), 'held by an operator')
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint])).open('aaaa', 'bbbb')
  t.strictSame((await ha1.holds('bbbb')).theirs, ['aaaa'])
  ha1.arbiter.want([])
  await ha1.holds()
  t.equal(await server.get(key('aaaa')), 'held by an operator')
})

t.test('arbiter: a key of an earlier life of this node -> replaced when wanted, left alone otherwise; a later one is a stranger', options, async t => {
  const server = await EtcdServer.start(t)
  for (const [group, value] of [['aaaa', 'ha1.6'], ['bbbb', 'ha1.6'], ['cccc', 'ha1.7'], ['dddd', 'ha1.8'], ['eeee', 'ha11.6']] as const) await server.put(key(group), value)
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint]), 7).open('aaaa', 'cccc', 'dddd', 'eeee')
  const word = await ha1.holds('aaaa')
  t.strictSame(word.theirs, ['cccc', 'dddd', 'eeee'])
  t.equal(await server.get(key('aaaa')), 'ha1.7')
  t.equal(await server.get(key('bbbb')), 'ha1.6')
})

t.test('arbiter: someone deletes our key -> it is made again at the next look', options, async t => {
  const server = await EtcdServer.start(t)
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint])).open('aaaa')
  await ha1.holds('aaaa')
  await server.call('kv/deleterange', { key: Buffer.from(key('aaaa')).toString('base64') })
  await eventually('made again', async () => (await server.get(key('aaaa'))) === 'ha1.1')
})

t.test('arbiter: our lease is revoked there -> said at once, without a moment of renewal; then a new one', options, async t => {
  const server = await EtcdServer.start(t)
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint])).open('aaaa')
  await ha1.holds('aaaa')
  const leases = (await server.call('lease/leases', {})) as { leases: readonly { ID: string }[] }
  const heard = ha1.words.length
  await server.call('lease/revoke', { ID: leases.leases[0]?.ID })
  await eventually('has it again', () => ha1.words.slice(heard).some(word => word.renewedFrom === null) && ha1.word?.ours.join() === 'aaaa')
  const lost = ha1.words.slice(heard).find(word => word.renewedFrom === null)
  t.match(lost, { ours: [], theirs: [], trouble: /our lease has ended there/ })
})

t.test('arbiter: etcd is killed and begun again within the lease -> both recover what they held; the words say the trouble', options, async t => {
  const server = await EtcdServer.start(t)
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint])).open('aaaa')
  const ha2 = new Node(t, 'ha2', configFor([server.endpoint])).open('bbbb')
  await Promise.all([ha1.holds('aaaa'), ha2.holds('bbbb')])
  await server.kill()
  const said = await ha1.hears('trouble', word => word.trouble !== null)
  t.match(said.trouble, /^http:\/\/127.0.0.1:\d+: .*(ECONNREFUSED|ECONNRESET|socket hang up)/)
  t.strictSame(said.ours, ['aaaa'], 'the lease may last still')
  await server.begin()
  await Promise.all([ha1.holds('aaaa'), ha2.holds('bbbb')])
  t.strictSame(ha1.word?.theirs, ['bbbb'])
})

t.test('arbiter: etcd stops (SIGSTOP) for longer than the lease -> deadlines, no renewal; it goes on -> recovered', options, async t => {
  const server = await EtcdServer.start(t)
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint])).open('aaaa')
  const last = (await ha1.holds('aaaa')).renewedFrom ?? 0
  server.signal('SIGSTOP')
  await ha1.hears('trouble', word => word.trouble !== null && performance.now() > last + 3500)
  t.match(ha1.word?.trouble, /no answer within 500 ms/)
  t.ok((ha1.word?.renewedFrom ?? 0) < last + 2000, 'nothing that was not answered counts')
  server.signal('SIGCONT')
  await ha1.hears('renewed', word => word.trouble === null && word.ours.length === 1 && (word.renewedFrom ?? 0) > last + 3000)
})

t.test('arbiter: the first member of several is gone, or silent -> the next is asked before the lease ends', options, async t => {
  const server = await EtcdServer.start(t)
  const silent = await EtcdServer.start(t)
  silent.signal('SIGSTOP')
  const ha1 = new Node(t, 'ha1', configFor([silent.endpoint, endpoint(await freePort()), server.endpoint])).open('aaaa')
  await ha1.holds('aaaa')
  t.match(ha1.words.map(word => word.trouble), [/no answer within 250 ms/, /ECONNREFUSED/])
})

t.test('arbiter: nobody there at close -> ends within its second', options, async t => {
  const server = await EtcdServer.start(t)
  const ha1 = new Node(t, 'ha1', configFor([server.endpoint])).open('aaaa')
  await ha1.holds('aaaa')
  server.signal('SIGSTOP')
  const before = performance.now()
  await ha1.arbiter.close()
  t.ok(performance.now() - before < 1500)
})

/** ha1 in a process of its own, which can be stopped and killed. */
function holder(t: Pick<Test, 'teardown'>, port: number): { readonly child: ChildProcess; words(): readonly ArbiterWord[] } {
  const [file = 'env', ...args] = asAdministrator([process.execPath, path.join(projectDirectory, 'dist/test/arbiter/holder.js'), String(port)])
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (piece: Buffer) => {
    said += piece.toString()
  })
  return { child, words: () => said.split('\n').slice(0, -1).map(line => JSON.parse(line) as ArbiterWord) }
}

t.test('arbiter: the holder is killed without a word -> the other has the key no sooner than the lease ends, and soon after', options, async t => {
  const server = await EtcdServer.start(t)
  const { child, words } = holder(t, server.port)
  await eventually('ha1 holds it', () => words().at(-1)?.ours.join() === 'aaaa')
  const ha2 = new Node(t, 'ha2', configFor([server.endpoint])).open('aaaa')
  await ha2.hears('theirs', word => word.theirs.length === 1)
  const before = words().length
  await eventually('a renewal', () => words().length > before)
  const killed = performance.now()
  child.kill('SIGKILL')
  await ha2.holds('aaaa')
  const tookMs = performance.now() - killed
  // The last renewal is at most a third of the lease of 2 s before the kill.
  t.ok(tookMs > 1200, `taken after ${Math.round(tookMs)} ms`)
  t.comment(`taken ${Math.round(tookMs)} ms after the kill, at a lease of 2000 ms`)
})

t.test('arbiter: the holder stops (SIGSTOP) until the other has its group, and goes on -> it never says again that the group is its own', options, async t => {
  const server = await EtcdServer.start(t)
  const { child, words } = holder(t, server.port)
  await eventually('ha1 holds it', () => words().at(-1)?.ours.join() === 'aaaa')
  const ha2 = new Node(t, 'ha2', configFor([server.endpoint])).open('aaaa')
  await ha2.hears('theirs', word => word.theirs.length === 1)
  child.kill('SIGSTOP')
  await ha2.holds('aaaa')
  const before = words()
  child.kill('SIGCONT')
  await eventually('ha1 knows', () => words().at(-1)?.theirs.join() === 'aaaa')
  const renewals = new Set(before.map(word => word.renewedFrom))
  t.strictSame(words().slice(before.length).filter(word => word.ours.includes('aaaa') && !renewals.has(word.renewedFrom)), [])
  t.strictSame(ha2.word?.ours, ['aaaa'])
})
