/**
 * The book in which every message has a line, and the rules by which what a client is told, and what a restart finds,
 * must agree with it.
 *
 * A message is *possible* from the call of its put, *there* from the first evidence that it is durable (the answer, or
 * its delivery to anybody), *locked* while delivered and not settled, *gone* when its removal was answered. At a crash
 * what was asked and not answered is in doubt: a put alone either way, a unit of work as a whole either way, a get
 * without a unit may have cost its queue one message. The audit after the restart ends the doubt; what it finds must
 * survive every later crash.
 */

export interface Line {
  readonly id: number
  readonly queue: string
  readonly priority: number
  readonly isPersistent: boolean
  /** Wall-clock milliseconds; 0 never. */
  readonly expiresAt: number
  readonly body: Buffer
  unit: UnitLine | null
  state: 'possible' | 'there' | 'locked' | 'gone'
  /** Removal asked for, not answered. */
  isLeaving: boolean
  /** As last delivered, plus what was backed out since. */
  backoutCount: number
}

export interface UnitLine {
  readonly name: string
  readonly puts: Line[]
  readonly gets: Line[]
  state: 'open' | 'committing' | 'committed' | 'backed-out'
}

export class Broken extends Error {
  override readonly name = 'Broken'
}

export class Ledger {
  readonly lines = new Map<number, Line>()
  /** The queue manager has backed out units of work by itself; their owners will hear 2003. */
  mayUndo = false
  /** Destructive gets without a unit that were not answered, per queue. */
  readonly #asked = new Map<string, number>()
  /** Messages that a crash may have cost each queue, by gets that were not answered. */
  readonly #budget = new Map<string, number>()
  #next = 1

  /** A message about to be put. Ids grow in the order of the calls, which is the order on the queue. */
  write(facts: Omit<Line, 'id' | 'state' | 'body' | 'isLeaving' | 'backoutCount'>, body: (id: number) => Buffer): Line {
    const id = this.#next
    this.#next += 1
    const line: Line = { ...facts, id, body: body(id), state: 'possible', isLeaving: false, backoutCount: 0 }
    this.lines.set(id, line)
    line.unit?.puts.push(line)
    return line
  }

  /** The put was answered: outside a unit it is there, inside only its unit decides. */
  stored(line: Line): void {
    if (line.unit === null && line.state === 'possible') line.state = 'there'
  }

  /** The put was refused: it must never be seen. */
  refused(line: Line): void {
    if (line.state !== 'possible') throw new Broken(`message ${line.id} was delivered, and then its put refused`)
    line.state = 'gone'
    if (line.unit !== null) line.unit.puts.splice(line.unit.puts.indexOf(line), 1)
  }

  askedFor(queue: string): void {
    this.#asked.set(queue, this.askedCount(queue) + 1)
  }

  answered(queue: string): void {
    this.#asked.set(queue, this.askedCount(queue) - 1)
  }

  askedCount(queue: string): number {
    return this.#asked.get(queue) ?? 0
  }

  /**
   * A message was handed to a client.
   *
   * @param how    'take' removes it for good; 'unit' and 'lock' until settled; 'browse' only shows it
   * @param facts  `others`: destructive gets of this queue that are under way and may hold earlier messages; `choice`: what
   *               was available when it was asked for, if that is not now
   */
  delivered(line: Line, how: 'take' | 'unit' | 'lock' | 'browse', facts: { readonly wallMs: number; readonly body: Buffer; readonly unit: UnitLine | null; readonly queue: string; readonly others: number; readonly choice: ReadonlySet<Line> | null }): void {
    const name = `message ${line.id} of ${line.queue}`
    if (line.queue !== facts.queue) throw new Broken(`${name} was delivered from ${facts.queue}`)
    if (!line.body.equals(facts.body)) throw new Broken(`${name} was delivered with another body: ${facts.body.length} bytes, not ${line.body.length}`)
    if (line.state === 'gone') throw new Broken(`${name} was delivered again, or though it was refused or backed out`)
    const isOpen = line.unit?.state === 'open' || line.unit?.state === 'committing'
    if (line.state === 'locked' && line.unit !== null && isOpen && line.unit !== facts.unit && this.mayUndo) this.backedOut(line.unit)
    if (line.state === 'locked' && line.unit !== facts.unit) throw new Broken(`${name} is locked and was delivered to another`)
    if (line.expiresAt !== 0 && facts.wallMs >= line.expiresAt) throw new Broken(`${name} was delivered ${facts.wallMs - line.expiresAt} ms after it expired`)
    if (line.unit !== null && line.state === 'possible') {
      if (line.unit.state === 'open') throw new Broken(`${name} was delivered before its unit ${line.unit.name} was committed`)
      this.committed(line.unit) // now everybody knows
    }
    if (line.state === 'possible') line.state = 'there'
    if (how === 'browse') return
    const passed = [...this.lines.values()].filter(other => other !== line && isBefore(other, line) && this.#isAvailable(other, facts.wallMs) && facts.choice?.has(other) !== false)
    if (passed.length > facts.others) throw new Broken(`${name} was delivered before ${passed.map(other => other.id).join(', ')} (${facts.others} gets under way)`)
    line.state = how === 'take' ? 'gone' : 'locked'
    if (how === 'unit' && facts.unit !== null) {
      line.unit = facts.unit
      facts.unit.gets.push(line)
    }
  }

  /** What a get could be given now. */
  available(queue: string, wallMs: number): Set<Line> {
    return new Set([...this.lines.values()].filter(line => line.queue === queue && this.#isAvailable(line, wallMs)))
  }

  /** Nothing was found (2033): then there was nothing. */
  empty(queue: string, wallMs: number, others: number): void {
    const there = [...this.lines.values()].filter(line => line.queue === queue && this.#isAvailable(line, wallMs))
    if (there.length > others) throw new Broken(`${queue} was said to be empty and has ${there.map(line => line.id).join(', ')} (${others} gets under way)`)
  }

  committed(unit: UnitLine): void {
    if (unit.state === 'committed') return
    if (unit.state === 'backed-out') throw new Broken(`unit ${unit.name} was backed out, and is committed`)
    unit.state = 'committed'
    for (const line of unit.puts) if (line.state === 'possible') line.state = 'there'
    for (const line of unit.puts) if (line.unit === unit) line.unit = null
    for (const line of unit.gets) line.state = 'gone'
  }

  backedOut(unit: UnitLine): void {
    if (unit.state === 'committed') throw new Broken(`unit ${unit.name} was committed, and is backed out`)
    // Its messages may be with others by now.
    if (unit.state === 'backed-out') return
    unit.state = 'backed-out'
    for (const line of unit.puts) line.state = 'gone'
    for (const line of unit.gets) this.released(line)
  }

  /** A lock ended without removal. */
  released(line: Line): void {
    // Not persistent, and the process that had it is gone.
    if (line.state === 'gone') return
    line.state = 'there'
    line.unit = null
    line.isLeaving = false
    line.backoutCount += 1
  }

  removed(line: Line): void {
    line.state = 'gone'
  }

  /** The queue was cleared or deleted, for certain. */
  emptied(queue: string): void {
    for (const line of this.lines.values()) if (line.queue === queue) line.state = 'gone'
  }

  /** The process is gone. Everything open is backed out; what was asked stays in doubt until the audit. */
  crash(): void {
    this.mayUndo = false
    for (const [queue, count] of this.#asked) this.#budget.set(queue, (this.#budget.get(queue) ?? 0) + count)
    this.#asked.clear()
    const units = new Set([...this.lines.values()].map(line => line.unit).filter(unit => unit !== null))
    for (const unit of units) if (unit.state === 'open') this.backedOut(unit)
    for (const line of this.lines.values()) {
      if (!line.isPersistent) line.state = 'gone'
      else if (line.state === 'locked' && line.unit === null && !line.isLeaving) this.released(line)
    }
  }

  /**
   * What a restart found, by queue, in the order of a browse. Ends every doubt.
   *
   * @param doubtful queues whose deletion or clearing was asked and not answered
   */
  audit(found: ReadonlyMap<string, readonly number[]>, wallMs: number, doubtful: ReadonlySet<string>): void {
    const seen = this.#checkFound(found)
    for (const unit of new Set([...this.lines.values()].map(line => line.unit).filter(unit => unit !== null))) {
      if (unit.state === 'committing') this.#settleUnit(unit, seen, wallMs, doubtful)
    }
    for (const line of this.lines.values()) {
      if (line.state === 'gone') {
        if (seen.has(line.id)) throw new Broken(`message ${line.id} of ${line.queue} is back, though it was gone or never there`)
        continue
      }
      if (seen.has(line.id)) line.state = 'there'
      else this.#missing(line, wallMs, doubtful)
      line.isLeaving = false
      line.unit = null
    }
    this.#budget.clear()
  }

  #checkFound(found: ReadonlyMap<string, readonly number[]>): Set<number> {
    const seen = new Set<number>()
    for (const [queue, ids] of found) {
      let before: Line | null = null
      for (const id of ids) {
        const line = this.lines.get(id)
        if (line === undefined) throw new Broken(`${queue} has a message ${id} that nobody put`)
        if (line.queue !== queue) throw new Broken(`message ${id} of ${line.queue} is on ${queue}`)
        if (seen.has(id)) throw new Broken(`message ${id} is on ${queue} twice`)
        if (before !== null && !isBefore(before, line)) throw new Broken(`${queue} has message ${before.id} (priority ${before.priority}) before ${id} (priority ${line.priority})`)
        seen.add(id)
        before = line
      }
    }
    return seen
  }

  /** A unit whose commit was not answered: all of it, or nothing. */
  #settleUnit(unit: UnitLine, seen: ReadonlySet<number>, wallMs: number, doubtful: ReadonlySet<string>): void {
    const judged = (line: Line): boolean => line.isPersistent && line.state !== 'gone' && !isExpired(line, wallMs) && !doubtful.has(line.queue)
    const puts = unit.puts.filter(line => judged(line) && line.unit === unit)
    const gets = unit.gets.filter(judged)
    const isCommitted = unit.puts.some(line => seen.has(line.id)) || gets.some(line => !seen.has(line.id))
    const text = `unit ${unit.name} was done in half: puts ${puts.map(line => `${line.id}${seen.has(line.id) ? ' there' : ' missing'}`).join(', ')}; gets ${gets.map(line => `${line.id}${seen.has(line.id) ? ' there' : ' gone'}`).join(', ')}`
    if (isCommitted) {
      if (gets.some(line => seen.has(line.id))) throw new Broken(text)
      // A put of it may have been taken by a get that was not answered.
      this.committed(unit)
    } else this.backedOut(unit)
    if (isCommitted && puts.filter(line => !seen.has(line.id)).some(line => this.#left(line.queue) === 0)) throw new Broken(text)
  }

  #missing(line: Line, wallMs: number, doubtful: ReadonlySet<string>): void {
    const isExcused = line.state === 'possible' || line.isLeaving || isExpired(line, wallMs) || doubtful.has(line.queue)
    if (!isExcused) {
      const left = this.#left(line.queue)
      if (left === 0) throw new Broken(`message ${line.id} of ${line.queue} was acknowledged and is lost`)
      this.#budget.set(line.queue, left - 1)
    }
    line.state = 'gone'
  }

  #left(queue: string): number {
    return this.#budget.get(queue) ?? 0
  }

  #isAvailable(line: Line, wallMs: number): boolean {
    return line.state === 'there' && !line.isLeaving && !isExpired(line, wallMs)
  }
}

const isExpired = (line: Line, wallMs: number): boolean => line.expiresAt !== 0 && wallMs >= line.expiresAt

/** Delivery order of one queue: higher priority first, then order of arrival. */
function isBefore(one: Line, other: Line): boolean {
  if (one.queue !== other.queue) return false
  return one.priority === other.priority ? one.id < other.id : one.priority > other.priority
}
