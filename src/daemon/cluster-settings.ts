/** Turns a checked configuration into what the cluster core needs to know for one life of the daemon. */

import { invariant } from '../base/invariant.js'
import { millis, type Millis } from '../base/units.js'
import type { ClusterSettings, GroupSettings } from '../cluster/types.js'
import { groupDigest, keyId } from '../config/configuration.js'
import type { Configuration, ResourceGroup, ResourceSpec } from '../config/types.js'

export interface SettingsSource {
  readonly configuration: Configuration
  readonly nodeName: string
  readonly generation: number
  readonly rememberedPeerGeneration: number | null
  readonly rememberedPeerSequence: number
  readonly heldEpochs: ReadonlyMap<string, number>
  readonly links: ClusterSettings['links']
  readonly safety: ClusterSettings['safety']
  readonly agreement: ClusterSettings['agreement']
  /** The path of the script behind a resource, or null when none is found. */
  pathOf(resource: ResourceSpec): string | null
  isOwnScript(resource: ResourceSpec): boolean
}

export function clusterSettings(source: SettingsSource): ClusterSettings {
  const { cf, groups } = source.configuration
  const peerName = cf.nodes.find(node => node !== source.nodeName)
  invariant(peerName !== undefined, 'the configuration check demands two nodes, one of them this one')
  return {
    self: { name: source.nodeName, generation: source.generation },
    peerName,
    timing: { keepaliveMs: cf.keepaliveMs, warntimeMs: cf.warntimeMs, deadtimeMs: cf.deadtimeMs, initdeadMs: cf.initdeadMs },
    autoFailback: cf.autoFailback,
    groups: groups.map(group => groupSettings(source, group)),
    links: source.links,
    safety: source.safety,
    agreement: source.agreement,
    rememberedPeerGeneration: source.rememberedPeerGeneration,
    rememberedPeerSequence: source.rememberedPeerSequence,
    heldEpochs: source.heldEpochs,
    moveTimeoutMs: moveTimeout(source.configuration)
  }
}

function groupSettings(source: SettingsSource, group: ResourceGroup): GroupSettings {
  const { cf } = source.configuration
  return {
    key: group.key,
    home: group.home,
    id: keyId(group),
    digest: groupDigest(group),
    resources: group.resources.map(resource => ({
      word: resource.word,
      command: [source.pathOf(resource) ?? resource.type, ...resource.args].join(' '),
      isIdempotent: source.isOwnScript(resource)
    })),
    limits: {
      startTimeoutMs: cf.startTimeoutMs,
      stopTimeoutMs: cf.stopTimeoutMs,
      statusTimeoutMs: cf.statusTimeoutMs,
      stopRetries: cf.stopRetries,
      stopRetryDelayMs: cf.stopRetryDelayMs
    }
  }
}

/** The longest group, stopped here and started there within its limits, and a little for the words between. */
function moveTimeout(configuration: Configuration): Millis {
  const { cf, groups } = configuration
  const longest = Math.max(1, ...groups.map(group => group.resources.length))
  return millis(longest * (cf.startTimeoutMs + cf.stopTimeoutMs) + 2 * cf.deadtimeMs)
}
