/**
 * The arbiter, simulated: a service that knows leases with a time to live and, bound to them, keys; and the client of one
 * life of a daemon that renews its lease and asks for keys, as arbiter/ does with etcd.
 *
 * Fault model. Either node may not reach it for a while, answers may be late or lost, it may be restarted (all leases
 * begin their time anew, as etcd's do). What it has answered is true at the moment of the exchange.
 */

import { millis, type Instant, type Millis } from '../../src/base/units.js'
import type { Prng } from '../../src/base/prng.js'
import type { ArbiterWord } from '../../src/port/arbiter.js'
import type { VirtualClock } from './virtual-clock.js'

interface Answer {
  readonly ours: readonly string[]
  readonly theirs: readonly string[]
}

interface Key {
  readonly node: 0 | 1
  /** The life of the node and the number of the exchange that asked for it last: an older one, late, changes nothing. */
  readonly generation: number
  readonly exchange: number
}

export interface Caller {
  readonly node: 0 | 1
  readonly generation: number
}

const leaseOf = (caller: Caller): string => `${caller.node}.${caller.generation}`

export class SimArbiter {
  readonly #clock: VirtualClock
  readonly #prng: Prng
  readonly #ttlMs: number
  readonly #leases = new Map<string, { expiresAt: number }>()
  readonly #keys = new Map<string, Key>()
  readonly isReachable = [true, true]
  slowMs = 0
  /** How often it came back. */
  restarts = 0
  #isUp = true

  constructor(clock: VirtualClock, prng: Prng, ttlMs: number) {
    this.#clock = clock
    this.#prng = prng
    this.#ttlMs = ttlMs
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** What has run out by now is gone; the time of the others stands still. */
  goDown(): void {
    this.#collect()
    this.#isUp = false
  }

  restarted(): void {
    this.#isUp = true
    this.restarts += 1
    for (const lease of this.#leases.values()) lease.expiresAt = this.#clock.monotonic() + this.#ttlMs
  }

  /** One exchange: the lease renewed or granted, the wanted keys taken where they are free, the others given back. */
  exchange(caller: Caller, request: { readonly number: number; readonly wanted: readonly string[] }, onAnswer: (answer: Answer) => void): void {
    this.#travel(caller.node, () => {
      const answer = this.#serve(caller, request)
      this.#travel(caller.node, () => onAnswer(answer))
    })
  }

  /** The lease is given back with all its keys. */
  revoke(caller: Caller): void {
    this.#travel(caller.node, () => {
      this.#leases.delete(leaseOf(caller))
    })
  }

  #travel(node: 0 | 1, arrive: () => void): void {
    this.#clock.schedule(millis(this.#prng.between(1, this.slowMs === 0 ? 4 : this.slowMs)), () => {
      if (this.#isUp && this.isReachable[node] === true) arrive()
    })
  }

  #collect(): void {
    const now = this.#clock.monotonic()
    for (const [id, known] of this.#leases) if (known.expiresAt <= now) this.#leases.delete(id)
    for (const [group, key] of this.#keys) if (!this.#leases.has(leaseOf(key))) this.#keys.delete(group)
  }

  #serve(caller: Caller, request: { readonly number: number; readonly wanted: readonly string[] }): Answer {
    const now = this.#clock.monotonic()
    const { node, generation } = caller
    this.#collect()
    this.#leases.set(leaseOf(caller), { expiresAt: now + this.#ttlMs })
    const isOlder = (key: Key): boolean => key.node === node && (key.generation < generation || (key.generation === generation && key.exchange < request.number))
    for (const [group, key] of this.#keys) if (isOlder(key) && !request.wanted.includes(group)) this.#keys.delete(group)
    for (const group of request.wanted) {
      const key = this.#keys.get(group)
      // A key of an earlier life of this node goes on with the new lease.
      if (key === undefined || isOlder(key)) this.#keys.set(group, { node, generation, exchange: request.number })
    }
    const keys = [...this.#keys]
    return {
      ours: keys.filter(([, key]) => key.node === node && key.generation === generation).map(([group]) => group),
      theirs: keys.filter(([, key]) => key.node !== node).map(([group]) => group)
    }
  }
}

export interface ArbiterClientHost {
  now(): Instant
  schedule(delay: Millis, callback: () => void): void
  whenRunning(callback: () => void): void
  onWord(word: ArbiterWord): void
}

export class SimArbiterClient {
  readonly #server: SimArbiter
  readonly #caller: Caller
  readonly #ttlMs: number
  readonly #host: ArbiterClientHost
  #wanted: readonly string[] = []
  #word: ArbiterWord = { renewedFrom: null, ours: [], theirs: [], trouble: null }
  #exchange = 0
  #isUnderWay = false
  #isDue = false
  #waits = 0

  constructor(server: SimArbiter, options: Caller & { readonly ttlMs: number }, host: ArbiterClientHost) {
    this.#server = server
    this.#caller = options
    this.#ttlMs = options.ttlMs
    this.#host = host
  }

  open(): void {
    this.#host.schedule(millis(this.#ttlMs / 3), () => this.open())
    if (this.#isUnderWay) this.#isDue = true
    else this.#begin()
  }

  want(groups: readonly string[]): void {
    this.#wanted = groups
    this.#waits = 0
    this.#word = { ...this.#word, ours: this.#word.ours.filter(one => groups.includes(one)) }
    if (this.#isUnderWay) this.#isDue = true
    else this.#begin()
  }

  close(): void {
    this.#server.revoke(this.#caller)
  }

  #begin(): void {
    this.#isUnderWay = true
    this.#isDue = false
    this.#exchange += 1
    const number = this.#exchange
    const from = this.#host.now()
    const wanted = this.#wanted
    const end = (word: ArbiterWord): void => {
      if (!this.#isUnderWay || number !== this.#exchange) return // timed out before
      this.#isUnderWay = false
      this.#word = word
      this.#host.onWord(word)
      if (this.#isDue) return this.#begin()
      const isWaiting = word.trouble === null && this.#wanted.some(one => !word.ours.includes(one))
      this.#waits = isWaiting ? this.#waits + 1 : 0
      if (isWaiting) this.#host.schedule(millis(Math.min(500, 10 * 2 ** (this.#waits - 1))), () => (this.#isUnderWay || number !== this.#exchange ? undefined : this.#begin()))
    }
    this.#server.exchange(this.#caller, { number, wanted }, answer =>
      this.#host.whenRunning(() => end({ renewedFrom: from, ours: answer.ours.filter(one => this.#wanted.includes(one) && wanted.includes(one)), theirs: answer.theirs, trouble: null }))
    )
    this.#host.schedule(millis(this.#ttlMs / 4), () => end({ ...this.#word, trouble: 'no answer' }))
  }
}
