/** Reads one file as a whole, within a bound, whatever stands under its name: a pipe or a device of that name is not read. */

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { offeredBytesMax } from '../agreement/details-text.js'

export type ReadFile =
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly mode: number }
  | { readonly kind: 'missing' }
  /** It is there and not read; `why` continues a sentence that begins with its name. */
  | { readonly kind: 'unusable'; readonly why: string }

/** @param follow  false: a symbolic link under this name is not followed */
export async function readBounded(path: string, options: { readonly follow: boolean }): Promise<ReadFile> {
  let handle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | (options.follow ? 0 : constants.O_NOFOLLOW))
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' }
    return { kind: 'unusable', why: code === 'ELOOP' ? 'is a symbolic link' : code === 'EACCES' ? 'may not be read' : `cannot be read (${code})` }
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) return { kind: 'unusable', why: 'is not a plain file' }
    if (stat.size > offeredBytesMax) return { kind: 'unusable', why: `has ${stat.size} bytes, more than ${offeredBytesMax}` }
    const buffer = Buffer.alloc(stat.size)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return { kind: 'file', bytes: buffer.subarray(0, length), mode: stat.mode & 0o777 }
  } catch (error) {
    return { kind: 'unusable', why: `cannot be read (${codeOf(error)})` }
  } finally {
    await handle.close()
  }
}

/** The system's code; what has none is no fault of a file and goes on. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  throw error
}
