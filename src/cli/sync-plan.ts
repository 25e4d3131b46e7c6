/**
 * What `heartbeat sync` would change on this node, worked out from the other node's files as they were fetched, and
 * whether the configuration that comes of it is one heartbeat starts with. Nothing is written here.
 */

import { lstat, readFile, realpath, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { withShared } from '../agreement/shared-ha-cf.js'
import { unifiedDiff } from '../agreement/unified.js'
import { HaError } from '../base/errors.js'
import { formatDiagnostic, isError, parseConfiguration, type ConfigurationResult } from '../config/configuration.js'
import type { Configuration, Diagnostic } from '../config/types.js'
import type { PeerFile, PeerFiles } from '../control/protocol.js'
import { readSource } from '../daemon/load-configuration.js'
import type { Paths } from '../daemon/paths.js'
import { sha256 } from '../sync/offer.js'
import { readBounded } from '../sync/read-file.js'
import { hostFindings } from './check.js'
import { gatherHostFacts } from './host-facts.js'

export interface SyncChange {
  readonly name: string
  /** The file that is replaced; what a link points to, for the configuration files. */
  readonly path: string
  /** null: the file is new here. */
  readonly before: Uint8Array | null
  readonly after: Uint8Array
  /** Of a new file; one that is there keeps its own. */
  readonly mode: number
  readonly diff: readonly string[]
}

export interface SyncPlan {
  readonly changes: readonly SyncChange[]
  /** What is left alone, each with the reason. */
  readonly remarks: readonly string[]
}

/** No set-user-id bit, and nobody but the owner may write, whatever the other node's mode. */
const newModeMask = 0o755

/** Rejects with HaError HA_SYNC_FAILED when a fetched file is not what was told, HA_NOT_PERMITTED when it may not be read. */
export async function planSync(fetched: PeerFiles, haDir: string): Promise<SyncPlan> {
  const changes: SyncChange[] = []
  const remarks = [
    ...fetched.withheld.map(text => `not sent by ${fetched.peer}: ${text}`),
    ...fetched.onlyHere.map(name => `${name} is on ${fetched.node} only; it is left alone`)
  ]
  for (const file of fetched.files) {
    const content = await contentOf(file)
    const planned = content === null ? null : await planFile(file, content, { fetched, haDir })
    if (typeof planned === 'string') remarks.push(planned)
    else if (planned !== null) changes.push(planned)
  }
  return { changes, remarks }
}

async function contentOf(file: PeerFile): Promise<Uint8Array | null> {
  if (file.path === null) return null
  try {
    const content = await readFile(file.path)
    if (sha256(content) === file.sha256) {
      await unlink(file.path) // from here on it is in memory; nothing of the other node is left lying about
      return content
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'EACCES') throw new HaError('HA_NOT_PERMITTED', 'the fetched files are for root alone; run the command as root')
    if (code !== 'ENOENT') throw error
  }
  throw new HaError('HA_SYNC_FAILED', `${file.name} was fetched, and is not there as it came; does another sync run?`)
}

/** The change, null when there is none, or why the file is left alone. */
async function planFile(file: PeerFile, content: Uint8Array, context: { readonly fetched: PeerFiles; readonly haDir: string }): Promise<SyncChange | string | null> {
  const { fetched, haDir } = context
  const named = join(haDir, file.name)
  const isScript = file.name.startsWith('resource.d/')
  const found = await lstat(named).catch(ifMissing)
  if (isScript && found !== null && !found.isFile()) return `${named} is ${found.isSymbolicLink() ? 'a symbolic link' : 'no plain file'} here; it is left alone`
  const path = found === null ? named : await realpath(named)
  const read = await readBounded(path, { follow: false })
  if (read.kind === 'unusable') return `${path} ${read.why}; it is left alone`
  const before = read.kind === 'file' ? read.bytes : null
  const after = file.name === 'ha.cf' && before !== null ? Buffer.from(withShared(textOf(before), textOf(content)), 'utf8') : content
  if (before !== null && Buffer.compare(before, after) === 0) return null
  const names = { before: `${fetched.node}:${path}`, after: `${fetched.peer}:${path}${file.name === 'ha.cf' ? ' (its shared lines)' : ''}` }
  return { name: file.name, path, before, after, mode: file.mode & newModeMask, diff: diffOf(before ?? new Uint8Array(0), after, names) }
}

function diffOf(before: Uint8Array, after: Uint8Array, names: { readonly before: string; readonly after: string }): readonly string[] {
  if (before.includes(0) || after.includes(0)) return [`--- ${names.before}`, `+++ ${names.after}`, `binary files differ: ${before.length} and ${after.length} bytes`]
  return unifiedDiff(textOf(before), textOf(after), names)
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

function ifMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null
  throw error
}

/**
 * The faults that the changes would bring, each as one line; empty when heartbeat starts with the result. What is wrong
 * with this host already, such as a cable that is not there, does not keep a file from being replaced.
 */
export async function faultsOf(changes: readonly SyncChange[], paths: Paths, nodeName: string): Promise<readonly string[]> {
  const then = await configurationWith(changes, paths, nodeName)
  if (!then.ok) return then.diagnostics.filter(isError).map(formatDiagnostic)
  const now = await configurationWith([], paths, nodeName)
  const known = now.ok ? new Set((await hostFaults(now.configuration, [], paths)).map(meaning)) : new Set()
  return (await hostFaults(then.configuration, changes, paths)).filter(found => !known.has(meaning(found))).map(formatDiagnostic)
}

const meaning = (found: Diagnostic): string => `${found.what}; ${found.why}`

/** As `heartbeat check` finds them, were the changed scripts in place. */
async function hostFaults(configuration: Configuration, changes: readonly SyncChange[], paths: Paths): Promise<readonly Diagnostic[]> {
  const facts = await gatherHostFacts(configuration, paths)
  const scripts = new Map(facts.scripts)
  for (const change of changes) {
    const type = change.name.replace(/^resource\.d\//, '')
    const isRunnable = change.before === null && (change.mode & 0o111) !== 0
    if (type !== change.name && isRunnable && scripts.get(type) === null) scripts.set(type, { path: change.path, style: 'r1', own: false })
  }
  return hostFindings(configuration, { ...facts, scripts }).filter(isError)
}

async function configurationWith(changes: readonly SyncChange[], paths: Paths, nodeName: string): Promise<ConfigurationResult> {
  const source = async (name: string): ReturnType<typeof readSource> => {
    const file = join(paths.haDir, name)
    const change = changes.find(one => one.name === name)
    return change === undefined ? await readSource(file) : { file, text: textOf(change.after), mode: 0o644, ownerUid: 0 }
  }
  const [haCf, haresources, authkeys] = await Promise.all([source('ha.cf'), source('haresources'), readSource(join(paths.haDir, 'authkeys'))])
  return parseConfiguration({ haCf, haresources, authkeys }, { nodeName, uid: process.geteuid?.() ?? 0 })
}
