/** What a connection has: handles, open units of work, waiting gets, messages delivered and not settled. Data only. */

import type { CatalogEntry } from './objects/catalog.js'
import type { ConnectionId, ConnectOptions, DeliveryId, HandleId, Token, UnitId } from './engine.js'
import type { GetCall } from './get-call.js'
import type { PutDefaults } from './outgoing.js'
import type { Queue, Cursor } from './queue.js'
import type { Selector } from './selector.js'
import type { Subscription } from './subscription.js'
import type { Unit } from './unit-of-work.js'

export interface Handle {
  readonly id: HandleId
  readonly connection: Connection
  /** null for a topic. */
  readonly queue: Queue | null
  /** Full topic string, for topics. */
  readonly topic: string | null
  /** What the topic says for priority and persistence. */
  readonly topicDefaults: PutDefaults | null
  /** The alias it was opened by; its inhibitions count too. */
  readonly alias: CatalogEntry | null
  readonly input: 'none' | 'shared' | 'exclusive'
  readonly browse: boolean
  readonly output: boolean
  readonly inquire: boolean
  readonly selector: Selector | null
  /** Where the browse cursor stands; null unless open for browse. */
  readonly cursor: Cursor | null
  /** With a selector: nothing available up to here is selected, so gets begin behind it; null unless open for input. */
  readonly passed: Cursor | null
  /** It created the temporary queue, which goes with it. */
  ownsQueue: boolean
  /** The subscription whose queue this is. */
  subscription: Subscription | null
  /** The definition it was opened through changed by force: 2041 from now on. */
  isStale: boolean
  readonly calls: Set<GetCall>
}

export interface Delivery {
  readonly slot: number
  readonly order: number
}

export class Connection {
  readonly id: ConnectionId
  /** 16 hexadecimal digits, the CONN keyword. */
  readonly name: string
  readonly options: ConnectOptions
  readonly connectedMs: number
  readonly handles = new Map<HandleId, Handle>()
  readonly units = new Map<UnitId, Unit>()
  readonly waits = new Map<Token, GetCall>()
  /** In the order in which they were delivered. */
  readonly deliveries = new Map<DeliveryId, Delivery>()
  /** The latest delivery that the program has settled: it has looked at all before. */
  settledLast = 0 as DeliveryId
  readonly userIdentifier: string
  readonly applicationName: string
  puts = 0
  gets = 0
  nextId = 1

  constructor(id: ConnectionId, name: string, options: ConnectOptions, connectedMs: number) {
    this.id = id
    this.name = name
    this.options = options
    this.connectedMs = connectedMs
    this.userIdentifier = options.user.slice(0, 12)
    this.applicationName = options.applicationTag.slice(0, 28)
  }
}
