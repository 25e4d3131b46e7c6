/**
 * A clock that jumps from one scheduled moment to the next: hours of cluster life in milliseconds, and the same order of
 * events for the same seed.
 *
 * Invariants: callbacks run in time order, ties in the order of scheduling; time never moves while a callback runs.
 */

import { instant, millis, type Instant, type Millis } from '../../src/base/units.js'
import type { Clock, Scheduled } from '../../src/port/clock.js'

interface Entry {
  readonly at: number
  readonly order: number
  callback: (() => void) | null
}

export class VirtualClock implements Clock {
  readonly #heap: Entry[] = []
  #now = 0
  #order = 0

  monotonic(): Instant {
    return instant(this.#now)
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now
  }

  schedule(delay: Millis, callback: () => void): Scheduled {
    const entry: Entry = { at: this.#now + Math.max(0, delay), order: this.#order, callback }
    this.#order += 1
    this.#push(entry)
    return {
      cancel: () => {
        entry.callback = null
      }
    }
  }

  /** Runs the next callback; false when none is left. */
  step(): boolean {
    for (let entry = this.#pop(); entry !== undefined; entry = this.#pop()) {
      if (entry.callback === null) continue
      this.#now = entry.at
      entry.callback()
      return true
    }
    return false
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    heap.push(entry)
    let at = heap.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent] as Entry, entry)) break // indices below length hold entries
      heap[at] = heap[parent] as Entry
      at = parent
    }
    heap[at] = entry
  }

  #pop(): Entry | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      const left = at * 2 + 1
      if (left >= heap.length) break
      const right = left + 1
      const child = right < heap.length && isBefore(heap[right] as Entry, heap[left] as Entry) ? right : left
      if (isBefore(last, heap[child] as Entry)) break
      heap[at] = heap[child] as Entry
      at = child
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/**
 * One node's own view of time: it began at another moment and runs a little faster or slower than the world's. Two nodes
 * differ by at most 1e-3, which is what a lease allows for.
 */
export class DriftingClock {
  readonly #world: VirtualClock
  readonly #offsetMs: number
  readonly #rate: number

  constructor(world: VirtualClock, drift: { readonly offsetMs: number; readonly rate: number }) {
    this.#world = world
    this.#offsetMs = drift.offsetMs
    this.#rate = drift.rate
  }

  monotonic(): Instant {
    return instant(this.#offsetMs + this.#world.monotonic() * this.#rate)
  }

  wall(): number {
    return this.#world.wall()
  }

  /** The callback comes a nanosecond late rather than early, as a kernel's timers do. */
  schedule(delay: Millis, callback: () => void): Scheduled {
    return this.#world.schedule(millis(delay / this.#rate + 1e-6), callback)
  }
}
