/**
 * What a queue manager should do, written as plainly as possible: arrays that are searched from the front, and a list of
 * facts from which every restart is computed anew. Slow, and obviously right; the real one is held to it.
 *
 * It covers queues by priority and by arrival, units of work, locks and their settling, waits, expiry, depth limits,
 * repetitions, and restarts. Message bodies are unique keys.
 */

export interface ModelMessage {
  readonly key: string
  readonly queue: string
  readonly priority: number
  readonly persistent: boolean
  readonly correlation: number
  readonly expiresAt: number
  readonly order: number
  backout: number
  standing: 'unforced' | 'uncommitted' | 'available' | 'locked' | 'gone'
}

export interface ModelUnit {
  readonly number: number
  readonly puts: ModelMessage[]
  readonly gets: ModelMessage[]
  isLogged: boolean
}

export interface ModelCall {
  readonly connection: number
  readonly token: number
  readonly queue: string
  readonly mode: 'get' | 'lock'
  readonly unit: ModelUnit | null
  readonly correlation: number | null
  readonly deadline: number
}

/** An answer in one line: `connection/token what`. */
type Answer = string

type Fact =
  | { readonly kind: 'put'; readonly message: ModelMessage; readonly unit: ModelUnit | null; readonly origin: ModelOrigin | null }
  | { readonly kind: 'lock'; readonly message: ModelMessage; readonly unit: ModelUnit; readonly backout: number }
  | { readonly kind: 'remove'; readonly message: ModelMessage }
  | { readonly kind: 'count'; readonly message: ModelMessage; readonly backout: number }
  | { readonly kind: 'commit' | 'backout'; readonly unit: ModelUnit; readonly origin: ModelOrigin | null }

export interface ModelOrigin {
  readonly producer: number
  readonly sequence: number
}

export class ReferenceModel {
  now = 0
  messages: ModelMessage[] = []
  waits: ModelCall[] = []
  answers: Answer[] = []
  readonly depthMax: number
  #facts: { readonly fact: Fact; end: number }[] = []
  #base: ModelMessage[] = []
  #baseProducers = new Map<number, number>()
  #waiting: { readonly apply: () => void; readonly answer: Answer | null; end: number }[] = []
  #producers = new Map<number, number>()
  #refused = new Set<string>()
  #order = 1
  #unit = 1
  /** Delivered under lock, by connection; the ids are the engine's. */
  readonly locked = new Map<string, ModelMessage>()
  readonly #settledLast = new Map<number, number>()

  constructor(depthMax: number) {
    this.depthMax = depthMax
  }

  /** The log ends here after the call that was made: facts and waits of the call get this position. */
  logged(end: number): void {
    for (const each of this.#facts) if (each.end === -1) each.end = end
    for (const each of this.#waiting) if (each.end === -1) each.end = end
  }

  begin(): ModelUnit {
    return { number: this.#unit++, puts: [], gets: [], isLogged: false }
  }

  isExpired(message: ModelMessage): boolean {
    return message.expiresAt !== 0 && message.expiresAt <= this.now
  }

  /** Messages that a getter may have, in the order in which getters get them. */
  visible(queue: string): ModelMessage[] {
    const found = this.messages.filter(each => each.queue === queue && each.standing === 'available' && !this.isExpired(each))
    return found.sort((a, b) => (queue === 'FIFO' ? 0 : b.priority - a.priority) || a.order - b.order)
  }

  /** Depth with and without messages that are expired and may or may not be removed yet. */
  depth(queue: string): { readonly least: number; readonly most: number } {
    const all = this.messages.filter(each => each.queue === queue)
    return { least: all.filter(each => !this.isExpired(each) || each.standing !== 'available').length, most: all.length }
  }

  isRepetition(origin: ModelOrigin | null): boolean {
    return origin !== null && origin.sequence <= (this.#producers.get(origin.producer) ?? 0) && !this.#refused.has(`${origin.producer}/${origin.sequence}`)
  }

  lastSequence(producer: number): number {
    return this.#producers.get(producer) ?? 0
  }

  put(who: string, given: Pick<ModelMessage, 'key' | 'queue' | 'priority' | 'persistent' | 'correlation' | 'expiresAt'>, unit: ModelUnit | null, origin: ModelOrigin | null): void {
    if (this.isRepetition(origin)) {
      this.#afterAll(`${who} put 0 repeated`)
      return
    }
    const message: ModelMessage = { ...given, order: this.#order++, backout: 0, standing: unit === null ? 'unforced' : 'uncommitted' }
    this.messages.push(message)
    this.#stored(origin)
    if (message.persistent) this.#fact({ kind: 'put', message, unit, origin })
    if (unit !== null) {
      unit.puts.push(message)
      if (message.persistent) unit.isLogged = true
      this.answers.push(`${who} put 0`)
    } else if (message.persistent) this.#when(() => this.#becomeVisible(message), `${who} put 0`)
    else {
      this.answers.push(`${who} put 0`)
      this.#becomeVisible(message)
    }
  }

  putRefused(who: string, reason: number, origin: ModelOrigin | null): void {
    if (origin !== null) this.#refused.add(`${origin.producer}/${origin.sequence}`)
    this.answers.push(`${who} put ${reason}`)
  }

  get(call: ModelCall): void {
    const message = this.visible(call.queue).find(each => this.#suits(call, each))
    if (message !== undefined) this.#deliver(call, message)
    else if (call.deadline <= this.now) this.answers.push(`${call.connection}/${call.token} get 2033`)
    else this.waits.push(call)
  }

  /** `id` as in `locked`. */
  settled(id: string): void {
    const [connection = 0, delivery = 0] = id.split('/').map(Number)
    this.locked.delete(id)
    this.#settledLast.set(connection, Math.max(delivery, this.#settledLast.get(connection) ?? 0))
  }

  settle(who: string, message: ModelMessage, verdict: 'accept' | 'release' | 'reject', unit: ModelUnit | null): void {
    if (verdict === 'release' || (verdict === 'reject' && message.queue === 'FIFO')) {
      this.#giveBack(message, true)
      this.answers.push(`${who} done 0`)
    } else if (verdict === 'reject') {
      // Only PRIORITY has a BOQNAME.
      const own = this.begin()
      const moved: ModelMessage = { ...message, queue: 'BACKOUT', order: this.#order++, backout: 0, standing: 'uncommitted' }
      this.messages.push(moved)
      own.puts.push(moved)
      if (message.persistent) {
        own.isLogged = true
        this.#fact({ kind: 'put', message: moved, unit: own, origin: null })
      }
      this.#lock(message, own)
      this.commit(null, own, null)
      this.#when(() => undefined, `${who} done 0`, message.persistent)
    } else if (unit !== null) {
      this.#lock(message, unit)
      this.answers.push(`${who} done 0`)
    } else {
      this.#drop(message)
      if (message.persistent) this.#fact({ kind: 'remove', message })
      this.#when(() => undefined, `${who} done 0`, message.persistent)
    }
  }

  commit(who: string | null, unit: ModelUnit, origin: ModelOrigin | null): void {
    this.#endWaits(unit)
    if (this.isRepetition(origin)) {
      this.undo(unit)
      if (who !== null) this.#afterAll(`${who} done 0`)
      return
    }
    this.#stored(origin)
    if (unit.isLogged) this.#fact({ kind: 'commit', unit, origin })
    const apply = (): void => {
      for (const message of unit.gets) this.#drop(message)
      for (const message of unit.puts) this.#becomeVisible(message)
    }
    this.#when(apply, who === null ? null : `${who} done 0`, unit.isLogged)
  }

  undo(unit: ModelUnit): void {
    this.#endWaits(unit)
    if (unit.isLogged) this.#fact({ kind: 'backout', unit, origin: null })
    for (const message of unit.puts) this.#drop(message)
    for (const message of unit.gets) this.#giveBack(message, false)
  }

  done(who: string): void {
    this.answers.push(`${who} done 0`)
  }

  disconnect(connection: number, units: readonly ModelUnit[], how: 'orderly' | 'broken'): void {
    for (const call of this.waits.filter(each => each.connection === connection)) this.answers.push(`${call.connection}/${call.token} get 2009`)
    this.waits = this.waits.filter(each => each.connection !== connection)
    for (const unit of units) {
      if (how === 'orderly') this.commit(null, unit, null)
      else this.undo(unit)
    }
    const left = [...this.locked].map(([id, message]) => ({ id, message, of: Number(id.split('/')[0]), delivery: Number(id.split('/')[1]) }))
    const tried: string[] = []
    for (const { id, message, delivery } of left.filter(({ of }) => of === connection).sort((a, b) => a.delivery - b.delivery)) {
      this.locked.delete(id)
      const wasLookedAt = delivery < (this.#settledLast.get(connection) ?? 0)
      if (wasLookedAt || !tried.includes(message.queue)) this.#giveBack(message, true)
      else this.#becomeVisible(message)
      if (!wasLookedAt) tried.push(message.queue)
    }
  }

  advance(ms: number): void {
    this.now += ms
    for (const call of this.waits.filter(each => each.deadline <= this.now)) this.answers.push(`${call.connection}/${call.token} get 2033`)
    this.waits = this.waits.filter(each => each.deadline > this.now)
  }

  cancel(connection: number, token: number): void {
    const call = this.waits.find(each => each.connection === connection && each.token === token)
    if (call === undefined) return
    this.waits = this.waits.filter(each => each !== call)
    this.answers.push(`${connection}/${token} get 2033`)
  }

  /** The log is durable up to here. */
  force(until: number): void {
    for (let first = this.#waiting[0]; first !== undefined && first.end !== -1 && first.end <= until; first = this.#waiting[0]) {
      this.#waiting.shift()
      first.apply()
      if (first.answer !== null) this.answers.push(first.answer)
    }
  }

  /** What is left after a crash that kept the log up to `cut`. */
  crash(cut: number): void {
    const alive = new Map(this.#base.map(each => [each.key + each.queue, { ...each }]))
    const units = new Map<ModelUnit, { readonly puts: ModelMessage[]; readonly locks: Extract<Fact, { kind: 'lock' }>[] }>()
    const unitOf = (unit: ModelUnit): { readonly puts: ModelMessage[]; readonly locks: Extract<Fact, { kind: 'lock' }>[] } => {
      const known = units.get(unit) ?? { puts: [], locks: [] }
      units.set(unit, known)
      return known
    }
    const nameOf = (message: ModelMessage): string => message.key + message.queue
    const undone = (unit: ModelUnit): void => {
      for (const { message, backout } of unitOf(unit).locks) {
        const back = alive.get(nameOf(message))
        if (back !== undefined) back.backout = backout + 1
      }
      units.delete(unit)
    }
    this.#producers = new Map(this.#baseProducers)
    this.#refused.clear()
    for (const { fact, end } of this.#facts) {
      if (end > cut) break
      switch (fact.kind) {
        case 'put':
          if (fact.unit === null) alive.set(nameOf(fact.message), { ...fact.message, backout: 0 })
          else unitOf(fact.unit).puts.push(fact.message)
          this.#stored(fact.origin)
          break
        case 'lock':
          unitOf(fact.unit).locks.push(fact)
          break
        case 'remove':
          alive.delete(nameOf(fact.message))
          break
        case 'count': {
          const message = alive.get(nameOf(fact.message))
          if (message !== undefined) message.backout = fact.backout
          break
        }
        case 'commit':
          for (const message of unitOf(fact.unit).puts) alive.set(nameOf(message), { ...message, backout: 0 })
          for (const { message } of unitOf(fact.unit).locks) alive.delete(nameOf(message))
          units.delete(fact.unit)
          this.#stored(fact.origin)
          break
        case 'backout':
          undone(fact.unit)
          break
      }
    }
    for (const unit of [...units.keys()]) undone(unit)
    this.messages = [...alive.values()].map(each => ({ ...each, standing: 'available' as const })).sort((a, b) => a.order - b.order)
    this.#base = this.messages.map(each => ({ ...each }))
    this.#baseProducers = new Map(this.#producers)
    this.#facts = []
    this.#waiting = []
    this.waits = []
    this.answers = []
    this.locked.clear()
    this.#settledLast.clear()
  }

  #endWaits(unit: ModelUnit): void {
    for (const call of this.waits.filter(each => each.unit === unit)) this.answers.push(`${call.connection}/${call.token} get 2033`)
    this.waits = this.waits.filter(each => each.unit !== unit)
  }

  #suits(call: ModelCall, message: ModelMessage): boolean {
    return call.queue === message.queue && (call.correlation === null || call.correlation === message.correlation)
  }

  #deliver(call: ModelCall, message: ModelMessage): void {
    const answer = `${call.connection}/${call.token} get 0 ${message.key} ${message.backout}`
    if (call.mode === 'lock') {
      message.standing = 'locked'
      this.answers.push(answer)
    } else if (call.unit !== null) {
      this.#lock(message, call.unit)
      this.answers.push(answer)
    } else {
      this.#drop(message)
      if (message.persistent) this.#fact({ kind: 'remove', message })
      this.#when(() => undefined, answer, message.persistent)
    }
  }

  #lock(message: ModelMessage, unit: ModelUnit): void {
    message.standing = 'locked'
    unit.gets.push(message)
    if (!message.persistent) return
    unit.isLogged = true
    this.#fact({ kind: 'lock', message, unit, backout: message.backout })
  }

  #giveBack(message: ModelMessage, counted: boolean): void {
    message.backout++
    if (counted && message.persistent) this.#fact({ kind: 'count', message, backout: message.backout })
    this.#becomeVisible(message)
  }

  #becomeVisible(message: ModelMessage): void {
    if (message.standing === 'gone') return
    message.standing = 'available'
    if (this.isExpired(message)) return
    const call = this.waits.find(each => this.#suits(each, message))
    if (call === undefined) return
    this.waits = this.waits.filter(each => each !== call)
    this.#deliver(call, message)
  }

  #drop(message: ModelMessage): void {
    message.standing = 'gone'
    this.messages = this.messages.filter(each => each !== message)
  }

  #fact(fact: Fact): void {
    this.#facts.push({ fact, end: -1 })
  }

  /** Now, or when the log is forced up to the end of this call. */
  #when(apply: () => void, answer: Answer | null, waits = true): void {
    if (waits) {
      this.#waiting.push({ apply, answer, end: -1 })
      return
    }
    apply()
    if (answer !== null) this.answers.push(answer)
  }

  /** When everything that somebody waits for is durable. */
  #afterAll(answer: Answer): void {
    const last = this.#waiting.at(-1)
    if (last === undefined) this.answers.push(answer)
    else this.#waiting.push({ apply: () => undefined, answer, end: last.end })
  }

  #stored(origin: ModelOrigin | null): void {
    if (origin === null) return
    this.#producers.set(origin.producer, Math.max(origin.sequence, this.#producers.get(origin.producer) ?? 0))
    this.#refused.delete(`${origin.producer}/${origin.sequence}`)
  }
}
