/** Putters and getters at work, and the final account of what they were promised. */

import fs from 'node:fs'
import path from 'node:path'
import { supervise } from '../../../src/daemon/supervise.js'
import type { Connection } from '../../../src/client/client.js'
import { asAdministrator } from '../../lab/command.js'
import { projectDirectory } from '../../lab/lab.js'
import { child } from '../host.js'
import { account, parseLedger, type Account } from './ledgers.js'
import type { WorkerOptions } from './worker.js'

const program = path.join(projectDirectory, 'dist/test/mq/torture/worker.js')

interface Teardown {
  teardown(end: () => void | Promise<void>): void
}

export interface CrewOptions {
  readonly address: string
  readonly channel?: string
  readonly queue: string
  /** A directory for the ledgers. */
  readonly directory: string
  readonly putters: number
  readonly getters: number
  readonly batch: number
  readonly bodyBytes: number
  /** What runs a command where the clients are. */
  readonly launcher?: readonly string[]
}

export class Crew {
  readonly #options: CrewOptions
  readonly #workers: { readonly mode: 'put' | 'get'; readonly ledger: string; readonly process: ReturnType<typeof child> }[] = []

  #isEnding = false
  #trouble: string | null = null

  constructor(test: Teardown, options: CrewOptions) {
    this.#options = options
    for (const mode of ['put', 'get'] as const) {
      for (let number = 0; number < (mode === 'put' ? options.putters : options.getters); number += 1) {
        const name = `${mode}${number}`
        const ledger = path.join(options.directory, name)
        fs.writeFileSync(ledger, '')
        const { address, queue, batch, bodyBytes, channel } = options
        const words: WorkerOptions = { address, queue, name, ledger, batch, bodyBytes, ...(channel === undefined ? {} : { channel }) }
        const worker = child(test, asAdministrator([...(options.launcher ?? []), process.execPath, program, mode, JSON.stringify(words)]))
        this.#workers.push({ mode, ledger, process: worker })
        const onEnded = (code: number | null): void => {
          if (!this.#isEnding) this.#trouble ??= `${name} ended with ${code}`
        }
        supervise(name, worker.ended.then(onEnded))
      }
    }
  }

  /** Units of work that were answered, of putters and getters together. Throws when one of them ended by itself. */
  progress(): { readonly put: number; readonly got: number } {
    if (this.#trouble !== null) throw new Error(this.#trouble)
    const lines = (mode: 'put' | 'get'): number =>
      this.#workers.filter(worker => worker.mode === mode).reduce((sum, worker) => sum + fs.readFileSync(worker.ledger, 'latin1').split('\n').length - 1, 0)
    return { put: lines('put'), got: lines('get') }
  }

  /** Ends everybody after the unit under way. Throws when somebody failed. */
  async end(): Promise<void> {
    this.#isEnding = true
    for (const worker of this.#workers) worker.process.end('SIGTERM')
    const codes = await Promise.all(this.#workers.map(worker => worker.process.ended))
    if (codes.some(code => code !== 0)) throw new Error(`workers ended with ${codes.join(' ')}`)
  }

  /** Takes what is left from the queue and settles the account. */
  async account(connection: Connection): Promise<Account> {
    const left: string[] = []
    await using queue = await connection.openQueue(this.#options.queue, { input: 'shared' })
    for (;;) {
      const message = await queue.get()
      if (message === null) break
      left.push(message.text.split(' ', 1)[0] ?? '')
    }
    const ledgers = (mode: 'put' | 'get') => this.#workers.filter(worker => worker.mode === mode).map(worker => parseLedger(fs.readFileSync(worker.ledger, 'utf8')))
    return account(ledgers('put'), ledgers('get'), left)
  }
}
