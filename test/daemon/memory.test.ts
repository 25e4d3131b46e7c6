import t, { type Test } from 'tap'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Memory, recall, type Remembered } from '../../src/daemon/memory.js'

const nothing: Remembered = { peerGenerations: {}, peerSequences: {}, held: [] }
const something = (epoch: number): Remembered => ({ peerGenerations: { ha2: 1_795_177_972 }, peerSequences: { ha2: 70 }, held: [{ id: '0123abcd', epoch, words: ['10.0.0.5', 'app'] }] })
const never = (t: Test) => (sentence: string): void => {
  t.fail(sentence)
}

t.test('recall: no file, no directory -> nothing', async t => {
  t.strictSame(recall(t.testdir()), nothing)
  t.strictSame(recall(join(t.testdir(), 'none')), nothing)
})

t.test('recall: what the last life kept -> comes back, in a file for root alone', async t => {
  const directory = t.testdir()
  const memory = new Memory(directory, never(t))
  memory.keep(something(3))
  await memory.idle()
  t.strictSame(recall(directory), something(3))
  t.strictSame(readdirSync(directory), ['cluster_memory'], 'nothing is left beside it')
  t.equal(statSync(join(directory, 'cluster_memory')).mode & 0o777, 0o600)
})

t.test('recall: a broken file -> nothing, and no exception', async t => {
  const directory = t.testdir()
  const whole = JSON.stringify(something(3))
  for (const text of ['', '\0'.repeat(64), 'null', '3', '"text"', '[]', '{}', 'garbage', '{"peerGenerations":null,"held":null}', '{"peerGenerations":3,"held":{}}']) {
    writeFileSync(join(directory, 'cluster_memory'), text)
    t.strictSame(recall(directory), nothing, JSON.stringify(text.slice(0, 20)))
  }
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(join(directory, 'cluster_memory'), whole.slice(0, length))
    t.strictSame(recall(directory), nothing, `cut after ${length} bytes`)
  }
})

t.test('recall: single entries that make no sense -> left out, the others stay', async t => {
  const held = [{ id: 'a', epoch: 1 }, { id: 'b', epoch: -1 }, { id: 3, epoch: 1 }, null, 'x', { id: 'c' }, { id: 'd', epoch: 1.5 }, { id: 'e', epoch: 0, words: ['x', 3] }]
  const directory = t.testdir({ cluster_memory: JSON.stringify({ peerGenerations: { ha2: 7, ha3: -1, ha4: '7', ha5: 2 ** 53, ha6: 0 }, peerSequences: { ha2: 9, ha3: null }, held }) })
  t.strictSame(recall(directory), { peerGenerations: { ha2: 7, ha6: 0 }, peerSequences: { ha2: 9 }, held: [{ id: 'a', epoch: 1, words: [] }, { id: 'e', epoch: 0, words: ['x'] }] })
})

t.test('recall: a file as long as allowed -> read; one byte more -> nothing', async t => {
  const text = JSON.stringify(something(3))
  const directory = t.testdir({ cluster_memory: text.padEnd(256 * 1024) })
  t.strictSame(recall(directory), something(3))
  writeFileSync(join(directory, 'cluster_memory'), text.padEnd(256 * 1024 + 1))
  t.strictSame(recall(directory), nothing)
})

t.test('recall: a directory in its place -> nothing', async t => {
  t.strictSame(recall(t.testdir({ cluster_memory: {} })), nothing)
})

t.test('keep: many values in a row -> returns at once, the newest is on disk, and few were written', async t => {
  const directory = t.testdir()
  const memory = new Memory(directory, never(t))
  for (let epoch = 1; epoch <= 1_000; epoch++) memory.keep(something(epoch))
  t.notOk(existsSync(join(directory, 'cluster_memory')), 'nothing was waited for')
  await memory.idle()
  t.strictSame(recall(directory), something(1_000))
})

t.test('keep: values that come while one is written -> only the newest waits behind it', async t => {
  const troubles: string[] = []
  const memory = new Memory(join(t.testdir(), 'none'), sentence => troubles.push(sentence))
  for (let epoch = 1; epoch <= 1_000; epoch++) memory.keep(something(epoch))
  await memory.idle()
  t.equal(troubles.length, 2, 'each try to write tells its own failure: the first value, and the newest')
})

t.test('keep: after it went idle -> written again', async t => {
  const directory = t.testdir()
  const memory = new Memory(directory, never(t))
  await memory.idle()
  for (const epoch of [1, 2, 3]) {
    memory.keep(something(epoch))
    await memory.idle()
    t.strictSame(recall(directory), something(epoch))
  }
})

t.test('keep: directory cannot be written -> only tells so, and works again when it can', async t => {
  const directory = join(t.testdir(), 'none')
  const troubles: string[] = []
  const memory = new Memory(directory, sentence => troubles.push(sentence))
  memory.keep(something(1))
  await memory.idle()
  t.match(troubles, [/^cannot write .*cluster_memory: ENOENT/])
  mkdirSync(directory)
  memory.keep(something(2))
  await memory.idle()
  t.equal(troubles.length, 1)
  t.strictSame(recall(directory), something(2))
})

t.test('keep: the file cannot be replaced -> tells so; what stands in its place is untouched', async t => {
  const directory = t.testdir({ cluster_memory: {} })
  const troubles: string[] = []
  const memory = new Memory(directory, sentence => troubles.push(sentence))
  memory.keep(something(1))
  await memory.idle()
  t.equal(troubles.length, 1)
  rmdirSync(join(directory, 'cluster_memory'))
  memory.keep(something(2))
  await memory.idle()
  t.equal(readFileSync(join(directory, 'cluster_memory'), 'utf8'), JSON.stringify(something(2)))
})
