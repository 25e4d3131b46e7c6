/** Says why a group is not on the other node now, from what the core knows. Pure; decides nothing. */

import { elapsed } from '../base/units.js'
import { wish } from '../cluster/decide-group.js'
import { lapseOf } from '../cluster/safety.js'
import { peerGroup, shownState, type Turn } from '../cluster/turn.js'
import type { ClusterSettings, ClusterState } from '../cluster/types.js'
import { isTwoWay } from '../membership/peer.js'
import { isHeld } from '../wire/ownership.js'

export interface Whereabouts {
  /** The node that runs it, or null. */
  readonly owner: string | null
  /** Why it runs there, or nowhere: a sentence part. */
  readonly here: string
  /** Why not on each node that does not run it. */
  readonly elsewhere: readonly { readonly node: string; readonly why: string }[]
}

export function whereabouts(state: ClusterState, settings: ClusterSettings, index: number): Whereabouts {
  const group = state.groups[index]
  const setup = settings.groups[index]
  if (group === undefined || setup === undefined) return { owner: null, here: 'no such group', elsewhere: [] }
  const own = shownState(group)
  const theirs = state.peer.standing.kind === 'alive' ? peerGroup(state, setup.id) : null
  const self = settings.self.name
  const peer = settings.peerName
  const turn: Turn = { state, effects: [], now: state.at, settings, isQuiet: true }
  const target = wish(turn, index)
  const why = `it belongs ${target.node === null ? 'nowhere' : `on ${target.node}`}: ${target.reason}`
  if (isHeld(own)) return { owner: self, here: group.reason === '' ? target.reason : group.reason, elsewhere: [{ node: peer, why: notThere(state, settings, index) ?? why }] }
  if (theirs !== null && isHeld(theirs.state)) return { owner: peer, here: target.node === peer ? target.reason : `${peer} shows it ${theirs.state}`, elsewhere: [{ node: self, why: notHere(state, settings, index) ?? why }] }
  return {
    owner: null,
    here: group.reason,
    elsewhere: [
      { node: self, why: notHere(state, settings, index) ?? group.reason },
      { node: peer, why: notThere(state, settings, index) ?? why }
    ]
  }
}

/** What keeps it from the peer; null when only the placement does. */
function notThere(state: ClusterState, settings: ClusterSettings, index: number): string | null {
  const { peer } = state
  const name = settings.peerName
  const group = state.groups[index]
  const theirs = peerGroup(state, settings.groups[index]?.id ?? '')
  if (group?.isBlockedThere === true) return `it is blocked on ${name}: it could not be stopped there`
  switch (peer.standing.kind) {
    case 'unheard':
      return `${name} was not heard yet`
    case 'left':
      return `${name} was stopped in order`
    case 'dead':
      return `${name} counts as dead since ${Math.round(elapsed(peer.standing.since, state.at) / 1_000)} s (${peer.standing.reason})`
    case 'alive':
      break
  }
  if (peer.implementation === 'linux-ha') return `${name} runs Linux-HA Heartbeat, with which resources are not shared`
  if (!isTwoWay(peer, settings.self.generation)) return `${name} is heard but does not hear us`
  if (theirs === null) return `${name} has no such line in haresources`
  if (theirs.digest !== settings.groups[index]?.digest) return `its line in haresources differs on ${name}`
  if (theirs.state === 'failed') return `its start failed on ${name}`
  if (theirs.state === 'unknown') return `${name} is still looking around`
  if (!theirs.canServe) return `its service interface on ${name} has no carrier`
  if (peer.view?.health.isFit === false) return `${name} has lost a right to hold it (lease, arbiter or ping nodes)`
  if (peer.view?.phase !== 'active') return `${name} is ${peer.view?.phase ?? 'not active'}`
  if (theirs.avoid) return `an operator put ${name} on standby for it`
  if (state.quarantineUntil !== null && state.at < state.quarantineUntil) return `${name} is in quarantine for another ${Math.round(elapsed(state.at, state.quarantineUntil) / 1_000)} s: its links flap`
  const isAtHome = settings.groups[index]?.home === settings.self.name
  if (!isAtHome && settings.autoFailback === 'off') return 'auto_failback is off: it stays where it runs'
  return null
}

function notHere(state: ClusterState, settings: ClusterSettings, index: number): string | null {
  const group = state.groups[index]
  if (group === undefined) return null
  const { run } = group.machine
  if (run.kind === 'failed' || run.kind === 'blocked') return `${run.kind}: ${run.reason}`
  if (group.carrierTrouble !== null) return `it cannot be reached here: ${group.carrierTrouble}`
  const lapse = lapseOf(state, settings, state.at)
  if (lapse !== null) return `${settings.self.name} ${lapse}`
  if (group.avoid) return `an operator put ${settings.self.name} on standby for it`
  if (state.phase !== 'active') return `${settings.self.name} is ${state.phase}`
  if (settings.groups[index]?.home === settings.self.name && settings.autoFailback === 'off') return 'auto_failback is off: it stays where it runs'
  return null
}
