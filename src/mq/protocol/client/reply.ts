/**
 * What a queue manager answers and tells, as values and as frames. `done` with completion 2 may answer any call.
 */

import type { DeliveryId, HandleId, QueueFacts, UnitId } from '../../core/engine.js'
import { messageIdBytes } from '../../core/message.js'
import type { Descriptor, Message, Properties } from '../../core/message.js'
import type { CompletionCode, Reason } from '../../core/reason.js'
import type { CommandAnswer } from '../session.js'
import { Reader, Writer } from './bytes.js'
import { beginFrame, finishFrame, kinds, partBytesMax } from './frame.js'
import type { Frame } from './frame.js'
import { decodeDescriptor, decodeProperties, encodeDescriptor, encodeProperties } from './message-codec.js'
import { readBulk } from './request.js'
import type { Bulk } from './request.js'

export interface Welcome {
  readonly queueManager: string
  readonly qmid: string
  /** Names this run of the queue manager; '' when it does not say. */
  readonly instance: string
  readonly version: string
  /** Both sides send something at least so often; 0 never. */
  readonly heartbeatMs: number
  /** Longer bodies are refused with 2218. */
  readonly messageBytesMax: number
  readonly frameBytesMax: number
  /** Calls beyond so many open ones are refused with 2071. */
  readonly callsMax: number
}

/** A get's answer without its body. */
export interface GetHead {
  readonly completion: CompletionCode
  readonly reason: Reason
  /** Length of the whole body at the queue manager, also when truncated. */
  readonly wholeBytes: number
  readonly delivery: DeliveryId | null
  /** null when there is no message. */
  readonly message: { readonly descriptor: Descriptor; readonly properties: Properties } | null
}

export type Reply =
  | { readonly kind: 'welcome'; readonly welcome: Welcome }
  | { readonly kind: 'done'; readonly completion: CompletionCode; readonly reason: Reason; readonly text: string }
  | { readonly kind: 'opened'; readonly handle: HandleId; readonly resolvedName: string }
  | {
      readonly kind: 'stored'
      readonly completion: CompletionCode
      readonly reason: Reason
      readonly messageId: Buffer
      readonly correlationId: Buffer
      readonly isRepetition: boolean
    }
  | { readonly kind: 'message'; readonly head: GetHead; readonly bulk: Bulk }
  | { readonly kind: 'began'; readonly unit: UnitId }
  | { readonly kind: 'subscribed'; readonly handle: HandleId; readonly queue: string; readonly resumed: boolean }
  | { readonly kind: 'facts'; readonly facts: QueueFacts }
  | { readonly kind: 'sequence'; readonly sequence: number }
  /** The lines of a command's answer are the bulk: UTF-8, a line feed between two. */
  | { readonly kind: 'report'; readonly outcome: CommandAnswer['outcome']; readonly bulk: Bulk }
  | { readonly kind: 'part'; readonly bytes: Buffer }
  | { readonly kind: 'heartbeat' }
  /** A controlled end began: finish what is open and disconnect. */
  | { readonly kind: 'quiesce'; readonly reason: Reason }
  /** The last word before the connection is closed. */
  | { readonly kind: 'end'; readonly reason: Reason; readonly text: string }

const outcomes: readonly CommandAnswer['outcome'][] = ['done', 'failed', 'syntax', 'not-authorized']
const messageFlags = { message: 1, delivery: 2 } as const
const factFlags = { getInhibited: 1, putInhibited: 2, persistent: 4 } as const

const writer = new Writer()
const nothing = Buffer.alloc(0)
const firstPart = (body: Buffer): Buffer => (body.length <= partBytesMax ? body : body.subarray(0, partBytesMax))

/** The answer's frame with the first part of the body; the rest follows as parts. */
export function encodeMessage(token: number, head: Omit<GetHead, 'message'>, message: Message | null): Buffer {
  beginFrame(writer, kinds.message, token)
  writer.u8(head.completion)
  writer.u32(head.reason)
  writer.u8((message === null ? 0 : messageFlags.message) | (head.delivery === null ? 0 : messageFlags.delivery))
  writer.uint(head.wholeBytes)
  if (head.delivery !== null) writer.uint(head.delivery)
  if (message !== null) {
    encodeDescriptor(writer, message.descriptor)
    encodeProperties(writer, message.properties)
  }
  const body = message?.body ?? nothing
  writer.u32(body.length)
  return finishFrame(writer, firstPart(body))
}

/** As `encodeMessage`, of a command's answer; `lines` is the whole bulk. */
export function encodeReport(token: number, outcome: CommandAnswer['outcome'], lines: Buffer): Buffer {
  beginFrame(writer, kinds.report, token)
  writer.u8(outcomes.indexOf(outcome))
  writer.u32(lines.length)
  return finishFrame(writer, firstPart(lines))
}

export function encodeReply(token: number, reply: Exclude<Reply, { kind: 'message' | 'report' | 'part' }>): Buffer {
  beginFrame(writer, kinds[reply.kind], token)
  switch (reply.kind) {
    case 'welcome':
      encodeWelcome(reply.welcome)
      break
    case 'done':
      writer.u8(reply.completion)
      writer.u32(reply.reason)
      writer.text(reply.text)
      break
    case 'opened':
      writer.uint(reply.handle)
      writer.text(reply.resolvedName)
      break
    case 'stored':
      writer.u8(reply.completion)
      writer.u32(reply.reason)
      writer.u8(reply.isRepetition ? 1 : 0)
      writer.bytes(reply.messageId)
      writer.bytes(reply.correlationId)
      break
    case 'began':
      writer.uint(reply.unit)
      break
    case 'subscribed':
      writer.uint(reply.handle)
      writer.text(reply.queue)
      writer.u8(reply.resumed ? 1 : 0)
      break
    case 'facts':
      encodeFacts(reply.facts)
      break
    case 'sequence':
      writer.uint(reply.sequence)
      break
    case 'quiesce':
      writer.u32(reply.reason)
      break
    case 'end':
      writer.u32(reply.reason)
      writer.text(reply.text)
      break
    case 'heartbeat':
      break
  }
  return finishFrame(writer)
}

function encodeWelcome(welcome: Welcome): void {
  writer.text(welcome.queueManager)
  writer.text(welcome.qmid)
  writer.text(welcome.instance)
  writer.text(welcome.version)
  writer.uint(welcome.heartbeatMs)
  writer.uint(welcome.messageBytesMax)
  writer.uint(welcome.frameBytesMax)
  writer.uint(welcome.callsMax)
}

function encodeFacts(facts: QueueFacts): void {
  writer.text(facts.name)
  writer.uint(facts.depth)
  writer.uint(facts.maxDepth)
  writer.uint(facts.maxMessageBytes)
  writer.u8(
    (facts.isGetInhibited ? factFlags.getInhibited : 0) |
      (facts.isPutInhibited ? factFlags.putInhibited : 0) |
      (facts.defaultPersistence === 1 ? factFlags.persistent : 0)
  )
}

export type DecodedReply = { readonly ok: true; readonly reply: Reply } | { readonly ok: false; readonly why: string }

export function decodeReply(frame: Frame): DecodedReply {
  const reader = new Reader(frame.payload)
  const reply = readReply(frame.kind, reader)
  if (reply === null) return { ok: false, why: `a frame of kind 0x${frame.kind.toString(16)}, which is not known` }
  // A later version may add fields to the welcome.
  if (reader.fault === null && reader.remaining > 0 && reply.kind !== 'welcome') reader.refuse(`${reader.remaining} bytes too many`)
  return reader.fault === null ? { ok: true, reply } : { ok: false, why: `${reply.kind}: ${reader.fault}` }
}

function readReply(kind: number, reader: Reader): Reply | null {
  switch (kind) {
    case kinds.message:
      return { kind: 'message', head: readGetHead(reader), bulk: readBulk(reader) }
    case kinds.stored: {
      const completion = readCompletion(reader)
      const reason = reader.u32()
      const isRepetition = reader.u8() !== 0
      return { kind: 'stored', completion, reason, isRepetition, messageId: readId(reader), correlationId: readId(reader) }
    }
    case kinds.done:
      return { kind: 'done', completion: readCompletion(reader), reason: reader.u32(), text: reader.text() }
    case kinds.part:
      return { kind: 'part', bytes: reader.rest() }
    case kinds.heartbeat:
      return { kind: 'heartbeat' }
    case kinds.welcome:
      return { kind: 'welcome', welcome: readWelcome(reader) }
    case kinds.opened:
      return { kind: 'opened', handle: reader.uint() as HandleId, resolvedName: reader.text() }
    case kinds.began:
      return { kind: 'began', unit: reader.uint() as UnitId }
    case kinds.subscribed:
      return { kind: 'subscribed', handle: reader.uint() as HandleId, queue: reader.text(), resumed: reader.u8() !== 0 }
    case kinds.facts:
      return { kind: 'facts', facts: readFacts(reader) }
    case kinds.sequence:
      return { kind: 'sequence', sequence: reader.uint() }
    case kinds.report: {
      const outcome = outcomes[reader.u8()]
      if (outcome === undefined) reader.refuse('an outcome that is not known')
      return { kind: 'report', outcome: outcome ?? 'failed', bulk: readBulk(reader) }
    }
    case kinds.quiesce:
      return { kind: 'quiesce', reason: reader.u32() }
    case kinds.end:
      return { kind: 'end', reason: reader.u32(), text: reader.text() }
    default:
      return null
  }
}

function readCompletion(reader: Reader): CompletionCode {
  const completion = reader.u8()
  if (completion > 2) reader.refuse('a completion code that is not known')
  return completion as CompletionCode
}

function readId(reader: Reader): Buffer {
  const bytes = reader.uint()
  if (bytes > messageIdBytes) reader.refuse('an id is too long')
  return reader.copy(bytes)
}

function readGetHead(reader: Reader): GetHead {
  const completion = readCompletion(reader)
  const reason = reader.u32()
  const flags = reader.u8()
  const wholeBytes = reader.uint()
  const delivery = (flags & messageFlags.delivery) !== 0 ? (reader.uint() as DeliveryId) : null
  const message = (flags & messageFlags.message) !== 0 ? { descriptor: decodeDescriptor(reader), properties: decodeProperties(reader) } : null
  return { completion, reason, wholeBytes, delivery, message }
}

function readWelcome(reader: Reader): Welcome {
  return {
    queueManager: reader.text(),
    qmid: reader.text(),
    instance: reader.text(),
    version: reader.text(),
    heartbeatMs: reader.uint(),
    messageBytesMax: reader.uint(),
    frameBytesMax: reader.uint(),
    callsMax: reader.uint()
  }
}

function readFacts(reader: Reader): QueueFacts {
  const name = reader.text()
  const depth = reader.uint()
  const maxDepth = reader.uint()
  const maxMessageBytes = reader.uint()
  const flags = reader.u8()
  return {
    name,
    depth,
    maxDepth,
    maxMessageBytes,
    isGetInhibited: (flags & factFlags.getInhibited) !== 0,
    isPutInhibited: (flags & factFlags.putInhibited) !== 0,
    defaultPersistence: (flags & factFlags.persistent) !== 0 ? 1 : 0
  }
}
