/**
 * Reads IP addresses, masks and the address words of haresources. Text in, numbers out: two spellings of one address
 * are equal here, and nothing asks a name server.
 *
 * An address is a bigint with its family; subnets are then one shift and one comparison for both families.
 *
 * Not here: which interface of this host has the subnet (cli/check.ts), adding the address (resource.d/IPaddr2).
 * Source: resource-agents IPaddr, IPaddr2, IPv6addr, findif; RFC 4291 for the text forms of IPv6.
 */

export interface IpAddress {
  readonly family: 4 | 6
  readonly value: bigint
}

export const bitsOf = (family: 4 | 6): number => (family === 4 ? 32 : 128)

/** `a.b.c.d` with four decimal numbers 0 to 255 and no leading zeros (some tools read those as octal), or null. */
export function parseIpv4(text: string): IpAddress | null {
  const parts = text.split('.')
  if (parts.length !== 4) return null
  let value = 0n
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null
    value = value * 256n + BigInt(part)
  }
  return { family: 4, value }
}

/** Any text form of RFC 4291 section 2.2 without a zone, or null. */
export function parseIpv6(text: string): IpAddress | null {
  if (!/^[0-9A-Fa-f:.]{2,45}$/.test(text)) return null
  const halves = text.split('::')
  if (halves.length > 2) return null
  const groups = halves.map((half, index) => groupsOf(half, index === halves.length - 1))
  const [head, tail] = groups
  if (head === undefined || head === null || tail === null) return null
  const missing = 8 - head.length - (tail?.length ?? 0)
  if (tail === undefined ? missing !== 0 : missing < 1) return null
  const all = tail === undefined ? head : [...head, ...Array.from({ length: missing }, () => 0), ...tail]
  return { family: 6, value: all.reduce((value, group) => value * 65536n + BigInt(group), 0n) }
}

/** The 16-bit groups of one side of the `::`; the very last may be a dotted IPv4 address. */
function groupsOf(text: string, isLast: boolean): readonly number[] | null {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16))
      continue
    }
    const dotted = isLast && index === parts.length - 1 ? parseIpv4(part) : null
    if (dotted === null) return null
    groups.push(Number(dotted.value >> 16n), Number(dotted.value & 0xffffn))
  }
  return groups
}

export function parseIp(text: string): IpAddress | null {
  return parseIpv4(text) ?? parseIpv6(text)
}

/** One text per address, to compare and to use as a key. */
export function canonical(address: IpAddress): string {
  if (address.family === 4) return formatIpv4(address.value)
  return address.value.toString(16).padStart(32, '0').replace(/(.{4})(?=.)/g, '$1:')
}

export function formatIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map(shift => String((value >> shift) & 0xffn)).join('.')
}

/** Whether both addresses lie in one subnet of `prefix` bits. */
export function inSubnet(a: IpAddress, b: IpAddress, prefix: number): boolean {
  const host = BigInt(bitsOf(a.family) - prefix)
  return a.family === b.family && a.value >> host === b.value >> host
}

/** The directed broadcast address of the IPv4 subnet; null for /31 and /32, which have none. */
export function broadcastOf(address: IpAddress, prefix: number): bigint | null {
  if (address.family !== 4 || prefix >= 31) return null
  return address.value | ((1n << BigInt(32 - prefix)) - 1n)
}

/** `24` or `255.255.255.0`: the number of bits, or null when it is no contiguous mask of the family. */
export function parseMask(text: string, family: 4 | 6): number | null {
  if (/^[0-9]{1,3}$/.test(text)) return Number(text) <= bitsOf(family) ? Number(text) : null
  const dotted = family === 4 ? parseIpv4(text) : null
  if (dotted === null) return null
  const inverted = 0xffffffffn ^ dotted.value
  return (inverted & (inverted + 1n)) === 0n ? 32 - (inverted === 0n ? 0 : inverted.toString(2).length) : null
}

/** What kind of special address it is, as a phrase for a fault, or null for an ordinary one. */
export function specialUse(address: IpAddress): { readonly phrase: string; readonly isLoopback: boolean } | null {
  const { family, value } = address
  const top = Number(value >> BigInt(bitsOf(family) - 8))
  if (value === 0n) return { phrase: 'the unspecified address', isLoopback: false }
  if (family === 4) {
    if (top === 0) return { phrase: 'an address of "this network" (0.0.0.0/8)', isLoopback: false }
    if (top === 127) return { phrase: 'a loopback address', isLoopback: true }
    if (top >= 224 && top <= 239) return { phrase: 'a multicast address', isLoopback: false }
    if (top >= 240) return { phrase: value === 0xffffffffn ? 'the broadcast address' : 'a reserved address', isLoopback: false }
    return null
  }
  if (value === 1n) return { phrase: 'the loopback address', isLoopback: true }
  return top === 0xff ? { phrase: 'a multicast address', isLoopback: false } : null
}

export const isLinkLocal = (address: IpAddress): boolean => address.family === 6 && address.value >> 118n === 0x3fan

/** An interface name the kernel would accept: at most 15 characters, no `/`, no blank; a `:` would make it a label. */
export const isInterfaceName = (text: string): boolean => /^[^\s/:]{1,15}$/.test(text) && text !== '.' && text !== '..'
