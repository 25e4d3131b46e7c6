/**
 * Says plainly, once for each change, where the two nodes differ. Groups that differ stay where they are
 * (decide-group.ts); this is only the voice.
 *
 * Groups are compared by what every heartbeat carries. Where the digests of the files differ, the details are asked for
 * (`compare`), and what comes back (`compared`) is told line by line.
 */

import { differencesOfDigests, isDetailed, isSameAgreement, type Difference } from '../agreement/differences.js'
import type { Agreement } from '../wire/ownership.js'
import { peerGroup, note, type Turn } from './turn.js'
import type { ClusterSettings, ClusterState } from './types.js'

/** What the peer's digests were compared with last, and what came of it. */
export interface Comparison {
  readonly mine: Agreement | null
  readonly theirs: Agreement | null
  /** While new details are asked for: what was known before. */
  readonly found: readonly Difference[]
}

export const nothingCompared: Comparison = { mine: null, theirs: null, found: [] }

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

/** Line by line where the nodes differ, as far as it is known; empty while the peer is not there to differ. */
export function detailsOf(state: ClusterState): readonly Difference[] {
  return state.peer.standing.kind === 'alive' ? state.comparison.found : []
}

export function noteDifferences(turn: Turn): void {
  noteGroups(turn)
  compareDigests(turn)
}

function noteGroups(turn: Turn): void {
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

/** Asks for the details once for each new pair of digests. */
function compareDigests(turn: Turn): void {
  const { agreement, comparison, peer } = turn.state
  const theirs = peer.view?.agreement ?? null
  if (peer.standing.kind !== 'alive' || theirs === null || agreement === null) return
  if (isSameAgreement(comparison.mine, agreement) && isSameAgreement(comparison.theirs, theirs)) return
  const previous = comparison.found
  const told = differencesOfDigests(agreement, theirs, turn.settings.peerName, null)
  if (isDetailed(agreement, theirs)) {
    turn.state = { ...turn.state, comparison: { mine: agreement, theirs, found: previous } }
    turn.effects.push({ kind: 'compare', theirs })
    return
  }
  turn.state = { ...turn.state, comparison: { mine: agreement, theirs, found: told } }
  noteNew(turn, previous, told)
  if (previous.some(one => one.level !== 'info')) note(turn, 'info', `haresources, authkeys and scripts agree with ${turn.settings.peerName} again`)
}

/** The details came, or did not (`trouble`, a sentence part). An answer to an older question is dropped: a newer one is under way. */
export function onCompared(turn: Turn, theirs: Agreement, differences: readonly Difference[] | null, trouble: string | null): void {
  const { comparison } = turn.state
  if (comparison.mine === null || !isSameAgreement(comparison.theirs, theirs)) return
  const byDigests = differencesOfDigests(comparison.mine, theirs, turn.settings.peerName, differences === null ? (trouble ?? 'how is not known') : null)
  const found = [...byDigests, ...(differences ?? [])]
  turn.state = { ...turn.state, comparison: { ...comparison, found } }
  noteNew(turn, comparison.found, found)
}

function noteNew(turn: Turn, before: readonly Difference[], now: readonly Difference[]): void {
  const told = new Set(before.map(one => one.text))
  for (const one of now) if (!told.has(one.text)) note(turn, one.level, `Configuration: ${one.text}`)
}
