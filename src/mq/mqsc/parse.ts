/**
 * From the text of one command to its parts: verb, object, name, parameters. What a parameter means is not known here.
 *
 *     command   := VERB [ OBJECT ] [ "(" name ")" ] { parameter }
 *     parameter := KEYWORD | KEYWORD "(" value { "," value } ")"
 *
 * Commas count as blanks. Every part knows where it ends in the text, so that an error can show how far reading came.
 */

import type { SyntaxFault } from './fault.js'
import { tokens } from './lexer.js'
import type { Token } from './lexer.js'
import { objectOf, verbOf } from './words.js'
import type { Verb } from './words.js'

export interface Value {
  /** Folded to upper case unless it was quoted. */
  readonly text: string
  readonly isQuoted: boolean
  readonly end: number
}

export interface Parameter {
  readonly keyword: string
  /** null without parentheses; empty for `()`. */
  readonly values: readonly Value[] | null
  readonly end: number
}

export interface ParsedCommand {
  readonly text: string
  readonly verb: Verb
  readonly object: string
  /** What stands in parentheses after the object; null when there are none. */
  readonly name: Parameter | null
  readonly parameters: readonly Parameter[]
}

export type Parsed = { readonly ok: true; readonly command: ParsedCommand } | { readonly ok: false; readonly fault: SyntaxFault } | { readonly ok: true; readonly command: null }

/** A syntax error that shows the text up to `end`. */
export const syntaxFault = (text: string, end: number, why: string): SyntaxFault => ({ id: 'AMQ8405', inserts: [why], segment: text.slice(0, end).trimStart() })

/** `?` asks for the list of commands: `command` is null then. */
export function parseCommand(text: string): Parsed {
  const cursor = new Cursor(text, tokens(text))
  const first = cursor.next()
  if (first === null) return refuse(text, text.length, 'there is no command')
  if (first.text === '?' && cursor.peek() === null) return { ok: true, command: null }
  const verb = first.kind === 'word' ? verbOf(first.text) : null
  if (verb === null) return refuse(text, first.end, first.kind === 'bad' ? first.why : `${first.text} is no command`)
  const word = cursor.next()
  if (word === null) return refuse(text, first.end, `${verb} needs to be told what`)
  const object = word.kind === 'word' ? objectOf(verb, word.text) : null
  if (object === null) return refuse(text, word.end, word.kind === 'bad' ? word.why : `${verb} ${word.text} is no command`)

  const name = cursor.parenthesised(object, word.end)
  if (name !== null && 'fault' in name) return { ok: false, fault: name.fault }
  const parameters: Parameter[] = []
  for (let token = cursor.next(); token !== null; token = cursor.next()) {
    if (token.kind === ',') continue
    if (token.kind !== 'word') return refuse(text, token.end, token.kind === 'bad' ? token.why : `a keyword was expected instead of ${token.text}`)
    const values = cursor.parenthesised(token.text, token.end)
    if (values !== null && 'fault' in values) return { ok: false, fault: values.fault }
    const parameter = values ?? { keyword: token.text, values: null, end: token.end }
    const opposite = parameters.find(earlier => isSameOrOpposite(earlier.keyword, parameter.keyword))
    if (opposite !== undefined) return { ok: false, fault: { id: 'AMQ8411', inserts: [parameter.keyword], segment: '' } }
    parameters.push(parameter)
  }
  return { ok: true, command: { text, verb, object, name, parameters } }
}

const refuse = (text: string, end: number, why: string): Parsed => ({ ok: false, fault: syntaxFault(text, end, why) })

/** Flags that have a NO form; elsewhere a word that begins with NO is a word of its own. */
const negatable: ReadonlySet<string> = new Set(['REPLACE', 'SHARE', 'TRIGGER', 'HARDENBO', 'PURGE', 'FORCE'])
const positive = (keyword: string): string => (keyword.startsWith('NO') && negatable.has(keyword.slice(2)) ? keyword.slice(2) : keyword)
const isSameOrOpposite = (left: string, right: string): boolean => positive(left) === positive(right)

class Cursor {
  readonly #text: string
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(text: string, all: readonly Token[]) {
    this.#text = text
    this.#tokens = all
  }

  peek(): Token | null {
    return this.#tokens[this.#at] ?? null
  }

  next(): Token | null {
    const token = this.peek()
    if (token !== null) this.#at += 1
    return token
  }

  /** `( value, value )` if that comes next; null if something else does. */
  parenthesised(keyword: string, start: number): Parameter | { readonly fault: SyntaxFault } | null {
    if (this.peek()?.kind !== '(') return null
    this.next()
    const values: Value[] = []
    for (let token = this.next(); token !== null; token = this.next()) {
      if (token.kind === ')') return { keyword, values, end: token.end }
      if (token.kind === ',') continue
      if (token.kind === 'bad') return { fault: syntaxFault(this.#text, token.end, token.why) }
      if (token.kind === '(') return { fault: syntaxFault(this.#text, token.end, 'a value with parentheses must stand within quotes') }
      values.push({ text: token.text, isQuoted: token.kind === 'quoted', end: token.end })
    }
    return { fault: syntaxFault(this.#text, Math.max(start, this.#text.length), `the parenthesis after ${keyword} is not closed`) }
  }
}
