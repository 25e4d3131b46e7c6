/**
 * AMQERR01.LOG to AMQERR03.LOG: what an administrator should know, newest file first.
 *
 * Writing never makes the caller wait: entries wait in memory, at most so many, and go out in one append at a time; what
 * does not fit is counted and said later. Each batch opens the file anew, so that one that was deleted or moved is made
 * again. A file that has grown beyond its size becomes the second, the second the third. `fatal` is for last words: at
 * once, by the same rules. Source: reference 11.3.
 */

import fs from 'node:fs'
import path from 'node:path'
import { codeOf } from './durable-file.js'

export interface ErrorLogEntry {
  /** `AMQ5026`, without the letter. */
  readonly id: string
  readonly severity: 'I' | 'W' | 'E' | 'S' | 'T'
  /** One line. */
  readonly summary: string
  readonly explanation?: string
  readonly action?: string
  /** Where it was said; the closing rule shows it. */
  readonly source?: string
}

export interface ErrorLogOptions {
  readonly directory: string
  /** '' for the errors of the machine. */
  readonly queueManager: string
  readonly program: string
  readonly user: string
  readonly host: string
  readonly version: string
  readonly bytesMax: number
  readonly excluded?: readonly string[]
  readonly wallMs: () => number
  /** What cannot be written is told here; once per trouble. */
  readonly onTrouble: (text: string) => void
}

const waitingMax = 1_000
const lineWidth = 79
const ruleWidth = 80
const textCharactersMax = 4_096

export class ErrorLog {
  readonly #options: ErrorLogOptions
  #waiting: string[] = []
  #writing: Promise<void> | null = null
  #lost = 0
  #trouble = ''

  constructor(options: ErrorLogOptions) {
    this.#options = options
  }

  get path(): string {
    return path.join(this.#options.directory, 'AMQERR01.LOG')
  }

  /** Entries lost because the disk did not take them in time. */
  get lost(): number {
    return this.#lost
  }

  write(entry: ErrorLogEntry): void {
    if (this.#options.excluded?.includes(entry.id) === true) return
    if (this.#waiting.length >= waitingMax) {
      this.#lost += 1
      return
    }
    this.#waiting.push(formatEntry(entry, this.#options))
    this.#writing ??= this.#drain()
  }

  /** Last words: waits for the disk, and takes along what was waiting. Never throws; false when it could not be written. */
  fatal(entry: ErrorLogEntry): boolean {
    const text = this.#waiting.join('') + formatEntry(entry, this.#options)
    this.#waiting = []
    try {
      fs.appendFileSync(this.path, text, { mode: 0o660 })
      return true
    } catch (error) {
      this.#tell(error)
      return false
    }
  }

  /** Resolves when what was written until now is in the file, or cannot be. Never rejects. */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lost = this.#lost
      const batch = this.#waiting.splice(0)
      const entries = batch.length
      if (lost > 0) batch.push(formatEntry({ id: 'AMQ6109', severity: 'W', summary: `${lost} entries of this log were lost: the disk did not take them in time.` }, this.#options))
      try {
        await this.#append(batch.join(''))
        this.#lost -= lost
        this.#trouble = ''
      } catch (error) {
        this.#lost += entries
        this.#tell(error)
      }
    }
    this.#writing = null
  }

  async #append(text: string): Promise<void> {
    const { directory, bytesMax } = this.#options
    const name = (count: number): string => path.join(directory, `AMQERR0${count}.LOG`)
    const size = await fs.promises.stat(name(1)).then(facts => facts.size, ignoreMissing)
    if (size > 0 && size + Buffer.byteLength(text) > bytesMax) {
      await fs.promises.rename(name(2), name(3)).catch(ignoreMissing)
      await fs.promises.rename(name(1), name(2)).catch(ignoreMissing)
    }
    await fs.promises.appendFile(name(1), text, { mode: 0o660 })
  }

  #tell(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    if (text === this.#trouble) return
    this.#trouble = text
    this.#options.onTrouble(`the error log ${this.path} cannot be written: ${text}`)
  }
}

function ignoreMissing(error: unknown): number {
  if (codeOf(error) !== 'ENOENT') throw error
  return 0
}

type Heading = Pick<ErrorLogOptions, 'program' | 'user' | 'host' | 'version' | 'queueManager' | 'wallMs'>

/** One entry as it stands in the file; pure but for the process id. */
export function formatEntry(entry: ErrorLogEntry, heading: Heading): string {
  const indent = ' '.repeat(20)
  const rule = entry.source === undefined ? '' : `${entry.source} `
  return [
    `${stamp(heading.wallMs())} - Process(${process.pid}.1) User(${heading.user}) Program(${heading.program})`,
    `${indent}Host(${heading.host}) Installation(Installation1)`,
    `${indent}VRMF(${heading.version})${heading.queueManager === '' ? '' : ` QMgr(${heading.queueManager})`}`,
    `${entry.id}${entry.severity}: ${oneLine(entry.summary)}`,
    '',
    'EXPLANATION:',
    wrap(entry.explanation ?? entry.summary),
    'ACTION:',
    wrap(entry.action ?? 'None.'),
    `----- ${rule}`.trimEnd().padEnd(rule === '' ? 0 : 6 + rule.length, ' ').padEnd(ruleWidth, '-'),
    ''
  ].join('\n')
}

/** `MM/DD/YYYY HH:MM:SS AM` in local time. */
function stamp(wallMs: number): string {
  const date = new Date(wallMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  const hour = date.getHours()
  const day = `${two(date.getMonth() + 1)}/${two(date.getDate())}/${date.getFullYear()}`
  return `${day} ${two(hour % 12 === 0 ? 12 : hour % 12)}:${two(date.getMinutes())}:${two(date.getSeconds())} ${hour < 12 ? 'AM' : 'PM'}`
}

/** What comes from outside can neither break the line nor grow without end. */
function oneLine(text: string): string {
  const plain = text.replace(/\p{Cc}+/gu, ' ')
  return plain.length > textCharactersMax ? `${plain.slice(0, textCharactersMax)}…` : plain
}

function wrap(text: string): string {
  const lines: string[] = []
  let line = ''
  for (const word of oneLine(text).split(' ')) {
    if (line !== '' && line.length + 1 + word.length > lineWidth) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join('\n')
}
