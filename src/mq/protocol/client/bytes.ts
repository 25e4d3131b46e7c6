/**
 * Writing and reading the fields of a frame. Numbers are big-endian or of variable length (LEB128), texts are UTF-8 with
 * their length before them.
 *
 * A reader never throws and never trusts: the first field that does not fit sets `fault`, and every later field reads as
 * nothing. Ask for `fault` once at the end. Loops over a count from outside ask it in each round.
 */

const initialBytes = 4096
/** A writer that had to grow beyond this is cut back after use, so that one large frame does not stay in memory. */
const keptBytesMax = 256 * 1024
const textBytesMax = 1024 * 1024

export class Writer {
  #buffer = Buffer.allocUnsafeSlow(initialBytes)
  #at = 0

  get length(): number {
    return this.#at
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#at++] = value
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#at = this.#buffer.writeUInt32BE(value >>> 0, this.#at)
  }

  i32(value: number): void {
    this.#reserve(4)
    this.#at = this.#buffer.writeInt32BE(value | 0, this.#at)
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#at = this.#buffer.writeDoubleBE(value, this.#at)
  }

  /** `value` fits 64 bits with sign. */
  i64(value: bigint): void {
    this.#reserve(8)
    this.#at = this.#buffer.writeBigInt64BE(value, this.#at)
  }

  /** A whole number from 0 to 2⁵³ − 1: seven bits a byte, the lowest first. */
  uint(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#buffer[this.#at++] = rest
  }

  text(value: string): void {
    const bytes = Buffer.byteLength(value)
    this.uint(bytes)
    this.#reserve(bytes)
    this.#at += this.#buffer.write(value, this.#at)
  }

  /** Bytes without a length; the reader knows it, or takes the rest. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  bytes(value: Uint8Array): void {
    this.uint(value.length)
    this.raw(value)
  }

  /** Overwrites four bytes written before. */
  patchU32(value: number, at: number): void {
    this.#buffer.writeUInt32BE(value, at)
  }

  /** A copy of all that was written, with `after` behind it when given; the writer is empty afterwards. */
  take(after?: Uint8Array): Buffer {
    const taken = Buffer.allocUnsafe(this.#at + (after?.length ?? 0))
    this.#buffer.copy(taken, 0, 0, this.#at)
    if (after !== undefined) taken.set(after, this.#at)
    this.clear()
    return taken
  }

  clear(): void {
    this.#at = 0
    if (this.#buffer.length > keptBytesMax) this.#buffer = Buffer.allocUnsafeSlow(initialBytes)
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}

export class Reader {
  readonly #buffer: Buffer
  readonly #end: number
  #at: number
  /** What was wrong first; null while all fields were in order. */
  fault: string | null = null

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer
    this.#at = at
    this.#end = buffer.length
  }

  get remaining(): number {
    return this.#end - this.#at
  }

  u8(): number {
    return this.#has(1) ? (this.#buffer[this.#at++] as number) : 0
  }

  u32(): number {
    if (!this.#has(4)) return 0
    this.#at += 4
    return this.#buffer.readUInt32BE(this.#at - 4)
  }

  i32(): number {
    if (!this.#has(4)) return 0
    this.#at += 4
    return this.#buffer.readInt32BE(this.#at - 4)
  }

  f64(): number {
    if (!this.#has(8)) return 0
    this.#at += 8
    return this.#buffer.readDoubleBE(this.#at - 8)
  }

  i64(): bigint {
    if (!this.#has(8)) return 0n
    this.#at += 8
    return this.#buffer.readBigInt64BE(this.#at - 8)
  }

  uint(): number {
    let value = 0
    let weight = 1
    for (let count = 0; count < 8; count++) {
      const byte = this.u8()
      value += (byte & 0x7f) * weight
      if (byte < 0x80) {
        if (value <= Number.MAX_SAFE_INTEGER) return value
        break
      }
      weight *= 0x80
    }
    this.#fail('a number is too large')
    return 0
  }

  text(bytesMax = textBytesMax): string {
    const bytes = this.uint()
    if (bytes > bytesMax) this.#fail(`a text is longer than ${bytesMax} bytes`)
    if (!this.#has(bytes)) return ''
    this.#at += bytes
    return this.#buffer.toString('utf8', this.#at - bytes, this.#at)
  }

  /** A view into the frame, not a copy. */
  raw(bytes: number): Buffer {
    if (!this.#has(bytes)) return Buffer.alloc(0)
    this.#at += bytes
    return this.#buffer.subarray(this.#at - bytes, this.#at)
  }

  /** As `raw`, but safe to keep when the frame's buffer is used again. */
  copy(bytes: number): Buffer {
    return Buffer.from(this.raw(bytes))
  }

  bytes(): Buffer {
    return this.copy(this.uint())
  }

  /** A view of all that is left. */
  rest(): Buffer {
    return this.raw(this.remaining)
  }

  /** A field has a value that no writer of this version writes. */
  refuse(why: string): void {
    this.#fail(why)
  }

  #has(bytes: number): boolean {
    if (this.fault !== null) return false
    if (bytes <= this.#end - this.#at) return true
    this.#fail('the frame ends within a field')
    return false
  }

  #fail(why: string): void {
    this.fault ??= why
    this.#at = this.#end
  }
}
