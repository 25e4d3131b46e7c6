/** Builds the report behind `heartbeat status` from the cluster core's state: words for people and programs, no decisions. */

import { elapsed, type Instant } from '../base/units.js'
import { detailsOf, differencesOf } from '../cluster/differences.js'
import { peerGroup, shownState } from '../cluster/turn.js'
import type { ClusterSettings, ClusterState, GroupSettings, GroupState } from '../cluster/types.js'
import type { GroupReport, LinkReport, NodeReport, SafetyReport, StatusReport } from '../control/protocol.js'
import { isHeld, type GroupStateName } from '../wire/ownership.js'
import { safetyReport, safetyWarnings, type SafeguardTexts } from './safety-report.js'

export interface ReportContext {
  readonly settings: ClusterSettings
  readonly now: Instant
  readonly version: string
  readonly pid: number
  readonly logLinesLost: number
  readonly safeguards: SafeguardTexts
  /** What the edges found that needs an administrator: addresses in use elsewhere, addresses that cannot be put back. */
  readonly troubles: readonly string[]
}

export function statusReport(state: ClusterState, context: ReportContext): StatusReport {
  const { settings, now } = context
  const groups = settings.groups.map((setup, index) => groupReport(state, context, setup, state.groups[index]))
  const safety = safetyReport(state, settings, { now, texts: context.safeguards })
  return {
    version: context.version,
    pid: context.pid,
    node: settings.self.name,
    phase: state.phase,
    uptimeMs: Math.round(elapsed(state.startedAt, now)),
    generation: settings.self.generation,
    timing: { ...settings.timing },
    autoFailback: settings.autoFailback,
    nodes: [selfReport(state, context), peerReport(state, context)],
    groups,
    holding: holding(state, settings),
    differences: detailsOf(state),
    warnings: warnings(state, context, { groups, safety }),
    datagrams: { accepted: state.accepted, ...Object.fromEntries([...state.refusals].map(([reason, refused]) => [reason, refused.count])) },
    stalls: stalls(state, now),
    peerStalledMs: state.peer.view?.health.stalledMs ?? null,
    safety
  }
}

function stalls(state: ClusterState, now: Instant): StatusReport['stalls'] {
  const { count, longestMs, totalMs, last } = state.stalls
  return {
    count,
    longestMs: Math.round(longestMs),
    totalMs: Math.round(totalMs),
    lastMs: Math.round(last?.ms ?? 0),
    lastAgoMs: last === null ? null : Math.round(elapsed(last.at, now)),
    cause: last?.cause ?? null
  }
}

function selfReport(state: ClusterState, context: ReportContext): NodeReport {
  const { settings } = context
  const isUp = state.phase === 'probing' || state.phase === 'joining'
  return {
    name: settings.self.name,
    isSelf: true,
    state: state.phase === 'left' ? 'dead' : isUp ? 'up' : 'active',
    reason: phaseSentences[state.phase],
    generation: settings.self.generation,
    implementation: 'own',
    // The own links show whether the media work, not whether the peer is heard.
    links: state.links.map(link => ({
      name: link.name,
      description: link.description,
      state: link.trouble === null ? 'up' : 'dead',
      medium: link.trouble ?? 'working',
      silenceMs: null
    }))
  }
}

/** Refusals that an administrator can do something about. */
const refusalWarnings: Readonly<Record<string, string>> = {
  'bad-digest': 'wrong signature; do both nodes have the same authkeys?',
  'unknown-key': 'signed with a key that is not in authkeys here',
  'unknown-node': 'from a node that is not in ha.cf; is another cluster on this network?',
  'own-name-from-elsewhere': 'another machine uses the name of this node'
}

const phaseSentences: Readonly<Record<ClusterState['phase'], string>> = {
  probing: 'looking which resources run here',
  joining: 'waiting to hear the other node, or for initdead',
  active: 'fully up',
  leaving: 'being stopped; releasing its resources',
  left: 'stopped'
}

/** What frees a group that the other node could not stop. */
const unblocking = ({ peer }: ClusterState, name: string, key: string): string =>
  peer.standing.kind === 'alive'
    ? `Stop it there by hand, then say there: heartbeat cleanup ${key}`
    : `Stop it there by hand and start heartbeat there; or switch ${name} off and say here: heartbeat confirm-off ${name} --yes`

function leftReason(state: ClusterState, { settings }: ReportContext): string {
  const blocked = settings.groups.filter((_, index) => state.groups[index]?.isBlockedThere === true)
  return blocked.length === 0 ? 'it was stopped and released everything' : `it was stopped, but could not stop ${blocked.map(group => group.key).join(', ')}`
}

function peerReport(state: ClusterState, context: ReportContext): NodeReport {
  const { now } = context
  const { peer } = state
  const silenceMs = peer.heardAt === null ? null : Math.round(elapsed(peer.heardAt, now))
  return {
    name: peer.name,
    isSelf: false,
    state: peerState(state),
    reason:
      peer.standing.kind === 'dead'
        ? peer.standing.reason
        : peer.standing.kind === 'left'
          ? leftReason(state, context)
          : peer.standing.kind === 'unheard'
            ? 'not heard yet'
            : `heard ${silenceMs ?? 0} ms ago`,
    generation: peer.generation,
    implementation: peer.implementation,
    links: state.links.map(
      (link): LinkReport => ({
        name: link.name,
        description: link.description,
        state: link.isUp ? 'up' : 'dead',
        medium: link.trouble ?? 'working',
        silenceMs: link.heardAt === null ? null : Math.round(elapsed(link.heardAt, now))
      })
    )
  }
}

function peerState(state: ClusterState): NodeReport['state'] {
  const { peer } = state
  switch (peer.standing.kind) {
    case 'unheard':
      return 'init'
    case 'dead':
    case 'left':
      return 'dead'
    case 'alive':
      return peer.statusText === 'active' ? 'active' : peer.statusText === 'dead' ? 'dead' : peer.statusText === 'init' ? 'init' : 'up'
  }
}

function groupReport(state: ClusterState, context: ReportContext, setup: GroupSettings, group: GroupState | undefined): GroupReport {
  const { settings } = context
  const here: GroupStateName = group === undefined ? 'unknown' : shownState(group)
  const { standing } = state.peer
  // Of a peer that is gone only one word stays true: what is blocked there may still run.
  const shown = peerGroup(state, setup.id)?.state ?? null
  const there = standing.kind === 'alive' ? shown : group?.isBlockedThere === true ? 'blocked' : null
  const isThere = standing.kind === 'alive' && there !== null && isHeld(there)
  return {
    key: setup.key,
    home: setup.home,
    resources: setup.resources.map(resource => resource.word),
    here,
    there,
    owner: isHeld(here) ? settings.self.name : isThere ? settings.peerName : null,
    reason: group === undefined ? '' : reasonOf(group, isThere ? settings.peerName : null)
  }
}

function reasonOf(group: GroupState, elsewhere: string | null): string {
  const { run } = group.machine
  if (run.kind === 'failed' || run.kind === 'blocked') return run.reason
  if (run.kind === 'stopping') return run.reason
  return elsewhere !== null && run.kind === 'stopped' ? `it runs on ${elsewhere}` : group.reason
}

/** Linux-HA's one word. As there, a node that still moves something is in transition. */
function holding(state: ClusterState, settings: ClusterSettings): StatusReport['holding'] {
  const shown = settings.groups.map((setup, index) => {
    const group = state.groups[index]
    return { isLocal: setup.home === settings.self.name, state: group === undefined ? ('unknown' as const) : shownState(group) }
  })
  const isMoving = shown.some(one => one.state === 'unknown' || one.state === 'claimed' || one.state === 'starting' || one.state === 'stopping')
  if (isMoving || state.phase === 'probing' || state.phase === 'joining') return 'transition'
  const holdsLocal = shown.some(one => one.isLocal && isKept(one.state))
  const holdsForeign = shown.some(one => !one.isLocal && isKept(one.state))
  // A node without groups of one kind that holds all of the other holds "all" in Linux-HA's words only if it took over.
  const hasForeign = shown.some(one => !one.isLocal)
  const hasLocal = shown.some(one => one.isLocal)
  if (holdsLocal && (holdsForeign || (!hasForeign && isAlone(state)))) return 'all'
  if (holdsForeign && !hasLocal && isAlone(state)) return 'all'
  return holdsLocal ? 'local' : holdsForeign ? 'foreign' : 'none'
}

/** A blocked group may still run here, so this node holds it. */
const isKept = (state: GroupStateName): boolean => state === 'running' || state === 'blocked'

const isAlone = (state: ClusterState): boolean => state.peer.standing.kind === 'dead' || state.peer.standing.kind === 'left'

function warnings(state: ClusterState, context: ReportContext, reports: { readonly groups: readonly GroupReport[]; readonly safety: readonly SafetyReport[] }): readonly string[] {
  const { settings } = context
  const { groups } = reports
  const { peer } = state
  const found: string[] = []
  for (const group of groups) {
    if (group.here === 'blocked') found.push(`${group.key} is BLOCKED on ${settings.self.name}: ${group.reason}. Stop it by hand, then: heartbeat cleanup ${group.key}`)
    if (group.there === 'blocked') found.push(`${group.key} is BLOCKED on ${settings.peerName}: it is not started here by itself. ${unblocking(state, settings.peerName, group.key)}`)
    if (group.here === 'failed') found.push(`${group.key} FAILED on ${settings.self.name}: ${group.reason}. After mending: heartbeat cleanup ${group.key}`)
    if (group.owner === null && state.phase === 'active' && group.here === 'stopped') found.push(`${group.key} runs nowhere: ${group.reason}`)
  }
  for (const sentence of differencesOf(state, settings)) found.push(sentence)
  for (const difference of detailsOf(state)) if (difference.level !== 'info') found.push(difference.text)
  if (peer.standing.kind === 'alive' && peer.implementation === 'linux-ha') {
    found.push(`${peer.name} runs Linux-HA Heartbeat, with which resources are not shared: this node holds none while it is alive`)
  }
  for (const [reason, sentence] of Object.entries(refusalWarnings)) {
    const refused = state.refusals.get(reason)
    if (refused !== undefined) found.push(`${refused.count} datagrams were refused since the start: ${sentence}`)
  }
  const deadLinks = state.links.filter(link => peer.standing.kind === 'alive' && !link.isUp)
  for (const link of deadLinks) found.push(`link ${link.description} does not carry ${peer.name}: the cluster hangs on ${state.links.length - deadLinks.length} link(s)`)
  if (state.links.length === 1) found.push('there is one heartbeat link only: when it is cut, the nodes cannot hear each other')
  found.push(...safetyWarnings(state, settings, reports.safety, context.now), ...context.troubles)
  if (context.logLinesLost > 0) found.push(`${context.logLinesLost} log lines were lost: is the disk under the log full or slow?`)
  return found
}
