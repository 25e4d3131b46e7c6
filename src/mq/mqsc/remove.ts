/** DELETE and CLEAR. */

import { isQueueType, textOf } from '../core/definition.js'
import type { ObjectType } from '../core/definition.js'
import { outcomesOf } from './define.js'
import { nameLengthOf } from './object-types.js'
import { syntaxFault } from './parse.js'
import type { Parameter, ParsedCommand } from './parse.js'
import { failed, refusal, refuse, succeeded } from './result.js'
import type { CommandResult, Compiled, Environment } from './result.js'
import { readObjectName } from './values.js'

/**
 * The keywords of a command that may be given, as a map; `KEYWORD: null` takes no value, else one of the listed words.
 * An empty list takes any one value.
 */
export type Options = ReadonlyMap<string, string>
export type ReadOptions = { readonly ok: true; readonly options: Options } | Extract<Compiled, { readonly ok: false }>

export function readOptions(parameters: readonly Parameter[], allowed: Readonly<Record<string, readonly string[] | null>>, text: string): ReadOptions {
  const options = new Map<string, string>()
  for (const { keyword, values, end } of parameters) {
    const words = Object.hasOwn(allowed, keyword) ? allowed[keyword] : undefined
    if (words === undefined) return { ok: false, fault: syntaxFault(text, end, `${keyword} is not known here`) }
    if (words === null) {
      if (values !== null) return { ok: false, fault: syntaxFault(text, end, `${keyword} takes no value`) }
      options.set(keyword, 'YES')
      continue
    }
    const [value, second] = values ?? []
    if (value === undefined || second !== undefined) return { ok: false, fault: syntaxFault(text, end, `${keyword} needs one value`) }
    const word = words.length > 0 ? value.text.toUpperCase() : value.text.trimEnd()
    if (words.length > 0 && !words.includes(word)) return { ok: false, fault: { id: 'AMQ8425', inserts: [keyword, value.text, words.join(', ')], segment: '' } }
    options.set(keyword, word)
  }
  return { ok: true, options }
}

export function compileDelete(command: ParsedCommand): Compiled {
  const type = command.object as ObjectType
  const named = readObjectName(type, command.name, nameLengthOf(type), command.text, type === 'SUB')
  if (!named.ok) return refuse(named.fault)
  const read = readOptions(
    command.parameters,
    {
      IGNSTATE: ['NO', 'YES'],
      ...(type === 'QLOCAL' ? { PURGE: null, NOPURGE: null } : {}),
      ...(isQueueType(type) ? { AUTHREC: ['YES', 'NO'] } : {}),
      ...(type === 'CHANNEL' ? { CHLTABLE: ['QMGRTBL', 'CLNTTBL'] } : {})
    },
    command.text
  )
  return read.ok ? { ok: true, run: environment => remove(type, named.name, read.options, environment) } : read
}

function remove(type: ObjectType, name: string, options: Options, { administration, facilities }: Environment): CommandResult {
  const existing = isQueueType(type) ? administration.findQueue(name) : administration.find(type, name)
  const success = outcomesOf(type)[2]
  if (existing === null) {
    if (options.get('IGNSTATE') === 'YES') return succeeded(success)
    return type === 'CHANNEL' ? failed('AMQ8227', name) : failed('AMQ8147', name)
  }
  if (existing.type !== type) return failed('AMQ8138', name, existing.type)
  if (type === 'CHANNEL' && facilities.channels().some(instance => instance.channel === name && instance.status === 'RUNNING')) return failed('AMQ9514', name)
  if (type === 'LISTENER' && facilities.listeners().some(listener => listener.name === name)) return failed('AMQ8148', name)
  const [queueManager] = administration.list('QMGR')
  if (type === 'AUTHINFO' && queueManager !== undefined && textOf(queueManager, 'CONNAUTH') === name) return failed('AMQ8148', name)
  const outcome = administration.remove(type, name, { purge: options.has('PURGE') })
  return outcome.ok ? succeeded(success, outcome.end) : refusal(outcome.reason, name, administration.name)
}

export function compileClear(command: ParsedCommand): Compiled {
  const { text } = command
  const isTopic = command.object === 'TOPICSTR'
  const named = readObjectName(command.object, command.name, isTopic ? 10_240 : 48, text, isTopic)
  if (!named.ok) return refuse(named.fault)
  const read = readOptions(command.parameters, isTopic ? { CLRTYPE: ['RETAINED'], SCOPE: ['LOCAL', 'ALL'] } : {}, text)
  if (!read.ok) return read
  if (isTopic && !read.options.has('CLRTYPE')) return refuse(syntaxFault(text, text.length, 'CLRTYPE is missing'))
  return { ok: true, run: environment => (isTopic ? clearTopic(named.name, environment) : clearQueue(named.name, environment)) }
}

/** A deep queue takes its time; everybody else is served in between. */
async function clearQueue(name: string, { administration, facilities }: Environment): Promise<CommandResult> {
  const queue = administration.findQueue(name)
  if (queue === null) return failed('AMQ8147', name)
  if (queue.type !== 'QLOCAL') return failed('AMQ8138', name, queue.type)
  const begun = administration.beginClear(name)
  if (!begun.ok) return refusal(begun.reason, name, administration.name)
  for (;;) {
    const { isDone, end } = begun.clearing.next()
    if (isDone) return succeeded('AMQ8022', end)
    await facilities.nextTurn()
  }
}

function clearTopic(topic: string, { administration }: Environment): CommandResult {
  const outcome = administration.clearRetained(topic)
  return outcome.ok ? succeeded('AMQ8693', outcome.end) : refusal(outcome.reason, topic, administration.name)
}
