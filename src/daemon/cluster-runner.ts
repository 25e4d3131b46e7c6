/**
 * Runs the cluster core: one mailbox, one event at a time, one armed deadline.
 *
 * Two rules about time are kept here, because only the edge can keep them (style B8). A peer is judged only after all
 * waiting datagrams were read: a deadline yields one turn of the event loop before its tick is posted. And when the
 * deadline is found to be long past, this process did not run: the core hears of that first, as `woke`.
 *
 * Invariants
 *  1. Effects never call `step`; what they cause comes back as events.
 *  2. After `stop` no event is taken and no deadline is armed.
 */

import { invariant } from '../base/invariant.js'
import { elapsed, instant, millis, type Instant, type Millis } from '../base/units.js'
import { describe, initialState, isJudgementDue, nextDeadline, step } from '../cluster/step.js'
import type { ClusterEffect, ClusterEvent, ClusterSettings, ClusterState } from '../cluster/types.js'
import type { Clock, Scheduled } from '../port/clock.js'

/** Far more than one turn of the event loop can produce: 1,000 groups, each with an outcome. */
const mailboxMax = 4096

/** Watches the core at work; must not throw. */
export interface StepObserver {
  /** Before the core takes the event, so that even one which it cannot survive is known. */
  before(event: ClusterEvent, state: ClusterState): void
  after(event: ClusterEvent, before: ClusterState, state: ClusterState): void
}

export interface ClusterRunnerOptions {
  readonly clock: Clock
  readonly settings: ClusterSettings
  /** Begins an effect; its outcome comes back through `post`. Must not throw. */
  perform(effect: ClusterEffect): void
  /** What the host knows of why this process did not run for so long; null when nothing. Called when everything that could not wait for it is done. */
  causeOfStall(stallMs: Millis): string | null
  /** Lets waiting datagrams be read before a tick: one turn of the event loop. */
  yieldOnce(callback: () => void): void
  /** The flight recorder. */
  readonly observer?: StepObserver
}

export class ClusterRunner {
  readonly #options: ClusterRunnerOptions
  readonly #mailbox: ClusterEvent[] = []
  /** Lateness that is ordinary scheduling rather than a stall. */
  readonly #latenessMs: number
  #state: ClusterState
  #isRunning = false
  #isStopped = false
  #armed: Scheduled | null = null
  #armedFor: Instant | null = null
  /** A stall whose cause is still to be found out. */
  #unexplainedMs: Millis | null = null
  /** A tick waits for the mail to be read; it will arm the next deadline. */
  #isTickPending = false

  constructor(options: ClusterRunnerOptions) {
    this.#options = options
    this.#state = initialState(options.settings, options.clock.monotonic())
    this.#latenessMs = Math.max(5, Math.min(50, options.settings.timing.keepaliveMs / 2))
  }

  get state(): ClusterState {
    return this.#state
  }

  begin(): void {
    this.post({ kind: 'begin', now: this.#options.clock.monotonic() })
  }

  /** Takes one event. The caller stamps it with `clock.monotonic()`. */
  post(event: ClusterEvent): void {
    if (this.#isStopped) return
    invariant(this.#mailbox.length < mailboxMax, 'producers are bounded before they post')
    if (!this.#isRunning) this.#noticeStall(event.now)
    this.#mailbox.push(event)
    if (this.#isRunning) return // an effect is posting: the loop below will get to it
    this.#isRunning = true
    let isQuiet = this.#armed !== null
    try {
      for (let next = this.#takeMail(); next !== undefined; next = this.#takeMail()) {
        const before = this.#state
        this.#options.observer?.before(next, before)
        const { state, effects, isQuiet: isStepQuiet } = step(before, next, this.#options.settings)
        this.#state = state
        this.#options.observer?.after(next, before, state)
        isQuiet &&= isStepQuiet
        for (const effect of effects) this.#options.perform(effect)
      }
    } finally {
      this.#isRunning = false
    }
    if (!isQuiet) this.#arm(event.now)
  }

  stop(): void {
    this.#isStopped = true
    this.#armed?.cancel()
    this.#armed = null
    this.#unexplainedMs = null
    this.#mailbox.length = 0
  }

  describe(): string {
    return describe(this.#state, this.#options.settings)
  }

  #noticeStall(now: Instant): void {
    if (this.#armedFor === null) return
    const lateMs = elapsed(this.#armedFor, now)
    if (lateMs <= this.#latenessMs) return
    this.#armedFor = now // this stall is accounted for
    this.#mailbox.push(this.#woke(now, millis(lateMs)))
  }

  #woke(now: Instant, stallMs: Millis): ClusterEvent {
    this.#unexplainedMs = stallMs
    return { kind: 'woke', now, stallMs }
  }

  /** The cause of a stall is looked for when `woke` has taken the addresses off and the heartbeat is out: each file that is read takes its time. */
  #takeMail(): ClusterEvent | undefined {
    if (this.#unexplainedMs === null || this.#mailbox[0]?.kind === 'woke') return this.#mailbox.shift()
    const stallMs = this.#unexplainedMs
    this.#unexplainedMs = null
    return { kind: 'stall-explained', now: this.#options.clock.monotonic(), cause: this.#options.causeOfStall(stallMs) }
  }

  /** @param since  when the work began that ends with this */
  #arm(since: Instant): void {
    if (this.#isStopped || this.#isTickPending) return
    const now = this.#options.clock.monotonic()
    const due = nextDeadline(this.#state, this.#options.settings)
    if (this.#armed !== null && this.#armedFor !== null && Math.abs(due - this.#armedFor) < 1 && this.#armedFor > now) return
    this.#armed?.cancel()
    // A deadline that was past when the work began is due now, not late: nobody slept through it. One that came meanwhile was
    // missed: an effect did not return for long (the beginning of a child waits for the disk, and for a processor).
    this.#armedFor = due >= since ? due : instant(Math.max(due, now))
    this.#armed = this.#options.clock.schedule(millis(Math.max(0, due - now)), () => this.#onDeadline())
  }

  #onDeadline(): void {
    const { clock } = this.#options
    const now = clock.monotonic()
    const lateMs = this.#armedFor === null ? 0 : elapsed(this.#armedFor, now)
    this.#armed = null
    this.#armedFor = null
    // A keepalive alone judges nobody: the mail may wait for it.
    if (lateMs <= this.#latenessMs && !isJudgementDue(this.#state, this.#options.settings, now)) return this.post({ kind: 'tick', now })
    this.#isTickPending = true
    // After a stall the addresses go before the mail is read (design section 4, rule 2); everything else comes after it.
    if (lateMs > this.#latenessMs) this.post(this.#woke(now, millis(lateMs)))
    this.#options.yieldOnce(() => {
      this.#isTickPending = false
      this.post({ kind: 'tick', now: clock.monotonic() })
    })
  }
}
