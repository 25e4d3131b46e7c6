/**
 * Writes lines to one log file without ever making the caller wait.
 *
 * Think of a letter box: whoever drops a line in walks on at once; the postman empties it when the disk lets him. When the
 * box is full, further lines are counted instead of kept, and one line says how many were lost once the disk takes lines
 * again.
 *
 * Invariants
 *  1. `write` does no I/O and never throws.
 *  2. At most one operation is with the system at a time, so a hanging disk holds one thread of the pool and no more.
 *  3. At most `bytesMax` wait; lines keep their order and are never cut in the middle by an error and a retry.
 *  4. Every trouble (missing directory, full or read-only disk, FIFO without a reader) is retried for ever, at intervals.
 *
 * Files are opened with O_NONBLOCK: opening a FIFO nobody reads, or writing one that is full, then is an error to retry
 * instead of a thread that never comes back. On regular files the flag has no effect.
 */

import { close, constants, open, openSync, write, writeSync } from 'node:fs'
import { elapsed, millis } from '../base/units.js'
import type { Instant } from '../base/units.js'
import type { Clock, Scheduled } from '../port/clock.js'

const bytesMaxDefault = 1024 * 1024
/** How much one write may carry: large enough to drain fast, small enough to end soon. */
const writeBytesMax = 64 * 1024
const retryMs = millis(1_000)
/** An operation that takes longer than this hangs; a fatal line then does not join it. */
const hangingMs = 250
const openFlags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY

export type SinkTarget = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'descriptor'; readonly fd: number }

export interface FileSinkOptions {
  readonly target: SinkTarget
  readonly clock: Clock
  readonly bytesMax?: number
  /** The line that reports a loss, with its line feed. */
  lossLine(count: number, reason: string): string
}

export class FileSink {
  readonly #target: SinkTarget
  readonly #clock: Clock
  readonly #bytesMax: number
  readonly #lossLine: (count: number, reason: string) => string
  #fd: number | null
  #waiting: string[] = []
  #waitingBytes = 0
  /** What the last write left over, to be written before anything else. */
  #rest: Buffer | null = null
  #busySince: Instant | null = null
  #retry: Scheduled | null = null
  #isReopenWanted = false
  #lost = 0
  #lostUnreported = 0
  #trouble = 'the disk is too slow'
  #onIdle: (() => void) | null = null

  constructor(options: FileSinkOptions) {
    this.#target = options.target
    this.#clock = options.clock
    this.#bytesMax = options.bytesMax ?? bytesMaxDefault
    this.#lossLine = options.lossLine
    this.#fd = options.target.kind === 'descriptor' ? options.target.fd : null
  }

  /** Lines lost since the start. */
  get lost(): number {
    return this.#lost
  }

  /** Takes one line with its line feed. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line)
    if (this.#waitingBytes + bytes > this.#bytesMax) {
      this.#lost += 1
      this.#lostUnreported += 1
    } else {
      this.#waiting.push(line)
      this.#waitingBytes += bytes
    }
    this.#pump()
  }

  /**
   * Writes at once, with whatever was waiting before it, and returns whether it worked. For last words only: it may wait
   * for the disk, except for one that is known to hang.
   */
  writeSync(line: string): boolean {
    if (this.#busySince !== null && elapsed(this.#busySince, this.#clock.monotonic()) > hangingMs) return false
    try {
      if (this.#fd === null && this.#target.kind === 'file') this.#fd = openSync(this.#target.path, openFlags, 0o640)
      if (this.#fd === null) return false
      const text = Buffer.from(this.#waiting.join('') + line)
      this.#waiting = []
      this.#waitingBytes = 0
      writeSync(this.#fd, text)
      return true
    } catch {
      return false // nothing is left to tell it to; the caller has standard error as well
    }
  }

  /** Closes the file and opens its path again; for log rotation. */
  reopen(): void {
    if (this.#target.kind === 'descriptor') return
    this.#isReopenWanted = true
    this.#retry?.cancel()
    this.#retry = null
    this.#pump()
  }

  /** Writes what waits and closes, or gives up after `deadlineMs`. Never rejects. */
  close(deadlineMs = 1_500): Promise<void> {
    return new Promise(resolve => {
      const settle = (): void => {
        deadline.cancel()
        this.#retry?.cancel()
        this.#onIdle = null
        if (this.#fd === null || this.#busySince !== null || this.#target.kind === 'descriptor') return resolve()
        close(this.#fd, () => resolve())
        this.#fd = null
      }
      const deadline = this.#clock.schedule(millis(deadlineMs), () => settle())
      this.#onIdle = settle
      this.#pump()
    })
  }

  /** Begins the next operation unless one is under way or a retry is due later. */
  #pump(): void {
    if (this.#busySince !== null || this.#retry !== null) return
    if (this.#isReopenWanted && this.#rest === null) return this.#reopenNow()
    if (this.#rest === null && this.#waiting.length === 0 && !this.#reportLoss()) return this.#onIdle?.()
    if (this.#fd === null) return this.#open()
    this.#rest ??= this.#take()
    const chunk = this.#rest
    this.#begin()
    write(this.#fd, chunk, 0, chunk.length, null, (error, written) => {
      this.#busySince = null
      this.#rest = written < chunk.length ? chunk.subarray(error === null ? written : 0) : null
      if (error !== null) return this.#later(error)
      this.#pump()
    })
  }

  #open(): void {
    if (this.#target.kind === 'descriptor') return
    this.#begin()
    open(this.#target.path, openFlags, 0o640, (error, fd) => {
      this.#busySince = null
      if (error !== null) return this.#later(error)
      this.#fd = fd
      this.#pump()
    })
  }

  #reopenNow(): void {
    this.#isReopenWanted = false
    const old = this.#fd
    if (old === null) return this.#pump()
    this.#fd = null
    this.#begin()
    close(old, () => {
      this.#busySince = null
      this.#pump()
    })
  }

  #begin(): void {
    this.#busySince = this.#clock.monotonic()
  }

  /** Tries again after a while. A file whose descriptor went bad is opened anew. */
  #later(error: NodeJS.ErrnoException): void {
    this.#trouble = error.code === 'EAGAIN' ? 'nobody reads it' : error.message
    this.#retry = this.#clock.schedule(retryMs, () => {
      this.#retry = null
      this.#pump()
    })
    // Nothing more can be written soon, and whoever closes has waited for nothing else.
    if (this.#onIdle !== null) this.#onIdle()
  }

  #take(): Buffer {
    let count = 0
    let bytes = 0
    while (count < this.#waiting.length && (count === 0 || bytes < writeBytesMax)) {
      bytes += Buffer.byteLength(this.#waiting[count] ?? '')
      count += 1
    }
    this.#waitingBytes -= bytes
    return Buffer.from(this.#waiting.splice(0, count).join(''))
  }

  /** Everything that waited is written: the place to say what did not get in. */
  #reportLoss(): boolean {
    if (this.#lostUnreported === 0) return false
    const line = this.#lossLine(this.#lostUnreported, this.#trouble)
    this.#lostUnreported = 0
    this.#waiting.push(line)
    this.#waitingBytes += Buffer.byteLength(line)
    return true
  }
}
