/** What a medium said, and waiting for it with a deadline; a clock turned by hand, and a real one. */

import type { Instant, Millis } from '../../src/base/units.js'
import type { Clock, Scheduled } from '../../src/port/clock.js'
import type { MediumHandlers } from '../../src/port/medium.js'
import type { InterfaceTable } from '../../src/link/address.js'

export class Recorder implements MediumHandlers {
  readonly heard: { readonly text: string; readonly address: string }[] = []
  readonly states: string[] = []
  readonly reasons: string[] = []
  refused = 0
  readonly #waiting = new Set<() => void>()

  onDatagram(payload: Uint8Array, from: { readonly address: string }): void {
    this.heard.push({ text: Buffer.from(payload).toString(), address: from.address })
    this.#wake()
  }

  onState(state: 'up' | 'down', reason: string): void {
    this.states.push(state)
    this.reasons.push(reason)
    this.#wake()
  }

  onRefused(): void {
    this.refused += 1
    this.#wake()
  }

  /** Resolves when something happened that makes the condition true; rejects at the deadline. */
  async until(isTrue: () => boolean, what: string, withinMs = 5000): Promise<void> {
    if (isTrue()) return
    await new Promise<void>((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#waiting.delete(look)
        reject(new Error(`waited ${withinMs} ms for: ${what}; states ${this.states.join(' ')} (${this.reasons.at(-1)}), heard ${this.heard.length}, refused ${this.refused}`))
      }, withinMs)
      const look = (): void => {
        if (!isTrue()) return
        clearTimeout(deadline)
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
    })
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look()
  }
}

/** A clock that runs what is due when told to. */
export class HandClock implements Clock {
  #now = 0
  #due: { readonly at: number; readonly callback: () => void }[] = []

  monotonic(): Instant {
    return this.#now as Instant
  }

  wall(): number {
    return this.#now
  }

  schedule(delay: Millis, callback: () => void): Scheduled {
    const entry = { at: this.#now + delay, callback }
    this.#due.push(entry)
    return { cancel: () => void (this.#due = this.#due.filter(each => each !== entry)) }
  }

  get scheduled(): number {
    return this.#due.length
  }

  advance(ms: number): void {
    this.#now += ms
    const due = this.#due.filter(entry => entry.at <= this.#now)
    this.#due = this.#due.filter(entry => entry.at > this.#now)
    for (const entry of due) entry.callback()
  }
}

export const realClock: Clock = {
  monotonic: () => performance.now() as Instant,
  wall: () => Date.now(),
  schedule: (delay, callback) => {
    const timer = setTimeout(callback, delay)
    return { cancel: () => clearTimeout(timer) }
  }
}

/** An interface table with one IPv4 address per name, as os.networkInterfaces would give it. */
export function tableOf(addresses: Readonly<Record<string, string | readonly string[]>>, netmask = '255.0.0.0'): InterfaceTable {
  const table: InterfaceTable = {}
  for (const [name, listed] of Object.entries(addresses)) {
    const all = typeof listed === 'string' ? [listed] : listed
    table[name] = all.map(address => ({ address, netmask, family: 'IPv4', mac: '00:00:00:00:00:00', internal: true, cidr: null }))
  }
  return table
}
