/**
 * A restart cut short after each operation of the disk it does, by a kill or a power cut: the next one finds what was
 * promised, and nothing that was not put.
 */

import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import { instant } from '../../../src/base/units.js'
import { look, queueNames, size, withTornTail } from './established.js'
import { turn, type SimDisk } from './sim-disk.js'
import { Life } from './sim-life.js'
import { supervise } from '../../../src/daemon/supervise.js'

const clock = { now: () => instant(0), wallMs: () => 1_700_000_000_000 }

/** Starts, and ends after so many operations of the disk. True when the start was through before. */
async function startCutShort(disk: SimDisk, epoch: number, operations: number, how: 'kill' | 'cut'): Promise<boolean> {
  const process = disk.attach()
  let isStarted = false
  const events = { drain: () => undefined, onFailed: () => undefined, onPinned: () => undefined, onForcedAsleep: () => undefined }
  const starting = Life.start(process, { ...size, epoch, clock, mayWrite: () => true }, events).then(life => {
    life.abandon()
    isStarted = true
  })
  // It never settles when it is cut short; its failure is a failure of the test.
  supervise('the start', starting)
  await turn()
  for (let done = 0; done < operations && !isStarted; done += 1) {
    disk.step(process)
    await turn()
  }
  if (how === 'kill') disk.kill(process)
  else disk.cutPower()
  return isStarted
}

const isSame = (one: readonly (string | null)[], other: readonly (string | null)[]): boolean => one.length === other.length && one.every((body, index) => body === other[index])

for (const how of ['kill', 'cut'] as const) {
  const name = how === 'kill' ? 'killed' : 'power cut'
  t.test(`restart: ${name} after every operation of the disk, a torn tail before -> the next restart has everything forced, nothing twice`, async test => {
    let starts = 0
    for (let seed = 1; seed <= 5; seed += 1) {
      const made = await withTornTail(seed)
      for (let operations = 0; ; operations += 1) {
        const disk = made.disk.copy(new Prng(seed * 1_000 + operations))
        const isThrough = await startCutShort(disk, made.epoch + 1, operations, how)
        starts += 1
        const outcome = await look(disk, made.epoch + 2)
        const where = `seed ${seed}, ${operations} operations`
        if (outcome.kind === 'refused') throw new Error(`${where}: ${outcome.error.message}`)
        for (const queue of queueNames) {
          const shown = outcome.messages.get(queue) ?? []
          const forced = shown.filter(body => body === null || !made.unforced.has(body))
          if (new Set(shown).size === shown.length && isSame(forced, made.expected.get(queue) ?? [])) continue
          throw new Error(`${where}: ${queue} shows ${shown.length} messages, ${forced.length} of them forced, of ${made.expected.get(queue)?.length ?? 0}`)
        }
        if (isThrough) break
      }
    }
    test.ok(starts > 150, `${starts} starts`)
  })
}

for (const forceFails of [false, true]) {
  const story = forceFails ? 'its predecessor could not force, and' : 'its predecessor was killed before a force, and'
  t.test(`restart: ${story} the cache still shows it -> what was seen once is there after the next power cut too`, async test => {
    let seen = 0
    for (let seed = 1; seed <= 40; seed += 1) {
      const made = await withTornTail(seed, { forceFails })
      // Each look ends in a power cut.
      const [first, second] = [await look(made.disk, made.epoch + 1), await look(made.disk, made.epoch + 2)]
      if (first.kind === 'refused' || second.kind === 'refused') throw new Error(`seed ${seed}: a start was refused`)
      test.strictSame([...second.messages], [...first.messages], `seed ${seed}`)
      seen += [...first.messages.values()].flat().filter(body => body !== null && made.unforced.has(body)).length
    }
    test.ok(seen > 0, `${seen} messages that were never forced`)
  })
}
