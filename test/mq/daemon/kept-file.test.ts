import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { KeptMessage } from '../../../src/mq/core/engine.js'
import { parseKept, takeKept, writeKept } from '../../../src/mq/daemon/kept-file.js'

const kept = (order: number, body: Buffer): KeptMessage => ({
  entry: { queue: 7, order, priority: 4, expiresAt: 0, messageIdHash: 1, correlationIdHash: 2 },
  backoutCount: order % 3,
  message: { head: Buffer.from(`head ${order}`), body }
})
const some = [kept(1, Buffer.from('one')), kept(2, Buffer.alloc(0)), kept(3, Buffer.alloc(600_000, 0xab))]

t.test('kept messages: written at an end -> taken back by the next start, in order, and the file is gone', async t => {
  const file = path.join(t.testdir(), 'kept')
  t.equal(writeKept(file, 5, some), 3)
  t.strictSame(takeKept(file, 6), some)
  t.notOk(fs.existsSync(file))
  t.strictSame(takeKept(file, 7), [], 'and nobody gets them twice')
})

t.test('kept messages: a life in between -> dropped: somebody may have got them', async t => {
  const file = path.join(t.testdir(), 'kept')
  writeKept(file, 5, some)
  t.strictSame(takeKept(file, 7), [])
  t.notOk(fs.existsSync(file))
})

t.test('kept messages: none -> no file, and one of an earlier end goes away', async t => {
  const directory = t.testdir()
  const file = path.join(directory, 'kept')
  writeKept(file, 4, some)
  t.equal(writeKept(file, 5, []), 0)
  t.strictSame(fs.readdirSync(directory), [])
})

t.test('kept messages: cut at every 1000th byte, or one byte changed -> none at all, never a part', async t => {
  const file = path.join(t.testdir(), 'kept')
  writeKept(file, 5, some)
  const whole = fs.readFileSync(file)
  t.strictSame(parseKept(whole, 5), some)
  for (let length = 0; length < whole.length; length += 1000) t.equal(parseKept(whole.subarray(0, length), 5), null, `cut at ${length}`)
  for (const at of [0, 9, 13, 20, 200, whole.length - 1]) {
    const changed = Buffer.from(whole)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    t.equal(parseKept(changed, 5), null, `byte ${at} changed`)
  }
})
