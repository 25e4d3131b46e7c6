/**
 * Runs the lease area: writes this node's sector every interval, looks at the area twice as often, and reports what came of it.
 *
 *     open ─► verify the header ─┬─► renew: every interval, and at once when `show` is urgent ─► `written`
 *                  ▲             └─► look:  twice an interval                               ─► `read`, datagrams
 *                  └── the disk failed for half a lease: close, open again
 *
 * Invariants
 *  1. At most one write, and one read (or open, or close), are under way. An operation that hangs is reported and waited
 *     for, never doubled: two of libuv's four threads are the most that a dead disk can hold.
 *  2. `from` of a renewal is the moment before its write was issued, however late the write ended.
 *  3. Nothing is written before the header was verified to be this cluster's, nor after a look found that it is not any
 *     more: a disk that changed its name is somebody else's data.
 *  4. Every write of a life carries a larger beat than the one before, whatever else it carries.
 *
 * Not here: what a sector proves (lease/watch.ts), when a lease has run out (safety/), whether the storage is shared
 * (storage.ts).
 */

import { after, elapsed, millis, type Instant, type Millis } from '../base/units.js'
import type { AuthKeys, LeaseConfig } from '../config/types.js'
import { LatencyHistory, latencySentence, type LatencyFigures } from '../lease/latency.js'
import { commandPlace, headerPlace, nodePlace, otherSlot, type Slot } from '../lease/layout.js'
import { decodeHeader, encodeHeader, encodeNode, encodePill, leaseDatagramBytesMax, type AreaHeader } from '../lease/records.js'
import { AreaWatch } from '../lease/watch.js'
import type { Clock, Scheduled } from '../port/clock.js'
import type { LeaseArea, LeaseReport, PoisonPill } from '../port/lease.js'
import type { LeaseDisk } from './disk.js'
import { headerFault } from './header-fault.js'
import { Operation } from './operation.js'

export interface LeaseAreaOptions {
  readonly config: LeaseConfig
  /** This node's name, and both as in ha.cf. */
  readonly self: string
  readonly nodes: readonly string[]
  /** Asked at every use, so that a change of keys takes effect at once. */
  keys(): AuthKeys
  readonly clock: Clock
  readonly disk: LeaseDisk
  /** The 16 bytes of the kernel's boot id. */
  readonly bootId: Uint8Array
  /** Worth a line in the log; already limited to changes. */
  onNote(text: string): void
}

/** For status and metrics. */
export interface LeaseStatus {
  readonly renewals: LatencyFigures
  readonly looks: LatencyFigures
  /** `measured p99 of renewals here is 4 ms; the lease of 3 s is 750x` */
  readonly sentence: string
  /** The newest trouble that was not followed by a success; null while all is well. */
  readonly trouble: string | null
  readonly isHanging: boolean
}

interface Shown {
  readonly payload: Uint8Array
  readonly generation: number
  readonly sequence: number
  readonly promisedMs: number
}

interface Attached {
  readonly header: AreaHeader
  readonly slot: Slot
  readonly watch: AreaWatch
}

/** The figures in our own sector are made anew every so many renewals; sorting them is not for every heartbeat. */
const figuresEvery = 16

export function createLeaseArea(options: LeaseAreaOptions): DiskLeaseArea {
  return new DiskLeaseArea(options)
}

export class DiskLeaseArea implements LeaseArea {
  readonly description: string
  readonly #options: LeaseAreaOptions
  readonly #reading: Operation
  readonly #writing: Operation
  readonly #renewals = new LatencyHistory()
  readonly #looks = new LatencyHistory()
  #figures: LatencyFigures
  #handlers: { onReport(report: LeaseReport): void; onDatagram(payload: Uint8Array): void } | null = null
  #attached: Attached | null = null
  #shown: Shown | null = null
  #beat = 0
  /** Something newer than what is on the disk is to be written as soon as the write under way has ended. */
  #isWriteDue = false
  #isNewerShown = false
  #isLookDue = false
  #isHeaderDue = false
  #isReopenDue = false
  /** The header was verified on the disk as it is open now. */
  #isOpen = false
  #order: { readonly pill: PoisonPill; readonly until: Instant } | null = null
  #wasOrderLast = false
  #settled: Uint8Array | null = null
  #writesIssued = 0
  #failingSince: Instant | null = null
  #troubles: { read: string | null; write: string | null } = { read: null, write: null }
  #notedOpen: string | null = null
  readonly #timers = new Set<Scheduled>()
  #isClosed = false
  #isDiskClosed = false
  #onIdle: (() => void) | null = null

  constructor(options: LeaseAreaOptions) {
    const { config, clock, disk } = options
    this.#options = options
    this.description = `lease ${disk.path}`
    const patienceMs = millis(config.leaseMs / 2)
    this.#reading = new Operation(clock, patienceMs, reason => this.#trouble('read', reason))
    this.#writing = new Operation(clock, patienceMs, reason => this.#trouble('write', reason))
    this.#figures = this.#renewals.figures()
  }

  open(handlers: { onReport(report: LeaseReport): void; onDatagram(payload: Uint8Array): void }): void {
    this.#handlers = handlers
    this.#openDisk()
  }

  show(payload: Uint8Array, options: { readonly generation: number; readonly sequence: number; readonly promisedMs: number; readonly isUrgent: boolean }): void {
    const { generation, sequence, promisedMs, isUrgent } = options
    if (this.#shown?.generation !== generation) this.#beat = 0
    const isFirst = this.#shown === null
    this.#shown = { payload, generation, sequence, promisedMs }
    this.#isNewerShown = true
    if (!isUrgent && !isFirst) return
    this.#isWriteDue = true
    this.#writeNext()
  }

  /** An order that cannot be written within a lease is dropped: it would hit a node that meanwhile is well again. */
  poison(pill: PoisonPill): void {
    const { clock, config } = this.#options
    this.#order = { pill, until: after(clock.monotonic(), config.leaseMs) }
    this.#writeNext()
  }

  /**
   * Writes once more what was shown last, when that is newer than the disk, and closes: within half a lease. What hangs
   * longer is left behind, and holds its thread until the disk answers; then `isHanging` stays true, and only a signal
   * to itself ends the process at once.
   */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    await new Promise<void>(resolve => {
      const limit = this.#options.clock.schedule(millis(this.#options.config.leaseMs / 2), resolve)
      this.#onIdle = () => {
        limit.cancel()
        resolve()
      }
      this.#isWriteDue ||= this.#isNewerShown
      this.#writeNext()
      this.#settleClosing()
    })
    this.#reading.stopWatching()
    this.#writing.stopWatching()
  }

  /** Closed, but the disk has not answered yet: a thread is held, and `process.exit` would wait for it. */
  get isHanging(): boolean {
    return this.#isClosed && !this.#isDiskClosed
  }

  status(): LeaseStatus {
    const renewals = this.#renewals.figures()
    return {
      renewals,
      looks: this.#looks.figures(),
      sentence: latencySentence(renewals, this.#options.config.leaseMs),
      trouble: this.#troubles.write ?? this.#troubles.read,
      isHanging: this.#reading.isUnderWay || this.#writing.isUnderWay
    }
  }

  // Opening

  #openDisk(): void {
    this.#reading.begin()
    this.#options.disk.open(opened => {
      this.#reading.end()
      if (this.#settleClosing()) return
      if (!opened.ok) {
        this.#reading.trouble(`${this.#options.disk.path} cannot be opened: ${opened.fault.reason}`)
        this.#later(this.#reopenMs, () => this.#openDisk())
        return
      }
      if (opened.note !== null && opened.note !== this.#notedOpen) this.#options.onNote(opened.note)
      this.#notedOpen = opened.note
      this.#failingSince = null
      this.#attach()
    })
  }

  /**
   * Twice as often as the other writes: a takeover waits a lease from the look that showed the last renewal, so what passes
   * between the two is lost time.
   */
  get #lookMs(): Millis {
    return millis(Math.min(this.#options.config.intervalMs / 2, 200))
  }

  get #reopenMs(): Millis {
    return millis(Math.min(1000, this.#options.config.leaseMs / 4))
  }

  /** Reads the header and believes it, or closes and tries again later. */
  #attach(): void {
    this.#reading.begin()
    this.#options.disk.read(result => {
      this.#reading.end()
      if (this.#settleClosing()) return
      const { self, nodes, keys, config } = this.#options
      const sector = result.ok ? Buffer.from(result.bytes.subarray(headerPlace.from, headerPlace.to)) : null
      const read = sector === null ? null : decodeHeader(sector, keys())
      const fault = !result.ok ? result.fault.reason : read === null ? '' : headerFault(read, nodes)
      if (fault !== null || read === null || !read.ok || sector === null) {
        this.#reading.trouble(`${this.#options.disk.path}: ${fault ?? ''}`)
        this.#reopen() // nothing else is under way: we write only what was verified
        return
      }
      const slot: Slot = read.header.nodes[0] === self ? 0 : 1
      const watch = new AreaWatch({ header: read.header, headerSector: sector, ownSlot: slot, leaseMs: config.leaseMs, keys, onNote: text => this.#options.onNote(text) })
      // The watch of an earlier opening goes on: it knows what it saw, and a reopened disk proves nothing new.
      const known = this.#attached
      const isSame = known !== null && Buffer.from(known.header.area).equals(read.header.area)
      this.#attached = isSame ? known : { header: read.header, slot, watch }
      this.#settled = null
      this.#isWriteDue = true
      this.#tickWrite()
      this.#look({ isSecondLook: false })
      this.#later(millis(this.#lookMs / 2), () => this.#tickLook()) // between the writes
    })
  }

  #reopen(): void {
    this.#cancelTimers()
    this.#isOpen = false
    this.#reading.begin()
    this.#options.disk.close(() => {
      this.#reading.end()
      if (this.#settleClosing()) return
      this.#later(this.#reopenMs, () => this.#openDisk())
    })
  }

  // Renewing

  #tickWrite(): void {
    this.#isOpen = true
    this.#later(this.#options.config.intervalMs, () => this.#tickWrite())
    this.#isWriteDue = true
    this.#writeNext()
  }

  /** The most urgent write, when none is under way: an order, then our own sector, then the header. */
  #writeNext(): void {
    const { disk, keys, clock, self } = this.#options
    if (this.#attached === null || !this.#isOpen || this.#writing.isUnderWay) return
    const { header, slot } = this.#attached
    const shown = this.#shown
    if (this.#order !== null && clock.monotonic() > this.#order.until) {
      this.#options.onNote(`the order to generation ${this.#order.pill.generation} could not be written in time and was dropped`)
      this.#order = null
    }
    const order = this.#order
    // In turn, so that one bad sector does not keep the other from being written.
    if (order !== null && !(this.#wasOrderLast && this.#isWriteDue)) {
      this.#wasOrderLast = true
      const record = { generation: order.pill.generation, from: self, fromGeneration: shown?.generation ?? 0, wallMs: clock.wall() }
      this.#issue(commandPlace(otherSlot(slot)).from, encodePill(record, otherSlot(slot), header.area, keys()), () => {
        if (this.#order === order) this.#order = null
        this.#options.onNote(`ordered generation ${order.pill.generation} of ${header.nodes[otherSlot(slot)]} to give up everything`)
      })
    } else if (this.#isWriteDue && shown !== null) this.#renew(shown, this.#attached)
    else if (this.#isHeaderDue && !this.#isClosed) {
      this.#issue(headerPlace.from, encodeHeader(header, keys()), () => {
        this.#isHeaderDue = false
        this.#options.onNote(`signed the header of ${disk.path} with the present key`)
      })
    }
  }

  #renew(shown: Shown, { header, slot }: Attached): void {
    const { clock, keys, bootId, self } = this.#options
    this.#isWriteDue = false
    this.#isNewerShown = false
    this.#wasOrderLast = false
    this.#beat += 1
    if (this.#beat % figuresEvery === 1) this.#figures = this.#renewals.figures()
    const isTooLong = shown.payload.length > leaseDatagramBytesMax
    if (isTooLong) this.#writing.trouble(`a datagram of ${shown.payload.length} bytes does not fit into ${leaseDatagramBytesMax}: the disk carries the lease, but no heartbeat`)
    const sectors = encodeNode(
      {
        node: self, state: 'beating', bootId, generation: shown.generation, beat: this.#beat, sequence: isTooLong ? 0 : shown.sequence,
        monotonicMs: clock.monotonic(), wallMs: clock.wall(), promisedMs: shown.promisedMs, renewals: this.#figures,
        datagram: isTooLong ? new Uint8Array(0) : shown.payload
      },
      slot, header.area, keys()
    )
    const from = this.#issue(nodePlace(slot).from, sectors, tookMs => {
      this.#settled = sectors
      this.#renewals.add(tookMs)
      this.#handlers?.onReport({ kind: 'written', from, tookMs, sequence: shown.sequence })
    })
  }

  #issue(at: number, sectors: Uint8Array, onWritten: (tookMs: Millis) => void): Instant {
    this.#writesIssued += 1
    const from = this.#writing.begin()
    this.#options.disk.write(at, sectors, fault => {
      const tookMs = this.#writing.end()
      if (fault === null) {
        this.#troubles.write = null
        this.#failingSince = null
        onWritten(tookMs)
        this.#writeNext()
      } else {
        this.#settled = null // it may have reached the disk all the same, in whole or in part
        this.#failed(this.#writing, fault.reason)
      }
      if (!this.#settleClosing()) this.#reopenIfDue()
    })
    return from
  }

  // Looking

  #tickLook(): void {
    this.#later(this.#lookMs, () => this.#tickLook())
    if (this.#reading.isUnderWay) this.#isLookDue = true
    else this.#look({ isSecondLook: false })
  }

  #look(options: { readonly isSecondLook: boolean }): void {
    if (this.#reading.isUnderWay || this.#isClosed || this.#isReopenDue || this.#attached === null) return
    const { watch } = this.#attached
    const settled = this.#settled
    const wasWriting = this.#writing.isUnderWay
    const { generation } = this.#shown ?? { generation: 0 }
    const issued = this.#writesIssued
    this.#isLookDue = false
    this.#reading.begin()
    this.#options.disk.read(result => {
      const tookMs = this.#reading.end()
      if (this.#settleClosing()) return
      if (!result.ok) this.#failed(this.#reading, result.fault.reason)
      if (this.#reopenIfDue() || !result.ok) return
      const look = watch.look(result.bytes, { settled, isOverlapped: wasWriting || issued !== this.#writesIssued, generation }, options)
      if (look.kind === 'torn') {
        this.#look({ isSecondLook: true })
        return
      }
      if (look.kind === 'unusable') {
        this.#reading.trouble(look.reason)
        if (look.isOtherArea) this.#detach()
        return
      }
      this.#troubles.read = null
      this.#failingSince = null
      this.#looks.add(tookMs)
      this.#isHeaderDue = look.isHeaderStale
      this.#handlers?.onReport({ kind: 'read', peer: look.peer, pill: look.pill, tookMs })
      if (look.datagram !== null) this.#handlers?.onDatagram(Uint8Array.from(look.datagram))
      if (this.#isLookDue) this.#look({ isSecondLook: false })
    })
  }

  /** The area is not ours any more: write nothing, and look for it again by its name. */
  #detach(): void {
    this.#attached = null
    this.#isReopenDue = true
    this.#reopenIfDue()
  }

  // Trouble

  #failed(operation: Operation, reason: string): void {
    operation.trouble(reason)
    const now = this.#options.clock.monotonic()
    this.#failingSince ??= now
    // A device that went away and came back is another one to the kernel; the open descriptor never works again.
    if (elapsed(this.#failingSince, now) >= this.#options.config.leaseMs / 2) this.#isReopenDue = true
  }

  /** Opens again once nothing is under way. @returns whether it does */
  #reopenIfDue(): boolean {
    if (!this.#isReopenDue || this.#isClosed) return false
    this.#isOpen = false // no new write; the one under way ends here again
    if (this.#reading.isUnderWay || this.#writing.isUnderWay) return true
    this.#isReopenDue = false
    this.#reopen()
    return true
  }

  #trouble(operation: 'read' | 'write', reason: string): void {
    this.#troubles[operation] = reason
    this.#handlers?.onReport({ kind: 'trouble', operation, reason })
  }

  // Ending

  /** @returns whether we are closing; closes the disk when nothing is under way any more */
  #settleClosing(): boolean {
    if (!this.#isClosed) return false
    if (this.#reading.isUnderWay || this.#writing.isUnderWay || this.#onIdle === null) return true
    const done = this.#onIdle
    this.#onIdle = null
    this.#options.disk.close(() => {
      this.#isDiskClosed = true
      done()
    })
    return true
  }

  #later(delay: Millis, callback: () => void): void {
    if (this.#isClosed) return
    const timer: Scheduled = this.#options.clock.schedule(delay, () => {
      this.#timers.delete(timer)
      callback()
    })
    this.#timers.add(timer)
  }

  #cancelTimers(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }
}
