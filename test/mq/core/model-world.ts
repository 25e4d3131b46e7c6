/**
 * One life after another of a queue manager under random calls, side by side with the reference model: every answer, every
 * depth, and what a browser sees must be the same, before and after crashes that keep any part of the log that was not
 * forced.
 */

import { Prng } from '../../../src/base/prng.js'
import type { Answer, ConnectionId, DeliveryId, HandleId, UnitId } from '../../../src/mq/core/engine.js'
import type { Origin } from '../../../src/mq/core/journal.js'
import { lsn } from '../../../src/mq/core/journal.js'
import { CoreFixture, putRequest } from '../fake/core-fixture.js'
import { ReferenceModel, type ModelCall, type ModelOrigin, type ModelUnit } from './reference-model.js'

const depthMax = 12
const queues = ['PRIORITY', 'FIFO'] as const

interface Client {
  readonly id: ConnectionId
  readonly handles: Map<string, HandleId>
  /** With a selector for correlation 1. */
  readonly selecting: Map<string, HandleId>
  readonly units: { readonly id: UnitId; readonly unit: ModelUnit }[]
  readonly producer: number
}

const correlationId = (number: number): Buffer => Buffer.alloc(24, number)

export class ModelWorld {
  readonly #prng: Prng
  readonly #f: CoreFixture
  readonly #model = new ReferenceModel(depthMax)
  readonly story: string[] = []
  #clients: Client[] = []
  #boundaries: number[] = [0]
  #token = 0
  #key = 0
  #sequences = [0, 0, 0]
  #sent: { readonly origin: ModelOrigin; readonly queue: string; readonly persistent: boolean }[] = []
  #observer: Client | null = null

  constructor(seed: number) {
    this.#prng = new Prng(seed)
    this.#f = new CoreFixture()
    this.#f.forcing = false
    const plain = { MAXDEPTH: depthMax, GET: 'ENABLED', PUT: 'ENABLED' }
    this.#f.define('QLOCAL', 'PRIORITY', { ...plain, BOQNAME: 'BACKOUT' })
    this.#f.define('QLOCAL', 'FIFO', { ...plain, MSGDLVSQ: 'FIFO' })
    this.#f.define('QLOCAL', 'BACKOUT', { MAXDEPTH: 100_000 })
    this.#f.force()
    this.#boundaries = [this.#f.journal.end]
    this.#connectAll()
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#step()
      if (this.#prng.chance(1, 4)) this.#browseAll()
    }
    this.#finish()
  }

  #connectAll(): void {
    this.#clients = [0, 1, 2].map(producer => this.#connect(producer))
    this.#observer = this.#connect(9)
  }

  #connect(producer: number): Client {
    const id = this.#f.connect(`user${producer}`)
    const handles = new Map([...queues, 'BACKOUT'].map(queue => [queue as string, this.#f.open(id, queue)]))
    const selecting = new Map(queues.map(queue => [queue as string, this.#f.open(id, queue, { input: 'shared', selector: 'n = 1' })]))
    return { id, handles, selecting, units: [], producer }
  }

  #step(): void {
    const client = this.#prng.pick(this.#clients)
    const roll = this.#prng.below(100)
    if (roll < 30) this.#put(client)
    else if (roll < 52) this.#get(client)
    else if (roll < 60) this.#settle(client)
    else if (roll < 64) this.#begin(client)
    else if (roll < 70) this.#endUnit(client)
    else if (roll < 74) this.#repeat(client)
    else if (roll < 77) this.#advance()
    else if (roll < 79) this.#cancel()
    else if (roll < 81) this.#disconnect(client)
    else if (roll < 83 && this.#prng.chance(1, 3)) this.#crash()
    else this.#force()
  }

  #put(client: Client): void {
    const p = this.#prng
    const key = `m${++this.#key}`
    const queue = p.pick(queues)
    const persistent = p.chance(2, 3)
    const correlation = p.below(3)
    const priority = p.below(3)
    const expiry = p.chance(1, 6) ? p.between(1, 20) : -1
    const open = p.chance(1, 3) ? client.units[p.below(client.units.length || 1)] : undefined
    const origin = open === undefined && p.chance(1, 3) ? this.#nextOrigin(client) : null
    if (origin !== null) this.#sent.push({ origin, queue, persistent })
    this.#callPut(client, { key, queue, persistent, correlation, priority, expiry }, open, origin)
  }

  #callPut(
    client: Client,
    message: { readonly key: string; readonly queue: string; readonly persistent: boolean; readonly correlation: number; readonly priority: number; readonly expiry: number },
    open: Client['units'][number] | undefined,
    origin: ModelOrigin | null
  ): void {
    const { key, queue, persistent, correlation, priority, expiry } = message
    const token = ++this.#token
    const who = `${client.id}/${token}`
    this.#tell(`put ${who} ${key} ${queue} p${priority} ${persistent ? 'persistent' : 'volatile'} expiry=${expiry} unit=${open?.unit.number ?? '-'} origin=${originText(origin)}`)
    const request = putRequest({
      body: key,
      persistent,
      unit: open?.id ?? null,
      properties: new Map([['n', correlation]]),
      descriptor: { correlationId: correlationId(correlation), priority, expiry },
      request: { origin: realOrigin(origin) }
    })
    const { least, most } = this.#model.depth(queue)
    this.#f.qm.put(client.id, client.handles.get(queue) as HandleId, request, token)
    const expiresAt = expiry === -1 ? 0 : this.#model.now + expiry * 100
    const given = { key, queue, persistent, correlation, priority, expiresAt }
    // Expired messages count until they are removed, and when that is is nobody's business.
    const isFull = least >= depthMax || (most >= depthMax && this.#isRefused(who))
    if (isFull && !this.#model.isRepetition(origin)) this.#model.putRefused(who, 2053, origin)
    else this.#model.put(who, given, open?.unit ?? null, origin)
    this.#compare()
  }

  /** Puts with an origin that was used before; stored again only when the log lost it, or it was refused. */
  #repeat(client: Client): void {
    const earlier = this.#sent.at(-1 - this.#prng.below(5))
    if (earlier === undefined) return
    this.#callPut(client, { key: `m${++this.#key}`, queue: earlier.queue, persistent: earlier.persistent, correlation: 0, priority: 0, expiry: -1 }, undefined, earlier.origin)
  }

  #nextOrigin(client: Client): ModelOrigin {
    const sequence = (this.#sequences[client.producer] ?? 0) + 1
    this.#sequences[client.producer] = sequence
    return { producer: client.producer, sequence }
  }

  #get(client: Client): void {
    const p = this.#prng
    const token = ++this.#token
    const queue = p.pick(queues)
    const mode = p.chance(1, 4) ? 'lock' : 'get'
    const open = mode === 'get' && p.chance(1, 3) ? client.units[p.below(client.units.length || 1)] : undefined
    const correlation = p.chance(1, 3) ? p.below(3) : null
    const waitMs = p.chance(1, 3) ? (p.chance(1, 3) ? -1 : p.between(1, 1_500)) : 0
    const isSelecting = correlation === 1 && p.chance(2, 3)
    this.#tell(`get ${client.id}/${token} ${queue} ${mode} correlation=${correlation}${isSelecting ? ' by selector' : ''} wait=${waitMs} unit=${open?.unit.number ?? '-'}`)
    this.#f.qm.get(
      client.id,
      (isSelecting ? client.selecting : client.handles).get(queue) as HandleId,
      { mode, unit: open?.id ?? null, waitMs, ...(correlation === null || correlation === 0 || isSelecting ? {} : { match: { correlationId: correlationId(correlation) } }) },
      token
    )
    const deadline = waitMs === -1 ? Infinity : this.#model.now + waitMs
    const call: ModelCall = { connection: client.id, token, queue, mode, unit: open?.unit ?? null, correlation: correlation === 0 ? null : correlation, deadline }
    this.#model.get(call)
    this.#compare()
  }

  #settle(client: Client): void {
    const mine = [...this.#model.locked.entries()].filter(([id]) => id.startsWith(`${client.id}/`))
    if (mine.length === 0) return
    const [id, message] = this.#prng.pick(mine)
    const verdict = this.#prng.pick(['accept', 'accept', 'release', 'reject'] as const)
    const open = verdict === 'accept' && this.#prng.chance(1, 3) ? client.units[0] : undefined
    const token = ++this.#token
    const who = `${client.id}/${token}`
    this.#tell(`settle ${who} ${message.key} ${verdict} unit=${open?.unit.number ?? '-'}`)
    this.#model.settled(id)
    this.#f.qm.settle(client.id, [Number(id.split('/')[1]) as DeliveryId], verdict, open?.id ?? null, token)
    this.#model.settle(who, message, verdict, open?.unit ?? null)
    this.#compare()
  }

  #begin(client: Client): void {
    if (client.units.length >= 2) return
    const unit = this.#model.begin()
    this.#tell(`begin ${client.id} unit=${unit.number}`)
    client.units.push({ id: this.#f.begin(client.id), unit })
  }

  #endUnit(client: Client): void {
    const open = client.units.pop()
    if (open === undefined) return
    const token = ++this.#token
    const who = `${client.id}/${token}`
    if (this.#prng.chance(2, 3)) {
      const origin = this.#prng.chance(1, 3) ? this.#nextOrigin(client) : null
      this.#tell(`commit ${who} unit=${open.unit.number} origin=${originText(origin)}`)
      this.#f.qm.commit(client.id, open.id, realOrigin(origin), token)
      this.#model.commit(who, open.unit, origin)
    } else {
      this.#tell(`backout ${who} unit=${open.unit.number}`)
      this.#f.qm.backout(client.id, open.id, token)
      this.#model.undo(open.unit)
      this.#model.done(who)
    }
    this.#compare()
  }

  #advance(): void {
    const ms = this.#prng.between(1, 900)
    this.#tell(`advance ${ms}`)
    this.#f.clock.advance(ms)
    this.#model.advance(ms)
    for (let turns = 0; turns < 100; turns++) {
      const at = this.#f.qm.nextDeadline()
      if (at === null || at > this.#f.clock.now()) break
      this.#f.qm.onTick()
    }
    this.#compare()
  }

  #cancel(): void {
    const [call] = this.#model.waits
    if (call === undefined) return
    this.#tell(`cancel ${call.connection}/${call.token}`)
    this.#f.qm.cancel(call.connection as ConnectionId, call.token)
    this.#model.cancel(call.connection, call.token)
    this.#compare()
  }

  #disconnect(client: Client): void {
    const how = this.#prng.pick(['orderly', 'broken'] as const)
    this.#tell(`disconnect ${client.id} ${how}`)
    this.#f.qm.disconnect(client.id, how)
    this.#model.disconnect(client.id, client.units.map(({ unit }) => unit), how)
    this.#compare()
    this.#clients = this.#clients.map(each => (each === client ? this.#connect(client.producer) : each))
  }

  #force(): void {
    const forced = this.#f.journal.forced
    const ahead = this.#boundaries.filter(end => end > forced)
    if (ahead.length === 0) return
    const until = this.#prng.chance(1, 2) ? (ahead.at(-1) as number) : this.#prng.pick(ahead)
    this.#tell(`force ${until}`)
    this.#f.journal.force(lsn(until))
    this.#f.qm.onForced()
    this.#model.force(until)
    this.#compare()
  }

  #crash(): void {
    const forced = this.#f.journal.forced
    const cut = this.#prng.pick(this.#boundaries.filter(end => end >= forced))
    this.#tell(`crash, the log is kept up to ${cut}`)
    this.#f.crash(lsn(cut))
    this.#model.crash(cut)
    this.#boundaries = [cut]
    this.#connectAll()
    for (const producer of [0, 1, 2]) {
      this.#same(this.#f.qm.lastSequence(producerBytes(producer)), this.#model.lastSequence(producer), 'last sequence')
    }
    this.#browseAll()
  }

  /** What a browser sees on every queue, in order, with the backout counts. */
  #browseAll(): void {
    const observer = this.#observer as Client
    for (const [queue, handle] of observer.handles) {
      const seen: string[] = []
      for (let mode: 'browse-first' | 'browse-next' = 'browse-first'; ; mode = 'browse-next') {
        const token = ++this.#token
        this.#f.qm.get(observer.id, handle, { mode, unit: null, waitMs: 0 }, token)
        const [entry] = this.#f.qm.takeAnswers()
        if (entry?.answer.kind !== 'get' || entry.answer.message === null) break
        seen.push(`${entry.answer.message.body.toString()} ${entry.answer.message.descriptor.backoutCount}`)
      }
      this.#boundary()
      this.#same(seen, this.#model.visible(queue).map(each => `${each.key} ${each.backout}`), `messages on ${queue}`)
    }
  }

  #boundary(): void {
    this.#model.logged(this.#f.journal.end)
    if (this.#boundaries.at(-1) !== this.#f.journal.end) this.#boundaries.push(this.#f.journal.end)
  }

  readonly #early = new Map<string, Answer>()

  /** The answer of a put came at once and refuses it. */
  #isRefused(who: string): boolean {
    for (const { connection, token, answer } of this.#f.qm.takeAnswers()) this.#early.set(`${connection}/${token}`, answer)
    return this.#early.get(who)?.reason === 2053
  }

  #compare(): void {
    this.#boundary()
    const real: string[] = []
    for (const { connection, token, answer } of this.#f.qm.takeAnswers()) this.#early.set(`${connection}/${token}`, answer)
    for (const [who, answer] of this.#early) {
      real.push(`${who} ${answerText(answer)}`)
      if (answer.kind !== 'get' || answer.delivery === null || answer.message === null) continue
      const key = answer.message.body.toString()
      const message = this.#model.messages.find(each => each.key === key && each.standing === 'locked')
      if (message !== undefined) this.#model.locked.set(`${who.split('/')[0]}/${answer.delivery}`, message)
    }
    this.#early.clear()
    const expected = this.#model.answers.splice(0)
    this.#same(real.sort(), expected.sort(), 'answers')
    for (const queue of queues) {
      const depth = this.#f.depth(queue)
      const { least, most } = this.#model.depth(queue)
      if (depth < least || depth > most) this.#fail(`depth of ${queue} is ${depth}, not ${least} to ${most}`)
    }
  }

  /** Everything ends; then the log and the spool hold the messages that are on queues, and nothing else. */
  #finish(): void {
    for (const client of [...this.#clients]) {
      this.#f.qm.disconnect(client.id, 'broken')
      this.#model.disconnect(client.id, client.units.map(({ unit }) => unit), 'broken')
      this.#compare()
    }
    this.#f.journal.force()
    this.#f.qm.onForced()
    this.#model.force(this.#f.journal.end)
    this.#compare()
    this.#f.journal.force()
    this.#f.qm.onForced()
    this.#browseAll()
    this.#f.journal.force()
    this.#f.qm.onForced()
    this.#same(this.#f.journal.unreleased() + this.#f.spool.count, this.#f.qm.facts().messages, 'messages stored')
  }

  #tell(line: string): void {
    this.story.push(line)
  }

  #same(real: unknown, expected: unknown, what: string): void {
    const [a, b] = [JSON.stringify(real), JSON.stringify(expected)]
    if (a !== b) this.#fail(`${what}: ${a}, expected ${b}`)
  }

  #fail(why: string): never {
    throw new Error(`${why}\n  ${this.story.slice(-40).join('\n  ')}`)
  }
}

const producerBytes = (producer: number): Buffer => Buffer.alloc(16, producer + 1)
const realOrigin = (origin: ModelOrigin | null): Origin | null => (origin === null ? null : { producer: producerBytes(origin.producer), sequence: origin.sequence })
const originText = (origin: ModelOrigin | null): string => (origin === null ? '-' : `${origin.producer}:${origin.sequence}`)

function answerText(answer: Answer): string {
  if (answer.kind === 'put') return answer.reason !== 0 ? `put ${answer.reason}` : answer.isRepetition ? 'put 0 repeated' : 'put 0'
  if (answer.kind === 'done') return `done ${answer.reason}`
  if (answer.message === null) return `get ${answer.reason}`
  return `get ${answer.reason} ${answer.message.body.toString()} ${answer.message.descriptor.backoutCount}`
}
