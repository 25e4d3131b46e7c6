/**
 * Message ids: how they are made, and how they are hashed for matching.
 *
 * A generated id is `AMQ `, twelve characters of the queue manager's name, three bytes of the epoch and five of a
 * counter. The epoch grows durably at every start, so no id is ever made twice, whichever node runs the queue manager.
 */

import { messageIdBytes } from './message.js'

export class MessageIds {
  readonly #template: Buffer
  #counter = 0

  constructor(name: string, epoch: number) {
    this.#template = Buffer.alloc(messageIdBytes, ' ')
    this.#template.write('AMQ ', 0, 'latin1')
    this.#template.write(name.slice(0, 12), 4, 'latin1')
    this.#template.writeUIntBE(epoch % 2 ** 24, 16, 3)
    this.#template.fill(0, 19)
  }

  next(): Buffer {
    const id = Buffer.allocUnsafe(messageIdBytes)
    id.set(this.#template)
    id.writeUIntBE(++this.#counter, 19, 5)
    return id
  }
}

/** FNV-1a, 32 bits, of the bytes of an id. */
export function hashOf(id: Uint8Array): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ (id[index] as number), 0x01000193)
  return hash >>> 0
}

export function isZero(id: Uint8Array): boolean {
  for (let index = 0; index < id.length; index++) if (id[index] !== 0) return false
  return true
}
