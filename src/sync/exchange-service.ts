/**
 * Carries questions and answers between the two nodes (agreement/exchange.ts) over the media that are there anyway.
 *
 * One answer at a time in each direction, in small bursts with pauses, so that a heartbeat never waits behind more than
 * `windowChunks` datagrams. What is told is read from the disk before the first chunk leaves; nothing waits for it.
 *
 * Not here: what may be told (the caller's `tell`), what is concluded from it.
 */

import { Buffer } from 'node:buffer'
import { AskGate, Collection, askFields, askType, contentBytesMax, readAsk, readTell, sealContent, tellFields, tellType, windowChunks, type Ask, type Binding, type SealedContent } from '../agreement/exchange.js'
import { HaError } from '../base/errors.js'
import { millis, type Millis } from '../base/units.js'
import type { AuthKey, AuthKeys } from '../config/types.js'
import type { Clock, Scheduled } from '../port/clock.js'
import type { Field } from '../wire/message.js'
import type { Heard } from '../wire/status.js'

/** Between two asks of one answer: 16 chunks every 10 ms are 0.7 MB/s, a few percent of a processor on each node. */
const paceMs = millis(10)
/** An ask whose answer does not come is repeated after this, then after twice as long, up to `patienceMaxMs`. */
const patienceMs = millis(100)
const patienceMaxMs = millis(1_000)
/** Nothing new for so long: the peer does not answer. */
const silenceMaxMs = millis(5_000)
/** Questions that may wait for the one under way. */
const waitingMax = 4
/** An answer is kept so long for asks that come again. */
const answerKeptMs = millis(30_000)
const limits = { perSecond: 120, burst: 20 }

export interface ExchangeContext {
  readonly clock: Clock
  readonly self: { readonly name: string; readonly generation: number }
  readonly peerName: string
  keys(): AuthKeys
  /** The generation of the peer while it is alive and one of ours; null otherwise. */
  peerGeneration(): number | null
  /** 32 hex digits that nobody can foresee. */
  nonce(): string
  /** Signs and sends over every medium, outside the sequence. Never throws. */
  send(fields: readonly Field[]): void
  /** The content that answers the question, or the sentence that refuses it. Rejects for bugs alone. */
  tell(what: string, binding: Binding): Promise<Uint8Array | string>
  /** Owns a promise that nobody awaits. */
  supervise(name: string, promise: Promise<unknown>): void
}

export interface Fetched {
  readonly content: Uint8Array
  /** What the answer was bound to. */
  readonly binding: Binding
}

interface Answer {
  readonly binding: Binding
  /** null while it is read. */
  sealed: SealedContent | null
}

export class Exchange {
  readonly #context: ExchangeContext
  readonly #gate = new AskGate(limits)
  #answer: Answer | null = null
  #forgetting: Scheduled | null = null
  #fetching: Fetching | null = null
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #asks = 0
  #isClosed = false

  constructor(context: ExchangeContext) {
    this.#context = context
  }

  /** Whether the message is one of the exchange's, which the cluster core never sees. */
  static isOurs(type: string): boolean {
    return type === askType || type === tellType
  }

  /** @param keyId  of the key that signed it */
  onHeard(heard: Heard, keyId: number): void {
    const { peerName, self } = this.#context
    if (this.#isClosed || heard.source !== peerName || heard.destination !== self.name) return
    if (heard.generation !== this.#context.peerGeneration()) return
    if (heard.type === tellType) {
      const tell = readTell(heard.message)
      if (tell !== null) this.#fetching?.onTell(tell)
      return
    }
    const ask = readAsk(heard.message)
    if (ask === null || ask.toGeneration !== self.generation) return
    if (this.#gate.admit(heard.generation, ask, this.#context.clock.monotonic())) this.#onAsk(ask, heard.generation, keyId)
  }

  /**
   * Asks the peer and waits for the whole answer.
   *
   * @param bytesMax  a longer answer is refused before it is kept
   * Rejects with HaError HA_SYNC_FAILED and the reason.
   */
  fetch(what: string, options: { readonly bytesMax: number; readonly signal?: AbortSignal }): Promise<Fetched> {
    if (this.#waiting >= waitingMax) return Promise.reject(failure('too many questions to the other node are under way'))
    this.#waiting += 1
    const fetched = this.#last.then(() => this.#fetch(what, options)).finally(() => {
      this.#waiting -= 1
    })
    this.#last = fetched.then(ignore, ignore) // the caller hears of a failure; the next question only waits
    return fetched
  }

  close(): void {
    this.#isClosed = true
    this.#forgetting?.cancel()
    this.#answer = null
    this.#fetching?.fail('the daemon ends')
  }

  async #fetch(what: string, options: { readonly bytesMax: number; readonly signal?: AbortSignal }): Promise<Fetched> {
    const { keys, nonce, peerGeneration, peerName, self } = this.#context
    const key = keys().active
    const tellerGeneration = peerGeneration()
    if (this.#isClosed) throw failure('the daemon ends')
    if (options.signal?.aborted === true) throw failure('interrupted')
    if (tellerGeneration === null) throw failure(`${peerName} is not heard, or runs another kind of heartbeat`)
    if (key.method === 'crc') throw failure('authkeys signs with crc, which is no secret; make a key with: heartbeat keygen')
    const binding: Binding = { key, nonce: nonce(), what, askerGeneration: self.generation, tellerGeneration }
    const fetching = new Fetching(this.#context, binding, options.bytesMax + 1, () => (this.#asks += 1))
    this.#fetching = fetching
    const onAbort = (): void => fetching.fail('interrupted')
    options.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      const framed = await fetching.run()
      const content = framed.subarray(1)
      if (framed[0] !== frame.content) throw failure(`${peerName} refuses: ${Buffer.from(content).toString('utf8').slice(0, 300)}`)
      return { content, binding }
    } finally {
      options.signal?.removeEventListener('abort', onAbort)
      this.#fetching = null
    }
  }

  #onAsk(ask: Ask, askerGeneration: number, keyId: number): void {
    const { self, supervise } = this.#context
    const known = this.#answer
    if (known !== null && known.binding.nonce === ask.nonce && known.binding.what === ask.what) return this.#send(known, ask.firstChunk)
    if (known?.sealed === null) return // one answer is read at a time; the asker asks again
    const key = this.#context.keys().byId.get(keyId)
    if (key === undefined || !isSecret(key)) return
    const answer: Answer = { binding: { key, nonce: ask.nonce, what: ask.what, askerGeneration, tellerGeneration: self.generation }, sealed: null }
    this.#answer = answer
    supervise(`answering ${ask.what}`, this.#prepare(answer, ask.firstChunk))
  }

  async #prepare(answer: Answer, firstChunk: number): Promise<void> {
    const { clock, tell } = this.#context
    const told = await tell(answer.binding.what, answer.binding)
    if (this.#isClosed) return
    const content = typeof told === 'string' ? framed(frame.refusal, Buffer.from(told, 'utf8')) : framed(frame.content, told)
    answer.sealed = sealContent(content.length <= contentBytesMax ? content : framed(frame.refusal, Buffer.from('the answer is too long')), answer.binding)
    this.#forgetting?.cancel()
    this.#forgetting = clock.schedule(answerKeptMs, () => {
      if (this.#answer === answer) this.#answer = null
    })
    this.#send(answer, firstChunk)
  }

  #send(answer: Answer, firstChunk: number): void {
    const { peerName, send } = this.#context
    const { binding, sealed } = answer
    if (sealed === null) return
    for (let chunk = firstChunk; chunk < Math.min(firstChunk + windowChunks, sealed.chunks); chunk += 1) {
      const { digest, totalBytes } = sealed
      send(tellFields({ toGeneration: binding.askerGeneration, nonce: binding.nonce, digest, totalBytes, chunk, sealed: sealed.chunk(chunk) }, peerName))
    }
  }
}

/** One question under way: asks, asks again, and ends. */
class Fetching {
  readonly #context: ExchangeContext
  readonly #binding: Binding
  readonly #collection: Collection
  readonly #bytesMax: number
  readonly #nextNumber: () => number
  #windowEnd = 0
  #patienceMs: Millis = patienceMs
  #askedAt = Number.NEGATIVE_INFINITY
  #newsAt: number
  #timer: Scheduled | null = null
  #settle: { readonly resolve: (content: Uint8Array) => void; readonly reject: (error: HaError) => void } | null = null

  constructor(context: ExchangeContext, binding: Binding, bytesMax: number, nextNumber: () => number) {
    this.#context = context
    this.#binding = binding
    this.#bytesMax = bytesMax
    this.#collection = new Collection(binding, bytesMax)
    this.#nextNumber = nextNumber
    this.#newsAt = context.clock.monotonic()
  }

  run(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#ask()
    })
  }

  fail(reason: string): void {
    this.#timer?.cancel()
    this.#settle?.reject(failure(reason))
    this.#settle = null
  }

  onTell(tell: NonNullable<ReturnType<typeof readTell>>): void {
    if (this.#settle === null) return
    const { clock, peerName } = this.#context
    const accepted = this.#collection.accept(tell)
    if (accepted === 'too-large') return this.fail(`the answer of ${peerName} has ${tell.totalBytes} bytes, more than ${this.#bytesMax}`)
    if (accepted === 'useless') return
    this.#newsAt = clock.monotonic()
    if (this.#collection.isComplete) return this.#finish()
    if (this.#collection.firstMissing < this.#windowEnd) return
    this.#patienceMs = patienceMs
    this.#arm(millis(Math.max(0, paceMs - (clock.monotonic() - this.#askedAt))))
  }

  #finish(): void {
    const content = this.#collection.content()
    if (content === null) return this.fail('the answer does not fit its digest')
    this.#timer?.cancel()
    this.#settle?.resolve(content)
    this.#settle = null
  }

  #ask(): void {
    const { clock, peerGeneration, peerName, send } = this.#context
    const now = clock.monotonic()
    if (this.#newsAt + silenceMaxMs <= now) return this.fail(`${peerName} did not answer within ${silenceMaxMs} ms`)
    if (peerGeneration() !== this.#binding.tellerGeneration) return this.fail(`${peerName} died or was started again meanwhile`)
    const firstChunk = this.#collection.firstMissing
    // The size is known with the first chunk; until then the window may end before any other.
    this.#windowEnd = firstChunk + windowChunks
    this.#askedAt = now
    const { nonce, tellerGeneration, what } = this.#binding
    send(askFields({ number: this.#nextNumber(), toGeneration: tellerGeneration, nonce, what, firstChunk }, peerName))
    this.#arm(this.#patienceMs)
    this.#patienceMs = millis(Math.min(patienceMaxMs, this.#patienceMs * 2))
  }

  #arm(delay: Millis): void {
    this.#timer?.cancel()
    this.#timer = this.#context.clock.schedule(delay, () => this.#ask())
  }
}

/** The first byte of every content. */
const frame = { content: 0, refusal: 1 } as const

const framed = (kind: number, content: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of(kind), content])
const isSecret = (key: AuthKey): boolean => key.method !== 'crc'
const failure = (reason: string): HaError => new HaError('HA_SYNC_FAILED', reason)
const ignore = (): void => undefined
