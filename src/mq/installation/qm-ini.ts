/**
 * qm.ini: how one queue manager runs, read at its start. Every attribute of reference 2.3 is accepted; those we act on
 * are in `QueueManagerSettings`, the others are checked for their names alone.
 *
 * Ours, beside the original's: in stanza SSL the file names of certificate, key and authorities (PEM), and whether
 * other hosts must use TLS; in stanza Channels the bounds on what peers may make us keep.
 */

import path from 'node:path'
import { HaError } from '../../base/errors.js'
import { dataFiles } from './layout.js'
import { readIfThere } from './durable-file.js'
import { unknownAttributes } from './mqs-ini.js'
import { attributeOf, faultText, formatStanza, parseIni, same } from './stanza.js'
import type { Attribute, IniFault, Stanza } from './stanza.js'

export type LogType = 'CIRCULAR' | 'LINEAR'

/** Who deletes extents of a linear log that no recovery needs: an administrator, or the queue manager. */
export type LogManagement = 'MANUAL' | 'AUTOMATIC'

export interface LogSettings {
  readonly primaryFiles: number
  readonly secondaryFiles: number
  /** Pages of 4096 bytes in one log file. */
  readonly filePages: number
  readonly type: LogType
  /** Of a linear log; a circular one uses its extents again. */
  readonly management: LogManagement
  readonly path: string
}

export interface TlsFiles {
  readonly certificate: string
  readonly key: string
  /** '' when clients are not asked for certificates. */
  readonly authorities: string
  readonly isRequired: boolean
}

export interface QueueManagerSettings {
  readonly log: LogSettings
  readonly channelsMax: number
  readonly tcp: { readonly port: number; readonly backlog: number }
  readonly errorLogBytes: number
  readonly excludedMessages: readonly string[]
  readonly tls: TlsFiles | null
  /** Bytes of messages that are not persistent kept in memory before they go to files. */
  readonly spoolMemoryBytes: number
}

/** Ranges of reference 1.2 and 2.3. */
export const logRanges = { primaryFiles: [2, 510], secondaryFiles: [1, 509], filePages: [64, 65_535], filesInAllMax: 511 } as const
export const logDefaults = { primaryFiles: 3, secondaryFiles: 2, filePages: 4096, type: 'CIRCULAR' as LogType, management: 'MANUAL' as LogManagement } as const
export const channelsMaxDefault = 20_000
export const backlogDefault = 100
export const portDefault = 1414
export const errorLogBytesDefault = 32 * 1024 * 1024
const spoolMemoryDefault = 64 * 1024 * 1024

const known: Readonly<Record<string, readonly string[]>> = {
  exitpath: ['exitsdefaultpath', 'exitsdefaultpath64'],
  log: ['logprimaryfiles', 'logsecondaryfiles', 'logfilepages', 'logtype', 'logbufferpages', 'logpath', 'logwriteintegrity', 'logmanagement'],
  service: ['name', 'entrypoints', 'securitypolicy', 'sharedbindingsuserid', 'groupstorefile'],
  servicecomponent: ['service', 'name', 'module', 'componentdatasize'],
  channels: [
    'maxchannels', 'maxactivechannels', 'maxinitiators', 'mqibindtype', 'pipelinelength', 'adoptnewmca', 'adoptnewmcatimeout', 'adoptnewmcacheck', 'chlauthearlyadopt'
  ],
  tcp: ['port', 'keepalive', 'listenerbacklog', 'connect_timeout', 'sndbuffsize', 'rcvbuffsize'],
  qmerrorlog: ['errorlogsize', 'excludemessage', 'suppressmessage', 'suppressinterval'],
  diagnosticmessages: ['service', 'format', 'filepath', 'fileprefix', 'filesize', 'severities', 'name'],
  tuningparameters: ['defaultqbuffersize', 'defaultpqbuffersize'],
  ssl: ['certificate', 'key', 'authorities', 'required', 'outboundsni', 'allowtlsv13', 'securecomms']
}

export interface ParsedQmIni {
  readonly settings: QueueManagerSettings
  readonly faults: readonly IniFault[]
}

/** @throws HaError HA_MQ_INI_INVALID with every fault, or when there is no qm.ini */
export function readQmIni(dataPath: string): QueueManagerSettings {
  const file = dataFiles(dataPath).qmIni
  const text = readIfThere(file)
  if (text === null) throw new HaError('HA_MQ_INI_INVALID', `${file} is missing`, { details: { path: file } })
  const { settings, faults } = parseQmIni(text, file)
  if (faults.length > 0) throw new HaError('HA_MQ_INI_INVALID', faults.map(faultText).join('\n'), { details: { path: file } })
  return settings
}

export function parseQmIni(text: string, file: string): ParsedQmIni {
  const parsed = parseIni(text, file)
  const faults = [...parsed.faults, ...unknownAttributes(parsed, known, file)]
  const reader = new Reader(parsed.stanzas, file, faults)
  const logPath = reader.text('Log', 'LogPath')
  if (logPath === '') faults.push({ id: 'AMQ7006', file, line: reader.lineOf('Log'), attribute: 'LogPath', stanza: 'Log' })
  const log: LogSettings = {
    primaryFiles: reader.number('Log', 'LogPrimaryFiles', logRanges.primaryFiles, logDefaults.primaryFiles),
    secondaryFiles: reader.number('Log', 'LogSecondaryFiles', logRanges.secondaryFiles, logDefaults.secondaryFiles),
    filePages: reader.number('Log', 'LogFilePages', logRanges.filePages, logDefaults.filePages),
    type: reader.word('Log', 'LogType', ['CIRCULAR', 'LINEAR'], logDefaults.type),
    management: reader.word('Log', 'LogManagement', ['MANUAL', 'AUTOMATIC'], logDefaults.management),
    path: logPath
  }
  if (log.primaryFiles + log.secondaryFiles > logRanges.filesInAllMax) reader.refuse('Log', 'LogSecondaryFiles', `at most ${logRanges.filesInAllMax - log.primaryFiles} beside ${log.primaryFiles} primary files`)
  const channelsMax = reader.number('Channels', 'MaxChannels', [1, 1_000_000], channelsMaxDefault)
  const settings = {
    log,
    channelsMax: reader.number('Channels', 'MaxActiveChannels', [1, 1_000_000], channelsMax),
    tcp: { port: reader.number('TCP', 'Port', [1, 65_535], portDefault), backlog: reader.number('TCP', 'ListenerBacklog', [1, 65_535], backlogDefault) },
    errorLogBytes: reader.number('QMErrorLog', 'ErrorLogSize', [32_768, 2_147_483_648], errorLogBytesDefault),
    excludedMessages: reader.text('QMErrorLog', 'ExcludeMessage').split(/[,\s]+/).filter(word => word !== '').map(word => word.replace(/^(AMQ)?(\d{4})[A-Z]?$/i, 'AMQ$2')),
    tls: reader.tls(),
    spoolMemoryBytes: reader.number('TuningParameters', 'DefaultQBufferSize', [0, 104_857_600], spoolMemoryDefault)
  }
  return { settings, faults }
}

class Reader {
  readonly #stanzas: readonly Stanza[]
  readonly #file: string
  readonly #faults: IniFault[]

  constructor(stanzas: readonly Stanza[], file: string, faults: IniFault[]) {
    this.#stanzas = stanzas
    this.#file = file
    this.#faults = faults
  }

  lineOf(stanza: string): number {
    return this.#stanzas.find(one => same(one.name, stanza))?.line ?? 1
  }

  text(stanza: string, key: string): string {
    return this.#find(stanza, key)?.value ?? ''
  }

  number(stanza: string, key: string, [low, high]: readonly [number, number], otherwise: number): number {
    const found = this.#find(stanza, key)
    if (found === undefined || found.value === '') return otherwise
    const value = /^\d{1,10}$/.test(found.value) ? Number(found.value) : Number.NaN
    if (value >= low && value <= high) return value
    this.refuse(stanza, key, `${low} to ${high}`)
    return otherwise
  }

  word<Word extends string>(stanza: string, key: string, words: readonly Word[], otherwise: Word): Word {
    const found = this.#find(stanza, key)
    if (found === undefined || found.value === '') return otherwise
    const word = words.find(one => same(one, found.value))
    if (word !== undefined) return word
    this.refuse(stanza, key, words.join(', '))
    return otherwise
  }

  tls(): TlsFiles | null {
    const [certificate, key, authorities] = ['Certificate', 'Key', 'Authorities'].map(name => this.text('SSL', name)) as [string, string, string]
    const isRequired = this.word('SSL', 'Required', ['NO', 'YES'], 'NO') === 'YES'
    if (certificate === '' && key === '') {
      if (isRequired) this.#miss('SSL', 'Certificate')
      return null
    }
    if (certificate === '') this.#miss('SSL', 'Certificate')
    if (key === '') this.#miss('SSL', 'Key')
    for (const [name, value] of [['Certificate', certificate], ['Key', key], ['Authorities', authorities]] as const) {
      if (value !== '' && !path.isAbsolute(value)) this.refuse('SSL', name, 'an absolute path')
    }
    return { certificate, key, authorities, isRequired }
  }

  refuse(stanza: string, key: string, valid: string): void {
    const found = this.#find(stanza, key)
    this.#faults.push({ id: 'AMQ7076', file: this.#file, line: found?.line ?? this.lineOf(stanza), attribute: key, value: found?.value ?? '', valid })
  }

  #miss(stanza: string, key: string): void {
    this.#faults.push({ id: 'AMQ7006', file: this.#file, line: this.lineOf(stanza), attribute: key, stanza })
  }

  /** The last one counts, as in the original. */
  #find(stanza: string, key: string): Attribute | undefined {
    return this.#stanzas.filter(one => same(one.name, stanza)).map(one => attributeOf(one, key)).findLast(one => one !== undefined)
  }
}

/** The text of a new qm.ini. */
export const newQmIni = (log: LogSettings): string =>
  [
    '# qm.ini: how this queue manager runs. Read when it starts.\n',
    formatStanza('Log', [
      ['LogPrimaryFiles', log.primaryFiles],
      ['LogSecondaryFiles', log.secondaryFiles],
      ['LogFilePages', log.filePages],
      ['LogType', log.type],
      ...(log.type === 'LINEAR' ? [['LogManagement', log.management] as const] : []),
      ['LogPath', log.path]
    ]),
    formatStanza('TCP', [['Port', portDefault]]),
    formatStanza('QMErrorLog', [['ErrorLogSize', errorLogBytesDefault]])
  ].join('')
