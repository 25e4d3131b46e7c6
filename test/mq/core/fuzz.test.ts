import t from 'tap'
import { FuzzWorld } from './fuzz-world.js'

const seeds = Number(process.env['HA_SEEDS'] ?? 800)
const only = process.env['HA_SEED']

t.test('queue manager: every call, good and bad, a full log, crashes after any record -> nothing thrown, lost track of or left behind', async t => {
  const from = only === undefined ? 1 : Number(only)
  const until = only === undefined ? seeds : from
  for (let seed = from; seed <= until; seed++) {
    const world = new FuzzWorld(seed)
    try {
      world.run(400)
    } catch (error) {
      t.comment(error instanceof Error ? (error.stack ?? error.message) : String(error))
      t.comment(world.story.slice(-40).join('\n'))
      t.fail(`HA_SEED=${seed} node dist/test/mq/core/fuzz.test.js`)
      return
    }
  }
  t.pass(`${until - from + 1} seeds`)
})
