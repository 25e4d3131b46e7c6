/** The arithmetic behind the safety figures: how long how many nodes held the address. */

import t from 'tap'
import { heldBy, longestHeldBy, type Span } from './holdings.js'

const spans: readonly Span[] = [
  { fromMs: 0, holders: ['n1'] },
  { fromMs: 100, holders: ['n1', 'n2'] },
  { fromMs: 130, holders: ['n2'] },
  { fromMs: 200, holders: [] },
  { fromMs: 210, holders: ['n1'] },
  { fromMs: 300, holders: [] },
  { fromMs: 340, holders: ['n2'] }
]

t.test('holdings: two at once, then nobody twice -> the sum and the longest piece, within the asked time alone', async test => {
  test.equal(heldBy(2, spans, 0, 1_000), 30)
  test.equal(heldBy(2, spans, 120, 1_000), 10)
  test.equal(heldBy(2, spans, 0, 110), 10)
  test.equal(heldBy(0, spans, 0, 1_000), 50)
  test.equal(longestHeldBy(0, spans, 0, 1_000), 40)
  test.equal(longestHeldBy(0, spans, 0, 310), 10)
})

t.test('holdings: the last span -> lasts until the end of what is asked', async test => {
  test.equal(longestHeldBy(1, spans, 340, 1_000), 660)
  test.equal(heldBy(2, spans, 130, 1_000), 0)
})

t.test('holdings: handed over without a gap -> one piece', async test => {
  const handed: readonly Span[] = [{ fromMs: 0, holders: ['n1'] }, { fromMs: 50, holders: ['n2'] }, { fromMs: 80, holders: [] }]
  test.equal(longestHeldBy(1, handed, 0, 1_000), 80)
})
