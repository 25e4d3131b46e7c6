/**
 * `npm run sim -- [--seed N] [--seeds COUNT] [--minutes M]`: lives of the simulated cluster, one after another. With one
 * seed the whole story is printed; a broken rule prints the command that replays it and ends with status 1.
 */

import { parseArgs } from 'node:util'
import { BrokenRule, World } from './world.js'

const { values } = parseArgs({ options: { seed: { type: 'string' }, seeds: { type: 'string' }, minutes: { type: 'string' } } })
const first = Number(values.seed ?? 1)
const count = values.seed !== undefined && values.seeds === undefined ? 1 : Number(values.seeds ?? 1_000)
const until = values.minutes === undefined ? null : performance.now() + Number(values.minutes) * 60_000

let lives = 0
for (let seed = first; until === null ? seed < first + count : performance.now() < until; seed += 1) {
  const world = new World({ seed })
  try {
    world.run()
  } catch (error) {
    if (!(error instanceof BrokenRule)) throw error
    console.error(`seed ${seed}: ${error.message}\n\nreplay: npm run sim -- --seed ${seed}`)
    process.exit(1)
  }
  if (count === 1 && until === null) console.log(world.story.join('\n'))
  lives += 1
}
console.log(`${lives} lives, no rule broken`)
