/**
 * The recovery log: the `Journal` of a queue manager on a disk. Format, rules of restart and of space: README.md.
 *
 * This class joins the parts and owns none of their decisions: appender (room, bytes, meaning), append-buffer (memory), log-state
 * (what records mean), force-loop (durable), housekeeper (everything in the background), recovery and take-over (restart).
 */

import type { LogStatus } from '../core/administration.js'
import path from 'node:path'
import { HaError } from '../../base/errors.js'
import { invariant } from '../../base/invariant.js'
import { lsn, type Appended, type Journal, type JournalEvents, type LogRecord, type Lsn, type Place, type Restored, type StoredMessage } from '../core/journal.js'
import type { Disk, DiskFile } from '../../port/disk.js'
import { AppendBuffer } from './append-buffer.js'
import { Appender } from './appender.js'
import { Checkpointer } from './checkpointer.js'
import { extentName } from './extent.js'
import { ExtentSupply } from './extent-supply.js'
import { ForceLoop } from './force-loop.js'
import { Housekeeper } from './housekeeper.js'
import type { LogParts } from './log-parts.js'
import type { LogState } from './log-state.js'
import { MessageReader } from './message-reader.js'
import { Mover } from './mover.js'
import { ReadCache } from './read-cache.js'
import { activeDirectory, recover, type Recovered } from './recovery.js'
import { checkpointsIn, clearAway, cutTail, firstExtent, forceTail, indexesIn, leftovers, lonelyIndexes, wasOrderly, type TornTail } from './take-over.js'
import { LogWindow } from './window.js'

export interface LogOptions {
  readonly disk: Disk
  /** The log directory, as created. */
  readonly directory: string
  readonly qmid: string
  /** Greater than every epoch before; durable already. */
  readonly epoch: number
  /** LogPrimaryFiles and LogSecondaryFiles: the window. */
  readonly primary: number
  readonly secondary: number
  /** Whether we still hold the lock and the epoch; asked before and after each force. */
  readonly mayWrite: () => boolean
  /** Linear logs: delete extents below the media extent by ourselves. */
  readonly deletesBelowMedia?: boolean
  /** Runs a function after what is ready now; `setImmediate` unless a test wants its own order. */
  readonly defer?: (run: () => void) => void
  /** Bytes of log after which a checkpoint is written; a quarter of the window. */
  readonly checkpointBytes?: number
  /** Recent records kept in memory, and blocks read back; 16 MB and 8 MB. */
  readonly keepBytes?: number
  readonly cacheBytes?: number
}

/** What restart did, for the operator (AMQ7229 to AMQ7233). */
export interface RestartStory {
  readonly wasOrderly: boolean
  readonly recordsReplayed: number
  readonly bytesReplayed: number
  /** Units of work found open, and backed out. */
  readonly unitsBackedOut: number
  readonly messages: number
  readonly torn: TornTail | null
  /** Extents whose index had to be built from their records. */
  readonly indexesBuilt: number
}

export interface OpenedLog {
  readonly log: RecoveryLog
  readonly restored: Restored
  readonly story: RestartStory
}

const chunkBytes = 256 * 1024
/** Formatted ahead of the end, at least two extents. */
const aheadBytes = 16 * 1024 * 1024
const mebi = 1024 * 1024

export class RecoveryLog implements Journal {
  readonly #parts: LogParts
  readonly #options: LogOptions
  readonly #reader: MessageReader
  readonly #checkpointer: Checkpointer
  readonly #housekeeper: Housekeeper
  readonly #state: LogState
  readonly #buffer: AppendBuffer
  readonly #loop: ForceLoop
  readonly #active: string
  readonly #appender: Appender
  #events: JournalEvents | null = null
  #isClosing = false
  #isClosed = false

  private constructor(options: LogOptions, recovered: Recovered, supply: ExtentSupply, first: number, history: readonly number[]) {
    const { geometry, control, checkpoint, builders, names } = recovered
    this.#options = options
    this.#state = checkpoint.state
    this.#active = activeDirectory(options.directory)
    this.#buffer = new AppendBuffer(geometry, options.epoch, geometry.startOf(first), {
      chunkBytes: Math.min(chunkBytes, geometry.extentBytes),
      keepBytes: options.keepBytes ?? 16 * mebi
    })
    this.#loop = new ForceLoop({
      buffer: this.#buffer,
      fileOf: extent => this.#fileOf(extent),
      mayWrite: options.mayWrite,
      defer: options.defer ?? (run => setImmediate(run)),
      onForced: end => this.#onForced(end),
      onFailed: error => {
        supply.abandon(error)
        this.#events?.onFailed(error)
      }
    })
    const window = new LogWindow(geometry, options.primary, options.secondary)
    this.#parts = {
      disk: options.disk,
      active: this.#active,
      geometry,
      qmid: options.qmid,
      epoch: options.epoch,
      type: control.type,
      deletesBelowMedia: options.deletesBelowMedia ?? false,
      primary: options.primary,
      mayWrite: options.mayWrite,
      state: this.#state,
      buffer: this.#buffer,
      loop: this.#loop,
      supply,
      window,
      indexes: new Map(builders),
      checkpointBytes: options.checkpointBytes ?? Math.floor(window.limitBytes / 4),
      ahead: Math.max(2, Math.min(options.primary + options.secondary, Math.ceil(aheadBytes / geometry.extentBytes))),
      events: () => this.#events,
      read: place => this.read(place),
      move: (entry, message, from) => this.#appender.move(entry, message, from)
    }
    this.#reader = new MessageReader(this.#buffer, supply, new ReadCache(options.cacheBytes ?? 8 * mebi), geometry, this.#active)
    this.#checkpointer = new Checkpointer(this.#parts, checkpointsIn(names), indexesIn(names), history)
    this.#housekeeper = new Housekeeper(this.#parts, this.#checkpointer, new Mover(this.#parts))
    this.#appender = new Appender(this.#parts, first, this.#checkpointer, () => this.#housekeeper.wake())
  }

  /**
   * Restart recovery: reads the log, begins a new extent, writes a checkpoint. Nothing else is written until `start`.
   *
   * @throws HaError HA_MQ_DAMAGED, HA_MQ_FOREIGN_LOG, HA_MQ_NEWER_VERSION (nothing was changed), HA_MQ_LOCK_LOST,
   *         HA_MQ_LOG_FULL (no room for one extent); what the disk says, else
   */
  static async open(options: LogOptions): Promise<OpenedLog> {
    const { disk, directory, mayWrite, epoch, qmid, primary } = options
    const recovered = await recover({ disk, directory, qmid, epoch })
    const supply = new ExtentSupply({ disk, active: activeDirectory(directory), geometry: recovered.geometry, qmid, epoch, mayWrite, sparesMax: primary })
    try {
      return await RecoveryLog.#takeOver(options, recovered, supply)
    } catch (error) {
      await supply.close()
      throw error
    }
  }

  static async #takeOver(options: LogOptions, recovered: Recovered, supply: ExtentSupply): Promise<OpenedLog> {
    const { disk, directory, mayWrite, epoch } = options
    const active = activeDirectory(directory)
    if (!mayWrite()) throw new HaError('HA_MQ_LOCK_LOST')
    await forceTail(disk, active, recovered)
    const torn = await clearAway(disk, active, recovered, supply)
    const first = firstExtent(recovered)
    if (!(await supply.prepare(first, recovered.tail.end))) throw new HaError('HA_MQ_LOG_FULL', `${active}: the disk has no room for one more extent of the log`)
    await supply.measure()
    // The header of that extent has sealed the old ones: what is cut off now does not count any more.
    if (torn !== null) await cutTail(disk, active, torn)
    const { history, remove } = leftovers(recovered, first)
    const log = new RecoveryLog(options, recovered, supply, first, history)
    await log.#begin(recovered, remove)
    const { messages, counts, checkpoint, builders } = recovered
    return {
      log,
      restored: {
        objects: [...checkpoint.state.objects.values()],
        forEachMessage: visit => messages.forEach(visit),
        producers: checkpoint.state.origins.list(),
        nextOrder: checkpoint.state.nextOrder,
        nextQueueNumber: checkpoint.state.nextQueueNumber,
        epoch
      },
      story: {
        wasOrderly: wasOrderly(recovered),
        recordsReplayed: counts.records,
        bytesReplayed: counts.bytes,
        unitsBackedOut: counts.backedOut,
        messages: messages.count,
        torn,
        indexesBuilt: builders.size
      }
    }
  }

  /** Where the log is durable up to. */
  get forced(): Lsn {
    return lsn(this.#loop.forced)
  }

  get end(): Lsn {
    return lsn(this.#buffer.end)
  }

  /** Why nothing is forced any more; null while all is well. */
  get failure(): HaError | null {
    return this.#loop.failure
  }

  /** The core has taken over what was restored: from now on it is told what happens, and messages may be moved. */
  start(events: JournalEvents): void {
    this.#events = events
    this.#housekeeper.start()
  }

  append(record: LogRecord, options?: { readonly lazy?: boolean }): Appended {
    this.#checkOpen()
    const appended = this.#appender.append(record)
    if (appended.ok && options?.lazy !== true) this.#loop.want(appended.end)
    return appended
  }

  read(place: Place): StoredMessage {
    return this.#reader.read(place, this.#loop.forced)
  }

  release(place: Place): void {
    this.#state.liveness.release(this.#state.keyOf(place), place.length)
  }

  /** Resolves when the log is durable up to here; rejects with the error that ended it. */
  forcedTo(end: Lsn): Promise<void> {
    return this.#loop.forcedTo(end)
  }

  /** Linear logs: writes the messages of these queues again at the end. @throws HaError HA_MQ_LOG_FULL */
  async recordImage(queueNumbers: Iterable<number>): Promise<void> {
    await this.#housekeeper.recordImage(new Set(queueNumbers))
  }

  /** Linear logs: deletes extents that neither restart nor media recovery needs. @returns how many */
  async deleteBelowMedia(): Promise<number> {
    return await this.#housekeeper.deleteBelowMedia()
  }

  /** Writes a checkpoint now. */
  async checkpoint(): Promise<void> {
    await this.#housekeeper.checkpoint(false)
  }

  /** What DISPLAY QMSTATUS shows of the log. */
  status(): LogStatus {
    const { type, geometry, window } = this.#parts
    const { restart, mediaExtent, written } = this.#checkpointer
    return {
      type: type === 'linear' ? 'LINEAR' : 'CIRCULAR',
      path: this.#options.directory,
      primary: this.#options.primary,
      secondary: this.#options.secondary,
      extentBytes: geometry.extentBytes,
      currentExtent: extentName(this.#buffer.extent),
      restartExtent: extentName(geometry.extentOf(restart)),
      mediaExtent: type === 'linear' ? extentName(mediaExtent) : '',
      inUse: window.percent(restart, this.#buffer.end),
      diskLsn: lsnText(this.#loop.forced),
      checkpoints: written
    }
  }

  /** Orderly end: forces everything, writes a last checkpoint, closes the files. After a failure it only closes. */
  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    await this.#housekeeper.stop()
    if (this.#loop.failure === null) {
      // What is told of these forces may lead to more records.
      while (this.#loop.forced < this.#buffer.end) await this.#loop.forcedTo(this.#buffer.end)
      this.#isClosed = true
      this.#state.endEpoch()
      if (await this.#checkpointer.write(true)) await this.#parts.supply.unprepare(this.#buffer.extent)
    }
    this.#isClosed = true
    await this.#loop.idle()
    await this.#parts.supply.close()
  }

  /** The first checkpoint of our epoch, then what a predecessor left. */
  async #begin(recovered: Recovered, leftover: readonly number[]): Promise<void> {
    const { disk, supply } = this.#parts
    if (!(await this.#checkpointer.write(false))) throw new HaError('HA_MQ_LOG_FULL', `${this.#active}: the disk has no room for a checkpoint`)
    for (const name of lonelyIndexes(recovered.names)) await disk.remove(path.join(this.#active, name))
    // Those that were looked at and are not open any more got another name.
    for (const number of leftover) if (supply.get(number) !== undefined || !recovered.files.has(number)) await supply.retire(number, false)
  }

  #onForced(end: number): void {
    this.#buffer.trim(end)
    this.#events?.onForced()
    this.#housekeeper.wake()
  }

  #fileOf(extent: number): DiskFile | Promise<DiskFile> {
    const file = this.#parts.supply.fileOf(extent)
    if (file instanceof Promise) this.#housekeeper.wake()
    return file
  }

  #checkOpen(): void {
    if (this.#loop.failure !== null) throw this.#loop.failure
    invariant(!this.#isClosed, 'nothing is appended to a log after its end')
  }
}

/** `<a:b:c:d>`, four words of 16 bits, as logs are spoken of. */
export function lsnText(position: number): string {
  const high = Math.floor(position / 0x1_0000_0000)
  const low = position >>> 0
  return `<${high >>> 16}:${high & 0xffff}:${low >>> 16}:${low & 0xffff}>`
}
