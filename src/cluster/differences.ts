/**
 * Says plainly, once for each change, where the two nodes' haresources differ. Groups that differ stay where they are
 * (decide-group.ts); this is only the voice.
 */

import { peerGroup, note, type Turn } from './turn.js'
import type { ClusterSettings, ClusterState } from './types.js'

/** One sentence for each difference between the peer's groups and ours; empty when there is none or nothing is known. */
export function differencesOf(state: ClusterState, settings: ClusterSettings): readonly string[] {
  const { view } = state.peer
  if (view === null || state.peer.standing.kind !== 'alive') return []
  const sentences: string[] = []
  for (const setup of settings.groups) {
    const theirs = peerGroup(state, setup.id)
    if (theirs === null) sentences.push(`resource group ${setup.key} is missing in haresources on ${settings.peerName}; it stays where it is`)
    else if (theirs.digest !== setup.digest) {
      sentences.push(`resource group ${setup.key} is written differently in haresources on ${settings.peerName}; it stays where it is`)
    }
  }
  const known = new Set(settings.groups.map(setup => setup.id))
  const unknown = view.groups.filter(group => !known.has(group.id)).length
  if (unknown > 0) sentences.push(`${settings.peerName} has ${unknown} resource group(s) that are missing in haresources on this node`)
  return sentences
}

export function noteDifferences(turn: Turn): void {
  const { peer } = turn.state
  if (peer.standing.kind !== 'alive' || peer.view?.groups === turn.state.comparedGroups) return
  turn.state = { ...turn.state, comparedGroups: peer.view?.groups ?? null }
  const sentences = differencesOf(turn.state, turn.settings)
  const text = sentences.join('\n')
  if (text === turn.state.differences) return
  turn.state = { ...turn.state, differences: text }
  for (const sentence of sentences) note(turn, 'error', `Configuration differs: ${sentence}`)
  if (sentences.length === 0) note(turn, 'info', `haresources agrees with ${turn.settings.peerName} again`)
}
