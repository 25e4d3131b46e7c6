/**
 * Knows which scripts run, and which could not be ended, in this life of the daemon and in those before.
 *
 * Two things may still be at work on a resource that nobody waits for any more:
 *  - a script of a daemon that died without seeing its end (killed by hand, by the kernel's memory killer, by a fault of its
 *    own). The next life ends it before anything else, or the sentry where none comes (bin/heartbeat-sentry).
 *  - a process that not even SIGKILL ended, as it waits in the kernel for a disk. It may yet do what it was about to, such as
 *    mount. What follows on its resource waits for it; without that a group would count as released, and be given away.
 *
 * So each running script has a file on the tmpfs, named by its process; in it, when that began (so that a number given away
 * again is not mistaken for it), and what it does. It counts as long as its first process is there: an operation is over when
 * the script ends, whatever it left behind. Of one that could not be ended each process that is left has a file.
 *
 * Not here: a kill in the few microseconds between a script's beginning and its note.
 */

import { mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, millis, type Millis } from '../base/units.js'
import type { AgentRequest } from '../port/agent-runner.js'
import type { Clock } from '../port/clock.js'
import { isGone, lifeOf, statOf, type ProcessStat } from '../process/life.js'
import { endFamily, livingMembers, pause, signalGroup, type EndedFamily } from './process-family.js'

export interface RunningScriptsOptions {
  readonly clock: Clock
  readonly runDir: string
  /** Between TERM and KILL. */
  readonly graceMs: Millis
  onTrouble(sentence: string): void
}

/** One process. */
interface RunningScript {
  readonly pid: number
  /** Ticks since boot. */
  readonly startedAt: number
  readonly operation: string
  /** The resource, as in haresources. */
  readonly word: string
}

/** In the run directory; bin/heartbeat-sentry reads it, too. */
const folderName = 'scripts'
const pollMs = millis(100)

export class RunningScripts {
  readonly #options: RunningScriptsOptions
  readonly #folder: string
  readonly #running = new Map<number, RunningScript>()
  #stuck: readonly RunningScript[] = []

  constructor(options: RunningScriptsOptions) {
    this.#options = options
    this.#folder = join(options.runDir, folderName)
  }

  /** Ends what earlier lives left running; to be called once, before anything is begun. Never rejects. */
  async endLeftBehind(): Promise<void> {
    const { onTrouble } = this.#options
    try {
      const left = this.#leftBehind()
      await Promise.all(
        left.map(async script => {
          const family = await this.#end(script, statOf(script.pid)?.processGroup ?? script.pid)
          onTrouble([`${textOf(script)}, begun by an earlier life of this daemon, ${family.left.length === 0 ? 'was still running: ended' : 'cannot be ended'}`, ...family.notes].join('; '))
        })
      )
    } catch (error) {
      onTrouble(`what an earlier life of this daemon has left running cannot be ended: ${String(error)}`)
    }
  }

  begun(pid: number, { operation, resource }: AgentRequest): void {
    const stat = statOf(pid)
    if (stat === null) return
    const script = { pid, startedAt: stat.startedAt, operation, word: resource.word }
    this.#running.set(pid, script)
    this.#note(script)
  }

  /** The script has ended. One that was killed did not end what it had begun. */
  async afterExit(pid: number, request: AgentRequest, signal: string | null): Promise<void> {
    if (signal === null) this.#ended(pid)
    else await this.end(pid, request)
  }

  /** Kills, without waiting for anything, what is starting one of these resources. */
  killStarts(words: ReadonlySet<string>): void {
    for (const { operation, pid, word } of this.#running.values()) if (operation === 'start' && words.has(word)) signalGroup(pid, 'SIGKILL')
  }

  /** Ends a script that leads its process group, with everything it started. */
  async end(pid: number, { operation, resource }: AgentRequest): Promise<EndedFamily> {
    return this.#end({ pid, startedAt: statOf(pid)?.startedAt ?? 0, operation, word: resource.word }, pid)
  }

  /** Waits until nothing that could not be ended is at work on the resource; what still is when the time is over, a sentence each. */
  async untilFree(word: string, { limitMs, signal }: { readonly limitMs: Millis; readonly signal: AbortSignal }): Promise<readonly string[]> {
    const { clock } = this.#options
    const until = after(clock.monotonic(), limitMs)
    for (;;) {
      const stuck = this.#stuckOn(word)
      if (stuck.length === 0) return []
      if (signal.aborted || clock.monotonic() >= until) return stuck.map(script => `${textOf(script)} cannot be ended: it waits in the kernel`)
      await pause(clock, pollMs)
    }
  }

  #ended(pid: number): void {
    this.#running.delete(pid)
    try {
      unlinkSync(this.#file(pid))
    } catch (error) {
      // What stays is harmless: a next life finds that no such process is there.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#options.onTrouble(`the note of a script that has ended stays: ${String(error)}`)
    }
  }

  async #end(script: RunningScript, processGroup: number): Promise<EndedFamily> {
    const { clock, graceMs } = this.#options
    const family = await endFamily({ leader: processGroup, graceMs, clock })
    this.#ended(script.pid)
    // One that only looks changes nothing, whenever it goes on.
    if (script.operation !== 'start' && script.operation !== 'stop') return family
    for (const pid of family.left) {
      const startedAt = statOf(pid)?.startedAt
      if (startedAt === undefined || this.#stuck.some(one => one.pid === pid)) continue
      const stuck = { ...script, pid, startedAt }
      this.#stuck = [...this.#stuck, stuck]
      this.#note(stuck)
    }
    return family
  }

  #stuckOn(word: string): readonly RunningScript[] {
    const found = this.#stuck.filter(one => one.word === word)
    const gone = found.filter(one => !isThere(one, statOf(one.pid)))
    for (const one of gone) this.#ended(one.pid)
    this.#stuck = this.#stuck.filter(one => !gone.includes(one))
    return found.filter(one => !gone.includes(one))
  }

  #note(script: RunningScript): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      writeFileSync(this.#file(script.pid), `${script.startedAt} ${script.operation} ${script.word}\n`, { mode: 0o600 })
    } catch (error) {
      this.#options.onTrouble(`${textOf(script)} runs, which cannot be noted for a next life of this daemon: ${String(error)}`)
    }
  }

  /** Those that still run; the notes of all others are taken away. */
  #leftBehind(): readonly RunningScript[] {
    return this.#noted().flatMap(pid => {
      const [, startedAt, operation = '', word = ''] = /^(\d+) (\S+) (.*)$/m.exec(readFileSync(this.#file(pid), 'utf8')) ?? []
      const script = { pid, startedAt: Number(startedAt), operation, word }
      const stat = statOf(pid)
      if (isThere(script, stat) || ((stat === null || isGone(stat)) && isKilledInPart(pid))) return [script]
      this.#ended(pid)
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

/** It was killed with what it began, and a part of that is still there. What a script leaves behind in order was not killed. */
const isKilledInPart = (leader: number): boolean => livingMembers(leader).some(({ pid }) => lifeOf(pid) === 'ending')

const textOf = ({ operation, pid, word }: RunningScript): string => `${operation} of ${word} (pid ${pid})`

const isThere = ({ startedAt }: RunningScript, stat: ProcessStat | null): boolean => stat !== null && !isGone(stat) && stat.startedAt === startedAt
