/**
 * Feeds the sentry (bin/heartbeat-sentry), the process outside our event loop that ends what this daemon holds when the
 * daemon hangs, before the other node may take it. Each line tells it how long to wait for the next one, and which
 * addresses to take off; so it needs to know nothing else, and is never out of date by more than one line.
 *
 * Invariant: a line is written only from the event loop's own work, never from a timer of its own; a loop that hangs, or
 * that no longer sends heartbeats, feeds nobody.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, millis, type Instant, type Millis } from '../base/units.js'
import type { ClusterSettings } from '../cluster/types.js'
import type { Clock, Scheduled } from '../port/clock.js'
import { guardOf } from '../safety/lease.js'
import { packageRoot } from './paths.js'

/** A sentry that takes nothing off its pipe is no sentry; what waits there must not grow. */
const backlogMax = 16 * 1024
const restartPause = millis(1_000)
/** A watchdog device needs a few seconds between the sentry's end and the next life's first line, or it resets for a crash. */
const shortestResetS = 5

export interface SentryOptions {
  readonly clock: Clock
  readonly settings: ClusterSettings
  /** As for the daemon; the sentry runs one above it. null for ordinary scheduling. */
  readonly realtimePriority: number | null
  /** Where the daemon notes its scripts, and sentries who of them is fed. */
  readonly runDir: string
  /** A hardware watchdog (`watchdog` of ha.cf), or null. */
  readonly device: string | null
  readonly program?: string
  onTrouble(sentence: string): void
}

export class Sentry {
  readonly #options: SentryOptions
  readonly #limits: SentryLimits
  #child: ChildProcess | null = null
  #fedAt: Instant | null = null
  /** What the sentry knows. */
  #lastLine = ''
  #isQuiet = false
  #restart: Scheduled | null = null
  #isClosing = false

  constructor(options: SentryOptions) {
    this.#options = options
    this.#limits = limitsOf(options.settings)
  }

  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  open(): void {
    if (!existsSync('/bin/bash')) return this.#options.onTrouble('no /bin/bash: nobody ends what this daemon holds when it hangs')
    const { device, program, realtimePriority, runDir } = this.#options
    const command = ['/bin/bash', program ?? join(packageRoot(), 'bin', 'heartbeat-sentry'), String(process.pid), runDir, seconds(this.#limits.orphanMs), ...(device === null ? [] : [device, String(Math.max(shortestResetS, Math.ceil((2 * this.#limits.waitMs) / 1_000)))])]
    const [file = '', ...args] = realtimePriority === null ? command : ['chrt', '-r', String(Math.min(99, realtimePriority + 1)), ...command]
    // A group of its own: a signal to the daemon's group is not meant for it.
    const child = spawn(file, args, { stdio: ['pipe', 'ignore', 'inherit'], detached: true, env: sentryEnvironment() })
    this.#child = child
    this.#fedAt = null
    this.#lastLine = ''
    child.on('error', error => this.#lost(child, error.message))
    child.on('exit', (code, signal) => this.#lost(child, `it ended with ${signal ?? `status ${code ?? '?'}`}`))
    child.stdin?.on('error', () => undefined) // its end is told by `exit`
    child.unref()
  }

  /** With every heartbeat. `addresses` as `ip address del` names them, `10.0.0.5/24@eth0`; `quietMs` as in the effect `send-status`. */
  feed(now: Instant, fed: { readonly addresses: () => readonly string[]; readonly quietMs: number; readonly isNews: boolean }): void {
    const { everyMs, graceMs } = this.#limits
    const isNews = fed.isNews || fed.quietMs > 0 !== this.#isQuiet
    if (this.#fedAt !== null && now < after(this.#fedAt, everyMs) && !isNews) return
    const addresses = fed.addresses().join(' ')
    const stdin = this.#child?.stdin
    if (stdin === null || stdin === undefined || stdin.destroyed || stdin.writableLength > backlogMax) return
    this.#fedAt = now
    this.#isQuiet = fed.quietMs > 0
    const line = `${seconds(patienceOf(this.#limits, fed.quietMs))} ${seconds(graceMs)}${addresses === '' ? '' : ` ${addresses}`}`
    stdin.write(line === this.#lastLine ? '.\n' : `${line}\n`)
    this.#lastLine = line
  }

  /** An orderly end: the watchdog device is switched off, the sentry goes. */
  close(): void {
    this.#isClosing = true
    this.#restart?.cancel()
    this.#child?.stdin?.end('bye\n')
    this.#child = null
  }

  #lost(child: ChildProcess, how: string): void {
    if (this.#child !== child) return
    this.#child = null
    if (this.#isClosing) return
    this.#options.onTrouble(`the sentry is gone (${how}); starting another one`)
    this.#restart = this.#options.clock.schedule(restartPause, () => this.open())
  }
}

interface SentryLimits {
  readonly waitMs: Millis
  readonly graceMs: Millis
  readonly everyMs: Millis
  /** How long before the peer the sentry acts. */
  readonly aheadMs: Millis
  /** After the last line of a daemon that has died; a hold does not count for it. */
  readonly orphanMs: Millis
}

/** Until the next line; a hold (`quietMs`, see the effect `send-status`) is waited for to its end, as the peer does, and no longer. */
export const patienceOf = ({ aheadMs, waitMs }: SentryLimits, quietMs: number): Millis => millis(Math.max(waitMs, quietMs - aheadMs))

/**
 * The sentry acts a moment before the peer may: before our lease or the arbiter's has run out where one of them is what the
 * peer waits for, and otherwise before its deadtime has. It measures from a line that may be older than our last
 * heartbeat by `everyMs`, which only makes it earlier.
 */
export function limitsOf(settings: Pick<ClusterSettings, 'timing' | 'safety'>): SentryLimits {
  const { deadtimeMs, keepaliveMs } = settings.timing
  const { arbiter, fencing, lease } = settings.safety
  const leases = [...(lease === null ? [] : [lease.leaseMs]), ...(arbiter === null ? [] : [arbiter.ttlMs])]
  const shortest = Math.min(...leases)
  const isLeased = leases.length > 0 && fencing === null
  const [most, ahead] = isLeased ? [shortest, guardOf(millis(shortest))] : [deadtimeMs, Math.max(15, Math.min(100, deadtimeMs / 5))]
  const patience = most - ahead
  // To be early does a daemon no good that has died: its next life needs every moment.
  const orphan = isLeased ? patience : deadtimeMs - Math.max(15, Math.min(25, deadtimeMs / 5))
  return { waitMs: millis(patience), graceMs: millis(Math.max(50, patience / 4)), everyMs: millis(Math.max(keepaliveMs * 0.9, patience / 5)), aheadMs: millis(ahead), orphanMs: millis(orphan) }
}

/** Nothing of ours but where systemd listens. */
function sentryEnvironment(): Record<string, string> {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: period } = process.env
  return { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...(socket === undefined || period === undefined ? {} : { NOTIFY_SOCKET: socket, WATCHDOG_USEC: period }) }
}

const seconds = (ms: number): string => (Math.max(1, ms) / 1_000).toFixed(3)
