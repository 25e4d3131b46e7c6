/** Restart recovery, rule by rule: what is a torn tail, what is damage, whose log it is, and that a refusal changes nothing. */

import t from 'tap'
import { HaError } from '../../../src/base/errors.js'
import { Prng } from '../../../src/base/prng.js'
import { createLog } from '../../../src/mq/store/create-log.js'
import { controlFileName, encodeControl, extentHeaderBytes } from '../../../src/mq/store/extent.js'
import { RecoveryLog } from '../../../src/mq/store/recovery-log.js'
import type { SimDisk } from '../sim/sim-disk.js'
import { Fixture, active, directory, extentBytes, qmid } from './log-fixture.js'

const current = (world: Fixture): string => `${active}/${world.log.status().currentExtent}`

/** All files with their bytes. */
function picture(disk: SimDisk): string {
  return disk.files().map(name => `${name} ${disk.peek(name)?.toString('base64') ?? ''}`).join('\n')
}

async function refusal(world: Fixture): Promise<HaError> {
  const before = picture(world.disk)
  try {
    await world.open()
  } catch (error) {
    if (!(error instanceof HaError)) throw error
    if (picture(world.disk) !== before) throw new Error('a refused start changed the disk')
    return error
  }
  throw new Error('the start was not refused')
}

t.test('restart: the log cut at every byte of its last records -> exactly the records that are whole, the rest kept as a copy', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  await world.force()
  await world.settle()
  const ends = [world.log.end % extentBytes]
  for (const body of ['first', 'second message', 'x'.repeat(100), 'last']) {
    world.put(body)
    ends.push(world.log.end % extentBytes)
  }
  await world.force()
  const file = current(world)
  world.kill()
  const whole = world.disk.peek(file) as Buffer
  const first = ends[0] as number
  for (let cut = first; cut <= (ends.at(-1) as number); cut += 1) {
    for (const how of ['truncated', 'zeros'] as const) {
      const life = Fixture.onDisk(world.disk.copy(new Prng(cut)), world.epoch)
      const bytes = how === 'truncated' ? whole.subarray(0, cut) : Buffer.concat([whole.subarray(0, cut), Buffer.alloc(whole.length - cut)])
      life.disk.poke(file, bytes)
      await life.open()
      // The zeros that fill up a record to a multiple of 8 are not missed.
      const count = ends.slice(0, -1).filter(start => cut >= start + 32 + whole.readUInt32LE(start + 4)).length
      test.strictSame(life.bodies(), ['first', 'second message', 'x'.repeat(100), 'last'].slice(0, count), `${how} at ${cut}`)
      const tail = whole.subarray(ends[count] as number, cut)
      if (how === 'truncated') test.equal(life.opened.story.torn === null, tail.every(byte => byte === 0), `torn at ${cut}`)
      const { torn } = life.opened.story
      if (torn === null) continue
      const kept = life.disk.peek(`${active}/${torn.copy}`) as Buffer
      test.ok(kept.equals(tail.subarray(0, kept.length)) && tail.subarray(kept.length).every(byte => byte === 0), 'the copy has what was cut')
    }
  }
})

t.test('restart: a changed byte in a record before the last batch -> damaged, with file and offset, nothing changed', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  await world.force()
  const starts: number[] = []
  for (const body of ['one', 'two', 'three', 'four']) {
    starts.push(world.log.end % extentBytes)
    world.put(body)
    await world.force()
  }
  const file = current(world)
  world.kill()
  const [from, , until] = starts as [number, number, number]
  for (let at = from; at < until; at += 1) {
    const life = Fixture.onDisk(world.disk.copy(new Prng(at)), world.epoch)
    const bytes = life.disk.peek(file) as Buffer
    bytes[at] = (bytes[at] as number) ^ 0x20
    life.disk.poke(file, bytes)
    const start = starts.filter(position => position <= at).at(-1) as number
    // Zeros that fill a record up to the next multiple of 8 are not covered; they mean nothing.
    if (isPadding(bytes, start, at)) continue
    const error = await refusal(life)
    test.equal(error.code, 'HA_MQ_DAMAGED')
    test.match(error.details, { file, offset: start })
  }
})

const isPadding = (bytes: Buffer, start: number, at: number): boolean => at >= start + 32 + bytes.readUInt32LE(start + 4)

t.test('restart: damage before the end of the last checkpoint -> damaged, even when nothing follows', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  await world.settle()
  const start = world.log.end % extentBytes
  // An open unit of work keeps the restart point before what the checkpoint knows.
  world.put('in a unit', { unit: 5 })
  await world.settle()
  const file = current(world)
  world.kill()
  world.disk.rot(file, start + 40, 3)
  test.match(await refusal(world), { code: 'HA_MQ_DAMAGED', details: { file, offset: start } })
})

t.test('restart: unforced writes that arrived in another order -> a torn tail, not damage', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  world.put('forced')
  await world.force()
  const file = current(world)
  const start = world.log.end % extentBytes
  world.put('lost')
  world.put('arrived')
  await world.force()
  world.kill()
  const bytes = world.disk.peek(file) as Buffer
  bytes.fill(0, start, start + 48)
  world.disk.poke(file, bytes)
  await world.open()
  test.strictSame(world.bodies(), ['forced'])
  test.match(world.opened.story.torn, { offset: start })
})

t.test('restart: what was cut off -> does not come back at the next restart', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  world.put('forced')
  await world.force()
  const file = current(world)
  const start = world.log.end % extentBytes
  world.put('torn')
  await world.force()
  world.kill()
  world.disk.rot(file, start + 40, 0)
  await world.open()
  world.put('after')
  await world.force()
  world.kill()
  await world.open()
  test.strictSame(world.bodies(), ['forced', 'after'])
  test.equal(world.opened.story.torn, null)
})

t.test('restart: a frozen predecessor writes into its extents after the takeover -> nobody reads it', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  world.put('forced')
  await world.force()
  const file = current(world)
  const late = world.log
  const lateProcess = world.process
  const successor = Fixture.onDisk(world.disk, world.epoch)
  await successor.open()
  successor.put('new owner')
  await successor.force()
  // It wakes up between its look at the lock and its write.
  late.append({ kind: 'put', unit: 0, entry: world.entry(), message: { head: Buffer.alloc(0), body: Buffer.from('too late') }, origin: null })
  await world.disk.finish(late.forcedTo(late.end), lateProcess)
  test.ok((world.disk.peek(file) as Buffer).includes('too late'))
  successor.kill()
  await successor.open()
  test.strictSame(successor.bodies(), ['forced', 'new owner'])
})

t.test('restart: the right to write lost while a force was on its way -> failed, nobody is told it is durable', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  await world.force()
  const { forced } = world.log
  world.put('x')
  const waiting = world.log.forcedTo(world.log.end)
  await world.disk.finish(
    new Promise<void>(resolve => {
      setImmediate(() => setImmediate(resolve))
    })
  )
  world.mayWrite = false
  await test.rejects(world.finish(waiting), { code: 'HA_MQ_LOCK_LOST' })
  test.equal(world.log.forced, forced)
  test.match(world.failure, { code: 'HA_MQ_LOCK_LOST' })
  test.throws(() => world.put('y'), { code: 'HA_MQ_LOCK_LOST' })
})

t.test('restart: the log of another queue manager -> refused by each of its files', async test => {
  const other = await Fixture.create()
  await other.open()
  other.defineQueue()
  await other.settle()
  other.kill()
  for (const kind of ['control', 'checkpoint', 'extent'] as const) {
    const disk = other.disk.copy(new Prng(1))
    const life = Fixture.onDisk(disk, other.epoch)
    const before = disk.files().find(name => (kind === 'control' ? name.endsWith('.lfh') : kind === 'checkpoint' ? name.endsWith('.CKP') : name === current(other))) as string
    const foreign = await Fixture.create()
    // The same log made for another QMID.
    await foreign.finish(createLog({ disk: foreign.process, directory: '/other', qmid: 'OTHER', extentBytes, type: 'circular', primary: 2 }))
    const opened = await foreign.finish(RecoveryLog.open({ ...foreign.options(), directory: '/other', qmid: 'OTHER', epoch: other.epoch }))
    await foreign.finish(opened.log.checkpoint())
    const twin = before.replace(directory, '/other')
    disk.poke(before, foreign.disk.peek(twin) as Buffer)
    test.match(await refusal(life), { code: 'HA_MQ_FOREIGN_LOG', details: { file: before } }, kind)
  }
})

t.test('restart: files of a newer version -> refused as such', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  await world.force()
  const extent = current(world)
  world.kill()
  for (const file of [`${directory}/${controlFileName}`, extent]) {
    const life = Fixture.onDisk(world.disk.copy(new Prng(1)), world.epoch)
    const bytes = life.disk.peek(file) as Buffer
    bytes.writeUInt32LE(2, 8)
    life.disk.poke(file, bytes)
    test.match(await refusal(life), { code: 'HA_MQ_NEWER_VERSION', details: { file } })
  }
})

t.test('restart: files missing or damaged -> refused with the name of the file', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  for (let count = 0; count < 120; count += 1) world.put('x'.repeat(4000))
  await world.settle()
  world.put('tail')
  await world.force()
  world.kill()
  const control = `${directory}/${controlFileName}`
  const [oldest, ...others] = world.files('.LOG').filter(name => name.startsWith('S'))
  const checkpoint = world.files('.CKP')[0] as string
  for (const name of [control, `${active}/${oldest}`, `${active}/${checkpoint}`]) {
    const life = Fixture.onDisk(world.disk.copy(new Prng(1)), world.epoch)
    life.disk.lose(name)
    test.match(await refusal(life), { code: 'HA_MQ_DAMAGED' }, `${name} missing`)
    const changed = Fixture.onDisk(world.disk.copy(new Prng(1)), world.epoch)
    changed.disk.rot(name, 20, 1)
    test.match(await refusal(changed), { code: 'HA_MQ_DAMAGED', details: { file: name } }, `${name} damaged`)
  }
  test.ok(others.length > 1)
})

t.test('restart: index file missing, damaged or of another extent -> built again, nothing lost', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  const bodies: string[] = []
  for (let count = 0; count < 150; count += 1) {
    bodies.push(`${count}`.padEnd(4000, '.'))
    world.put(bodies[count] as string)
  }
  await world.settle()
  world.kill()
  const indexes = world.files('.IDX')
  test.ok(indexes.length >= 2, 'closed extents have an index')
  const [first, second] = indexes as [string, string]
  const damages: readonly ((life: Fixture) => void)[] = [
    life => life.disk.lose(`${active}/${first}`),
    life => life.disk.rot(`${active}/${first}`, 100, 2),
    life => life.disk.poke(`${active}/${first}`, life.disk.peek(`${active}/${second}`) as Buffer),
    life => life.disk.poke(`${active}/${first}`, Buffer.alloc(0))
  ]
  for (const damage of damages) {
    const life = Fixture.onDisk(world.disk.copy(new Prng(1)), world.epoch)
    damage(life)
    await life.open()
    test.strictSame(life.bodies(), bodies)
  }
})

t.test('restart: an epoch that is not greater than the last -> refused', async test => {
  const world = await Fixture.create()
  await world.open()
  await world.settle()
  world.kill()
  world.epoch -= 1
  test.match(await refusal(world), { code: 'HA_MQ_LOCK_LOST' })
})

t.test('restart: leftovers of a crash -> removed; foreign files in the directory -> left alone', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  await world.settle()
  world.kill()
  world.disk.poke(`${active}/K0000000009-0000000001.CKP.tmp`, Buffer.from('half'))
  world.disk.poke(`${active}/S0009999.IDX`, Buffer.from('lonely'))
  world.disk.poke(`${active}/notes.txt`, Buffer.from('keep me'))
  await world.open()
  test.strictSame(world.files('.tmp'), [])
  test.notOk(world.files().includes('S0009999.IDX'))
  test.ok(world.files().includes('notes.txt'))
})

t.test('restart: units of work open at a crash -> puts gone, gets back with one more backout, also in later restarts', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  const got = world.put('got in a unit')
  world.put('stays')
  world.put('put in a unit', { unit: 4 })
  world.append({ kind: 'lock', unit: 4, place: got, backoutCount: 2 })
  world.put('committed', { unit: 5 })
  world.append({ kind: 'commit', unit: 5, origin: null })
  await world.force()
  world.kill()
  for (let round = 0; round < 3; round += 1) {
    await world.open()
    test.strictSame(
      world.found().messages.map(({ body, backoutCount }) => [body, backoutCount]),
      [['got in a unit', 3], ['stays', 0], ['committed', 0]]
    )
    world.kill()
  }
})

t.test('restart: random damage anywhere -> refused with a code, or a beginning of the log, never anything else', async test => {
  const world = await Fixture.create()
  await world.open()
  world.defineQueue()
  const bodies: string[] = []
  for (let count = 0; count < 200; count += 1) {
    bodies.push(`${count}`.padEnd(3000, '.'))
    world.put(bodies[count] as string)
    if (count % 10 === 0) await world.force()
    if (count === 120) await world.settle()
  }
  await world.force()
  world.kill()
  const outcomes = new Map<string, number>()
  for (let seed = 1; seed <= 250; seed += 1) {
    const prng = new Prng(seed)
    const life = Fixture.onDisk(world.disk.copy(prng), world.epoch)
    const name = prng.pick(life.disk.files())
    const bytes = life.disk.peek(name) as Buffer
    const how = prng.below(5)
    const at = prng.below(Math.max(1, bytes.length))
    if (how === 0) life.disk.lose(name)
    else if (how === 1) life.disk.poke(name, bytes.subarray(0, at))
    else if (how === 2) life.disk.poke(name, bytes.fill(prng.below(256), at, Math.min(bytes.length, at + prng.between(1, 5000))))
    else if (how === 3) bytes.copy(bytes, at, 0, prng.between(1, 5000))
    if (how === 3) life.disk.poke(name, bytes)
    if (how === 4) life.disk.rot(name, at, prng.below(8))
    let outcome: string
    try {
      await life.open()
      const found = life.bodies()
      outcome = found.length === bodies.length ? 'whole' : 'cut'
      if (found.some((body, index) => body !== bodies[index])) test.fail(`seed ${seed}: ${name} damaged, and wrong messages were found`)
    } catch (error) {
      outcome = error instanceof HaError ? error.code : 'other'
      if (outcome === 'other') test.fail(`seed ${seed}: ${name}: ${String(error)}`)
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  test.ok((outcomes.get('HA_MQ_DAMAGED') ?? 0) > 20, JSON.stringify([...outcomes]))
})

t.test('restart: control file of a size that cannot be -> damaged', async test => {
  const world = await Fixture.create()
  await world.open()
  world.kill()
  world.disk.poke(`${directory}/${controlFileName}`, encodeControl({ extentBytes: 12_345, type: 'circular', qmid }))
  test.match(await refusal(world), { code: 'HA_MQ_DAMAGED', details: { offset: 12 } })
  test.equal(extentHeaderBytes, 4096)
})
