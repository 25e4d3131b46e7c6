/** A queue manager seen from outside its process: what it recorded, who holds its lock, and which process it is. */

import fs from 'node:fs'
import { HaError } from '../../base/errors.js'
import { readStatus } from '../daemon/status-file.js'
import type { RecordedStatus } from '../daemon/status-file.js'
import { commandLineOf, lifeOf } from '../../process/life.js'
import { localFiles } from '../installation/layout.js'
import type { Layout, LocalFiles } from '../installation/layout.js'
import type { KnownQueueManager } from '../installation/mqs-ini.js'
import { instanceStatus } from '../store/instance-status.js'
import type { StatusText } from '../store/instance-status.js'
import { lockHolder } from '../store/lock.js'
import type { LockState } from '../store/lock.js'

export interface Instance {
  readonly queueManager: KnownQueueManager
  readonly local: LocalFiles
  readonly status: StatusText
  /** null when it cannot be read. */
  readonly recorded: RecordedStatus | null
  /** null when the data directory cannot be reached. */
  readonly master: LockState | null
  /** Its process, when it runs on this node. */
  readonly processId: number | null
}

/** @throws HaError HA_MQ_NEWER_VERSION and others only when `isStrict`; else what cannot be read is null */
export async function lookAt(layout: Layout, queueManager: KnownQueueManager, isStrict = false): Promise<Instance> {
  const local = localFiles(layout, queueManager.directory)
  const master = await lockHolder(queueManager.dataPath).catch(unreachable)
  let recorded: RecordedStatus | null = null
  try {
    recorded = master === null ? null : readStatus(queueManager.dataPath)
  } catch (error) {
    if (isStrict || !(error instanceof Error)) throw error // else: dspmq shows what the lock says
  }
  const processId = master?.isHere === true ? (master.holder?.processId ?? null) : null
  return { queueManager, local, status: instanceStatus(recorded?.state ?? null, master), recorded, master, processId }
}

/** A directory that is not there or does not answer: nobody can say. */
function unreachable(error: unknown): null {
  if (error instanceof HaError && error.code === 'HA_STATE_UNUSABLE') return null
  throw error
}

/**
 * Whether a process is this queue manager's: its command line names the program and the queue manager. One that is ending
 * has no command line any more; then the word of whoever knew its number is believed, as it may still write.
 */
export function isProcessOf(processId: number, name: string): boolean {
  switch (lifeOf(processId)) {
    case 'gone':
      return false
    case 'ending':
      return true
    case 'alive': {
      const words = commandLineOf(processId)
      return words.includes(name) && words.some(word => word.endsWith('mq/daemon/main.js'))
    }
  }
}

/** The process that the pid file names, if it is still the one. */
export function registeredProcess(local: LocalFiles, name: string): number | null {
  let text: string
  try {
    text = fs.readFileSync(local.pid, 'utf8')
  } catch {
    return null // never started here, or ended in order
  }
  const processId = Number(text.trim())
  return Number.isSafeInteger(processId) && processId > 1 && isProcessOf(processId, name) ? processId : null
}

export const pause = async (ms: number): Promise<void> => {
  await new Promise<void>(resolve => {
    setTimeout(resolve, ms)
  })
}
