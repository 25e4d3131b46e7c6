/**
 * Ends a script together with everything it started: its whole process group, TERM first, KILL after a grace.
 *
 * The leader alone is not enough: a hung `start` is usually a shell waiting for a child, and the child goes on. Nor is
 * the leader's end enough: it may obey TERM while its child ignores it. So the group is watched until nobody is left.
 *
 * Invariants
 *  1. Returns within grace + `afterKillMs`, whatever the processes do; those still there are in the answer.
 *  2. A group is signalled only while it has members, so that a number which was given away again is never hit.
 *
 * Not here: processes that left the group by setsid, as daemons do; a script's `stop` is responsible for those.
 */

import { readdirSync } from 'node:fs'
import { millis, type Millis } from '../base/units.js'
import type { Clock } from '../port/clock.js'
import { isGone, statOf } from '../process/life.js'

/** How long a killed group may take to disappear before it is reported; longer means a process stuck in the kernel. */
const afterKillMs = millis(500)
const pollMs = millis(5)

export interface EndedFamily {
  /** Processes that even SIGKILL did not end: they wait in the kernel, and may yet do what they were about to. */
  readonly left: readonly number[]
  readonly notes: readonly string[]
}

export async function endFamily(options: { readonly leader: number; readonly graceMs: Millis; readonly clock: Clock }): Promise<EndedFamily> {
  const { leader, graceMs, clock } = options
  const notes: string[] = []
  if (!signalGroup(leader, 'SIGTERM')) return { left: [], notes }
  if (await groupEnds(leader, graceMs, clock)) return { left: [], notes }
  notes.push(`the script's processes did not end ${graceMs} ms after SIGTERM; SIGKILL was sent`)
  if (!signalGroup(leader, 'SIGKILL')) return { left: [], notes }
  if (await groupEnds(leader, afterKillMs, clock)) return { left: [], notes }
  const left = livingMembers(leader)
  // None: only zombies, which nobody has collected yet.
  if (left.length > 0) notes.push(`still there after SIGKILL: ${left.map(({ text }) => text).join(', ')}`)
  return { left: left.map(({ pid }) => pid), notes }
}

/** Resolves after `delay` by the given clock. */
export function pause(clock: Clock, delay: Millis): Promise<void> {
  return new Promise(resolve => clock.schedule(delay, resolve))
}

/** Sends a signal to every member (0 only asks); false when the group has none. */
export function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, signal)
    return true
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ESRCH') return false
    // EPERM: members exist that took another user id and may not be signalled by us.
    if (code === 'EPERM') return true
    throw error
  }
}

async function groupEnds(leader: number, withinMs: Millis, clock: Clock): Promise<boolean> {
  const startedAt = clock.monotonic()
  let lookAfterMs = 20
  while (signalGroup(leader, 0)) {
    const passedMs = clock.monotonic() - startedAt
    if (passedMs >= withinMs) return false
    // Orphans may stay zombies for long where pid 1 is slow to collect them; a look into /proc tells, but costs more.
    if (passedMs >= lookAfterMs) {
      if (livingMembers(leader).length === 0) return true
      lookAfterMs *= 2
    }
    await pause(clock, pollMs)
  }
  return true
}

/** Each member that is not gone, `pid 4711 (sleep) in state D`; a killed one may have threads that wait for a disk. */
export function livingMembers(group: number): readonly { readonly pid: number; readonly text: string }[] {
  const found: { readonly pid: number; readonly text: string }[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const stat = statOf(Number(entry))
    if (stat === null || stat.processGroup !== group || isGone(stat)) continue
    found.push({ pid: Number(entry), text: `pid ${entry} (${stat.name}) in state ${stat.state}${stat.state === 'Z' ? `, ${stat.threads - 1} of its threads left` : ''}` })
  }
  return found
}
