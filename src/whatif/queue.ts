/** Virtual time: what is to happen, in the order of its moments; ties in the order in which they were planned. */

interface Entry {
  readonly at: number
  readonly order: number
  run(): void
}

/** So many things at one moment are no coincidence. */
const turnsMax = 10_000

export class Agenda {
  #entries: Entry[] = []
  #order = 0
  #now: number

  constructor(now: number) {
    this.#now = now
  }

  get now(): number {
    return this.#now
  }

  plan(delayMs: number, run: () => void): void {
    const entry = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run }
    let at = this.#entries.length
    while (at > 0 && (this.#entries[at - 1] as Entry).at > entry.at) at -= 1
    this.#entries.splice(at, 0, entry)
  }

  /**
   * Runs everything planned up to this moment, or until `isDone` says so after one of them. Throws when time does not
   * pass any more, because what is planned at a moment plans the next for the same moment, for ever.
   */
  runUntil(endMs: number, isDone: () => boolean): void {
    let turns = 0
    for (let next = this.#entries[0]; next !== undefined && next.at <= endMs; next = this.#entries[0]) {
      this.#entries.shift()
      turns = next.at > this.#now ? 0 : turns + 1
      if (turns > turnsMax) throw new Error(`time stands still at ${next.at} ms`)
      this.#now = next.at
      next.run()
      if (isDone()) return
    }
    this.#now = endMs
  }
}
