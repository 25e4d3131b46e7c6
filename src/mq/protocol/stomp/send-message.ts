/**
 * The message that a SEND frame makes.
 *
 *     persistent         true | false; absent: as the queue says (DEFPSIST)
 *     priority           0 to 9; absent: as the queue says (DEFPRTY)
 *     expires            when, in wall-clock milliseconds; expiration, ttl: in so many milliseconds. 0: never
 *     reply-to           /queue/NAME[@QMGR] and /temp-queue/WORD become ReplyToQ and ReplyToQMgr; any other text is passed on
 *     correlation-id     `ID:` and 48 hexadecimal digits are CorrelId; any other text is kept whole, its first 24 bytes are CorrelId
 *     type               JMSType
 *     content-type       kept; says whether Format is MQSTR. Without it a body that is UTF-8 is text
 *
 * Headers that steer STOMP are not part of the message; all others become properties of type string.
 */

import { isUtf8 } from 'node:buffer'
import { defaultDescriptor, emptyId, formats, messageIdBytes, noProperties, type Message, type PropertyValue } from '../../core/message.js'
import { jmsProperties } from '../../core/selector-fields.js'
import { countOf, shown } from './frame.js'
import { malformed, type Refusal } from './refusal.js'

export interface ReplyTo {
  readonly queue: string
  readonly queueManager: string
}

/** Headers that are not properties. `receipt` and the like steer; the others have their place in the descriptor. */
const consumed: ReadonlySet<string> = new Set([
  'destination', 'receipt', 'transaction', 'content-length', 'persistent', 'priority', 'expires', 'expiration', 'ttl', 'correlation-id', 'type',
  'message-id', 'subscription', 'ack', 'redelivered', 'timestamp', 'retain', 'JMSXDeliveryCount'
])
export const contentTypeProperty = 'content-type'
/** A reply-to that is no queue. */
export const replyToProperty = 'reply-to'
const expiryMax = 0x7fffffff

export type Made = { readonly ok: true; readonly message: Message } | Refusal

/** `replyTo` is what the header of that name leads to; null when it is absent or no queue. */
export function messageOf(headers: ReadonlyMap<string, string>, body: Buffer, replyTo: ReplyTo | null, wallMs: number): Made {
  let properties: Map<string, PropertyValue> | null = null
  for (const [name, value] of headers) {
    if (consumed.has(name) || name === '' || (name === replyToProperty && replyTo !== null)) continue
    properties ??= new Map()
    properties.set(name, value)
  }
  const persistence = persistenceOf(headers.get('persistent'))
  if (persistence === null) return malformed(`persistent:${shown(headers.get('persistent') ?? '')} is neither true nor false`)
  const priority = priorityOf(headers.get('priority'))
  if (priority === null) return malformed(`priority:${shown(headers.get('priority') ?? '')} is not 0 to 9`)
  const expiry = expiryOf(headers, wallMs)
  if (expiry === null) return malformed('expires, expiration and ttl take milliseconds')
  const correlation = headers.get('correlation-id')
  let correlationId = emptyId
  if (correlation !== undefined && correlation !== '') {
    const given = idBytes(correlation)
    correlationId = given ?? textId(correlation)
    if (given === null) (properties ??= new Map()).set(jmsProperties.correlationId, correlation)
  }
  const type = headers.get('type')
  if (type !== undefined) (properties ??= new Map()).set(jmsProperties.type, type)
  const descriptor = {
    ...defaultDescriptor,
    expiry,
    priority,
    persistence,
    format: isText(headers.get(contentTypeProperty), body) ? formats.string : formats.none,
    correlationId,
    replyToQueue: replyTo?.queue ?? '',
    replyToQueueManager: replyTo?.queueManager ?? ''
  }
  return { ok: true, message: { descriptor, properties: properties ?? noProperties, body } }
}

function persistenceOf(text: string | undefined): number | null {
  if (text === undefined) return 2
  if (text === 'true') return 1
  if (text === 'false') return 0
  const lower = text.toLowerCase()
  return lower === 'true' ? 1 : lower === 'false' ? 0 : null
}

function priorityOf(text: string | undefined): number | null {
  if (text === undefined) return -1
  const digit = text.length === 1 ? text.charCodeAt(0) - 48 : -1
  return digit >= 0 && digit <= 9 ? digit : null
}

/** Tenths of a second, -1 for ever. What is over already has one tenth left, so that it expires where expiry is accounted for. */
function expiryOf(headers: ReadonlyMap<string, string>, wallMs: number): number | null {
  const at = headers.get('expires')
  const text = at ?? headers.get('expiration') ?? headers.get('ttl')
  if (text === undefined) return -1
  const value = countOf(text)
  if (value === -1) return null
  if (value === 0) return -1
  const tenths = Math.ceil((at === undefined ? value : value - wallMs) / 100)
  return Math.min(expiryMax, Math.max(1, tenths))
}

/** 24 bytes from `ID:` and 48 hexadecimal digits; null for any other text. */
export function idBytes(text: string): Buffer | null {
  if (text.length !== 3 + 2 * messageIdBytes || !text.startsWith('ID:')) return null
  const bytes = Buffer.from(text.slice(3), 'hex')
  return bytes.length === messageIdBytes ? bytes : null
}

function textId(text: string): Buffer {
  const id = Buffer.alloc(messageIdBytes)
  id.write(text, 'utf8')
  return id
}

function isText(contentType: string | undefined, body: Buffer): boolean {
  if (contentType === undefined) return isUtf8(body)
  return contentType.startsWith('text/') || contentType.includes('json') || contentType.includes('xml') || contentType.includes('charset=')
}
