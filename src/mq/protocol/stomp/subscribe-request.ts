/** What a SUBSCRIBE frame asks for, checked. */

import { reasons } from '../../core/reason.js'
import { parseSelector } from '../../core/selector.js'
import { parseDestination, type Destination } from './destination.js'
import { countOf, shown } from './frame.js'
import type { Version } from './header-text.js'
import { malformed, refusal, type Refusal } from './refusal.js'
import type { AckMode } from './subscription.js'

export const prefetchDefault = 250

export interface SubscribeRequest {
  readonly ok: true
  readonly id: string | null
  /** How the connection calls the subscription. */
  readonly key: string
  readonly text: string
  readonly destination: Destination
  readonly mode: AckMode
  readonly prefetch: number
  readonly selector: string
  readonly isExclusive: boolean
  /** Name within the client; null for a subscription that ends with the connection. */
  readonly durable: string | null
}

/** Names of a durable subscription, as several brokers have them; `id` serves when only `durable:true` is said. */
export function durableNameOf(headers: ReadonlyMap<string, string>): string | null {
  const name = headers.get('activemq.subscriptionName') ?? headers.get('durable-subscription-name')
  if (name !== undefined && name !== '') return name
  return isTrue(headers.get('durable')) ? (headers.get('id') ?? '') : null
}

export function subscribeRequest(headers: ReadonlyMap<string, string>, version: Version, unacknowledgedMax: number): SubscribeRequest | Refusal {
  const text = headers.get('destination')
  if (text === undefined) return malformed('SUBSCRIBE without destination')
  const id = headers.get('id') ?? null
  if (id === null && version !== '1.0') return malformed('SUBSCRIBE without id')
  const parsed = parseDestination(text)
  if (!parsed.ok) return parsed
  const mode = headers.get('ack') ?? 'auto'
  if (mode !== 'auto' && mode !== 'client' && mode !== 'client-individual') return malformed(`ack:${shown(mode)} is none of auto, client and client-individual`)
  const prefetch = prefetchOf(headers, unacknowledgedMax)
  if (prefetch === null) return malformed('prefetch-count and activemq.prefetchSize take a number')
  const selector = headers.get('selector') ?? ''
  const checked = parseSelector(selector)
  if (!checked.ok) return refusal(reasons.selectorSyntaxError, `selector, column ${checked.column}: ${checked.why}`)
  const durable = durableNameOf(headers)
  if (durable === '') return malformed('a durable subscription needs a name: id, activemq.subscriptionName or durable-subscription-name')
  if (durable !== null && parsed.destination.kind !== 'topic') return malformed('only subscriptions to topics can be durable')
  const isExclusive = isTrue(headers.get('exclusive') ?? headers.get('activemq.exclusive'))
  return { ok: true, id, key: id ?? text, text, destination: parsed.destination, mode, prefetch, selector, isExclusive, durable }
}

export const isTrue = (text: string | undefined): boolean => text !== undefined && text.toLowerCase() === 'true'

/** `prefetch-count` 0 means "as many as may be", as with other brokers; `activemq.prefetchSize` 0 means one at a time. */
function prefetchOf(headers: ReadonlyMap<string, string>, most: number): number | null {
  const count = headers.get('prefetch-count')
  const size = headers.get('activemq.prefetchSize')
  const text = count ?? size
  if (text === undefined) return Math.min(prefetchDefault, most)
  const asked = countOf(text)
  if (asked === -1) return null
  if (asked === 0) return count === undefined ? 1 : most
  return Math.min(asked, most)
}
