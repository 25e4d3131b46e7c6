/**
 * The words of the messaging REST API: paths, headers, and what a reason code is as an HTTP status. Pure.
 */

import type { Descriptor, Message, Properties, PropertyValue } from '../core/message.js'
import { defaultDescriptor, formats, messageIdBytes, noProperties, persistences } from '../core/message.js'
import { reasons, reasonSymbol } from '../core/reason.js'
import type { Reason } from '../core/reason.js'

export type RestVersion = 1 | 2 | 3

export type RestResource =
  | { readonly kind: 'message'; readonly version: RestVersion; readonly queueManager: string; readonly queue: string }
  | { readonly kind: 'messagelist'; readonly version: RestVersion; readonly queueManager: string; readonly queue: string }
  | { readonly kind: 'topic'; readonly version: RestVersion; readonly queueManager: string; readonly topic: string }
  | { readonly kind: 'mqsc'; readonly version: RestVersion; readonly queueManager: string }
  | { readonly kind: 'login'; readonly version: RestVersion }

/** What a path means; null for a path we do not serve, or one with a faulty escape. */
export function resourceOf(path: string): RestResource | null {
  const [empty, product, rest, versionWord, ...steps] = path.split('/')
  const version = { v1: 1, v2: 2, v3: 3 }[versionWord ?? ''] as RestVersion | undefined
  if (empty !== '' || product !== 'ibmmq' || rest !== 'rest' || version === undefined) return null
  const names: string[] = []
  for (const step of steps) {
    const name = unescapeStep(step)
    if (name === null || name === '') return null
    names.push(name)
  }
  const [area, qmgr, queueManager = '', type, name = '', last] = names
  if (area === 'login' && names.length === 1) return { kind: 'login', version }
  if (area === 'admin') {
    const isMqsc = names.length === 5 && qmgr === 'action' && queueManager === 'qmgr' && name === 'mqsc'
    return isMqsc ? { kind: 'mqsc', version, queueManager: type ?? '' } : null
  }
  if (area !== 'messaging' || qmgr !== 'qmgr') return null
  if (type === 'queue' && names.length === 6 && last === 'message') return { kind: 'message', version, queueManager, queue: name }
  if (type === 'queue' && names.length === 6 && last === 'messagelist') return { kind: 'messagelist', version, queueManager, queue: name }
  // A topic string may have levels of its own.
  if (type === 'topic' && names.length >= 6 && names.at(-1) === 'message') return { kind: 'topic', version, queueManager, topic: names.slice(4, -1).join('/') }
  return null
}

function unescapeStep(step: string): string | null {
  try {
    return decodeURIComponent(step)
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}

/** A request header the API does not understand: 400. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest'
  readonly status: number

  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}

/** 24 bytes of `correlationId` or `messageId`: 48 hexadecimal digits, from version 3 on with `ID:` before them. */
export function parseId(text: string, version: RestVersion, what: string): Buffer {
  if (version === 3 && what === 'correlationId' && !text.startsWith('ID:')) {
    const plain = Buffer.from(text, 'utf8')
    if (plain.length > messageIdBytes) throw new BadRequest(`${what}: at most ${messageIdBytes} bytes`)
    return Buffer.concat([plain, Buffer.alloc(messageIdBytes - plain.length)])
  }
  const digits = version === 3 && text.startsWith('ID:') ? text.slice(3) : text
  if (!/^[0-9a-fA-F]{48}$/.test(digits)) throw new BadRequest(`${what}: 48 hexadecimal digits are needed`)
  return Buffer.from(digits, 'hex')
}

export const formatId = (id: Buffer, version: RestVersion): string => `${version === 3 ? 'ID:' : ''}${id.toString('hex')}`

const contentTypes: ReadonlySet<string> = new Set(['text/plain', 'text/html', 'text/xml', 'application/json', 'application/xml'])

/** Checks the content type of a put; parameters but `charset=utf-8` are refused. */
export function checkContentType(header: string | undefined): void {
  const [type = '', ...parameters] = (header ?? 'text/plain').split(';').map(part => part.trim().toLowerCase())
  if (!contentTypes.has(type)) throw new BadRequest(`Content-Type ${type} is not one of ${[...contentTypes].join(', ')}`, 415)
  for (const parameter of parameters) {
    if (parameter !== '' && parameter !== 'charset=utf-8' && parameter !== 'charset="utf-8"') throw new BadRequest(`Content-Type parameter ${parameter}: only charset=utf-8`, 415)
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>
const one = (headers: Headers, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** The message a POST puts. Persistence is nonPersistent unless the header says otherwise, whatever the queue says. */
export function messageOf(headers: Headers, version: RestVersion, body: Buffer): Message {
  const changes: { -readonly [Field in keyof Descriptor]?: Descriptor[Field] } = { format: formats.string, persistence: persistences.no, putApplicationName: 'REST' }
  const persistence = one(headers, 'ibm-mq-md-persistence')
  if (persistence !== undefined) {
    if (persistence !== 'persistent' && persistence !== 'nonPersistent') throw new BadRequest('ibm-mq-md-persistence: persistent or nonPersistent')
    changes.persistence = persistence === 'persistent' ? persistences.yes : persistences.no
  }
  const expiry = one(headers, 'ibm-mq-md-expiry')
  if (expiry !== undefined && expiry !== 'unlimited') {
    const ms = /^\d{1,12}$/.test(expiry) ? Number(expiry) : Number.NaN
    if (!(ms > 0) || ms > 99_999_999_900) throw new BadRequest('ibm-mq-md-expiry: unlimited, or milliseconds')
    changes.expiry = Math.max(1, Math.ceil(ms / 100))
  }
  const correlationId = one(headers, 'ibm-mq-md-correlationid')
  if (correlationId !== undefined) changes.correlationId = parseId(correlationId, version, 'correlationId')
  const replyTo = one(headers, 'ibm-mq-md-replyto')
  if (replyTo !== undefined) {
    const [queue = '', queueManager = ''] = replyTo.split('@')
    changes.replyToQueue = queue
    changes.replyToQueueManager = queueManager
  }
  const priority = one(headers, 'ibm-mq-md-priority')
  if (priority !== undefined && priority !== 'asDestination') {
    if (!/^[0-9]$/.test(priority)) throw new BadRequest('ibm-mq-md-priority: 0 to 9, or asDestination')
    changes.priority = Number(priority)
  }
  const user = headers['ibm-mq-usr']
  return { descriptor: { ...defaultDescriptor, ...changes }, properties: user === undefined ? noProperties : parseUserProperties(Array.isArray(user) ? user : [user]), body }
}

/** `name;type;value` lists, separated by commas; strings may be quoted. */
function parseUserProperties(lines: readonly string[]): Properties {
  const properties = new Map<string, PropertyValue>()
  for (const item of lines.join(',').split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/)) {
    const [name = '', type = '', ...rest] = item.trim().split(';')
    const value = rest.join(';')
    const isNumber = /^-?\d+(\.\d+)?$/.test(value)
    if (name === '') throw new BadRequest('ibm-mq-usr: name;type;value')
    if (type === 'string') properties.set(name, value.replace(/^"(.*)"$/s, '$1'))
    else if (type === 'boolean' && (value.toLowerCase() === 'true' || value.toLowerCase() === 'false')) properties.set(name, value.toLowerCase() === 'true')
    else if (['byte', 'short', 'integer', 'long', 'float', 'double'].includes(type) && isNumber) properties.set(name, type === 'long' ? BigInt(value) : Number(value))
    else throw new BadRequest(`ibm-mq-usr: ${name} has no value of a known type`)
  }
  return properties
}

/** Headers that describe a message in an answer. */
export function headersOf(message: Message, version: RestVersion): Record<string, string> {
  const { descriptor } = message
  const headers: Record<string, string> = {
    'ibm-mq-md-messageId': formatId(descriptor.messageId, version),
    'ibm-mq-md-persistence': descriptor.persistence === persistences.yes ? 'persistent' : 'nonPersistent',
    'ibm-mq-md-expiry': descriptor.expiry < 0 ? 'unlimited' : String(descriptor.expiry * 100)
  }
  if (descriptor.correlationId.some(byte => byte !== 0)) headers['ibm-mq-md-correlationId'] = formatId(descriptor.correlationId, version)
  if (descriptor.replyToQueue !== '') headers['ibm-mq-md-replyTo'] = `${descriptor.replyToQueue}@${descriptor.replyToQueueManager}`
  if (version === 3) headers['ibm-mq-md-priority'] = String(descriptor.priority)
  return headers
}

const statusByReason: ReadonlyMap<Reason, number> = new Map<Reason, number>([
  [reasons.unknownObjectName, 404],
  [reasons.unknownObjectQueueManager, 404],
  [reasons.queueManagerNameError, 404],
  [reasons.unknownAliasBaseQueue, 404],
  [reasons.objectNameError, 400],
  [reasons.topicStringError, 400],
  [reasons.descriptorError, 400],
  [reasons.expiryError, 400],
  [reasons.missingReplyToQueue, 400],
  [reasons.notAuthorized, 403],
  [reasons.putInhibited, 405],
  [reasons.getInhibited, 405],
  [reasons.messageTooBigForQueue, 413],
  [reasons.messageTooBigForQueueManager, 413],
  [reasons.queueManagerNotAvailable, 503],
  [reasons.queueManagerQuiescing, 503],
  [reasons.queueManagerStopping, 503],
  [reasons.connectionBroken, 503],
  [reasons.connectionQuiescing, 503],
  [reasons.connectionStopping, 503]
])

export const statusOf = (reason: Reason): number => statusByReason.get(reason) ?? 500

/** The body of every refusal. */
export function errorBody(status: number, message: string, reason: Reason | null): string {
  const error =
    reason === null
      ? { type: 'rest', msgId: `MQWB0${status}E`, message, explanation: message, action: 'Correct the request and send it again.' }
      : {
          type: 'qmgr',
          msgId: `MQWB0${status}E`,
          message: `${message}: ${reasonSymbol(reason)}`,
          explanation: `The queue manager answered with reason ${reason}, ${reasonSymbol(reason)}.`,
          action: 'See the reason code.',
          completionCode: 2,
          reasonCode: reason
        }
  return JSON.stringify({ error: [error] })
}
