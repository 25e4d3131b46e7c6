/** Messages as programs give and get them. */

import { defaultDescriptor, expiryUnlimited, formats, messageIdBytes, noProperties, persistences } from '../mq/core/message.js'
import type { Descriptor, Properties, PropertyValue } from '../mq/core/message.js'
import { MqError, reasons } from './mq-error.js'
import type { Unit } from './unit.js'

export type { Descriptor, Properties, PropertyValue }

/** A text goes as UTF-8 with format MQSTR, bytes as they are without a format. */
export type Body = string | Uint8Array

export interface PutOptions {
  /** Default: as the queue's DEFPSIST says. */
  readonly persistent?: boolean
  /** 0 to 9. Default: the queue's DEFPRTY. */
  readonly priority?: number
  /** Gone when nobody got it for so long; rounded up to tenths of a second. Default: never. */
  readonly expiryMs?: number
  readonly correlationId?: Uint8Array
  /** Default: the queue manager makes one. */
  readonly messageId?: Uint8Array
  readonly replyToQueue?: string
  readonly replyToQueueManager?: string
  readonly format?: string
  readonly properties?: Properties | Readonly<Record<string, PropertyValue>>
  /** Any other field of the descriptor; the options above go before it. */
  readonly descriptor?: Partial<Descriptor>
  /** Takes place with the commit of this unit. */
  readonly unit?: Unit
  /** Topics: keep it for subscribers to come. */
  readonly retain?: boolean
  /** The descriptor's user, program, date and time are kept rather than made by the queue manager. */
  readonly keepContext?: boolean
  /** Ends the waiting for room or for the answer; a put that was sent may take place all the same. */
  readonly signal?: AbortSignal
}

export interface Stored {
  /** 24 bytes. */
  readonly messageId: Buffer
  readonly correlationId: Buffer
  /** A remark such as 2049 (priority above the maximum), else 0. */
  readonly warning: number
  /** The message had been stored by an earlier try whose answer was lost. */
  readonly isRepetition: boolean
}

export const bodyOf = (body: Body): Buffer =>
  typeof body === 'string' ? Buffer.from(body) : Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)

/** The descriptor that goes with a put. Throws MqError 2026 for an id of more than 24 bytes, 2013 for a wrong expiry. */
export function descriptorOf(body: Body, options: PutOptions): Descriptor {
  const { persistent, priority, expiryMs, correlationId, messageId, replyToQueue, replyToQueueManager, descriptor } = options
  const format = options.format ?? (typeof body === 'string' && descriptor?.format === undefined ? formats.string : undefined)
  return {
    ...defaultDescriptor,
    ...descriptor,
    ...(format === undefined ? {} : { format }),
    ...(persistent === undefined ? {} : { persistence: persistent ? persistences.yes : persistences.no }),
    ...(priority === undefined ? {} : { priority }),
    ...(expiryMs === undefined ? {} : { expiry: tenthsOf(expiryMs) }),
    ...(correlationId === undefined ? {} : { correlationId: idOf(correlationId) }),
    ...(messageId === undefined ? {} : { messageId: idOf(messageId) }),
    ...(replyToQueue === undefined ? {} : { replyToQueue }),
    ...(replyToQueueManager === undefined ? {} : { replyToQueueManager })
  }
}

export function propertiesOf(options: PutOptions): Properties {
  const { properties } = options
  if (properties === undefined) return noProperties
  return properties instanceof Map ? properties : new Map(Object.entries(properties))
}

/** 24 bytes, filled up with zeros. */
export function idOf(id: Uint8Array): Buffer {
  if (id.length === messageIdBytes && Buffer.isBuffer(id)) return id
  if (id.length > messageIdBytes) throw new MqError(reasons.descriptorError, `an id has at most ${messageIdBytes} bytes, this one has ${id.length}`)
  const whole = Buffer.alloc(messageIdBytes)
  whole.set(id)
  return whole
}

function tenthsOf(expiryMs: number): number {
  if (expiryMs === Number.POSITIVE_INFINITY) return expiryUnlimited
  const tenths = Math.ceil(expiryMs / 100)
  if (!(tenths > 0 && tenths <= 0x7fffffff)) throw new MqError(reasons.expiryError, `${expiryMs} ms`)
  return tenths
}

/** A message as it was got or browsed. */
export class Received {
  readonly descriptor: Descriptor
  readonly properties: Properties
  readonly body: Buffer
  /** Of the message at the queue manager; larger than `body.length` when it was truncated. */
  readonly wholeBytes: number

  constructor(parts: { readonly descriptor: Descriptor; readonly properties: Properties; readonly body: Buffer; readonly wholeBytes: number }) {
    this.descriptor = parts.descriptor
    this.properties = parts.properties
    this.body = parts.body
    this.wholeBytes = parts.wholeBytes
  }

  /** The body as UTF-8, whatever its format says. */
  get text(): string {
    return this.body.toString('utf8')
  }

  get messageId(): Buffer {
    return this.descriptor.messageId
  }

  get correlationId(): Buffer {
    return this.descriptor.correlationId
  }

  get isPersistent(): boolean {
    return this.descriptor.persistence === persistences.yes
  }

  get isTruncated(): boolean {
    return this.body.length < this.wholeBytes
  }
}
