/**
 * The workbench of one step: the state being replaced piece by piece, and the effects so far. It lives only inside
 * `step`; what leaves it is a new immutable state.
 */

import type { NoteLevel } from '../base/note.js'
import type { Instant } from '../base/units.js'
import { stateOf, type GroupStep } from '../resource/group-machine.js'
import type { GroupStateName, GroupView } from '../wire/ownership.js'
import { invariant } from '../base/invariant.js'
import type { ClusterEffect, ClusterSettings, ClusterState, GroupSettings, GroupState } from './types.js'

export interface Turn {
  state: ClusterState
  readonly effects: ClusterEffect[]
  readonly now: Instant
  readonly settings: ClusterSettings
  /** Nothing happened that a conclusion could change: the next tick is early enough to draw them all again. */
  isQuiet: boolean
}

export function note(turn: Turn, level: NoteLevel, text: string): void {
  turn.effects.push({ kind: 'note', level, text })
}

export function groupAt(turn: Turn, index: number): { readonly group: GroupState; readonly setup: GroupSettings } {
  const group = turn.state.groups[index]
  const setup = turn.settings.groups[index]
  invariant(group !== undefined && setup !== undefined, 'group indices come from the settings')
  return { group, setup }
}

export function changeGroup(turn: Turn, index: number, change: Partial<GroupState>): void {
  turn.state = {
    ...turn.state,
    groups: turn.state.groups.map((group, at) => (at === index ? { ...group, ...change } : group))
  }
}

/** Takes a step of a group's machine into the state, and its effects as the cluster's. */
export function applyGroupStep(turn: Turn, index: number, step: GroupStep, change: Partial<GroupState> = {}): void {
  if (step.effects.length === 0 && step.machine === groupAt(turn, index).group.machine && Object.keys(change).length === 0) return
  changeGroup(turn, index, { ...change, machine: step.machine })
  for (const effect of step.effects) {
    if (effect.kind === 'note') turn.effects.push(effect)
    else turn.effects.push({ ...effect, group: index })
  }
}

/** What this node shows of the group: the machine's state, or `claimed`. */
export function shownState(group: GroupState): GroupStateName {
  const state = stateOf(group.machine.run)
  return state === 'stopped' && group.claim !== null ? 'claimed' : state
}

/** What the peer last showed of the group; null when it does not list it or is no daemon of ours. */
export function peerGroup(state: ClusterState, id: string): GroupView | null {
  return state.peer.view?.groups.find(group => group.id === id) ?? null
}
