/**
 * Receive sockets, shared by the media that listen on the same address and port: two ucast lines on one interface are
 * normal (one per peer), and the system would give a datagram to one of two sockets only.
 *
 * A datagram goes to the medium whose peer has the sender's address, or else to the one that came first: a datagram says
 * who sent it in its signed content, so an unexpected address is no reason to drop it.
 *
 * Broadcast and multicast sockets are not shared: there the system gives every socket its copy.
 */

import { UdpSocket, type UdpSocketHandlers } from './udp-socket.js'
import type { SocketPlan } from './plan.js'

export interface Listener extends UdpSocketHandlers {
  /** The address the medium expects to hear, or null for any. */
  readonly peer: string | null
}

/** A hold on a receive socket; given back once. */
export interface Lease {
  release(onClosed?: () => void): void
}

interface SharedSocket {
  readonly socket: UdpSocket
  readonly listeners: Set<Listener>
}

export class ReceiverPool {
  readonly #sockets = new Map<string, SharedSocket>()

  /** Opens the socket, or joins it when it is open; or says why it cannot be opened. */
  acquire(receive: SocketPlan['receive'], listener: Listener): Lease | NodeJS.ErrnoException {
    const key = `${receive.address}:${receive.port}`
    const shared = this.#sockets.get(key)
    if (shared !== undefined && !receive.isShared) {
      shared.listeners.add(listener)
      return this.#lease(key, shared, listener)
    }
    const listeners = new Set([listener])
    const socket = UdpSocket.open(receive, receive.setUp, {
      onDatagram: (payload, from) => addressee(listeners, from.address)?.onDatagram(payload, from),
      onError: error => {
        for (const each of [...listeners]) each.onError(error)
      }
    })
    if (!(socket instanceof UdpSocket)) return socket
    const opened = { socket, listeners }
    if (!receive.isShared) this.#sockets.set(key, opened)
    return this.#lease(key, opened, listener)
  }

  #lease(key: string, shared: SharedSocket, listener: Listener): Lease {
    return {
      release: onClosed => {
        shared.listeners.delete(listener)
        if (shared.listeners.size > 0) {
          onClosed?.()
          return
        }
        if (this.#sockets.get(key) === shared) this.#sockets.delete(key)
        shared.socket.close(onClosed)
      }
    }
  }
}

function addressee(listeners: ReadonlySet<Listener>, address: string): Listener | undefined {
  let first: Listener | undefined
  for (const listener of listeners) {
    if (listener.peer === address) return listener
    first ??= listener
  }
  return first
}
