import t from 'tap'
import type { ConnectionId, HandleId } from '../../../src/mq/core/engine.js'
import { Prng } from '../../../src/base/prng.js'
import { hashOf } from '../../../src/mq/core/message-ids.js'
import { CoreFixture } from '../fake/core-fixture.js'

const withQueue = (attributes: Record<string, string | number> = {}): { f: CoreFixture; c: ConnectionId; h: HandleId } => {
  const f = new CoreFixture()
  f.define('QLOCAL', 'Q', { MAXDEPTH: 1_000_000, ...attributes })
  const c = f.connect()
  return { f, c, h: f.open(c, 'Q') }
}

t.test('get: by priority -> highest first, within one the first put; by arrival -> the first put', async t => {
  for (const [attributes, order] of [
    [{}, ['b', 'd', 'a', 'c']],
    [{ MSGDLVSQ: 'FIFO' }, ['a', 'b', 'c', 'd']]
  ] as const) {
    const { f, c, h } = withQueue(attributes)
    for (const [body, priority] of [['a', 1], ['b', 8], ['c', 1], ['d', 8]] as const) f.put(c, h, { body, descriptor: { priority } })
    t.strictSame(order.map(() => f.text(c, h)), order)
  }
})

t.test('get: MSGDLVSQ changed -> messages that are there keep their order, later ones may overtake', async t => {
  const { f, c, h } = withQueue({ MSGDLVSQ: 'FIFO', DEFPRTY: 0 })
  f.put(c, h, { body: 'a', descriptor: { priority: 5 } })
  f.put(c, h, { body: 'b', descriptor: { priority: 9 } })
  f.define('QLOCAL', 'Q', { MSGDLVSQ: 'PRIORITY', DEFPRTY: 0, MAXDEPTH: 100 })
  f.put(c, h, { body: 'c', descriptor: { priority: 1 } })
  t.strictSame([1, 2, 3].map(() => f.text(c, h)), ['c', 'a', 'b'])
})

t.test('get: a message put earlier and committed later -> is seen in its place', async t => {
  const { f, c, h } = withQueue()
  const unit = f.begin(c)
  f.put(c, h, { body: '1', unit, persistent: true })
  f.put(c, h, { body: '2', persistent: true })
  t.equal(f.text(c, h, { mode: 'browse-first' }), '2')
  f.commit(c, unit)
  t.equal(f.text(c, h, { mode: 'browse-first' }), '1')
})

t.test('get: by message id, correlation id, both -> the one that has them; zero ids ask for nothing', async t => {
  const { f, c, h } = withQueue()
  const id = (number: number): Buffer => Buffer.alloc(24, number)
  for (const [body, message, correlation] of [['a', 1, 7], ['b', 2, 7], ['c', 3, 8]] as const) {
    f.put(c, h, { body, descriptor: { messageId: id(message), correlationId: id(correlation) } })
  }
  const browse = (match: object): unknown => f.text(c, h, { mode: 'browse-first', match })
  t.equal(browse({ messageId: id(2) }), 'b')
  t.equal(browse({ correlationId: id(8) }), 'c')
  t.equal(browse({ messageId: id(2), correlationId: id(7) }), 'b')
  t.equal(browse({ messageId: id(2), correlationId: id(8) }), 2033)
  t.equal(browse({ messageId: id(0), correlationId: id(0) }), 'a')
  t.equal(browse({ messageId: Buffer.alloc(3) }), 2026)
  f.crash()
  const again = f.connect()
  const handle = f.open(again, 'Q')
  t.equal(f.text(again, handle, { match: { messageId: id(2) } }), 2033, 'not persistent')
})

t.test('get: another id with the same hash -> not the one', async t => {
  const { f, c, h } = withQueue()
  const [one, other] = sameHash()
  f.put(c, h, { body: 'a', descriptor: { messageId: one }, persistent: true })
  t.equal(f.text(c, h, { match: { messageId: other } }), 2033)
  t.equal(f.text(c, h, { match: { messageId: one } }), 'a')
})

/** Two ids that FNV-1a does not tell apart; among 200,000 random ones there are some. */
function sameHash(): readonly [Buffer, Buffer] {
  const prng = new Prng(3)
  const seen = new Map<number, Buffer>()
  for (let count = 0; count < 400_000; count++) {
    const id = Buffer.alloc(24)
    for (let at = 0; at < 8; at += 4) id.writeUInt32LE(prng.next(), at)
    const earlier = seen.get(hashOf(id))
    if (earlier !== undefined) return [earlier, id]
    seen.set(hashOf(id), id)
  }
  throw new Error('no two alike')
}

t.test('get: with wait -> the message when it comes, 2033 when the time is over and not before, or when cancelled', async t => {
  const { f, c, h } = withQueue()
  t.equal(f.text(c, h, { waitMs: 100 }), undefined)
  const first = f.lastToken
  f.tick(99)
  t.equal(f.answerOf(c, first), undefined)
  f.tick(1)
  t.match(f.answerOf(c, first), { reason: 2033 })
  t.equal(f.text(c, h, { waitMs: -1 }), undefined)
  const second = f.lastToken
  f.tick(1_000_000)
  f.put(c, h, { body: 'late', persistent: true })
  t.match(f.answerOf(c, second), { reason: 0, message: { body: Buffer.from('late') } })
  t.equal(f.text(c, h, { waitMs: -1 }), undefined)
  f.qm.cancel(c, f.lastToken)
  f.collect()
  t.match(f.answerOf(c, f.lastToken), { reason: 2033 })
  t.equal(f.text(c, h, { waitMs: -2 }), 2090)
  t.equal(f.text(c, h, { waitMs: NaN }), 2090)
  t.equal(f.qm.nextDeadline(), null, 'nothing is to come')
})

t.test('get: several wait -> the one that waited longest and whom the message suits', async t => {
  const { f, c, h } = withQueue()
  const correlationId = Buffer.alloc(24, 1)
  f.get(c, h, { waitMs: -1, match: { correlationId } })
  const particular = f.lastToken
  f.get(c, h, { waitMs: -1 })
  const any = f.lastToken
  f.get(c, h, { waitMs: -1, mode: 'browse-first' })
  const browser = f.lastToken
  f.put(c, h, { body: 'plain' })
  t.equal(f.answerOf(c, particular), undefined)
  t.match(f.answerOf(c, any), { message: { body: Buffer.from('plain') } })
  t.equal(f.answerOf(c, browser), undefined, 'it was gone before')
  f.put(c, h, { body: 'special', descriptor: { correlationId } })
  t.match(f.answerOf(c, particular), { message: { body: Buffer.from('special') } })
})

t.test('get: inhibited -> 2016 at once, also for those that wait', async t => {
  const { f, c, h } = withQueue()
  f.get(c, h, { waitMs: -1 })
  const waiting = f.lastToken
  f.define('QLOCAL', 'Q', { GET: 'DISABLED' })
  t.match(f.answerOf(c, waiting), { reason: 2016 })
  t.equal(f.text(c, h), 2016)
  t.equal(f.text(c, h, { mode: 'browse-first' }), 2016)
})

t.test('get: buffer as long as the body -> whole; shorter -> 2080 and the message stays, or 2079 and it goes', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { body: '12345', persistent: true })
  t.match(f.get(c, h, { mode: 'browse-first', bytesMax: 5 }), { reason: 0, completion: 0, bodyBytes: 5 })
  t.match(f.get(c, h, { mode: 'browse-first', bytesMax: 4 }), { reason: 2080, completion: 1, bodyBytes: 5, message: { body: Buffer.from('1234') } })
  t.equal(f.text(c, h, { mode: 'browse-next' }), '12345', 'the cursor has not moved')
  t.match(f.get(c, h, { bytesMax: 0 }), { reason: 2080 })
  t.match(f.get(c, h, { mode: 'lock', bytesMax: 0 }), { reason: 2080, delivery: null })
  t.match(f.get(c, h, { bytesMax: 2, acceptTruncated: true }), { reason: 2079, completion: 1, bodyBytes: 5, message: { body: Buffer.from('12') } })
  t.equal(f.depth('Q'), 0)
})

t.test('browse: cursor -> each message once, those behind it too; under it got; 2034 when there is none', async t => {
  const { f, c, h } = withQueue()
  t.equal(f.text(c, h, { mode: 'browse-cursor' }), 2034)
  t.equal(f.text(c, h, { mode: 'get-cursor' }), 2034)
  for (const body of ['a', 'b', 'c']) f.put(c, h, { body })
  t.equal(f.text(c, h, { mode: 'browse-next' }), 'a')
  t.equal(f.text(c, h, { mode: 'browse-cursor' }), 'a')
  t.equal(f.text(c, h, { mode: 'browse-next' }), 'b')
  t.equal(f.text(c, h, { mode: 'get-cursor' }), 'b')
  t.equal(f.text(c, h, { mode: 'browse-cursor' }), 2034)
  t.equal(f.text(c, h, { mode: 'browse-next' }), 'c')
  t.equal(f.text(c, h, { mode: 'browse-next' }), 2033)
  f.put(c, h, { body: 'd' })
  t.equal(f.text(c, h, { mode: 'browse-next' }), 'd')
  f.put(c, h, { body: 'urgent', descriptor: { priority: 9 } })
  t.equal(f.text(c, h, { mode: 'browse-next' }), 2033, 'it came before the cursor')
  t.equal(f.text(c, h, { mode: 'browse-first' }), 'urgent')
  t.equal(f.text(c, h, { mode: 'browse-next' }), 'a')
})

t.test('browse: cursor at the end of a high priority -> lower ones that come later are seen', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { body: 'high', descriptor: { priority: 5 } })
  t.equal(f.text(c, h, { mode: 'browse-first' }), 'high')
  t.equal(f.text(c, h, { mode: 'browse-next' }), 2033)
  f.put(c, h, { body: 'low', descriptor: { priority: 2 } })
  t.equal(f.text(c, h, { mode: 'browse-next' }), 'low')
  f.get(c, h, { mode: 'browse-next', waitMs: -1 })
  const waiting = f.lastToken
  f.put(c, h, { body: 'before it', descriptor: { priority: 3 } })
  t.equal(f.answerOf(c, waiting), undefined)
  f.put(c, h, { body: 'behind it', descriptor: { priority: 2 } })
  t.match(f.answerOf(c, waiting), { message: { body: Buffer.from('behind it') } })
})

t.test('browse: others take what the cursor stands on, and what is around -> it goes on where it was', async t => {
  const { f, c, h } = withQueue()
  const other = f.connect()
  const taking = f.open(other, 'Q')
  for (const body of ['a', 'b', 'c', 'd']) f.put(c, h, { body })
  f.text(c, h, { mode: 'browse-next' })
  t.equal(f.text(c, h, { mode: 'browse-next' }), 'b')
  t.strictSame([f.text(other, taking), f.text(other, taking), f.text(other, taking)], ['a', 'b', 'c'])
  t.equal(f.text(c, h, { mode: 'browse-next' }), 'd')
})

t.test('lock: seen by nobody else; accepted -> gone; released -> back, one backout richer; settled twice -> 2019', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { body: 'a', persistent: true })
  f.put(c, h, { body: 'b', persistent: true })
  const first = f.get(c, h, { mode: 'lock' })
  const second = f.get(c, h, { mode: 'lock' })
  t.equal(f.text(c, h), 2033)
  t.equal(f.settle(c, [first?.delivery, 999 as never], 'accept'), 2019, 'one is unknown, so none is settled')
  t.equal(f.settle(f.connect(), [first?.delivery], 'accept'), 2019, 'not his')
  t.equal(f.settle(c, [first?.delivery], 'release'), 0)
  t.equal(f.settle(c, [first?.delivery], 'release'), 2019)
  t.match(f.get(c, h, { mode: 'browse-first' })?.message, { body: Buffer.from('a'), descriptor: { backoutCount: 1 } })
  t.equal(f.settle(c, [second?.delivery], 'accept'), 0)
  f.crash()
  const again = f.connect()
  const handle = f.open(again, 'Q')
  t.match(f.get(again, handle)?.message, { body: Buffer.from('a'), descriptor: { backoutCount: 1 } }, 'the count is hardened')
  t.equal(f.text(again, handle), 2033)
})

t.test('lock: accepted in a unit -> gone with its commit, back with its backout or the end of the connection', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { body: 'a', persistent: true })
  const lock = (): Parameters<CoreFixture['settle']>[1] => [f.get(c, h, { mode: 'lock' })?.delivery]
  const unit = f.begin(c)
  t.equal(f.settle(c, lock(), 'accept', unit), 0)
  f.backout(c, unit)
  const second = f.begin(c)
  t.equal(f.settle(c, lock(), 'accept', second), 0)
  t.equal(f.commit(c, second), 0)
  t.equal(f.depth('Q'), 0)
  f.put(c, h, { body: 'b', persistent: true })
  lock()
  f.qm.disconnect(c, 'orderly')
  const other = f.connect()
  t.match(f.get(other, f.open(other, 'Q'))?.message, { body: Buffer.from('b'), descriptor: { backoutCount: 1 } })
})

t.test('lock: left by a connection that ends -> counted is what its program can have looked at, the rest comes back as it was', async t => {
  const { f, c, h } = withQueue()
  f.define('QLOCAL', 'R')
  const r = f.open(c, 'R')
  for (const body of ['1', '2', '3', '4', '5']) f.put(c, h, { body, persistent: true })
  for (const body of ['r1', 'r2']) f.put(c, r, { body })
  const other = f.connect()
  const counts = (queue: string): string[] => {
    const handle = f.open(other, queue, { browse: true })
    const seen: string[] = []
    for (let mode: 'browse-first' | 'browse-next' = 'browse-first'; ; mode = 'browse-next') {
      const message = f.get(other, handle, { mode })?.message ?? null
      if (message === null) return seen
      seen.push(`${message.body.toString()}:${message.descriptor.backoutCount}`)
    }
  }
  const deliveries = [1, 2, 3, 4, 5].map(() => f.get(c, h, { mode: 'lock' })?.delivery)
  for (const handle of [r, r]) f.get(c, handle, { mode: 'lock' })
  t.equal(f.settle(c, [deliveries[1]], 'accept'), 0)
  f.qm.disconnect(c, 'broken')
  t.strictSame(counts('Q'), ['1:1', '3:1', '4:0', '5:0'], '1 came before what was settled, 3 was next')
  t.strictSame(counts('R'), ['r1:1', 'r2:0'])
  f.crash()
  const again = f.connect()
  const handle = f.open(again, 'Q')
  const found = [1, 2, 3, 4].map(() => f.get(again, handle)?.message)
  t.strictSame(found.map(message => message?.descriptor.backoutCount), [1, 1, 0, 0], 'the counts are hardened')
})

t.test('selector: only messages that it selects are got, browsed and waited for', async t => {
  const { f, c, h } = withQueue()
  const red = f.open(c, 'Q', { input: 'shared', browse: true, selector: "colour = 'red'" })
  t.match(f.qm.open(c, { kind: 'queue', name: 'Q' }, { input: 'shared', selector: 'colour = ' }), { reason: 2459 })
  for (const [body, colour] of [['1', 'blue'], ['2', 'red'], ['3', 'red']] as const) f.put(c, h, { body, properties: new Map([['colour', colour]]) })
  t.equal(f.text(c, red, { mode: 'browse-first' }), '2')
  t.equal(f.text(c, red), '2')
  t.equal(f.text(c, red), '3')
  t.equal(f.text(c, red, { waitMs: -1 }), undefined)
  const waiting = f.lastToken
  f.put(c, h, { body: '4', properties: new Map([['colour', 'blue']]) })
  t.equal(f.answerOf(c, waiting), undefined)
  f.put(c, h, { body: '5', properties: new Map([['colour', 'red']]) })
  t.match(f.answerOf(c, waiting), { message: { body: Buffer.from('5') } })
})

t.test('selector: with an id too -> looks at all of them again, and forgets nothing for gets without', async t => {
  const { f, c, h } = withQueue()
  const selecting = f.open(c, 'Q', { input: 'shared', selector: 'n = 1' })
  const id = (number: number): Buffer => Buffer.alloc(24, number)
  for (const number of [1, 2, 3]) f.put(c, h, { body: `${number}`, descriptor: { correlationId: id(number) }, properties: new Map([['n', 1]]) })
  t.equal(f.text(c, selecting, { match: { correlationId: id(2) } }), '2')
  t.equal(f.text(c, selecting, { match: { correlationId: id(9) } }), 2033)
  t.equal(f.text(c, selecting), '1')
  t.equal(f.text(c, selecting), '3')
  t.equal(f.text(c, selecting), 2033)
})

t.test('selector: a long scan goes on in slices; what comes available behind it is not missed, nor overtaken', async t => {
  const { f, c, h } = withQueue()
  const late = f.begin(c)
  f.put(c, h, { body: 'early', unit: late, properties: new Map([['n', 1]]) })
  for (let count = 0; count < 3_000; count++) f.put(c, h, { properties: new Map([['n', 0]]) })
  f.put(c, h, { body: 'last', properties: new Map([['n', 1]]) })
  const selecting = f.open(c, 'Q', { input: 'shared', selector: 'n = 1' })
  t.equal(f.text(c, selecting), undefined, 'not all of it in one turn')
  const token = f.lastToken
  t.equal(f.qm.nextDeadline(), f.clock.now())
  f.tick()
  t.equal(f.answerOf(c, token), undefined)
  f.commit(c, late)
  f.run()
  t.match(f.answerOf(c, token), { message: { body: Buffer.from('early') } })
  t.equal(f.text(c, selecting), undefined)
  f.run()
  t.match(f.answerOf(c, f.lastToken), { message: { body: Buffer.from('last') } })
  t.equal(f.text(c, selecting), 2033, 'what was passed once is not looked at again')
  f.put(c, h, { body: 'first', descriptor: { priority: 1 }, properties: new Map([['n', 1]]) })
  t.equal(f.text(c, selecting), 'first')
})

t.test('get: a damaged record -> 2101, the message stays, a browse goes past it', async t => {
  const { f, c, h } = withQueue()
  f.put(c, h, { body: 'a', persistent: true })
  f.put(c, h, { body: 'b', persistent: true })
  f.journal.damaged.add(f.journal.written.find(each => each.record.kind === 'put')?.at ?? -1)
  t.equal(f.text(c, h), 2101)
  t.equal(f.depth('Q'), 2)
  t.equal(f.text(c, h, { mode: 'browse-first' }), 2101)
  t.equal(f.text(c, h, { mode: 'browse-next' }), 'b')
})
