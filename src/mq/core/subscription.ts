/** A subscription as the engine keeps it. */

import type { Handle } from './connection.js'
import type { Selector } from './selector.js'

export interface Subscription {
  readonly name: string
  /** Full topic string with wildcards. */
  readonly topic: string
  readonly isDurable: boolean
  /** Name of the queue its publications go to; it may be gone when it is not ours. */
  readonly queue: string
  /** We made the queue, and it goes with the subscription. */
  readonly isManaged: boolean
  readonly selector: Selector | null
  /** Who uses it now; one at a time. */
  handle: Handle | null
  /** Publications put on its queue since start. */
  messages: number
}
