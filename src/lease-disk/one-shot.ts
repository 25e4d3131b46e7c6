/**
 * The lease disk for commands and for the daemon's start: the same calls as promises, each with a limit. An operation that
 * passed its limit still holds its thread; `isHanging` says so, since a process cannot exit in order then.
 */

import { HaError } from '../base/errors.js'
import { millis, type Millis } from '../base/units.js'
import type { Clock } from '../port/clock.js'
import type { LeaseDisk } from './disk.js'

export class OneShotDisk {
  readonly #disk: LeaseDisk
  readonly #clock: Clock
  readonly #limitMs: Millis
  #underWay = 0

  constructor(disk: LeaseDisk, options: { readonly clock: Clock; readonly limitMs: Millis }) {
    this.#disk = disk
    this.#clock = options.clock
    this.#limitMs = options.limitMs
  }

  get isHanging(): boolean {
    return this.#underWay > 0
  }

  /** @returns what is worth saying about the disk, or null. All calls throw HaError HA_LEASE_UNUSABLE. */
  async open(): Promise<string | null> {
    const opened = await this.#limited<Parameters<Parameters<LeaseDisk['open']>[0]>[0]>('opened', done => this.#disk.open(done))
    if (!opened.ok) throw this.#unusable(opened.fault.reason)
    return opened.note
  }

  /** A copy of the part of the area that a look reads. */
  async look(): Promise<Buffer> {
    const result = await this.#limited<Parameters<Parameters<LeaseDisk['read']>[0]>[0]>('read', done => this.#disk.read(done))
    if (!result.ok) throw this.#unusable(result.fault.reason)
    return Buffer.from(result.bytes)
  }

  async write(at: number, sectors: Uint8Array): Promise<void> {
    const fault = await this.#limited<Parameters<Parameters<LeaseDisk['write']>[2]>[0]>('written', done => this.#disk.write(at, sectors, done))
    if (fault !== null) throw this.#unusable(fault.reason)
  }

  /** Leaves a disk that hangs as it is. */
  async close(): Promise<void> {
    if (this.#underWay > 0) return
    await this.#limited<void>('closed', done => this.#disk.close(done))
  }

  #unusable(reason: string): HaError {
    return new HaError('HA_LEASE_UNUSABLE', `${this.#disk.path}: ${reason}`)
  }

  #limited<T>(what: string, begin: (done: (value: T) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#underWay += 1
      const limit = this.#clock.schedule(this.#limitMs, () => reject(this.#unusable(`it hangs: not ${what} within ${this.#limitMs / 1000} s`)))
      begin(value => {
        this.#underWay -= 1
        limit.cancel()
        resolve(value)
      })
    })
  }
}

/** Waits on the clock; for commands that watch a sector. */
export const pause = (clock: Clock, ms: number): Promise<void> => new Promise(resolve => void clock.schedule(millis(ms), () => resolve()))
