/** The log as the core sees it: what is forced is there after any end, in order, once. */

import t from 'tap'
import { Fixture } from './log-fixture.js'

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
