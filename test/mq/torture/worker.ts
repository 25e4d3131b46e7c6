/**
 * One program of the torture test: puts or gets in units of work through whatever happens, and keeps a ledger of what the
 * queue manager promised it.
 *
 *     node worker.js put|get '{"address":…, "queue":…, "name":…, "ledger":…, "batch":…, "bodyBytes":…}'
 *
 * The ledger has one line per unit of work: `done ID…` when its commit was answered, `open ID…` when nobody can know.
 * A unit that was backed out leaves no line. SIGTERM ends it after the unit under way.
 */

import fs from 'node:fs'
import { connect, MqError, reasons, type Connection } from '../../../src/client/client.js'

export interface WorkerOptions {
  readonly address: string
  readonly channel?: string
  readonly queue: string
  /** Begins every message id of this worker. */
  readonly name: string
  readonly ledger: string
  /** Messages of one unit of work. */
  readonly batch: number
  readonly bodyBytes: number
}

const getWaitMs = 200
/** What a unit of work may meet when its queue manager ends, fails over or is full. */
const harmless: ReadonlySet<number> = new Set([
  reasons.backedOut,
  reasons.callInterrupted,
  reasons.connectionBroken,
  reasons.connectionQuiescing,
  reasons.connectionStopping,
  reasons.queueManagerQuiescing,
  reasons.queueManagerStopping,
  reasons.queueFull
])

let isStopping = false
process.on('SIGTERM', () => {
  isStopping = true
})

/** Appended at once: what was promised must be in the ledger even if this process dies. */
const write = (options: WorkerOptions, word: 'done' | 'open', ids: readonly string[]): void => {
  fs.appendFileSync(options.ledger, `${word} ${ids.join(' ')}\n`)
}

/** Does one unit and books it: `ids` is what it moved. */
async function unitOfWork(options: WorkerOptions, work: (ids: string[]) => Promise<void>): Promise<void> {
  const ids: string[] = []
  try {
    await work(ids)
    if (ids.length > 0) write(options, 'done', ids)
  } catch (error) {
    if (!(error instanceof MqError)) throw error
    // Of a commit whose answer was lost nobody knows; all else that may be met here was backed out.
    if (error.reason === reasons.callInterrupted && ids.length > 0) write(options, 'open', ids)
    else if (!harmless.has(error.reason)) throw error
  }
}

async function putting(connection: Connection, options: WorkerOptions): Promise<void> {
  const filler = 'x'.repeat(options.bodyBytes)
  let next = 0
  while (!isStopping) {
    await unitOfWork(options, async ids => {
      await connection.transaction(async unit => {
        ids.length = 0
        const puts: Promise<unknown>[] = []
        for (let count = 0; count < options.batch; count += 1) {
          const id = `${options.name}-${next}`
          next += 1
          ids.push(id)
          puts.push(connection.put(options.queue, `${id} ${filler}`, { persistent: true, unit }))
        }
        await Promise.all(puts)
      })
    })
  }
}

async function getting(connection: Connection, options: WorkerOptions): Promise<void> {
  await using queue = await connection.openQueue(options.queue, { input: 'shared' })
  while (!isStopping) {
    await unitOfWork(options, async ids => {
      await connection.transaction(async unit => {
        ids.length = 0
        for (let count = 0; count < options.batch; count += 1) {
          const message = await queue.get({ unit, waitMs: count === 0 ? getWaitMs : 0 })
          if (message === null) break
          ids.push(message.text.split(' ', 1)[0] ?? '')
        }
      })
    })
  }
}

const [mode = '', text = '{}'] = process.argv.slice(2)
const options = JSON.parse(text) as WorkerOptions
const connection = await connect({ address: options.address, application: options.name, ...(options.channel === undefined ? {} : { channel: options.channel }) })
if (mode === 'put') await putting(connection, options)
else await getting(connection, options)
await connection.close()
