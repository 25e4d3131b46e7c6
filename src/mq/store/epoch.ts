/**
 * The fencing epoch, and the right to write that hangs on it.
 *
 * Like a change of locks with every new tenant: each start of the queue manager makes the number in the epoch file grow,
 * durably, before it writes anything else. Whoever finds a greater number there than his own has been succeeded, however
 * sure he is of himself: a process that was frozen through a takeover finds out before its next force.
 *
 * Check-then-write can still race: frozen between the look and the write, it writes late. That does no harm, because every
 * epoch writes into extents of its own and the successor has sealed the old ones; and it tells no lie when the right is
 * looked at again after the force and before the answers. So ask `mayWrite` on both sides of a force.
 *
 * Limits: a host that was suspended as a whole may have a monotonic clock that did not move, and a page cache that shows
 * an old epoch file; against those only the fencing of the cluster manager helps.
 */

import fs from 'node:fs'
import path from 'node:path'
import { HaError } from '../../base/errors.js'
import { elapsed, type Instant } from '../../base/units.js'
import type { Disk } from '../../port/disk.js'

export const epochFileName = 'epoch'
/** A right seen less than this ago counts. */
const verifiedMs = 1_000
const epochBytesMax = 64
/** Goes into message ids as u32. */
const epochMax = 0xffff_ffff

/**
 * Makes the epoch grow and returns the new one; when this resolves it is durable. Only under the lock.
 *
 * @param directory  the queue manager's data directory
 * @param atLeast    the greatest epoch seen elsewhere (in the log), so that a lost file does not turn time back
 * @throws HaError HA_MQ_DAMAGED when the file is not an epoch file; what the disk says, else
 */
export async function growEpoch(disk: Disk, directory: string, atLeast = 0): Promise<number> {
  const next = Math.max(await readEpoch(disk, directory), atLeast) + 1
  if (next > epochMax) throw new HaError('HA_MQ_DAMAGED', `${path.join(directory, epochFileName)}: the epoch cannot grow beyond ${epochMax}`)
  const name = path.join(directory, epochFileName)
  const file = await disk.open(`${name}.new`, 'create')
  try {
    await file.write([epochText(next)], 0)
    await file.force()
  } finally {
    await file.close()
  }
  await disk.rename(`${name}.new`, name)
  return next
}

/** The epoch of the last start; 0 before the first. */
export async function readEpoch(disk: Disk, directory: string): Promise<number> {
  const name = path.join(directory, epochFileName)
  let file
  try {
    file = await disk.open(name, 'read')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0
    throw error
  }
  try {
    return parseEpoch(file.read(0, epochBytesMax), name)
  } finally {
    await file.close()
  }
}

/** The same from the files of this machine and at once; missing is an error here, for whoever asks had one. */
export function readEpochNow(directory: string): number {
  const name = path.join(directory, epochFileName)
  return parseEpoch(fs.readFileSync(name), name)
}

/** The number twice, so that a flipped bit is no other epoch. */
const epochText = (epoch: number): Buffer => Buffer.from(`epoch ${epoch} ${epoch}\n`, 'latin1')

function parseEpoch(bytes: Buffer, name: string): number {
  const match = /^epoch (\d{1,10}) \1\n$/.exec(bytes.toString('latin1'))
  const epoch = Number(match?.[1] ?? NaN)
  if (!(epoch >= 1 && epoch <= epochMax)) throw new HaError('HA_MQ_DAMAGED', `${name} is damaged: it does not name an epoch`, { details: { path: name } })
  return epoch
}

export interface RightSources {
  /** Of this start. */
  readonly epoch: number
  /** The epoch file, read anew. */
  readonly readEpoch: () => number
  /** Whether the lock is still ours (`Held.isHeld`). */
  readonly isLockHeld: () => boolean
}

/** The right of one start of the queue manager to write its files. Once lost it never comes back. */
export class RightToWrite {
  readonly #sources: RightSources
  #verifiedAt: Instant
  #lostBecause: string | null = null

  /** @param now  when the lock was taken and the epoch grown */
  constructor(sources: RightSources, now: Instant) {
    this.#sources = sources
    this.#verifiedAt = now
  }

  /** Cheap when the right was verified within the last second; else looks at the lock and the epoch file, synchronously. */
  mayWrite(now: Instant): boolean {
    if (this.#lostBecause !== null) return false
    if (elapsed(this.#verifiedAt, now) < verifiedMs) return true
    this.#lostBecause = this.#look()
    this.#verifiedAt = now
    return this.#lostBecause === null
  }

  /** A sentence for the log; null while we have it. */
  get lostBecause(): string | null {
    return this.#lostBecause
  }

  #look(): string | null {
    if (!this.#sources.isLockHeld()) return 'the lock on the data directory is lost'
    try {
      const found = this.#sources.readEpoch()
      return found === this.#sources.epoch ? null : `another instance was started: the epoch is ${found}, ours was ${this.#sources.epoch}`
    } catch (error) {
      // A right that cannot be proved is none.
      return `the epoch cannot be read: ${error instanceof Error ? error.message : String(error)}`
    }
  }
}
