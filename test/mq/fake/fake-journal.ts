/**
 * A recovery log and a spool in memory, for tests of what stands on them.
 *
 * Deterministic: nothing is durable until the test says `force()`, and the owner of the core then calls `onForced()`.
 * `crash()` returns what a restart would restore, by replaying the records up to a cut anywhere between what was forced
 * and the end: a crash keeps all that was forced and any prefix of the rest.
 *
 * It watches its user: a place is released once, and only when its removal is durable; one that was released is not read.
 */

import type { ObjectDefinition } from '../../../src/mq/core/definition.js'
import { lsn, type Appended, type IndexEntry, type Journal, type LogRecord, type Lsn, type Origin, type Place, type Restored, type Spool, type StoredMessage } from '../../../src/mq/core/journal.js'
import { HaError } from '../../../src/base/errors.js'

interface Written {
  readonly record: LogRecord
  readonly at: number
  readonly end: number
  readonly place: Place
}

interface Live {
  readonly entry: IndexEntry
  readonly place: Place
  readonly message: StoredMessage
  backoutCount: number
}

const reserved: ReadonlySet<LogRecord['kind']> = new Set(['commit', 'backout', 'remove', 'lock', 'count'])

export class FakeJournal implements Journal {
  forced = lsn(0)
  end = lsn(0)
  /** Refuses what may be refused, as a full log does. */
  isFull = false
  /** Records appended, oldest first. */
  readonly written: Written[] = []
  /** Appends that asked for a force. */
  wanted = 0
  readonly released = new Set<number>()
  readonly damaged = new Set<number>()
  readonly #messages = new Map<number, { readonly message: StoredMessage; readonly index: number }>()
  #ordinal = 0

  constructor(from = 0) {
    this.forced = lsn(from)
    this.end = lsn(from)
  }

  append(record: LogRecord, options: { readonly lazy?: boolean } = {}): Appended {
    if (this.isFull && !reserved.has(record.kind)) return { ok: false, reason: 'log-full' }
    const at = this.end as number
    const length = record.kind === 'put' ? record.message.head.length + record.message.body.length : 0
    const end = at + 40 + length
    const place: Place = { lsn: lsn(at), ordinal: record.kind === 'put' ? this.#ordinal++ : 0, length }
    // Callers may use their buffers again, so the bytes are copied, as a real log does.
    const kept: LogRecord = record.kind === 'put' ? { ...record, message: { head: Buffer.from(record.message.head), body: Buffer.from(record.message.body) } } : record
    if (kept.kind === 'put') this.#messages.set(at, { message: kept.message, index: this.written.length })
    this.written.push({ record: kept, at, end, place })
    this.end = lsn(end)
    if (options.lazy !== true) this.wanted++
    return { ok: true, lsn: lsn(at), end: lsn(end), place }
  }

  read(place: Place): StoredMessage {
    if (this.released.has(place.lsn)) throw new Error(`message at ${place.lsn} was read after its release`)
    if (this.damaged.has(place.lsn)) throw new HaError('HA_MQ_DAMAGED')
    const known = this.#messages.get(place.lsn)
    if (known === undefined) throw new Error(`no message at ${place.lsn}`)
    return known.message
  }

  release(place: Place): void {
    if (this.released.has(place.lsn)) throw new Error(`message at ${place.lsn} was released twice`)
    if (this.#liveAt(this.forced).has(place.lsn)) throw new Error(`message at ${place.lsn} was released before its removal was durable`)
    this.released.add(place.lsn)
  }

  /** Makes everything appended durable, or everything before `until`, which is the end of a record. */
  force(until: Lsn = this.end): void {
    this.forced = until
  }

  /** Messages without a removal, and not released: what occupies space in the log. */
  unreleased(): number {
    return [...this.#messages.keys()].filter(at => !this.released.has(at)).length
  }

  /** Ends of the records that a crash may keep or lose, the last forced position first. */
  cuts(): readonly Lsn[] {
    return [this.forced, ...this.written.filter(each => each.end > this.forced).map(each => lsn(each.end))]
  }

  /**
   * What a restart finds after a crash that kept everything up to `cut`: a log to go on with, and what to restore.
   * `epoch` is that of the life that ended.
   */
  crash(epoch: number, cut: Lsn = this.forced): { readonly journal: FakeJournal; readonly restored: Restored } {
    const image = this.#replay(cut)
    const journal = new FakeJournal(cut)
    journal.#ordinal = this.#ordinal
    const messages = [...image.live.values()].sort((a, b) => a.entry.order - b.entry.order)
    for (const { entry, place, message, backoutCount } of messages) {
      journal.#messages.set(place.lsn, { message, index: journal.written.length })
      journal.#base.set(place.lsn, { entry, place, message, backoutCount })
    }
    for (const [key, object] of image.objects) journal.#baseObjects.set(key, object)
    for (const [key, origin] of image.producers) journal.#baseProducers.set(key, origin)
    journal.#nextOrder = image.nextOrder
    journal.#nextQueueNumber = image.nextQueueNumber
    return {
      journal,
      restored: {
        objects: [...image.objects.values()],
        forEachMessage: visit => {
          for (const { entry, place, backoutCount } of messages) visit(entry, place, backoutCount)
        },
        producers: [...image.producers.values()],
        nextOrder: image.nextOrder,
        nextQueueNumber: image.nextQueueNumber,
        epoch: epoch + 1
      }
    }
  }

  readonly #base = new Map<number, Live>()
  readonly #baseObjects = new Map<string, { readonly number: number; readonly definition: ObjectDefinition }>()
  readonly #baseProducers = new Map<string, Origin>()
  #nextOrder = 1
  #nextQueueNumber = 1
  #cached: { readonly upTo: number; readonly live: ReadonlyMap<number, Live> } | null = null

  #liveAt(upTo: Lsn): ReadonlyMap<number, Live> {
    if (this.#cached?.upTo !== upTo) this.#cached = { upTo, live: this.#replay(upTo).live }
    return this.#cached.live
  }

  /** Restart recovery, the plain way: every record up to the cut in order, then the open units are undone. */
  #replay(cut: Lsn): {
    readonly live: Map<number, Live>
    readonly objects: Map<string, { readonly number: number; readonly definition: ObjectDefinition }>
    readonly producers: Map<string, Origin>
    readonly nextOrder: number
    readonly nextQueueNumber: number
  } {
    const live = new Map<number, Live>([...this.#base].map(([at, each]) => [at, { ...each }]))
    const objects = new Map(this.#baseObjects)
    const producers = new Map(this.#baseProducers)
    const units = new Map<number, { readonly puts: Live[]; readonly locks: { readonly at: number; readonly backoutCount: number }[] }>()
    let nextOrder = this.#nextOrder
    let nextQueueNumber = this.#nextQueueNumber
    const unitOf = (number: number): { readonly puts: Live[]; readonly locks: { readonly at: number; readonly backoutCount: number }[] } => {
      const known = units.get(number) ?? { puts: [], locks: [] }
      units.set(number, known)
      return known
    }
    const seen = (origin: Origin | null): void => {
      if (origin === null) return
      const key = origin.producer.toString('hex')
      if ((producers.get(key)?.sequence ?? 0) < origin.sequence) producers.set(key, origin)
    }
    const undo = (number: number): void => {
      for (const { at, backoutCount } of unitOf(number).locks) {
        const message = live.get(at)
        if (message !== undefined) message.backoutCount = backoutCount + 1
      }
      units.delete(number)
    }
    for (const { record, end, place } of this.written) {
      if (end > cut) break
      switch (record.kind) {
        case 'put': {
          const message: Live = { entry: record.entry, place, message: record.message, backoutCount: 0 }
          nextOrder = Math.max(nextOrder, record.entry.order + 1)
          if (record.unit === 0) {
            live.set(place.lsn, message)
            seen(record.origin)
          } else unitOf(record.unit).puts.push(message)
          break
        }
        case 'remove':
          live.delete(record.place.lsn)
          break
        case 'lock':
          unitOf(record.unit).locks.push({ at: record.place.lsn, backoutCount: record.backoutCount })
          break
        case 'count': {
          const message = live.get(record.place.lsn)
          if (message !== undefined) message.backoutCount = record.backoutCount
          break
        }
        case 'commit':
          for (const message of unitOf(record.unit).puts) if ([...objects.values()].some(each => each.number === message.entry.queue)) live.set(message.place.lsn, message)
          for (const { at } of unitOf(record.unit).locks) live.delete(at)
          units.delete(record.unit)
          seen(record.origin)
          break
        case 'backout':
          undo(record.unit)
          break
        case 'define':
          objects.set(`${record.definition.type}/${record.definition.name}`, { number: record.number, definition: record.definition })
          nextQueueNumber = Math.max(nextQueueNumber, record.number + 1)
          break
        case 'delete':
          objects.delete(`${record.type}/${record.name}`)
          if (record.number !== 0) for (const [at, message] of live) if (message.entry.queue === record.number) live.delete(at)
          break
      }
    }
    for (const number of [...units.keys()]) undo(number)
    return { live, objects, producers, nextOrder, nextQueueNumber }
  }
}

export class FakeSpool implements Spool {
  /** Bytes it takes; beyond that `add` answers null. */
  bytesMax = Infinity
  bytes = 0
  #next = 1
  readonly #messages = new Map<number, StoredMessage>()

  get count(): number {
    return this.#messages.size
  }

  add(message: StoredMessage): Place | null {
    const length = message.head.length + message.body.length
    if (this.bytes + length > this.bytesMax) return null
    this.bytes += length
    const at = lsn(this.#next++)
    this.#messages.set(at, { head: Buffer.from(message.head), body: Buffer.from(message.body) })
    return { lsn: at, ordinal: 0, length }
  }

  read(place: Place): StoredMessage {
    const message = this.#messages.get(place.lsn)
    if (message === undefined) throw new Error(`no message ${place.lsn} in the spool`)
    return message
  }

  release(place: Place): void {
    if (!this.#messages.delete(place.lsn)) throw new Error(`message ${place.lsn} was released twice`)
    this.bytes -= place.length
  }
}
