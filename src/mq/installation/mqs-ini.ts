/**
 * mqs.ini: which queue managers this node knows, where each has its data, and which is the default. Local to each node.
 *
 * Reading collects every fault; a file with faults is used by nobody. Changing keeps comments and unknown order. Two
 * commands that change it at once are kept apart by the caller (a lock on the data root). Source: reference 2.2, 1.10.
 */

import path from 'node:path'
import { HaError } from '../../base/errors.js'
import { readIfThere, writeDurably } from './durable-file.js'
import type { Layout } from './layout.js'
import { attributeOf, faultText, formatStanza, parseIni, same, withoutStanza, withStanza } from './stanza.js'
import type { IniFault, ParsedIni, Stanza } from './stanza.js'

/** One QueueManager stanza. */
export interface KnownQueueManager {
  readonly name: string
  readonly prefix: string
  /** The transformed name, without a path. */
  readonly directory: string
  /** Said in the stanza; overrides prefix and directory. */
  readonly dataPathGiven: string | null
  readonly dataPath: string
}

export interface Installation {
  readonly queueManagers: readonly KnownQueueManager[]
  readonly defaultName: string | null
  readonly defaultPrefix: string
  readonly logDefaults: Readonly<Record<string, string>>
}

const known: Readonly<Record<string, readonly string[]>> = {
  allqueuemanagers: ['defaultprefix', 'defaultfileprefix'],
  clientexitpath: ['exitsdefaultpath', 'exitsdefaultpath64'],
  logdefaults: ['logprimaryfiles', 'logsecondaryfiles', 'logfilepages', 'logtype', 'logbufferpages', 'logdefaultpath', 'logwriteintegrity'],
  defaultqueuemanager: ['name'],
  queuemanager: ['name', 'prefix', 'directory', 'datapath', 'installationname'],
  diagnosticsystemmessages: ['service', 'ident', 'severities', 'name'],
  diagnosticmessagestemplate: ['service', 'format', 'filepath', 'fileprefix', 'filesize', 'severities', 'name']
}

/** @throws HaError HA_MQ_INI_INVALID with every fault; the system's error when the file cannot be read */
export function readInstallation(layout: Layout): Installation {
  const text = readIfThere(layout.mqsIni) ?? ''
  const { installation, faults } = parseInstallation(text, layout)
  if (faults.length > 0) throw new HaError('HA_MQ_INI_INVALID', faults.map(faultText).join('\n'), { details: { path: layout.mqsIni } })
  return installation
}

export function parseInstallation(text: string, layout: Layout): { readonly installation: Installation; readonly faults: readonly IniFault[] } {
  const parsed = parseIni(text, layout.mqsIni)
  const faults = [...parsed.faults, ...unknownAttributes(parsed, known, layout.mqsIni)]
  const defaults = parsed.stanzas.find(stanza => same(stanza.name, 'AllQueueManagers'))
  const defaultPrefix = (defaults && attributeOf(defaults, 'DefaultPrefix')?.value) || layout.root
  const queueManagers: KnownQueueManager[] = []
  for (const stanza of parsed.stanzas.filter(one => same(one.name, 'QueueManager'))) {
    const name = required(stanza, 'Name', layout.mqsIni, faults)
    const directory = required(stanza, 'Directory', layout.mqsIni, faults)
    if (name === null || directory === null) continue
    const directoryAttribute = attributeOf(stanza, 'Directory')
    if (directory.includes('/') || directory === '.' || directory === '..') {
      faults.push({ id: 'AMQ7076', file: layout.mqsIni, line: directoryAttribute?.line ?? stanza.line, attribute: 'Directory', value: directory, valid: 'a directory name without a path' })
      continue
    }
    const prefix = attributeOf(stanza, 'Prefix')?.value ?? defaultPrefix
    const dataPathGiven = attributeOf(stanza, 'DataPath')?.value ?? null
    queueManagers.push({ name, prefix, directory, dataPathGiven, dataPath: dataPathGiven ?? path.join(prefix, 'qmgrs', directory) })
  }
  const defaultStanza = parsed.stanzas.find(stanza => same(stanza.name, 'DefaultQueueManager'))
  const logStanza = parsed.stanzas.find(stanza => same(stanza.name, 'LogDefaults'))
  const installation = {
    queueManagers,
    defaultName: (defaultStanza && attributeOf(defaultStanza, 'Name')?.value) ?? null,
    defaultPrefix,
    logDefaults: Object.fromEntries((logStanza?.attributes ?? []).map(({ key, value }) => [key.toLowerCase(), value]))
  }
  return { installation, faults }
}

function required(stanza: Stanza, key: string, file: string, faults: IniFault[]): string | null {
  const value = attributeOf(stanza, key)?.value ?? ''
  if (value !== '') return value
  faults.push({ id: 'AMQ7006', file, line: stanza.line, attribute: key, stanza: stanza.name })
  return null
}

/** Attributes of known stanzas that are none of theirs. Stanzas nobody here knows are left to whoever does. */
export function unknownAttributes(parsed: ParsedIni, table: Readonly<Record<string, readonly string[]>>, file: string): IniFault[] {
  return parsed.stanzas.flatMap(stanza => {
    const names = table[stanza.name.toLowerCase()]
    if (names === undefined) return []
    return stanza.attributes.filter(({ key }) => !names.includes(key.toLowerCase())).map(({ key, line }): IniFault => ({ id: 'AMQ7075', file, line, attribute: key }))
  })
}

export const findQueueManager = (installation: Installation, name: string): KnownQueueManager | null =>
  installation.queueManagers.find(queueManager => queueManager.name === name) ?? null

/** The stanza as `dspmqinf` prints it and as it stands in the file. */
export const queueManagerStanza = (queueManager: Omit<KnownQueueManager, 'dataPath'>): string =>
  formatStanza('QueueManager', [
    ['Name', queueManager.name],
    ['Prefix', queueManager.prefix],
    ['Directory', queueManager.directory],
    ['DataPath', queueManager.dataPathGiven ?? undefined]
  ])

const firstText = (layout: Layout): string =>
  [
    '# mqs.ini: the queue managers that this node knows. Written by crtmqm, addmqinf and their like; comments are kept.\n',
    formatStanza('AllQueueManagers', [['DefaultPrefix', layout.root]]),
    formatStanza('LogDefaults', [
      ['LogPrimaryFiles', 3],
      ['LogSecondaryFiles', 2],
      ['LogFilePages', 4096],
      ['LogType', 'CIRCULAR'],
      ['LogDefaultPath', layout.logs]
    ])
  ].join('')

function change(layout: Layout, edit: (text: string, stanzas: readonly Stanza[]) => string): void {
  const text = readIfThere(layout.mqsIni) ?? firstText(layout)
  writeDurably(layout.mqsIni, edit(text, parseIni(text, layout.mqsIni).stanzas), 0o664)
}

/** Writes mqs.ini for a new installation; one that is there stays. */
export function ensureMqsIni(layout: Layout): void {
  if (readIfThere(layout.mqsIni) === null) change(layout, text => text)
}

export function addQueueManager(layout: Layout, queueManager: Omit<KnownQueueManager, 'dataPath'>): void {
  change(layout, text => withStanza(text, queueManagerStanza(queueManager)))
}

/** Takes the stanza out, and the default entry when it names the same. False when it was not there. */
export function removeQueueManager(layout: Layout, name: string): boolean {
  let isFound = false
  const names = (stanza: Stanza): boolean => attributeOf(stanza, 'Name')?.value === name
  change(layout, (text, stanzas) => {
    const gone = stanzas.filter(stanza => (same(stanza.name, 'QueueManager') || same(stanza.name, 'DefaultQueueManager')) && names(stanza))
    isFound = gone.some(stanza => same(stanza.name, 'QueueManager'))
    return gone.toReversed().reduce(withoutStanza, text)
  })
  return isFound
}

export function setDefault(layout: Layout, name: string): void {
  change(layout, (text, stanzas) => {
    const old = stanzas.filter(stanza => same(stanza.name, 'DefaultQueueManager'))
    return withStanza(old.toReversed().reduce(withoutStanza, text), formatStanza('DefaultQueueManager', [['Name', name]]))
  })
}
