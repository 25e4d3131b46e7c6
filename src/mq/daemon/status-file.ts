/**
 * qmstatus.ini: the state a queue manager recorded last, beside its data, so that every node can read how the last life
 * ended. Written before a state becomes true for others; the lock says who is alive (store/instance-status.ts).
 */

import { HaError } from '../../base/errors.js'
import { readIfThere, writeDurably } from '../installation/durable-file.js'
import { dataFiles } from '../installation/layout.js'
import { attributeOf, formatStanza, parseIni, same } from '../installation/stanza.js'
import type { RecordedState } from '../store/instance-status.js'

/** Version of the data directory as a whole; the log has one of its own. */
export const dataVersion = 1

export interface RecordedStatus {
  readonly state: RecordedState
  /** Why it ended, when the end was not asked for; '' else. */
  readonly reason: string
  readonly qmid: string
  readonly createdMs: number
  /** Of the last start. */
  readonly startedMs: number
  readonly host: string
}

const states: readonly RecordedState[] = [
  'starting',
  'running',
  'quiescing',
  'ending-immediately',
  'ending-preemptively',
  'ended-normally',
  'ended-immediately',
  'ended-preemptively'
]

/**
 * null when the directory has no status file.
 *
 * @throws HaError HA_MQ_NEWER_VERSION when a newer version wrote the directory, HA_MQ_INI_INVALID when the file makes no sense
 */
export function readStatus(dataPath: string): RecordedStatus | null {
  const file = dataFiles(dataPath).status
  const text = readIfThere(file)
  if (text === null) return null
  const stanza = parseIni(text, file).stanzas.find(one => same(one.name, 'QueueManagerStatus'))
  const value = (key: string): string => (stanza && attributeOf(stanza, key)?.value) ?? ''
  const version = Number(value('DataVersion'))
  if (version > dataVersion) throw new HaError('HA_MQ_NEWER_VERSION', `${file}: the data directory has version ${version}; this program knows versions up to ${dataVersion}`)
  const state = states.find(one => one === value('Status'))
  if (stanza === undefined || state === undefined || value('QMID') === '') throw new HaError('HA_MQ_INI_INVALID', `${file}: no status can be read from it`, { details: { path: file } })
  return { state, reason: value('Reason'), qmid: value('QMID'), createdMs: Number(value('Created')), startedMs: Number(value('Started')), host: value('Host') }
}

/** Durable when it returns. @throws the system's error */
export function writeStatus(dataPath: string, status: RecordedStatus): void {
  const text = formatStanza('QueueManagerStatus', [
    ['Status', status.state],
    ['Reason', status.reason.replace(/\p{Cc}+/gu, ' ')],
    ['QMID', status.qmid],
    ['Created', status.createdMs],
    ['Started', status.startedMs],
    ['Host', status.host],
    ['DataVersion', dataVersion]
  ])
  writeDurably(dataFiles(dataPath).status, text)
}
