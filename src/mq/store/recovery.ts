/**
 * Restart recovery, the half that only reads: from the files of a log to the state they add up to.
 *
 * Whatever it finds wrong is an HaError with file and offset, and nothing was changed. The rules stand in README.md under
 * "Restart"; what is changed afterwards is in recovery-log.ts.
 */

import path from 'node:path'
import { HaError } from '../../base/errors.js'
import type { Disk, DiskFile } from '../../port/disk.js'
import { decodeCheckpoint, type Checkpoint } from './checkpoint.js'
import {
  Geometry,
  checkpointName,
  controlFileName,
  decodeControl,
  decodeExtentHeader,
  extentHeaderBytes,
  extentName,
  indexName,
  parseName,
  type Control,
  type ExtentHeader,
  type Unreadable
} from './extent.js'
import { decodeIndex, type IndexBuilder, type IndexReader } from './index-file.js'
import type { ExtentLife } from './liveness.js'
import { Replay, damaged, rangesOf, type EpochRange, type FoundExtent, type ReplayCounts, type Tail } from './replay.js'
import { RestoredMessages, type IndexedExtent } from './restored-messages.js'

export const activeDirectory = (directory: string): string => path.join(directory, 'active')

export interface RecoveryInput {
  readonly disk: Disk
  /** The log directory, with the control file and `active`. */
  readonly directory: string
  readonly qmid: string
  /** Ours; every epoch in the log must be lower. */
  readonly epoch: number
}

export interface Recovered {
  readonly control: Control
  readonly geometry: Geometry
  /** Its state is that of the end of the log now, units of work backed out. */
  readonly checkpoint: Checkpoint
  readonly tail: Tail
  readonly ranges: readonly EpochRange[]
  readonly messages: RestoredMessages
  readonly counts: ReplayCounts
  /** Indexes that are not on disk yet. */
  readonly builders: ReadonlyMap<number, IndexBuilder>
  /** Names of all files in `active`. */
  readonly names: readonly string[]
  /** Open for reading, by extent number; the ones restart needed. */
  readonly files: ReadonlyMap<number, DiskFile>
  readonly headers: ReadonlyMap<number, ExtentHeader>
}

/** @throws HaError HA_MQ_DAMAGED, HA_MQ_FOREIGN_LOG, HA_MQ_NEWER_VERSION, HA_MQ_LOCK_LOST */
export async function recover(input: RecoveryInput): Promise<Recovered> {
  const opened: DiskFile[] = []
  try {
    return await read(input, opened)
  } catch (error) {
    for (const file of opened) await file.close()
    throw error
  }
}

async function read(input: RecoveryInput, opened: DiskFile[]): Promise<Recovered> {
  const { disk, directory } = input
  const control = await readControl(input)
  const geometry = new Geometry(control.extentBytes)
  const active = activeDirectory(directory)
  const names = await disk.list(active)
  const checkpoint = await readCheckpoint(input, names, control)
  const restart = geometry.extentOf(checkpoint.replayFrom)
  const present = new Set(names.flatMap(name => numberOf(name)))
  for (const number of checkpoint.extents) if (!present.has(number)) throw damaged(path.join(active, extentName(number)), 0, 'the extent is missing')
  const wanted = [...new Set([...checkpoint.extents, ...[...present].filter(number => number >= restart)])].sort((a, b) => a - b)
  const extents: FoundExtent[] = []
  for (const number of wanted) extents.push(await openExtent(input, control, number, opened))
  checkEpochs(checkpoint, extents, restart)

  const ranges = rangesOf(checkpoint, extents, geometry)
  const replay = new Replay(checkpoint, extents, geometry, active)
  const tail = replay.run(ranges)
  const { messages, builders } = await indexAll(input, checkpoint, replay, new Set(names), geometry)
  return {
    control,
    geometry,
    checkpoint,
    tail,
    ranges,
    messages,
    counts: replay.counts,
    builders,
    names,
    files: new Map(extents.map(({ number, file }) => [number, file])),
    headers: new Map(extents.map(({ number, header }) => [number, header]))
  }
}

/** The greatest epoch that wrote into this log, 0 for a new one; for whoever must choose a greater one. Unreadable files count as 0. */
export async function latestEpoch(disk: Disk, directory: string): Promise<number> {
  let latest = 0
  const active = activeDirectory(directory)
  for (const name of await disk.list(active)) {
    const parsed = parseName(name)
    if (parsed.kind === 'checkpoint') latest = Math.max(latest, parsed.epoch)
    if (parsed.kind !== 'extent') continue
    const file = await disk.open(path.join(active, name), 'read')
    const header = decodeExtentHeader(file.read(0, extentHeaderBytes))
    await file.close()
    if (header.ok) latest = Math.max(latest, header.value.epoch)
  }
  return latest
}

function unreadable(file: string, fault: Unreadable): HaError {
  if (fault.why === 'damaged') return damaged(file, fault.offset, fault.reason)
  return new HaError('HA_MQ_NEWER_VERSION', `${file}: ${fault.reason}`, { details: { file, offset: fault.offset } })
}

const foreign = (file: string, found: string, expected: string): HaError =>
  new HaError('HA_MQ_FOREIGN_LOG', `${file} belongs to the queue manager with QMID ${found}, not to ${expected}`, { details: { file, found, expected } })

/** Reads a small file whole; null when it does not exist. */
async function readWhole(disk: Disk, name: string): Promise<Buffer | null> {
  let file: DiskFile
  try {
    file = await disk.open(name, 'read')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  try {
    return file.read(0, file.size())
  } finally {
    await file.close()
  }
}

async function readControl({ disk, directory, qmid }: RecoveryInput): Promise<Control> {
  const file = path.join(directory, controlFileName)
  const bytes = await readWhole(disk, file)
  if (bytes === null) throw damaged(file, 0, 'the control file of the log is missing')
  const control = decodeControl(bytes)
  if (!control.ok) throw unreadable(file, control)
  if (control.value.qmid !== qmid) throw foreign(file, control.value.qmid, qmid)
  return control.value
}

async function readCheckpoint(input: RecoveryInput, names: readonly string[], control: Control): Promise<Checkpoint> {
  const active = activeDirectory(input.directory)
  let best: { readonly epoch: number; readonly sequence: number } | null = null
  for (const name of names) {
    const parsed = parseName(name)
    if (parsed.kind === 'checkpoint' && (best === null || parsed.epoch > best.epoch || (parsed.epoch === best.epoch && parsed.sequence > best.sequence))) best = parsed
  }
  if (best === null) throw damaged(path.join(active, checkpointName(0, 0)), 0, 'the log has no checkpoint')
  const file = path.join(active, checkpointName(best.epoch, best.sequence))
  const decoded = decodeCheckpoint((await readWhole(input.disk, file)) ?? Buffer.alloc(0), control.extentBytes)
  if (!decoded.ok) throw unreadable(file, decoded)
  const checkpoint = decoded.value
  if (checkpoint.qmid !== input.qmid) throw foreign(file, checkpoint.qmid, input.qmid)
  if (checkpoint.epoch !== best.epoch || checkpoint.sequence !== best.sequence) throw damaged(file, 0, 'this is a checkpoint of another name')
  if (checkpoint.epoch >= input.epoch) throw succeeded(checkpoint.epoch, input.epoch)
  return checkpoint
}

const succeeded = (found: number, ours: number): HaError =>
  new HaError('HA_MQ_LOCK_LOST', `the log was written by epoch ${found}, and ours is only ${ours}`, { details: { found, ours } })

const numberOf = (name: string): number[] => {
  const parsed = parseName(name)
  return parsed.kind === 'extent' ? [parsed.number] : []
}

async function openExtent(input: RecoveryInput, control: Control, number: number, opened: DiskFile[]): Promise<FoundExtent> {
  const name = path.join(activeDirectory(input.directory), extentName(number))
  const file = await input.disk.open(name, 'read')
  opened.push(file)
  const decoded = decodeExtentHeader(file.read(0, extentHeaderBytes))
  if (!decoded.ok) throw unreadable(name, decoded)
  const header = decoded.value
  if (header.qmid !== input.qmid) throw foreign(name, header.qmid, input.qmid)
  if (header.number !== number) throw damaged(name, 16, `the header is that of extent ${header.number}`)
  if (header.extentBytes !== control.extentBytes) throw damaged(name, 12, `the header tells of extents of ${header.extentBytes} bytes`)
  if (header.epoch >= input.epoch) throw succeeded(header.epoch, input.epoch)
  return { number, path: name, file, header }
}

/** An extent the checkpoint needs must still be the one it knew. */
function checkEpochs(checkpoint: Checkpoint, extents: readonly FoundExtent[], restart: number): void {
  for (const { number, header, path: name } of extents) {
    const life = number <= restart ? checkpoint.state.liveness.get(number) : undefined
    if (life !== undefined && life.epoch !== header.epoch) throw damaged(name, 24, `the header tells of epoch ${header.epoch}, the checkpoint of epoch ${life.epoch}`)
  }
}

/** Finds or builds the index of every extent with live messages. */
async function indexAll(
  input: RecoveryInput,
  checkpoint: Checkpoint,
  replay: Replay,
  names: ReadonlySet<string>,
  geometry: Geometry
): Promise<{ readonly messages: RestoredMessages; readonly builders: Map<number, IndexBuilder> }> {
  const { liveness } = checkpoint.state
  const builders = new Map(replay.builders)
  const indexed: IndexedExtent[] = []
  const lives = [...liveness.extents].sort((a, b) => a.number - b.number)
  for (const life of lives) {
    const built = builders.get(life.number)
    if (built !== undefined) indexed.push({ life, reader: built.reader() })
    else if (life.hasLive) {
      const reader = names.has(indexName(life.number)) ? await readIndex(input, life) : null
      if (reader !== null) indexed.push({ life, reader })
      else {
        const rebuilt = replay.rebuild(life)
        builders.set(life.number, rebuilt)
        indexed.push({ life, reader: rebuilt.reader() })
      }
    } else for (let ordinal = 0; ordinal < life.count; ordinal += 1) life.released.set(ordinal)
  }
  return { messages: new RestoredMessages(checkpoint.state, geometry.extentBytes, indexed), builders }
}

/** null when the file is not the index of this extent as the checkpoint knows it. */
async function readIndex({ disk, directory }: RecoveryInput, life: ExtentLife): Promise<IndexReader | null> {
  const bytes = await readWhole(disk, path.join(activeDirectory(directory), indexName(life.number)))
  const decoded = bytes === null ? null : decodeIndex(bytes)
  if (decoded === null || !decoded.ok) return null
  const { epoch, number, end, reader } = decoded.value
  return epoch === life.epoch && number === life.number && end === life.end && reader.count === life.count ? reader : null
}
