/** Browsing: a cursor that walks a queue and leaves the messages where they are. */

import { get } from './getting.js'
import type { Got } from './getting.js'
import type { Handle } from './handle.js'
import type { Line } from './line.js'
import { Received } from './message.js'
import { MqError, reasons } from './mq-error.js'
import type { Unit } from './unit.js'

export interface BrowseOptions {
  /** How long to wait for one more message at the end. Default 0. */
  readonly waitMs?: number
  readonly messageId?: Uint8Array
  readonly correlationId?: Uint8Array
  readonly bytesMax?: number
  readonly acceptTruncated?: boolean
  /** Ends the browsing with the signal's reason. */
  readonly signal?: AbortSignal
}

/** A message under the browse cursor. */
export class Browsed extends Received {
  readonly #browser: Browser
  readonly #step: number

  constructor(message: Received, browser: Browser, step: number) {
    super(message)
    this.#browser = browser
    this.#step = step
  }

  /**
   * Gets this message for good, as long as the cursor stands on it. Throws MqError 2034 when the cursor went on, or another
   * program got the message first. The queue must be open for input.
   */
  async get(options: { readonly unit?: Unit; readonly signal?: AbortSignal } = {}): Promise<Received> {
    return this.#browser.getUnderCursor(this.#step, options)
  }
}

/**
 * One walk from first to last. The cursor belongs to the open queue, so one walk at a time on each; a break of the
 * connection loses it (2549).
 */
export class Browser implements AsyncIterableIterator<Browsed, void, undefined> {
  readonly #line: Line
  readonly #handle: Handle
  readonly #options: BrowseOptions
  readonly #generation: number
  #step = 0
  #isOver = false

  constructor(line: Line, handle: Handle, options: BrowseOptions) {
    this.#line = line
    this.#handle = handle
    this.#options = options
    this.#generation = handle.generation
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Browsed, void>> {
    if (this.#isOver) return { done: true, value: undefined }
    this.#checkCursor()
    const got = await get(this.#line, this.#handle, this.#step === 0 ? 'browse-first' : 'browse-next', this.#options, 'interrupted')
    if (got === null) {
      this.#isOver = true
      return { done: true, value: undefined }
    }
    this.#step++
    return { done: false, value: new Browsed(got.message, this, this.#step) }
  }

  async return(): Promise<IteratorResult<Browsed, void>> {
    this.#isOver = true
    return { done: true, value: undefined }
  }

  async getUnderCursor(step: number, options: { readonly unit?: Unit; readonly signal?: AbortSignal }): Promise<Received> {
    this.#checkCursor()
    if (step !== this.#step) throw new MqError(reasons.noMessageUnderCursor, 'the cursor has gone on')
    const got: Got | null = await get(this.#line, this.#handle, 'get-cursor', options, 'interrupted')
    if (got === null) throw new MqError(reasons.noMessageUnderCursor)
    return got.message
  }

  #checkCursor(): void {
    if (this.#handle.generation === this.#generation && this.#handle.id !== null) return
    throw new MqError(reasons.callInterrupted, 'the connection broke, and the browse cursor is lost')
  }
}
