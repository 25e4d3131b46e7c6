/**
 * A queue manager under every call there is, with good arguments and bad ones, a log that fills up now and then, and
 * crashes after any record. No answers are foretold (the reference model does that); what must hold is
 *
 *  1. No call throws.
 *  2. A place is released once, when its removal is durable, and never read again: the fake log watches that.
 *  3. Every call that takes a token is answered at most once; at the end exactly once, or its connection is gone.
 *  4. When everybody has left, log and spool hold what is on queues, and nothing is locked or uncommitted.
 *  5. A restart finds what the log says, wherever it was cut.
 *
 * Each seed uses few queues and topics and has its own rates, so that what is rare in one is common in another.
 */

import { Prng } from '../../../src/base/prng.js'
import type { ConnectionId, DeliveryId, GetMode, HandleId, UnitId } from '../../../src/mq/core/engine.js'
import { lsn } from '../../../src/mq/core/journal.js'
import { report } from '../../../src/mq/core/report-options.js'
import { CoreFixture, putRequest } from '../fake/core-fixture.js'

const allQueues = ['A', 'B', 'HIGH', 'BACKOUT', 'DEAD', 'ALIAS', 'MODEL', 'PERMANENT', 'SYSTEM.RETAINED.PUB.QUEUE', 'NOT.THERE']
const allTopics = ['t', 't/a', 't/b', 'u', 't/+', '#', 'disabled/x']
const names = ['one', 'two', 'three']
const allModes: readonly GetMode[] = ['get', 'get', 'get', 'lock', 'lock', 'browse-first', 'browse-next', 'browse-cursor', 'get-cursor']

interface Client {
  readonly id: ConnectionId
  readonly handles: HandleId[]
  readonly units: UnitId[]
  readonly deliveries: DeliveryId[]
}

export class FuzzWorld {
  readonly #p: Prng
  readonly #f = new CoreFixture()
  readonly story: string[] = []
  #clients: Client[] = []
  #token = 0
  #open = new Map<number, ConnectionId>()
  readonly #queues: readonly string[]
  readonly #topics: readonly string[]
  readonly #modes: readonly GetMode[]
  readonly #bounds: readonly number[]
  readonly #forceOneIn: number
  readonly #badOneIn: number
  readonly #clientCount: number

  constructor(seed: number) {
    this.#p = new Prng(seed)
    const some = <T>(all: readonly T[], most: number): readonly T[] => Array.from({ length: this.#p.between(1, most) }, () => this.#p.pick(all))
    this.#queues = some(allQueues, 3)
    this.#topics = some(allTopics, 3)
    this.#modes = some(allModes, 4)
    this.#forceOneIn = this.#p.between(1, 12)
    this.#badOneIn = this.#p.pick([4, 30, 1_000])
    this.#clientCount = this.#p.between(1, 3)
    // How much of the calls each kind gets; the sums are where the next one begins.
    let sum = 0
    this.#bounds = [10, 6, 20, 6, 20, 8, 5, 8, 1, 6, 3, 3, 1, 1, 1].map(share => (sum += this.#p.below(share * 2 + 1)))
    const f = this.#f
    f.define('QMGR', 'QM1', { DEADQ: 'DEAD', MAXHANDS: 12, MAXUMSGS: 12, MAXMSGL: 200 })
    for (const name of ['A', 'B', 'BACKOUT', 'DEAD', 'SYSTEM.RETAINED.PUB.QUEUE']) f.define('QLOCAL', name, { MAXDEPTH: 20, MAXMSGL: 1_000, ...(name === 'A' ? { BOQNAME: 'BACKOUT' } : {}) })
    f.define('QLOCAL', 'HIGH', { MAXDEPTH: 20, NPMCLASS: 'HIGH', MSGDLVSQ: 'FIFO' })
    f.define('QALIAS', 'ALIAS', { TARGET: 'A' })
    f.define('QMODEL', 'MODEL', { DEFTYPE: 'TEMPDYN', MAXDEPTH: 5 })
    f.define('QMODEL', 'PERMANENT', { DEFTYPE: 'PERMDYN', MAXDEPTH: 5 })
    f.define('TOPIC', 'OFF', { TOPICSTR: 'disabled', PUB: 'DISABLED' })
    f.define('SUB', 'ADMIN', { TOPICSTR: 't/#', DEST: 'B', DESTCLAS: 'PROVIDED' })
    f.forcing = false
    this.#connectAll()
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#step()
      this.#collect()
      if (this.#p.chance(1, this.#forceOneIn)) this.#force()
      if (this.#p.chance(1, 120)) this.#crash()
    }
    this.#finish()
  }

  #connectAll(): void {
    this.#clients = Array.from({ length: this.#clientCount }, () => ({ id: this.#f.connect(), handles: [], units: [], deliveries: [] }))
  }

  #step(): void {
    const p = this.#p
    const { qm } = this.#f
    const client = p.pick(this.#clients)
    const any = p.chance(1, this.#badOneIn) ? p.pick(this.#clients) : client
    const handle = (): HandleId => (any.handles.length > 0 ? p.pick(any.handles) : (77 as HandleId))
    const unit = (): UnitId | null => (p.chance(1, 2) ? null : any.units.length > 0 ? p.pick(any.units) : (88 as UnitId))
    const token = ++this.#token
    const call = (what: string, make: () => void): void => {
      this.story.push(`${client.id}/${token} ${what}`)
      this.#open.set(token, client.id)
      make()
    }
    const last = this.#bounds.at(-1) ?? 0
    const drawn = p.below(last + 1)
    const roll = this.#bounds.findIndex(bound => drawn < bound)
    if (roll <= 0) this.#openSomething(client)
    else if (roll === 1) {
      const closed = handle()
      this.story.push(`${client.id} close ${closed}`)
      qm.close(client.id, closed, { remove: p.chance(1, 3), purge: p.chance(1, 2) })
      if (any === client) client.handles.splice(client.handles.indexOf(closed), 1)
    } else if (roll === 2) call('put', () => qm.put(client.id, handle(), this.#request(unit()), token))
    else if (roll === 3) call('put one', () => qm.putOne(client.id, p.chance(1, 2) ? { kind: 'topic', topic: p.pick(this.#topics) } : { kind: 'queue', name: p.pick(this.#queues) }, this.#request(unit()), token))
    else if (roll === 4) {
      const match = p.chance(1, 5) ? { correlationId: Buffer.alloc(24, p.below(3)) } : {}
      const waitMs = p.pick([0, 0, 0, 10, 500, -1])
      call('get', () => qm.get(client.id, handle(), { mode: p.pick(this.#modes), unit: unit(), waitMs, match, ...(p.chance(1, 6) ? { bytesMax: p.below(5), acceptTruncated: p.chance(1, 2) } : {}) }, token))
    } else if (roll === 5 && any.deliveries.length > 0) {
      const ids = any.deliveries.splice(p.below(any.deliveries.length), p.between(1, 3))
      call('settle', () => qm.settle(client.id, ids, p.pick(['accept', 'release', 'reject']), unit(), token))
    } else if (roll === 6) {
      const begun = qm.begin(client.id)
      if (begun.ok) client.units.push(begun.value)
    } else if (roll === 7) {
      const ended = any.units.pop() ?? (88 as UnitId)
      const origin = p.chance(1, 3) ? { producer: Buffer.alloc(16, 1), sequence: p.below(100) } : null
      if (p.chance(2, 3)) call(`commit ${ended}`, () => qm.commit(client.id, ended, origin, token))
      else call(`backout ${ended}`, () => qm.backout(client.id, ended, token))
    } else if (roll === 8) qm.cancel(client.id, p.below(token + 1))
    else if (roll === 9) this.#administer()
    else if (roll === 10) this.#disconnect(client)
    else if (roll === 11) {
      this.#f.clock.advance(p.below(1_500))
      qm.onTick()
    } else if (roll === 12) qm.backOutOldestUnit()
    else if (roll === 13) this.#f.journal.isFull = p.chance(1, 3)
    else call('sync', () => qm.sync(client.id, token))
  }

  #request(unit: UnitId | null): ReturnType<typeof putRequest> {
    const p = this.#p
    const options = p.chance(1, 3) ? p.pick([report.arrival, report.delivery, report.expirationWithData, report.exception, report.arrival | report.delivery | report.expiration | report.exception | report.discard]) : 0
    return putRequest({
      body: 'x'.repeat(p.chance(1, 15) ? 300 : p.below(20)),
      persistent: p.chance(1, 2),
      unit,
      properties: new Map([['n', p.below(3)]]),
      descriptor: {
        correlationId: Buffer.alloc(24, p.below(3)),
        priority: p.between(-2, 11),
        expiry: p.chance(1, 4) ? p.below(15) : -1,
        report: options,
        replyToQueue: p.chance(1, 3) ? p.pick(this.#queues) : options === 0 ? '' : 'B'
      },
      request: { retain: p.chance(1, 4), origin: p.chance(1, 4) ? { producer: Buffer.alloc(16, p.below(2)), sequence: p.below(200) } : null }
    })
  }

  #openSomething(client: Client): void {
    const p = this.#p
    const selector = p.chance(1, 4) ? { selector: p.pick(['n = 1', 'n > 0 AND JMSPriority >= 4', 'not a selector at all'] as const) } : {}
    if (p.chance(1, 3)) {
      const durableName = p.chance(1, 2) ? p.pick(names) : null
      if (p.chance(1, 4)) this.#f.qm.unsubscribe(client.id, durableName ?? 'four')
      else {
        const subscribed = this.#f.qm.subscribe(client.id, { topic: p.pick(this.#topics), durableName, resume: p.chance(1, 2), ...selector })
        if (subscribed.ok) client.handles.push(subscribed.value.handle)
      }
      this.story.push(`${client.id} subscribe or unsubscribe ${durableName}`)
      return
    }
    const target = p.chance(1, 5) ? ({ kind: 'topic', topic: p.pick(this.#topics) } as const) : ({ kind: 'queue', name: p.pick(this.#queues), dynamicName: p.pick(['X.*', 'NAMED']) } as const)
    const opened = this.#f.qm.open(client.id, target, { ...(p.chance(2, 3) && target.kind === 'queue' ? { input: p.pick(['default', 'shared', 'shared', 'exclusive'] as const), browse: p.chance(1, 2) } : {}), output: p.chance(2, 3), ...selector })
    this.story.push(`${client.id} open ${target.kind === 'topic' ? target.topic : target.name} ${opened.ok ? opened.value.handle : opened.reason}`)
    if (opened.ok) client.handles.push(opened.value.handle)
  }

  #administer(): void {
    const p = this.#p
    const { qm } = this.#f
    const roll = p.below(8)
    this.story.push(`administer ${roll}`)
    if (roll === 0) qm.clear(p.pick(this.#queues))
    else if (roll === 1) qm.define({ type: 'QLOCAL', name: 'A', attributes: { MAXDEPTH: p.between(0, 20), GET: p.pick(['ENABLED', 'ENABLED', 'DISABLED']), PUT: p.pick(['ENABLED', 'ENABLED', 'DISABLED']), BOQNAME: p.pick(['', 'BACKOUT', 'NOT.THERE', 'A']) } })
    else if (roll === 2) qm.remove('QLOCAL', p.pick(this.#queues), { purge: p.chance(1, 2) })
    else if (roll === 3) qm.define({ type: 'QLOCAL', name: p.pick(['A', 'HIGH', 'B']), attributes: { MAXDEPTH: 20, NPMCLASS: 'HIGH' } })
    else if (roll === 4) qm.clearRetained(p.pick(this.#topics))
    else if (roll === 5) qm.define({ type: 'SUB', name: p.pick(names), attributes: { TOPICSTR: p.pick(this.#topics), DEST: '', DESTCLAS: 'MANAGED' } })
    else if (roll === 6) qm.remove('SUB', p.pick(names))
    else {
      const [first] = qm.connections()
      if (p.chance(1, 10)) qm.endConnection(first?.id ?? '')
      for (const event of qm.takeEvents()) this.#replace(event.connection)
    }
    qm.queueStatus('A')
    qm.topics()
    qm.subscriptions()
  }

  #disconnect(client: Client): void {
    const how = this.#p.pick(['orderly', 'broken'] as const)
    this.story.push(`${client.id} disconnect ${how}`)
    this.#f.qm.disconnect(client.id, how)
    this.#replace(client.id)
  }

  #replace(id: ConnectionId): void {
    this.#clients = this.#clients.map(each => (each.id === id ? { id: this.#f.connect(), handles: [], units: [], deliveries: [] } : each))
  }

  #force(): void {
    const { journal, qm } = this.#f
    const ahead = journal.cuts()
    journal.force(this.#p.chance(1, 3) ? this.#p.pick(ahead) : journal.end)
    qm.onForced()
    this.#collect()
  }

  #collect(): void {
    for (const { connection, token, answer } of this.#f.qm.takeAnswers()) {
      if (!this.#open.has(token) || this.#open.get(token) !== connection) throw new Error(`${connection}/${token} was answered, but did not ask, or was answered before: ${JSON.stringify(answer)}`)
      this.#open.delete(token)
      if (answer.kind === 'get' && answer.delivery !== null) this.#clients.find(each => each.id === connection)?.deliveries.push(answer.delivery)
    }
  }

  #crash(): void {
    const cuts = this.#f.journal.cuts()
    const cut = this.#p.pick(cuts)
    this.story.push(`crash at ${cut}`)
    this.#f.crash(lsn(cut))
    this.#open.clear()
    // A managed queue that lost its subscription was deleted by the start itself.
    this.#f.journal.force()
    this.#f.qm.onForced()
    this.#check()
    this.#connectAll()
  }

  /** What the log says is on the queues is on the queues. */
  #check(): void {
    const { journal, spool, qm } = this.#f
    const depths = qm.list('QLOCAL').reduce((sum, { name }) => sum + (qm.queueStatus(name)?.depth ?? 0), 0)
    if (depths !== qm.facts().messages) throw new Error(`queues hold ${depths} messages, the table ${qm.facts().messages}`)
    if (journal.unreleased() + spool.count !== depths) throw new Error(`queues hold ${depths} messages, log and spool ${journal.unreleased()} and ${spool.count}`)
  }

  #finish(): void {
    const { qm, journal, clock } = this.#f
    for (const { id } of this.#clients) qm.disconnect(id, 'broken')
    for (let round = 0; round < 5; round++) {
      clock.advance(5_000)
      for (let turns = 0; turns < 50; turns++) {
        const at = qm.nextDeadline()
        if (at === null || at > clock.now()) break
        qm.onTick()
      }
      journal.force()
      qm.onForced()
      this.#collect()
    }
    this.#check()
    if (this.#open.size > 0) throw new Error(`calls without an answer: ${[...this.#open].map(([token, connection]) => `${connection}/${token}`).join(' ')}`)
    for (const { name, attributes } of qm.list('QLOCAL')) {
      if (attributes['DEFTYPE'] === 'TEMPDYN') throw new Error(`${name} outlived its maker`)
      const status = qm.queueStatus(name)
      if (status?.hasUncommitted !== false || status.openInput !== 0 || status.openOutput !== 0) throw new Error(`${name} is still in use: ${JSON.stringify(status)}`)
    }
    if (qm.subscriptions().some(({ isDurable }) => !isDurable)) throw new Error('a subscription outlived its connection')
  }
}
