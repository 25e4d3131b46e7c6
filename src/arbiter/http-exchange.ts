/**
 * One JSON request and its answer over one kept connection to one server, with an end in time and in size.
 *
 * Invariants
 *  1. `send` always resolves, at the latest at its deadline; it never rejects.
 *  2. No more than `answerBytesMax` of an answer are kept, whatever the server sends.
 *  3. At most one connection is open to the server.
 *
 * Not here: what the answers mean (etcd.ts).
 */

import http from 'node:http'
import https from 'node:https'
import tls from 'node:tls'
import type { Millis } from '../base/units.js'
import type { ArbiterEndpoint } from '../config/types.js'
import type { Clock } from '../port/clock.js'

export type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly body: Readonly<Record<string, unknown>> }
  /** `isTls`: the two do not trust each other; other certificates may help. */
  | { readonly kind: 'failed'; readonly reason: string; readonly isTls: boolean }

/** What proves who is who; null members are left to the system. */
export interface TlsMaterial {
  readonly ca: Buffer | null
  readonly cert: Buffer | null
  readonly key: Buffer | null
}

export interface SendOptions {
  readonly method?: 'GET' | 'POST'
  readonly body?: object
  readonly authorization?: string | null
  readonly deadlineMs: Millis
  readonly signal: AbortSignal
}

/** Our own largest answer, 64 groups with long names, has a third of this. */
export const answerBytesMax = 64 * 1024

export class HttpExchange {
  readonly #endpoint: ArbiterEndpoint
  readonly #clock: Clock
  readonly #agent: http.Agent

  /** Throws what OpenSSL says when the certificates cannot be used. */
  constructor(options: { readonly endpoint: ArbiterEndpoint; readonly tls: TlsMaterial; readonly clock: Clock }) {
    this.#endpoint = options.endpoint
    this.#clock = options.clock
    const { ca, cert, key } = options.tls
    const kept = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1 }
    this.#agent = options.endpoint.isTls
      ? new https.Agent({
          ...kept,
          secureContext: tls.createSecureContext({ ...(ca === null ? {} : { ca }), ...(cert === null ? {} : { cert }), ...(key === null ? {} : { key }) })
        })
      : new http.Agent(kept)
  }

  async send(path: string, options: SendOptions): Promise<Answer> {
    const ended = new AbortController()
    const onAbort = (): void => ended.abort()
    options.signal.addEventListener('abort', onAbort, { once: true })
    if (options.signal.aborted) onAbort()
    // After a stall of ours the answer may lie there unread: it is read first, then time is called.
    const timer = this.#clock.schedule(options.deadlineMs, () => setImmediate(onAbort))
    try {
      const first = await this.#once(path, options, ended.signal)
      // The server closed the kept connection just when we used it (it was restarted, say). All our requests may be
      // sent twice.
      return first.kind === 'stale' ? unstale(await this.#once(path, options, ended.signal)) : first
    } finally {
      timer.cancel()
      options.signal.removeEventListener('abort', onAbort)
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #once(path: string, options: SendOptions, signal: AbortSignal): Promise<Answer | Stale> {
    const { url, isTls, host, port } = this.#endpoint
    return new Promise(resolve => {
      const failed = (reason: string, isTlsFault = false): void => resolve({ kind: 'failed', reason: `${url}: ${reason}`, isTls: isTlsFault })
      const text = options.body === undefined ? '' : JSON.stringify(options.body)
      const headers: http.OutgoingHttpHeaders = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        ...(options.authorization === undefined || options.authorization === null ? {} : { authorization: options.authorization })
      }
      const request = (isTls ? https : http).request({ host, port, path, method: options.method ?? 'POST', headers, agent: this.#agent, signal })
      request.on('error', error => {
        const code = 'code' in error ? String(error.code) : ''
        if (signal.aborted) failed(options.signal.aborted ? 'given up' : `no answer within ${Math.round(options.deadlineMs)} ms`)
        else if (request.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(code)) resolve({ kind: 'stale', reason: `${url}: ${error.message}` })
        else failed(error.message, isTls && !networkCodes.has(code))
      })
      request.on('response', response => {
        const pieces: Buffer[] = []
        let bytes = 0
        response.on('data', (piece: Buffer) => {
          bytes += piece.length
          if (bytes > answerBytesMax) {
            failed(`its answer has more than ${answerBytesMax} bytes; this is no etcd`)
            request.destroy()
          } else pieces.push(piece)
        })
        response.on('error', error => failed(error.message)) // when we gave up, the request has said so before
        response.on('end', () => {
          const body = parsed(Buffer.concat(pieces).toString('utf8'))
          if (body === null) failed(`its answer (status ${response.statusCode ?? 0}) is no JSON object; this is no etcd`)
          else resolve({ kind: 'answer', status: response.statusCode ?? 0, body })
        })
      })
      request.end(text)
    })
  }
}

interface Stale {
  readonly kind: 'stale'
  readonly reason: string
}

const unstale = (answer: Answer | Stale): Answer => (answer.kind === 'stale' ? { kind: 'failed', reason: answer.reason, isTls: false } : answer)

/** What goes wrong below TLS. */
const networkCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL'
])

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)
