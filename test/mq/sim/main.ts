/**
 * `node dist/test/mq/sim/main.js --seeds N --from S [--minutes M] [--story] [--disk]`: lives of the simulated queue manager, one seed
 * after another. A broken rule prints the last events and the command that replays it, and ends with status 1.
 */

import { parseArgs } from 'node:util'
import { runSeed } from './run-seed.js'

const { values } = parseArgs({ options: { seeds: { type: 'string' }, from: { type: 'string' }, minutes: { type: 'string' }, story: { type: 'boolean' }, disk: { type: 'boolean' }, 'keep-going': { type: 'boolean' } } })
const first = Number(values.from ?? 1)
const count = Number(values.seeds ?? 1_000)
const until = values.minutes === undefined ? null : performance.now() + Number(values.minutes) * 60_000

let seeds = 0
let restarts = 0
let broken = 0
for (let seed = first; until === null ? seed < first + count : performance.now() < until; seed += 1) {
  const result = await runSeed(seed, { tellsOperations: values.disk === true, ...(values.story === true ? { onStory: line => console.log(line) } : {}) })
  seeds += 1
  restarts += result.restarts
  if (result.failure === null) continue
  broken += 1
  console.error(values['keep-going'] === true ? `seed ${seed}: ${result.failure.split('\n')[0] ?? ''}` : result.failure)
  process.exitCode = 1
  if (values['keep-going'] !== true) break
}
console.log(`${seeds} seeds, ${restarts} restarts, ${broken} broken`)
