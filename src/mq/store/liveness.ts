/**
 * Which messages of which extents are still needed: two bits a message and a few numbers an extent.
 *
 * *Dead* is what the records say; a checkpoint carries it, and restart believes it. *Released* is what the core says: it will
 * not read the message any more. An extent can be used again when all its messages are both, and when no live message that
 * began in an earlier extent goes on in it.
 *
 * A message is named by its key, extent and ordinal in one number.
 */

/** More messages than the largest extent can hold. */
const ordinalsMax = 2 ** 22

export const keyOf = (extent: number, ordinal: number): number => extent * ordinalsMax + ordinal
export const extentOfKey = (key: number): number => Math.floor(key / ordinalsMax)
export const ordinalOfKey = (key: number): number => key % ordinalsMax

export const noSpill = 0xffff_ffff

/** Bytes a message takes in an extent, about: head and body, and what a record has around them. */
export const footprint = (length: number): number => length + 80

class Bits {
  #bytes: Uint8Array
  count = 0

  constructor(bytes: Uint8Array = new Uint8Array(64)) {
    this.#bytes = bytes
    for (const byte of bytes) for (let rest = byte; rest !== 0; rest &= rest - 1) this.count += 1
  }

  has(at: number): boolean {
    return (((this.#bytes[at >> 3] ?? 0) >> (at & 7)) & 1) === 1
  }

  /** False when it was set already. */
  set(at: number): boolean {
    if (this.has(at)) return false
    const byte = at >> 3
    if (byte >= this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, byte + 1))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes[byte] = (this.#bytes[byte] as number) | (1 << (at & 7))
    this.count += 1
    return true
  }

  clear(at: number): void {
    if (!this.has(at)) return
    this.#bytes[at >> 3] = (this.#bytes[at >> 3] as number) & ~(1 << (at & 7))
    this.count -= 1
  }

  /** The first `length` bits, as bytes; a copy. */
  copy(length: number): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(length / 8))
    bytes.set(this.#bytes.subarray(0, bytes.length))
    return bytes
  }
}

/** What is known of one extent. */
export class ExtentLife {
  readonly number: number
  epoch: number
  /** Messages that begin here. */
  count = 0
  /** Where its records end; 0 while records are appended to it. */
  end = 0
  /** Bytes of the messages that are not released, by `footprint`. */
  liveBytes = 0
  /** The message that goes on in later extents, and the last of these. */
  spillOrdinal = noSpill
  spillLast = 0
  dead = new Bits()
  released = new Bits()

  constructor(number: number, epoch: number) {
    this.number = number
    this.epoch = epoch
  }

  get hasLive(): boolean {
    return this.dead.count < this.count
  }

  get isReleased(): boolean {
    return this.released.count >= this.count
  }

  isDead(ordinal: number): boolean {
    return ordinal >= this.count || this.dead.has(ordinal)
  }

  get hasLiveSpill(): boolean {
    return this.spillOrdinal !== noSpill && !this.dead.has(this.spillOrdinal)
  }

  /** Takes over what a checkpoint knew. Dead messages are released too: nobody knows them. */
  restore(count: number, dead: Uint8Array): void {
    this.count = count
    // Copies: `slice` of a Buffer would be the same bytes twice.
    this.dead = new Bits(Uint8Array.from(dead))
    this.released = new Bits(Uint8Array.from(dead))
  }
}

export class Liveness {
  readonly #extents = new Map<number, ExtentLife>()
  #last: ExtentLife | null = null
  /** Messages that are not dead. */
  live = 0

  get extents(): IterableIterator<ExtentLife> {
    return this.#extents.values()
  }

  get(extent: number): ExtentLife | undefined {
    if (this.#last?.number === extent) return this.#last
    const found = this.#extents.get(extent)
    if (found !== undefined) this.#last = found
    return found
  }

  /** The extent's entry, made when it is new. */
  begin(extent: number, epoch: number): ExtentLife {
    const known = this.get(extent)
    if (known !== undefined) return known
    const made = new ExtentLife(extent, epoch)
    this.#extents.set(extent, made)
    this.#last = made
    return made
  }

  forget(extent: number): void {
    this.#extents.delete(extent)
    if (this.#last?.number === extent) this.#last = null
  }

  /** A message is there, whatever was known of this ordinal before. */
  born(life: ExtentLife, ordinal: number, length: number): void {
    if (ordinal >= life.count) {
      life.count = ordinal + 1
      this.live += 1
    } else if (life.dead.has(ordinal)) {
      life.dead.clear(ordinal)
      life.released.clear(ordinal)
      this.live += 1
    }
    life.liveBytes += footprint(length)
  }

  isDead(key: number): boolean {
    return this.get(extentOfKey(key))?.isDead(ordinalOfKey(key)) ?? true
  }

  die(key: number): void {
    const life = this.get(extentOfKey(key))
    const ordinal = ordinalOfKey(key)
    if (life !== undefined && ordinal < life.count && life.dead.set(ordinal)) this.live -= 1
  }

  /** Nobody will read it. Said twice, it counts once. */
  release(key: number, length: number): void {
    const life = this.get(extentOfKey(key))
    const ordinal = ordinalOfKey(key)
    if (life === undefined || ordinal >= life.count) return
    if (life.dead.set(ordinal)) this.live -= 1
    if (life.released.set(ordinal)) life.liveBytes -= footprint(length)
  }

  /** Numbers of the extents up to `last` that a restart needs, growing: with a live message or a part of one. */
  needed(last: number): number[] {
    const found: number[] = []
    let spillLast = -1
    for (const life of [...this.#extents.values()].sort((a, b) => a.number - b.number)) {
      if (life.number > last) break
      if (life.hasLive || life.number <= spillLast) found.push(life.number)
      if (life.hasLiveSpill) spillLast = Math.max(spillLast, life.spillLast)
    }
    return found
  }
}
