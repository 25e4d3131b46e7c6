/**
 * One question and its answer between the two nodes, in datagrams of their own beside the heartbeats:
 *
 *   asker                                              teller
 *     ask 1  nonce, what, from chunk 0   ──────────►     reads it, cuts it into chunks
 *     ◄──────────  tell  chunk 0 … 15                    `windowChunks` for each ask
 *     ask 2  from chunk 16               ──────────►
 *     ◄──────────  tell  chunk 16 …
 *
 * Nothing is sent that was not asked for, so a lost datagram costs one more ask, and the asker sets the pace. They go
 * over every configured medium, signed like heartbeats, under types that begin with NS_: outside the sequence, ignored
 * by Linux-HA, and never a sign of life.
 *
 * Invariants
 *  1. An ask counts once: its number grows within a generation, it names the teller's generation, and it comes from the
 *     life of the peer that is heard now. A replay gets nothing.
 *  2. A chunk is sealed (AES-256-GCM) under a key made from the cluster's secret, the nonce, both generations, what was
 *     asked and a digest of the content. So a recording, another answer's chunk, or a third party's is refused, the
 *     wire shows no content, and no key ever seals two contents.
 *  3. Nothing is sealed under `crc`, which is no secret: then nothing is told.
 *  4. A datagram stays below 1 KB; an answer below the size the asker agreed to.
 *
 * Not here: pace, deadlines, sockets (sync/exchange-service.ts); what may be told (sync/offer.ts).
 */

import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto'
import type { AuthKey } from '../config/types.js'
import { binaryField, bytesOf, decimalNumberOf, hexField, hexNumberOf, stringField, textOf } from '../wire/fields.js'
import type { Field, Message } from '../wire/message.js'

export const askType = 'NS_hbx_ask'
export const tellType = 'NS_hbx_tell'
export const chunkBytes = 448
export const windowChunks = 16
/** The largest file, and the byte before it that says what it is. */
export const contentBytesMax = 1024 * 1024 + 1
const tagBytes = 16
const whatMax = 128

export interface Ask {
  readonly number: number
  readonly toGeneration: number
  /** 32 hex digits, new for each answer that is wanted. */
  readonly nonce: string
  readonly what: string
  readonly firstChunk: number
}

export interface Tell {
  readonly toGeneration: number
  readonly nonce: string
  /** 32 hex digits of the content's digest. */
  readonly digest: string
  readonly totalBytes: number
  readonly chunk: number
  readonly sealed: Uint8Array
}

export function askFields(ask: Ask, destination: string): readonly Field[] {
  return [
    stringField('t', askType),
    stringField('dest', destination),
    hexField('hbx_to', ask.toGeneration),
    hexField('hbx_ask', ask.number),
    stringField('hbx_nonce', ask.nonce),
    stringField('hbx_what', ask.what),
    hexField('hbx_at', ask.firstChunk)
  ]
}

export function readAsk(message: Message): Ask | null {
  const toGeneration = hexNumberOf(message, 'hbx_to')
  const number = hexNumberOf(message, 'hbx_ask')
  const nonce = textOf(message, 'hbx_nonce')
  const what = textOf(message, 'hbx_what')
  const firstChunk = hexNumberOf(message, 'hbx_at', contentBytesMax)
  if (toGeneration === null || number === null || firstChunk === null || !isNonce(nonce)) return null
  return what === undefined || what.length > whatMax ? null : { number, toGeneration, nonce, what, firstChunk }
}

export function tellFields(tell: Tell, destination: string): readonly Field[] {
  return [
    stringField('t', tellType),
    stringField('dest', destination),
    hexField('hbx_to', tell.toGeneration),
    stringField('hbx_nonce', tell.nonce),
    stringField('hbx_sum', tell.digest),
    stringField('hbx_total', String(tell.totalBytes)),
    hexField('hbx_at', tell.chunk),
    binaryField('hbx_data', tell.sealed)
  ]
}

export function readTell(message: Message): Tell | null {
  const toGeneration = hexNumberOf(message, 'hbx_to')
  const nonce = textOf(message, 'hbx_nonce')
  const digest = textOf(message, 'hbx_sum')
  const totalBytes = decimalNumberOf(message, 'hbx_total')
  const chunk = hexNumberOf(message, 'hbx_at', contentBytesMax)
  const sealed = bytesOf(message, 'hbx_data')
  if (toGeneration === null || totalBytes === null || chunk === null || sealed === undefined) return null
  if (!isNonce(nonce) || !isNonce(digest) || sealed.length > chunkBytes + tagBytes) return null
  return { toGeneration, nonce, digest, totalBytes, chunk, sealed }
}

const isNonce = (text: string | undefined): text is string => text !== undefined && /^[0-9a-f]{32}$/.test(text)

/** What binds an answer to its question. */
export interface Binding {
  /** The key that signed the ask; not crc. */
  readonly key: AuthKey
  readonly nonce: string
  readonly what: string
  readonly askerGeneration: number
  readonly tellerGeneration: number
}

/** An answer, ready to be sent chunk by chunk. */
export interface SealedContent {
  readonly digest: string
  readonly totalBytes: number
  readonly chunks: number
  chunk(index: number): Uint8Array
}

export function sealContent(content: Uint8Array, binding: Binding): SealedContent {
  const digest = digestOf(content)
  const key = sealingKey(binding, digest)
  return {
    digest,
    totalBytes: content.length,
    chunks: chunksOf(content.length),
    chunk(index) {
      const cipher = createCipheriv('aes-256-gcm', key, ivOf(index))
      cipher.setAAD(additional(content.length))
      const plain = content.subarray(index * chunkBytes, (index + 1) * chunkBytes)
      return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    }
  }
}

/** An empty content is one empty chunk. */
export const chunksOf = (totalBytes: number): number => Math.max(1, Math.ceil(totalBytes / chunkBytes))

const digestOf = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex').slice(0, 32)

function sealingKey(binding: Binding, digest: string): Uint8Array {
  const { askerGeneration, key, nonce, tellerGeneration, what } = binding
  const bound = JSON.stringify(['linux-heartbeat exchange 1', nonce, askerGeneration, tellerGeneration, what, digest])
  return createHmac('sha256', key.secret.reveal()).update(bound).digest()
}

/** The key is another one for each content, so the number of the chunk is never used twice under it. */
function ivOf(chunk: number): Uint8Array {
  const iv = Buffer.alloc(12)
  iv.writeUInt32BE(chunk, 8)
  return iv
}

const additional = (totalBytes: number): Uint8Array => Buffer.from(String(totalBytes), 'latin1')

/** Gathers the chunks of one answer, in whatever order and however often they come. */
export class Collection {
  readonly #binding: Binding
  readonly #bytesMax: number
  #digest: string | null = null
  #totalBytes = 0
  #key: Uint8Array | null = null
  #chunks: (Uint8Array | undefined)[] = []
  #have = 0

  constructor(binding: Binding, bytesMax: number) {
    this.#binding = binding
    this.#bytesMax = bytesMax
  }

  /** `useless`: seen before, not of this answer, or not sealed by one who knows the key. */
  accept(tell: Tell): 'news' | 'useless' | 'too-large' {
    if (tell.nonce !== this.#binding.nonce || tell.toGeneration !== this.#binding.askerGeneration) return 'useless'
    const isFirst = this.#digest === null
    if (!isFirst && (tell.digest !== this.#digest || tell.totalBytes !== this.#totalBytes)) return 'useless'
    if (tell.chunk >= chunksOf(tell.totalBytes) || this.#chunks[tell.chunk] !== undefined) return 'useless'
    const key = this.#key ?? sealingKey(this.#binding, tell.digest)
    const plain = unsealed(tell, key)
    if (plain === null) return 'useless'
    // Only a holder of the key gets here: its size may be believed, and is refused before anything is kept.
    if (tell.totalBytes > this.#bytesMax) return 'too-large'
    if (isFirst) {
      this.#digest = tell.digest
      this.#totalBytes = tell.totalBytes
      this.#key = key
      this.#chunks = new Array<Uint8Array | undefined>(chunksOf(tell.totalBytes)).fill(undefined)
    }
    this.#chunks[tell.chunk] = plain
    this.#have += 1
    return 'news'
  }

  get isComplete(): boolean {
    return this.#digest !== null && this.#have === this.#chunks.length
  }

  /** Where the next ask begins. */
  get firstMissing(): number {
    const index = this.#chunks.indexOf(undefined)
    return index === -1 ? 0 : index
  }

  /** The whole content, or null when it does not have the digest it was sealed with. */
  content(): Uint8Array | null {
    const content = Buffer.concat(this.#chunks.filter(chunk => chunk !== undefined))
    return this.isComplete && digestOf(content) === this.#digest ? content : null
  }
}

function unsealed(tell: Tell, key: Uint8Array): Uint8Array | null {
  if (tell.sealed.length < tagBytes) return null
  const end = tell.sealed.length - tagBytes
  const length = Math.min(chunkBytes, Math.max(0, tell.totalBytes - tell.chunk * chunkBytes))
  if (end !== length) return null
  const decipher = createDecipheriv('aes-256-gcm', key, ivOf(tell.chunk), { authTagLength: tagBytes })
  decipher.setAAD(additional(tell.totalBytes))
  decipher.setAuthTag(tell.sealed.subarray(end))
  const plain = decipher.update(tell.sealed.subarray(0, end))
  try {
    return Buffer.concat([plain, decipher.final()])
  } catch (error) {
    // `final` throws for one thing, which has no code in every version of Node: the tag is wrong.
    if (!(error instanceof Error)) throw error
    return null
  }
}

/** Lets an ask count once, and not more of them than heartbeats can bear beside them. */
export class AskGate {
  #generation = -1
  #number = -1
  #tokens: number
  #filledAt = Number.NEGATIVE_INFINITY
  readonly #perSecond: number
  readonly #burst: number

  constructor(limits: { readonly perSecond: number; readonly burst: number }) {
    this.#perSecond = limits.perSecond
    this.#burst = limits.burst
    this.#tokens = limits.burst
  }

  /** @param from  generation of the sender  @param nowMs  monotonic milliseconds */
  admit(from: number, ask: Pick<Ask, 'number'>, nowMs: number): boolean {
    if (from < this.#generation || (from === this.#generation && ask.number <= this.#number)) return false
    this.#generation = from
    this.#number = ask.number
    const passedMs = Number.isFinite(this.#filledAt) ? Math.max(0, nowMs - this.#filledAt) : 0
    this.#tokens = Math.min(this.#burst, this.#tokens + (passedMs * this.#perSecond) / 1_000)
    this.#filledAt = nowMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
