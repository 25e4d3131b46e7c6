/**
 * Makes a queue manager: directories, qm.ini, log, system objects, and last its stanza in mqs.ini, by which it exists. What
 * fails on the way leaves nothing that is known, and takes away the directories it made.
 */

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { HaError } from '../../base/errors.js'
import { instant } from '../../base/units.js'
import type { AttributeValue, ObjectDefinition } from '../core/definition.js'
import type { MqClock } from '../core/engine.js'
import { lsn } from '../core/journal.js'
import { openQueueManager } from '../daemon/open-queue-manager.js'
import { writeStatus } from '../daemon/status-file.js'
import { codeOf, makeDirectory, writeDurably } from '../installation/durable-file.js'
import { dataFiles, localFiles } from '../installation/layout.js'
import type { Layout } from '../installation/layout.js'
import { addQueueManager, readInstallation, setDefault } from '../installation/mqs-ini.js'
import { directoryCandidates, queueManagerId } from '../installation/names.js'
import { newQmIni, readQmIni } from '../installation/qm-ini.js'
import type { LogSettings } from '../installation/qm-ini.js'
import { completeDefinition } from '../mqsc/complete.js'
import { systemObjects } from '../mqsc/system-objects.js'
import { createLog } from '../store/create-log.js'
import { realDisk } from '../store/real-disk.js'

export interface NewQueueManager {
  readonly name: string
  /** Directory under which its own is made; null for the usual place. */
  readonly dataUnder: string | null
  readonly logUnder: string
  readonly log: Omit<LogSettings, 'path'>
  readonly attributes: Readonly<Record<string, AttributeValue>>
  /** Port of a listener that starts with it; null for none. */
  readonly listenerPort: number | null
  readonly isDefault: boolean
}

export interface Created {
  readonly dataPath: string
  readonly directory: string
  readonly objects: number
}

const clock: MqClock = { now: () => instant(performance.now()), wallMs: () => Date.now() }

/**
 * Under the lock of the installation.
 *
 * @throws HaError; the system's error
 */
export async function createQueueManager(
  layout: Layout,
  wanted: NewQueueManager,
  onDirectory: (dataPath: string) => void,
  /** A link below `qmgrs` leads to the data under this name, so mqs.ini need not say where they are. */
  links: { readonly linkedAs: string } | null = null
): Promise<Created> {
  const under = wanted.dataUnder ?? path.join(readInstallation(layout).defaultPrefix, 'qmgrs')
  const made: string[] = []
  try {
    const data = newDirectory(under, wanted.name, made)
    onDirectory(data.path)
    const log: LogSettings = { ...wanted.log, path: newDirectory(wanted.logUnder, wanted.name, made).path }
    const qmid = queueManagerId(wanted.name, clock.wallMs())
    makeDirectory(dataFiles(data.path).errors)
    writeDurably(dataFiles(data.path).qmIni, newQmIni(log))
    await createLog({ disk: realDisk, directory: log.path, qmid, extentBytes: log.filePages * 4096, type: log.type === 'LINEAR' ? 'linear' : 'circular', primary: log.primaryFiles })
    writeStatus(data.path, { state: 'ended-immediately', reason: '', qmid, createdMs: clock.wallMs(), startedMs: 0, host: os.hostname() })
    const objects = await defineObjects(wanted, data.path, localFiles(layout, data.directory).spool)
    const dataPathGiven = wanted.dataUnder === null || links !== null ? null : data.path
    addQueueManager(layout, { name: wanted.name, prefix: layout.root, directory: links?.linkedAs ?? data.directory, dataPathGiven })
    if (wanted.isDefault) setDefault(layout, wanted.name)
    return { dataPath: data.path, directory: data.directory, objects }
  } catch (error) {
    for (const directory of made.toReversed()) fs.rmSync(directory, { recursive: true, force: true })
    throw error
  }
}

/** The first candidate that is free, or there and empty. */
function newDirectory(under: string, name: string, made: string[]): { readonly path: string; readonly directory: string } {
  for (const directory of directoryCandidates(name)) {
    const candidate = path.join(under, directory)
    const entries = entriesOf(candidate)
    if (entries !== null && entries.length > 0) continue
    if (entries === null) made.push(candidate)
    makeDirectory(candidate)
    return { path: candidate, directory }
  }
  throw new HaError('HA_STATE_UNUSABLE', `no directory name is left for ${name} in ${under}`, { details: { path: under } })
}

function entriesOf(directory: string): string[] | null {
  try {
    // A file system has one in its root; it is empty all the same.
    return fs.readdirSync(directory).filter(entry => entry !== 'lost+found')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** Everything a queue manager of this name begins with, the queue manager itself first. */
function firstObjects(wanted: NewQueueManager): readonly ObjectDefinition[] {
  const now = clock.wallMs()
  const listener = wanted.listenerPort === null ? [] : [completeDefinition('LISTENER', 'LISTENER.TCP', { PORT: wanted.listenerPort, CONTROL: 'QMGR' }, now)]
  return [completeDefinition('QMGR', wanted.name, wanted.attributes, now), ...systemObjects(now), ...listener]
}

/** Defines what is missing, or replaces everything; the number of objects besides the queue manager. */
async function defineObjects(wanted: NewQueueManager, dataPath: string, spoolDirectory: string): Promise<number> {
  const settings = readQmIni(dataPath)
  let failure: HaError | null = null
  const onFailed = (error: HaError): void => {
    failure = error
  }
  const opened = await openQueueManager({ name: wanted.name, dataPath, log: settings.log, spoolDirectory, spoolMemoryBytes: 0, clock, onFailed })
  try {
    const objects = firstObjects(wanted)
    let end = lsn(0)
    opened.dispatcher.enter(() => {
      for (const definition of objects) {
        const outcome = opened.core.define(definition)
        if (!outcome.ok) throw new HaError('HA_MQ_REASON', `${definition.type} ${definition.name} could not be defined: reason ${outcome.reason}`)
        end = outcome.end
      }
    })
    await opened.log.forcedTo(end)
    opened.dispatcher.close()
    await opened.log.close()
    if (failure !== null) throw failure as HaError
    return objects.length - 1
  } finally {
    opened.lock.release()
  }
}
