/**
 * What the process of a queue manager tells strmqm while it starts: JSON lines on an inherited descriptor, then its end.
 * Without a descriptor (a debugger, a test) nothing is told.
 */

import fs from 'node:fs'

export type StartWord =
  /** A line for standard output. */
  | { readonly kind: 'line'; readonly text: string }
  /** A line for standard error; the start goes on. */
  | { readonly kind: 'warning'; readonly text: string }
  /** It accepts connections. */
  | { readonly kind: 'ready' }
  /** strmqm ends with this status and these lines. */
  | { readonly kind: 'failed'; readonly status: number; readonly lines: readonly string[] }

export const readyDescriptorVariable = 'MQ_READY_FD'

export class ReadyPipe {
  #descriptor: number | null

  constructor(env: Readonly<Record<string, string | undefined>>) {
    const descriptor = Number(env[readyDescriptorVariable])
    this.#descriptor = Number.isInteger(descriptor) && descriptor > 2 ? descriptor : null
  }

  /** False when strmqm is gone: whoever started it does not want it any more. */
  say(word: StartWord): boolean {
    if (this.#descriptor === null) return true
    try {
      fs.writeSync(this.#descriptor, `${JSON.stringify(word)}\n`)
      if (word.kind === 'ready' || word.kind === 'failed') this.#close()
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
      this.#close()
      return false
    }
  }

  #close(): void {
    if (this.#descriptor !== null) fs.closeSync(this.#descriptor)
    this.#descriptor = null
  }
}
