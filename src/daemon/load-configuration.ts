/**
 * Reads the three configuration files and hands them to the parser. The only part of configuration that touches disk.
 *
 * A missing, unreadable, oversized or strange file is a finding like any other, so that one run reports the faults of
 * all three. Nothing here throws for what a user can cause.
 */

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { parseConfiguration, type ConfigurationResult, type UnreadableSource } from '../config/configuration.js'
import type { Finding } from '../config/diagnostics.js'

/** Far beyond any real file; what is larger is a mistake and not read. */
const fileBytesMax = 256 * 1024

/**
 * @param directory  HA_DIR (paths.ts)
 * @param context    the node's name when it is known already; otherwise it is read from `nodeinfo` or the kernel
 * @returns          the frozen configuration with its warnings, or all faults; rejects for no fault of a user
 */
export async function loadConfiguration(
  directory: string,
  context: { readonly nodeName?: string; readonly uid?: number } = {}
): Promise<ConfigurationResult> {
  const [haCf, haresources, authkeys, nodeName] = await Promise.all([
    readSource(join(directory, 'ha.cf')),
    readSource(join(directory, 'haresources')),
    readSource(join(directory, 'authkeys')),
    context.nodeName ?? ownNodeName(directory)
  ])
  return parseConfiguration({ haCf, haresources, authkeys }, { nodeName, uid: context.uid ?? process.geteuid?.() ?? 0 })
}

/** The first line of `nodeinfo` in the configuration directory when that file exists, as in Linux-HA; else `uname -n`. */
export async function ownNodeName(directory: string): Promise<string> {
  const source = await readSource(join(directory, 'nodeinfo'))
  const named = 'unreadable' in source ? '' : (source.text.split('\n')[0] ?? '').trim()
  return (named === '' ? hostname() : named).toLowerCase()
}

export interface ReadSource {
  readonly file: string
  readonly text: string
  readonly mode: number
  readonly ownerUid: number
}

/** One file with its mode and owner, or the finding that stands for it. */
export async function readSource(file: string): Promise<ReadSource | UnreadableSource> {
  let handle
  try {
    // O_NONBLOCK: a FIFO of this name must not hold us for ever. Mode and owner come from what was opened, not from a
    // second look at the name.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    return { file, unreadable: reasonFor(file, error) }
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) {
      return { file, unreadable: { what: 'this is not a plain file', why: 'the configuration is read from plain files', fix: 'put a file of this name there' } }
    }
    if (stat.size > fileBytesMax) {
      return { file, unreadable: { what: `the file has ${stat.size} bytes`, why: `more than ${fileBytesMax} are not read, no configuration is that long`, fix: 'put the right file there' } }
    }
    const buffer = Buffer.alloc(fileBytesMax)
    const { bytesRead } = await handle.read(buffer, 0, fileBytesMax, 0)
    return { file, text: buffer.toString('utf8', 0, bytesRead), mode: stat.mode & 0o7777, ownerUid: stat.uid }
  } catch (error) {
    return { file, unreadable: reasonFor(file, error) }
  } finally {
    await handle.close()
  }
}

function reasonFor(file: string, error: unknown): Finding {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  const name = file.slice(file.lastIndexOf('/') + 1)
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const fixes: Readonly<Record<string, string>> = {
      'ha.cf': 'make all three files with: heartbeat init',
      haresources: 'make it with: heartbeat init; an empty file is fine, and must be the same on both nodes',
      authkeys: 'make it with: heartbeat keygen --write, and copy it to the other node'
    }
    return { what: 'the file does not exist', why: 'heartbeat does not start without it', fix: fixes[name] ?? 'make the file' }
  }
  if (code === 'EACCES' || code === 'EPERM') return { what: 'the file may not be read', why: 'only its owner may', fix: 'run the command as root' }
  return { what: `the file cannot be read (${code})`, why: 'heartbeat does not start without it', fix: `look at it with: ls -l ${file}` }
}
