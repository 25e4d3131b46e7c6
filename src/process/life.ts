/**
 * What the kernel says of another process: whether it lives, is ending, or is gone. Read from /proc, which never waits for
 * a disk.
 *
 * A process of several threads that was killed looks dead before it is: its first thread is a zombie while another one is
 * still inside a write to a disk that does not answer, with every file, lock and mount that the process held. A zombie
 * alone holds nothing: only its parent has not looked yet. Source: proc(5), fields of /proc/PID/stat.
 */

import { readFileSync } from 'node:fs'

/** `ending`: it was killed or has ended, but what it held is not free yet. */
export type Life = 'alive' | 'ending' | 'gone'

export interface ProcessStat {
  /** As the kernel keeps it: at most 15 characters of the program's name. */
  readonly name: string
  /** R, S, D, T, Z, X and others, of the first thread. */
  readonly state: string
  readonly processGroup: number
  readonly threads: number
  /** Ticks since boot; with the number of the process it names one process for as long as the machine runs. */
  readonly startedAt: number
}

const sigkillBit = 0x100n

/** null when there is no such process. */
export function statOf(pid: number): ProcessStat | null {
  const stat = readOrNull(`/proc/${pid}/stat`)
  if (stat === null) return null
  // The name stands in parentheses and may hold blanks and parentheses itself: split after the last one.
  const nameEnd = stat.lastIndexOf(')')
  const fields = stat.slice(nameEnd + 2).split(' ')
  return { name: stat.slice(stat.indexOf('(') + 1, nameEnd), state: fields[0] ?? '', processGroup: Number(fields[2]), threads: Number(fields[17]), startedAt: Number(fields[19]) }
}

/** Nothing of it is left that could hold a file, a lock or a mount. */
export const isGone = ({ state, threads }: ProcessStat): boolean => state === 'X' || (state === 'Z' && threads <= 1)

export function lifeOf(pid: number): Life {
  const stat = statOf(pid)
  if (stat === null || isGone(stat)) return 'gone'
  if (stat.state === 'Z') return 'ending'
  const pending = /^SigPnd:\s*([0-9a-f]+)$/m.exec(readOrNull(`/proc/${pid}/status`) ?? '')?.[1]
  return pending !== undefined && (BigInt(`0x${pending}`) & sigkillBit) !== 0n ? 'ending' : 'alive'
}

/** The words it was started with; none when it is gone or ending, or is none of ours to look at. */
export function commandLineOf(pid: number): readonly string[] {
  const text = readOrNull(`/proc/${pid}/cmdline`) ?? ''
  return text === '' ? [] : text.replace(/\0$/, '').split('\0')
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null // it ended between two looks, or is hidden from us: there is nothing to read either way
  }
}
