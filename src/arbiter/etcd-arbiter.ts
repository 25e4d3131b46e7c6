/**
 * The arbiter on etcd: a lease that we renew, and one key for each group bound to it. Implements port/arbiter.ts.
 *
 * A key is made only where none is; etcd deletes it when its lease ends, and nobody else may. So while a key is bound to
 * our lease and the lease has not ended, no other node holds the group.
 *
 *   PREFIX/groups/ID = NODE.GENERATION
 *
 * Invariants
 *  1. `renewedFrom` is the moment before a request was sent that etcd has carried out: our lease lasts until then plus
 *     ttl at least, whatever the answer's way back took.
 *  2. A renewal counts only when the same leader proved afterwards that it leads: etcd before 3.4.25 and 3.5.8 lets a
 *     leader that was cut off and replaced, and does not know it yet, renew leases (etcd issue 15247). Renewal and the
 *     read that follows it, which needs a majority, must name the same election.
 *  3. A key that is not bound to our lease is never deleted, and never replaced, with one exception: the key of an
 *     earlier life of this very node. Only one daemon runs on a node and generations grow with each life, so the life
 *     that wrote it is over, and what it left running is ours to answer for.
 *  4. A key whose deletion was asked for counts as ours again only after it was written anew: a request given up as lost may
 *     still reach etcd later, and deletes nothing but the revision it names.
 *  5. One request is under way at a time, and each ends by a deadline.
 *
 * Not here: whether what we hold is enough to serve (safety/), the wire (etcd.ts).
 */

import { invariant } from '../base/invariant.js'
import { after, elapsed, millis, type Instant, type Millis } from '../base/units.js'
import type { ArbiterConfig } from '../config/types.js'
import type { Arbiter, ArbiterWord } from '../port/arbiter.js'
import type { Clock } from '../port/clock.js'
import { encoded, Etcd, grpcCode, keysOf, rangeOf, termOf, textOf, ttlOf, type KeyValue, type Reply } from './etcd.js'

export interface ArbiterOptions {
  readonly clock: Clock
  /** This node's name. */
  readonly node: string
  /** This life's number; greater than that of any earlier life of this node. */
  readonly generation: number
}

/** etcd takes 128 operations in one request by default. */
const operationsMax = 100
const closeMs = millis(1000)
const roundsWithoutPauseMax = 3
const firstLookMs = 10

export function createArbiter(config: ArbiterConfig, options: ArbiterOptions): Arbiter {
  return new EtcdArbiter(config, options)
}

type Round = 'done' | 'again' | 'failed'

class EtcdArbiter implements Arbiter {
  readonly description: string
  readonly #config: ArbiterConfig
  readonly #clock: Clock
  readonly #node: string
  readonly #generation: number
  readonly #folder: string
  readonly #etcd: Etcd
  readonly #closing = new AbortController()
  #onWord: ((word: ArbiterWord) => void) | null = null
  #wanted: ReadonlySet<string> = new Set()
  #lease: string | null = null
  #renewedFrom: Instant | null = null
  /** Keys by group as last read; null when nothing is known. */
  #seen: ReadonlyMap<string, KeyValue> | null = null
  /** Revisions whose deletion was asked for, by group. */
  readonly #deleted = new Map<string, string>()
  #trouble: string | null = null
  #failuresInRow = 0
  #loop: Promise<void> | null = null
  #wake: (() => void) | null = null
  #isWoken = false
  /** Looks in a row at keys of somebody else that we want. */
  #waits = 0

  constructor(config: ArbiterConfig, options: ArbiterOptions) {
    this.#config = config
    this.#clock = options.clock
    this.#node = options.node
    this.#generation = options.generation
    this.#folder = `${config.prefix}/groups`
    this.#etcd = new Etcd(config, options.clock)
    this.description = `etcd ${config.endpoints.map(endpoint => endpoint.url).join(',')}`
  }

  open(onWord: (word: ArbiterWord) => void): void {
    invariant(this.#loop === null, 'an arbiter is opened once')
    this.#onWord = onWord
    this.#loop = this.#run()
  }

  want(groupIds: readonly string[]): void {
    const wanted = new Set(groupIds)
    const isSame = wanted.size === this.#wanted.size && groupIds.every(id => this.#wanted.has(id))
    this.#wanted = wanted
    if (isSame) return
    this.#waits = 0
    this.#isWoken = true
    this.#wake?.()
  }

  async close(): Promise<void> {
    const until = after(this.#clock.monotonic(), closeMs)
    this.#closing.abort()
    this.#wake?.()
    await this.#loop
    await this.#revoke(until)
    this.#etcd.close()
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  async #run(): Promise<void> {
    let inRow = 0
    while (!this.#isClosing) {
      this.#isWoken = false
      const round = await this.#round()
      if (this.#isClosing) return
      this.#post()
      inRow = round === 'again' ? inRow + 1 : 0
      await this.#pause(this.#pauseMs(round, inRow))
    }
  }

  /** Renews when it is time, makes and deletes keys, and reads how things stand. */
  async #round(): Promise<Round> {
    let renewal: { readonly from: Instant; readonly term: string | null } | null = null
    if (this.#lease === null) {
      const granted = await this.#grant()
      if (granted !== 'done') return granted
    } else if (this.#renewalDueInMs() <= 0) {
      const from = this.#clock.monotonic()
      const reply = await this.#call('/v3/lease/keepalive', { ID: this.#lease })
      if (!reply.ok) return this.#failed(reply)
      if (ttlOf(reply.body) === 0) return this.#lost()
      renewal = { from, term: termOf(reply.body) }
    }
    const reply = await this.#call('/v3/kv/txn', { success: [...this.#operations(), { request_range: rangeOf(this.#folder) }] })
    if (!reply.ok) return reply.code === grpcCode.notFound ? this.#lost() : this.#failed(reply)
    this.#seen = new Map(keysOf(reply.body).map(key => [key.key.slice(this.#folder.length + 1), key]))
    if (renewal !== null && (renewal.term === null || renewal.term !== termOf(reply.body))) {
      return this.#fail(`${this.#etcd.currentUrl}: the members elected another leader while we renewed`)
    }
    if (renewal !== null) this.#renewedFrom = renewal.from
    this.#trouble = null
    this.#failuresInRow = 0
    return this.#operations().length > 0 ? 'again' : 'done'
  }

  async #grant(): Promise<Round> {
    const from = this.#clock.monotonic()
    const reply = await this.#call('/v3/lease/grant', { TTL: String(this.#config.ttlMs / 1000) })
    if (!reply.ok) return this.#failed(reply)
    const id = textOf(reply.body['ID'])
    if (!/^-?[0-9]+$/.test(id) || ttlOf(reply.body) < this.#config.ttlMs) {
      return this.#fail(`${this.#etcd.currentUrl}: it granted a lease of ${ttlOf(reply.body)} ms, not of ${this.#config.ttlMs} ms`)
    }
    this.#lease = id
    this.#renewedFrom = from
    return 'done'
  }

  /** One small transaction for each group that is not as it should be, as far as the last look tells. */
  #operations(): readonly object[] {
    if (this.#seen === null || this.#lease === null) return []
    const operations: object[] = []
    for (const id of this.#wanted) {
      const seen = this.#seen.get(id)
      const key = this.#keyOf(id)
      if (seen === undefined) operations.push(this.#put(id, { key, target: 'CREATE', result: 'EQUAL', create_revision: '0' }))
      else if (this.#isGivenBack(id, seen)) operations.push(this.#put(id, { key, target: 'MOD', result: 'EQUAL', mod_revision: seen.revision }))
      else if (this.#isOfEarlierLife(seen)) operations.push(this.#put(id, { key, target: 'VALUE', result: 'EQUAL', value: encoded(seen.value) }))
    }
    for (const [id, seen] of this.#seen) {
      if (seen.lease !== this.#lease || this.#wanted.has(id)) continue
      const key = this.#keyOf(id)
      this.#deleted.set(id, seen.revision)
      operations.push({
        request_txn: { compare: [{ key, target: 'MOD', result: 'EQUAL', mod_revision: seen.revision }], success: [{ request_delete_range: { key } }] }
      })
    }
    return operations.slice(0, operationsMax)
  }

  #isGivenBack(id: string, seen: KeyValue): boolean {
    return seen.lease === this.#lease && this.#deleted.get(id) === seen.revision
  }

  #put(id: string, compare: object): object {
    const value = encoded(`${this.#node}.${this.#generation}`)
    return { request_txn: { compare: [compare], success: [{ request_put: { key: this.#keyOf(id), value, lease: this.#lease } }] } }
  }

  #keyOf(id: string): string {
    return encoded(`${this.#folder}/${id}`)
  }

  #isOfEarlierLife(seen: KeyValue): boolean {
    const match = /^(.*)\.([0-9]{1,15})$/.exec(seen.value)
    return seen.lease !== this.#lease && match?.[1] === this.#node && Number(match[2]) < this.#generation
  }

  /** The lease is gone, and with it our keys: they are anybody's. Said at once, before anything else is tried. */
  #lost(): Round {
    this.#lease = null
    this.#renewedFrom = null
    this.#seen = null
    this.#trouble = `${this.#etcd.currentUrl}: our lease has ended there`
    return 'again'
  }

  #failed(reply: Reply & { readonly ok: false }): Round {
    // A member that does not answer, or has no leader, is left for the next. When it refuses us, all would; but the
    // files may have been corrected meanwhile.
    const { invalidArgument, permissionDenied, unauthenticated } = grpcCode
    if ([invalidArgument, permissionDenied, unauthenticated].some(code => code === reply.code)) this.#etcd.forgetCredentials()
    else this.#etcd.useNext()
    return this.#fail(reply.reason)
  }

  #fail(reason: string): Round {
    this.#trouble = reason
    this.#failuresInRow += 1
    return 'failed'
  }

  #call(path: string, body: object): Promise<Reply> {
    // Two silent members of three must not cost the lease: while others are left to ask, none is waited for long.
    const isLastToTry = this.#failuresInRow % this.#config.endpoints.length === this.#config.endpoints.length - 1
    const deadlineMs = millis(this.#config.ttlMs / (isLastToTry ? 4 : 8))
    return this.#etcd.call(path, body, { deadlineMs, signal: this.#closing.signal })
  }

  #renewalDueInMs(): number {
    return this.#renewedFrom === null ? 0 : this.#config.ttlMs / 3 - elapsed(this.#renewedFrom, this.#clock.monotonic())
  }

  #pauseMs(round: Round, inRow: number): Millis {
    const { ttlMs, endpoints } = this.#config
    if (round === 'failed') return millis(this.#failuresInRow % endpoints.length === 0 ? ttlMs / 8 : 0)
    if (round === 'again') return millis(inRow <= roundsWithoutPauseMax ? 0 : ttlMs / 8)
    const dueInMs = Math.max(0, this.#renewalDueInMs())
    // Who waits for a key of somebody else looks more often: as soon as it is gone it can be had. At first that is soon, when
    // the other has just let go; then it may take the rest of his lease.
    const isWaiting = [...this.#wanted].some(id => this.#seen?.get(id)?.lease !== this.#lease)
    this.#waits = isWaiting ? this.#waits + 1 : 0
    return millis(isWaiting ? Math.min(dueInMs, firstLookMs * 2 ** (this.#waits - 1), 500, Math.max(100, ttlMs / 16)) : dueInMs)
  }

  #pause(delayMs: Millis): Promise<void> {
    if (this.#isWoken || this.#isClosing) return Promise.resolve()
    return new Promise(resolve => {
      const timer = this.#clock.schedule(delayMs, () => this.#wake?.())
      this.#wake = () => {
        timer.cancel()
        this.#wake = null
        resolve()
      }
    })
  }

  #post(): void {
    const keys = [...(this.#seen ?? [])]
    this.#onWord?.({
      renewedFrom: this.#renewedFrom,
      ours: keys.filter(([id, key]) => key.lease === this.#lease && !this.#isGivenBack(id, key)).map(([id]) => id).sort(),
      theirs: keys.filter(([, key]) => key.lease !== this.#lease && !this.#isOfEarlierLife(key)).map(([id]) => id).sort(),
      trouble: this.#trouble
    })
  }

  /** Gives the lease back, and with it the keys; when nobody takes it in time, it ends by itself. */
  async #revoke(until: Instant): Promise<void> {
    for (let tried = 0; this.#lease !== null && tried < this.#config.endpoints.length; tried += 1) {
      const leftMs = elapsed(this.#clock.monotonic(), until)
      if (leftMs <= 0) return
      const deadlineMs = millis(Math.max(leftMs / 2, Math.min(leftMs, 100)))
      const ended = new AbortController()
      const timer = this.#clock.schedule(leftMs, () => ended.abort())
      const reply = await this.#etcd.call('/v3/lease/revoke', { ID: this.#lease }, { deadlineMs, signal: ended.signal })
      timer.cancel()
      if (reply.ok || reply.code === grpcCode.notFound) return
      this.#etcd.useNext()
    }
  }
}
