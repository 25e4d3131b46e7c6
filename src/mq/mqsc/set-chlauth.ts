/**
 * SET CHLAUTH(profile) TYPE(type) ACTION(ADD|REPLACE|REMOVE|REMOVEALL) …
 *
 * A record is the one it is by profile, type and what it matches on; for BLOCKADDR and BLOCKUSER by profile and type
 * alone, and ADD and REMOVE work on the entries of its list. Source: queue manager reference 3.9.
 */

import { parsePattern } from '../core/address-pattern.js'
import { channelRuleName, isChannelRuleType } from '../core/channel-authority.js'
import type { ChannelRuleType } from '../core/channel-authority.js'
import { textOf } from '../core/definition.js'
import type { AttributeValue, ObjectDefinition } from '../core/definition.js'
import type { Lsn } from '../core/journal.js'
import { isSettable } from './attributes/attribute.js'
import { dateOf, timeOf } from './calendar.js'
import { attributesOf, findAttribute, nameLengthOf, productDefaults, subtypesOf } from './object-types.js'
import { syntaxFault } from './parse.js'
import type { ParsedCommand } from './parse.js'
import { failed, refusal, refuse, succeeded } from './result.js'
import type { CommandResult, Compiled, Environment } from './result.js'
import { readPattern, readValue } from './values.js'

const actions = ['ADD', 'REPLACE', 'REMOVE', 'REMOVEALL'] as const
type Action = (typeof actions)[number]

interface Wish {
  readonly profile: string
  readonly type: ChannelRuleType
  readonly action: Action
  readonly given: Readonly<Record<string, AttributeValue>>
}

/** The list of a blocking record; null for records that map. */
const listName = (type: ChannelRuleType): 'ADDRLIST' | 'USERLIST' | null => (type === 'BLOCKADDR' ? 'ADDRLIST' : type === 'BLOCKUSER' ? 'USERLIST' : null)

/** What a record of the type must say, besides lists. */
const neededOf: Readonly<Record<ChannelRuleType, readonly string[]>> = {
  BLOCKADDR: [],
  BLOCKUSER: [],
  ADDRESSMAP: ['ADDRESS'],
  USERMAP: ['CLNTUSER'],
  QMGRMAP: ['QMNAME'],
  SSLPEERMAP: ['SSLPEER']
}

export function compileSetRule(command: ParsedCommand): Compiled {
  const { text, parameters } = command
  const named = readPattern('CHLAUTH', command.name, nameLengthOf('CHLAUTH'), text)
  if (!named.ok) return refuse(named.fault)
  const wordOf = (keyword: string): string | undefined => parameters.find(parameter => parameter.keyword === keyword)?.values?.[0]?.text.toUpperCase()
  const type = wordOf('TYPE')
  if (type === undefined) return refuse(syntaxFault(text, text.length, 'TYPE is missing'))
  if (!isChannelRuleType(type)) return refuse({ id: 'AMQ8425', inserts: ['TYPE', type, subtypesOf('CHLAUTH').join(', ')], segment: '' })
  const action = wordOf('ACTION') ?? 'ADD'
  if (!isAction(action)) return refuse({ id: 'AMQ8425', inserts: ['ACTION', action, actions.join(', ')], segment: '' })
  const given: Record<string, AttributeValue> = {}
  for (const parameter of parameters) {
    if (parameter.keyword === 'TYPE' || parameter.keyword === 'ACTION') {
      if (parameter.values?.length !== 1) return refuse(syntaxFault(text, parameter.end, `${parameter.keyword} needs one value`))
      continue
    }
    const attribute = findAttribute(attributesOf('CHLAUTH', type), parameter.keyword)
    if (attribute === undefined || !isSettable(attribute)) return refuse(syntaxFault(text, parameter.end, `${parameter.keyword} does not go with TYPE(${type})`))
    const read = readValue(attribute, parameter, text)
    if (!read.ok) return refuse(read.fault)
    given[attribute.name] = read.value
  }
  const list = listName(type)
  const needed = action === 'REMOVEALL' ? [] : [...neededOf[type], ...(list === null ? [] : [list])]
  for (const name of needed) {
    const value = given[name]
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return refuse(syntaxFault(text, text.length, `${name} is missing`))
  }
  const fault = wrongAddress(given)
  if (fault !== null) return refuse({ id: 'AMQ8425', inserts: [...fault, 'an IPv4 or IPv6 address; * for a part or for all that follow, a-b for a range'], segment: '' })
  const wish: Wish = { profile: named.name, type, action, given }
  return { ok: true, run: environment => setRule(wish, environment) }
}

const isAction = (word: string): word is Action => (actions as readonly string[]).includes(word)
const itemsOf = (value: AttributeValue | undefined): readonly string[] => (Array.isArray(value) ? (value as readonly string[]) : [])

function wrongAddress(given: Wish['given']): readonly [string, string] | null {
  const address = given['ADDRESS']
  if (typeof address === 'string' && address !== '' && parsePattern(address) === null) return ['ADDRESS', address]
  const wrong = itemsOf(given['ADDRLIST']).find(item => parsePattern(item) === null)
  return wrong === undefined ? null : ['ADDRLIST', wrong]
}

function setRule(wish: Wish, environment: Environment): CommandResult {
  const { profile, type, action, given } = wish
  if (type === 'BLOCKADDR' && profile !== '*') return failed('AMQ8569', 'BLOCKADDR', "it goes with the profile '*' alone: addresses are blocked before a channel is known")
  const { administration } = environment
  const attributes: Record<string, AttributeValue> = { ...productDefaults('CHLAUTH', type), ...given, CHLAUTH: profile, TYPE: type }
  const name = channelRuleName(attributes)
  const existing = administration.find('CHLAUTH', name)
  if (action === 'REMOVEALL') return removeAll(wish, environment)
  const list = listName(type)
  if (action === 'REMOVE') return existing === null ? failed('AMQ8884') : list === null ? removeRule(name, environment) : removeItems(existing, list, given, environment)
  if (list !== null) {
    if (action === 'ADD' && existing !== null) {
      // Adding to a list leaves everything else of the record alone unless it is said anew.
      Object.assign(attributes, existing.attributes, given, { [list]: Object.freeze([...new Set([...itemsOf(existing.attributes[list]), ...itemsOf(given[list])])]) })
    }
    return storeRule(name, attributes, environment)
  }
  if (action === 'ADD' && existing !== null) return failed('AMQ8150', `CHLAUTH(${profile}) TYPE(${type})`)
  const source = attributes['USERSRC']
  if (source === 'MAP' && attributes['MCAUSER'] === '') return failed('AMQ8569', 'MCAUSER', 'it is needed with USERSRC(MAP)')
  if (source !== 'MAP' && attributes['MCAUSER'] !== '') return failed('AMQ8569', 'MCAUSER', `it makes no sense with USERSRC(${String(source)})`)
  return storeRule(name, attributes, environment)
}

function storeRule(name: string, attributes: Record<string, AttributeValue>, { administration, facilities }: Environment): CommandResult {
  const now = facilities.wallMs()
  const whole = Object.freeze({ ...attributes, ALTDATE: dateOf(now), ALTTIME: timeOf(now) })
  const outcome = administration.define({ type: 'CHLAUTH', name, attributes: whole })
  return outcome.ok ? succeeded('AMQ8877', outcome.end) : refusal(outcome.reason, name, administration.name)
}

function removeRule(name: string, { administration }: Environment): CommandResult {
  const outcome = administration.remove('CHLAUTH', name)
  return outcome.ok ? succeeded('AMQ8877', outcome.end) : refusal(outcome.reason, name, administration.name)
}

function removeItems(existing: ObjectDefinition, list: 'ADDRLIST' | 'USERLIST', given: Wish['given'], environment: Environment): CommandResult {
  const gone = itemsOf(given[list])
  const had = itemsOf(existing.attributes[list])
  if (!gone.every(item => had.includes(item))) return failed('AMQ8884')
  const left = had.filter(item => !gone.includes(item))
  return left.length === 0 ? removeRule(existing.name, environment) : storeRule(existing.name, { ...existing.attributes, [list]: Object.freeze(left) }, environment)
}

function removeAll({ profile, type }: Wish, environment: Environment): CommandResult {
  const { administration } = environment
  const found = administration.list('CHLAUTH').filter(record => textOf(record, 'CHLAUTH') === profile && textOf(record, 'TYPE') === type)
  // None left is what was asked for, also when there was none.
  let end: Lsn | null = null
  for (const record of found) {
    const outcome = administration.remove('CHLAUTH', record.name)
    if (!outcome.ok) return { ...refusal(outcome.reason, record.name, administration.name), end }
    end = outcome.end
  }
  return succeeded('AMQ8877', end)
}
