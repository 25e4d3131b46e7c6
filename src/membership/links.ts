/**
 * Knows which links carry the peer's datagrams. A link is a heartbeat medium on an interface; it is up while the peer is
 * heard on it, whatever the other links do.
 *
 * Invariant: only a sequence that is new on this very link counts, so that a replay does not make a cut wire look whole.
 */

import { after, elapsed, instant, type Instant, type Millis } from '../base/units.js'
import type { PeerNote } from './peer.js'

export interface LinkState {
  readonly name: string
  readonly description: string
  readonly isUp: boolean
  readonly heardAt: Instant | null
  readonly newest: number
  readonly generation: number
  /** The medium itself, as the edge reports it: null while it works, else why not. */
  readonly trouble: string | null
}

export function silentLink(name: string, description: string): LinkState {
  return { name, description, isUp: false, heardAt: null, newest: 0, generation: 0, trouble: null }
}

/** The peer was heard on this link. */
export function hearOn(link: LinkState, peerName: string, heard: { readonly generation: number; readonly sequence: number; readonly now: Instant }): { readonly link: LinkState; readonly notes: readonly PeerNote[] } {
  const isNew = heard.generation > link.generation || (heard.generation === link.generation && heard.sequence > link.newest)
  if (!isNew) return { link, notes: [] }
  return {
    link: { ...link, isUp: true, heardAt: heard.now, newest: heard.sequence, generation: heard.generation },
    notes: link.isUp ? [] : [{ level: 'info', text: `Link ${peerName}:${link.name} up.` }]
  }
}

/** A link on which nothing was heard for the deadtime is dead. */
export function judgeLink(link: LinkState, peerName: string, deadtimeMs: Millis, now: Instant): { readonly link: LinkState; readonly notes: readonly PeerNote[] } {
  if (!link.isUp || link.heardAt === null || elapsed(link.heardAt, now) < deadtimeMs) return { link, notes: [] }
  const because = link.trouble === null ? '' : ` (${link.trouble})`
  return { link: { ...link, isUp: false }, notes: [{ level: 'info', text: `Link ${peerName}:${link.name} dead.${because}` }] }
}

export const linkDeathAt = (link: LinkState, deadtimeMs: Millis): Instant | null =>
  link.isUp && link.heardAt !== null ? after(link.heardAt, deadtimeMs) : null

/** Does not hold time in which we ourselves stood still against the link. */
export const forgiveLink = (link: LinkState, stallMs: Millis, now: Instant): LinkState =>
  link.heardAt === null ? link : { ...link, heardAt: instant(Math.min(now, link.heardAt + stallMs)) }
