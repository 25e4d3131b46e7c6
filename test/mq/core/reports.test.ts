import t from 'tap'
import type { ConnectionId, HandleId } from '../../../src/mq/core/engine.js'
import type { Descriptor } from '../../../src/mq/core/message.js'
import { report } from '../../../src/mq/core/report-options.js'
import { CoreFixture } from '../fake/core-fixture.js'

const withQueues = (): { f: CoreFixture; c: ConnectionId; h: HandleId; reports: HandleId; dead: HandleId } => {
  const f = new CoreFixture()
  for (const name of ['Q', 'REPLIES', 'DEAD', 'BACKOUT']) f.define('QLOCAL', name, { MAXDEPTH: 10 })
  f.define('QMGR', 'QM1', { DEADQ: 'DEAD' })
  const c = f.connect()
  return { f, c, h: f.open(c, 'Q'), reports: f.open(c, 'REPLIES'), dead: f.open(c, 'DEAD') }
}

const messageId = Buffer.alloc(24, 1)
const correlationId = Buffer.alloc(24, 2)
const asking = (options: number): Partial<Descriptor> => ({ report: options, replyToQueue: 'REPLIES', messageId, correlationId, priority: 4, format: 'MQSTR' })

t.test('report: arrival and delivery -> a report each, with the priority and persistence of the message', async t => {
  for (const persistent of [true, false]) {
    const { f, c, h, reports } = withQueues()
    f.put(c, h, { body: 'x', persistent, descriptor: asking(report.arrival | report.delivery) })
    t.match(f.get(c, reports)?.message, {
      body: Buffer.alloc(0),
      descriptor: { messageType: 4, feedback: 259, priority: 4, persistence: persistent ? 1 : 0, correlationId: messageId, format: '', putApplicationType: 7, putApplicationName: 'QM1', report: 0 }
    })
    t.equal(f.text(c, reports), 2033)
    t.equal(f.text(c, h), 'x')
    t.match(f.get(c, reports)?.message?.descriptor, { feedback: 260 })
    f.force()
    t.equal(f.journal.unreleased() + f.spool.count, 0)
  }
})

t.test('report: in a unit of work -> with its commit, and not after its backout', async t => {
  const { f, c, h, reports } = withQueues()
  const unit = f.begin(c)
  f.put(c, h, { unit, persistent: true, descriptor: asking(report.arrival) })
  t.equal(f.text(c, reports), 2033)
  f.commit(c, unit)
  t.match(f.get(c, reports)?.message?.descriptor, { feedback: 259 })
  f.get(c, h)
  f.put(c, h, { persistent: true, descriptor: asking(report.delivery) })
  const second = f.begin(c)
  f.get(c, h, { unit: second })
  f.backout(c, second)
  t.equal(f.text(c, reports), 2033)
  const locked = f.get(c, h, { mode: 'lock' })
  f.settle(c, [locked?.delivery], 'accept')
  t.match(f.get(c, reports)?.message?.descriptor, { feedback: 260 })
})

t.test('report: expired -> walked over or scanned, one report', async t => {
  const { f, c, h, reports } = withQueues()
  for (const persistent of [true, false]) {
    f.put(c, h, { body: 'x', persistent, descriptor: { ...asking(report.expiration), expiry: 1 } })
    f.clock.advance(100)
    t.equal(f.text(c, h), 2033)
    t.match(f.get(c, reports)?.message?.descriptor, { feedback: 258, persistence: persistent ? 1 : 0 })
    f.put(c, h, { body: 'x', persistent, descriptor: { ...asking(report.expiration), expiry: 1 } })
    f.tick(1_000)
    f.run()
    t.match(f.get(c, reports)?.message?.descriptor, { feedback: 258 })
    t.equal(f.text(c, reports), 2033)
    t.equal(f.depth('Q'), 0)
  }
  f.put(c, h, { persistent: true, descriptor: { ...asking(report.expiration), expiry: 10 } })
  f.crash()
  f.tick(2_000)
  f.run()
  const again = f.connect()
  t.match(f.get(again, f.open(again, 'REPLIES'))?.message?.descriptor, { feedback: 258 }, 'after a restart too')
})

t.test('report: ids passed on, data wanted -> as the options say', async t => {
  const { f, c, h, reports } = withQueues()
  const body = Buffer.alloc(150, 'z')
  const reported = (options: number): ReturnType<CoreFixture['get']> => {
    f.put(c, h, { body, descriptor: asking(options) })
    f.get(c, h)
    return f.get(c, reports)
  }
  t.match(reported(report.arrival | report.passMessageId | report.passCorrelationId)?.message?.descriptor, { messageId, correlationId })
  t.match(reported(report.arrivalWithData)?.message, { body: body.subarray(0, 100), descriptor: { format: 'MQSTR' } })
  t.match(reported(report.arrivalWithFullData)?.message, { body })
  t.match(reported(report.deliveryWithFullData)?.message, { body })
})

t.test('report: nowhere to go -> the dead-letter queue with a header of 172 bytes; without one it is dropped', async t => {
  const { f, c, h, dead } = withQueues()
  f.put(c, h, { descriptor: { ...asking(report.arrivalWithFullData), replyToQueue: 'NOT.THERE' }, body: 'data' })
  const letter = f.get(c, dead)?.message
  t.match(letter?.descriptor, { format: 'MQDEAD', putApplicationType: 7, putApplicationName: 'QM1', feedback: 259 })
  const header = letter?.body ?? Buffer.alloc(0)
  t.equal(header.length, 172 + 4)
  t.equal(header.toString('latin1', 0, 4), 'DLH ')
  t.strictSame([header.readInt32LE(4), header.readInt32LE(8)], [1, 2085])
  t.equal(header.toString('latin1', 12, 60), 'NOT.THERE'.padEnd(48))
  t.equal(header.toString('latin1', 60, 108), 'QM1'.padEnd(48))
  t.strictSame([header.readInt32LE(108), header.readInt32LE(112), header.toString('latin1', 116, 124)], [546, 1208, 'MQSTR   '])
  t.strictSame([header.readInt32LE(124), header.toString('latin1', 128, 156)], [7, 'QM1'.padEnd(28)])
  t.strictSame([header.toString('latin1', 156, 164), header.toString('latin1', 164, 172)], ['20260301', '12000000'])
  t.equal(header.toString('latin1', 172), 'data')
  f.define('QMGR', 'QM1', { DEADQ: '' })
  t.equal(f.put(c, h, { descriptor: { ...asking(report.arrival), replyToQueue: 'NOT.THERE' } })?.reason, 0)
})

t.test('reject: BOQNAME -> there as it was; none -> dead-letter queue; none either -> back, one backout richer', async t => {
  for (const persistent of [true, false]) {
    const { f, c, h, dead } = withQueues()
    const reject = (): number | undefined => f.settle(c, [f.get(c, h, { mode: 'lock' })?.delivery], 'reject')
    f.define('QLOCAL', 'Q', { BOQNAME: 'BACKOUT' })
    f.put(c, h, { body: 'a', persistent, descriptor: { messageId, correlationId, priority: 3 } })
    t.equal(reject(), 0)
    t.match(f.get(c, f.open(c, 'BACKOUT'))?.message, { body: Buffer.from('a'), descriptor: { messageId, correlationId, priority: 3, backoutCount: 0 } })
    f.define('QLOCAL', 'Q', { BOQNAME: '' })
    f.put(c, h, { body: 'b', persistent, descriptor: { messageId } })
    t.equal(reject(), 0)
    const letter = f.get(c, dead)?.message
    t.match(letter?.descriptor, { format: 'MQDEAD', messageId })
    t.equal(letter?.body.readInt32LE(8), 2362)
    t.equal(letter?.body.toString('latin1', 12, 14), 'Q ')
    t.equal(letter?.body.toString('latin1', 172), 'b')
    f.define('QMGR', 'QM1', { DEADQ: '' })
    f.put(c, h, { body: 'c', persistent })
    t.equal(reject(), 0)
    t.match(f.get(c, h)?.message, { body: Buffer.from('c'), descriptor: { backoutCount: 1 } })
    f.force()
    t.equal(f.journal.unreleased() + f.spool.count, 0)
  }
})

t.test('reject: with exception report, with discard -> reported; dropped instead of dead-lettered', async t => {
  const { f, c, h, reports } = withQueues()
  const reject = (): number | undefined => f.settle(c, [f.get(c, h, { mode: 'lock' })?.delivery], 'reject')
  f.put(c, h, { persistent: true, descriptor: asking(report.exception) })
  reject()
  t.match(f.get(c, reports)?.message?.descriptor, { feedback: 2362, messageType: 4 })
  t.equal(f.depth('DEAD'), 1)
  f.put(c, h, { persistent: true, descriptor: asking(report.exception | report.discard) })
  reject()
  t.match(f.get(c, reports)?.message?.descriptor, { feedback: 2362 })
  t.equal(f.depth('DEAD'), 1)
  t.equal(f.depth('Q'), 0)
})

t.test('reject: BOQNAME that is full -> the dead-letter queue says why; a crash in between -> one or the other', async t => {
  const { f, c, h } = withQueues()
  f.define('QLOCAL', 'BACKOUT', { MAXDEPTH: 0 })
  f.define('QLOCAL', 'Q', { BOQNAME: 'BACKOUT' })
  f.put(c, h, { body: 'a', persistent: true })
  const locked = f.get(c, h, { mode: 'lock' })
  f.forcing = false
  t.equal(f.settle(c, [locked?.delivery], 'reject'), undefined, 'answered when it is durable')
  t.equal(f.depth('DEAD'), 1)
  for (const cut of f.journal.cuts()) {
    const { restored } = f.journal.crash(1, cut)
    let count = 0
    restored.forEachMessage(() => count++)
    t.equal(count, 1, `${cut}`)
  }
  f.force()
  t.match(f.answerOf(c, f.lastToken), { reason: 0 })
  const letter = f.get(c, f.open(c, 'DEAD'), { mode: 'browse-first' })?.message
  t.equal(letter?.body.readInt32LE(8), 2053)
})
