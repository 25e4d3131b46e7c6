/** The space of the log: used again, bounded, refused to whom it harms nobody, and kept where it is asked for. */

import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import type { Place } from '../../../src/mq/core/journal.js'
import { noFaults } from '../sim/sim-disk.js'
import { extentName } from '../../../src/mq/store/extent.js'
import { Fixture, active, extentBytes } from './log-fixture.js'

const kilobyte = 'x'.repeat(1000)
const logFiles = (world: Fixture): string[] => world.files('.LOG').filter(name => name.startsWith('S'))

/** Puts so many messages and removes each as soon as it is durable, as a queue that is read at once. */
async function steady(world: Fixture, count: number): Promise<void> {
  for (let done = 0; done < count; done += 50) {
    const places: Place[] = []
    for (let one = 0; one < 50; one += 1) places.push(world.put(kilobyte))
    await world.force()
    for (const place of places) world.append({ kind: 'remove', place })
    await world.force()
    for (const place of places) world.log.release(place)
    await world.drain()
  }
}

t.test('space: steady puts and gets -> extents are used again, files stay few', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  let most = 0
  for (let round = 0; round < 12; round += 1) {
    await steady(world, 500)
    most = Math.max(most, world.files('.LOG').length)
  }
  const written = world.log.end / extentBytes
  test.ok(written > 20, `${written.toFixed(0)} extents were written`)
  test.ok(most <= 3 + 5 + 64 + 3, 'no more than spares, window, extents ahead')
  test.ok(world.files('.LOG').length < 80, world.files('.LOG').join(' '))
  test.ok(world.log.status().checkpoints > 5)
  await world.close()
  await world.open()
  test.strictSame(world.bodies(), [])
})

t.test('space: a few messages left in many extents -> moved together, their extents used again, order and bodies kept', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  const kept = new Map<number, { place: Place; body: string }>()
  world.onMoved = moves => {
    for (const { entry, from, to } of moves) {
      const known = kept.get(entry.order)
      if (known?.place.lsn !== from.lsn) throw new Error('moved from a place it was not in')
      known.place = to
    }
  }
  for (let extent = 0; extent < 30; extent += 1) {
    const body = `kept ${extent}`
    const place = world.put(body)
    kept.set(world.order, { place, body })
    await steady(world, 200)
  }
  for (let round = 0; round < 4; round += 1) await world.settle()
  test.ok(world.moves.length > 0, `${world.moves.length} messages were moved`)
  test.strictSame(world.moves.map(({ from }) => from.lsn), [...world.moves.map(({ from }) => from.lsn)], 'told by growing position')
  test.ok(logFiles(world).length < 20, `${logFiles(world).length} extents hold 30 messages`)
  for (const { place, body } of kept.values()) test.equal(world.log.read(place).body.toString(), body)
  world.kill()
  await world.open()
  test.strictSame(world.bodies(), [...kept.values()].map(({ body }) => body))
})

t.test('space: messages locked by a unit of work, put in one, or of a deleted queue -> never moved', async test => {
  const world = await Fixture.create({ type: 'linear' })
  await world.open()
  world.defineQueue(1)
  world.defineQueue(2)
  const locked = world.put('locked')
  world.put('put in a unit', { unit: 8 })
  world.put('of a deleted queue', { queue: 2 })
  world.put('free')
  world.append({ kind: 'lock', unit: 9, place: locked, backoutCount: 0 })
  world.append({ kind: 'delete', number: 2, type: 'QLOCAL', name: 'Q2' })
  for (let count = 0; count < 300; count += 1) world.put(kilobyte)
  await world.drain()
  await world.finish(world.log.recordImage([1, 2]))
  const orders = world.moves.map(({ entry }) => entry.order)
  test.ok(orders.includes(4), 'the free one was')
  test.strictSame(orders.filter(order => order < 4), [])
  world.append({ kind: 'backout', unit: 9 })
  world.append({ kind: 'commit', unit: 8, origin: null })
  await world.force()
  world.kill()
  await world.open()
  test.strictSame(world.bodies().slice(0, 3), ['locked', 'put in a unit', 'free'])
})

t.test('space: a message over several extents -> read from memory and from disk, found by restart, its extents kept while it lives', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  const large = Buffer.from(Array.from({ length: 700_000 }, (_, index) => (index * 7) & 255))
  const place = world.put(large)
  world.put('after')
  test.ok(world.log.read(place).body.equals(large), 'from memory')
  await steady(world, 3000)
  test.ok(world.log.read(place).body.equals(large), 'from disk')
  world.kill()
  await world.open()
  const found = world.found().messages
  test.equal(found[0]?.body.length, large.length)
  test.equal(found[1]?.body, 'after')
  world.append({ kind: 'remove', place: found[0]?.place as Place })
  await world.force()
  world.log.release(found[0]?.place as Place)
  const own = extentName(Math.floor((found[0]?.place.lsn ?? 0) / extentBytes) + 1)
  test.ok(logFiles(world).includes(own))
  await world.settle()
  await world.settle()
  test.notOk(logFiles(world).includes(own), 'and given back when it is gone')
})

t.test('space: messages of an earlier life got -> its extents are removed', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  for (let count = 0; count < 900; count += 1) {
    world.put(kilobyte)
    if (count % 50 === 0) await world.drain()
  }
  await world.settle()
  world.kill()
  await world.open()
  const old = logFiles(world).filter(name => name < world.log.status().currentExtent)
  test.ok(old.length >= 4)
  for (const { place } of world.found().messages) {
    world.append({ kind: 'remove', place })
    world.log.release(place)
  }
  await world.settle()
  await world.drain()
  test.strictSame(logFiles(world).filter(name => old.includes(name)), [])
  test.strictSame(world.files('.IDX').filter(name => old.includes(name.replace('.IDX', '.LOG'))), [])
})

t.test('space: one long unit of work -> told to back out at 80 %, others get room after it, then a checkpoint goes on', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  world.put('the first of a long unit', { unit: 9 })
  let refused = 0
  let stored = 0
  const places: Place[] = []
  for (; stored < 2000 && world.pinned.length === 0; stored += 1) {
    const place = world.tryPut(kilobyte)
    if (place === null) refused += 1
    else places.push(place)
    if (stored % 20 === 0) await world.drain()
  }
  test.strictSame(world.pinned, [9])
  test.equal(refused, 0, 'nobody else was refused before')
  test.ok(world.log.status().inUse >= 80)
  world.append({ kind: 'backout', unit: 9 })
  await world.force()
  for (let round = 0; round < 3; round += 1) await world.settle()
  test.ok(world.log.status().inUse < 30, `${world.log.status().inUse} %`)
  test.not(world.tryPut(kilobyte), null)
  await world.close()
  await world.open()
  test.equal(world.bodies().length, places.length + 1)
  test.equal(world.pinned.length, 1, 'told once')
})

t.test('space: a unit of work that nobody backs out -> puts are refused, but gets, commits and backouts never', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  const first = world.put('pinned', { unit: 9 })
  const places: Place[] = []
  for (let count = 0; count < 3000; count += 1) {
    const place = world.tryPut(kilobyte)
    if (place === null) break
    places.push(place)
    if (count % 20 === 0) await world.drain()
  }
  test.equal(world.tryPut(kilobyte), null)
  test.ok(world.log.status().inUse >= 90)
  for (const place of places) world.append({ kind: 'remove', place })
  for (let unit = 10; unit < 200; unit += 1) {
    world.append({ kind: 'lock', unit, place: first, backoutCount: 0 })
    world.append({ kind: unit % 2 === 0 ? 'commit' : 'backout', unit, origin: null } as never)
  }
  world.append({ kind: 'count', place: first, backoutCount: 3 })
  await world.force()
  for (const place of places) world.log.release(place)
  world.append({ kind: 'commit', unit: 9, origin: null })
  await world.force()
  for (let round = 0; round < 3; round += 1) await world.settle()
  test.not(world.tryPut(kilobyte), null, 'and puts have room again')
  test.equal(world.failure, null)
})

t.test('space: a message larger than the log -> refused at once', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  test.equal(world.tryPut(Buffer.alloc(5 * extentBytes)), null)
  test.not(world.tryPut(Buffer.alloc(3 * extentBytes)), null)
  await world.force()
})

t.test('linear: extents are kept; an image moves the queue forward; what is below the media extent can be deleted', async test => {
  const world = await Fixture.create({ type: 'linear' })
  await world.open()
  world.defineQueue(1)
  world.defineQueue(2)
  world.put('one', { queue: 1 })
  world.put('two', { queue: 2 })
  await steady(world, 2000)
  await world.settle()
  const all = logFiles(world)
  test.equal(all[0], 'S0000000.LOG', 'nothing was deleted')
  test.equal(world.log.status().mediaExtent, 'S0000000.LOG')
  test.equal(world.moves.length, 0, 'nothing was moved')
  test.equal(await world.finish(world.log.deleteBelowMedia()), 0)
  await world.finish(world.log.recordImage([1]))
  test.equal(world.log.status().mediaExtent, 'S0000000.LOG', 'queue 2 still needs it')
  await world.finish(world.log.recordImage([1, 2]))
  test.not(world.log.status().mediaExtent, 'S0000000.LOG')
  const deleted = await world.finish(world.log.deleteBelowMedia())
  test.ok(deleted > 5, `${deleted} of ${all.length} deleted`)
  test.ok((logFiles(world)[0] as string) >= world.log.status().mediaExtent)
  world.kill()
  await world.open()
  test.strictSame(world.bodies(), ['one', 'two'])
})

t.test('linear: index file lost while running -> the image builds it again', async test => {
  const world = await Fixture.create({ type: 'linear' })
  await world.open()
  world.defineQueue()
  world.put('one')
  await steady(world, 1000)
  await world.settle()
  test.ok(world.files('.IDX').includes('S0000000.IDX'))
  world.disk.lose(`${active}/S0000000.IDX`)
  await world.finish(world.log.recordImage([1]))
  test.not(world.log.status().mediaExtent, 'S0000000.LOG')
  test.equal(world.log.read(world.moves[0]?.to as Place).body.toString(), 'one')
})

t.test('linear: restart -> dead extents of earlier lives are kept too, and can be deleted after an image', async test => {
  const world = await Fixture.create({ type: 'linear' })
  await world.open()
  world.defineQueue()
  await steady(world, 1000)
  await world.settle()
  world.kill()
  await world.open()
  await steady(world, 500)
  world.kill()
  await world.open()
  test.ok(logFiles(world).includes('S0000000.LOG'))
  test.ok((await world.finish(world.log.deleteBelowMedia())) > 3)
  test.notOk(logFiles(world).includes('S0000000.LOG'))
})

t.test('disk full: puts are refused, gets go on, and room made by gets serves puts again', async test => {
  const world = await Fixture.create({ faults: { capacity: 9 * extentBytes + 50_000 }, primary: 3 })
  await world.open()
  world.defineQueue()
  const places: Place[] = []
  for (let count = 0; count < 5000; count += 1) {
    const place = world.tryPut(kilobyte)
    if (place !== null) places.push(place)
    if (count % 20 === 0) await world.drain()
    if (place === null) break
  }
  test.ok(places.length > 500, `${places.length} messages stored`)
  test.equal(world.tryPut(kilobyte), null)
  test.equal(world.failure, null)
  for (const place of places) {
    world.append({ kind: 'remove', place })
    world.log.release(place)
  }
  await world.force()
  for (let round = 0; round < 4; round += 1) await world.settle()
  test.equal(world.failure, null, world.failure?.message ?? '')
  let again = 0
  for (; again < 300 && world.tryPut(kilobyte) !== null; again += 1) if (again % 20 === 0) await world.drain()
  test.equal(again, 300)
  world.kill()
  await world.open()
  test.ok(world.bodies().length >= 280)
})

t.test('disk full: every gotten message of a full disk, one get per unit -> never refused, never failed', async test => {
  const world = await Fixture.create({ faults: { capacity: 9 * extentBytes + 50_000 } })
  await world.open()
  world.defineQueue()
  const places: Place[] = []
  for (let place = world.tryPut('small'); place !== null && places.length < 30_000; place = world.tryPut('small')) {
    places.push(place)
    if (places.length % 100 === 0) await world.drain()
  }
  for (const [index, place] of places.entries()) {
    world.append({ kind: 'lock', unit: index + 1, place, backoutCount: 0 })
    world.append({ kind: 'commit', unit: index + 1, origin: null })
    if (index % 50 !== 49) continue
    await world.drain()
    for (const done of places.slice(index - 49, index + 1)) world.log.release(done)
  }
  await world.force()
  test.equal(world.failure, null)
  test.ok(places.length > 2000)
})

t.test('disk full: log used up by what may never be refused -> a clear end, nobody is told what was not forced, close ends', async test => {
  const world = await Fixture.create({ faults: { capacity: 9 * extentBytes } })
  await world.open()
  world.defineQueue()
  const place = world.put('one')
  await world.drain()
  for (let count = 0; world.failure === null && count < 100_000; count += 1) {
    if (world.log.failure !== null) break
    world.append({ kind: 'lock', unit: 1, place, backoutCount: 0 })
    if (count % 500 === 0) await world.drain()
  }
  test.match(world.failure, { code: 'HA_MQ_LOG_FAILED' })
  await test.rejects(world.log.forcedTo(world.log.end), { code: 'HA_MQ_LOG_FAILED' })
  await world.close()
})

for (const fault of ['writeError', 'forceError'] as const) {
  t.test(`disk error (${fault}): final -> nothing after it is reported durable, appends fail with the same error, what was forced is there`, async test => {
    const world = await Fixture.create()
    await world.open()
    world.defineQueue()
    world.put('forced')
    await world.force()
    await world.settle()
    const { forced } = world.log
    world.disk.faults = { ...noFaults, inOrder: true, [fault]: 1000 }
    world.put('not forced')
    await test.rejects(world.force(), { code: 'HA_MQ_LOG_FAILED' })
    world.disk.faults = { ...noFaults, inOrder: true }
    test.equal(world.log.forced, forced)
    test.match(world.failure, { code: 'HA_MQ_LOG_FAILED' })
    test.throws(() => world.put('later'), { code: 'HA_MQ_LOG_FAILED' })
    await test.rejects(world.finish(world.log.checkpoint()), { code: 'HA_MQ_LOG_FAILED' })
    await world.close()
    world.powerCut()
    await world.open()
    test.equal(world.bodies()[0], 'forced')
  })
}

t.test('orders and queue numbers: never given out again after a restart, also when the last ones are gone', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue(1)
  world.defineQueue(6)
  const place = world.put('x')
  const order = world.order
  world.append({ kind: 'remove', place })
  world.append({ kind: 'delete', number: 6, type: 'QLOCAL', name: 'Q6' })
  await world.force()
  world.log.release(place)
  await world.settle()
  world.kill()
  const { restored } = await world.open()
  test.equal(restored.nextOrder, order + 1)
  test.equal(restored.nextQueueNumber, 7)
  test.equal(restored.epoch, 2)
})

t.test('lazy records -> wait for a force that somebody else asks for', async test => {
  const world = await Fixture.create()
  await world.open()
  await world.force()
  const { forced } = world.log
  world.defineQueue()
  await world.force()
  const before = world.log.forced
  test.ok(before > forced)
  world.put('lazy', { lazy: true })
  await world.drain()
  test.equal(world.log.forced, before)
  world.put('not lazy')
  await world.force()
  world.kill()
  await world.open()
  test.strictSame(world.bodies(), ['lazy', 'not lazy'])
})

t.test('files: random story -> no file in the directory that the format does not name', async test => {
  const world = await Fixture.create({ seed: 5 })
  const prng = new Prng(5)
  for (let life = 0; life < 4; life += 1) {
    await world.open()
    world.defineQueue()
    await steady(world, 300 + prng.below(600))
    if (prng.chance(1, 2)) world.kill()
    else await world.close()
  }
  for (const name of world.files()) test.match(name, /^([SR]\d{7}\.LOG|S\d{7}\.IDX|K\d{10}-\d{10}\.CKP|S\d{7}\.LOG\.torn.*|.*\.tmp)$/)
  test.ok(world.disk.files().includes(`${active}/../amqhlctl.lfh`.replace('/active/..', '')))
})
