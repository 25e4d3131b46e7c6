/**
 * Counts refused datagrams by reason and says so at a limited rate: the first at once, then a count per minute.
 * Anybody can send us bytes; nobody shall fill the log with them.
 */

import { after, millis, type Instant } from '../base/units.js'
import { note, type Turn } from './turn.js'
import type { ClusterState } from './types.js'

const reportEvery = millis(60_000)
/** Reasons are a fixed set; the bound only guards against a mistake in the caller. */
const reasonsMax = 64

const sentences: Readonly<Record<string, string>> = {
  'old-generation': 'should_drop_message: attempted replay attack: a generation older than the newest known',
  replay: 'should_drop_message: attempted replay attack: a sequence number far below the newest',
  'unknown-node': 'process_status_message: bad node: the sender is not in ha.cf',
  'own-name-from-elsewhere': 'another machine sends under our own node name: check the node names and hb_uuid of both nodes',
  'bad-digest': 'authentication failed: the signature does not match; do both nodes have the same authkeys?',
  'unknown-key': 'Invalid authentication: signed with a key number that is not in authkeys',
  'no-signature': 'authentication failed: the datagram is not signed'
}

export function countRefused(turn: Turn, reason: string, from: string): void {
  const { refusals } = turn.state
  const before = refusals.get(reason)
  if (before === undefined && refusals.size >= reasonsMax) return
  const isFirst = before === undefined
  if (isFirst) note(turn, 'warn', `Refused datagram from ${from}: ${sentences[reason] ?? reason}`)
  const counted = {
    count: (before?.count ?? 0) + 1,
    unreported: isFirst ? 0 : before.unreported + 1,
    reportedAt: before?.reportedAt ?? turn.now
  }
  turn.state = { ...turn.state, refusals: new Map([...refusals, [reason, counted]]) }
}

/** Says how many more were refused, a minute after the last line about them. */
export function reportRefused(turn: Turn): void {
  for (const [reason, refused] of turn.state.refusals) {
    if (refused.unreported === 0 || turn.now < after(refused.reportedAt, reportEvery)) continue
    note(turn, 'warn', `Refused ${refused.unreported} more datagrams in the last minute: ${sentences[reason] ?? reason}`)
    const reported = { ...refused, unreported: 0, reportedAt: turn.now }
    turn.state = { ...turn.state, refusals: new Map([...turn.state.refusals, [reason, reported]]) }
  }
}

export function refusalReportAt(state: ClusterState): Instant | null {
  let first: Instant | null = null
  for (const refused of state.refusals.values()) {
    const at = after(refused.reportedAt, reportEvery)
    if (refused.unreported > 0 && (first === null || at < first)) first = at
  }
  return first
}
