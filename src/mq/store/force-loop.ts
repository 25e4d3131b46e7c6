/**
 * Makes the log durable: one write and one force for everything that waits, again and again while something waits.
 *
 * Whoever appends while a force is on its way rides on the next one; so the more is going on, the more each force carries.
 * When nothing was going on it begins after the current turn of the event loop. An error is final: what the system could
 * not write or force may be lost for ever, and a second try that succeeds would prove nothing.
 *
 * The right to write is asked for before each write, and again after the force: a process that slept in between must not
 * answer for what its successor has cut off.
 */

import { HaError } from '../../base/errors.js'
import type { DiskFile } from '../../port/disk.js'
import type { AppendBuffer, Batch } from './append-buffer.js'

export interface ForceLoopOptions {
  readonly buffer: AppendBuffer
  /** The file of an extent; a promise when it is still being formatted. */
  readonly fileOf: (extent: number) => DiskFile | Promise<DiskFile>
  readonly mayWrite: () => boolean
  /** Runs a function soon, after what is ready now. */
  readonly defer: (run: () => void) => void
  /** The log is durable up to here. */
  readonly onForced: (end: number) => void
  readonly onFailed: (error: HaError) => void
}

interface Waiter {
  readonly end: number
  readonly resolve: () => void
  readonly reject: (error: HaError) => void
}

export class ForceLoop {
  forced: number
  /** Why it ended; null while it works. */
  failure: HaError | null = null
  readonly #options: ForceLoopOptions
  #wanted: number
  #isRunning = false
  #run: Promise<void> = Promise.resolve()
  #isDeferred = false
  #waiters: Waiter[] = []

  constructor(options: ForceLoopOptions) {
    this.#options = options
    this.forced = options.buffer.end
    this.#wanted = this.forced
  }

  /** Asks for a force up to here. */
  want(end: number): void {
    if (end > this.#wanted) this.#wanted = end
    if (this.#isRunning || this.#isDeferred || this.failure !== null || this.#wanted <= this.forced) return
    this.#isDeferred = true
    this.#options.defer(() => {
      this.#isDeferred = false
      if (!this.#isRunning && this.failure === null) this.#run = this.#forceAll()
    })
  }

  /** Resolves when the log is durable up to here; rejects with the error that ended the loop. */
  forcedTo(end: number): Promise<void> {
    if (end <= this.forced) return Promise.resolve()
    return new Promise((resolve, reject) => {
      if (this.failure !== null) {
        reject(this.failure)
        return
      }
      this.#waiters.push({ end, resolve, reject })
      this.want(end)
    })
  }

  /** Ends the loop for a reason that was found elsewhere. The first reason counts. */
  fail(error: HaError): void {
    if (this.failure !== null) return
    this.failure = error
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
    this.#options.onFailed(error)
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    while (this.#isRunning) await this.#run
  }

  /** Never rejects: errors end it through `fail`. */
  async #forceAll(): Promise<void> {
    this.#isRunning = true
    try {
      while (this.#wanted > this.forced && this.failure === null) {
        const batch = this.#options.buffer.takeBatch()
        if (batch === null) break
        this.#checkRight()
        await this.#makeDurable(batch)
        this.#checkRight()
        if (this.failure === null) this.#reached(batch.end)
      }
    } catch (error) {
      this.fail(asFailure(error))
    } finally {
      this.#isRunning = false
    }
    // Somebody may have asked between the last look and the end.
    this.want(this.#wanted)
  }

  async #makeDurable({ parts }: Batch): Promise<void> {
    const [only] = parts
    if (only !== undefined && parts.length === 1) {
      const file = this.#options.fileOf(only.extent)
      const ready = file instanceof Promise ? await file : file
      await ready.write(only.buffers, only.offset)
      await ready.force()
      return
    }
    const files: DiskFile[] = []
    for (const part of parts) {
      const file = await this.#options.fileOf(part.extent)
      await file.write(part.buffers, part.offset)
      files.push(file)
    }
    await Promise.all(files.map(file => file.force()))
  }

  #checkRight(): void {
    if (!this.#options.mayWrite()) throw new HaError('HA_MQ_LOCK_LOST')
  }

  #reached(end: number): void {
    this.forced = end
    const { onForced } = this.#options
    if (this.#waiters.length > 0) {
      const reached = this.#waiters.filter(waiter => waiter.end <= end)
      this.#waiters = this.#waiters.filter(waiter => waiter.end > end)
      for (const waiter of reached) waiter.resolve()
    }
    onForced(end)
  }
}

/** The error that ends the log, whatever came. A bug stays a bug as its cause. */
export function asFailure(error: unknown): HaError {
  if (error instanceof HaError) return error
  const text = error instanceof Error ? error.message : String(error)
  return new HaError('HA_MQ_LOG_FAILED', `the recovery log cannot be written: ${text}`, { cause: error })
}
