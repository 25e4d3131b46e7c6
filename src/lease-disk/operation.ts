/** One kind of operation on the lease disk, of which one at most is under way: when it was issued, and that it hangs. */

import { elapsed, millis, type Instant, type Millis } from '../base/units.js'
import { invariant } from '../base/invariant.js'
import type { Clock, Scheduled } from '../port/clock.js'

/** How often the same trouble is repeated. */
const repeatMs = millis(1000)

export class Operation {
  readonly #clock: Clock
  readonly #patienceMs: Millis
  readonly #onTrouble: (reason: string) => void
  #issuedAt: Instant | null = null
  #timer: Scheduled | null = null
  #troubleAt: Instant | null = null

  /** @param patienceMs  an operation that takes longer is reported as hanging, and again every second */
  constructor(clock: Clock, patienceMs: Millis, onTrouble: (reason: string) => void) {
    this.#clock = clock
    this.#patienceMs = patienceMs
    this.#onTrouble = onTrouble
  }

  get isUnderWay(): boolean {
    return this.#issuedAt !== null
  }

  /** Call directly before issuing: the moment returned is what a lease counts from. */
  begin(): Instant {
    invariant(this.#issuedAt === null, 'an operation on the lease disk is never doubled')
    const now = this.#clock.monotonic()
    this.#issuedAt = now
    this.#timer = this.#clock.schedule(this.#patienceMs, () => this.#hanging())
    return now
  }

  /** @returns how long it took */
  end(): Millis {
    invariant(this.#issuedAt !== null, 'what ends was begun')
    const tookMs = elapsed(this.#issuedAt, this.#clock.monotonic())
    this.#issuedAt = null
    this.#timer?.cancel()
    return tookMs
  }

  /** Reports trouble, at most once a second. */
  trouble(reason: string): void {
    const now = this.#clock.monotonic()
    if (this.#troubleAt !== null && elapsed(this.#troubleAt, now) < repeatMs) return
    this.#troubleAt = now
    this.#onTrouble(reason)
  }

  stopWatching(): void {
    this.#timer?.cancel()
  }

  #hanging(): void {
    if (this.#issuedAt === null) return
    this.trouble(`it hangs: no answer from the disk for ${Math.round(elapsed(this.#issuedAt, this.#clock.monotonic()))} ms`)
    this.#timer = this.#clock.schedule(repeatMs, () => this.#hanging())
  }
}
