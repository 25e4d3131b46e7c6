import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import { hashOf, isZero, MessageIds } from '../../../src/mq/core/message-ids.js'
import { chunkSlots, MessageTable, slotBytes, standings } from '../../../src/mq/core/message-table.js'
import { dynamicName, isObjectName, uniqueSuffix } from '../../../src/mq/core/names.js'
import { Producers } from '../../../src/mq/core/producers.js'
import { PutDates, putMs } from '../../../src/mq/core/put-date.js'
import { WaitHeap } from '../../../src/mq/core/wait-heap.js'

t.test('message table: a message costs 60 bytes at most, and empty chunks give their memory back', async t => {
  t.ok(slotBytes <= 60, `${slotBytes} bytes`)
  const table = new MessageTable()
  const slots: number[] = []
  for (let count = 0; count < 3 * chunkSlots; count++) {
    const slot = table.allocate()
    table.setFacts(slot, 1, count, 0, 0, 0, 0)
    table.setStanding(slot, standings.available)
    slots.push(slot)
  }
  t.equal(new Set(slots).size, 3 * chunkSlots)
  t.equal(table.bytes, 3 * chunkSlots * slotBytes)
  for (const slot of slots) table.free(slot)
  t.equal(table.count, 0)
  t.equal(table.bytes, chunkSlots * slotBytes, 'one chunk stays')
})

t.test('message table: a slot that is used again -> is not the old message', async t => {
  const table = new MessageTable()
  const slot = table.allocate()
  table.setFacts(slot, 1, 41, 0, 0, 0, 0)
  table.setStanding(slot, standings.available)
  t.equal(table.isStill(slot, 41), true)
  table.free(slot)
  t.equal(table.isStill(slot, 41), false)
  t.equal(table.allocate(), slot)
  table.setFacts(slot, 1, 42, 0, 0, 0, 0)
  t.equal(table.isStill(slot, 41), false)
  t.equal(table.isStill(slot, 42), true)
  t.throws(() => {
    table.free(slot)
    table.free(slot)
  }, /freed once/)
})

t.test('wait heap: random additions and removals -> always the soonest first', async t => {
  const prng = new Prng(7)
  const heap = new WaitHeap<{ deadline: number; heapIndex: number }>()
  const all = new Set<{ deadline: number; heapIndex: number }>()
  for (let round = 0; round < 5_000; round++) {
    if (prng.chance(3, 5)) {
      const entry = { deadline: prng.below(1_000), heapIndex: -1 }
      heap.add(entry)
      all.add(entry)
    } else if (all.size > 0) {
      const entry = prng.pick([...all])
      heap.remove(entry)
      heap.remove(entry)
      all.delete(entry)
    }
    const soonest = Math.min(...[...all].map(entry => entry.deadline))
    if ((heap.first?.deadline ?? Infinity) !== soonest) t.fail(`round ${round}: ${heap.first?.deadline}, not ${soonest}`)
  }
  t.pass()
})

t.test('producers: highest sequence, refused ones, and a bound -> the longest silent is forgotten', async t => {
  const producers = new Producers(4)
  const id = (number: number): Buffer => Buffer.alloc(16, number)
  producers.stored({ producer: id(1), sequence: 5 })
  t.equal(producers.last(id(1)), 5)
  t.equal(producers.isRepetition({ producer: id(1), sequence: 5 }), true)
  t.equal(producers.isRepetition({ producer: id(1), sequence: 6 }), false)
  t.equal(producers.isRepetition({ producer: id(2), sequence: 1 }), false)
  producers.refused({ producer: id(1), sequence: 6 })
  producers.stored({ producer: id(1), sequence: 7 })
  t.equal(producers.isRepetition({ producer: id(1), sequence: 6 }), false, 'refused, so it is tried again')
  t.equal(producers.isRepetition({ producer: id(1), sequence: 7 }), true)
  producers.stored({ producer: id(1), sequence: 6 })
  t.equal(producers.isRepetition({ producer: id(1), sequence: 6 }), true)
  t.equal(producers.last(id(1)), 7)
  for (const other of [2, 3, 4, 5]) {
    producers.stored({ producer: id(other), sequence: 1 })
    producers.last(id(1))
  }
  t.equal(producers.last(id(1)), 7, 'heard again and again')
  t.equal(producers.last(id(2)), 0, 'silent longest')
})

t.test('message ids: made by the name, the epoch and a counter -> unique across restarts', async t => {
  const first = new MessageIds('QM1', 1)
  const second = new MessageIds('A.QUEUE.MANAGER.WITH.A.LONG.NAME', 2)
  t.equal(first.next().toString('hex'), '414d5120' + Buffer.from('QM1         ').toString('hex') + '000001' + '0000000001')
  t.equal(first.next().toString('hex').slice(-16), '0000010000000002')
  t.equal(second.next().toString('latin1', 0, 16), 'AMQ A.QUEUE.MANA')
})

t.test('ids: hash and zero -> FNV-1a, and all bytes count', async t => {
  t.equal(hashOf(Buffer.from('')), 0x811c9dc5)
  t.equal(hashOf(Buffer.from('a')), 0xe40c292c)
  t.equal(hashOf(Buffer.from('foobar')), 0xbf9cf968)
  t.equal(isZero(Buffer.alloc(24)), true)
  t.equal(isZero(Buffer.concat([Buffer.alloc(23), Buffer.from([1])])), false)
})

t.test('put date: wall clock -> date and time in hundredths, and back; leap days and ends of years', async t => {
  const dates = new PutDates()
  for (const [ms, date, time] of [
    [0, '19700101', '00000000'],
    [951_782_400_000, '20000229', '00000000'],
    [1_709_164_799_999, '20240228', '23595999'],
    [1_709_164_800_000, '20240229', '00000000'],
    [1_735_689_599_990, '20241231', '23595999'],
    [1_735_689_600_000, '20250101', '00000000'],
    [4_107_542_400_000, '21000301', '00000000']
  ] as const) {
    dates.at(ms)
    t.strictSame([dates.date, dates.time], [date, time])
    t.equal(putMs(date, time), Math.floor(ms / 10) * 10)
  }
  t.equal(putMs('2026030', '12000000'), null)
  t.equal(putMs('', ''), null)
})

t.test('names: letters, digits and . / _ % up to 48 -> valid; a star at the end of a dynamic name is replaced', async t => {
  for (const name of ['A', 'a.b/c_d%9', 'X'.repeat(48)]) t.equal(isObjectName(name), true, name)
  for (const name of ['', 'X'.repeat(49), 'A B', 'Ä', 'A-B', 'A*']) t.equal(isObjectName(name), false, name)
  t.equal(uniqueSuffix(1, 2), '0000010000000002')
  t.equal(dynamicName('AMQ.*', '0123456789ABCDEF'), 'AMQ.0123456789ABCDEF')
  t.equal(dynamicName('REPLIES', '0123456789ABCDEF'), 'REPLIES')
  t.equal(dynamicName('A*B', '0123456789ABCDEF'), null)
  t.equal(dynamicName(`${'X'.repeat(32)}*`, '0123456789ABCDEF')?.length, 48)
  t.equal(dynamicName(`${'X'.repeat(33)}*`, '0123456789ABCDEF'), null)
})
