/**
 * Writes checkpoints of a running log, and the indexes that the next restart will want; then takes back dead extents.
 *
 * The state is copied at one moment, but the file is written only when the log is forced up to it: a checkpoint never knows
 * more than the log. The previous one counts until the new one is durable under its name.
 */

import path from 'node:path'
import { HaError } from '../../base/errors.js'
import { lsn } from '../core/journal.js'
import { encodeCheckpoint } from './checkpoint.js'
import { checkpointName, indexName } from './extent.js'
import { isDiskFullError, isMissingError } from './extent-supply.js'
import type { LogParts } from './log-parts.js'
import { noSpill } from './liveness.js'

export class Checkpointer {
  /** Where a restart would begin, by the durable checkpoint. */
  restart: number
  /** End of the log at the durable checkpoint. */
  end: number
  /** Oldest extent with a live message or in the window, by the durable checkpoint. */
  mediaExtent: number
  /** Checkpoints written since the start. */
  written = 0
  /** Runs between the many small steps after a checkpoint, so that what is urgent need not wait for all of them. */
  between: () => Promise<void> = () => Promise.resolve()
  readonly #parts: LogParts
  #sequence = 0
  #names: string[]
  /** Index files on disk. */
  readonly #indexed: Set<number>
  /** Dead extents of a linear log. */
  readonly #kept: Set<number>

  /**
   * @param names    checkpoint files that are there
   * @param indexed  extents whose index file is there
   * @param kept     extents of a linear log nobody needs
   */
  constructor(parts: LogParts, names: readonly string[], indexed: Iterable<number>, kept: Iterable<number>) {
    this.#parts = parts
    this.#names = [...names]
    this.#indexed = new Set(indexed)
    this.#kept = new Set(kept)
    this.restart = parts.buffer.end
    this.end = parts.buffer.end
    this.mediaExtent = parts.buffer.extent
  }

  /** Where a restart would begin after a checkpoint now. */
  get nextRestart(): number {
    return Math.min(this.#parts.buffer.end, this.#parts.state.oldestUnit?.first ?? Number.MAX_SAFE_INTEGER)
  }

  /** @returns false when the disk is too full for it; everything is as before then */
  async write(isOrderly: boolean): Promise<boolean> {
    const { geometry, state, buffer, loop, qmid, epoch } = this.#parts
    const end = buffer.end
    const replayFrom = this.nextRestart
    const restartExtent = geometry.extentOf(replayFrom)
    const needed = state.liveness.needed(restartExtent)
    const sequence = this.#sequence + 1
    const bytes = encodeCheckpoint({ epoch, sequence, isOrderly, qmid, replayFrom: lsn(replayFrom), end: lsn(end) }, state, needed)
    const listed = new Set(needed)
    const dead = [...state.liveness.extents].filter(({ number }) => number < restartExtent && !listed.has(number)).map(({ number }) => number)
    await loop.forcedTo(end)
    const name = checkpointName(epoch, sequence)
    if (!(await this.#replace(name, bytes, true))) return false
    this.#sequence = sequence
    this.restart = replayFrom
    this.end = end
    this.mediaExtent = needed[0] ?? restartExtent
    this.written += 1
    await this.#removeOld(name)
    await this.#retire(dead)
    for (const number of needed) {
      if (number < restartExtent && (await this.#writeIndex(number))) await this.between()
    }
    return true
  }

  /**
   * Writes a file whole or not at all.
   *
   * @param mayTakeExtents  whether extents not used yet are given up for it
   * @returns               false when the disk is full
   */
  async #replace(name: string, bytes: Buffer, mayTakeExtents: boolean): Promise<boolean> {
    const { disk, active, supply, buffer } = this.#parts
    const to = path.join(active, name)
    const unfinished = `${to}.tmp`
    for (;;) {
      this.#checkRight()
      const file = await disk.open(unfinished, 'create')
      try {
        await file.write([bytes], 0)
        await file.force()
        await file.close()
        break
      } catch (error) {
        await file.close()
        if (!isDiskFullError(error)) throw error
        await disk.remove(unfinished)
        if (!mayTakeExtents || !(await supply.giveBack(buffer.extent))) return false
      }
    }
    this.#checkRight()
    await disk.rename(unfinished, to)
    return true
  }

  async #removeOld(current: string): Promise<void> {
    const old = this.#names
    this.#names = [current]
    for (const name of old) await this.#remove(name)
  }

  /** Files somebody removed by hand are gone just as well. */
  async #remove(name: string): Promise<void> {
    const { disk, active } = this.#parts
    this.#checkRight()
    try {
      await disk.remove(path.join(active, name))
    } catch (error) {
      if (!isMissingError(error)) throw error
    }
  }

  /** Takes back what this checkpoint does not need, nobody reads, and no message goes on in. */
  async #retire(dead: readonly number[]): Promise<void> {
    const { state, supply, indexes, type, epoch, deletesBelowMedia } = this.#parts
    const lives = [...state.liveness.extents]
    const isPinned = (extent: number): boolean =>
      lives.some(life => life.number < extent && life.spillOrdinal !== noSpill && life.spillLast >= extent && !life.released.has(life.spillOrdinal))
    for (const number of dead) {
      const life = state.liveness.get(number)
      if (life === undefined || life.hasLive || !life.isReleased || isPinned(number)) continue
      state.liveness.forget(number)
      indexes.delete(number)
      if (type === 'linear') this.#kept.add(number)
      else {
        await this.#removeIndex(number)
        await supply.retire(number, life.epoch === epoch)
        await this.between()
      }
    }
    if (deletesBelowMedia) await this.deleteBelowMedia()
  }

  /** Deletes the extents of a linear log that neither restart nor media recovery needs. @returns how many */
  async deleteBelowMedia(): Promise<number> {
    const obsolete = [...this.#kept].filter(number => number < this.mediaExtent)
    for (const number of obsolete) {
      this.#kept.delete(number)
      await this.#removeIndex(number)
      await this.#parts.supply.retire(number, false)
    }
    return obsolete.length
  }

  async #removeIndex(number: number): Promise<void> {
    if (!this.#indexed.delete(number)) return
    await this.#remove(indexName(number))
  }

  /** A full disk leaves it for the next time; a restart could do without. @returns whether it was written now */
  async #writeIndex(number: number): Promise<boolean> {
    const { indexes, state, supply } = this.#parts
    const builder = indexes.get(number)
    const life = state.liveness.get(number)
    if (builder === undefined || life === undefined || life.end === 0 || supply.isDiskFull) return false
    if (!(await this.#replace(indexName(number), builder.finish(life), false))) return false
    indexes.delete(number)
    this.#indexed.add(number)
    return true
  }

  #checkRight(): void {
    if (!this.#parts.mayWrite()) throw new HaError('HA_MQ_LOCK_LOST')
  }
}
