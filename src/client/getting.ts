/** Gets and their kin: what browse, consume and the plain get have in common. */

import type { DeliveryId, GetMode, GetRequest } from '../mq/core/engine.js'
import type { Reply } from '../mq/protocol/client/reply.js'
import { encodeRequest } from '../mq/protocol/client/request.js'
import type { Fate } from './call.js'
import { refusal } from './handle.js'
import type { Handle } from './handle.js'
import type { Line } from './line.js'
import { idOf, Received } from './message.js'
import { MqError, reasons } from './mq-error.js'
import type { Unit } from './unit.js'

export interface GetOptions {
  /** How long to wait for a message; Infinity for ever. Default 0. */
  readonly waitMs?: number
  /** Only a message with this id. */
  readonly messageId?: Uint8Array
  readonly correlationId?: Uint8Array
  /** The message is gone with the commit of this unit, and back when there is none. */
  readonly unit?: Unit
  /** Longer bodies fail with 2080 and stay, or are cut when `acceptTruncated`. Default: no limit. */
  readonly bytesMax?: number
  readonly acceptTruncated?: boolean
  /** Ends the wait. A message that came first is delivered all the same. */
  readonly signal?: AbortSignal
}

export interface Got {
  readonly message: Received
  readonly delivery: DeliveryId | null
}

const waitMsMax = 2 ** 31 - 1
/** What a queue manager says when there is none. */
const none: ReadonlySet<number> = new Set([reasons.noMessageAvailable])

/** One get in any mode; null when there is no message (2033). */
export function get(line: Line, handle: Handle, mode: GetMode, options: GetOptions, fate: Fate): Promise<Got | null> {
  const { unit, signal } = options
  const call = line.perform<Got | null>({
    fate: unit === undefined ? fate : 'unit',
    handle,
    ...(unit === undefined ? {} : { unit }),
    encode: token => encodeRequest(token, { kind: 'get', handle: handle.wireId, request: requestOf(mode, options) }),
    read: (reply, body) => readGot(reply, body, signal),
    ...(signal === undefined ? {} : { signal }),
    isCancellable: waitOf(options) !== 0
  })
  return unit === undefined ? call : unit.track(call)
}

function requestOf(mode: GetMode, options: GetOptions): GetRequest {
  const { unit, messageId, correlationId, bytesMax, acceptTruncated } = options
  const match = {
    ...(messageId === undefined ? {} : { messageId: idOf(messageId) }),
    ...(correlationId === undefined ? {} : { correlationId: idOf(correlationId) })
  }
  return {
    mode,
    unit: unit?.wireId ?? null,
    waitMs: waitOf(options),
    ...(messageId === undefined && correlationId === undefined ? {} : { match }),
    ...(bytesMax === undefined ? {} : { bytesMax }),
    ...(acceptTruncated === undefined ? {} : { acceptTruncated })
  }
}

/** Longer waits than the protocol can say (24 days) are waits for ever; the queue manager refuses what is negative. */
function waitOf(options: GetOptions): number {
  const waitMs = options.waitMs ?? 0
  return waitMs > waitMsMax ? -1 : Math.ceil(waitMs)
}

function readGot(reply: Reply, body: Buffer, signal: AbortSignal | undefined): Got | null {
  if (reply.kind !== 'message') throw refusal(reply)
  const { completion, reason, message, delivery, wholeBytes } = reply.head
  if (reason === reasons.truncatedMessageFailed) throw new MqError(reason, `the message has ${wholeBytes} bytes and stays where it is`, { completion })
  if (message !== null && completion !== 2) {
    return { message: new Received({ descriptor: message.descriptor, properties: message.properties, body, wholeBytes }), delivery }
  }
  if (none.has(reason) && signal?.aborted !== true) return null
  throw new MqError(reason)
}
