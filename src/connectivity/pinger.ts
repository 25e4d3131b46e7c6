/**
 * One `ping` that runs as long as we do, and what it says about one address.
 *
 * iputils' ping writes a line for each answer at once, even into a pipe. `-O` makes it write one for each missing answer
 * too, so that a ping whose reader was killed notices and ends instead of asking for ever.
 *
 * Invariants
 *  1. While open there is one child at most; one that ends is begun again after a pause that grows up to `pauseMaxMs`.
 *  2. What it says is read line by line and forgotten; an endless line is cut.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { elapsed, millis, type Instant, type Millis } from '../base/units.js'
import type { Clock, Scheduled } from '../port/clock.js'
import { atOrdinaryPriority } from '../process/ordinary.js'

export interface PingerOptions {
  readonly clock: Clock
  readonly address: string
  readonly intervalMs: Millis
  /** An answer that was under way for longer is none. */
  readonly answerMaxMs: Millis
  /** `before`: the answer before this one. */
  onAnswer(before: Instant | null): void
  /** The child ended, or could not be begun: what it last said. */
  onEnd(reason: string): void
}

const lineBytesMax = 4096
const pauseMinMs = 250
const pauseMaxMs = 5000
/** A child that ran this long had no trouble of its own. */
const soundAfterMs = 10_000

export class Pinger {
  readonly address: string
  /** When it last answered; null before the first time. */
  lastAnswer: Instant | null = null
  readonly #options: PingerOptions
  #child: ChildProcess | null = null
  #again: Scheduled | null = null
  #pauseMs = pauseMinMs
  #isOpen = false

  constructor(options: PingerOptions) {
    this.#options = options
    this.address = options.address
  }

  /** Of the running child; null while there is none. */
  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  open(): void {
    this.#isOpen = true
    this.#begin()
  }

  close(): void {
    this.#isOpen = false
    this.#again?.cancel()
    // KILL: ping answers TERM by ending too, but not while it is stopped, and has nothing to tidy up.
    this.#child?.kill('SIGKILL')
  }

  #begin(): void {
    const { clock, address, intervalMs } = this.#options
    const began = clock.monotonic()
    let said = ''
    const { file, args } = atOrdinaryPriority('ping', ['-n', '-O', '-i', String(intervalMs / 1000), address])
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
    })
    this.#child = child
    readLines(child.stdout, line => {
      if (isAnswer(line, this.#options.answerMaxMs)) this.#answered()
    })
    readLines(child.stderr, line => {
      said = line
    })
    const onEnd = (reason: string): void => {
      if (this.#child !== child) return // `error` and `close` may both come
      this.#child = null
      if (!this.#isOpen) return
      if (elapsed(began, clock.monotonic()) >= soundAfterMs) this.#pauseMs = pauseMinMs
      this.#again = clock.schedule(millis(this.#pauseMs), () => this.#begin())
      this.#pauseMs = Math.min(pauseMaxMs, this.#pauseMs * 2)
      this.#options.onEnd(`ping ${address} ${reason}`)
    }
    child.once('error', error => onEnd(`cannot be run: ${error.message}`))
    child.once('close', (code, signal) => onEnd(`ended (${signal ?? `status ${code ?? 0}`})${said === '' ? '' : `: ${said}`}`))
  }

  #answered(): void {
    this.#pauseMs = pauseMinMs
    const before = this.lastAnswer
    this.lastAnswer = this.#options.clock.monotonic()
    this.#options.onAnswer(before)
  }
}

function readLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
  let rest = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (piece: string) => {
    const lines = (rest + piece).split('\n')
    rest = (lines.pop() ?? '').slice(0, lineBytesMax)
    for (const line of lines) onLine(line.slice(0, lineBytesMax))
  })
}

/**
 * `64 bytes from 10.0.0.254: icmp_seq=7 ttl=64 time=0.21 ms`. Lines that begin with `From` are routers saying that they
 * could not deliver.
 */
export function isAnswer(line: string, answerMaxMs: Millis): boolean {
  const match = /^[0-9]+ bytes from \S+: icmp_seq=[0-9]+ .*?time=([0-9.]+) ?ms/.exec(line)
  return match !== null && Number(match[1]) < answerMaxMs
}
