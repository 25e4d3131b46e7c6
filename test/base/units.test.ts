import t from 'tap'
import { after, elapsed, instant, millis } from '../../src/base/units.js'

t.test('units: after and elapsed -> undo each other', async t => {
  const start = instant(1_000)
  t.equal(after(start, millis(250)), 1_250)
  t.equal(elapsed(start, after(start, millis(250))), 250)
  t.equal(elapsed(start, start), 0)
  t.equal(after(start, millis(0)), start)
})
