import t from 'tap'
import { elapsed, millis } from '../../src/base/units.js'
import { systemClock } from '../../src/daemon/system-clock.js'

t.test('clock: a delay in fractions of a millisecond -> called back after it, never before', async t => {
  const delays = Array.from({ length: 40 }, (_, index) => millis(index / 4))
  const early = await Promise.all(
    delays.map(
      delay =>
        new Promise<string | null>(resolve => {
          const from = systemClock.monotonic()
          systemClock.schedule(delay, () => {
            const waited = elapsed(from, systemClock.monotonic())
            resolve(waited < delay ? `${waited} ms instead of ${delay} ms` : null)
          })
        })
    )
  )
  t.strictSame(early.filter(one => one !== null), [])
})

t.test('clock: cancelled -> not called back', async t => {
  const cancelled = systemClock.schedule(millis(1), () => t.fail('was cancelled'))
  cancelled.cancel()
  await new Promise<void>(resolve => {
    systemClock.schedule(millis(5), resolve)
  })
})
