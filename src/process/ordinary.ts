/**
 * How a process of real-time priority begins a child of ordinary priority.
 *
 * The kernel could do it alone (SCHED_RESET_ON_FORK), but node waits, with everything it does, until the child has become
 * the other program; an ordinary child gets the processor for that when the load of the machine leaves it some, and the
 * heartbeats wait with it (measured under `stress-ng`: a tenth of a second). So the child keeps our priority for as long as
 * it takes to become `chrt`, which gives it up and becomes the program.
 */

import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import path from 'node:path'

export interface CommandLine {
  readonly file: string
  readonly args: readonly string[]
}

const folders = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * The same command as one that runs at ordinary priority, whatever ours is. A program that is not there is left as it is:
 * then it is the beginning of the child that fails, and says why.
 *
 * @param searchPath  PATH of the child, in which it and `chrt` are looked for
 * @param priority    ours; for tests
 */
export function atOrdinaryPriority(file: string, args: readonly string[], searchPath: string = folders, priority: number | null = ownPriority()): CommandLine {
  if (priority === null || locate(file, searchPath) === null) return { file, args }
  const chrt = locate('chrt', searchPath) ?? locate('chrt', folders)
  // It was there when it gave us our priority. Without it the child is preferred, too, which is better than no child.
  return chrt === null ? { file, args } : { file: chrt, args: ['--other', '0', file, ...args] }
}

/** The real-time priority that this process runs at, or null: fields 40 and 41 of /proc/self/stat. */
export function ownPriority(stat: string = readFileSync('/proc/self/stat', 'latin1')): number | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [priority, policy] = [Number(fields[37]), Number(fields[38])]
  return (policy === 1 || policy === 2) && priority >= 1 ? priority : null
}

function locate(program: string, searchPath: string): string | null {
  const candidates = program.includes('/') ? [program] : searchPath.split(':').map(folder => path.join(folder, program))
  return candidates.find(isExecutable) ?? null
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
