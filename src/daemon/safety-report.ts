/** What `heartbeat status` says about the means against two owners: each one proven, unproven or absent, and since when. */

import { elapsed, type Instant } from '../base/units.js'
import { isAlone, lapseOf } from '../cluster/safety.js'
import type { ClusterSettings, ClusterState } from '../cluster/types.js'
import type { SafetyReport } from '../control/protocol.js'
import { isBeating, isReadable } from '../safety/lease.js'

/** What edges know and the core does not need: descriptions, latencies. */
export interface SafeguardTexts {
  readonly fencing: string | null
  readonly lease: string | null
  readonly arbiter: string | null
  readonly quorum: string | null
}

export function safetyReport(state: ClusterState, settings: ClusterSettings, context: { readonly now: Instant; readonly texts: SafeguardTexts }): readonly SafetyReport[] {
  return [fencing(state, settings, context), lease(state, settings, context), arbiter(state, settings, context), quorum(state, settings, context)]
}

interface Context {
  readonly now: Instant
  readonly texts: SafeguardTexts
}

const absent = (method: SafetyReport['method']): SafetyReport => ({ method, standing: 'absent', description: null, text: 'not configured' })

function fencing(state: ClusterState, settings: ClusterSettings, { now, texts }: Context): SafetyReport {
  if (settings.safety.fencing === null) return absent('fencing')
  const { fence, fencingProof } = state.safety
  const about = { method: 'fencing', description: texts.fencing } as const
  const doing = { idle: '', waiting: '; waiting to shoot', shooting: '; shooting now', failed: '; the last shot FAILED', fenced: `; ${settings.peerName} is off` }[fence.kind]
  if (fencingProof === null) return { ...about, standing: 'unproven', text: `never tested since the start${doing}` }
  const ago = agoText(elapsed(fencingProof.at, now))
  const text = fencingProof.isProven ? `last proven ${ago}${doing}` : `NOT proven, tried ${ago}: ${fencingProof.said}${doing}`
  return { ...about, standing: fencingProof.isProven ? 'proven' : 'unproven', text }
}

function lease(state: ClusterState, settings: ClusterSettings, { now, texts }: Context): SafetyReport {
  const { lease: configured } = settings.safety
  if (configured === null) return absent('lease')
  const known = state.safety.lease
  const about = { method: 'lease', description: texts.lease } as const
  const trouble = known.writeTrouble ?? known.readTrouble
  if (trouble !== null) return { ...about, standing: 'unproven', text: trouble }
  if (known.renewedFrom === null || !isReadable(known, configured, now)) return { ...about, standing: 'unproven', text: 'not renewed yet' }
  const peer = isBeating(known, configured, now) ? `${settings.peerName} beats there` : `${settings.peerName} does not beat there`
  return { ...about, standing: 'proven', text: `renewed ${agoText(elapsed(known.renewedFrom, now))}, lasts ${configured.leaseMs} ms; ${peer}` }
}

function arbiter(state: ClusterState, settings: ClusterSettings, { now, texts }: Context): SafetyReport {
  if (settings.safety.arbiter === null) return absent('arbiter')
  const known = state.safety.arbiter
  const about = { method: 'arbiter', description: texts.arbiter } as const
  if (known === null || known.renewedFrom === null) return { ...about, standing: 'unproven', text: known?.trouble ?? 'not reached yet' }
  if (known.trouble !== null) return { ...about, standing: 'unproven', text: known.trouble }
  return { ...about, standing: 'proven', text: `renewed ${agoText(elapsed(known.renewedFrom, now))}; keeps ${known.ours.length} key(s) for this node, ${known.theirs.length} for others` }
}

function quorum(state: ClusterState, settings: ClusterSettings, { texts }: Context): SafetyReport {
  if (settings.safety.quorum === null) return absent('quorum')
  const known = state.safety.connectivity
  const about = { method: 'quorum', description: texts.quorum } as const
  if (known === null) return { ...about, standing: 'unproven', text: 'no ping node was tried yet' }
  const silent = known.silent.length === 0 ? '' : `; silent: ${known.silent.join(', ')}`
  return { ...about, standing: known.reached > 0 ? 'proven' : 'unproven', text: `${known.reached} of ${known.of} ping nodes answer${silent}` }
}

/** What an operator should know now about the safety of this cluster. */
export function safetyWarnings(state: ClusterState, settings: ClusterSettings, reports: readonly SafetyReport[], now: Instant): readonly string[] {
  const { fencing: hasFencing, lease: hasLease, arbiter: hasArbiter, quorum: hasQuorum } = settings.safety
  const found: string[] = []
  for (const report of reports) if (report.standing === 'unproven') found.push(`${report.method} is configured but not proven: ${report.text}`)
  if (hasFencing === null && hasLease === null && hasArbiter === null) {
    const what = 'no fencing, lease or arbiter is configured: a silent node is taken for dead without proof, and shared disks are not protected'
    found.push(hasQuorum === null ? what : `${what}; ping nodes help only while exactly one node reaches them`)
  }
  const lapse = lapseOf(state, settings, now)
  if (lapse !== null) found.push(`${settings.self.name} may hold nothing ${isAlone(state, settings) ? 'now' : 'if it were alone'}: ${lapse}`)
  if (state.quarantineUntil !== null) found.push(`${settings.peerName} is in quarantine for flapping, ${agoText(elapsed(now, state.quarantineUntil)).replace(' ago', '')} more: look at the links`)
  if (state.hold !== null) found.push(`${settings.self.name} is on hold for ${agoText(elapsed(now, state.hold.until)).replace(' ago', '')} more: ${state.hold.reason}`)
  if (state.peer.holdUntil !== null && now < state.peer.holdUntil) found.push(`${settings.peerName} is on hold for ${agoText(elapsed(now, state.peer.holdUntil)).replace(' ago', '')} more: ${state.peer.holdReason}`)
  for (const [index, group] of state.groups.entries()) {
    if (group.carrierTrouble !== null) found.push(`${settings.groups[index]?.key ?? ''} cannot be reached on ${settings.self.name}: ${group.carrierTrouble}`)
  }
  return found
}

/** `4 s ago`, `3 h ago`. */
function agoText(ms: number): string {
  const units = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1_000]] as const
  const [name, size] = units.find(([, one]) => ms >= one) ?? (['ms', 1] as const)
  return `${Math.floor(ms / size)} ${name} ago`
}
