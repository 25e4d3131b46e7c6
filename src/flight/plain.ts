/**
 * The core's state, settings and events as plain JSON and back. Only what JSON cannot carry is changed: maps, a bigint,
 * and the bytes of foreign messages. Of the peer's own messages the raw fields are left out: the core reads them of
 * Linux-HA nodes alone.
 *
 * What is read back was written by this program and is guarded by a checksum; its shape is checked by version, not
 * member by member.
 */

import { Buffer } from 'node:buffer'
import type { ClusterEvent, ClusterSettings, ClusterState, Refused } from '../cluster/types.js'
import type { Heard } from '../wire/status.js'
import type { Field, FieldType } from '../wire/message.js'

type Plain = Readonly<Record<string, unknown>>

export const plainState = (state: ClusterState): Plain => ({
  ...state,
  refusals: [...state.refusals],
  peer: { ...state.peer, window: { newest: state.peer.window.newest, seen: state.peer.window.seen.toString(16) } }
})

export function stateFrom(plain: Plain): ClusterState {
  const state = plain as unknown as ClusterState & { refusals: readonly (readonly [string, Refused])[] }
  const window = state.peer.window as unknown as { readonly newest: number; readonly seen: string }
  if (!Array.isArray(state.groups) || typeof state.at !== 'number') throw new TypeError('no state')
  return { ...state, refusals: new Map(state.refusals), peer: { ...state.peer, window: { newest: window.newest, seen: BigInt(`0x${window.seen}`) } } }
}

export const plainSettings = (settings: ClusterSettings): Plain => ({ ...settings, heldEpochs: [...settings.heldEpochs] })

export function settingsFrom(plain: Plain): ClusterSettings {
  const settings = plain as unknown as ClusterSettings & { heldEpochs: readonly (readonly [string, number])[] }
  if (!Number.isSafeInteger(settings.self.generation) || !Array.isArray(settings.groups)) throw new TypeError('no settings')
  return { ...settings, heldEpochs: new Map(settings.heldEpochs) }
}

/** The event without its time, which the codec writes more tersely. */
export function plainEvent(event: ClusterEvent): Plain {
  const { now: _, ...rest } = event
  return rest.kind === 'heard' ? { ...rest, heard: plainHeard(rest.heard) } : rest
}

export function eventFrom(plain: Plain, now: ClusterEvent['now']): ClusterEvent {
  const event = { ...plain, now } as unknown as ClusterEvent
  return event.kind === 'heard' ? { ...event, heard: heardFrom(event.heard as unknown as Plain) } : event
}

/** The signature at the end of a foreign message says nothing to a replay. */
const isKept = (field: Field): boolean => field.name !== 'auth'

function plainHeard(heard: Heard): Plain {
  const fields = heard.view === null ? heard.message.fields.filter(isKept) : []
  return { ...heard, message: fields.map(field => [field.name, field.type, Buffer.from(field.value).toString('base64')]) }
}

function heardFrom(plain: Plain): Heard {
  const fields = plain['message'] as readonly (readonly [string, FieldType, string])[]
  const message = { fields: fields.map(([name, type, value]) => ({ name, type, value: Buffer.from(value, 'base64') })) }
  return { ...(plain as unknown as Heard), message }
}
