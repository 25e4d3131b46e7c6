/** Runs one seed and says what broke, with the story's end and the command that replays it. */

import { World, type WorldOptions } from './world.js'

export interface SeedResult {
  readonly restarts: number
  readonly failure: string | null
}

export async function runSeed(seed: number, options: Omit<WorldOptions, 'seed'> = {}): Promise<SeedResult> {
  const world = new World({ seed, ...options })
  try {
    await world.run()
    return { restarts: world.restarts, failure: null }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const text = error.name === 'Broken' ? error.message : (error.stack ?? error.message)
    const failure = `seed ${seed}: ${text}\n\n${world.story.join('\n')}\n\nreplay: node dist/test/mq/sim/main.js --seeds 1 --from ${seed} --story\n`
    return { restarts: world.restarts, failure }
  }
}
