/**
 * Cuts a selector into words, literals and operators. Never throws; what cannot be cut is a token `bad` at the end.
 *
 * Keywords are told from identifiers whatever their case; identifiers keep theirs. An identifier in double quotes may hold
 * any character (`"content-type"`), since the names of STOMP headers may hold a minus.
 */

export type SelectorToken =
  | { readonly kind: 'word'; readonly text: string; readonly column: number }
  | { readonly kind: 'keyword'; readonly text: Keyword; readonly column: number }
  | { readonly kind: 'string'; readonly text: string; readonly column: number }
  | { readonly kind: 'number'; readonly value: number; readonly text: string; readonly column: number }
  | { readonly kind: 'operator'; readonly text: string; readonly column: number }
  | { readonly kind: 'bad'; readonly text: string; readonly column: number }
  | { readonly kind: 'end'; readonly text: ''; readonly column: number }

const keywords = ['AND', 'OR', 'NOT', 'BETWEEN', 'LIKE', 'ESCAPE', 'IN', 'IS', 'NULL', 'TRUE', 'FALSE'] as const
export type Keyword = (typeof keywords)[number]
const isKeyword = (text: string): text is Keyword => (keywords as readonly string[]).includes(text)

const blankPattern = /[\s]+/y
const wordPattern = /[\p{L}_$][\p{L}\p{N}_$.]*/uy
const stringPattern = /'((?:[^']|'')*)'/y
const quotedPattern = /"((?:[^"]|"")+)"/y
const hexadecimalPattern = /0[xX][0-9A-Fa-f]{1,13}[lL]?(?![\p{L}\p{N}_$.])/uy
const numberPattern = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[lLdDfF]?(?![\p{L}\p{N}_$.])/uy
const operatorPattern = /<>|<=|>=|[=<>()+\-*/,]/y

/** Columns count from 1. The last token is `end` or `bad`. */
export function selectorTokens(text: string): SelectorToken[] {
  const found: SelectorToken[] = []
  let at = 0
  const taken = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    return pattern.exec(text)
  }
  while (at < text.length) {
    const blank = taken(blankPattern)
    if (blank !== null) {
      at += blank[0].length
      continue
    }
    const column = at + 1
    const token = tokenAt(taken, column, text.charAt(at))
    found.push(token.token)
    if (token.token.kind === 'bad') return found
    at += token.length
  }
  found.push({ kind: 'end', text: '', column: text.length + 1 })
  return found
}

function tokenAt(
  taken: (pattern: RegExp) => RegExpExecArray | null,
  column: number,
  first: string
): { readonly token: SelectorToken; readonly length: number } {
  const word = taken(wordPattern)
  if (word !== null) {
    const upper = word[0].toUpperCase()
    const token: SelectorToken = isKeyword(upper) ? { kind: 'keyword', text: upper, column } : { kind: 'word', text: word[0], column }
    return { token, length: word[0].length }
  }
  const string = taken(stringPattern)
  if (string !== null) return { token: { kind: 'string', text: (string[1] ?? '').replaceAll("''", "'"), column }, length: string[0].length }
  const quoted = taken(quotedPattern)
  if (quoted !== null) return { token: { kind: 'word', text: (quoted[1] ?? '').replaceAll('""', '"'), column }, length: quoted[0].length }
  const hexadecimal = taken(hexadecimalPattern)
  if (hexadecimal !== null) {
    const text = hexadecimal[0]
    return { token: { kind: 'number', value: Number.parseInt(text.slice(2), 16), text, column }, length: text.length }
  }
  const number = taken(numberPattern)
  if (number !== null) {
    const text = number[0]
    const value = Number(text.replace(/[lLdDfF]$/, ''))
    if (!Number.isFinite(value)) return { token: { kind: 'bad', text: `the number ${text} is too large`, column }, length: 0 }
    return { token: { kind: 'number', value, text, column }, length: text.length }
  }
  const operator = taken(operatorPattern)
  if (operator !== null) return { token: { kind: 'operator', text: operator[0], column }, length: operator[0].length }
  const why = first === "'" || first === '"' ? 'a quote is not closed' : /[\d.]/.test(first) ? 'not a number' : `character ${JSON.stringify(first)} has no meaning here`
  return { token: { kind: 'bad', text: why, column }, length: 0 }
}
