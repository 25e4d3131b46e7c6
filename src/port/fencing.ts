/** Fencing as the edge offers it to the core: make sure that the other node is off, and say so only when it is proved. */

import type { Millis } from '../base/units.js'

export type FencingOutcome =
  /** The victim is off, verified by the device's own status, or an operator gave his word. */
  | { readonly kind: 'fenced'; readonly device: string; readonly durationMs: number }
  /** Every level failed, or the time ran out: nothing is known of the victim. One sentence for each device tried. */
  | { readonly kind: 'failed'; readonly said: readonly string[]; readonly durationMs: number }

export type FencingProof =
  /** Every device answered its test. */
  | { readonly kind: 'proven'; readonly said: readonly string[] }
  | { readonly kind: 'unproven'; readonly said: readonly string[] }

export interface Fencing {
  /** What an operator reads, strongest level first, without secrets: `fence_ipmilan ip=10.0.0.9`. */
  readonly description: string
  /** Turns `victim` off and verifies it, level by level, each with its retries; ends within `timeoutMs`. Never rejects. */
  fence(victim: string, options: { readonly timeoutMs: Millis; readonly signal: AbortSignal }): Promise<FencingOutcome>
  /** Asks every device for `victim` whether it could (monitor or status); ends within `timeoutMs`. Never rejects. */
  test(victim: string, options: { readonly timeoutMs: Millis; readonly signal: AbortSignal }): Promise<FencingProof>
  /** Ends children under way. */
  close(): void
}
