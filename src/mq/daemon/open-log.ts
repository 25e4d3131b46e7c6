/** The recovery log as the process of a queue manager sees it: `mq/store` on the files of this machine, with its spool. */

import type { LogStatus } from '../core/administration.js'
import type { Appended, Journal, JournalEvents, LogRecord, Lsn, Place, Restored, Spool, StoredMessage } from '../core/journal.js'
import { isQueueType } from '../core/definition.js'
import type { LogSettings } from '../installation/qm-ini.js'
import { RecoveryLog } from '../store/recovery-log.js'
import type { RestartStory } from '../store/recovery-log.js'
import { realDisk } from '../store/real-disk.js'
import { MessageSpool } from '../store/spool.js'

export interface OpenLogOptions {
  readonly qmid: string
  /** Of this start; durable already. */
  readonly epoch: number
  readonly settings: LogSettings
  /** On this node's own disk: nothing in it outlives the process, and nobody else may write there. */
  readonly spoolDirectory: string
  readonly spoolMemoryBytes: number
  readonly mayWrite: () => boolean
}

export interface OpenLog {
  readonly journal: Journal
  readonly spool: Spool
  readonly restored: Restored
  /** What restart recovery did, for the messages of a start. */
  readonly story: RestartStory
  /** The core has taken over what was restored. */
  start(events: JournalEvents): void
  status(): LogStatus
  /** Rejects with HaError when the log fails first. */
  forcedTo(end: Lsn): Promise<void>
  /** Linear logs: writes the messages of these queues again at the end. Resolves to a sentence when it cannot. */
  recordImage(queues: readonly string[]): Promise<string | null>
  /** Forces, writes a checkpoint that says the end was in order, and closes. */
  close(): Promise<void>
}

/** The disk says earlier when it has enough. */
const spoolFileBytesMax = 64 * 1024 * 1024 * 1024

/** @throws what `RecoveryLog.open` throws */
export async function openLog(options: OpenLogOptions): Promise<OpenLog> {
  const { settings, qmid, epoch, mayWrite } = options
  const { log, restored, story } = await RecoveryLog.open({
    disk: realDisk,
    directory: settings.path,
    qmid,
    epoch,
    primary: settings.primaryFiles,
    secondary: settings.secondaryFiles,
    deletesBelowMedia: settings.type === 'LINEAR' && settings.management === 'AUTOMATIC',
    mayWrite
  })
  const spool = await MessageSpool.open({ disk: realDisk, directory: options.spoolDirectory, memoryBytes: options.spoolMemoryBytes, fileBytes: spoolFileBytesMax })
  const journal = new NumberedJournal(log, restored)
  return {
    journal,
    spool,
    restored,
    story,
    start: events => log.start(events),
    status: () => log.status(),
    forcedTo: end => log.forcedTo(end),
    recordImage: async queues => {
      if (log.status().type !== 'LINEAR') return 'media images need a linear log; this queue manager has a circular one'
      await log.recordImage(queues.map(name => journal.numbers.get(name)).filter(number => number !== undefined))
      return null
    },
    close: async () => {
      await log.close()
      await spool.close()
    }
  }
}

/** Passes everything on and remembers the numbers of queues, by which the log knows them. */
class NumberedJournal implements Journal {
  readonly numbers = new Map<string, number>()
  readonly #log: Journal

  constructor(log: Journal, restored: Restored) {
    this.#log = log
    for (const { number, definition } of restored.objects) if (isQueueType(definition.type)) this.numbers.set(definition.name, number)
  }

  get forced(): Lsn {
    return this.#log.forced
  }

  get end(): Lsn {
    return this.#log.end
  }

  append(record: LogRecord, options?: { readonly lazy?: boolean }): Appended {
    if (record.kind === 'define' && isQueueType(record.definition.type)) this.numbers.set(record.definition.name, record.number)
    else if (record.kind === 'delete' && isQueueType(record.type)) this.numbers.delete(record.name)
    return this.#log.append(record, options)
  }

  read(place: Place): StoredMessage {
    return this.#log.read(place)
  }

  release(place: Place): void {
    this.#log.release(place)
  }
}
