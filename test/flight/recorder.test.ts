/** The recorder beside a heartbeat: it never waits, and what the disk does not take is dropped and told. */

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { instant } from '../../src/base/units.js'
import { initialState, step } from '../../src/cluster/step.js'
import type { ClusterEvent, ClusterSettings } from '../../src/cluster/types.js'
import { systemClock } from '../../src/daemon/system-clock.js'
import { flightPath, openFlightFile } from '../../src/flight/file.js'
import { FlightRecorder } from '../../src/flight/recorder.js'
import { readRecording, replay } from '../../src/flight/replay.js'
import type { OperationOutcome } from '../../src/resource/group-machine.js'
import { VirtualClock } from '../sim/virtual-clock.js'
import { Tape, recordedWorld, textOf, type RecordedLife } from './tape.js'

async function oneLife(): Promise<RecordedLife> {
  const { lives } = await recordedWorld({ seed: 5, strikes: false, methods: [], homes: ['alpha'] })
  const life = lives[0]
  if (life === undefined) throw new Error('nobody lived')
  return life
}

function recorderOn(tape: Tape, settings: ClusterSettings, clock = new VirtualClock()): { readonly recorder: FlightRecorder; readonly troubles: string[] } {
  const troubles: string[] = []
  return { troubles, recorder: new FlightRecorder({ clock, settings, sizeBytes: tape.bytes.length, open: () => tape.open(), onTrouble: sentence => troubles.push(sentence) }) }
}

t.test('a disk that hangs -> nothing waits; what is too much is dropped, counted and told once; afterwards the record goes on', async t => {
  const life = await oneLife()
  const tape = new Tape(2 * 1024 * 1024)
  tape.isHanging = true
  const { recorder, troubles } = recorderOn(tape, life.settings)
  await Promise.resolve()
  let state = initialState(life.settings, instant(0))
  const said = ['x'.repeat(20_000)]
  const post = (event: ClusterEvent): void => {
    recorder.before(event, state)
    state = step(state, event, life.settings).state
  }
  for (let at = 0; at < 600; at += 1) post({ kind: 'fencing-tested', now: instant(at * 100), proof: { kind: 'proven', said } })
  t.ok(recorder.lost > 100, `${recorder.lost} events lost`)
  t.equal(troubles.length, 1)
  t.match(troubles[0], /the disk does not take the flight record in time/)
  t.equal(tape.writes, 1, 'one write is under way, no matter how many wait')
  tape.release()
  await recorder.idle()
  post({ kind: 'tick', now: instant(60_000) })
  await recorder.idle()
  const recording = readRecording(tape.bytes)
  t.strictSame(recording.troubles, [])
  const last = recording.lives.at(-1)?.stretches.at(-1)
  t.equal(last?.checkpoint.cause, 'gap')
  t.ok((last?.checkpoint.lost ?? 0) > 100)
  t.strictSame(last?.events.at(-1), { kind: 'tick', now: 60_000 })
})

t.test('a disk that refuses -> told once, recording ends, the daemon does not notice', async t => {
  const life = await oneLife()
  const tape = new Tape(2 * 1024 * 1024)
  tape.failure = new Error('no space left on device')
  const { recorder, troubles } = recorderOn(tape, life.settings)
  for (const { event, before } of life.steps) recorder.before(event, before)
  await recorder.idle()
  for (const { event, before } of life.steps) recorder.before(event, before)
  await recorder.close()
  t.strictSame(troubles, ['the flight record cannot be kept: no space left on device'])
})

t.test('a file that cannot be made -> told once', async t => {
  const life = await oneLife()
  const troubles: string[] = []
  const open = (): ReturnType<Tape['open']> => openFlightFile('/nonexistent/flight', 64 * 1024)
  const recorder = new FlightRecorder({ clock: systemClock, settings: life.settings, sizeBytes: 64 * 1024, open, onTrouble: sentence => troubles.push(sentence) })
  await recorder.close()
  t.equal(troubles.length, 1)
  t.match(troubles[0], /ENOENT/)
})

t.test('quiet heartbeats -> written every ten seconds by the events themselves, no timer', async t => {
  const life = await oneLife()
  const tape = new Tape(2 * 1024 * 1024)
  const clock = new VirtualClock()
  let timers = 0
  const counting = { monotonic: () => clock.monotonic(), wall: () => clock.wall(), schedule: () => ({ cancel: () => void (timers += 1) }) }
  const recorder = new FlightRecorder({
    clock: { ...counting, schedule: (delay, callback) => ((timers += 1), clock.schedule(delay, callback)) },
    settings: life.settings,
    sizeBytes: tape.bytes.length,
    open: () => tape.open(),
    onTrouble: sentence => t.fail(sentence)
  })
  await recorder.idle()
  const { state } = life.steps.at(-1) as NonNullable<(typeof life.steps)[number]>
  const from = state.at
  for (let at = 0; at < 1_000; at += 1) {
    recorder.before({ kind: 'tick', now: instant(from + at * 100) }, state)
    await Promise.resolve()
    await Promise.resolve()
  }
  await recorder.idle()
  t.equal(timers, 0)
  t.ok(tape.writes >= 9 && tape.writes <= 14, `${tape.writes} writes in 100 s`)
})

t.test('a real file -> made whole, mode 600, found again by the next life, replaced when it is none of ours', async t => {
  const life = await oneLife()
  const directory = t.testdir({})
  const file = flightPath(directory)
  const size = 512 * 1024
  for (let lives = 1; lives <= 2; lives += 1) {
    const recorder = new FlightRecorder({ clock: new VirtualClock(), settings: life.settings, sizeBytes: size, open: () => openFlightFile(file, size), onTrouble: sentence => t.fail(sentence) })
    for (const { event, before } of life.steps) recorder.before(event, before)
    await recorder.close()
    t.equal(fs.statSync(file).size, size)
    t.equal(fs.statSync(file).mode & 0o777, 0o600)
    const recording = readRecording(fs.readFileSync(file))
    t.equal(recording.lives.length, lives)
    const stretch = recording.lives.at(-1)?.stretches ?? []
    const states = stretch.flatMap(one => [...replay(one, life.settings)].map(replayed => replayed.state))
    t.equal(textOf(states.at(-1)), textOf(life.steps.at(-1)?.state))
  }
  fs.writeFileSync(file, 'something else')
  const other = await openFlightFile(file, size)
  await other.close()
  t.equal(fs.statSync(file).size, size)
  t.strictSame(readRecording(fs.readFileSync(file)), { lives: [], troubles: [] })
  t.strictSame(fs.readdirSync(path.dirname(file)), ['flight'])
})

t.test('script durations -> what each operation took last', async t => {
  const life = await oneLife()
  const { recorder } = recorderOn(new Tape(2 * 1024 * 1024), life.settings)
  let state = initialState(life.settings, instant(0))
  const post = (event: ClusterEvent): void => {
    recorder.before(event, state)
    state = step(state, event, life.settings).state
  }
  post({ kind: 'begin', now: instant(0) })
  const outcome: OperationOutcome & { readonly durationMs: number } = { kind: 'stopped', exitCode: 3, signal: null, said: [], durationMs: 41.7 }
  post({ kind: 'operated', now: instant(42), group: 0, attempt: 1, outcome })
  post({ kind: 'operated', now: instant(90), group: 0, attempt: 9, outcome: { ...outcome, exitCode: 0 } })
  t.strictSame(recorder.durations, { '0/0/status': 42 })
})
