/**
 * Writes details, and the list of files on offer, as JSON for the peer, and reads what the peer wrote. It is signed with
 * the cluster's key, but may be of another version: every field is checked and bounded, nothing throws.
 */

import type { Details, HaresourcesLine, KeyView, ScriptView } from './differences.js'

const linesMax = 1_000
const keysMax = 16
const scriptsMax = 1_000
const textMax = 16_384
const wordMax = 256

export const writeDetails = (details: Details): Uint8Array => Buffer.from(JSON.stringify(details), 'utf8')

export function readDetails(bytes: Uint8Array): Details | null {
  const value = parsed(bytes)
  if (value === null || !isWhole(value['signsWith'])) return null
  const haresources = list(value['haresources'], linesMax, readLine)
  const keys = list(value['keys'], keysMax, readKey)
  const scripts = list(value['scripts'], scriptsMax, readScript)
  return haresources === null || keys === null || scripts === null ? null : { haresources, signsWith: value['signsWith'], keys, scripts }
}

const readLine = (value: Entry): HaresourcesLine | null =>
  isWhole(value['line']) && isText(value['key'], textMax) && isText(value['text'], textMax) ? { line: value['line'], key: value['key'], text: value['text'] } : null

const readKey = (value: Entry): KeyView | null =>
  isWhole(value['id']) && isText(value['method'], wordMax) && isText(value['check'], wordMax) ? { id: value['id'], method: value['method'], check: value['check'] } : null

const readScript = (value: Entry): ScriptView | null =>
  isText(value['name'], wordMax) && isText(value['style'], wordMax) && isText(value['digest'], wordMax)
    ? { name: value['name'], style: value['style'], digest: value['digest'] }
    : null

/** One file that a node offers. */
export interface OfferedFile {
  /** `haresources`, `ha.cf` or `resource.d/NAME`. */
  readonly name: string
  readonly bytes: number
  /** 64 hex digits. */
  readonly sha256: string
  readonly mode: number
}

export interface Offer {
  readonly files: readonly OfferedFile[]
  /** Files that are there and not offered, each with the reason. */
  readonly withheld: readonly string[]
}

export const offeredFilesMax = 64
export const offeredBytesMax = 1024 * 1024

export const writeOffer = (offer: Offer): Uint8Array => Buffer.from(JSON.stringify(offer), 'utf8')

/** null unless every name is one that a node may take: nothing outside the two files and resource.d, nothing twice. */
export function readOffer(bytes: Uint8Array): Offer | null {
  const value = parsed(bytes)
  if (value === null) return null
  const files = list(value['files'], offeredFilesMax, readOffered)
  const withheld = list(value['withheld'], linesMax, entry => (isText(entry['text'], textMax) ? entry['text'] : null), text => ({ text }))
  if (files === null || withheld === null || new Set(files.map(file => file.name)).size !== files.length) return null
  return { files, withheld }
}

function readOffered(value: Entry): OfferedFile | null {
  const { name, bytes: size, sha256, mode } = value
  if (typeof name !== 'string' || !isOfferedName(name)) return null
  if (!isWhole(size) || size > offeredBytesMax || !isWhole(mode) || mode > 0o777) return null
  return typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? { name, bytes: size, sha256, mode } : null
}

/** Plain names only: none that starts with a dot, holds a slash, or is a backup copy. */
export const isOfferedName = (name: string): boolean => name === 'haresources' || name === 'ha.cf' || /^resource\.d\/[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}$/.test(name)

type Entry = Readonly<Record<string, unknown>>

function parsed(bytes: Uint8Array): Entry | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    return isEntry(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function list<T>(value: unknown, max: number, read: (entry: Entry) => T | null, wrap: (one: unknown) => unknown = one => one): readonly T[] | null {
  if (!Array.isArray(value) || value.length > max) return null
  const found: T[] = []
  for (const one of value as readonly unknown[]) {
    const entry = wrap(one)
    const understood = isEntry(entry) ? read(entry) : null
    if (understood === null) return null
    found.push(understood)
  }
  return found
}

const isEntry = (value: unknown): value is Entry => typeof value === 'object' && value !== null && !Array.isArray(value)
const isWhole = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const isText = (value: unknown, max: number): value is string => typeof value === 'string' && value.length <= max
