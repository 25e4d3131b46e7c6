/** A get from its call to its answer, which may be at once, after a scan in slices, or when a message comes. */

import type { Connection, Handle } from './connection.js'
import type { GetMode, GetRequest, Token } from './engine.js'
import { hashOf, isZero } from './message-ids.js'
import type { Cursor } from './queue.js'
import type { Selector } from './selector.js'
import type { Unit } from './unit-of-work.js'

const idOf = (id: Buffer | undefined): Buffer | null => (id === undefined || isZero(id) ? null : id)

export class GetCall {
  readonly connection: Connection
  readonly handle: Handle
  readonly token: Token
  readonly mode: GetMode
  readonly unit: Unit | null
  readonly bytesMax: number
  readonly acceptTruncated: boolean
  readonly messageId: Buffer | null
  readonly correlationId: Buffer | null
  readonly messageIdHash: number
  readonly correlationIdHash: number
  readonly selector: Selector | null
  /** Monotonic milliseconds; Infinity waits for ever. */
  deadline = Infinity
  heapIndex = -1
  /** How far a scan in slices came; null when every message there was has been looked at. */
  scan: Cursor | null = null
  isDone = false

  constructor(connection: Connection, handle: Handle, token: Token, request: GetRequest, unit: Unit | null) {
    this.connection = connection
    this.handle = handle
    this.token = token
    this.mode = request.mode
    this.unit = unit
    this.bytesMax = request.bytesMax ?? Infinity
    this.acceptTruncated = request.acceptTruncated === true
    this.messageId = idOf(request.match?.messageId)
    this.correlationId = idOf(request.match?.correlationId)
    this.messageIdHash = this.messageId === null ? 0 : hashOf(this.messageId)
    this.correlationIdHash = this.correlationId === null ? 0 : hashOf(this.correlationId)
    this.selector = handle.selector
  }

  /** Any message will do. */
  get takesAny(): boolean {
    return this.messageId === null && this.correlationId === null && this.selector === null
  }

  get isBrowse(): boolean {
    return this.mode === 'browse-first' || this.mode === 'browse-next' || this.mode === 'browse-cursor'
  }
}
