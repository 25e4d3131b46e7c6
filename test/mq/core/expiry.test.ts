import t from 'tap'
import type { ConnectionId, HandleId } from '../../../src/mq/core/engine.js'
import { CoreFixture } from '../fake/core-fixture.js'

const withQueue = (): { f: CoreFixture; c: ConnectionId; h: HandleId } => {
  const f = new CoreFixture()
  f.define('QLOCAL', 'Q', { MAXDEPTH: 1_000_000 })
  const c = f.connect()
  return { f, c, h: f.open(c, 'Q') }
}

t.test('expiry: tenths of a second -> the rest on get, and after its time 2033 at once', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { body: 'a', descriptor: { expiry: 10 } })
  f.clock.advance(1)
  t.equal(f.get(c, h, { mode: 'browse-first' })?.message?.descriptor.expiry, 10)
  f.clock.advance(99)
  t.equal(f.get(c, h, { mode: 'browse-first' })?.message?.descriptor.expiry, 9)
  f.clock.advance(899)
  t.equal(f.get(c, h, { mode: 'browse-first' })?.message?.descriptor.expiry, 1)
  f.clock.advance(1)
  t.equal(f.depth('Q'), 1, 'counted until somebody walks over it')
  t.equal(f.text(c, h), 2033)
  t.equal(f.depth('Q'), 0)
})

t.test('expiry: nobody gets -> removed by the scan, soon after its time; those without expiry stay', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { body: 'stays', persistent: true })
  f.put(c, h, { body: 'goes', persistent: true, descriptor: { expiry: 20 } })
  f.put(c, h, { body: 'goes too', persistent: false, descriptor: { expiry: 50 } })
  t.equal(f.qm.nextDeadline(), f.clock.now() + 2_000)
  f.tick(1_999)
  t.equal(f.depth('Q'), 3)
  f.tick(1)
  f.run()
  t.equal(f.depth('Q'), 2)
  f.tick(3_000)
  f.run()
  t.equal(f.depth('Q'), 1)
  t.equal(f.qm.nextDeadline(), null)
  f.force()
  t.equal(f.journal.unreleased(), 1)
  f.crash()
  t.equal(f.depth('Q'), 1)
})

t.test('expiry: restored after a restart -> still counts', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { persistent: true, descriptor: { expiry: 20 } })
  f.crash()
  t.equal(f.depth('Q'), 1)
  f.tick(2_000)
  f.run()
  t.equal(f.depth('Q'), 0)
})

t.test('expiry: while locked or uncommitted -> not taken away from its unit; gone when it comes back', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { body: 'a', persistent: true, descriptor: { expiry: 1 } })
  const unit = f.begin(c)
  t.equal(f.text(c, h, { unit }), 'a')
  f.put(c, h, { body: 'b', unit, persistent: true, descriptor: { expiry: 1 } })
  f.tick(200)
  f.run()
  t.equal(f.depth('Q'), 2)
  f.commit(c, unit)
  t.equal(f.depth('Q'), 1)
  t.equal(f.text(c, h), 2033)
  t.equal(f.depth('Q'), 0)
  t.equal(f.journal.unreleased(), 0)
})

t.test('expiry: comes back expired while somebody waits -> not for him', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { body: 'a', descriptor: { expiry: 1 } })
  const unit = f.begin(c)
  f.text(c, h, { unit })
  f.get(c, h, { waitMs: -1 })
  const waiting = f.lastToken
  f.clock.advance(200)
  f.backout(c, unit)
  t.equal(f.answerOf(c, waiting), undefined)
  f.put(c, h, { body: 'b' })
  t.match(f.answerOf(c, waiting), { message: { body: Buffer.from('b') } })
})

t.test('expiry: a deep queue -> scanned in slices, and not again at once', async t => {
  const { f, c, h } = withQueue()
  for (let count = 0; count < 50_000; count++) f.put(c, h, { persistent: false, descriptor: { expiry: count % 2 === 0 ? 1 : 1_000 } })
  f.clock.advance(100)
  f.qm.onTick()
  const after = f.depth('Q')
  t.ok(after > 25_000 && after < 50_000, `${after} left after one slice`)
  t.equal(f.qm.nextDeadline(), f.clock.now(), 'and the next follows')
  f.run()
  t.equal(f.depth('Q'), 25_000)
  t.equal(f.qm.nextDeadline(), f.clock.now() + 99_900)
})
