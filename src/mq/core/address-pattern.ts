/**
 * IP addresses and the patterns CHLAUTH records use for them.
 *
 *     192.0.2.7      192.0.2.*      192.*      192.0.2.10-20      10.*.1-9.4      *
 *     2001:DB8::7    2001:DB8:0:0:*            2001:DB8:0:0:0:0:0:1-FF
 *
 * A star stands for one whole part, as the last one for all that follow. A range is inclusive. `::` may be used in an
 * address without stars and ranges only, as it would not be clear how many parts it stands for. IPv4 addresses written
 * in IPv6 (`::ffff:192.0.2.7`) are IPv4 addresses. Names of hosts are not accepted: nothing here asks a name server.
 */

/** 4 or 8 parts; each is a number below 256 or 65536. */
export type Address = readonly number[]

interface Part {
  readonly low: number
  readonly high: number
}

/** Null when the text is no IPv4 or IPv6 address. */
export function parseAddress(text: string): Address | null {
  const parts = parsePattern(text.includes('%') ? text.slice(0, text.indexOf('%')) : text)
  if (parts === null || parts.some(part => part.low !== part.high)) return null
  return parts.map(part => part.low)
}

/** Null when the text is neither an address nor a pattern of addresses. `*` alone covers everything, as no parts. */
export function parsePattern(text: string): readonly Part[] | null {
  if (text === '*') return []
  if (text.length > 100) return null
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)
  if (mapped !== null) return parsePattern(mapped[1] ?? '')
  if (!text.includes(':')) return parseParts(text.split('.'), 4, 255, /^\d{1,3}$/, 10)
  if (!text.includes('::')) return parseParts(text.split(':'), 8, 65_535, /^[0-9a-f]{1,4}$/i, 16)
  const [head = '', tail = '', ...more] = text.split('::')
  if (more.length > 0 || /[*-]/.test(text)) return null
  const before = head === '' ? [] : head.split(':')
  const after = tail === '' ? [] : tail.split(':')
  const missing = 8 - before.length - after.length
  if (missing < 1) return null
  return parseParts([...before, ...new Array<string>(missing).fill('0'), ...after], 8, 65_535, /^[0-9a-f]{1,4}$/i, 16)
}

function parseParts(texts: readonly string[], count: number, max: number, digits: RegExp, radix: number): readonly Part[] | null {
  const isOpen = texts.at(-1) === '*'
  if (texts.length > count || (texts.length < count && !isOpen)) return null
  const parts: Part[] = []
  for (const text of texts) {
    if (text === '*') parts.push({ low: 0, high: max })
    else {
      const [from = '', to = from, ...more] = text.split('-')
      if (more.length > 0 || !digits.test(from) || !digits.test(to)) return null
      const low = Number.parseInt(from, radix)
      const high = Number.parseInt(to, radix)
      if (high > max || low > high) return null
      parts.push({ low, high })
    }
  }
  while (parts.length < count) parts.push({ low: 0, high: max })
  return parts
}

/** False when either text is malformed, so a pattern that makes no sense covers nothing. */
export function matchesAddress(pattern: string, address: string): boolean {
  const parts = parsePattern(pattern)
  const numbers = parseAddress(address)
  if (parts === null || numbers === null) return false
  if (parts.length === 0) return true
  return parts.length === numbers.length && parts.every((part, index) => part.low <= (numbers[index] ?? -1) && (numbers[index] ?? -1) <= part.high)
}

/** How many addresses a pattern covers, as a power of two: 0 for one address. The smaller, the more specific. */
export function addressBreadth(pattern: string): number {
  const parts = parsePattern(pattern)
  if (parts === null || parts.length === 0) return 128
  return parts.reduce((sum, part) => sum + Math.log2(part.high - part.low + 1), 0)
}

export const isLoopback = (address: Address): boolean =>
  address.length === 4 ? address[0] === 127 : address.every((part, index) => part === (index === 7 ? 1 : 0))
