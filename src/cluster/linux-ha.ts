/**
 * Speaks the little of Linux-HA 3.0.6's protocol that makes a Debian node see us as an active member: node list,
 * retransmission, acknowledgement, and the word that we hold nothing. Resources are not shared with it yet.
 *
 * Source: reference sections 0, 2.4, 2.5, 4.3, 5.3.
 */

import { stringField, textOf } from '../wire/fields.js'
import type { Field } from '../wire/message.js'
import type { Heard } from '../wire/status.js'
import { note, type Turn } from './turn.js'

/** The old daemon stops its clients after 250 unacknowledged messages; it expects one acknowledgement in ten. */
const acknowledgeEvery = 10

export function onLinuxHa(turn: Turn, heard: Heard): void {
  const { settings, state } = turn
  const to = heard.source
  if (heard.type === 'reqnodes') {
    const names = [settings.self.name, settings.peerName].sort().join(' ')
    const own = [stringField('t', 'repnodes'), stringField('dest', to), stringField('nodelist', `${names} `), stringField('delnodelist', ' ')]
    return sendSequenced(turn, own, heard.uuid)
  }
  if (heard.type === 'starting') {
    const own = [stringField('t', 'resource'), stringField('rsc_hold', 'none'), stringField('rtype', 'full'), stringField('isstable', '1')]
    note(turn, 'warn', `${to} runs Linux-HA Heartbeat: it is shown as a member, but resources are not shared with it; this node holds none while it is alive`)
    return sendSequenced(turn, own, null)
  }
  if (heard.type === 'NS_rexmit') {
    const first = decimal(textOf(heard.message, 'firstseq'))
    const last = decimal(textOf(heard.message, 'lastseq'))
    if (first === null || last === null || last < first) return
    turn.effects.push({ kind: 'resend', first, last: Math.min(last, first + 49), to })
    return
  }
  if (heard.sequence !== null && heard.sequence % acknowledgeEvery === 0 && state.peer.window.newest === heard.sequence) {
    const own = [stringField('t', 'NS_ackmsg'), stringField('dest', to), stringField('ackseq', heard.sequence.toString(16))]
    turn.effects.push({ kind: 'send-fields', sequence: null, fields: own, destinationUuid: heard.uuid })
  }
}

function sendSequenced(turn: Turn, fields: readonly Field[], destinationUuid: string | null): void {
  const sequence = turn.state.sequence + 1
  turn.state = { ...turn.state, sequence }
  turn.effects.push({ kind: 'send-fields', sequence, fields, destinationUuid })
}

function decimal(text: string | undefined): number | null {
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : null
}
