/**
 * Puts the changed files in place: all of them or none.
 *
 *   write each new content beside its file ─► keep each old file under a second name ─► rename, one after the other
 *
 * Whatever fails before the last step leaves every file as it was; a rename that fails puts the files before it back.
 * Readers see an old or a new file, never a part. Mode and owner of a file that is replaced are kept.
 */

import { constants } from 'node:fs'
import { copyFile, link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { HaError } from '../base/errors.js'
import { readBounded } from '../sync/read-file.js'
import { systemCode, writeFault } from './write-file.js'
import type { SyncChange } from './sync-plan.js'

export interface Installed {
  readonly path: string
  /** The old content; null when the file is new. */
  readonly backup: string | null
}

export interface InstallOptions {
  /** When: goes into the names of the copies. */
  readonly wallMs: number
  /** For tests of a rename that fails. */
  readonly rename?: (from: string, to: string) => Promise<void>
}

/** `20261121T093000Z`, as in `haresources.~20261121T093000Z~`. */
export const stampOf = (wallMs: number): string => new Date(wallMs).toISOString().replace(/[-:]|\.\d+/g, '')

/** Rejects with HaError HA_SYNC_FAILED; then every file is as it was. */
export async function installChanges(changes: readonly SyncChange[], options: InstallOptions): Promise<readonly Installed[]> {
  const stamp = stampOf(options.wallMs)
  const staged: { readonly change: SyncChange; readonly temporary: string; readonly backup: string | null }[] = []
  const leftovers: string[] = []
  const moved: Installed[] = []
  try {
    for (const change of changes) await checkUnchanged(change)
    for (const change of changes) {
      const temporary = join(dirname(change.path), `.${basename(change.path)}.${process.pid}.new`)
      const backup = change.before === null ? null : `${change.path}.~${stamp}~`
      await mkdir(dirname(change.path), { recursive: true, mode: 0o755 })
      await stage(change, temporary)
      leftovers.push(temporary)
      if (backup !== null) {
        await keep(change.path, backup)
        leftovers.push(backup)
      }
      staged.push({ change, temporary, backup })
    }
    for (const { change, temporary, backup } of staged) {
      await (options.rename ?? rename)(temporary, change.path)
      moved.push({ path: change.path, backup })
    }
  } catch (error) {
    for (const { path, backup } of moved.reverse()) await (backup === null ? unlink(path) : rename(backup, path))
    for (const path of leftovers) await unlink(path).catch(ignoreMissing)
    if (error instanceof HaError) throw error
    throw new HaError('HA_SYNC_FAILED', `nothing was changed: ${writeFault('a file', error)}`, { cause: error })
  }
  for (const directory of new Set(moved.map(one => dirname(one.path)))) await forceDirectory(directory)
  return moved
}

/** The operator agreed to a difference; another one is not replaced in its name. */
async function checkUnchanged(change: SyncChange): Promise<void> {
  const now = await readBounded(change.path, { follow: false })
  const isSame = change.before === null ? now.kind === 'missing' : now.kind === 'file' && Buffer.compare(now.bytes, change.before) === 0
  if (!isSame) throw new HaError('HA_SYNC_FAILED', `nothing was changed: ${change.path} was changed meanwhile by somebody else; look at it, then try again`)
}

async function stage(change: SyncChange, temporary: string): Promise<void> {
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(change.after)
    if (change.before === null) await handle.chmod(change.mode)
    else {
      const old = await lstat(change.path)
      await handle.chown(old.uid, old.gid)
      await handle.chmod(old.mode & 0o7777)
    }
    await handle.sync()
  } catch (error) {
    await unlink(temporary)
    throw error
  } finally {
    await handle.close()
  }
}

/** A second name for the old file; a copy where the file system knows no second names. */
async function keep(path: string, backup: string): Promise<void> {
  try {
    await link(path, backup)
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error
    await copyFile(path, backup, constants.COPYFILE_EXCL)
  }
}

async function forceDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function ignoreMissing(error: unknown): void {
  if (systemCode(error) !== 'ENOENT') throw error
}
