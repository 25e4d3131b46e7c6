/**
 * Where a queue manager is: `tcp://host:1414`, `tls://host:1414`, `unix:/path`, MQSERVER's `CHANNEL/TCP/host(port)`, and
 * `failover:(tcp://a:1414,tcp://b:1414)?name=value&…`.
 */

import { MqError, reasons } from './mq-error.js'

export const defaultPort = 1414

export type Address =
  | { readonly kind: 'tcp' | 'tls'; readonly host: string; readonly port: number; readonly channel: string }
  | { readonly kind: 'unix'; readonly path: string; readonly channel: string }

/** How to come back after a broken connection. The names of `failover:` addresses, times in milliseconds. */
export interface FailoverOptions {
  /** Pause after the first round in which no address answered. Default 10. */
  readonly initialReconnectDelay: number
  /** No pause is longer. Default 30,000. */
  readonly maxReconnectDelay: number
  /** Each pause is this many times the one before. Default 2; 1 when `useExponentialBackOff` is false. */
  readonly backOffMultiplier: number
  /** Rounds through all addresses before giving up with 2548; -1 without end, 0 never comes back. Default -1. */
  readonly maxReconnectAttempts: number
  /** The same for the first connection. Default: as `maxReconnectAttempts`. */
  readonly startupMaxReconnectAttempts: number
  /** Calls that wait for a connection longer than this fail with 2556. -1 never. Default 1,800,000. */
  readonly timeout: number
  /** Addresses in another order each round. Default true. */
  readonly randomize: boolean
}

export const defaultFailover: FailoverOptions = Object.freeze({
  initialReconnectDelay: 10,
  maxReconnectDelay: 30_000,
  backOffMultiplier: 2,
  maxReconnectAttempts: -1,
  startupMaxReconnectAttempts: -1,
  timeout: 1_800_000,
  randomize: true
})

export interface Destination {
  readonly addresses: readonly Address[]
  /** null: one connection, and no other when it breaks. */
  readonly failover: FailoverOptions | null
}

const bad = (text: string): MqError => new MqError(reasons.channelConfigError, text)

/** Throws MqError 2539 that says what is wrong with the text. */
export function parseDestination(text: string): Destination {
  const trimmed = text.trim()
  return trimmed.startsWith('failover:') ? parseFailover(trimmed.slice('failover:'.length)) : { addresses: parseList(trimmed), failover: null }
}

function parseFailover(text: string): Destination {
  const found = /^(?:\/\/)?\((.*)\)(?:\?(.*))?$/s.exec(text) ?? /^(?:\/\/)?([^()?]*)(?:\?(.*))?$/s.exec(text)
  if (found === null) throw bad(`write failover:(tcp://host:1414,tcp://host:1414)?name=value, not failover:${text}`)
  const addresses = (found[1] as string).split(',').map(part => parseOne(part.trim()))
  return { addresses, failover: parseOptions(found[2] ?? '') }
}

/** One address, or MQSERVER's form with several connection names. */
function parseList(text: string): readonly Address[] {
  const server = /^([^/\s]{1,20})\/(TCP|TLS)\/(.+)$/is.exec(text.replaceAll("'", ''))
  if (server === null) return [parseOne(text)]
  const [, channel = '', transport = '', names = ''] = server
  return names.split(',').map(name => {
    const found = /^\s*([^()\s]+)\s*(?:\((\d+)\))?\s*$/.exec(name)
    if (found === null) throw bad(`write CHANNEL/TCP/host(port), not ${text}`)
    return { kind: transport.toUpperCase() === 'TLS' ? 'tls' : 'tcp', host: unbracketed(found[1] as string), port: portOf(found[2] ?? '', text), channel }
  })
}

function parseOne(text: string): Address {
  if (text.startsWith('unix:')) {
    const path = decodeURI(text.slice('unix:'.length).replace(/^\/\/(?=\/)/, ''))
    if (!path.startsWith('/')) throw bad(`write unix:/path, not ${text}`)
    return { kind: 'unix', path, channel: '' }
  }
  if (/^[^/\s]{1,20}\/(TCP|TLS)\//i.test(text)) return parseList(text)[0] as Address
  const found = /^(tcp|tls|ssl):\/\/(\[[^\]]+\]|[^:/?\s]+)(?::([^/?]*))?\/?(?:\?channel=([^&]*))?$/i.exec(text)
  if (found === null) throw bad(`write tcp://host:1414, tls://host:1414, unix:/path or CHANNEL/TCP/host(1414), not ${text === '' ? 'nothing' : text}`)
  const [, scheme = '', host = '', port = '', channel = ''] = found
  return { kind: scheme.toLowerCase() === 'tcp' ? 'tcp' : 'tls', host: unbracketed(host), port: portOf(port, text), channel: decodeURIComponent(channel) }
}

const unbracketed = (host: string): string => host.replace(/^\[(.*)\]$/, '$1')

function portOf(text: string, whole: string): number {
  if (text === '') return defaultPort
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) throw bad(`${text} is no port number in ${whole}`)
  return port
}

function parseOptions(text: string): FailoverOptions {
  const options: { -readonly [Name in keyof FailoverOptions]: FailoverOptions[Name] } = { ...defaultFailover }
  let startup: number | null = null
  for (const [name, value] of new URLSearchParams(text)) {
    switch (name) {
      case 'initialReconnectDelay':
      case 'maxReconnectDelay':
        options[name] = numberOf(name, value, 0)
        break
      case 'timeout':
      case 'maxReconnectAttempts':
        options[name] = numberOf(name, value, -1)
        break
      case 'startupMaxReconnectAttempts':
        startup = numberOf(name, value, -1)
        break
      case 'backOffMultiplier':
        options.backOffMultiplier = numberOf(name, value, 1)
        break
      case 'useExponentialBackOff':
        if (!booleanOf(name, value)) options.backOffMultiplier = 1
        break
      case 'randomize':
        options.randomize = booleanOf(name, value)
        break
      default:
        throw bad(`failover: has no option ${name}; it has ${[...Object.keys(defaultFailover), 'useExponentialBackOff'].join(', ')}`)
    }
  }
  return { ...options, startupMaxReconnectAttempts: startup ?? options.maxReconnectAttempts }
}

function numberOf(name: string, text: string, lowest: number): number {
  const value = Number(text)
  if (text === '' || !Number.isFinite(value) || value < lowest || value > 2 ** 31 - 1) throw bad(`${name}=${text}: give a number from ${lowest}`)
  return value
}

function booleanOf(name: string, text: string): boolean {
  if (text !== 'true' && text !== 'false') throw bad(`${name}=${text}: give true or false`)
  return text === 'true'
}

export function addressText(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${address.kind}://${host}:${address.port}`
}
