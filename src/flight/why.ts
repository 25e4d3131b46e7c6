/**
 * The answer of `heartbeat why`: how each group came to be where it is, in one node's words or in both nodes'. Pure.
 *
 * Each node tells what it saw itself, with the time of day of its own clock. Both accounts are laid side by side only when
 * they are about the same move; clocks of two machines may differ, so the nodes' names stand before the facts.
 */

import type { Instant } from '../base/units.js'
import type { ClusterSettings, ClusterState } from '../cluster/types.js'
import { lastMove, type Chronicle } from './chronicle.js'
import { whereabouts, type Whereabouts } from './elsewhere.js'
import { wallOf, type Life, endingOf } from './replay.js'

export interface ToldFact {
  readonly wallMs: number
  readonly text: string
}

export interface ToldMove {
  readonly from: string | null
  readonly to: string | null
  /** When clients can have lost it first, and when it ran again, by the clock of the teller. */
  readonly downMs: number | null
  readonly runningMs: number | null
  readonly facts: readonly ToldFact[]
}

export interface ToldGroup extends Whereabouts {
  readonly key: string
  /** null: it has not moved since the record begins. */
  readonly move: ToldMove | null
}

/** One node's account. */
export interface NodeWhy {
  readonly node: string
  /** Since when this account goes back: the start of the daemon. */
  readonly sinceMs: number
  readonly groups: readonly ToldGroup[]
}

export interface Witness {
  readonly settings: ClusterSettings
  readonly state: ClusterState
  readonly chronicle: Chronicle
  readonly clock: { readonly now: Instant; readonly wallMs: number }
}

export function nodeWhy(witness: Witness): NodeWhy {
  const { settings, state } = witness
  const groups = settings.groups.map((setup, index) => ({ key: setup.key, ...whereabouts(state, settings, index), move: toldMove(witness, setup.id) }))
  return { node: settings.self.name, sinceMs: wallOf(witness.clock, state.startedAt), groups }
}

function toldMove(witness: Witness, id: string): ToldMove | null {
  const { chronicle, clock } = witness
  const found = lastMove(chronicle, id)
  if (found === null) return null
  const wall = (at: Instant | null): number | null => (at === null ? null : wallOf(clock, at))
  const { from, to, downAt, runningAt, facts } = found.move
  // A beginning that has led to nothing yet is told beside the move before it only when somebody is waiting for it.
  return { from, to, downMs: wall(downAt), runningMs: wall(runningAt), facts: facts.map(fact => ({ wallMs: wallOf(clock, fact.at), text: fact.text })) }
}

/** Fills in, from lives before, the moves that this life has not seen. */
export function withEarlier(why: NodeWhy, lives: readonly Life[]): NodeWhy {
  let { groups, sinceMs } = why
  for (const life of lives.toReversed()) {
    const ending = endingOf(life)
    if (ending === null) continue
    const earlier = nodeWhy(ending)
    sinceMs = Math.min(sinceMs, earlier.sinceMs)
    groups = groups.map(group => (isTold(group.move) ? group : { ...group, move: earlier.groups.find(one => one.key === group.key)?.move ?? group.move }))
  }
  return { ...why, sinceMs, groups }
}

/** A group found running at the start has not moved: what came before is what matters. */
const isTold = (move: ToldMove | null): boolean => move !== null && move.from !== null

const groupsMax = 1_000
const factsMax = 64
const textMax = 1_000

/** What the peer wrote; null when it is no account. Signed by the peer, and still bounded and checked. */
export function readNodeWhy(bytes: Uint8Array): NodeWhy | null {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return null
  }
  if (!isEntry(value) || typeof value['node'] !== 'string' || !isTime(value['sinceMs']) || !Array.isArray(value['groups'])) return null
  const groups = value['groups'].slice(0, groupsMax).map(readGroup)
  return groups.includes(null) ? null : { node: clean(value['node']), sinceMs: value['sinceMs'], groups: groups as readonly ToldGroup[] }
}

function readGroup(value: unknown): ToldGroup | null {
  if (!isEntry(value) || typeof value['key'] !== 'string' || !isName(value['owner']) || typeof value['here'] !== 'string' || !Array.isArray(value['elsewhere'])) return null
  const elsewhere = value['elsewhere'].slice(0, 2).flatMap((one: unknown) => (isEntry(one) && typeof one['node'] === 'string' && typeof one['why'] === 'string' ? [{ node: clean(one['node']), why: clean(one['why']) }] : []))
  const move = value['move'] === null ? null : readMove(value['move'])
  return move === undefined ? null : { key: value['key'].slice(0, textMax), owner: value['owner'], here: clean(value['here']), elsewhere, move }
}

function readMove(value: unknown): ToldMove | undefined {
  if (!isEntry(value) || !isName(value['from']) || !isName(value['to']) || !Array.isArray(value['facts'])) return undefined
  const { downMs, runningMs } = value
  if ((downMs !== null && !isTime(downMs)) || (runningMs !== null && !isTime(runningMs))) return undefined
  const facts = value['facts'].slice(0, factsMax).flatMap((one: unknown) => (isEntry(one) && isTime(one['wallMs']) && typeof one['text'] === 'string' ? [{ wallMs: one['wallMs'], text: clean(one['text']) }] : []))
  return { from: value['from'], to: value['to'], downMs, runningMs, facts }
}

const isEntry = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)
/** What a Date can hold. */
const isTime = (value: unknown): value is number => typeof value === 'number' && Math.abs(value) < 8.64e15
const isName = (value: unknown): value is string | null => value === null || (typeof value === 'string' && value.length <= 64 && /^[\x21-\x7e]*$/.test(value))
/** Safe to show on a terminal. */
const clean = (text: string): string => text.slice(0, textMax).replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
