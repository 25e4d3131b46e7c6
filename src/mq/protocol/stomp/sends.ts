/**
 * SEND: from frame to put. The objects sent to stay open, the last ones opened, because opening costs more
 * than a put.
 *
 * Bodies of puts that are not answered are bounded: beyond that the session takes no frame.
 */

import type { Answer, HandleId, OpenTarget, PutRequest, Result } from '../../core/engine.js'
import { isObjectName } from '../../core/names.js'
import { reasons, type Reason } from '../../core/reason.js'
import { type Host, type Pending } from './calls.js'
import { modelQueue, parseDestination, type Destination } from './destination.js'
import type { Frame } from './frame.js'
import { shown } from './frame.js'
import { engineRefusal, malformed, type Refusal } from './refusal.js'
import { messageOf, type ReplyTo } from './send-message.js'
import { Transaction, type Transactions } from './transactions.js'

const openMax = 32
const temporaryMax = 32
const putBytesMax = 16 * 1024 * 1024
const putsMax = 4_096
/** A put may find its handle out of date; the object is opened again, once. */
const outdated: ReadonlySet<Reason> = new Set([reasons.objectChanged, reasons.queueDeleted, reasons.objectHandleError])

export class Sends {
  readonly #host: Host
  readonly #transactions: Transactions
  /** By destination as written, the one opened last at the end. */
  readonly #open = new Map<string, HandleId>()
  readonly #temporary = new Map<string, string>()
  #putBytes = 0
  #puts = 0

  constructor(host: Host, transactions: Transactions) {
    this.#host = host
    this.#transactions = transactions
  }

  /** No further frame until some puts are answered. */
  get isFull(): boolean {
    return this.#putBytes > putBytesMax || this.#puts >= putsMax
  }

  /** Null when the put is on its way; its answer sends the receipt. */
  send({ headers, body }: Frame, receipt: string | null): Refusal | null {
    const destination = headers.get('destination')
    if (destination === undefined) return malformed('SEND without destination')
    const transaction = this.#transactions.of(headers)
    if (transaction !== undefined && !(transaction instanceof Transaction)) return transaction
    const replyTo = this.#replyTo(headers.get('reply-to'))
    if (replyTo !== null && 'ok' in replyTo) return replyTo
    const made = messageOf(headers, body, replyTo, this.#host.clock.wallMs())
    if (!made.ok) return made
    const unit = transaction?.unit ?? null
    const request: PutRequest = headers.get('retain') === 'true' ? { message: made.message, unit, retain: true } : { message: made.message, unit }
    if (transaction !== undefined) transaction.pending += 1
    this.#puts += 1
    this.#putBytes += body.length
    return this.#put(new Put(this, destination, request, transaction ?? null, receipt))
  }

  /** The queue behind a word, made when it is heard first. */
  temporaryQueue(word: string): Result<string> {
    const known = this.#temporary.get(word)
    if (known !== undefined) return { ok: true, value: known }
    if (this.#temporary.size >= temporaryMax) return { ok: false, reason: reasons.handleNotAvailable }
    const { engine, connection } = this.#host
    // The handle that made it keeps it alive as long as the connection.
    const opened = engine.open(connection, { kind: 'queue', name: modelQueue, dynamicName: 'STOMP.*' }, { output: true, inquire: true })
    if (!opened.ok) return opened
    this.#temporary.set(word, opened.value.resolvedName)
    return { ok: true, value: opened.value.resolvedName }
  }

  #put(put: Put): Refusal | null {
    const handle = this.#handleFor(put.destination)
    if (typeof handle === 'object') return handle
    const { engine, connection, calls } = this.#host
    engine.put(connection, handle, put.request, calls.open(put))
    return null
  }

  /** Called by the put. */
  onAnswer(put: Put, answer: Answer): void {
    if (outdated.has(answer.reason) && !put.isRepeated) {
      put.isRepeated = true
      this.#forget(put.destination)
      const refused = this.#put(put)
      if (refused !== null) this.#host.refuse(refused, put.receipt)
      return
    }
    this.#puts -= 1
    this.#putBytes -= put.request.message.body.length
    if (answer.completion === 2) return this.#host.refuse(engineRefusal(answer.reason, `SEND to ${put.destination}`), put.receipt)
    this.#host.acknowledge(put.receipt)
    put.transaction?.onDone()
  }

  // --- Objects ----------------------------------------------------------------------------------------------------------

  #handleFor(destination: string): HandleId | Refusal {
    const known = this.#open.get(destination)
    if (known !== undefined) return known
    const parsed = parseDestination(destination)
    if (!parsed.ok) return parsed
    const target = this.#targetOf(parsed.destination)
    if (!target.ok) return engineRefusal(target.reason, `SEND to ${destination}`)
    const { engine, connection } = this.#host
    while (this.#open.size >= openMax) this.#forget(this.#open.keys().next().value ?? '')
    const opened = engine.open(connection, target.value, { output: true })
    if (!opened.ok) return engineRefusal(opened.reason, `SEND to ${destination}`)
    this.#open.set(destination, opened.value.handle)
    return opened.value.handle
  }

  #targetOf(destination: Destination): Result<OpenTarget> {
    switch (destination.kind) {
      case 'topic':
        return { ok: true, value: { kind: 'topic', topic: destination.topic } }
      case 'queue':
        return { ok: true, value: { kind: 'queue', name: destination.name, queueManager: destination.queueManager } }
      case 'temporary': {
        const queue = this.temporaryQueue(destination.word)
        return queue.ok ? { ok: true, value: { kind: 'queue', name: queue.value } } : queue
      }
    }
  }

  #forget(destination: string): void {
    const handle = this.#open.get(destination)
    this.#open.delete(destination)
    // A handle that the engine knows no more is closed as well as can be.
    if (handle !== undefined) this.#host.engine.close(this.#host.connection, handle)
  }

  /** Null: none, or one that is no queue and is passed on as it is. */
  #replyTo(text: string | undefined): ReplyTo | Refusal | null {
    if (text === undefined) return null
    const parsed = parseDestination(text)
    if (!parsed.ok || parsed.destination.kind === 'topic') return null
    if (parsed.destination.kind === 'queue') {
      const { name, queueManager } = parsed.destination
      // What cannot be a queue here is some other broker's reply-to.
      return isObjectName(name) && (queueManager === '' || isObjectName(queueManager)) ? { queue: name, queueManager } : null
    }
    const queue = this.temporaryQueue(parsed.destination.word)
    return queue.ok ? { queue: queue.value, queueManager: '' } : engineRefusal(queue.reason, `reply-to ${shown(text)}`)
  }
}

class Put implements Pending {
  readonly destination: string
  readonly request: PutRequest
  readonly transaction: Transaction | null
  readonly receipt: string | null
  isRepeated = false
  readonly #sends: Sends

  constructor(sends: Sends, destination: string, request: PutRequest, transaction: Transaction | null, receipt: string | null) {
    this.#sends = sends
    this.destination = destination
    this.request = request
    this.transaction = transaction
    this.receipt = receipt
  }

  onAnswer(answer: Answer): void {
    this.#sends.onAnswer(this, answer)
  }
}
