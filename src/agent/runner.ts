/**
 * Runs one operation of a resource script as a child process and says how it ended. Implements port/agent-runner.ts.
 *
 * A script is a guest that may misbehave in every way: hang, fork, ignore signals, talk without end, leave a daemon
 * behind. So it gets its own process group, a fixed environment, a file of ours to talk into, and a time limit after
 * which the whole group is ended. An operation is over when the *script* ends, never when its output does.
 *
 * Invariants
 *  1. `run` always resolves, at the latest `timeoutMs` plus the grace of process-family.ts; it never rejects.
 *  2. At most `childrenMax` scripts run at once; time spent in line counts against the limit.
 *  3. To begin a child takes milliseconds in which nothing else happens: one a turn of the event loop.
 *  4. Nothing is run before the scripts that a killed daemon left behind were ended, and nothing on a resource beside a
 *     script that cannot be ended (running-scripts.ts).
 *  5. What a script says is bounded, in memory and on the tmpfs, while it runs and as long as its daemon keeps talking.
 *
 * Not here: the order of operations, retries, what a failure means (resource/).
 * Sources: style B10 (measured); reference on resource agents, 1.2 to 1.7. execa's own `timeout`, `cancelSignal` and
 * `forceKillAfterDelay` are off: they signal the leader alone.
 */

import { execa } from 'execa'
import { elapsed, millis, type Instant, type Millis } from '../base/units.js'
import type { ResourceSpec } from '../config/types.js'
import type { AgentOutcome, AgentRequest, AgentResultKind, AgentRunner } from '../port/agent-runner.js'
import type { Clock, Scheduled } from '../port/clock.js'
import { atOrdinaryPriority } from '../process/ordinary.js'
import { operationEnvironment } from './environment.js'
import { locateScript, type LocatedScript, type SearchFolder } from './locate.js'
import { lastLines, OutputFile } from './output-file.js'
import { RunningScripts } from './running-scripts.js'
import { Slots } from './slots.js'
import { readStatus } from './status-words.js'

export interface AgentRunnerOptions {
  readonly clock: Clock
  readonly searchPath: readonly SearchFolder[]
  /** From `baseEnvironment`. */
  readonly environment: Readonly<Record<string, string>>
  /** Where output files are opened (and unlinked at once); a tmpfs. */
  readonly runDir: string
  /** Between TERM and KILL at the time limit. */
  readonly graceMs?: Millis
  readonly childrenMax?: number
  /** Told in a sentence each: what an earlier life left behind, what cannot be noted. */
  readonly onTrouble?: (sentence: string) => void
}

export interface ScriptRunner extends AgentRunner {
  /** True when the resource is served by one of the project's own scripts: `start` is idempotent, no `status` is needed before it. */
  isOwnScript(resource: ResourceSpec): boolean
  /** Kills at once what is starting one of these resources (as written in haresources); `run` tells its end as ever. */
  killStarts(words: ReadonlySet<string>): void
  /** Closes the output files kept for services that were started. Running operations are not touched: abort those first. */
  close(): void
}

const childrenMaxDefault = 64
const waitingMax = 1024
const graceMsDefault = millis(1000)
/** How often a running script's output is looked at, and how often that of services left behind. */
const trimWhileRunningMs = millis(100)
const trimLeftBehindMs = millis(60_000)
/** Linux-HA matched all of a status text; this much of it is more than any script means. */
const statusBytesMax = 64 * 1024
const saidBytesMax = 16 * 1024
/** Output files kept open for started services; the oldest is let go first. */
const keptFilesMax = 256

export function createAgentRunner(options: AgentRunnerOptions): ScriptRunner {
  return new ProcessRunner(options)
}

type Ending =
  | { readonly kind: 'exited'; readonly exitCode: number | null; readonly signal: string | null; readonly trouble: string | null }
  | { readonly kind: 'limit' }
  | { readonly kind: 'aborted' }

class ProcessRunner implements ScriptRunner {
  readonly #options: AgentRunnerOptions
  readonly #clock: Clock
  readonly #slots: Slots
  /** One output file for each resource whose `start` may have left a service holding it. */
  readonly #kept = new Map<string, OutputFile>()
  readonly #running: RunningScripts
  readonly #earlier: Promise<void>
  #trimmer: Scheduled | null = null
  #lastTurn = Promise.resolve()

  constructor(options: AgentRunnerOptions) {
    this.#options = options
    this.#clock = options.clock
    const { clock, graceMs = graceMsDefault, onTrouble, runDir } = options
    this.#running = new RunningScripts({ clock, runDir, graceMs, onTrouble: sentence => onTrouble?.(sentence) })
    this.#earlier = this.#running.endLeftBehind()
    this.#slots = new Slots({ slots: options.childrenMax ?? childrenMaxDefault, waitingMax })
  }

  async run(request: AgentRequest, { signal }: { readonly signal: AbortSignal }): Promise<AgentOutcome> {
    const startedAt = this.#clock.monotonic()
    try {
      return await this.#run(request, signal, startedAt)
    } catch (error) {
      // The caller acts on outcomes only: an unforeseen error of the operating system is a failed operation.
      return this.#outcome('failed', startedAt, { said: [`the operation could not be run: ${String(error)}`] })
    }
  }

  isOwnScript(resource: ResourceSpec): boolean {
    return locateScript(resource.type, this.#options.searchPath)?.own ?? false
  }

  killStarts(words: ReadonlySet<string>): void {
    this.#running.killStarts(words)
  }

  close(): void {
    this.#trimmer?.cancel()
    this.#trimmer = null
    for (const file of this.#kept.values()) file.close()
    this.#kept.clear()
  }

  async #run(request: AgentRequest, signal: AbortSignal, startedAt: Instant): Promise<AgentOutcome> {
    const { operation, resource } = request
    const script = operation === 'announce' ? this.#announcer(resource) : locateScript(resource.type, this.#options.searchPath)
    if (script === 'nothing-to-announce') return this.#outcome('ok', startedAt, {})
    if (script === null) {
      const folders = this.#options.searchPath.map(folder => folder.path).join(', ')
      return this.#outcome('not-installed', startedAt, { said: [`no executable script ${JSON.stringify(resource.type)} in ${folders}`] })
    }
    const earlier = await this.#first(this.#earlier, this.#remaining(request, startedAt), signal)
    if (earlier !== undefined) return this.#outcome(earlier.kind === 'aborted' ? 'cancelled' : 'timed-out', startedAt, { said: ['scripts of an earlier life of this daemon are still being ended'] })
    const canWait = operation !== 'status'
    const stuck = await this.#running.untilFree(resource.word, { limitMs: canWait ? this.#remaining(request, startedAt) : millis(0), signal })
    if (stuck.length > 0) return this.#outcome(signal.aborted ? 'cancelled' : canWait ? 'timed-out' : 'failed', startedAt, { said: stuck })
    if (signal.aborted) return this.#outcome('cancelled', startedAt, {})

    const slot = this.#slots.acquire()
    if (slot === null) return this.#outcome('failed', startedAt, { said: [`more than ${waitingMax} operations wait to be run`] })
    if (slot !== 'now') {
      const turn = await this.#first(slot.granted.then((): 'granted' => 'granted'), this.#remaining(request, startedAt), signal)
      if (turn !== 'granted') {
        slot.leave()
        const kind = turn.kind === 'aborted' ? 'cancelled' : 'timed-out'
        return this.#outcome(kind, startedAt, { said: ['the operation was never begun: too many others were running'] })
      }
    }
    try {
      await this.#ownTurn()
      if (signal.aborted) return this.#outcome('cancelled', startedAt, {})
      return await this.#perform(request, script, signal, startedAt)
    } finally {
      this.#slots.release()
    }
  }

  /** A turn of the event loop in which nobody else of ours begins a child. */
  #ownTurn(): Promise<void> {
    this.#lastTurn = this.#lastTurn.then(() => new Promise(resolve => setImmediate(resolve)))
    return this.#lastTurn
  }

  async #perform(request: AgentRequest, script: LocatedScript, signal: AbortSignal, startedAt: Instant): Promise<AgentOutcome> {
    const { operation, resource } = request
    const folders = [this.#options.runDir, '/dev/shm', '/tmp']
    const output = OutputFile.open(folders)
    // Status words are read from stdout alone; of the other operations the order of the lines matters more.
    const errors = operation === 'status' ? OutputFile.open(folders) : output
    const files = [...new Set([output, errors])].filter(file => file !== null)
    const trimming = this.#trimWhileRunning(files)
    try {
      const remainingMs = this.#remaining(request, startedAt)
      const environment = { ...operationEnvironment(this.#options.environment, { style: script.style, remainingMs }), ...request.variables }
      const { file, args } = atOrdinaryPriority(script.path, [...resource.args, operation], environment['PATH'])
      const child = execa(file, args, {
        detached: true,
        cleanup: false,
        reject: false,
        buffer: false,
        stripFinalNewline: false,
        extendEnv: false,
        preferLocal: false,
        shell: false,
        forceKillAfterDelay: false,
        cwd: '/',
        env: environment,
        stdin: 'ignore',
        stdout: descriptorOption(output),
        stderr: descriptorOption(errors)
      })
      if (child.pid !== undefined) this.#running.begun(child.pid, request)
      const exited = child.then((result): Ending => ({
        kind: 'exited',
        exitCode: result.exitCode ?? null,
        signal: result.signal ?? null,
        trouble: result.exitCode === undefined && result.signal === undefined ? (result.shortMessage ?? 'it could not be executed') : null
      }))
      const ending = await this.#first(exited, remainingMs, signal)
      if (ending.kind === 'exited') {
        if (child.pid !== undefined) await this.#running.afterExit(child.pid, request, ending.signal)
        return this.#settled(request, script, startedAt, ending, output, errors)
      }
      const family = child.pid === undefined ? { notes: [] } : await this.#running.end(child.pid, request)
      const reason = ending.kind === 'limit' ? `${operation} did not end within ${request.timeoutMs} ms` : `${operation} was cancelled`
      return this.#outcome(ending.kind === 'limit' ? 'timed-out' : 'cancelled', startedAt, {
        said: [...this.#said(files), reason, ...family.notes]
      })
    } finally {
      trimming.cancel()
      if (operation === 'start' && output !== null) this.#keep(resource.word, output)
      else for (const file of files) file.close()
    }
  }

  #settled(
    request: AgentRequest,
    script: LocatedScript,
    startedAt: Instant,
    ending: Extract<Ending, { kind: 'exited' }>,
    output: OutputFile | null,
    errors: OutputFile | null
  ): AgentOutcome {
    const { exitCode, signal } = ending
    const said = this.#said(output === errors ? [output] : [output, errors])
    if (ending.trouble !== null) return this.#outcome('failed', startedAt, { exitCode, signal, said: [...said, `${script.path}: ${ending.trouble}`] })
    if (request.operation === 'status') {
      const reading = readStatus({ text: output?.head(statusBytesMax) ?? '', exitCode, own: script.own })
      return this.#outcome(reading.kind, startedAt, { exitCode, signal, said: reading.note === null ? said : [...said, reading.note] })
    }
    return this.#outcome(exitCode === 0 ? 'ok' : 'failed', startedAt, { exitCode, signal, said })
  }

  /** What announces a resource: our own scripts alone, since no other has the operation. */
  #announcer(resource: ResourceSpec): LocatedScript | null | 'nothing-to-announce' {
    const type = announcerOf(resource.type)
    if (type === null) return 'nothing-to-announce'
    return locateScript(type, this.#options.searchPath.filter(folder => folder.own))
  }

  /** The promise's value, or which came first: the end of the limit or the caller's abort. */
  #first<T>(promise: Promise<T>, limitMs: Millis, signal: AbortSignal): Promise<T | { readonly kind: 'limit' } | { readonly kind: 'aborted' }> {
    const { promise: other, resolve } = deferred<{ readonly kind: 'limit' } | { readonly kind: 'aborted' }>()
    const onAbort = (): void => resolve({ kind: 'aborted' })
    const timer = this.#clock.schedule(limitMs, () => resolve({ kind: 'limit' }))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort() // aborted before we listened
    return Promise.race([promise, other]).finally(() => {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
    })
  }

  #remaining(request: AgentRequest, startedAt: Instant): Millis {
    return millis(Math.max(0, request.timeoutMs - elapsed(startedAt, this.#clock.monotonic())))
  }

  #said(files: readonly (OutputFile | null)[]): string[] {
    const lines = lastLines(files.map(file => file?.tail(saidBytesMax) ?? '').join('\n'))
    const droppedBytes = files.reduce((sum, file) => sum + (file?.droppedBytes ?? 0), 0)
    return droppedBytes === 0 ? lines : [`(${droppedBytes} bytes of earlier output were dropped)`, ...lines]
  }

  #trimWhileRunning(files: readonly OutputFile[]): Scheduled {
    let isOver = false
    let timer: Scheduled
    const look = (): void => {
      for (const file of files) file.trim()
      if (!isOver) timer = this.#clock.schedule(trimWhileRunningMs, look)
    }
    timer = this.#clock.schedule(trimWhileRunningMs, look)
    return {
      cancel: () => {
        isOver = true
        timer.cancel()
      }
    }
  }

  /** A started service may go on writing into the unlinked file: we keep the descriptor to be able to empty it. */
  #keep(word: string, output: OutputFile): void {
    this.#kept.get(word)?.close()
    this.#kept.delete(word)
    this.#kept.set(word, output)
    const oldest = this.#kept.keys().next()
    if (this.#kept.size > keptFilesMax && oldest.done !== true) {
      this.#kept.get(oldest.value)?.close()
      this.#kept.delete(oldest.value)
    }
    this.#trimmer ??= this.#clock.schedule(trimLeftBehindMs, () => this.#trimLeftBehind())
  }

  #trimLeftBehind(): void {
    for (const file of this.#kept.values()) file.trim()
    this.#trimmer = this.#clock.schedule(trimLeftBehindMs, () => this.#trimLeftBehind())
  }

  #outcome(
    kind: AgentResultKind,
    startedAt: Instant,
    detail: { readonly exitCode?: number | null; readonly signal?: string | null; readonly said?: readonly string[] }
  ): AgentOutcome {
    return {
      kind,
      exitCode: detail.exitCode ?? null,
      signal: detail.signal ?? null,
      durationMs: elapsed(startedAt, this.#clock.monotonic()),
      said: detail.said ?? []
    }
  }
}

/** The type of our script that announces resources of this type, or null when there is nothing to announce. */
function announcerOf(type: string): 'IPaddr2' | 'SendArp' | null {
  switch (type) {
    case 'IPaddr':
    case 'IPaddr2':
    case 'IPv6addr':
      return 'IPaddr2'
    case 'SendArp':
      return 'SendArp'
    default:
      return null
  }
}

/** execa passes any descriptor on to the child; its types name the first ten alone, hence the cast. */
function descriptorOption(file: OutputFile | null): 3 | 'ignore' {
  return file === null ? 'ignore' : (file.fd as 3)
}

function deferred<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let settle: (value: T) => void = () => undefined
  const promise = new Promise<T>(resolve => (settle = resolve))
  return { promise, resolve: value => settle(value) }
}
