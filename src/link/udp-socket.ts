/**
 * Owns one UDP socket. Opening is synchronous: an address is never looked up, so neither DNS nor the thread pool, which a
 * hung disk may occupy, can delay a heartbeat.
 *
 * Invariant: after `close` no callback is made except `onClosed`. Nothing here throws for what a network can do.
 */

import { createSocket, type Socket } from 'node:dgram'

export interface UdpSocketOptions {
  readonly address: string
  /** 0 for any. */
  readonly port: number
  /** Other sockets may be bound to the same address and port (broadcast and multicast need it). */
  readonly isShared: boolean
}

export interface UdpSocketHandlers {
  onDatagram(payload: Uint8Array, from: { readonly address: string; readonly port: number }): void
  onError(error: NodeJS.ErrnoException): void
}

/** More datagrams than this waiting in the process for a socket that takes none: the newest are dropped. */
const backlogMax = 32

export class UdpSocket {
  readonly #socket: Socket
  #isClosed = false

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  /**
   * Opens and binds, then runs `setUp` on the socket (options, memberships, connect).
   * @returns the socket, or the error that binding or `setUp` met
   */
  static open(options: UdpSocketOptions, setUp: (socket: Socket) => void, handlers: UdpSocketHandlers): UdpSocket | NodeJS.ErrnoException {
    const socket = createSocket({
      type: 'udp4',
      reuseAddr: options.isShared,
      lookup: (address, _options, callback) => callback(null, address, 4)
    })
    const self = new UdpSocket(socket)
    let isOpening = true
    let failure: NodeJS.ErrnoException | null = null
    socket.on('error', error => {
      if (isOpening) failure = error
      else if (!self.#isClosed) handlers.onError(error)
    })
    socket.on('message', (payload, from) => {
      if (!self.#isClosed) handlers.onDatagram(payload, from)
    })
    try {
      // With the synchronous lookup above, bind has succeeded or reported its error when it returns.
      socket.bind({ address: options.address, port: options.port, exclusive: true })
      if (failure === null) setUp(socket)
    } catch (error) {
      failure = errnoOf(error)
    }
    isOpening = false
    if (failure === null) return self
    self.close()
    return failure
  }

  /**
   * Sends without waiting.
   * @param target  where to; null for the peer the socket is connected to
   * @param onSent  called later, with the error if there was one
   */
  send(payload: Uint8Array, target: { readonly address: string; readonly port: number } | null, onSent: (error: NodeJS.ErrnoException | null) => void): void {
    if (this.#isClosed) return
    const report = (error: Error | null): void => {
      if (!this.#isClosed) onSent(error)
    }
    if (this.#socket.getSendQueueCount() >= backlogMax) {
      report(Object.assign(new Error('the socket takes no datagrams'), { code: 'ENOBUFS' }))
      return
    }
    try {
      if (target === null) this.#socket.send(payload, report)
      else this.#socket.send(payload, target.port, target.address, report)
    } catch (error) {
      // A socket whose connect failed refuses like this, at once.
      report(errnoOf(error))
    }
  }

  close(onClosed?: () => void): void {
    if (this.#isClosed) {
      onClosed?.()
      return
    }
    this.#isClosed = true
    if (onClosed !== undefined) this.#socket.once('close', onClosed)
    this.#socket.close()
  }
}

/** System and Node errors carry a code; anything else is a bug and goes up. */
function errnoOf(error: unknown): NodeJS.ErrnoException {
  if (error instanceof Error && 'code' in error) return error as NodeJS.ErrnoException
  throw error
}
