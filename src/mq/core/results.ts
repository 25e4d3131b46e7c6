/** Results and answers, short to write. */

import type { GetAnswer, PlainAnswer, PutAnswer, Result } from './engine.js'
import { emptyId } from './message.js'
import { completionOf, type Reason } from './reason.js'

export const ok = <T>(value: T): Result<T> => ({ ok: true, value })
export const refused = (reason: Reason): { readonly ok: false; readonly reason: Reason } => ({ ok: false, reason })

/** Commit, settle and the like. */
export const done = (reason: Reason): PlainAnswer => ({ kind: 'done', completion: completionOf(reason), reason })
export const putRefused = (reason: Reason): PutAnswer => ({
  kind: 'put',
  completion: 2,
  reason,
  messageId: emptyId,
  correlationId: emptyId,
  isRepetition: false
})
/** A get that brings no message. */
export const nothing = (reason: Reason): GetAnswer => ({ kind: 'get', completion: completionOf(reason), reason, message: null, bodyBytes: 0, delivery: null })
