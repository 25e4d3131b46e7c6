/**
 * Named stories about two owners and none: each method against split brain, each thing that can be lost. All rules of
 * checkers.ts hold in every one of them.
 */

import t from 'tap'
import { Prng } from '../../src/base/prng.js'
import { millis } from '../../src/base/units.js'
import { arbiterReach, diskLost, holdsAddress, pings, settled } from './losses.js'
import { Scenario } from './scenario.js'
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

// --- the arbiter --------------------------------------------------------------------------------------------------------

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

// --- fencing ------------------------------------------------------------------------------------------------------------

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
