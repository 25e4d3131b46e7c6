import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import type { Instant } from '../../../src/base/units.js'
import type { HandleId, UnitId } from '../../../src/mq/core/engine.js'
import { defaultDescriptor, noProperties } from '../../../src/mq/core/message.js'
import { encodeFrame, encodeOffer, FrameDecoder, kinds, partBytesMax } from '../../../src/mq/protocol/client/frame.js'
import { decodeReply } from '../../../src/mq/protocol/client/reply.js'
import type { Reply } from '../../../src/mq/protocol/client/reply.js'
import { encodePut, encodeRequest } from '../../../src/mq/protocol/client/request.js'
import type { PutHead } from '../../../src/mq/protocol/client/request.js'
import { ClientSession } from '../../../src/mq/protocol/client/session.js'
import type { Verdict } from '../../../src/mq/protocol/session.js'
import { CoreFixture } from '../fake/core-fixture.js'

const head: PutHead = { unit: null, origin: null, newMessageId: false, keepContext: false, retain: false, descriptor: defaultDescriptor, properties: noProperties }

interface Said {
  readonly token: number
  readonly reply: Reply
}

/** A session on the real core, without sockets: the test is the listener and the client. */
class Bench {
  readonly core = new CoreFixture()
  readonly session: ClientSession
  readonly said: Said[] = []
  readonly choice: Buffer[] = []
  ended: string | null | undefined = undefined
  isSlow = false
  isPaused = false
  wakeAt: Instant | null = null
  authorized: { readonly channel: string; readonly token: number }[] = []
  commands: { readonly text: string; readonly token: number }[] = []
  bytesOut = 0
  readonly #decoder = new FrameDecoder({ frameBytesMax: 1 << 24 })

  constructor() {
    this.core.define('QLOCAL', 'Q', { MAXMSGL: 4_194_304 })
    this.session = new ClientSession({
      engine: this.core.qm,
      clock: this.core.clock,
      output: {
        write: bytes => {
          this.bytesOut += bytes.length
          this.#decoder.push(bytes)
          return !this.isSlow
        },
        end: why => {
          this.ended = why
        },
        pauseReading: () => {
          this.isPaused = true
        },
        resumeReading: () => {
          this.isPaused = false
        }
      },
      limits: { frameBytesMax: 1 << 20, headerCountMax: 100, headerBytesMax: 65_536, subscriptionsMax: 100, unacknowledgedMax: 1_000, messageBytesMax: 4_194_304 },
      remoteAddress: '10.0.0.9',
      remotePort: 5000,
      isLocal: false,
      isTls: false,
      productVersion: '0.1.0',
      instance: '1',
      authorize: (channel, _, token) => this.authorized.push({ channel, token }),
      command: (text, _, token) => this.commands.push({ text, token }),
      wakeAt: at => {
        this.wakeAt = at
      }
    })
  }

  /** Bytes from the client, then everything that follows from them. */
  give(...frames: Buffer[]): Said[] {
    this.session.onBytes(Buffer.concat(frames))
    return this.settle()
  }

  /** Delivers answers and forces the log until nothing follows any more; what was said since. */
  settle(): Said[] {
    const { qm, journal } = this.core
    for (let rounds = 0; rounds < 10_000; rounds++) {
      const answers = qm.takeAnswers()
      for (const { token, answer } of answers) this.session.onAnswer(token, answer)
      if (answers.length > 0) continue
      if (journal.end === journal.forced) break
      journal.force()
      qm.onForced()
    }
    return this.heard()
  }

  heard(): Said[] {
    const now: Said[] = []
    if (this.choice.length === 0) {
      const preamble = this.#decoder.preamble()
      if (preamble === null) return now
      this.choice.push(preamble)
    }
    for (let cut = this.#decoder.next(); cut.kind === 'frame'; cut = this.#decoder.next()) {
      const decoded = decodeReply(cut.frame)
      if (!decoded.ok) throw new Error(decoded.why)
      now.push({ token: cut.frame.token, reply: decoded.reply })
    }
    this.said.push(...now)
    return now
  }

  tick(ms: number): Said[] {
    this.core.clock.advance(ms)
    this.session.onTick()
    return this.settle()
  }

  hello(verdict: Verdict = { ok: true, user: 'alice' }, queueManager = ''): Said[] {
    this.give(encodeOffer(), encodeRequest(1, { kind: 'hello', hello: { channel: 'C', queueManager, application: 'tester', credentials: { kind: 'none' }, processId: 1, heartbeatMs: 5_000 } }))
    this.session.onAuthorized(this.authorized.at(-1)?.token ?? 0, verdict)
    return this.settle()
  }

  open(): HandleId {
    const [said] = this.give(encodeRequest(2, { kind: 'open', target: { kind: 'queue', name: 'Q' }, options: { input: 'shared', output: true } }))
    if (said?.reply.kind !== 'opened') throw new Error('not opened')
    return said.reply.handle
  }
}

const put = (token: number, handle: HandleId, body: Buffer | string = 'x', more: Partial<PutHead> = {}): Buffer => encodePut(token, { handle }, { ...head, ...more }, Buffer.from(body))
const get = (token: number, handle: HandleId, unit: UnitId | null = null): Buffer => encodeRequest(token, { kind: 'get', handle, request: { mode: 'get', unit, waitMs: 0 } })
const brief = ({ token, reply }: Said): unknown[] => [token, reply.kind, ...('reason' in reply ? [reply.reason] : [])]

t.test('greeting: allowed -> welcome with what holds for the channel', async t => {
  const bench = new Bench()
  const said = bench.hello({ ok: true, user: 'alice', channelFacts: { name: 'C', messageBytesMax: 1_000, heartbeatSeconds: 2 } })
  t.match(said, [{ token: 1, reply: { welcome: { queueManager: 'QM1', instance: '1', heartbeatMs: 2_000, messageBytesMax: 1_000 } } }])
  t.strictSame(bench.authorized, [{ channel: 'C', token: 0 }])
  t.match(bench.core.qm.connections(), [{ kind: 'client', channel: 'C', connectionName: '10.0.0.9(5000)', user: 'alice', applicationTag: 'tester' }])
})

t.test('greeting: not allowed, another queue manager, another version, garbage, something before it, nothing -> a clear end', async t => {
  const refused = new Bench()
  t.strictSame(refused.hello({ ok: false, reason: 2035, why: 'password of alice' }).map(brief), [[0, 'end', 2035]])
  t.equal(refused.ended, 'MQRC_NOT_AUTHORIZED: password of alice')
  t.notMatch(JSON.stringify(refused.said), /alice/, 'the client is not told why')
  const other = new Bench()
  t.strictSame(other.hello({ ok: true, user: 'a' }, 'QM2').map(brief), [[0, 'end', 2058]])
  const newer = new Bench()
  newer.give(encodeOffer({ lowest: 2, highest: 3 }))
  t.strictSame([...(newer.choice[0] ?? [])].slice(4), [0, 1, 1, 0])
  t.match(newer.ended, /versions 2 to 3 only/)
  const garbage = new Bench()
  garbage.give(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  t.match(garbage.ended, /not one of this protocol/)
  const early = new Bench()
  early.give(encodeOffer(), encodeRequest(1, { kind: 'begin' }))
  t.match(early.ended, /begin before the greeting/)
  const silent = new Bench()
  silent.tick(29_999)
  t.equal(silent.ended, undefined)
  silent.tick(1)
  t.match(silent.ended, /no complete greeting/)
  for (const bench of [refused, other, newer, garbage, early, silent]) t.strictSame(bench.core.qm.connections(), [])
})

t.test('calls: several at once -> each answered by its token when it is known, a persistent put when it is durable', async t => {
  const bench = new Bench()
  bench.hello()
  const handle = bench.open()
  bench.session.onBytes(Buffer.concat([put(10, handle, 'p', { descriptor: { ...defaultDescriptor, persistence: 1 } }), put(11, handle, 'n', { descriptor: { ...defaultDescriptor, persistence: 0 } }), get(12, handle), encodeRequest(13, { kind: 'inquire', handle })]))
  for (const { token, answer } of bench.core.qm.takeAnswers()) bench.session.onAnswer(token, answer)
  t.strictSame(bench.heard().map(brief), [[13, 'facts'], [11, 'stored', 0], [12, 'message']])
  t.strictSame(bench.settle().map(brief), [[10, 'stored', 0]])
  bench.give(encodeRequest(14, { kind: 'command', text: 'DISPLAY QMGR' }))
  bench.session.onCommand(bench.commands[0]?.token ?? 0, { outcome: 'done', lines: ['a', 'b'] })
  t.match(bench.heard(), [{ token: 14, reply: { kind: 'report', outcome: 'done' } }])
})

t.test('units of work: the client goes without a word -> backed out; it disconnects -> committed and told', async t => {
  const bench = new Bench()
  bench.hello()
  const handle = bench.open()
  const [begun] = bench.give(encodeRequest(3, { kind: 'begin' }))
  const unit = begun?.reply.kind === 'began' ? begun.reply.unit : (0 as UnitId)
  bench.give(put(4, handle, 'x', { unit }))
  t.equal(bench.core.depth('Q'), 1)
  bench.session.onClosed()
  t.equal(bench.core.depth('Q'), 0)
  const orderly = new Bench()
  orderly.hello()
  const again = orderly.open()
  const [second] = orderly.give(encodeRequest(3, { kind: 'begin' }))
  orderly.give(put(4, again, 'x', { unit: second?.reply.kind === 'began' ? second.reply.unit : (0 as UnitId) }))
  t.strictSame(orderly.give(encodeRequest(5, { kind: 'disconnect' })).map(brief), [[5, 'done', 0]])
  t.equal(orderly.ended, null)
  orderly.session.onClosed()
  t.equal(orderly.core.depth('Q'), 1)
})

t.test('messages too long for the channel -> 2218 both ways, the parts passed over, the connection goes on', async t => {
  const bench = new Bench()
  bench.hello({ ok: true, user: 'a', channelFacts: { name: 'C', messageBytesMax: partBytesMax + 10, heartbeatSeconds: 0 } })
  const handle = bench.open()
  const long = Buffer.alloc(partBytesMax + 11)
  t.strictSame(bench.give(put(3, handle, long)).map(brief), [[3, 'done', 2218]])
  t.strictSame(bench.give(encodeFrame(kinds.part, 3, long.subarray(partBytesMax))).map(brief), [])
  const connection = bench.core.connect()
  bench.core.put(connection, bench.core.open(connection, 'Q'), { body: long, persistent: false })
  t.strictSame(bench.give(get(4, handle)).map(brief), [[4, 'done', 2218]])
  t.equal(bench.core.depth('Q'), 1, 'it stays')
  t.strictSame(bench.give(put(5, handle, long.subarray(1)), encodeFrame(kinds.part, 5, long.subarray(partBytesMax + 1))).map(brief), [[5, 'stored', 0]])
  t.equal(bench.ended, undefined)
})

t.test('breaches: parts of nothing, a token twice, unknown kinds -> end with the reason, work backed out', async t => {
  const breaches: readonly [(handle: HandleId) => Buffer[], RegExp][] = [
    [() => [encodeFrame(kinds.part, 9, Buffer.from('x'))], /part of no message/],
    [handle => [put(3, handle, Buffer.alloc(partBytesMax + 5)), encodeFrame(kinds.part, 3, Buffer.alloc(6))], /part of no message/],
    [handle => [put(3, handle, Buffer.alloc(partBytesMax + 5)), put(4, handle)], /before the last part/],
    [handle => [encodeRequest(3, { kind: 'get', handle, request: { mode: 'get', unit: null, waitMs: -1 } }), encodeRequest(3, { kind: 'get', handle, request: { mode: 'get', unit: null, waitMs: -1 } })], /open call already/],
    [() => [encodeFrame(0x7e, 1)], /not known/],
    [() => [encodeRequest(1, { kind: 'hello', hello: { channel: '', queueManager: '', application: '', credentials: { kind: 'none' }, processId: 0, heartbeatMs: 0 } })], /second greeting/],
    [() => [Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0])], /exceeds the limit/]
  ]
  for (const [frames, why] of breaches) {
    const bench = new Bench()
    bench.hello()
    const said = bench.give(...frames(bench.open()))
    t.match(said.at(-1), { reply: { kind: 'end', reason: 2009 } }, String(why))
    t.match(bench.ended, why)
    t.strictSame(bench.core.qm.connections(), [])
    bench.give(encodeRequest(50, { kind: 'begin' }))
    t.equal(bench.said.filter(each => each.token === 50).length, 0, 'nothing is taken afterwards')
  }
})

t.test('wrong values -> their reason codes, nothing changed', async t => {
  const bench = new Bench()
  bench.hello()
  const handle = bench.open()
  const nobody = 99_999 as HandleId
  const said = bench.give(
    put(10, nobody),
    put(11, handle, 'x', { unit: 4_711 as UnitId }),
    put(12, handle, 'x', { descriptor: { ...defaultDescriptor, replyToQueue: 'Q'.repeat(49) } }),
    put(13, handle, 'x', { descriptor: { ...defaultDescriptor, expiry: 0 } }),
    get(14, nobody),
    encodeRequest(15, { kind: 'get', handle, request: { mode: 'get', unit: null, waitMs: -2 } }),
    encodeRequest(16, { kind: 'open', target: { kind: 'queue', name: 'NONE' }, options: { output: true } }),
    encodeRequest(17, { kind: 'close', handle: nobody, remove: false, purge: false })
  )
  const reasonOf = ({ reply }: Said): number => (reply.kind === 'message' ? reply.head.reason : reply.kind === 'done' || reply.kind === 'stored' ? reply.reason : -1)
  t.strictSame(said.map(each => [each.token, reasonOf(each)]).sort(([a = 0], [b = 0]) => a - b), [
    [10, 2019], [11, 2003], [12, 2026], [13, 2013], [14, 2019], [15, 2090], [16, 2085], [17, 2019]
  ])
  t.equal(bench.core.depth('Q'), 0)
})

t.test('a client that does not read -> nothing more is asked for it, its frames wait, and reading stops', async t => {
  const bench = new Bench()
  bench.hello()
  const handle = bench.open()
  const connection = bench.core.connect()
  const own = bench.core.open(connection, 'Q')
  for (let count = 0; count < 300; count++) bench.core.put(connection, own, { body: Buffer.alloc(100_000), persistent: false })
  bench.isSlow = true
  const before = bench.bytesOut
  bench.give(...Array.from({ length: 300 }, (_, index) => get(100 + index, handle)))
  t.ok(bench.bytesOut - before < 16 * 1024 * 1024, `${bench.bytesOut - before} bytes were written`)
  t.ok(bench.core.depth('Q') > 150, 'the others stay on the queue')
  t.notOk(bench.isPaused)
  for (let count = 0; count < 3; count++) bench.give(put(1_000 + count, handle, Buffer.alloc(partBytesMax)), Buffer.alloc(0))
  for (let count = 3; count < 12; count++) bench.give(put(1_000 + count, handle, Buffer.alloc(partBytesMax)))
  t.ok(bench.isPaused, 'beyond 2 MiB we stop reading')
  bench.isSlow = false
  bench.session.onWritable()
  bench.settle()
  t.notOk(bench.isPaused)
  t.equal(bench.said.filter(({ reply }) => reply.kind === 'message').length, 300)
  t.equal(bench.core.depth('Q'), 12)
})

t.test('gets that wait, many and large messages at once -> let through by sizes, the rest soon after', async t => {
  const bench = new Bench()
  bench.hello()
  const handle = bench.open()
  bench.session.onBytes(Buffer.concat(Array.from({ length: 200 }, (_, index) => encodeRequest(100 + index, { kind: 'get', handle, request: { mode: 'get', unit: null, waitMs: -1 } }))))
  t.ok(bench.wakeAt !== null && bench.wakeAt <= bench.core.clock.now() + 1, 'asks to go on at once')
  for (let ticks = 0; ticks < 20; ticks++) bench.tick(1)
  const connection = bench.core.connect()
  const own = bench.core.open(connection, 'Q', { output: true })
  for (let count = 0; count < 200; count++) {
    bench.core.qm.put(connection, own, { message: { descriptor: { ...defaultDescriptor, persistence: 0 }, properties: noProperties, body: Buffer.from('x') }, unit: null }, 5_000 + count)
  }
  bench.settle()
  t.equal(bench.said.filter(({ reply }) => reply.kind === 'message').length, 200)
})

t.test('heartbeats: one each interval; silence of two and a second more -> end, work backed out', async t => {
  const bench = new Bench()
  bench.hello()
  bench.open()
  t.strictSame(bench.tick(4_999).map(brief), [])
  t.strictSame(bench.tick(1).map(brief), [[0, 'heartbeat']])
  bench.give(encodeRequest(0, { kind: 'heartbeat' }))
  t.strictSame(bench.tick(5_000).map(brief), [[0, 'heartbeat']])
  t.strictSame(bench.tick(5_000).map(brief), [[0, 'heartbeat']], 'two silent intervals: suspect, not given up')
  bench.give(encodeRequest(0, { kind: 'heartbeat' }))
  bench.tick(1_000)
  t.equal(bench.ended, undefined, 'it was heard in the last second')
  bench.tick(9_000)
  t.equal(bench.ended, undefined)
  t.strictSame(bench.tick(1_000).at(-1)?.reply.kind, 'end')
  t.match(bench.ended, /nothing was heard for 1\d{4} ms/)
  t.strictSame(bench.core.qm.connections(), [])
})

t.test('the queue manager ends -> quiesce is told and work goes on; then the last word', async t => {
  const bench = new Bench()
  bench.hello()
  const handle = bench.open()
  bench.session.onEnd(0, 'quiesce')
  t.strictSame(bench.heard().map(brief), [[0, 'quiesce', 2161]])
  t.strictSame(bench.give(put(3, handle)).map(brief), [[3, 'stored', 0]])
  bench.session.onEnd(2162, 'now')
  t.strictSame(bench.heard().map(brief), [[0, 'end', 2162]])
  t.equal(bench.ended, null)
})

t.test('fuzz: valid frames mixed with changed and made-up ones, in pieces -> never a throw, and an end leaves nothing behind', async t => {
  const prng = new Prng(7)
  for (let round = 0; round < 300; round++) {
    const bench = new Bench()
    bench.hello()
    const handle = bench.open()
    for (let frames = 0; frames < 20 && bench.ended === undefined; frames++) {
      const token = 10 + prng.below(6)
      const bytes = prng.pick([
        () => put(token, prng.chance(1, 8) ? (prng.below(100) as HandleId) : handle, Buffer.alloc(prng.below(100))),
        () => put(token, handle, Buffer.alloc(partBytesMax + prng.below(3))),
        () => encodeFrame(kinds.part, token, Buffer.alloc(prng.below(4))),
        () => get(token, handle),
        () => encodeRequest(token, { kind: 'get', handle, request: { mode: prng.pick(['lock', 'browse-next', 'get-cursor']), unit: null, waitMs: prng.pick([0, 100, -1]) } }),
        () => encodeRequest(token, { kind: 'begin' }),
        () => encodeRequest(token, { kind: 'commit', unit: prng.below(5) as UnitId, origin: null }),
        () => encodeRequest(token, { kind: 'settle', deliveries: [], verdict: 'accept', unit: null }),
        () => encodeRequest(token, { kind: 'cancel', call: 10 + prng.below(6) }),
        () => encodeFrame(prng.below(256), token, Buffer.from(Array.from({ length: prng.below(30) }, () => prng.below(256))))
      ])()
      if (prng.chance(1, 6)) bytes[prng.below(bytes.length)] = prng.below(256)
      for (let at = 0; at < bytes.length; ) {
        const size = prng.between(1, bytes.length)
        bench.give(bytes.subarray(at, at + size))
        at += size
      }
      if (prng.chance(1, 10)) bench.tick(prng.below(3_000))
    }
    bench.session.onClosed()
    bench.settle()
    if (bench.core.qm.connections().length > 0) t.fail(`round ${round}: a connection is left`)
  }
  t.pass('300 lives')
})
