/** The bytes of records, headers, indexes and checkpoints: there and back, and what strange bytes do to them. */

import t from 'tap'
import zlib from 'node:zlib'
import { Prng } from '../../../src/base/prng.js'
import { lsn, type LogRecord } from '../../../src/mq/core/journal.js'
import { crc32, crc32ByTable, readU64, writeU64 } from '../../../src/mq/store/bytes.js'
import { decodeCheckpoint, encodeCheckpoint } from '../../../src/mq/store/checkpoint.js'
import { decodeControl, decodeExtentHeader, encodeControl, encodeExtentHeader, fragmentHeaderBytes, parseName, checkpointName, extentName, indexName, spareName } from '../../../src/mq/store/extent.js'
import { decodeIndex, IndexBuilder } from '../../../src/mq/store/index-file.js'
import { keyOf } from '../../../src/mq/store/liveness.js'
import { LogState } from '../../../src/mq/store/log-state.js'
import { decodeRecord, encodeSmall, kinds, movedPayloadBytes, putPayloadBytes, readFragment, sealFragment, writeMoved, writePut, type AnyRecord } from '../../../src/mq/store/record.js'

const entry = { queue: 7, order: 2 ** 40 + 3, priority: 9, expiresAt: 1_700_000_000_123, messageIdHash: 0xffff_ffff, correlationIdHash: 0x8000_0001 }
const message = { head: Buffer.from('the head'), body: Buffer.from('the body of it') }
const place = { lsn: lsn(2 ** 45 + 4096), ordinal: 77, length: 22 }
const origin = { producer: Buffer.from('0123456789abcdef'), sequence: 2 ** 41 }

const small: readonly Exclude<LogRecord, { kind: 'put' }>[] = [
  { kind: 'remove', place },
  { kind: 'lock', unit: 2 ** 35, place, backoutCount: 3 },
  { kind: 'count', place, backoutCount: 4 },
  { kind: 'commit', unit: 5, origin: null },
  { kind: 'commit', unit: 5, origin },
  { kind: 'backout', unit: 6 },
  { kind: 'define', number: 9, definition: { type: 'QLOCAL', name: 'Q.ÄÖ', attributes: { DESCR: 'a "quote"', MAXDEPTH: 5000, NAMES: ['A', 'B'] } } },
  { kind: 'delete', number: 9, type: 'QLOCAL', name: 'Q' }
]

function payloadOf(record: AnyRecord): Buffer {
  if (record.kind === 'put') {
    const bytes = Buffer.alloc(putPayloadBytes(record.message, record.origin))
    writePut(bytes, 0, record.unit, record.entry, record.message, record.origin)
    return bytes
  }
  if (record.kind === 'moved') {
    const bytes = Buffer.alloc(movedPayloadBytes(record.message))
    writeMoved(bytes, 0, record.entry, record.message, record.from, record.backoutCount)
    return bytes
  }
  return encodeSmall(record)
}

const all: readonly AnyRecord[] = [
  ...small,
  { kind: 'put', unit: 0, entry, message, origin: null },
  { kind: 'put', unit: 2 ** 33, entry, message, origin },
  { kind: 'put', unit: 0, entry, message: { head: Buffer.alloc(0), body: Buffer.alloc(0) }, origin: null },
  { kind: 'moved', entry, from: place, backoutCount: 2, message }
]

t.test('record: every kind -> encoded and decoded it is the same', async test => {
  for (const record of all) test.strictSame(decodeRecord(kinds[record.kind], payloadOf(record)), record, record.kind)
})

t.test('record: a payload cut short or too long -> a reason, never an exception', async test => {
  for (const record of all) {
    const payload = payloadOf(record)
    for (let length = 0; length < payload.length; length += 1) {
      if (record.kind === 'define' || record.kind === 'delete') decodeRecord(kinds[record.kind], payload.subarray(0, length))
      else if (record.kind === 'commit' && length === 8) continue
      else test.type(decodeRecord(kinds[record.kind], payload.subarray(0, length)), 'string')
    }
    test.type(decodeRecord(kinds[record.kind], Buffer.concat([payload, Buffer.from('}')])), 'string')
  }
  test.match(decodeRecord(99, Buffer.alloc(20)), /unknown kind 99/)
})

t.test('record: random payloads of every kind -> a record or a reason', async test => {
  const prng = new Prng(3)
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Buffer.from(Array.from({ length: prng.below(120) }, () => prng.below(256)))
    decodeRecord(prng.below(12), bytes)
  }
  test.pass('no exception')
})

t.test('fragment: any single bit flipped -> refused; at another position -> refused', async test => {
  const bytes = Buffer.alloc(fragmentHeaderBytes + 40)
  bytes.fill(0x5a, fragmentHeaderBytes)
  sealFragment(bytes, 0, 40, kinds.put, 3, 7, 123_456, 96, 5)
  test.match(readFragment(bytes, 0, 123_456, 1000), { kind: kinds.put, flags: 3, epoch: 7, sinceBatch: 96, ordinal: 5, payloadBytes: 40 })
  test.type(readFragment(bytes, 0, 123_464, 1000), 'string')
  test.type(readFragment(bytes, 0, 123_456, 39), 'string', 'no room for it')
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
    if (typeof readFragment(flipped, 0, 123_456, 1000) !== 'string') test.fail(`bit ${bit} makes no difference`)
  }
  for (let length = 0; length < bytes.length; length += 1) test.type(readFragment(bytes.subarray(0, length), 0, 123_456, 1000), 'string')
})

t.test('checksum: by table -> as by zlib', async test => {
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, index) => (index * 31) & 255))
  test.equal(crc32ByTable(bytes), crc32(bytes))
  test.equal(crc32ByTable(Buffer.from('123456789')), 0xcbf4_3926)
  if (typeof zlib.crc32 === 'function') test.equal(crc32ByTable(bytes.subarray(10), crc32ByTable(bytes.subarray(0, 10))), zlib.crc32(bytes))
})

t.test('u64: safe integers -> there and back', async test => {
  const bytes = Buffer.alloc(8)
  for (const value of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 17, Number.MAX_SAFE_INTEGER]) {
    writeU64(bytes, value, 0)
    test.equal(readU64(bytes, 0), value)
    test.equal(Number(bytes.readBigUInt64LE(0)), value)
  }
})

t.test('names: every file of a log -> its kind and number; others are not ours', async test => {
  test.strictSame(parseName(extentName(7)), { kind: 'extent', number: 7 })
  test.equal(extentName(7), 'S0000007.LOG')
  test.strictSame(parseName(extentName(12_345_678)), { kind: 'extent', number: 12_345_678 })
  test.strictSame(parseName(indexName(7)), { kind: 'index', number: 7 })
  test.strictSame(parseName(spareName(7)), { kind: 'spare', number: 7 })
  test.strictSame(parseName(checkpointName(3, 12)), { kind: 'checkpoint', epoch: 3, sequence: 12 })
  test.equal(parseName('S0000007.LOG.tmp').kind, 'unfinished')
  for (const name of ['S0000007.LOG.torn', 'S7.LOG', 'lost+found', '', 'R0000001.IDX']) test.equal(parseName(name).kind, 'other', name)
})

t.test('headers: there and back, other magic, newer version, any bit flipped', async test => {
  const header = { extentBytes: 262_144, number: 2 ** 30, epoch: 9, isFirstOfEpoch: true, previousEnd: 2 ** 44, qmid: 'QM1_2024' }
  test.match(decodeExtentHeader(encodeExtentHeader(header)), { ok: true, value: header })
  const control = { extentBytes: 262_144, type: 'linear' as const, qmid: 'QM1_2024' }
  test.match(decodeControl(encodeControl(control)), { ok: true, value: control })
  for (const [encode, decode] of [
    [() => encodeExtentHeader(header), decodeExtentHeader],
    [() => encodeControl(control), decodeControl]
  ] as const) {
    const newer = encode()
    newer.writeUInt32LE(2, 8)
    test.match(decode(newer), { ok: false, why: 'newer' })
    for (let bit = 0; bit < 128 * 8; bit += 1) {
      const flipped = encode()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      if (decode(flipped).ok) test.fail(`bit ${bit} makes no difference`)
    }
    for (let length = 0; length < 128; length += 1) test.equal(decode(encode().subarray(0, length)).ok, false)
  }
})

function someState(): LogState {
  const state = new LogState(262_144)
  state.define(1, { type: 'QLOCAL', name: 'Q1', attributes: { MAXDEPTH: 10 } })
  state.define(0, { type: 'QMGR', name: 'QM1', attributes: {} })
  const life = state.liveness.begin(3, 2)
  for (let ordinal = 0; ordinal < 21; ordinal += 1) state.put(life, 3 * 262_144 + 4096, ordinal, 10, 0, { ...entry, order: ordinal + 1 }, ordinal === 4 ? origin : null)
  state.remove({ lsn: lsn(3 * 262_144 + 5000), ordinal: 20, length: 10 })
  state.count({ lsn: lsn(3 * 262_144 + 5000), ordinal: 2, length: 10 }, 6)
  life.end = 4 * 262_144
  life.spillOrdinal = 19
  life.spillLast = 5
  return state
}

const head = { epoch: 2, sequence: 5, isOrderly: true, qmid: 'QM1_2024', replayFrom: lsn(900_000), end: lsn(1_000_000) }

t.test('checkpoint: a state -> there and back', async test => {
  const state = someState()
  const decoded = decodeCheckpoint(encodeCheckpoint(head, state, [3]), 262_144)
  if (!decoded.ok) throw new Error(decoded.reason)
  test.match(decoded.value, { ...head, extents: [3] })
  const back = decoded.value.state
  test.strictSame([...back.objects], [...state.objects])
  test.strictSame(back.origins.list(), [origin])
  test.equal(back.nextOrder, 22)
  test.equal(back.nextQueueNumber, 2)
  test.equal(back.counts.get(keyOf(3, 2)), 6)
  const life = back.liveness.get(3)
  test.match(life, { count: 21, epoch: 2, end: 4 * 262_144, spillOrdinal: 19, spillLast: 5 })
  test.equal(life?.isDead(20), true)
  test.equal(life?.isDead(19), false)
})

t.test('checkpoint: any byte changed or missing -> refused with an offset', async test => {
  const bytes = encodeCheckpoint(head, someState(), [3])
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] as number) ^ 0x41
    const decoded = decodeCheckpoint(changed, 262_144)
    if (decoded.ok || decoded.offset > bytes.length) test.fail(`byte ${at} makes no difference`)
    const cut = decodeCheckpoint(bytes.subarray(0, at), 262_144)
    if (cut.ok) test.fail(`cut at ${at} makes no difference`)
  }
  test.pass(`${bytes.length} bytes`)
})

t.test('index: entries -> there and back; any byte changed -> refused', async test => {
  const state = someState()
  const life = state.liveness.get(3)
  if (life === undefined) throw new Error('no extent')
  const builder = new IndexBuilder()
  for (let ordinal = 0; ordinal < 500; ordinal += 1) builder.add(4096 + ordinal * 8, ordinal, { ...entry, order: 2 ** 33 + ordinal }, ordinal === 499)
  const bytes = Buffer.from(builder.finish(life))
  const decoded = decodeIndex(bytes)
  if (!decoded.ok) throw new Error(decoded.reason)
  const { reader } = decoded.value
  test.match(decoded.value, { epoch: 2, number: 3, end: 4 * 262_144 })
  test.strictSame([reader.count, reader.offset(499), reader.length(498), reader.order(7), reader.isMoved(499), reader.isMoved(0)], [500, 4096 + 499 * 8, 498, 2 ** 33 + 7, true, false])
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] as number) ^ 0x10
    if (decodeIndex(changed).ok) test.fail(`byte ${at} makes no difference`)
    if (decodeIndex(bytes.subarray(0, at)).ok) test.fail(`cut at ${at} makes no difference`)
  }
})

t.test('decoders: random bytes -> refused, with no exception and no endless loop', async test => {
  const prng = new Prng(11)
  for (let round = 0; round < 3000; round += 1) {
    const bytes = Buffer.from(Array.from({ length: prng.below(400) }, () => (prng.chance(1, 3) ? 0 : prng.below(256))))
    if (bytes.length > 20 && prng.chance(1, 3)) bytes.write(prng.pick(['LHMQCKP\0', 'LHMQIDX\0', 'LHMQLOG\0', 'LHMQCTL\0']), prng.pick([0, 8]), 'latin1')
    for (const decoded of [decodeCheckpoint(bytes, 262_144), decodeIndex(bytes), decodeExtentHeader(bytes), decodeControl(bytes)]) if (decoded.ok) test.fail('random bytes were believed')
  }
  test.pass('3000 rounds')
})
