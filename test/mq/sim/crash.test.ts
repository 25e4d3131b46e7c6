/**
 * Lives of a queue manager on a disk that breaks: nothing acknowledged is lost, nothing comes twice, units of work are whole,
 * order is kept, every end leaves a log that restarts. A failing life prints its story and the command that replays it.
 */

import t from 'tap'
import { baseSeed } from '../../base-seed.js'
import { runSeed } from './run-seed.js'

/** Lives until there were so many or so many seconds passed; the story of the first that broke a rule. */
async function live(first: number, countMax: number, secondsMax: number): Promise<{ readonly count: number; readonly restarts: number; readonly failure: string | null }> {
  const until = performance.now() + secondsMax * 1_000
  let restarts = 0
  let count = 0
  for (; count < countMax && performance.now() < until; count += 1) {
    const result = await runSeed(first + count)
    restarts += result.restarts
    if (result.failure !== null) return { count, restarts, failure: result.failure }
  }
  return { count, restarts, failure: null }
}

t.test('queue manager: lives with kills, power cuts, freezes and faults of the disk -> no rule broken', async test => {
  const { count, restarts, failure } = await live(1, 3_000, 90)
  test.equal(failure, null)
  test.comment(`${count} lives, ${restarts} restarts`)
})

t.test('queue manager: lives drawn from HA_SEED or the commit -> no rule broken', async test => {
  const first = baseSeed()
  test.comment(`HA_SEED=${first}`)
  const { failure } = await live(first, 1_000, 5)
  test.equal(failure, null)
})

t.test('queue manager: the same seed twice -> the same story', async test => {
  const tell = async (): Promise<string> => {
    const story: string[] = []
    await runSeed(7, { onStory: line => story.push(line), tellsOperations: true })
    return story.join('\n')
  }
  const [first, second] = [await tell(), await tell()]
  test.equal(first, second)
  test.ok(first.length > 1_000)
})
