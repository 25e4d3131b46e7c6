/**
 * A command's end of the control socket: asks one question and waits for the answer, for a bounded time.
 *
 * Every way this can go wrong has a code: HA_NOT_RUNNING (nobody listens, or the daemon ended before it answered),
 * HA_NOT_PERMITTED, HA_CONTROL_TIMEOUT, HA_CONTROL_BAD_REQUEST (we do not understand each other), and whatever code the
 * daemon itself answers with.
 */

import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { HaError, errorCodes } from '../base/errors.js'
import type { ErrorCode } from '../base/errors.js'
import type { Millis } from '../base/units.js'
import type { Clock } from '../port/clock.js'
import { protocolVersion } from './protocol.js'
import type { ControlRequest, ControlResult } from './protocol.js'

/** A status report of a thousand groups stays below this. */
const responseBytesMax = 4 * 1024 * 1024

export interface RequestOptions {
  readonly clock: Clock
  /** From now to the final answer. */
  readonly timeoutMs: Millis
  onProgress?(text: string): void
  readonly signal?: AbortSignal
}

export function request(path: string, asked: ControlRequest, options: RequestOptions): Promise<ControlResult> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path)
    const settle = (act: () => void): void => {
      deadline.cancel()
      options.signal?.removeEventListener('abort', onAbort)
      socket.destroy()
      act()
    }
    const fail = (error: HaError): void => settle(() => reject(error))
    const onAbort = (): void => fail(new HaError('HA_CONTROL_TIMEOUT', 'interrupted; the daemon goes on with what it was asked'))
    const deadline = options.clock.schedule(options.timeoutMs, () =>
      fail(new HaError('HA_CONTROL_TIMEOUT', `no answer from the daemon within ${options.timeoutMs / 1000} s`, { details: { timeoutMs: options.timeoutMs } }))
    )
    options.signal?.addEventListener('abort', onAbort, { once: true })
    socket.on('connect', () => socket.write(`${JSON.stringify({ v: protocolVersion, id: 1, request: asked })}\n`))
    socket.on('error', error => fail(connectionError(error, path)))
    socket.on('close', () => fail(new HaError('HA_NOT_RUNNING', 'the daemon ended before it answered', { details: { wasConnected: true } })))
    readLines(socket, {
      onLine: line => onResponse(line, options, { done: result => settle(() => resolve(result)), fail }),
      onOverflow: () => fail(new HaError('HA_CONTROL_BAD_REQUEST', `the daemon's answer is longer than ${responseBytesMax} bytes`))
    })
  })
}

/** Splits what arrives into lines; a line beyond the limit is reported once and reading ends. */
function readLines(socket: Socket, handlers: { onLine(line: string): void; onOverflow(): void }): void {
  let unread: Buffer[] = []
  let unreadBytes = 0
  socket.on('data', (chunk: Buffer) => {
    let start = 0
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      unread.push(chunk.subarray(start, end))
      handlers.onLine(Buffer.concat(unread).toString('utf8'))
      unread = []
      unreadBytes = 0
      start = end + 1
    }
    unread.push(chunk.subarray(start))
    unreadBytes += chunk.length - start
    if (unreadBytes > responseBytesMax) handlers.onOverflow()
  })
}

function onResponse(line: string, options: RequestOptions, settled: { done(result: ControlResult): void; fail(error: HaError): void }): void {
  const response = parseResponse(line)
  switch (response.kind) {
    case 'progress':
      return options.onProgress?.(response.text)
    case 'done':
      return settled.done(response.result)
    case 'failed':
      return settled.fail(new HaError(response.code, response.message))
  }
}

const resultKinds: ReadonlySet<unknown> = new Set<ControlResult['kind']>(['status', 'done', 'files', 'why', 'snapshot'])

type Response =
  | { readonly kind: 'progress'; readonly text: string }
  | { readonly kind: 'done'; readonly result: ControlResult }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }

/** The daemon is of our own making, perhaps another version: its envelope is checked, its report is believed. */
function parseResponse(line: string): Response {
  const garbled: Response = { kind: 'failed', code: 'HA_CONTROL_BAD_REQUEST', message: 'the answer is not one this command understands; are daemon and command of one version?' }
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return garbled
  }
  if (!isRecord(value)) return garbled
  if (typeof value['progress'] === 'string') return { kind: 'progress', text: value['progress'] }
  const result = value['result']
  if (value['ok'] === true && isRecord(result) && resultKinds.has(result['kind'])) {
    return { kind: 'done', result: result as unknown as ControlResult }
  }
  const error = value['error']
  if (value['ok'] === false && isRecord(error) && isErrorCode(error['code']) && typeof error['message'] === 'string') {
    return { kind: 'failed', code: error['code'], message: error['message'] }
  }
  return garbled
}

function connectionError(error: NodeJS.ErrnoException, path: string): HaError {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new HaError('HA_NOT_RUNNING', errorCodes.HA_NOT_RUNNING, { cause: error })
    case 'EACCES':
    case 'EPERM':
      return new HaError('HA_NOT_PERMITTED', `${path}: ${errorCodes.HA_NOT_PERMITTED}`, { cause: error })
    case 'EAGAIN':
      return new HaError('HA_CONTROL_BUSY', 'the daemon accepts no connections at the moment; it may hang', { cause: error })
    case 'EPIPE':
    case 'ECONNRESET':
      return new HaError('HA_NOT_RUNNING', 'the daemon ended before it answered', { cause: error, details: { wasConnected: true } })
    default:
      return new HaError('HA_NOT_RUNNING', `${path} cannot be used: ${error.message}`, { cause: error })
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorCodes, value)
}
