/**
 * `npm run sim`: lives of the simulated cluster, many at once or one with its whole story. A broken rule is printed with
 * as few strikes as it takes and the command that replays exactly that, and ends with status 1.
 */

import { parseArgs } from 'node:util'
import { availableParallelism } from 'node:os'
import { liveMany } from './crew.js'
import { account } from './shrink.js'
import { World } from './world.js'

const help = `npm run sim -- [OPTIONS]
Lives of the simulated cluster: the production core on two nodes, with faults of every kind. Ends with status 1 when a
rule is broken, after printing the shortest story that breaks it and the command that replays it.

  --seeds COUNT    so many lives (1000)
  --minutes M      as many lives as fit into so many minutes, instead
  --from N         the first seed (1)
  --workers W      so many lives at a time (one a processor)
  --seed N         this one life, with its whole story
  --only 3,7       with --seed: only these of its strikes`

const options = { seed: { type: 'string' }, only: { type: 'string' }, seeds: { type: 'string' }, from: { type: 'string' }, minutes: { type: 'string' }, workers: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const

function optionsGiven(): ReturnType<typeof parseArgs<{ options: typeof options }>>['values'] {
  try {
    return parseArgs({ options }).values
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    console.error(`${error.message}\n\n${help}`)
    process.exit(2)
  }
}

const number = (value: string | undefined, fallback: number): number => {
  const count = value === undefined ? fallback : Number(value)
  if (Number.isFinite(count) && count >= 0) return count
  console.error(`${value} is no number\n\n${help}`)
  process.exit(2)
}

const values = optionsGiven()
if (values.help === true) console.log(help)
else if (values.seed !== undefined) {
  const seed = number(values.seed, 1)
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
  const minutes = values.minutes === undefined ? null : number(values.minutes, 1)
  const result = await liveMany({
    first: number(values.from, 1),
    count: minutes === null ? number(values.seeds, 1_000) : Number.MAX_SAFE_INTEGER,
    workers: number(values.workers, availableParallelism()),
    untilMs: minutes === null ? Number.POSITIVE_INFINITY : minutes * 60_000,
    onProgress: (lives, tookMs) => console.log(`${lives} lives, ${Math.round((lives / tookMs) * 1_000)} a second`)
  })
  if (result.broken === null) console.log(`${result.lives} lives, no rule broken; longest without service ${Math.round(result.idleLongestMs)} ms, twice ${Math.round(result.doubleLongestMs)} ms`)
  else {
    console.error(result.broken)
    process.exitCode = 1
  }
}
