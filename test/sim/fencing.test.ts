/** Named stories about fencing and an operator's word. All rules of checkers.ts hold in every one of them. */

import t from 'tap'
import { Prng } from '../../src/base/prng.js'
import { diskLost, settled } from './losses.js'
import { Scenario } from './scenario.js'
import { noTroubles } from './sim-scripts.js'

t.test('fencing: the wires are cut -> the owner shoots first, the standby waits, is shot, and the service stays', t => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const s = settled({ methods: ['fencing'], homes: ['beta'], seed })
    s.passes(new Prng(seed).between(0, 300))
    s.world.around.device.slowestMs = 200
    s.cut()
    s.until('alpha is shot', () => !s.node('alpha').isPowered, 1_500)
    s.mend()
    s.passes(6_000)
    if (s.story('alpha is shot').length !== 1 || s.story('beta is shot').length !== 0) t.fail(`seed ${seed}: ${s.story('is shot').join()}`)
    if (s.holderOf() !== 'beta' || s.story('alpha starts group').length > 0) t.fail(`seed ${seed}: ${s.holderOf()}`)
  }
  t.end()
})

t.test('fencing: the device fails -> nothing moves, and the log says so, until it works', t => {
  const s = settled({ methods: ['fencing'] })
  s.world.around.device.isHanging = true
  s.node('alpha').powerOff()
  s.passes(10_000)
  t.equal(s.holderOf(), 'nobody')
  t.ok(s.story('Fencing alpha FAILED').length > 0)
  s.world.around.device.isHanging = false
  s.until('beta runs it', () => s.holderOf() === 'beta', 6_000)
  t.end()
})

t.test("fencing: the device fails, and an operator gives his word -> taken over; void as soon as the peer is heard", t => {
  const s = settled({ methods: ['fencing'] })
  s.world.around.device.isHanging = true
  s.node('alpha').powerOff()
  s.passes(2_000)
  s.node('beta').request({ kind: 'confirm-off' })
  s.until('beta runs it', () => s.holderOf() === 'beta', 300)
  s.node('alpha').boot()
  s.passes(1_000)
  t.equal(s.state('beta').safety.fence.kind, 'idle')
  t.end()
})

t.test('fencing: a group is blocked on a node that then falls silent -> fencing frees it', t => {
  const s = settled({ methods: ['fencing'], hasGuard: false })
  s.node('alpha').troubles[0] = { ...noTroubles, stopFails: true }
  s.node('alpha').ask({ kind: 'standby', scope: { kind: 'all' } })
  s.passes(3_000)
  t.equal(s.state('alpha').groups[0]?.machine.run.kind, 'blocked')
  t.notOk(s.runsOn('beta'))
  s.node('alpha').freeze()
  s.until('beta runs it', () => s.holderOf() === 'beta', 5_000)
  t.ok(s.story('alpha is shot').length > 0)
  t.end()
})

for (const methods of [[], ['fencing'], ['lease']] as const) {
  t.test(`confirm-off (${methods.join() || 'nothing configured'}): of a node that was stopped with a blocked group, and then switched off -> the group is free; void as soon as it is heard`, t => {
    const s = settled({ methods: [...methods], hasGuard: false })
    s.node('alpha').troubles[0] = { ...noTroubles, stopFails: true }
    s.node('alpha').stop()
    s.until('alpha has ended', () => !s.node('alpha').isAlive, 8_000)
    s.passes(1_000)
    t.equal(s.holderOf(), 'nobody')
    s.node('alpha').powerOff()
    s.node('beta').request({ kind: 'confirm-off' })
    s.until('beta runs it', () => s.holderOf() === 'beta', 300)
    t.strictSame(s.story('is heard'), [])
    s.node('alpha').boot()
    s.passes(1_000)
    t.equal(s.state('beta').safety.fence.kind, 'idle')
    t.equal(s.holderOf(), 'beta')
    t.end()
  })
}

t.test('confirm-off: of a node that was not heard since the start -> initdead need not pass', t => {
  const s = new Scenario({ methods: ['lease'] })
  s.node('beta').boot()
  s.until('beta has looked around', () => s.node('beta').runner?.state.phase === 'joining', 1_000)
  s.node('beta').request({ kind: 'confirm-off' })
  s.until('beta runs it', () => s.holderOf() === 'beta', 400)
  t.end()
})

t.test('fencing: the shot is under way when the shooter falls asleep -> what it proves is not believed after waking', t => {
  const s = settled({ methods: ['fencing', 'lease'] })
  s.node('alpha').powerOff()
  s.until('beta shoots', () => s.story('Fencing alpha').length > 0, 2_000)
  s.node('beta').suspend()
  s.passes(6_000)
  s.node('alpha').boot()
  s.passes(100)
  s.cut()
  s.until('alpha serves', () => s.runsOn('alpha'), 8_000)
  s.node('beta').thaw(5)
  s.passes(8_000)
  t.notOk(s.holderOf() === 'both')
  t.end()
})

t.test('fencing: a group is blocked on a node that was stopped, and the other has lost its lease -> it shoots only when it has it back', t => {
  const s = settled({ methods: ['fencing', 'lease'], hasGuard: false })
  diskLost(s, 'beta', true)
  s.passes(3_000)
  s.node('alpha').troubles[0] = { ...noTroubles, stopFails: true }
  s.node('alpha').stop()
  s.passes(5_000)
  t.strictSame(s.story('Fencing alpha'), [])
  diskLost(s, 'beta', false)
  s.until('beta runs it', () => s.holderOf() === 'beta', 8_000)
  t.ok(s.story('alpha is shot').length > 0)
  t.end()
})
