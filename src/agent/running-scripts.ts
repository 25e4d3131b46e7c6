/**
 * Notes on the tmpfs which scripts run, for whoever comes after a daemon that did not see their end: killed by hand or by
 * the kernel's memory killer, or ended by a fault of its own. Such a script runs on, and beside it nobody may judge what
 * the resource does, start it, or leave it to the other node. The next life ends it first (runner.ts), and where none comes
 * the sentry does (bin/heartbeat-sentry).
 *
 * One file for each script, named by its process; in it, when that began (in the kernel's ticks since boot, so that a number
 * given away again is not mistaken for it), and what it does. A script counts as long as its first process is there: an
 * operation is over when the script ends, whatever it left behind.
 *
 * Not here: a kill in the few microseconds between a script's beginning and its note.
 */

import { mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isGone, statOf } from '../process/life.js'

export interface RunningScript {
  readonly pid: number
  /** Ticks since boot. */
  readonly startedAt: number
  readonly operation: string
  /** The resource, as in haresources. */
  readonly word: string
}

/** In the run directory; bin/heartbeat-sentry reads it, too. */
const folderName = 'scripts'

export class RunningScripts {
  readonly #folder: string

  constructor(runDir: string) {
    this.#folder = join(runDir, folderName)
  }

  /** Throws what the file system says when it is full or not there. */
  note(pid: number, operation: string, word: string): void {
    const stat = statOf(pid)
    if (stat === null) return // gone already
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    writeFileSync(this.#file(pid), `${stat.startedAt} ${operation} ${word}\n`, { mode: 0o600 })
  }

  forget(pid: number): void {
    try {
      unlinkSync(this.#file(pid))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }

  /** Those of earlier lives that still run; the notes of all others are taken away. */
  leftBehind(): readonly RunningScript[] {
    return this.#noted().flatMap(pid => {
      const [, startedAt, operation = '', word = ''] = /^(\d+) (\S+) (.*)$/m.exec(readFileSync(this.#file(pid), 'utf8')) ?? []
      const script = { pid, startedAt: Number(startedAt), operation, word }
      if (isRunning(script)) return [script]
      this.forget(pid)
      return []
    })
  }

  #noted(): readonly number[] {
    try {
      return readdirSync(this.#folder).flatMap(name => (/^\d+$/.test(name) ? [Number(name)] : []))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }

  #file(pid: number): string {
    return join(this.#folder, String(pid))
  }
}

export function isRunning({ pid, startedAt }: RunningScript): boolean {
  const stat = statOf(pid)
  return stat !== null && !isGone(stat) && stat.startedAt === startedAt
}
