/**
 * Who may connect from outside: the `users` file of a queue manager, one person or program a line, as written by
 * `setmquser`. Passwords are kept as scrypt hashes, tokens as SHA-256 (they are random, so a slow hash adds nothing).
 *
 *     alice:scrypt:32768:8:1:<salt, base64>:<hash, base64>
 *     billing:token:<sha256 of the token, hex>
 */

import crypto from 'node:crypto'
import fs from 'node:fs'

const scryptCost = 32_768
const scryptBlock = 8
const scryptParallel = 1
const scryptMemoryMin = 1024 * 1024
const hashBytes = 32
const saltBytes = 16
const tokenBytes = 32
export const userNamePattern = /^[A-Za-z0-9._-]{1,64}$/
/** Longer ones are refused unhashed, so that nobody makes us hash megabytes. */
const passwordBytesMax = 1024
/** Password checks under way at once; more wait in line, at most `checksWaitingMax`, then they are refused. */
const checksMax = 2
const checksWaitingMax = 64

interface PasswordEntry {
  readonly kind: 'scrypt'
  readonly cost: number
  readonly block: number
  readonly parallel: number
  readonly salt: Buffer
  readonly hash: Buffer
}
interface TokenEntry {
  readonly kind: 'token'
  readonly digest: Buffer
}

export interface Users {
  readonly passwords: ReadonlyMap<string, PasswordEntry>
  readonly tokens: readonly { readonly user: string; readonly entry: TokenEntry }[]
}

export const noUsers: Users = { passwords: new Map(), tokens: [] }

export type ParsedUsers = { readonly users: Users; readonly faults: readonly string[] }

/** Reads the text of a users file. Faulty lines are named as `line: what` and left out; the others count. */
export function parseUsers(text: string): ParsedUsers {
  const passwords = new Map<string, PasswordEntry>()
  const tokens: { user: string; entry: TokenEntry }[] = []
  const faults: string[] = []
  text.split('\n').forEach((raw, index) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return
    const [user = '', kind = '', ...rest] = line.split(':')
    const entry = userNamePattern.test(user) ? parseEntry(kind, rest) : null
    if (entry === null) faults.push(`${index + 1}: not a user line; write it with setmquser`)
    else if (entry.kind === 'scrypt') passwords.set(user, entry)
    else tokens.push({ user, entry })
  })
  return { users: { passwords, tokens }, faults }
}

function parseEntry(kind: string, rest: readonly string[]): PasswordEntry | TokenEntry | null {
  if (kind === 'token') {
    const digest = Buffer.from(rest[0] ?? '', 'hex')
    return rest.length === 1 && digest.length === hashBytes ? { kind: 'token', digest } : null
  }
  if (kind !== 'scrypt' || rest.length !== 5) return null
  const [cost = 0, block = 0, parallel = 0] = rest.slice(0, 3).map(Number)
  const salt = Buffer.from(rest[3] ?? '', 'base64')
  const hash = Buffer.from(rest[4] ?? '', 'base64')
  const isSane = [cost, block, parallel].every(Number.isSafeInteger) && cost > 1 && cost <= 1 << 20 && block > 0 && block <= 32 && parallel > 0 && parallel <= 16
  return isSane && salt.length > 0 && hash.length === hashBytes ? { kind: 'scrypt', cost, block, parallel, salt, hash } : null
}

const scrypt = (password: string, salt: Buffer, cost: number, block: number, parallel: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    crypto.scrypt(password, salt, hashBytes, { N: cost, r: block, p: parallel, maxmem: scryptMemoryMin + 256 * cost * block }, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })

/** The line to keep for a user with a password. */
export async function passwordLine(user: string, password: string): Promise<string> {
  const salt = crypto.randomBytes(saltBytes)
  const hash = await scrypt(password, salt, scryptCost, scryptBlock, scryptParallel)
  return [user, 'scrypt', scryptCost, scryptBlock, scryptParallel, salt.toString('base64'), hash.toString('base64')].join(':')
}

/** A new token and the line to keep for it; the token itself is shown once and kept nowhere. */
export function tokenLine(user: string): { readonly token: string; readonly line: string } {
  const token = crypto.randomBytes(tokenBytes).toString('base64url')
  return { token, line: `${user}:token:${crypto.createHash('sha256').update(token).digest('hex')}` }
}

/** Checks passwords and tokens against the users file, which is read again when it changed. */
export class Authenticator {
  readonly #path: string
  readonly #onFault: (text: string) => void
  #users: Users = noUsers
  #readFrom = ''
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(path: string, onFault: (text: string) => void) {
    this.#path = path
    this.#onFault = onFault
  }

  /** The next check reads the file again. */
  refresh(): void {
    this.#readFrom = ''
  }

  isKnown(user: string): boolean {
    return this.#load().passwords.has(user)
  }

  /** True when the password is the user's. Equal work whether or not the user exists. */
  async isPassword(user: string, password: string): Promise<boolean> {
    if (Buffer.byteLength(password) > passwordBytesMax) return false
    const entry = this.#load().passwords.get(user)
    if (!(await this.#turn())) return false
    try {
      const salt = entry?.salt ?? Buffer.alloc(saltBytes)
      const hash = await scrypt(password, salt, entry?.cost ?? scryptCost, entry?.block ?? scryptBlock, entry?.parallel ?? scryptParallel)
      return entry !== undefined && crypto.timingSafeEqual(hash, entry.hash)
    } finally {
      this.#running -= 1
      this.#waiting.shift()?.()
    }
  }

  /** The user a token belongs to, or null. */
  userOfToken(token: string): string | null {
    if (Buffer.byteLength(token) > passwordBytesMax) return null
    const digest = crypto.createHash('sha256').update(token).digest()
    let found: string | null = null
    for (const { user, entry } of this.#load().tokens) if (crypto.timingSafeEqual(digest, entry.digest)) found = user
    return found
  }

  async #turn(): Promise<boolean> {
    if (this.#running >= checksMax) {
      if (this.#waiting.length >= checksWaitingMax) return false
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
    this.#running += 1
    return true
  }

  #load(): Users {
    let mark: string
    let text = ''
    try {
      const facts = fs.statSync(this.#path)
      mark = `${facts.mtimeMs}/${facts.size}/${facts.ino}`
      if (mark === this.#readFrom) return this.#users
      text = fs.readFileSync(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#onFault(`${this.#path} cannot be read: ${(error as Error).message}; nobody is let in by password`)
      mark = 'absent'
    }
    const parsed = parseUsers(text)
    for (const fault of parsed.faults) this.#onFault(`${this.#path}:${fault}`)
    this.#users = parsed.users
    this.#readFrom = mark
    return this.#users
  }
}
