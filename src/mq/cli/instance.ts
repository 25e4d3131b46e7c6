/** A queue manager seen from outside its process: what it recorded, who holds its lock, and which process it is. */

import fs from 'node:fs'
import { HaError } from '../../base/errors.js'
import { readStatus } from '../daemon/status-file.js'
import type { RecordedStatus } from '../daemon/status-file.js'
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

/** Whether a process is this queue manager's: its command line names the program and the queue manager. */
export function isProcessOf(processId: number, name: string): boolean {
  try {
    const words = fs.readFileSync(`/proc/${processId}/cmdline`, 'utf8').split('\0')
    const stat = fs.readFileSync(`/proc/${processId}/stat`, 'utf8')
    // A zombie is dead: nothing of it runs, only its parent has not looked yet.
    const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
    return state !== 'Z' && state !== 'X' && words.includes(name) && words.some(word => word.endsWith('mq/daemon/main.js'))
  } catch {
    return false // no such process
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
