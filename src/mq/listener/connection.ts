/**
 * One socket and its session: bytes in, bytes out, backpressure both ways, and an end that always comes.
 *
 * Output is gathered while an event runs and sent in one write afterwards. What waits in the socket is bounded: above the
 * high-water mark the session hears `false` and asks for nothing more; a peer that takes nothing for `drainMs` is cut.
 */

import type net from 'node:net'
import type { Instant } from '../../base/units.js'
import type { MqClock, Token } from '../core/engine.js'
import type { CommandAnswer, Session, SessionOutput, Verdict } from '../protocol/session.js'
import type { Dispatcher } from './dispatcher.js'

export interface ConnectionOptions {
  readonly socket: net.Socket
  readonly dispatcher: Dispatcher
  readonly clock: MqClock
  /** Bytes that may wait to be sent before the session must pause. */
  readonly outputBytesMax: number
  /** A peer that takes none of the waiting bytes for so long is cut. */
  readonly drainMs: number
  /** Called once, when the socket is gone. `why` is null for an end in order. */
  readonly onClosed: (why: string | null) => void
}

/** How long bytes written before an `end` may take to leave. */
const lingerMs = 5_000

export class Connection implements SessionOutput {
  readonly #options: ConnectionOptions
  #session: Session | null = null
  #gathered: Buffer[] = []
  #gatheredBytes = 0
  #isSlow = false
  #isEnding = false
  #isClosed = false
  #why: string | null = null
  #wake: NodeJS.Timeout | null = null
  #wakeAt: Instant | null = null
  /** When the timer fires that is set, if one is. */
  #armedFor: Instant | null = null
  #patience: NodeJS.Timeout | null = null
  bytesSent = 0
  bytesReceived = 0
  lastReceivedMs: number | null = null

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { socket, dispatcher } = options
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => {
      this.bytesReceived += bytes.length
      this.lastReceivedMs = options.clock.wallMs()
      if (!this.#isEnding) dispatcher.enter(() => this.#session?.onBytes(bytes))
    })
    socket.on('drain', () => {
      this.#clearPatience()
      if (!this.#isSlow) return
      this.#isSlow = false
      dispatcher.enter(() => this.#session?.onWritable())
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#why ??= error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'the peer broke the connection' : error.message
    })
    socket.on('close', () => {
      this.#onSocketClosed()
    })
  }

  /** Gives the connection its session and the bytes that were read to recognise it. */
  begin(session: Session, first: Buffer): void {
    this.#session = session
    this.bytesReceived += first.length
    if (first.length > 0) {
      this.#options.dispatcher.enter(() => {
        session.onBytes(first)
      })
    }
  }

  get session(): Session | null {
    return this.#session
  }

  write(bytes: Buffer): boolean {
    if (this.#isClosed || this.#isEnding) return true
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.length
    this.#options.dispatcher.afterEvent(this.#send)
    if (this.#gatheredBytes + this.#options.socket.writableLength > this.#options.outputBytesMax) this.#isSlow = true
    return !this.#isSlow
  }

  end(why: string | null): void {
    if (this.#isEnding || this.#isClosed) return
    this.#isEnding = true
    this.#why ??= why
    this.#options.dispatcher.afterEvent(this.#finish)
  }

  pauseReading(): void {
    this.#options.socket.pause()
  }

  resumeReading(): void {
    this.#options.socket.resume()
  }

  /** One timer a connection; one that fires early finds nothing due and is set again, one that would be late is replaced. */
  readonly wakeAt = (at: Instant | null): void => {
    const armedFor = this.#armedFor
    this.#wakeAt = at
    if (at === null || this.#isClosed || (this.#wake !== null && armedFor !== null && armedFor <= at)) return
    if (this.#wake !== null) clearTimeout(this.#wake)
    this.#armWake(at)
  }

  readonly onAuthorized = (token: Token, verdict: Verdict): void => {
    if (!this.#isClosed) this.#options.dispatcher.enter(() => this.#session?.onAuthorized(token, verdict))
  }

  readonly onCommand = (token: Token, answer: CommandAnswer): void => {
    if (!this.#isClosed) this.#options.dispatcher.enter(() => this.#session?.onCommand(token, answer))
  }

  /** Cuts the connection without another word. */
  destroy(why: string): void {
    this.#why ??= why
    this.#options.socket.destroy()
  }

  #armWake(at: Instant): void {
    this.#armedFor = at
    this.#wake = setTimeout(this.#onWake, Math.max(1, Math.ceil(at - this.#options.clock.now())))
  }

  readonly #onWake = (): void => {
    this.#wake = null
    const at = this.#wakeAt
    if (at === null || this.#isClosed) return
    if (at > this.#options.clock.now()) this.#armWake(at)
    else {
      this.#wakeAt = null
      this.#options.dispatcher.enter(() => this.#session?.onTick())
    }
  }

  readonly #send = (): void => {
    const { socket } = this.#options
    if (this.#isClosed || this.#gathered.length === 0) return
    const gathered = this.#gathered
    this.bytesSent += this.#gatheredBytes
    this.#gathered = []
    this.#gatheredBytes = 0
    // Small frames are cheaper copied together than handed to the system one by one.
    const isTaken = socket.write(gathered.length === 1 ? (gathered[0] as Buffer) : Buffer.concat(gathered))
    if (!isTaken) this.#awaitDrain()
    else if (this.#isSlow) {
      this.#isSlow = false
      const session = this.#session
      setImmediate(() => {
        if (!this.#isClosed && session !== null) this.#options.dispatcher.enter(() => { session.onWritable() })
      })
    }
  }

  readonly #finish = (): void => {
    this.#send()
    const { socket } = this.#options
    socket.resume() // what still comes is read and dropped, so that the peer's close is seen
    socket.end()
    const linger = setTimeout(() => {
      socket.destroy()
    }, lingerMs)
    socket.once('close', () => {
      clearTimeout(linger)
    })
  }

  #awaitDrain(): void {
    this.#patience ??= setTimeout(() => {
      this.destroy(`the peer took nothing for ${this.#options.drainMs} ms`)
    }, this.#options.drainMs)
  }

  #clearPatience(): void {
    if (this.#patience !== null) clearTimeout(this.#patience)
    this.#patience = null
  }

  #onSocketClosed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#wake !== null) clearTimeout(this.#wake)
    this.#clearPatience()
    this.#gathered = []
    this.#options.dispatcher.enter(() => this.#session?.onClosed())
    this.#options.onClosed(this.#why)
  }
}
