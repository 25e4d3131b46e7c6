/**
 * Does what an open log needs besides appending and forcing, one thing after the other: extents ahead of the end, checkpoints,
 * taking back space, emptying old extents, and telling the core which unit of work stands in the way.
 *
 * It is woken by what happens to the log, never by time. What it cannot do because the disk is full waits for the next time; any
 * other error ends the log, as an error of the log itself would.
 */

import { HaError } from '../../base/errors.js'
import { asFailure } from './force-loop.js'
import type { Checkpointer } from './checkpointer.js'
import type { LogParts } from './log-parts.js'
import type { Mover } from './mover.js'

interface Job {
  readonly work: () => Promise<void>
  readonly resolve: () => void
  readonly reject: (error: HaError) => void
}

export class Housekeeper {
  readonly #parts: LogParts
  readonly #checkpointer: Checkpointer
  readonly #mover: Mover
  readonly #jobs: Job[] = []
  #running: Promise<void> | null = null
  #isWoken = false
  #isStarted = false
  #isStopped = false
  #wantsCheckpoint = false
  /** Extents are looked at for emptying after each checkpoint. */
  #wantsRoom = false
  #toldUnit = 0

  constructor(parts: LogParts, checkpointer: Checkpointer, mover: Mover) {
    this.#parts = parts
    this.#checkpointer = checkpointer
    this.#mover = mover
  }

  /** From now on it works: the core has taken over what was restored, and hears of what is moved. */
  start(): void {
    this.#isStarted = true
    this.#checkpointer.between = () => this.#prepare()
    this.wake()
  }

  /** Cheap: after each force, and whenever something was refused. */
  wake(): void {
    if (!this.#isStarted || this.#isStopped || this.#parts.loop.failure !== null || !this.#hasWork()) return
    this.#isWoken = true
    this.#running ??= this.#run()
  }

  /** Messages of these queues are written again at the end of a linear log, so that its older extents can go. */
  async recordImage(queues: ReadonlySet<number>): Promise<void> {
    await this.#job(async () => {
      const { state, buffer } = this.#parts
      const last = buffer.extent
      const lives = [...state.liveness.extents].filter(({ number, hasLive }) => number < last && hasLive).sort((a, b) => a.number - b.number)
      for (const life of lives) {
        for (let moved = -1; ; ) {
          const isDone = await this.#mover.empty(life, queue => queues.has(queue), () => !this.#isHalfFull())
          await this.#round()
          if (isDone) break
          await this.#checkpointer.write(false)
          if (this.#mover.moved === moved) throw new HaError('HA_MQ_LOG_FULL', 'the log has no room for a media image')
          moved = this.#mover.moved
        }
      }
      await this.#checkpointer.write(false)
    })
  }

  async checkpoint(isOrderly: boolean): Promise<void> {
    await this.#job(async () => {
      await this.#checkpointer.write(isOrderly)
    })
  }

  async deleteBelowMedia(): Promise<number> {
    let count = 0
    await this.#job(async () => {
      count = await this.#checkpointer.deleteBelowMedia()
    })
    return count
  }

  /** No more rounds; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    while (this.#running !== null) await this.#running
  }

  #job(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const { failure } = this.#parts.loop
      if (this.#isStopped || failure !== null) {
        reject(failure ?? new HaError('HA_MQ_LOG_FAILED', 'the log is closed'))
        return
      }
      this.#jobs.push({ work, resolve, reject })
      this.#isWoken = true
      this.#running ??= this.#run()
    })
  }

  /** Never rejects: errors end the log. */
  async #run(): Promise<void> {
    while (this.#isWoken && this.#parts.loop.failure === null) {
      this.#isWoken = false
      const job = this.#jobs.shift()
      try {
        await this.#round()
        await job?.work()
        job?.resolve()
      } catch (error) {
        const failure = asFailure(error)
        if (failure.code !== 'HA_MQ_LOG_FULL') this.#parts.loop.fail(failure)
        job?.reject(failure)
      }
      if (this.#jobs.length > 0) this.#isWoken = true
    }
    for (const job of this.#jobs.splice(0)) job.reject(this.#parts.loop.failure ?? new HaError('HA_MQ_LOG_FAILED', 'the log is closed'))
    this.#running = null
  }

  async #round(): Promise<void> {
    // Out of the call of the core that woke us.
    await Promise.resolve()
    if (!this.#isStopped) this.#tellPinned()
    await this.#prepare()
    if (this.#isCheckpointDue()) {
      this.#wantsCheckpoint = false
      if (await this.#checkpointer.write(false)) this.#wantsRoom = true
      await this.#prepare()
    }
    if (!this.#isStopped) this.#tellPinned()
    if (this.#wantsRoom && this.#isStarted) await this.#makeRoom()
  }

  async #prepare(): Promise<void> {
    const { supply, buffer, ahead } = this.#parts
    while (supply.prepared < buffer.extent + ahead && (supply.canPrepare || supply.isAwaited)) {
      if (await supply.prepare(supply.prepared + 1, null)) continue
      // What is appended already has nowhere to go: no promise can be kept any more.
      if (supply.isAwaited) throw new HaError('HA_MQ_LOG_FAILED', 'the disk of the recovery log is full, and so are all its extents', { details: { directory: this.#parts.active } })
      return
    }
  }

  async #makeRoom(): Promise<void> {
    this.#wantsRoom = false
    for (const life of this.#mover.victims(this.#checkpointer.restart)) {
      const isDone = await this.#mover.empty(life, () => true, () => !this.#isCheckpointDue() && !this.#isHalfFull() && !this.#isStopped)
      if (!isDone) return
      // Its file can be used again after the next checkpoint.
      if (!life.hasLive) this.#wantsCheckpoint = true
      await this.#prepare()
    }
  }

  #tellPinned(): void {
    const { window, buffer, state } = this.#parts
    if (!window.isTight(this.#checkpointer.restart, buffer.end)) return
    const oldest = state.oldestUnit
    // Not the unit but the next checkpoint is what is waited for when the unit began later.
    if (oldest === null || oldest.unit === this.#toldUnit || oldest.first > this.#checkpointer.restart) return
    this.#toldUnit = oldest.unit
    this.#parts.events()?.onPinned(oldest.unit)
  }

  #hasWork(): boolean {
    const { supply, buffer, ahead, window, state } = this.#parts
    if (this.#wantsRoom || this.#jobs.length > 0 || this.#isCheckpointDue()) return true
    if (supply.prepared < buffer.extent + ahead && (supply.canPrepare || supply.isAwaited)) return true
    const oldest = state.oldestUnit
    return oldest !== null && oldest.unit !== this.#toldUnit && oldest.first <= this.#checkpointer.restart && window.isTight(this.#checkpointer.restart, buffer.end)
  }

  #isCheckpointDue(): boolean {
    const { buffer, checkpointBytes, window, supply, geometry } = this.#parts
    if (this.#wantsCheckpoint) return true
    const since = buffer.end - this.#checkpointer.end
    if (since >= checkpointBytes) return true
    if (supply.isDiskFull && since >= geometry.extentBytes / 4) return true
    const gain = this.#checkpointer.nextRestart - this.#checkpointer.restart
    return window.isTight(this.#checkpointer.restart, buffer.end) && gain * 16 >= window.limitBytes
  }

  #isHalfFull(): boolean {
    return this.#parts.window.isHalfFull(this.#checkpointer.restart, this.#parts.buffer.end)
  }
}
