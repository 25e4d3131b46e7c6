/** The log as the core sees it: what is forced is there after any end, in order, once. */

import t from 'tap'
import { active, Fixture } from './log-fixture.js'

t.test('log: put, forced, process killed -> the message is there after restart, and the one not forced is not promised', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  world.put('one')
  world.put('two')
  await world.force()
  world.kill()
  await world.open()
  test.strictSame(world.bodies(), ['one', 'two'])
  test.equal(world.opened.story.wasOrderly, false)
  test.equal(world.opened.restored.objects[0]?.definition.name, 'Q1')
})

t.test('log: orderly end -> nothing is replayed, everything is there', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  world.put('one')
  await world.close()
  await world.open()
  test.strictSame(world.bodies(), ['one'])
  test.match(world.opened.story, { wasOrderly: true, recordsReplayed: 0, torn: null })
})

t.test('log: orderly end -> extents formatted ahead wait as spares, and the next start formats none', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  await world.drain()
  test.ok(world.files('.LOG').filter(name => name.startsWith('S')).length > 1)
  await world.close()
  test.equal(world.files('.LOG').filter(name => name.startsWith('S')).length, 1, 'only the extent that was written to')
  const spares = world.files('.LOG').filter(name => name.startsWith('R')).length
  test.equal(spares, 3, 'as many as there are primary extents')
  await world.open({}, false)
  test.equal(world.files('.LOG').filter(name => name.startsWith('R')).length, spares - 1)
})

t.test('log: many records in one turn -> one force for all of them', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  await world.drain()
  const before = world.forcedCalls
  for (let count = 0; count < 100; count += 1) world.put('x')
  await world.force()
  test.equal(world.forcedCalls, before + 1)
})

t.test('log: records appended while a force is on its way -> the next one carries them, and it begins at once', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  await world.drain()
  const before = world.forcedCalls
  const first = world.put('first')
  world.onForced = () => {
    if (world.forcedCalls !== before + 1) return
    test.ok(world.log.forced > first.lsn)
    world.put('second')
    world.put('third')
  }
  await world.drain()
  test.equal(world.forcedCalls, before + 2)
  test.equal(world.log.forced, world.log.end)
})

t.test('log: a message read before it is forced, after it is forced, and from its extent -> the same', async test => {
  const world = await Fixture.create()
  await world.open({ keepBytes: 0, cacheBytes: 300_000 })
  world.defineQueue()
  const places = Array.from({ length: 300 }, (_, index) => world.put(`${index}`.padEnd(700, '.')))
  const bodies = (): string[] => places.map(place => world.log.read(place).body.toString())
  const expected = places.map((_, index) => `${index}`.padEnd(700, '.'))
  test.strictSame(bodies(), expected)
  await world.drain()
  test.strictSame(bodies(), expected)
  for (let count = 0; count < 400; count += 1) world.put('x'.repeat(700))
  await world.drain()
  test.strictSame(bodies(), expected)
  test.strictSame(bodies().reverse(), expected.reverse())
})

t.test('log: a body that rots on the disk -> refused when it is read, with file and offset; others are well', async test => {
  const world = await Fixture.create()
  await world.open({ keepBytes: 0 })
  world.defineQueue()
  const bad = world.put('bad'.repeat(100))
  const good = world.put('good')
  for (let count = 0; count < 300; count += 1) world.put('x'.repeat(1000))
  await world.drain()
  world.disk.rot(`${active}/S0000000.LOG`, bad.lsn + 150, 4)
  await world.settle()
  world.kill()
  await world.open()
  test.throws(() => world.log.read(bad), { code: 'HA_MQ_DAMAGED', details: { file: `${active}/S0000000.LOG`, offset: bad.lsn } })
  test.equal(world.log.read(good).body.toString(), 'good')
})

t.test('log: producers -> the highest sequence of puts and commits, not of what was backed out', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  const producer = (fill: number): Buffer => Buffer.alloc(16, fill)
  world.put('a', { origin: { producer: producer(1), sequence: 7 } })
  world.put('b', { origin: { producer: producer(1), sequence: 8 } })
  world.put('c', { unit: 3 })
  world.append({ kind: 'commit', unit: 3, origin: { producer: producer(2), sequence: 4 } })
  await world.force()
  await world.settle()
  world.put('d', { origin: { producer: producer(1), sequence: 9 } })
  await world.force()
  world.kill()
  const { restored } = await world.open()
  test.strictSame(
    restored.producers.map(origin => [origin.producer[0], origin.sequence]),
    [[1, 9], [2, 4]]
  )
})
