/**
 * The LISTENER objects of a queue manager as open ports: those that start with it, those started by command, and those
 * of runmqlsr, which live as long as that program.
 *
 * A listener that starts with the queue manager and cannot bind (the address is not here yet, somebody else has the
 * port) is tried again every second; the first failure and the success are said.
 */

import type { ListenerStatus } from '../core/administration.js'
import { numberOf, textOf } from '../core/definition.js'
import type { ObjectDefinition } from '../core/definition.js'
import type { Listener, OpenPort } from '../listener/listener.js'
import { messageText } from '../mqsc/messages.js'
import type { Note } from './note.js'

const retryMs = 1_000

export interface ListenersOptions {
  readonly listener: Pick<Listener, 'openPort'>
  /** Port and backlog where the definition says 0. */
  readonly defaults: { readonly port: number; readonly backlog: number }
  readonly wallMs: () => number
  readonly note: Note
  readonly supervise: (name: string, promise: Promise<unknown>) => void
}

interface Entry {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly backlog: number
  readonly startedMs: number
  open: OpenPort | null
  retry: NodeJS.Timeout | null
  /** Told when somebody ends it, for listeners of runmqlsr. */
  readonly onEnded: (() => void) | null
}

export class Listeners {
  readonly #options: ListenersOptions
  readonly #entries = new Map<string, Entry>()
  #temporaries = 0
  #isClosed = false

  constructor(options: ListenersOptions) {
    this.#options = options
  }

  statuses(): readonly ListenerStatus[] {
    return [...this.#entries.values()].map(entry => ({
      name: entry.name,
      status: entry.open === null ? 'STARTING' : 'RUNNING',
      processId: process.pid,
      port: entry.open?.port ?? entry.port,
      address: entry.address,
      backlog: entry.backlog,
      startedMs: entry.startedMs
    }))
  }

  /** Resolves to null when it listens, else to a sentence. */
  async start(definition: ObjectDefinition): Promise<string | null> {
    if (this.#entries.has(definition.name)) return 'it is running already'
    const entry = this.#entryOf(definition)
    return await this.#open(entry)
  }

  /** Starts those that start with the queue manager. Resolves to the failures; they are tried again meanwhile. */
  async startAutomatic(definitions: readonly ObjectDefinition[]): Promise<readonly string[]> {
    const failures: string[] = []
    for (const definition of definitions) {
      const control = textOf(definition, 'CONTROL')
      if ((control !== 'QMGR' && control !== 'STARTONLY') || textOf(definition, 'TRPTYPE') !== 'TCP') continue
      const entry = this.#entryOf(definition)
      const why = await this.#open(entry)
      if (why === null) continue
      failures.push(messageText('AMQ9218', entry.name, entry.port, why))
      this.#options.note('AMQ9218', entry.name, entry.port, why)
      this.#entries.set(entry.name, entry)
      this.#again(entry)
    }
    return failures
  }

  /** One that nobody defined; `close` ends it. Resolves to a sentence when it cannot bind. */
  async openTemporary(options: { readonly port: number; readonly address: string; readonly backlog: number; readonly onEnded: () => void }): Promise<{ readonly port: number; readonly close: () => void } | string> {
    this.#temporaries += 1
    const { defaults, wallMs } = this.#options
    const entry: Entry = {
      name: `RUNMQLSR.${this.#temporaries}`,
      address: options.address,
      port: options.port === 0 ? defaults.port : options.port,
      backlog: options.backlog === 0 ? defaults.backlog : options.backlog,
      startedMs: wallMs(),
      open: null,
      retry: null,
      onEnded: options.onEnded
    }
    const why = await this.#open(entry)
    if (why !== null) return why
    return {
      port: entry.open?.port ?? entry.port,
      close: () => {
        this.#options.supervise('listener', this.#close(entry))
      }
    }
  }

  async stop(name: string): Promise<string | null> {
    const entry = this.#entries.get(name)
    if (entry === undefined) return 'it is not running'
    await this.#close(entry)
    return null
  }

  /** endmqlsr: those of runmqlsr; their number. */
  async endTemporaries(): Promise<number> {
    const temporaries = [...this.#entries.values()].filter(entry => entry.onEnded !== null)
    for (const entry of temporaries) await this.#close(entry)
    return temporaries.length
  }

  async closeAll(): Promise<void> {
    this.#isClosed = true
    for (const entry of [...this.#entries.values()]) await this.#close(entry)
  }

  #entryOf(definition: ObjectDefinition): Entry {
    const { defaults, wallMs } = this.#options
    const port = numberOf(definition, 'PORT')
    const backlog = numberOf(definition, 'BACKLOG')
    return {
      name: definition.name,
      address: textOf(definition, 'IPADDR').trim(),
      port: port === 0 ? defaults.port : port,
      backlog: backlog === 0 ? defaults.backlog : backlog,
      startedMs: wallMs(),
      open: null,
      retry: null,
      onEnded: null
    }
  }

  async #open(entry: Entry): Promise<string | null> {
    const { listener, note } = this.#options
    if (this.#isClosed) return 'the queue manager ends'
    this.#entries.set(entry.name, entry)
    try {
      const open = await listener.openPort({ address: entry.address, port: entry.port, backlog: entry.backlog })
      // Stopped while it was being opened.
      if (this.#entries.get(entry.name) !== entry) {
        await open.close()
        return 'it was stopped'
      }
      entry.open = open
    } catch (error) {
      if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name)
      return error instanceof Error ? error.message : String(error)
    }
    note('AMQ5026', entry.name, entry.open.port, process.pid)
    return null
  }

  #again(entry: Entry): void {
    entry.retry = setTimeout(() => {
      entry.retry = null
      if (this.#isClosed || this.#entries.get(entry.name) !== entry) return
      this.#options.supervise(
        'listener',
        this.#open(entry).then(why => {
          if (why === null || this.#isClosed) return
          this.#entries.set(entry.name, entry)
          this.#again(entry)
        })
      )
    }, retryMs)
    entry.retry.unref()
  }

  async #close(entry: Entry): Promise<void> {
    if (this.#entries.get(entry.name) !== entry) return
    this.#entries.delete(entry.name)
    if (entry.retry !== null) clearTimeout(entry.retry)
    if (entry.open === null) return
    await entry.open.close()
    entry.open = null
    this.#options.note('AMQ5027', entry.name, process.pid)
    entry.onEnded?.()
  }
}
