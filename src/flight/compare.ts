/**
 * Lives a recorded incident twice more, once as it was and once with a setting changed, and shows where they differ. Pure.
 *
 * The evidence is the recorded one: what was heard, and when. The core's own wake-ups and the ends of its scripts depend on
 * what it decides, so those are made anew: a tick at each deadline, and each script takes as long as it took then. Both
 * are lived in this way, so that the milliseconds by which real timers are late are no difference.
 *
 * What it cannot know: how the other node would have answered other decisions. So the first difference is sure; what
 * follows it is what this node would have done if the other had said the same.
 */

import { after, instant, millis, type Instant, type Millis } from '../base/units.js'
import { nextDeadline, step } from '../cluster/step.js'
import type { ClusterEffect, ClusterEvent, ClusterSettings, ClusterState } from '../cluster/types.js'
import type { OperationOutcome } from '../resource/group-machine.js'
import { operationUnderWay } from '../resource/under-way.js'
import type { Stretch } from './replay.js'

export interface Decision {
  readonly at: Instant
  readonly what: string
}

export interface Comparison {
  /** The life with the settings of then decides what the recorded one did. */
  readonly isFaithful: boolean
  readonly then: readonly Decision[]
  readonly changed: readonly Decision[]
  /** Index of the first decision that differs in its words or its moment; null when none does. */
  readonly first: number | null
  readonly endThen: ClusterState
  readonly endChanged: ClusterState
}

/** Two moments of one decision that differ by less are the same: timers are not better. */
const sameMs = 20
/** A deadline is a sum of fractions, rounded: at its very moment the core may find that it is not there yet. */
const grainMs = 0.05
const decisionsMax = 2_000

/** The stretches of one life that follow each other without a gap, lived again with both settings. */
export function compare(stretches: readonly Stretch[], settings: ClusterSettings, changed: ClusterSettings): Comparison | null {
  const [first] = stretches
  if (first === undefined) return null
  const events = stretches.flatMap(stretch => stretch.events)
  const recorded = liveRecorded(first.checkpoint.state, events, settings)
  const then = liveAnew(first.checkpoint.state, events, settings, recorded.outcomes)
  const other = liveAnew(first.checkpoint.state, events, changed, recorded.outcomes)
  const isFaithful = gist(recorded.decisions) === gist(then.decisions)
  return { isFaithful, then: then.decisions, changed: other.decisions, first: firstDifference(then.decisions, other.decisions), endThen: then.state, endChanged: other.state }
}

interface Outcome {
  readonly tookMs: Millis
  readonly outcome: OperationOutcome
}

interface Lived {
  readonly state: ClusterState
  readonly decisions: readonly Decision[]
}

/** How each operation ended, time after time, by `group/resource/operation`. */
type Outcomes = ReadonlyMap<string, readonly Outcome[]>

/** The decisions whatever their order among each other and their figures. */
const gist = (decisions: readonly Decision[]): string => decisions.map(one => one.what.replace(/\d+/g, '')).sort().join('\n')

function liveRecorded(begin: ClusterState, events: readonly ClusterEvent[], settings: ClusterSettings): Lived & { readonly outcomes: Outcomes } {
  let state = begin
  const decisions: Decision[] = []
  const outcomes = new Map<string, Outcome[]>()
  const begun = new Map<string, Instant>()
  for (const event of events) {
    if (event.kind === 'operated') {
      const machine = state.groups[event.group]?.machine
      const under = machine === undefined || machine.attempt !== event.attempt ? null : operationUnderWay(machine)
      const since = begun.get(`${event.group}/${event.attempt}`)
      if (under !== null && since !== undefined) {
        const key = keyOf(event.group, under.index, under.operation)
        outcomes.set(key, [...(outcomes.get(key) ?? []), { tookMs: millis(event.now - since), outcome: event.outcome }])
      }
    }
    const stepped = step(state, event, settings)
    state = stepped.state
    for (const effect of stepped.effects) if (effect.kind === 'operate') begun.set(`${effect.group}/${effect.attempt}`, event.now)
    note(decisions, event.now, stepped.effects, settings)
  }
  return { state, decisions, outcomes }
}

function liveAnew(begin: ClusterState, events: readonly ClusterEvent[], settings: ClusterSettings, known: Outcomes): Lived {
  const outcomes = new Map(known)
  let state = begin
  const decisions: Decision[] = []
  let ends: (ClusterEvent & { readonly kind: 'operated' })[] = []
  const take = (event: ClusterEvent): void => {
    const stepped = step(state, event, settings)
    state = stepped.state
    for (const effect of stepped.effects) {
      if (effect.kind === 'operate') ends = planned(ends, effect, event.now, outcomes)
      if (effect.kind === 'cancel') ends = ends.map(end => (end.group === effect.group && end.attempt === effect.attempt ? { ...end, now: after(event.now, millis(5)), outcome: { ...end.outcome, kind: 'cancelled' } } : end))
    }
    note(decisions, event.now, stepped.effects, settings)
  }
  // Operations that were under way when the record begins end as they did then.
  const inherited = new Set(begin.groups.flatMap(({ machine }, group) => (operationUnderWay(machine) === null ? [] : [`${group}/${machine.attempt}`])))
  for (const event of events) {
    passUntil(event.now, () => state, settings, () => ends, end => {
      ends = ends.filter(one => one !== end)
      take(end)
    }, now => take({ kind: 'tick', now }))
    if (event.kind === 'tick') continue
    if (event.kind === 'operated' && !inherited.delete(`${event.group}/${event.attempt}`)) continue
    take(event)
  }
  return { state, decisions }
}

/** Takes, in their order, the deadlines and the ends of scripts that come before a moment. */
function passUntil(
  moment: Instant,
  state: () => ClusterState,
  settings: ClusterSettings,
  ends: () => readonly (ClusterEvent & { readonly kind: 'operated' })[],
  takeEnd: (end: ClusterEvent & { readonly kind: 'operated' }) => void,
  takeTick: (now: Instant) => void
): void {
  // A deadline that stays where it is would be a fault of the core; the bound keeps it from being one of ours.
  for (let turns = 0; turns < 10_000; turns += 1) {
    const due = nextDeadline(state(), settings)
    const end = [...ends()].sort((a, b) => a.now - b.now)[0]
    if (end !== undefined && end.now <= Math.min(due, moment)) takeEnd(end)
    else if (due < moment) takeTick(instant(Math.min(moment, Math.max(due, state().at + grainMs))))
    else return
  }
}

function planned(ends: (ClusterEvent & { readonly kind: 'operated' })[], effect: ClusterEffect & { readonly kind: 'operate' }, now: Instant, outcomes: Map<string, readonly Outcome[]>): (ClusterEvent & { readonly kind: 'operated' })[] {
  const key = keyOf(effect.group, effect.index, effect.operation)
  const [known, ...later] = outcomes.get(key) ?? []
  if (later.length > 0) outcomes.set(key, later) // the last one stands for all that come after it
  const kind = effect.operation === 'status' ? 'stopped' : 'ok'
  const { outcome, tookMs } = known ?? { tookMs: millis(100), outcome: { kind, exitCode: 0, signal: null, said: [] } as const }
  return [...ends, { kind: 'operated', now: after(now, tookMs), group: effect.group, attempt: effect.attempt, outcome }]
}

const keyOf = (group: number, index: number, operation: string): string => `${group}/${index}/${operation}`

/** What an operator calls a decision: not the heartbeats, and not the words to those who asked. */
function note(decisions: Decision[], at: Instant, effects: readonly ClusterEffect[], settings: ClusterSettings): void {
  for (const effect of effects) {
    const what = decisionText(effect, settings)
    if (what !== null && decisions.length < decisionsMax) decisions.push({ at, what })
  }
}

function decisionText(effect: ClusterEffect, settings: ClusterSettings): string | null {
  const keys = (groups: readonly number[]): string => groups.map(group => settings.groups[group]?.key ?? '').join(', ')
  switch (effect.kind) {
    case 'note':
      return effect.level === 'debug' || /^(Late heartbeat|Status update)/.test(effect.text) ? null : effect.text
    case 'operate':
      return effect.operation === 'status' ? null : `${effect.operation} ${settings.groups[effect.group]?.resources[effect.index]?.word ?? ''}`
    case 'drop-addresses':
      return `drop the addresses of ${keys(effect.groups)}`
    case 'announce':
      return `announce ${keys([effect.group])}`
    case 'fence':
      return `fence ${effect.victim}`
    case 'exit':
      return 'end the daemon'
    default:
      return null
  }
}

function firstDifference(one: readonly Decision[], other: readonly Decision[]): number | null {
  const length = Math.max(one.length, other.length)
  for (let at = 0; at < length; at += 1) {
    const a = one[at]
    const b = other[at]
    if (a?.what !== b?.what || Math.abs((a?.at ?? 0) - (b?.at ?? 0)) > sameMs) return at
  }
  return null
}
