/**
 * Which sockets a medium of ha.cf needs on an interface with a given address.
 *
 *            receives on              sends from              to
 *   ucast    own address : port       own address, connected  the peer's address : port
 *   bcast    broadcast : port         own address             the subnet's broadcast address : port
 *   mcast    group : port             own address             group : port
 *
 * Linux-HA ties its sockets to a device (SO_BINDTODEVICE), which Node cannot do. Binding to addresses tells links apart as
 * well, as long as each link has its own subnet. A ucast sender is connected so that "port unreachable" comes back to
 * us: the peer's host lives, its daemon does not. A connected socket hears its one peer port only, and peers send from any port,
 * therefore receiving has its own socket.
 *
 * Source: reference on Linux-HA 3.0.6, section 3.
 */

import type { Socket } from 'node:dgram'
import { isIPv4 } from 'node:net'
import type { MediumSpec } from '../config/types.js'
import { broadcastOf, type LocalAddress } from './address.js'

export interface SocketPlan {
  readonly receive: {
    readonly address: string
    readonly port: number
    readonly isShared: boolean
    setUp(socket: Socket): void
  }
  readonly send: {
    /** null: the socket is connected. */
    readonly target: { readonly address: string; readonly port: number } | null
    setUp(socket: Socket): void
  }
}

export type Planned = { readonly ok: true; readonly plan: SocketPlan } | { readonly ok: false; readonly reason: string }

export function planSockets(spec: MediumSpec, local: LocalAddress): Planned {
  switch (spec.kind) {
    case 'ucast':
      return planUnicast(spec, local)
    case 'bcast':
      return planBroadcast(spec, local)
    case 'mcast':
      return planMulticast(spec, local)
  }
}

const nothing = (): void => undefined

function planUnicast(spec: Extract<MediumSpec, { kind: 'ucast' }>, local: LocalAddress): Planned {
  if (!isIPv4(spec.address)) return { ok: false, reason: `${spec.address} is no IPv4 address` }
  return {
    ok: true,
    plan: {
      receive: { address: local.address, port: spec.port, isShared: false, setUp: nothing },
      send: { target: null, setUp: socket => socket.connect(spec.port, spec.address) }
    }
  }
}

function planBroadcast(spec: Extract<MediumSpec, { kind: 'bcast' }>, local: LocalAddress): Planned {
  const broadcast = broadcastOf(local)
  if (broadcast === null) return { ok: false, reason: `${local.address} with netmask ${local.netmask} has no broadcast address` }
  return {
    ok: true,
    plan: {
      receive: { address: broadcast, port: spec.port, isShared: true, setUp: nothing },
      send: { target: { address: broadcast, port: spec.port }, setUp: socket => socket.setBroadcast(true) }
    }
  }
}

function planMulticast(spec: Extract<MediumSpec, { kind: 'mcast' }>, local: LocalAddress): Planned {
  return {
    ok: true,
    plan: {
      receive: {
        address: spec.group,
        port: spec.port,
        isShared: true,
        setUp: socket => socket.addMembership(spec.group, local.address)
      },
      send: {
        target: { address: spec.group, port: spec.port },
        setUp: socket => {
          socket.setMulticastInterface(local.address)
          socket.setMulticastTTL(spec.ttl)
          socket.setMulticastLoopback(spec.loop)
        }
      }
    }
  }
}

/** How a medium is named in log lines, as in ha.cf. */
export function describeSpec(spec: MediumSpec): string {
  switch (spec.kind) {
    case 'ucast':
      return `ucast ${spec.name} ${spec.address}`
    case 'bcast':
      return `bcast ${spec.name}`
    case 'mcast':
      return `mcast ${spec.name} ${spec.group}`
  }
}
