/**
 * Empties extents by writing their live messages again at the end of the log, some hundred KB per force, so that it never
 * stands in the way of the work it makes room for.
 *
 * Not moved: messages of deleted queues, which the core is about to release; messages an open unit of work has locked or put;
 * and messages whose record does not verify (their readers will hear of it). An extent with such a one stays.
 */

import path from 'node:path'
import { HaError } from '../../base/errors.js'
import { lsn, type Move } from '../core/journal.js'
import { extentName, indexName } from './extent.js'
import { isMissingError } from './extent-supply.js'
import { blankEntry, decodeIndex, type IndexReader } from './index-file.js'
import { keyOf, type ExtentLife } from './liveness.js'
import type { LogParts } from './log-parts.js'
import { buildIndex } from './replay.js'
import { FileWindow } from './scan.js'

const sliceBytes = 256 * 1024
const sliceMessages = 256

export class Mover {
  /** Messages moved since the start. */
  moved = 0
  readonly #parts: LogParts

  constructor(parts: LogParts) {
    this.#parts = parts
  }

  /**
   * Extents worth emptying: more than half of what lies before the window is dead, or the disk is full; those with the fewest
   * live bytes come first.
   */
  victims(restart: number): ExtentLife[] {
    const { state, geometry, primary, type, supply } = this.#parts
    if (type === 'linear') return []
    const before = [...state.liveness.extents].filter(life => life.number < geometry.extentOf(restart) && life.end !== 0)
    const total = before.length * geometry.extentBytes
    const live = before.reduce((sum, life) => sum + life.liveBytes, 0)
    let excess = total - live - (supply.isDiskFull ? 0 : Math.max(live, primary * geometry.extentBytes))
    const found: ExtentLife[] = []
    for (const life of before.filter(({ hasLive, liveBytes }) => hasLive && liveBytes * 2 < geometry.extentBytes).sort((a, b) => a.liveBytes - b.liveBytes)) {
      if (excess <= 0) break
      found.push(life)
      excess -= geometry.extentBytes - life.liveBytes
    }
    return found
  }

  /**
   * Moves what can be moved out of an extent.
   *
   * @param isWanted  by queue number
   * @param mayGoOn   asked before each slice
   * @returns         false when it had to stop before the end
   */
  async empty(life: ExtentLife, isWanted: (queue: number) => boolean, mayGoOn: () => boolean): Promise<boolean> {
    const reader = await this.#readerOf(life)
    if (reader === null) return true
    for (let ordinal = 0; ordinal < life.count; ) {
      if (!mayGoOn()) return false
      const slice = this.#slice(life, reader, ordinal, isWanted)
      if (slice === null) return false
      ordinal = slice.next
      if (slice.end !== 0) await this.#parts.loop.forcedTo(slice.end)
    }
    return true
  }

  /** One slice, within one turn of the event loop. null: the log has no room. */
  #slice(life: ExtentLife, reader: IndexReader, from: number, isWanted: (queue: number) => boolean): { readonly next: number; readonly end: number } | null {
    const { state, geometry, buffer } = this.#parts
    const held = state.heldKeys(extent => extent === life.number)
    const moves: Move[] = []
    let bytes = 0
    let hasRoom = true
    let ordinal = from
    for (; ordinal < life.count && moves.length < sliceMessages && bytes < sliceBytes; ordinal += 1) {
      if (life.isDead(ordinal) || life.released.has(ordinal) || held.has(keyOf(life.number, ordinal))) continue
      const queue = reader.queue(ordinal)
      if (!isWanted(queue) || !state.queues.has(queue)) continue
      const place = { lsn: lsn(life.number * geometry.extentBytes + reader.offset(ordinal)), ordinal, length: reader.length(ordinal) }
      const entry = blankEntry()
      reader.entry(ordinal, entry)
      const message = this.#readOrSkip(place)
      if (message === null) continue
      const to = this.#parts.move(entry, message, place)
      if (to === null) {
        hasRoom = false
        break
      }
      moves.push({ entry, from: place, to })
      bytes += place.length
    }
    if (moves.length > 0) {
      this.moved += moves.length
      this.#parts.events()?.onMoved(moves)
      for (const { from: old } of moves) state.liveness.release(state.keyOf(old), old.length)
    }
    return hasRoom ? { next: ordinal, end: moves.length > 0 ? buffer.end : 0 } : null
  }

  #readOrSkip(place: Move['from']): ReturnType<LogParts['read']> | null {
    try {
      return this.#parts.read(place)
    } catch (error) {
      if (error instanceof HaError && error.code === 'HA_MQ_DAMAGED') return null
      throw error
    }
  }

  /** From memory, from its file, or built again; null when the extent itself is damaged. */
  async #readerOf(life: ExtentLife): Promise<IndexReader | null> {
    const { indexes } = this.#parts
    const known = indexes.get(life.number)?.reader() ?? (await this.#readFile(life))
    if (known !== null) return known
    try {
      const { geometry, supply, active } = this.#parts
      const windowOf = (extent: number): FileWindow | null => {
        const file = supply.get(extent)
        return file === undefined ? null : new FileWindow(file)
      }
      return buildIndex(life, geometry, oneAtATime(windowOf), extent => path.join(active, extentName(extent))).reader()
    } catch (error) {
      if (error instanceof HaError && error.code === 'HA_MQ_DAMAGED') return null
      throw error
    }
  }

  async #readFile(life: ExtentLife): Promise<IndexReader | null> {
    const { disk, active } = this.#parts
    try {
      const file = await disk.open(path.join(active, indexName(life.number)), 'read')
      const bytes = file.read(0, file.size())
      await file.close()
      const decoded = decodeIndex(bytes)
      return decoded.ok && decoded.value.number === life.number && decoded.value.reader.count === life.count ? decoded.value.reader : null
    } catch (error) {
      if (isMissingError(error)) return null
      throw error
    }
  }
}

/** Keeps the window used last, so that reading on does not begin anew with each record. */
function oneAtATime(windowOf: (extent: number) => FileWindow | null): (extent: number) => FileWindow | null {
  let last: { readonly extent: number; readonly window: FileWindow | null } | null = null
  return extent => {
    if (last?.extent !== extent) last = { extent, window: windowOf(extent) }
    return last.window
  }
}
