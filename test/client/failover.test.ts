import t from 'tap'
import type { Test } from 'tap'
import { connect } from '../../src/client/client.js'
import type { Connection, ConnectionNotice, ConnectOptions } from '../../src/client/client.js'
import { ClientServer } from '../mq/fake/client-server.js'
import type { ServerOptions } from '../mq/fake/client-server.js'
import { Cutter } from '../mq/fake/cutter.js'

const quick = '?initialReconnectDelay=1&maxReconnectDelay=20'
const reason = (expected: number): { reason: number; name: string } => ({ name: 'MqError', reason: expected })

async function server(test: Test, options: ServerOptions = {}): Promise<ClientServer> {
  const made = await ClientServer.listen(options)
  test.teardown(() => made.close())
  made.define('QLOCAL', 'Q')
  return made
}

/** A queue manager behind a relay, and a connection through it. */
async function cuttable(test: Test, options: Partial<ConnectOptions> = {}): Promise<{ qm: ClientServer; cutter: Cutter; connection: Connection; notices: ConnectionNotice[] }> {
  const qm = await server(test)
  const cutter = await Cutter.listen(qm.port)
  const notices: ConnectionNotice[] = []
  const connection = await connect({ address: `failover:(${cutter.address})${quick}`, onNotice: notice => notices.push(notice), ...options })
  test.teardown(async () => {
    await connection.close()
    await cutter.close()
  })
  return { qm, cutter, connection, notices }
}

/** How many bytes an operation sends and receives, measured by doing it once; heartbeats are far away. */
async function measure(cutter: Cutter, operation: () => Promise<unknown>): Promise<Readonly<Record<'up' | 'down', number>>> {
  cutter.arm({ side: 'up', bytes: Number.MAX_SAFE_INTEGER })
  await operation()
  const passed = { ...cutter.passed }
  cutter.disarm()
  return passed
}

t.test('a put cut off at every byte of its request and of its answer -> stored exactly once', async t => {
  const { qm, cutter, connection, notices } = await cuttable(t)
  const queue = await connection.openQueue('Q')
  const put = (): Promise<unknown> => queue.put('exactly once', { persistent: true })
  const { up, down } = await measure(cutter, put)
  await queue.get()
  let repetitions = 0
  for (const [side, bytes] of [['up', up], ['down', down]] as const) {
    for (let at = 0; at <= bytes; at++) {
      cutter.arm({ side, bytes: at })
      const stored = await queue.put(`${side} ${at}`, { persistent: true })
      if (stored.isRepetition) repetitions++
      cutter.disarm()
      t.equal(qm.depth('Q'), 1, `${side} ${at} of ${bytes}`)
      t.equal((await connection.transaction(async unit => queue.get({ unit }), { retries: 3 }))?.text, `${side} ${at}`)
    }
  }
  t.ok(repetitions > 10, `${repetitions} repetitions were recognised`)
  t.ok(cutter.cuts > up, `${cutter.cuts} cuts`)
  t.ok(notices.some(notice => notice.kind === 'reconnected'))
})

t.test('a commit cut off at every byte -> done, or backed out and said so; never in doubt, never half', async t => {
  const { qm, cutter, connection } = await cuttable(t)
  const queue = await connection.openQueue('Q')
  const unitOf = async (text: string): Promise<() => Promise<void>> => {
    const unit = await connection.begin()
    await queue.put(`${text} a`, { unit, persistent: true })
    await queue.put(`${text} b`, { unit, persistent: true })
    return () => unit.commit()
  }
  const { up, down } = await measure(cutter, await unitOf('measured'))
  await Promise.all([queue.get(), queue.get()])
  const outcomes = { done: 0, backedOut: 0 }
  for (const [side, bytes] of [['up', up], ['down', down]] as const) {
    for (let at = 0; at <= bytes; at++) {
      const commit = await unitOf(`${side} ${at}`)
      cutter.arm({ side, bytes: at })
      const outcome = await commit().then(
        () => 0,
        (error: { reason?: number }) => error.reason
      )
      cutter.disarm()
      if (outcome === 0) outcomes.done++
      else {
        outcomes.backedOut++
        t.equal(outcome, 2003, `${side} ${at}`)
      }
      const take = (): Promise<string | undefined> => connection.transaction(async unit => (await queue.get({ unit }))?.text, { retries: 3 })
      const texts = [await take(), await take()]
      t.strictSame(texts, outcome === 0 ? [`${side} ${at} a`, `${side} ${at} b`] : [undefined, undefined], `${side} ${at}: ${outcome ?? ''}`)
    }
  }
  t.ok(outcomes.done > 0 && outcomes.backedOut > 0, JSON.stringify(outcomes))
  t.equal(qm.depth('Q'), 0)
})

t.test('the queue manager loses power and comes back -> acknowledged puts are there, unanswered ones once', async t => {
  const qm = await server(t)
  await using connection = await connect(`failover:(${qm.address})${quick}`)
  const queue = await connection.openQueue('Q')
  await queue.put('before', { persistent: true })
  qm.isForceHeld = true
  const during = Array.from({ length: 20 }, (_, index) => queue.put(`during ${index}`, { persistent: true }))
  await connection.command('they have arrived')
  qm.isForceHeld = false
  qm.crash()
  await Promise.all(during)
  const texts: (string | undefined)[] = []
  for (let left = qm.depth('Q'); left > 0; left--) texts.push((await queue.get())?.text)
  t.strictSame(texts, ['before', ...Array.from({ length: 20 }, (_, index) => `during ${index}`)], 'in order, none twice')
})

t.test('a thousand puts and moves under way, cut and crashed again and again -> each message exactly once', async t => {
  const qm = await server(t)
  qm.define('QLOCAL', 'TARGET')
  await using connection = await connect(`failover:(${qm.address})${quick}`)
  const queue = await connection.openQueue('Q')
  const target = await connection.openQueue('TARGET')
  let answered = 0
  const onAnswered = (): void => {
    answered++
    if (answered % 700 === 0) qm.crash()
    else if (answered % 170 === 0) qm.cut()
  }
  const total = 1_200
  const puts = Array.from({ length: total }, (_, index) => queue.put(String(index), { persistent: true }).then(onAnswered))
  let moved = 0
  const move = async (): Promise<void> => {
    for (;;) {
      const isMoved = await connection.transaction(
        async unit => {
          const message = await queue.get({ unit })
          if (message === null) return false
          await target.put(message.body, { unit, persistent: true })
          return true
        },
        { retries: Number.POSITIVE_INFINITY }
      )
      if (isMoved) {
        moved++
        onAnswered()
      } else if (answered >= total && moved >= total) return
      else await new Promise(resolve => setImmediate(resolve))
    }
  }
  await Promise.all([...puts, move(), move(), move()])
  t.equal(moved, total)
  const seen = new Map<string, number>()
  for (let left = qm.depth('TARGET'); left > 0; left--) {
    const text = (await target.get())?.text ?? 'none'
    seen.set(text, (seen.get(text) ?? 0) + 1)
  }
  t.equal(seen.size, total)
  t.ok([...seen.values()].every(times => times === 1), 'none twice')
  t.equal(qm.depth('Q'), 0)
})

t.test('a unit of work in flight at the break -> 2003 from then on; transaction with retries does it again', async t => {
  const { qm, connection } = await cuttable(t)
  const queue = await connection.openQueue('Q')
  const unit = await connection.begin()
  await queue.put('x', { unit })
  qm.cut()
  await t.rejects(queue.put('y', { unit }), reason(2003))
  await t.rejects(unit.commit(), reason(2003))
  await unit.backout()
  let runs = 0
  await connection.transaction(
    async inner => {
      await queue.put('z', { unit: inner })
      if (++runs === 1) qm.cut()
    },
    { retries: 1 }
  )
  t.equal(runs, 2)
  t.equal(qm.depth('Q'), 1)
})

t.test('a get under way at the break -> 2549; a consume loop goes on; a browse cursor is lost', async t => {
  const { qm, connection } = await cuttable(t)
  const queue = await connection.openQueue('Q', { input: 'shared', output: true, browse: true })
  const get = queue.get({ waitMs: 10_000 })
  const consumed: string[] = []
  const loop = (async () => {
    for await (const message of queue.consume()) {
      consumed.push(message.text)
      if (message.text === 'cut' && message.backoutCount === 0) {
        qm.cut()
        await t.rejects(message.accept(), reason(2549))
      } else await message.accept()
      if (message.text === 'last') return
    }
  })()
  await connection.command('both wait')
  qm.cut()
  await t.rejects(get, reason(2549))
  await queue.put('one')
  await queue.put('cut')
  await queue.put('last')
  await loop
  t.strictSame(consumed, ['one', 'cut', 'cut', 'last'])
  await queue.put('1')
  await queue.put('2')
  await t.rejects(
    (async () => {
      for await (const message of queue.browse()) {
        t.equal(message.text, '1')
        qm.cut()
        await connection.command('back again').catch(() => undefined)
      }
    })(),
    reason(2549)
  )
})

t.test('subscriptions -> are made again; a durable one misses nothing', async t => {
  const { qm, connection } = await cuttable(t)
  const plain = await connection.subscribe('news')
  const durable = await connection.subscribe('news', { durableName: 'D' })
  await using other = await connect(qm.address)
  const cut = new Promise<void>(resolve => setImmediate(() => {
    for (const session of qm.sessions) if (session !== [...qm.sessions].at(-1)) session.destroy('cut')
    resolve()
  }))
  await cut
  const topic = await other.openTopic('news')
  await topic.publish('1')
  t.equal((await durable.get({ waitMs: 5_000 }).catch(() => durable.get({ waitMs: 5_000 })))?.text, '1')
  await connection.command('everything is open again')
  await topic.publish('2')
  t.equal((await plain.get({ waitMs: 5_000 }))?.text, '2')
})

t.test('addresses: the first answers nothing -> the next in the given order; randomize=false', async t => {
  const qm = await server(t)
  const refused = await server(t, { authorize: () => ({ ok: false, reason: 2059, why: 'starting' }) })
  const tried: number[] = []
  const second = await server(t, {
    authorize: () => {
      tried.push(tried.length + 1)
      return { ok: true, user: 'bob' }
    }
  })
  await using connection = await connect(`failover:(tcp://127.0.0.1:1,${refused.address},${second.address},${qm.address})?randomize=false`)
  t.equal(connection.queueManager, 'QM1')
  t.equal(tried.length, 1)
  t.equal(second.sessions.size, 1)
  t.equal(qm.sessions.size, 0)
})

t.test('connect: nobody answers -> attempts, time or the signal end it; a refusal by all ends it at once', async t => {
  await t.rejects(connect('failover:(tcp://127.0.0.1:1)?maxReconnectAttempts=2&initialReconnectDelay=1'), reason(2548))
  await t.rejects(connect('failover:(tcp://127.0.0.1:1)?timeout=20'), reason(2556))
  const abort = new AbortController()
  const connecting = connect({ address: 'failover:(tcp://127.0.0.1:1)', signal: abort.signal })
  abort.abort(new Error('no more'))
  await t.rejects(connecting, new Error('no more'))
  const closed = await server(t, { authorize: () => ({ ok: false, reason: 2035, why: 'no' }) })
  await t.rejects(connect(`failover:(${closed.address})`), reason(2035))
})

t.test('reconnection: the queue manager stays away -> 2556 for what waits too long, 2548 after the last attempt', async t => {
  const qm = await server(t)
  const connection = await connect(`failover:(${qm.address})?initialReconnectDelay=1&maxReconnectDelay=10&timeout=30`)
  const queue = await connection.openQueue('Q')
  await qm.close()
  await t.rejects(queue.put('x'), reason(2556))
  await t.rejects(queue.put('y'), reason(2556), 'at once from then on')
  await connection.close()
  const other = await server(t)
  const notices: ConnectionNotice[] = []
  const short = await connect({ address: `failover:(${other.address})?initialReconnectDelay=1&maxReconnectAttempts=2`, onNotice: notice => notices.push(notice) })
  await other.close()
  const waiting = short.put('Q', 'x')
  await t.rejects(waiting, reason(2548))
  t.match(notices.at(-1), { kind: 'closed', error: reason(2548) })
  t.ok(short.isClosed)
})

t.test('reconnection: another queue manager answers under the address -> not taken for ours', async t => {
  const qm = await server(t)
  const other = await server(t, { qmid: 'QM1_other' })
  const cutter = await Cutter.listen(qm.port)
  t.teardown(() => cutter.close())
  const connection = await connect(`failover:(${cutter.address})?initialReconnectDelay=1&maxReconnectAttempts=3`)
  cutter.target = other.port
  qm.cut()
  await t.rejects(connection.put('Q', 'x'), { name: 'MqError', reason: 2548, cause: reason(2546) })
})

t.test('no failover: the connection breaks -> 2009 for what is under way and what comes', async t => {
  const qm = await server(t)
  const connection = await connect(qm.address)
  const queue = await connection.openQueue('Q')
  const get = queue.get({ waitMs: 10_000 })
  await connection.command('it waits')
  qm.cut()
  await t.rejects(get, reason(2009))
  await t.rejects(queue.put('x'), reason(2009))
  await connection.close()
})

t.test('a controlled end -> a failover client finishes its unit, leaves, and comes back when it may', async t => {
  const qm = await server(t)
  const notices: string[] = []
  await using connection = await connect({ address: `failover:(${qm.address})${quick}`, onNotice: notice => notices.push(notice.kind) })
  const queue = await connection.openQueue('Q')
  const unit = await connection.begin()
  await queue.put('in the unit', { unit, persistent: true })
  const waiting = queue.get({ waitMs: 10_000 })
  await connection.command('it waits')
  qm.end('quiesce')
  await connection.command('told').catch(() => undefined)
  await unit.commit()
  qm.crash() // it has ended, and starts again
  t.equal((await waiting)?.text, 'in the unit')
  t.ok(notices.includes('quiesce'))
  t.ok(notices.includes('reconnected'))
})

t.test('a controlled end while a unit waits for a message -> transaction with retries goes on elsewhere', async t => {
  const qm = await server(t)
  await using connection = await connect(`failover:(${qm.address})${quick}`)
  const queue = await connection.openQueue('Q')
  const got = connection.transaction(async unit => (await queue.get({ unit, waitMs: 10_000 }))?.text, { retries: 5 })
  await connection.command('it waits')
  qm.end('quiesce')
  qm.crash()
  await queue.put('after')
  t.equal(await got, 'after')
})

t.test('a client that is silent -> its work is backed out; a queue manager that is silent -> the client reconnects', async t => {
  const { qm, cutter, connection, notices } = await cuttable(t, { heartbeatMs: 200, connectTimeoutMs: 300 })
  const queue = await connection.openQueue('Q')
  await queue.put('x', { persistent: true })
  const unit = await connection.begin()
  await queue.get({ unit })
  const gone = new Promise<void>(resolve => {
    const look = setInterval(() => {
      if (qm.qm.connections().length === 0) {
        clearInterval(look)
        resolve()
      }
    }, 20)
  })
  cutter.freeze()
  await gone
  cutter.thaw()
  t.equal((await connection.transaction(async inner => queue.get({ unit: inner }), { retries: 5 }))?.text, 'x')
  t.ok(notices.some(notice => notice.kind === 'reconnecting' && notice.error.message.includes('nothing was heard')))
})
