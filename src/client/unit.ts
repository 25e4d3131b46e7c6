/** Units of work: what is put and got in one takes place as a whole at its commit, or not at all. */

import type { UnitId } from '../mq/core/engine.js'
import type { Reply } from '../mq/protocol/client/reply.js'
import { encodeRequest } from '../mq/protocol/client/request.js'
import { refusal } from './handle.js'
import { Lanes, originOf } from './lanes.js'
import type { Line } from './line.js'
import { MqError, reasons } from './mq-error.js'
import { supervise } from './supervise.js'

/** No unit has this number. */
const noUnit = 0 as UnitId

/**
 * A unit of work of one connection. It ends with the first of `commit`, `backout`, or a break of the connection, which
 * backs it out; then every call in it, and its commit, fails with 2003.
 *
 * A commit that was sent when the connection broke is made again on the next one, where the queue manager recognises it: it
 * resolves when it took place, and rejects with 2003 when it did not and will not. Only when no connection can be had it
 * rejects with 2549: its fate is unknown.
 */
export class Unit {
  readonly #line: Line
  readonly #lanes: Lanes
  readonly #work = new Set<Promise<unknown>>()
  readonly generation: number
  readonly #id: UnitId
  #isEnded = false

  private constructor(line: Line, lanes: Lanes, id: UnitId) {
    this.#line = line
    this.#lanes = lanes
    this.#id = id
    this.generation = line.generation
    line.holds++
  }

  static begin(line: Line, lanes: Lanes, signal?: AbortSignal): Promise<Unit> {
    return line.perform<Unit>({
      fate: 'again',
      encode: token => encodeRequest(token, { kind: 'begin' }),
      read: reply => {
        if (reply.kind !== 'began') throw refusal(reply)
        return new Unit(line, lanes, reply.unit)
      },
      ...(signal === undefined ? {} : { signal }),
      onLate: unit => supervise('backing out a unit nobody waits for', unit.backout())
    })
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** The queue manager's own name for it. Throws MqError 2003 when the connection broke, 2046 when it is over. */
  get wireId(): UnitId {
    if (this.generation !== this.#line.generation) throw new MqError(reasons.backedOut, 'the connection broke; the unit of work is backed out')
    if (this.#isEnded) throw new MqError(reasons.optionsError, 'the unit of work has ended')
    return this.#id
  }

  /** Notes a call of this unit; the commit waits for it. */
  track<T>(work: Promise<T>): Promise<T> {
    this.#work.add(work)
    const over = (): void => {
      this.#work.delete(work)
    }
    supervise('forgetting a call that is over', work.then(over, over))
    return work
  }

  /** Waits for the calls of the unit that are under way, then commits. Rejects as said above. */
  async commit(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await Promise.allSettled(this.#work)
    const id = this.wireId
    this.#end()
    const line = this.#line
    // Without failover there is no second try that would have to be recognised.
    const lane = line.hasFailover ? this.#lanes.take() : null
    const origin = lane === null ? null : originOf(lane)
    await line.perform<void>({
      fate: 'commit',
      unit: this,
      encode: token => encodeRequest(token, { kind: 'commit', unit: id, origin }),
      read: readDone,
      ...(lane === null
        ? {}
        : {
            // The unit is the old connection's; the origin alone says which commit is meant.
            repeat: token => encodeRequest(token, { kind: 'commit', unit: noUnit, origin }),
            onOver: () => this.#lanes.give(lane)
          }),
      ...(options.signal === undefined ? {} : { signal: options.signal })
    })
  }

  /** Backs out; after a break nothing is left to do. */
  async backout(): Promise<void> {
    if (this.#isEnded) return
    await Promise.allSettled(this.#work)
    if (this.#isEnded) return
    this.#end()
    if (this.generation !== this.#line.generation) return
    const id = this.#id
    try {
      await this.#line.perform<void>({ fate: 'unit', unit: this, encode: token => encodeRequest(token, { kind: 'backout', unit: id }), read: readDone })
    } catch (error) {
      // Backed out all the same: by the break, or earlier by the queue manager.
      const expected: readonly number[] = [reasons.backedOut, reasons.connectionBroken, reasons.connectionHandleError]
      if (!(error instanceof MqError && expected.includes(error.reason))) throw error
    }
  }

  /** `await using`: backed out unless it was committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.backout()
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#line.holds--
  }
}

/** Reads an answer that says no more than whether it was done. */
export function readDone(reply: Reply): void {
  if (reply.kind !== 'done' || reply.completion === 2) throw refusal(reply)
}
