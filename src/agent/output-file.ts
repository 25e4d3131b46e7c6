/**
 * The file that a script's stdout and stderr go to: opened under the run directory, unlinked at once, owned by us.
 *
 * Why a file and not a pipe: a service that `start` leaves behind keeps the descriptor. On a pipe the caller would wait
 * for end-of-file as long as the service lives, and the service would die of SIGPIPE at its first word after the daemon
 * has gone. A file has neither fault; its own fault is that it can grow, so `trim` empties it when it has grown too far.
 *
 * Invariants
 *  1. Nothing stays behind in the file system, however the daemon ends.
 *  2. Opened for append, so that after a trim the writer goes on at the beginning and leaves no hole.
 *  3. Only calls that stay in memory on a tmpfs are made synchronously; nothing is ever forced to disk.
 */

import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'

/** A script that writes more than this has the older part of its words dropped. */
export const outputBytesMax = 1024 * 1024

const openFlags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND | constants.O_NOFOLLOW

let opened = 0

export class OutputFile {
  readonly fd: number
  #isOpen = true
  #droppedBytes = 0

  private constructor(fd: number) {
    this.fd = fd
  }

  /** Opens in the first folder that allows it; null when none does (full or read-only), with the output lost. */
  static open(folders: readonly string[]): OutputFile | null {
    for (const folder of folders) {
      opened += 1
      const path = join(folder, `.agent-output-${process.pid}-${opened}`)
      try {
        const fd = openSync(path, openFlags, 0o600)
        unlinkSync(path)
        return new OutputFile(fd)
      } catch (error) {
        // Every code (ENOSPC, EROFS, ENOENT, EEXIST …) has the same remedy: the next folder, in the end none.
        if ((error as NodeJS.ErrnoException).code === undefined) throw error
      }
    }
    return null
  }

  get droppedBytes(): number {
    return this.#droppedBytes
  }

  /** Empties the file when it has grown beyond the limit. */
  trim(): void {
    if (!this.#isOpen) return
    const { size } = fstatSync(this.fd)
    if (size <= outputBytesMax) return
    ftruncateSync(this.fd, 0)
    this.#droppedBytes += size
  }

  /** The first `bytesMax` bytes. */
  head(bytesMax: number): string {
    return this.#read(0, bytesMax)
  }

  /** The last `bytesMax` bytes. */
  tail(bytesMax: number): string {
    return this.#read(Math.max(0, fstatSync(this.fd).size - bytesMax), bytesMax)
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    closeSync(this.fd)
  }

  #read(position: number, bytesMax: number): string {
    const bytes = Buffer.alloc(bytesMax)
    const length = readSync(this.fd, bytes, 0, bytesMax, position)
    return bytes.toString('utf8', 0, length)
  }
}

const saidLinesMax = 20
const saidLineCharsMax = 400

/** The last lines of a script's words, fit for a log: bounded, without control characters or empty lines. */
export function lastLines(text: string): string[] {
  return text
    .split(/[\r\n]+/)
    .map(line => line.replace(/\x1b\[[0-9;]*[A-Za-z]/g, '').replace(/[\x00-\x1f\x7f-\x9f]/g, ' ').trimEnd())
    .filter(line => line.trim() !== '')
    .slice(-saidLinesMax)
    .map(line => (line.length > saidLineCharsMax ? `${line.slice(0, saidLineCharsMax)}…` : line))
}
