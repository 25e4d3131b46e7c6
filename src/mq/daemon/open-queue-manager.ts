/**
 * Opens the core of one queue manager on its files: lock, epoch, log, core, in this order, and nothing is written before
 * the right to write is ours. Used by the process of a queue manager, and by crtmqm to define the system objects.
 */

import os from 'node:os'
import { HaError } from '../../base/errors.js'
import type { MqClock } from '../core/engine.js'
import { QueueManager } from '../core/queue-manager.js'
import type { LogSettings } from '../installation/qm-ini.js'
import { Dispatcher } from '../listener/dispatcher.js'
import { productDefaults } from '../mqsc/object-types.js'
import { growEpoch, readEpoch, readEpochNow, RightToWrite } from '../store/epoch.js'
import { acquireLock } from '../store/lock.js'
import type { Held } from '../store/lock.js'
import { realDisk } from '../store/real-disk.js'
import { latestEpoch } from '../store/recovery.js'
import { openLog } from './open-log.js'
import type { OpenLog } from './open-log.js'
import { readStatus } from './status-file.js'
import type { RecordedStatus } from './status-file.js'

export interface OpenOptions {
  readonly name: string
  readonly dataPath: string
  readonly log: LogSettings
  readonly spoolDirectory: string
  readonly spoolMemoryBytes: number
  readonly clock: MqClock
  /** The right to write is gone, or the log cannot be written: called once, and nothing may be answered after it. */
  readonly onFailed: (error: HaError) => void
  /** Called with the lock in hand, before the log is read. */
  readonly onLocked?: (status: RecordedStatus) => void
  /** Called with the lock still in hand when it cannot be opened after all. */
  readonly onAbandoned?: (status: RecordedStatus, error: unknown) => void
}

export interface OpenedQueueManager {
  readonly core: QueueManager
  readonly dispatcher: Dispatcher
  readonly log: OpenLog
  readonly lock: Held
  readonly epoch: number
  /** As recorded by the life before. */
  readonly recorded: RecordedStatus
  /** Whether files of the queue manager may still be written. */
  readonly mayWrite: () => boolean
}

/**
 * @throws HaError HA_MQ_LOCKED with details `host` and `processId`; HA_STATE_UNUSABLE; what the log throws
 */
export async function openQueueManager(options: OpenOptions): Promise<OpenedQueueManager> {
  const { name, dataPath, clock } = options
  const lock = await acquireLock(dataPath)
  if (lock.kind === 'refused') {
    const { heldBy } = lock
    throw new HaError('HA_MQ_LOCKED', `the lock of queue manager ${name} is held by ${heldBy === null ? 'another process' : `process ${heldBy.processId} of ${heldBy.host}`}`, {
      details: { host: heldBy?.host ?? '', processId: heldBy?.processId ?? 0 }
    })
  }
  let recorded: RecordedStatus | null = null
  try {
    recorded = readStatus(dataPath)
    if (recorded === null) throw new HaError('HA_STATE_UNUSABLE', `${dataPath} is no data directory of a queue manager: qmstatus.ini is missing`, { details: { path: dataPath } })
    options.onLocked?.(recorded)
    // A lost epoch file must not turn time back: then the log says how far it had come.
    const atLeast = (await readEpoch(realDisk, dataPath)) === 0 ? await latestEpoch(realDisk, options.log.path) : 0
    const epoch = await growEpoch(realDisk, dataPath, atLeast)
    const right = new RightToWrite({ epoch, readEpoch: () => readEpochNow(dataPath), isLockHeld: () => lock.isHeld() }, clock.now())
    let isFailed = false
    const fail = (error: HaError): void => {
      if (isFailed) return
      isFailed = true
      options.onFailed(error)
    }
    lock.onLost = why => {
      fail(new HaError('HA_MQ_LOCK_LOST', why))
    }
    const log = await openLog({
      qmid: recorded.qmid,
      epoch,
      settings: options.log,
      spoolDirectory: options.spoolDirectory,
      spoolMemoryBytes: options.spoolMemoryBytes,
      mayWrite: () => right.mayWrite(clock.now())
    })
    const core = new QueueManager({ name, qmid: recorded.qmid, clock, journal: log.journal, spool: log.spool, restored: log.restored, defaultsFor: type => productDefaults(type) })
    const dispatcher = new Dispatcher({ engine: core, clock })
    log.start({
      onForced: () => dispatcher.onForced(),
      onMoved: moves => dispatcher.enter(() => core.onMoved(moves)),
      onPinned: unit => dispatcher.enter(() => core.onPinned(unit)),
      onFailed: error => {
        // No answer leaves any more: the process ends in the same turn.
        core.onFailed(error)
        fail(error)
      }
    })
    return { core, dispatcher, log, lock, epoch, recorded, mayWrite: () => lock.isHeld() && right.mayWrite(clock.now()) }
  } catch (error) {
    if (recorded !== null && lock.isHeld()) options.onAbandoned?.(recorded, error)
    lock.release()
    throw error
  }
}

/** The host's name as status files have it. */
export const hostName = (): string => os.hostname()
