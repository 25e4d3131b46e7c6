/**
 * Makes a failing life short: leaves out strikes of its plan, halves first and then one by one, as long as the life still
 * breaks a rule. What is left is usually the story itself.
 */

import { BrokenRule, World, type WorldOptions } from './world.js'

/** Runs one life. Returns what it broke, or null. */
export function live(options: WorldOptions): string | null {
  const world = new World(options)
  try {
    world.run()
    return null
  } catch (error) {
    if (error instanceof BrokenRule) return error.message
    if (error instanceof Error) return `${error.stack ?? error.message}\n${world.story.slice(-30).join('\n')}`
    throw error
  }
}

/** What a failing life looks like at its shortest, and how to see it again; null when no rule is broken. */
export function account(seed: number, options: Omit<WorldOptions, 'seed'> = {}): string | null {
  const whole = live({ ...options, seed })
  if (whole === null) return null
  const all = new World({ ...options, seed }).plan.strikes.map(strike => strike.index)
  const few = shrink(all, only => live({ ...options, seed, only }) !== null)
  const shortest = live({ ...options, seed, only: few }) ?? whole
  return `seed ${seed}: ${shortest}\n\nreplay: npm run sim -- --seed ${seed} --only ${few.join(',')}\nthe whole life has ${all.length} strikes: npm run sim -- --seed ${seed}\n`
}

/** A subset of `all` that still fails and of which nothing can be left out; `all` itself fails. */
export function shrink(all: readonly number[], fails: (only: readonly number[]) => boolean): readonly number[] {
  let kept = all
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length; ) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)]
      if (fails(without)) kept = without
      else at += size
    }
  }
  return kept
}
