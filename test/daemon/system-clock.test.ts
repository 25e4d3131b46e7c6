import t from 'tap'
import { elapsed, millis } from '../../src/base/units.js'
import { BootClock, systemClock } from '../../src/daemon/system-clock.js'

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

/** Three clocks of one machine, moved by hand. */
function machine(): { readonly clock: BootClock; runs(ms: number): void; sleeps(ms: number): void; sets(ms: number): void; uptimeReads(): number } {
  const at = { monotonic: 1_000, wall: 1_700_000_000_000, uptime: 50_000, reads: 0 }
  const clock = new BootClock({
    monotonic: () => at.monotonic,
    wall: () => at.wall,
    uptimeMs: () => {
      at.reads += 1
      return Math.floor(at.uptime / 10) * 10
    }
  })
  return {
    clock,
    runs: ms => {
      at.monotonic += ms
      at.wall += ms
      at.uptime += ms
    },
    sleeps: ms => {
      at.wall += ms
      at.uptime += ms
    },
    sets: ms => (at.wall += ms),
    uptimeReads: () => at.reads
  }
}

t.test('boot clock: while the machine runs -> the monotonic clock, and nothing else is asked', async t => {
  const one = machine()
  const [from, reads] = [one.clock.now(), one.uptimeReads()]
  for (let second = 0; second < 60; second += 1) one.runs(1_000)
  t.equal(one.clock.now() - from, 60_000)
  t.equal(one.uptimeReads(), reads)
})

t.test('boot clock: the machine slept -> the sleep is in it, each of them once', async t => {
  const one = machine()
  const from = one.clock.now()
  one.sleeps(30_000)
  t.ok(Math.abs(one.clock.now() - from - 30_000) <= 20, 'to the hundredth of a second that the kernel tells')
  one.runs(5_000)
  one.sleeps(10_000)
  t.ok(Math.abs(one.clock.now() - from - 45_000) <= 20)
})

t.test('boot clock: somebody set the time, forward and back -> nothing happened', async t => {
  const one = machine()
  const from = one.clock.now()
  one.sets(3_600_000)
  one.runs(100)
  t.equal(one.clock.now() - from, 100)
  one.sets(-7_200_000)
  one.runs(100)
  t.equal(one.clock.now() - from, 200)
})

t.test('boot clock: time set back while it slept -> the sleep still counts, and it never goes back', async t => {
  const one = machine()
  const from = one.clock.now()
  one.sleeps(20_000)
  one.sets(-5_000)
  const then = one.clock.now()
  t.ok(Math.abs(then - from - 20_000) <= 20)
  one.runs(10)
  t.ok(one.clock.now() > then)
})
