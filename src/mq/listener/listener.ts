/**
 * Accepts connections on TCP ports and on the local socket, finds out what each speaks, and gives it a session.
 *
 * Bounds: so many connections in all; a connection that has not said within `recogniseMs` what it speaks, or not proved
 * who it is within `authorizeMs`, is cut. Refusals are told to the log at a limited rate (the first at once).
 */

import net from 'node:net'
import tls from 'node:tls'
import type { ChannelStatus } from '../core/administration.js'
import type { MqClock } from '../core/engine.js'
import { reasons } from '../core/reason.js'
import type { Reason } from '../core/reason.js'
import type { CommandAnswer, Credentials, Session, SessionContext, SessionLimits, Verdict } from '../protocol/session.js'
import { Connection } from './connection.js'
import type { Dispatcher } from './dispatcher.js'
import { recognise, recogniseBytesMax } from './recognise.js'
import type { Recognised } from './recognise.js'
import type { RestServer } from './rest.js'

export type ProtocolName = 'client' | 'stomp' | 'http'

/** Who is at the door. */
export interface Applicant {
  readonly protocol: ProtocolName
  /** '' when the protocol names none. */
  readonly channel: string
  readonly credentials: Credentials
  readonly remoteAddress: string
  readonly isLocal: boolean
}

/** `channel` is the one the connection counts for. */
export type Admission = Verdict & { readonly channel: string }

export interface ListenerOptions {
  readonly dispatcher: Dispatcher
  readonly clock: MqClock
  readonly sessions: Readonly<Record<'client' | 'stomp', (context: SessionContext) => Session>>
  readonly rest: RestServer
  readonly clientMagic: Buffer
  readonly limits: SessionLimits
  readonly connectionsMax: number
  readonly outputBytesMax: number
  readonly drainMs: number
  readonly recogniseMs: number
  readonly authorizeMs: number
  readonly productVersion: string
  /** Names this run of the queue manager; see SessionContext. */
  readonly instance: string
  /** Checks an applicant against passwords, tokens, channel and CHLAUTH. Never rejects for a refusal. */
  readonly admit: (applicant: Applicant) => Promise<Admission>
  /** One MQSC command of an admitted user. */
  readonly command: (text: string, user: string, isLocal: boolean) => Promise<CommandAnswer>
  /** TLS when configured; `isRequired` refuses plain connections from other hosts. */
  readonly tls: () => { readonly context: tls.SecureContext; readonly isRequired: boolean; readonly asksCertificate: boolean } | null
  /** Something an administrator may want to read. */
  readonly note: (level: 'info' | 'warn', text: string) => void
  /** A promise that nobody awaits; a rejection is a bug. */
  readonly supervise: (name: string, promise: Promise<unknown>) => void
}

/** A connection that was recognised. One that speaks HTTP has no session: its requests are answered one by one. */
interface Peer {
  readonly connection: Connection | null
  readonly socket: net.Socket
  readonly remoteAddress: string
  readonly remotePort: number
  readonly isLocal: boolean
  readonly startedMs: number
  readonly protocol: ProtocolName
  channel: string
  user: string
  isAdmitted: boolean
}

/** An open port; closing it ends no connection. */
export interface OpenPort {
  readonly address: string
  readonly port: number
  close(): Promise<void>
}

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
const plainAddress = (address: string): string => (address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address)

export class Listener {
  readonly #options: ListenerOptions
  readonly #peers = new Set<Peer>()
  #refused = 0
  #refusedSaidAt = Number.NEGATIVE_INFINITY

  constructor(options: ListenerOptions) {
    this.#options = options
  }

  /** Listens on a TCP port. Rejects with the system's error. */
  async openPort(options: { readonly address: string; readonly port: number; readonly backlog: number }): Promise<OpenPort> {
    const server = net.createServer({ pauseOnConnect: false }, socket => {
      this.#accept(socket, false, false)
    })
    const { port, backlog } = options
    try {
      await listening(server, { host: options.address === '' ? '::' : options.address, port, backlog, ipv6Only: false })
    } catch (error) {
      // A kernel without IPv6 knows no `::`.
      if (options.address !== '' || (error as NodeJS.ErrnoException).code !== 'EAFNOSUPPORT') throw error
      await listening(server, { host: '0.0.0.0', port, backlog })
    }
    const bound = server.address()
    return { address: options.address, port: typeof bound === 'object' && bound !== null ? bound.port : options.port, close: () => closed(server) }
  }

  /** Listens on the local socket, whose directory says who may connect. */
  async openLocal(path: string): Promise<OpenPort> {
    const server = net.createServer({}, socket => {
      this.#accept(socket, false, true)
    })
    await listening(server, { path })
    return { address: path, port: 0, close: () => closed(server) }
  }

  get connections(): number {
    return this.#peers.size
  }

  /** Running channel instances: admitted connections that came through a channel. */
  channels(): readonly ChannelStatus[] {
    return [...this.#peers]
      .filter(peer => peer.isAdmitted && peer.channel !== '')
      .map(peer => ({
        channel: peer.channel,
        type: 'SVRCONN',
        connectionName: peer.remoteAddress,
        status: 'RUNNING',
        user: peer.user,
        applicationTag: '',
        heartbeatSeconds: 0,
        messages: 0,
        bytesSent: peer.connection?.bytesSent ?? 0,
        bytesReceived: peer.connection?.bytesReceived ?? 0,
        startedMs: peer.startedMs,
        lastMessageMs: peer.connection?.lastReceivedMs ?? null
      }))
  }

  instances(channel: string, remoteAddress?: string): number {
    return [...this.#peers].filter(peer => peer.isAdmitted && peer.channel === channel && (remoteAddress === undefined || peer.remoteAddress === remoteAddress)).length
  }

  /** Ends the instances of a channel; `quiesce` lets them finish. The number of instances told. */
  endChannel(channel: string, how: 'quiesce' | 'now', connectionName?: string): number {
    return this.#end(reasons.connectionStopping, how, peer => peer.channel === channel && (connectionName === undefined || peer.remoteAddress === connectionName))
  }

  /** Tells every connection that the queue manager ends. */
  endAll(reason: Reason, how: 'quiesce' | 'now'): number {
    if (how === 'now') this.#options.rest.end(reason)
    return this.#end(reason, how, () => true)
  }

  /** Cuts what is left without another word. */
  destroyAll(): void {
    for (const peer of this.#peers) peer.socket.destroy()
  }

  #end(reason: Reason, how: 'quiesce' | 'now', isMeant: (peer: Peer) => boolean): number {
    const meant = [...this.#peers].filter(isMeant)
    this.#options.dispatcher.enter(() => {
      for (const peer of meant) {
        peer.connection?.session?.onEnd(reason, how)
      }
    })
    return meant.length
  }

  #accept(socket: net.Socket, isTls: boolean, isUnix: boolean): void {
    const remoteAddress = isUnix ? '' : plainAddress(socket.remoteAddress ?? '')
    if (!isTls && this.#peers.size >= this.#options.connectionsMax) {
      socket.on('error', () => socket.destroy())
      socket.destroy()
      this.#refuse(`AMQ9694: connection limit of ${this.#options.connectionsMax} reached, ${remoteAddress} was refused`)
      return
    }
    const cut = setTimeout(() => {
      this.#refuse(`${remoteAddress} did not say what it speaks within ${this.#options.recogniseMs} ms`)
      socket.destroy()
    }, this.#options.recogniseMs)
    socket.once('close', () => {
      clearTimeout(cut)
    })
    // A peer that breaks off before we know it is nobody's concern; its socket is destroyed by Node.
    const onEarlyError = (): void => {
      socket.destroy()
    }
    socket.on('error', onEarlyError)
    let first: Buffer = Buffer.alloc(0)
    const onData = (bytes: Buffer): void => {
      first = first.length === 0 ? bytes : Buffer.concat([first, bytes])
      const found = recognise(first, this.#options.clientMagic)
      if (found === 'more' && first.length < recogniseBytesMax) return
      socket.off('data', onData)
      socket.off('error', onEarlyError)
      clearTimeout(cut)
      this.#onRecognised(socket, found, first, { isTls, isUnix, remoteAddress })
    }
    socket.on('data', onData)
  }

  #onRecognised(socket: net.Socket, found: Recognised, first: Buffer, facts: { isTls: boolean; isUnix: boolean; remoteAddress: string }): void {
    socket.on('error', () => {
      socket.destroy()
    })
    const secure = this.#options.tls()
    if (found === 'tls' && secure !== null && !facts.isTls) {
      this.#upgrade(socket, first, secure)
      return
    }
    if (found !== 'client' && found !== 'stomp' && found !== 'http') {
      const what = found === 'tls' ? 'speaks TLS, which is not configured here' : 'speaks no protocol we know'
      this.#refuse(`AMQ9207: ${facts.remoteAddress} ${what}`)
      socket.destroy()
      return
    }
    if (secure?.isRequired === true && !facts.isTls && !facts.isUnix && !isLoopback(facts.remoteAddress)) {
      this.#refuse(`${facts.remoteAddress} does not speak TLS, which qm.ini requires`)
      socket.destroy()
      return
    }
    this.#begin(socket, found, first, facts)
  }

  #upgrade(socket: net.Socket, first: Buffer, secure: { readonly context: tls.SecureContext; readonly asksCertificate: boolean }): void {
    socket.pause()
    socket.unshift(first)
    const wrapped = new tls.TLSSocket(socket, { isServer: true, secureContext: secure.context, requestCert: secure.asksCertificate, rejectUnauthorized: secure.asksCertificate })
    wrapped.on('error', error => {
      this.#refuse(`TLS with ${socket.remoteAddress ?? 'a peer'} failed: ${error.message}`)
      wrapped.destroy()
    })
    wrapped.once('secure', () => {
      this.#accept(wrapped, true, false)
    })
  }

  #begin(socket: net.Socket, protocol: ProtocolName, first: Buffer, facts: { isTls: boolean; isUnix: boolean; remoteAddress: string }): void {
    const { dispatcher, clock } = this.#options
    const proof = setTimeout(() => {
      if (peer.isAdmitted) return
      this.#refuse(`${facts.remoteAddress} did not prove who it is within ${this.#options.authorizeMs} ms`)
      socket.destroy()
    }, this.#options.authorizeMs)
    const onClosed = (why: string | null): void => {
      clearTimeout(proof)
      this.#peers.delete(peer)
      if (why !== null && peer.isAdmitted) this.#options.note('info', `connection of ${peer.user}@${peer.remoteAddress === '' ? 'this host' : peer.remoteAddress} ended: ${why}`)
    }
    const { outputBytesMax, drainMs } = this.#options
    const connection = protocol === 'http' ? null : new Connection({ socket, dispatcher, clock, outputBytesMax, drainMs, onClosed })
    const isLocal = facts.isUnix || isLoopback(facts.remoteAddress)
    const peer: Peer = { connection, socket, remoteAddress: facts.remoteAddress, remotePort: socket.remotePort ?? 0, isLocal, startedMs: clock.wallMs(), protocol, channel: '', user: '', isAdmitted: false }
    this.#peers.add(peer)
    if (connection === null || protocol === 'http') {
      socket.once('close', () => {
        onClosed(null)
      })
      this.#options.rest.serve(socket, first, { remoteAddress: facts.remoteAddress, isLocal, isUnix: facts.isUnix, onAdmitted: admission => { this.#onAdmission(peer, admission) } })
      return
    }
    const context: SessionContext = {
      engine: dispatcher.engineFor(() => session),
      clock,
      output: connection,
      limits: this.#options.limits,
      remoteAddress: facts.remoteAddress,
      remotePort: peer.remotePort,
      isLocal,
      isTls: facts.isTls,
      productVersion: this.#options.productVersion,
      instance: this.#options.instance,
      authorize: (channel, credentials, token) => {
        const applicant: Applicant = { protocol, channel, credentials, remoteAddress: facts.remoteAddress, isLocal }
        this.#options.supervise('authorize', this.#options.admit(applicant).then(admission => {
          this.#onAdmission(peer, admission)
          connection.onAuthorized(token, admission)
        }))
      },
      command: (text, user, token) => {
        this.#options.supervise('command', this.#options.command(text, user, facts.isUnix).then(answer => {
          connection.onCommand(token, answer)
        }))
      },
      wakeAt: connection.wakeAt
    }
    const session = this.#options.sessions[protocol](context)
    connection.begin(session, first)
  }

  #onAdmission(peer: Peer, admission: Admission): void {
    if (admission.ok) {
      peer.isAdmitted = true
      peer.channel = admission.channel
      peer.user = admission.user
    } else this.#refuse(`AMQ9776: ${peer.protocol} connection from ${peer.isLocal ? 'this host' : peer.remoteAddress} refused: ${admission.why}`)
  }

  /** The first refusal is told at once, further ones as a count once a minute. */
  #refuse(text: string): void {
    const now = this.#options.clock.now()
    this.#refused += 1
    if (now - this.#refusedSaidAt < 60_000) return
    this.#options.note('warn', this.#refused > 1 ? `${text} (${this.#refused} refusals since the last line)` : text)
    this.#refusedSaidAt = now
    this.#refused = 0
  }
}

function listening(server: net.Server, options: net.ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      // Errors of a listening socket concern single accepts (EMFILE); the server goes on.
      server.on('error', () => undefined)
      resolve()
    })
  })
}

function closed(server: net.Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => {
      resolve()
    })
    resolve() // open connections keep a server "closing"; the port itself is free at once
  })
}
