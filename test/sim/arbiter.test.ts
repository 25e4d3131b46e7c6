/** Named stories about an arbiter: its key comes before every start. All rules of checkers.ts hold in every one of them. */

import t from 'tap'
import { millis } from '../../src/base/units.js'
import { arbiterReach, holdsAddress, settled } from './losses.js'

t.test('arbiter: gone for both -> the owner stays while they hear each other', t => {
  const s = settled({ methods: ['arbiter'] })
  for (const name of ['alpha', 'beta'] as const) arbiterReach(s, name, false)
  s.passes(10_000)
  t.equal(s.holderOf(), 'alpha')
  t.strictSame(s.story('beta starts group'), [])
  t.end()
})

t.test('arbiter: gone for both, and the network too -> nobody, until one comes back', t => {
  const s = settled({ methods: ['arbiter'] })
  for (const name of ['alpha', 'beta'] as const) arbiterReach(s, name, false)
  s.cut()
  s.until('nobody has it', () => s.holderOf() === 'nobody', 4_000)
  s.passes(3_000)
  t.equal(s.holderOf(), 'nobody')
  arbiterReach(s, 'beta', true)
  s.until('beta runs it', () => s.holderOf() === 'beta', 8_000)
  t.end()
})

t.test('arbiter: the network is cut, both reach the arbiter -> the owner keeps its key and its group', t => {
  const s = settled({ methods: ['arbiter'] })
  s.cut()
  s.passes(10_000)
  t.equal(s.holderOf(), 'alpha')
  s.mend()
  s.passes(1_000)
  t.equal(s.holderOf(), 'alpha')
  t.end()
})

t.test('arbiter: the owner is cut off from everything -> it lets go, then beta gets the key', t => {
  const s = settled({ methods: ['arbiter'] })
  s.cut()
  arbiterReach(s, 'alpha', false)
  s.until('alpha took its address off', () => !holdsAddress(s, 'alpha'), 3_000)
  s.until('beta runs it', () => s.holderOf() === 'beta', 3_000)
  t.end()
})

t.test('arbiter: the peer is stopped in order -> taken over at once, key and all', t => {
  const s = settled({ methods: ['arbiter'] })
  s.node('alpha').stop()
  s.until('beta runs it', () => s.holderOf() === 'beta', 600)
  s.passes(5_000)
  t.equal(s.holderOf(), 'beta')
  t.equal(s.story('beta starts group').length, 3)
  t.end()
})

t.test('arbiter: a daemon is killed in the middle of the start of a group that was handed to it -> the key is there already, nobody else starts it', t => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const s = settled({ methods: ['arbiter'], seed })
    arbiterReach(s, 'alpha', false) // it cannot give its key back
    s.node('alpha').ask({ kind: 'standby', scope: { kind: 'all' } })
    s.until('beta starts it', () => s.state('beta').groups[0]?.machine.run.kind === 'starting', 10_000)
    t.equal(s.state('beta').safety.arbiter?.ours.length, 1, 'the key came first')
    s.passes(seed % 8)
    s.node('beta').kill()
    arbiterReach(s, 'alpha', true)
    s.passes(1_600) // the rule of one owner is checked all the time
    s.node('beta').boot()
    s.until('one of them runs all of it', () => s.world.isServed(), 10_000)
  }
  t.end()
})

t.test('arbiter: a claim still waits for its key when its node falls asleep, and the other takes the group -> after waking it is made known anew', t => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const s = settled({ methods: ['arbiter'], seed, homes: ['beta'], autoFailback: 'on' })
    s.node('beta').stop()
    s.until('alpha serves', () => s.runsOn('alpha'), 5_000)
    arbiterReach(s, 'alpha', false) // it cannot give its key back
    s.passes(700)
    s.node('beta').boot()
    s.until('alpha has let go and beta waits for the key', () => s.holderOf() === 'nobody' && s.state('beta').groups[0]?.claim !== null, 10_000)
    s.until('beta hears that alpha has lost its right', () => s.state('beta').peer.view?.health.isFit === false, 3_000)
    s.node('beta').suspend()
    arbiterReach(s, 'alpha', true)
    s.until('alpha serves again', () => s.runsOn('alpha'), 8_000)
    arbiterReach(s, 'beta', false)
    s.world.network.delayMaxMs = 150
    s.passes(2_000) // longer than beta's lease there, without which it need not wait for the key; and nothing newer is in its mail
    s.node('beta').thaw(5)
    s.passes(2_000) // the rule of one owner is checked all the time
  }
  t.end()
})

t.test('arbiter: the daemon of a cut-off owner is killed and back at once -> it keeps the key while it looks, and the group', t => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const s = settled({ methods: ['arbiter'], seed })
    s.cut()
    s.passes(1_000)
    s.node('alpha').kill()
    s.passes(60)
    s.node('alpha').boot()
    s.passes(8_000)
    if (s.holderOf() !== 'alpha') t.fail(`seed ${seed}: ${s.holderOf()}`)
  }
  t.end()
})

t.test('arbiter: the owner was not heard any more, slept and wakes cut off from everything -> the key that it had proves nothing', t => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const s = settled({ methods: ['arbiter'], seed })
    arbiterReach(s, 'beta', false)
    s.until('alpha hears that beta has lost its right', () => s.state('alpha').peer.view?.health.isFit === false, 5_000)
    s.cut('alpha')
    s.passes(300)
    s.node('alpha').suspend()
    arbiterReach(s, 'beta', true)
    s.until('beta serves', () => s.runsOn('beta'), 8_000)
    s.cut()
    arbiterReach(s, 'alpha', false)
    s.node('alpha').thaw(5)
    s.passes(2_000) // the rule of one owner is checked all the time
    t.equal(s.holderOf(), 'beta')
  }
  t.end()
})

t.test('arbiter: a claim waits for its key beside a peer on hold, and both are cut off from each other -> without its right and unheard it starts nothing', t => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const s = settled({ methods: ['arbiter'], seed, homes: ['beta'] })
    s.node('beta').stop()
    s.until('alpha serves', () => s.runsOn('alpha'), 5_000)
    s.node('beta').boot()
    s.passes(1_500)
    s.node('alpha').request({ kind: 'hold', durationMs: millis(8_000), reason: 'snapshot' })
    arbiterReach(s, 'alpha', false)
    s.until('alpha has let go and beta waits for the key', () => s.holderOf() === 'nobody' && s.state('beta').groups[0]?.claim !== null, 5_000)
    s.passes(120)
    arbiterReach(s, 'beta', false)
    s.cut()
    arbiterReach(s, 'alpha', true)
    s.passes(6_000) // the rule of one owner is checked all the time
  }
  t.end()
})

t.test('arbiter: the owner sleeps, the peer takes over and sleeps, too, and the first wakes -> silence slept through is no deafness; nothing is started beside it', t => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const s = settled({ methods: ['arbiter'], seed })
    s.node('alpha').suspend()
    s.until('beta serves', () => s.runsOn('beta'), 8_000)
    s.node('beta').suspend()
    s.passes(2_640 + seed * 10) // beta's key runs out while alpha looks around
    s.node('alpha').thaw(5)
    s.passes(2_000) // that nobody starts it beside a living owner is checked all the time
  }
  t.end()
})
