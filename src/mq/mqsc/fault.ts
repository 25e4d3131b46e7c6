/** Why a command was not understood. Refused input is a value; nothing here is thrown. */

import { messageLine } from './messages.js'
import type { MessageId } from './messages.js'

export interface SyntaxFault {
  readonly id: Extract<MessageId, 'AMQ8405' | 'AMQ8406' | 'AMQ8411' | 'AMQ8412' | 'AMQ8413' | 'AMQ8424' | 'AMQ8425'>
  readonly inserts: readonly (string | number)[]
  /** The command as far as it was read, up to and with what is wrong. */
  readonly segment: string
}

/** The lines of the report: the message, the segment, and an empty line after it. */
export function faultLines(fault: SyntaxFault): string[] {
  const line = messageLine(fault.id, ...fault.inserts)
  return fault.id === 'AMQ8405' ? [line, fault.segment, ''] : [line]
}
