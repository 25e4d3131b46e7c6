/**
 * Runs one MQSC command against a queue manager.
 *
 * `compileCommand` checks everything that can be said without one (that is also all that `runmqsc -v` does); what comes
 * out runs at once, except START and STOP LISTENER, which wait for the socket. Nothing here waits for the log: whoever
 * answers the administrator first waits until it is forced up to `end`.
 */

import { compileAlter, compileDefine } from './define.js'
import { compileControl, compileQueueManagerControl } from './control.js'
import { compileDisplayObject, compileDisplayRules } from './display-objects.js'
import { compileDisplayStatus } from './display-status.js'
import type { SyntaxFault } from './fault.js'
import { commandLengthMax } from './lines.js'
import { messageLine } from './messages.js'
import { parseCommand, syntaxFault } from './parse.js'
import type { ParsedCommand } from './parse.js'
import { compileClear, compileDelete } from './remove.js'
import { done, syntaxError, unavailable } from './result.js'
import type { Answered, Compiled, Environment } from './result.js'
import { compileSetRule } from './set-chlauth.js'
import { missingParts, verbs } from './words.js'

const statusObjects: ReadonlySet<string> = new Set(['QSTATUS', 'CHSTATUS', 'CONN', 'QMSTATUS', 'LSSTATUS', 'SBSTATUS', 'TPSTATUS', 'SVSTATUS'])

/** `text` is one whole command, without its terminator. Never throws on input. */
export function compileCommand(text: string): Compiled {
  if (text.length > commandLengthMax) return { ok: false, fault: syntaxFault(text.slice(0, 200), 200, `the command has more than ${commandLengthMax} characters`) }
  const parsed = parseCommand(text)
  if (!parsed.ok) return parsed
  if (parsed.command === null) return { ok: true, run: () => done([messageLine('AMQ8426'), ...verbs.map(verb => `   ${verb}`)]) }
  return compileParsed(parsed.command)
}

function compileParsed(command: ParsedCommand): Compiled {
  const { verb, object } = command
  const isStartOrStop = verb === 'START' || verb === 'STOP'
  const missing = Object.hasOwn(missingParts, object) && (object !== 'SERVICE' || isStartOrStop) ? missingParts[object] : undefined
  if (missing !== undefined) return { ok: true, run: () => unavailable(`${verb} ${object}`, missing) }
  switch (verb) {
    case 'DEFINE':
      return compileDefine(command)
    case 'ALTER':
      return compileAlter(command)
    case 'DELETE':
      return compileDelete(command)
    case 'CLEAR':
      return compileClear(command)
    case 'DISPLAY':
      return statusObjects.has(object) ? compileDisplayStatus(command) : object === 'CHLAUTH' ? compileDisplayRules(command) : compileDisplayObject(command)
    case 'SET':
      return compileSetRule(command)
    case 'START':
    case 'STOP':
      return compileControl(command)
    case 'PING':
    case 'RESET':
    case 'RESOLVE':
      return object === 'CHANNEL' ? compileControl(command) : compileQueueManagerControl(command)
    case 'REFRESH':
    case 'SUSPEND':
    case 'RESUME':
      return compileQueueManagerControl(command)
  }
}

/** Null when the command could be run. */
export function checkCommand(text: string): SyntaxFault | null {
  const compiled = compileCommand(text)
  return compiled.ok ? null : compiled.fault
}

export function executeCommand(text: string, environment: Environment): Answered {
  const compiled = compileCommand(text)
  return compiled.ok ? compiled.run(environment) : syntaxError(compiled.fault)
}
