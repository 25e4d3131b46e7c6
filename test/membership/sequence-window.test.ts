import t from 'tap'
import { Prng } from '../../src/base/prng.js'
import { accept, emptyWindow, type Freshness, type SequenceWindow } from '../../src/membership/sequence-window.js'

function windowAfter(...sequences: readonly number[]): SequenceWindow {
  return sequences.reduce((window, sequence) => accept(window, sequence).window, emptyWindow)
}
const judged = (window: SequenceWindow, sequence: number): Freshness => accept(window, sequence).freshness

t.test('sequence window: numbers in order -> each is the newest', async t => {
  let window = emptyWindow
  for (let sequence = 1; sequence <= 200; sequence++) {
    const step = accept(window, sequence)
    t.equal(step.freshness, 'newest')
    window = step.window
  }
  t.equal(window.newest, 200)
})

t.test('sequence window: the first number heard is not 1 -> welcome, and what came before it still is', async t => {
  const window = windowAfter(40)
  t.equal(window.newest, 40)
  t.equal(judged(window, 39), 'late')
  t.equal(judged(window, 1), 'late')
})

t.test('sequence window: a number again -> duplicate, and the window stays the same object', async t => {
  const window = windowAfter(1, 2, 3)
  for (const sequence of [1, 2, 3]) {
    const step = accept(window, sequence)
    t.equal(step.freshness, 'duplicate', `${sequence}`)
    t.equal(step.window, window)
  }
})

t.test('sequence window: a number that was skipped -> late once, then a duplicate', async t => {
  const first = accept(windowAfter(1, 3), 2)
  t.equal(first.freshness, 'late')
  t.equal(first.window.newest, 3, 'a late number does not move the newest')
  t.equal(judged(first.window, 2), 'duplicate')
})

t.test('sequence window: 63 behind the newest -> late; 64 behind -> too old, both sides of the width', async t => {
  const window = windowAfter(100)
  t.equal(judged(window, 37), 'late')
  t.equal(judged(window, 36), 'too-old')
  t.equal(accept(window, 36).window, window)
})

t.test('sequence window: a seen number at the edge -> duplicate while inside, too old when it fell out', async t => {
  t.equal(judged(windowAfter(1, 64), 1), 'duplicate')
  t.equal(judged(windowAfter(1, 65), 1), 'too-old')
})

t.test('sequence window: a jump of 63 remembers what was seen, a jump of 64 or more leaves nothing of it', async t => {
  t.equal(judged(windowAfter(10, 73), 10), 'duplicate')
  t.strictSame(windowAfter(10, 74), { newest: 74, seen: 1n })
  t.strictSame(windowAfter(10, Number.MAX_SAFE_INTEGER), { newest: Number.MAX_SAFE_INTEGER, seen: 1n })
  t.equal(judged(windowAfter(10, 74), 11), 'late')
})

t.test('sequence window: many numbers -> it never grows beyond 64 bits', async t => {
  const window = windowAfter(...Array.from({ length: 1000 }, (_, index) => index + 1))
  t.equal(window.seen, (1n << 64n) - 1n)
})

t.test('sequence window: 20,000 numbers in random order -> none is accepted twice, and none in reach is refused once', async t => {
  const prng = new Prng(1)
  const taken = new Set<number>()
  let window = emptyWindow
  for (let round = 0; round < 20_000; round++) {
    const sequence = Math.max(1, window.newest + prng.between(-80, 6))
    const expected = sequence > window.newest ? 'newest' : window.newest - sequence >= 64 ? 'too-old' : taken.has(sequence) ? 'duplicate' : 'late'
    const step = accept(window, sequence)
    if (step.freshness !== expected) {
      t.fail(`round ${round}: ${sequence} after ${window.newest} is ${step.freshness}, expected ${expected}`)
      return
    }
    taken.add(sequence)
    window = step.window
  }
  t.pass('20,000 numbers')
})
