/**
 * What operators ask for: standby, takeover, cleanup, stop. A request is checked, turned into flags on groups which the
 * level-triggered decisions then follow, and answered when the groups have arrived, come back, or run out of time.
 */

import { unreachable } from '../base/invariant.js'
import { after } from '../base/units.js'
import { beginStop, clearFailure } from '../resource/group-machine.js'
import { isHeld, type GroupStateName } from '../wire/ownership.js'
import { wish } from './decide-group.js'
import { onHold } from './pauses.js'
import { confirmOff, lapseOf } from './safety.js'
import { applyGroupStep, changeGroup, groupAt, note, peerGroup, shownState, type Turn } from './turn.js'
import type { OperatorRequest, PendingMove, Scope } from './types.js'

export function onAsked(turn: Turn, id: number, request: OperatorRequest): void {
  if (isTooLate(turn, request)) return refuse(turn, id, 'this node is being stopped')
  switch (request.kind) {
    case 'standby':
      return onStandby(turn, id, request)
    case 'takeover':
      return onTakeover(turn, id, request)
    case 'cleanup':
      return onCleanup(turn, id, request.scope)
    case 'stop':
      return onStop(turn, id)
    case 'hold':
      return onHold(turn, id, request)
    case 'confirm-off': {
      const refusal = confirmOff(turn)
      return refusal === null ? answer(turn, id, true, `${turn.settings.peerName} counts as off until it is heard`) : refuse(turn, id, refusal)
    }
    default:
      return unreachable(request)
  }
}

/** A node that leaves gives everything up anyway, and takes nothing; one that has said farewell ends, whatever is asked. */
function isTooLate({ state }: Turn, { kind }: OperatorRequest): boolean {
  if (kind === 'stop') return false
  return state.phase === 'left' || (state.phase === 'leaving' && ['standby', 'takeover', 'hold'].includes(kind))
}

function onStandby(turn: Turn, id: number, request: OperatorRequest & { kind: 'standby' }): void {
  const { settings } = turn
  const selected = select(turn, id, request.scope)
  if (selected === null) return
  const held = selected.filter(index => isHeld(shownState(groupAt(turn, index).group)))
  if (held.length === 0) return answer(turn, id, true, 'this node holds none of these resource groups')
  const obstacle = obstacleToPeer(turn, held)
  if (obstacle !== null) return refuse(turn, id, obstacle)
  note(turn, 'info', `${settings.self.name} wants to go standby [${scopeText(request.scope)}]`)
  for (const index of held) changeGroup(turn, index, { avoid: true, wantedUntil: null })
  begin(turn, request.wait, { id, kind: 'standby', groups: held })
}

function onTakeover(turn: Turn, id: number, request: OperatorRequest & { kind: 'takeover' }): void {
  const { settings, state, now } = turn
  const selected = select(turn, id, request.scope)
  if (selected === null) return
  const missing = selected.filter(index => !isHeld(shownState(groupAt(turn, index).group)))
  // What is being started here already needs no wish, but may still fail: the answer waits for its end.
  const starting = selected.filter(index => shownState(groupAt(turn, index).group) === 'starting')
  if (missing.length === 0 && starting.length === 0) return answer(turn, id, true, 'this node already runs these resource groups')
  if (missing.length === 0) return begin(turn, request.wait, { id, kind: 'takeover', groups: starting })
  const blockedHere = missing.filter(index => groupAt(turn, index).group.machine.run.kind === 'blocked')
  if (blockedHere.length > 0) return refuse(turn, id, `${keys(turn, blockedHere)} is blocked on this node: stop it by hand, then say heartbeat cleanup`)
  if (state.phase !== 'active') return refuse(turn, id, `this node is ${state.phase}; try again when it is active`)
  const lapse = lapseOf(state, settings, now)
  if (lapse !== null && !request.force) return refuse(turn, id, `${settings.self.name} may not hold it: ${lapse}`)
  const blockedThere = missing.filter(index => groupAt(turn, index).group.isBlockedThere)
  if (blockedThere.length > 0 && !request.force) {
    return refuse(turn, id, `${keys(turn, blockedThere)} is blocked on ${settings.peerName} and may still run there. When you know that it does not, say it with --force`)
  }
  note(turn, 'info', `${settings.self.name} wants to take over [${scopeText(request.scope)}]${request.force ? ', forced by an operator' : ''}`)
  for (const index of missing) {
    const { group } = groupAt(turn, index)
    changeGroup(turn, index, {
      machine: clearFailure(group.machine),
      avoid: false,
      isForced: request.force,
      wantedUntil: after(now, settings.moveTimeoutMs)
    })
  }
  begin(turn, request.wait, { id, kind: 'takeover', groups: [...missing, ...starting] })
}

function onCleanup(turn: Turn, id: number, scope: Scope): void {
  const selected = select(turn, id, scope)
  if (selected === null) return
  let cleared = 0
  const again: number[] = []
  for (const index of selected) {
    const { group, setup } = groupAt(turn, index)
    if (group.machine.run.kind === 'failed') {
      changeGroup(turn, index, { machine: { ...clearFailure(group.machine), failures: 0 }, reason: 'failure cleared by an operator' })
      cleared += 1
    } else if (group.machine.run.kind === 'blocked') {
      applyGroupStep(turn, index, beginStop(setup, group.machine, 'stopped', 'an operator asked to stop a blocked group once more'))
      again.push(index)
    }
  }
  if (again.length > 0) return begin(turn, true, { id, kind: 'cleanup', groups: again })
  answer(turn, id, true, cleared === 0 ? 'nothing had failed' : `${cleared} failure(s) forgotten; see heartbeat status`)
}

function onStop(turn: Turn, id: number): void {
  const { state } = turn
  turn.state = { ...state, stopRequests: [...state.stopRequests, id] }
  if (state.phase === 'leaving' || state.phase === 'left') return
  note(turn, 'info', 'Heartbeat shutdown in progress.')
  note(turn, 'info', 'Giving up all HA resources.')
  for (const move of state.moves) answer(turn, move.id, false, 'this node is being stopped')
  if (state.hold !== null && state.hold.request !== null) answer(turn, state.hold.request, false, 'this node is being stopped')
  turn.state = { ...turn.state, phase: 'leaving', moves: [], hold: null }
}

function begin(turn: Turn, wait: boolean, move: { readonly id: number; readonly kind: PendingMove['kind']; readonly groups: readonly number[] }): void {
  if (!wait) return answer(turn, move.id, true, 'asked for; see heartbeat status')
  const deadline = after(turn.now, turn.settings.moveTimeoutMs)
  turn.state = { ...turn.state, moves: [...turn.state.moves, { ...move, deadline, released: [] }] }
}

/** Answers moves that have ended, and forgets wishes that were fulfilled or ran out of time. */
export function settleMoves(turn: Turn): void {
  for (const [index, group] of turn.state.groups.entries()) {
    if (group.wantedUntil === null) continue
    if (turn.now >= group.wantedUntil || shownState(group) === 'running' || shownState(group) === 'failed') {
      changeGroup(turn, index, { wantedUntil: null, isForced: false })
    }
  }
  const before = turn.state.moves
  if (before.length === 0) return
  turn.state = { ...turn.state, moves: [] }
  const pending = before.filter(move => !isEnded(turn, move)).map(move => withReleased(turn, move))
  turn.state = { ...turn.state, moves: pending }
}

function isEnded(turn: Turn, move: PendingMove): boolean {
  const { settings } = turn
  if (move.kind === 'cleanup') return isCleanedUp(turn, move)
  const goal = move.kind === 'standby' ? settings.peerName : settings.self.name
  const states = move.groups.map(index => {
    const { group, setup } = groupAt(turn, index)
    return { index, key: setup.key, here: shownState(group), there: peerGroup(turn.state, setup.id)?.state ?? null, group }
  })
  if (states.every(one => (move.kind === 'standby' ? one.there : one.here) === 'running')) {
    note(turn, 'info', `Standby resource acquisition done [${keys(turn, move.groups)}].`)
    answer(turn, move.id, true, `${keys(turn, move.groups)} now runs on ${goal}`)
    return true
  }
  const failed = states.find(one => (move.kind === 'standby' ? one.there : one.here) === 'failed' && move.released.includes(one.index))
  if (failed !== undefined) {
    answer(turn, move.id, false, `${failed.key} could not be started on ${goal}; it goes back where it was. The log on ${goal} says why`)
    return true
  }
  const blocked = states.find(one => one.here === 'blocked' || (one.there === 'blocked' && !one.group.isForced))
  if (blocked !== undefined) {
    answer(turn, move.id, false, `${blocked.key} could not be stopped and is blocked on ${blocked.here === 'blocked' ? settings.self.name : settings.peerName}: see the log there`)
    return true
  }
  if (turn.now < move.deadline) return false
  const late = states.find(one => (move.kind === 'standby' ? one.there : one.here) !== 'running')
  if (late !== undefined) answer(turn, move.id, false, `${late.key} does not run on ${goal} yet: ${whyLate(turn, move, late)}`)
  return true
}

/** What stands in the way when time has run out: the old node first, as nothing starts before it has let go. */
function whyLate(turn: Turn, move: PendingMove, late: { readonly index: number; readonly here: GroupStateName; readonly there: GroupStateName | null }): string {
  const { settings } = turn
  const [old, from] = move.kind === 'standby' ? [late.here, settings.self.name] : [late.there, settings.peerName]
  const [current, goal] = move.kind === 'standby' ? [late.there, settings.peerName] : [late.here, settings.self.name]
  if (old !== null && (isHeld(old) || old === 'stopping')) return `it is still ${old} on ${from}`
  if (current !== null && (current === 'starting' || current === 'stopping')) return `it is still ${current} there`
  return `${goal} shows it ${current ?? 'not at all'}; ${wish(turn, late.index).reason}`
}

/** Blocked groups were stopped once more: either all are released, or one is blocked again. */
function isCleanedUp(turn: Turn, move: PendingMove): boolean {
  const states = move.groups.map(index => shownState(groupAt(turn, index).group))
  if (states.includes('stopping') && turn.now < move.deadline) return false
  const stuck = move.groups.filter((_, at) => states[at] === 'blocked' || states[at] === 'stopping')
  answer(turn, move.id, stuck.length === 0, stuck.length === 0 ? `${keys(turn, move.groups)} is released` : `${keys(turn, stuck)} still cannot be stopped: see the log`)
  return true
}

/** Remembers which groups have left their old node, and says so to the waiting operator. */
function withReleased(turn: Turn, move: PendingMove): PendingMove {
  const { settings } = turn
  if (move.kind === 'cleanup') return move
  const released = move.groups.filter(index => {
    const { group, setup } = groupAt(turn, index)
    const old = move.kind === 'standby' ? shownState(group) : (peerGroup(turn.state, setup.id)?.state ?? 'stopped')
    return move.released.includes(index) || !isHeld(old)
  })
  const from = move.kind === 'standby' ? settings.self.name : settings.peerName
  for (const index of released) {
    const isHereAlready = move.kind === 'takeover' && isHeld(shownState(groupAt(turn, index).group))
    if (!move.released.includes(index) && !isHereAlready) turn.effects.push({ kind: 'progress', id: move.id, text: `${groupAt(turn, index).setup.key} is leaving ${from}` })
  }
  return { ...move, released }
}

/** Why the peer cannot take these groups now, or null when it can. */
function obstacleToPeer(turn: Turn, groups: readonly number[]): string | null {
  const { settings, state } = turn
  const { peer } = state
  const name = settings.peerName
  if (peer.standing.kind === 'unheard') return `${name} was not heard yet`
  if (peer.standing.kind === 'dead') return `${name} is dead: ${peer.standing.reason}`
  if (peer.standing.kind === 'left') return `${name} has been stopped`
  if (peer.implementation !== 'own') return `${name} runs Linux-HA Heartbeat, with which resources are not shared`
  if (peer.view?.phase !== 'active') return `${name} is ${peer.view?.phase ?? 'not ready'}`
  for (const index of groups) {
    const { setup } = groupAt(turn, index)
    const theirs = peerGroup(state, setup.id)
    if (theirs === null || theirs.digest !== setup.digest) return `${setup.key} differs in haresources on ${name}`
    if (theirs.state === 'failed') return `${setup.key} failed on ${name}; after mending say there: heartbeat cleanup ${setup.key}`
    if (theirs.state === 'blocked') return `${setup.key} is blocked on ${name}`
  }
  return null
}

/** The groups a scope means; null after refusing an unknown key. */
function select(turn: Turn, id: number, scope: Scope): readonly number[] | null {
  const { settings } = turn
  const all = [...settings.groups.keys()]
  switch (scope.kind) {
    case 'all':
      return all
    case 'local':
      return all.filter(index => groupAt(turn, index).setup.home === settings.self.name)
    case 'foreign':
      return all.filter(index => groupAt(turn, index).setup.home !== settings.self.name)
    case 'group': {
      const found = all.filter(index => groupAt(turn, index).setup.key === scope.key)
      if (found.length > 0) return found
      const known = settings.groups.map(setup => setup.key).join(', ')
      turn.effects.push({ kind: 'answer', id, ok: false, code: 'HA_UNKNOWN_GROUP', text: `no resource group ${scope.key}; haresources has: ${known === '' ? 'none' : known}` })
      return null
    }
    default:
      return unreachable(scope)
  }
}

function answer(turn: Turn, id: number, ok: boolean, text: string): void {
  turn.effects.push({ kind: 'answer', id, ok, code: ok ? null : 'HA_STANDBY_REFUSED', text })
}

function refuse(turn: Turn, id: number, text: string): void {
  note(turn, 'warn', `Request refused: ${text}`)
  answer(turn, id, false, text)
}

const keys = (turn: Turn, groups: readonly number[]): string => groups.map(index => groupAt(turn, index).setup.key).join(', ')
const scopeText = (scope: Scope): string => (scope.kind === 'group' ? scope.key : scope.kind)
