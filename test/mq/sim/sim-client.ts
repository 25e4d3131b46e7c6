/**
 * A client of the simulated queue manager: puts, gets, browses, units of work, locks, disconnections, at random, and
 * everything it is told goes into the ledger. A call that was broken off is repeated under its old sequence number, which
 * the queue manager must recognise when it had stored it.
 */

import type { Prng } from '../../../src/base/prng.js'
import type { Answer, ConnectionId, DeliveryId, Engine, HandleId, MqClock, Token, UnitId } from '../../../src/mq/core/engine.js'
import type { Origin } from '../../../src/mq/core/journal.js'
import { defaultDescriptor, messageTypes, noProperties } from '../../../src/mq/core/message.js'
import { reasons, reasonSymbol, type Reason } from '../../../src/mq/core/reason.js'
import { Broken, type Ledger, type Line, type UnitLine } from './ledger.js'

export interface ClientWorld {
  readonly prng: Prng
  readonly ledger: Ledger
  readonly clock: MqClock
  readonly mix: Mix
  readonly bodyBytesMax: number
  engine(): Engine
  /** Names of queues that exist for certain. */
  queues(): readonly string[]
  tell(line: string): void
}

/** How likely each action is; a seed leaves some of them out. */
export interface Mix {
  readonly put: number
  readonly unitPut: number
  readonly get: number
  readonly waitingGet: number
  readonly unitGet: number
  readonly lock: number
  readonly settle: number
  readonly browse: number
  readonly commit: number
  readonly backout: number
  readonly leave: number
  /** Of a hundred bodies. */
  readonly largeBodies: number
  /** Small messages of queue A stay, and are in the way when space is to be taken back. */
  readonly isHoarding: boolean
}

/** What was asked under a sequence number and not answered. */
type Unanswered = { readonly kind: 'put'; readonly line: Line } | { readonly kind: 'commit'; readonly unit: UnitLine }

interface Producer {
  readonly id: Buffer
  sequence: number
  answered: number
  open: Unanswered | null
}

interface OpenUnit {
  readonly id: UnitId
  readonly line: UnitLine
  calls: number
}

const unitSizeMax = 6

export class SimClient {
  readonly name: string
  readonly #world: ClientWorld
  readonly #producers: readonly Producer[]
  #connection: ConnectionId | null = null
  readonly #handles = new Map<string, HandleId>()
  readonly #calls = new Map<Token, (answer: Answer) => void>()
  readonly #deliveries = new Map<DeliveryId, Line>()
  /** Knows what became of the calls that were broken off. */
  #isReady = false
  #unit: OpenUnit | null = null
  #token = 0
  #unitCount = 0

  constructor(world: ClientWorld, name: string) {
    this.#world = world
    this.name = name
    this.#producers = [0, 1].map(index => ({ id: Buffer.from(`${name}-${index}`.padEnd(16, '.')), sequence: 0, answered: 0, open: null }))
  }

  get connection(): ConnectionId | null {
    return this.#connection
  }

  get outstanding(): number {
    return this.#calls.size
  }

  /** Does one thing. */
  act(): void {
    const { prng, mix } = this.#world
    if (this.#connection === null) return this.#connect()
    if (!this.#isReady) return
    const queue = prng.pick(this.#world.queues())
    const isStore = queue === 'A' && mix.isHoarding && !prng.chance(1, 20)
    const handle = this.#handleOf(queue)
    if (handle === null) return
    const actions: [number, () => void][] = [
      [mix.put, () => this.#put(queue, handle, null)],
      [mix.unitPut, () => this.#inUnit(unit => this.#put(queue, handle, unit))],
      [isStore ? 0 : mix.get, () => this.#get(queue, handle, null, 0)],
      [isStore ? 0 : mix.waitingGet, () => this.#get(queue, handle, null, prng.between(1, 3_000))],
      [isStore ? 0 : mix.unitGet, () => this.#inUnit(unit => this.#get(queue, handle, unit, 0))],
      [mix.lock, () => this.#lock(queue, handle)],
      [mix.settle, () => this.#settle()],
      [mix.browse, () => this.#browse(queue, handle)],
      [mix.commit, () => this.#commit()],
      [mix.backout, () => this.#backout()],
      [mix.leave, () => this.leave(prng.chance(1, 3) ? 'orderly' : 'broken')]
    ]
    let at = prng.below(actions.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, action] of actions) {
      if (at < weight) return action()
      at -= weight
    }
  }

  onAnswer(token: Token, answer: Answer): void {
    const settle = this.#calls.get(token)
    if (settle === undefined) throw new Broken(`${this.name} was answered call ${token} twice, or never made it`)
    this.#calls.delete(token)
    settle(answer)
  }

  /** Closes its handle of a queue, so that it can be deleted; false when that must wait. */
  letGo(queue: string): boolean {
    const handle = this.#handles.get(queue)
    if (handle === undefined || this.#connection === null) return true
    if (this.#calls.size > 0 || this.#unit !== null || this.#deliveries.size > 0) return false
    this.#world.engine().close(this.#connection, handle)
    this.#handles.delete(queue)
    return true
  }

  /** The queue manager is gone. */
  crash(): void {
    this.#connection = null
    this.#isReady = false
    this.#handles.clear()
    this.#calls.clear()
    this.#deliveries.clear()
    this.#unit = null
  }

  /**
   * What the queue manager knows of our calls that were not answered: that decides them. Before the audit, which then
   * finds out whether it is true.
   */
  settleDoubts(sequences: readonly number[] = this.#producers.map(producer => this.#world.engine().lastSequence(producer.id))): void {
    for (const [index, producer] of this.#producers.entries()) {
      const stored = sequences[index] ?? 0
      if (stored < producer.answered) throw new Broken(`${this.name}: sequence ${producer.answered} was acknowledged, and the queue manager knows only ${stored}`)
      if (producer.open !== null) this.#settleDoubt(producer, producer.open, stored >= producer.sequence)
    }
  }

  #settleDoubt(producer: Producer, open: Unanswered, isStored: boolean): void {
    const { ledger } = this.#world
    this.#world.tell(`${this.name}: ${open.kind} ${open.kind === 'put' ? open.line.id : open.unit.name} is ${isStored ? '' : 'not '}stored`)
    if (open.kind === 'put') {
      if (isStored) ledger.stored(open.line)
      else ledger.refused(open.line)
    } else if (isStored) ledger.committed(open.unit)
    else ledger.backedOut(open.unit)
    producer.open = null
    if (open.kind === 'put') this.#repeat = { line: open.line, origin: { producer: producer.id, sequence: producer.sequence }, isStored, by: producer }
    else producer.answered = isStored ? producer.sequence : producer.answered
  }

  /** A put to be asked for again under its old number. */
  #repeat: { readonly line: Line; readonly origin: Origin; readonly isStored: boolean; readonly by: Producer } | null = null

  leave(how: 'orderly' | 'broken'): void {
    const { ledger } = this.#world
    if (this.#connection === null) return
    this.#world.tell(`${this.name}: leaves, ${how}`)
    this.#world.engine().disconnect(this.#connection, how)
    if (this.#unit !== null && this.#unit.calls === 0) {
      if (how === 'broken') ledger.backedOut(this.#unit.line)
      else this.#unit.line.state = 'committing'
    } else if (this.#unit !== null) this.#unit.line.state = 'committing' // in doubt: what was under way when it left?
    for (const line of this.#deliveries.values()) if (!line.isLeaving) ledger.released(line)
    this.crash()
  }

  #connect(): void {
    const connected = this.#world.engine().connect({ kind: 'client', applicationTag: this.name, user: 'sim', channel: 'SIM', connectionName: '', processId: 1 })
    if (!connected.ok) throw new Broken(`${this.name} could not connect: ${reasonSymbol(connected.reason)}`)
    this.#connection = connected.value
    // What was broken off is looked up, as a client library does after a reconnection. What it finds may wait for the log.
    const stored = this.#producers.map(producer => this.#world.engine().lastSequence(producer.id))
    const token = this.#call('sync', null, () => {
      this.#isReady = true
      this.settleDoubts(stored)
      this.#tryAgain()
    })
    this.#world.engine().sync(connected.value, token)
  }

  #tryAgain(): void {
    const repeat = this.#repeat
    this.#repeat = null
    if (repeat !== null && this.#world.queues().includes(repeat.line.queue) && (!repeat.isStored || this.#world.prng.chance(1, 2))) this.#putAgain(repeat)
  }

  #putAgain(repeat: { readonly line: Line; readonly origin: Origin; readonly isStored: boolean; readonly by: Producer }): void {
    const { line, origin, isStored, by } = repeat
    const handle = this.#handleOf(line.queue)
    if (handle === null) return
    this.#world.tell(`${this.name}: puts ${line.id} again`)
    const facts = { priority: line.priority, isPersistent: true, expiry: -1 }
    this.#sendPut(line.queue, handle, null, facts, origin, isStored ? 'repetition' : by, answer => {
      by.open = null
      if (answer.kind !== 'put' || answer.reason !== reasons.none) return
      by.answered = origin.sequence
      if (answer.isRepetition === isStored) return
      throw new Broken(`${this.name}: the put of ${line.id} ${isStored ? 'was stored and its repetition not recognised' : 'was not stored and its repetition taken for one'}`)
    })
  }

  #handleOf(queue: string): HandleId | null {
    const known = this.#handles.get(queue)
    if (known !== undefined) return known
    if (this.#connection === null) return null
    const opened = this.#world.engine().open(this.#connection, { kind: 'queue', name: queue }, { input: 'shared', output: true, browse: true })
    if (!opened.ok) throw new Broken(`${this.name} could not open ${queue}: ${reasonSymbol(opened.reason)}`)
    this.#handles.set(queue, opened.value.handle)
    return opened.value.handle
  }

  #put(queue: string, handle: HandleId, unit: OpenUnit | null): void {
    const { prng } = this.#world
    const isPersistent = !prng.chance(1, 5)
    const producer = unit === null && isPersistent ? this.#producers.find(one => one.open === null && one !== this.#repeat?.by) : undefined
    const facts = { priority: prng.chance(1, 3) ? prng.below(10) : 4, isPersistent, expiry: prng.chance(1, 12) ? prng.between(1, 60) : -1 }
    if (producer === undefined || facts.expiry !== -1) {
      this.#sendPut(queue, handle, unit, facts, null, null, () => undefined)
      return
    }
    producer.sequence += 1
    this.#sendPut(queue, handle, null, facts, { producer: producer.id, sequence: producer.sequence }, producer, answer => {
      producer.open = null
      if (answer.reason === reasons.none) producer.answered = producer.sequence
    })
  }

  /** `by` is who remembers it until the answer; of a `repetition` of something stored, nothing must come. */
  #sendPut(
    queue: string,
    handle: HandleId,
    unit: OpenUnit | null,
    facts: { readonly priority: number; readonly isPersistent: boolean; readonly expiry: number },
    origin: Origin | null,
    by: Producer | 'repetition' | null,
    onAnswer: (answer: Answer) => void
  ): void {
    const { ledger, clock } = this.#world
    const expiresAt = facts.expiry === -1 ? 0 : clock.wallMs() + facts.expiry * 100
    const line = ledger.write({ queue, priority: facts.priority, isPersistent: facts.isPersistent, expiresAt, unit: unit?.line ?? null }, id => this.#body(id, queue))
    if (by === 'repetition') ledger.refused(line)
    else if (by !== null) by.open = { kind: 'put', line }
    const what = `put ${line.id} on ${queue}, ${line.body.length} bytes, priority ${facts.priority}${facts.isPersistent ? '' : ', not persistent'}`
    const token = this.#call(`${what}${unit === null ? '' : ` in ${unit.line.name}`}`, unit, answer => {
      onAnswer(answer)
      if (by === 'repetition') return
      if (answer.reason === reasons.none) {
        ledger.stored(line)
        return
      }
      this.#refusal('put', answer.reason, [reasons.queueFull, reasons.resourceProblem, reasons.storageMediumFull, reasons.queueDeleted, reasons.backedOut, reasons.syncpointLimitReached])
      if (answer.reason === reasons.backedOut && unit !== null) this.#undone(unit)
      else ledger.refused(line)
    })
    const descriptor = { ...defaultDescriptor, messageType: messageTypes.datagram, priority: facts.priority, persistence: facts.isPersistent ? 1 : 0, expiry: facts.expiry }
    this.#world.engine().put(this.#own(), handle, { message: { descriptor, properties: noProperties, body: Buffer.from(line.body) }, unit: unit?.id ?? null, origin }, token)
  }

  #get(queue: string, handle: HandleId, unit: OpenUnit | null, waitMs: number): void {
    const { ledger } = this.#world
    const isAlone = unit === null
    // It is chosen now, and answered when its removal is durable.
    const asked = { wallMs: this.#world.clock.wallMs(), choice: ledger.available(queue, this.#world.clock.wallMs()) }
    const token = this.#call(`get from ${queue}${unit === null ? '' : ` in ${unit.line.name}`}${waitMs === 0 ? '' : ` waiting ${waitMs} ms`}`, unit, answer => {
      if (isAlone) ledger.answered(queue)
      this.#got(answer, queue, isAlone ? 'take' : 'unit', unit, waitMs !== 0, isAlone ? asked : null)
    })
    if (isAlone) ledger.askedFor(queue)
    this.#world.engine().get(this.#own(), handle, { mode: 'get', unit: unit?.id ?? null, waitMs }, token)
  }

  #lock(queue: string, handle: HandleId): void {
    const token = this.#call(`lock from ${queue}`, null, answer => this.#got(answer, queue, 'lock', null, false))
    this.#world.engine().get(this.#own(), handle, { mode: 'lock', unit: null, waitMs: 0 }, token)
  }

  #browse(queue: string, handle: HandleId): void {
    const mode = this.#world.prng.chance(1, 3) ? 'browse-first' : 'browse-next'
    const token = this.#call(`${mode} of ${queue}`, null, answer => this.#got(answer, queue, 'browse', null, true))
    this.#world.engine().get(this.#own(), handle, { mode, unit: null, waitMs: 0 }, token)
  }

  /** `isLate`: the answer may be older than other answers, so that an empty queue proves nothing. */
  #got(answer: Answer, queue: string, how: 'take' | 'unit' | 'lock' | 'browse', unit: OpenUnit | null, isLate: boolean, asked: { readonly wallMs: number; readonly choice: ReadonlySet<Line> } | null = null): void {
    const { ledger, clock } = this.#world
    if (answer.kind !== 'get') throw new Broken('a get was answered as something else')
    if (answer.message === null) {
      this.#refusal('get', answer.reason, [reasons.noMessageAvailable, reasons.queueDeleted, reasons.backedOut, reasons.syncpointLimitReached])
      if (answer.reason === reasons.backedOut && unit !== null) this.#undone(unit)
      if (answer.reason === reasons.noMessageAvailable && !isLate) ledger.empty(queue, clock.wallMs(), ledger.askedCount(queue))
      return
    }
    const { body } = answer.message
    const line = ledger.lines.get(body.length >= 4 ? body.readUInt32BE(0) : 0)
    if (line === undefined) throw new Broken(`${queue} delivered a message that nobody put: ${body.subarray(0, 16).toString('hex')}`)
    this.#world.tell(`${this.name}: got ${line.id} (${how})`)
    const others = isLate ? Infinity : ledger.askedCount(queue)
    ledger.delivered(line, how, { wallMs: asked?.wallMs ?? clock.wallMs(), body, unit: unit?.line ?? null, queue, others, choice: asked?.choice ?? null })
    if (answer.delivery !== null) this.#deliveries.set(answer.delivery, line)
  }

  #settle(): void {
    const { prng, ledger } = this.#world
    const chosen = [...this.#deliveries].filter(() => prng.chance(2, 3))
    if (chosen.length === 0) return
    const verdict = prng.chance(2, 3) ? 'accept' : 'release'
    for (const [delivery, line] of chosen) {
      this.#deliveries.delete(delivery)
      line.isLeaving = verdict === 'accept'
    }
    const token = this.#call(`${verdict} ${chosen.map(([, line]) => line.id).join(', ')}`, null, answer => {
      this.#refusal('settle', answer.reason, [reasons.none])
      for (const [, line] of chosen) if (verdict === 'accept') ledger.removed(line)
    })
    // What is given back is there at once, before anybody is told.
    if (verdict === 'release') for (const [, line] of chosen) ledger.released(line)
    this.#world.engine().settle(this.#own(), chosen.map(([delivery]) => delivery), verdict, null, token)
  }

  #inUnit(work: (unit: OpenUnit) => void): void {
    if (this.#unit === null) {
      const begun = this.#world.engine().begin(this.#own())
      if (!begun.ok) throw new Broken(`${this.name} could not begin: ${reasonSymbol(begun.reason)}`)
      this.#unitCount += 1
      this.#unit = { id: begun.value, line: { name: `${this.name}/${this.#unitCount}`, puts: [], gets: [], state: 'open' }, calls: 0 }
    }
    const { puts, gets } = this.#unit.line
    if (puts.length + gets.length < unitSizeMax) work(this.#unit)
  }

  #commit(): void {
    const unit = this.#unit
    if (unit === null || unit.calls > 0) return
    this.#unit = null
    const isDurable = [...unit.line.puts, ...unit.line.gets].some(line => line.isPersistent)
    const producer = isDurable ? this.#producers.find(one => one.open === null && one !== this.#repeat?.by) : undefined
    if (producer !== undefined) {
      producer.sequence += 1
      producer.open = { kind: 'commit', unit: unit.line }
    }
    const token = this.#call(`commit ${unit.line.name}`, null, answer => {
      this.#refusal('commit', answer.reason, [reasons.none, reasons.backedOut])
      if (producer !== undefined) producer.open = null
      if (answer.reason === reasons.none && producer !== undefined) producer.answered = producer.sequence
      if (answer.reason === reasons.none) this.#world.ledger.committed(unit.line)
      else this.#undone(unit)
    })
    if (unit.line.state === 'open') unit.line.state = 'committing'
    this.#world.engine().commit(this.#own(), unit.id, producer === undefined ? null : { producer: producer.id, sequence: producer.sequence }, token)
  }

  #backout(): void {
    const unit = this.#unit
    if (unit === null || unit.calls > 0) return
    this.#unit = null
    const token = this.#call(`backout ${unit.line.name}`, null, answer => this.#refusal('backout', answer.reason, [reasons.none, reasons.backedOut]))
    this.#undone(unit)
    this.#world.engine().backout(this.#own(), unit.id, token)
  }

  #undone(unit: OpenUnit): void {
    if (unit.line.state !== 'backed-out') this.#world.ledger.backedOut(unit.line)
  }

  #call(what: string, unit: OpenUnit | null, settle: (answer: Answer) => void): Token {
    this.#token += 1
    const token = this.#token
    this.#world.tell(`${this.name}: ${what}`)
    if (unit !== null) unit.calls += 1
    this.#calls.set(token, answer => {
      if (unit !== null) unit.calls -= 1
      this.#world.tell(`${this.name}: ${what} -> ${answer.reason === 0 ? 'done' : reasonSymbol(answer.reason)}`)
      settle(answer)
    })
    return token
  }

  #refusal(what: string, reason: Reason, expected: readonly Reason[]): void {
    if (!expected.includes(reason)) throw new Broken(`${this.name}: ${what} was answered ${reasonSymbol(reason)}`)
  }

  #own(): ConnectionId {
    if (this.#connection === null) throw new Error('acts only while connected')
    return this.#connection
  }

  /** The number, then bytes that only this message has. */
  #body(id: number, queue: string): Buffer {
    const { prng, mix, bodyBytesMax } = this.#world
    const length = 4 + (prng.below(100) < mix.largeBodies && !(mix.isHoarding && queue === 'A') ? prng.below(bodyBytesMax) : prng.below(200))
    const body = Buffer.alloc(length)
    for (let at = 0; at < length; at += 1) body[at] = (id * 31 + at * 7) & 0xff
    body.writeUInt32BE(id, 0)
    return body
  }
}
