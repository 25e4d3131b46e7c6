/**
 * What our daemon reads out of a message, and the messages it sends: Linux-HA's fields, and our own beside them.
 *
 * Ours are plain string fields that Linux-HA 3.0.6 ignores, in every `status`:
 *
 *   hbx        1, the version of these fields
 *   hbx_phase  probing | joining | active | leaving | left
 *   hbx_ack    GENERATION.SEQUENCE.H  the newest of the receiver's datagrams heard (hex), H = 1 while it counts as alive;
 *              "-" when nothing was heard
 *   hbx_own    ID.DIGEST.STATE.EPOCH.FLAGS joined by ","; STATE is a number of `groupStates`, EPOCH hex,
 *              FLAGS 1 = avoid, 2 = wanted, 4 = its service interface does not carry
 *   hbx_health FLAGS.REACHED.STALLED.HOLD, all hex; FLAGS 1 = unfit, 2 = REACHED counts ping nodes; STALLED and HOLD in ms
 *   hbx_hold   why it announced to be silent; only while HOLD is not 0
 *   hbx_agree  VERSION,HARESOURCES,AUTHKEYS,SCRIPTS
 *
 * The last three may be missing, as from an older daemon of ours; then nothing is known against its health.
 *
 * Invariant: whatever the bytes say, reading ends with a value or null and never throws; numbers are safe integers.
 * Not here: signatures and framing (datagram.ts).
 */

import { bytesOf, stringField, binaryField, textOf } from './fields.js'
import type { Field, Message } from './message.js'
import { groupStates, nodePhases, wellHealth, type Acknowledgement, type Agreement, type GroupView, type Health, type NodePhase, type NodeView } from './ownership.js'

export const groupsMax = 1000
/** Longer announcements of a pause than this are cut: a mistyped unit must not switch the cluster off. */
export const holdMsMax = 3_600_000
export const holdReasonMax = 80

/** One authenticated message, as far as this daemon cares. */
export interface Heard {
  readonly type: string
  readonly source: string
  readonly uuid: string | null
  readonly generation: number
  /** null in `NS_…` messages, which are outside the sequence. */
  readonly sequence: number | null
  /** The node it is meant for, or null for everybody. */
  readonly destination: string | null
  /** `st` of a status or shutdone. */
  readonly statusText: string | null
  /** The sender's own dead time (`dt`), in ms. */
  readonly deadtimeMs: number | null
  /** What our own daemon says about itself; null from Linux-HA. */
  readonly view: NodeView | null
  readonly message: Message
}

/** Reads the fields every message needs; null when one is missing or no number (the message is then malformed). */
export function readHeard(message: Message): Heard | null {
  const type = textOf(message, 't')
  const source = textOf(message, 'src')?.toLowerCase()
  const generation = hex(textOf(message, 'hg'))
  const timestamp = hex(textOf(message, 'ts'))
  if (type === undefined || source === undefined || source === '' || generation === null || timestamp === null) return null
  const isOutside = type.startsWith('NS_')
  const sequence = isOutside ? null : hex(textOf(message, 'seq'))
  if (!isOutside && (sequence === null || sequence < 1)) return null
  const uuid = bytesOf(message, 'srcuuid')
  return {
    type,
    source,
    uuid: uuid?.length === 16 ? Buffer.from(uuid).toString('hex') : null,
    generation,
    sequence,
    destination: textOf(message, 'dest')?.toLowerCase() ?? null,
    statusText: textOf(message, 'st') ?? null,
    deadtimeMs: hex(textOf(message, 'dt')),
    view: type === 'status' ? readView(message) : null,
    message
  }
}

function readView(message: Message): NodeView | null {
  if (textOf(message, 'hbx') === undefined) return null
  const phase = textOf(message, 'hbx_phase')
  const acknowledged = readAcknowledgement(textOf(message, 'hbx_ack'))
  const groups = readGroups(textOf(message, 'hbx_own'))
  const health = readHealth(textOf(message, 'hbx_health'), textOf(message, 'hbx_hold'))
  if (!isPhase(phase) || acknowledged === null || groups === null || health === null) return null
  return { phase, acknowledged: acknowledged.value, hearsPeer: acknowledged.hearsPeer, groups, health, agreement: readAgreement(textOf(message, 'hbx_agree')) }
}

const isPhase = (text: string | undefined): text is NodePhase => (nodePhases as readonly (string | undefined)[]).includes(text)

function readAcknowledgement(text: string | undefined): { readonly value: Acknowledgement | null; readonly hearsPeer: boolean } | null {
  if (text === '-') return { value: null, hearsPeer: false }
  const parts = text?.split('.')
  const generation = hex(parts?.[0])
  const sequence = hex(parts?.[1])
  if (parts?.length !== 3 || generation === null || sequence === null) return null
  return { value: { generation, sequence }, hearsPeer: parts[2] === '1' }
}

function readHealth(text: string | undefined, holdReason: string | undefined): Health | null {
  if (text === undefined) return wellHealth
  const parts = text.split('.')
  const [flags, reached, stalledMs, holdMs] = parts.map(hex)
  if (parts.length !== 4 || flags === null || flags === undefined || reached === null || reached === undefined) return null
  if (stalledMs === null || stalledMs === undefined || holdMs === null || holdMs === undefined) return null
  return {
    isFit: (flags & 1) === 0,
    reached: (flags & 2) === 0 ? null : reached,
    stalledMs,
    holdMs: Math.min(holdMs, holdMsMax),
    holdReason: (holdReason ?? '').slice(0, holdReasonMax).replace(/[^\x20-\x7e]/g, '?')
  }
}

function readAgreement(text: string | undefined): Agreement | null {
  const [version, haresources, authkeys, scripts, ...rest] = (text ?? '').split(',')
  if (version === undefined || haresources === undefined || authkeys === undefined || scripts === undefined || rest.length > 0) return null
  return [version, haresources, authkeys, scripts].every(one => /^[0-9A-Za-z.-]{0,16}$/.test(one)) ? { version, haresources, authkeys, scripts } : null
}

function readGroups(text: string | undefined): readonly GroupView[] | null {
  if (text === undefined) return null
  if (text === '') return []
  const words = text.split(',', groupsMax + 1)
  if (words.length > groupsMax) return null
  const groups: GroupView[] = []
  for (const word of words) {
    const [id, digest, stateText, epochText, flagsText, ...rest] = word.split('.')
    const state = groupStates[hex(stateText) ?? -1]
    const epoch = hex(epochText)
    const flags = hex(flagsText)
    if (id === undefined || digest === undefined || state === undefined || epoch === null || flags === null || rest.length > 0) return null
    if (!/^[0-9a-f]{8}$/.test(id) || !/^[0-9a-f]{8}$/.test(digest)) return null
    groups.push({ id, digest, state, epoch, avoid: (flags & 1) !== 0, wanted: (flags & 2) !== 0, canServe: (flags & 4) === 0 })
  }
  return groups
}

/** What identifies the sender in every message it writes. */
export interface Sender {
  readonly name: string
  readonly uuid: Uint8Array
  readonly generation: number
  /** hopfudge + number of nodes; nothing is relayed, the old daemon merely expects the field. */
  readonly ttl: number
}

/** What only the edge knows at the moment of sending: the time of day in seconds, and /proc/loadavg's first line. */
export interface Surroundings {
  readonly wallS: number
  readonly load: string
}

export interface StatusText {
  readonly sequence: number
  readonly status: 'init' | 'up' | 'active' | 'dead'
  readonly deadtimeMs: number
  readonly view: NodeView
}

export function statusMessage(sender: Sender, status: StatusText, surroundings: Surroundings): Message {
  const { view } = status
  const acknowledged =
    view.acknowledged === null
      ? '-'
      : `${view.acknowledged.generation.toString(16)}.${view.acknowledged.sequence.toString(16)}.${view.hearsPeer ? '1' : '0'}`
  const own = [
    stringField('t', 'status'),
    stringField('st', status.status),
    stringField('dt', Math.round(status.deadtimeMs).toString(16)),
    stringField('protocol', '1'),
    stringField('hbx', '1'),
    stringField('hbx_phase', view.phase),
    stringField('hbx_ack', acknowledged),
    stringField('hbx_own', view.groups.map(writeGroup).join(',')),
    ...(view.health === wellHealth ? [] : healthFields(view.health)),
    ...(view.agreement === null ? [] : [stringField('hbx_agree', agreementText(view.agreement))])
  ]
  return withSender(sender, own, { sequence: status.sequence, surroundings })
}

const writeGroup = (group: GroupView): string =>
  `${group.id}.${group.digest}.${groupStates.indexOf(group.state).toString(16)}.${group.epoch.toString(16)}.` +
  `${(group.avoid ? 1 : 0) + (group.wanted ? 2 : 0) + (group.canServe ? 0 : 4)}`

function healthFields(health: Health): readonly Field[] {
  const flags = (health.isFit ? 0 : 1) + (health.reached === null ? 0 : 2)
  const numbers = [flags, health.reached ?? 0, Math.round(health.stalledMs), Math.round(health.holdMs)]
  const text = stringField('hbx_health', numbers.map(one => one.toString(16)).join('.'))
  return health.holdMs === 0 ? [text] : [text, stringField('hbx_hold', health.holdReason.slice(0, holdReasonMax))]
}

const agreementText = (one: Agreement): string => [one.version, one.haresources, one.authkeys, one.scripts].join(',')

/** Adds the fields that end every message, in Linux-HA's order. NS_ messages carry neither seq nor ld. */
export function withSender(
  sender: Sender,
  own: readonly Field[],
  context: { readonly sequence: number | null; readonly surroundings: Surroundings; readonly destinationUuid?: Uint8Array }
): Message {
  const { sequence, surroundings, destinationUuid } = context
  return {
    fields: [
      ...own,
      ...(destinationUuid === undefined ? [] : [binaryField('destuuid', destinationUuid)]),
      stringField('src', sender.name),
      binaryField('srcuuid', sender.uuid),
      ...(sequence === null ? [] : [stringField('seq', sequence.toString(16))]),
      stringField('hg', sender.generation.toString(16)),
      stringField('ts', surroundings.wallS.toString(16)),
      ...(sequence === null ? [] : [stringField('ld', surroundings.load)]),
      stringField('ttl', String(sender.ttl))
    ]
  }
}

/** A non-negative safe integer in hex, at most 13 digits; null for anything else. */
function hex(text: string | undefined): number | null {
  if (text === undefined || text.length === 0 || text.length > 13 || !/^[0-9a-fA-F]+$/.test(text)) return null
  return Number.parseInt(text, 16)
}
