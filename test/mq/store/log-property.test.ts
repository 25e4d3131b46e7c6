/**
 * Random lives of a log against a model: whatever is appended, forced, checkpointed, moved or cut off, a restart finds
 * exactly the records of a beginning of the log, and never less than what was forced.
 *
 * `HA_SEED=n` runs one seed, `HA_SEEDS=n` that many.
 */

import t from 'tap'
import { HaError } from '../../../src/base/errors.js'
import { Prng } from '../../../src/base/prng.js'
import type { Place } from '../../../src/mq/core/journal.js'
import { turn } from '../sim/sim-disk.js'
import { Fixture } from './log-fixture.js'
import { Model, describeMessage, describeRest, type ModelRecord } from './log-model.js'

const lives = 5
const stepsPerLife = 220
/** Of lives in which some messages stay while all others go, so that extents become mostly dead. */
const stepsPerKeeper = 900

class Story {
  readonly #prng: Prng
  readonly #world: Fixture
  /** Everything that counts since the log was made, and where each record of this life ends. */
  #base: ModelRecord[] = []
  #life: { readonly record: ModelRecord; readonly end: number }[] = []
  #model = new Model()
  readonly #places = new Map<number, Place>()
  #releases: { readonly end: number; readonly place: Place }[] = []
  #unit = 0
  #queues = 0
  #sequence = 0
  /** One kind of life has large messages, another many units of work. */
  readonly #largeOf: number
  readonly #power: boolean
  readonly #keeps: boolean
  readonly #isLinear: boolean

  constructor(prng: Prng, world: Fixture, isLinear: boolean) {
    this.#prng = prng
    this.#world = world
    this.#largeOf = prng.pick([8, 40, 1000])
    this.#power = prng.chance(1, 2)
    this.#keeps = prng.chance(1, 3)
    this.#isLinear = isLinear
    world.onForced = () => this.#released()
    world.onMoved = moves => {
      for (const { entry, from, to } of moves) {
        const place = this.#places.get(entry.order)
        if (place?.lsn !== from.lsn || place.ordinal !== from.ordinal) throw new Error(`moved ${entry.order} from a place it was not in`)
        this.#places.set(entry.order, to)
      }
    }
    world.onPinned = unit => {
      if (this.#model.openUnits.includes(unit)) this.#append({ kind: 'backout', unit })
    }
  }

  async run(): Promise<void> {
    await this.#world.open()
    for (let life = 0; life < lives; life += 1) {
      for (let step = 0; step < (this.#keeps ? stepsPerKeeper : stepsPerLife) && this.#world.failure === null; step += 1) await this.#step()
      if (this.#world.failure !== null) throw this.#world.failure
      await this.#end()
      this.#check()
    }
  }

  async #step(): Promise<void> {
    const prng = this.#prng
    switch (prng.below(20)) {
      case 0:
        return await this.#world.force()
      case 1:
        if (prng.chance(1, 6)) await this.#world.settle()
        else if (this.#isLinear && prng.chance(1, 6)) await this.#image()
        return
      case 2:
        // Numbers of queues are never used again.
        this.#append({ kind: 'define', queue: prng.chance(1, 3) || this.#model.queues.size === 0 ? (this.#queues += 1) : prng.pick([...this.#model.queues]) })
        return
      case 3:
        if (prng.chance(1, 8) && this.#queues > 0) this.#deleteQueue(prng.between(1, this.#queues))
        return
      case 4:
      case 5:
        this.#endUnit()
        return
      case 6:
      case 7:
        for (let count = prng.below(30); count > 0; count -= 1) {
          await turn()
          this.#world.disk.step()
        }
        return
      case 8:
      case 9:
      case 10:
      case 11:
      case 12:
        return this.#get()
      default:
        return this.#put()
    }
  }

  #put(): void {
    if (this.#model.queues.size === 0) return
    const prng = this.#prng
    const length = prng.below(1000) < 1000 / this.#largeOf ? prng.between(20_000, 700_000) : prng.between(1, 3000)
    const unit = prng.chance(1, 3) ? this.#someUnit() : 0
    const producer = unit === 0 && prng.chance(1, 4) ? prng.between(1, 3) : 0
    const order = this.#world.order + 1
    const body = `${order}:`.padEnd(length, 'x')
    if (producer !== 0) this.#sequence += 1
    this.#append({ kind: 'put', unit, order, queue: prng.pick([...this.#model.queues]), body, producer, sequence: this.#sequence })
  }

  #get(): void {
    const locked = this.#model.locked
    const candidates = [...this.#model.messages.keys()].filter(order => !locked.has(order) && !(this.#keeps && order % 17 === 0))
    if (candidates.length === 0) return
    const order = this.#prng.chance(2, 3) ? (candidates[0] as number) : this.#prng.pick(candidates)
    const count = this.#model.messages.get(order)?.backoutCount ?? 0
    if (this.#prng.chance(1, 8)) this.#append({ kind: 'count', order, backoutCount: count + 1 })
    else if (this.#prng.chance(1, 2)) this.#append({ kind: 'remove', order })
    else this.#append({ kind: 'lock', unit: this.#someUnit(), order, backoutCount: count })
  }

  async #image(): Promise<void> {
    try {
      await this.#world.finish(this.#world.log.recordImage(this.#model.queues))
      if (this.#prng.chance(1, 2)) await this.#world.finish(this.#world.log.deleteBelowMedia())
    } catch (error) {
      if (!(error instanceof HaError) || error.code !== 'HA_MQ_LOG_FULL') throw error
    }
  }

  #someUnit(): number {
    const open = this.#model.openUnits
    if (open.length > 0 && this.#prng.chance(3, 4)) return this.#prng.pick(open)
    this.#unit += 1
    return this.#unit
  }

  #endUnit(): void {
    const open = this.#model.openUnits
    if (open.length > 0) this.#append({ kind: this.#prng.chance(2, 3) ? 'commit' : 'backout', unit: this.#prng.pick(open) })
  }

  /** As the core does it: only when no unit of work has to do with the queue. */
  #deleteQueue(queue: number): void {
    if (!this.#model.queues.has(queue) || this.#model.openUnits.length > 0) return
    this.#append({ kind: 'delete', queue })
  }

  #append(record: ModelRecord): void {
    const before = new Set(this.#model.messages.keys())
    if (!this.#log(record)) return
    const end = this.#world.log.end
    this.#life.push({ record, end })
    this.#model.apply(record)
    for (const order of before) if (!this.#model.messages.has(order)) this.#releases.push({ end, place: this.#placeOf(order) })
  }

  #log(record: ModelRecord): boolean {
    const world = this.#world
    switch (record.kind) {
      case 'put': {
        const origin = record.producer === 0 ? null : { producer: Buffer.alloc(16, record.producer), sequence: record.sequence }
        const place = world.tryPut(record.body, { unit: record.unit, queue: record.queue, ...(origin === null ? {} : { origin }), lazy: this.#prng.chance(1, 5) })
        if (place !== null) this.#places.set(record.order, place)
        return place !== null
      }
      case 'remove':
        world.append({ kind: 'remove', place: this.#placeOf(record.order) })
        return true
      case 'lock':
        world.append({ kind: 'lock', unit: record.unit, place: this.#placeOf(record.order), backoutCount: record.backoutCount })
        return true
      case 'count':
        world.append({ kind: 'count', place: this.#placeOf(record.order), backoutCount: record.backoutCount })
        return true
      case 'commit':
        world.append({ kind: 'commit', unit: record.unit, origin: null })
        return true
      case 'backout':
        world.append({ kind: 'backout', unit: record.unit })
        return true
      case 'define':
        return world.log.append({ kind: 'define', number: record.queue, definition: { type: 'QLOCAL', name: `Q${record.queue}`, attributes: {} } }).ok
      case 'delete':
        world.append({ kind: 'delete', number: record.queue, type: 'QLOCAL', name: `Q${record.queue}` })
        return true
    }
  }

  #placeOf(order: number): Place {
    const place = this.#places.get(order)
    if (place === undefined) throw new Error(`message ${order} has no place`)
    return place
  }

  #released(): void {
    const forced = this.#world.log.forced
    for (const { end, place } of this.#releases) if (end <= forced) this.#world.log.release(place)
    this.#releases = this.#releases.filter(({ end }) => end > forced)
  }

  async #end(): Promise<void> {
    const how = this.#prng.below(3)
    if (how === 0) await this.#world.close()
    const forced = this.#world.log.forced
    if (how !== 0) {
      if (this.#power) this.#world.powerCut()
      else this.#world.kill()
    }
    this.#releases = []
    await this.#world.open({}, false)
    const found = this.#found()
    const surely = this.#life.filter(({ end }) => end <= forced).length
    for (let count = surely; count <= this.#life.length; count += 1) {
      const records = [...this.#base, ...this.#life.slice(0, count).map(({ record }) => record)]
      const model = new Model()
      for (const record of records) model.apply(record)
      model.end()
      if (model.describe() !== found) continue
      this.#base = foldable(records)
      this.#life = []
      this.#model = model
      this.#world.log.start(this.#world.events())
      return
    }
    const expected = new Model()
    for (const record of [...this.#base, ...this.#life.map(({ record }) => record)]) expected.apply(record)
    expected.end()
    throw new Error(`no beginning of the log explains what was found (${surely} of ${this.#life.length} records forced, end ${how}):\n${difference(found, expected.describe())}`)
  }

  #found(): string {
    const { messages, restored } = this.#world.found()
    this.#places.clear()
    for (const { order, place } of messages) this.#places.set(order, place)
    const orders = messages.map(({ order }) => order)
    if (orders.some((order, index) => index > 0 && order <= (orders[index - 1] as number))) throw new Error(`not in order: ${orders.join(' ')}`)
    const queues = restored.objects.map(({ number }) => number)
    const producers = restored.producers.map(({ producer, sequence }): [number, number] => [producer[0] as number, sequence])
    return [...messages.map(({ order, queue, body, backoutCount }) => describeMessage(order, queue, body, backoutCount)), describeRest(queues, producers)].join('\n')
  }

  /** What every body says of itself is what was put. */
  #check(): void {
    for (const [order, message] of this.#model.messages) {
      const stored = this.#world.log.read(this.#placeOf(order)).body.toString('latin1')
      if (stored !== message.body) throw new Error(`the body of ${order} is not what was put`)
    }
  }
}

/** Lines found but not expected, and the other way round. */
function difference(found: string, expected: string): string {
  const [have, want] = [found.split('\n'), expected.split('\n')]
  return [...have.filter(line => !want.includes(line)).map(line => `+ ${line}`), ...want.filter(line => !have.includes(line)).map(line => `- ${line}`)].join('\n')
}

/** Records with the open units at their end backed out. */
function foldable(records: readonly ModelRecord[]): ModelRecord[] {
  const model = new Model()
  for (const record of records) model.apply(record)
  return [...records, ...model.openUnits.map(unit => ({ kind: 'backout' as const, unit }))]
}

const only = process.env['HA_SEED']
const seeds = only === undefined ? Array.from({ length: Number(process.env['HA_SEEDS'] ?? 25) }, (_, index) => index + 1) : [Number(only)]

t.test('log: random lives with kills, power cuts and orderly ends -> always a beginning of the log, never less than was forced', async test => {
  for (const seed of seeds) {
    const prng = new Prng(seed)
    const type = prng.chance(1, 4) ? 'linear' : 'circular'
    const world = await Fixture.create({ seed, type, faults: { inOrder: prng.chance(1, 2), slow: prng.pick([0, 100]) } })
    try {
      await new Story(prng, world, type === 'linear').run()
    } catch (error) {
      test.fail(`HA_SEED=${seed} node dist/test/mq/store/log-property.test.js: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      return
    }
  }
  test.pass(`${seeds.length} seeds`)
})
