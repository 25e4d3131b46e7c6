/** A queue manager on a fake log and a clock that the test moves, and short words to use it with. */

import { instant } from '../../../src/base/units.js'
import type { AttributeValue, ObjectDefinition, ObjectType } from '../../../src/mq/core/definition.js'
import type {
  Answer,
  ConnectionId,
  DeliveryId,
  GetAnswer,
  GetRequest,
  HandleId,
  MqClock,
  OpenedObject,
  OpenOptions,
  OpenTarget,
  PutAnswer,
  PutRequest,
  Subscribed,
  SubscribeRequest,
  UnitId
} from '../../../src/mq/core/engine.js'
import type { Lsn } from '../../../src/mq/core/journal.js'
import { defaultDescriptor, noProperties, type Descriptor, type Properties } from '../../../src/mq/core/message.js'
import { QueueManager } from '../../../src/mq/core/queue-manager.js'
import { FakeJournal, FakeSpool } from './fake-journal.js'

export class FakeClock implements MqClock {
  ms = 1_000
  /** 2026-03-01 12:00:00 UTC at the start. */
  wall = 1_772_366_400_000

  now(): ReturnType<typeof instant> {
    return instant(this.ms)
  }

  wallMs(): number {
    return this.wall
  }

  advance(ms: number): void {
    this.ms += ms
    this.wall += ms
  }
}

/** Attributes of our own objects, as few as do; the real tables are MQSC's. */
const defaults = (type: ObjectType): ObjectDefinition['attributes'] => (type === 'QLOCAL' ? { MAXDEPTH: 5000, MAXMSGL: 4_194_304 } : {})

export interface PutOptions {
  readonly body?: string | Buffer
  readonly persistent?: boolean
  readonly descriptor?: Partial<Descriptor>
  readonly properties?: Properties
  readonly request?: Partial<PutRequest>
  readonly unit?: UnitId | null
}

export const putRequest = (options: PutOptions): PutRequest => ({
  message: {
    descriptor: { ...defaultDescriptor, persistence: options.persistent === false ? 0 : options.persistent === true ? 1 : 2, ...options.descriptor },
    properties: options.properties ?? noProperties,
    body: typeof options.body === 'string' ? Buffer.from(options.body) : (options.body ?? Buffer.alloc(0))
  },
  unit: options.unit ?? null,
  ...options.request
})

export class CoreFixture {
  readonly clock: FakeClock
  journal: FakeJournal
  spool: FakeSpool
  qm: QueueManager
  epoch = 1
  /** Forces after every call, so that answers come at once; off to see what waits for the log. */
  forcing = true
  readonly answers = new Map<string, Answer>()
  #token = 0

  constructor() {
    this.clock = new FakeClock()
    this.journal = new FakeJournal()
    this.spool = new FakeSpool()
    this.qm = this.#start(null)
  }

  #start(restored: ConstructorParameters<typeof QueueManager>[0]['restored']): QueueManager {
    return new QueueManager({
      name: 'QM1',
      qmid: 'QM1_2026-03-01_12.00.00',
      clock: this.clock,
      journal: this.journal,
      spool: this.spool,
      restored,
      defaultsFor: defaults
    })
  }

  /** Power loss and restart; what was not forced is lost, unless the cut says otherwise. */
  crash(cut?: Lsn): void {
    const after = this.journal.crash(this.epoch, cut)
    this.epoch++
    this.journal = after.journal
    this.spool = new FakeSpool()
    this.answers.clear()
    this.qm = this.#start(after.restored)
  }

  force(): void {
    this.journal.force()
    this.qm.onForced()
    this.collect()
  }

  tick(ms = 0): void {
    this.clock.advance(ms)
    this.qm.onTick()
    this.settleLog()
  }

  /** Ticks until nothing is due any more. */
  run(): void {
    for (let turns = 0; turns < 10_000; turns++) {
      const at = this.qm.nextDeadline()
      if (at === null || at > this.clock.now()) return
      this.tick()
    }
    throw new Error('there is always something due')
  }

  settleLog(): void {
    this.collect()
    for (let rounds = 0; this.forcing && this.journal.end > this.journal.forced && rounds < 100; rounds++) this.force()
  }

  collect(): void {
    for (const { connection, token, answer } of this.qm.takeAnswers()) this.answers.set(`${connection}/${token}`, answer)
  }

  answerOf(connection: ConnectionId, token: number): Answer | undefined {
    return this.answers.get(`${connection}/${token}`)
  }

  define(type: ObjectType, name: string, attributes: Record<string, AttributeValue> = {}): void {
    const outcome = this.qm.define({ type, name, attributes: { ...defaults(type), ...attributes } })
    if (!outcome.ok) throw new Error(`define ${type} ${name}: ${outcome.reason}`)
    this.settleLog()
  }

  connect(user = 'alice', applicationTag = 'test'): ConnectionId {
    const connected = this.qm.connect({ kind: 'local', applicationTag, user, channel: '', connectionName: '', processId: 7 })
    if (!connected.ok) throw new Error(`connect: ${connected.reason}`)
    return connected.value
  }

  open(connection: ConnectionId, name: string, options: OpenOptions = { input: 'shared', output: true, browse: true, inquire: true }): HandleId {
    return this.openTarget(connection, { kind: 'queue', name }, options).handle
  }

  openTarget(connection: ConnectionId, target: OpenTarget, options: OpenOptions): OpenedObject {
    const opened = this.qm.open(connection, target, options)
    if (!opened.ok) throw new Error(`open ${JSON.stringify(target)}: ${opened.reason}`)
    this.settleLog()
    return opened.value
  }

  subscribe(connection: ConnectionId, topic: string, request: Partial<SubscribeRequest> = {}): Subscribed {
    const subscribed = this.qm.subscribe(connection, { topic, durableName: null, ...request })
    if (!subscribed.ok) throw new Error(`subscribe ${topic}: ${subscribed.reason}`)
    this.settleLog()
    return subscribed.value
  }

  /** Publishes once; the reason. */
  publish(connection: ConnectionId, topic: string, options: PutOptions = {}): number | undefined {
    return this.call(connection, token => this.qm.putOne(connection, { kind: 'topic', topic }, putRequest(options), token))?.reason
  }

  settle(connection: ConnectionId, deliveries: readonly (DeliveryId | null | undefined)[], verdict: 'accept' | 'release' | 'reject', unit: UnitId | null = null): number | undefined {
    const ids = deliveries.map(id => id ?? (-1 as DeliveryId))
    return this.call(connection, token => this.qm.settle(connection, ids, verdict, unit, token))?.reason
  }

  begin(connection: ConnectionId): UnitId {
    const begun = this.qm.begin(connection)
    if (!begun.ok) throw new Error(`begin: ${begun.reason}`)
    return begun.value
  }

  /** Makes a call and gives its answer, or undefined when it is still to come under `lastToken`. */
  call(connection: ConnectionId, make: (token: number) => void): Answer | undefined {
    const token = ++this.#token
    make(token)
    this.settleLog()
    return this.answerOf(connection, token)
  }

  get lastToken(): number {
    return this.#token
  }

  put(connection: ConnectionId, handle: HandleId, options: PutOptions = {}): PutAnswer | undefined {
    return this.call(connection, token => this.qm.put(connection, handle, putRequest(options), token)) as PutAnswer | undefined
  }

  get(connection: ConnectionId, handle: HandleId, request: Partial<GetRequest> = {}): GetAnswer | undefined {
    return this.call(connection, token => this.qm.get(connection, handle, { mode: 'get', unit: null, waitMs: 0, ...request }, token)) as GetAnswer | undefined
  }

  /** Body of the next message, or the reason why there is none. */
  text(connection: ConnectionId, handle: HandleId, request: Partial<GetRequest> = {}): string | number | undefined {
    const answer = this.get(connection, handle, request)
    if (answer === undefined) return undefined
    return answer.message === null ? answer.reason : answer.message.body.toString()
  }

  /** The reason of a commit, 0 when done. */
  commit(connection: ConnectionId, unit: UnitId): number | undefined {
    return this.call(connection, token => this.qm.commit(connection, unit, null, token))?.reason
  }

  backout(connection: ConnectionId, unit: UnitId): number | undefined {
    return this.call(connection, token => this.qm.backout(connection, unit, token))?.reason
  }

  depth(queue: string): number {
    return this.qm.queueStatus(queue)?.depth ?? -1
  }
}
