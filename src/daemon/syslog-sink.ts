/**
 * Hands lines to syslog through one long-lived `logger` of util-linux, which owns the socket and the waiting.
 *
 * The daemon only writes to a pipe that Node buffers, so a stopped syslog never holds it up: beyond `unsentBytesMax` lines
 * are counted and dropped. A logger that ends (no /dev/log yet, killed) is started again after a while.
 */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { millis } from '../base/units.js'
import type { Clock, Scheduled } from '../port/clock.js'
import { atOrdinaryPriority } from '../process/ordinary.js'

const unsentBytesMax = 256 * 1024
const restartMs = millis(30_000)

/** Severities of syslog (RFC 5424, table 2) for our levels. */
const severities = { debug: 7, info: 6, warn: 4, error: 3, crit: 2 } as const

export interface SyslogSinkOptions {
  readonly facility: string
  readonly clock: Clock
  /** The program and its first arguments; tests put a recorder here. */
  readonly command?: readonly [string, ...string[]]
}

export class SyslogSink {
  readonly #options: SyslogSinkOptions
  #child: ChildProcess | null = null
  #restart: Scheduled | null = null
  #isClosed = false
  #lost = 0

  constructor(options: SyslogSinkOptions) {
    this.#options = options
    this.#start()
  }

  get lost(): number {
    return this.#lost
  }

  write(level: keyof typeof severities, text: string): void {
    const stdin = this.#child?.stdin
    if (stdin === null || stdin === undefined || !stdin.writable || stdin.writableLength > unsentBytesMax) {
      this.#lost += 1
      return
    }
    // With --prio-prefix a severity alone keeps the facility of -p.
    stdin.write(`<${severities[level]}>${text}\n`)
  }

  /** Lets the logger send what it has, ends it, and waits at most `deadlineMs`. Never rejects. */
  close(deadlineMs = 1_500): Promise<void> {
    this.#isClosed = true
    this.#restart?.cancel()
    const child = this.#child
    if (child === null || child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
    return new Promise(resolve => {
      const deadline = this.#options.clock.schedule(millis(deadlineMs), () => child.kill('SIGKILL'))
      child.once('close', () => {
        deadline.cancel()
        resolve()
      })
      child.stdin?.end()
    })
  }

  #start(): void {
    this.#restart = null
    const [program, ...first] = this.#options.command ?? ['logger']
    const { file, args } = atOrdinaryPriority(program, [...first, '--prio-prefix', '-t', 'heartbeat', '-p', `${this.#options.facility}.info`])
    // Its own process group: Ctrl-C on a daemon in the foreground must not end it before the last line.
    const child = spawn(file, args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' })
    this.#child = child
    // A broken pipe is followed by 'close', which starts the logger again.
    child.stdin.on('error', () => child.stdin.destroy())
    child.on('error', () => this.#onGone(child))
    child.on('close', () => this.#onGone(child))
  }

  #onGone(child: ChildProcess): void {
    if (this.#child !== child) return
    this.#child = null
    if (!this.#isClosed) this.#restart = this.#options.clock.schedule(restartMs, () => this.#start())
  }
}
