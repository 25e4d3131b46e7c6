/** dltmqm: deletes a queue manager with everything it stored. Source: reference 1.5. */

import fs from 'node:fs'
import path from 'node:path'
import { HaError } from '../../base/errors.js'
import { readQmIni } from '../installation/qm-ini.js'
import { removeQueueManager } from '../installation/mqs-ini.js'
import { messageLine, messageText } from '../mqsc/messages.js'
import { acquireLock } from '../store/lock.js'
import { codes, named, withInstallation } from './command.js'
import type { MqCommand, Surroundings } from './command.js'
import { lookAt } from './instance.js'

const removalFailed = 33
const lockFailed = 27

export const dltmqm: MqCommand = {
  wrongUse: codes.invalidParameter,
  spec: {
    name: 'dltmqm',
    operands: 'QMgrName',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'deletes a queue manager and all its messages',
    description: 'The queue manager must have ended, and its data and log directories must be reachable. On further nodes that know it use rmvmqinf.',
    options: [{ name: 'z', help: 'say nothing' }],
    exit: [
      [0, 'deleted'],
      [5, 'it is running, here or elsewhere'],
      [16, 'there is no queue manager of that name'],
      [27, 'its lock could not be had'],
      [33, 'a directory could not be removed'],
      [49, 'it is just ending'],
      [72, 'the name is not valid'],
      [100, 'its data or log directory cannot be reached; nothing was deleted'],
      [119, 'not authorized']
    ]
  },
  run
}

async function run(surroundings: Surroundings): Promise<number> {
  const { layout, options, complain, say } = surroundings
  return await withInstallation(layout, async () => {
    const found = named(surroundings, options.operands[0])
    if (!found.ok) return found.status
    const { name, dataPath } = found.queueManager
    const { status, local } = await lookAt(layout, found.queueManager)
    if (status === 'Status not available') {
      complain(messageLine('AMQ7001', name, `${dataPath} cannot be reached; use rmvmqinf to forget it on this node`))
      return codes.logLocation
    }
    if (status === 'Quiescing' || status === 'Ending immediately' || status === 'Ending pre-emptively') {
      complain(messageLine('AMQ8108', name))
      return codes.stopping
    }
    if (status === 'Starting' || status === 'Running' || status === 'Running elsewhere' || status === 'Running as standby') {
      complain(messageLine('AMQ7005', name))
      return codes.running
    }
    const logPath = logPathOf(dataPath)
    if (logPath !== null && !fs.existsSync(path.dirname(logPath))) {
      complain(messageLine('AMQ7064', logPath))
      return codes.logLocation
    }
    const lock = await acquireLock(dataPath)
    if (lock.kind === 'refused') {
      complain(messageLine('AMQ7005', name))
      return lockFailed
    }
    // The log first: what is left after an interruption is a queue manager without a log, which dltmqm takes up again.
    const paths = [logPath, fs.realpathSync(dataPath), dataPath, local.directory].filter((one): one is string => one !== null)
    try {
      for (const one of new Set(paths)) fs.rmSync(one, { recursive: true, force: true })
    } catch (error) {
      complain(messageLine('AMQ7002', error instanceof Error ? error.message : String(error)))
      return removalFailed
    } finally {
      lock.onLost = null // its file is gone with the rest, as it should be
      lock.release()
    }
    fs.rmSync(local.lastWords, { force: true })
    removeQueueManager(layout, name)
    say(messageText('AMQ8002', name))
    return codes.done
  })
}

/** null when qm.ini does not say: then nothing more is known to remove. */
function logPathOf(dataPath: string): string | null {
  try {
    return readQmIni(dataPath).log.path
  } catch (error) {
    if (error instanceof HaError && error.code === 'HA_MQ_INI_INVALID') return null
    throw error
  }
}
