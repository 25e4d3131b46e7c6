/** Questions between two nodes over a network that loses, repeats, records and lies; on a virtual clock. */

import { Buffer } from 'node:buffer'
import t from 'tap'
import { askType, contentBytesMax, tellType } from '../../src/agreement/exchange.js'
import { HaError } from '../../src/base/errors.js'
import { Prng } from '../../src/base/prng.js'
import { millis } from '../../src/base/units.js'
import { parseAuthkeys } from '../../src/config/authkeys.js'
import type { AuthKeys } from '../../src/config/types.js'
import { Exchange, type Fetched } from '../../src/sync/exchange-service.js'
import { decodeDatagram, encodeNetstring } from '../../src/wire/datagram.js'
import { bytesOf, hexField, stringField, textOf } from '../../src/wire/fields.js'
import type { Field, Message } from '../../src/wire/message.js'
import { readHeard, withSender } from '../../src/wire/status.js'
import { VirtualClock } from '../sim/virtual-clock.js'

function keysOf(text: string): AuthKeys {
  const { keys } = parseAuthkeys({ file: 'authkeys', text, mode: 0o600, ownerUid: 0 }, { uid: 0 })
  if (keys === null) throw new Error('these keys are refused')
  return keys
}

const goodKeys = keysOf('auth 1\n1 sha512 a-secret-of-sixteen\n2 sha256 another-secret-of-it\n')

interface Net {
  /** Percent of datagrams lost and doubled. */
  readonly loss: number
  readonly doubling: number
}

class World {
  readonly clock = new VirtualClock()
  readonly prng: Prng
  readonly sent: { readonly from: string; readonly type: string; readonly payload: Uint8Array; readonly at: number }[] = []
  readonly files = new Map<string, Uint8Array | string>()
  readonly keys: Record<string, AuthKeys> = { ha1: goodKeys, ha2: goodKeys }
  readonly nodes: Record<string, Exchange> = {}
  generations: Record<string, number> = { ha1: 100, ha2: 200 }
  isCut = false
  #nonce = 0
  readonly #supervised: Promise<unknown>[] = []
  readonly #net: Net

  constructor(net: Net = { loss: 0, doubling: 0 }, seed = 1) {
    this.prng = new Prng(seed)
    this.#net = net
    for (const name of ['ha1', 'ha2']) this.nodes[name] = this.#node(name)
  }

  #node(name: string): Exchange {
    const peerName = name === 'ha1' ? 'ha2' : 'ha1'
    return new Exchange({
      clock: this.clock,
      self: { name, generation: this.generations[name] ?? 0 },
      peerName,
      keys: () => this.keys[name] ?? goodKeys,
      peerGeneration: () => this.generations[peerName] ?? null,
      nonce: () => (this.#nonce += 1).toString(16).padStart(32, '0'),
      send: fields => this.transmit(name, fields),
      tell: async what => this.files.get(what) ?? 'no such file is offered',
      supervise: (_name, promise) => void this.#supervised.push(promise)
    })
  }

  /** A new life of a node: a new generation, and nothing remembered. */
  restart(name: string): void {
    this.nodes[name]?.close()
    this.generations = { ...this.generations, [name]: (this.generations[name] ?? 0) + 1 }
    this.nodes[name] = this.#node(name)
  }

  sign(from: string, fields: readonly Field[], keys = this.keys[from] ?? goodKeys): Uint8Array {
    const sender = { name: from, uuid: Buffer.alloc(16, 1), generation: this.generations[from] ?? 0, ttl: 3 }
    const message: Message = withSender(sender, fields, { sequence: null, surroundings: { wallS: 1_700_000_000, load: '' } })
    return encodeNetstring(message, keys.active, { innerAuth: false })
  }

  transmit(from: string, fields: readonly Field[]): void {
    const payload = this.sign(from, fields)
    this.sent.push({ from, type: textOf({ fields }, 't') ?? '', payload, at: this.clock.monotonic() })
    if (this.isCut) return
    for (let link = 0; link < 2; link += 1) {
      if (this.prng.chance(this.#net.loss, 100)) continue
      const copies = this.prng.chance(this.#net.doubling, 100) ? 2 : 1
      for (let copy = 0; copy < copies; copy += 1) {
        this.clock.schedule(millis(this.prng.below(4)), () => this.deliver(from === 'ha1' ? 'ha2' : 'ha1', payload))
      }
    }
  }

  deliver(to: string, payload: Uint8Array): void {
    const decoded = decodeDatagram(payload, this.keys[to] ?? goodKeys)
    const heard = decoded.ok ? readHeard(decoded.message) : null
    if (decoded.ok && heard !== null) this.nodes[to]?.onHeard(heard, decoded.keyId)
  }

  /** Runs the world until the promise is settled. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const settled = (): void => {
      isSettled = true
    }
    const watched = promise.then(settled, settled)
    for (let turn = 0; turn < 1_000_000 && !isSettled; turn += 1) {
      await new Promise(resolve => setImmediate(resolve))
      if (!isSettled && !this.clock.step()) break
    }
    if (isSettled) await watched
    return await promise
  }

  fetch(what: string, bytesMax = contentBytesMax): Promise<Fetched> {
    return this.run((this.nodes['ha1'] as Exchange).fetch(what, { bytesMax }))
  }
}

const random = (size: number, seed = 7): Uint8Array => {
  const prng = new Prng(seed)
  return Buffer.from(Array.from({ length: size }, () => prng.below(256)))
}

const reasonOf = (error: unknown): string => (error instanceof HaError && error.code === 'HA_SYNC_FAILED' ? error.message : `not expected: ${String(error)}`)
const failed = (fetched: Promise<Fetched>): Promise<string> => fetched.then(() => 'it was answered', reasonOf)

t.test('exchange: empty, small, of exactly a chunk, large -> come as they are, in datagrams below 1 KB', async t => {
  for (const size of [0, 1, 447, 448, 449, 448 * 16, 100_000]) {
    const world = new World()
    world.files.set('file x', random(size))
    const { content } = await world.fetch('file x')
    t.equal(Buffer.compare(content, random(size)), 0, `${size} bytes`)
    t.ok(world.sent.every(one => one.payload.length < 1_000), `${Math.max(...world.sent.map(one => one.payload.length))} bytes at most`)
  }
})

t.test('exchange: every third datagram lost, every fourth doubled, all of them late -> comes as it is', async t => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const world = new World({ loss: 33, doubling: 25 }, seed)
    world.files.set('file x', random(30_000, seed))
    const { content } = await world.fetch('file x')
    t.equal(Buffer.compare(content, random(30_000, seed)), 0, `seed ${seed}`)
  }
})

t.test('exchange: 1 MiB -> in 16 datagrams at a time with pauses of 10 ms', async t => {
  const world = new World()
  world.files.set('file x', random(contentBytesMax - 1))
  await world.fetch('file x')
  const tells = world.sent.filter(one => one.type === tellType)
  t.equal(tells.length, Math.ceil(contentBytesMax / 448))
  const inOneMs = new Map<number, number>()
  for (const one of tells) inOneMs.set(Math.floor(one.at / 10), (inOneMs.get(Math.floor(one.at / 10)) ?? 0) + 1)
  t.ok(Math.max(...inOneMs.values()) <= 32, `${Math.max(...inOneMs.values())} in 10 ms at most`)
})

t.test('exchange: two questions at once -> one after the other; a fifth that waits -> refused', async t => {
  const world = new World()
  world.files.set('file x', random(1000, 1)).set('file y', random(1000, 2))
  const asker = world.nodes['ha1'] as Exchange
  const both = Promise.all([asker.fetch('file x', { bytesMax: 2000 }), asker.fetch('file y', { bytesMax: 2000 })])
  const [x, y] = await world.run(both)
  t.equal(Buffer.compare(x.content, random(1000, 1)) + Buffer.compare(y.content, random(1000, 2)), 0)
  world.isCut = true
  const waiting = [1, 2, 3, 4].map(() => failed(asker.fetch('file x', { bytesMax: 2000 })))
  t.match(await failed(asker.fetch('file x', { bytesMax: 2000 })), /too many/)
  asker.close()
  t.strictSame(await world.run(Promise.all(waiting)), ['the daemon ends', 'the daemon ends', 'the daemon ends', 'the daemon ends'])
})

t.test('exchange: refused over there, longer than agreed, nobody answers, peer gone, interrupted -> a reason for each, and an end', async t => {
  const world = new World()
  world.files.set('file x', random(5_000)).set('file z', 'z is a symbolic link')
  t.equal(await failed(world.fetch('file z')), 'ha2 refuses: z is a symbolic link')
  t.match(await failed(world.fetch('file ../../etc/shadow')), /refuses: no such file/)
  t.match(await failed(world.fetch('file x', 4_999)), /has 5001 bytes, more than 5000/)
  const controller = new AbortController()
  const fetched = (world.nodes['ha1'] as Exchange).fetch('file x', { bytesMax: 5_000, signal: controller.signal })
  const interrupted = failed(fetched)
  await new Promise(resolve => setImmediate(resolve))
  controller.abort()
  t.equal(await interrupted, 'interrupted')
  world.isCut = true
  const before = world.clock.monotonic()
  t.match(await failed(world.fetch('file x')), /did not answer within 5000 ms/)
  t.ok(world.clock.monotonic() - before < 7_000)
  world.generations = { ha1: 100 }
  t.match(await failed(world.fetch('file x')), /is not heard/)
})

t.test('exchange: the peer is started again in the middle -> ends, and what the old life sent is not taken', async t => {
  const world = new World()
  world.files.set('file x', random(200_000))
  const fetched = failed((world.nodes['ha1'] as Exchange).fetch('file x', { bytesMax: contentBytesMax }))
  for (let turn = 0; turn < 40; turn += 1) {
    await new Promise(resolve => setImmediate(resolve))
    world.clock.step()
  }
  world.restart('ha2')
  t.match(await world.run(fetched), /started again/)
})

t.test('exchange: signing with crc -> nothing is asked and nothing told', async t => {
  const world = new World()
  world.files.set('file x', random(10))
  world.keys['ha1'] = keysOf('auth 3\n1 sha512 a-secret-of-sixteen\n3 crc\n')
  t.match(await failed(world.fetch('file x')), /crc, which is no secret/)
  t.equal(world.sent.length, 0)
  world.keys['ha2'] = world.keys['ha1']
  world.transmit('ha1', askOf({ number: 1 }))
  for (let turn = 0; turn < 20; turn += 1) {
    await new Promise(resolve => setImmediate(resolve))
    world.clock.step()
  }
  t.equal(world.sent.filter(one => one.type === tellType).length, 0, 'a crafted question signed with crc')
})

const askOf = (more: { readonly number?: number; readonly to?: number; readonly destination?: string; readonly what?: string; readonly nonce?: string }): readonly Field[] => [
  stringField('t', askType),
  stringField('dest', more.destination ?? 'ha2'),
  hexField('hbx_to', more.to ?? 200),
  hexField('hbx_ask', more.number ?? 1),
  stringField('hbx_nonce', more.nonce ?? 'ab'.repeat(16)),
  stringField('hbx_what', more.what ?? 'file x'),
  hexField('hbx_at', 0)
]

/** How many chunks ha2 sends when it hears these bytes. */
async function toldBy(world: World, payload: Uint8Array, times = 1): Promise<number> {
  const before = world.sent.filter(one => one.from === 'ha2').length
  for (let time = 0; time < times; time += 1) {
    world.deliver('ha2', payload)
    await new Promise(resolve => setImmediate(resolve))
  }
  return world.sent.filter(one => one.from === 'ha2').length - before
}

t.test('asks: recorded and played again, to another life, from an old life, for another node, by a stranger -> get nothing', async t => {
  const world = new World()
  world.files.set('file x', random(10))
  const first = world.sign('ha1', askOf({ number: 5 }))
  t.equal(await toldBy(world, first), 1, 'the first time')
  t.equal(await toldBy(world, first, 10), 0, 'played again')
  t.equal(await toldBy(world, world.sign('ha1', askOf({ number: 4 }))), 0, 'an older number')
  t.equal(await toldBy(world, world.sign('ha1', askOf({ number: 6, to: 199 }))), 0, 'meant for an earlier life')
  t.equal(await toldBy(world, world.sign('ha1', askOf({ number: 7, destination: 'ha3' }))), 0, 'meant for another node')
  t.equal(await toldBy(world, world.sign('ha3', askOf({ number: 8 }))), 0, 'a third node with the key')
  const stranger = keysOf('auth 1\n1 sha512 another-secret-16x\n')
  t.equal(await toldBy(world, world.sign('ha1', askOf({ number: 9 }), stranger)), 0, 'without the key')
  world.restart('ha2')
  t.equal(await toldBy(world, first), 0, 'played to a later life of ours')
  t.equal(await toldBy(world, world.sign('ha1', askOf({ number: 10, to: 201 }))), 1)
  const ofOldLife = world.sign('ha1', askOf({ number: 11, to: 201 }))
  world.generations = { ...world.generations, ha1: 101 }
  t.equal(await toldBy(world, ofOldLife), 0, 'from a life of the peer that is over')
})

t.test('asks: a flood of new ones -> answered at a bounded rate', async t => {
  const world = new World()
  world.files.set('file x', random(448 * 16))
  for (let number = 1; number <= 1000; number += 1) await toldBy(world, world.sign('ha1', askOf({ number })))
  const told = world.sent.filter(one => one.from === 'ha2').length
  t.ok(told <= 20 * 16, `${told} datagrams for 1000 questions in the same millisecond`)
})

t.test('tells: changed in a byte, for another nonce, of an earlier answer, sealed by nobody -> not taken', async t => {
  const world = new World()
  world.files.set('file x', random(5_000, 1))
  await world.fetch('file x')
  const recorded = world.sent.filter(one => one.type === tellType).map(one => one.payload)
  world.files.set('file x', random(5_000, 2))
  world.isCut = true
  const fetched = failed((world.nodes['ha1'] as Exchange).fetch('file x', { bytesMax: contentBytesMax }))
  await new Promise(resolve => setImmediate(resolve))
  for (const payload of recorded) world.deliver('ha1', payload)
  const [some] = recorded
  const decoded = some === undefined ? null : decodeDatagram(some, goodKeys)
  if (decoded?.ok !== true) throw new Error('the recording is not readable')
  const data = Buffer.from(bytesOf(decoded.message, 'hbx_data') ?? [])
  const forged = (change: Readonly<Record<string, string>>, bytes: Uint8Array): Uint8Array => {
    const own = decoded.message.fields.filter(field => !['src', 'srcuuid', 'hg', 'ts', 'ttl'].includes(field.name))
    return world.sign('ha2', own.map(field => (field.name === 'hbx_data' ? { ...field, value: bytes } : change[field.name] === undefined ? field : stringField(field.name, change[field.name] ?? ''))))
  }
  const asked = '2'.padStart(32, '0')
  world.deliver('ha1', forged({ hbx_nonce: asked }, data))
  world.deliver('ha1', forged({ hbx_nonce: asked, hbx_total: '1' }, data.subarray(0, 17)))
  world.deliver('ha1', forged({ hbx_nonce: asked, hbx_total: '999999999999' }, data))
  world.deliver('ha1', forged({ hbx_nonce: asked, hbx_at: 'fffff' }, data))
  world.deliver('ha1', forged({ hbx_nonce: asked }, Buffer.alloc(0)))
  t.match(await world.run(fetched), /did not answer/)
})

t.test('tells: on the wire -> nothing of the content can be read', async t => {
  const world = new World()
  const secret = Buffer.from('stonith password: hunter2 '.repeat(100))
  world.files.set('file x', secret)
  await world.fetch('file x')
  const all = Buffer.concat(world.sent.map(one => one.payload)).toString('latin1')
  t.notMatch(all, /hunter2/)
  t.match(all, /file x/, 'the name of what is asked can')
})

t.test('datagrams: random bytes in every field -> no exception, nothing told', async t => {
  const world = new World()
  world.files.set('file x', random(10))
  for (let round = 0; round < 2_000; round += 1) {
    const type = world.prng.pick([askType, tellType])
    const fields = ['dest', 'hbx_to', 'hbx_ask', 'hbx_nonce', 'hbx_what', 'hbx_at', 'hbx_sum', 'hbx_total', 'hbx_data'].flatMap(name => {
      const value = Buffer.from(Array.from({ length: world.prng.below(40) }, () => 1 + world.prng.below(255)))
      return world.prng.chance(1, 5) ? [] : [name === 'dest' ? stringField('dest', 'ha2') : { name, type: world.prng.pick([0, 1] as const), value }]
    })
    world.deliver('ha2', world.sign('ha1', [stringField('t', type), ...fields]))
  }
  t.equal(world.sent.length, 0)
})
