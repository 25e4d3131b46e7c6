/**
 * What goes to the client. Small frames go at once. Long bodies go one after the other and in parts, each only when the
 * peer took enough of what was before, so that other calls' answers find their way between.
 */

import type { SessionOutput } from '../session.js'
import { encodeFrame, kinds, partBytesMax } from './frame.js'

interface Bulk {
  readonly token: number
  /** The frame with the first part; null once it is sent. */
  first: Buffer | null
  readonly body: Buffer
  sent: number
}

export class Outgoing {
  readonly #output: SessionOutput
  readonly #bulks: Bulk[] = []
  #isWritable = true

  constructor(output: SessionOutput) {
    this.#output = output
  }

  /** False while the peer reads slowly, or long bodies wait. */
  get isFree(): boolean {
    return this.#isWritable && this.#bulks.length === 0
  }

  get isWritable(): boolean {
    return this.#isWritable
  }

  send(frame: Buffer): void {
    if (!this.#output.write(frame)) this.#isWritable = false
  }

  /** `first` is the frame with the first `partBytesMax` bytes of `body`. */
  sendBulk(token: number, first: Buffer, body: Buffer): void {
    if (body.length <= partBytesMax) return this.send(first)
    this.#bulks.push({ token, first, body, sent: partBytesMax })
    return this.#pump()
  }

  onWritable(): void {
    this.#isWritable = true
    this.#pump()
  }

  #pump(): void {
    for (let bulk = this.#bulks[0]; bulk !== undefined && this.#isWritable; bulk = this.#bulks[0]) {
      if (bulk.first !== null) {
        this.send(bulk.first)
        bulk.first = null
      } else {
        const end = Math.min(bulk.sent + partBytesMax, bulk.body.length)
        this.send(encodeFrame(kinds.part, bulk.token, bulk.body.subarray(bulk.sent, end)))
        bulk.sent = end
      }
      if (bulk.sent === bulk.body.length) this.#bulks.shift()
    }
  }
}
