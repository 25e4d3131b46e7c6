/** A subscription as the engine keeps it. */

import type { Handle } from './connection.js'
import type { Selector } from './selector.js'

export interface Subscription {
  readonly name: string
  readonly topic: string
  readonly isDurable: boolean
  readonly queue: string
  readonly isManaged: boolean
  readonly selector: Selector | null
  handle: Handle | null
  messages: number
}

