/**
 * The stanza format of mqs.ini and qm.ini: reading with positions, changing without disturbing what people wrote,
 * and finding every fault at once.
 *
 *     # a comment
 *     QueueManager:
 *        Name=QM1
 *        Prefix=/var/mqm
 *
 * A stanza is a name and a colon; `key=value` lines follow. `#` and `;` begin comment lines. Names and keys are compared
 * without regard to case. Source: reference 2.2.
 */

export interface Attribute {
  readonly key: string
  readonly value: string
  /** Counted from 1. */
  readonly line: number
}

export interface Stanza {
  readonly name: string
  readonly line: number
  /** The line after its last attribute. */
  readonly end: number
  readonly attributes: readonly Attribute[]
}

/** What is wrong, by the id under which it is said, with its inserts. */
export type IniFault =
  | { readonly id: 'AMQ7075'; readonly file: string; readonly line: number; readonly attribute: string }
  | { readonly id: 'AMQ7076'; readonly file: string; readonly line: number; readonly attribute: string; readonly value: string; readonly valid: string }
  | { readonly id: 'AMQ7006'; readonly file: string; readonly line: number; readonly attribute: string; readonly stanza: string }

/** `file:line: what is wrong`. */
export function faultText(fault: IniFault): string {
  const at = `${fault.file}:${fault.line}`
  switch (fault.id) {
    case 'AMQ7075':
      return `AMQ7075E: ${at}: attribute '${fault.attribute}' is not known`
    case 'AMQ7076':
      return `AMQ7076E: ${at}: value '${fault.value}' is not valid for attribute ${fault.attribute}; valid: ${fault.valid}`
    case 'AMQ7006':
      return `AMQ7006E: ${at}: attribute ${fault.attribute} is missing from stanza ${fault.stanza}`
  }
}

export interface ParsedIni {
  readonly stanzas: readonly Stanza[]
  readonly faults: readonly IniFault[]
}

const bytesMax = 1024 * 1024

/** Reads a file's text; never throws. Lines that are neither stanza, attribute nor comment are faults. */
export function parseIni(text: string, file: string): ParsedIni {
  const stanzas: { name: string; line: number; end: number; attributes: Attribute[] }[] = []
  const faults: IniFault[] = []
  if (text.length > bytesMax) return { stanzas, faults: [{ id: 'AMQ7075', file, line: 1, attribute: `(a file of ${text.length} characters)` }] }
  text.split('\n').forEach((raw, index) => {
    const line = index + 1
    const trimmed = raw.trim()
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith(';')) return
    const heading = /^([A-Za-z][A-Za-z0-9]*):$/.exec(trimmed)
    if (heading !== null) {
      stanzas.push({ name: heading[1] ?? '', line, end: line + 1, attributes: [] })
      return
    }
    const equals = trimmed.indexOf('=')
    const stanza = stanzas.at(-1)
    const key = trimmed.slice(0, Math.max(0, equals)).trim()
    if (stanza === undefined || !/^[A-Za-z][A-Za-z0-9]*$/.test(key)) {
      faults.push({ id: 'AMQ7075', file, line, attribute: trimmed.slice(0, 60) })
      return
    }
    stanza.attributes.push({ key, value: trimmed.slice(equals + 1).trim(), line })
    stanza.end = line + 1
  })
  return { stanzas, faults }
}

export const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase()

export const attributeOf = (stanza: Stanza, key: string): Attribute | undefined => stanza.attributes.find(attribute => same(attribute.key, key))

/** One stanza as it stands in a file, with its line feed; attributes without a value are left out. */
export function formatStanza(name: string, attributes: readonly (readonly [key: string, value: string | number | undefined])[]): string {
  const lines = attributes.filter(([, value]) => value !== undefined && value !== '').map(([key, value]) => `   ${key}=${value ?? ''}\n`)
  return `${name}:\n${lines.join('')}`
}

/** The text with a stanza taken out; comments before it stay. */
export function withoutStanza(text: string, stanza: Stanza): string {
  const lines = text.split('\n')
  lines.splice(stanza.line - 1, stanza.end - stanza.line)
  return lines.join('\n')
}

/** The text with a stanza added at its end. */
export const withStanza = (text: string, stanza: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`) + stanza
