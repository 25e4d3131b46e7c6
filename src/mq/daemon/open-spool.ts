/** Where messages that are not persistent are kept. */

import { lsn } from '../core/journal.js'
import type { Place, Spool, StoredMessage } from '../core/journal.js'

export interface OpenSpool {
  readonly spool: Spool
  close(): Promise<void>
}

export function openSpool(_dataPath: string, memoryBytes: number): Promise<OpenSpool> {
  return Promise.resolve({ spool: new MemorySpool(memoryBytes), close: () => Promise.resolve() })
}

class MemorySpool implements Spool {
  readonly #bytesMax: number
  #bytes = 0
  #next = 1
  readonly #messages = new Map<number, StoredMessage>()

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  add(message: StoredMessage): Place | null {
    const length = message.head.length + message.body.length
    if (this.#bytes + length > this.#bytesMax) return null
    this.#bytes += length
    const at = lsn(this.#next++)
    this.#messages.set(at, { head: Buffer.from(message.head), body: Buffer.from(message.body) })
    return { lsn: at, ordinal: 0, length }
  }

  read(place: Place): StoredMessage {
    const message = this.#messages.get(place.lsn)
    if (message === undefined) throw new Error(`no message ${place.lsn} in the spool`)
    return message
  }

  release(place: Place): void {
    if (this.#messages.delete(place.lsn)) this.#bytes -= place.length
  }
}
