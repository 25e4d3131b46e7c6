/**
 * How far each producer came, as the records say. Bounded: the producer silent longest goes first. Two generations of a map
 * keep that order without work per put; when the young one is full, the old one is dropped.
 */

import type { Origin } from '../core/journal.js'

export const originsMax = 65_536

interface Progress {
  readonly producer: Buffer
  sequence: number
}

export class Origins {
  readonly #generationMax: number
  #young = new Map<string, Progress>()
  #old = new Map<string, Progress>()

  constructor(max = originsMax) {
    this.#generationMax = Math.max(1, Math.floor(max / 2))
  }

  heard(origin: Origin): void {
    const key = origin.producer.toString('latin1')
    let progress = this.#young.get(key)
    if (progress === undefined) {
      progress = this.#old.get(key) ?? { producer: Buffer.from(origin.producer), sequence: 0 }
      if (this.#young.size >= this.#generationMax) {
        this.#old = this.#young
        this.#young = new Map()
      }
      this.#young.set(key, progress)
    }
    if (origin.sequence > progress.sequence) progress.sequence = origin.sequence
  }

  /** Longest silent first. */
  list(): Origin[] {
    const old = [...this.#old].filter(([key]) => !this.#young.has(key)).map(([, progress]) => progress)
    return [...old, ...this.#young.values()].map(({ producer, sequence }) => ({ producer, sequence }))
  }
}
