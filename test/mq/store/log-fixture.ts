/** A log on a simulated disk, and the few words tests need to write into it and to ask what a restart finds. */

import { Prng } from '../../../src/base/prng.js'
import type { HaError } from '../../../src/base/errors.js'
import { lsn, type IndexEntry, type JournalEvents, type LogRecord, type Move, type Origin, type Place, type Restored } from '../../../src/mq/core/journal.js'
import { createLog } from '../../../src/mq/store/create-log.js'
import { RecoveryLog, type LogOptions, type OpenedLog } from '../../../src/mq/store/recovery-log.js'
import { noFaults, SimDisk, turn, type DiskFaults, type SimProcess } from '../sim/sim-disk.js'

export const directory = '/var/mqm/log/QM1'
export const active = `${directory}/active`
export const qmid = 'QM1_2024-01-01_12.00.00'
export const pageBytes = 4096
/** LogFilePages 64, the smallest. */
export const extentBytes = 64 * pageBytes

export interface Restart {
  readonly messages: { readonly order: number; readonly queue: number; readonly body: string; readonly backoutCount: number; readonly place: Place }[]
  readonly restored: Restored
}

export class Fixture {
  readonly disk: SimDisk
  process: SimProcess
  log!: RecoveryLog
  opened!: OpenedLog
  epoch = 0
  order = 0
  mayWrite = true
  readonly moves: Move[] = []
  readonly pinned: number[] = []
  failure: HaError | null = null
  forcedCalls = 0
  onForced: (() => void) | null = null
  onMoved: ((moves: readonly Move[]) => void) | null = null
  onPinned: ((unit: number) => void) | null = null

  private constructor(disk: SimDisk) {
    this.disk = disk
    this.process = disk.attach()
  }

  static async create(options: { readonly seed?: number; readonly faults?: Partial<DiskFaults>; readonly type?: 'circular' | 'linear'; readonly pages?: number; readonly primary?: number } = {}): Promise<Fixture> {
    const disk = new SimDisk(new Prng(options.seed ?? 1), { ...noFaults, inOrder: true, ...options.faults })
    const made = new Fixture(disk)
    await made.finish(createLog({ disk: made.process, directory, qmid, extentBytes: (options.pages ?? 64) * pageBytes, type: options.type ?? 'circular', primary: options.primary ?? 3 }))
    return made
  }

  /** Another life on a copy of the disk as it is now. */
  static onDisk(disk: SimDisk, epoch: number): Fixture {
    const made = new Fixture(disk)
    made.epoch = epoch
    return made
  }

  async finish<T>(promise: Promise<T>): Promise<T> {
    return await this.disk.finish(promise, this.process)
  }

  options(more: Partial<LogOptions> = {}): LogOptions {
    return { disk: this.process, directory, qmid, epoch: this.epoch, primary: 3, secondary: 2, mayWrite: () => this.mayWrite, ...more }
  }

  /** Opens the log in a new epoch and, unless told otherwise, starts it. */
  async open(more: Partial<LogOptions> = {}, starts = true): Promise<OpenedLog> {
    this.epoch += 1
    this.opened = await this.finish(RecoveryLog.open(this.options(more)))
    this.log = this.opened.log
    this.order = Math.max(this.order, this.opened.restored.nextOrder - 1)
    if (starts) this.log.start(this.events())
    return this.opened
  }

  events(): JournalEvents {
    const own = this.process
    return {
      onForced: () => {
        this.forcedCalls += 1
        this.onForced?.()
      },
      onMoved: moves => {
        this.moves.push(...moves)
        this.onMoved?.(moves)
      },
      onPinned: unit => {
        this.pinned.push(unit)
        this.onPinned?.(unit)
      },
      onFailed: error => {
        // What a killed process notices of its end is nobody's failure.
        if (!own.isEnded) this.failure = error
      }
    }
  }

  defineQueue(number = 1, name = `Q${number}`): void {
    this.append({ kind: 'define', number, definition: { type: 'QLOCAL', name, attributes: { DESCR: name } } })
  }

  entry(queue = 1): IndexEntry {
    this.order += 1
    return { queue, order: this.order, priority: this.order % 10, expiresAt: 0, messageIdHash: this.order * 7, correlationIdHash: this.order * 11 }
  }

  put(body: string | Buffer, options: { readonly unit?: number; readonly queue?: number; readonly origin?: Origin; readonly lazy?: boolean } = {}): Place {
    const appended = this.tryPut(body, options)
    if (appended === null) throw new Error('the log is full')
    return appended
  }

  tryPut(body: string | Buffer, { unit = 0, queue = 1, origin, lazy = false }: { readonly unit?: number; readonly queue?: number; readonly origin?: Origin; readonly lazy?: boolean } = {}): Place | null {
    const message = { head: Buffer.from('head'), body: Buffer.from(body) }
    const appended = this.log.append({ kind: 'put', unit, entry: this.entry(queue), message, origin: origin ?? null }, { lazy })
    return appended.ok ? appended.place : null
  }

  append(record: LogRecord): void {
    if (!this.log.append(record).ok) throw new Error('the log is full')
  }

  /** Until the log has nothing to do any more. */
  async drain(): Promise<void> {
    await turn()
    while (this.disk.step(this.process)) await turn()
  }

  async force(): Promise<void> {
    await this.finish(this.log.forcedTo(this.log.end))
  }

  /** Everything that waits for the disk is done. */
  async settle(): Promise<void> {
    await this.finish(this.log.checkpoint())
  }

  /** Forgets the process as a crash would, without losing what it wrote. */
  kill(): void {
    this.disk.kill(this.process)
    this.process = this.disk.attach()
  }

  powerCut(): void {
    this.disk.cutPower()
    this.process = this.disk.attach()
  }

  async close(): Promise<void> {
    await this.finish(this.log.close())
  }

  /** What is on the queues, by the log just opened. */
  found(): Restart {
    const messages: Restart['messages'] = []
    const { restored, log } = this.opened
    restored.forEachMessage((entry, place, backoutCount) => {
      const kept = { lsn: lsn(place.lsn), ordinal: place.ordinal, length: place.length }
      messages.push({ order: entry.order, queue: entry.queue, body: log.read(kept).body.toString('latin1'), backoutCount, place: kept })
    })
    return { messages, restored }
  }

  bodies(): string[] {
    return this.found().messages.map(({ body }) => body)
  }

  files(ending = ''): string[] {
    return this.disk.files().filter(name => name.startsWith(active) && name.endsWith(ending)).map(name => name.slice(active.length + 1))
  }
}
