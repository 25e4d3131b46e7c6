/** A body that comes in parts. Memory grows with what has arrived, never with what was announced. */
export class Assembly {
  readonly token: number
  readonly bodyBytes: number
  #buffer: Buffer
  #filled: number

  /** `first` is copied. */
  constructor(token: number, bodyBytes: number, first: Buffer) {
    this.token = token
    this.bodyBytes = bodyBytes
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(bodyBytes, Math.max(first.length * 2, 1)))
    this.#filled = first.copy(this.#buffer)
  }

  /** False when the part goes beyond the announced length; then nothing is added. */
  add(part: Buffer): boolean {
    const filled = this.#filled + part.length
    if (part.length === 0 || filled > this.bodyBytes) return false
    if (filled > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.bodyBytes, Math.max(filled, this.#buffer.length * 2)))
      this.#buffer.copy(larger, 0, 0, this.#filled)
      this.#buffer = larger
    }
    part.copy(this.#buffer, this.#filled)
    this.#filled = filled
    return true
  }

  get isComplete(): boolean {
    return this.#filled === this.bodyBytes
  }

  /** The body; only when complete. */
  body(): Buffer {
    return this.#buffer.subarray(0, this.#filled)
  }
}
