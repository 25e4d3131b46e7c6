/**
 * Whole lives of a queue manager: the production core and recovery log on a disk that breaks, clients that do what they
 * like, and an end at any moment: kill, power cut, error of the disk, a freeze from which it wakes when its successor
 * works already, or an orderly end. After each restart every queue is browsed and held against the ledger.
 *
 * Everything is drawn from one seed: the size of the log, the kinds of faults and of actions (each seed leaves some out),
 * the moments of the ends, also within restarts. The same seed gives the same story.
 */

import { Prng } from '../../../src/base/prng.js'
import { instant } from '../../../src/base/units.js'
import type { Engine, MqClock, Token } from '../../../src/mq/core/engine.js'
import { completeDefinition } from '../../../src/mq/mqsc/complete.js'
import { Broken, Ledger } from './ledger.js'
import { SimClient, type ClientWorld, type Mix } from './sim-client.js'
import { noFaults, SimDisk, turn, type DiskFaults, type SimProcess } from './sim-disk.js'
import { createLog, Life, type LogSize } from './sim-life.js'

type End = 'kill' | 'cut' | 'freeze' | 'orderly'

/** A queue as the world knows it: defined and deleted by calls that become true when the log is forced up to `until`. */
interface QueueLine {
  state: 'absent' | 'defining' | 'there' | 'deleting' | 'clearing'
  until: number
}

export interface WorldOptions {
  readonly seed: number
  /** Told every line of the story as it happens. */
  readonly onStory?: (line: string) => void
  /** Operations of the disk are part of the story. */
  readonly tellsOperations?: boolean
}

const storyMax = 120
const alwaysThere = ['A', 'B']
const comeAndGo = ['C', 'D']
/** Of one life: most are short, for the ends are what matters; a log gets full in the long ones. */
const actionsMax = [20, 60, 60, 400] as const
const startStepsMax = 5_000

export class World implements ClientWorld {
  readonly prng: Prng
  readonly ledger = new Ledger()
  readonly clock: MqClock
  readonly mix: Mix
  readonly bodyBytesMax: number
  readonly story: string[] = []
  readonly #options: WorldOptions
  readonly #disk: SimDisk
  readonly #size: LogSize
  readonly #ends: readonly End[]
  readonly #faults: DiskFaults
  readonly #clients: readonly SimClient[]
  readonly #queues = new Map<string, QueueLine>([...alwaysThere, ...comeAndGo].map(name => [name, { state: 'absent', until: 0 }]))
  #now = 1_000
  #life: Life | null = null
  /** A predecessor that only sleeps. */
  #sleeper: SimProcess | null = null
  #epoch = 0
  restarts = 0

  constructor(options: WorldOptions) {
    this.#options = options
    const prng = new Prng(options.seed)
    this.prng = prng
    this.clock = { now: () => instant(this.#now), wallMs: () => 1_700_000_000_000 + this.#now }
    const some = (weight: number): number => (prng.chance(4, 5) ? weight : 0)
    this.mix = { put: 10, unitPut: some(6), get: some(8), waitingGet: some(2), unitGet: some(5), lock: some(4), settle: some(5), browse: some(3), commit: some(4), backout: some(2), leave: some(1), largeBodies: prng.pick([5, 15, 60]), isHoarding: prng.chance(1, 4) }
    this.#size = { extentBytes: 64 * 1024, primary: prng.between(2, 4), secondary: prng.between(1, 2), type: prng.chance(1, 4) ? 'linear' : 'circular' }
    this.bodyBytesMax = prng.pick([300, 2_000, 20_000, 100_000])
    const faulty = (perThousand: number): number => (prng.chance(1, 4) ? perThousand : 0)
    this.#faults = { writeError: faulty(8), forceError: faulty(8), capacity: prng.chance(1, 5) ? prng.between(5, 12) * 64 * 1024 : noFaults.capacity, slow: faulty(100), inOrder: prng.chance(1, 4) }
    this.#ends = prng.pick<readonly End[]>([['cut'], ['kill'], ['cut', 'kill'], ['cut', 'kill', 'orderly'], ['cut', 'kill', 'orderly', 'freeze'], ['freeze', 'cut']])
    this.#disk = new SimDisk(prng)
    this.#disk.onStory = line => this.tell(line)
    if (options.tellsOperations === true) this.#disk.onOperation = line => this.tell(line)
    this.#clients = Array.from({ length: prng.between(1, 4) }, (_, index) => new SimClient(this, `c${index}`))
  }

  engine(): Engine {
    if (this.#life === null) throw new Error('nobody acts between two lives')
    return this.#life.manager
  }

  queues(): readonly string[] {
    return [...this.#queues].filter(([, line]) => line.state === 'there' || line.state === 'defining').map(([name]) => name)
  }

  tell(line: string): void {
    const dated = `${this.#now} ${line}`
    this.story.push(dated)
    if (this.story.length > storyMax) this.story.shift()
    this.#options.onStory?.(dated)
  }

  /** Throws Broken when a rule is. */
  async run(): Promise<void> {
    const lives = this.prng.between(2, 5)
    const creator = this.#disk.attach()
    await this.#disk.finish(createLog(creator, this.#size))
    this.#disk.kill(creator)
    for (let life = 1; life <= lives; life += 1) {
      // The first start must succeed, or there is no queue manager to lose anything.
      this.#disk.faults = life === 1 ? noFaults : this.#faults
      const process = this.#disk.attach()
      if (await this.#start(process, life > 1)) {
        this.#disk.faults = this.#faults
        await this.#live(process)
      }
    }
    this.#disk.faults = noFaults
    this.#endSleeper()
    const last = this.#disk.attach()
    if (!(await this.#start(last, false))) throw new Broken('the last start, without any fault, failed')
    await this.#stop(last)
  }

  /** True when the queue manager runs and the audit is done; false when it was ended while it started. */
  async #start(process: SimProcess, mayEnd: boolean): Promise<boolean> {
    this.restarts += 1
    this.#epoch += 1
    const endAfter = mayEnd && this.prng.chance(1, 3) ? this.prng.below(120) : Infinity
    this.tell(`start in epoch ${this.#epoch}`)
    let life: Life | null = null
    let failure: unknown = null
    const ready = Life.start(
      process,
      { ...this.#size, epoch: this.#epoch, clock: this.clock, mayWrite: () => process === this.#owner },
      { drain: () => {
          if (this.#owner === process) this.#drain()
        }, onFailed: error => this.tell(`the log failed: ${error.message}`), onPinned: () => this.#onPinned(), onForcedAsleep: () => this.#break('a frozen process answered its clients after its successor had started') }
    ).then(
      started => {
        life = started
      },
      (error: unknown) => {
        failure = error ?? new Error('no reason')
      }
    )
    this.#owner = process
    for (let step = 0; life === null && failure === null; step += 1) {
      if (step >= endAfter) {
        this.tell('ended while it started')
        this.#end(process, this.prng.pick(this.#ends.filter(end => end !== 'orderly')))
        return false
      }
      if (step > startStepsMax) throw new Broken('the start does not come to an end')
      await turn()
      this.#disk.step()
    }
    await ready
    if (failure !== null) {
      this.tell(`the start failed: ${failure instanceof Error ? failure.message : String(failure)}`)
      if (!this.#isExcused(failure)) throw failure
      this.#end(process, 'kill')
      return false
    }
    this.#life = life
    return await this.#audit(process)
  }

  /** Whether the disk gave a reason to fail. */
  #isExcused(failure: unknown): boolean {
    const { writeError, forceError, capacity } = this.#disk.faults
    const code = failure instanceof Error && 'code' in failure ? failure.code : ''
    if (code === 'EIO' || code === 'HA_MQ_LOG_FAILED') return writeError > 0 || forceError > 0
    return (code === 'ENOSPC' || code === 'HA_MQ_LOG_FULL') && capacity !== noFaults.capacity
  }

  /** The process that holds the lock. */
  #owner: SimProcess | null = null

  /** Looks at everything that is there, and defines the queues on the first start. */
  async #audit(process: SimProcess): Promise<boolean> {
    const { manager } = this.#own()
    const connected = manager.connect({ kind: 'internal', applicationTag: 'audit', user: 'sim', channel: '', connectionName: '', processId: 1 })
    if (!connected.ok) throw new Broken('the auditor could not connect')
    for (const client of this.#clients) client.settleDoubts()
    const found = new Map<string, number[]>()
    const doubtful = new Set<string>()
    for (const [name, line] of this.#queues) {
      const isThere = manager.find('QLOCAL', name) !== null
      if (isThere ? line.state === 'absent' : line.state === 'there' || line.state === 'clearing') throw new Broken(`queue ${name} is ${isThere ? 'back' : 'lost'}`)
      if (!isThere && line.state === 'deleting') this.ledger.emptied(name)
      if (line.state === 'clearing') doubtful.add(name)
      line.state = isThere ? 'there' : 'absent'
      if (isThere) found.set(name, this.#browseAll(connected.value, name))
    }
    this.ledger.audit(found, this.clock.wallMs(), doubtful)
    for (const [name, ids] of found) {
      const depth = manager.queueStatus(name)?.depth ?? -1
      if (depth < ids.length || (depth > ids.length && !this.#hasExpired(name))) throw new Broken(`${name} has ${ids.length} messages and says ${depth}`)
    }
    manager.disconnect(connected.value, 'orderly')
    this.tell(`audit: ${[...found].map(([name, ids]) => `${name} ${ids.length}`).join(', ')}`)
    for (const name of alwaysThere) this.#define(name)
    return await this.#forceAll(process)
  }

  #hasExpired(queue: string): boolean {
    return [...this.ledger.lines.values()].some(line => line.queue === queue && line.expiresAt !== 0 && line.expiresAt <= this.clock.wallMs())
  }

  #browseAll(connection: Parameters<Engine['open']>[0], name: string): number[] {
    const { manager } = this.#own()
    const opened = manager.open(connection, { kind: 'queue', name }, { browse: true })
    if (!opened.ok) throw new Broken(`the auditor could not open ${name}`)
    const ids: number[] = []
    for (let token: Token = 1; ; token += 1) {
      manager.get(connection, opened.value.handle, { mode: token === 1 ? 'browse-first' : 'browse-next', unit: null, waitMs: 0 }, token)
      const answer = manager.takeAnswers().find(entry => entry.connection === connection)?.answer
      if (answer === undefined || answer.kind !== 'get') throw new Broken('a browse was not answered at once')
      if (answer.message === null) {
        if (answer.reason !== 2033) throw new Broken(`the browse of ${name} ended with ${answer.reason}`)
        return ids
      }
      const { body } = answer.message
      const id = body.length < 4 ? 0 : body.readUInt32BE(0)
      const line = this.ledger.lines.get(id)
      if (line !== undefined && !line.body.equals(body)) throw new Broken(`message ${id} on ${name} has another body: ${body.length} bytes, not ${line.body.length}`)
      ids.push(id)
    }
  }

  /** What a client was told and should not have been. */
  #broken: unknown = null

  /** Remembered, since the log may be our caller and would take an error for its own failure. */
  #break(error: unknown): void {
    this.#broken ??= typeof error === 'string' ? new Broken(error) : error
  }

  #checkUnbroken(): void {
    if (this.#broken !== null) throw this.#broken
  }

  /** A life: actions, disk, time, in any order, until an end. */
  async #live(process: SimProcess): Promise<void> {
    const { prng } = this
    const actions = prng.between(5, this.mix.isHoarding && this.mix.largeBodies > 50 ? 500 : prng.pick(actionsMax))
    for (let action = 0; action < actions; action += 1) {
      const life = this.#own()
      if (life.failure !== null) {
        this.#drain()
        this.#checkUnbroken()
        return this.#end(process, prng.pick(['kill', 'cut']))
      }
      this.#now += prng.chance(1, 20) ? prng.below(2_000) : prng.below(10)
      if (prng.chance(3, 5)) prng.pick(this.#clients).act()
      if (prng.chance(1, 15)) this.#administer()
      if (prng.chance(1, 40)) life.checkpoint()
      const deadline = life.manager.nextDeadline()
      if (deadline !== null && deadline <= this.#now) life.manager.onTick()
      this.#drain()
      for (let steps = prng.below(4); steps > 0; steps -= 1) {
        await turn()
        this.#disk.step()
      }
      this.#onForced()
      this.#checkUnbroken()
    }
    const end = prng.pick(this.#ends)
    if (end === 'orderly') await this.#stop(process)
    else this.#end(process, end)
  }

  /** Delivers what the queue manager has to say. */
  #drain(): void {
    const life = this.#life
    if (life === null) return
    for (let answers = life.manager.takeAnswers(); answers.length > 0; answers = life.manager.takeAnswers()) {
      for (const { connection, token, answer } of answers) {
        // Who has left hears no more.
        const client = this.#clients.find(one => one.connection === connection)
        try {
          client?.onAnswer(token, answer)
        } catch (error) {
          this.#break(error)
          return
        }
      }
    }
    life.manager.takeEvents()
    this.#onForced()
  }

  #onForced(): void {
    const forced = this.#life?.forced ?? 0
    for (const [name, line] of this.#queues) {
      if (line.until > forced) continue
      if (line.state === 'defining') line.state = 'there'
      if (line.state === 'deleting' || line.state === 'clearing') {
        this.ledger.emptied(name)
        line.state = line.state === 'deleting' ? 'absent' : 'there'
      }
    }
  }

  #define(name: string): void {
    const line = this.#queues.get(name)
    if (line === undefined || line.state !== 'absent') return
    const outcome = this.#own().manager.define(completeDefinition('QLOCAL', name, { MAXDEPTH: 100_000, MAXMSGL: 1_000_000, DEFSOPT: 'SHARED' }))
    if (!outcome.ok) return
    Object.assign(line, { state: 'defining', until: outcome.end })
    this.tell(`define ${name}`)
  }

  /** From now on units of work may be backed out that their owners believe open. */
  #onPinned(): void {
    this.tell('a unit of work is backed out, for the log is full')
    this.ledger.mayUndo = true
  }

  #administer(): void {
    const name = this.prng.pick(comeAndGo)
    const line = this.#queues.get(name)
    if (line === undefined) return
    if (line.state === 'absent') return this.#define(name)
    if (line.state !== 'there' || !this.#clients.every(client => client.letGo(name))) return
    const isDelete = this.prng.chance(1, 2)
    const { manager } = this.#own()
    const outcome = isDelete ? manager.remove('QLOCAL', name, { purge: true }) : manager.clear(name)
    this.tell(`${isDelete ? 'delete' : 'clear'} ${name} -> ${outcome.ok ? 'done' : outcome.reason}`)
    if (outcome.ok) Object.assign(line, { state: isDelete ? 'deleting' : 'clearing', until: outcome.end })
  }

  #end(process: SimProcess, how: End): void {
    this.#checkUnbroken()
    this.tell(`end: ${how}`)
    if (how === 'freeze' && this.#sleeper === null) this.#life?.sleep()
    else this.#life?.abandon()
    this.#life = null
    for (const client of this.#clients) client.crash()
    this.ledger.crash()
    if (how === 'freeze' && this.#sleeper === null) {
      this.#sleeper = process
      return
    }
    if (how === 'cut') {
      this.#sleeper = null
      this.#disk.cutPower()
    } else this.#disk.kill(process)
    if (this.prng.chance(1, 2)) this.#endSleeper()
  }

  #endSleeper(): void {
    if (this.#sleeper !== null) this.#disk.kill(this.#sleeper)
    this.#sleeper = null
  }

  /** Everybody leaves, everything is answered, the log is closed. */
  async #stop(process: SimProcess): Promise<void> {
    this.tell('end in order')
    for (const client of this.#clients) client.leave('broken')
    if (!(await this.#forceAll(process))) return
    const life = this.#own()
    let isClosed = false
    let failure: unknown = null
    const closing = life.close().then(
      () => {
        isClosed = true
      },
      (error: unknown) => {
        failure = error ?? new Error('no reason')
      }
    )
    for (let step = 0; !isClosed && failure === null; step += 1) {
      if (step > startStepsMax) throw new Broken('the end does not come')
      await turn()
      this.#disk.step()
    }
    await closing
    if (failure !== null) this.tell(`the end failed: ${failure instanceof Error ? failure.message : String(failure)}`)
    this.#end(process, 'kill')
  }

  /** Until all that was appended is durable; false when the log failed, and the life is over. */
  async #forceAll(process: SimProcess): Promise<boolean> {
    const life = this.#own()
    life.forceAll()
    for (let step = 0; life.failure === null && life.forced < life.end; step += 1) {
      if (step > startStepsMax) throw new Broken(`the log is forced up to ${life.forced} and ends at ${life.end}`)
      await turn()
      this.#disk.step()
    }
    await turn()
    this.#checkUnbroken()
    if (life.failure === null) {
      this.#drain()
      return true
    }
    this.#end(process, this.prng.pick(['kill', 'cut']))
    return false
  }

  #own(): Life {
    if (this.#life === null) throw new Error('nobody acts between two lives')
    return this.#life
  }
}
