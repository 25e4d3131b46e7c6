/**
 * Producer identities, so that a call repeated after a broken connection is recognised.
 *
 * The queue manager keeps the highest sequence of each producer. Were many puts of one producer under way, one of them
 * refused and a later one stored, the highest sequence would not tell them apart after a break. So each call under way has
 * a producer of its own, a lane, whose last sequence was stored or was not. The lane used last is used next: a program
 * that puts one by one uses one.
 */

import { randomBytes } from 'node:crypto'
import type { Origin } from '../mq/core/journal.js'

export interface Lane {
  readonly producer: Buffer
  /** Of the call under way, or the last one. */
  sequence: number
}

const randomBytesCount = 12

export class Lanes {
  readonly #name = randomBytes(randomBytesCount)
  readonly #free: Lane[] = []
  #made = 0

  /** A lane with its next sequence. Their number is bounded by the calls that may be under way. */
  take(): Lane {
    const lane = this.#free.pop() ?? this.#make()
    lane.sequence++
    return lane
  }

  /** The call was answered, or its answer does not matter any more. */
  give(lane: Lane): void {
    this.#free.push(lane)
  }

  #make(): Lane {
    const producer = Buffer.alloc(16)
    this.#name.copy(producer)
    producer.writeUInt32BE(this.#made++, randomBytesCount)
    return { producer, sequence: 0 }
  }
}

export const originOf = (lane: Lane): Origin => ({ producer: lane.producer, sequence: lane.sequence })
