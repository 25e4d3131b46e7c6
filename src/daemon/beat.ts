/**
 * The daemon's beat: a file in memory with the time of the last sign of life, which the sentry reads when it would be late.
 *
 * A line through a pipe would wake the sentry with every heartbeat, and both together would cost as much processor time
 * as the heartbeat itself. Writing a few bytes in place costs a hundredth of that, and never waits: the page is there.
 *
 * Layout: time of day and uptime in ms, as two decimal numbers of fixed width. Two clocks, since a shell reads the first
 * to the microsecond, and only the second is never set by anybody.
 */

import { closeSync, existsSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../port/clock.js'
import { uptimeMs } from './system-clock.js'

const memoryDirectory = '/dev/shm'
const digits = 15

export class Beat {
  readonly #clock: Clock
  readonly #fd: number
  /** Uptime less the clock's time. */
  readonly #since: number
  readonly #bytes = Buffer.alloc(2 * digits + 2, '\n')

  private constructor(clock: Clock, fd: number, since: number) {
    this.#clock = clock
    this.#fd = fd
    this.#since = since
  }

  /** Makes the file, which has no name: it is gone with the last process that has it open. Throws the system's error. */
  static open(clock: Clock, runDir: string): Beat {
    const uptime = uptimeMs()
    if (uptime === null) throw new Error('/proc/uptime cannot be read')
    const path = join(existsSync(memoryDirectory) ? memoryDirectory : runDir, `.heartbeat-beat-${process.pid}`)
    const fd = openSync(path, 'wx+', 0o600)
    unlinkSync(path)
    const beat = new Beat(clock, fd, uptime - clock.monotonic())
    beat.strike()
    return beat
  }

  /** To be inherited by the sentry. */
  get fd(): number {
    return this.#fd
  }

  strike(): void {
    const uptime = Math.floor(this.#clock.monotonic() + this.#since)
    this.#bytes.write(`${pad(this.#clock.wall())} ${pad(uptime)}`, 'latin1')
    writeSync(this.#fd, this.#bytes, 0, this.#bytes.length, 0)
  }

  close(): void {
    closeSync(this.#fd)
  }
}

const pad = (ms: number): string => String(ms).padStart(digits, '0')
