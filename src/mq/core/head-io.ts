/** Bytes of heads: a writer with one buffer for all, and a reader that never leaves its buffer. */

import { HaError } from '../../base/errors.js'

const tail = (position: number): string => `it ends before its byte ${position}`

export class HeadWriter {
  #buffer = Buffer.allocUnsafe(4_096)
  #at = 0

  /** Version and room for the bits. */
  begin(version: number): void {
    this.#buffer[0] = version
    this.#at = 5
  }

  /** Copies what was written. */
  end(bits: number): Buffer {
    this.#buffer.writeUInt32LE(bits >>> 0, 1)
    const bytes = Buffer.allocUnsafe(this.#at)
    bytes.set(this.#buffer.subarray(0, this.#at))
    return bytes
  }

  byte(bit: number, value: number): number {
    this.#room(1)
    this.#buffer[this.#at++] = value
    return bit
  }

  int(bit: number, value: number): number {
    this.#room(4)
    this.#at = this.#buffer.writeInt32LE(value, this.#at)
    return bit
  }

  float(value: number): void {
    this.#room(8)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  long(value: bigint): void {
    this.#room(8)
    this.#at = this.#buffer.writeBigInt64LE(BigInt.asIntN(64, value), this.#at)
  }

  /** At most 255 bytes. */
  text(bit: number, value: string): number {
    const from = this.#at
    this.#room(1 + value.length * 3)
    const buffer = this.#buffer
    let at = from + 1
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index)
      if (code >= 0x80) {
        // Rare: let the library do UTF-8. The loop is several times faster for the short names it usually sees.
        at = from + 1 + buffer.write(value, from + 1, 'utf8')
        break
      }
      buffer[at++] = code
    }
    buffer[from] = at - from - 1
    this.#at = at
    return bit
  }

  /** With a length of four bytes. */
  longText(value: string): void {
    this.#room(4 + value.length * 3)
    const bytes = this.#buffer.write(value, this.#at + 4, 'utf8')
    this.#buffer.writeUInt32LE(bytes, this.#at)
    this.#at += 4 + bytes
  }

  bytes(bit: number, value: Uint8Array): number {
    this.#room(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
    return bit
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#at + bytes))
    larger.set(this.#buffer.subarray(0, this.#at))
    this.#buffer = larger
  }
}

export class HeadReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  get left(): number {
    return this.#buffer.length - this.#at
  }

  byte(): number {
    this.#need(1)
    return this.#buffer[this.#at++] as number
  }

  int(): number {
    this.#need(4)
    this.#at += 4
    return this.#buffer.readInt32LE(this.#at - 4)
  }

  float(): number {
    this.#need(8)
    this.#at += 8
    return this.#buffer.readDoubleLE(this.#at - 8)
  }

  long(): bigint {
    this.#need(8)
    this.#at += 8
    return this.#buffer.readBigInt64LE(this.#at - 8)
  }

  text(): string {
    const length = this.byte()
    this.#need(length)
    this.#at += length
    return this.#buffer.toString('utf8', this.#at - length, this.#at)
  }

  longText(): string {
    const length = this.int() >>> 0
    this.#need(length)
    this.#at += length
    return this.#buffer.toString('utf8', this.#at - length, this.#at)
  }

  bytes(length: number): Buffer {
    this.#need(length)
    this.#at += length
    return this.#buffer.subarray(this.#at - length, this.#at)
  }

  #need(bytes: number): void {
    if (this.#at + bytes > this.#buffer.length) throw new HaError('HA_MQ_DAMAGED', `the head of a stored message makes no sense: ${tail(this.#at + bytes)}`)
  }
}
