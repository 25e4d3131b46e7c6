import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import { headerOf, StompWorld, type SeenFrame } from '../fake/stomp-world.js'

const bodies = (frames: readonly SeenFrame[]): string[] => frames.filter(frame => frame.command === 'MESSAGE').map(frame => frame.body.toString())
const acks = (frames: readonly SeenFrame[]): string => frames.filter(frame => frame.command === 'MESSAGE').map(frame => `ACK\nid:${headerOf(frame, 'ack') ?? ''}\n\n\0`).join('')

function worldWith(...queues: readonly string[]): StompWorld {
  const world = new StompWorld()
  for (const queue of queues) world.define('QLOCAL', queue, { MAXDEPTH: 100_000 })
  return world
}

t.test('stomp slow consumer: it stops reading -> we stop getting, and go on where we were', async test => {
  const world = worldWith('Q')
  const sender = world.connect()
  for (let index = 0; index < 2_000; index++) sender.send(`SEND\ndestination:/queue/Q\n\n${index}\0`)
  const consumer = world.connect()
  consumer.isReading = false
  consumer.send('SUBSCRIBE\nid:0\ndestination:/queue/Q\n\n\0')
  test.equal(bodies(consumer.frames()).length, 1, 'the write that said "no more" was the last')
  test.equal(world.depth('Q'), 1_999)
  const seen = ['0']
  for (let rounds = 0; rounds < 5; rounds++) {
    consumer.session.onWritable() // reads a little, then is slow again
    world.settle()
    seen.push(...bodies(consumer.frames()))
  }
  test.strictSame(seen, ['0', '1', '2', '3', '4', '5'])
  consumer.read()
  test.equal(bodies(consumer.frames()).length, 1_994)
  test.equal(world.depth('Q'), 0)
})

t.test('stomp slow consumer: many subscriptions, it stops reading -> one message each at most', async test => {
  const world = worldWith(...Array.from({ length: 20 }, (_, index) => `Q${index}`))
  const consumer = world.connect()
  for (let index = 0; index < 20; index++) consumer.send(`SUBSCRIBE\nid:${index}\ndestination:/queue/Q${index}\n\n\0`)
  const sender = world.connect()
  consumer.isReading = false
  for (let round = 0; round < 5; round++) for (let index = 0; index < 20; index++) sender.send(`SEND\ndestination:/queue/Q${index}\n\n${round}\0`)
  test.equal(bodies(consumer.frames()).length, 1, 'the other waits were ended')
  consumer.read()
  test.equal(bodies(consumer.frames()).length, 99)
})

t.test('stomp slow reader of receipts: -> its frames are not taken, and we stop reading', async test => {
  const world = worldWith('Q')
  const sender = world.connect()
  sender.isReading = false
  const send = (number: number): string => `SEND\ndestination:/queue/Q\nreceipt:${number}\n\nx\0`
  sender.send(send(0))
  sender.send(Array.from({ length: 100 }, (_, index) => send(index + 1)).join(''))
  test.equal(world.depth('Q'), 1)
  test.equal(sender.isPaused, true)
  sender.read()
  test.equal(sender.isPaused, false)
  test.equal(world.depth('Q'), 101)
  test.equal(sender.frames().length, 101)
})

t.test('stomp puts without answers: beyond 16 MB -> reading stops until the log is forced', async test => {
  const world = worldWith('Q')
  const sender = world.connect()
  world.isForcing = false
  const frame = Buffer.concat([Buffer.from('SEND\ndestination:/queue/Q\npersistent:true\n\n'), Buffer.alloc(1024 * 1024, 'x'), Buffer.alloc(1)])
  for (let index = 0; index < 20; index++) sender.send(frame)
  test.equal(sender.isPaused, true)
  test.equal(world.depth('Q'), 17)
  world.isForcing = true
  world.force()
  test.equal(sender.isPaused, false)
  test.equal(world.depth('Q'), 20)
})

t.test('stomp prefetch: no acknowledgement -> no more than that many, on the connection no more than its limit', async test => {
  const world = worldWith('Q')
  const sender = world.connect()
  for (let index = 0; index < 100; index++) sender.send(`SEND\ndestination:/queue/Q\n\n${index}\0`)
  const consumer = world.connect('1.2', '', { unacknowledgedMax: 12 })
  consumer.send('SUBSCRIBE\nid:a\ndestination:/queue/Q\nack:client-individual\nprefetch-count:5\n\n\0')
  const first = consumer.frames()
  test.equal(bodies(first).length, 5)
  consumer.send('SUBSCRIBE\nid:b\ndestination:/queue/Q\nack:client-individual\nprefetch-count:0\n\n\0')
  const second = consumer.frames()
  test.equal(bodies(second).length, 7, 'twelve in all')
  consumer.send(acks(first))
  const third = consumer.frames()
  test.equal(bodies(third).length, 5)
  let left = [...second, ...third]
  for (let rounds = 0; left.length > 0 && rounds < 200; rounds++) {
    consumer.send(acks(left))
    left = consumer.frames()
  }
  test.equal(world.depth('Q'), 0, 'and nothing is forgotten')
})

t.test('stomp vanished client: transaction and deliveries -> backed out, and back on their queues in order', async test => {
  const world = worldWith('IN', 'OUT')
  const sender = world.connect()
  for (let index = 0; index < 10; index++) sender.send(`SEND\ndestination:/queue/IN\npersistent:true\n\n${index}\0`)
  const worker = world.connect()
  worker.send('SUBSCRIBE\nid:0\ndestination:/queue/IN\nack:client\n\n\0')
  const got = worker.frames()
  worker.send(`BEGIN\ntransaction:t\n\n\0ACK\nid:${headerOf(got[3] as SeenFrame, 'ack') ?? ''}\ntransaction:t\n\n\0SEND\ndestination:/queue/OUT\ntransaction:t\npersistent:true\n\nresult\0`)
  worker.vanish()
  test.equal(world.depth('IN'), 10)
  test.equal(world.depth('OUT'), 0)
  const next = world.connect()
  next.send('SUBSCRIBE\nid:0\ndestination:/queue/IN\n\n\0')
  const again = next.frames()
  test.strictSame(bodies(again), ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
  test.strictSame(bodies(again.filter(frame => headerOf(frame, 'redelivered') === 'true')), ['0', '1', '2', '3', '4'], 'acknowledged in the transaction, or next')
})

t.test('stomp silent client: while we do not read -> it is not blamed for what we cannot hear', async test => {
  const world = worldWith('Q')
  const sender = world.connect('1.2', 'heart-beat:1000,0\n')
  sender.isReading = false
  sender.send('SEND\ndestination:/queue/Q\nreceipt:1\n\nx\0')
  sender.send('SEND\ndestination:/queue/Q\nreceipt:2\n\nx\0')
  test.equal(sender.isPaused, true)
  world.advance(60_000)
  test.equal(sender.isEnded, false)
  sender.read()
  test.equal(sender.isPaused, false)
  world.advance(2_900)
  test.equal(sender.isEnded, false)
  world.advance(200)
  test.match(sender.why, /nothing was heard/)
})

t.test('stomp object changed under a sender: -> opened again, nothing lost', async test => {
  const world = worldWith('Q')
  const sender = world.connect()
  sender.send('SEND\ndestination:/queue/Q\nreceipt:1\n\none\0')
  const changed = world.qm.define({ type: 'QLOCAL', name: 'Q', attributes: { MAXDEPTH: 50, MAXMSGL: 1_000 } }, { force: true })
  test.equal(changed.ok, true)
  world.settle()
  sender.send('SEND\ndestination:/queue/Q\nreceipt:2\n\ntwo\0')
  test.strictSame(sender.frames().map(frame => headerOf(frame, 'receipt-id')), ['1', '2'])
  test.equal(world.depth('Q'), 2)
})

t.test('stomp ends: stop of the queue manager, of one connection -> ERROR with the reason', async test => {
  const world = worldWith('Q')
  const one = world.connect()
  const two = world.connect('1.2', 'client-id:other\n')
  const target = world.qm.connections().find(connection => connection.applicationTag === 'other')
  test.equal(world.qm.endConnection(target?.id ?? ''), true)
  world.settle()
  test.equal(two.isEnded, true)
  test.equal(two.frames()[0]?.command, 'ERROR')
  test.equal(one.isEnded, false)
  world.qm.onEnd('stop')
  world.settle()
  test.equal(one.isEnded, true)
  test.match(headerOf(one.frames()[0] as SeenFrame, 'reason-code'), /^2\d\d\d$/)
})

t.test('stomp message ids: equal ones chosen by another program -> still acknowledged one by one in 1.1', async test => {
  const world = worldWith('Q')
  const id = Buffer.alloc(24, 7)
  const connected = world.qm.connect({ kind: 'client', applicationTag: 'x', user: 'u', channel: '', connectionName: '', processId: 1 })
  if (!connected.ok) throw new Error('not connected')
  const { defaultDescriptor, noProperties } = await import('../../../src/mq/core/message.js')
  for (const text of ['one', 'two']) {
    world.qm.putOne(connected.value, { kind: 'queue', name: 'Q' }, { message: { descriptor: { ...defaultDescriptor, messageId: id }, properties: noProperties, body: Buffer.from(text) }, unit: null }, 1)
  }
  world.settle()
  const consumer = world.connect('1.1')
  consumer.send('SUBSCRIBE\nid:0\ndestination:/queue/Q\nack:client-individual\n\n\0')
  const ids = consumer.frames().map(frame => headerOf(frame, 'message-id') ?? '')
  test.equal(new Set(ids).size, 2)
  for (const one of ids) consumer.send(`ACK\nsubscription:0\nmessage-id:${one}\n\n\0`)
  test.equal(world.depth('Q'), 0)
  test.equal(consumer.isEnded, false)
})

t.test('stomp conversations in pieces of any size -> what they do is the same', async test => {
  const script = [
    'CONNECT\naccept-version:1.2\nhost:h\nheart-beat:0,0\n\n\0',
    'SUBSCRIBE\nid:0\ndestination:/queue/Q\nack:client\nreceipt:s\n\n\0\n\n',
    'SEND\ndestination:/queue/Q\npersistent:true\nreceipt:1\n\nhello\0',
    'BEGIN\ntransaction:t\n\n\0SEND\ndestination:/queue/Q\ntransaction:t\ncontent-length:4\n\n\0\0\0\0\0',
    `SEND\ndestination:/queue/Q\ncontent-length:40000\n\n${'y'.repeat(40_000)}\0`,
    'COMMIT\ntransaction:t\nreceipt:c\n\n\0',
    'UNSUBSCRIBE\nid:0\nreceipt:u\n\n\0',
    'SEND\ndestination:/topic/t\nreceipt:t\n\nnobody\0',
    'DISCONNECT\nreceipt:bye\n\n\0'
  ].join('')
  const play = (pieces: readonly Buffer[]): string[] => {
    const world = worldWith('Q')
    const peer = world.accept()
    for (const piece of pieces) peer.send(piece)
    // Frames of one kind keep their order; a receipt may overtake a message.
    return [...peer.frames().map(({ command, headers, body }) => `${command} ${JSON.stringify(headers)} ${body.toString('latin1')}`).sort(), `depth ${world.depth('Q')}`, `ended ${peer.isEnded}`]
  }
  const whole = Buffer.from(script)
  const expected = play([whole])
  test.equal(expected.filter(line => line.startsWith('RECEIPT')).length, 6)
  test.ok(expected.includes('depth 3'))
  const prng = new Prng(5)
  for (let round = 0; round < 60; round++) {
    const pieces: Buffer[] = []
    for (let at = 0; at < whole.length; ) {
      const size = prng.chance(1, 4) ? prng.between(1, 30_000) : prng.between(1, 40)
      pieces.push(whole.subarray(at, at + size))
      at += size
    }
    const found = play(pieces).filter(line => !line.startsWith('MESSAGE'))
    const wanted = expected.filter(line => !line.startsWith('MESSAGE'))
    if (found.join('\n') !== wanted.join('\n')) test.strictSame(found, wanted)
  }
})

t.test('stomp: random frames and garbage -> never an exception; ERROR, or obeyed', async test => {
  const prng = new Prng(77)
  const values = ['/queue/Q', '/topic/t/#', '/temp-queue/a', '/queue/NONE', '1', '0', 't', 'true', 'auto', 'client', 'client-individual', '', 'x\\c', '999999', '-1', "a = 'b'", 'ID\\cff']
  const names = ['destination', 'id', 'ack', 'transaction', 'receipt', 'message-id', 'subscription', 'persistent', 'priority', 'expires', 'reply-to', 'correlation-id', 'selector', 'prefetch-count', 'durable', 'client-id', 'retain', 'content-type', 'exclusive']
  const commands = ['SEND', 'SUBSCRIBE', 'UNSUBSCRIBE', 'ACK', 'NACK', 'BEGIN', 'COMMIT', 'ABORT', 'DISCONNECT', 'CONNECT', 'BOGUS']
  const weighted = ['SEND', 'SEND', 'SEND', 'SUBSCRIBE', 'ACK', 'NACK', 'BEGIN', 'COMMIT', 'ABORT', ...commands]
  let obeyed = 0
  for (let round = 0; round < 150; round++) {
    const world = worldWith('Q')
    let peer = world.connect(prng.pick(['1.0', '1.1', '1.2']), 'client-id:c\n')
    for (let step = 0; step < 60; step++) {
      if (peer.isEnded) peer = world.connect(prng.pick(['1.0', '1.1', '1.2']), 'client-id:c\n')
      const headers = Array.from({ length: prng.between(0, 5) }, () => `${prng.pick(names)}:${prng.pick(values)}\n`)
      const command = prng.pick(weighted)
      if (prng.chance(2, 3)) headers.unshift('destination:/queue/Q\n', 'id:1\n', 'transaction:t\n')
      if (prng.chance(1, 2)) headers.pop()
      const bytes = Buffer.from(`${command}\n${headers.join('')}\n${command === 'SEND' ? 'body' : ''}\0`)
      if (prng.chance(1, 20)) bytes[prng.below(bytes.length)] = prng.below(256)
      if (prng.chance(1, 30)) peer.isReading = !peer.isReading
      peer.send(bytes)
      if (prng.chance(1, 30) && !peer.isEnded) peer.vanish()
      if (!peer.isEnded) obeyed += 1
      peer.frames()
    }
    if (!peer.isEnded) peer.vanish()
    test.equal(world.qm.connections().length, 0, 'no connection is left behind')
  }
  test.ok(obeyed > 1_000, `${obeyed} frames were obeyed`)
})
