import t from 'tap'
import { SentHistory } from '../../src/daemon/sent-history.js'

const payload = (sequence: number): Uint8Array => Uint8Array.of(sequence & 255, sequence >> 8)
function sentUpTo(last: number): SentHistory {
  const history = new SentHistory()
  for (let sequence = 1; sequence <= last; sequence++) history.add(sequence, payload(sequence))
  return history
}

t.test('sent history: nothing sent -> nothing is found', async t => {
  for (const sequence of [0, 1, 256]) t.equal(new SentHistory().find(sequence), undefined)
})

t.test('sent history: what was sent -> the very same bytes', async t => {
  const history = new SentHistory()
  const bytes = payload(5)
  history.add(5, bytes)
  t.equal(history.find(5), bytes)
  t.equal(history.find(4), undefined)
  t.equal(history.find(5 + 256), undefined, 'another number in the same place')
})

t.test('sent history: more than it holds -> the newest 256 are found, both sides of the bound', async t => {
  const history = sentUpTo(1_000)
  t.strictSame(history.find(1_000), payload(1_000))
  t.strictSame(history.find(745), payload(745))
  t.equal(history.find(744), undefined)
  t.equal(history.find(1), undefined)
  t.equal(history.find(1_001), undefined, 'not sent yet')
})

t.test('sent history: numbers that others used -> are not found, and the rest stays', async t => {
  const history = sentUpTo(10)
  history.add(300, payload(300))
  t.equal(history.find(299), undefined)
  t.strictSame(history.find(10), payload(10))
})

t.test('history: the newest payload comes back -> known as our own; older ones and altered ones are not', async t => {
  const history = new SentHistory()
  t.notOk(history.isNewest(Buffer.from('one')), 'nothing was sent yet')
  history.add(1, Buffer.from('one'))
  t.ok(history.isNewest(Buffer.from('one')))
  history.add(2, Buffer.from('two'))
  t.ok(history.isNewest(Buffer.from('two')))
  t.notOk(history.isNewest(Buffer.from('one')))
  t.notOk(history.isNewest(Buffer.from('twp')))
  t.notOk(history.isNewest(Buffer.from('two ')))
})
