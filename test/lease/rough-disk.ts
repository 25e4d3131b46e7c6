/**
 * A shared disk on a bad day, on the virtual clock: operations take any time, take effect at any moment within it, are torn,
 * fail though they took effect, and are answered long after they were served.
 */

import { millis } from '../../src/base/units.js'
import type { Prng } from '../../src/base/prng.js'
import type { LeaseDisk } from '../../src/lease-disk/disk.js'
import { lookBytes } from '../../src/lease/layout.js'
import type { Clock } from '../../src/port/clock.js'
import type { SharedPlatter } from './fake-disk.js'

/** One in so many operations has the fault; 0 turns a fault off, so that the others get room. */
export interface Roughness {
  readonly slow: number
  readonly slowMsMax: number
  readonly fails: number
  readonly tears: number
}

export class RoughDisk implements LeaseDisk {
  readonly path = '/dev/shared'
  readonly #platter: SharedPlatter
  readonly #clock: Clock
  readonly #prng: Prng
  readonly #roughness: Roughness
  /** No write reaches the platter any more. */
  isCut = false

  constructor(platter: SharedPlatter, clock: Clock, prng: Prng, roughness: Roughness) {
    this.#platter = platter
    this.#clock = clock
    this.#prng = prng
    this.#roughness = roughness
  }

  open(done: Parameters<LeaseDisk['open']>[0]): void {
    this.#clock.schedule(millis(this.#duration()), () => done({ ok: true, note: null }))
  }

  read(done: Parameters<LeaseDisk['read']>[0]): void {
    const tookMs = this.#duration()
    let bytes = Buffer.alloc(lookBytes)
    this.#clock.schedule(millis(this.#within(tookMs)), () => void (bytes = Buffer.from(this.#platter.bytes.subarray(0, lookBytes))))
    const fails = this.#draws(this.#roughness.fails)
    this.#clock.schedule(millis(tookMs + 0.01), () => done(fails ? { ok: false, fault: { reason: 'EIO' } } : { ok: true, bytes }))
  }

  write(at: number, sectors: Uint8Array, done: Parameters<LeaseDisk['write']>[2]): void {
    const tookMs = this.#duration()
    const bytes = Buffer.from(sectors)
    const cut = this.#draws(this.#roughness.tears) ? 512 * (1 + this.#prng.below(bytes.length / 512 - 1)) : bytes.length
    const [first, second] = [this.#within(tookMs), this.#within(tookMs)].sort((a, b) => a - b)
    const put = (from: number, to: number): void => {
      if (!this.isCut) this.#platter.bytes.set(bytes.subarray(from, to), at + from)
    }
    this.#clock.schedule(millis(first ?? 0), () => put(0, cut))
    this.#clock.schedule(millis(second ?? 0), () => put(cut, bytes.length))
    const fails = this.#draws(this.#roughness.fails)
    this.#clock.schedule(millis(tookMs + 0.01), () => done(fails || this.isCut ? { reason: 'EIO' } : null))
  }

  close(done: () => void): void {
    this.#clock.schedule(millis(1), done)
  }

  #duration(): number {
    return this.#draws(this.#roughness.slow) ? this.#prng.between(20, this.#roughness.slowMsMax) : this.#prng.between(1, 8)
  }

  #within(tookMs: number): number {
    return (tookMs * this.#prng.below(1001)) / 1000
  }

  #draws(oneIn: number): boolean {
    return oneIn > 0 && this.#prng.below(oneIn) === 0
  }
}
