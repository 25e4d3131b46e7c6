/**
 * Restart recovery, the half that writes: keeps a copy of a torn tail, clears away what a predecessor left unfinished, and begins
 * a new extent that seals the old ones. After each step a crash leaves a log that restarts in the same way.
 */

import path from 'node:path'
import type { Disk } from '../../port/disk.js'
import { extentName, fragmentHeaderBytes, indexName, parseName, spareName } from './extent.js'
import { isMissingError, type ExtentSupply } from './extent-supply.js'
import { claimsToBe } from './record.js'
import type { Recovered } from './recovery.js'

export interface TornTail {
  /** The extent that was cut. */
  readonly file: string
  readonly offset: number
  /** Where the bytes from there on are kept. */
  readonly copy: string
  readonly bytes: number
  readonly reason: string
}

/** The process before us ended in order, and nothing was written after it. */
export const wasOrderly = ({ checkpoint, tail, ranges }: Recovered): boolean => checkpoint.isOrderly && tail.end === checkpoint.end && ranges.length === 1

const extentsIn = (names: readonly string[]): number[] => names.flatMap(name => numbersOf(name, 'extent'))

function numbersOf(name: string, kind: 'extent' | 'index' | 'spare'): number[] {
  const parsed = parseName(name)
  return parsed.kind === kind ? [parsed.number] : []
}

/** The number of the extent in which our epoch begins; one is left out when a predecessor may still be there. */
export function firstExtent(recovered: Recovered): number {
  const { names, geometry, tail, checkpoint } = recovered
  const present = extentsIn(names)
  const last = geometry.extentOf(tail.end)
  if (present.length === 0 && checkpoint.epoch === 0) return last
  return Math.max(last, ...present) + (wasOrderly(recovered) ? 1 : 2)
}

/**
 * Makes the last batch durable, before anything is built on it: we may have read it from the cache of a system whose disk never
 * had it, since our predecessor was killed before its force, or its force failed. Written again, for after a failed force a
 * cache takes its bytes for clean, and another force alone would not write them.
 */
export async function forceTail(disk: Disk, active: string, { tail, files, geometry }: Recovered): Promise<void> {
  for (let at = tail.durable; at < tail.end; ) {
    const extent = geometry.extentOf(at)
    const until = Math.min(tail.end, geometry.endOf(extent))
    const source = files.get(extent)
    if (source !== undefined) {
      const file = await disk.open(path.join(active, extentName(extent)), 'read-write')
      try {
        await file.write([source.read(geometry.offsetOf(at), until - at)], geometry.offsetOf(at))
        await file.force()
      } finally {
        await file.close()
      }
    }
    at = geometry.startOf(extent + 1)
  }
}

/** Before the new extent: what must not be lost is copied, what is nobody's is removed. */
export async function clearAway(disk: Disk, active: string, recovered: Recovered, supply: ExtentSupply): Promise<TornTail | null> {
  const { tail, names, files, geometry } = recovered
  for (const [number, file] of files) supply.adopt(number, file)
  // These first: a copy may need their room.
  for (const name of names) if (parseName(name).kind === 'unfinished') await removeIfThere(disk, path.join(active, name))
  for (const number of names.flatMap(name => numbersOf(name, 'spare'))) {
    if (wasOrderly(recovered) && (await sizeOf(disk, path.join(active, spareName(number)))) === geometry.extentBytes) supply.adoptSpare(number)
    else await removeIfThere(disk, path.join(active, spareName(number)))
  }
  return tail.isTorn ? await copyTail(disk, active, recovered) : null
}

/** A predecessor that wakes just now may have been faster. */
async function removeIfThere(disk: Disk, name: string): Promise<void> {
  try {
    await disk.remove(name)
  } catch (error) {
    if (!isMissingError(error)) throw error
  }
}

async function sizeOf(disk: Disk, name: string): Promise<number> {
  const file = await disk.open(name, 'read')
  const size = file.size()
  await file.close()
  return size
}

/** A name that is not taken: an older copy is never overwritten. */
function freeName(names: readonly string[], wanted: string): string {
  let name = wanted
  for (let count = 2; names.includes(name); count += 1) name = `${wanted}-${count}`
  return name
}

async function copyTail(disk: Disk, active: string, { tail, files, geometry, names, headers, ranges }: Recovered): Promise<TornTail | null> {
  const number = geometry.extentOf(tail.end)
  const offset = geometry.offsetOf(tail.end)
  const source = files.get(number)
  if (source === undefined) return null
  // Later extents are copied, not renamed: until the new extent seals them, the next restart must find the same log.
  const lastEpoch = ranges.at(-1)?.epoch
  for (const [later, file] of files) {
    if (later <= number || headers.get(later)?.epoch !== lastEpoch) continue
    const start = geometry.startOf(later)
    const header = file.read(geometry.offsetOf(start), fragmentHeaderBytes)
    if (header.length === fragmentHeaderBytes && claimsToBe(header, 0, start)) await copyOut(disk, active, file.read(0, geometry.extentBytes), freeName(names, `${extentName(later)}.torn`))
  }
  const name = freeName(names, `${extentName(number)}.torn`)
  const bytes = await copyOut(disk, active, source.read(offset, geometry.extentBytes - offset), name)
  await disk.forceDirectory(active)
  return { file: extentName(number), offset, copy: name, bytes, reason: tail.reason }
}

/** Writes bytes, less the zeros at their end, to a new file. @returns how many */
async function copyOut(disk: Disk, active: string, bytes: Buffer, name: string): Promise<number> {
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0) length -= 1
  const copy = await disk.open(path.join(active, name), 'create')
  try {
    await copy.write([bytes.subarray(0, length)], 0)
    await copy.force()
  } finally {
    await copy.close()
  }
  return length
}

/** The torn tail is cut off; once the header of our first extent has sealed it. */
export async function cutTail(disk: Disk, active: string, torn: TornTail): Promise<void> {
  const file = await disk.open(path.join(active, torn.file), 'read-write')
  try {
    await file.truncate(torn.offset)
  } finally {
    await file.close()
  }
}

/**
 * Extents, by number, that no checkpoint names any more: left by a crash between a checkpoint and their removal, prepared and
 * never used, or written by a process that had lost its right. `history` are those of a linear log.
 */
export function leftovers(recovered: Recovered, first: number): { readonly remove: number[]; readonly history: number[] } {
  const { names, control, geometry, ranges, headers, checkpoint, tail } = recovered
  const remove: number[] = []
  const history: number[] = []
  for (const number of extentsIn(names)) {
    if (number === first || checkpoint.state.liveness.get(number) !== undefined) continue
    const epoch = headers.get(number)?.epoch
    const range = ranges.find(candidate => candidate.epoch === epoch)
    const end = range === undefined ? 0 : Math.min(range.bound, tail.end)
    const isHistory = number < geometry.extentOf(checkpoint.replayFrom) || (range !== undefined && number <= geometry.extentOf(end))
    if (control.type === 'linear' && isHistory) history.push(number)
    else remove.push(number)
  }
  return { remove, history }
}

export const indexesIn = (names: readonly string[]): number[] => names.flatMap(name => numbersOf(name, 'index'))
export const checkpointsIn = (names: readonly string[]): string[] => names.filter(name => parseName(name).kind === 'checkpoint')
/** Index files whose extent is not there. */
export const lonelyIndexes = (names: readonly string[]): string[] => {
  const present = new Set(extentsIn(names))
  return indexesIn(names).filter(number => !present.has(number)).map(indexName)
}
