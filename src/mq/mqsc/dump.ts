/**
 * The configuration of a queue manager as MQSC: what dmpmqcfg prints, and runmqsc takes.
 *
 * Fed to an empty queue manager it makes one whose dump is the same but for the header. Therefore: default objects come
 * first, since other definitions start from them; what others refer to comes before them; an attribute is left out only
 * when it is both the product's default and the default object's value; and what an empty queue manager has and this one
 * has not is deleted. Secrets and dates are not written. Source: queue manager reference 1.12.
 */

import type { Administration } from '../core/administration.js'
import { isQueueType, textOf } from '../core/definition.js'
import type { AttributeValue, ObjectDefinition, ObjectType } from '../core/definition.js'
import { isSettable } from './attributes/attribute.js'
import type { AttributeSpec } from './attributes/attribute.js'
import { dateOf, timeOf } from './calendar.js'
import { attributesOf, defaultObjectOf, subtypeAttribute, subtypeOf } from './object-types.js'
import { lineLengthMax } from './lines.js'
import { systemObjects } from './system-objects.js'
import { matchesPattern } from './values.js'

export interface DumpOptions {
  /** `-a`: every attribute, else those that differ from the defaults. */
  readonly isWhole?: boolean
  /** `-x` */
  readonly part?: 'all' | 'object' | 'chlauth' | 'sub' | 'authrec' | 'policy'
  /** `-n`: names, a trailing `*` allowed. */
  readonly pattern?: string
  /** `-t` as one of `dumpTypes`. */
  readonly type?: string
  /** `-o` */
  readonly format?: 'mqsc' | '1line' | '2line'
}

export interface DumpHeader {
  readonly wallMs: number
  readonly user: string
  readonly host: string
  readonly queueManager: string
  /** As issued. */
  readonly command: string
}

/** Words of `-t`, and the types they stand for. */
export const dumpTypes: Readonly<Record<string, readonly ObjectType[]>> = {
  all: ['AUTHINFO', 'QMGR', 'QMODEL', 'QLOCAL', 'QREMOTE', 'QALIAS', 'NAMELIST', 'PROCESS', 'CHANNEL', 'LISTENER', 'SERVICE', 'TOPIC', 'SUB', 'CHLAUTH'],
  authinfo: ['AUTHINFO'],
  channel: ['CHANNEL'],
  chlauth: ['CHLAUTH'],
  clntconn: ['CHANNEL'],
  listener: ['LISTENER'],
  lstr: ['LISTENER'],
  namelist: ['NAMELIST'],
  nl: ['NAMELIST'],
  process: ['PROCESS'],
  prcs: ['PROCESS'],
  qalias: ['QALIAS'],
  qlocal: ['QLOCAL'],
  qmgr: ['QMGR'],
  qmodel: ['QMODEL'],
  qremote: ['QREMOTE'],
  queue: ['QMODEL', 'QLOCAL', 'QREMOTE', 'QALIAS'],
  service: ['SERVICE'],
  srvc: ['SERVICE'],
  sub: ['SUB'],
  topic: ['TOPIC']
}

const rule = '*'.repeat(79)

export function dumpHeader({ wallMs, user, host, queueManager, command }: DumpHeader): string[] {
  return [
    rule,
    `* Date: ${dateOf(wallMs)}   Time: ${timeOf(wallMs)}`,
    `* User: ${user}   Host: ${host}`,
    `* Queue manager: ${queueManager}`,
    '* Platform: UNIX',
    '* Command level: (940/940)',
    `* Command: ${printable(command)}`,
    rule
  ]
}

/** The commands, line by line, without the header. */
export function dumpConfiguration(source: Pick<Administration, 'list'>, options: DumpOptions = {}): string[] {
  const administration = listedOnce(source)
  const lines: string[] = []
  for (const type of typesOf(options)) {
    const chosen = administration.list(type).filter(definition => isChosen(definition, options))
    for (const definition of [...chosen].sort(defaultsFirst)) lines.push(...dumpDefinition(definition, administration, options))
  }
  // At the end nothing that is to go is referred to any more.
  return [...lines, ...typesOf(options).flatMap(type => absentSystemObjects(type, administration, options))]
}

type Source = Pick<Administration, 'list' | 'find'>

/** The objects of each type are asked for once, however many thousands there are. */
function listedOnce(source: Pick<Administration, 'list'>): Source {
  const lists = new Map<ObjectType, ReadonlyMap<string, ObjectDefinition>>()
  const byName = (type: ObjectType): ReadonlyMap<string, ObjectDefinition> => {
    const known = lists.get(type) ?? new Map(source.list(type).map(definition => [definition.name, definition]))
    lists.set(type, known)
    return known
  }
  return { list: type => [...byName(type).values()], find: (type, name) => byName(type).get(name) ?? null }
}

function typesOf({ part = 'all', type = 'all' }: DumpOptions): readonly ObjectType[] {
  const types = Object.hasOwn(dumpTypes, type) ? (dumpTypes[type] ?? []) : []
  const isInPart = (each: ObjectType): boolean => {
    if (part === 'all') return true
    if (part === 'object') return each !== 'CHLAUTH' && each !== 'SUB'
    return part === each.toLowerCase()
  }
  return types.filter(isInPart)
}

function isChosen(definition: ObjectDefinition, { pattern = '*', type }: DumpOptions): boolean {
  const { name } = definition
  const isClient = textOf(definition, 'CHLTYPE') === 'CLNTCONN'
  if (definition.type === 'CHANNEL' && (type === 'clntconn') !== isClient && type !== undefined && type !== 'all') return false
  // Queues that come and go with programs and subscriptions are no configuration.
  if (textOf(definition, 'DEFTYPE') === 'TEMPDYN' && definition.type === 'QLOCAL') return false
  if (name.startsWith('SYSTEM.MANAGED.') || (definition.type === 'SUB' && textOf(definition, 'DURABLE') === 'NO')) return false
  return definition.type === 'QMGR' || matchesPattern(pattern, definition.type === 'CHLAUTH' ? textOf(definition, 'CHLAUTH') : name)
}

function defaultsFirst(left: ObjectDefinition, right: ObjectDefinition): number {
  const rank = (definition: ObjectDefinition): number => (defaultObjectOf(definition.type, subtypeOf(definition)) === definition.name ? 0 : 1)
  return rank(left) - rank(right) || (left.name < right.name ? -1 : left.name > right.name ? 1 : 0)
}

/** What a new queue manager has and this one has not. */
function absentSystemObjects(type: ObjectType, administration: Source, options: DumpOptions): string[] {
  const names = new Set((isQueueType(type) ? (dumpTypes['queue'] ?? []) : [type]).flatMap(each => administration.list(each)).map(({ name }) => name))
  const absent = systemObjects(0).filter(definition => definition.type === type && !names.has(definition.name) && isChosen(definition, options))
  return absent.map(definition =>
    type === 'CHLAUTH'
      ? `SET CHLAUTH(${quoted(textOf(definition, 'CHLAUTH'))}) TYPE(${textOf(definition, 'TYPE')}) ACTION(REMOVEALL)`
      : `DELETE ${type}(${quoted(definition.name)}) IGNSTATE(YES)`
  )
}

/** One definition as a command, ready to be run; a comment when MQSC has no way to write it. */
function dumpDefinition(definition: ObjectDefinition, administration: Source, options: DumpOptions): string[] {
  const { type, name } = definition
  const parts = attributesOf(type, subtypeOf(definition))
    .filter(attribute => isWritten(attribute, definition, administration, options))
    .map(attribute => written(attribute, definition.attributes[attribute.name] ?? attribute.default))
  const subtype = subtypeAttribute(type)
  if (subtype !== null) parts.unshift(`${subtype}(${subtypeOf(definition)})`)
  if (type === 'QMGR' && parts.length === 0) return []
  const head = type === 'QMGR' ? 'ALTER QMGR' : type === 'CHLAUTH' ? `SET CHLAUTH(${quoted(textOf(definition, 'CHLAUTH'))})` : `DEFINE ${type}(${quoted(name)})`
  if (type !== 'QMGR') parts.push(type === 'CHLAUTH' ? 'ACTION(REPLACE)' : 'REPLACE')
  // Only MQSC is bound to lines; programs may have put anything into the names and selectors of their subscriptions.
  if (hasControlCharacter([head, ...parts])) return [`* ${printable(head)} cannot be written: it has a control character in its name or attributes`]
  switch (options.format ?? 'mqsc') {
    case '1line':
      return folded([head, ...parts], Infinity)
    case '2line':
      return [`${head} +`, ...folded(parts, Infinity).map((line, index) => (index === 0 ? `   ${line}` : line))]
    case 'mqsc':
      return folded([head, ...parts], 1)
  }
}

function isWritten(attribute: AttributeSpec, definition: ObjectDefinition, administration: Source, { isWhole = false }: DumpOptions): boolean {
  const { type } = definition
  const { name } = attribute
  if (!isSettable(attribute) || attribute.isSecret) return false
  // The queue of a managed subscription is found anew.
  if (type === 'SUB' && name === 'DEST' && textOf(definition, 'DESTCLAS') === 'MANAGED') return false
  const value = definition.attributes[name] ?? attribute.default
  if (type === 'CHLAUTH' && (name === 'MCAUSER' || name === 'ADDRESS') && value === '') return false
  if (isWhole || (type === 'LISTENER' && name === 'TRPTYPE') || (type === 'TOPIC' && name === 'TOPICSTR')) return true
  const isSame = (other: AttributeValue | undefined): boolean => other === undefined || String(other) === String(value)
  const model = defaultObjectOf(type, subtypeOf(definition))
  const base = model === null || model === definition.name ? null : administration.find(type, model)
  return !isSame(attribute.default) || !isSame(attribute.isFixed ? undefined : base?.attributes[name])
}

const quoted = (text: string): string => `'${text === '' ? ' ' : text.replaceAll("'", "''")}'`

function written({ name, kind }: AttributeSpec, value: AttributeValue): string {
  if (kind.kind === 'flag') return value === 'YES' ? name : `NO${name}`
  if (Array.isArray(value)) {
    const items = value as readonly string[]
    const isKeywords = kind.kind === 'list' && kind.words.length > 0
    return `${name}(${items.length === 0 ? quoted('') : items.map(item => (isKeywords ? item : quoted(item))).join(',')})`
  }
  if (kind.kind === 'number' || kind.kind === 'keyword') return `${name}(${String(value)})`
  return `${name}(${quoted(String(value))})`
}

/** Joins parts into lines of at most `partsMax` parts and the length a line may have; all lines but the last continue. */
function folded(parts: readonly string[], partsMax: number): string[] {
  const room = lineLengthMax - 8
  const lines: string[] = []
  let line = ''
  let count = 0
  const indent = (): string => (lines.length === 0 ? '' : '   ')
  for (const [index, part] of parts.entries()) {
    const isFull = count >= partsMax || line.length + part.length + 1 > room
    if (index > 0 && isFull) {
      lines.push(`${line} +`)
      line = ''
      count = 0
    }
    let rest = line === '' ? `${indent()}${part}` : `${line} ${part}`
    // A part too long for a line is cut anywhere; `-` goes on with the first column of the next line.
    while (rest.length > room) {
      const at = /[\ud800-\udbff]/.test(rest.charAt(room - 1)) ? room - 1 : room
      lines.push(`${rest.slice(0, at)}-`)
      rest = rest.slice(at)
    }
    line = rest
    count += 1
  }
  return [...lines, line]
}

const controlCharacters = /[\u0000-\u0008\u000a-\u001f\u007f]/
const hasControlCharacter = (texts: readonly string[]): boolean => texts.some(text => controlCharacters.test(text))
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f]/g, '.')
