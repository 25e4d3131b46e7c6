/**
 * Cuts a command into words, quoted texts, parentheses and commas. Blanks and tabs separate and mean nothing else.
 *
 * Unquoted words are folded to upper case; what is quoted is kept, with `''` for one quote. Words are made of letters,
 * digits and . / _ % with a * for generic names and a - for negative numbers; everything else must be quoted.
 */

export type Token =
  /** `text` is folded; `raw` is as written. */
  | { readonly kind: 'word'; readonly text: string; readonly start: number; readonly end: number }
  | { readonly kind: 'quoted'; readonly text: string; readonly start: number; readonly end: number }
  | { readonly kind: '(' | ')' | ','; readonly text: string; readonly start: number; readonly end: number }
  /** Nothing may follow it: an open quote, or a character that must be quoted. */
  | { readonly kind: 'bad'; readonly text: string; readonly why: string; readonly start: number; readonly end: number }

const wordPattern = /-?[A-Za-z0-9./_%*]+|\?/y
const quotedPattern = /'((?:[^']|'')*)'/y

export function tokens(text: string): Token[] {
  const found: Token[] = []
  let at = 0
  while (at < text.length) {
    const character = text.charAt(at)
    if (character === ' ' || character === '\t') at += 1
    else if (character === '(' || character === ')' || character === ',') {
      found.push({ kind: character, text: character, start: at, end: at + 1 })
      at += 1
    } else {
      const token = character === "'" ? quoted(text, at) : word(text, at)
      found.push(token)
      if (token.kind === 'bad') break
      at = token.end
    }
  }
  return found
}

function quoted(text: string, start: number): Token {
  quotedPattern.lastIndex = start
  const match = quotedPattern.exec(text)
  if (match === null) return { kind: 'bad', text: text.slice(start), why: 'a quote is not closed', start, end: text.length }
  return { kind: 'quoted', text: (match[1] ?? '').replaceAll("''", "'"), start, end: quotedPattern.lastIndex }
}

function word(text: string, start: number): Token {
  wordPattern.lastIndex = start
  const match = wordPattern.exec(text)
  const end = match === null ? start : wordPattern.lastIndex
  const next = text.charAt(end)
  if (next !== '' && !' \t(),'.includes(next)) {
    return { kind: 'bad', text: next, why: next === "'" ? 'a quote within a word' : `character ${next} must stand within quotes`, start, end: end + 1 }
  }
  if (match === null) return { kind: 'bad', text: next, why: 'nothing follows', start, end }
  return { kind: 'word', text: match[0].toUpperCase(), start, end: wordPattern.lastIndex }
}
