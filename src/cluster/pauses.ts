/**
 * Pauses that a node announces (`heartbeat hold`), and the quarantine of a peer whose links flap.
 *
 * A hold is a promise with an end: "I may be silent for 60 s". The peer waits that long and not a moment longer, and any
 * proof that nobody is there to come back (its host refuses our datagrams, it was fenced) ends the wait at once.
 */

import { after, elapsed, millis, type Instant } from '../base/units.js'
import { note, type Turn } from './turn.js'
import type { ClusterSettings, ClusterState, Hold, OperatorRequest } from './types.js'

/** So many returns from the dead in one life within this time are no accident. */
const flapsMax = 3
const flapWindowMs = millis(60_000)
const quarantineMs = millis(60_000)
/** How long an operator waits for the peer to hear of the hold. */
const toldWithinMs = millis(5_000)

export function onHold(turn: Turn, id: number, request: OperatorRequest & { kind: 'hold' }): void {
  const { settings, state, now } = turn
  if (state.hold !== null && state.hold.request !== null) answer(turn, state.hold.request, false, 'it was announced anew, or ended, meanwhile')
  if (request.durationMs === 0) {
    turn.state = { ...state, hold: null }
    note(turn, 'info', `${settings.self.name} is no longer on hold`)
    return answer(turn, id, true, state.hold === null ? 'no hold was announced' : 'the hold is over')
  }
  const hold: Hold = { since: now, until: after(now, request.durationMs), reason: request.reason, sequence: null, request: id, isWritten: settings.safety.lease === null }
  turn.state = { ...turn.state, hold }
  note(turn, 'info', `${settings.self.name} may be silent for ${Math.round(request.durationMs / 1_000)} s: ${request.reason}`)
}

/** Answers when the peer has heard of the hold, and ends it at its time. */
export function settleHold(turn: Turn): void {
  const { settings, state, now } = turn
  const { hold } = state
  if (hold === null) return
  if (now >= hold.until) {
    if (hold.request !== null) answer(turn, hold.request, false, `${settings.peerName} did not hear of the hold before its end`)
    turn.state = { ...state, hold: null }
    return note(turn, 'info', `The hold of ${settings.self.name} (${hold.reason}) is over`)
  }
  if (hold.request === null) return
  const { standing, view } = state.peer
  if (standing.kind !== 'alive') {
    turn.state = { ...state, hold: { ...hold, request: null } }
    return answer(turn, hold.request, false, `${settings.peerName} is not alive: nobody is there to wait; the hold stands for its return`)
  }
  const acknowledged = view?.acknowledged
  const isHeard = acknowledged?.generation === settings.self.generation && hold.sequence !== null && acknowledged.sequence >= hold.sequence
  if (isHeard && hold.isWritten) {
    turn.state = { ...state, hold: { ...hold, request: null }, isReplyDue: true } // before the operator goes on, the sentry must know
    return answer(turn, hold.request, true, `${settings.peerName} waits for this node until the hold is over`)
  }
  if (now < after(hold.since, toldWithinMs)) return
  turn.state = { ...state, hold: null }
  answer(turn, hold.request, false, isHeard ? 'the hold could not be written to the disk of the lease' : `${settings.peerName} has not heard of the hold: it is not announced`)
}

/**
 * For how long our silence is no hang: until the end of a hold that is written wherever our lease is, and that the peer has
 * heard of, or was not there to hear. The arbiter knows of no hold.
 */
export function quietTime({ hold }: ClusterState, settings: ClusterSettings, now: Instant): number {
  if (hold === null || hold.request !== null || !hold.isWritten || settings.safety.arbiter !== null) return 0
  return Math.max(0, Math.round(elapsed(now, hold.until)))
}

/** The peer came back from the dead in the same life: a link was cut, or somebody stood still. */
export function noteReturn(turn: Turn): void {
  const { settings, state, now } = turn
  const returns = [...state.returns, now].filter(one => one > now - flapWindowMs).slice(-flapsMax)
  turn.state = { ...state, returns }
  if (returns.length < flapsMax) return
  const wasQuarantined = state.quarantineUntil !== null && now < state.quarantineUntil
  turn.state = { ...turn.state, quarantineUntil: after(now, quarantineMs) }
  if (wasQuarantined) return
  note(turn, 'warn', `${settings.peerName} was lost and found ${flapsMax} times within ${flapWindowMs / 1_000} s: in quarantine for ${quarantineMs / 1_000} s after the last time. Nothing goes home to it meanwhile, and its silence is given more time. Look at the links`)
}

/** The quarantine is over once the peer has been steady for its time. */
export function settleQuarantine(turn: Turn): void {
  const { settings, state, now } = turn
  if (state.quarantineUntil === null || now < state.quarantineUntil) return
  turn.state = { ...state, quarantineUntil: null, returns: [] }
  note(turn, 'info', `${settings.peerName} has been steady: its quarantine is over`)
}

function answer(turn: Turn, id: number, ok: boolean, text: string): void {
  turn.effects.push({ kind: 'answer', id, ok, code: ok ? null : 'HA_STANDBY_REFUSED', text })
}

/** Short stalls are ordinary under load; `heartbeat status` counts them. */
export function onStallExplained(turn: Turn, cause: string | null): void {
  turn.isQuiet = true
  const { stalls } = turn.state
  if (stalls.last === null) return
  turn.state = { ...turn.state, stalls: { ...stalls, last: { ...stalls.last, cause } } }
  if (stalls.last.ms < turn.settings.timing.warntimeMs) return
  note(turn, 'warn', `This node stood still for ${Math.round(stalls.last.ms)} ms${cause === null ? '' : ` (${cause})`}; that time is not held against ${turn.settings.peerName}`)
}
