/**
 * The open calls of one connection, and how much they may make us keep: bytes of puts that wait for the log, and gets
 * whose answers have not gone out. A get's answer may be as large as a message, so gets are let through by the sizes seen
 * lately: many small ones at once, large ones one by one.
 */

/** `get` does not wait, so its answer is near; `wait` may stay open for ever and must not hold up others. */
export type CallKind = 'get' | 'wait' | 'put' | 'other'

const codes = { other: 0, put: 1, get: 2, wait: 3 } as const
const putBytesMax = 32 * 1024 * 1024
const answerBytesMax = 8 * 1024 * 1024
const getsMax = 512
const firstGuessBytes = 128 * 1024

export class Calls {
  /** By token: bytes × 4 + code. */
  readonly #open = new Map<number, number>()
  #putBytes = 0
  #gets = 0
  /** Gets given to the engine whose answers, if any are ready, we have not been given. */
  #unseen = 0
  #bodyBytes = firstGuessBytes

  get count(): number {
    return this.#open.size
  }

  has(token: number): boolean {
    return this.#open.has(token)
  }

  open(token: number, kind: CallKind, bytes = 0): void {
    this.#open.set(token, bytes * 4 + codes[kind])
    if (kind === 'put') this.#putBytes += bytes
    else if (kind !== 'other') {
      this.#unseen++
      if (kind === 'get') this.#gets++
    }
  }

  /** False when no such call is open. `bodyBytes` is the size of a get's answer. */
  close(token: number, bodyBytes = 0): boolean {
    const value = this.#open.get(token)
    if (value === undefined) return false
    this.#open.delete(token)
    const code = value % 4
    if (code === codes.put) this.#putBytes -= (value - code) / 4
    else if (code !== codes.other) {
      if (code === codes.get) this.#gets--
      if (this.#unseen > 0) this.#unseen--
      // Up at once, down slowly: a large message among small ones is remembered for a while.
      this.#bodyBytes = Math.max(bodyBytes, this.#bodyBytes - (this.#bodyBytes - bodyBytes) / 8)
    }
    return true
  }

  /** What the engine had ready was delivered. */
  onDelivered(): void {
    this.#unseen = 0
  }

  /** True when more must not be asked before some answers went out. */
  get isFull(): boolean {
    return this.#putBytes > putBytesMax || this.#gets >= this.#getsAtOnce || this.isAhead
  }

  /** True when more gets were asked than answers could be seen for; looking again soon is enough. */
  get isAhead(): boolean {
    return this.#unseen >= this.#getsAtOnce
  }

  get #getsAtOnce(): number {
    return Math.max(1, Math.min(getsMax, Math.floor(answerBytesMax / Math.max(1, this.#bodyBytes))))
  }
}
