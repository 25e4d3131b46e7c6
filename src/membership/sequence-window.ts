/**
 * Tells new datagrams of one sender's life from duplicates and replays, as IPsec's anti-replay window does (RFC 4303
 * section 3.4.3). Every datagram travels over every link, and Linux-HA puts some messages on the wire out of order, so a
 * number below the newest is still welcome once, if it is not too old.
 */

export interface SequenceWindow {
  /** The largest number accepted, 0 before the first. */
  readonly newest: number
  /** Bit n set: `newest - n` was accepted. 64 numbers. */
  readonly seen: bigint
}

export const emptyWindow: SequenceWindow = { newest: 0, seen: 0n }

const widthMax = 64
const mask = (1n << BigInt(widthMax)) - 1n

/** The window of a sender of whom an earlier life of ours heard numbers up to this one: none of them counts again. */
export const windowUpTo = (newest: number): SequenceWindow => (newest === 0 ? emptyWindow : { newest, seen: mask })

export type Freshness = 'newest' | 'late' | 'duplicate' | 'too-old'

/** Judges a sequence number, and gives the window as it is after accepting it. */
export function accept(window: SequenceWindow, sequence: number): { readonly freshness: Freshness; readonly window: SequenceWindow } {
  if (sequence > window.newest) {
    const step = sequence - window.newest
    const seen = step >= widthMax ? 1n : ((window.seen << BigInt(step)) | 1n) & mask
    return { freshness: 'newest', window: { newest: sequence, seen } }
  }
  const age = window.newest - sequence
  if (age >= widthMax) return { freshness: 'too-old', window }
  const bit = 1n << BigInt(age)
  if ((window.seen & bit) !== 0n) return { freshness: 'duplicate', window }
  return { freshness: 'late', window: { newest: window.newest, seen: window.seen | bit } }
}
