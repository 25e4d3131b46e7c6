import t from 'tap'
import type { ConnectionId, HandleId } from '../../../src/mq/core/engine.js'
import { CoreFixture } from '../fake/core-fixture.js'

const withQueue = (): { f: CoreFixture; c: ConnectionId; h: HandleId } => {
  const f = new CoreFixture()
  f.define('QLOCAL', 'Q')
  const c = f.connect()
  return { f, c, h: f.open(c, 'Q') }
}

t.test('unit of work: as many operations as MAXUMSGS -> allowed; one more 2024, and the unit can still be committed', async t => {
  const { f, c, h } = withQueue()
  f.define('QMGR', 'QM1', { MAXUMSGS: 3 })
  f.put(c, h, { body: 'x' })
  const unit = f.begin(c)
  t.equal(f.put(c, h, { unit })?.reason, 0)
  t.equal(f.text(c, h, { unit }), 'x')
  t.equal(f.put(c, h, { unit })?.reason, 0)
  t.equal(f.put(c, h, { unit })?.reason, 2024)
  t.equal(f.text(c, h, { unit }), 2024)
  t.equal(f.commit(c, unit), 0)
  t.equal(f.depth('Q'), 2)
})

t.test('unit of work: several of a connection -> each on its own', async t => {
  const { f, c, h } = withQueue()
  const [one, two] = [f.begin(c), f.begin(c)]
  f.put(c, h, { body: '1', unit: one, persistent: true })
  f.put(c, h, { body: '2', unit: two, persistent: true })
  f.backout(c, one)
  f.commit(c, two)
  t.equal(f.text(c, h), '2')
  t.equal(f.text(c, h), 2033)
  t.equal(f.put(c, h, { unit: one })?.reason, 2003, 'it is over')
  t.equal(f.commit(c, one), 2003)
  t.equal(f.backout(c, one), 0)
  t.equal(f.put(f.connect(), h, { unit: two })?.reason, 2019)
})

t.test('unit of work: commit with persistent work -> seen and answered when forced, not before', async t => {
  const { f, c, h } = withQueue()
  f.forcing = false
  const unit = f.begin(c)
  t.equal(f.put(c, h, { body: 'p', unit, persistent: true })?.reason, 0, 'a put in a unit is answered at once')
  t.equal(f.put(c, h, { body: 'v', unit, persistent: false })?.reason, 0)
  t.equal(f.commit(c, unit), undefined)
  t.equal(f.text(c, h), 2033)
  f.force()
  t.match(f.answerOf(c, f.lastToken - 1), { kind: 'done', reason: 0 })
  t.strictSame([f.get(c, h, { mode: 'browse-first' }), f.get(c, h, { mode: 'browse-next' })].map(answer => answer?.message?.body.toString()), ['p', 'v'])
})

t.test('unit of work: nothing persistent in it -> true at once, and the log is not touched', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { body: 'a', persistent: false })
  f.forcing = false
  const { end } = f.journal
  const unit = f.begin(c)
  f.put(c, h, { body: 'b', unit, persistent: false })
  t.equal(f.text(c, h, { unit }), 'a')
  t.equal(f.commit(c, unit), 0)
  t.equal(f.text(c, h), 'b')
  t.equal(f.journal.end, end)
  t.equal(f.spool.count, 0)
})

t.test('unit of work: only its commit asks for a force', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { persistent: true })
  const { wanted } = f.journal
  f.forcing = false
  const unit = f.begin(c)
  f.put(c, h, { unit, persistent: true })
  f.get(c, h, { unit })
  t.equal(f.journal.wanted, wanted)
  f.commit(c, unit)
  t.equal(f.journal.wanted, wanted + 1)
  const second = f.begin(c)
  f.put(c, h, { unit: second, persistent: true })
  f.backout(c, second)
  t.equal(f.journal.wanted, wanted + 1)
})

t.test('unit of work: a crash at each record -> all of it or nothing', async t => {
  const cuts = ((): number => {
    const { f, c, h } = withQueue()
    prepare(f, c, h)
    return f.journal.cuts().length
  })()
  t.equal(cuts, 6)
  for (let at = 0; at < cuts; at++) {
    const { f, c, h } = withQueue()
    prepare(f, c, h)
    f.crash(f.journal.cuts()[at])
    f.forcing = true
    const again = f.connect()
    const handle = f.open(again, 'Q')
    const found = [1, 2, 3].map(() => f.get(again, handle)?.message).map(message => message && `${message.body.toString()} ${message.descriptor.backoutCount}`)
    t.strictSame(found, at === cuts - 1 ? ['new 0', 'newer 0', null] : [`old ${at >= 1 ? 1 : 0}`, `older ${at >= 2 ? 1 : 0}`, null], `cut ${at}`)
  }

  function prepare(f: CoreFixture, c: ConnectionId, h: HandleId): void {
    f.put(c, h, { body: 'old', persistent: true })
    f.put(c, h, { body: 'older', persistent: true })
    f.forcing = false
    const unit = f.begin(c)
    f.get(c, h, { unit })
    f.get(c, h, { unit })
    f.put(c, h, { body: 'new', unit, persistent: true })
    f.put(c, h, { body: 'newer', unit, persistent: true })
    f.commit(c, unit)
  }
})

t.test('disconnect: in order -> open units are committed; broken -> backed out', async t => {
  for (const how of ['orderly', 'broken'] as const) {
    const { f, c, h } = withQueue()
    f.put(c, h, { body: 'old', persistent: true })
    const unit = f.begin(c)
    f.text(c, h, { unit })
    f.put(c, h, { body: 'new', unit, persistent: true })
    f.qm.disconnect(c, how)
    f.settleLog()
    const other = f.connect()
    const handle = f.open(other, 'Q')
    t.equal(f.text(other, handle), how === 'orderly' ? 'new' : 'old')
    t.equal(f.text(other, handle), 2033)
    t.equal(f.text(c, h), 2018)
    f.qm.disconnect(c, how)
  }
})

t.test('log full: the oldest unit is backed out -> its owner hears 2003 at the next call and at the commit, others go on', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { body: 'old', persistent: true })
  const other = f.connect()
  const theirs = f.open(other, 'Q')
  const idle = f.begin(c)
  const oldest = f.begin(c)
  f.text(c, h, { unit: oldest })
  f.put(c, h, { body: 'long', unit: oldest, persistent: true })
  const younger = f.begin(other)
  f.put(other, theirs, { body: 'short', unit: younger, persistent: true })
  f.get(c, h, { unit: oldest, waitMs: -1 })
  const waiting = f.lastToken
  t.equal(f.qm.backOutOldestUnit(), true)
  f.settleLog()
  t.match(f.answerOf(c, waiting), { reason: 2003 })
  t.equal(f.put(c, h, { unit: oldest })?.reason, 2003)
  t.equal(f.text(c, h, { unit: oldest }), 2003)
  t.equal(f.commit(c, oldest), 2003)
  t.equal(f.commit(other, younger), 0)
  t.equal(f.commit(c, idle), 0)
  t.strictSame([1, 2, 3].map(() => f.text(c, h)), ['old', 'short', 2033])
  t.equal(f.qm.backOutOldestUnit(), false)
  t.equal(f.journal.unreleased(), 0)
})

t.test('log pinned by a unit: it is backed out by its number in the log', async t => {
  const { f, c, h } = withQueue()
  const [first, second] = [f.begin(c), f.begin(c)]
  f.put(c, h, { body: '1', unit: first, persistent: true })
  f.put(c, h, { body: '2', unit: second, persistent: true })
  const records = f.journal.written.flatMap(({ record }) => (record.kind === 'put' ? [record.unit] : []))
  f.qm.onPinned(records[1] as number)
  f.qm.onPinned(12_345)
  t.equal(f.commit(c, second), 2003)
  t.equal(f.commit(c, first), 0)
  t.equal(f.text(c, h), '1')
})

t.test('repetition: a put sent again -> stored once; a commit sent again -> 0, and what was put again is dropped', async t => {
  const { f, c, h } = withQueue()
  const producer = Buffer.alloc(16, 9)
  const put = (sequence: number, persistent = true): unknown => {
    const answer = f.put(c, h, { body: `${sequence}`, persistent, request: { origin: { producer, sequence } } })
    return [answer?.reason, answer?.isRepetition]
  }
  t.strictSame([put(1), put(1), put(2, false), put(2, false)], [[0, false], [0, true], [0, false], [0, true]])
  t.equal(f.qm.lastSequence(producer), 2)
  t.equal(f.depth('Q'), 2)
  f.crash()
  t.equal(f.qm.lastSequence(producer), 1, 'the second was not persistent')
  const again = f.connect()
  const handle = f.open(again, 'Q')
  const unit = f.begin(again)
  f.put(again, handle, { body: 'u', unit, persistent: true })
  t.equal(f.call(again, token => f.qm.commit(again, unit, { producer, sequence: 3 }, token))?.reason, 0)
  f.crash()
  const third = f.connect()
  const last = f.open(third, 'Q')
  const repeated = f.begin(third)
  f.put(third, last, { body: 'u again', unit: repeated, persistent: true })
  t.equal(f.call(third, token => f.qm.commit(third, repeated, { producer, sequence: 3 }, token))?.reason, 0)
  t.strictSame([1, 2, 3].map(() => f.text(third, last)), ['1', 'u', 2033])
  t.equal(f.call(third, token => f.qm.commit(third, repeated, { producer, sequence: 4 }, token))?.reason, 2003)
})

t.test('repetition: it arrives before the first is durable -> answered with it, not before', async t => {
  const { f, c, h } = withQueue()
  const origin = { producer: Buffer.alloc(16, 9), sequence: 1 }
  f.forcing = false
  f.put(c, h, { persistent: true, request: { origin } })
  t.equal(f.put(c, h, { persistent: true, request: { origin } }), undefined)
  f.force()
  t.match(f.answerOf(c, f.lastToken), { reason: 0, isRepetition: true })
})

t.test('repetition: of a put that was refused -> tried again, and stored', async t => {
  const { f, c, h } = withQueue()
  const producer = Buffer.alloc(16, 9)
  f.define('QLOCAL', 'Q', { PUT: 'DISABLED' })
  t.equal(f.put(c, h, { request: { origin: { producer, sequence: 1 } } })?.reason, 2051)
  f.define('QLOCAL', 'Q', { PUT: 'ENABLED' })
  t.equal(f.put(c, h, { request: { origin: { producer, sequence: 2 } } })?.reason, 0)
  t.match(f.put(c, h, { request: { origin: { producer, sequence: 1 } } }), { reason: 0, isRepetition: false })
  t.equal(f.depth('Q'), 2)
})

t.test('sync: answered when what was done is durable; at once when nothing waits, lazy records or not', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { persistent: true })
  f.forcing = false
  t.match(f.call(c, token => f.qm.sync(c, token)), { reason: 0 })
  const unit = f.begin(c)
  f.get(c, h, { unit })
  t.match(f.call(c, token => f.qm.sync(c, token)), { reason: 0 }, 'a lock is lazy')
  f.qm.define({ type: 'QLOCAL', name: 'R', attributes: {} })
  t.equal(f.call(c, token => f.qm.sync(c, token)), undefined)
  f.force()
  t.match(f.answerOf(c, f.lastToken), { reason: 0 })
  t.match(f.call(99 as ConnectionId, token => f.qm.sync(99 as ConnectionId, token)), { reason: 2018 })
})
