/**
 * Looks at the daemon and its guard as processes: what their pid files say, whether they live, and when they are gone.
 * The control socket is asked first by every command; this is for what the daemon cannot say itself.
 */

import { readFileSync } from 'node:fs'
import { elapsed, millis } from '../base/units.js'
import type { Millis } from '../base/units.js'
import { commandLineOf, lifeOf } from '../process/life.js'
import type { CommandContext } from './context.js'

export interface KnownProcess {
  readonly pid: number
  readonly isAlive: boolean
}

/** The process a pid file names; null when there is no such file or no pid in it. */
export function processFrom(pidFile: string): KnownProcess | null {
  const pid = Number(readOrNull(pidFile)?.trim() ?? Number.NaN)
  return Number.isSafeInteger(pid) && pid > 1 ? { pid, isAlive: isAlive(pid) } : null
}

/**
 * A pid may be used again by a stranger, so a living process counts only when its command line speaks of heartbeat. One
 * that is ending has none any more, and may still be writing to the disk of the lease.
 */
function isAlive(pid: number): boolean {
  const life = lifeOf(pid)
  return life === 'ending' || (life === 'alive' && commandLineOf(pid).some(word => /heartbeat|daemon\/main/.test(word)))
}

/** Waits until none of the processes lives; false when the time was not enough. */
export async function waitGone(pids: readonly number[], timeoutMs: Millis, { clock }: CommandContext): Promise<boolean> {
  const started = clock.monotonic()
  while (pids.some(isAlive)) {
    if (elapsed(started, clock.monotonic()) >= timeoutMs) return false
    await new Promise<void>(resolve => {
      clock.schedule(millis(20), resolve)
    })
  }
  return true
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null // absent, or gone between two looks: there is nothing to read either way
  }
}
