/**
 * Cuts a configuration file into words that know where they stand.
 *
 * Invariants
 *  1. Line and column count from 1 and always lie within the file; a column counts UTF-16 units, as editors do.
 *  2. No input throws: bytes that mean nothing become a finding or a word that a parser refuses.
 *
 * Not here: what a word means; which characters start a comment (the caller says, the three files differ).
 */

import type { Findings } from './diagnostics.js'
import type { Position } from './types.js'

/** A file's name as shown in findings, and its text. */
export interface SourceText {
  readonly file: string
  readonly text: string
}

export interface Word {
  readonly text: string
  readonly position: Position
}

/** One physical line without its line end, comment included. */
export interface Line {
  readonly file: string
  /** Counts from 1. */
  readonly number: number
  readonly text: string
}

/** The start of the file: where a finding about the file as a whole, or about something missing, is shown. */
export const startOf = (file: string): Position => ({ file, line: 1, column: 1 })

/** The place `offset` characters into the word. */
export const within = (word: Word, offset: number): Position => ({ ...word.position, column: word.position.column + offset })

/**
 * The lines of the file. Says once when the file has DOS line ends (they are accepted here, but break Linux-HA's
 * shell scripts), and refuses control characters, which an editor does not show.
 */
export function linesOf(source: SourceText, findings: Findings): readonly Line[] {
  const lines: Line[] = []
  let dosLineEndSeen = false
  const texts = source.text.split('\n')
  for (const [index, raw] of texts.entries()) {
    const position = { file: source.file, line: index + 1, column: Math.max(1, raw.length) }
    let text = index === 0 && raw.startsWith('\uFEFF') ? ` ${raw.slice(1)}` : raw
    if (text.endsWith('\r')) {
      text = text.slice(0, -1)
      if (!dosLineEndSeen) {
        findings.warning(position, {
          what: 'the file has DOS line ends',
          why: 'they are accepted here, but Linux-HA takes the carriage return for a part of the last word',
          fix: `run: sed -i 's/\\r$//' ${source.file}`
        })
      }
      dosLineEndSeen = true
    }
    const control = /[\u0000-\u0008\u000E-\u001F\u007F]/.exec(text)
    if (control !== null) {
      const code = control[0].charCodeAt(0).toString(16).padStart(2, '0')
      findings.error({ ...position, column: control.index + 1 }, {
        what: `the line contains the control character 0x${code}`,
        why: 'it is invisible in an editor and never part of a name',
        fix: 'delete the character, or write the line anew'
      })
    }
    lines.push({ file: source.file, number: index + 1, text })
  }
  return lines
}

/** The text before the first `#`; what follows is a comment. */
export function withoutComment(line: Line): Line {
  const start = line.text.indexOf('#')
  return start < 0 ? line : { ...line, text: line.text.slice(0, start) }
}

/** Words separated by blanks and tabs. */
export function wordsOf(line: Line): readonly Word[] {
  return [...line.text.matchAll(/[^ \t\r\f\v]+/g)].map(match => ({
    text: match[0],
    position: { file: line.file, line: line.number, column: match.index + 1 }
  }))
}

/** The pieces of a word between `separator`s, empty ones included. */
export function piecesOf(word: Word, separator: string): readonly Word[] {
  let offset = 0
  return word.text.split(separator).map(text => {
    const piece = { text, position: within(word, offset) }
    offset += text.length + separator.length
    return piece
  })
}

/** A word for use inside a finding: quoted, shortened, and safe for a terminal. */
export function shown(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text
  return `\`${short.replace(/[^\u0020-\u007E\u00A1-\u{10FFFF}]/gu, '?')}\``
}
