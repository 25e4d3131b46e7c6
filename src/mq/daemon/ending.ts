/**
 * The end of a queue manager, in three speeds, each of which may be hurried by the next:
 *
 *   controlled   nothing new begins; it ends when the last program has disconnected
 *   immediate    calls in progress are answered, connections ended, open units of work backed out
 *   preemptive   nothing is waited for; the next start recovers
 *
 * What an orderly end (the first two) leaves: everything forced, the messages of NPMCLASS(HIGH) kept, a checkpoint at the
 * end of the log, the state recorded, the lock given back; in this order. It has a deadline of its own: a disk that hangs
 * turns it into a pre-emptive one, which costs nothing that was answered.
 */

import type { RecordedState } from '../store/instance-status.js'
import type { EndMode } from './control-protocol.js'

export interface EndingSteps {
  /** Records the state durably, before it becomes true. */
  readonly record: (state: RecordedState) => void
  /** New work is refused, programs are told. */
  readonly quiesce: () => void
  /** Programs that are still connected. */
  readonly connections: () => number
  /** Answers what is in progress, stops accepting, ends every connection and the log. */
  readonly stop: () => Promise<void>
  readonly exit: (how: 'orderly' | 'preemptive' | 'failed', error?: unknown) => void
  readonly supervise: (name: string, promise: Promise<unknown>) => void
}

const lookMs = 20
/** Of the steps of an orderly end after the last connection is gone. */
const stopMs = 60_000
/** What `-tp` leaves for an immediate end before it becomes pre-emptive. */
const preemptShare = 0.7

export class Ending {
  readonly #steps: EndingSteps
  #phase: 'running' | 'quiescing' | 'ending' | 'gone' = 'running'
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(steps: EndingSteps) {
    this.#steps = steps
  }

  get phase(): 'RUNNING' | 'QUIESCING' | 'ENDING' {
    return this.#phase === 'running' ? 'RUNNING' : this.#phase === 'quiescing' ? 'QUIESCING' : 'ENDING'
  }

  /** `targetSeconds`: from now on, this long until the next speed; see the file's head. */
  request(mode: EndMode, target: { readonly seconds: number | null; readonly mayPreempt: boolean } = { seconds: null, mayPreempt: false }): void {
    if (this.#phase === 'gone') return
    if (mode === 'preemptive') {
      this.#preempt()
      return
    }
    if (mode === 'controlled' && this.#phase === 'running') this.#quiesce()
    else if (mode === 'immediate' && this.#phase !== 'ending') this.#end('ended-immediately')
    if (target.seconds === null) return
    const immediateMs = target.seconds * 1000 * (target.mayPreempt ? preemptShare : 1)
    if (mode === 'controlled') this.#later(immediateMs, () => this.request('immediate'))
    if (target.mayPreempt) this.#later(target.seconds * 1000, () => this.#preempt())
  }

  #quiesce(): void {
    this.#phase = 'quiescing'
    this.#steps.record('quiescing')
    this.#steps.quiesce()
    const look = (): void => {
      if (this.#phase !== 'quiescing') return
      if (this.#steps.connections() === 0) this.#end('ended-normally')
      else this.#later(lookMs, look)
    }
    look()
  }

  #end(state: 'ended-normally' | 'ended-immediately'): void {
    this.#phase = 'ending'
    if (state === 'ended-immediately') this.#steps.record('ending-immediately')
    this.#later(stopMs, () => this.#preempt())
    this.#steps.supervise(
      'end of the queue manager',
      this.#steps.stop().then(
        () => {
          if (this.#phase === 'gone') return
          this.#steps.record(state)
          this.#leave('orderly')
        },
        (error: unknown) => this.#leave('failed', error)
      )
    )
  }

  #preempt(): void {
    if (this.#phase === 'gone') return
    this.#steps.record('ended-preemptively')
    this.#leave('preemptive')
  }

  #leave(how: 'orderly' | 'preemptive' | 'failed', error?: unknown): void {
    this.#phase = 'gone'
    for (const timer of this.#timers) clearTimeout(timer)
    this.#steps.exit(how, error)
  }

  #later(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      action()
    }, Math.min(delayMs, 2 ** 31 - 1))
    this.#timers.add(timer)
  }
}
