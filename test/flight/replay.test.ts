/** What was recorded of a life gives the same life again. */

import t from 'tap'
import { step } from '../../src/cluster/step.js'
import { readRecording, replay } from '../../src/flight/replay.js'
import { chunkBytes, encodeChunk, headerBytes, readChunks } from '../../src/flight/ring.js'
import { Prng } from '../../src/base/prng.js'
import { instant } from '../../src/base/units.js'
import { FlightRecorder } from '../../src/flight/recorder.js'
import type { Clock } from '../../src/port/clock.js'
import { Tape, recordedWorld, textOf, type RecordedLife } from './tape.js'

const longest = (lives: readonly RecordedLife[]): RecordedLife => lives.reduce((best, one) => (one.steps.length > best.steps.length ? one : best))

t.test('replay: 30 recorded worlds with faults of every kind -> the same events, states and effects as each life had', async (t): Promise<void> => {
  let events = 0
  for (let seed = 1; seed <= 30; seed += 1) {
    const { lives } = await recordedWorld({ seed })
    for (const life of lives) {
      const recording = readRecording(life.tape.bytes)
      const [found, ...others] = recording.lives
      if (found === undefined || others.length > 0 || recording.troubles.length > 0) return void t.fail(`seed ${seed}: ${recording.lives.length} lives; ${recording.troubles.join('; ')}`)
      const replayed = found.stretches.flatMap(stretch => [...replay(stretch, found.settings)])
      if (replayed.length !== life.steps.length) return void t.fail(`seed ${seed}: ${replayed.length} events replayed of ${life.steps.length}`)
      for (const [at, lived] of life.steps.entries()) {
        const again = replayed[at]
        const { effects } = step(lived.before, lived.event, life.settings)
        if (textOf([again?.event, again?.state, again?.effects]) === textOf([lived.event, lived.state, effects])) continue
        return void t.strictSame(again, { ...lived, effects }, `seed ${seed}, event ${at}`)
      }
      events += replayed.length
    }
  }
  t.ok(events > 10_000, `${events} events`)
})

t.test('record: a quiet pair of nodes -> a few bytes an event', async t => {
  const { lives } = await recordedWorld({ seed: 5, strikes: false, methods: [], homes: ['alpha'] })
  const events = lives.reduce((sum, life) => sum + life.steps.length, 0)
  const bytes = lives.flatMap(life => readChunks(life.tape.bytes)).reduce((sum, chunk) => sum + chunk.payload.length, 0)
  t.ok(events > 300, `${events} events`)
  t.ok(bytes / events < 60, `${(bytes / events).toFixed(1)} bytes an event, the first checkpoint and the settings included`)
})

t.test('ring: many times round in a small file -> the newest part is replayed, from a checkpoint on', async t => {
  const { lives } = await recordedWorld({ seed: 12, keepaliveMs: 10, deadtimeMs: 60 }, 48 * 1024)
  const life = longest(lives)
  const chunks = readChunks(life.tape.bytes)
  t.ok((chunks[0]?.number ?? 0) > 1, `the oldest chunks are gone: ${chunks[0]?.number ?? 0} of ${chunks.at(-1)?.number ?? 0}`)
  const recording = readRecording(life.tape.bytes)
  const replayed = recording.lives.flatMap(one => one.stretches.flatMap(stretch => [...replay(stretch, one.settings)]))
  t.ok(replayed.length > 100, `${replayed.length} events replayed`)
  t.equal(textOf(replayed.at(-1)?.state), textOf(life.steps.at(-1)?.state))
})

t.test('lives: several daemons one after the other on one file -> each is found with its own settings', async t => {
  const tape = new Tape(256 * 1024)
  let { lives } = await recordedWorld({ seed: 1 })
  for (let seed = 2; lives.length < 3; seed += 1) lives = (await recordedWorld({ seed })).lives
  for (const life of lives) {
    const clock: Clock = { monotonic: () => life.steps[0]?.event.now ?? instant(0), wall: () => 0, schedule: () => ({ cancel: () => undefined }) }
    const recorder = new FlightRecorder({ clock, settings: life.settings, sizeBytes: tape.bytes.length, open: () => tape.open(), onTrouble: sentence => t.fail(sentence) })
    for (const lived of life.steps) recorder.before(lived.event, lived.before)
    await recorder.close()
  }
  t.ok(lives.length > 1, `${lives.length} lives`)
  t.strictSame(readRecording(tape.bytes).lives.map(one => one.settings.self.generation), lives.map(one => one.settings.self.generation))
})

t.test('damage: any bit of the file flipped, any tail cut off -> told or left out, never a throw, and what is read is true', async t => {
  const { lives } = await recordedWorld({ seed: 3 }, 256 * 1024)
  const { tape } = longest(lives)
  const end = readChunks(tape.bytes).reduce((most, chunk) => Math.max(most, chunk.to), 0)
  const known = new Set(readRecording(tape.bytes).lives.flatMap(life => life.stretches.flatMap(stretch => stretch.events.map(event => JSON.stringify(event)))))
  const prng = new Prng(7)
  for (let trial = 0; trial < 300; trial += 1) {
    const damaged = Buffer.from(tape.bytes)
    if (trial % 3 === 0) damaged.fill(0, headerBytes + prng.below(end - headerBytes))
    else for (let flips = prng.between(1, 4); flips > 0; flips -= 1) damaged.writeUInt8(damaged.readUInt8(headerBytes + prng.below(end - headerBytes)) ^ (1 << prng.below(8)), headerBytes + prng.below(end - headerBytes))
    const recording = readRecording(damaged)
    for (const life of recording.lives) for (const stretch of life.stretches) for (const event of stretch.events) if (!known.has(JSON.stringify(event))) t.fail(`an event that never was: ${JSON.stringify(event)}`)
  }
  for (const size of [0, 1, 15, headerBytes - 1, headerBytes, headerBytes + 31]) t.strictSame(readRecording(tape.bytes.subarray(0, size)), { lives: [], troubles: [] })
})

t.test('damage: a payload cut short or changed under a good checksum -> the part before it, and a sentence', async t => {
  const { lives } = await recordedWorld({ seed: 4, strikes: false })
  const first = readChunks(longest(lives).tape.bytes)[0]
  if (first === undefined) throw new Error('nothing was recorded')
  const prng = new Prng(1)
  for (let trial = 0; trial < 400; trial += 1) {
    const payload = Buffer.from(first.payload.subarray(0, trial % 2 === 0 ? prng.below(first.payload.length) : first.payload.length))
    if (trial % 2 === 1) payload.writeUInt8(prng.below(256), prng.below(payload.length))
    const file = Buffer.concat([Buffer.alloc(headerBytes), encodeChunk(1, true, payload)])
    readRecording(file)
  }
  t.equal(encodeChunk(1, true, Buffer.alloc(5)).length, chunkBytes(5))
})
