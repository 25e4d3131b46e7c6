/** Makes the media of ha.cf. Nothing is opened here. */

import type { MediumSpec } from '../config/types.js'
import { isOwnAddress, listInterfaces } from './address.js'
import { ReceiverPool } from './receiver-pool.js'
import { UdpMedium, type LinkOptions } from './udp-medium.js'

/** One medium that shares nothing with others. */
export function createMedium(spec: MediumSpec, options: LinkOptions): UdpMedium {
  return new UdpMedium(spec, options, { pool: new ReceiverPool(), siblings: [] })
}

/**
 * All media of one node, in order. A ucast line with one of this host's own addresses is left out: both nodes may share one
 * ha.cf that names both (Linux-HA then hears itself on it, which tells nothing).
 */
export function createMedia(specs: readonly MediumSpec[], options: LinkOptions): readonly UdpMedium[] {
  const pool = new ReceiverPool()
  const table = listInterfaces(options.interfaces) ?? {}
  return specs
    .filter(spec => spec.kind !== 'ucast' || !isOwnAddress(table, spec.address))
    .map(spec => new UdpMedium(spec, options, { pool, siblings: siblingsOf(spec, specs) }))
}

/** Other interfaces on which the same multicast group is used. */
function siblingsOf(spec: MediumSpec, specs: readonly MediumSpec[]): readonly string[] {
  if (spec.kind !== 'mcast') return []
  return specs
    .filter(other => other.kind === 'mcast' && other.group === spec.group && other.port === spec.port && other.name !== spec.name)
    .map(other => other.name)
}
