/**
 * Tests the devices by the calendar, and once at the beginning, so that a changed password is found before it is needed;
 * and every ten minutes while the last test failed, so that the repair is seen.
 *
 * Both nodes have the same ha.cf: the second one tests a minute later, since many devices serve one session at a time.
 */

import { schedule } from 'node-cron'
import { millis, type Millis } from '../base/units.js'
import type { Clock, Scheduled } from '../port/clock.js'
import type { Fencing, FencingProof } from '../port/fencing.js'

export interface FencingTestsOptions {
  readonly clock: Clock
  readonly victim: string
  /** A calendar expression that config/cron.ts accepted; null: never by the calendar. */
  readonly schedule: string | null
  readonly timeoutMs: Millis
  /** Of this node in ha.cf, from 0. */
  readonly nodeIndex: number
  readonly onProof: (proof: FencingProof) => void
}

const betweenNodesMs = 60_000
const whileUnprovenMs = 600_000

/** Begins at once with a first test, unless no schedule means no tests; `stop` ends one under way. */
export function startFencingTests(fencing: Fencing, options: FencingTestsOptions): { stop(): void } {
  const abort = new AbortController()
  let waiting: Scheduled | null = null
  let running: Promise<void> | null = null

  const run = (): void => {
    waiting?.cancel()
    waiting = null
    if (running !== null || abort.signal.aborted) return // a test that takes longer than its period is not doubled
    running = fencing.test(options.victim, { timeoutMs: options.timeoutMs, signal: abort.signal }).then(proof => {
      running = null
      if (abort.signal.aborted) return
      if (proof.kind === 'unproven') later(whileUnprovenMs)
      options.onProof(proof)
    })
  }
  const later = (delayMs: number): void => {
    waiting?.cancel()
    waiting = options.clock.schedule(millis(delayMs), run)
  }
  const task = options.schedule === null ? null : schedule(options.schedule, () => later(options.nodeIndex * betweenNodesMs), { name: 'fencing test', noOverlap: true, suppressMissedWarning: true, unref: true })
  if (task !== null) run()
  return {
    stop: () => {
      abort.abort()
      waiting?.cancel()
      const stopped = task?.destroy()
      running = Promise.all([running, stopped]).then(() => undefined)
    }
  }
}
