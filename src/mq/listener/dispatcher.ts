/**
 * The one place where events meet the core of a queue manager: bytes of a client, a forced log, a timer. Each event runs
 * to its end; then every answer the core has ready goes to the session that asked; then the next deadline is armed.
 * Answers are never delivered from within a call, so neither the core nor a session is ever entered twice.
 */

import type { Instant } from '../../base/units.js'
import type { ConnectionId, Engine, EngineOwner, MqClock } from '../core/engine.js'
import type { Session } from '../protocol/session.js'
import { SessionEngine } from './session-engine.js'

/** How long the core may be late before a timer is set anew; timers of the system have this grain. */
const timerGrainMs = 1

export interface Timers {
  set(action: () => void, delayMs: number): unknown
  clear(timer: unknown): void
}

export const systemTimers: Timers = {
  set: (action, delayMs) => setTimeout(action, delayMs),
  clear: timer => {
    clearTimeout(timer as NodeJS.Timeout)
  }
}

export interface DispatcherOptions {
  readonly engine: Engine & EngineOwner
  readonly clock: MqClock
  readonly timers?: Timers
}

export class Dispatcher {
  readonly #engine: Engine & EngineOwner
  readonly #clock: MqClock
  readonly #timers: Timers
  readonly #sessions = new Map<ConnectionId, Session>()
  readonly #afterDrain = new Set<() => void>()
  #isInside = false
  #timer: unknown = null
  #armedFor: Instant | null = null

  constructor(options: DispatcherOptions) {
    this.#engine = options.engine
    this.#clock = options.clock
    this.#timers = options.timers ?? systemTimers
  }

  get connections(): number {
    return this.#sessions.size
  }

  /** The engine as one session sees it: what it connects is remembered as its own. `session` is asked when it connects. */
  engineFor(session: () => Session): Engine {
    return new SessionEngine(this.#engine, {
      connected: connection => this.#sessions.set(connection, session()),
      disconnected: connection => this.#sessions.delete(connection)
    })
  }

  /** Runs an event and delivers what follows from it. Events do not nest; a nested one is part of the outer. */
  enter(event: () => void): void {
    if (this.#isInside) {
      event()
      return
    }
    this.#isInside = true
    try {
      event()
      this.#deliver()
    } finally {
      this.#isInside = false
    }
    for (const action of this.#afterDrain) action()
    this.#afterDrain.clear()
    this.#arm()
  }

  /** Runs once after the present event with all its answers, or at once when there is none; the same action is kept once. */
  afterEvent(action: () => void): void {
    if (this.#isInside) this.#afterDrain.add(action)
    else action()
  }

  onForced(): void {
    this.enter(() => {
      this.#engine.onForced()
    })
  }

  /** Tells every session about an end of the queue manager; the core has been told before. */
  forEachSession(visit: (session: Session) => void): void {
    this.enter(() => {
      for (const session of new Set(this.#sessions.values())) visit(session)
    })
  }

  close(): void {
    if (this.#timer !== null) this.#timers.clear(this.#timer)
    this.#timer = null
  }

  #deliver(): void {
    for (;;) {
      const answers = this.#engine.takeAnswers()
      for (const { connection, token, answer } of answers) this.#sessions.get(connection)?.onAnswer(token, answer)
      const events = this.#engine.takeEvents()
      for (const event of events) {
        const session = this.#sessions.get(event.connection)
        if (event.kind === 'end') session?.onEnd(event.reason, 'now')
        else session?.onEnd(0, 'quiesce')
      }
      if (answers.length === 0 && events.length === 0) return
    }
  }

  #arm(): void {
    const deadline = this.#engine.nextDeadline()
    if (this.#timer !== null) {
      // A timer that fires early finds nothing due and arms again; that is cheaper than a new timer per event.
      if (deadline === null || (this.#armedFor !== null && this.#armedFor <= deadline)) return
      this.#timers.clear(this.#timer)
      this.#timer = null
    }
    if (deadline === null) return
    this.#armedFor = deadline
    this.#timer = this.#timers.set(() => {
      this.#timer = null
      this.enter(() => {
        this.#engine.onTick()
      })
    }, Math.max(timerGrainMs, Math.ceil(deadline - this.#clock.now())))
  }
}

