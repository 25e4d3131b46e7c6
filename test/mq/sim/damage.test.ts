/**
 * A log damaged from outside, as the whole queue manager meets it: it refuses to start, or what it shows is what was put, or
 * it says of a message that it is damaged (2101). Never another message, never one twice, never one that was gone.
 */

import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import { dumpLog, type RecordLine } from '../../../src/mq/store/dump.js'
import { establish, look, queueNames, type Established, type Look } from './established.js'
import type { SimDisk } from './sim-disk.js'

/** What is wrong with an outcome; null when nothing is. Messages may be missing when `mayMiss` says so. */
function faultOf(outcome: Look, { expected, gone, units }: Established, mayMiss: boolean): string | null {
  if (outcome.kind === 'refused') return /^HA_MQ_/.test(outcome.error.code) ? null : `refused with ${outcome.error.code}`
  for (const queue of queueNames) {
    const put = expected.get(queue) ?? []
    const shown = outcome.messages.get(queue)
    if (shown === undefined) {
      if (mayMiss) continue
      return `queue ${queue} is gone`
    }
    let at = 0
    for (const body of shown) {
      if (body === null) continue
      // What a lost removal brings back is not wrong where the end of the log may be missing.
      if (gone.has(body)) {
        if (mayMiss) continue
        return `${queue} shows a message that was gone: ${body.slice(0, 20)}`
      }
      const found = put.indexOf(body, at)
      if (found === -1) return `${queue} shows ${put.includes(body) ? 'twice or out of order' : 'what was never put'}: ${body.slice(0, 20)}`
      at = found + 1
    }
    for (const bodies of units) {
      const count = bodies.filter(body => !gone.has(body) && shown.includes(body)).length
      const all = bodies.filter(body => !gone.has(body) && put.includes(body)).length
      if (count !== 0 && count !== all && !shown.includes(null)) return `${queue} shows ${count} of ${all} messages of one unit of work`
    }
    if (!mayMiss && shown.length !== put.length) return `${queue} shows ${shown.length} messages of ${put.length}, and no word of the others`
  }
  return null
}

async function recordsOf(disk: SimDisk): Promise<RecordLine[]> {
  const records: RecordLine[] = []
  const reader = disk.attach()
  const lines = dumpLog(reader, '/log')
  for (;;) {
    const next = await disk.finish(lines.next())
    if (next.done === true) break
    if (next.value.line === 'record') records.push(next.value)
  }
  disk.kill(reader)
  return records
}

t.test('log: nothing damaged -> every message there, in order', async test => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const made = await establish(seed)
    const fault = faultOf(await look(made.disk, made.epoch + 1), made, false)
    if (fault !== null) test.fail(`seed ${seed}: ${fault}`)
  }
})

t.test('log: cut at every byte of its last records -> the messages whose records are whole, whole units of work only', async test => {
  const made = await establish(4, { isPlain: true })
  const records = await recordsOf(made.disk)
  const [last] = records.slice(-1)
  const extent = Math.floor((last?.lsn ?? 0) / 65_536)
  const name = `/log/active/S${String(extent).padStart(7, '0')}.LOG`
  const tail = records.filter(record => Math.floor(record.lsn / 65_536) === extent).slice(-4)
  const first = (tail[0]?.lsn ?? 0) % 65_536
  const end = ((last?.lsn ?? 0) % 65_536) + 32 + (last?.payloadBytes ?? 0)
  const whole = made.disk.peek(name) ?? Buffer.alloc(0)
  let before = 0
  for (let cut = first; cut <= end; cut += 1) {
    const disk = made.disk.copy(new Prng(cut))
    disk.poke(name, whole.subarray(0, cut))
    const outcome = await look(disk, made.epoch + 1)
    const fault = outcome.kind === 'refused' ? `refused: ${outcome.error.message}` : faultOf(outcome, made, cut < end)
    if (fault !== null || outcome.kind === 'refused') throw new Error(`cut at ${cut}: ${fault ?? ''}`)
    const count = [...outcome.messages.values()].reduce((sum, shown) => sum + shown.length, 0)
    if (cut === first) before = count
  }
  test.ok(end - first > 300, `${end - first} places`)
  test.ok(before > 0)
})

/** One random damage; the name of the file, or null when there was nothing to damage. */
function damage(disk: SimDisk, prng: Prng): { readonly file: string; readonly what: string } | null {
  const file = prng.pick(disk.files())
  const bytes = disk.peek(file)
  if (bytes === null || bytes.length === 0) return null
  const at = prng.chance(1, 3) ? prng.below(Math.min(bytes.length, 4_500)) : prng.below(bytes.length)
  const length = Math.min(bytes.length - at, prng.between(1, prng.pick([2, 64, 5_000])))
  const kinds: Readonly<Record<string, () => void>> = {
    'a flipped bit': () => disk.rot(file, at, prng.below(8)),
    'random bytes': () => {
      for (let index = at; index < at + length; index += 1) bytes[index] = prng.below(256)
      disk.poke(file, bytes)
    },
    'a zeroed sector': () => {
      const sector = at - (at % 512)
      bytes.fill(0, sector, Math.min(bytes.length, sector + 512))
      disk.poke(file, bytes)
    },
    'a copy of another place': () => {
      bytes.copy(bytes, at, prng.below(bytes.length))
      disk.poke(file, bytes)
    },
    'cut off': () => disk.poke(file, bytes.subarray(0, at)),
    'another file in its place': () => disk.poke(file, disk.peek(prng.pick(disk.files())) ?? bytes),
    'removed': () => disk.lose(file)
  }
  const what = prng.pick(Object.keys(kinds))
  kinds[what]?.()
  return { file, what: `${what} at ${at}, ${length} bytes` }
}

t.test('log: random damage to any of its files -> refused, repaired, or the message said to be damaged; never a wrong one', async test => {
  const deadline = performance.now() + 15_000
  let refused = 0
  let shown = 0
  for (let seed = 1; seed <= 60 && performance.now() < deadline; seed += 1) {
    const made = await establish(seed)
    const records = await recordsOf(made.disk)
    const lastBatch = records.at(-1)?.batch ?? 0
    for (let trial = 0; trial < 20; trial += 1) {
      const prng = new Prng(seed * 1_000 + trial)
      const disk = made.disk.copy(prng)
      const done = damage(disk, prng)
      if (done === null) continue
      // Damage of the very last batch alone cannot be told from a write cut short, nor can that of a file that holds it.
      const extent = Number(/S(\d+)\.LOG$/.exec(done.file)?.[1] ?? -1)
      const mayMiss = extent >= Math.floor(lastBatch / 65_536)
      const outcome = await look(disk, made.epoch + 1)
      if (outcome.kind === 'refused') refused += 1
      else shown += 1
      const fault = faultOf(outcome, made, mayMiss)
      if (fault !== null) throw new Error(`seed ${seed}, trial ${trial}, ${done.file} with ${done.what}: ${fault}`)
    }
  }
  test.ok(refused > 20 && shown > 20, `${refused} refused, ${shown} started`)
})
