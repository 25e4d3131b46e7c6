/**
 * Which ping nodes and groups answer. Implements port/connectivity.ts with one pinger for each address.
 *
 * A node is reached when it answered within deadping; a group when any of its members did.
 *
 * Invariants
 *  1. Nothing is reported before every address has answered or had deadping to do so; afterwards only changes.
 *  2. Answers that wait to be read are read before anybody is called silent, and time in which we did not run is held
 *     against nobody.
 *
 * Not here: what follows from it (safety/).
 */

import { after, elapsed, millis, type Instant, type Millis } from '../base/units.js'
import type { ConnectivityConfig } from '../config/types.js'
import type { Clock, Scheduled } from '../port/clock.js'
import type { Connectivity } from '../port/connectivity.js'
import { Pinger } from './pinger.js'

export interface ConnectivityOptions {
  readonly clock: Clock
  /** For the log: a ping that ended and is begun again. */
  readonly onNote?: (text: string) => void
}

export type Sight = Parameters<Parameters<Connectivity['open']>[0]>[0]

export interface WatchedConnectivity extends Connectivity {
  /** The processes that run now, by address. */
  pids(): ReadonlyMap<string, number>
}

/** Four tries within deadping; not more often than ping may be run by anybody, nor than a router likes. */
export const intervalFor = (deadpingMs: Millis): Millis => millis(Math.min(1000, Math.max(200, Math.floor(deadpingMs / 4))))

export function createConnectivity(config: ConnectivityConfig, options: ConnectivityOptions): WatchedConnectivity {
  return new PingConnectivity(config, options)
}

class PingConnectivity implements WatchedConnectivity {
  readonly description: string
  readonly #config: ConnectivityConfig
  readonly #clock: Clock
  readonly #pingers: ReadonlyMap<string, Pinger>
  readonly #lookEveryMs: Millis
  #onChange: ((seen: Sight) => void) | null = null
  #openedAt: Instant | null = null
  #reported: string | null = null
  #nextLook: Scheduled | null = null

  constructor(config: ConnectivityConfig, options: ConnectivityOptions) {
    this.#config = config
    this.#clock = options.clock
    const intervalMs = intervalFor(config.deadpingMs)
    this.#lookEveryMs = millis(Math.floor(intervalMs / 2))
    this.description = `ping ${config.targets.map(target => (target.kind === 'node' ? target.name : `${target.name}(${target.addresses.join(' ')})`)).join(', ')}`
    const addresses = new Set(config.targets.flatMap(target => target.addresses))
    this.#pingers = new Map([...addresses].map(address => [
      address,
      new Pinger({
        clock: options.clock, address, intervalMs, answerMaxMs: config.deadpingMs,
        onAnswer: before => this.#onAnswer(before),
        onEnd: reason => options.onNote?.(`${reason}; it is begun again`)
      })
    ]))
  }

  open(onChange: (seen: Sight) => void): void {
    this.#onChange = onChange
    this.#openedAt = this.#clock.monotonic()
    for (const pinger of this.#pingers.values()) pinger.open()
    this.#lookLater()
  }

  close(): void {
    this.#onChange = null
    this.#nextLook?.cancel()
    for (const pinger of this.#pingers.values()) pinger.close()
  }

  pids(): ReadonlyMap<string, number> {
    return new Map([...this.#pingers.values()].flatMap(({ address, pid }) => (pid === null ? [] : [[address, pid] as const])))
  }

  #lookLater(): void {
    const dueAt = after(this.#clock.monotonic(), this.#lookEveryMs)
    this.#nextLook = this.#clock.schedule(this.#lookEveryMs, () => {
      const lateMs = elapsed(dueAt, this.#clock.monotonic())
      if (lateMs > this.#lookEveryMs) this.#forgive(lateMs)
      // What came while we did not run is read first.
      setImmediate(() => {
        if (this.#onChange === null) return
        this.#look()
        this.#lookLater()
      })
    })
  }

  #forgive(lateMs: Millis): void {
    const now = this.#clock.monotonic()
    if (this.#openedAt !== null) this.#openedAt = after(this.#openedAt, lateMs)
    for (const pinger of this.#pingers.values()) {
      if (pinger.lastAnswer !== null) pinger.lastAnswer = Math.min(now, pinger.lastAnswer + lateMs) as Instant
    }
  }

  /** Who was silent counts again at once, not at the next look. */
  #onAnswer(before: Instant | null): void {
    if (before !== null && elapsed(before, this.#clock.monotonic()) < this.#config.deadpingMs) return
    setImmediate(() => this.#look())
  }

  #look(): void {
    if (this.#onChange === null) return
    const now = this.#clock.monotonic()
    const { targets, deadpingMs } = this.#config
    const hasAnswered = (address: string): boolean => {
      const last = this.#pingers.get(address)?.lastAnswer ?? null
      return last !== null && elapsed(last, now) < deadpingMs
    }
    const isTried = this.#openedAt !== null && elapsed(this.#openedAt, now) >= deadpingMs
    if (!isTried && ![...this.#pingers.keys()].every(hasAnswered)) return
    const silent = targets.filter(target => !target.addresses.some(hasAnswered)).map(target => target.name)
    const seen = { reached: targets.length - silent.length, of: targets.length, silent }
    const text = JSON.stringify(seen)
    if (text === this.#reported) return
    this.#reported = text
    this.#onChange(seen)
  }
}
