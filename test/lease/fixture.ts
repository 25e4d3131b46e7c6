/** Keys, a header and records for the tests of the lease area. */

import type { AuthKeys } from '../../src/config/types.js'
import type { AreaHeader, NodeRecord } from '../../src/lease/records.js'
import { encodeNetstring } from '../../src/wire/datagram.js'
import { wellHealth, type GroupView } from '../../src/wire/ownership.js'
import { statusMessage } from '../../src/wire/status.js'
import { authKey, authKeys } from '../wire/vectors.js'

export const oldKey = authKey(1, 'sha1', 'the first key of this cluster')
export const newKey = authKey(2, 'sha256', 'the second key of this cluster')
export const keys: AuthKeys = authKeys(oldKey)

export const area = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index)
export const header: AreaHeader = { area, nodes: ['ha1', 'ha2'], leaseMs: 3000, createdAt: 1_790_000_000_000, isUnsharedAllowed: true }

export const groupView = (id: string, state: GroupView['state'], epoch: number): GroupView => ({ id, digest: '0badf00d', state, epoch, avoid: false, wanted: false, canServe: true })

/** A status datagram of `node` that shows the groups. */
export function datagramOf(node: string, sequence: number, groups: readonly GroupView[] = [], by = keys): Uint8Array {
  const sender = { name: node, uuid: new Uint8Array(16).fill(node.charCodeAt(2)), generation: 7, ttl: 3 }
  const view = { phase: 'active' as const, acknowledged: null, hearsPeer: true, groups, health: wellHealth, agreement: null }
  return encodeNetstring(statusMessage(sender, { sequence, status: 'active', deadtimeMs: 1000, view }, { wallS: 1, load: '0.0' }), by.active, { innerAuth: false })
}

export function nodeRecord(changes: Partial<NodeRecord> = {}): NodeRecord {
  const node = changes.node ?? 'ha2'
  return {
    node,
    state: 'beating',
    bootId: new Uint8Array(16).fill(9),
    generation: 7,
    beat: 41,
    sequence: 100,
    monotonicMs: 123_456,
    wallMs: 1_790_000_100_000,
    promisedMs: 3000,
    renewals: { medianMs: 1.5, p99Ms: 4, maxMs: 30.2 },
    datagram: datagramOf(node, 100),
    ...changes
  }
}
