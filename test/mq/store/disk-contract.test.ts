/**
 * What every Disk does, tried on the real one and on the simulated one, so that what the simulation proves of the store
 * holds on files too. What only the simulation can show (a power cut) and what only the machine can (the kernel's
 * errors) follows after.
 */

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import { supervise } from '../../../src/daemon/supervise.js'
import { afterWritten, realDisk } from '../../../src/mq/store/real-disk.js'
import type { Disk, DiskFile } from '../../../src/port/disk.js'
import { noFaults, SimDisk, type DiskFaults } from '../sim/sim-disk.js'

interface Subject {
  readonly disk: Disk
  readonly directory: string
  /** Waits for a promise of this disk; the simulated one has to be pumped. */
  readonly finish: <T>(promise: Promise<T>) => Promise<T>
}

async function simulated(faults: DiskFaults = noFaults, seed = 7): Promise<Subject & { readonly sim: SimDisk }> {
  const sim = new SimDisk(new Prng(seed), faults)
  const disk = sim.attach()
  await sim.finish(disk.makeDirectory('/d'))
  return { sim, disk, directory: '/d', finish: async promise => await sim.finish(promise) }
}

const bytes = (text: string): Buffer => Buffer.from(text)
const all = (file: DiskFile): string => file.read(0, 100_000).toString()

for (const name of ['real', 'simulated'] as const) {
  t.test(`${name} disk`, async group => {
    const subject = async (): Promise<Subject> =>
      name === 'simulated' ? await simulated() : { disk: realDisk, directory: group.testdir(), finish: async promise => await promise }

    group.test('file: written in pieces at a position -> read back from there, short at the end, zeros in the gap', async test => {
      const { disk, directory, finish } = await subject()
      const file = await finish(disk.open(`${directory}/a`, 'create'))
      await finish(file.write([bytes('one'), bytes(''), bytes('two')], 4))
      test.equal(file.size(), 10)
      test.equal(all(file), '\0\0\0\0onetwo')
      test.equal(file.read(8, 100).toString(), 'wo')
      test.equal(file.read(10, 5).length, 0)
      await finish(file.write([bytes('X')], 4))
      await finish(file.write([], 90))
      test.equal(all(file), '\0\0\0\0Xnetwo')
      await finish(file.force())
      await finish(file.close())
    })

    group.test('file: more than a thousand pieces -> all written, in order', async test => {
      const { disk, directory, finish } = await subject()
      const file = await finish(disk.open(`${directory}/a`, 'create'))
      const pieces = Array.from({ length: 3_000 }, (_, index) => bytes(`${index} `))
      await finish(file.write(pieces, 0))
      test.equal(all(file), Buffer.concat(pieces).toString())
      await finish(file.close())
    })

    group.test('file: truncated shorter and longer -> the rest is gone, the new part is zeros', async test => {
      const { disk, directory, finish } = await subject()
      const file = await finish(disk.open(`${directory}/a`, 'create'))
      await finish(file.write([bytes('abcdef')], 0))
      await finish(file.truncate(3))
      await finish(file.truncate(5))
      test.equal(all(file), 'abc\0\0')
      await finish(file.close())
    })

    group.test('open: create empties an existing file, read-write and read keep it, read refuses a write', async test => {
      const { disk, directory, finish } = await subject()
      const name = `${directory}/a`
      const first = await finish(disk.open(name, 'create'))
      await finish(first.write([bytes('old')], 0))
      await finish(first.close())
      const second = await finish(disk.open(name, 'read-write'))
      await finish(second.write([bytes('new')], 3))
      await finish(second.close())
      const third = await finish(disk.open(name, 'read'))
      test.equal(all(third), 'oldnew')
      await test.rejects(finish(third.write([bytes('x')], 0)), { code: 'EBADF', path: name })
      await finish(third.close())
      const fourth = await finish(disk.open(name, 'create'))
      test.equal(fourth.size(), 0)
      await finish(fourth.close())
    })

    group.test('directory: made with its parents, twice without harm -> lists its names sorted', async test => {
      const { disk, directory, finish } = await subject()
      await finish(disk.makeDirectory(`${directory}/x/y`))
      await finish(disk.makeDirectory(`${directory}/x/y`))
      for (const file of ['b', 'a', 'c']) await finish((await finish(disk.open(`${directory}/x/y/${file}`, 'create'))).close())
      await finish(disk.remove(`${directory}/x/y/c`))
      await finish(disk.forceDirectory(`${directory}/x/y`))
      test.strictSame(await finish(disk.list(`${directory}/x/y`)), ['a', 'b'])
    })

    group.test('rename: over another file -> replaces it; open files go on', async test => {
      const { disk, directory, finish } = await subject()
      const file = await finish(disk.open(`${directory}/a.new`, 'create'))
      await finish((await finish(disk.open(`${directory}/a`, 'create'))).close())
      await finish(file.write([bytes('new')], 0))
      await finish(disk.rename(`${directory}/a.new`, `${directory}/a`))
      await finish(file.write([bytes('er')], 3))
      await finish(file.close())
      const again = await finish(disk.open(`${directory}/a`, 'read'))
      test.equal(all(again), 'newer')
      await finish(again.close())
      test.strictSame(await finish(disk.list(directory)), ['a'])
    })

    group.test('missing names -> ENOENT with the path, from each call', async test => {
      const { disk, directory, finish } = await subject()
      const name = `${directory}/none`
      await test.rejects(finish(disk.open(name, 'read')), { code: 'ENOENT', path: name })
      await test.rejects(finish(disk.open(name, 'read-write')), { code: 'ENOENT', path: name })
      await test.rejects(finish(disk.open(`${name}/a`, 'create')), { code: 'ENOENT', path: `${name}/a` })
      await test.rejects(finish(disk.rename(name, `${directory}/b`)), { code: 'ENOENT', path: name })
      await test.rejects(finish(disk.remove(name)), { code: 'ENOENT', path: name })
      await test.rejects(finish(disk.list(name)), { code: 'ENOENT', path: name })
      await test.rejects(finish(disk.forceDirectory(name)), { code: 'ENOENT', path: name })
    })

    group.test('closed file: every call -> EBADF with the path, not another file of the same number', async test => {
      const { disk, directory, finish } = await subject()
      const file = await finish(disk.open(`${directory}/a`, 'create'))
      await finish(file.close())
      await test.rejects(finish(file.write([bytes('x')], 0)), { code: 'EBADF', path: file.path })
      await test.rejects(finish(file.force()), { code: 'EBADF', path: file.path })
      await test.rejects(finish(file.truncate(0)), { code: 'EBADF', path: file.path })
      await test.rejects(finish(file.close()), { code: 'EBADF', path: file.path })
      test.throws(() => file.read(0, 1), { code: 'EBADF', path: file.path })
      test.throws(() => file.size(), { code: 'EBADF', path: file.path })
    })

    group.test('free: a directory -> some bytes', async test => {
      const { disk, directory, finish } = await subject()
      test.ok((await finish(disk.free(directory))) > 0)
    })
    group.end()
  })
}

t.test('real disk: no space left -> ENOSPC with the path of the file', { skip: fs.existsSync('/dev/full') ? false : 'needs /dev/full' }, async test => {
  const file = await realDisk.open('/dev/full', 'read-write')
  await test.rejects(file.write([bytes('x')], 0), { code: 'ENOSPC', path: '/dev/full' })
  await file.close()
})

t.test('real disk: new files and directories -> closed to others', async test => {
  const directory = path.join(test.testdir(), 'deep')
  await realDisk.makeDirectory(directory)
  await (await realDisk.open(`${directory}/a`, 'create')).close()
  test.equal(fs.statSync(directory).mode & 0o007, 0)
  test.equal(fs.statSync(`${directory}/a`).mode & 0o007, 0)
})

t.test('short write: any number of bytes done -> exactly the rest is left', test => {
  const pieces = ['ab', 'c', 'def'].map(bytes)
  for (let written = 0; written <= 6; written += 1) test.equal(Buffer.concat(afterWritten(pieces, written)).toString(), 'abcdef'.slice(written))
  test.end()
})

/** Runs the same story on many seeds and collects what is left on the medium each time. */
async function leftovers(story: (subject: Subject & { readonly sim: SimDisk }) => Promise<void>, end: 'cut' | 'kill', name = '/d/a'): Promise<Set<string | null>> {
  const seen = new Set<string | null>()
  for (let seed = 1; seed <= 200; seed += 1) {
    const subject = await simulated(noFaults, seed)
    await story(subject)
    if (end === 'cut') subject.sim.cutPower()
    else subject.sim.kill(subject.disk as ReturnType<SimDisk['attach']>)
    seen.add(subject.sim.peek(name)?.toString() ?? null)
  }
  return seen
}

t.test('power cut: bytes forced, name forced -> always there', async test => {
  const left = await leftovers(async ({ disk, finish }) => {
    const file = await finish(disk.open('/d/a', 'create'))
    await finish(file.write([bytes('forced')], 0))
    await finish(file.force())
    await finish(disk.forceDirectory('/d'))
  }, 'cut')
  test.strictSame([...left], ['forced'])
})

t.test('power cut: bytes written and not forced -> kept, lost, or zeros of some length', async test => {
  const left = await leftovers(async ({ disk, finish }) => {
    const file = await finish(disk.open('/d/a', 'create'))
    await finish(disk.forceDirectory('/d'))
    await finish(file.write([bytes('abc')], 0))
  }, 'cut')
  test.ok(left.has('abc') && left.has(''))
  test.ok([...left].every(text => text === 'abc' || /^\0{0,3}$/.test(text ?? 'missing')))
})

t.test('power cut: a write over several sectors -> torn at 512 bytes, also with a hole before the part that is kept', async test => {
  const left = await leftovers(async ({ disk, finish }) => {
    const file = await finish(disk.open('/d/a', 'create'))
    await finish(disk.forceDirectory('/d'))
    await finish(file.write([bytes('a'.repeat(512) + 'b'.repeat(512))], 0))
  }, 'cut')
  test.ok(left.has('\0'.repeat(512) + 'b'.repeat(512)))
  test.ok(left.has('a'.repeat(512)))
})

t.test('power cut: one sector written twice -> never the second without the first', async test => {
  const left = await leftovers(async ({ disk, finish }) => {
    const file = await finish(disk.open('/d/a', 'create'))
    await finish(disk.forceDirectory('/d'))
    await finish(file.write([bytes('ab')], 0))
    await finish(file.write([bytes('cd')], 2))
  }, 'cut')
  test.ok(left.has('abcd') && left.has('ab') && left.has(''))
  test.notOk(left.has('\0\0cd'))
})

t.test('power cut: a new name not forced -> there or not; removed and not forced -> gone or back', async test => {
  const created = await leftovers(async ({ disk, finish }) => {
    const file = await finish(disk.open('/d/a', 'create'))
    await finish(file.write([bytes('x')], 0))
    await finish(file.force())
  }, 'cut')
  test.strictSame(created, new Set(['x', null]))
  const removed = await leftovers(async ({ disk, finish }) => {
    const file = await finish(disk.open('/d/a', 'create'))
    await finish(file.write([bytes('x')], 0))
    await finish(file.force())
    await finish(disk.forceDirectory('/d'))
    await finish(disk.remove('/d/a'))
  }, 'cut')
  test.strictSame(removed, new Set(['x', null]))
})

t.test('power cut: renamed -> the new name with the forced bytes, whatever else is lost', async test => {
  const left = await leftovers(async ({ disk, finish }) => {
    const file = await finish(disk.open('/d/a.new', 'create'))
    await finish(file.write([bytes('x')], 0))
    await finish(file.force())
    await finish(disk.rename('/d/a.new', '/d/a'))
  }, 'cut')
  test.strictSame([...left], ['x'])
})

t.test('kill: what was written stays; what waited is done, in part or not at all', async test => {
  const left = await leftovers(async ({ disk, finish }) => {
    const file = await finish(disk.open('/d/a', 'create'))
    await finish(file.write([bytes('ab')], 0))
    supervise('a write cut short', file.write([bytes('cd')], 2))
  }, 'kill')
  test.strictSame(left, new Set(['ab', 'abc', 'abcd']))
})

t.test('operations not awaited: two writes to one place -> done in either order, but never when in order was asked for', async test => {
  const run = async (inOrder: boolean): Promise<Set<string>> => {
    const seen = new Set<string>()
    for (let seed = 1; seed <= 40; seed += 1) {
      const { disk, finish } = await simulated({ ...noFaults, inOrder }, seed)
      const file = await finish(disk.open('/d/a', 'create'))
      await finish(Promise.all([file.write([bytes('1')], 0), file.write([bytes('2')], 0)]))
      seen.add(all(file))
    }
    return seen
  }
  test.strictSame(await run(false), new Set(['1', '2']))
  test.strictSame(await run(true), new Set(['2']))
})

t.test('failed force: shown by the cache, never written by a later force', async test => {
  const seen = new Set<string | undefined>()
  for (let seed = 1; seed <= 60; seed += 1) {
    const { sim, disk, finish } = await simulated(noFaults, seed)
    const file = await finish(disk.open('/d/a', 'create'))
    await finish(disk.forceDirectory('/d'))
    await finish(file.write([bytes('abc')], 0))
    sim.faults = { ...noFaults, forceError: 1000 }
    await test.rejects(finish(file.force()), { code: 'EIO', path: '/d/a' })
    sim.faults = noFaults
    test.equal(all(file), 'abc')
    await finish(file.force())
    sim.cutPower()
    seen.add(sim.peek('/d/a')?.toString())
  }
  test.ok(seen.has('') && seen.has('abc'))
})

t.test('faults: no space, a bad write -> the code of the system, with a part written', async test => {
  const { sim, disk, finish } = await simulated({ ...noFaults, capacity: 10 })
  const file = await finish(disk.open('/d/a', 'create'))
  await finish(file.write([bytes('12345678')], 0))
  test.equal(await finish(disk.free('/d')), 2)
  await test.rejects(finish(file.write([bytes('9012')], 8)), { code: 'ENOSPC', path: '/d/a' })
  test.ok(file.size() <= 10)
  sim.faults = { ...noFaults, writeError: 1000 }
  await test.rejects(finish(file.write([bytes('x')], 0)), { code: 'EIO' })
})

t.test('same seed -> the same leftovers', async test => {
  const run = async (): Promise<string | undefined> => {
    const { sim, disk, finish } = await simulated(noFaults, 5)
    const file = await finish(disk.open('/d/a', 'create'))
    await finish(disk.forceDirectory('/d'))
    await finish(Promise.all(Array.from({ length: 20 }, async (_, at) => await file.write([Buffer.alloc(700, 65 + at)], at * 300))))
    sim.cutPower()
    return sim.peek('/d/a')?.toString('base64')
  }
  test.equal(await run(), await run())
})
