/** One attempt to reach one address: socket, TLS, greeting. Every way it can fail is an MqError with its reason. */

import net from 'node:net'
import tls from 'node:tls'
import { decodeChoice, encodeOffer, FrameDecoder, replyFrameBytesMax } from '../mq/protocol/client/frame.js'
import { decodeReply } from '../mq/protocol/client/reply.js'
import type { Welcome } from '../mq/protocol/client/reply.js'
import { encodeRequest } from '../mq/protocol/client/request.js'
import type { Hello } from '../mq/protocol/client/request.js'
import { addressText } from './address.js'
import type { Address } from './address.js'
import { abortReason, MqError, reasons } from './mq-error.js'
import type { TlsSettings } from './options.js'

export interface Dialed {
  readonly socket: net.Socket
  /** Holds what came after the greeting. */
  readonly decoder: FrameDecoder
  readonly welcome: Welcome
}

export interface DialOptions {
  readonly hello: Hello
  readonly tls: TlsSettings
  readonly timeoutMs: number
  readonly signal: AbortSignal | null
}

export function dial(address: Address, options: DialOptions): Promise<Dialed> {
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted()
    const socket = openSocket(address, options.tls)
    const decoder = new FrameDecoder({ frameBytesMax: replyFrameBytesMax })
    let isChosen = false
    const settle = (act: () => void): void => {
      clearTimeout(deadline)
      options.signal?.removeEventListener('abort', onAbort)
      socket.removeAllListeners('data')
      socket.removeAllListeners('error')
      socket.removeAllListeners('close')
      act()
    }
    const fail = (error: Error): void =>
      settle(() => {
        socket.on('error', () => undefined) // what a socket says while it is being destroyed is of no interest
        socket.destroy()
        reject(error)
      })
    const onAbort = (): void => fail(abortReason(options.signal as AbortSignal))
    const onData = (bytes: Buffer): void => {
      decoder.push(bytes)
      try {
        if (!isChosen && !(isChosen = readChoice(decoder))) return
        const welcome = readWelcome(decoder)
        if (welcome !== null) {
          socket.pause() // whoever takes the socket over goes on reading
          settle(() => resolve({ socket, decoder, welcome }))
        }
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)))
      }
    }
    const deadline = setTimeout(() => fail(unreachable(address, `no answer within ${options.timeoutMs} ms`)), options.timeoutMs)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    socket.setNoDelay(true)
    socket.once(address.kind === 'tls' ? 'secureConnect' : 'connect', () => {
      socket.write(Buffer.concat([encodeOffer(), encodeRequest(1, { kind: 'hello', hello: { ...options.hello, channel: channelOf(address, options.hello) } })]))
    })
    socket.on('data', onData)
    socket.on('error', error => fail(unreachable(address, error.message, error)))
    socket.on('close', () => fail(unreachable(address, 'closed before it greeted us')))
  })
}

/** The program's choice goes before the address's; a local connection has none unless it was given one. */
const channelOf = (address: Address, hello: Hello): string => (hello.channel !== '' ? hello.channel : address.channel)

function openSocket(address: Address, settings: TlsSettings): net.Socket {
  switch (address.kind) {
    case 'unix':
      return net.connect({ path: address.path })
    case 'tcp':
      return net.connect({ host: address.host, port: address.port })
    case 'tls': {
      const servername = settings.servername ?? (net.isIP(address.host) === 0 ? address.host : undefined)
      return tls.connect({ ...settings, host: address.host, port: address.port, ...(servername === undefined ? {} : { servername }) })
    }
  }
}

const unreachable = (address: Address, why: string, cause?: unknown): MqError =>
  new MqError(address.kind === 'unix' ? reasons.queueManagerNotAvailable : reasons.hostNotAvailable, `${addressText(address)}: ${why}`, { cause })

/** True when a version was agreed on, false when too little has come. */
function readChoice(decoder: FrameDecoder): boolean {
  const preamble = decoder.preamble()
  if (preamble === null) return false
  const choice = decodeChoice(preamble)
  if (choice === null) throw new MqError(reasons.channelNotAvailable, 'the partner does not speak this protocol')
  if (choice.chosen === 0) {
    throw new MqError(reasons.channelNotAvailable, `the queue manager speaks versions ${choice.lowest} to ${choice.highest} of the protocol, this library another`)
  }
  return true
}

function readWelcome(decoder: FrameDecoder): Welcome | null {
  const cut = decoder.next()
  if (cut.kind === 'more') return null
  const decoded = cut.kind === 'fault' ? { ok: false as const, why: cut.why } : decodeReply(cut.frame)
  if (!decoded.ok) throw new MqError(reasons.channelNotAvailable, decoded.why)
  switch (decoded.reply.kind) {
    case 'welcome':
      return decoded.reply.welcome
    case 'end':
      throw new MqError(decoded.reply.reason, decoded.reply.text)
    default:
      throw new MqError(reasons.channelNotAvailable, `${decoded.reply.kind} instead of a greeting`)
  }
}
