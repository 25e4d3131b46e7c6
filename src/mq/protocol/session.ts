/**
 * One connection as the listener and a protocol see each other. Types only.
 *
 * A session is pure: bytes and answers come in, bytes and calls of the engine go out. The listener feeds it, drains the
 * engine's outbox into it, and obeys its output. `write` never blocks; when it answers false the peer reads slowly, and
 * the session asks for nothing more from the engine until `onWritable`.
 */

import type { Instant } from '../../base/units.js'
import type { Answer, Engine, MqClock, Token } from '../core/engine.js'
import type { Reason } from '../core/reason.js'

export interface SessionOutput {
  /** Takes ownership of the bytes. False: more than the high-water mark waits to be sent; wait for `onWritable`. */
  write(bytes: Buffer): boolean
  /** Closes after what was written is sent. `why` goes to the log when the peer is at fault. */
  end(why: string | null): void
  /** Stops and starts reading from the peer, for protocols that must not take more before an answer. */
  pauseReading(): void
  resumeReading(): void
}

export type Credentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string }

/** What a channel's definition says that a session has to keep to. */
export interface ChannelFacts {
  readonly name: string
  /** MAXMSGL. */
  readonly messageBytesMax: number
  /** HBINT; 0 none. */
  readonly heartbeatSeconds: number
}

export type Verdict =
  | { readonly ok: true; /** MCAUSER or the checked user. */ readonly user: string; /** Absent for programs that came without a channel. */ readonly channelFacts?: ChannelFacts }
  | { readonly ok: false; readonly reason: Reason; readonly why: string }

/** Bounds on what a peer may make us keep. */
export interface SessionLimits {
  readonly frameBytesMax: number
  readonly headerCountMax: number
  readonly headerBytesMax: number
  readonly subscriptionsMax: number
  /** Messages delivered and not acknowledged, per connection. */
  readonly unacknowledgedMax: number
  readonly messageBytesMax: number
}

export interface SessionContext {
  readonly engine: Engine
  readonly clock: MqClock
  readonly output: SessionOutput
  readonly limits: SessionLimits
  readonly remoteAddress: string
  readonly remotePort: number
  readonly isLocal: boolean
  readonly isTls: boolean
  readonly productVersion: string
  /**
   * Names this run of the queue manager (its epoch will do). A client that comes back and finds another one knows that
   * what it had open was backed out.
   */
  readonly instance?: string
  /**
   * Checks a peer against passwords, tokens, the channel's definition and CHLAUTH. `channel` '' means the protocol's
   * default. Answered by `onAuthorized` with the token; never from within the call.
   */
  authorize(channel: string, credentials: Credentials, token: Token): void
  /** One MQSC command; answered by `onCommand`. Only local administrators and users with the right may. */
  command(text: string, user: string, token: Token): void
  /** Asks for `onTick` at this time at the latest; null for none. One at a time. */
  wakeAt(at: Instant | null): void
}

export interface CommandAnswer {
  readonly outcome: 'done' | 'failed' | 'syntax' | 'not-authorized'
  /** Report lines as runmqsc prints them, without numbering. */
  readonly lines: readonly string[]
}

export interface Session {
  readonly protocol: 'client' | 'stomp' | 'http'
  onBytes(bytes: Buffer): void
  onAnswer(token: Token, answer: Answer): void
  onAuthorized(token: Token, verdict: Verdict): void
  onCommand(token: Token, answer: CommandAnswer): void
  onWritable(): void
  onTick(): void
  /** The queue manager ends, or an administrator ends this connection: say so in the protocol's words, then `output.end`. */
  onEnd(reason: Reason, how: 'quiesce' | 'now'): void
  /** The socket is gone. Disconnects from the engine as `broken` unless it disconnected in order. */
  onClosed(): void
}
