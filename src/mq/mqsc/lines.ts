/**
 * From lines to commands: what continues, what is a comment, where a command ends, what is echoed.
 *
 *  - A `+` as the last character that is no blank continues with the first character that is no blank of the next line; a
 *    `-` with its first column. Both may stand within words and quotes, so `'Fr+` and `   ed'` make `'Fred'`.
 *  - A line whose first character that is no blank is `*` is a comment, also in the middle of a continued command, which
 *    goes on after it; but not in the middle of a text in quotes.
 *  - A command ends with its line, or with a `;` outside quotes; after that the line may hold another.
 *  - END and QUIT end the input. They are echoed but not counted.
 *  - At most 2048 characters a line and 32768 a command; no control character at the end of a line. A carriage return
 *    there is taken off, so files from other systems can be read.
 *
 * Incremental: lines go in one by one as they are typed, and what can be said comes out at once. Memory is bounded by
 * one command. Source: queue manager reference 3.1 and 3.3.
 */

import type { SyntaxFault } from './fault.js'

export const lineLengthMax = 2048
export const commandLengthMax = 32_768

export type ReadItem =
  /** Text to be shown; `number` is null for continuations, comments and empty lines. */
  | { readonly kind: 'echo'; readonly number: number | null; readonly text: string }
  | { readonly kind: 'command'; readonly number: number; readonly text: string }
  /** Counts as a command that has a syntax error. */
  | { readonly kind: 'fault'; readonly number: number; readonly fault: SyntaxFault }
  | { readonly kind: 'end' }

/** How much of an overlong command is shown in its error. */
const segmentLengthMax = 200

export class CommandReader {
  #count = 0
  #isEnded = false
  /** The command so far; null between commands. */
  #text: string | null = null
  #isInQuotes = false
  #continuation: '+' | '-' | null = null
  #fault: SyntaxFault | null = null

  /** Commands read, those with syntax errors included. */
  get count(): number {
    return this.#count
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** One line without its line feed. After the end nothing comes out any more. */
  push(raw: string): ReadItem[] {
    if (this.#isEnded) return []
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    const items: ReadItem[] = []
    const shown = line.length > lineLengthMax ? line.slice(0, lineLengthMax) : line
    if (!this.#isInQuotes && /^[ \t]*\*/.test(line)) return [{ kind: 'echo', number: null, text: shown }]
    let part = this.#continuation === '+' ? line.replace(/^[ \t]+/, '') : line
    if (this.#text === null && isBlank(part)) return [{ kind: 'echo', number: null, text: shown }]

    items.push({ kind: 'echo', number: this.#text === null ? this.#count + 1 : null, text: shown })
    part = part.replace(/ +$/, '')
    if (line.length > lineLengthMax) {
      part = ''
      this.#note('AMQ8405', `the line has ${line.length} characters, ${lineLengthMax} are allowed`, line)
    } else if (/[\u0000-\u001f\u007f]$/.test(part)) this.#note('AMQ8405', 'a control character at the end of the line', part)

    const last = part.at(-1)
    this.#continuation = last === '+' || last === '-' ? last : null
    this.#take(this.#continuation === null ? part : part.slice(0, -1), items)
    if (this.#continuation === null && !this.#isEnded) this.#finish(items)
    return items
  }

  /** The end of the input: what is still open is a fault. */
  end(): ReadItem[] {
    if (this.#isEnded) return []
    const items: ReadItem[] = []
    if (this.#text !== null) {
      this.#note('AMQ8406', '', this.#text)
      this.#finish(items)
    }
    this.#isEnded = true
    items.push({ kind: 'end' })
    return items
  }

  #note(id: 'AMQ8405' | 'AMQ8406', why: string, segment: string): void {
    this.#fault ??= { id, inserts: id === 'AMQ8405' ? [why] : [], segment: segment.slice(0, segmentLengthMax) }
  }

  /** Appends text to the command and finishes one at each `;`. */
  #take(part: string, items: ReadItem[]): void {
    let from = 0
    for (let at = 0; at < part.length; at += 1) {
      const character = part[at]
      if (character === "'") this.#isInQuotes = !this.#isInQuotes
      if (character !== ';' || this.#isInQuotes) continue
      this.#append(part.slice(from, at))
      this.#finish(items)
      if (this.#isEnded) return
      from = at + 1
      const rest = part.slice(from)
      if (!isBlank(rest)) items.push({ kind: 'echo', number: this.#count + 1, text: rest.trim() })
    }
    const rest = part.slice(from)
    if (from === 0 || !isBlank(rest)) this.#append(rest)
    else this.#continuation = null
  }

  #append(part: string): void {
    const text = (this.#text ?? '') + part
    if (text.length > commandLengthMax) this.#note('AMQ8405', `the command has more than ${commandLengthMax} characters`, text)
    this.#text = text.slice(0, commandLengthMax)
  }

  #finish(items: ReadItem[]): void {
    const text = this.#text
    const fault = this.#fault
    this.#text = null
    this.#fault = null
    this.#isInQuotes = false
    if (text === null || (fault === null && isBlank(text))) return
    if (fault === null && /^\s*(END|QUIT)\s*$/i.test(text)) {
      this.#isEnded = true
      items.push({ kind: 'end' })
      return
    }
    this.#count += 1
    items.push(fault === null ? { kind: 'command', number: this.#count, text } : { kind: 'fault', number: this.#count, fault })
  }
}

const isBlank = (text: string): boolean => /^[ \t]*$/.test(text)

/** All items of a whole text, for tests and for scripts that are at hand in one piece. */
export function readCommands(text: string): ReadItem[] {
  const reader = new CommandReader()
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return [...lines.flatMap(line => reader.push(line)), ...reader.end()]
}
