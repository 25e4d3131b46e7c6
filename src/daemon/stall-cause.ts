/**
 * Says why this process did not run, as far as the kernel kept account of it: it was busy itself, it waited for a
 * processor, it waited for a disk, its virtual machine was given no processor, or it was stopped (SIGSTOP, freezer, a paused
 * virtual machine). Reads /proc only, which is memory; a reading that fails says nothing rather than something wrong.
 *
 * The kernel counts since the beginning. What a stall adds to that shows only against an account of shortly before it.
 */

import { readFileSync } from 'node:fs'
import { elapsed, type Instant, type Millis } from '../base/units.js'

/** What the kernel has counted for this process up to one moment, in ms. */
export interface Account {
  readonly ranMs: number
  /** Also while the host withheld the processor. */
  readonly waitedForProcessorMs: number
  readonly waitedForDiskMs: number
  /** Of each processor of this machine, withheld by the host of a virtual one. */
  readonly stolenMs: readonly number[]
}

export class StallCauses {
  readonly #everyMs: Millis
  readonly #read: (before: Account | null) => Account | null
  #last: Account | null
  #readAt: Instant | null = null

  /** @param everyMs  how old an account may become: what happens in that time may be taken for the stall's */
  constructor(everyMs: Millis, read: (before: Account | null) => Account | null = readAccount) {
    this.#everyMs = everyMs
    this.#read = read
    this.#last = read(null)
  }

  /** With every heartbeat; each may be the last before a stall. */
  sample(now: Instant): void {
    if (this.#readAt !== null && elapsed(this.#readAt, now) < this.#everyMs) return
    this.#readAt = now
    this.#last = this.#read(this.#last)
  }

  causeOf(stallMs: Millis): string | null {
    const before = this.#last
    const now = this.#read(null)
    this.#last = now
    return before === null || now === null ? null : judgeStall(stallMs, before, now)
  }
}

/** The account that explains most of the stall, at least half; when none does, the process was not there to be scheduled. */
export function judgeStall(stallMs: Millis, before: Account, now: Account): string {
  const stolenMs = Math.max(0, ...now.stolenMs.map((ms, at) => ms - (before.stolenMs[at] ?? 0)))
  const causes = [
    { ms: stolenMs, text: 'the host gave this machine no processor' },
    { ms: now.waitedForProcessorMs - before.waitedForProcessorMs - stolenMs, text: 'it waited for a processor' },
    { ms: now.waitedForDiskMs - before.waitedForDiskMs, text: 'it waited for a disk' },
    { ms: now.ranMs - before.ranMs, text: 'it was busy itself' }
  ]
  const main = causes.filter(cause => cause.ms >= stallMs / 2).sort((a, b) => b.ms - a.ms)[0]
  return main?.text ?? 'it was stopped, or its machine was'
}

/** The kernel shows times in /proc/stat and /proc/PID/stat in hundredths of a second, whatever its own clock ticks are. */
const userTickMs = 10

/**
 * From /proc/self/schedstat (ns run, ns waiting to run), field 42 of /proc/self/stat (waiting for block devices) and the
 * steal column of /proc/stat (proc(5)).
 *
 * @param before  where it shows that no host has ever stolen anything, /proc/stat is not read, which is long on large machines
 */
export function readAccount(before: Account | null): Account | null {
  try {
    const [ran, waited] = read('/proc/self/schedstat').trim().split(' ').map(Number)
    const stat = read('/proc/self/stat')
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[39])
    if (ran === undefined || waited === undefined || !Number.isFinite(ran + waited)) return null
    const isNeverRobbed = before?.stolenMs.every(ms => ms === 0) === true
    return { ranMs: ran / 1e6, waitedForProcessorMs: waited / 1e6, waitedForDiskMs: Number.isFinite(ticks) ? ticks * userTickMs : 0, stolenMs: isNeverRobbed ? before.stolenMs : stolen(read('/proc/stat')) }
  } catch {
    return null // no /proc, or a kernel without these accounts: the cause stays unknown
  }
}

const read = (path: string): string => readFileSync(path, 'latin1')

const stolen = (stat: string): readonly number[] => [...stat.matchAll(/^cpu\d+(?: \d+){7} (\d+)/gm)].map(match => Number(match[1]) * userTickMs)
