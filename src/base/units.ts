/**
 * Quantities with their unit in the type, so that seconds are never added to milliseconds.
 *
 * A brand is made in few places (parsers, clocks, decoders); a `Millis` in hand was checked once.
 */

declare const unit: unique symbol
type Unit<Base, Name extends string> = Base & { readonly [unit]: Name }

/** A duration in milliseconds, finite and not negative. */
export type Millis = Unit<number, 'ms'>
/** A reading of the monotonic clock in milliseconds; never a date. */
export type Instant = Unit<number, 'instant'>
/** A count of bytes. */
export type Bytes = Unit<number, 'bytes'>

export const millis = (value: number): Millis => value as Millis
export const instant = (value: number): Instant => value as Instant
export const elapsed = (from: Instant, to: Instant): Millis => (to - from) as Millis
export const after = (from: Instant, duration: Millis): Instant => (from + duration) as Instant
