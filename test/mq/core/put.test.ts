import t from 'tap'
import { defaultDescriptor, type Descriptor } from '../../../src/mq/core/message.js'
import { CoreFixture, type PutOptions } from '../fake/core-fixture.js'

const withQueue = (attributes: Record<string, string | number> = {}): { f: CoreFixture; put: (options?: PutOptions) => number | undefined; get: () => Descriptor | undefined } => {
  const f = new CoreFixture()
  f.define('QLOCAL', 'Q', attributes)
  const c = f.connect('a.user.with.a.long.name', 'a program with a name longer than 28')
  const h = f.open(c, 'Q')
  return { f, put: options => f.put(c, h, options)?.reason, get: () => f.get(c, h)?.message?.descriptor }
}

t.test('put: body as long as MAXMSGL -> taken; longer than the queue allows 2030, than the queue manager 2031', async t => {
  const { f, put } = withQueue({ MAXMSGL: 100 })
  t.equal(put({ body: Buffer.alloc(100) }), 0)
  t.equal(put({ body: Buffer.alloc(101) }), 2030)
  f.define('QLOCAL', 'Q', { MAXMSGL: 100_000 })
  f.define('QMGR', 'QM1', { MAXMSGL: 32_768 })
  t.equal(put({ body: Buffer.alloc(32_768) }), 0)
  t.equal(put({ body: Buffer.alloc(32_769) }), 2031)
})

t.test('put: queue as full as MAXDEPTH -> 2053, uncommitted and locked messages counted', async t => {
  const { f, put, get } = withQueue({ MAXDEPTH: 2 })
  t.equal(put(), 0)
  const c = f.connect()
  const h = f.open(c, 'Q')
  const unit = f.begin(c)
  f.put(c, h, { unit })
  t.equal(put(), 2053)
  f.backout(c, unit)
  t.equal(put(), 0)
  t.equal(put(), 2053)
  get()
  t.equal(put(), 0)
  const second = f.begin(c)
  f.get(c, h, { unit: second })
  t.equal(put(), 2053, 'a message got in an open unit is still there')
  f.commit(c, second)
  t.equal(put(), 0)
})

t.test('put: inhibited -> 2051 at once, before any other fault', async t => {
  const { f, put } = withQueue({ PUT: 'DISABLED', MAXMSGL: 10, MAXDEPTH: 0 })
  t.equal(put({ body: Buffer.alloc(11) }), 2051)
  f.define('QLOCAL', 'Q', { PUT: 'ENABLED', MAXMSGL: 10, MAXDEPTH: 0 })
  t.equal(put({ body: Buffer.alloc(11) }), 2030)
  t.equal(put({ body: Buffer.alloc(10) }), 2053)
})

t.test('put: descriptor out of bounds -> its reason; at the bounds -> taken', async t => {
  const { put } = withQueue()
  const cases: readonly [Partial<Descriptor>, number][] = [
    [{ expiry: 1 }, 0],
    [{ expiry: 0 }, 2013],
    [{ expiry: -1 }, 0],
    [{ expiry: -2 }, 2013],
    [{ priority: -1 }, 0],
    [{ priority: -2 }, 2050],
    [{ priority: 9 }, 0],
    [{ priority: 10 }, 2049],
    [{ persistence: 3 }, 2047],
    [{ messageType: 1 }, 2027],
    [{ messageType: 1, replyToQueue: 'R' }, 0],
    [{ report: 256 }, 2027],
    [{ report: 0x0010_0000 }, 2061],
    [{ messageType: 0 }, 2026],
    [{ messageType: 65_535 }, 2026],
    [{ messageType: 65_536 }, 0],
    [{ messageId: Buffer.alloc(23) }, 2026],
    [{ correlationId: Buffer.alloc(25) }, 2026],
    [{ format: 'NINECHARS' }, 2026],
    [{ replyToQueue: 'X'.repeat(49) }, 2026],
    [{ feedback: 2 ** 31 }, 2026],
    [{ offset: -1 }, 2026],
    [{ encoding: 1.5 }, 2026]
  ]
  for (const [descriptor, reason] of cases) t.equal(put({ descriptor }), reason, JSON.stringify(descriptor))
})

t.test('put: what is left to the queue manager -> ids, defaults of the queue, context, date', async t => {
  const { f, put, get } = withQueue({ DEFPRTY: 6, DEFPSIST: 'YES' })
  f.define('QMGR', 'QM1', { CCSID: 850 })
  put({ descriptor: { codedCharacterSetId: 0, replyToQueue: 'R', priority: 42, backoutCount: 7 } })
  t.match(get(), { priority: 9, persistence: 1, codedCharacterSetId: 850, replyToQueueManager: 'QM1', backoutCount: 0 })
  put()
  const descriptor = get()
  t.match(descriptor, {
    priority: 6,
    persistence: 1,
    userIdentifier: 'a.user.with.',
    putApplicationType: 6,
    putApplicationName: 'a program with a name longer',
    putDate: '20260301',
    putTime: '12000000',
    replyToQueueManager: ''
  })
  t.equal(descriptor?.messageId.toString('latin1', 0, 16), 'AMQ QM1         ')
})

t.test('put: given ids and context -> kept when asked, message id made anew when asked', async t => {
  const { put, get } = withQueue()
  const given = { messageId: Buffer.alloc(24, 5), userIdentifier: 'bob', putApplicationName: 'theirs', putDate: '20200101', putTime: '01020304' }
  put({ descriptor: given, request: { keepContext: true } })
  t.match(get(), given)
  put({ descriptor: given, request: { newMessageId: true } })
  const second = get()
  t.notSame(second?.messageId, given.messageId)
  t.match(second, { userIdentifier: 'a.user.with.', putDate: '20260301' })
})

t.test('put: no room in log or spool -> 2102 to the putter, and nothing is changed', async t => {
  const { f, put } = withQueue()
  f.journal.isFull = true
  t.equal(put({ persistent: true }), 2102)
  t.equal(put({ persistent: false }), 0)
  f.spool.bytesMax = f.spool.bytes
  t.equal(put({ persistent: false }), 2102)
  t.equal(f.depth('Q'), 1)
  f.journal.isFull = false
  t.equal(put({ persistent: true }), 0)
  t.match(f.qm.define({ type: 'QLOCAL', name: 'R', attributes: {} }), { ok: true })
  f.journal.isFull = true
  t.match(f.qm.define({ type: 'QLOCAL', name: 'S', attributes: {} }), { ok: false, reason: 2102 })
  t.match(f.qm.remove('QLOCAL', 'R'), { ok: false, reason: 2102 })
  t.match(f.qm.find('QLOCAL', 'S'), null)
})

t.test('put one: opens, puts and closes; refused as an open would be', async t => {
  const { f } = withQueue()
  const c = f.connect()
  const one = (name: string): number | undefined =>
    f.call(c, token => f.qm.putOne(c, { kind: 'queue', name }, { message: { descriptor: { ...defaultDescriptor, persistence: 1 }, properties: new Map(), body: Buffer.from('x') }, unit: null }, token))?.reason
  t.equal(one('Q'), 0)
  t.equal(one('NOT.THERE'), 2085)
  t.equal(f.depth('Q'), 1)
  t.match(f.qm.queueStatus('Q'), { openOutput: 1 }, 'the fixture only')
})
