/** Gets that wait, soonest deadline first: a binary heap in which each entry knows its index, so any can be taken out. */

export interface Timed {
  /** Monotonic milliseconds. */
  deadline: number
  /** Index in the heap; -1 outside. */
  heapIndex: number
}

export class WaitHeap<Entry extends Timed> {
  readonly #entries: Entry[] = []

  get first(): Entry | undefined {
    return this.#entries[0]
  }

  add(entry: Entry): void {
    this.#entries.push(entry)
    this.#rise(entry, this.#entries.length - 1)
  }

  /** Does nothing when the entry is not in the heap. */
  remove(entry: Entry): void {
    const index = entry.heapIndex
    if (index === -1) return
    entry.heapIndex = -1
    const last = this.#entries.pop() as Entry // the heap holds at least this entry
    if (last === entry) return
    this.#rise(last, index)
    this.#sink(last, last.heapIndex)
  }

  #rise(entry: Entry, from: number): void {
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = this.#entries[parent] as Entry
      if (above.deadline <= entry.deadline) break
      this.#put(above, index)
      index = parent
    }
    this.#put(entry, index)
  }

  #sink(entry: Entry, from: number): void {
    let index = from
    for (;;) {
      let child = 2 * index + 1
      if (child >= this.#entries.length) break
      const right = this.#entries[child + 1]
      if (right !== undefined && right.deadline < (this.#entries[child] as Entry).deadline) child++
      const below = this.#entries[child] as Entry
      if (below.deadline >= entry.deadline) break
      this.#put(below, index)
      index = child
    }
    this.#put(entry, index)
  }

  #put(entry: Entry, index: number): void {
    this.#entries[index] = entry
    entry.heapIndex = index
  }
}
