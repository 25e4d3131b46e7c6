/**
 * A log with some history, all of it answered and forced, on a simulated disk: what the damage tests start from. And a look
 * at what a restart makes of it.
 */

import { HaError } from '../../../src/base/errors.js'
import { Prng } from '../../../src/base/prng.js'
import { instant } from '../../../src/base/units.js'
import type { Answer, ConnectionId, HandleId, UnitId } from '../../../src/mq/core/engine.js'
import { defaultDescriptor, noProperties } from '../../../src/mq/core/message.js'
import { completeDefinition } from '../../../src/mq/mqsc/complete.js'
import { noFaults, SimDisk, turn, type SimProcess } from './sim-disk.js'
import { createLog, Life, type LogSize } from './sim-life.js'

export const queueNames = ['A', 'B'] as const
export const size: LogSize = { extentBytes: 64 * 1024, primary: 3, secondary: 2, type: 'circular' }
const wallMs = 1_700_000_000_000
const clock = { now: () => instant(0), wallMs: () => wallMs }
const turnsMax = 20_000

/** A message as a browse shows it; `null` is one whose record does not verify (2101). */
export type Shown = string | null

export class Session {
  readonly disk: SimDisk
  readonly life: Life
  readonly process: SimProcess
  readonly #connection: ConnectionId
  readonly #handles = new Map<string, HandleId>()
  #token = 0

  private constructor(disk: SimDisk, process: SimProcess, life: Life) {
    this.disk = disk
    this.process = process
    this.life = life
    const connected = life.manager.connect({ kind: 'internal', applicationTag: 'test', user: 'sim', channel: '', connectionName: '', processId: 1 })
    if (!connected.ok) throw new Error('could not connect')
    this.#connection = connected.value
  }

  static async start(disk: SimDisk, epoch: number): Promise<Session> {
    const process = disk.attach()
    const life = await disk.finish(Life.start(process, { ...size, epoch, clock, mayWrite: () => true }, { drain: () => undefined, onFailed: () => undefined, onPinned: () => undefined, onForcedAsleep: () => undefined }))
    return new Session(disk, process, life)
  }

  async define(queue: string): Promise<void> {
    this.life.manager.define(completeDefinition('QLOCAL', queue))
    await this.forced()
  }

  begin(): UnitId {
    const begun = this.life.manager.begin(this.#connection)
    if (!begun.ok) throw new Error('could not begin')
    return begun.value
  }

  /** Calls, without waiting for the answer. */
  put(queue: string, body: string, unit: UnitId | null = null): void {
    const descriptor = { ...defaultDescriptor, priority: 4, persistence: 1 }
    this.life.manager.put(this.#connection, this.#handle(queue), { message: { descriptor, properties: noProperties, body: Buffer.from(body) }, unit }, this.#next())
  }

  async get(queue: string, unit: UnitId | null = null): Promise<string | null> {
    const token = this.#next()
    this.life.manager.get(this.#connection, this.#handle(queue), { mode: 'get', unit, waitMs: 0 }, token)
    const answer = await this.#answerTo(token)
    return answer.kind === 'get' ? (answer.message?.body.toString() ?? null) : null
  }

  async commit(unit: UnitId): Promise<void> {
    const token = this.#next()
    this.life.manager.commit(this.#connection, unit, null, token)
    await this.#answerTo(token)
  }

  /** Until everything appended is durable. */
  async forced(): Promise<void> {
    this.life.forceAll()
    for (let turns = 0; this.life.forced < this.life.end && this.life.failure === null; turns += 1) await this.#step(turns)
    this.life.manager.takeAnswers()
  }

  /** Until the disk has nothing to do. */
  async settled(): Promise<void> {
    for (let idle = 0; idle < 5; ) {
      await turn()
      if (this.disk.step()) idle = 0
      else idle += 1
    }
  }

  /** Every queue from front to back, by name; a queue that is not there is left out. */
  async browse(): Promise<Map<string, Shown[]>> {
    const found = new Map<string, Shown[]>()
    for (const queue of queueNames) {
      if (this.life.manager.find('QLOCAL', queue) === null) continue
      const shown: Shown[] = []
      for (let mode: 'browse-first' | 'browse-next' = 'browse-first'; ; mode = 'browse-next') {
        const token = this.#next()
        this.life.manager.get(this.#connection, this.#handle(queue), { mode, unit: null, waitMs: 0 }, token)
        const answer = await this.#answerTo(token)
        if (answer.kind !== 'get') throw new Error('a browse was answered as something else')
        if (answer.message === null && answer.reason === 2033) break
        if (answer.message === null && answer.reason !== 2101) throw new Error(`a browse was answered ${answer.reason}`)
        shown.push(answer.message?.body.toString() ?? null)
        if (shown.length > 10_000) throw new Error('the browse does not end')
      }
      found.set(queue, shown)
    }
    return found
  }

  async #answerTo(token: number): Promise<Answer> {
    for (let turns = 0; ; turns += 1) {
      const entry = this.life.manager.takeAnswers().find(one => one.token === token)
      if (entry !== undefined) return entry.answer
      await this.#step(turns)
    }
  }

  async #step(turns: number): Promise<void> {
    if (turns > turnsMax) throw new Error('it takes too long')
    await turn()
    this.disk.step()
  }

  #handle(queue: string): HandleId {
    const known = this.#handles.get(queue)
    if (known !== undefined) return known
    const opened = this.life.manager.open(this.#connection, { kind: 'queue', name: queue }, { input: 'shared', output: true, browse: true })
    if (!opened.ok) throw new Error(`could not open ${queue}: ${opened.reason}`)
    this.#handles.set(queue, opened.value.handle)
    return opened.value.handle
  }

  #next(): number {
    this.#token += 1
    return this.#token
  }
}

export interface Established {
  readonly disk: SimDisk
  /** Epoch of the life that made it. */
  readonly epoch: number
  /** What must be there. */
  readonly expected: ReadonlyMap<string, readonly string[]>
  /** Bodies that were put and are gone for ever. */
  readonly gone: ReadonlySet<string>
  /** Bodies that were put in one unit of work, for each. */
  readonly units: readonly (readonly string[])[]
}

/** Some lives' worth of puts, gets and units of work, then an end with nothing left to force. `isPlain`: small, and no checkpoints. */
export async function establish(seed: number, { isPlain = false }: { readonly isPlain?: boolean } = {}): Promise<Established> {
  const prng = new Prng(seed)
  const disk = new SimDisk(prng, { ...noFaults, inOrder: true })
  const creator = disk.attach()
  await disk.finish(createLog(creator, size))
  disk.kill(creator)
  const expected = new Map<string, string[]>(queueNames.map(name => [name, []]))
  const gone = new Set<string>()
  const units: string[][] = []
  let count = 0
  const body = (): string => `${seed}.${(count += 1)}.${'x'.repeat(!isPlain && prng.chance(1, 10) ? prng.below(40_000) : prng.below(300))}`
  let epoch = 0
  for (const lives = prng.between(1, 3); epoch < lives; ) {
    epoch += 1
    const session = await Session.start(disk, epoch)
    if (epoch === 1) for (const name of queueNames) await session.define(name)
    for (let actions = prng.between(5, 25); actions > 0; actions -= 1) {
      const queue = prng.pick(queueNames)
      const there = expected.get(queue) ?? []
      const unit = prng.chance(1, 4) ? session.begin() : null
      const inUnit: string[] = []
      for (let puts = prng.below(4); puts > 0; puts -= 1) {
        const text = body()
        session.put(queue, text, unit)
        there.push(text)
        if (unit !== null) inUnit.push(text)
      }
      await session.forced()
      if (prng.chance(1, 3)) {
        const got = await session.get(queue, unit)
        if (got !== null) {
          gone.add(got)
          there.splice(there.indexOf(got), 1)
        }
      }
      if (unit !== null) {
        await session.commit(unit)
        units.push(inUnit)
      }
      if (!isPlain && prng.chance(1, 12)) session.life.checkpoint()
    }
    await session.forced()
    await session.settled()
    session.life.abandon()
    disk.cutPower()
  }
  return { disk, epoch, expected, gone, units }
}

/** As `established`, then messages that were put and never forced, some of which the disk or its cache has, in part. */
export async function withTornTail(seed: number, { forceFails = false }: { readonly forceFails?: boolean } = {}): Promise<Established & { readonly unforced: ReadonlySet<string> }> {
  const made = await establish(seed, { isPlain: true })
  const prng = new Prng(seed + 1)
  const session = await Session.start(made.disk, made.epoch + 1)
  await session.settled()
  const unforced = new Set<string>()
  for (let puts = prng.between(1, 5); puts > 0; puts -= 1) {
    const body = `${seed}.unforced.${puts}.${'y'.repeat(prng.below(prng.pick([300, 150_000])))}`
    session.put(prng.pick(queueNames), body)
    unforced.add(body)
  }
  if (forceFails) made.disk.faults = { ...made.disk.faults, forceError: 1_000 }
  for (let steps = prng.between(1, 6); steps > 0; steps -= 1) {
    await turn()
    made.disk.step()
  }
  session.life.abandon()
  made.disk.faults = { ...made.disk.faults, forceError: 0 }
  if (forceFails || prng.chance(1, 2)) made.disk.kill(session.process)
  else made.disk.cutPower()
  return { ...made, epoch: made.epoch + 1, unforced }
}

export type Look = { readonly kind: 'refused'; readonly error: HaError } | { readonly kind: 'found'; readonly messages: ReadonlyMap<string, readonly Shown[]> }

/** Starts on the disk in a new epoch and looks at every queue. Throws what is not an HaError. */
export async function look(disk: SimDisk, epoch: number): Promise<Look> {
  let session: Session
  try {
    session = await Session.start(disk, epoch)
  } catch (error) {
    if (!(error instanceof HaError)) throw error
    return { kind: 'refused', error }
  }
  const messages = await session.browse()
  session.life.abandon()
  disk.cutPower()
  return { kind: 'found', messages }
}
