/** Virtual time: what is to happen, in the order of its moments; ties in the order in which they were planned. */

interface Entry {
  readonly at: number
  readonly order: number
  run(): void
}

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

  /** Runs everything planned up to this moment, or until `isDone` says so after one of them. */
  runUntil(endMs: number, isDone: () => boolean): void {
    for (let next = this.#entries[0]; next !== undefined && next.at <= endMs; next = this.#entries[0]) {
      this.#entries.shift()
      this.#now = next.at
      next.run()
      if (isDone()) return
    }
    this.#now = endMs
  }
}
