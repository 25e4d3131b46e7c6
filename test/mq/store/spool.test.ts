/** Messages that are not persistent: a budget of memory, then a file, then a clear no. */

import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import type { Place } from '../../../src/mq/core/journal.js'
import { MessageSpool } from '../../../src/mq/store/spool.js'
import { noFaults, SimDisk, turn, type SimProcess } from '../sim/sim-disk.js'

const directory = '/var/mqm/qmgrs/QM1/spool'
const chunkBytes = 4096

async function spoolOn(disk: SimDisk, process: SimProcess, memoryBytes = 8 * chunkBytes, fileBytes = 64 * chunkBytes): Promise<MessageSpool> {
  return await disk.finish(MessageSpool.open({ disk: process, directory, memoryBytes, fileBytes, chunkBytes }))
}

const message = (text: string, bytes = text.length): { readonly head: Buffer; readonly body: Buffer } => ({ head: Buffer.from(`head of ${text}`), body: Buffer.from(text.padEnd(bytes, '.')) })

async function settle(disk: SimDisk): Promise<void> {
  await turn()
  while (disk.step()) await turn()
}

t.test('spool: add, read, release -> the message as it was, then its memory back', async test => {
  const disk = new SimDisk(new Prng(1), noFaults)
  const spool = await spoolOn(disk, disk.attach())
  const place = spool.add(message('one')) as Place
  test.equal(place.length, 'head of one'.length + 3)
  test.equal(spool.read(place).head.toString(), 'head of one')
  test.equal(spool.read(place).body.toString(), 'one')
  spool.release(place)
  for (let count = 0; count < 10_000; count += 1) spool.release(spool.add(message('again', 200)) as Place)
  test.equal(spool.residentBytes, chunkBytes)
})

t.test('spool: more than the budget -> the oldest go to the file and are read back from there', async test => {
  const disk = new SimDisk(new Prng(1), noFaults)
  const spool = await spoolOn(disk, disk.attach())
  const places: Place[] = []
  for (let count = 0; count < 150; count += 1) {
    places.push(spool.add(message(`number ${count}`, 1000)) as Place)
    await settle(disk)
  }
  test.notOk(places.includes(null as never))
  test.ok(spool.residentBytes <= 9 * chunkBytes, `${spool.residentBytes} bytes in memory`)
  test.ok((disk.peek(`${directory}/spool`)?.length ?? 0) > 20 * chunkBytes, 'the rest is in the file')
  places.forEach((place, count) => test.equal(spool.read(place).body.toString().slice(0, 10).trim().replace(/\.+$/, ''), `number ${count}`))
  for (const place of places) spool.release(place)
  const again: (Place | null)[] = []
  for (let count = 0; count < 150; count += 1) {
    again.push(spool.add(message(`second ${count}`, 1000)))
    await settle(disk)
  }
  test.notOk(again.includes(null), 'places in the file are used again')
})

t.test('spool: file full -> refused, and accepted again when something was released', async test => {
  const disk = new SimDisk(new Prng(1), noFaults)
  const spool = await spoolOn(disk, disk.attach(), 4 * chunkBytes, 4 * chunkBytes)
  const places: Place[] = []
  for (;;) {
    const place = spool.add(message('x', 1000))
    if (place === null) break
    places.push(place)
    await settle(disk)
  }
  test.ok(places.length >= 24 && places.length <= 40, `${places.length} messages of 1 KB in 4 + 4 chunks of 4 KB and a half`)
  for (const place of places.splice(0, 8)) spool.release(place)
  await settle(disk)
  test.not(spool.add(message('y', 1000)), null)
})

t.test('spool: disk that refuses writes -> memory alone serves, nothing is lost', async test => {
  const disk = new SimDisk(new Prng(1), { ...noFaults, writeError: 1000 })
  const spool = await spoolOn(disk, disk.attach(), 4 * chunkBytes)
  const places: Place[] = []
  for (let count = 0; count < 100; count += 1) {
    const place = spool.add(message(`number ${count}`, 1000))
    if (place !== null) places.push(place)
    await settle(disk)
  }
  test.ok(spool.residentBytes <= 6 * chunkBytes)
  places.forEach((place, count) => test.match(spool.read(place).body.toString(), `number ${count}`))
})

t.test('spool: a message larger than a chunk -> kept whole, in memory and in the file', async test => {
  const disk = new SimDisk(new Prng(1), noFaults)
  const spool = await spoolOn(disk, disk.attach(), 8 * chunkBytes)
  const large = spool.add(message('large', 5 * chunkBytes)) as Place
  for (let count = 0; count < 40; count += 1) {
    spool.add(message('small', 1000))
    await settle(disk)
  }
  test.equal(spool.read(large).body.length, 5 * chunkBytes)
  test.equal(spool.add(message('too large', 100 * chunkBytes)), null)
})

t.test('spool: restart -> emptied', async test => {
  const disk = new SimDisk(new Prng(1), noFaults)
  const first = disk.attach()
  const spool = await spoolOn(disk, first)
  for (let count = 0; count < 100; count += 1) {
    spool.add(message('x', 1000))
    await settle(disk)
  }
  disk.kill(first)
  await spoolOn(disk, disk.attach())
  test.equal(disk.peek(`${directory}/spool`)?.length, 0)
})

t.test('spool: random adds and releases while chunks are written -> every message reads as it was put, memory stays bounded', async test => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const prng = new Prng(seed)
    const disk = new SimDisk(prng, { ...noFaults, writeError: prng.pick([0, 0, 50]) })
    const spool = await spoolOn(disk, disk.attach(), 6 * chunkBytes, 20 * chunkBytes)
    const kept: { readonly place: Place; readonly text: string }[] = []
    for (let step = 0; step < 1500; step += 1) {
      if (prng.chance(3, 5)) {
        const text = `${seed}/${step}`
        const place = spool.add(message(text, prng.chance(1, 50) ? prng.between(4000, 15_000) : prng.between(10, 1500)))
        if (place !== null) kept.push({ place, text })
      } else if (kept.length > 0) {
        const [gone] = kept.splice(prng.below(kept.length), 1)
        if (gone !== undefined) spool.release(gone.place)
      }
      if (prng.chance(1, 3)) {
        await turn()
        disk.step()
      }
      if (spool.residentBytes > 9 * chunkBytes) test.fail(`seed ${seed}: ${spool.residentBytes} bytes in memory`)
      const some = kept[prng.below(Math.max(1, kept.length))]
      if (some !== undefined && !spool.read(some.place).body.toString().startsWith(some.text)) test.fail(`seed ${seed}: ${some.text} is not what was put`)
    }
  }
  test.pass('20 seeds')
})
