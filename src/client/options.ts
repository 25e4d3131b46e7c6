/** What a program may say when it connects, and what holds when it does not. */

import type { ConnectionOptions as TlsConnectionOptions } from 'node:tls'
import type { FailoverOptions } from './address.js'

export type ConnectionNotice =
  /** The connection broke; calls wait. Only with failover. */
  | { readonly kind: 'reconnecting'; readonly error: Error }
  | { readonly kind: 'reconnected'; readonly address: string; readonly queueManager: string }
  /** The queue manager wants to end: finish what is open and close. With failover the library does so. */
  | { readonly kind: 'quiesce'; readonly reason: number }
  /** `error` is null when the program closed it. */
  | { readonly kind: 'closed'; readonly error: Error | null }

export type TlsSettings = Pick<TlsConnectionOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'rejectUnauthorized' | 'minVersion' | 'ciphers'>


export interface ConnectOptions {
  /** See address.ts. May stand alone instead of an options object. */
  readonly address: string
  /** SVRCONN channel; not for local connections. Default: the one in the address, else the queue manager's choice. */
  readonly channel?: string
  /** Refuse any other with 2058. Default: take whichever answers. */
  readonly queueManager?: string
  readonly user?: string
  readonly password?: string
  /** Instead of user and password. */
  readonly token?: string
  /** APPLTAG, at most 28 characters. Default: the program's name. */
  readonly application?: string
  readonly tls?: TlsSettings
  /** Overrides single values of a `failover:` address, or gives failover to another. */
  readonly failover?: Partial<FailoverOptions>
  /** One attempt at one address, greeting included. Default 10,000. */
  readonly connectTimeoutMs?: number
  /** Silence of twice this long means the queue manager is gone; the channel may want less. Default 10,000. */
  readonly heartbeatMs?: number
  /** Puts given to the library and not answered. Default 500 and 64 MiB. */
  readonly putsMax?: number
  readonly putBytesMax?: number
  /** What a put does beyond that: wait for room, or fail with 2071. Default wait. */
  readonly whenFull?: 'wait' | 'reject'
  /** How long `close` waits for answers. Default 5,000. */
  readonly closeTimeoutMs?: number
  /** Ends the first connecting. Once connected it has no effect. */
  readonly signal?: AbortSignal
  readonly onNotice?: (notice: ConnectionNotice) => void
}

export const defaults = { connectTimeoutMs: 10_000, heartbeatMs: 10_000, putsMax: 500, putBytesMax: 64 * 1024 * 1024, closeTimeoutMs: 5_000 } as const
