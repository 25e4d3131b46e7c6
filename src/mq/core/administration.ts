/**
 * What MQSC needs to see and change. The core implements `Administration`; the process around it implements
 * `Facilities` (listeners, channels' sockets, host facts). Types only.
 */

import type { ObjectDefinition, ObjectType } from './definition.js'
import type { Lsn } from './journal.js'
import type { Reason } from './reason.js'

/** A change is answered when the log is forced up to `end`. */
export type AdminOutcome = { readonly ok: true; readonly end: Lsn } | { readonly ok: false; readonly reason: Reason }

/** The clearing of a queue. What is put meanwhile stays. Call `next` until it says that it is done. */
export interface Clearing {
  next(): { readonly isDone: boolean; readonly end: Lsn }
}

export type BegunClear = { readonly ok: true; readonly clearing: Clearing } | { readonly ok: false; readonly reason: Reason }

export interface QueueStatus {
  readonly name: string
  readonly depth: number
  readonly openInput: number
  readonly openOutput: number
  readonly hasUncommitted: boolean
  /** Age of the oldest message in seconds; null when empty. */
  readonly oldestSeconds: number | null
  /** Wall-clock milliseconds of the last put and get since start; null when none. */
  readonly lastPutMs: number | null
  readonly lastGetMs: number | null
}

export interface HandleStatus {
  readonly queue: string
  readonly connection: string
  readonly applicationTag: string
  readonly channel: string
  readonly connectionName: string
  readonly user: string
  readonly processId: number
  readonly input: 'NO' | 'SHARED' | 'EXCL'
  readonly output: boolean
  readonly browse: boolean
  readonly inquire: boolean
}

export interface ConnectionStatus {
  /** 16 hexadecimal digits; the CONN keyword. */
  readonly id: string
  readonly kind: 'local' | 'client' | 'stomp' | 'rest' | 'internal'
  readonly applicationTag: string
  readonly channel: string
  readonly connectionName: string
  readonly user: string
  readonly processId: number
  /** Wall-clock milliseconds of the first operation of its open unit of work; null when none is open. */
  readonly unitStartedMs: number | null
  readonly connectedMs: number
  readonly puts: number
  readonly gets: number
}

export interface SubscriptionStatus {
  readonly name: string
  readonly topic: string
  readonly destination: string
  readonly isDurable: boolean
  readonly messages: number
}

export interface TopicStatus {
  readonly topic: string
  readonly publishers: number
  readonly subscribers: number
  readonly isRetained: boolean
}

export interface Administration {
  readonly name: string
  readonly qmid: string
  /** Definitions of a type in name order; QMGR has one. */
  list(type: ObjectType): readonly ObjectDefinition[]
  find(type: ObjectType, name: string): ObjectDefinition | null
  /** Any queue of that name, whatever its type. */
  findQueue(name: string): ObjectDefinition | null
  /** Creates, or replaces the attributes of an existing object of the same type; messages stay. 2042 when open handles forbid. */
  define(definition: ObjectDefinition, options?: { readonly force?: boolean }): AdminOutcome
  /** 2085 unknown, 2042 open, 2055 has messages and no `purge`. */
  remove(type: ObjectType, name: string, options?: { readonly purge?: boolean }): AdminOutcome
  /** 2042 open for input, 2055 uncommitted messages. All at once; see `beginClear`. */
  clear(queue: string): AdminOutcome
  /** As `clear`, in slices, so that others are served in between. Nobody can get from the queue until the last one. */
  beginClear(queue: string): BegunClear
  clearRetained(topic: string): AdminOutcome
  queueStatus(name: string): QueueStatus | null
  handles(queue: string): readonly HandleStatus[]
  connections(): readonly ConnectionStatus[]
  /** False when unknown. */
  endConnection(id: string): boolean
  subscriptions(): readonly SubscriptionStatus[]
  topics(): readonly TopicStatus[]
}

export interface ListenerStatus {
  readonly name: string
  readonly status: 'STARTING' | 'RUNNING' | 'STOPPING'
  readonly processId: number
  readonly port: number
  readonly address: string
  readonly backlog: number
  readonly startedMs: number
}

export interface ChannelStatus {
  readonly channel: string
  readonly type: string
  readonly connectionName: string
  readonly status: 'RUNNING' | 'STOPPED' | 'STARTING' | 'STOPPING' | 'INACTIVE'
  readonly user: string
  readonly applicationTag: string
  readonly heartbeatSeconds: number
  readonly messages: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly startedMs: number
  readonly lastMessageMs: number | null
}

export interface LogStatus {
  readonly type: 'CIRCULAR' | 'LINEAR'
  readonly path: string
  readonly primary: number
  readonly secondary: number
  readonly extentBytes: number
  /** Extent being written, oldest needed for restart, oldest needed for media recovery ('' when circular). */
  readonly currentExtent: string
  readonly restartExtent: string
  readonly mediaExtent: string
  /** Per cent of primary and secondary space. */
  readonly inUse: number
  readonly diskLsn: string
  readonly checkpoints: number
}

export interface Facilities {
  readonly hostName: string
  readonly processId: number
  readonly startedMs: number
  readonly version: string
  dataPath(): string
  status(): 'STARTING' | 'RUNNING' | 'QUIESCING'
  log(): LogStatus
  listeners(): readonly ListenerStatus[]
  /** Resolves to null when it listens, or to a sentence why not. `AMQ9255` when it runs already is the caller's check. */
  startListener(definition: ObjectDefinition): Promise<string | null>
  stopListener(name: string): Promise<string | null>
  channels(): readonly ChannelStatus[]
  /** Stops running instances, and refuses new ones until started (`stopped`), or only ends them (`inactive`). Number ended. */
  stopChannel(name: string, how: { readonly mode: 'quiesce' | 'force' | 'terminate'; readonly leave: 'stopped' | 'inactive'; readonly connectionName?: string }): number
  startChannel(name: string): void
  /** Rules, passwords and certificates are read again. */
  refreshSecurity(): void
  /** Wall-clock milliseconds, for dates in displays. */
  wallMs(): number
  /** Lets everything else that is ready run first. */
  nextTurn(): Promise<void>
  /** Waits until the log is forced up to here. Rejects with HaError when the queue manager ends first. */
  forcedTo(end: Lsn): Promise<void>
  /** Records media images of the queues of these names; linear logs only. Resolves to a sentence when it cannot. */
  recordImage(queues: readonly string[]): Promise<string | null>
}
