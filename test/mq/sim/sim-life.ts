/** One life of a queue manager: the production log and core, put together as its process does it, on the simulated disk. */

import { HaError } from '../../../src/base/errors.js'
import type { MqClock } from '../../../src/mq/core/engine.js'
import { lsn, type JournalEvents, type Place, type Spool, type StoredMessage } from '../../../src/mq/core/journal.js'
import { QueueManager } from '../../../src/mq/core/queue-manager.js'
import { completeDefinition } from '../../../src/mq/mqsc/complete.js'
import { createLog as create } from '../../../src/mq/store/create-log.js'
import { RecoveryLog } from '../../../src/mq/store/recovery-log.js'
import { supervise } from '../../../src/daemon/supervise.js'
import type { SimProcess } from './sim-disk.js'

export interface LogSize {
  readonly extentBytes: number
  readonly primary: number
  readonly secondary: number
  readonly type: 'circular' | 'linear'
}

export interface LifeOptions extends LogSize {
  readonly epoch: number
  readonly clock: MqClock
  readonly mayWrite: () => boolean
}

export interface LifeEvents {
  /** The queue manager may have something to say. */
  drain(): void
  onFailed(error: HaError): void
  /** A unit of work was backed out to make room. */
  onPinned(): void
  /** A process that sleeps would answer its clients now. */
  onForcedAsleep(): void
}

export const logDirectory = '/log'
export const qmid = 'SIM_2023-11-14_22.13.20'

export async function createLog(disk: SimProcess, size: LogSize): Promise<void> {
  await create({ disk, directory: logDirectory, qmid, extentBytes: size.extentBytes, type: size.type, primary: size.primary })
  await disk.forceDirectory(logDirectory)
  await disk.forceDirectory('/')
}

export class Life {
  readonly manager: QueueManager
  readonly #log: RecoveryLog
  #isAbandoned = false
  #isAsleep = false

  private constructor(log: RecoveryLog, manager: QueueManager, events: LifeEvents) {
    this.#log = log
    this.manager = manager
    const guarded = <Args extends unknown[]>(tell: (...args: Args) => void) => (...args: Args): void => {
      if (this.#isAbandoned) return
      tell(...args)
      events.drain()
    }
    const told: JournalEvents = {
      onForced: guarded(() => {
        if (this.#isAsleep) events.onForcedAsleep()
        manager.onForced()
      }),
      onMoved: guarded(moves => manager.onMoved(moves)),
      onPinned: guarded(unit => {
        events.onPinned()
        manager.onPinned(unit)
      }),
      onFailed: guarded(error => {
        manager.onFailed(error)
        events.onFailed(error)
      })
    }
    log.start(told)
  }

  /** As the process of a queue manager starts. Rejects with what the log says. */
  static async start(disk: SimProcess, options: LifeOptions, events: LifeEvents): Promise<Life> {
    const { epoch, primary, secondary, mayWrite, clock } = options
    const { log, restored } = await RecoveryLog.open({ disk, directory: logDirectory, qmid, epoch, primary, secondary, mayWrite, keepBytes: 64 * 1024, cacheBytes: 64 * 1024 })
    const manager = new QueueManager({
      name: 'SIM',
      qmid,
      clock,
      journal: log,
      spool: new MemorySpool(),
      restored,
      defaultsFor: type => completeDefinition(type, 'DEFAULT').attributes
    })
    return new Life(log, manager, events)
  }

  get failure(): HaError | null {
    return this.#log.failure
  }

  get forced(): number {
    return this.#log.forced
  }

  get end(): number {
    return this.#log.end
  }

  /** Asks for a force of everything, lazy records too. */
  forceAll(): void {
    supervise('a force', this.#log.forcedTo(this.#log.end).catch(ignoreEnd))
  }

  checkpoint(): void {
    supervise('a checkpoint', this.#log.checkpoint().catch(ignoreEnd))
  }

  async close(): Promise<void> {
    await this.#log.close()
  }

  /** It is frozen; when it wakes, its successor works already. */
  sleep(): void {
    this.#isAsleep = true
  }

  /** Nobody listens any more. */
  abandon(): void {
    this.#isAbandoned = true
  }
}

/** The log's own end is told by `onFailed`; everything else is a bug. */
function ignoreEnd(error: unknown): void {
  if (!(error instanceof HaError)) throw error
}

/** Messages that are not persistent. */
class MemorySpool implements Spool {
  readonly #messages = new Map<number, StoredMessage>()
  #next = 0

  add(message: StoredMessage): Place {
    this.#next += 1
    this.#messages.set(this.#next, { head: Buffer.from(message.head), body: Buffer.from(message.body) })
    return { lsn: lsn(this.#next), ordinal: 0, length: message.head.length + message.body.length }
  }

  read(place: Place): StoredMessage {
    const message = this.#messages.get(place.lsn)
    if (message === undefined) throw new Error(`the spool has no message ${place.lsn}`)
    return message
  }

  release(place: Place): void {
    if (!this.#messages.delete(place.lsn)) throw new Error(`the spool has no message ${place.lsn} to release`)
  }
}
