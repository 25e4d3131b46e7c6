import t from 'tap'
import { Buffer } from 'node:buffer'
import { Prng } from '../../src/base/prng.js'
import { binaryField, stringField } from '../../src/wire/fields.js'
import type { Field, Message } from '../../src/wire/message.js'
import { groupStates, nodePhases, wellHealth, type GroupView, type Health, type NodeView } from '../../src/wire/ownership.js'
import { groupsMax, holdMsMax, readHeard, statusMessage, withSender, type Heard, type Sender, type StatusText } from '../../src/wire/status.js'

const seed = Number(process.env['HA_SEED'] ?? 1)
const sender: Sender = { name: 'ha1', uuid: Buffer.from('00112233445566778899aabbccddeeff', 'hex'), generation: 0x6b0039f4, ttl: 3 }
const surroundings = { wallS: 1_795_177_971, load: '0.10 0.20 0.30 1/90 1234' }
const group: GroupView = { id: '0123abcd', digest: 'ffff0000', state: 'running', epoch: 3, avoid: false, wanted: false, canServe: true }
const view: NodeView = { phase: 'active', acknowledged: { generation: 7, sequence: 300 }, hearsPeer: true, groups: [group], health: wellHealth, agreement: null }
const written = (change: Partial<StatusText> = {}): Message => statusMessage(sender, { sequence: 26, status: 'active', deadtimeMs: 2_000, view, ...change }, surroundings)
const read = (message: Message): Heard => {
  const heard = readHeard(message)
  if (heard === null) throw new Error('the message was refused')
  return heard
}

/** The message with one field's text replaced, or taken out. */
const withText = (name: string, text: string | null, message: Message = written()): Message => ({
  fields: message.fields.flatMap(field => (field.name !== name ? [field] : text === null ? [] : [stringField(name, text)]))
})

t.test('status: written and read -> the same', async t => {
  const { message, ...heard } = read(written())
  t.equal(message.fields.length, 15)
  t.strictSame(heard, {
    type: 'status',
    source: 'ha1',
    uuid: '00112233445566778899aabbccddeeff',
    generation: 0x6b0039f4,
    sequence: 26,
    destination: null,
    statusText: 'active',
    deadtimeMs: 2_000,
    view
  })
})

t.test('status: every phase, group state and flag -> read as written', async t => {
  for (const phase of nodePhases) t.equal(read(written({ view: { ...view, phase } })).view?.phase, phase)
  for (const state of groupStates) {
    for (const [avoid, wanted] of [[false, false], [true, false], [false, true], [true, true]] as const) {
      const groups = [{ ...group, state, avoid, wanted }]
      t.strictSame(read(written({ view: { ...view, groups } })).view?.groups, groups)
    }
  }
})

t.test('status: no groups, nothing acknowledged, peer not heard -> read as written', async t => {
  for (const one of [
    { ...view, groups: [] },
    { ...view, acknowledged: null, hearsPeer: false },
    { ...view, hearsPeer: false }
  ]) t.strictSame(read(written({ view: one })).view, one)
})

const healthOf = (prng: Prng): Health => {
  const holdMs = prng.chance(1, 2) ? 0 : prng.between(1, holdMsMax)
  return { isFit: prng.chance(1, 2), reached: prng.chance(1, 2) ? null : prng.below(9), stalledMs: prng.next(), holdMs, holdReason: holdMs === 0 ? '' : 'snapshot of the disk' }
}

t.test('status: random views -> read as written', async t => {
  const prng = new Prng(seed)
  const word = (): string => prng.next().toString(16).padStart(8, '0')
  for (let round = 0; round < 2_000; round++) {
    const groups = Array.from({ length: prng.below(6) }, (): GroupView => ({
      id: word(), digest: word(), state: prng.pick(groupStates), epoch: prng.next(), avoid: prng.chance(1, 2), wanted: prng.chance(1, 2), canServe: prng.chance(1, 2)
    }))
    const acknowledged = prng.chance(1, 4) ? null : { generation: prng.next(), sequence: prng.next() }
    const one: NodeView = { phase: prng.pick(nodePhases), acknowledged, hearsPeer: acknowledged !== null && prng.chance(1, 2), groups, health: healthOf(prng), agreement: prng.chance(1, 2) ? null : { version: '1.2-x', haresources: word(), authkeys: word(), scripts: word() } }
    const heard = read(written({ view: one, sequence: prng.between(1, 1 << 30) }))
    if (JSON.stringify(heard.view) !== JSON.stringify(one)) {
      t.strictSame(heard.view, one, `HA_SEED=${seed} round ${round}`)
      return
    }
  }
  t.pass('2,000 views')
})

t.test('status: a dead time with a fraction -> whole milliseconds', async t => {
  t.equal(read(written({ deadtimeMs: 499.6 })).deadtimeMs, 500)
})

t.test('status: the fields Linux-HA writes itself -> come in its order, its names unchanged', async t => {
  t.strictSame(written().fields.map(field => field.name), ['t', 'st', 'dt', 'protocol', 'hbx', 'hbx_phase', 'hbx_ack', 'hbx_own', 'src', 'srcuuid', 'seq', 'hg', 'ts', 'ld', 'ttl'])
})

t.test('sender: outside the sequence -> neither seq nor ld; with a destination -> its uuid comes first', async t => {
  const message = withSender(sender, [stringField('t', 'NS_ack')], { sequence: null, surroundings, destinationUuid: sender.uuid })
  t.strictSame(message.fields.map(field => field.name), ['t', 'destuuid', 'src', 'srcuuid', 'hg', 'ts', 'ttl'])
  t.match(read(message), { type: 'NS_ack', sequence: null, view: null })
})

t.test('reading: a field every message needs is missing or no number -> refused', async t => {
  for (const name of ['t', 'src', 'hg', 'ts', 'seq']) t.equal(readHeard(withText(name, null)), null, `no ${name}`)
  for (const name of ['hg', 'ts', 'seq']) {
    for (const text of ['', 'x', '-1', '0x1', ' 1', '1.0', '10000000000000']) t.equal(readHeard(withText(name, text)), null, `${name}=${text}`)
    t.not(readHeard(withText(name, 'fffffffffffff')), null, `${name} of 13 digits`)
  }
  t.equal(readHeard(withText('src', '')), null)
})

t.test('reading: sequence 0 -> refused; 1 -> read', async t => {
  t.equal(readHeard(withText('seq', '0')), null)
  t.equal(readHeard(withText('seq', '1'))?.sequence, 1)
})

t.test('reading: node names in capitals -> lower case, as in ha.cf', async t => {
  t.equal(readHeard(withText('src', 'HA1'))?.source, 'ha1')
  t.equal(readHeard({ fields: [...written().fields, stringField('dest', 'Ha2')] })?.destination, 'ha2')
})

t.test('reading: a uuid of another length -> none', async t => {
  for (const length of [0, 15, 17]) {
    const fields = written().fields.map(field => (field.name === 'srcuuid' ? binaryField('srcuuid', new Uint8Array(length)) : field))
    t.equal(readHeard({ fields })?.uuid, null, `${length} bytes`)
  }
})

t.test('reading: a status without our fields -> a Linux-HA peer, no view', async t => {
  t.equal(readHeard(withText('hbx', null))?.view, null)
})

t.test('reading: our fields in another kind of message -> no view', async t => {
  t.equal(readHeard(withText('t', 'resource'))?.view, null)
})

t.test('reading: a view that is broken in one place -> no view, the rest is read', async t => {
  const broken: readonly (readonly [string, string | null])[] = [
    ['hbx_phase', null], ['hbx_phase', ''], ['hbx_phase', 'Active'], ['hbx_phase', 'constructor'],
    ['hbx_ack', null], ['hbx_ack', ''], ['hbx_ack', '7'], ['hbx_ack', '7.1'], ['hbx_ack', '7.1.1.1'], ['hbx_ack', '7.x.1'], ['hbx_ack', '.1.1'], ['hbx_ack', '-.1.1'],
    ['hbx_own', null], ['hbx_own', ','], ['hbx_own', '0123abcd'], ['hbx_own', '0123abcd.ffff0000.3.1'], ['hbx_own', '0123abcd.ffff0000.3.1.0.0'],
    ['hbx_own', '0123abcd.ffff0000.8.1.0'], ['hbx_own', '0123abcd.ffff0000.-1.1.0'], ['hbx_own', '0123abcd.ffff0000..1.0'], ['hbx_own', '0123abcd.ffff0000.3.x.0'],
    ['hbx_own', '0123abc.ffff0000.3.1.0'], ['hbx_own', '0123abcdd.ffff0000.3.1.0'], ['hbx_own', '0123ABCD.ffff0000.3.1.0'], ['hbx_own', '0123abcd.ffff000g.3.1.0'],
    ['hbx_own', '0123abcd.ffff0000.3.1.0,'], ['hbx_own', '0123abcd.ffff0000.3.10000000000000.0']
  ]
  for (const [name, text] of broken) t.match(readHeard(withText(name, text)), { source: 'ha1', sequence: 26, view: null }, `${name}=${text}`)
})

t.test('reading: the most groups -> read; one more -> no view', async t => {
  const many = (count: number): string => Array.from({ length: count }, () => '0123abcd.ffff0000.3.1.0').join(',')
  t.equal(readHeard(withText('hbx_own', many(groupsMax)))?.view?.groups.length, groupsMax)
  t.equal(readHeard(withText('hbx_own', many(groupsMax + 1)))?.view, null)
})

const names = ['t', 'st', 'dt', 'hbx', 'hbx_phase', 'hbx_ack', 'hbx_own', 'src', 'srcuuid', 'seq', 'hg', 'ts', 'dest', 'ld', 'ttl', '__proto__'] as const
const texts = ['', '-', '.', ',', '0', '1', '7f', '7.1.1', 'fffffffffffff', '10000000000000', '-1', '1e3', 'status', 'NS_st', 'active', 'left', 'constructor', '0123abcd.ffff0000.3.1.0', '\u00e4\u20ac\u{1f600}']

/** A field of a known name with a value that is often nearly right. */
function oddField(prng: Prng): Field {
  const name = prng.pick(names)
  if (prng.chance(1, 6)) return { name, type: prng.pick([0, 1, 2, 3, 4] as const), value: Uint8Array.from({ length: prng.below(24) }, () => prng.below(256)) }
  const text = Array.from({ length: prng.between(1, 3) }, () => prng.pick(texts)).join(prng.pick(['', '.', ',']))
  return stringField(name, prng.chance(1, 2) ? prng.pick(texts) : text)
}

const isCount = (value: number | null): boolean => value === null || (Number.isSafeInteger(value) && value >= 0)

function faultOf(heard: Heard | null): string | null {
  if (heard === null) return null
  if (heard.source === '' || !isCount(heard.generation) || !isCount(heard.deadtimeMs)) return 'an invalid head'
  if (heard.sequence === null ? !heard.type.startsWith('NS_') : !isCount(heard.sequence) || heard.sequence < 1) return 'an invalid sequence'
  if (heard.uuid !== null && !/^[0-9a-f]{32}$/.test(heard.uuid)) return 'an invalid uuid'
  if (heard.view === null) return null
  if (heard.type !== 'status' || !nodePhases.includes(heard.view.phase)) return 'an invalid phase'
  const { acknowledged } = heard.view
  if (acknowledged !== null && !(isCount(acknowledged.generation) && isCount(acknowledged.sequence))) return 'an invalid acknowledgement'
  const isFit = (one: GroupView): boolean => /^[0-9a-f]{8}$/.test(one.id) && /^[0-9a-f]{8}$/.test(one.digest) && groupStates.includes(one.state) && isCount(one.epoch)
  return heard.view.groups.every(isFit) ? null : 'an invalid group'
}

t.test('fuzz: a good message with fields replaced, added and taken out -> refused or valid, never an exception', async t => {
  const prng = new Prng(seed)
  let accepted = 0
  let views = 0
  for (let round = 0; round < 20_000; round++) {
    const fields = [...written().fields]
    for (let change = prng.between(1, 3); change > 0; change--) {
      const odd = oddField(prng)
      const at = prng.chance(1, 2) ? fields.findIndex(field => field.name === odd.name) : prng.below(fields.length)
      fields.splice(Math.max(0, at), prng.below(2), odd)
    }
    const heard = readHeard({ fields })
    const fault = faultOf(heard)
    if (fault !== null) {
      t.fail(`HA_SEED=${seed} round ${round}: ${fault}`, { fields: fields.map(field => [field.name, field.type, Buffer.from(field.value).toString('latin1')]) })
      return
    }
    if (heard !== null) accepted++
    if (heard?.view) views++
  }
  t.ok(accepted > 1_000 && accepted < 20_000, `${accepted} were read`)
  t.ok(views > 1_000 && views < accepted, `${views} with a view`)
})

t.test('fuzz: nothing but odd fields -> refused or valid, never an exception', async t => {
  const prng = new Prng(seed + 1)
  for (let round = 0; round < 20_000; round++) {
    const fields = Array.from({ length: prng.below(16) }, () => oddField(prng))
    const fault = faultOf(readHeard({ fields }))
    if (fault !== null) {
      t.fail(`HA_SEED=${seed} round ${round}: ${fault}`)
      return
    }
  }
  t.pass('20,000 messages')
})
