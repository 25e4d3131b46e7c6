/**
 * A body that arrives in pieces. Room grows with what has arrived, at most doubling, so that a length that was only
 * promised costs nothing.
 */

const firstBytes = 4_096

export class Body {
  #bytes: Buffer
  #used = 0
  readonly #bytesMax: number

  /** `bytesMax` is the promised length, or the most that is taken. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(bytesMax, firstBytes))
  }

  get length(): number {
    return this.#used
  }

  /** Room that is left of the promised length. */
  get left(): number {
    return this.#bytesMax - this.#used
  }

  /** The caller keeps to `left`. */
  add(from: Buffer, start: number, end: number): void {
    const needed = this.#used + end - start
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#bytesMax, Math.max(needed, this.#bytes.length * 2)))
      this.#bytes.copy(grown, 0, 0, this.#used)
      this.#bytes = grown
    }
    from.copy(this.#bytes, this.#used, start, end)
    this.#used = needed
  }

  take(): Buffer {
    return this.#bytes.subarray(0, this.#used)
  }
}
