/**
 * Brings the other node's files to this one, because an operator of this one asked: into a directory that only root may
 * enter. They replace nothing; the command that asked looks at them, shows them, and installs them (cli/sync.ts).
 */

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { offeredBytesMax, readOffer, type OfferedFile } from '../agreement/details-text.js'
import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import type { Clock } from '../port/clock.js'
import type { Exchange } from './exchange-service.js'
import { offerOf, sha256 } from './offer.js'

/** 64 files of 1 MiB take a minute and a half. */
const deadlineMs = millis(180_000)
export const offerBytesMax = 64 * 1024

export interface FetchedFile extends OfferedFile {
  /** Where its content lies; null when our own file has the same content. */
  readonly path: string | null
}

export interface FetchedFiles {
  readonly files: readonly FetchedFile[]
  /** What the other node keeps to itself, each with the reason. */
  readonly withheld: readonly string[]
  /** Scripts that this node has and the other does not. */
  readonly onlyHere: readonly string[]
}

export interface FetchFilesOptions {
  readonly clock: Clock
  readonly haDir: string
  /** Made anew: what an earlier sync left is removed first. */
  readonly directory: string
  readonly signal: AbortSignal
  onProgress(text: string): void
}

/** Rejects with HaError HA_SYNC_FAILED; then nothing was changed but the directory. */
export async function fetchFiles(exchange: Exchange, options: FetchFilesOptions): Promise<FetchedFiles> {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  const deadline = options.clock.schedule(deadlineMs, abort)
  options.signal.addEventListener('abort', abort, { once: true })
  try {
    return await fetchAll(exchange, options, controller.signal)
  } finally {
    deadline.cancel()
    options.signal.removeEventListener('abort', abort)
  }
}

async function fetchAll(exchange: Exchange, options: FetchFilesOptions, signal: AbortSignal): Promise<FetchedFiles> {
  const { directory, haDir, onProgress } = options
  const { content } = await exchange.fetch('files', { bytesMax: offerBytesMax, signal })
  const offer = readOffer(content)
  if (offer === null) throw new HaError('HA_SYNC_FAILED', 'the list of files that came is not one this version understands')
  await freshDirectory(directory)
  const own = new Map((await offerOf(haDir)).files.map(file => [file.name, file]))
  const files: FetchedFile[] = []
  for (const [index, file] of offer.files.entries()) {
    if (own.get(file.name)?.sha256 === file.sha256) {
      files.push({ ...file, path: null })
      continue
    }
    onProgress(`fetching ${file.name}, ${file.bytes} bytes`)
    const fetched = await exchange.fetch(`file ${file.name}`, { bytesMax: offeredBytesMax, signal })
    if (sha256(fetched.content) !== file.sha256) throw new HaError('HA_SYNC_FAILED', `${file.name} changed on the other node meanwhile; try again`)
    const path = join(directory, String(index))
    await writeFile(path, fetched.content, { mode: 0o600, flag: 'wx' })
    files.push({ ...file, path })
  }
  const theirs = new Set(offer.files.map(file => file.name))
  return { files, withheld: offer.withheld, onlyHere: [...own.keys()].filter(name => name.startsWith('resource.d/') && !theirs.has(name)) }
}

async function freshDirectory(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true })
    await mkdir(directory, { mode: 0o700 })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new HaError('HA_SYNC_FAILED', `${directory} cannot be made: ${reason}`, { cause: error })
  }
}
