/**
 * Runs one call of a fencing program: its own process group, a fixed environment, what it reads and what it says in
 * files of ours, and a limit at which the whole group is ended.
 *
 * Passwords travel on stdin or in the environment, never in arguments, which every user of the machine can list. Stdin
 * is an unlinked file and not a pipe: cluster-glue opens it by name (/dev/stdin), which a pipe of Node's does not allow.
 *
 * Invariants
 *  1. `run` ends within the limit, the grace and what process-family.ts adds; it never rejects.
 *  2. Output is bounded in memory and on the tmpfs.
 *
 * Not here: what an exit status means (fence-agent.ts, cluster-glue.ts).
 */

import { writeSync } from 'node:fs'
import { execa } from 'execa'
import { endFamily } from '../agent/process-family.js'
import { lastLines, OutputFile } from '../agent/output-file.js'
import { elapsed, millis, type Instant, type Millis } from '../base/units.js'
import type { Clock, Scheduled } from '../port/clock.js'
import { atOrdinaryPriority } from '../process/ordinary.js'

export interface ChildRequest {
  readonly path: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly input?: string
  readonly until: Instant
  readonly signal: AbortSignal
  /** Takes passwords out of what the program said. */
  readonly scrub: (text: string) => string
}

export interface ChildResult {
  readonly ending: 'exited' | 'limit' | 'aborted' | 'not-started'
  /** null unless `exited` by itself without a signal. */
  readonly exitCode: number | null
  /** The first part of stdout. */
  readonly text: string
  /** How it ended and its last words, for an operator: `exit status 1: Login failed`. */
  readonly said: string
}

const textBytesMax = 64 * 1024
const saidBytesMax = 4 * 1024
const saidLinesMax = 2
const trimMs = millis(100)
const environment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/', HA_LOGD: 'no', HA_LOGFACILITY: 'none'
}

export interface ChildrenOptions {
  readonly clock: Clock
  /** A tmpfs, for files that are unlinked at once. */
  readonly runDir: string
  /** Between TERM and KILL. */
  readonly graceMs: Millis
}

export class Children {
  readonly #options: ChildrenOptions
  readonly #living = new Set<number>()

  constructor(options: ChildrenOptions) {
    this.#options = options
  }

  async run(request: ChildRequest): Promise<ChildResult> {
    const files: OutputFile[] = []
    try {
      return await this.#run(request, files)
    } catch (error) {
      return result('not-started', null, '', request.scrub(`it could not be run: ${error instanceof Error ? error.message : String(error)}`))
    } finally {
      for (const file of files) file.close()
    }
  }

  /** Ends all children now, without grace: nobody will collect their words. */
  close(): void {
    for (const leader of this.#living) {
      try {
        process.kill(-leader, 'SIGKILL')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // it ended by itself
      }
    }
  }

  async #run(request: ChildRequest, files: OutputFile[]): Promise<ChildResult> {
    const { clock } = this.#options
    const startedAt = clock.monotonic()
    const limitMs = millis(Math.max(0, elapsed(startedAt, request.until)))
    if (request.signal.aborted) return result('aborted', null, '', 'it was not begun')
    if (limitMs === 0) return result('limit', null, '', 'no time was left to begin')
    const open = (): OutputFile => {
      const file = OutputFile.open([this.#options.runDir, '/dev/shm', '/tmp'])
      if (file === null) throw new Error('no file for its output could be opened')
      files.push(file)
      return file
    }
    const [output, errors] = [open(), open()]
    const input = request.input === undefined ? null : open()
    // At a position: the descriptor's own place stays at the beginning, where the child goes on to read.
    if (input !== null) writeSync(input.fd, request.input ?? '', 0)
    const trimming = this.#trimWhileRunning([output, errors])
    try {
      const surroundings = { ...environment, ...request.environment }
      const { file, args } = atOrdinaryPriority(request.path, request.args, surroundings['PATH'])
      const child = execa(file, args, {
        detached: true, cleanup: false, reject: false, buffer: false, stripFinalNewline: false, extendEnv: false, preferLocal: false,
        shell: false, forceKillAfterDelay: false, cwd: '/',
        env: surroundings,
        stdin: input === null ? 'ignore' : descriptor(input), stdout: descriptor(output), stderr: descriptor(errors)
      })
      const leader = child.pid
      if (leader !== undefined) this.#living.add(leader)
      try {
        const ended = await this.#first(child, limitMs, request.signal)
        const words = (): string => request.scrub(lastWords(errors, output))
        if (typeof ended === 'string') {
          const family = leader === undefined ? null : await endFamily({ leader, graceMs: this.#options.graceMs, clock })
          const how = ended === 'limit' ? `it did not end within ${Math.round(limitMs)} ms and was ended` : 'it was ended before it was done'
          return result(ended, null, '', joined([how, ...(family === null || family.left.length === 0 ? [] : family.notes.slice(-1))].join('; '), words()))
        }
        if (ended.exitCode === undefined && ended.signal === undefined) return result('not-started', null, '', request.scrub(ended.shortMessage ?? 'it could not be executed'))
        if (ended.exitCode === undefined) return result('exited', null, '', joined(`it was ended by ${ended.signal ?? 'a signal'}`, words()))
        return result('exited', ended.exitCode, output.head(textBytesMax), joined(`exit status ${ended.exitCode}`, words()))
      } finally {
        if (leader !== undefined) this.#living.delete(leader)
      }
    } finally {
      trimming.cancel()
    }
  }

  #first<T>(promise: Promise<T>, limitMs: Millis, signal: AbortSignal): Promise<T | 'limit' | 'aborted'> {
    let timer: Scheduled | null = null
    let onAbort = (): void => undefined
    const other = new Promise<'limit' | 'aborted'>(resolve => {
      timer = this.#options.clock.schedule(limitMs, () => resolve('limit'))
      onAbort = () => resolve('aborted')
      signal.addEventListener('abort', onAbort, { once: true })
    })
    return Promise.race([promise, other]).finally(() => {
      timer?.cancel()
      signal.removeEventListener('abort', onAbort)
    })
  }

  #trimWhileRunning(files: readonly OutputFile[]): Scheduled {
    let isOver = false
    let timer: Scheduled
    const look = (): void => {
      for (const file of files) file.trim()
      if (!isOver) timer = this.#options.clock.schedule(trimMs, look)
    }
    timer = this.#options.clock.schedule(trimMs, look)
    return {
      cancel: () => {
        isOver = true
        timer.cancel()
      }
    }
  }
}

const result = (ending: ChildResult['ending'], exitCode: number | null, text: string, said: string): ChildResult => ({ ending, exitCode, text, said })

const joined = (how: string, words: string): string => (words === '' ? how : `${how}: ${words}`)

/** The last different lines, without what Python's tools add to each of their errors. */
function lastWords(errors: OutputFile, output: OutputFile): string {
  const lines = lastLines(`${output.tail(saidBytesMax)}\n${errors.tail(saidBytesMax)}`)
    .map(line => line.replace(/^[0-9-]+ [0-9:,]+ (?=[A-Z]+: )/, '').replace(/^(?:WARNING|ERROR|INFO)(?::root)?: ?/, '').trim())
    .filter(line => !/DeprecationWarning|^from pipes import|Please use '-h' for usage/.test(line))
  return [...new Set(lines)].slice(-saidLinesMax).join(' / ')
}

/** execa passes any descriptor on to the child; its types name the first ten alone, hence the cast. */
const descriptor = (file: OutputFile): 3 => file.fd as 3
