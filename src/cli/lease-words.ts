/** What the `heartbeat lease` commands share: the configuration they need, exit statuses, times as people say them. */

import { HaError } from '../base/errors.js'
import { millis, type Millis } from '../base/units.js'
import { formatDiagnostic, isError } from '../config/configuration.js'
import { leaseBounds, leaseIntervalMs } from '../config/ha-cf-lease.js'
import type { Configuration } from '../config/types.js'
import { loadConfiguration, ownNodeName } from '../daemon/load-configuration.js'
import { DirectDisk } from '../lease-disk/direct-disk.js'
import { headerFault } from '../lease-disk/header-fault.js'
import { OneShotDisk } from '../lease-disk/one-shot.js'
import { headerPlace } from '../lease/layout.js'
import { decodeHeader, type AreaHeader } from '../lease/records.js'
import type { CommandContext } from './context.js'

export const leaseStatuses = {
  /** `show`: at least one node does not beat. The LSB's "is not running". */
  silent: 3,
  /** `test`: the disk is too slow for the configured lease. */
  tooSlow: 5
} as const

/** A disk that takes longer has failed, whatever it answers later. */
export const answerWithin = millis(10_000)

export interface LeaseSetup {
  readonly configuration: Configuration
  readonly self: string
  readonly path: string
  readonly leaseMs: Millis
  readonly intervalMs: Millis
}

/** The checked configuration and the area's path. Throws HaError for what a user can cause. */
export async function leaseSetup(context: CommandContext, given: string | undefined): Promise<LeaseSetup> {
  const self = await ownNodeName(context.paths.haDir)
  const result = await loadConfiguration(context.paths.haDir, { nodeName: self })
  if (!result.ok) {
    for (const found of result.diagnostics.filter(isError)) context.err(formatDiagnostic(found))
    throw new HaError('HA_CONFIG_INVALID', `the configuration in ${context.paths.haDir} has faults; the lease area is signed with its keys and carries its nodes' names`)
  }
  const { lease } = result.configuration.cf
  const path = given ?? lease?.path
  if (path === undefined) throw new HaError('HA_LEASE_REFUSED', 'ha.cf has no `lease` line; add `lease PATH`, or name the area here')
  if (!path.startsWith('/')) throw new HaError('HA_LEASE_REFUSED', `${path} is not a whole path; begin it with \`/\``)
  const leaseMs = lease?.leaseMs ?? leaseBounds.defaultMs
  return { configuration: result.configuration, self, path, leaseMs, intervalMs: leaseIntervalMs(leaseMs) }
}

export interface OpenedArea {
  readonly disk: OneShotDisk
  readonly header: AreaHeader
  readonly look: Buffer
}

/** Opens the area of this cluster and verifies its header. Throws HaError; the caller closes the disk. */
export async function openArea(context: CommandContext, setup: LeaseSetup): Promise<OpenedArea> {
  const disk = new OneShotDisk(new DirectDisk(setup.path), { clock: context.clock, limitMs: answerWithin })
  const note = await disk.open()
  if (note !== null) context.err(`note: ${note}`)
  try {
    const look = await disk.look()
    const { cf, keys } = setup.configuration
    const read = decodeHeader(look.subarray(headerPlace.from, headerPlace.to), keys)
    const fault = headerFault(read, cf.nodes)
    if (fault !== null || !read.ok) throw new HaError('HA_LEASE_UNUSABLE', `${setup.path}: ${fault ?? ''}`)
    return { disk, header: read.header, look }
  } catch (error) {
    await disk.close()
    throw error
  }
}

/** `120 ms`, `4.2 s`, `3 min`, `5 h`, `2 days`. */
export function shownAge(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`
  if (ms < 48 * 3_600_000) return `${Math.round(ms / 3_600_000)} h`
  return `${Math.round(ms / 86_400_000)} days`
}

export const shownMs = (ms: number): string => (ms < 1 ? ms.toFixed(2) : ms < 10 ? ms.toFixed(1) : String(Math.round(ms)))
