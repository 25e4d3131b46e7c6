/**
 * The lease area on shared storage as the edge runs it. Each node writes its own sectors only; what it writes there is its
 * newest signed datagram, so that the disk is one more link, and the proof that it lives.
 */

import type { Instant } from '../base/units.js'

/**
 * The other node's sector as last read. A sight that differs from the one before is a renewal: compare for being the same, not
 * for order, since an operator's release and a node whose state was lost may begin anew.
 */
export interface LeaseSight {
  readonly generation: number
  /** Counts the writes of this generation, whatever they carried; has a fraction while they could not be verified. */
  readonly sequence: number
  /** How long the writer promised not to be counted as gone: the lease, and what a hold adds. 0: an operator says that it is off. */
  readonly promisedMs: number
}

/** An order to one life of a node to give up everything; an older or younger life is not meant. */
export interface PoisonPill {
  readonly generation: number
  readonly from: string
}

export type LeaseReport =
  /** Our sector was written; `from` is the moment before the write was issued, `sequence` that of the status that it holds. */
  | { readonly kind: 'written'; readonly from: Instant; readonly tookMs: number; readonly sequence: number }
  /**
   * The other's sector and our command sector were read. The report is posted after the read; the disk is shown as it was at
   * some moment of the last `tookMs`, so a lease has run out only for a read that was *issued* late enough.
   * `peer` is null when the other never wrote to this area: it may be using another disk, so that alone proves nothing.
   */
  | { readonly kind: 'read'; readonly peer: LeaseSight | null; readonly pill: PoisonPill | null; readonly tookMs: number }
  /** A read or write failed, or has been hanging for too long; repeated at most once a second. */
  | { readonly kind: 'trouble'; readonly operation: 'read' | 'write'; readonly reason: string }

export interface LeaseArea {
  /** e.g. `lease /dev/sdb1`. */
  readonly description: string
  /** Begins to write and read every interval. `onDatagram` gets the verified bytes that the other node wrote last. */
  open(handlers: { onReport(report: LeaseReport): void; onDatagram(payload: Uint8Array): void }): void
  /** What to write from now on: the newest signed datagram, and the promise. `isUrgent`: write as soon as possible. */
  show(payload: Uint8Array, options: { readonly generation: number; readonly sequence: number; readonly promisedMs: number; readonly isUrgent: boolean }): void
  /** Writes the pill into the other node's command sector. */
  poison(pill: PoisonPill): void
  close(): Promise<void>
}
