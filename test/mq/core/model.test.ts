import t from 'tap'
import { ModelWorld } from './model-world.js'

const seeds = Number(process.env['HA_SEEDS'] ?? 300)
const only = process.env['HA_SEED']

t.test('queue manager: random calls, forces and crashes -> what the reference model says, on every seed', async t => {
  const from = only === undefined ? 1 : Number(only)
  const until = only === undefined ? seeds : from
  for (let seed = from; seed <= until; seed++) {
    const world = new ModelWorld(seed)
    try {
      world.run(250)
    } catch (error) {
      t.comment(error instanceof Error ? error.message : String(error))
      t.fail(`HA_SEED=${seed} node dist/test/mq/core/model.test.js`)
      return
    }
  }
  t.pass(`${until - from + 1} seeds`)
})
