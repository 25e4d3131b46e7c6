/**
 * An `Administration` and `Facilities` in memory, for tests of MQSC: definitions in a map, and facts a test sets.
 * It refuses what the core refuses (open queues, queues with messages), so that MQSC's answers can be tried.
 */

import type {
  AdminOutcome,
  Administration,
  BegunClear,
  ChannelStatus,
  ConnectionStatus,
  Facilities,
  HandleStatus,
  ListenerStatus,
  LogStatus,
  QueueStatus,
  SubscriptionStatus,
  TopicStatus
} from '../../../src/mq/core/administration.js'
import { definitionKey, isQueueType, numberOf, textOf } from '../../../src/mq/core/definition.js'
import type { ObjectDefinition, ObjectType } from '../../../src/mq/core/definition.js'
import { lsn, type Lsn } from '../../../src/mq/core/journal.js'
import { reasons } from '../../../src/mq/core/reason.js'
import type { Reason } from '../../../src/mq/core/reason.js'
import { defaultQueueManager, systemObjects } from '../../../src/mq/mqsc/system-objects.js'

/** 2026-05-12 05:53:55 UTC. */
export const fakeWallMs = Date.UTC(2026, 4, 12, 5, 53, 55)

export class FakeAdministration implements Administration {
  readonly name: string
  readonly qmid: string
  readonly #objects = new Map<string, ObjectDefinition>()
  readonly depths = new Map<string, number>()
  readonly openHandles: HandleStatus[] = []
  readonly openConnections: ConnectionStatus[] = []
  readonly subscribed: SubscriptionStatus[] = []
  readonly publishedTo: TopicStatus[] = []
  /** When set, the next change is refused for this reason. */
  refuseNext: Reason | null = null
  #end = 1000

  constructor(name = 'QM1') {
    this.name = name
    this.qmid = `${name}_2026-05-12_05.53.55`
    for (const definition of [defaultQueueManager(name, {}, fakeWallMs), ...systemObjects(fakeWallMs)]) this.#objects.set(definitionKey(definition), definition)
  }

  list(type: ObjectType): readonly ObjectDefinition[] {
    return [...this.#objects.values()].filter(definition => definition.type === type).sort((left, right) => (left.name < right.name ? -1 : 1))
  }

  find(type: ObjectType, name: string): ObjectDefinition | null {
    const found = this.#objects.get(definitionKey({ type, name }))
    return found?.type === type ? found : null
  }

  findQueue(name: string): ObjectDefinition | null {
    return this.#objects.get(definitionKey({ type: 'QLOCAL', name })) ?? null
  }

  define(definition: ObjectDefinition, options: { readonly force?: boolean } = {}): AdminOutcome {
    const before = this.#objects.get(definitionKey(definition))
    const isTouching = ['SHARE', 'USAGE', 'TARGET', 'XMITQ', 'RNAME', 'RQMNAME'].some(name => before !== undefined && before.attributes[name] !== definition.attributes[name])
    if (isTouching && options.force !== true && this.handles(definition.name).length > 0) return { ok: false, reason: reasons.objectInUse }
    return this.#change(() => this.#objects.set(definitionKey(definition), definition))
  }

  remove(type: ObjectType, name: string, options: { readonly purge?: boolean } = {}): AdminOutcome {
    const found = isQueueType(type) ? this.findQueue(name) : this.find(type, name)
    if (found === null) return { ok: false, reason: reasons.unknownObjectName }
    if (this.handles(name).length > 0) return { ok: false, reason: reasons.objectInUse }
    if ((this.depths.get(name) ?? 0) > 0 && options.purge !== true) return { ok: false, reason: reasons.queueNotEmpty }
    return this.#change(() => this.#objects.delete(definitionKey(found)))
  }

  clear(queue: string): AdminOutcome {
    if (this.handles(queue).length > 0) return { ok: false, reason: reasons.objectInUse }
    return this.#change(() => this.depths.delete(queue))
  }

  beginClear(queue: string): BegunClear {
    if (this.handles(queue).length > 0) return { ok: false, reason: reasons.objectInUse }
    const next = (): { readonly isDone: boolean; readonly end: Lsn } => {
      const outcome = this.clear(queue)
      return { isDone: true, end: outcome.ok ? outcome.end : lsn(0) }
    }
    return { ok: true, clearing: { next } }
  }

  clearRetained(): AdminOutcome {
    return this.#change(() => undefined)
  }

  queueStatus(name: string): QueueStatus | null {
    if (this.find('QLOCAL', name) === null) return null
    const depth = this.depths.get(name) ?? 0
    const handles = this.handles(name)
    return {
      name,
      depth,
      openInput: handles.filter(handle => handle.input !== 'NO').length,
      openOutput: handles.filter(handle => handle.output).length,
      hasUncommitted: false,
      oldestSeconds: depth === 0 ? null : 42,
      lastPutMs: depth === 0 ? null : fakeWallMs - 42_000,
      lastGetMs: null
    }
  }

  handles(queue: string): readonly HandleStatus[] {
    return this.openHandles.filter(handle => handle.queue === queue)
  }

  connections(): readonly ConnectionStatus[] {
    return this.openConnections
  }

  endConnection(id: string): boolean {
    const at = this.openConnections.findIndex(connection => connection.id === id)
    if (at >= 0) this.openConnections.splice(at, 1)
    return at >= 0
  }

  subscriptions(): readonly SubscriptionStatus[] {
    return this.subscribed
  }

  topics(): readonly TopicStatus[] {
    return this.publishedTo
  }

  #change(change: () => unknown): AdminOutcome {
    if (this.refuseNext !== null) {
      const reason = this.refuseNext
      this.refuseNext = null
      return { ok: false, reason }
    }
    change()
    this.#end += 100
    return { ok: true, end: lsn(this.#end) }
  }
}

export class FakeFacilities implements Facilities {
  readonly hostName = 'node1'
  readonly processId = 4711
  readonly startedMs = fakeWallMs
  readonly version = '0.1.0'
  readonly running: ListenerStatus[] = []
  readonly instances: ChannelStatus[] = []
  readonly calls: string[] = []
  logType: 'CIRCULAR' | 'LINEAR' = 'CIRCULAR'
  /** What the next START LISTENER is answered. */
  listenerProblem: string | null = null

  dataPath(): string {
    return '/var/mqm/qmgrs/QM1'
  }

  status(): 'RUNNING' {
    return 'RUNNING'
  }

  log(): LogStatus {
    return {
      type: this.logType,
      path: '/var/mqm/log/QM1/active/',
      primary: 3,
      secondary: 2,
      extentBytes: 16_777_216,
      currentExtent: 'S0000002.LOG',
      restartExtent: 'S0000001.LOG',
      mediaExtent: this.logType === 'LINEAR' ? 'S0000000.LOG' : '',
      inUse: 13,
      diskLsn: '<0:0:79:38170>',
      checkpoints: 893
    }
  }

  listeners(): readonly ListenerStatus[] {
    return this.running
  }

  async startListener(definition: ObjectDefinition): Promise<string | null> {
    const problem = this.listenerProblem
    this.listenerProblem = null
    if (problem !== null) return problem
    this.running.push({
      name: definition.name,
      status: 'RUNNING',
      processId: this.processId,
      port: numberOf(definition, 'PORT') || 1414,
      address: textOf(definition, 'IPADDR'),
      backlog: numberOf(definition, 'BACKLOG') || 100,
      startedMs: fakeWallMs + 1000
    })
    return null
  }

  async stopListener(name: string): Promise<string | null> {
    const at = this.running.findIndex(listener => listener.name === name)
    if (at >= 0) this.running.splice(at, 1)
    return null
  }

  channels(): readonly ChannelStatus[] {
    return this.instances
  }

  stopChannel(name: string, how: { readonly mode: string; readonly leave: string; readonly connectionName?: string }): number {
    this.calls.push(`stop ${name} ${how.mode} ${how.leave} ${how.connectionName ?? '*'}`)
    const kept = this.instances.filter(instance => instance.channel !== name)
    const ended = this.instances.length - kept.length
    this.instances.splice(0, this.instances.length, ...kept)
    return ended
  }

  startChannel(name: string): void {
    this.calls.push(`start ${name}`)
  }

  refreshSecurity(): void {
    this.calls.push('refresh security')
  }

  wallMs(): number {
    return fakeWallMs + 60_000
  }

  async nextTurn(): Promise<void> {
    this.calls.push('next turn')
    await Promise.resolve()
  }

  async forcedTo(): Promise<void> {
    await Promise.resolve()
  }

  async recordImage(): Promise<string | null> {
    return null
  }
}

export interface FakeEnvironment {
  readonly administration: FakeAdministration
  readonly facilities: FakeFacilities
}

export const fakeEnvironment = (name?: string): FakeEnvironment => ({ administration: new FakeAdministration(name), facilities: new FakeFacilities() })

/** A program with a queue open, on a connection of its own. */
export function openFor(environment: FakeEnvironment, queue: string, how: 'input' | 'output'): void {
  const { openConnections, openHandles } = environment.administration
  const id = (0x6147_ba68_0000_0000n + BigInt(openConnections.length + 1)).toString(16).toUpperCase().padStart(16, '0')
  const who = { applicationTag: 'amqsget', channel: 'HA.CHANNEL', connectionName: '10.0.0.7', user: 'app', processId: 3079 }
  openConnections.push({ id, kind: 'client', ...who, unitStartedMs: null, connectedMs: fakeWallMs, puts: 0, gets: 0 })
  openHandles.push({ queue, connection: id, ...who, input: how === 'input' ? 'SHARED' : 'NO', output: how === 'output', browse: false, inquire: false })
}

/** A running instance of a channel. */
export const channelInstance = (channel: string, connectionName = '10.0.0.7'): ChannelStatus => ({
  channel,
  type: 'SVRCONN',
  connectionName,
  status: 'RUNNING',
  user: 'app',
  applicationTag: 'amqsget',
  heartbeatSeconds: 300,
  messages: 12,
  bytesSent: 3456,
  bytesReceived: 789,
  startedMs: fakeWallMs,
  lastMessageMs: fakeWallMs + 5000
})
