/**
 * Keeps a HostNetwork true: one `ip monitor` for the news, and full looks for what news may have missed.
 *
 *     started, and 50 and 500 ms later → look   (nobody says when the monitor has begun to listen)
 *     line not understood, stderr      → look   (the kernel drops news when a reader is slow, and says so)
 *     every 30 s                       → look   (whatever else may have gone wrong)
 *     monitor ended                    → look, and another after a pause: 20 ms, doubling up to 5 s
 *
 * Invariants
 *  1. At most one look and one monitor run at a time; a look that was asked for during another follows it.
 *  2. After `close` nothing runs and no callback is made.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { elapsed, millis, type Instant, type Millis } from '../base/units.js'
import type { Clock, Scheduled } from '../port/clock.js'
import { atOrdinaryPriority } from '../process/ordinary.js'
import { runCommand, type RunningCommand } from './command.js'
import type { HostNetwork } from './host-network.js'
import { LineReader } from './line-reader.js'

export interface MonitorOptions {
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string>>
  readonly network: HostNetwork
  /** Something changed, or a look has ended; `network` has it. */
  onChange(): void
  onNote(level: 'info' | 'warn' | 'error', text: string): void
}

const backstopMs = millis(30_000)
const lookAfterStartMs = [millis(50), millis(500)]
const lookLimitMs = millis(5_000)
/** Looks that follow each other at once, when the news never stop, leave the processor this much room. */
const lookGapMs = millis(5)
const pauseMinMs = 20
const pauseMaxMs = 5_000
/** A monitor that lived this long was well: its successor starts without a pause. */
const wellMs = 10_000
/** Ends the monitor with the daemon, however that ends; of util-linux. */
const setpriv = '/usr/bin/setpriv'

export class Monitor {
  readonly #options: MonitorOptions
  readonly #timers = new Set<Scheduled>()
  #child: ChildProcess | null = null
  #startedAt: Instant | null = null
  #pauseMs = pauseMinMs
  #deaths = 0
  #look: RunningCommand | null = null
  /** Looks are counted: what must be seen in full from now on is known when the look of the number given has ended. */
  #looksBegun = 0
  #looksEnded = 0
  #looksWanted = 0
  #isClosed = false
  #lookTrouble = ''

  constructor(options: MonitorOptions) {
    this.#options = options
  }

  open(): void {
    this.#start()
    this.#later(backstopMs, () => this.#backstop())
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.#child?.kill('SIGKILL')
    this.#look?.end()
  }

  /** The monitor's process, for tests; null between two. */
  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  /** The number of the last look that has ended. */
  get looks(): number {
    return this.#looksEnded
  }

  /** Begins a look, now or after the one under way. Returns the number of the first look that sees everything done until now. */
  look(): number {
    this.#looksWanted = this.#looksBegun + 1
    if (!this.#isClosed && this.#look === null) this.#beginLook()
    return this.#looksWanted
  }

  #beginLook(): void {
    const { clock, environment, network } = this.#options
    this.#looksBegun += 1
    const number = this.#looksBegun
    network.beginLook()
    this.#look = runCommand(['ip', '-json', 'address', 'show'], { clock, environment, limitMs: lookLimitMs }, end => {
      this.#look = null
      if (this.#isClosed) return
      const isComplete = network.endLook(end.exitCode === 0 ? end.stdout : null)
      this.#noteTrouble(end.exitCode === 0 ? '' : end.trouble)
      if (end.exitCode === 0) this.#looksEnded = number
      // A look that failed is repeated, too, but the host gets time to recover.
      const isMoreWanted = !isComplete || this.#looksWanted > number
      if (isMoreWanted) this.#later(end.exitCode === 0 ? lookGapMs : millis(pauseMaxMs), () => this.look())
      if (end.exitCode === 0) this.#options.onChange()
    })
  }

  #start(): void {
    const words = ['ip', '-oneline', 'monitor', 'link', 'address']
    const [program = '', ...rest] = existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', ...words] : words
    const { file, args } = atOrdinaryPriority(program, rest, this.#options.environment['PATH'])
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...this.#options.environment }, cwd: '/' })
    this.#child = child
    this.#startedAt = this.#options.clock.monotonic()
    const lines = new LineReader(line => this.#onLine(line), () => this.look())
    child.stdout.on('data', (chunk: Buffer) => lines.take(chunk))
    child.stderr.on('data', () => this.look())
    let isOver = false
    const ended = (why: string): void => {
      if (isOver) return
      isOver = true
      this.#onMonitorEnd(why)
    }
    child.on('error', error => ended(error.message))
    // `exit`, not `close`: nobody else writes into this pipe, and the successor should not wait for its end.
    child.on('exit', (code, signal) => ended(`ended with ${signal ?? code ?? 'no status'}`))
    this.look()
    for (const delay of lookAfterStartMs) this.#later(delay, () => this.look())
  }

  #onLine(line: string): void {
    if (this.#isClosed || line === '') return
    const answer = this.#options.network.apply(line)
    if (answer === 'look') this.look()
    if (answer === 'changed') this.#options.onChange()
  }

  #onMonitorEnd(why: string): void {
    this.#child = null
    if (this.#isClosed) return
    this.look()
    const { clock, onNote } = this.#options
    const livedMs = this.#startedAt === null ? 0 : elapsed(this.#startedAt, clock.monotonic())
    this.#pauseMs = livedMs >= wellMs ? pauseMinMs : Math.min(this.#pauseMs * 2, pauseMaxMs)
    this.#deaths += 1
    // The first is told, and then each time their number has doubled.
    if ((this.#deaths & (this.#deaths - 1)) === 0) onNote('warn', `ip monitor ${why} (${this.#deaths} so far); started again, meanwhile changes of addresses and interfaces are noticed late`)
    this.#later(millis(this.#pauseMs), () => this.#start())
  }

  #backstop(): void {
    this.look()
    this.#later(backstopMs, () => this.#backstop())
  }

  #noteTrouble(trouble: string): void {
    if (trouble !== '' && this.#lookTrouble === '') this.#options.onNote('error', `The addresses of this host cannot be listed: ${trouble}`)
    this.#lookTrouble = trouble
  }

  #later(delay: Millis, callback: () => void): void {
    const timer = this.#options.clock.schedule(delay, () => {
      this.#timers.delete(timer)
      if (!this.#isClosed) callback()
    })
    this.#timers.add(timer)
  }
}
