/**
 * The way to the queue manager as the rest of the library sees it: calls go in, answers come out, and with failover a
 * broken connection between the two is found again, objects and subscriptions opened again, and calls that were not
 * answered made again where that does no harm (`Fate` in call.ts).
 *
 *   connecting ──► up ⇄ down (failover: rounds through the addresses) ──► closed
 *
 * Invariants: calls are sent in the order they were made; a call is on the live connection, or waits, or is over; while
 * `down` nothing is sent but what restores the handles.
 */

import { completionOf, reasons } from '../mq/core/reason.js'
import type { Reply, Welcome } from '../mq/protocol/client/reply.js'
import { encodeRequest } from '../mq/protocol/client/request.js'
import type { Hello } from '../mq/protocol/client/request.js'
import { addressText } from './address.js'
import type { Destination } from './address.js'
import { Call } from './call.js'
import type { AnyCall, CallOwner, CallPlan } from './call.js'
import { Handle } from './handle.js'
import type { Opening } from './handle.js'
import { abortReason, MqError } from './mq-error.js'
import type { ConnectionNotice, TlsSettings } from './options.js'
import { findQueueManager } from './rounds.js'
import type { Found } from './rounds.js'
import { supervise } from './supervise.js'
import { Wire } from './wire.js'
import type { WireCall, WireEvents } from './wire.js'

export interface LineOptions {
  readonly destination: Destination
  readonly hello: Hello
  readonly tls: TlsSettings
  readonly connectTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly onNotice: (notice: ConnectionNotice) => void
}

/** Calls that wait for a connection; more are refused with 2071. */
const waitingMax = 4096
/** Said by a queue manager that ends. With failover the call is made again elsewhere. */
const ending: ReadonlySet<number> = new Set([reasons.queueManagerQuiescing, reasons.queueManagerStopping, reasons.connectionQuiescing, reasons.connectionStopping])

type Asked = AnyCall | Question
type State = 'connecting' | 'up' | 'down' | 'closing' | 'closed'

export class Line implements CallOwner {
  readonly #options: LineOptions
  /** Ends dialing and pauses. */
  readonly #stop = new AbortController()
  readonly #handles = new Set<Handle>()
  #state: State = 'connecting'
  #wire: Wire<Asked> | null = null
  #waiting: AnyCall[] = []
  /** Commits whose answer the break cut off. */
  #doubtful: AnyCall[] = []
  #closedBy: MqError | null = null
  #outage: NodeJS.Timeout | null = null
  #isOutageLong = false
  #isQuiescing = false
  /** Grows with each break; units of work belong to one value. */
  generation = 0
  /** Units of work and locked messages the program holds: reasons not to leave a queue manager that ends. */
  holds = 0

  constructor(options: LineOptions) {
    this.#options = options
  }

  get welcome(): Welcome {
    if (this.#lastWelcome === null) throw new MqError(reasons.connectionHandleError, 'not connected')
    return this.#lastWelcome
  }
  #lastWelcome: Welcome | null = null

  get hasFailover(): boolean {
    return this.#options.destination.failover !== null
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** Makes the first connection. Rejects with MqError or the signal's reason. */
  async connect(signal: AbortSignal | undefined): Promise<void> {
    const onAbort = (): void => this.#stop.abort(abortReason(signal as AbortSignal))
    signal?.throwIfAborted()
    signal?.addEventListener('abort', onAbort, { once: true })
    const { failover } = this.#options.destination
    const timeoutMs = failover?.timeout ?? -1
    const deadline = timeoutMs < 0 ? null : setTimeout(() => this.#stop.abort(new MqError(reasons.reconnectTimedOut, `no queue manager within ${timeoutMs} ms`)), timeoutMs)
    try {
      this.#become(await this.#find(failover?.startupMaxReconnectAttempts ?? 1, null))
      this.#state = 'up'
    } catch (error) {
      this.#state = 'closed'
      throw error
    } finally {
      if (deadline !== null) clearTimeout(deadline)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  // --- Calls ------------------------------------------------------------------------------------------------------------

  perform<T>(plan: CallPlan<T>): Promise<T> {
    const call = new Call(plan, this)
    const known = call as AnyCall
    if (plan.signal?.aborted === true) call.fail(abortReason(plan.signal))
    else if (this.#state === 'up') this.#send(known)
    else if (this.#state === 'closing' || this.#state === 'closed') call.fail(this.#closedBy ?? new MqError(reasons.connectionHandleError, 'the connection is closed'))
    else if (this.#isOutageLong) call.fail(new MqError(reasons.reconnectTimedOut))
    else if (this.#waiting.length >= waitingMax) call.fail(new MqError(reasons.storageNotAvailable, `more than ${waitingMax} calls wait for the queue manager`))
    else this.#waiting.push(known)
    return call.promise
  }

  onAborted(call: AnyCall): void {
    if (call.token === null) call.fail(abortReason(call.plan.signal as AbortSignal))
    else if (call.plan.isCancellable === true) this.#wire?.cancel(call.token)
    else call.abandon()
  }

  /** With failover a refusal because the queue manager ends is no answer: the call is made again. */
  postpones(call: AnyCall, reply: Reply): boolean {
    if (!this.hasFailover || this.#state !== 'up' || call.isAbandoned || call.plan.signal?.aborted === true) return false
    const reason = reply.kind === 'message' ? reply.head.reason : reply.kind === 'done' || reply.kind === 'stored' ? reply.reason : reasons.none
    const isMoved = call.isMoving && reason === reasons.noMessageAvailable
    if (!isMoved && !(ending.has(reason) && completionOf(reason) === 2 && (call.plan.fate === 'again' || call.plan.fate === 'interrupted'))) return false
    call.token = null
    call.isMoving = false
    this.#waiting.push(call)
    this.#isQuiescing = true
    return true
  }

  /** True when a unit of work failed for a reason that another one, perhaps elsewhere, need not meet. */
  isWorthAnotherUnit(reason: number): boolean {
    return reason === reasons.backedOut || (this.hasFailover && ending.has(reason))
  }

  onOver(): void {
    if (this.#isQuiescing) this.#leaveWhenFree()
  }

  async open(opening: Opening, signal: AbortSignal | undefined): Promise<Handle> {
    const handle = new Handle(opening)
    await this.perform<void>({
      fate: 'again',
      encode: token => handle.encode(token),
      read: reply => {
        handle.opened(reply)
        this.#handles.add(handle)
      },
      ...(signal === undefined ? {} : { signal }),
      onLate: () => supervise('closing an object nobody waits for', this.close(handle, {}))
    })
    return handle
  }

  /** Closes a handle; a broken connection has done so already. */
  async close(handle: Handle, how: { readonly remove?: boolean; readonly purge?: boolean }): Promise<void> {
    if (handle.isClosed) return
    handle.isClosed = true
    this.#handles.delete(handle)
    const { id } = handle
    if (id === null || this.#state !== 'up') return
    await this.#ask({ kind: 'close', handle: id, remove: how.remove === true, purge: how.purge === true }).then(
      reply => {
        if (reply.kind === 'done' && reply.completion === 2) throw new MqError(reply.reason, reply.text)
      },
      (error: unknown) => {
        if (!(error instanceof MqError && error.reason === reasons.connectionBroken)) throw error
      }
    )
  }

  #send(call: AnyCall): void {
    const { plan } = call
    const wire = this.#wire as Wire<Asked> // the state is `up`
    const refused = refusalBeforeSending(call, this.generation)
    if (refused !== null) return call.fail(refused)
    try {
      call.token = plan.body === undefined ? wire.call(call, plan.encode) : wire.put(call, plan.encode, plan.body)
    } catch (error) {
      call.fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** A question of the library itself; rejects with 2009 when the connection breaks. */
  #ask(request: Parameters<typeof encodeRequest>[1], wire = this.#wire as Wire<Asked>): Promise<Reply> {
    const question = new Question()
    wire.call(question, token => encodeRequest(token, request))
    return question.promise
  }

  // --- Connections ------------------------------------------------------------------------------------------------------

  #find(roundsMax: number, qmid: string | null): Promise<Found> {
    const { destination, hello, tls, connectTimeoutMs } = this.#options
    return findQueueManager({ destination, hello, tls, connectTimeoutMs, roundsMax, qmid, signal: this.#stop.signal })
  }

  #become(found: Found): Wire<Asked> {
    const events: WireEvents<Asked> = {
      onBroken: (error, unanswered) => this.#onBroken(wire, error, unanswered),
      onQuiesce: reason => this.#onQuiesce(wire, reason)
    }
    const wire = new Wire<Asked>(found.socket, found.decoder, found.welcome, events)
    this.#wire = wire
    this.#lastWelcome = found.welcome
    return wire
  }

  #onBroken(wire: Wire<Asked>, error: MqError, unanswered: readonly Asked[]): void {
    for (const asked of unanswered) if (asked instanceof Question) asked.reject(new MqError(reasons.connectionBroken, error.message, { cause: error }))
    if (wire !== this.#wire || this.#state === 'closed') return
    this.generation++
    this.#isQuiescing = false
    for (const handle of this.#handles) handle.onBroken()
    const calls = unanswered.filter((asked): asked is AnyCall => asked instanceof Call)
    const broken = error.reason === reasons.connectionBroken ? error : new MqError(reasons.connectionBroken, error.message, { cause: error })
    if (!this.hasFailover || this.#state === 'closing') {
      for (const call of calls) call.fail(broken)
      return this.#shut(this.#state === 'closing' ? null : broken)
    }
    const again: AnyCall[] = []
    for (const call of calls) this.#afterBreak(call, again)
    this.#waiting = [...again, ...this.#waiting]
    // Broken while the handles are being opened again: who opens them tries again.
    if (this.#state !== 'up') return
    this.#state = 'down'
    this.#options.onNotice({ kind: 'reconnecting', error })
    const timeoutMs = this.#options.destination.failover?.timeout ?? -1
    if (timeoutMs >= 0) this.#outage = setTimeout(this.#onLongOutage, timeoutMs)
    supervise('reconnection', this.#reconnect())
  }

  #afterBreak(call: AnyCall, again: AnyCall[]): void {
    call.token = null
    call.isMoving = false
    if (call.isAbandoned || call.plan.signal?.aborted === true) return call.fail(abortReason(call.plan.signal as AbortSignal))
    switch (call.plan.fate) {
      case 'again':
        again.push(call)
        return
      case 'unit':
        return call.fail(new MqError(reasons.backedOut, 'the connection broke; the unit of work is backed out'))
      case 'interrupted':
        return call.fail(new MqError(reasons.callInterrupted, 'the connection broke before the answer came; whether the call took place is not known'))
      case 'commit':
        this.#doubtful.push(call)
    }
  }

  async #reconnect(): Promise<void> {
    const roundsMax = this.#options.destination.failover?.maxReconnectAttempts ?? 0
    try {
      if (roundsMax === 0) throw new MqError(reasons.connectionBroken)
      for (;;) {
        const found = await this.#find(roundsMax, this.welcome.qmid)
        const wire = this.#become(found)
        if (!(await this.#isRestored(wire))) continue
        this.#onReconnected(addressText(found.address))
        return
      }
    } catch (error) {
      if (this.#state !== 'closed') this.#shut(error instanceof MqError ? error : new MqError(reasons.reconnectFailed, String(error), { cause: error }))
    }
  }

  /** Opens the handles again and settles doubtful commits; false when the connection broke meanwhile. */
  async #isRestored(wire: Wire<Asked>): Promise<boolean> {
    const questions: Promise<void>[] = [...this.#handles].map(handle => this.#reopen(wire, handle))
    const doubtful = this.#doubtful
    this.#doubtful = []
    // A call that is answered is over; one that is not comes back by the break.
    for (const call of doubtful) {
      call.token = wire.call(call, call.plan.repeat ?? call.plan.encode)
    }
    await Promise.all(questions)
    return !wire.isBroken
  }

  async #reopen(wire: Wire<Asked>, handle: Handle): Promise<void> {
    const question = new Question()
    wire.call(question, token => handle.encode(token))
    try {
      handle.opened(await question.promise)
    } catch (error) {
      // A refusal is the answer to every call through this handle; a break is noticed by `isRestored`.
      if (!(error instanceof MqError)) throw error
      if (!wire.isBroken) handle.fault = error
    }
  }

  #onReconnected(address: string): void {
    if (this.#outage !== null) clearTimeout(this.#outage)
    this.#outage = null
    this.#isOutageLong = false
    this.#state = 'up'
    this.#options.onNotice({ kind: 'reconnected', address, queueManager: this.welcome.queueManager })
    const waiting = this.#waiting
    this.#waiting = []
    for (const call of waiting) if (!call.isOver) this.#send(call)
  }

  readonly #onLongOutage = (): void => {
    this.#outage = null
    this.#isOutageLong = true
    const waiting = this.#waiting
    this.#waiting = []
    for (const call of waiting) call.fail(new MqError(reasons.reconnectTimedOut))
    this.#failDoubtful()
  }

  #failDoubtful(): void {
    const doubtful = this.#doubtful
    this.#doubtful = []
    for (const call of doubtful) call.fail(new MqError(reasons.callInterrupted, 'the connection broke before the commit was answered, and none could be had since'))
  }

  // --- Ends -------------------------------------------------------------------------------------------------------------

  #onQuiesce(wire: Wire<Asked>, reason: number): void {
    if (wire !== this.#wire) return
    this.#options.onNotice({ kind: 'quiesce', reason })
    if (!this.hasFailover) return
    this.#isQuiescing = true
    this.#leaveWhenFree()
  }

  /** With failover: leaves a queue manager that ends as soon as nothing of the program is open there. */
  #leaveWhenFree(): void {
    const wire = this.#wire
    if (this.#state !== 'up' || wire === null || this.holds > 0) return
    const calls = wire.unanswered()
    if (calls.some(asked => asked instanceof Question || asked.plan.isCancellable !== true)) return
    for (const call of calls) {
      if (!(call instanceof Call) || call.isMoving || call.token === null) continue
      call.isMoving = true
      wire.cancel(call.token)
    }
    if (calls.length > 0) return
    this.#isQuiescing = false
    supervise('leaving a queue manager that ends', this.#disconnect(wire))
  }

  async #disconnect(wire: Wire<Asked>): Promise<void> {
    const deadline = setTimeout(() => wire.break(new MqError(reasons.connectionQuiescing)), this.#options.closeTimeoutMs)
    try {
      await this.#ask({ kind: 'disconnect' }, wire)
    } catch (error) {
      if (!(error instanceof MqError)) throw error
    } finally {
      clearTimeout(deadline)
      wire.break(new MqError(reasons.connectionQuiescing, 'the queue manager ends'))
    }
  }

  /** Lets calls under way be answered, ends waits, disconnects in order; for a bounded time. Idempotent. */
  async end(): Promise<void> {
    const wire = this.#wire
    if (this.#state === 'closed' || this.#state === 'closing') return
    if (this.#state !== 'up' || wire === null) return this.#shut(null)
    this.#state = 'closing'
    const deadline = setTimeout(() => wire.break(new MqError(reasons.connectionBroken, 'no answer while closing')), this.#options.closeTimeoutMs)
    for (const asked of wire.unanswered()) if (asked instanceof Call && asked.plan.isCancellable === true && asked.token !== null) wire.cancel(asked.token)
    await wire.idle()
    if (!wire.isBroken) await this.#disconnect(wire)
    clearTimeout(deadline)
    this.#shut(null)
  }

  #shut(error: MqError | null): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#closedBy = error
    if (this.#outage !== null) clearTimeout(this.#outage)
    const reason = error ?? new MqError(reasons.connectionHandleError, 'the connection is closed')
    this.#stop.abort(reason)
    this.#wire?.break(reason)
    for (const call of this.#waiting) call.fail(reason)
    this.#waiting = []
    this.#failDoubtful()
    this.#options.onNotice({ kind: 'closed', error })
  }
}

/** Why a call cannot be sent at all, or null. */
function refusalBeforeSending(call: AnyCall, generation: number): MqError | null {
  const { handle, unit } = call.plan
  if (handle?.isClosed === true) return new MqError(reasons.objectHandleError, 'the object is closed')
  if (handle !== undefined && handle.fault !== null) return handle.fault
  if (unit === undefined || unit.generation === generation) return null
  return new MqError(reasons.backedOut, 'the connection broke; the unit of work is backed out')
}

/** A question of the library itself. */
class Question implements WireCall {
  readonly promise: Promise<Reply>
  reject!: (error: MqError) => void
  #resolve!: (reply: Reply) => void

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.reject = reject
    })
  }

  onReply(reply: Reply): void {
    this.#resolve(reply)
  }
}
