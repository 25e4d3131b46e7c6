/**
 * Visits every state that the model can reach with so many things going wrong within so much time, in the order of time, each
 * state once. The first state with two owners is told with all that led to it.
 */

import { canonical } from './canonical.js'
import { begin, isBroken, owns, successors, type Model, type Rules } from './model.js'

export interface Exploration {
  readonly states: number
  readonly steps: number
  /** Of the states, those in which somebody owned the group; a search in which nobody ever does would prove nothing. */
  readonly owned: number
  /** Times the group was owned by the other node than at first. */
  readonly taken: number
  /** What led to two owners, one choice a line; null when that cannot be. */
  readonly trace: readonly string[] | null
  /** The bound on states was met: the search is not complete. */
  readonly isCut: boolean
}

export interface ExplorerOptions {
  readonly rules: Rules
  /** How many things may go wrong. */
  readonly budget: number
  /** How long the model is followed after the calm beginning, in its own ms. */
  readonly horizonMs: number
  readonly statesMax: number
}

interface Path {
  readonly label: string
  readonly before: Path | null
}

/** Until then nothing goes wrong: both nodes are up, one runs the group, the disk beats. */
const calmMs = 700

export function explore(options: ExplorerOptions): Exploration {
  const { rules } = options
  const start = { ...calm(rules), budget: options.budget }
  const endAt = start.now + options.horizonMs
  const seen = new Set<number>([hashOf(canonical(start))])
  // States by their moment: the earliest first, so that a state met again later has less of its future left.
  const waiting = new Map<number, { readonly model: Model; readonly path: Path | null }[]>([[start.now, [{ model: start, path: null }]]])
  const counts = { states: 1, steps: 0, owned: 0, taken: 0 }
  const firstOwner = start.nodes.findIndex(owns)
  while (waiting.size > 0) {
    const moment = Math.min(...waiting.keys())
    const stack = waiting.get(moment) ?? []
    waiting.delete(moment)
    for (let here = stack.pop(); here !== undefined; here = stack.pop()) {
      for (const { label, model } of successors(here.model, rules)) {
        counts.steps += 1
        const path = { label, before: here.path }
        if (isBroken(model)) return { ...counts, trace: told(path), isCut: false }
        if (model.now > endAt) continue
        const hash = hashOf(canonical(model))
        if (seen.has(hash)) continue
        seen.add(hash)
        counts.states += 1
        const owner = model.nodes.findIndex(owns)
        if (owner >= 0) counts.owned += 1
        if (owner >= 0 && owner !== firstOwner) counts.taken += 1
        if (counts.states > options.statesMax) return { ...counts, trace: null, isCut: true }
        if (model.now === moment) stack.push({ model, path })
        else {
          const later = waiting.get(model.now)
          if (later === undefined) waiting.set(model.now, [{ model, path }])
          else later.push({ model, path })
        }
      }
    }
  }
  return { ...counts, trace: null, isCut: false }
}

function calm(rules: Rules): Model {
  let model = begin(rules, 0)
  while (model.now < calmMs) {
    const next = successors(model, rules)[0]
    if (next === undefined) throw new Error(`the calm beginning ends at ${model.now} ms`)
    model = next.model
  }
  if (!model.nodes.some(owns)) throw new Error('nobody owns the group after the calm beginning')
  return model
}

function told(path: Path | null): readonly string[] {
  const lines: string[] = []
  for (let at = path; at !== null; at = at.before) lines.unshift(at.label)
  return lines
}

/** 53 bits of two FNV-1a hashes: among a million states two share one with a chance of one in ten thousand. */
function hashOf(text: string): number {
  let low = 0x811c9dc5
  let high = 0x01000193
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    low = Math.imul(low ^ code, 0x01000193)
    high = Math.imul(high ^ code, 0x85ebca6b) ^ (low >>> 13)
  }
  return (high >>> 11) * 0x100000000 + (low >>> 0)
}
