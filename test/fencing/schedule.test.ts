import t from 'tap'
import { instant, millis } from '../../src/base/units.js'
import { startFencingTests } from '../../src/fencing/schedule.js'
import type { Clock } from '../../src/port/clock.js'
import type { Fencing, FencingProof } from '../../src/port/fencing.js'

/** A clock whose timers are run by hand, and devices that answer as told. */
function world(proofs: readonly FencingProof['kind'][]) {
  const timers: { readonly delay: number; readonly callback: () => void }[] = []
  let onTimer = (): void => undefined
  const armed = new Promise<void>(resolve => (onTimer = resolve))
  const clock: Clock = {
    monotonic: () => instant(0),
    wall: () => 0,
    schedule: (delay, callback) => {
      const timer = { delay, callback }
      timers.push(timer)
      onTimer()
      return { cancel: () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1)) }
    }
  }
  let tests = 0
  const fencing: Fencing = {
    description: 'fence_test',
    fence: () => Promise.reject(new Error('not here')),
    test: () => Promise.resolve({ kind: proofs[tests++] ?? 'proven', said: [] }),
    close: () => undefined
  }
  const seen: string[] = []
  let onSeen = (): void => undefined
  return {
    clock, fencing, timers, seen,
    /** Until a timer was armed for the first time. */
    armed,
    onProof: (proof: FencingProof) => {
      seen.push(proof.kind)
      onSeen()
    },
    /** Until this many proofs were seen. */
    sees: (count: number) => new Promise<void>(resolve => {
      onSeen = () => seen.length >= count && resolve()
      onSeen()
    })
  }
}

const options = { victim: 'ha2', timeoutMs: millis(60_000), nodeIndex: 0 }

t.test('periodic test: begins with one; unproven -> again after ten minutes until proven', async t => {
  const { sees, seen, timers, ...rest } = world(['unproven', 'proven'])
  const tests = startFencingTests(rest.fencing, { ...options, ...rest, schedule: '0 3 * * *' })
  t.teardown(() => tests.stop())
  await sees(1)
  t.strictSame(timers.map(timer => timer.delay), [600_000])
  timers[0]?.callback()
  await sees(2)
  t.strictSame([seen, timers.length], [['unproven', 'proven'], 0])
})

t.test('periodic test: by the calendar, in turns -> the second node waits a minute after the first', async t => {
  const { sees, timers, ...rest } = world([])
  const tests = startFencingTests(rest.fencing, { ...options, ...rest, nodeIndex: 1, schedule: '* * * * * *' })
  t.teardown(() => tests.stop())
  await sees(1)
  // The calendar's timer keeps no process alive, so this deadline does.
  const deadline = setTimeout(() => t.fail('the calendar did not call within 10 s'), 10_000)
  await rest.armed
  clearTimeout(deadline)
  t.strictSame(timers.map(timer => timer.delay), [60_000])
  timers[0]?.callback()
  await sees(2)
})

t.test('periodic test: fence_test off -> none; stopped -> none any more', async t => {
  const quiet = world([])
  startFencingTests(quiet.fencing, { ...options, ...quiet, schedule: null }).stop()
  const stopped = world(['unproven'])
  const tests = startFencingTests(stopped.fencing, { ...options, ...stopped, schedule: '0 3 * * *' })
  tests.stop()
  await new Promise<void>(resolve => void setImmediate(resolve))
  t.strictSame([quiet.seen, stopped.seen, stopped.timers.length], [[], [], 0])
})
