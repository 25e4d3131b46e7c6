/**
 * The arithmetic of a full log: which puts have room, and when somebody must be asked to make some. Pure.
 *
 * ```
 *   restart                                         end        limit - reserve   limit
 *      ├──────────── window ───────────────────────┤                 ├─────────────┤
 *                                                  puts may go to here   the rest is for what must never fail
 * ```
 * The window is what a restart would read. What must never fail (commit, backout, remove, lock, count) is not held to the
 * limit at all, only to the disk; the reserve keeps it from ever getting far.
 */

import type { Geometry } from './extent.js'

/** Above this share the oldest unit of work that keeps the window from moving is backed out. */
const pinnedPercent = 80
/** Bytes kept for each open unit of work, so that it can end. */
const unitReserveBytes = 128

export class LogWindow {
  readonly limitBytes: number
  readonly #extentBytes: number
  readonly #reserveBytes: number

  constructor(geometry: Geometry, primary: number, secondary: number) {
    this.#extentBytes = geometry.extentBytes
    this.limitBytes = (primary + secondary) * geometry.extentBytes
    this.#reserveBytes = Math.floor(this.limitBytes / 16)
  }

  percent(restart: number, end: number): number {
    return Math.round(((end - restart) / this.limitBytes) * 100)
  }

  isTight(restart: number, end: number): boolean {
    return this.percent(restart, end) >= pinnedPercent
  }

  /** Half full: no time for work that can wait and would fill it further. */
  isHalfFull(restart: number, end: number): boolean {
    return (end - restart) * 2 > this.limitBytes
  }

  /** Whether a record that may be refused fits, when a restart begins at `restart`. */
  admits(bytes: number, restart: number, end: number, openUnits: number): boolean {
    return end + bytes - restart + this.#reserveBytes + openUnits * unitReserveBytes <= this.limitBytes
  }

  /** Whether a checkpoint that is late may be waited for: the window may be twice as long while one is being written. */
  isBehind(bytes: number, restart: number, end: number): boolean {
    return end + bytes - restart <= this.limitBytes * 2
  }

  /**
   * Whether there will be a formatted file under it, and still some for what must never fail.
   *
   * @param preparedEnd  end of the last extent that is formatted and named
   * @param spareBytes   formatted files without a name yet
   * @param freeBytes    what the file system last said is free; 0 when formatting failed since
   * @param reserve      bytes that must be left afterwards
   */
  hasFiles(bytes: number, end: number, preparedEnd: number, spareBytes: number, freeBytes: number, reserve: number): boolean {
    const left = preparedEnd - end + spareBytes - bytes
    // What is not formatted yet is only safe to promise when the disk has plenty.
    return left >= reserve || (left + freeBytes >= reserve + plentyExtents * this.#extentBytes && left >= -aheadBytesMax)
  }

  /** What puts must leave: two extents, and one remove record for each message that is there. */
  putReserve(liveMessages: number): number {
    return 2 * this.#extentBytes + liveMessages * removeBytes
  }

  /** What moves must leave; they make room again. */
  get moveReserve(): number {
    return this.#extentBytes
  }
}

const plentyExtents = 2
/** What is not formatted yet waits in memory: a few of the largest messages. */
const aheadBytesMax = 256 * 1024 * 1024
const removeBytes = 48
