/** The reference vectors, and keys for them; shared by the tests of this folder. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AuthKey, AuthKeys, AuthMethod } from '../../src/config/types.js'
import { Secret } from '../../src/base/secret.js'

export interface Vector {
  readonly name: string
  readonly auth: AuthMethod
  readonly key: string
  readonly id: number
  readonly wire: 'netstring' | 'classic'
  readonly msgfmt: 'netstring' | 'classic'
  readonly hex: string
  /** Name, type, and value: text for type 0, hexadecimal for the others. */
  readonly fields: readonly (readonly [string, number, string])[]
}

/** 88 datagrams captured from Linux-HA 3.0.6 or made for it, with their keys. */
export function readVectors(): readonly Vector[] {
  const file = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../data/heartbeat-vectors.json')
  return JSON.parse(readFileSync(file, 'utf8')) as readonly Vector[] // our own file
}

export function authKey(id: number, method: AuthMethod, secret: string): AuthKey {
  return { id, method, secret: new Secret(Buffer.from(secret, 'utf8')) }
}

/** Keys of which the first is active. */
export function authKeys(active: AuthKey, ...others: readonly AuthKey[]): AuthKeys {
  return { active, byId: new Map([active, ...others].map(key => [key.id, key])) }
}
