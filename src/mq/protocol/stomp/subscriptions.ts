/**
 * The subscriptions of one connection: gets out, MESSAGE frames in, acknowledgements back.
 *
 * Each subscription has one get open at a time, and only while the peer reads, its prefetch has room, and the connection
 * has not too many unacknowledged messages; so what we hold for a slow consumer is bounded by what the socket holds. Gets
 * answered at once bring their messages into the outbox before we can see how large they are, so within one event only
 * so many are made as fit a few megabytes by the sizes seen lately.
 *
 * Messages are got under lock. `auto` accepts them when they were handed to the socket; the client's modes when it says so.
 *
 * Poison: a message whose backout count has reached BOTHRESH is rejected (BOQNAME, dead-letter queue), at NACK or when it
 * turns up again after connections broke. One that nobody takes is delivered all the same.
 */

import type { Answer, DeliveryId, GetAnswer, GetRequest, HandleId, Result, SettleVerdict } from '../../core/engine.js'
import { reasons } from '../../core/reason.js'
import { PlainCall, type Host } from './calls.js'
import { shown } from './frame.js'
import { messagePrefix, MessageFrames } from './message-frame.js'
import { engineRefusal, malformed, refusal, type Refusal } from './refusal.js'
import { durableNameOf, isTrue, subscribeRequest, type SubscribeRequest } from './subscribe-request.js'
import { Subscription, type Delivery } from './subscription.js'
import { Transaction, type Transactions } from './transactions.js'

const unseenBytesMax = 4 * 1024 * 1024
const unseenMax = 64
/** Acknowledgements that wait to be made known together; never beyond the event they came in. */
const acceptedMax = 256

export class Subscriptions {
  readonly #host: Host
  readonly #transactions: Transactions
  readonly #temporaryQueue: (word: string) => Result<string>
  readonly #open = new Map<string, Subscription>()
  readonly #frames = new MessageFrames()
  readonly #getRequest: GetRequest
  /** By `ack` header, of all subscriptions. */
  readonly #byAck = new Map<string, Delivery>()
  /** Deliveries that went back at UNSUBSCRIBE; acknowledgements of them may be on their way. */
  readonly #gone = new Set<string>()
  #accepted: DeliveryId[] = []
  #unacknowledged = 0
  /** Gets made since answers were seen last. */
  #unseen = 0
  #messageBytes = 64 * 1024
  /** Some subscription may get more and was not let. */
  #isStarved = false
  #isStopped = false

  constructor(host: Host, transactions: Transactions, temporaryQueue: (word: string) => Result<string>) {
    this.#host = host
    this.#transactions = transactions
    this.#temporaryQueue = temporaryQueue
    this.#getRequest = Object.freeze({ mode: 'lock', unit: null, waitMs: -1, bytesMax: host.messageBytesMax, acceptTruncated: false })
  }

  get unacknowledged(): number {
    return this.#unacknowledged
  }

  /** More gets are to be made as soon as the answers of those made are seen. */
  get isAhead(): boolean {
    return this.#isStarved && !this.#isStopped && this.#host.isWritable && this.#unacknowledged < this.#host.limits.unacknowledgedMax
  }

  // --- SUBSCRIBE, UNSUBSCRIBE -----------------------------------------------------------------------------------------------

  subscribe(headers: ReadonlyMap<string, string>, receipt: string | null): Refusal | null {
    const { version, limits } = this.#host
    const request = subscribeRequest(headers, version, limits.unacknowledgedMax)
    if (!request.ok) return request
    if (this.#open.has(request.key)) return malformed(`there is a subscription ${shown(request.key)} already`)
    if (this.#open.size >= limits.subscriptionsMax) return refusal(reasons.handleNotAvailable, `more than ${limits.subscriptionsMax} subscriptions`)
    const durableName = this.#durableName(request.durable)
    if (typeof durableName === 'object' && durableName !== null) return durableName
    const opened = this.#attach(request, durableName)
    if (!opened.ok) return engineRefusal(opened.reason, `SUBSCRIBE to ${request.text}`)
    const isTopic = request.destination.kind === 'topic'
    const subscription = new Subscription(
      {
        key: request.key,
        destination: request.text,
        isTopic,
        mode: request.mode,
        prefetch: request.prefetch,
        handle: opened.value,
        durableName,
        prefix: messagePrefix(request.id, isTopic ? null : request.text, version)
      },
      this.#onGot
    )
    subscription.token = this.#host.calls.reserve(subscription)
    this.#open.set(request.key, subscription)
    if (durableName === null) this.#host.acknowledge(receipt)
    else this.#whenDurable(`SUBSCRIBE to ${request.text}`, receipt)
    this.#pump(subscription)
    return null
  }

  unsubscribe(headers: ReadonlyMap<string, string>, receipt: string | null): Refusal | null {
    const { engine, connection } = this.#host
    const key = headers.get('id') ?? headers.get('destination')
    const subscription = key === undefined ? undefined : this.#open.get(key)
    // Without a name of its own, `durable:true` means the name that the subscription has.
    const durableName = this.#durableName(isTrue(headers.get('durable')) && subscription?.facts.durableName != null ? null : durableNameOf(headers))
    if (typeof durableName === 'object' && durableName !== null) return durableName
    const ended = durableName ?? (isTrue(headers.get('durable')) ? (subscription?.facts.durableName ?? null) : null)
    if (subscription === undefined && ended === null) return malformed(key === undefined ? 'UNSUBSCRIBE without id' : `there is no subscription ${shown(key)}`)
    if (subscription !== undefined) this.#close(subscription)
    if (ended === null) {
      this.#host.acknowledge(receipt)
      return null
    }
    const result = engine.unsubscribe(connection, ended)
    if (!result.ok) return engineRefusal(result.reason, `UNSUBSCRIBE ${ended}`)
    this.#whenDurable('UNSUBSCRIBE', receipt)
    return null
  }

  #attach(request: SubscribeRequest, durableName: string | null): Result<HandleId> {
    const { engine, connection } = this.#host
    const { destination } = request
    const selector = request.selector === '' ? {} : { selector: request.selector }
    if (destination.kind === 'topic') {
      const subscribed = engine.subscribe(connection, { topic: destination.topic, durableName, ...selector, resume: true, create: true })
      return subscribed.ok ? { ok: true, value: subscribed.value.handle } : subscribed
    }
    let name: string
    let queueManager = ''
    if (destination.kind === 'queue') ({ name, queueManager } = destination)
    else {
      const temporary = this.#temporaryQueue(destination.word)
      if (!temporary.ok) return temporary
      name = temporary.value
    }
    const opened = engine.open(connection, { kind: 'queue', name, queueManager }, { input: request.isExclusive ? 'exclusive' : 'default', inquire: true, ...selector })
    return opened.ok ? { ok: true, value: opened.value.handle } : opened
  }

  #durableName(name: string | null): string | Refusal | null {
    if (name === null) return null
    const { clientId } = this.#host
    return clientId === null ? malformed('a durable subscription needs client-id in CONNECT') : `${clientId}:${name}`
  }

  #whenDurable(what: string, receipt: string | null): void {
    const { engine, connection, calls } = this.#host
    if (receipt !== null) engine.sync(connection, calls.open(new PlainCall(this.#host, what, receipt)))
  }

  #close(subscription: Subscription): void {
    const { engine, connection, calls } = this.#host
    subscription.isClosed = true
    this.#open.delete(subscription.facts.key)
    // First, or the open get would have what goes back.
    this.#cancel(subscription)
    const left = [...subscription.unacknowledged.values()]
    for (const delivery of left) {
      this.#take(delivery)
      this.#remember(delivery)
    }
    this.#settle(left.map(delivery => delivery.id), 'abandon')
    if (!subscription.isGetting) calls.release(subscription.token)
    engine.close(connection, subscription.facts.handle)
    this.#pumpStarved()
  }

  // --- Gets -------------------------------------------------------------------------------------------------------------

  /** A new event: the answers of the gets before it have been seen. */
  onEvent(): void {
    this.#unseen = 0
    this.#pumpStarved()
  }

  /** The peer reads slowly, or acknowledges nothing: waits are ended, since each could bring a message. */
  hold(): void {
    this.#isStarved = true
    for (const subscription of this.#open.values()) this.#cancel(subscription)
  }

  /** No more messages; those under way go back. */
  stop(): void {
    this.#isStopped = true
    for (const subscription of this.#open.values()) {
      subscription.isClosed = true
      this.#cancel(subscription)
    }
  }

  #cancel(subscription: Subscription): void {
    if (subscription.isGetting) this.#host.engine.cancel(this.#host.connection, subscription.token)
  }

  #pumpStarved(): void {
    if (!this.#isStarved || this.#isStopped) return
    this.#isStarved = false
    for (const subscription of this.#open.values()) this.#pump(subscription)
  }

  #pump(subscription: Subscription): void {
    if (subscription.isGetting || subscription.isClosed || !subscription.hasRoom) return
    const { engine, connection, isWritable, limits } = this.#host
    const unseenNow = Math.max(1, Math.min(unseenMax, Math.floor(unseenBytesMax / this.#messageBytes)))
    if (!isWritable || this.#unacknowledged + this.#unseen >= limits.unacknowledgedMax || this.#unseen >= unseenNow) {
      this.#isStarved = true
      return
    }
    this.#unseen += 1
    subscription.isGetting = true
    engine.get(connection, subscription.facts.handle, this.#getRequest, subscription.token)
  }

  readonly #onGot = (subscription: Subscription, answer: Answer): void => {
    subscription.isGetting = false
    if (this.#unseen > 0) this.#unseen -= 1
    if (answer.kind !== 'get') return
    if (subscription.isClosed) {
      this.#host.calls.release(subscription.token)
      if (answer.delivery !== null) this.#settle([answer.delivery], 'unseen')
      return
    }
    if (answer.message !== null && answer.delivery !== null) {
      // Up at once, down slowly: a large message among small ones is remembered for a while.
      this.#messageBytes = Math.max(answer.bodyBytes, this.#messageBytes - (this.#messageBytes - answer.bodyBytes) / 8, 1)
      this.#onMessage(subscription, answer, answer.delivery)
    } else if (answer.reason === reasons.truncatedMessageFailed) {
      const why = `a message of ${answer.bodyBytes} bytes on ${subscription.facts.destination} is longer than the channel takes`
      return this.#host.refuse(engineRefusal(reasons.messageTooBigForChannel, why), null)
    } else if (answer.reason === reasons.queueManagerQuiescing) subscription.isClosed = true
    else if (answer.reason !== reasons.noMessageAvailable) {
      return this.#host.refuse(engineRefusal(answer.reason, `subscription to ${subscription.facts.destination}`), null)
    }
    this.#pump(subscription)
  }

  #onMessage(subscription: Subscription, answer: GetAnswer, id: DeliveryId): void {
    const { message } = answer
    if (message === null) return
    const { descriptor } = message
    if (descriptor.backoutCount > 0 && this.#isPoison(subscription, descriptor.backoutCount) && subscription.unrejectable?.equals(descriptor.messageId) !== true) {
      subscription.unrejectable = descriptor.messageId
      return this.#settle([id], 'reject')
    }
    const { version, engine, clock } = this.#host
    const { facts } = subscription
    const isAuto = facts.mode === 'auto'
    let messageId = `ID:${descriptor.messageId.toString('hex')}`
    const ack = version === '1.2' && !isAuto ? String(id) : null
    // Ids chosen by putters may be equal; without an `ack` header the message id must tell deliveries apart.
    if (ack === null && subscription.unacknowledged.has(messageId)) messageId += `-${id}`
    const wallMs = descriptor.expiry >= 0 ? clock.wallMs() : 0
    const frames = this.#frames.encode(message, { prefix: facts.prefix, isTopic: facts.isTopic, messageId, ack, version, queueManager: engine.name, wallMs })
    if (!isAuto) {
      const delivery: Delivery = { id, subscription, messageId: descriptor.messageId, backoutCount: descriptor.backoutCount, key: ack ?? messageId }
      subscription.unacknowledged.set(delivery.key, delivery)
      if (ack !== null) this.#byAck.set(ack, delivery)
      this.#unacknowledged += 1
      if (this.#unacknowledged === this.#host.limits.unacknowledgedMax) this.hold()
    }
    for (const frame of frames) this.#host.send(frame)
    if (isAuto) this.#settle([id], 'accept')
  }

  /** BOTHRESH may change, and such messages are rare, so it is asked each time. */
  #isPoison(subscription: Subscription, backoutCount: number): boolean {
    const facts = this.#host.engine.inquire(this.#host.connection, subscription.facts.handle)
    const threshold = facts.ok ? (facts.value.backoutThreshold ?? 0) : 0
    return threshold > 0 && backoutCount >= threshold
  }

  // --- ACK, NACK --------------------------------------------------------------------------------------------------------

  ack(headers: ReadonlyMap<string, string>, receipt: string | null): Refusal | null {
    const found = this.#find(headers, 'ACK')
    if (found === null) return null
    if ('ok' in found) return found
    const transaction = this.#transactions.of(headers)
    if (transaction !== undefined && !(transaction instanceof Transaction)) return transaction
    const { facts } = found.subscription
    if (transaction === undefined && receipt === null && facts.mode === 'client-individual') {
      this.#take(found)
      this.#accepted.push(found.id)
      if (this.#accepted.length >= acceptedMax) this.flush()
    } else {
      this.flush()
      const ids = this.#takeWith(found).map(delivery => delivery.id)
      const { engine, connection, calls } = this.#host
      if (transaction !== undefined) transaction.pending += 1
      const onDone = transaction === undefined ? null : (): void => { transaction.onDone() }
      engine.settle(connection, ids, 'accept', transaction?.unit ?? null, calls.open(new PlainCall(this.#host, 'ACK', receipt, onDone)))
    }
    this.#onRoom(found.subscription)
    return null
  }

  nack(headers: ReadonlyMap<string, string>, receipt: string | null): Refusal | null {
    const found = this.#find(headers, 'NACK')
    if (found === null) return null
    if ('ok' in found) return found
    const transaction = this.#transactions.of(headers)
    if (transaction !== undefined && !(transaction instanceof Transaction)) return transaction
    this.flush()
    const deliveries = this.#takeWith(found)
    if (transaction === undefined) this.#giveUp(deliveries, receipt)
    else {
      // The receipt says that the NACK was taken; it takes effect with the transaction's end.
      transaction.refused.push(() => { this.#giveUp(deliveries, null) })
      this.#host.acknowledge(receipt)
    }
    this.#onRoom(found.subscription)
    return null
  }

  /** Makes acknowledgements known that were gathered. */
  flush(): void {
    if (this.#accepted.length === 0) return
    const accepted = this.#accepted
    this.#accepted = []
    this.#settle(accepted, 'accept')
  }

  #giveUp(deliveries: readonly Delivery[], receipt: string | null): void {
    const released: DeliveryId[] = []
    const rejected: DeliveryId[] = []
    for (const delivery of deliveries) {
      const { subscription } = delivery
      if (!subscription.isClosed && this.#isPoison(subscription, delivery.backoutCount + 1)) {
        subscription.unrejectable = delivery.messageId
        rejected.push(delivery.id)
      } else released.push(delivery.id)
    }
    // The receipt goes with the call that is answered last.
    this.#settle(released, 'release', rejected.length === 0 ? receipt : null)
    this.#settle(rejected, 'reject', receipt)
  }

  #settle(deliveries: readonly DeliveryId[], verdict: SettleVerdict, receipt: string | null = null): void {
    if (deliveries.length === 0) return
    const { engine, connection, calls } = this.#host
    engine.settle(connection, deliveries, verdict, null, calls.open(new PlainCall(this.#host, verdict, receipt)))
  }

  /** The delivery that ACK or NACK names; null when it went back at UNSUBSCRIBE, and nothing was promised for the answer. */
  #find(headers: ReadonlyMap<string, string>, command: string): Delivery | Refusal | null {
    const { version } = this.#host
    const header = version === '1.2' ? 'id' : 'message-id'
    const name = headers.get(header)
    if (name === undefined) return malformed(`${command} without ${header}`)
    const key = headers.get('subscription')
    let found: Delivery | undefined
    if (version === '1.2') found = this.#byAck.get(name)
    else if (key !== undefined) found = this.#open.get(key)?.unacknowledged.get(name)
    else if (version === '1.1') return malformed(`${command} without subscription`)
    else for (const subscription of this.#open.values()) found ??= subscription.unacknowledged.get(name)
    if (found !== undefined) return found
    if (this.#gone.delete(name) && !headers.has('receipt') && !headers.has('transaction')) return null
    return malformed(`${command} of ${shown(name)}, which is not delivered, or acknowledged already`)
  }

  #remember({ key }: Delivery): void {
    this.#gone.add(key)
    for (const oldest of this.#gone) {
      if (this.#gone.size <= this.#host.limits.unacknowledgedMax) break
      this.#gone.delete(oldest)
    }
  }

  /** The delivery, and in mode `client` all of its subscription before it. */
  #takeWith(found: Delivery): readonly Delivery[] {
    const taken: Delivery[] = []
    if (found.subscription.facts.mode === 'client') {
      for (const delivery of found.subscription.unacknowledged.values()) {
        taken.push(delivery)
        if (delivery === found) break
      }
    } else taken.push(found)
    for (const delivery of taken) this.#take(delivery)
    return taken
  }

  #take(delivery: Delivery): void {
    delivery.subscription.unacknowledged.delete(delivery.key)
    this.#byAck.delete(delivery.key)
    this.#unacknowledged -= 1
  }

  #onRoom(subscription: Subscription): void {
    if (this.#isStarved) this.#pumpStarved()
    this.#pump(subscription)
  }
}
