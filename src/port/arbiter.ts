/**
 * An existing coordination service that says which node may hold a group when the nodes do not hear each other. A node
 * holds a lease there and, bound to it, one key for each of its groups; the service drops the keys when the lease ends.
 */

import type { Instant } from '../base/units.js'

export interface ArbiterWord {
  /**
   * The moment before the last renewal that succeeded was sent, on our monotonic clock: what we hold there is ours until
   * then plus the lease's time. null before the first one, or when the service says that the lease is gone.
   */
  readonly renewedFrom: Instant | null
  /** Ids of groups whose key is bound to our lease. */
  readonly ours: readonly string[]
  /** Ids of groups whose key belongs to somebody else. */
  readonly theirs: readonly string[]
  /** Why the service cannot be used now; null while it answers. */
  readonly trouble: string | null
}

export interface Arbiter {
  /** e.g. `etcd https://10.0.0.9:2379`, without secrets. */
  readonly description: string
  /** Begins to renew, and reports after every exchange or failure. */
  open(onWord: (word: ArbiterWord) => void): void
  /** The groups whose keys this node wants to hold from now on; keys of others are given back at once. Level-triggered. */
  want(groupIds: readonly string[]): void
  /** Gives back what is held, within a bounded time. */
  close(): Promise<void>
}
