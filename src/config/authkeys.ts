/**
 * Reads authkeys: which keys exist and which one signs.
 *
 *   auth 2
 *   1 sha1 old-key          still accepted while the peer signs with it
 *   2 sha256 new-key        signs
 *
 * Invariants
 *  1. No finding contains a word of the file except a known method's name: a key may stand anywhere in a broken line.
 *  2. `keys` is null exactly when a finding is an error.
 *
 * Not here: reading mode and owner of the file (daemon/load-configuration.ts), digests (wire/).
 * Source: Linux-HA 3.0.6 authkeys. Differences: sha256 and sha512; `auth` may stand anywhere; every bit of the mode for
 * group and others counts, as does the owner; a key is looked up by the id in the datagram, whatever is active.
 */

import { Buffer } from 'node:buffer'
import { Secret } from '../base/secret.js'
import { Findings } from './diagnostics.js'
import { FrozenMap } from './frozen.js'
import { linesOf, startOf, wordsOf, type SourceText, type Word } from './lexer.js'
import { didYouMean, nearestName } from './nearest.js'
import type { AuthKey, AuthKeys, AuthMethod, Diagnostic, Position } from './types.js'
import { parseNumber } from './values.js'

export interface KeySource extends SourceText {
  /** The permission bits (and no others are looked at); null when not known, then not checked. */
  readonly mode: number | null
  readonly ownerUid: number | null
}

export interface AuthkeysContext {
  /** The user that runs us; besides root the only one who may own the file. */
  readonly uid: number
}

export interface ParsedAuthkeys {
  readonly keys: AuthKeys | null
  readonly diagnostics: readonly Diagnostic[]
}

export const authMethods = ['crc', 'md5', 'sha1', 'sha256', 'sha512'] as const satisfies readonly AuthMethod[]

/** 128 bits in hex would be 32 characters; 16 random letters are still beyond guessing. */
const keyBytesMin = 16
/** Linux-HA reads lines of at most this; a longer key is a pasted file. */
const keyBytesMax = 512
const idMax = 15

interface Draft {
  readonly byId: Map<number, { readonly key: AuthKey; readonly position: Position }>
  active: { readonly id: number; readonly position: Position } | null
  /** An `auth` line exists but is faulty; then its absence is not reported as well. */
  isAuthSeen: boolean
  /** Ids whose line is faulty, so that `auth N` is not called unknown as well. */
  readonly brokenIds: Set<number>
}

export function parseAuthkeys(source: KeySource, context: AuthkeysContext): ParsedAuthkeys {
  const findings = new Findings()
  const draft: Draft = { byId: new Map(), active: null, isAuthSeen: false, brokenIds: new Set() }
  checkAccess(source, context, findings)
  for (const line of linesOf(source, findings)) {
    const words = wordsOf(line)
    const [first] = words
    if (first === undefined || first.text.startsWith('#')) continue // elsewhere a `#` may be part of a key
    if (first.text.toLowerCase() === 'auth') onAuth(first, words, draft, findings)
    else onKey(first, words, draft, findings)
  }
  const active = chosenKey(source, draft, findings)
  const byId = new FrozenMap([...draft.byId].map(([id, entry]) => [id, entry.key] as const))
  const keys = active === null || findings.errors > 0 ? null : { active, byId }
  return { keys, diagnostics: findings.inOrder() }
}

function checkAccess(source: KeySource, context: AuthkeysContext, findings: Findings): void {
  const start = startOf(source.file)
  if (source.mode !== null && (source.mode & 0o077) !== 0) {
    findings.error(start, {
      what: `the mode is ${(source.mode & 0o777).toString(8).padStart(3, '0')}`,
      why: 'whoever can read or change the keys can command the cluster',
      fix: `run: chmod 600 ${source.file}`
    })
  }
  if (source.ownerUid !== null && source.ownerUid !== 0 && source.ownerUid !== context.uid) {
    findings.error(start, {
      what: `the file belongs to user ${source.ownerUid}`,
      why: 'that user can change the keys and so command the cluster',
      fix: `run: chown root ${source.file}`
    })
  }
}

function onAuth(first: Word, words: readonly Word[], draft: Draft, findings: Findings): void {
  const [, idWord, extra] = words
  if (first.text !== 'auth') {
    findings.error(first.position, { what: 'the word `auth` is written with capitals', why: 'Linux-HA reads lower case only', fix: 'write `auth N`' })
  }
  if (draft.isAuthSeen) {
    findings.error(first.position, { what: 'a second `auth` line', why: 'one key signs; the others are accepted without being named here', fix: 'keep one `auth` line' })
    return
  }
  draft.isAuthSeen = true
  const id = idWord === undefined ? null : parseNumber(idWord.text, 0, idMax)
  if (idWord === undefined || id === null || !id.ok) {
    findings.error(idWord?.position ?? first.position, { what: '`auth` is not followed by the number of a key', why: 'it chooses the key that signs', fix: `write \`auth N\` with the number of a key line, 0 to ${idMax}` })
    return
  }
  if (extra !== undefined && !extra.text.startsWith('#')) {
    findings.error(extra.position, { what: '`auth` is followed by more than one word', why: 'one key signs; the others are accepted without being named here', fix: `write \`auth ${id.value}\`` })
  }
  draft.active = { id: id.value, position: idWord.position }
}

function onKey(first: Word, words: readonly Word[], draft: Draft, findings: Findings): void {
  const id = parseNumber(first.text, 0, idMax)
  if (!id.ok) {
    const isTypo = words.length === 2 && nearestName(first.text, ['auth']) !== null
    findings.error(first.position, {
      what: `the line begins neither with \`auth\` nor with a number from 0 to ${idMax}`,
      why: 'it is neither the choice of a key nor a key',
      fix: `${isTypo ? 'did you mean `auth`? ' : ''}write \`auth N\` or \`N METHOD KEY\``
    })
    return
  }
  const [, methodWord, keyWord, extra] = words
  const method = readMethod(first, methodWord, findings)
  const previous = draft.byId.get(id.value)
  if (previous !== undefined) {
    findings.error(first.position, { what: `key ${id.value} exists already (line ${previous.position.line})`, why: 'a datagram names its key by this number', fix: 'give the key another number, or delete one of the lines' })
  }
  const secret = method === null || methodWord === undefined ? null : readSecret(id.value, method, methodWord, keyWord, extra, findings)
  if (method === null || secret === null) {
    draft.brokenIds.add(id.value)
  } else if (previous === undefined) {
    draft.byId.set(id.value, { key: { id: id.value, method, secret }, position: first.position })
  }
}

function readMethod(first: Word, word: Word | undefined, findings: Findings): AuthMethod | null {
  const method = authMethods.find(name => name === word?.text)
  if (method !== undefined) return method
  findings.error(word?.position ?? first.position, {
    what: word === undefined ? 'the method is missing' : 'the second word is not a method',
    why: 'it says how datagrams are signed with the key',
    fix: `${word === undefined ? '' : didYouMean(word.text, authMethods)}write one of ${authMethods.join(', ')}; best is sha256`
  })
  return null
}

function readSecret(id: number, method: AuthMethod, methodWord: Word, keyWord: Word | undefined, extra: Word | undefined, findings: Findings): Secret | null {
  if (method === 'crc') {
    if (keyWord !== undefined && !keyWord.text.startsWith('#')) {
      findings.error(keyWord.position, { what: `key ${id} has a key after \`crc\``, why: 'crc uses none: it protects against noise, not against people', fix: 'delete the key, or write `sha256` instead of `crc`' })
      return null
    }
    findings.warning(methodWord.position, {
      what: `key ${id} is \`crc\``,
      why: 'anyone who reaches the port can forge datagrams with it and command the cluster, even while another key is active',
      fix: 'delete the line unless the heartbeat network is a cable between the two nodes; run: heartbeat keygen'
    })
    return new Secret(new Uint8Array(0))
  }
  if (keyWord === undefined) {
    findings.error(methodWord.position, { what: `key ${id} has no key after \`${method}\``, why: 'a signature needs a secret', fix: 'make one with: heartbeat keygen' })
    return null
  }
  const bytes = Buffer.from(keyWord.text, 'utf8')
  if (bytes.length > keyBytesMax) {
    findings.error(keyWord.position, { what: `key ${id} is longer than ${keyBytesMax} bytes`, why: 'Linux-HA cuts such lines, and the nodes would not understand each other', fix: 'make a key with: heartbeat keygen' })
    return null
  }
  if (bytes.length < keyBytesMin) {
    findings.warning(keyWord.position, { what: `key ${id} has only ${bytes.length} characters`, why: 'short keys can be guessed from one recorded datagram', fix: `use at least ${keyBytesMin} random characters; run: heartbeat keygen` })
  }
  if (keyWord.text.startsWith('replace-this-key')) {
    findings.warning(keyWord.position, { what: `key ${id} is the one of the sample file`, why: 'everybody knows it', fix: 'make a key with: heartbeat keygen' })
  }
  if (keyWord.text.startsWith('#')) {
    findings.warning(keyWord.position, { what: `key ${id} begins with \`#\``, why: 'a `#` starts a comment at the beginning of a line only, so here it belongs to the key', fix: 'if it was meant as a comment, write the key in front of it' })
  } else if (extra !== undefined && !extra.text.startsWith('#')) {
    findings.warning(extra.position, { what: `more words follow key ${id}`, why: 'a key is one word; the rest of the line is ignored', fix: 'delete the rest, or join the words on both nodes' })
  }
  return new Secret(bytes)
}

function chosenKey(source: KeySource, draft: Draft, findings: Findings): AuthKey | null {
  const start = startOf(source.file)
  if (draft.active === null) {
    if (!draft.isAuthSeen) {
      findings.error(start, { what: 'no `auth` line', why: 'it chooses the key that signs', fix: draft.byId.size === 0 ? 'make the file with: heartbeat keygen --write' : `write \`auth ${[...draft.byId.keys()][0] ?? 1}\` at the top` })
    }
    return null
  }
  const entry = draft.byId.get(draft.active.id)
  if (entry === undefined) {
    if (draft.brokenIds.has(draft.active.id)) return null
    findings.error(draft.active.position, { what: `key ${draft.active.id} does not exist`, why: '`auth` chooses the key that signs', fix: `write a line \`${draft.active.id} sha256 KEY\`, or choose one of the keys below` })
    return null
  }
  return entry.key
}
