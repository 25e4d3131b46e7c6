import t from 'tap'
import { Prng } from '../../src/base/prng.js'

const draw = (seed: number, count = 100): readonly number[] => {
  const prng = new Prng(seed)
  return Array.from({ length: count }, () => prng.next())
}

t.test('prng: the same seed -> the same run, on every machine', async t => {
  t.strictSame(draw(8412), draw(8412))
  t.strictSame(draw(1, 3), [18510439, 2776632396, 624039752])
})

t.test('prng: neighbouring seeds -> different runs', async t => {
  const firsts = new Set(Array.from({ length: 1_000 }, (_, seed) => draw(seed, 1)[0]))
  t.equal(firsts.size, 1_000)
})

t.test('prng: the seed that would mix to zero, and other odd ones -> never stuck', async t => {
  for (const seed of [0, -1, 0x9e3779b9, 0x9e3779b9 | 0, 2 ** 31, 2 ** 32 - 1]) t.ok(new Set(draw(seed)).size > 95, `seed ${seed}`)
})

t.test('prng: numbers -> whole, 32 bits, within their bounds, and the bounds are reached', async t => {
  const prng = new Prng(1)
  const seen = { below: new Set<number>(), between: new Set<number>() }
  for (let round = 0; round < 2_000; round++) {
    const bits = prng.next()
    if (!Number.isInteger(bits) || bits < 1 || bits > 0xffffffff) t.fail(`${bits}`)
    seen.below.add(prng.below(6))
    seen.between.add(prng.between(-2, 3))
  }
  t.strictSame([...seen.below].sort(), [0, 1, 2, 3, 4, 5])
  t.strictSame([...seen.between].sort((a, b) => a - b), [-2, -1, 0, 1, 2, 3])
  t.equal(prng.below(1), 0)
  t.equal(prng.between(7, 7), 7)
})

t.test('prng: chances -> never at 0, always at 1, and about as often as said between', async t => {
  const prng = new Prng(1)
  let hits = 0
  for (let round = 0; round < 10_000; round++) {
    if (prng.chance(0, 5)) t.fail('0 of 5 happened')
    if (!prng.chance(5, 5)) t.fail('5 of 5 did not happen')
    if (prng.chance(1, 4)) hits++
  }
  t.ok(hits > 2_300 && hits < 2_700, `1 of 4 happened ${hits} times in 10,000`)
})

t.test('prng: picking -> every item sooner or later, and nothing else', async t => {
  const prng = new Prng(1)
  t.strictSame(new Set(Array.from({ length: 200 }, () => prng.pick(['a', 'b', 'c']))), new Set(['a', 'b', 'c']))
  t.equal(prng.pick(['only']), 'only')
})
