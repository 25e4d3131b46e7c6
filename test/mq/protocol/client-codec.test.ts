import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import { defaultDescriptor } from '../../../src/mq/core/message.js'
import type { DeliveryId, HandleId, UnitId } from '../../../src/mq/core/engine.js'
import type { Descriptor, PropertyValue } from '../../../src/mq/core/message.js'
import { Reader, Writer } from '../../../src/mq/protocol/client/bytes.js'
import { choose, decodeChoice, decodeOffer, encodeChoice, encodeFrame, encodeOffer, FrameDecoder, frameBytesMax, kinds, partBytesMax, recognise } from '../../../src/mq/protocol/client/frame.js'
import type { Frame } from '../../../src/mq/protocol/client/frame.js'
import { decodeReply, encodeMessage, encodeReply, encodeReport } from '../../../src/mq/protocol/client/reply.js'
import { decodeRequest, encodePut, encodeRequest } from '../../../src/mq/protocol/client/request.js'
import type { PutHead, Request } from '../../../src/mq/protocol/client/request.js'

const handle = 7 as HandleId
const unit = 2 ** 40 as UnitId
const delivery = (value: number): DeliveryId => value as DeliveryId

const fullDescriptor: Descriptor = {
  report: 16777216, messageType: 1, expiry: 600, feedback: 2085, encoding: 273, codedCharacterSetId: 819, format: 'MQSTR', priority: 9, persistence: 1,
  messageId: Buffer.alloc(24, 1), correlationId: Buffer.alloc(24, 2), backoutCount: 3, replyToQueue: 'ANTWORTEN', replyToQueueManager: 'QM1', userIdentifier: 'mqm',
  accountingToken: Buffer.alloc(32, 3), applicationIdentityData: 'identity', putApplicationType: 28, putApplicationName: 'amqsput', putDate: '20260301', putTime: '12000000',
  applicationOriginData: 'orig', groupId: Buffer.alloc(24, 4), sequenceNumber: 2, offset: 10, flags: 8, originalLength: 100
}
const properties = new Map<string, PropertyValue>([
  ['usr.color', 'rötlich'], ['n', -1.5], ['i', -(2n ** 63n)], ['yes', true], ['no', false], ['nothing', null], ['raw', Buffer.from([0, 255])], ['', 'x']
].filter(([name]) => name !== '') as [string, PropertyValue][])
const head: PutHead = { unit: null, origin: null, newMessageId: false, keepContext: false, retain: false, descriptor: defaultDescriptor, properties: new Map() }

const requests: readonly Exclude<Request, { kind: 'put' | 'putOne' | 'part' }>[] = [
  { kind: 'hello', hello: { channel: 'HA.CHANNEL', queueManager: 'QM1', application: 'tester', credentials: { kind: 'password', user: 'u', password: 'päss' }, processId: 4711, heartbeatMs: 10_000 } },
  { kind: 'hello', hello: { channel: '', queueManager: '', application: '', credentials: { kind: 'token', token: 'abc' }, processId: 0, heartbeatMs: 0 } },
  { kind: 'disconnect' },
  { kind: 'open', target: { kind: 'queue', name: 'Q' }, options: {} },
  { kind: 'open', target: { kind: 'queue', name: 'M', queueManager: 'QM2', dynamicName: 'D.*' }, options: { input: 'exclusive', browse: true, output: true, inquire: true, selector: "a = 'b'" } },
  { kind: 'open', target: { kind: 'topic', object: 'T', topic: 'a/b' }, options: { output: true } },
  { kind: 'open', target: { kind: 'topic', topic: 'a/b' }, options: { input: 'default' } },
  { kind: 'close', handle, remove: true, purge: false },
  { kind: 'get', handle, request: { mode: 'get', unit: null, waitMs: 0 } },
  { kind: 'get', handle, request: { mode: 'browse-next', unit, waitMs: -1, match: { messageId: Buffer.alloc(24, 5), correlationId: Buffer.alloc(24, 6) }, bytesMax: 100, acceptTruncated: true } },
  { kind: 'cancel', call: 0xffffffff },
  { kind: 'begin' },
  { kind: 'commit', unit, origin: { producer: Buffer.alloc(16, 9), sequence: Number.MAX_SAFE_INTEGER } },
  { kind: 'commit', unit, origin: null },
  { kind: 'backout', unit },
  { kind: 'settle', deliveries: [delivery(1), delivery(2 ** 50)], verdict: 'reject', unit },
  { kind: 'settle', deliveries: [], verdict: 'accept', unit: null },
  { kind: 'subscribe', request: { topic: 'a/#', durableName: null } },
  { kind: 'subscribe', request: { topic: '', object: 'T', durableName: 'D', selector: 'x > 1', resume: true, create: true } },
  { kind: 'unsubscribe', name: 'D' },
  { kind: 'inquire', handle },
  { kind: 'lastSequence', producer: Buffer.alloc(16, 1) },
  { kind: 'command', text: 'DISPLAY QLOCAL(*)' },
  { kind: 'heartbeat' }
]

/** The one frame that these bytes are. */
function frameOf(bytes: Buffer): Frame {
  const decoder = new FrameDecoder({ frameBytesMax: 1 << 24 })
  decoder.push(bytes)
  const cut = decoder.next()
  if (cut.kind !== 'frame') throw new Error(`${cut.kind} instead of a frame`)
  return cut.frame
}

t.test('requests: every kind -> comes back as it was, with its token', async t => {
  for (const request of requests) {
    const frame = frameOf(encodeRequest(77, request))
    t.equal(frame.token, 77)
    t.strictSame(decodeRequest(frame), { ok: true, request }, request.kind)
  }
})

t.test('puts: every field and none -> come back as they were; a long body in parts', async t => {
  const full: PutHead = { unit, origin: { producer: Buffer.alloc(16, 7), sequence: 3 }, newMessageId: true, keepContext: true, retain: true, descriptor: fullDescriptor, properties }
  const body = Buffer.from('body')
  t.strictSame(decodeRequest(frameOf(encodePut(1, { handle }, full, body))), { ok: true, request: { kind: 'put', handle, head: full, bulk: { bodyBytes: 4, part: body } } })
  const target = { kind: 'queue' as const, name: 'Q' }
  t.strictSame(decodeRequest(frameOf(encodePut(1, { target }, head, Buffer.alloc(0)))), { ok: true, request: { kind: 'putOne', target, head, bulk: { bodyBytes: 0, part: Buffer.alloc(0) } } })
  const long = decodeRequest(frameOf(encodePut(1, { handle }, head, Buffer.alloc(partBytesMax + 1))))
  t.match(long, { ok: true, request: { bulk: { bodyBytes: partBytesMax + 1 } } })
  t.ok(encodePut(1, { handle }, head, body).length < 30, 'a plain put costs few bytes besides its body')
})

t.test('replies: every kind -> comes back as it was', async t => {
  const welcome = { queueManager: 'QM1', qmid: 'QM1_x', instance: '3', version: '0.1.0', heartbeatMs: 10_000, messageBytesMax: 104_857_600, frameBytesMax, callsMax: 4096 }
  const facts = { name: 'Q', depth: 5, maxDepth: 5000, isGetInhibited: true, isPutInhibited: false, defaultPersistence: 1, maxMessageBytes: 4_194_304 } as const
  for (const reply of [
    { kind: 'welcome', welcome },
    { kind: 'done', completion: 2, reason: 2085, text: 'why' },
    { kind: 'opened', handle, resolvedName: 'Q' },
    { kind: 'stored', completion: 1, reason: 2049, messageId: Buffer.alloc(24, 1), correlationId: Buffer.alloc(24), isRepetition: true },
    { kind: 'began', unit },
    { kind: 'subscribed', handle, queue: 'SYSTEM.MANAGED', resumed: true },
    { kind: 'facts', facts },
    { kind: 'sequence', sequence: 12 },
    { kind: 'quiesce', reason: 2161 },
    { kind: 'end', reason: 2162, text: '' },
    { kind: 'heartbeat' }
  ] as const) {
    t.strictSame(decodeReply(frameOf(encodeReply(5, reply))), { ok: true, reply }, reply.kind)
  }
  const message = { descriptor: fullDescriptor, properties, body: Buffer.from('abc') }
  const got = { completion: 0 as const, reason: 0, wholeBytes: 3, delivery: delivery(9) }
  t.strictSame(decodeReply(frameOf(encodeMessage(1, got, message))), { ok: true, reply: { kind: 'message', head: { ...got, message: { descriptor: fullDescriptor, properties } }, bulk: { bodyBytes: 3, part: message.body } } })
  const none = { completion: 2 as const, reason: 2033, wholeBytes: 0, delivery: null }
  t.match(decodeReply(frameOf(encodeMessage(1, none, null))), { ok: true, reply: { head: { ...none, message: null } } })
  t.match(decodeReply(frameOf(encodeReport(1, 'syntax', Buffer.from('a\nb')))), { ok: true, reply: { kind: 'report', outcome: 'syntax', bulk: { bodyBytes: 3 } } })
})

t.test('numbers: the edges of each kind -> as they were; what is too large is a fault', async t => {
  const writer = new Writer()
  const values = [0, 1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER]
  for (const value of values) writer.uint(value)
  writer.i32(-2147483648)
  writer.u32(4294967295)
  writer.f64(-0.5)
  writer.i64(2n ** 63n - 1n)
  const reader = new Reader(writer.take())
  t.strictSame(values.map(() => reader.uint()), values)
  t.strictSame([reader.i32(), reader.u32(), reader.f64(), reader.i64(), reader.remaining], [-2147483648, 4294967295, -0.5, 2n ** 63n - 1n, 0])
  for (const bytes of [Buffer.alloc(9, 0xff), Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f])]) {
    const bad = new Reader(bytes)
    bad.uint()
    t.match(bad.fault, /too large/)
  }
})

t.test('version: what both speak -> the highest; nothing in common -> none, and the answer says what would do', async t => {
  t.equal(choose({ lowest: 1, highest: 3 }, { lowest: 1, highest: 1 }), 1)
  t.equal(choose({ lowest: 2, highest: 5 }, { lowest: 1, highest: 4 }), 4)
  t.equal(choose({ lowest: 2, highest: 3 }, { lowest: 1, highest: 1 }), 0)
  t.equal(choose({ lowest: 1, highest: 1 }, { lowest: 2, highest: 3 }), 0)
  t.strictSame(decodeOffer(encodeOffer()), { lowest: 1, highest: 1 })
  t.strictSame(decodeChoice(encodeChoice(0)), { chosen: 0, lowest: 1, highest: 1 })
  t.equal(decodeOffer(Buffer.from('CONNECT\n')), null)
  t.equal(decodeOffer(encodeOffer({ lowest: 3, highest: 2 })), null)
  t.equal(recognise(Buffer.from([0x9d, 0x4c])), null, 'too little to say')
  t.equal(recognise(Buffer.from('STOMP\n')), false)
  t.equal(recognise(encodeOffer()), true)
})

t.test('frames: cut into pieces of every size -> the same frames', async t => {
  const stream = Buffer.concat([encodeOffer(), ...requests.map((request, index) => encodeRequest(index + 1, request)), encodePut(99, { handle }, head, Buffer.alloc(1_000, 1))])
  for (const size of [1, 2, 3, 5, 8, 13, 100, 1_000, stream.length]) {
    const decoder = new FrameDecoder({ frameBytesMax })
    const tokens: number[] = []
    let isBegun = false
    for (let at = 0; at < stream.length; at += size) {
      decoder.push(Buffer.from(stream.subarray(at, at + size)))
      if (!isBegun) isBegun = decoder.preamble() !== null
      for (let cut = isBegun ? decoder.next() : null; cut?.kind === 'frame'; cut = decoder.next()) {
        t.ok(decodeRequest(cut.frame).ok)
        tokens.push(cut.frame.token)
      }
    }
    t.strictSame(tokens, [...requests.map((_, index) => index + 1), 99], `pieces of ${size}`)
    t.equal(decoder.waitingBytes, 0)
  }
})

t.test('frames: lengths that lie -> a fault before anything is kept for them', async t => {
  const cutOf = (bytes: readonly number[]): string => {
    const decoder = new FrameDecoder({ frameBytesMax })
    decoder.push(Buffer.from(bytes))
    return decoder.next().kind
  }
  t.equal(cutOf([0xff, 0xff, 0xff, 0xff, 0x14, 0, 0, 0, 1]), 'fault')
  t.equal(cutOf([0, 0, 0, 4, 0x14, 0, 0, 0, 1]), 'fault')
  t.equal(cutOf([0, 0, 0, 5, 0x02, 0, 0, 0, 0]), 'frame')
  t.equal(cutOf([0, 0, 1, 0, 0x14, 0, 0, 0, 1]), 'more')
  t.match(decodeRequest({ kind: kinds.settle, token: 1, payload: Buffer.from([0, 0, 0xff, 0xff, 0xff, 0x7f]) }), { ok: false, why: /deliveries/ })
  t.match(decodeRequest({ kind: kinds.command, token: 1, payload: Buffer.from([0xff, 0xff, 0x7f]) }), { ok: false })
  t.match(decodeRequest({ kind: 0x7f, token: 1, payload: Buffer.alloc(0) }), { ok: false, why: /not known/ })
  t.match(decodeRequest({ kind: kinds.begin, token: 1, payload: Buffer.from([0]) }), { ok: false, why: /too many/ })
  t.match(decodeRequest(frameOf(encodeFrame(kinds.put, 1, Buffer.from([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1])))), { ok: false, why: /another length/ })
})

t.test('fuzz: frames changed, cut and made up -> a value or a refusal, never a throw, and what is valid stays equal', async t => {
  const prng = new Prng(20260301)
  const samples = [...requests.map(request => encodeRequest(1, request)), encodePut(1, { handle }, { ...head, unit, descriptor: fullDescriptor, properties }, Buffer.from('x'))]
  const replies = [encodeMessage(1, { completion: 0, reason: 0, wholeBytes: 1, delivery: null }, { descriptor: fullDescriptor, properties, body: Buffer.from('y') }), encodeReport(1, 'done', Buffer.from('z'))]
  const known = Object.values(kinds)
  let accepted = 0
  for (let round = 0; round < 30_000; round++) {
    const bytes = Buffer.from(prng.pick([...samples, ...replies]))
    for (let changes = prng.below(4); changes > 0; changes--) bytes[9 + prng.below(Math.max(1, bytes.length - 9))] = prng.below(256)
    const payload = bytes.subarray(9, prng.chance(1, 4) ? 9 + prng.below(bytes.length - 8) : bytes.length)
    const frame = { kind: prng.chance(1, 5) ? prng.pick(known) : (bytes[4] as number), token: 1, payload }
    const request = decodeRequest(frame)
    if (request.ok) accepted++
    if (request.ok && request.request.kind !== 'put' && request.request.kind !== 'putOne' && request.request.kind !== 'part') {
      const again = decodeRequest(frameOf(encodeRequest(1, request.request)))
      if (!again.ok) t.fail(`a request that was read cannot be read again: ${again.why}`)
    }
    decodeReply(frame)
  }
  t.ok(accepted > 1_000, `${accepted} were still requests`)
})
