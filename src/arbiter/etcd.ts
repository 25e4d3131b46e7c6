/**
 * etcd version 3 through its HTTP/JSON gateway: the few calls an arbiter needs, with values instead of exceptions.
 *
 * Keys and values travel in base64, 64-bit numbers as decimal strings; what is zero is left out of answers.
 *
 * Invariants
 *  1. Every call ends within its deadline, or twice that and one authentication when the token has to be renewed.
 *  2. One member is asked at a time; `useNext` moves on, nothing else does.
 *
 * Not here: when to call (etcd-arbiter.ts).
 * Source: etcd 3.4 and 3.5: api v3 rpc.proto, its swagger description, gRPC status codes.
 */

import { millis, type Millis } from '../base/units.js'
import type { ArbiterConfig } from '../config/types.js'
import type { Clock } from '../port/clock.js'
import { loadCredentials, type Credentials } from './credentials.js'
import { HttpExchange, isRecord, type SendOptions } from './http-exchange.js'

export type Reply =
  | { readonly ok: true; readonly body: Readonly<Record<string, unknown>> }
  /** `code` is gRPC's, null when no etcd answered. */
  | { readonly ok: false; readonly reason: string; readonly code: number | null }

export interface CallOptions {
  readonly deadlineMs: Millis
  readonly signal: AbortSignal
}

/** gRPC status codes that decide something here. */
export const grpcCode = { invalidArgument: 3, notFound: 5, permissionDenied: 7, failedPrecondition: 9, unauthenticated: 16 } as const

export class Etcd {
  readonly #config: ArbiterConfig
  readonly #clock: Clock
  #credentials: Credentials | null = null
  #exchanges: readonly HttpExchange[] = []
  #current = 0
  #token: string | null = null
  /** etcd said that it asks nobody for a password; asked again when it changes its mind. */
  #isAuthOff = false

  constructor(config: ArbiterConfig, clock: Clock) {
    this.#config = config
    this.#clock = clock
  }

  get currentUrl(): string {
    return this.#config.endpoints[this.#current]?.url ?? ''
  }

  get isAuthOff(): boolean {
    return this.#isAuthOff
  }

  useNext(): void {
    this.#current = (this.#current + 1) % this.#config.endpoints.length
  }

  /** Reads the files again and connects anew at the next call: certificates and passwords get renewed. */
  forgetCredentials(): void {
    for (const exchange of this.#exchanges) exchange.close()
    this.#exchanges = []
    this.#credentials = null
    this.#token = null
  }

  close(): void {
    this.forgetCredentials()
  }

  async call(path: string, body: object, options: CallOptions): Promise<Reply> {
    const loaded = await this.#load()
    if (!loaded.ok) return { ok: false, reason: loaded.reason, code: null }
    const signedIn = await this.#signIn(options)
    if (!signedIn.ok) return signedIn
    const first = await this.#send(path, { ...options, body })
    if (first.ok || this.#config.user === null || !isTokenRefused(first)) return first
    this.#token = null
    this.#isAuthOff = false
    const again = await this.#signIn(options)
    return again.ok ? await this.#send(path, { ...options, body }) : again
  }

  /** `{ etcdserver: '3.4.23', … }`; asks without a name. */
  async version(options: CallOptions): Promise<Reply> {
    const loaded = await this.#load()
    return loaded.ok ? await this.#send('/version', { ...options, method: 'GET' }) : { ok: false, reason: loaded.reason, code: null }
  }

  async #load(): Promise<{ readonly ok: true } | { readonly ok: false; readonly reason: string }> {
    if (this.#credentials !== null) return { ok: true }
    const loaded = await loadCredentials(this.#config)
    if (!loaded.ok) return loaded
    try {
      this.#exchanges = this.#config.endpoints.map(endpoint => new HttpExchange({ endpoint, tls: loaded.credentials.tls, clock: this.#clock }))
    } catch (error) {
      return { ok: false, reason: `the certificates cannot be used: ${error instanceof Error ? error.message : 'unknown error'}` }
    }
    this.#credentials = loaded.credentials
    return { ok: true }
  }

  async #signIn(options: CallOptions): Promise<Reply> {
    const { user } = this.#config
    const password = this.#credentials?.password ?? null
    if (user === null || password === null || this.#token !== null || this.#isAuthOff) return { ok: true, body: {} }
    const body = { name: user, password: Buffer.from(password.reveal()).toString('utf8') }
    const reply = await this.#send('/v3/auth/authenticate', { ...options, body })
    if (!reply.ok && reply.code === grpcCode.failedPrecondition) {
      this.#isAuthOff = true
      return { ok: true, body: {} }
    }
    if (!reply.ok) return reply.code === null ? reply : { ...reply, reason: `user ${user}: ${reply.reason}` }
    const token = textOf(reply.body['token'])
    if (!/^[\u0021-\u007E]{1,8192}$/.test(token)) return { ok: false, reason: `${this.currentUrl}: it signed us in without a token`, code: null }
    this.#token = token
    return reply
  }

  async #send(path: string, options: SendOptions): Promise<Reply> {
    const exchange = this.#exchanges[this.#current]
    if (exchange === undefined) return { ok: false, reason: 'closed', code: null }
    const answer = await exchange.send(path, { ...options, authorization: this.#token })
    if (answer.kind === 'failed') {
      if (answer.isTls) this.forgetCredentials()
      return { ok: false, reason: answer.reason, code: null }
    }
    // A streamed answer wraps its values in `result`, and its failures in `error`.
    const { error, result } = answer.body
    if (isRecord(error)) return { ok: false, reason: this.#says(error), code: numberOf(error['grpc_code'] ?? error['code']) }
    if (answer.status !== 200) return { ok: false, reason: this.#says(answer.body), code: numberOf(answer.body['code']) }
    return { ok: true, body: isRecord(result) ? result : answer.body }
  }

  #says(body: Readonly<Record<string, unknown>>): string {
    const text = textOf(body['message']) || textOf(body['error']) || 'an error without a text'
    return `${this.currentUrl}: ${text.slice(0, 200).replace(/[^\u0020-\u007E]/g, '?')}`
  }
}

/** Tokens end when unused, when etcd restarts, and whenever users or roles are changed. */
function isTokenRefused(reply: Reply & { readonly ok: false }): boolean {
  return reply.code === grpcCode.unauthenticated || /invalid auth token|user name is empty|revision .*is old/.test(reply.reason)
}

/** One key as etcd shows it. */
export interface KeyValue {
  readonly key: string
  readonly value: string
  /** `0`: bound to no lease. */
  readonly lease: string
  /** Grows with every change of the key. */
  readonly revision: string
}

export const encoded = (text: string): string => Buffer.from(text, 'utf8').toString('base64')

/** All keys below `folder/`. */
export const rangeOf = (folder: string): object => ({ key: encoded(`${folder}/`), range_end: encoded(`${folder}0`), limit: '200' })

export function keysOf(body: Readonly<Record<string, unknown>>): readonly KeyValue[] {
  const range = listOf(body['responses']).filter(isRecord).map(response => response['response_range']).find(isRecord)
  return listOf(range?.['kvs']).filter(isRecord).map(kv => ({
    key: Buffer.from(textOf(kv['key']), 'base64').toString('utf8'),
    value: Buffer.from(textOf(kv['value']), 'base64').toString('utf8'),
    lease: textOf(kv['lease']) || '0',
    revision: textOf(kv['mod_revision']) || '0'
  }))
}

/** The election the answering member knew of when it answered; null when it does not say. */
export function termOf(body: Readonly<Record<string, unknown>>): string | null {
  const header = body['header']
  return isRecord(header) ? textOf(header['raft_term']) || null : null
}

/** Seconds of a lease, as milliseconds; 0 when the lease is gone. */
export const ttlOf = (body: Readonly<Record<string, unknown>>): Millis => millis((numberOf(body['TTL']) ?? 0) * 1000)

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
function numberOf(value: unknown): number | null {
  const number = typeof value === 'number' ? value : typeof value === 'string' && /^-?[0-9]{1,15}$/.test(value) ? Number(value) : NaN
  return Number.isSafeInteger(number) ? number : null
}
