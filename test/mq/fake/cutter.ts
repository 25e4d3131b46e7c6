/** A relay between client and queue manager that breaks the connection after an exact number of bytes. */

import { once } from 'node:events'
import net from 'node:net'

export interface Cut {
  /** `up` counts bytes to the queue manager, `down` bytes to the client. */
  readonly side: 'up' | 'down'
  /** So many pass; then nothing passes on either side, and both ends are closed. */
  readonly bytes: number
}

export class Cutter {
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  #cut: Cut | null = null
  /** Bytes of this kind since `arm`. */
  #passed = { up: 0, down: 0 }
  /** Connections made through it. */
  connections = 0
  /** Connections cut by it. */
  cuts = 0
  target: number
  #isFrozen = false

  private constructor(server: net.Server, target: number) {
    this.#server = server
    this.target = target
    server.on('connection', client => this.#relay(client))
  }

  static async listen(target: number): Promise<Cutter> {
    const server = net.createServer()
    const cutter = new Cutter(server, target)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return cutter
  }

  get address(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`
  }

  /** From now on counts, and cuts once. */
  arm(cut: Cut): void {
    this.#cut = cut
    this.#passed = { up: 0, down: 0 }
  }

  disarm(): void {
    this.#cut = null
  }

  /** The connections there are pass nothing any more, and nobody is told; new ones work after `thaw`. */
  freeze(): void {
    this.#isFrozen = true
    for (const socket of this.#sockets) socket.pause()
  }

  thaw(): void {
    this.#isFrozen = false
  }

  get passed(): Readonly<Record<'up' | 'down', number>> {
    return this.#passed
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  #relay(client: net.Socket): void {
    this.connections++
    if (this.#isFrozen) client.pause()
    const server = net.connect(this.target, '127.0.0.1')
    let isCut = false
    const end = (): void => {
      client.destroy()
      server.destroy()
    }
    const pass = (side: Cut['side'], bytes: Buffer, to: net.Socket): void => {
      if (isCut) return
      const cut = this.#cut
      const room = cut === null || cut.side !== side ? bytes.length : cut.bytes - this.#passed[side]
      this.#passed[side] += Math.min(room, bytes.length)
      if (cut === null || cut.side !== side || room > bytes.length) {
        to.write(bytes)
        return
      }
      isCut = true
      this.#cut = null
      this.cuts++
      // What may pass arrives; the ends learn of the break a moment later.
      if (room > 0) to.write(bytes.subarray(0, room), () => setImmediate(end))
      else end()
    }
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => end())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        end()
      })
    }
    client.on('data', (bytes: Buffer) => pass('up', bytes, server))
    server.on('data', (bytes: Buffer) => pass('down', bytes, client))
  }
}
