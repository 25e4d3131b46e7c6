/**
 * Writes a file so that readers see the old content or the new, never a part, and a crash leaves no half file.
 */

import { link, open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * Writes beside the target, forces it to disk, then gives it the name. `mode` holds whatever the umask.
 *
 * @param replace  false: the name must be free, rejects with the system's EEXIST otherwise
 */
export async function writeAtomically(path: string, text: string, options: { readonly mode: number; readonly replace: boolean }): Promise<void> {
  const directory = dirname(path)
  const temporary = join(directory, `.${basename(path)}.${process.pid}.new`)
  const handle = await open(temporary, 'wx', 0o600)
  try {
    try {
      await handle.chmod(options.mode)
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (options.replace) await rename(temporary, path)
    else await link(temporary, path) // unlike rename, refuses a name that is taken
  } finally {
    await unlink(temporary).catch(ignoreMissing) // after a rename it is gone
  }
  await forceDirectory(directory)
}

async function forceDirectory(directory: string): Promise<void> {
  const handle: FileHandle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function ignoreMissing(error: unknown): void {
  if (systemCode(error) !== 'ENOENT') throw error
}

/** The system's code of a failed file operation, or null. */
export function systemCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

/** A sentence for an operator about a failed write; rethrows what is no fault of the system or the user. */
export function writeFault(path: string, error: unknown): string {
  const code = systemCode(error)
  switch (code) {
    case null: throw error
    case 'EEXIST': return `${path} exists already; nothing was written`
    case 'ENOENT': return `${dirname(path)} does not exist; make it with: mkdir -p ${dirname(path)}`
    case 'EACCES':
    case 'EPERM': return `${path} may not be written; run the command as root`
    case 'EROFS': return `${path} is on a read-only file system`
    case 'ENOSPC': return `${path} cannot be written: the disk is full`
    default: return `${path} cannot be written (${code})`
  }
}
