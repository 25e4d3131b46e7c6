/**
 * Hands out a bounded number of slots in the order of asking; whoever waits can give up at any time.
 *
 * Invariant: held + free slots is constant; a slot given to somebody who gave up goes to the next in line.
 */

export class Slots {
  #free: number
  readonly #waiting: Array<() => void> = []
  readonly #waitingMax: number

  constructor(options: { readonly slots: number; readonly waitingMax: number }) {
    this.#free = options.slots
    this.#waitingMax = options.waitingMax
  }

  /** A slot now, a promise of one with a way to leave the line, or null when the line is full. */
  acquire(): { readonly granted: Promise<void>; leave(): void } | 'now' | null {
    if (this.#free > 0) {
      this.#free -= 1
      return 'now'
    }
    if (this.#waiting.length >= this.#waitingMax) return null
    let grant: () => void = () => undefined
    const granted = new Promise<void>(resolve => (grant = resolve))
    this.#waiting.push(grant)
    return {
      granted,
      leave: () => {
        const place = this.#waiting.indexOf(grant)
        if (place >= 0) this.#waiting.splice(place, 1)
        else this.release() // granted in the same moment: pass it on
      }
    }
  }

  release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next()
  }
}
