/** What the parts of a queue manager tell an administrator, on its way to the error log. */

import type { ErrorLog } from '../installation/error-log.js'
import { messageText, severityOf } from '../mqsc/messages.js'
import type { MessageId } from '../mqsc/messages.js'

export type Note = (id: MessageId, ...inserts: readonly (string | number)[]) => void

/** Notes as entries of an error log; `source` is the part that speaks. */
export const noteTo = (log: Pick<ErrorLog, 'write'>, source: string): Note =>
  (id, ...inserts) => {
    log.write({ id, severity: severityOf(id), summary: messageText(id, ...inserts), source })
  }

/** Lines of the listener: some carry an id of their own. */
export function noteLine(log: Pick<ErrorLog, 'write'>, source: string, level: 'info' | 'warn', text: string): void {
  const [, id, summary] = /^(AMQ\d{4})[IWEST]?: (.*)$/s.exec(text) ?? []
  if (id !== undefined) log.write({ id, severity: 'E', summary: summary ?? '', source })
  else if (level === 'warn') log.write({ id: 'AMQ9213', severity: 'E', summary: messageText('AMQ9213', text), source })
  else log.write({ id: 'AMQ9209', severity: 'I', summary: text, source })
}
