/**
 * The control socket of a queue manager. Bounds: so many connections, so long a line, one request at a time each.
 */

import fs from 'node:fs'
import net from 'node:net'
import { controlLineMax, parseControlRequest } from './control-protocol.js'
import type { ControlAnswer, ControlRequest } from './control-protocol.js'

const connectionsMax = 64

/** One connection as the one who answers sees it. */
export interface ControlPeer {
  /** Sends a further line later, for what lasts as long as the connection. */
  tell(answer: ControlAnswer): void
  /** Runs when the connection is gone. */
  onGone(action: () => void): void
  end(): void
}

export type ControlHandler = (request: ControlRequest, peer: ControlPeer) => Promise<ControlAnswer>

export class ControlServer {
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  readonly #path: string

  constructor(path: string, handler: ControlHandler, supervise: (name: string, promise: Promise<unknown>) => void) {
    this.#path = path
    this.#server = net.createServer(socket => {
      if (this.#sockets.size >= connectionsMax) {
        socket.on('error', () => socket.destroy())
        socket.end(lineOf({ ok: false, id: 'AMQ8101', why: `more than ${connectionsMax} control connections` }))
        return
      }
      this.#sockets.add(socket)
      this.#serve(socket, handler, supervise)
    })
  }

  /** Rejects with the system's error. A socket file that a dead process left is replaced: the lock is ours. */
  async open(): Promise<void> {
    fs.rmSync(this.#path, { force: true })
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ path: this.#path }, () => {
        this.#server.off('error', reject)
        this.#server.on('error', () => undefined) // of single accepts; the server goes on
        resolve()
      })
    })
    fs.chmodSync(this.#path, 0o660)
  }

  /** Stops accepting; connections that wait for our end stay until the process is gone. */
  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.unref()
  }

  #serve(socket: net.Socket, handler: ControlHandler, supervise: (name: string, promise: Promise<unknown>) => void): void {
    const onGone: (() => void)[] = []
    let said = ''
    let isBusy = false
    const tell = (answer: ControlAnswer): void => {
      if (socket.writable) socket.write(lineOf(answer))
    }
    const peer: ControlPeer = {
      tell,
      onGone: action => onGone.push(action),
      end: () => socket.end()
    }
    const next = (): void => {
      const end = said.indexOf('\n')
      if (isBusy || end === -1) return
      const line = said.slice(0, end)
      said = said.slice(end + 1)
      const request = parseControlRequest(line)
      if (request === null) {
        socket.end(lineOf({ ok: false, id: 'AMQ8101', why: 'this is no request the queue manager understands' }))
        return
      }
      isBusy = true
      supervise(
        'control request',
        handler(request, peer).then(answer => {
          tell(answer)
          isBusy = false
          next()
        })
      )
    }
    socket.setEncoding('utf8')
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      for (const action of onGone) action()
    })
    socket.on('data', text => {
      said += String(text)
      if (said.length > controlLineMax) socket.destroy()
      else next()
    })
  }
}

const lineOf = (answer: ControlAnswer): string => `${JSON.stringify(answer)}\n`
