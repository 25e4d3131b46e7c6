/**
 * Says why this process did not run, as far as the kernel kept account of it: it was busy itself, it waited for a
 * processor, it waited for a disk, or it was stopped (SIGSTOP, freezer, a paused virtual machine). Reads /proc only, which
 * is memory; a reading that fails says nothing rather than something wrong.
 */

import { readFileSync } from 'node:fs'
import { millis, type Millis } from '../base/units.js'

/** What the kernel has counted for this process up to one moment, in ms. */
export interface Account {
  readonly ranMs: number
  readonly waitedForProcessorMs: number
  readonly waitedForDiskMs: number
}

export class StallCauses {
  readonly #read: () => Account | null
  #last: Account | null

  constructor(read: () => Account | null = readAccount) {
    this.#read = read
    this.#last = read()
  }

  /** A fresh account before a time that may turn out to be a stall; cheap enough for once in a few seconds. */
  sample(): void {
    this.#last = this.#read()
  }

  causeOf(stallMs: Millis): string | null {
    const before = this.#last
    const now = this.#read()
    this.#last = now
    return before === null || now === null ? null : judgeStall(stallMs, before, now)
  }
}

/** The account that explains at least half of the stall; when none does, the process was not there to be scheduled. */
export function judgeStall(stallMs: Millis, before: Account, now: Account): string {
  const causes = [
    { ms: now.waitedForProcessorMs - before.waitedForProcessorMs, text: 'it waited for a processor' },
    { ms: now.waitedForDiskMs - before.waitedForDiskMs, text: 'it waited for a disk' },
    { ms: now.ranMs - before.ranMs, text: 'it was busy itself' }
  ]
  const main = causes.filter(cause => cause.ms >= stallMs / 2).sort((a, b) => b.ms - a.ms)[0]
  return main?.text ?? 'it was stopped, or its machine was'
}

/** From /proc/self/schedstat (ns run, ns waiting to run) and field 42 of /proc/self/stat (clock ticks of 10 ms waiting for block devices). */
export function readAccount(): Account | null {
  try {
    const [ran, waited] = readFileSync('/proc/self/schedstat', 'latin1').trim().split(' ').map(Number)
    const stat = readFileSync('/proc/self/stat', 'latin1')
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[39])
    if (ran === undefined || waited === undefined || !Number.isFinite(ran + waited)) return null
    return { ranMs: millis(ran / 1e6), waitedForProcessorMs: millis(waited / 1e6), waitedForDiskMs: millis(Number.isFinite(ticks) ? ticks * 10 : 0) }
  } catch {
    return null // no /proc, or a kernel without these accounts: the cause stays unknown
  }
}
