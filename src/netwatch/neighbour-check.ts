/**
 * Announces the addresses we hold, slowly and for ever, and asks each time whether somebody else answers for them.
 *
 * Every address has its turn once a minute: a switch or a router that was restarted, or believed a stranger, is put right
 * without anybody's help, and costs a small shell and three packets. The minute is no setting: a shorter one buys
 * nothing while the address is new (its announcer repeats for five seconds) and a longer one is longer than most ARP
 * time-outs. Turns are spread over the minute, and at most four shells run at a time.
 *
 * A duplicate is asked for again every five seconds, so that its end is known soon.
 *
 * Not here: which addresses we hold (watch.ts), the packets (resource.d/.announce.sh, .probe.sh).
 */

import { join } from 'node:path'
import { after, millis, type Instant } from '../base/units.js'
import type { Clock, Scheduled } from '../port/clock.js'
import { runCommand, type RunningCommand } from './command.js'

export interface CheckTarget {
  /** Names the address for as long as we hold it. */
  readonly id: number
  readonly address: string
  readonly family: 4 | 6
}

export interface NeighbourCheckOptions {
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string>>
  readonly projectResourceDir: string
  /** The interface the address lives on, when neighbours can be asked there now. */
  nicOf(target: CheckTarget): string | null
  /** The hardware addresses of others that answered, none when nobody did. */
  onAnswer(target: CheckTarget, nic: string, culprits: readonly string[]): void
  /** The question could not be asked. */
  onTrouble(target: CheckTarget, trouble: string): void
}

export const refreshMs = millis(60_000)
const duplicateMs = millis(5_000)
/** How long an answer may take. A host on the same wire answers within a millisecond; one that wakes up, within this. */
const answerS = '0.5'
const limitMs = millis(5_000)
const childrenMax = 4
/** First refreshes are this many parts of the minute apart, so that addresses started together do not stay together. */
const spread = 16

interface Turn {
  readonly target: CheckTarget
  dueAt: Instant
  /** False: only ask; the address was announced just now. */
  withAnnouncement: boolean
  running: RunningCommand | null
  /** Asked for again while it was running. */
  isWanted: boolean
  hasCulprits: boolean
}

export class NeighbourCheck {
  readonly #options: NeighbourCheckOptions
  readonly #turns = new Map<number, Turn>()
  readonly #running = new Set<RunningCommand>()
  #timer: Scheduled | null = null
  #isClosed = false

  constructor(options: NeighbourCheckOptions) {
    this.#options = options
  }

  /** Begins with an address that is here now: asks at once, and from then on once a minute. */
  add(target: CheckTarget): void {
    this.#turns.set(target.id, { target, dueAt: this.#options.clock.monotonic(), withAnnouncement: false, running: null, isWanted: false, hasCulprits: false })
    this.#arm()
  }

  /** Ends a shell under way, too: what is given up must not be announced any more. */
  remove(id: number): void {
    this.#turns.get(id)?.running?.end()
    this.#turns.delete(id)
  }

  /** Asks at once, out of turn. */
  ask(id: number): void {
    const turn = this.#turns.get(id)
    if (turn === undefined) return
    turn.isWanted = turn.running !== null
    turn.dueAt = this.#options.clock.monotonic()
    this.#arm()
  }

  close(): void {
    this.#isClosed = true
    this.#turns.clear()
    this.#timer?.cancel()
    for (const command of this.#running) command.end()
  }

  #arm(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#isClosed || this.#running.size >= childrenMax) return
    const waiting = [...this.#turns.values()].filter(turn => turn.running === null)
    if (waiting.length === 0) return
    const next = waiting.reduce((first, turn) => (turn.dueAt < first.dueAt ? turn : first))
    const { clock } = this.#options
    this.#timer = clock.schedule(millis(Math.max(0, next.dueAt - clock.monotonic())), () => {
      this.#timer = null
      this.#take(next)
      this.#arm()
    })
  }

  #take(turn: Turn): void {
    const { clock, environment, projectResourceDir } = this.#options
    const { target } = turn
    const isFirst = !turn.withAnnouncement
    const now = clock.monotonic()
    if (this.#turns.get(target.id) !== turn) return
    turn.dueAt = isFirst ? after(now, millis((refreshMs * (1 + (target.id % spread))) / spread)) : after(now, refreshMs)
    turn.withAnnouncement = true
    const nic = this.#options.nicOf(target)
    if (nic === null) return // no carrier, or a loopback: nobody to ask
    const script = isFirst ? '.probe.sh' : '.announce.sh'
    const words = ['/bin/sh', join(projectResourceDir, script), String(target.family), target.address, nic, ...(isFirst ? [answerS] : ['refresh', answerS])]
    const command = runCommand(words, { clock, environment, limitMs }, end => {
      this.#running.delete(command)
      turn.running = null
      if (this.#isClosed || this.#turns.get(target.id) !== turn) return this.#arm()
      if (end.exitCode === 0 || end.exitCode === 1) {
        const culprits = end.exitCode === 0 ? [] : [...new Set(end.stdout.toLowerCase().match(/\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g) ?? [])]
        turn.hasCulprits = culprits.length > 0
        this.#options.onAnswer(target, nic, culprits)
      } else this.#options.onTrouble(target, end.trouble === '' ? `${script} ended with ${end.exitCode ?? 'no status'}` : end.trouble)
      const soonest = turn.isWanted ? clock.monotonic() : turn.hasCulprits ? after(clock.monotonic(), duplicateMs) : turn.dueAt
      turn.isWanted = false
      turn.dueAt = soonest < turn.dueAt ? soonest : turn.dueAt
      this.#arm()
    })
    turn.running = command
    this.#running.add(command)
  }
}
