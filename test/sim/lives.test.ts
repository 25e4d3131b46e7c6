/**
 * Whole lives of the cluster: production core and runner, simulated network, scripts and time. A failing life prints its
 * story with as few strikes as it takes, and the command that replays it. CI explores two hundred new lives per commit,
 * which anybody can replay. This file has the whole machine for itself (test/run.sh), as it takes two minutes of it.
 */

import { availableParallelism } from 'node:os'
import t from 'tap'
import { baseSeed } from '../base-seed.js'
import { liveMany } from './crew.js'

/** HA_LIVES asks for another number. */
const livesCount = (): number => Number(process.env['HA_LIVES'] ?? 20_000)

const workers = availableParallelism()

t.test('lives: 20,000 of them with faults of every kind -> no rule broken, and every group served after the heal', async t => {
  const result = await liveMany({ first: 1, count: livesCount(), workers, untilMs: Number.POSITIVE_INFINITY })
  t.comment(`${result.lives} lives; longest without service while both were well ${Math.round(result.idleLongestMs)} ms, twice ${Math.round(result.doubleLongestMs)} ms`)
  t.equal(result.broken, null)
})

t.test('lives: 200 of them drawn from HA_SEED or the commit -> no rule broken', async t => {
  const first = baseSeed()
  t.comment(`HA_SEED=${first}`)
  const result = await liveMany({ first, count: 200, workers, untilMs: Number.POSITIVE_INFINITY })
  t.equal(result.broken, null)
})
