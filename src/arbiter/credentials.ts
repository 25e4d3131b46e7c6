/**
 * Reads the files that the `arbiter` line names: certificates, key, password. A password that others can read is refused,
 * as the keys of authkeys are.
 *
 * Invariant: what is wrong is an answer with one sentence, never an exception; a secret never stands in a sentence.
 */

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { Secret } from '../base/secret.js'
import type { ArbiterConfig } from '../config/types.js'
import type { TlsMaterial } from './http-exchange.js'

export interface Credentials {
  readonly tls: TlsMaterial
  readonly password: Secret | null
}

export type LoadedCredentials = { readonly ok: true; readonly credentials: Credentials } | { readonly ok: false; readonly reason: string }

/** A chain of many certificates; more is a mistake. */
const fileBytesMax = 256 * 1024

export async function loadCredentials(config: ArbiterConfig): Promise<LoadedCredentials> {
  const [ca, cert, key, password] = await Promise.all([
    read(config.caFile, 'public'),
    read(config.certFile, 'public'),
    read(config.keyFile, 'public'),
    read(config.passwordFile, 'secret')
  ])
  for (const file of [ca, cert, key, password]) if (!file.ok) return file
  if (!ca.ok || !cert.ok || !key.ok || !password.ok) return { ok: false, reason: 'unreadable' } // said above
  // An editor ends the line; a password does not end in a line end.
  const secret = password.bytes === null ? null : new Secret(Buffer.from(password.bytes.toString('utf8').replace(/\r?\n[^]*$/, ''), 'utf8'))
  return { ok: true, credentials: { tls: { ca: ca.bytes, cert: cert.bytes, key: key.bytes }, password: secret } }
}

type ReadFile = { readonly ok: true; readonly bytes: Buffer | null } | { readonly ok: false; readonly reason: string }

async function read(file: string | null, kind: 'public' | 'secret'): Promise<ReadFile> {
  if (file === null) return { ok: true, bytes: null }
  let handle
  try {
    // O_NONBLOCK: a FIFO of this name must not hold us for ever.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = await handle.stat()
    if (!stat.isFile()) return { ok: false, reason: `${file} is not a plain file` }
    if (stat.size > fileBytesMax) return { ok: false, reason: `${file} has ${stat.size} bytes, more than any such file` }
    const mode = stat.mode & 0o777
    if (kind === 'secret' && (mode & 0o077) !== 0) return { ok: false, reason: `${file} may be read by others (mode ${mode.toString(8)}); run: chmod 600 ${file}` }
    const buffer = Buffer.alloc(fileBytesMax)
    const { bytesRead } = await handle.read(buffer, 0, fileBytesMax, 0)
    if (bytesRead === 0) return { ok: false, reason: `${file} is empty` }
    return { ok: true, bytes: buffer.subarray(0, bytesRead) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return { ok: false, reason: `${file} cannot be read (${code})` }
  } finally {
    await handle?.close()
  }
}
