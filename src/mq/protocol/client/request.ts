/**
 * What a client asks, as values and as frames. One case per kind; decoding never throws and says what was wrong.
 */

import type { DeliveryId, GetMatch, GetMode, GetRequest, HandleId, OpenOptions, OpenTarget, SubscribeRequest, UnitId } from '../../core/engine.js'
import type { Origin } from '../../core/journal.js'
import { messageIdBytes } from '../../core/message.js'
import type { Descriptor, Properties } from '../../core/message.js'
import type { Credentials } from '../session.js'
import { Reader, Writer } from './bytes.js'
import { beginFrame, finishFrame, kinds, partBytesMax } from './frame.js'
import type { Frame } from './frame.js'
import { decodeHello, encodeHello } from './hello.js'
import { decodeDescriptor, decodeProperties, encodeDescriptor, encodeProperties } from './message-codec.js'

export interface Hello {
  /** '' for a local program. */
  readonly channel: string
  /** '' takes any. */
  readonly queueManager: string
  readonly application: string
  readonly credentials: Credentials
  readonly processId: number
  /** What the client would like; 0 leaves it to the channel. */
  readonly heartbeatMs: number
}

/** A put without its body: everything but the bytes, of which `bodyBytes` follow, `part` first. */
export interface PutHead {
  readonly unit: UnitId | null
  readonly origin: Origin | null
  readonly newMessageId: boolean
  readonly keepContext: boolean
  readonly retain: boolean
  readonly descriptor: Descriptor
  readonly properties: Properties
}

export interface Bulk {
  readonly bodyBytes: number
  readonly part: Buffer
}

export type Verb = 'accept' | 'release' | 'reject'

export type Request =
  | { readonly kind: 'hello'; readonly hello: Hello }
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'open'; readonly target: OpenTarget; readonly options: OpenOptions }
  | { readonly kind: 'close'; readonly handle: HandleId; readonly remove: boolean; readonly purge: boolean }
  | { readonly kind: 'put'; readonly handle: HandleId; readonly head: PutHead; readonly bulk: Bulk }
  | { readonly kind: 'putOne'; readonly target: OpenTarget; readonly head: PutHead; readonly bulk: Bulk }
  | { readonly kind: 'get'; readonly handle: HandleId; readonly request: GetRequest }
  | { readonly kind: 'cancel'; readonly call: number }
  | { readonly kind: 'begin' }
  | { readonly kind: 'commit'; readonly unit: UnitId; readonly origin: Origin | null }
  | { readonly kind: 'backout'; readonly unit: UnitId }
  | { readonly kind: 'settle'; readonly deliveries: readonly DeliveryId[]; readonly verdict: Verb; readonly unit: UnitId | null }
  | { readonly kind: 'subscribe'; readonly request: SubscribeRequest }
  | { readonly kind: 'unsubscribe'; readonly name: string }
  | { readonly kind: 'inquire'; readonly handle: HandleId }
  | { readonly kind: 'lastSequence'; readonly producer: Buffer }
  | { readonly kind: 'command'; readonly text: string }
  | { readonly kind: 'part'; readonly bytes: Buffer }
  | { readonly kind: 'heartbeat' }

export const producerBytes = 16
export const commandBytesMax = 32 * 1024
const nameBytesMax = 256
const topicBytesMax = 10_240
const selectorBytesMax = 10_240
const deliveriesMax = 65_536

const verbs: readonly Verb[] = ['accept', 'release', 'reject']
const modes: readonly GetMode[] = ['get', 'lock', 'browse-first', 'browse-next', 'browse-cursor', 'get-cursor']
const inputs = [undefined, 'default', 'shared', 'exclusive'] as const

const putFlags = { unit: 1, origin: 2, newMessageId: 4, keepContext: 8, retain: 16 } as const
const getFlags = { unit: 1, messageId: 2, correlationId: 4, bytesMax: 8, acceptTruncated: 16 } as const
const openFlags = { browse: 1, output: 2, inquire: 4, selector: 8 } as const
const subscribeFlags = { object: 1, durable: 2, selector: 4, resume: 8, create: 16 } as const

const writer = new Writer()

/** A put's frame with the first part of its body; the rest follows as `encodeParts`. */
export function encodePut(token: number, to: { readonly handle: HandleId } | { readonly target: OpenTarget }, head: PutHead, body: Buffer): Buffer {
  beginFrame(writer, 'handle' in to ? kinds.put : kinds.putOne, token)
  if ('handle' in to) writer.uint(to.handle)
  else encodeTarget(to.target)
  writer.u8(
    (head.unit === null ? 0 : putFlags.unit) |
      (head.origin === null ? 0 : putFlags.origin) |
      (head.newMessageId ? putFlags.newMessageId : 0) |
      (head.keepContext ? putFlags.keepContext : 0) |
      (head.retain ? putFlags.retain : 0)
  )
  if (head.unit !== null) writer.uint(head.unit)
  if (head.origin !== null) encodeOrigin(head.origin)
  encodeDescriptor(writer, head.descriptor)
  encodeProperties(writer, head.properties)
  writer.u32(body.length)
  return finishFrame(writer, body.length <= partBytesMax ? body : body.subarray(0, partBytesMax))
}

/** A request that fits one frame: all but puts (`encodePut`) and parts. */
export function encodeRequest(token: number, request: Exclude<Request, { kind: 'put' | 'putOne' | 'part' }>): Buffer {
  beginFrame(writer, kinds[request.kind], token)
  switch (request.kind) {
    case 'hello':
      encodeHello(writer, request.hello)
      break
    case 'open':
      encodeTarget(request.target)
      encodeOpenOptions(request.options)
      break
    case 'close':
      writer.uint(request.handle)
      writer.u8((request.remove ? 1 : 0) | (request.purge ? 2 : 0))
      break
    case 'get':
      writer.uint(request.handle)
      encodeGet(request.request)
      break
    case 'cancel':
      writer.u32(request.call)
      break
    case 'commit':
      writer.uint(request.unit)
      writer.u8(request.origin === null ? 0 : 1)
      if (request.origin !== null) encodeOrigin(request.origin)
      break
    case 'backout':
      writer.uint(request.unit)
      break
    case 'settle':
      writer.u8(verbs.indexOf(request.verdict))
      writer.uint(request.unit === null ? 0 : request.unit + 1)
      writer.uint(request.deliveries.length)
      for (const delivery of request.deliveries) writer.uint(delivery)
      break
    case 'subscribe':
      encodeSubscribe(request.request)
      break
    case 'unsubscribe':
      writer.text(request.name)
      break
    case 'inquire':
      writer.uint(request.handle)
      break
    case 'lastSequence':
      writer.raw(request.producer)
      break
    case 'command':
      writer.text(request.text)
      break
    case 'disconnect':
    case 'begin':
    case 'heartbeat':
      break
  }
  return finishFrame(writer)
}

function encodeOrigin(origin: Origin): void {
  writer.raw(origin.producer)
  writer.uint(origin.sequence)
}

function encodeTarget(target: OpenTarget): void {
  if (target.kind === 'queue') {
    writer.u8(0)
    writer.text(target.name)
    writer.text(target.queueManager ?? '')
    writer.text(target.dynamicName ?? '')
  } else {
    writer.u8(1)
    writer.text(target.object ?? '')
    writer.text(target.topic ?? '')
  }
}

function encodeOpenOptions(options: OpenOptions): void {
  const { input, browse, output, inquire, selector } = options
  writer.u8(
    (browse === true ? openFlags.browse : 0) |
      (output === true ? openFlags.output : 0) |
      (inquire === true ? openFlags.inquire : 0) |
      (selector === undefined ? 0 : openFlags.selector) |
      (inputs.indexOf(input) << 4)
  )
  if (selector !== undefined) writer.text(selector)
}

function encodeGet(request: GetRequest): void {
  const { unit, match, bytesMax } = request
  writer.u8(modes.indexOf(request.mode))
  writer.u8(
    (unit === null ? 0 : getFlags.unit) |
      (match?.messageId === undefined ? 0 : getFlags.messageId) |
      (match?.correlationId === undefined ? 0 : getFlags.correlationId) |
      (bytesMax === undefined ? 0 : getFlags.bytesMax) |
      (request.acceptTruncated === true ? getFlags.acceptTruncated : 0)
  )
  writer.i32(request.waitMs)
  if (unit !== null) writer.uint(unit)
  if (match?.messageId !== undefined) writer.raw(match.messageId)
  if (match?.correlationId !== undefined) writer.raw(match.correlationId)
  if (bytesMax !== undefined) writer.u32(bytesMax)
}

function encodeSubscribe(request: SubscribeRequest): void {
  const { object, durableName, selector, resume, create } = request
  writer.u8(
    (object === undefined ? 0 : subscribeFlags.object) |
      (durableName === null ? 0 : subscribeFlags.durable) |
      (selector === undefined ? 0 : subscribeFlags.selector) |
      (resume === true ? subscribeFlags.resume : 0) |
      (create === true ? subscribeFlags.create : 0)
  )
  writer.text(request.topic)
  if (object !== undefined) writer.text(object)
  if (durableName !== null) writer.text(durableName)
  if (selector !== undefined) writer.text(selector)
}

export type DecodedRequest = { readonly ok: true; readonly request: Request } | { readonly ok: false; readonly why: string }

export function decodeRequest(frame: Frame): DecodedRequest {
  const reader = new Reader(frame.payload)
  const request = readRequest(frame.kind, reader)
  if (request === null) return { ok: false, why: `a frame of kind 0x${frame.kind.toString(16)}, which is not known` }
  if (reader.fault === null && reader.remaining > 0) reader.refuse(`${reader.remaining} bytes too many`)
  return reader.fault === null ? { ok: true, request } : { ok: false, why: `${request.kind}: ${reader.fault}` }
}

/** The fields of one kind; null for a kind that clients do not send. Faults are left in the reader. */
function readRequest(kind: number, reader: Reader): Request | null {
  switch (kind) {
    case kinds.put:
      return { kind: 'put', handle: reader.uint() as HandleId, head: readPutHead(reader), bulk: readBulk(reader) }
    case kinds.get:
      return { kind: 'get', handle: reader.uint() as HandleId, request: readGet(reader) }
    case kinds.part:
      return { kind: 'part', bytes: reader.rest() }
    case kinds.settle:
      return readSettle(reader)
    case kinds.putOne:
      return { kind: 'putOne', target: readTarget(reader), head: readPutHead(reader), bulk: readBulk(reader) }
    case kinds.heartbeat:
      return { kind: 'heartbeat' }
    case kinds.hello:
      return { kind: 'hello', hello: decodeHello(reader) }
    case kinds.disconnect:
      return { kind: 'disconnect' }
    case kinds.open:
      return { kind: 'open', target: readTarget(reader), options: readOpenOptions(reader) }
    case kinds.close: {
      const handle = reader.uint() as HandleId
      const flags = reader.u8()
      return { kind: 'close', handle, remove: (flags & 1) !== 0, purge: (flags & 2) !== 0 }
    }
    case kinds.cancel:
      return { kind: 'cancel', call: reader.u32() }
    case kinds.begin:
      return { kind: 'begin' }
    case kinds.commit:
      return { kind: 'commit', unit: reader.uint() as UnitId, origin: reader.u8() === 0 ? null : readOrigin(reader) }
    case kinds.backout:
      return { kind: 'backout', unit: reader.uint() as UnitId }
    case kinds.subscribe:
      return { kind: 'subscribe', request: readSubscribe(reader) }
    case kinds.unsubscribe:
      return { kind: 'unsubscribe', name: reader.text(topicBytesMax) }
    case kinds.inquire:
      return { kind: 'inquire', handle: reader.uint() as HandleId }
    case kinds.lastSequence:
      return { kind: 'lastSequence', producer: reader.copy(producerBytes) }
    case kinds.command:
      return { kind: 'command', text: reader.text(commandBytesMax) }
    default:
      return null
  }
}

const readOrigin = (reader: Reader): Origin => ({ producer: reader.copy(producerBytes), sequence: reader.uint() })

function readPutHead(reader: Reader): PutHead {
  const flags = reader.u8()
  return {
    unit: (flags & putFlags.unit) !== 0 ? (reader.uint() as UnitId) : null,
    origin: (flags & putFlags.origin) !== 0 ? readOrigin(reader) : null,
    newMessageId: (flags & putFlags.newMessageId) !== 0,
    keepContext: (flags & putFlags.keepContext) !== 0,
    retain: (flags & putFlags.retain) !== 0,
    descriptor: decodeDescriptor(reader),
    properties: decodeProperties(reader)
  }
}

export function readBulk(reader: Reader): Bulk {
  const bodyBytes = reader.u32()
  const part = reader.rest()
  if (part.length !== Math.min(bodyBytes, partBytesMax)) reader.refuse('the first part of the body has another length than it should')
  return { bodyBytes, part }
}

function readTarget(reader: Reader): OpenTarget {
  if (reader.u8() === 0) {
    const name = reader.text(nameBytesMax)
    const queueManager = reader.text(nameBytesMax)
    const dynamicName = reader.text(nameBytesMax)
    return { kind: 'queue', name, ...(queueManager === '' ? {} : { queueManager }), ...(dynamicName === '' ? {} : { dynamicName }) }
  }
  const object = reader.text(nameBytesMax)
  const topic = reader.text(topicBytesMax)
  return { kind: 'topic', ...(object === '' ? {} : { object }), ...(topic === '' ? {} : { topic }) }
}

function readOpenOptions(reader: Reader): OpenOptions {
  const flags = reader.u8()
  const input = inputs[flags >> 4]
  if (flags >> 4 >= inputs.length) reader.refuse('an open for input of a kind that is not known')
  return {
    ...(input === undefined ? {} : { input }),
    ...((flags & openFlags.browse) === 0 ? {} : { browse: true }),
    ...((flags & openFlags.output) === 0 ? {} : { output: true }),
    ...((flags & openFlags.inquire) === 0 ? {} : { inquire: true }),
    ...((flags & openFlags.selector) === 0 ? {} : { selector: reader.text(selectorBytesMax) })
  }
}

function readGet(reader: Reader): GetRequest {
  const mode = modes[reader.u8()]
  if (mode === undefined) reader.refuse('a get of a kind that is not known')
  const flags = reader.u8()
  const waitMs = reader.i32()
  const unit = (flags & getFlags.unit) !== 0 ? (reader.uint() as UnitId) : null
  const match = readMatch(reader, flags)
  return {
    mode: mode ?? 'get',
    unit,
    waitMs,
    ...(match === null ? {} : { match }),
    ...((flags & getFlags.bytesMax) === 0 ? {} : { bytesMax: reader.u32() }),
    ...((flags & getFlags.acceptTruncated) === 0 ? {} : { acceptTruncated: true })
  }
}

function readMatch(reader: Reader, flags: number): GetMatch | null {
  if ((flags & (getFlags.messageId | getFlags.correlationId)) === 0) return null
  return {
    ...((flags & getFlags.messageId) === 0 ? {} : { messageId: reader.copy(messageIdBytes) }),
    ...((flags & getFlags.correlationId) === 0 ? {} : { correlationId: reader.copy(messageIdBytes) })
  }
}

function readSettle(reader: Reader): Request {
  const verdict = verbs[reader.u8()]
  if (verdict === undefined) reader.refuse('a verdict that is not known')
  const unit = reader.uint()
  const count = reader.uint()
  if (count > deliveriesMax) reader.refuse(`more than ${deliveriesMax} deliveries`)
  const deliveries: DeliveryId[] = []
  for (let index = 0; index < count && reader.fault === null; index++) deliveries.push(reader.uint() as DeliveryId)
  return { kind: 'settle', deliveries, verdict: verdict ?? 'release', unit: unit === 0 ? null : ((unit - 1) as UnitId) }
}

function readSubscribe(reader: Reader): SubscribeRequest {
  const flags = reader.u8()
  const topic = reader.text(topicBytesMax)
  return {
    topic,
    ...((flags & subscribeFlags.object) === 0 ? {} : { object: reader.text(nameBytesMax) }),
    durableName: (flags & subscribeFlags.durable) === 0 ? null : reader.text(topicBytesMax),
    ...((flags & subscribeFlags.selector) === 0 ? {} : { selector: reader.text(selectorBytesMax) }),
    ...((flags & subscribeFlags.resume) === 0 ? {} : { resume: true }),
    ...((flags & subscribeFlags.create) === 0 ? {} : { create: true })
  }
}
