/**
 * The short digests by which two nodes notice, with every heartbeat, that they differ; and the details behind them.
 *
 * What a key tells about itself. A heartbeat is signed with the active key, so whoever records one can already try
 * guesses at that key. A value that depends on a key and on nothing secret besides would give the same chance against
 * every other key of the file. So each check is an HMAC of the key *under a key that the reader must know*: in the
 * digest the active one, in the details the one the question was signed with, and there also under the question's
 * nonce. Whoever knows that key commands the cluster anyway; whoever does not learns nothing of the others, and about
 * that one no more than any signature tells. Under `crc` there is no such key, and then no secret goes into anything.
 *
 * Invariant: equal inputs give equal digests on both nodes, whatever the order of lines; white space and comments do
 * not count.
 */

import { createHash, createHmac } from 'node:crypto'
import type { AuthKey, AuthKeys, ResourceGroup } from '../config/types.js'
import type { Agreement } from '../wire/ownership.js'
import type { Details, HaresourcesLine, KeyView, ScriptView } from './differences.js'

/** 48 bits: enough to notice a difference, short enough for every heartbeat. */
const digestDigits = 12
const checkDigits = 16
/** What the wire takes in a word of `hbx_agree`. */
const wordMax = 16

export interface AgreementParts {
  readonly version: string
  readonly groups: readonly ResourceGroup[]
  readonly keys: AuthKeys
  readonly scripts: readonly ScriptView[]
}

export function agreementOf(parts: AgreementParts): Agreement {
  const lines = linesOf(parts.groups).map(line => line.text)
  const scripts = parts.scripts.map(script => `${script.name} ${script.style} ${script.digest}`)
  return {
    version: parts.version.replace(/[^0-9A-Za-z.-]/g, '-').slice(0, wordMax),
    haresources: digest([...lines].sort()),
    authkeys: digest([String(parts.keys.active.id), ...keyViews(parts.keys, parts.keys.active, 'heartbeat').map(key => `${key.id} ${key.method} ${key.check}`)]),
    scripts: digest([...scripts].sort())
  }
}

/** The groups' lines as they are in use, in the order of the file. */
export const linesOf = (groups: readonly ResourceGroup[]): readonly HaresourcesLine[] =>
  groups.map(group => ({ line: group.position.line, key: group.key, text: [group.home, ...group.resources.map(resource => resource.word)].join(' ') }))

/** @param under  the key that signed the question  @param nonce  the question's */
export function detailsOf(parts: AgreementParts, under: AuthKey, nonce: string): Details {
  return { haresources: linesOf(parts.groups), signsWith: parts.keys.active.id, keys: keyViews(parts.keys, under, nonce), scripts: parts.scripts }
}

function keyViews(keys: AuthKeys, under: AuthKey, salt: string): readonly KeyView[] {
  return [...keys.byId.values()]
    .sort((one, other) => one.id - other.id)
    .map(key => ({ id: key.id, method: key.method, check: under.method === 'crc' ? '' : keyCheck(key, under, salt) }))
}

function keyCheck(key: AuthKey, under: AuthKey, salt: string): string {
  const hmac = createHmac('sha256', under.secret.reveal())
  hmac.update(`linux-heartbeat key check 1\0${salt}\0${key.id}\0${key.method}\0`)
  hmac.update(key.secret.reveal())
  return hmac.digest('hex').slice(0, checkDigits)
}

/** Of a script's content. */
export const contentDigest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, digestDigits)

const digest = (words: readonly string[]): string => createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, digestDigits)
