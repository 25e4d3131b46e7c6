/**
 * Remembers how far each producer came, so that a put or commit repeated after a broken connection is not done twice.
 *
 * The number of producers is bounded; the one that was silent longest goes first. Two generations of a map keep that
 * order without work per put: who is heard moves to the young one; when that is full, the old one is dropped.
 *
 * A producer may have several puts on the way, and one of them may be refused. That a sequence is below the highest does
 * not say that it was stored, so refused ones are remembered too, the last few of each producer. They do not survive a
 * restart: a client that keeps one call on the way at a time does not need it, others learn the fate by the answer.
 */

import type { Origin } from './journal.js'

const refusedMax = 1_000

interface Progress {
  sequence: number
  refused: Set<number> | null
}

export class Producers {
  readonly #generationMax: number
  #young = new Map<string, Progress>()
  #old = new Map<string, Progress>()

  constructor(producersMax: number) {
    this.#generationMax = Math.max(1, Math.floor(producersMax / 2))
  }

  /** The highest sequence stored; 0 when the producer is unknown. */
  last(producer: Buffer): number {
    return this.#find(producer.toString('latin1'))?.sequence ?? 0
  }

  isRepetition(origin: Origin): boolean {
    const progress = this.#find(origin.producer.toString('latin1'))
    return progress !== undefined && origin.sequence <= progress.sequence && progress.refused?.has(origin.sequence) !== true
  }

  /** It was refused, and not stored since. */
  isRefused(origin: Origin): boolean {
    return this.#find(origin.producer.toString('latin1'))?.refused?.has(origin.sequence) === true
  }

  stored(origin: Origin): void {
    const key = origin.producer.toString('latin1')
    const progress = this.#find(key)
    if (progress === undefined) this.#add(key, { sequence: origin.sequence, refused: null })
    else {
      progress.sequence = Math.max(progress.sequence, origin.sequence)
      progress.refused?.delete(origin.sequence)
    }
  }

  /** It was refused: a later try with the same sequence is no repetition. */
  refused(origin: Origin): void {
    const progress = this.#find(origin.producer.toString('latin1'))
    const known = progress ?? { sequence: 0, refused: null }
    if (progress === undefined) this.#add(origin.producer.toString('latin1'), known)
    known.refused ??= new Set()
    known.refused.add(origin.sequence)
    if (known.refused.size > refusedMax) for (const oldest of known.refused) {
      known.refused.delete(oldest)
      break
    }
  }

  #find(key: string): Progress | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.#add(key, old)
    return old
  }

  #add(key: string, progress: Progress): void {
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, progress)
  }
}
