/**
 * The REST messaging API: HTTP requests in, calls of the engine, answers out. Node's own HTTP server parses; it gets the
 * sockets that the listener found to speak HTTP.
 *
 * Bounds: headers and their number, the body by the largest message, a request by its time, waits by `waitMsMax`.
 */

import crypto from 'node:crypto'
import http from 'node:http'
import type net from 'node:net'
import type { MqClock } from '../core/engine.js'
import { formats } from '../core/message.js'
import { reasons } from '../core/reason.js'
import type { Reason } from '../core/reason.js'
import type { CommandAnswer, Credentials } from '../protocol/session.js'
import type { Dispatcher } from './dispatcher.js'
import type { Admission, Applicant } from './listener.js'
import { EngineCall, RefusedCall } from './rest-call.js'
import { BadRequest, checkContentType, errorBody, formatId, headersOf, messageOf, parseId, resourceOf, statusOf } from './rest-words.js'
import type { RestResource, RestVersion } from './rest-words.js'

export interface RestOptions {
  readonly dispatcher: Dispatcher
  readonly clock: MqClock
  readonly bodyBytesMax: number
  readonly headerBytesMax: number
  readonly headerCountMax: number
  readonly admit: (applicant: Applicant) => Promise<Admission>
  readonly command: (text: string, user: string, isLocal: boolean) => Promise<CommandAnswer>
  readonly supervise: (name: string, promise: Promise<unknown>) => void
}

/** What the listener knows about the socket of a request. */
interface Peer {
  readonly remoteAddress: string
  readonly isLocal: boolean
  readonly isUnix: boolean
  readonly onAdmitted: (admission: Admission) => void
}

const waitMsMax = 300_000
const messagesListedMax = 1_000
const messagesListedDefault = 10
const loginSeconds = 3 * 3600
const loginsMax = 10_000
const cookieName = 'LtpaToken2'

interface Exchange {
  readonly request: http.IncomingMessage
  readonly response: http.ServerResponse
  readonly peer: Peer
  readonly query: URLSearchParams
  readonly user: string
}

export class RestServer {
  readonly #options: RestOptions
  readonly #server: http.Server
  readonly #peers = new WeakMap<net.Socket, Peer>()
  readonly #calls = new Set<EngineCall>()
  #isEnding = false
  /** Token cookie → user and end of validity by the monotonic clock; oldest first. */
  readonly #logins = new Map<string, { readonly user: string; readonly until: number }>()

  constructor(options: RestOptions) {
    this.#options = options
    this.#server = http.createServer({ maxHeaderSize: options.headerBytesMax, keepAliveTimeout: 60_000, headersTimeout: 30_000, requestTimeout: 300_000 }, (request, response) => {
      options.supervise('REST request', this.#answer(request, response))
    })
    this.#server.maxHeadersCount = options.headerCountMax
    this.#server.on('clientError', (_, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      else socket.destroy()
    })
  }

  /** Takes over a socket; `first` are the bytes read from it so far. */
  serve(socket: net.Socket, first: Buffer, peer: Peer): void {
    this.#peers.set(socket, peer)
    socket.pause()
    if (first.length > 0) socket.unshift(first)
    this.#server.emit('connection', socket)
    socket.resume()
  }

  /** Ends every call that waits; new ones are refused by the engine, and every connection is closed with its answer. */
  end(reason: Reason): void {
    this.#isEnding = true
    this.#server.closeIdleConnections()
    for (const call of this.#calls) call.onEnd(reason, 'now')
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    response.on('error', () => undefined) // a peer that left does not get its answer; nobody else is concerned
    try {
      await this.#route(request, response)
    } catch (error) {
      if (error instanceof BadRequest) this.#fail(response, error.status, error.message, null)
      else if (error instanceof RefusedCall) this.#fail(response, statusOf(error.reason), 'The request was refused by the queue manager', error.reason)
      else if (request.destroyed && !response.writable) return
      else throw error
    }
  }

  async #route(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const peer = this.#peers.get(request.socket)
    if (peer === undefined) throw new BadRequest('unknown connection')
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    const resource = resourceOf(path)
    if (resource === null) throw new BadRequest(`no such resource: ${path}`, 404)
    if (request.method !== 'GET' && request.headers['ibm-mq-rest-csrf-token'] === undefined) {
      throw new BadRequest('the header ibm-mq-rest-csrf-token is required on POST and DELETE; its value may be blank', 403)
    }
    if (resource.kind === 'login') {
      await this.#login(request, response, peer)
      return
    }
    const user = await this.#user(request, peer)
    if (user === null) {
      response.setHeader('WWW-Authenticate', 'Basic realm="queue manager"')
      this.#fail(response, 401, 'Authentication is needed', reasons.notAuthorized)
      return
    }
    const exchange: Exchange = { request, response, peer, query: new URLSearchParams(query), user }
    if (resource.kind === 'mqsc') await this.#mqsc(exchange, resource)
    else await this.#messaging(exchange, resource)
  }

  async #login(request: http.IncomingMessage, response: http.ServerResponse, peer: Peer): Promise<void> {
    const known = cookieOf(request)
    if (request.method === 'DELETE') {
      if (known !== null) this.#logins.delete(known)
      response.writeHead(204).end()
      return
    }
    if (request.method !== 'POST') throw new BadRequest('POST logs in, DELETE logs out', 405)
    const body = jsonOf(await this.#body(request))
    const { username, password } = body
    if (typeof username !== 'string' || typeof password !== 'string') throw new BadRequest('username and password are needed')
    const admission = await this.#admit(peer, { kind: 'password', user: username, password })
    if (!admission.ok) {
      this.#fail(response, 401, 'The user or the password is wrong', admission.reason)
      return
    }
    const token = crypto.randomBytes(32).toString('base64url')
    this.#logins.set(token, { user: admission.user, until: this.#options.clock.now() + loginSeconds * 1000 })
    for (const oldest of this.#logins.keys()) {
      if (this.#logins.size <= loginsMax) break
      this.#logins.delete(oldest)
    }
    response.writeHead(204, { 'Set-Cookie': `${cookieName}=${token}; HttpOnly; SameSite=Strict; Path=/ibmmq/rest` }).end()
  }

  async #user(request: http.IncomingMessage, peer: Peer): Promise<string | null> {
    const cookie = cookieOf(request)
    const login = cookie === null ? undefined : this.#logins.get(cookie)
    if (login !== undefined && login.until > this.#options.clock.now()) return login.user
    const admission = await this.#admit(peer, credentialsOf(request.headers.authorization))
    return admission.ok ? admission.user : null
  }

  async #admit(peer: Peer, credentials: Credentials): Promise<Admission> {
    const admission = await this.#options.admit({ protocol: 'http', channel: '', credentials, remoteAddress: peer.remoteAddress, isLocal: peer.isLocal })
    peer.onAdmitted(admission)
    return admission
  }

  async #mqsc(exchange: Exchange, resource: RestResource & { readonly kind: 'mqsc' }): Promise<void> {
    if (exchange.request.method !== 'POST') throw new BadRequest('POST runs a command', 405)
    const body = jsonOf(await this.#body(exchange.request))
    const parameters = body['parameters']
    const command = typeof parameters === 'object' && parameters !== null && 'command' in parameters ? parameters.command : null
    if (body['type'] !== 'runCommand' || typeof command !== 'string') throw new BadRequest('{"type":"runCommand","parameters":{"command":"..."}} is needed')
    const call = new EngineCall(this.#options.dispatcher)
    if (resource.queueManager !== call.queueManager) throw new RefusedCall(reasons.queueManagerNameError)
    const answer = await this.#options.command(command, exchange.user, exchange.peer.isUnix)
    const isDone = answer.outcome === 'done'
    const codes = { completionCode: isDone ? 0 : 2, reasonCode: isDone ? 0 : answer.outcome === 'not-authorized' ? reasons.notAuthorized : 3008 }
    const commandResponse = [{ ...codes, text: answer.lines }]
    this.#json(exchange.response, 200, { commandResponse, overallCompletionCode: codes.completionCode, overallReasonCode: codes.reasonCode })
  }

  async #messaging(exchange: Exchange, resource: RestResource & { readonly queueManager: string }): Promise<void> {
    const { request } = exchange
    const call = new EngineCall(this.#options.dispatcher)
    if (resource.queueManager !== call.queueManager) throw new RefusedCall(reasons.queueManagerNameError)
    const onGone = (): void => {
      call.disconnect()
    }
    this.#calls.add(call)
    exchange.response.once('close', onGone)
    try {
      call.connect({ kind: 'rest', applicationTag: 'REST', user: exchange.user, channel: '', connectionName: exchange.peer.remoteAddress, processId: 0 })
      if (resource.kind === 'topic' && request.method === 'POST') await this.#put(exchange, call, resource.version, { kind: 'topic', topic: resource.topic })
      else if (resource.kind === 'message' && request.method === 'POST') await this.#put(exchange, call, resource.version, { kind: 'queue', name: resource.queue })
      else if (resource.kind === 'message' && request.method === 'GET') await this.#take(exchange, call, resource, 'browse')
      else if (resource.kind === 'message' && request.method === 'DELETE') await this.#take(exchange, call, resource, 'get')
      else if (resource.kind === 'messagelist' && request.method === 'GET') await this.#list(exchange, call, resource)
      else throw new BadRequest(`${request.method ?? ''} is not possible here`, 405)
    } finally {
      exchange.response.off('close', onGone)
      this.#calls.delete(call)
      call.disconnect()
    }
  }

  async #put(exchange: Exchange, call: EngineCall, version: RestVersion, target: Parameters<EngineCall['putOne']>[0]): Promise<void> {
    checkContentType(exchange.request.headers['content-type'])
    const message = messageOf(exchange.request.headers, version, await this.#body(exchange.request))
    const answer = await call.putOne(target, { message, unit: null, newMessageId: true })
    exchange.response.writeHead(201, { 'Content-Type': 'text/plain; charset=utf-8', 'ibm-mq-md-messageId': formatId(answer.messageId, version) }).end()
  }

  async #take(exchange: Exchange, call: EngineCall, resource: RestResource & { readonly kind: 'message' }, how: 'browse' | 'get'): Promise<void> {
    const { response, query } = exchange
    const handle = call.open({ kind: 'queue', name: resource.queue }, { browse: true, ...(how === 'get' ? { input: 'shared' as const } : {}) })
    const match = matchOf(query, resource.version)
    const waitMs = how === 'get' ? waitOf(query) : 0
    for (;;) {
      const seen = await call.get(handle, { mode: 'browse-first', unit: null, waitMs, match })
      if (seen.message === null) {
        response.writeHead(204).end()
        return
      }
      const { format } = seen.message.descriptor
      if (format !== formats.string && format !== formats.none) {
        this.#fail(response, 501, `The message is not text (format ${format}) and was left on the queue`, null)
        return
      }
      // Looked at first, because a message that is no text stays; another may have taken it since.
      const taken = how === 'get' ? await call.get(handle, { mode: 'get-cursor', unit: null, waitMs: 0 }) : seen
      if (taken.message === null) continue
      const headers = headersOf(taken.message, resource.version)
      response.writeHead(200, { ...headers, 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': taken.message.body.length }).end(taken.message.body)
      return
    }
  }

  async #list(exchange: Exchange, call: EngineCall, resource: RestResource & { readonly kind: 'messagelist' }): Promise<void> {
    const limit = Number(exchange.query.get('limit') ?? messagesListedDefault)
    if (!Number.isInteger(limit) || limit < 1) throw new BadRequest('limit: a number from 1 on')
    const messages: { messageId: string; format: string; correlationId?: string }[] = []
    const match = matchOf(exchange.query, resource.version)
    const handle = call.open({ kind: 'queue', name: resource.queue }, { browse: true })
    try {
      while (messages.length < Math.min(limit, messagesListedMax)) {
        const seen = await call.get(handle, { mode: messages.length === 0 ? 'browse-first' : 'browse-next', unit: null, waitMs: 0, match, bytesMax: 0, acceptTruncated: true })
        if (seen.message === null) break
        const { messageId, correlationId, format } = seen.message.descriptor
        const hasCorrelation = correlationId.some(byte => byte !== 0)
        messages.push({ messageId: formatId(messageId, resource.version), format, ...(hasCorrelation ? { correlationId: formatId(correlationId, resource.version) } : {}) })
      }
    } catch (error) {
      // A queue whose gets are inhibited shows nothing.
      if (!(error instanceof RefusedCall) || error.reason !== reasons.getInhibited) throw error
    }
    this.#json(exchange.response, 200, { messages })
  }

  async #body(request: http.IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of request) {
      const bytes = chunk as Buffer
      length += bytes.length
      if (length > this.#options.bodyBytesMax) throw new BadRequest(`the body is larger than ${this.#options.bodyBytesMax} bytes`, 413)
      chunks.push(bytes)
    }
    return Buffer.concat(chunks)
  }

  #json(response: http.ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
  }

  #fail(response: http.ServerResponse, status: number, message: string, reason: Reason | null): void {
    if (this.#isEnding) response.shouldKeepAlive = false
    if (response.headersSent) {
      response.destroy()
      return
    }
    // What is left of a body that was refused would be taken for the next request.
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', ...(status === 413 ? { Connection: 'close' } : {}) }).end(errorBody(status, message, reason))
  }
}

function matchOf(query: URLSearchParams, version: RestVersion): { messageId?: Buffer; correlationId?: Buffer } {
  const messageId = query.get('messageId')
  const correlationId = query.get('correlationId')
  return {
    ...(messageId === null ? {} : { messageId: parseId(messageId, version, 'messageId') }),
    ...(correlationId === null ? {} : { correlationId: parseId(correlationId, version, 'correlationId') })
  }
}

function waitOf(query: URLSearchParams): number {
  const wait = query.get('wait') ?? '0'
  if (!/^\d{1,9}$/.test(wait) || Number(wait) > waitMsMax) throw new BadRequest(`wait: milliseconds up to ${waitMsMax}`)
  return Number(wait)
}

function jsonOf(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new BadRequest('the body is not a JSON object')
}

function cookieOf(request: http.IncomingMessage): string | null {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2)
    if (name === cookieName && value !== undefined) return value
  }
  return null
}

function credentialsOf(header: string | undefined): Credentials {
  const [scheme = '', value = ''] = (header ?? '').split(' ', 2)
  if (scheme.toLowerCase() === 'bearer' && value !== '') return { kind: 'token', token: value }
  if (scheme.toLowerCase() !== 'basic') return { kind: 'none' }
  const decoded = Buffer.from(value, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  return colon < 0 ? { kind: 'none' } : { kind: 'password', user: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
}
