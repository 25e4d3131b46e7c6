import t from 'tap'
import { connect, MqError, reasons } from '../../src/client/client.js'
import type { Browsed } from '../../src/client/client.js'
import { ClientServer, refuseAll } from '../mq/fake/client-server.js'
import type { ServerOptions } from '../mq/fake/client-server.js'

async function server(test: Pick<typeof t, 'teardown'>, options: ServerOptions = {}): Promise<ClientServer> {
  const made = await ClientServer.listen(options)
  test.teardown(() => made.close())
  made.define('QLOCAL', 'Q')
  return made
}

const reason = (expected: number): { reason: number; name: string } => ({ name: 'MqError', reason: expected })

t.test('connect: a queue manager answers -> its name, and everything at its end is gone after close', async t => {
  const qm = await server(t)
  const connection = await connect({ address: qm.address, application: 'tester' })
  t.equal(connection.queueManager, 'QM1')
  t.match(qm.qm.connections(), [{ kind: 'client', applicationTag: 'tester', user: 'alice' }])
  await connection.close()
  await connection.close()
  t.ok(connection.isClosed)
  t.strictSame(qm.qm.connections(), [])
  await t.rejects(connection.openQueue('Q'), reason(2018))
})

t.test('connect: refused, another queue manager, nobody there -> the reason code', async t => {
  const qm = await server(t)
  await t.rejects(connect({ address: qm.address, queueManager: 'QM2' }), reason(2058))
  const closed = await server(t, refuseAll)
  await t.rejects(connect({ address: closed.address, user: 'eve', password: 'x' }), reason(2035))
  await t.rejects(connect('tcp://127.0.0.1:1'), reason(2538))
  await t.rejects(connect('unix:/nonexistent/socket'), reason(2059))
  await t.rejects(connect('http://x'), reason(2539))
})

t.test('put and get: texts, bytes, descriptor and properties -> as given', async t => {
  const qm = await server(t)
  await using connection = await connect(qm.address)
  await using queue = await connection.openQueue('Q')
  const correlationId = Buffer.from('correlation')
  const stored = await queue.put('Grüße', {
    persistent: true,
    priority: 7,
    correlationId,
    replyToQueue: 'ANSWERS',
    properties: { color: 'red', count: 3, exact: 12345678901234567890n, big: 2n ** 60n, yes: true, none: null, raw: Buffer.from([1, 2]) }
  })
  t.equal(stored.messageId.length, 24)
  t.equal(stored.warning, 0)
  await queue.put(Buffer.from([0, 255, 1]), { persistent: false })
  const first = await queue.get()
  t.equal(first?.text, 'Grüße')
  t.strictSame(first?.messageId, stored.messageId)
  t.equal(first?.correlationId.subarray(0, 11).toString(), 'correlation')
  t.match(first?.descriptor, { format: 'MQSTR', priority: 7, persistence: 1, replyToQueue: 'ANSWERS', replyToQueueManager: 'QM1', userIdentifier: 'alice' })
  t.strictSame([...(first?.properties ?? [])], [['color', 'red'], ['count', 3], ['exact', '12345678901234567890'], ['big', 2n ** 60n], ['yes', true], ['none', null], ['raw', Buffer.from([1, 2])]])
  const second = await queue.get()
  t.strictSame(second?.body, Buffer.from([0, 255, 1]))
  t.equal(second?.descriptor.format, '')
  t.equal(await queue.get(), null, '2033 is null')
})

t.test('get: by correlation id, with room for less -> only that one; 2080 leaves it, truncated when accepted', async t => {
  const qm = await server(t)
  await using connection = await connect(qm.address)
  await using queue = await connection.openQueue('Q')
  await queue.put('one', { correlationId: Buffer.from('1') })
  await queue.put('two', { correlationId: Buffer.from('2') })
  t.equal(await queue.get({ correlationId: Buffer.from('3') }), null)
  await t.rejects(queue.get({ correlationId: Buffer.from('2'), bytesMax: 2 }), reason(2080))
  const cut = await queue.get({ correlationId: Buffer.from('2'), bytesMax: 2, acceptTruncated: true })
  t.match(cut, { text: 'tw', wholeBytes: 3, isTruncated: true })
  t.equal((await queue.get())?.text, 'one')
})

t.test('put: to an unknown queue, too long, not open for output -> the reason code, and the connection goes on', async t => {
  const qm = await server(t, { channel: { name: 'C', messageBytesMax: 100, heartbeatSeconds: 5 } })
  await using connection = await connect(qm.address)
  await t.rejects(connection.put('NONE', 'x'), reason(2085))
  await t.rejects(connection.openQueue('NONE'), reason(2085))
  await t.rejects(connection.put('Q', Buffer.alloc(101)), reason(2218))
  await t.rejects(connection.put('Q', 'x', { messageId: Buffer.alloc(25) }), reason(2026))
  await t.rejects(connection.put('Q', 'x', { descriptor: { format: 'TOOLONGNAME' } }), reason(2026))
  await using input = await connection.openQueue('Q', { input: 'shared' })
  await t.rejects(input.put('x'), reason(2039))
  t.match(await connection.put('Q', 'x', { priority: 12 }), { warning: 2049 })
  t.equal(qm.depth('Q'), 1)
})

t.test('get: wait -> ends with the message, with the time, or with the signal', async t => {
  const qm = await server(t)
  await using connection = await connect(qm.address)
  await using queue = await connection.openQueue('Q')
  const waiting = queue.get({ waitMs: 10_000 })
  await queue.put('came')
  t.equal((await waiting)?.text, 'came')
  t.equal(await queue.get({ waitMs: 20 }), null)
  const abort = new AbortController()
  const aborted = queue.get({ waitMs: Number.POSITIVE_INFINITY, signal: abort.signal })
  const why = new Error('enough')
  abort.abort(why)
  await t.rejects(aborted, why)
  await t.rejects(queue.get({ signal: abort.signal }), why)
  await t.rejects(queue.put('x', { signal: abort.signal }), why)
  t.equal(qm.depth('Q'), 0)
})

t.test('units of work: commit, backout, disposal, an error in a transaction -> whole or nothing', async t => {
  const qm = await server(t)
  await using connection = await connect(qm.address)
  await using queue = await connection.openQueue('Q')
  const unit = await connection.begin()
  await queue.put('a', { unit, persistent: true })
  t.equal(await queue.get(), null, 'not seen before the commit')
  const late = queue.put('b', { unit })
  await unit.commit()
  await late
  t.equal(qm.depth('Q'), 2, 'the commit waited for the put under way')
  await t.rejects(unit.commit(), reason(2046))
  await t.rejects(queue.put('c', { unit }), reason(2046))
  {
    await using abandoned = await connection.begin()
    t.equal((await queue.get({ unit: abandoned }))?.text, 'a')
  }
  const back = await queue.get()
  t.match(back, { text: 'a', descriptor: { backoutCount: 1 } })
  const failure = new Error('no')
  await t.rejects(
    connection.transaction(async inner => {
      await queue.put('d', { unit: inner })
      throw failure
    }),
    failure
  )
  t.equal(await connection.transaction(async inner => (await queue.get({ unit: inner }))?.text), 'b')
  t.equal(qm.depth('Q'), 0)
})

t.test('browse: messages -> shown and left; got under the cursor; 2034 when it went on', async t => {
  const qm = await server(t)
  await using connection = await connect(qm.address)
  await using queue = await connection.openQueue('Q', { browse: true, input: 'shared', output: true })
  for (const text of ['Hello', 'This', 'is', 'a', 'test']) await queue.put(text)
  const seen: string[] = []
  for await (const message of queue.browse()) seen.push(message.text)
  t.strictSame(seen, ['Hello', 'This', 'is', 'a', 'test'])
  t.equal(qm.depth('Q'), 5)
  const passed: Browsed[] = []
  for await (const message of queue.browse()) {
    passed.push(message)
    if (message.text === 'is') {
      await t.rejects((passed[1] as Browsed).get(), reason(2034))
      t.equal((await message.get()).text, 'is')
      await t.rejects(message.get(), reason(2034))
    }
  }
  t.equal(qm.depth('Q'), 4)
})

t.test('consume: accept, release, reject, autoAccept, idle -> what the program says of each', async t => {
  const qm = await server(t)
  qm.define('QLOCAL', 'BACKOUT')
  qm.define('QLOCAL', 'WORK', { BOQNAME: 'BACKOUT', BOTHRESH: 1 })
  await using connection = await connect(qm.address)
  await using queue = await connection.openQueue('WORK')
  for (const text of ['1', '2', '3', '4']) await queue.put(text)
  const counts: string[] = []
  for await (const message of queue.consume({ idleMs: 50, prefetch: 3 })) {
    counts.push(`${message.text}:${message.backoutCount}`)
    if (message.text === '1' && message.backoutCount === 0) await message.release()
    else if (message.text === '2') await message.reject()
    else await message.accept()
    t.ok(message.isSettled)
    await t.rejects(message.accept(), reason(2019))
  }
  t.strictSame(counts.slice().sort(), ['1:0', '1:1', '2:0', '3:0', '4:0'])
  t.equal(qm.depth('WORK'), 0)
  t.equal(qm.depth('BACKOUT'), 1)
  for (const text of ['5', '6', '7']) await queue.put(text)
  for await (const message of queue.consume({ autoAccept: true, prefetch: 3 })) if (message.text === '6') break
  t.equal(qm.depth('WORK'), 2, 'the one that was left by break, and the one locked ahead, are back')
  const abort = new AbortController()
  await t.rejects(
    (async () => {
      for await (const message of queue.consume({ autoAccept: true, signal: abort.signal })) if (message.text === '7') setImmediate(() => abort.abort(new Error('done')))
    })(),
    new Error('done')
  )
  t.equal(qm.depth('WORK'), 0)
})

t.test('publish/subscribe: wildcards and durable names -> what was published while away is there', async t => {
  const qm = await server(t)
  await using connection = await connect(qm.address)
  const all = await connection.subscribe('prices/#')
  const durable = await connection.subscribe('prices/gold', { durableName: 'GOLD' })
  await using topic = await connection.openTopic('prices/gold')
  t.equal(topic.topic, 'prices/gold')
  await topic.publish('100')
  t.equal((await all.get({ waitMs: 1_000 }))?.text, '100')
  t.equal((await durable.get({ waitMs: 1_000 }))?.text, '100')
  await durable.close()
  await topic.publish('101')
  const again = await connection.subscribe('prices/gold', { durableName: 'GOLD' })
  t.equal((await again.get({ waitMs: 1_000 }))?.text, '101')
  await again.close()
  await connection.unsubscribe('GOLD')
  await t.rejects(connection.unsubscribe('GOLD'), { name: 'MqError' })
})

t.test('command: MQSC text, also with a long answer -> lines and outcome', async t => {
  const lines = Array.from({ length: 40_000 }, (_, index) => `line ${index}`)
  const qm = await server(t, { command: text => (text === 'long' ? { outcome: 'done', lines } : { outcome: 'syntax', lines: [] }) })
  await using connection = await connect(qm.address)
  t.strictSame(await connection.command('long'), { outcome: 'done', lines })
  t.strictSame(await connection.command('x'), { outcome: 'syntax', lines: [] })
})

t.test('large messages: 30 MB both ways -> whole, and small calls pass between', async t => {
  const qm = await server(t)
  await using connection = await connect(qm.address)
  await using queue = await connection.openQueue('Q', { input: 'shared', output: true, inquire: true })
  const body = Buffer.alloc(30_000_000, 'abcdefghij')
  const order: string[] = []
  const put = queue.put(body, { persistent: true }).then(() => order.push('put'))
  const facts = queue.inquire().then(() => order.push('inquired'))
  const behind = queue.put('behind').then(() => order.push('behind'))
  await Promise.all([put, facts, behind])
  t.equal(order[0], 'inquired')
  const got = queue.get().then(message => {
    order.push('got')
    return message
  })
  const between = queue.inquire().then(() => order.push('inquired'))
  const message = await got
  await between
  t.ok(message?.body.equals(body))
  t.strictSame(order.slice(-2), ['inquired', 'got'])
  t.equal((await queue.get())?.text, 'behind')
})

t.test('many puts at once -> in order, each answered', async t => {
  const qm = await server(t)
  await using connection = await connect({ address: qm.address, putsMax: 50 })
  await using queue = await connection.openQueue('Q')
  await Promise.all(Array.from({ length: 2_000 }, (_, index) => queue.put(String(index), { persistent: true })))
  const got = await Promise.all(Array.from({ length: 2_000 }, () => queue.get()))
  t.strictSame(got.map(message => Number(message?.text)), Array.from({ length: 2_000 }, (_, index) => index))
})

t.test('backpressure: the log is not forced -> puts beyond the limit wait in order, or are refused', async t => {
  const qm = await server(t)
  qm.isForceHeld = true
  await using connection = await connect({ address: qm.address, putsMax: 2 })
  const first = [connection.put('Q', '1', { persistent: true }), connection.put('Q', '2', { persistent: true })]
  const abort = new AbortController()
  const third = connection.put('Q', '3', { persistent: true, signal: abort.signal })
  const fourth = connection.put('Q', '4', { persistent: true })
  abort.abort(new Error('no time'))
  await t.rejects(third, new Error('no time'))
  await using strict = await connect({ address: qm.address, putBytesMax: 10, whenFull: 'reject' })
  const fits = strict.put('Q', Buffer.alloc(20), { persistent: true })
  await t.rejects(strict.put('Q', 'x', { persistent: true }), reason(2071))
  qm.isForceHeld = false
  await connection.command('wake up') // the puts before it have arrived
  qm.force()
  await Promise.all([...first, fourth, fits])
  t.equal(qm.depth('Q'), 4)
})

t.test('errors: an MqError -> reason, symbol, completion', async t => {
  t.match(new MqError(reasons.unknownObjectName), { reason: 2085, symbol: 'MQRC_UNKNOWN_OBJECT_NAME', completion: 2, code: 'HA_MQ_REASON', message: 'MQRC_UNKNOWN_OBJECT_NAME (2085)' })
})
