/** Finding a queue manager: rounds through the addresses with growing pauses between them, until one answers. */

import { randomInt } from 'node:crypto'
import type { Hello } from '../mq/protocol/client/request.js'
import type { Address, Destination } from './address.js'
import { dial } from './dial.js'
import type { Dialed } from './dial.js'
import { abortReason, MqError, reasons } from './mq-error.js'
import type { TlsSettings } from './options.js'

/** Refusals that another try will not change. When every address says one, we stop asking. */
const lasting: ReadonlySet<number> = new Set([reasons.notAuthorized, reasons.queueManagerNameError, reasons.unknownChannelName, reasons.channelConfigError])

export interface RoundsOptions {
  readonly destination: Destination
  readonly hello: Hello
  readonly tls: TlsSettings
  readonly connectTimeoutMs: number
  /** -1 without end; at least one round is made. */
  readonly roundsMax: number
  /** A connection is taken only to this queue manager (2546); null any. */
  readonly qmid: string | null
  readonly signal: AbortSignal
}

export interface Found extends Dialed {
  readonly address: Address
}

/** Rejects with the error of the last address, with 2548 about it after several rounds, or with the signal's reason. */
export async function findQueueManager(options: RoundsOptions): Promise<Found> {
  const { destination, roundsMax, signal } = options
  const { failover } = destination
  let delayMs = failover?.initialReconnectDelay ?? 0
  for (let round = 1; ; round++) {
    const errors: MqError[] = []
    for (const address of failover?.randomize === true ? shuffled(destination.addresses) : destination.addresses) {
      const found = await tryAddress(address, options)
      if (!(found instanceof MqError)) return found
      errors.push(found)
    }
    const last = errors.at(-1) as MqError // a destination has at least one address
    if (failover === null || errors.every(error => lasting.has(error.reason))) throw last
    if (roundsMax >= 0 && round >= roundsMax) {
      throw round <= 1 ? last : new MqError(reasons.reconnectFailed, `no queue manager in ${round} rounds; the last said ${last.message}`, { cause: last })
    }
    await pause(delayMs, signal)
    delayMs = Math.min(Math.max(delayMs, 1) * failover.backOffMultiplier, failover.maxReconnectDelay)
  }
}

async function tryAddress(address: Address, options: RoundsOptions): Promise<Found | MqError> {
  const { hello, tls, connectTimeoutMs, qmid, signal } = options
  try {
    const dialed = await dial(address, { hello, tls, timeoutMs: connectTimeoutMs, signal })
    if (qmid === null || dialed.welcome.qmid === qmid) return { ...dialed, address }
    dialed.socket.destroy()
    return new MqError(reasons.reconnectQmidMismatch, `${dialed.welcome.queueManager} is another queue manager (${dialed.welcome.qmid}) than before (${qmid})`)
  } catch (error) {
    if (error instanceof MqError) return error
    throw error
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  const left = [...items]
  const order: T[] = []
  while (left.length > 0) order.push(...left.splice(randomInt(left.length), 1))
  return order
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortReason(signal))
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(abortReason(signal))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, delayMs)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
