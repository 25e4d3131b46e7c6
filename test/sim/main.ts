/**
 * `npm run sim -- [--seed N [--only 3,7]] [--seeds COUNT] [--from N] [--minutes M] [--workers W]`: lives of the simulated
 * cluster. With one seed the whole story is printed. A broken rule is printed with as few strikes as it takes and the
 * command that replays exactly that, and ends with status 1.
 */

import { parseArgs } from 'node:util'
import { availableParallelism } from 'node:os'
import { liveMany } from './crew.js'
import { account } from './shrink.js'
import { World } from './world.js'

const options = { seed: { type: 'string' }, only: { type: 'string' }, seeds: { type: 'string' }, from: { type: 'string' }, minutes: { type: 'string' }, workers: { type: 'string' } } as const
const { values } = parseArgs({ options })

if (values.seed !== undefined) {
  const seed = Number(values.seed)
  const only = values.only === undefined ? {} : { only: values.only === '' ? [] : values.only.split(',').map(Number) }
  const broken = account(seed, only)
  if (broken === null) {
    const world = new World({ seed, ...only })
    world.run()
    console.log(world.story.join('\n'))
  } else {
    console.error(broken)
    process.exitCode = 1
  }
} else {
  const minutes = values.minutes === undefined ? null : Number(values.minutes)
  const result = await liveMany({
    first: Number(values.from ?? 1),
    count: minutes === null ? Number(values.seeds ?? 1_000) : Number.MAX_SAFE_INTEGER,
    workers: Number(values.workers ?? availableParallelism()),
    untilMs: minutes === null ? Number.POSITIVE_INFINITY : minutes * 60_000,
    onProgress: (lives, tookMs) => console.log(`${lives} lives, ${Math.round((lives / tookMs) * 1_000)} a second`)
  })
  if (result.broken === null) console.log(`${result.lives} lives, no rule broken; longest without service ${Math.round(result.idleLongestMs)} ms, twice ${Math.round(result.doubleLongestMs)} ms`)
  else {
    console.error(result.broken)
    process.exitCode = 1
  }
}
