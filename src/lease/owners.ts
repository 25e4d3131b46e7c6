/** What the two sectors say about resource groups: each node's own record of each group, and who the owner is. */

import type { AuthKeys } from '../config/types.js'
import { decodeDatagram } from '../wire/datagram.js'
import { isHeld, type GroupView, type NodePhase } from '../wire/ownership.js'
import { readHeard } from '../wire/status.js'
import type { NodeRecord } from './records.js'

export interface NodeWord {
  readonly node: string
  readonly phase: NodePhase
  readonly hearsPeer: boolean
  readonly groups: readonly GroupView[]
}

/** The ownership vector in the sector's datagram; null when there is none, or when it is not the node's own. */
export function wordOf(record: NodeRecord, keys: AuthKeys): NodeWord | null {
  if (record.datagram.length === 0) return null
  const decoded = decodeDatagram(record.datagram, keys)
  const heard = decoded.ok ? readHeard(decoded.message) : null
  if (heard === null || heard.view === null || heard.source !== record.node) return null
  const { phase, hearsPeer, groups } = heard.view
  return { node: record.node, phase, hearsPeer, groups }
}

export interface GroupOwner {
  /** 8 hex digits of the group's key. */
  readonly id: string
  /** The node whose record is in a held state and has the largest epoch; null when none is. */
  readonly owner: string | null
  readonly epoch: number
  /** Both nodes' records are in a held state: the larger epoch wins, and the other node is to yield. */
  readonly isDisputed: boolean
  readonly states: readonly { readonly node: string; readonly state: GroupView['state']; readonly epoch: number }[]
}

export function ownersOf(words: readonly NodeWord[]): readonly GroupOwner[] {
  const ids = [...new Set(words.flatMap(word => word.groups.map(group => group.id)))]
  return ids.map(id => {
    const states = words.flatMap(word => word.groups.filter(group => group.id === id).map(({ state, epoch }) => ({ node: word.node, state, epoch })))
    const held = states.filter(row => isHeld(row.state)).sort((a, b) => b.epoch - a.epoch)
    return { id, owner: held[0]?.node ?? null, epoch: held[0]?.epoch ?? 0, isDisputed: held.length > 1, states }
  })
}
