import t from 'tap'
import { Prng } from '../../src/base/prng.js'
import { placement, survivorOf, type PlacementRules, type Standing } from '../../src/resource/placement.js'

const rules: PlacementRules = { home: 'ha1', autoFailback: true }
const staying: PlacementRules = { home: 'ha1', autoFailback: false }
const node = (name: string, change: Partial<Standing> = {}): Standing => ({
  name,
  isEligible: true,
  isHolding: false,
  epoch: 0,
  avoid: false,
  wanted: false,
  isFit: true,
  reached: null,
  ...change
})
const ha1 = (change: Partial<Standing> = {}): Standing => node('ha1', change)
const ha2 = (change: Partial<Standing> = {}): Standing => node('ha2', change)

t.test('placement: nobody holds the group, both can -> its home node', async t => {
  t.strictSame(placement(rules, ha1(), ha2()), { node: 'ha1', reason: 'it is the home node' })
  t.equal(placement({ ...rules, home: 'ha2' }, ha1(), ha2()).node, 'ha2')
})

t.test('placement: nobody holds it, the home node cannot -> the other node', async t => {
  t.strictSame(placement(rules, ha1({ isEligible: false }), ha2()), { node: 'ha2', reason: 'the home node cannot run it now' })
})

t.test('placement: nobody holds it, no node can -> none', async t => {
  t.equal(placement(rules, ha1({ isEligible: false }), ha2({ isEligible: false, wanted: true })).node, null)
})

t.test('placement: nobody holds it, home is on standby -> the other; both on standby -> home', async t => {
  t.equal(placement(rules, ha1({ avoid: true }), ha2()).node, 'ha2')
  t.equal(placement(rules, ha1({ avoid: true }), ha2({ avoid: true })).node, 'ha1')
  t.equal(placement(rules, ha1({ avoid: true }), ha2({ isEligible: false })).node, 'ha1', 'standby is a wish, not a ban')
})

t.test('placement: nobody holds it, a node asks for it -> that node, before home; both ask -> home', async t => {
  t.equal(placement(rules, ha1(), ha2({ wanted: true })).node, 'ha2')
  t.equal(placement(rules, ha1({ wanted: true }), ha2({ wanted: true })).node, 'ha1')
})

t.test('placement: a group homed on neither node -> the name that sorts first', async t => {
  t.equal(placement({ home: 'elsewhere', autoFailback: true }, ha1(), ha2()).node, 'ha1')
})

t.test('placement: held at home -> stays', async t => {
  t.strictSame(placement(rules, ha1({ isHolding: true }), ha2()), { node: 'ha1', reason: 'it runs there' })
})

t.test('placement: held away from home -> goes home with auto_failback, stays without', async t => {
  t.strictSame(placement(rules, ha1(), ha2({ isHolding: true })), { node: 'ha1', reason: 'auto_failback: its home node is back' })
  t.equal(placement(staying, ha1(), ha2({ isHolding: true })).node, 'ha2')
})

t.test('placement: held away from home, home is on standby or cannot -> stays', async t => {
  t.equal(placement(rules, ha1({ avoid: true }), ha2({ isHolding: true })).node, 'ha2')
  t.equal(placement(rules, ha1({ isEligible: false }), ha2({ isHolding: true })).node, 'ha2')
})

t.test('placement: holder on standby -> the other node, if it can', async t => {
  t.equal(placement(rules, ha1({ isHolding: true, avoid: true }), ha2()).node, 'ha2')
  t.equal(placement(rules, ha1({ isHolding: true, avoid: true }), ha2({ isEligible: false })).node, 'ha1')
})

t.test('placement: holder leaves or may not keep it -> the other node if it can, else none', async t => {
  t.strictSame(placement(rules, ha1({ isHolding: true, isEligible: false }), ha2()), { node: 'ha2', reason: 'ha1 gives it up' })
  t.equal(placement(rules, ha1({ isHolding: true, isEligible: false }), ha2({ isEligible: false })).node, null)
})

t.test('placement: the other node asks for a held group -> it goes there', async t => {
  t.strictSame(placement(rules, ha1({ isHolding: true }), ha2({ wanted: true })), { node: 'ha2', reason: 'an operator asked for it there' })
})

t.test('placement: starting where an operator asked for it, home comes back -> stays, auto_failback or not', async t => {
  t.equal(placement(rules, ha1(), ha2({ isHolding: true, wanted: true })).node, 'ha2')
})

t.test('placement: both nodes are asked for it and one holds it -> the holder keeps it until its own wish is fulfilled', async t => {
  t.equal(placement(rules, ha1({ isHolding: true, wanted: true }), ha2({ wanted: true })).node, 'ha1')
  t.equal(placement(rules, ha1({ wanted: true }), ha2({ isHolding: true, wanted: true })).node, 'ha2')
})

t.test('placement: both hold it -> the larger epoch, then home, then the name that sorts first', async t => {
  t.equal(placement(rules, ha1({ isHolding: true, epoch: 3 }), ha2({ isHolding: true, epoch: 4 })).node, 'ha2')
  t.equal(placement(rules, ha1({ isHolding: true, epoch: 4 }), ha2({ isHolding: true, epoch: 4 })).node, 'ha1')
  t.equal(survivorOf({ home: 'ha2', autoFailback: false }, ha1(), ha2()).name, 'ha2')
  t.equal(survivorOf({ home: 'elsewhere', autoFailback: false }, ha2(), ha1()).name, 'ha1')
})

const draw = (prng: Prng, name: string): Standing => ({
  name,
  isEligible: prng.chance(3, 4),
  isHolding: prng.chance(1, 3),
  isFit: prng.chance(3, 4),
  reached: prng.chance(1, 2) ? null : prng.below(3),
  epoch: prng.below(3),
  avoid: prng.chance(1, 3),
  wanted: prng.chance(1, 4)
})

t.test('placement: 20,000 random standings -> the same answer in either order, and never a node that cannot take it', async t => {
  const prng = new Prng(1)
  for (let round = 0; round < 20_000; round += 1) {
    const some: PlacementRules = { home: prng.pick(['ha1', 'ha2', 'elsewhere']), autoFailback: prng.chance(1, 2) }
    const [a, b] = [draw(prng, 'ha1'), draw(prng, 'ha2')]
    const answer = placement(some, a, b)
    const chosen = [a, b].find(one => one.name === answer.node)
    const isFair = chosen === undefined || chosen.isEligible || (a.isHolding && b.isHolding)
    if (JSON.stringify(answer) !== JSON.stringify(placement(some, b, a)) || !isFair) {
      t.fail('asymmetric or unfit', { some, a, b, answer })
      return
    }
  }
})

t.test('placement: a group that follows its placement -> comes to rest, whatever the wishes', async t => {
  const prng = new Prng(2)
  for (let round = 0; round < 20_000; round += 1) {
    const some: PlacementRules = { home: prng.pick(['ha1', 'ha2']), autoFailback: prng.chance(1, 2) }
    const before = [draw(prng, 'ha1'), draw(prng, 'ha2')].map(one => ({ ...one, isHolding: false })) as [Standing, Standing]
    const target = placement(some, ...before).node
    // Claiming and starting changes nothing but the holding, until the start has ended.
    const [a, b] = before.map(one => (one.name === target ? { ...one, isHolding: true, avoid: false } : one)) as [Standing, Standing]
    const next = placement(some, a, b).node
    if (target !== null && next !== target) {
      t.fail('a group that just began to start is called away', { some, before, target, next })
      return
    }
  }
})
