/**
 * A seeded integer generator (xorshift32, Marsaglia 2003): the same seed gives the same run on every machine.
 * Chances are exact ratios, not floats, so that a seed replays everywhere. Not for secrets.
 */
export class Prng {
  #state: number

  constructor(seed: number) {
    // Zero is the one state xorshift never leaves; a multiplicative mix spreads neighbouring seeds apart.
    const mixed = Math.imul((seed ^ 0x9e3779b9) | 0, 0x85ebca6b) >>> 0
    this.#state = mixed === 0 ? 0x6d2b79f5 : mixed
  }

  /** The next 32 bits. */
  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return this.next() % bound
  }

  /** An integer in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** True in `numerator` of `denominator` cases. */
  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T // callers pass at least one item
  }
}
