/** The one error of the library: a completion code and a reason code, as every queue manager program knows them. */

import { completionOf, reasons, reasonSymbol } from '../mq/core/reason.js'
import type { CompletionCode, Reason } from '../mq/core/reason.js'

/**
 * Match on `reason` (2085) or `symbol` (`MQRC_UNKNOWN_OBJECT_NAME`), never on the text. Reasons that need thought:
 * 2003 a unit of work was backed out, do it again; 2009 the connection is broken and the fate of the call unknown (only
 * without failover); 2549 the connection broke while the call was under way and its fate is unknown (with failover).
 */
export class MqError extends Error {
  override readonly name = 'MqError'
  readonly code = 'HA_MQ_REASON'
  readonly reason: Reason
  readonly symbol: string
  readonly completion: CompletionCode

  constructor(reason: Reason, text = '', options: { readonly completion?: CompletionCode; readonly cause?: unknown } = {}) {
    const symbol = reasonSymbol(reason)
    super(text === '' ? `${symbol} (${reason})` : `${symbol} (${reason}): ${text}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.reason = reason
    this.symbol = symbol
    this.completion = options.completion ?? (completionOf(reason) === 0 ? 0 : 2)
  }
}

/** Reason codes by name: `reasons.noMessageAvailable` is 2033. */
export { reasons }

/** Why the operation was aborted; an AbortError unless the program gave a reason of its own. */
export function abortReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason })
}
