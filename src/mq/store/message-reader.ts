/** Reads one message back from its place: from the end of the log in memory, or from its extent. Verifies what it reads. */

import type { Place, StoredMessage } from '../core/journal.js'
import type { AppendBuffer } from './append-buffer.js'
import { fragmentHeaderBytes, extentName, type Geometry } from './extent.js'
import type { ExtentSupply } from './extent-supply.js'
import type { ReadCache } from './read-cache.js'
import { firstFragment, isWholeMessage, kinds, lastFragment, messageIn, payloadLeadMax, readFragment } from './record.js'
import { damaged } from './replay.js'

export class MessageReader {
  readonly #buffer: AppendBuffer
  readonly #supply: ExtentSupply
  readonly #cache: ReadCache
  readonly #geometry: Geometry
  readonly #active: string

  constructor(buffer: AppendBuffer, supply: ExtentSupply, cache: ReadCache, geometry: Geometry, active: string) {
    this.#buffer = buffer
    this.#supply = supply
    this.#cache = cache
    this.#geometry = geometry
    this.#active = active
  }

  /** @param forced  everything before is in the files and will not change. @throws HaError HA_MQ_DAMAGED */
  read(place: Place, forced: number): StoredMessage {
    const pieces: Buffer[] = []
    let left = fragmentHeaderBytes + payloadLeadMax + place.length
    let kind = 0
    for (let at: number = place.lsn; ; ) {
      const room = this.#geometry.room(at)
      const bytes = this.#bytes(at, Math.min(left, fragmentHeaderBytes + room), forced)
      const fragment = readFragment(bytes, 0, at, room)
      if (typeof fragment === 'string') throw this.#damaged(at, fragment)
      const isFirst = pieces.length === 0
      if (((fragment.flags & firstFragment) !== 0) !== isFirst || fragment.ordinal !== place.ordinal) throw this.#damaged(at, 'another record is where a message belongs')
      kind = fragment.kind
      pieces.push(bytes.subarray(fragmentHeaderBytes, fragmentHeaderBytes + fragment.payloadBytes))
      if ((fragment.flags & lastFragment) !== 0) break
      left -= fragment.payloadBytes
      at = this.#geometry.startOf(this.#geometry.extentOf(at) + 1)
    }
    // A copy: what was borrowed is used again.
    const payload = Buffer.concat(pieces)
    if ((kind !== kinds.put && kind !== kinds.moved) || !isWholeMessage(kind, payload)) throw this.#damaged(place.lsn, 'this record is no message')
    const message = messageIn(kind, payload)
    if (message.head.length + message.body.length !== place.length) throw this.#damaged(place.lsn, 'the message has another length')
    return message
  }

  #bytes(position: number, length: number, forced: number): Buffer {
    const recent = this.#buffer.view(position)
    if (recent !== null) return recent
    const extent = this.#geometry.extentOf(position)
    const file = this.#supply.get(extent)
    if (file === undefined) throw this.#damaged(position, 'the extent is missing')
    const written = Math.min(this.#geometry.extentBytes, Math.max(0, forced - extent * this.#geometry.extentBytes))
    return this.#cache.read(file, extent, this.#geometry.offsetOf(position), length, written)
  }

  #damaged(position: number, reason: string): Error {
    return damaged(`${this.#active}/${extentName(this.#geometry.extentOf(position))}`, this.#geometry.offsetOf(position), reason)
  }
}
