/**
 * Builds what ha.cf configures against two owners, and what the core must know of it. Only what is configured is loaded,
 * so that a cluster without etcd pays nothing for it.
 */

import { readFileSync } from 'node:fs'
import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import type { ClusterSettings, LinkSettings } from '../cluster/types.js'
import type { AuthKeys, Configuration, HaCf } from '../config/types.js'
import type { Clock } from '../port/clock.js'
import type { Arbiter } from '../port/arbiter.js'
import type { Connectivity } from '../port/connectivity.js'
import type { SafetySettings } from '../safety/types.js'
import type { RootLogger } from './logger.js'
import type { FencingParts, SafeguardParts } from './safeguards.js'

/** The pause after a fencing attempt through all levels has failed. */
const fencingRetry = millis(10_000)

export interface SafeguardSource {
  readonly configuration: Configuration
  readonly nodeName: string
  readonly generation: number
  readonly clock: Clock
  readonly runDir: string
  readonly logger: RootLogger
  /** The keys as last read. */
  keys(): AuthKeys
  /** The other node is heard now. */
  isHeard(): boolean
}

export interface CreatedSafeguards {
  readonly parts: SafeguardParts
  readonly settings: SafetySettings
}

/** Rejects with HaError (HA_LEASE_REFUSED) when the lease area may not be used: then nothing may be started here. */
export async function createSafeguards(source: SafeguardSource): Promise<CreatedSafeguards> {
  const { cf } = source.configuration
  const parts = { fencing: await fencing(source), lease: await lease(source), arbiter: await arbiter(source), connectivity: await connectivity(source) }
  return { parts, settings: safetySettings(cf) }
}

/**
 * The links of this host, with the disk of the lease behind the last of them, and the index at which the core finds it.
 * Not every line of ha.cf is a link: `ucast` lines with an address of this host are left out.
 */
export function linksAndSafety(media: readonly LinkSettings[], safeguards: CreatedSafeguards): Pick<ClusterSettings, 'links' | 'safety'> {
  const links = media.map(medium => ({ name: medium.name, description: medium.description }))
  const { settings: safety, parts } = safeguards
  if (safety.lease === null) return { links, safety }
  const disk = { name: 'disk', description: parts.lease?.description ?? 'lease', patienceMs: safety.lease.leaseMs }
  return { links: [...links, disk], safety: { ...safety, lease: { ...safety.lease, link: links.length } } }
}

/** What the core must know of it. */
export const safetySettings = (cf: HaCf): SafetySettings => ({
  fencing: cf.fencing === null ? null : { delayMs: cf.fencing.delayMs, timeoutMs: cf.fencing.timeoutMs, retryMs: fencingRetry, staysOff: cf.fencing.action === 'off' },
  // The disk is one more link, behind the media of ha.cf; a daemon counts those that are links here (linksAndSafety).
  lease: cf.lease === null ? null : { leaseMs: cf.lease.leaseMs, intervalMs: cf.lease.intervalMs, link: cf.media.length },
  arbiter: cf.arbiter === null ? null : { ttlMs: cf.arbiter.ttlMs },
  quorum: cf.connectivity === null ? null : { deadpingMs: cf.connectivity.deadpingMs, of: cf.connectivity.targets.length }
})

async function fencing(source: SafeguardSource): Promise<FencingParts | null> {
  const { configuration, clock, logger, nodeName, runDir } = source
  const { cf } = configuration
  const config = cf.fencing
  const victim = cf.nodes.find(node => node !== nodeName)
  if (config === null || victim === undefined) return null
  const { createFencing } = await import('../fencing/fencing.js')
  const { startFencingTests } = await import('../fencing/schedule.js')
  const devices = createFencing(config, {
    clock,
    self: nodeName,
    runDir,
    isHeard: node => node === victim && source.isHeard(),
    onRestored: (node, said) => logger.info({}, `${node} after fencing: ${said.join('; ')}`)
  })
  const nodeIndex = cf.nodes.indexOf(nodeName)
  return {
    devices,
    test: onProof => startFencingTests(devices, { clock, victim, schedule: config.testSchedule, timeoutMs: config.timeoutMs, nodeIndex, onProof })
  }
}

async function lease(source: SafeguardSource): Promise<SafeguardParts['lease']> {
  const { configuration, clock, logger, nodeName } = source
  const config = configuration.cf.lease
  if (config === null) return null
  const { createLeaseArea } = await import('../lease-disk/area.js')
  const { DirectDisk } = await import('../lease-disk/direct-disk.js')
  const { checkLeaseAtStart } = await import('../lease-disk/start-check.js')
  const { hostView } = await import('../lease-disk/host-view.js')
  const nodes = configuration.cf.nodes
  const start = await checkLeaseAtStart(config, { nodes, keys: source.keys(), clock, disk: new DirectDisk(config.path), view: hostView })
  if (start.fault !== null) throw new HaError('HA_LEASE_REFUSED', start.fault)
  for (const text of start.notes) logger.warn({}, text)
  if (start.trouble !== null) logger.error({}, start.trouble)
  return createLeaseArea({ config, self: nodeName, nodes, keys: () => source.keys(), clock, disk: new DirectDisk(config.path), bootId: bootId(), onNote: text => logger.info({}, text) })
}

async function arbiter(source: SafeguardSource): Promise<Arbiter | null> {
  const { configuration, clock, nodeName, generation } = source
  const config = configuration.cf.arbiter
  if (config === null) return null
  const { createArbiter } = await import('../arbiter/etcd-arbiter.js')
  return createArbiter(config, { clock, node: nodeName, generation })
}

async function connectivity(source: SafeguardSource): Promise<Connectivity | null> {
  const { configuration, clock, logger } = source
  const config = configuration.cf.connectivity
  if (config === null) return null
  const { createConnectivity } = await import('../connectivity/ping-connectivity.js')
  return createConnectivity(config, { clock, onNote: text => logger.warn({}, text) })
}

/** The kernel's name for this boot, as 16 bytes. */
const bootId = (): Uint8Array => Buffer.from(readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().replaceAll('-', ''), 'hex')
