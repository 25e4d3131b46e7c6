import t from 'tap'
import { crc32c } from '../../src/lease/crc32c.js'
import { areaBytes, commandPlace, lookBytes, nodePlace, nodeSlotBytes, scratchPlace, sectorBytes } from '../../src/lease/layout.js'
import { LatencyHistory, latencySentence, supportedLeaseMs } from '../../src/lease/latency.js'
import { ownersOf, wordOf } from '../../src/lease/owners.js'
import { decodeHeader, decodeNode, decodePill, encodeHeader, encodeNode, encodePill, leaseDatagramBytesMax } from '../../src/lease/records.js'
import { authKey, authKeys } from '../wire/vectors.js'
import { Prng } from '../../src/base/prng.js'
import { area, datagramOf, groupView, header, keys, newKey, nodeRecord, oldKey } from './fixture.js'

const bits = [0x01, 0x80, 0xff]
const expected = { slot: 1 as const, header }

/** Bytes as they lie in a slot: the record, and behind it what a longer one left. */
const inSlot = (sectors: Uint8Array): Uint8Array => {
  const slot = new Uint8Array(nodeSlotBytes).fill(0x5a)
  slot.set(sectors)
  return slot
}

t.test('layout: every piece -> aligned, none overlaps another, all within the area', async t => {
  const pieces = [{ from: 0, to: sectorBytes }, nodePlace(0), nodePlace(1), commandPlace(0), commandPlace(1), scratchPlace(0), scratchPlace(1)]
  pieces.reduce((end, piece) => {
    t.equal(piece.from, end)
    t.equal(piece.to % sectorBytes, 0)
    return piece.to
  }, 0)
  t.ok((pieces.at(-1)?.to ?? Infinity) <= areaBytes)
  t.equal(lookBytes, scratchPlace(0).from)
})

t.test('crc32c: the check value of the polynomial -> e3069283; a hole counts as zeros', async t => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.equal(crc32c(Buffer.from('12XX56'), 2, 4), crc32c(Buffer.from('12\0\x0056')))
})

t.test('lease records: written and read -> the same', async t => {
  t.strictSame(decodeHeader(encodeHeader(header, keys), keys), { ok: true, header, keyId: 1 })
  const record = nodeRecord()
  const sectors = encodeNode(record, 1, area, keys)
  t.equal(sectors.length, sectorBytes)
  const read = decodeNode(inSlot(sectors), expected, keys)
  t.ok(read.ok)
  t.strictSame(read.ok && { ...read.record, bootId: Uint8Array.from(read.record.bootId), datagram: Uint8Array.from(read.record.datagram) }, { ...record, datagram: Uint8Array.from(record.datagram) })
  const pill = { generation: 7, from: 'ha1', fromGeneration: 12, wallMs: 1_790_000_000_000 }
  t.strictSame(decodePill(encodePill(pill, 1, area, keys), expected, keys), { ok: true, pill })
})

t.test('lease records: signed by every method of authkeys -> read', async t => {
  for (const method of ['crc', 'md5', 'sha1', 'sha256', 'sha512'] as const) {
    const by = authKeys(authKey(3, method, 'k'.repeat(20)))
    for (let beat = 1; beat <= 40; beat++) t.ok(decodeNode(encodeNode(nodeRecord({ beat }), 1, area, by), expected, by).ok, `${method} ${beat}`)
  }
})

t.test('lease records: any byte of their sectors changed -> refused, whatever the bit', async t => {
  const cases = [
    { name: 'header', bytes: encodeHeader(header, keys), ok: (bytes: Uint8Array) => decodeHeader(bytes, keys).ok },
    { name: 'node', bytes: encodeNode(nodeRecord(), 1, area, keys), ok: (bytes: Uint8Array) => decodeNode(bytes, expected, keys).ok },
    { name: 'pill', bytes: encodePill({ generation: 7, from: 'ha1', fromGeneration: 1, wallMs: 1 }, 1, area, keys), ok: (bytes: Uint8Array) => decodePill(bytes, expected, keys).ok }
  ]
  for (const { name, bytes, ok } of cases) {
    t.ok(ok(bytes), `${name} itself`)
    const accepted: string[] = []
    for (let at = 0; at < bytes.length; at++) {
      const bit = bits[at % bits.length] ?? 1
      bytes[at] = (bytes[at] ?? 0) ^ bit
      if (ok(bytes)) accepted.push(`${name} at ${at}`)
      bytes[at] = (bytes[at] ?? 0) ^ bit
    }
    t.strictSame(accepted, [])
    t.ok(ok(bytes), `${name} again`)
  }
})

t.test('lease records: checksum made right after a change, as somebody without the key would -> refused by the signature', async t => {
  const accepted: number[] = []
  const sectors = Buffer.from(encodeNode(nodeRecord(), 1, area, keys))
  const length = sectors.readUInt32BE(12)
  for (let at = 20; at < length; at++) {
    const copy = Buffer.from(sectors)
    copy.writeUInt8(copy.readUInt8(at) ^ 1, at)
    copy.writeUInt32BE(crc32c(copy, 16, 20), 16)
    if (decodeNode(copy, expected, keys).ok) accepted.push(at)
  }
  t.strictSame(accepted, [])
})

t.test('lease records: torn between old and new at any 512 bytes -> refused as torn', async t => {
  const groups = (state: 'running' | 'stopped') => Array.from({ length: 80 }, (_, index) => groupView(String(index).padStart(8, '0'), state, 3))
  const older = encodeNode(nodeRecord({ beat: 41, datagram: datagramOf('ha2', 100, groups('running')) }), 1, area, keys)
  const newer = encodeNode(nodeRecord({ beat: 42, datagram: datagramOf('ha2', 101, groups('stopped')) }), 1, area, keys)
  const used = Buffer.from(newer).readUInt32BE(12)
  t.ok(used > 2000)
  for (let cut = 512; cut < used; cut += 512) {
    t.match(decodeNode(Buffer.concat([newer.subarray(0, cut), older.subarray(cut)]), expected, keys), { ok: false, reason: 'torn' }, `behind ${cut} bytes`)
    t.match(decodeNode(Buffer.concat([older.subarray(0, cut), newer.subarray(cut)]), expected, keys), { ok: false, reason: 'torn' })
  }
})

t.test('lease records: never written, of another area, unknown key, wrong secret, wrong place, other version -> each named', async t => {
  const sectors = encodeNode(nodeRecord(), 1, area, keys)
  const reason = (bytes: Uint8Array, by = keys, place = expected) => {
    const read = decodeNode(bytes, place, by)
    return read.ok ? 'ok' : read.reason
  }
  t.equal(reason(new Uint8Array(nodeSlotBytes)), 'empty')
  t.equal(reason(new Uint8Array(nodeSlotBytes).fill(1)), 'no-record')
  t.equal(reason(encodeHeader(header, keys)), 'no-record')
  t.equal(reason(sectors, keys, { slot: 1, header: { ...header, area: new Uint8Array(16).fill(3) } }), 'foreign')
  t.equal(reason(sectors, authKeys(newKey)), 'unknown-key')
  t.equal(reason(sectors, authKeys(authKey(1, 'sha1', 'another secret of another cluster'))), 'bad-signature')
  t.equal(reason(sectors, authKeys(authKey(1, 'sha256', 'the first key of this cluster'))), 'bad-signature')
  t.equal(reason(encodeNode(nodeRecord(), 0, area, keys)), 'malformed', 'copied from the other slot')
  t.equal(reason(encodeNode(nodeRecord({ node: 'ha1' }), 1, area, keys)), 'malformed', 'the name of the other node')
  const version = Buffer.from(sectors)
  version.writeUInt16BE(2, 8)
  t.equal(reason(version), 'other-version')
  const length = Buffer.from(sectors)
  length.writeUInt32BE(0xffffffff, 12)
  t.equal(reason(length), 'bad-length')
  const pill = encodePill({ generation: 7, from: 'ha2', fromGeneration: 1, wallMs: 1 }, 1, area, keys)
  t.match(decodePill(pill, expected, keys), { ok: false, reason: 'malformed' }, 'nobody orders himself')
})

t.test('lease records: change of keys -> both accepted while listed, the active one signs', async t => {
  const both = authKeys(newKey, oldKey)
  t.match(decodeNode(encodeNode(nodeRecord(), 1, area, keys), expected, both), { ok: true })
  t.match(decodeHeader(encodeHeader(header, both), both), { ok: true, keyId: 2 })
  t.match(decodeNode(encodeNode(nodeRecord(), 1, area, both), expected, keys), { ok: false, reason: 'unknown-key' })
})

t.test('lease records: the longest datagram -> fits; one byte more -> is the caller\'s fault', async t => {
  const longest = nodeRecord({ datagram: new Uint8Array(leaseDatagramBytesMax).fill(1) })
  for (const by of [keys, authKeys(authKey(3, 'sha512', 'k'))]) {
    const sectors = encodeNode(longest, 1, area, by)
    t.ok(sectors.length <= nodeSlotBytes)
    t.match(decodeNode(inSlot(sectors), expected, by), { ok: true })
  }
  t.throws(() => encodeNode(nodeRecord({ datagram: new Uint8Array(leaseDatagramBytesMax + 1) }), 1, area, keys))
})

t.test('lease records: damaged at random, half of them with a right checksum -> refused, never thrown', async t => {
  const prng = new Prng(8412)
  const valid = encodeNode(nodeRecord(), 1, area, keys)
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(valid)
    for (let change = prng.below(20); change >= 0; change--) bytes.writeUInt8(prng.below(256), prng.below(200))
    bytes.write('HBLSNODE\0\x01', 0, 'latin1')
    // Half of them with a checksum that is right, so that what stands behind it is reached.
    if (round % 2 === 0) bytes.writeUInt32BE(crc32c(bytes, 16, 20), 16)
    t.notOk(decodeNode(bytes, expected, keys).ok && !bytes.equals(valid))
  }
})

t.test('owners: two vectors -> the held record with the largest epoch; two held ones are a dispute', async t => {
  const word = (node: string, ...groups: ReturnType<typeof groupView>[]) => {
    const found = wordOf(nodeRecord({ node, datagram: datagramOf(node, 5, groups) }), keys)
    if (found === null) throw new Error('no word')
    return found
  }
  const one = word('ha1', groupView('00000001', 'running', 3), groupView('00000002', 'stopped', 9), groupView('00000003', 'running', 4))
  const two = word('ha2', groupView('00000001', 'stopped', 2), groupView('00000002', 'failed', 8), groupView('00000003', 'starting', 5))
  t.match(ownersOf([one, two]), [
    { id: '00000001', owner: 'ha1', epoch: 3, isDisputed: false },
    { id: '00000002', owner: null },
    { id: '00000003', owner: 'ha2', epoch: 5, isDisputed: true }
  ])
  t.equal(wordOf(nodeRecord({ datagram: datagramOf('ha1', 5) }), keys), null, 'a datagram of somebody else says nothing about this node')
  t.equal(wordOf(nodeRecord({ datagram: new Uint8Array(0) }), keys), null)
  t.equal(wordOf(nodeRecord(), authKeys(newKey)), null)
})

t.test('latencies: median, p99, maximum -> and how many times the lease is longer', async t => {
  const history = new LatencyHistory()
  t.equal(latencySentence(history.figures(), 3000), 'no renewal was measured yet')
  history.add(900)
  for (let index = 0; index < 600; index++) history.add(index < 590 ? 1 : 4)
  t.strictSame(history.figures(), { count: 601, medianMs: 1, p99Ms: 4, maxMs: 900 })
  t.equal(latencySentence(history.figures(), 3000), 'measured p99 of renewals here is 4.0 ms; the lease of 3 s is 750x')
  t.equal(supportedLeaseMs(history.figures()), 9000)
  t.equal(supportedLeaseMs({ count: 1, medianMs: 1, p99Ms: 1, maxMs: 2 }), 1000)
})
