/**
 * What the simulated disk keeps of files and directories: as the cache shows them, as the medium has them for certain,
 * and the changes between, oldest first. `settle` decides what a power cut leaves; the fault model stands in sim-disk.ts.
 */

import type { Prng } from '../../../src/base/prng.js'

export const sectorBytes = 512

export interface Write {
  readonly kind: 'write'
  readonly position: number
  readonly bytes: Buffer
}
export type Change = Write | { readonly kind: 'truncate'; readonly length: number }

export interface Inode {
  /** As the cache shows it. */
  content: Buffer
  /** As the medium has it for certain; never the same buffer as `content`. */
  durable: Buffer
  unforced: Change[]
}

export type NameChange =
  | { readonly kind: 'set'; readonly name: string; readonly inode: Inode }
  | { readonly kind: 'unset'; readonly name: string }
  | { readonly kind: 'move'; readonly from: string; readonly name: string; readonly inode: Inode }

export interface Directory {
  names: Map<string, Inode>
  durable: Map<string, Inode>
  unforced: NameChange[]
}

/** How much of the unforced a power cut leaves: nothing, everything, any part, or little. */
export type Mood = 'none' | 'all' | 'any' | 'few'

export const emptyInode = (): Inode => ({ content: Buffer.alloc(0), durable: Buffer.alloc(0), unforced: [] })
export const emptyDirectory = (): Directory => ({ names: new Map(), durable: new Map(), unforced: [] })

/** Applies a change to the cache. */
export function changeInode(inode: Inode, change: Change): void {
  inode.content = applied(inode.content, change)
  inode.unforced.push(change)
}

/** Makes everything durable. */
export function forceInode(inode: Inode): void {
  for (const change of inode.unforced) inode.durable = applied(inode.durable, change)
  inode.unforced = []
}

/** Applies a change of names to what everybody sees. */
export function changeDirectory(directory: Directory, change: NameChange): void {
  applyName(directory.names, change)
  directory.unforced.push(change)
}

export function forceDirectory(directory: Directory): void {
  for (const change of directory.unforced) applyName(directory.durable, change)
  directory.unforced = []
}

/** Names after a power cut: the first few of the unforced changes happened, for a file system keeps their order. */
export function settleDirectory(directory: Directory, mood: Mood, prng: Prng): void {
  const count = directory.unforced.length
  const kept = mood === 'none' ? 0 : mood === 'all' ? count : prng.below(count + 1)
  for (const change of directory.unforced.slice(0, kept)) applyName(directory.durable, change)
  directory.names = new Map(directory.durable)
  directory.unforced = []
}

/** A file after a power cut: sector by sector, the medium has any number of the unforced writes. */
export function settleInode(inode: Inode, mood: Mood, prng: Prng): void {
  let medium: Buffer = Buffer.from(inode.durable)
  let writes: Write[] = []
  const settleWrites = (): void => {
    medium = settleSectors(medium, writes, mood, prng)
    writes = []
  }
  for (const change of inode.unforced) {
    if (change.kind === 'write') writes.push(change)
    else if (mood === 'all' || (mood !== 'none' && prng.chance(1, 2))) {
      settleWrites()
      medium = applied(medium, change)
    }
  }
  settleWrites()
  inode.content = medium
  inode.durable = Buffer.from(medium)
  inode.unforced = []
}

function settleSectors(medium: Buffer, writes: readonly Write[], mood: Mood, prng: Prng): Buffer {
  const sectors = new Map<number, Write[]>()
  let end = medium.length
  for (const write of writes) {
    const writeEnd = write.position + write.bytes.length
    end = Math.max(end, writeEnd)
    for (let at = write.position; at < writeEnd; ) {
      const sector = Math.floor(at / sectorBytes)
      const until = Math.min((sector + 1) * sectorBytes, writeEnd)
      const piece: Write = { kind: 'write', position: at, bytes: write.bytes.subarray(at - write.position, until - write.position) }
      const known = sectors.get(sector)
      if (known === undefined) sectors.set(sector, [piece])
      else known.push(piece)
      at = until
    }
  }
  let settled = medium
  for (const pieces of sectors.values()) {
    for (const piece of pieces.slice(0, keptCount(pieces.length, mood, prng))) settled = applied(settled, piece)
  }
  const isLengthened = end > settled.length && mood !== 'none' && prng.chance(1, 3)
  return isLengthened ? applied(settled, { kind: 'truncate', length: prng.between(settled.length, end) }) : settled
}

function keptCount(count: number, mood: Mood, prng: Prng): number {
  if (mood === 'all') return count
  if (mood === 'none' || (mood === 'few' && !prng.chance(1, 8))) return 0
  return prng.below(count + 1)
}

function applyName(names: Map<string, Inode>, change: NameChange): void {
  if (change.kind === 'move') names.delete(change.from)
  if (change.kind === 'unset') names.delete(change.name)
  else names.set(change.name, change.inode)
}

/** The content after a change; the same buffer, changed in place, when its length stays. */

function applied(content: Buffer, change: Change): Buffer {
  const length = change.kind === 'truncate' ? change.length : Math.max(content.length, change.bytes.length === 0 ? 0 : change.position + change.bytes.length)
  let next = content
  if (length !== content.length) {
    next = Buffer.alloc(length)
    content.copy(next, 0, 0, Math.min(length, content.length))
  }
  if (change.kind === 'write') change.bytes.copy(next, change.position)
  return next
}
