/**
 * DISPLAY of what was defined: queues, channels, topics, the queue manager and so on. Live attributes (CURDEPTH, QMID …)
 * are found out here.
 */

import { matchesProfile, ruleInForce } from '../core/channel-authority.js'
import type { QueueStatus } from '../core/administration.js'
import { isQueueType, textOf } from '../core/definition.js'
import type { AttributeValue, ObjectDefinition, ObjectType } from '../core/definition.js'
import type { MessageId } from './messages.js'
import type { AttributeSpec } from './attributes/attribute.js'
import { cell } from './layout.js'
import type { Cell } from './layout.js'
import { allAttributesOf, attributesOf, nameLengthOf, subtypeAttribute, subtypeOf } from './object-types.js'
import { syntaxFault } from './parse.js'
import type { ParsedCommand } from './parse.js'
import { refuse } from './result.js'
import type { CommandResult, Compiled, Environment } from './result.js'
import { cellsOf, readSelection, showRows } from './rows.js'
import type { Row, Selection } from './rows.js'
import { matchesPattern, readPattern } from './values.js'

const queueTypes = ['QLOCAL', 'QALIAS', 'QREMOTE', 'QMODEL'] as const

const displayIds: Readonly<Record<ObjectType, MessageId>> = {
  QMGR: 'AMQ8408',
  QLOCAL: 'AMQ8409',
  QALIAS: 'AMQ8409',
  QREMOTE: 'AMQ8409',
  QMODEL: 'AMQ8409',
  CHANNEL: 'AMQ8414',
  LISTENER: 'AMQ8630',
  TOPIC: 'AMQ8633',
  SUB: 'AMQ8096',
  PROCESS: 'AMQ8407',
  NAMELIST: 'AMQ8550',
  AUTHINFO: 'AMQ8566',
  SERVICE: 'AMQ8629',
  CHLAUTH: 'AMQ8878'
}

/** Keywords that select rows by value. TYPE of queues and CHLTYPE of channels are keys of their rows. */
const conditionsOf: Readonly<Partial<Record<string, readonly string[]>>> = {
  QUEUE: ['TYPE', 'QTYPE', 'CLUSTER', 'CLUSNL', 'TARGTYPE'],
  CHANNEL: ['CHLTYPE', 'TYPE', 'TRPTYPE'],
  LISTENER: ['TRPTYPE', 'CONTROL'],
  AUTHINFO: ['AUTHTYPE'],
  TOPIC: ['TYPE', 'CLUSTER'],
  SUB: ['DURABLE', 'SUBTYPE'],
  SERVICE: ['CONTROL']
}

/** DISPLAY QMGR, QUEUE, QLOCAL …, CHANNEL, LISTENER, TOPIC, SUB, PROCESS, NAMELIST, AUTHINFO, SERVICE. */
export function compileDisplayObject(command: ParsedCommand): Compiled {
  const { object, text } = command
  const types: readonly ObjectType[] = object === 'QUEUE' ? queueTypes : [object as ObjectType]
  const [type = 'QLOCAL'] = types
  let pattern = ''
  if (type === 'QMGR') {
    if (command.name !== null) return refuse(syntaxFault(text, command.name.end, 'QMGR takes no name'))
  } else {
    const named = readPattern(object, command.name, nameLengthOf(type), text, type === 'SUB')
    if (!named.ok) return refuse(named.fault)
    pattern = named.name
  }
  const attributes = types.flatMap(allAttributesOf)
  const read = readSelection(
    command.parameters,
    {
      attributes,
      keys: keyWordsOf(type),
      conditions: conditionsOf[isQueueType(type) ? 'QUEUE' : type] ?? [],
      ignored: ['CLUSINFO', 'PUBSUB', 'SYSTEM', 'CHINIT', 'EVENT']
    },
    text
  )
  if (!read.ok) return refuse(read.fault)
  const selection = withQueueType(read.selection)
  // There may be thousands of rows, and live values may cost a look into the log: only what is used is found out.
  const isWanted = (name: string): boolean => type === 'QMGR' || selection.isAll || selection.names.includes(name) || selection.filter?.attribute === name || selection.conditions.some(condition => condition.name === name)
  return {
    ok: true,
    run: environment => {
      const found = types.flatMap(each => listed(each, pattern, environment))
      const rows = found.sort(byName).map(definition => rowOf(definition, environment, isWanted))
      return showRows(rows, selection, displayIds[type], type === 'QMGR' ? null : [], ['AMQ8147', type === 'QMGR' ? environment.administration.name : pattern])
    }
  }
}

const byName = (left: ObjectDefinition, right: ObjectDefinition): number => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0)

function keyWordsOf(type: ObjectType): readonly string[] {
  if (isQueueType(type)) return ['QUEUE', 'TYPE', 'QTYPE']
  if (type === 'CHANNEL') return ['CHANNEL', 'CHLTYPE', 'TYPE']
  if (type === 'AUTHINFO') return ['AUTHINFO', 'AUTHTYPE']
  if (type === 'QMGR') return ['QMNAME']
  return type === 'TOPIC' ? ['TOPIC', 'TYPE'] : [type]
}

/** QTYPE is another word for TYPE, and TYPE of a channel one for CHLTYPE; which one is meant shows in the rows. */
const withQueueType = (selection: Selection): Selection => ({
  ...selection,
  conditions: selection.conditions.map(({ name, pattern }) => ({ name: name === 'QTYPE' ? 'TYPE' : name, pattern: pattern.toUpperCase() === 'ALL' ? 'ALL' : pattern }))
})

/** Definitions of a type whose names match; with the subscriptions of connected programs, which nobody defined. */
function listed(type: ObjectType, pattern: string, { administration }: Environment): readonly ObjectDefinition[] {
  if (type === 'QMGR') return administration.list(type)
  if (type !== 'SUB' && !pattern.endsWith('*')) {
    const found = administration.find(type, pattern)
    return found === null ? [] : [found]
  }
  const defined = administration.list(type).filter(({ name }) => matchesPattern(pattern, name))
  if (type !== 'SUB') return defined
  const names = new Set(defined.map(({ name }) => name))
  const others = administration.subscriptions().filter(({ name }) => !names.has(name) && matchesPattern(pattern, name))
  return [
    ...defined,
    ...others.map(({ name, topic, destination, isDurable }): ObjectDefinition => ({
      type: 'SUB',
      name,
      attributes: { TOPICSTR: topic, DEST: destination, DESTCLAS: 'MANAGED', DURABLE: isDurable ? 'YES' : 'NO', SUBTYPE: 'API' }
    }))
  ]
}

function rowOf(definition: ObjectDefinition, environment: Environment, isWanted: (name: string) => boolean): Row {
  const { type, name } = definition
  let status: QueueStatus | null | undefined
  const statusOf = (): QueueStatus | null => (status ??= environment.administration.queueStatus(name))
  const wanted = attributesOf(type, subtypeOf(definition)).filter(attribute => isWanted(attribute.name))
  const cells = cellsOf(wanted, definition, attribute => liveValue(definition, attribute, environment, statusOf))
  return { keys: keysOf(definition, name), cells }
}

function keysOf(definition: ObjectDefinition, name: string): readonly Cell[] {
  const { type } = definition
  if (isQueueType(type)) return [cell('QUEUE', name), cell('TYPE', type)]
  if (type === 'QMGR') return [cell('QMNAME', name)]
  if (type === 'TOPIC') return [cell('TOPIC', name), cell('TYPE', 'LOCAL')]
  const subtype = subtypeAttribute(type)
  return subtype === null ? [cell(type, name)] : [cell(type, name), cell(subtype, subtypeOf(definition))]
}

function liveValue(definition: ObjectDefinition, attribute: string, { administration, facilities }: Environment, statusOf: () => QueueStatus | null): AttributeValue | null {
  switch (attribute) {
    case 'CURDEPTH':
      return statusOf()?.depth ?? 0
    case 'IPPROCS':
      return statusOf()?.openInput ?? 0
    case 'OPPROCS':
      return statusOf()?.openOutput ?? 0
    case 'NAMCOUNT': {
      const names = definition.attributes['NAMES']
      return Array.isArray(names) ? names.length : 0
    }
    case 'SUBTYPE':
      return textOf(definition, 'SUBTYPE') === '' ? 'ADMIN' : textOf(definition, 'SUBTYPE')
    case 'QMID':
      return administration.qmid
    case 'VERSION':
      return versionNumber(facilities.version)
    default:
      return queueManagerFacts[attribute] ?? null
  }
}

/** Facts about the product that DISPLAY QMGR shows; what we have no part of is said to be off. */
const queueManagerFacts: Readonly<Record<string, AttributeValue>> = {
  ADVCAP: 'DISABLED',
  AMQPCAP: 'NO',
  CMDLEVEL: 940,
  COMMANDQ: 'SYSTEM.ADMIN.COMMAND.QUEUE',
  DISTL: 'NO',
  MAXPRTY: 9,
  PLATFORM: 'UNIX',
  SPLCAP: 'DISABLED',
  SYNCPT: 'YES',
  XRCAP: 'NO'
}

/** `1.2.3` as VVRRMMFF: `01020300`. */
export function versionNumber(version: string): string {
  const parts = version.split('.').map(part => Number.parseInt(part, 10))
  return [0, 1, 2, 3].map(index => String((parts[index] ?? 0) % 100 || 0).padStart(2, '0')).join('')
}

const ruleConditions = ['TYPE', 'MATCH', 'ADDRESS', 'CLNTUSER', 'QMNAME', 'SSLPEER']

/** DISPLAY CHLAUTH(profile) [TYPE(t)] [MATCH(EXACT|GENERIC|RUNCHECK|ALL)] [ADDRESS(a)] [CLNTUSER(u)]. */
export function compileDisplayRules(command: ParsedCommand): Compiled {
  const { text } = command
  const named = readPattern('CHLAUTH', command.name, nameLengthOf('CHLAUTH'), text)
  if (!named.ok) return refuse(named.fault)
  const read = readSelection(command.parameters, { attributes: allAttributesOf('CHLAUTH'), keys: ['CHLAUTH', 'TYPE'], conditions: ruleConditions, ignored: [] }, text)
  if (!read.ok) return refuse(read.fault)
  const { selection } = read
  const patternFor = (keyword: string): string => selection.conditions.find(({ name }) => name === keyword)?.pattern ?? ''
  const match = patternFor('MATCH').toUpperCase()
  if (!['', 'EXACT', 'GENERIC', 'RUNCHECK', 'ALL'].includes(match)) return refuse({ id: 'AMQ8425', inserts: ['MATCH', match, 'EXACT, GENERIC, RUNCHECK, ALL'], segment: '' })
  if (match === 'RUNCHECK' && (named.name.includes('*') || patternFor('ADDRESS') === '')) return refuse(syntaxFault(text, text.length, 'MATCH(RUNCHECK) needs the name of a channel and an ADDRESS'))
  const isRuncheck = match === 'RUNCHECK'
  const conditions = selection.conditions.filter(({ name }) => name !== 'MATCH' && !(isRuncheck && name !== 'TYPE'))
  return {
    ok: true,
    run: ({ administration }): CommandResult => {
      const records = administration.list('CHLAUTH')
      const inForce = isRuncheck ? ruleInForce(records, { channel: named.name, address: patternFor('ADDRESS'), user: patternFor('CLNTUSER'), isAuthenticated: false }) : null
      const found = isRuncheck ? records.filter(record => record === inForce) : records.filter(record => concerns(textOf(record, 'CHLAUTH'), named.name, match))
      const rows = [...found].sort(byProfile).map(ruleRow)
      return showRows(rows, { ...selection, conditions }, 'AMQ8878', ruleDefaults, ['AMQ8884'])
    }
  }
}

const ruleDefaults = ['ADDRESS', 'CLNTUSER', 'QMNAME', 'SSLPEER', 'ADDRLIST', 'USERLIST', 'MCAUSER', 'USERSRC']

function concerns(profile: string, asked: string, match: string): boolean {
  if (match === 'EXACT') return profile === asked
  if (match === 'GENERIC') return matchesProfile(profile, asked)
  return matchesPattern(asked, profile)
}

/** Exact profiles first, the most general last. */
function byProfile(left: ObjectDefinition, right: ObjectDefinition): number {
  const [a, b] = [left, right].map(record => textOf(record, 'CHLAUTH'))
  const isGeneral = (profile = ''): number => (profile === '*' ? 2 : profile.includes('*') ? 1 : 0)
  return isGeneral(a) - isGeneral(b) || byName(left, right)
}

/** A record shows what applies to it: MCAUSER only when users are mapped, CHCKCLNT only where somebody gets in. */
function ruleRow(record: ObjectDefinition): Row {
  const type = subtypeOf(record)
  const source = textOf(record, 'USERSRC')
  const isShown = ({ name }: AttributeSpec): boolean => {
    if (name === 'MCAUSER') return source === 'MAP'
    if (name === 'CHCKCLNT') return source !== 'NOACCESS'
    return name !== 'WARN' || source === '' || source === 'NOACCESS'
  }
  const attributes = attributesOf('CHLAUTH', type).filter(isShown)
  return { keys: [cell('CHLAUTH', textOf(record, 'CHLAUTH')), cell('TYPE', type)], cells: cellsOf(attributes, record, () => null) }
}
