/** What the parts of a queue manager tell an administrator, on its way to the error log. */

import type { ErrorLog, ErrorLogEntry } from '../installation/error-log.js'
import { explanationOf } from '../mqsc/explanations.js'
import { messageIds, messageText, severityOf } from '../mqsc/messages.js'
import type { MessageId } from '../mqsc/messages.js'

export type Note = (id: MessageId, ...inserts: readonly (string | number)[]) => void

const known: ReadonlySet<string> = new Set(messageIds)

/** A whole entry: the summary as given, explanation and action of the id. */
export const entryOf = (id: MessageId, summary: string, source: string): ErrorLogEntry => ({ id, severity: severityOf(id), summary, ...explanationOf(id), source })

/** Notes as entries of an error log; `source` is the part that speaks. */
export const noteTo = (log: Pick<ErrorLog, 'write'>, source: string): Note =>
  (id, ...inserts) => {
    log.write(entryOf(id, messageText(id, ...inserts), source))
  }

/** Lines of the listener: some carry an id of their own. */
export function noteLine(log: Pick<ErrorLog, 'write'>, source: string, level: 'info' | 'warn', text: string): void {
  const [, id = '', summary = ''] = /^(AMQ\d{4})[IWEST]?: (.*)$/s.exec(text) ?? []
  if (known.has(id)) log.write(entryOf(id as MessageId, summary, source))
  else if (level === 'warn') log.write(entryOf('AMQ9213', messageText('AMQ9213', text), source))
  else log.write({ ...entryOf('AMQ9001', text, source), id: 'AMQ9001', severity: 'I' })
}
