/**
 * MESSAGE frames: a message as a subscriber sees it. One Buffer, or three for a long body, which is not copied.
 *
 * Headers of ours come first, so that a property of the same name cannot take their place. Properties that STOMP headers
 * made come back under their names; numbers and booleans from other clients as text, byte strings as hexadecimal digits.
 */

import { emptyId, publicationProperties, type Message, type PropertyValue } from '../../core/message.js'
import { putMs } from '../../core/put-date.js'
import { jmsProperties } from '../../core/selector-fields.js'
import { queueDestination, topicDestination } from './destination.js'
import { escaped, type Version } from './header-text.js'

/** Longer bodies are written as they are, between head and NUL. */
const copyBytesMax = 32 * 1024
const nul = Buffer.alloc(1)

export interface MessageFacts {
  /** `MESSAGE`, subscription and, for a queue, destination: what all messages of a subscription begin with. */
  readonly prefix: string
  readonly isTopic: boolean
  readonly messageId: string
  /** The header of 1.2; null when no acknowledgement is asked for. */
  readonly ack: string | null
  readonly version: Version
  readonly queueManager: string
  readonly wallMs: number
}

/** `MESSAGE` with the headers that are the same for every message of a subscription. */
export const messagePrefix = (subscription: string | null, destination: string | null, version: Version): string =>
  'MESSAGE\n' +
  (subscription === null ? '' : `subscription:${escaped(subscription, version)}\n`) +
  (destination === null ? '' : `destination:${escaped(destination, version)}\n`)

/** Put dates repeat; turning them into milliseconds anew for each message would cost more than the rest of its head. */
class Timestamps {
  #date = ''
  #time = ''
  #line = ''

  line(date: string, time: string): string {
    if (date === this.#date && time === this.#time) return this.#line
    const ms = putMs(date, time)
    this.#date = date
    this.#time = time
    this.#line = ms === null ? '' : `timestamp:${ms}\n`
    return this.#line
  }
}

export class MessageFrames {
  readonly #timestamps = new Timestamps()

  encode(message: Message, facts: MessageFacts): readonly Buffer[] {
    const { body } = message
    const head = this.#head(message, facts)
    const headBytes = Buffer.byteLength(head)
    if (body.length > copyBytesMax) return [Buffer.from(head), body, nul]
    const frame = Buffer.allocUnsafe(headBytes + body.length + 1)
    frame.write(head, 0, headBytes === head.length ? 'latin1' : 'utf8')
    body.copy(frame, headBytes)
    frame[frame.length - 1] = 0
    return [frame]
  }

  #head({ descriptor, properties, body }: Message, facts: MessageFacts): string {
    const { version } = facts
    let head = `${facts.prefix}message-id:${facts.version === '1.0' ? facts.messageId : facts.messageId.replace(':', '\\c')}\n`
    if (facts.isTopic) {
      const topic = properties.get(publicationProperties.topic)
      head += `destination:${escaped(topicDestination(typeof topic === 'string' ? topic : ''), version)}\n`
    }
    if (facts.ack !== null) head += `ack:${facts.ack}\n`
    head += `content-length:${body.length}\npriority:${descriptor.priority}\npersistent:${descriptor.persistence === 1 ? 'true' : 'false'}\n`
    head += this.#timestamps.line(descriptor.putDate, descriptor.putTime)
    if (descriptor.expiry >= 0) head += `expires:${facts.wallMs + descriptor.expiry * 100}\n`
    if (descriptor.backoutCount > 0) head += `redelivered:true\nJMSXDeliveryCount:${descriptor.backoutCount + 1}\n`
    if (descriptor.replyToQueue !== '') {
      head += `reply-to:${escaped(queueDestination(descriptor.replyToQueue, descriptor.replyToQueueManager, facts.queueManager), version)}\n`
    }
    const correlation = properties.size === 0 ? undefined : properties.get(jmsProperties.correlationId)
    if (typeof correlation === 'string') head += `correlation-id:${escaped(correlation, version)}\n`
    else if (!descriptor.correlationId.equals(emptyId)) head += `correlation-id:${escaped(`ID:${descriptor.correlationId.toString('hex')}`, version)}\n`
    for (const [name, value] of properties) head += propertyLine(name, value, version)
    return `${head}\n`
  }
}

function propertyLine(name: string, value: PropertyValue, version: Version): string {
  if (name === jmsProperties.correlationId || name === publicationProperties.topic) return ''
  if (name === jmsProperties.type) return typeof value === 'string' ? `type:${escaped(value, version)}\n` : ''
  const header = name === publicationProperties.isRetained ? 'retained' : escaped(name, version)
  // Without escapes a name with a colon would be another name.
  if (version === '1.0' && name.includes(':')) return ''
  return `${header}:${escaped(textOfValue(value), version)}\n`
}

function textOfValue(value: PropertyValue): string {
  if (value === null) return ''
  return typeof value === 'object' ? value.toString('hex') : String(value)
}
