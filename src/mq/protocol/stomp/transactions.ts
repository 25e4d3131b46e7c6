/**
 * The transactions of one connection; each is a unit of work.
 *
 * A COMMIT waits until everything in its transaction was answered: a SEND that the queue refused must not be followed by
 * the commit of the rest. NACKs wait for the end of their transaction, since a unit of work knows no "not".
 */

import type { UnitId } from '../../core/engine.js'
import { PlainCall, type Host } from './calls.js'
import { shown } from './frame.js'
import { engineRefusal, malformed, type Refusal } from './refusal.js'

const transactionsMax = 100

export class Transaction {
  readonly name: string
  readonly unit: UnitId
  /** Calls in it without an answer. */
  pending = 0
  /** What to do with messages that were refused in it. */
  readonly refused: (() => void)[] = []
  /** COMMIT was asked for while calls were open. */
  commitNow: (() => void) | null = null

  constructor(name: string, unit: UnitId) {
    this.name = name
    this.unit = unit
  }

  /** One of its calls was answered, and well. */
  onDone(): void {
    this.pending -= 1
    if (this.pending === 0) this.commitNow?.()
  }

  onEnd(): void {
    for (const refuse of this.refused) refuse()
  }
}

export class Transactions {
  readonly #host: Host
  readonly #open = new Map<string, Transaction>()
  /** Units of work that are not ended yet; those whose COMMIT waits have given their name back. */
  #units = 0

  constructor(host: Host) {
    this.#host = host
  }

  /** Transactions that neither COMMIT nor ABORT was said for. */
  get count(): number {
    return this.#open.size
  }

  /** Undefined: the frame names none. */
  of(headers: ReadonlyMap<string, string>): Transaction | Refusal | undefined {
    const name = headers.get('transaction')
    if (name === undefined) return undefined
    return this.#open.get(name) ?? malformed(`transaction ${shown(name)} was not begun`)
  }

  begin(headers: ReadonlyMap<string, string>): Refusal | null {
    const name = headers.get('transaction')
    if (name === undefined || name === '') return malformed('BEGIN without transaction')
    if (this.#open.has(name)) return malformed(`transaction ${shown(name)} was begun already`)
    if (this.#units >= transactionsMax) return malformed(`more than ${transactionsMax} transactions at once`)
    const begun = this.#host.engine.begin(this.#host.connection)
    if (!begun.ok) return engineRefusal(begun.reason, `BEGIN ${name}`)
    this.#units += 1
    this.#open.set(name, new Transaction(name, begun.value))
    return null
  }

  /** Answers with the receipt when what was done is durable. */
  commit(headers: ReadonlyMap<string, string>, receipt: string | null): Refusal | null {
    const transaction = this.#take('COMMIT', headers)
    if (!(transaction instanceof Transaction)) return transaction
    const { engine, connection, calls } = this.#host
    const commit = (): void => {
      engine.commit(connection, transaction.unit, null, calls.open(this.#ending(transaction, 'COMMIT', receipt)))
    }
    if (transaction.pending === 0) commit()
    else transaction.commitNow = commit
    return null
  }

  abort(headers: ReadonlyMap<string, string>, receipt: string | null): Refusal | null {
    const transaction = this.#take('ABORT', headers)
    if (!(transaction instanceof Transaction)) return transaction
    const { engine, connection, calls } = this.#host
    engine.backout(connection, transaction.unit, calls.open(this.#ending(transaction, 'ABORT', receipt)))
    return null
  }

  #ending(transaction: Transaction, command: string, receipt: string | null): PlainCall {
    return new PlainCall(this.#host, `${command} ${transaction.name}`, receipt, () => {
      this.#units -= 1
      transaction.onEnd()
    })
  }

  #take(command: string, headers: ReadonlyMap<string, string>): Transaction | Refusal {
    const transaction = this.of(headers)
    if (transaction === undefined) return malformed(`${command} without transaction`)
    if (transaction instanceof Transaction) this.#open.delete(transaction.name)
    return transaction
  }
}

