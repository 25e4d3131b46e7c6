/**
 * A shared disk of the test's making, on the virtual clock. Two nodes open it as two LeaseDisks.
 *
 * Fault model, per node: operations take `latencyMs`; they may fail, hang until `release` (and then do what they were told),
 * read what the disk held some time ago, or write only the first part of what they were given and then lose power.
 */

import { millis } from '../../src/base/units.js'
import type { DiskFault, LeaseDisk } from '../../src/lease-disk/disk.js'
import { areaBytes, lookBytes } from '../../src/lease/layout.js'
import type { Clock } from '../../src/port/clock.js'

export class SharedPlatter {
  readonly bytes = Buffer.alloc(areaBytes)
}

export class FakeDisk implements LeaseDisk {
  readonly path: string
  latencyMs = 1
  readFault: DiskFault | null = null
  writeFault: DiskFault | null = null
  openFault: DiskFault | null = null
  isReadHanging = false
  isWriteHanging = false
  /** Reads answer from here instead. */
  stale: Buffer | null = null
  /** The next write stores only so many bytes, and ends well. */
  tearNextAt: number | null = null
  readonly writes: { readonly at: number; readonly atMs: number }[] = []
  reads = 0
  opens = 0
  readsUnderWay = 0
  writesUnderWay = 0
  mostUnderWay = 0
  readonly #clock: Clock
  readonly #platter: SharedPlatter
  readonly #held: (() => void)[] = []

  constructor(platter: SharedPlatter, clock: Clock, path = '/dev/shared') {
    this.#platter = platter
    this.#clock = clock
    this.path = path
  }

  open(done: Parameters<LeaseDisk['open']>[0]): void {
    this.opens += 1
    this.#after(false, () => done(this.openFault === null ? { ok: true, note: null } : { ok: false, fault: this.openFault }))
  }

  read(done: Parameters<LeaseDisk['read']>[0]): void {
    this.reads += 1
    this.readsUnderWay += 1
    this.#count()
    this.#after(this.isReadHanging, () => {
      this.readsUnderWay -= 1
      const { readFault } = this
      if (readFault !== null) done({ ok: false, fault: readFault })
      else done({ ok: true, bytes: Buffer.from((this.stale ?? this.#platter.bytes).subarray(0, lookBytes)) })
    })
  }

  write(at: number, sectors: Uint8Array, done: Parameters<LeaseDisk['write']>[2]): void {
    this.writes.push({ at, atMs: this.#clock.monotonic() })
    this.writesUnderWay += 1
    this.#count()
    const bytes = Buffer.from(sectors)
    const { writeFault } = this
    this.#after(this.isWriteHanging, () => {
      this.writesUnderWay -= 1
      if (writeFault !== null) {
        done(writeFault)
        return
      }
      this.#platter.bytes.set(this.tearNextAt === null ? bytes : bytes.subarray(0, this.tearNextAt), at)
      this.tearNextAt = null
      done(null)
    })
  }

  close(done: () => void): void {
    this.#after(false, done)
  }

  /** What hung goes on. */
  release(): void {
    this.isReadHanging = false
    this.isWriteHanging = false
    for (const go of this.#held.splice(0)) go()
  }

  #after(isHanging: boolean, callback: () => void): void {
    if (isHanging) this.#held.push(callback)
    else this.#clock.schedule(millis(this.latencyMs), callback)
  }

  #count(): void {
    this.mostUnderWay = Math.max(this.mostUnderWay, this.readsUnderWay + this.writesUnderWay)
  }
}
