/**
 * DEFINE and ALTER: from what a command says to a whole definition, and to the core.
 *
 * DEFINE starts from LIKE, else from the SYSTEM.DEFAULT object of the type, else from the product's defaults. With REPLACE
 * it does so for an existing object too, whose unmentioned attributes are therefore reset; its messages stay. ALTER starts
 * from what is there. Source: queue manager reference 3.2.
 */

import { definitionKey, isQueueType, textOf } from '../core/definition.js'
import type { AttributeValue, ObjectDefinition, ObjectType } from '../core/definition.js'
import { needsConnectionName, needsTransmissionQueue, isChannelType } from './attributes/channel.js'
import { isSettable } from './attributes/attribute.js'
import type { AttributeSpec } from './attributes/attribute.js'
import { dateOf, timeOf } from './calendar.js'
import type { SyntaxFault } from './fault.js'
import type { MessageId } from './messages.js'
import { allAttributesOf, attributesOf, defaultObjectOf, findAttribute, nameLengthOf, productDefaults, subtypeAttribute, subtypeOf, subtypesOf } from './object-types.js'
import { syntaxFault } from './parse.js'
import type { Parameter, ParsedCommand } from './parse.js'
import { failed, refusal, refuse, succeeded, syntaxError, unavailable } from './result.js'
import type { Compiled, CommandResult, Environment } from './result.js'
import { readObjectName, readValue } from './values.js'

/** Messages for created, changed and deleted. */
export const outcomesOf = (type: ObjectType): readonly [created: MessageId, changed: MessageId, deleted: MessageId] => {
  if (isQueueType(type)) return ['AMQ8006', 'AMQ8008', 'AMQ8007']
  switch (type) {
    case 'CHANNEL':
      return ['AMQ8014', 'AMQ8016', 'AMQ8015']
    case 'LISTENER':
      return ['AMQ8626', 'AMQ8628', 'AMQ8624']
    case 'TOPIC':
      return ['AMQ8690', 'AMQ8691', 'AMQ8692']
    case 'SUB':
      return ['AMQ8094', 'AMQ8095', 'AMQ8097']
    case 'PROCESS':
      return ['AMQ8010', 'AMQ8012', 'AMQ8011']
    case 'NAMELIST':
      return ['AMQ8552', 'AMQ8551', 'AMQ8553']
    case 'AUTHINFO':
      return ['AMQ8563', 'AMQ8567', 'AMQ8564']
    case 'SERVICE':
      return ['AMQ8625', 'AMQ8627', 'AMQ8623']
    case 'CHLAUTH':
      return ['AMQ8877', 'AMQ8877', 'AMQ8877']
    default:
      return ['AMQ8005', 'AMQ8005', 'AMQ8005']
  }
}

/** What a DEFINE or ALTER says, as far as it can be known without looking at the queue manager. */
interface Wish {
  readonly type: ObjectType
  readonly name: string
  /** '' when the type has none, or when ALTER did not say. */
  readonly subtype: string
  readonly given: Readonly<Record<string, AttributeValue>>
  readonly like: string | null
  readonly isReplace: boolean
  readonly isForced: boolean
}

type ReadWish = { readonly ok: true; readonly wish: Wish } | { readonly ok: false; readonly fault: SyntaxFault }

export function compileDefine(command: ParsedCommand): Compiled {
  const type = command.object as ObjectType
  const kind = command.parameters.find(parameter => parameter.keyword === 'AUTHTYPE')?.values?.[0]?.text
  if (type === 'AUTHINFO' && kind === 'IDPWLDAP') return { ok: true, run: () => unavailable('AUTHTYPE(IDPWLDAP)', 'users are not looked up in directories') }
  const read = readWish(command, type, 'DEFINE')
  return read.ok ? { ok: true, run: environment => define(read.wish, environment) } : refuse(read.fault)
}

export function compileAlter(command: ParsedCommand): Compiled {
  const type = command.object as ObjectType
  const read = readWish(command, type, 'ALTER')
  return read.ok ? { ok: true, run: environment => alter(read.wish, environment, command) } : refuse(read.fault)
}

function readWish(command: ParsedCommand, type: ObjectType, verb: 'DEFINE' | 'ALTER'): ReadWish {
  const { text, parameters } = command
  let name = ''
  if (type === 'QMGR') {
    if (command.name !== null) return { ok: false, fault: syntaxFault(text, command.name.end, 'QMGR takes no name') }
  } else {
    const read = readObjectName(type, command.name, nameLengthOf(type), text, type === 'SUB')
    if (!read.ok) return read
    name = read.name
  }
  const subtype = readSubtype(parameters, type, text, verb)
  if (!subtype.ok) return subtype
  const known = subtype.value === '' ? allAttributesOf(type) : attributesOf(type, subtype.value)
  const given: Record<string, AttributeValue> = {}
  let like: string | null = null
  let isReplace = false
  let isForced = false
  for (const parameter of parameters) {
    const { keyword } = parameter
    if (keyword === subtypeAttribute(type)) continue
    if (keyword === 'LIKE' && verb === 'DEFINE') {
      const read = readObjectName('LIKE', parameter, nameLengthOf(type), text, type === 'SUB')
      if (!read.ok) return read
      like = read.name
    } else if (isSwitch(keyword, verb)) {
      if (parameter.values !== null) return { ok: false, fault: syntaxFault(text, parameter.end, `${keyword} takes no value`) }
      if (keyword === 'REPLACE') isReplace = true
      if (keyword === 'FORCE') isForced = true
    } else {
      const attribute = settable(known, keyword)
      if (attribute === undefined) return { ok: false, fault: syntaxFault(text, parameter.end, `${keyword} is no attribute of ${[type, subtype.value].join(' ').trim()}`) }
      if (given[attribute.name] !== undefined) return { ok: false, fault: { id: 'AMQ8411', inserts: [keyword], segment: '' } }
      const read = readValue(attribute, parameter, text)
      if (!read.ok) return read
      given[attribute.name] = read.value
    }
  }
  if (type === 'LISTENER' && verb === 'DEFINE' && given['TRPTYPE'] === undefined) return { ok: false, fault: syntaxFault(text, text.length, 'TRPTYPE is missing') }
  return { ok: true, wish: { type, name, subtype: subtype.value, given, like, isReplace, isForced } }
}

const isSwitch = (keyword: string, verb: 'DEFINE' | 'ALTER'): boolean =>
  keyword === 'FORCE' || keyword === 'NOFORCE' || (verb === 'DEFINE' && (keyword === 'REPLACE' || keyword === 'NOREPLACE'))

function settable(known: readonly AttributeSpec[], keyword: string): AttributeSpec | undefined {
  const attribute = findAttribute(known, keyword) ?? known.find(spec => spec.kind.kind === 'flag' && keyword === `NO${spec.name}`)
  return attribute !== undefined && isSettable(attribute) ? attribute : undefined
}

/** CHLTYPE or AUTHTYPE: needed by DEFINE, may be left out by ALTER. */
function readSubtype(parameters: readonly Parameter[], type: ObjectType, text: string, verb: string): { readonly ok: true; readonly value: string } | { readonly ok: false; readonly fault: SyntaxFault } {
  const attribute = subtypeAttribute(type)
  if (attribute === null) return { ok: true, value: '' }
  const parameter = parameters.find(candidate => candidate.keyword === attribute)
  if (parameter === undefined) return verb === 'ALTER' ? { ok: true, value: '' } : { ok: false, fault: syntaxFault(text, text.length, `${attribute} is missing`) }
  const [value, second] = parameter.values ?? []
  if (value === undefined || second !== undefined) return { ok: false, fault: syntaxFault(text, parameter.end, `${attribute} needs a value`) }
  const subtype = value.text.toUpperCase()
  if (subtypesOf(type).includes(subtype)) return { ok: true, value: subtype }
  return { ok: false, fault: { id: 'AMQ8425', inserts: [attribute, value.text, subtypesOf(type).join(', ')], segment: '' } }
}

const findExisting = ({ type, name }: Pick<Wish, 'type' | 'name'>, { administration }: Environment): ObjectDefinition | null =>
  isQueueType(type) ? administration.findQueue(name) : administration.find(type, name)

function define(wish: Wish, environment: Environment): CommandResult {
  const { type, name, subtype } = wish
  const { administration } = environment
  const existing = findExisting(wish, environment)
  if (existing !== null) {
    if (!wish.isReplace) return failed('AMQ8150', name)
    if (existing.type !== type) return failed('AMQ8138', name, existing.type)
    if (subtypeOf(existing) !== subtype) return type === 'CHANNEL' ? failed('AMQ8226', name, subtypeOf(existing)) : failed('AMQ8569', name, `it is of type ${subtypeOf(existing)}`)
  }
  const model = wish.like ?? defaultObjectOf(type, subtype)
  const base = model === null || (wish.like === null && model === name) ? null : administration.find(type, model)
  if (wish.like !== null && (base === null || subtypeOf(base) !== subtype)) return failed('AMQ8147', wish.like)

  const known = attributesOf(type, subtype)
  const attributes: Record<string, AttributeValue> = productDefaults(type, subtype)
  const key = subtypeAttribute(type)
  if (key !== null) attributes[key] = subtype
  for (const attribute of known) {
    // What makes an object the one it is comes from the object itself, never from its model.
    const source = attribute.isFixed || attribute.use === 'made' ? existing : base
    const value = source?.attributes[attribute.name]
    if (value !== undefined && attribute.use !== 'live') attributes[attribute.name] = value
  }
  // The queue of a managed subscription was found for it once, and stays.
  if (type === 'SUB' && textOfMaybe(existing, 'DESTCLAS') === 'MANAGED') attributes['DEST'] = textOfMaybe(existing, 'DEST')
  const now = environment.facilities.wallMs()
  if (existing === null && known.some(attribute => attribute.name === 'CRDATE')) stamp(attributes, 'CR', now)
  return store({ ...wish, known, attributes: { ...attributes, ...wish.given }, existing }, environment, 0)
}

const textOfMaybe = (definition: ObjectDefinition | null, attribute: string): string => (definition === null ? '' : textOf(definition, attribute))

function alter(wish: Wish, environment: Environment, command: ParsedCommand): CommandResult {
  const { administration } = environment
  const name = wish.type === 'QMGR' ? administration.name : wish.name
  const existing = wish.type === 'QMGR' ? (administration.list('QMGR')[0] ?? null) : findExisting(wish, environment)
  if (existing === null) return wish.type === 'CHANNEL' ? failed('AMQ8227', name) : failed('AMQ8147', name)
  if (existing.type !== wish.type) return failed('AMQ8138', name, existing.type)
  const subtype = subtypeOf(existing)
  if (wish.subtype !== '' && wish.subtype !== subtype) return failed('AMQ8569', name, `it is of type ${subtype}`)
  if (wish.subtype === '' && subtype !== '') {
    // Only now it is known which attributes there are.
    const read = readWish({ ...command, parameters: [...command.parameters, subtypeParameter(wish.type, subtype)] }, wish.type, 'ALTER')
    if (!read.ok) return syntaxError(read.fault)
  }
  const attributes = { ...productDefaults(wish.type, subtype), ...existing.attributes, ...wish.given }
  return store({ ...wish, name: existing.name, known: attributesOf(wish.type, subtype), subtype, attributes, existing }, environment, 1)
}

const subtypeParameter = (type: ObjectType, subtype: string): Parameter => ({ keyword: subtypeAttribute(type) ?? '', values: [{ text: subtype, isQuoted: false, end: 0 }], end: 0 })

function stamp(attributes: Record<string, AttributeValue>, prefix: 'CR' | 'ALT', wallMs: number): void {
  attributes[`${prefix}DATE`] = dateOf(wallMs)
  attributes[`${prefix}TIME`] = timeOf(wallMs)
}

interface Change extends Wish {
  readonly known: readonly AttributeSpec[]
  readonly attributes: Record<string, AttributeValue>
  readonly existing: ObjectDefinition | null
}

function store(change: Change, environment: Environment, message: 0 | 1): CommandResult {
  const { type, name, known, attributes, existing } = change
  const { administration } = environment
  for (const { name: attribute, isFixed } of known) {
    if (isFixed && existing !== null && String(existing.attributes[attribute]) !== String(attributes[attribute])) return failed('AMQ8569', attribute, 'it cannot be changed any more')
  }
  const problem = contradiction(change, environment)
  if (problem !== null) return problem
  stamp(attributes, 'ALT', environment.facilities.wallMs())
  const definition: ObjectDefinition = Object.freeze({ type, name, attributes: Object.freeze({ ...attributes }) })
  const outcome = administration.define(definition, { force: change.isForced })
  return outcome.ok ? succeeded(outcomesOf(type)[message], outcome.end) : refusal(outcome.reason, name, administration.name)
}

const both = (left: string, right: string): CommandResult => failed('AMQ8569', `${left} and ${right}`, 'only one of them may be given')

/** What no single attribute is to blame for. */
function contradiction({ type, name, subtype, attributes, given }: Change, { administration, facilities }: Environment): CommandResult | null {
  const text = (attribute: string): string => String(attributes[attribute] ?? '')
  if (text('CLUSTER') !== '' && text('CLUSNL') !== '') return both('CLUSTER', 'CLUSNL')
  if (type === 'CHANNEL' && isChannelType(subtype)) {
    const isModel = name.startsWith('SYSTEM.DEF.')
    if (!isModel && needsTransmissionQueue(subtype) && text('XMITQ') === '') return failed('AMQ8213')
    if (!isModel && needsConnectionName(subtype) && text('CONNAME') === '') return failed('AMQ8214')
  }
  if (type === 'QMGR') {
    if (text('REPOS') !== '' && text('REPOSNL') !== '') return both('REPOS', 'REPOSNL')
    // A queue manager that names no usable authentication information would let everybody in, or nobody.
    if (text('CONNAUTH') !== '' && given['CONNAUTH'] !== undefined) {
      const named = administration.find('AUTHINFO', text('CONNAUTH'))
      if (named === null) return failed('AMQ8147', text('CONNAUTH'))
      if (textOf(named, 'AUTHTYPE') !== 'IDPWOS') return failed('AMQ8569', 'CONNAUTH', `${named.name} is of type ${textOf(named, 'AUTHTYPE')}, not IDPWOS`)
    }
    if (text('LOGGEREV') === 'ENABLED' && facilities.log().type === 'CIRCULAR') return failed('AMQ8518')
  }
  if (type === 'TOPIC' && !name.startsWith('SYSTEM.')) {
    if (text('TOPICSTR') === '') return failed('AMQ8569', 'TOPICSTR', 'it is missing, or blank')
  }
  if (type === 'TOPIC' && text('TOPICSTR') !== '') {
    const other = administration.list('TOPIC').find(topic => textOf(topic, 'TOPICSTR') === text('TOPICSTR') && definitionKey(topic) !== `TOPIC/${name}`)
    if (other !== undefined) return failed('AMQ8569', 'TOPICSTR', `topic ${other.name} has the same`)
  }
  if (type === 'SUB' && name !== 'SYSTEM.DEFAULT.SUB') {
    if (text('TOPICSTR') === '' && text('TOPICOBJ') === '') return failed('AMQ8569', 'TOPICSTR', 'it is missing, or blank, and so is TOPICOBJ')
    if (text('TOPICOBJ') !== '' && administration.find('TOPIC', text('TOPICOBJ')) === null) return failed('AMQ8147', text('TOPICOBJ'))
    if (text('DESTCLAS') === 'PROVIDED' && text('DEST') === '') return failed('AMQ8569', 'DEST', 'it is needed with DESTCLAS(PROVIDED)')
    if (text('DESTCLAS') === 'MANAGED' && String(given['DEST'] ?? '') !== '') return both('DEST', 'DESTCLAS(MANAGED)')
  }
  return null
}
