/** A secret that cannot reach a log line by accident: it prints, serialises and inspects as `[redacted]`. */
export class Secret {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The secret itself; for the digest functions in wire/ alone. */
  reveal(): Uint8Array {
    return this.#bytes
  }

  toString(): string {
    return '[redacted]'
  }

  toJSON(): string {
    return '[redacted]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[redacted]'
  }
}
