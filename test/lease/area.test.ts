import t, { type Test } from 'tap'
import { millis } from '../../src/base/units.js'
import type { AuthKeys, LeaseConfig } from '../../src/config/types.js'
import { createLeaseArea, type DiskLeaseArea } from '../../src/lease-disk/area.js'
import { commandPlace, headerPlace, nodePlace } from '../../src/lease/layout.js'
import { decodeHeader, decodePill, encodeHeader, encodeNode } from '../../src/lease/records.js'
import type { LeaseReport } from '../../src/port/lease.js'
import { authKey, authKeys } from '../wire/vectors.js'
import { VirtualClock } from '../sim/virtual-clock.js'
import { FakeDisk, SharedPlatter } from './fake-disk.js'
import { area as areaId, datagramOf, header, keys, newKey, nodeRecord, oldKey } from './fixture.js'

const config: LeaseConfig = { path: '/dev/shared', leaseMs: millis(3000), intervalMs: millis(375), position: { file: 'ha.cf', line: 1, column: 1 } }

type Timed = LeaseReport & { readonly atMs: number }

interface Node {
  readonly area: DiskLeaseArea
  readonly disk: FakeDisk
  readonly reports: Timed[]
  readonly datagrams: Buffer[]
  readonly notes: string[]
  keys: AuthKeys
  show(sequence: number, options?: { isUrgent?: boolean; promisedMs?: number; generation?: number; payload?: Uint8Array }): void
  of<Kind extends LeaseReport['kind']>(kind: Kind): (Timed & { kind: Kind })[]
}

function world() {
  const clock = new VirtualClock()
  const platter = new SharedPlatter()
  platter.bytes.set(encodeHeader(header, keys))
  /** Lets the time pass. */
  const run = (ms: number) => {
    const until = clock.monotonic() + ms
    let isOver = false
    clock.schedule(millis(ms), () => void (isOver = true))
    while (!isOver && clock.monotonic() <= until) clock.step()
  }
  const node = (name: 'ha1' | 'ha2', nodes: readonly string[] = ['ha1', 'ha2']): Node => {
    const disk = new FakeDisk(platter, clock)
    const reports: Timed[] = []
    const datagrams: Buffer[] = []
    const notes: string[] = []
    const made: Node = {
      disk,
      reports,
      datagrams,
      notes,
      keys,
      area: createLeaseArea({ config, self: name, nodes, keys: () => made.keys, clock, disk, bootId: new Uint8Array(16).fill(1), onNote: text => notes.push(text) }),
      show: (sequence, { isUrgent = false, promisedMs = 3000, generation = 7, payload = datagramOf(name, sequence, [], made.keys) } = {}) => made.area.show(payload, { generation, sequence, promisedMs, isUrgent }),
      of: kind => reports.filter((report): report is Timed & { kind: typeof kind } => report.kind === kind)
    }
    made.area.open({ onReport: report => reports.push({ ...report, atMs: clock.monotonic() }), onDatagram: payload => datagrams.push(Buffer.from(payload)) })
    return made
  }
  return { clock, platter, run, node }
}

const last = <T>(list: readonly T[]): T | undefined => list.at(-1)

t.test('lease area: two nodes on one disk -> each sees the other beat, and its newest datagram', async t => {
  const { run, node } = world()
  const one = node('ha1')
  const two = node('ha2')
  one.show(100)
  two.show(500)
  run(2000)
  t.ok(one.of('written').length >= 5 && one.of('read').length >= 5)
  const sights = one.of('read').map(report => report.peer?.sequence ?? 0)
  t.strictSame(sights, [...sights].sort((a, b) => a - b))
  t.ok(new Set(sights).size >= 5, 'the sequence grows with every write, though the datagram is the same')
  t.match(last(two.of('read')), { peer: { generation: 7, promisedMs: 3000 }, pill: null })
  two.show(501, { promisedMs: 60_000 })
  run(1000)
  t.ok(last(one.datagrams)?.equals(datagramOf('ha2', 501)))
  t.match(last(one.of('read')), { peer: { promisedMs: 60_000 } })
  t.strictSame([...one.of('trouble'), ...two.of('trouble')], [])
  t.equal(Math.max(one.disk.mostUnderWay, two.disk.mostUnderWay) <= 2, true)
})

t.test('lease area: news -> written at once; while a write is under way, directly after it', async t => {
  const { clock, run, node } = world()
  const one = node('ha1')
  one.show(1)
  run(1000)
  one.disk.latencyMs = 40
  const before = one.disk.writes.length
  const at = clock.monotonic()
  one.show(2, { isUrgent: true })
  one.show(3, { isUrgent: true })
  run(100)
  t.strictSame(one.disk.writes.slice(before, before + 2).map(write => write.atMs - at), [0, 40])
  t.equal(one.disk.writes.length <= before + 3, true, 'what was shown in between is one write')
})

t.test('lease area: a write that hangs -> reported from half a lease on, once a second, never doubled; `from` is when it was issued', async t => {
  const { clock, run, node } = world()
  const one = node('ha1')
  one.show(1)
  run(1000)
  one.disk.isWriteHanging = true
  const writes = one.disk.writes.length
  run(5000)
  const issued = one.disk.writes[writes]?.atMs ?? 0
  t.equal(one.disk.writes.length, writes + 1)
  t.strictSame(one.of('trouble').map(report => [report.operation, report.atMs - issued]), [1500, 2500, 3500, 4500].map(ms => ['write', ms]))
  t.match(one.of('trouble')[0]?.reason, /hangs: no answer from the disk for 1500 ms/)
  t.ok(one.of('read').some(report => report.atMs > issued + 4000), 'reading goes on')
  t.match(one.area.status(), { trouble: /hangs/, isHanging: true })
  const released = clock.monotonic()
  one.disk.release()
  t.match(last(one.of('written')), { from: issued, tookMs: released - issued })
  t.equal(last(one.disk.writes)?.atMs, released, 'the next one follows at once')
  run(500)
  t.match(one.area.status(), { trouble: null, renewals: { maxMs: released - issued } })
})

t.test('lease area: the disk answers EIO -> trouble once a second, opened again after half a lease, and goes on when it is back', async t => {
  const { run, node } = world()
  const one = node('ha1')
  one.show(1)
  run(1000)
  one.disk.readFault = one.disk.writeFault = { reason: 'the disk answered with an input/output error (EIO)' }
  run(6000)
  for (const operation of ['read', 'write'] as const) {
    const times = one.of('trouble').filter(report => report.operation === operation).map(report => report.atMs)
    t.ok(times.length >= 2, operation)
    times.reduce((previous, time) => (t.ok(time - previous >= 1000), time), -Infinity)
  }
  t.ok(one.disk.opens > 1)
  const written = one.of('written').length
  one.disk.readFault = one.disk.writeFault = null
  run(2000)
  t.ok(one.of('written').length > written)
  t.equal(one.area.status().trouble, null)
})

t.test('lease area: only writing fails -> reading goes on, and the other way round', async t => {
  const { run, node } = world()
  const one = node('ha1')
  one.show(1)
  one.disk.writeFault = { reason: 'no space left (ENOSPC)' }
  run(5000)
  t.equal(one.of('written').length, 0)
  t.ok(one.of('read').length >= 5)
  t.match(last(one.of('trouble')), { operation: 'write', reason: /ENOSPC/ })
})

t.test('lease area: no area, another cluster\'s, other nodes, wrong key -> said what it is, and nothing is ever written', async t => {
  const cases: readonly (readonly [string, (bytes: Buffer) => void, RegExp])[] = [
    ['zeros', bytes => bytes.fill(0), /there is no lease area; make it once/],
    ['a file system', bytes => bytes.fill(0x53), /there is no lease area/],
    ['torn', bytes => bytes.writeUInt8(1, 60), /the header has a wrong checksum/],
    ['wrong key', bytes => bytes.set(encodeHeader(header, authKeys(authKey(1, 'sha1', 'somebody else has this one')))), /wrong signature: it is another cluster's area/],
    ['unknown key', bytes => bytes.set(encodeHeader(header, authKeys(newKey))), /a key that authkeys does not have.*create --force/],
    ['other nodes', bytes => bytes.set(encodeHeader({ ...header, nodes: ['db1', 'db2'] }, keys)), /is that of db1 and db2, not of ha1 and ha2/]
  ]
  for (const [name, change, reason] of cases) {
    const { platter, run, node } = world()
    change(platter.bytes)
    const before = Buffer.from(platter.bytes)
    const one = node('ha1')
    one.show(1, { isUrgent: true })
    one.area.poison({ generation: 1, from: 'ha1' })
    run(3000)
    t.match(one.of('trouble')[0], { operation: 'read', reason }, name)
    t.equal(one.disk.writes.length, 0)
    t.ok(platter.bytes.equals(before))
    platter.bytes.fill(0).set(encodeHeader(header, keys))
    run(2000)
    t.ok(one.of('written').length > 0, `${name}: used as soon as it is in order`)
  }
})

t.test('lease area: overwritten while in use -> trouble, and not one more write', async t => {
  const { platter, run, node } = world()
  const one = node('ha1')
  one.show(1)
  run(1000)
  platter.bytes.set(encodeHeader({ ...header, area: new Uint8Array(16).fill(1), nodes: ['db1', 'db2'] }, keys))
  run(800)
  const writes = one.disk.writes.length
  run(3000)
  t.equal(one.disk.writes.length, writes)
  t.match(one.of('trouble')[0], { reason: /the header is that of another lease area now/ })
})

t.test('lease area: a disk that returns old data -> its looks are not used', async t => {
  const { platter, run, node } = world()
  const one = node('ha1')
  const two = node('ha2')
  one.show(1)
  two.show(1)
  run(1000)
  one.disk.stale = Buffer.from(platter.bytes)
  run(400)
  const reads = one.of('read').length
  run(5000)
  t.equal(one.of('read').length, reads, 'a living peer would have looked dead')
  t.match(last(one.of('trouble')), { operation: 'read', reason: /returns old data/ })
})

t.test('lease area: another machine of the same name -> said', async t => {
  const { run, node } = world()
  const one = node('ha1')
  const twin = node('ha1')
  one.show(1)
  twin.show(1, { generation: 9 })
  run(3000)
  t.ok([...one.of('trouble'), ...twin.of('trouble')].some(report => /somebody else writes the sector of ha1/.test(report.reason)))
})

t.test('lease area: a torn write of the other -> looked at again; left torn by its death it stands still and promises the lease', async t => {
  const { run, node } = world()
  const one = node('ha1')
  const two = node('ha2')
  one.show(1)
  two.show(1)
  run(2000)
  two.disk.tearNextAt = 512
  two.show(2, { isUrgent: true, payload: Buffer.concat([datagramOf('ha2', 2), Buffer.alloc(1500, 'x')]) })
  run(30)
  two.disk.writeFault = { reason: 'power is gone' }
  const before = last(one.of('read'))?.peer
  run(3000)
  const seen = one.of('read').slice(-4).map(report => report.peer)
  t.match(seen[0], { generation: 7, promisedMs: 3000 })
  t.not(seen[0]?.sequence, before?.sequence, 'the torn write is a change')
  t.strictSame(new Set(seen.map(sight => sight?.sequence)).size, 1, 'then nothing moves any more')
  t.match(one.notes.join('\n'), /the sector of ha2 has a wrong checksum: written in part/)
  t.strictSame(one.of('trouble'), [])
})

t.test('lease area: the other signs with a key we do not have -> counts as alive while it changes, and none of its datagrams is believed', async t => {
  const { run, node } = world()
  const one = node('ha1')
  const two = node('ha2')
  one.show(1)
  two.show(1)
  run(1000)
  const datagrams = one.datagrams.length
  two.keys = authKeys(newKey, oldKey)
  for (let sequence = 2; sequence < 8; sequence++) {
    two.show(sequence, { isUrgent: true })
    run(500)
  }
  const sequences = one.of('read').slice(-5).map(report => report.peer?.sequence ?? 0)
  t.ok(new Set(sequences).size >= 4)
  t.equal(one.datagrams.length, datagrams)
  t.match(one.notes.join('\n'), /signed with a key that authkeys does not have; it counts as a sign of life/)
})

t.test('lease area: what a dead node left -> is seen, but is no heartbeat', async t => {
  const { platter, run, node } = world()
  platter.bytes.set(encodeNode(nodeRecord({ promisedMs: 9000 }), 1, areaId, keys), nodePlace(1).from)
  const one = node('ha1')
  one.show(1)
  run(2000)
  t.match(last(one.of('read')), { peer: { generation: 7, sequence: 41, promisedMs: 9000 } })
  t.strictSame(one.datagrams, [])
})

t.test('lease area: never written by the other -> null; released by an operator -> promises nothing', async t => {
  const { platter, run, node } = world()
  const one = node('ha1')
  one.show(1)
  run(1000)
  t.match(last(one.of('read')), { peer: null })
  platter.bytes.set(encodeNode(nodeRecord({ state: 'released', generation: 0, beat: 1, promisedMs: 0, datagram: new Uint8Array(0) }), 1, areaId, keys), nodePlace(1).from)
  run(1000)
  t.match(last(one.of('read')), { peer: { promisedMs: 0 } })
  t.match(one.notes.join('\n'), /an operator gave his word that ha2 is off/)
  const two = node('ha2')
  two.show(1, { generation: 3 })
  run(1000)
  t.match(last(one.of('read')), { peer: { generation: 3, promisedMs: 3000 } }, 'and counts again when it beats')
})

t.test('lease area: released while it lives -> as good as an order to give up', async t => {
  const { platter, run, node } = world()
  const one = node('ha1')
  one.show(1)
  run(1000)
  one.disk.isWriteHanging = true
  run(500)
  one.disk.release()
  run(5)
  platter.bytes.set(encodeNode(nodeRecord({ node: 'ha1', state: 'released', generation: 7, beat: 99, promisedMs: 0, datagram: new Uint8Array(0) }), 0, areaId, keys), nodePlace(0).from)
  run(400)
  t.ok(one.of('read').some(report => report.pill?.generation === 7 && report.pill.from === 'operator'))
})

t.test('lease area: a poison pill -> reaches the life it is meant for, signed; unsigned ones are not obeyed', async t => {
  const { platter, run, node } = world()
  const one = node('ha1')
  const two = node('ha2')
  one.show(1)
  two.show(1)
  run(1000)
  one.area.poison({ generation: 7, from: 'ha1' })
  run(500)
  t.match(last(two.of('read')), { pill: { generation: 7, from: 'ha1' } })
  t.equal(last(one.of('read'))?.pill, null)
  t.match(decodePill(platter.bytes.subarray(commandPlace(1).from, commandPlace(1).to), { slot: 1, header }, keys), { ok: true, pill: { fromGeneration: 7 } })
  platter.bytes.writeUInt8(1, commandPlace(1).from + 50)
  run(500)
  t.equal(last(two.of('read'))?.pill, null)
  t.match(last(two.notes), /the command sector of ha2 has a wrong checksum.*not obeyed/)
})

t.test('lease area: an order that cannot be written within a lease -> dropped, and never hits a node that is well again', async t => {
  const { platter, run, node } = world()
  const one = node('ha1')
  one.show(1)
  run(1000)
  one.disk.writeFault = { reason: 'gone' }
  one.area.poison({ generation: 7, from: 'ha1' })
  run(5000)
  one.disk.writeFault = null
  run(3000)
  t.ok(one.of('written').some(report => report.atMs > 6000))
  t.match(decodePill(platter.bytes.subarray(commandPlace(1).from, commandPlace(1).to), { slot: 1, header }, keys), { ok: false, reason: 'empty' })
  t.match(one.notes.join('\n'), /could not be written in time and was dropped/)
})

t.test('lease area: the command sector is bad -> our own is renewed all the same', async t => {
  const { run, node } = world()
  const one = node('ha1')
  one.show(1)
  run(1000)
  const write = one.disk.write.bind(one.disk)
  one.disk.write = (at, sectors, done) => {
    one.disk.writeFault = at === commandPlace(1).from ? { reason: 'bad sector' } : null
    write(at, sectors, done)
  }
  const written = one.of('written').length
  one.area.poison({ generation: 7, from: 'ha1' })
  run(2500)
  t.ok(one.of('written').length >= written + 2)
})

t.test('lease area: change of keys -> the header is signed anew, and both nodes go on when the old key is deleted', async t => {
  const { platter, run, node } = world()
  const one = node('ha1')
  const two = node('ha2')
  one.show(1)
  two.show(1)
  run(1000)
  one.keys = two.keys = authKeys(newKey, oldKey)
  run(1500)
  t.match(decodeHeader(platter.bytes.subarray(headerPlace.from, headerPlace.to), authKeys(newKey)), { ok: true, keyId: 2, header: { nodes: ['ha1', 'ha2'] } })
  one.keys = two.keys = authKeys(newKey)
  one.show(9)
  run(1500)
  t.ok(last(two.datagrams)?.equals(datagramOf('ha1', 9, [], authKeys(newKey))))
  t.strictSame([...one.of('trouble'), ...two.of('trouble')], [])
})

t.test('lease area: a datagram that does not fit -> the lease is renewed without it, and it is said', async t => {
  const { run, node } = world()
  const one = node('ha1')
  const two = node('ha2')
  two.show(1)
  one.show(1, { payload: new Uint8Array(60_000) })
  run(2000)
  t.ok(one.of('written').length >= 4)
  t.match(one.of('trouble')[0], { operation: 'write', reason: /a datagram of 60000 bytes does not fit/ })
  t.strictSame(two.datagrams, [])
  t.match(last(two.of('read')), { peer: { generation: 7 } })
})

t.test('lease area: the disk appears late -> tried until it is there', async t => {
  const { run, node } = world()
  const one = node('ha1')
  one.disk.openFault = { reason: 'there is nothing of this name (ENOENT)' }
  one.show(1)
  run(3000)
  t.match(one.of('trouble')[0], { operation: 'read', reason: '/dev/shared cannot be opened: there is nothing of this name (ENOENT)' })
  one.disk.openFault = null
  run(2000)
  t.ok(one.of('written').length > 0)
})

const closed = async (t: Test, node: Node, step: () => void): Promise<void> => {
  let isClosed = false
  const closing = node.area.close().then(() => void (isClosed = true))
  for (let turn = 0; turn < 1000 && !isClosed; turn++) {
    step()
    await Promise.resolve()
  }
  t.ok(isClosed)
  await closing
}

t.test('lease area: closed -> the last word is on the disk, and nothing is written any more', async t => {
  const { clock, run, node } = world()
  const one = node('ha1')
  const two = node('ha2')
  one.show(1)
  two.show(1)
  run(1000)
  one.show(77)
  await closed(t, one, () => void clock.step())
  t.notOk(one.area.isHanging)
  const writes = one.disk.writes.length
  run(1000)
  t.equal(one.disk.writes.length, writes)
  t.ok(last(two.datagrams)?.equals(datagramOf('ha1', 77)))
})

t.test('lease area: closed while the disk hangs -> ends within half a lease, and says that a thread is held', async t => {
  const { clock, run, node } = world()
  const one = node('ha1')
  one.show(1)
  run(1000)
  one.disk.isWriteHanging = one.disk.isReadHanging = true
  run(1000)
  const at = clock.monotonic()
  await closed(t, one, () => void clock.step())
  t.ok(clock.monotonic() - at <= 1500)
  t.ok(one.area.isHanging)
  one.disk.release()
  run(10)
  t.notOk(one.area.isHanging)
})
