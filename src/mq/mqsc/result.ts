/** What came of a command, and what running one needs. */

import type { Administration, Facilities } from '../core/administration.js'
import type { Lsn } from '../core/journal.js'
import { reasonSymbol, reasons } from '../core/reason.js'
import type { Reason } from '../core/reason.js'
import { faultLines } from './fault.js'
import type { SyntaxFault } from './fault.js'
import { messageLine } from './messages.js'
import type { MessageId } from './messages.js'

export interface CommandResult {
  readonly outcome: 'done' | 'failed' | 'syntax'
  /** What the report shows under the echo. */
  readonly lines: readonly string[]
  /** A change may be answered when the log is forced up to here; null when nothing was changed. */
  readonly end: Lsn | null
}

export interface Environment {
  readonly administration: Administration
  readonly facilities: Facilities
}

/** Only commands that wait for something outside answer by a promise. */
export type Answered = CommandResult | Promise<CommandResult>

/** A command that was understood: all that can be said without a queue manager was checked. */
export type Compiled = { readonly ok: true; readonly run: (environment: Environment) => Answered } | { readonly ok: false; readonly fault: SyntaxFault }

export const done = (lines: readonly string[], end: Lsn | null = null): CommandResult => ({ outcome: 'done', lines, end })
export const succeeded = (id: MessageId, end: Lsn | null = null): CommandResult => done([messageLine(id)], end)
export const failed = (id: MessageId, ...inserts: readonly (string | number)[]): CommandResult => ({ outcome: 'failed', lines: [messageLine(id, ...inserts)], end: null })
export const syntaxError = (fault: SyntaxFault): CommandResult => ({ outcome: 'syntax', lines: faultLines(fault), end: null })
export const unavailable = (what: string, why: string): CommandResult => failed('AMQ8199', what, why)
export const refuse = (fault: SyntaxFault): Compiled => ({ ok: false, fault })

/** How a refusal of the core is said to an administrator. `name` is the object the command was about. */
export function refusal(reason: Reason, name: string, queueManager: string): CommandResult {
  switch (reason) {
    case reasons.unknownObjectName:
    case reasons.noSubscription:
      return failed('AMQ8147', name)
    case reasons.objectInUse:
    case reasons.subscriptionInUse:
      return failed('AMQ8148', name)
    case reasons.queueNotEmpty:
      return failed('AMQ8143', name)
    case reasons.objectAlreadyExists:
    case reasons.subscriptionAlreadyExists:
      return failed('AMQ8150', name)
    case reasons.objectDamaged:
      return failed('AMQ8149', name)
    case reasons.objectNameError:
    case reasons.subscriptionNameError:
      return failed('AMQ8102', name)
    case reasons.resourceProblem:
      return failed('AMQ7463', queueManager)
    case reasons.queueManagerQuiescing:
    case reasons.queueManagerStopping:
      return failed('AMQ8108', queueManager)
    case reasons.topicStringError:
      return failed('AMQ8569', name, 'the topic string is not valid')
    case reasons.selectorSyntaxError:
    case reasons.selectorError:
      return failed('AMQ8569', name, 'the selector is not valid')
    default:
      return failed('AMQ8101', `reason ${reason}, ${reasonSymbol(reason)}`)
  }
}
