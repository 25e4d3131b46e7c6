/** Compact numbers and texts in a growing buffer, for the flight recorder's records. Reading never leaves the buffer. */

import { Buffer } from 'node:buffer'

/** What was read is no record of ours: cut short, or damaged. */
export class DamagedRecord extends Error {
  override readonly name = 'DamagedRecord'
}

export class ByteWriter {
  #bytes = Buffer.allocUnsafe(4_096)
  #length = 0

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.#length++] = value
  }

  /** A safe integer that is not negative, seven bits a byte, the lowest first. */
  count(value: number): void {
    this.#room(8)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) + 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#length++] = rest
  }

  number(value: number): void {
    this.#room(8)
    this.#bytes.writeDoubleLE(value, this.#length)
    this.#length += 8
  }

  text(value: string): void {
    const size = Buffer.byteLength(value)
    this.count(size)
    this.#room(size)
    this.#bytes.write(value, this.#length, 'utf8')
    this.#length += size
  }

  /** What was written since the last call, as a copy. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    return taken
  }

  clear(): void {
    this.#length = 0
  }

  #room(size: number): void {
    if (this.#length + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + size))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

/** Reads what a ByteWriter wrote. Throws DamagedRecord where it does not go on. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  byte(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) throw new DamagedRecord('a record is cut short')
    this.#at += 1
    return value
  }

  count(): number {
    let value = 0
    let scale = 1
    for (let digits = 0; digits < 8; digits += 1) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break
        return value
      }
      scale *= 0x80
    }
    throw new DamagedRecord('a number is too long')
  }

  number(): number {
    this.#need(8)
    const value = this.#bytes.readDoubleLE(this.#at)
    this.#at += 8
    return value
  }

  text(): string {
    const size = this.count()
    this.#need(size)
    const value = this.#bytes.toString('utf8', this.#at, this.#at + size)
    this.#at += size
    return value
  }

  #need(size: number): void {
    if (this.#at + size > this.#bytes.length) throw new DamagedRecord('a record is cut short')
  }
}
