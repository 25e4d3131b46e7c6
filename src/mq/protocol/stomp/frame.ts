/**
 * Cuts a stream of bytes into STOMP frames, however it arrives.
 *
 *     COMMAND EOL { name ":" value EOL } EOL body NUL { EOL }       EOL := LF | CR LF
 *
 * CR before LF is taken off in every version: 1.2 defines it, and no client sends it otherwise by intent. Of repeated
 * headers the first counts. A body ends at `content-length`, which must be followed by NUL, else at the first NUL.
 *
 * Bounds: bytes and number of headers, bytes of the body; nothing is reserved for a length that was only promised. After a
 * fault nothing more is read.
 *
 * Source: STOMP 1.0, 1.1, 1.2 protocol specifications.
 */

import { emptyBody } from '../../core/message.js'
import { Body } from './body.js'
import { frequentName, isAt, unescaped, type Version } from './header-text.js'

const commandWords = ['CONNECT', 'STOMP', 'SEND', 'SUBSCRIBE', 'UNSUBSCRIBE', 'ACK', 'NACK', 'BEGIN', 'COMMIT', 'ABORT', 'DISCONNECT'] as const
/** What a client may say. */
export type Command = (typeof commandWords)[number]
const commands = commandWords.map(word => ({ word, bytes: Buffer.from(word, 'latin1') }))

export interface Frame {
  readonly command: Command
  readonly headers: ReadonlyMap<string, string>
  /** Owned by the frame: of its own when small, else part of what was received. */
  readonly body: Buffer
}

export type FaultKind = 'syntax' | 'head-too-large' | 'body-too-large'

export type Cut =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'more' }
  /** `receipt` is what the frame asked for, as far as it could be read. */
  | { readonly kind: 'fault'; readonly fault: FaultKind; readonly why: string; readonly receipt: string | null }

export interface FrameLimits {
  readonly headerCountMax: number
  /** Of the command and all headers. */
  readonly headerBytesMax: number
}

const LF = 10
const CR = 13
const colon = 58
const backslash = 92
/** Smaller bodies are copied: kept as they are, they would keep all that was received with them. */
const copyBytesMax = 16 * 1024
const more: Cut = { kind: 'more' }

interface Head {
  readonly command: Command
  readonly headers: Map<string, string>
}

export class FrameDecoder {
  readonly #limits: FrameLimits
  /** Decides escapes and blanks; null before it is agreed. */
  version: Version | null = null
  /** Bytes a SEND may carry. */
  bodyBytesMax = 0
  #data: Buffer = emptyBody
  #at = 0
  /** A frame whose body is not there yet. */
  #head: Head | null = null
  #body: Body | null = null
  /** What `content-length` says; -1: up to NUL. */
  #bodyBytes = -1
  #fault: Cut | null = null

  constructor(limits: FrameLimits) {
    this.#limits = limits
  }

  /** Bytes received and not cut yet, without those of a body that is being collected. */
  get waitingBytes(): number {
    return this.#data.length - this.#at
  }

  /** Takes bytes; they must not change afterwards. */
  push(bytes: Buffer): void {
    if (this.#fault !== null) return
    // What is left over is part of a head, or waits because its reader does; both are bounded.
    this.#data = this.#at === this.#data.length ? bytes : Buffer.concat([this.#data.subarray(this.#at), bytes])
    this.#at = 0
  }

  next(): Cut {
    if (this.#fault !== null) return this.#fault
    if (this.#head === null) {
      this.#skipLineEnds()
      const end = this.#headEnd()
      if (end === -1) {
        if (this.waitingBytes > this.#limits.headerBytesMax) return this.#headTooLarge()
        return more
      }
      if (end - this.#at > this.#limits.headerBytesMax) return this.#headTooLarge()
      const fault = this.#readHead(end)
      if (fault !== null) return fault
    }
    return this.#readBody()
  }

  // --- Head -------------------------------------------------------------------------------------------------------------

  /** Between frames an end of line is a heart-beat. */
  #skipLineEnds(): void {
    const data = this.#data
    let at = this.#at
    while (at < data.length && (data[at] === LF || data[at] === CR)) at += 1
    this.#at = at
  }

  /** Behind the empty line, or -1. */
  #headEnd(): number {
    const data = this.#data
    const last = Math.min(data.length - 1, this.#at + this.#limits.headerBytesMax)
    for (let at = this.#at; at < last; at++) {
      if (data[at] !== LF) continue
      if (data[at + 1] === LF) return at + 2
      if (data[at + 1] === CR && data[at + 2] === LF) return at + 3
    }
    return -1
  }

  /** Null when `#head` is set. */
  #readHead(end: number): Cut | null {
    const data = this.#data
    let at = data.indexOf(LF, this.#at) + 1
    const command = commandAt(data, this.#at, beforeCr(data, this.#at, at - 1))
    if (command === null) return this.#becomeFaulty('syntax', `unknown command ${shown(data.toString('latin1', this.#at, at - 1))}`, null)
    const headers = new Map<string, string>()
    const head: Head = { command, headers }
    for (let count = 0; at < end; count++) {
      let colonAt = -1
      let isEscaped = false
      let isAscii = true
      let stop = at
      for (; data[stop] !== LF; stop++) {
        const byte = data[stop] as number // the head ends with LF, within the data
        if (byte === colon) {
          if (colonAt === -1) colonAt = stop
        } else if (byte === backslash) isEscaped = true
        else if (byte >= 0x80) isAscii = false
        else if (byte === 0) return this.#becomeFaulty('syntax', `the head of ${command} holds NUL`, headers)
      }
      const lineEnd = beforeCr(data, at, stop)
      if (lineEnd === at) break
      if (count === this.#limits.headerCountMax) return this.#becomeFaulty('head-too-large', `more than ${this.#limits.headerCountMax} headers`, headers)
      if (colonAt <= at) return this.#becomeFaulty('syntax', colonAt === at ? 'a header without a name' : `no colon in header ${shown(data.toString('latin1', at, lineEnd))}`, headers)
      const fault = this.#readHeader(head, at, colonAt, lineEnd, isEscaped, isAscii)
      if (fault !== null) return fault
      at = stop + 1
    }
    this.#at = end
    this.#head = head
    return this.#readLength(head)
  }

  #readHeader({ command, headers }: Head, start: number, colonAt: number, end: number, isEscaped: boolean, isAscii: boolean): Cut | null {
    const data = this.#data
    let name = frequentName(data, start, colonAt) ?? (isAscii ? data.toString('latin1', start, colonAt) : data.toString('utf8', start, colonAt))
    let value = isAscii ? data.toString('latin1', colonAt + 1, end) : data.toString('utf8', colonAt + 1, end)
    if (this.version === '1.0') {
      name = name.trim()
      value = value.trim()
    } else if (isEscaped && this.version !== null && command !== 'CONNECT') {
      const plainName = unescaped(name, this.version)
      const plainValue = unescaped(value, this.version)
      if (plainName === null || plainValue === null) return this.#becomeFaulty('syntax', `header ${shown(name)} has an escape that is not defined`, headers)
      name = plainName
      value = plainValue
    }
    if (!headers.has(name)) headers.set(name, value)
    return null
  }

  #readLength({ command, headers }: Head): Cut | null {
    const text = headers.get('content-length')
    this.#bodyBytes = -1
    if (text === undefined) return null
    const length = countOf(text)
    if (length === -1) return this.#becomeFaulty('syntax', `content-length ${shown(text)} is no length`, headers)
    if (length > this.#bodyBytesMaxOf(command)) return this.#bodyTooLarge()
    this.#bodyBytes = length
    return null
  }

  // --- Body -------------------------------------------------------------------------------------------------------------

  #bodyBytesMaxOf(command: Command): number {
    return command === 'SEND' ? this.bodyBytesMax : 0
  }

  #readBody(): Cut {
    const data = this.#data
    if (this.#body === null) {
      const end = this.#bodyBytes === -1 ? data.indexOf(0, this.#at) : this.#at + this.#bodyBytes
      if (end !== -1 && end < data.length) return this.#finish(data.subarray(this.#at, end), end)
      const head = this.#head as Head // only called with a head
      // Line ends that old clients send before NUL are no body; nothing else is taken from other frames than SEND.
      const lineEnds = head.command === 'SEND' ? 0 : 2
      this.#body = new Body(this.#bodyBytes === -1 ? this.#bodyBytesMaxOf(head.command) + lineEnds : this.#bodyBytes)
    }
    return this.#collect(this.#body)
  }

  #collect(body: Body): Cut {
    const data = this.#data
    if (this.#bodyBytes === -1) {
      const nul = data.indexOf(0, this.#at)
      const end = nul === -1 ? data.length : nul
      if (end - this.#at > body.left) return this.#bodyTooLarge()
      body.add(data, this.#at, end)
      this.#at = end
      return nul === -1 ? more : this.#finish(body.take(), nul)
    }
    const end = Math.min(data.length, this.#at + body.left)
    body.add(data, this.#at, end)
    this.#at = end
    return body.left > 0 || end === data.length ? more : this.#finish(body.take(), end)
  }

  /** `nulAt` is where NUL must be. */
  #finish(bytes: Buffer, nulAt: number): Cut {
    const { command, headers } = this.#head as Head // only called with a head
    if (this.#data[nulAt] !== 0) return this.#becomeFaulty('syntax', `the body of ${command} is longer than its content-length ${this.#bodyBytes}`, headers)
    if (command !== 'SEND' && bytes.length > 0 && !(bytes.length <= 2 && bytes.every(byte => byte === LF || byte === CR))) {
      return this.#becomeFaulty('syntax', `${command} takes no body`, headers)
    }
    if (bytes.length > this.#bodyBytesMaxOf(command) && command === 'SEND') return this.#bodyTooLarge()
    const isCollected = this.#body !== null
    const body = command !== 'SEND' || bytes.length === 0 ? emptyBody : isCollected || bytes.length > copyBytesMax ? bytes : Buffer.from(bytes)
    this.#at = nulAt + 1
    this.#head = null
    this.#body = null
    return { kind: 'frame', frame: { command, headers, body } }
  }

  // --- Faults -----------------------------------------------------------------------------------------------------------

  #headTooLarge(): Cut {
    return this.#becomeFaulty('head-too-large', `more than ${this.#limits.headerBytesMax} bytes of headers`, null)
  }

  #bodyTooLarge(): Cut {
    const { command, headers } = this.#head as Head // only called with a head
    if (command !== 'SEND') return this.#becomeFaulty('syntax', `${command} takes no body`, headers)
    return this.#becomeFaulty('body-too-large', `the body is longer than ${this.bodyBytesMax} bytes`, headers)
  }

  #becomeFaulty(fault: FaultKind, why: string, headers: ReadonlyMap<string, string> | null): Cut {
    this.#fault = { kind: 'fault', fault, why, receipt: headers?.get('receipt') ?? null }
    this.#data = emptyBody
    this.#at = 0
    this.#head = null
    this.#body = null
    return this.#fault
  }
}

/** A number of at most 15 digits and nothing else, or -1. */
export function countOf(text: string): number {
  if (text.length === 0 || text.length > 15) return -1
  let count = 0
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return -1
    count = count * 10 + digit
  }
  return count
}

function commandAt(data: Buffer, start: number, end: number): Command | null {
  for (const { word, bytes } of commands) if (bytes.length === end - start && isAt(data, start, bytes)) return word
  return null
}

const beforeCr = (data: Buffer, start: number, end: number): number => (end > start && data[end - 1] === CR ? end - 1 : end)

/** Input in an answer: short, and without what a terminal would obey. */
export const shown = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
