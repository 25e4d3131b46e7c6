/** Named stories about carriers that go, and wires that heal: one owner soon, and never nobody. */

import t from 'tap'
import { Prng } from '../../src/base/prng.js'
import { carries, holdsAddress, isMoving, isServedSomehow, settled } from './losses.js'
import type { Scenario } from './scenario.js'

// --- carriers -----------------------------------------------------------------------------------------------------------

t.test("carrier: the owner's service interface loses its carrier -> released at once, the peer serves", t => {
  const s = settled({})
  carries(s, 'alpha', false)
  const tookMs = s.until('beta runs it', () => s.holderOf() === 'beta', 600)
  t.ok(tookMs <= 15 + 3 * 60 + 3 * 60 + 50, `${Math.round(tookMs)} ms`)
  t.strictSame(s.story('is dead'), [])
  t.end()
})

t.test('carrier: lost together with the wires to the peer -> the owner takes its address off at once', t => {
  const s = settled({})
  s.cut()
  carries(s, 'alpha', false)
  s.until('alpha took its address off', () => !holdsAddress(s, 'alpha'), 600)
  s.until('beta runs it', () => s.holderOf() === 'beta', 1_000)
  t.end()
})

t.test('carrier: lost on both -> it stays where it is', t => {
  const s = settled({})
  carries(s, 'beta', false)
  s.passes(100)
  carries(s, 'alpha', false)
  s.passes(3_000)
  carries(s, 'alpha', true)
  s.until('alpha serves', () => s.holderOf() === 'alpha', 1_000)
  t.end()
})

// --- healing ------------------------------------------------------------------------------------------------------------

const cuts: Readonly<Record<string, (s: Scenario, seed: number) => void>> = {
  'both directions': s => s.cut(),
  'alpha is not heard': s => s.cut('alpha'),
  'beta is not heard': s => s.cut('beta'),
  'one direction, then the other': (s, seed) => {
    s.cut(seed % 2 === 0 ? 'alpha' : 'beta')
    s.passes(seed * 20)
    s.cut(seed % 2 === 0 ? 'beta' : 'alpha')
  },
  'flapping': (s, seed) => {
    for (let round = 0; round < 2; round += 1) {
      s.cut()
      s.passes(200 + seed * 20)
      s.mend()
      s.passes(seed * 7)
    }
    s.cut()
  }
}

for (const methods of [[], ['lease'], ['arbiter'], ['quorum']] as const) {
  for (const [name, cut] of Object.entries(cuts)) {
    t.test(`heal (${methods.join(' ') || 'nothing configured'}, ${name}) -> one owner within 200 ms, and never nobody`, t => {
      for (let seed = 1; seed <= 20; seed += 1) {
        const s = settled({ methods, seed, autoFailback: 'off' })
        cut(s, seed)
        s.passes(new Prng(seed).between(0, 3_000))
        s.until('somebody serves, and nothing is on its way', () => isServedSomehow(s) && !isMoving(s, methods), 6_000)
        s.mend()
        let lastWrong = 0
        let isNobody = false
        const healedAt = s.now
        s.world.runUntil(s.now + 2_000, () => {
          const owners = Number(holdsAddress(s, 'alpha')) + Number(holdsAddress(s, 'beta'))
          if (owners === 2) lastWrong = s.now - healedAt
          if (owners === 0) isNobody = true
          return false
        })
        if (lastWrong > 200 || isNobody) t.fail(`seed ${seed}: two owners until ${Math.round(lastWrong)} ms after the heal${isNobody ? ', and nobody for a while' : ''}`)
      }
      t.end()
    })
  }
}
