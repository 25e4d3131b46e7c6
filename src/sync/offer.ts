/**
 * What this node shows of its files when the other node's operator asks: haresources, the shared part of ha.cf, and the
 * administrator's scripts. Never authkeys, never a line that may hold a password (agreement/shared-ha-cf.ts), never a
 * script that not every user of this machine may read.
 */

import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isOfferedName, offeredFilesMax, type Offer, type OfferedFile } from '../agreement/details-text.js'
import { sharedText } from '../agreement/shared-ha-cf.js'
import { codeOf, readBounded } from './read-file.js'

const otherMayRead = 0o004
/** Of an odd folder not every name is worth a line. */
const withheldMax = 20

export async function offerOf(haDir: string): Promise<Offer> {
  const files: OfferedFile[] = []
  const withheld: string[] = []
  for (const name of ['haresources', 'ha.cf', ...(await scriptsIn(haDir))]) {
    const read = files.length === offeredFilesMax ? `more than ${offeredFilesMax} files; the rest is not offered` : await readOffered(haDir, name)
    if (typeof read !== 'string') files.push({ name, bytes: read.bytes.length, sha256: sha256(read.bytes), mode: read.mode })
    else if (withheld.length < withheldMax && read !== '') withheld.push(`${name} ${read}`)
  }
  return { files, withheld }
}

/** The content of one offered file, or why it is not sent. */
export async function offeredContent(haDir: string, name: string): Promise<Uint8Array | string> {
  if (!isOfferedName(name)) return 'no such file is offered'
  const read = await readOffered(haDir, name)
  return typeof read === 'string' ? `${name} ${read === '' ? 'is not there' : read}` : read.bytes
}

async function readOffered(haDir: string, name: string): Promise<{ readonly bytes: Uint8Array; readonly mode: number } | string> {
  const isScript = name.startsWith('resource.d/')
  const read = await readBounded(join(haDir, name), { follow: !isScript })
  if (read.kind === 'missing') return ''
  if (read.kind === 'unusable') return read.why
  if (isScript && (read.mode & otherMayRead) === 0) return 'is not readable for every user there and may hold a password; copy it by hand'
  return name === 'ha.cf' ? { ...read, bytes: Buffer.from(sharedText(Buffer.from(read.bytes).toString('utf8')), 'utf8') } : read
}

async function scriptsIn(haDir: string): Promise<readonly string[]> {
  try {
    const names = await readdir(join(haDir, 'resource.d'))
    return names.map(name => `resource.d/${name}`).filter(isOfferedName).filter(name => !isCopy(name)).sort()
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return []
    throw error
  }
}

/** What package managers and editors leave beside a script. */
const isCopy = (name: string): boolean => /\.(dpkg-\w+|rpm\w+|orig|rej|bak|old|swp|tmp)$/.test(name)

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
