/**
 * Named stories about two owners and none: each method against split brain, each thing that can be lost. All rules of
 * checkers.ts hold in every one of them.
 */

import t from 'tap'
import { Prng } from '../../src/base/prng.js'
import { millis } from '../../src/base/units.js'
import { diskLost, holdsAddress, pings, settled } from './losses.js'
import { noTroubles } from './sim-scripts.js'
import { leaseMs } from './surroundings.js'

// --- the lease on a shared disk -----------------------------------------------------------------------------------------

t.test('lease: the network is silent, the disk beats -> the owner stays, nobody shoots, nobody starts', t => {
  const s = settled({ methods: ['lease'] })
  s.cut()
  s.passes(10_000)
  t.equal(s.holderOf(), 'alpha')
  t.strictSame(s.story('is dead', 'beta starts group', 'may hold nothing'), [])
  s.mend()
  s.passes(1_000)
  t.equal(s.holderOf(), 'alpha')
  t.end()
})

t.test('lease: the owner loses its disk, the network is fine -> it hands over', t => {
  const s = settled({ methods: ['lease'] })
  diskLost(s, 'alpha', true)
  s.until('beta runs it', () => s.holderOf() === 'beta', leaseMs + 500)
  t.strictSame(s.story('is dead'), [])
  diskLost(s, 'alpha', false)
  s.passes(2_000)
  t.equal(s.holderOf(), 'beta')
  t.end()
})

t.test('lease: the standby loses its disk -> nothing moves', t => {
  const s = settled({ methods: ['lease'] })
  diskLost(s, 'beta', true)
  s.passes(6_000)
  t.equal(s.holderOf(), 'alpha')
  t.end()
})

t.test('lease: both lose the disk, at any moment -> the owner stays while they hear each other', t => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const s = settled({ methods: ['lease'], seed })
    s.passes(new Prng(seed).between(0, 300))
    for (const name of ['alpha', 'beta'] as const) diskLost(s, name, true)
    s.passes(6_000)
    if (s.holderOf() !== 'alpha' || s.story('beta starts group').length > 0) t.fail(`seed ${seed}: ${s.holderOf()}`)
  }
  t.end()
})

t.test('lease: both lose the disk, then the network goes too -> the owner stops in time, and nobody runs it', t => {
  const s = settled({ methods: ['lease'] })
  for (const name of ['alpha', 'beta'] as const) diskLost(s, name, true)
  s.passes(4_000)
  s.cut()
  s.until('alpha took its address off', () => !holdsAddress(s, 'alpha'), 500)
  s.passes(5_000)
  t.equal(s.holderOf(), 'nobody')
  t.equal(s.story('alpha is alone and its lease on the disk was not renewed in time').length > 0, true)
  for (const name of ['alpha', 'beta'] as const) diskLost(s, name, false)
  s.mend()
  s.until('one of them runs it again', () => s.world.isServed(), 3_000)
  t.end()
})

t.test('lease: the owner loses the disk and the network at once -> it is gone before beta starts, by its own lease', t => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const s = settled({ methods: ['lease'], seed })
    s.passes(new Prng(seed).between(0, 300))
    diskLost(s, 'alpha', true)
    s.cut()
    s.until('alpha took its address off', () => !holdsAddress(s, 'alpha'), leaseMs)
    const tookMs = s.until('beta runs it', () => s.holderOf() === 'beta', leaseMs)
    t.ok(tookMs > 0)
  }
  t.end()
})

t.test('lease: the owner loses power -> taken over no later than the lease and 300 ms after its last renewal could be read, and its start', t => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const s = settled({ methods: ['lease'], seed })
    s.passes(new Prng(seed).between(0, 300))
    s.node('alpha').powerOff()
    const tookMs = s.until('beta has its address', () => holdsAddress(s, 'beta'), 2 * leaseMs)
    if (tookMs > leaseMs + leaseMs / 4 + 300) t.fail(`seed ${seed}: ${Math.round(tookMs)} ms`)
  }
  t.end()
})

t.test('lease: a read hangs for longer than the rest of the lease -> what it shows is not taken for the present', t => {
  const s = settled({ methods: ['lease'] })
  s.cut()
  s.world.around.disk.trouble(1, { slowMs: 2_000 })
  s.passes(12_000)
  t.notOk(s.holderOf() === 'both')
  t.end()
})

t.test('lease: a poison pill stops a cut-off owner, and is obeyed once', t => {
  const s = settled({ methods: ['lease'] })
  s.cut()
  s.passes(1_000)
  s.world.around.disk.pills[0] = { generation: s.node('alpha').generation, from: 'beta' }
  s.until('alpha took its address off', () => !holdsAddress(s, 'alpha'), leaseMs / 4)
  s.mend()
  s.until('it runs again', () => s.world.isServed(), 6_000)
  s.node('beta').ask({ kind: 'standby', scope: { kind: 'all' } })
  s.passes(8_000)
  t.ok(s.world.isServed())
  t.equal(s.story('through the disk to give everything up: releasing').length, 1)
  t.end()
})

t.test('lease: a pill for an earlier life -> not meant, nothing stops', t => {
  const s = settled({ methods: ['lease'] })
  s.node('alpha').kill()
  s.node('alpha').boot()
  s.passes(1_000)
  s.world.around.disk.pills[0] = { generation: 1, from: 'beta' }
  s.passes(2_000)
  t.equal(s.holderOf(), 'alpha')
  t.end()
})

t.test('lease: a start waits for an owner that came back and lets go, and falls silent again -> goes on when its lease has run out, not before', t => {
  const s = settled({ methods: ['lease'], homes: ['beta'] })
  s.node('beta').troubles[0] = { ...noTroubles, stopFails: true }
  s.node('beta').suspend()
  s.until('alpha starts it', () => s.story('alpha starts group').length > 0, 8_000)
  s.node('beta').thaw()
  s.until('it waits', () => s.story('alpha: Resource group group0: the other node still holds it').length > 0, 100)
  const begun = s.story('alpha starts group').length
  s.cut()
  diskLost(s, 'beta', true)
  s.until('beta is dead again', () => s.story('alpha: node beta: is dead').length === 2, 2_000)
  s.passes(500)
  t.equal(s.story('alpha starts group').length, begun)
  s.until('alpha runs it', () => s.runsOn('alpha'), 3_000)
  t.end()
})

t.test('lease: a recorded farewell of the owner is replayed to a node that starts and does not hear it -> nothing is started', t => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const s = settled({ methods: ['lease'], seed })
    s.node('alpha').stop()
    s.until('alpha has ended', () => !s.node('alpha').isAlive, 2_000)
    const recorded = s.world.network.replay(0)
    s.node('beta').powerOff()
    s.cut()
    s.node('alpha').boot()
    s.until('alpha serves', () => s.runsOn('alpha'), 8_000)
    s.node('beta').boot()
    s.passes(seed * 5)
    s.world.network.replay(0, recorded - 20, 20)
    s.passes(4_000) // the rule of one owner is checked all the time
    t.equal(s.holderOf(), 'alpha')
  }
  t.end()
})

t.test('lease: the disk is lost to both, then the wires; the disk comes back to both at one moment -> one of them starts, never both', t => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const s = settled({ methods: ['lease'], seed })
    for (const name of ['alpha', 'beta'] as const) diskLost(s, name, true)
    s.passes(2_500)
    s.cut()
    s.passes(3_000)
    for (const name of ['alpha', 'beta'] as const) {
      diskLost(s, name, false)
      s.passes(new Prng(seed).between(0, 10))
    }
    s.until('one of them runs it', () => s.world.isServed(), 8_000)
  }
  t.end()
})

// --- ping nodes ---------------------------------------------------------------------------------------------------------

t.test('quorum: the owner is cut off from the peer and the ping node -> it lets go, the other takes it', t => {
  const s = settled({ methods: ['quorum'] })
  s.cut()
  pings(s, 'alpha', false)
  s.until('alpha took its address off', () => !holdsAddress(s, 'alpha'), 1_500)
  s.until('beta runs it', () => s.holderOf() === 'beta', 1_500)
  t.notOk(holdsAddress(s, 'alpha'))
  t.end()
})

t.test('quorum: both are cut off from everything -> nobody', t => {
  const s = settled({ methods: ['quorum'] })
  s.cut()
  for (const name of ['alpha', 'beta'] as const) pings(s, name, false)
  s.passes(5_000)
  t.equal(s.holderOf(), 'nobody')
  t.end()
})

t.test('connectivity: the owner loses its ping node for a moment -> nothing moves; for longer -> the better connected node gets it', t => {
  const s = settled({ methods: ['quorum'] })
  pings(s, 'alpha', false)
  s.passes(1_200)
  pings(s, 'alpha', true)
  s.passes(3_000)
  t.equal(s.holderOf(), 'alpha')
  t.strictSame(s.story('beta starts group'), [])
  pings(s, 'alpha', false)
  s.until('beta runs it', () => s.holderOf() === 'beta', 4_000)
  t.end()
})

t.test('connectivity: the ping node itself dies -> nothing moves', t => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const s = settled({ methods: ['quorum'], seed })
    pings(s, 'alpha', false)
    s.passes(new Prng(seed).between(0, 400))
    pings(s, 'beta', false)
    s.passes(5_000)
    if (s.holderOf() !== 'alpha') t.fail(`seed ${seed}: ${s.holderOf()}`)
  }
  t.end()
})

// --- holds, freezes, flapping -------------------------------------------------------------------------------------------

for (const methods of [[], ['fencing'], ['lease']] as const) {
  const named = methods.join(' ') || 'nothing configured'
  t.test(`hold (${named}): announced, then the node stands still within it -> nothing moves; the announcer hears that the peer waits`, t => {
    const s = settled({ methods })
    const id = s.node('alpha').request({ kind: 'hold', durationMs: millis(4_000), reason: 'snapshot' })
    s.passes(1_000)
    t.equal(s.node('alpha').answers.find(one => one.id === id)?.ok, true)
    s.node('alpha').suspend()
    s.passes(2_000)
    s.node('alpha').thaw(2)
    s.passes(3_000)
    t.equal(s.holderOf(), 'alpha')
    t.strictSame(s.story('beta starts group', 'is shot'), [])
    t.end()
  })
}

t.test('hold: announced, then the node dies -> taken over at the end of the hold, not later', t => {
  const s = settled({})
  s.node('alpha').request({ kind: 'hold', durationMs: millis(4_000), reason: 'snapshot' })
  s.passes(500)
  s.node('alpha').powerOff()
  s.passes(3_000)
  t.equal(s.holderOf(), 'nobody')
  s.until('beta runs it', () => s.holderOf() === 'beta', 1_000)
  t.end()
})

t.test("hold: the daemon dies and its host says that nobody listens -> the hold is over at once", t => {
  const s = settled({ hasGuard: true })
  s.node('alpha').request({ kind: 'hold', durationMs: millis(60_000), reason: 'snapshot' })
  s.passes(500)
  s.node('alpha').kill()
  s.until('beta runs it', () => s.runsOn('beta'), 1_500)
  t.end()
})

t.test('hold: asked for anew while one stands, and the owner is cut off before the new one is written -> it may count on the old one alone', t => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const s = settled({ methods: ['lease'], seed })
    s.node('alpha').request({ kind: 'hold', durationMs: millis(1_000), reason: 'snapshot' })
    s.passes(150 + seed * 5)
    s.node('alpha').request({ kind: 'hold', durationMs: millis(5_000), reason: 'a longer one' })
    s.passes(seed)
    s.cut()
    diskLost(s, 'alpha', true)
    s.until('beta runs it', () => s.runsOn('beta'), 8_000) // the rule of one owner is checked all the time
  }
  t.end()
})

t.test('hold: asked for while the disk of the lease is lost, then the daemon dies -> the addresses go with the lease, not with the hold', t => {
  const s = settled({ methods: ['lease'], homes: ['beta'] })
  diskLost(s, 'beta', true)
  s.node('beta').request({ kind: 'hold', durationMs: millis(5_000), reason: 'snapshot' })
  s.passes(150)
  s.node('beta').kill()
  s.until('alpha runs it', () => s.runsOn('alpha'), 5_000) // the rule of one owner is checked all the time
  t.end()
})

t.test('flapping: lost and found three times -> quarantine, and nothing goes home to it meanwhile', t => {
  const s = settled({ autoFailback: 'on' })
  for (let round = 0; round < 3; round += 1) {
    s.cut()
    s.passes(900)
    s.mend()
    s.passes(600)
  }
  t.ok(s.story('in quarantine').length > 0)
  t.equal(s.holderOf(), 'beta', 'the last to start it keeps it')
  s.passes(20_000)
  t.equal(s.holderOf(), 'beta')
  s.until('home again after the quarantine', () => s.holderOf() === 'alpha', 60_000)
  t.end()
})

t.test('suspension: the whole owner sleeps for 2 s and wakes -> both have the address for at most 20 ms, somebody always', t => {
  for (const methods of [[], ['quorum'], ['fencing'], ['lease'], ['arbiter']] as const) {
    for (let seed = 1; seed <= 20; seed += 1) {
      const s = settled({ methods, seed })
      s.passes(new Prng(seed).between(0, 300))
      s.node('alpha').suspend()
      s.passes(2_000)
      const isTaken = holdsAddress(s, 'beta')
      s.node('alpha').thaw(seed % 10)
      const wokeAt = s.now
      let bothMs = 0
      let isServed = true
      s.world.runUntil(s.now + 2_000, () => {
        if (holdsAddress(s, 'alpha') && holdsAddress(s, 'beta')) bothMs = s.now - wokeAt
        isServed &&= !isTaken || holdsAddress(s, 'alpha') || holdsAddress(s, 'beta')
        return false
      })
      if (bothMs > 20 || !isServed) t.fail(`${methods.join()} seed ${seed}: both for ${bothMs} ms, served ${isServed}`)
    }
  }
  t.end()
})

t.test('guard: the daemon hangs, its host lives -> the addresses are off before the lease runs out for the peer', t => {
  for (const methods of [['lease'], ['arbiter']] as const) {
    const s = settled({ methods })
    s.node('alpha').freeze()
    s.until('the guard took them off', () => !holdsAddress(s, 'alpha'), 700)
    s.until('it is served again', () => s.world.isServed(), 5_000)
  }
  t.end()
})

t.test('lease: a group is being stopped slowly when its host falls asleep and its lease runs out -> its address is off before it answers again', t => {
  const s = settled({ methods: ['lease'] })
  s.node('alpha').ask({ kind: 'standby', scope: { kind: 'all' } })
  s.passes(2)
  t.ok(holdsAddress(s, 'alpha'), 'the address is the last to be stopped')
  s.node('alpha').suspend()
  s.until('beta runs it', () => s.runsOn('beta'), 2 * leaseMs)
  s.passes(1_000)
  s.node('alpha').thaw()
  t.notOk(holdsAddress(s, 'alpha'))
  t.end()
})

t.test('lease: the owner is on hold when its daemon dies, and is started again late, cut off from everything -> the hold of a dead daemon keeps no address up', t => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const s = settled({ methods: ['lease'], seed })
    s.node('alpha').request({ kind: 'hold', durationMs: millis(5_000), reason: 'snapshot' })
    s.passes(1_000)
    s.node('alpha').kill()
    s.passes(200) // beta hears from the host of alpha that nobody is there
    s.cut()
    diskLost(s, 'alpha', true)
    s.passes(3_600 + seed * 15)
    s.node('alpha').boot()
    s.until('beta serves', () => s.runsOn('beta'), 3_000)
    s.passes(2_000) // the rule of one owner is checked all the time
    t.equal(s.holderOf(), 'beta')
  }
  t.end()
})
