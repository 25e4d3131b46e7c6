/**
 * What one life of the daemon leaves for the next: how far the peer was heard (generation and sequence), which groups were
 * held with which epoch, and what haresources said of them. A help, not a promise: decisions never wait for it, and a lost
 * write costs only precision.
 *
 * Invariants
 *  1. `keep` returns at once; at most one write is under way, and only the newest value waits behind it.
 *  2. The file is replaced whole (write, rename), so a crash leaves the old or the new one.
 */

import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'

export interface Remembered {
  readonly peerGenerations: Readonly<Record<string, number>>
  /** The newest sequence heard within that generation, at most a minute old. */
  readonly peerSequences: Readonly<Record<string, number>>
  readonly held: readonly HeldGroup[]
}

export interface HeldGroup {
  readonly id: string
  readonly epoch: number
  /** Its resources as in haresources. */
  readonly words: readonly string[]
}

const nothing: Remembered = { peerGenerations: {}, peerSequences: {}, held: [] }
const fileBytesMax = 256 * 1024

/** Reads what the last life left; nothing when there is no such file or it makes no sense. */
export function recall(stateDir: string): Remembered {
  let text: string
  try {
    text = readFileSync(join(stateDir, 'cluster_memory'), 'utf8')
  } catch {
    return nothing // the first start on this node, or an unreadable help: both mean starting without it
  }
  return text.length > fileBytesMax ? nothing : parseRemembered(text)
}

function parseRemembered(text: string): Remembered {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return nothing // half a file after a power loss
  }
  if (typeof value !== 'object' || value === null) return nothing
  const { peerGenerations, peerSequences, held } = value as { peerGenerations?: unknown; peerSequences?: unknown; held?: unknown }
  return {
    peerGenerations: countsOf(peerGenerations),
    peerSequences: countsOf(peerSequences),
    held: Array.isArray(held) ? held.flatMap(heldEntry) : []
  }
}

function countsOf(value: unknown): Readonly<Record<string, number>> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return Object.fromEntries(entries.filter((entry): entry is [string, number] => isCount(entry[1])))
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

/** An entry without words is one of an older version. */
function heldEntry(value: unknown): readonly HeldGroup[] {
  if (typeof value !== 'object' || value === null) return []
  const { id, epoch, words } = value as { id?: unknown; epoch?: unknown; words?: unknown }
  if (typeof id !== 'string' || !isCount(epoch)) return []
  return [{ id, epoch, words: Array.isArray(words) ? words.filter(word => typeof word === 'string') : [] }]
}

export class Memory {
  readonly #path: string
  readonly #onTrouble: (sentence: string) => void
  #waiting: Remembered | null = null
  #writing: Promise<void> | null = null

  constructor(stateDir: string, onTrouble: (sentence: string) => void) {
    this.#path = join(stateDir, 'cluster_memory')
    this.#onTrouble = onTrouble
  }

  /** Writes in the background; of several values in a row only the newest is sure to be written. */
  keep(value: Remembered): void {
    this.#waiting = value
    if (this.#writing === null) this.#writing = this.#drain()
  }

  /** Resolves when nothing is being written; a hanging disk is the caller's to give up on. */
  async idle(): Promise<void> {
    await this.#writing
  }

  async #drain(): Promise<void> {
    for (let value = this.#waiting; value !== null; value = this.#waiting) {
      this.#waiting = null
      try {
        const file = await open(`${this.#path}.new`, 'w', 0o600)
        try {
          await file.writeFile(JSON.stringify(value))
          await file.datasync()
        } finally {
          await file.close()
        }
        await rename(`${this.#path}.new`, this.#path)
      } catch (error) {
        this.#onTrouble(`cannot write ${this.#path}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    this.#writing = null
  }
}
