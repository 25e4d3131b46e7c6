/**
 * The order in which devices are tried: level after level until one holds, and on a level all devices at once, each with
 * its retries. A level holds when every device of it proved the victim off; two power supplies are both off before
 * either is on again. Conditions of a level are asked before anything is switched.
 *
 * Time: a level may use an equal share of what is left, so that a device that hangs leaves time for the next one. A
 * level of operators alone, being last, takes no share: it waits for as long as there is.
 *
 * Not here: the end of the whole attempt, the operator's word (fencing.ts).
 */

import { pause } from '../agent/process-family.js'
import { after, elapsed, millis, type Instant, type Millis } from '../base/units.js'
import type { Clock } from '../port/clock.js'
import type { Device, DeviceWord, Effort } from './device.js'

export type Level = readonly Device[]

export interface LevelsOptions {
  readonly clock: Clock
  readonly action: 'reset' | 'off'
  /** Tries after the first. */
  readonly retries: number
  readonly retryPauseMs: Millis
}

export interface LevelHeld {
  /** The devices and what they said. */
  readonly device: string
  /** To be switched on again now; null when that is not wanted or already done. */
  readonly restore: ((effort: Effort) => Promise<readonly string[]>) | null
}

/** Tries all levels; null when none held, with a sentence for each device put into `said` as it fails. */
export async function fenceByLevels(levels: readonly Level[], victim: string, effort: Effort, options: LevelsOptions, said: string[]): Promise<LevelHeld | null> {
  for (const [index, level] of levels.entries()) {
    if (effort.signal.aborted) return null
    const until = shareOf(levels.slice(index), effort, options.clock)
    // One call does it only where nothing else has to be off at the same time.
    const switching = level.filter(device => !device.isCondition)
    const [only] = switching
    const reset = options.action === 'reset' && switching.length === 1 ? (only?.reset ?? null) : null
    const limits = { ...effort, until }
    const all = (devices: Level, once: (device: Device) => (victim: string, effort: Effort) => Promise<DeviceWord>): Promise<readonly DeviceWord[]> =>
      Promise.all(devices.map(device => retrying(once(device), victim, limits, options)))
    const failuresOf = (devices: Level, words: readonly DeviceWord[]): readonly string[] =>
      words.flatMap((word, at) => (word.ok ? [] : [`level ${index + 1}, ${devices[at]?.description ?? ''}: ${word.said}`]))

    const conditions = level.filter(device => device.isCondition)
    const refusals = failuresOf(conditions, await all(conditions, device => device.off))
    if (refusals.length > 0 || switching.length === 0) {
      said.push(...(refusals.length > 0 ? refusals : [`level ${index + 1}: nothing on it switches ${victim} off`]))
      continue
    }
    const words = await all(switching, device => reset ?? device.off)
    const failures = failuresOf(switching, words)
    if (failures.length === 0) {
      const device = switching.map((one, at) => `${one.description} (${words[at]?.said ?? ''})`).join(' and ')
      return { device, restore: options.action === 'off' || reset !== null ? null : more => switchOn(switching, victim, more) }
    }
    said.push(...failures)
  }
  return null
}

async function retrying(once: (victim: string, effort: Effort) => Promise<DeviceWord>, victim: string, effort: Effort, options: LevelsOptions): Promise<DeviceWord> {
  for (let tries = 1; ; tries += 1) {
    const word = await once(victim, effort)
    if (word.ok) return word
    const left = elapsed(options.clock.monotonic(), effort.until)
    const isLast = word.isFinal === true || tries > options.retries || left <= options.retryPauseMs || effort.signal.aborted
    if (isLast) return tries === 1 ? word : { ...word, said: `tried ${tries} times: ${word.said}` }
    await pause(options.clock, options.retryPauseMs)
  }
}

async function switchOn(level: Level, victim: string, effort: Effort): Promise<readonly string[]> {
  const words = await Promise.all(level.map(device => device.on(victim, effort)))
  return words.map((word, at) => `${level[at]?.description ?? ''}: ${word.said}`)
}

export interface LevelsTested {
  readonly isProven: boolean
  readonly said: readonly string[]
}

/**
 * Asks every device. Proven: a level could switch the victim off, and no other level failed its test; levels of
 * operators and of devices for other nodes count neither way.
 */
export async function testLevels(levels: readonly Level[], victim: string, effort: Effort, clock: Clock): Promise<LevelsTested> {
  const said: string[] = []
  let proven = 0
  let failed = 0
  for (const [index, level] of levels.entries()) {
    const until = shareOf(levels.slice(index), effort, clock)
    const words = await Promise.all(level.map(device => device.test(victim, { ...effort, until })))
    said.push(...words.map((word, at) => `${level[at]?.description ?? ''}: ${word.said}`))
    const asked = words.filter((_, at) => level[at]?.isOperator !== true)
    if (level.every(device => device.isCondition)) {
      said.push(`nothing on level ${index + 1} switches ${victim} off`)
      failed += 1
      continue
    }
    if (asked.length === 0 || words.every(word => word.isForOthers === true)) continue
    if (asked.every(word => word.ok)) proven += 1
    else failed += 1
  }
  return { isProven: proven > 0 && failed === 0, said }
}

/** Until when the first of these levels may try. */
function shareOf(left: readonly Level[], effort: Effort, clock: Clock): Instant {
  const waitsOnly = (level: Level | undefined): boolean => level?.every(device => device.isOperator) ?? false
  const sharing = left.filter((level, index) => index === 0 || index < left.length - 1 || !waitsOnly(level)).length
  const now = clock.monotonic()
  return after(now, millis(Math.max(0, elapsed(now, effort.until)) / Math.max(1, sharing)))
}
