/**
 * Names and values of STOMP headers: from bytes and back.
 *
 * Values are escaped by version: nothing in 1.0; `\n`, `\c`, `\\` in 1.1; also `\r` in 1.2; never in CONNECT and CONNECTED.
 * An escape that is not defined is fatal in 1.2 and two plain characters in 1.1. Names that come often are made once.
 */

export type Version = '1.0' | '1.1' | '1.2'
/** The newest first. */
export const versions: readonly Version[] = ['1.2', '1.1', '1.0']

const frequentNames = [
  'accept-version', 'ack', 'activemq.prefetchSize', 'activemq.subscriptionName', 'client-id', 'content-length', 'content-type', 'correlation-id',
  'destination', 'durable', 'expires', 'heart-beat', 'host', 'id', 'login', 'message-id', 'passcode', 'persistent', 'prefetch-count', 'priority',
  'receipt', 'reply-to', 'selector', 'subscription', 'transaction', 'type'
]

const keyOf = (length: number, first: number, last: number): number => (length << 16) | (first << 8) | last
const interned = new Map<number, { readonly bytes: Buffer; readonly name: string }[]>()
for (const name of frequentNames) {
  const bytes = Buffer.from(name, 'latin1')
  const key = keyOf(bytes.length, bytes[0] ?? 0, bytes[bytes.length - 1] ?? 0)
  interned.set(key, [...(interned.get(key) ?? []), { bytes, name }])
}

/** The name that stands there when it is a frequent one, else null. */
export function frequentName(data: Buffer, start: number, end: number): string | null {
  if (end - start > 0xff) return null
  const candidates = interned.get(keyOf(end - start, data[start] ?? 0, data[end - 1] ?? 0))
  if (candidates === undefined) return null
  for (const { bytes, name } of candidates) if (isAt(data, start, bytes)) return name
  return null
}

export function isAt(data: Buffer, start: number, bytes: Buffer): boolean {
  for (let index = 0; index < bytes.length; index++) if (data[start + index] !== bytes[index]) return false
  return true
}

/** Null when an escape has no meaning. */
export function unescaped(text: string, version: Version): string | null {
  let result = ''
  let from = 0
  for (let at = text.indexOf('\\'); at !== -1; at = text.indexOf('\\', from)) {
    const meant = meaningOf(text.charAt(at + 1), version)
    if (meant === null && version === '1.2') return null
    result += text.slice(from, at) + (meant ?? text.slice(at, at + 2))
    from = at + 2
  }
  return result + text.slice(from)
}

function meaningOf(character: string, version: Version): string | null {
  switch (character) {
    case 'n':
      return '\n'
    case 'c':
      return ':'
    case '\\':
      return '\\'
    case 'r':
      return version === '1.2' ? '\r' : null
    default:
      return null
  }
}

/**
 * A name or value as it goes out. In 1.0 nothing can be escaped, so ends of lines become blanks; NUL, which no version can
 * carry, does so everywhere. Colons matter in names only, but 1.1 and 1.2 want them escaped in both.
 */
export function escaped(text: string, version: Version): string {
  if (!isSpecial(text)) return text
  const safe = text.replaceAll('\0', ' ')
  if (version === '1.0') return safe.replaceAll(/[\r\n]/g, ' ')
  const both = safe.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll(':', '\\c')
  return version === '1.2' ? both.replaceAll('\r', '\\r') : both
}

function isSpecial(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 10 || code === 13 || code === 58 || code === 92 || code === 0) return true
  }
  return false
}
