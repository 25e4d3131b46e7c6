/**
 * What this host's interfaces and addresses are now, kept from `ip`'s full looks and from the lines of `ip monitor`.
 *
 * A look is a photograph, a line is news; they travel on different ways and may cross. So the lines that came while a
 * photograph was being taken are applied to it once more, in their order: the last one about an address is either older
 * than the photograph, and then agrees with it, or newer, and then is right.
 *
 * Invariants
 *  1. Input that is not understood changes nothing; it makes `apply` ask for a look.
 *  2. Addresses are compared in the form the kernel prints them (canonicalAddress).
 *
 * Not here: running `ip` (monitor.ts), what a change means (watch.ts).
 */

import { SocketAddress } from 'node:net'

export interface HostLink {
  readonly index: number
  readonly name: string
  /** An administrator (or a script) switched it on. */
  readonly isUp: boolean
  readonly hasCarrier: boolean
  /** Neighbours can be asked who has an address: broadcast, not a loopback, not point-to-point. */
  readonly hasNeighbours: boolean
  /** The hardware address, lower case; empty when it has none. */
  readonly mac: string
}

export interface HostAddress {
  readonly link: number
  readonly address: string
  readonly prefix: number
  /** Empty when there is none, or, for the label, when it is the interface's name. */
  readonly broadcast: string
  readonly label: string
  readonly isSecondary: boolean
}

/** Lines kept for a photograph under way; more than that, and another photograph is taken instead. */
const keptLinesMax = 1_000

export class HostNetwork {
  #links = new Map<number, HostLink>()
  #addresses = new Map<string, HostAddress>()
  /** Lines since the photograph under way was begun; null when none is. */
  #kept: string[] | null = null

  /** One line of `ip -o monitor link address`. `look`: it was not understood, or a line alone does not suffice. */
  apply(line: string): 'changed' | 'same' | 'look' {
    if (this.#kept !== null && this.#kept.length < keptLinesMax) this.#kept.push(line)
    return this.#applyLine(line)
  }

  beginLook(): void {
    this.#kept = []
  }

  /** Takes the output of `ip -j address show`. False when it is unusable or too much happened meanwhile: look again. */
  endLook(output: string | null): boolean {
    const kept = this.#kept ?? []
    this.#kept = null
    const seen = output === null ? null : readLook(output)
    if (seen === null) return false
    this.#links = new Map(seen.links.map(link => [link.index, link]))
    this.#addresses = new Map(seen.addresses.map(address => [keyOf(address), address]))
    // A line about a link that is gone or new asks for a look; this one was begun before it.
    const answers = kept.map(line => this.#applyLine(line))
    return kept.length < keptLinesMax && !answers.includes('look')
  }

  linkNamed(name: string): HostLink | null {
    for (const link of this.#links.values()) if (link.name === name) return link
    return null
  }

  link(index: number): HostLink | null {
    return this.#links.get(index) ?? null
  }

  /** Where an address lives, loopback last; more than one interface may have it. */
  find(address: string): readonly HostAddress[] {
    const found = [...this.#addresses.values()].filter(one => one.address === address)
    return found.sort((a, b) => Number(this.#isLoopback(a)) - Number(this.#isLoopback(b)))
  }

  addressesOn(link: number): readonly HostAddress[] {
    return [...this.#addresses.values()].filter(one => one.link === link)
  }

  hasMac(mac: string): boolean {
    return [...this.#links.values()].some(link => link.mac === mac)
  }

  #isLoopback(address: HostAddress): boolean {
    return this.#links.get(address.link)?.name === 'lo'
  }

  #applyLine(line: string): 'changed' | 'same' | 'look' {
    const news = readLine(line)
    if (news === null) return 'look'
    if (news.kind === 'address') {
      const key = keyOf(news.address)
      if (news.isGone) return this.#addresses.delete(key) ? 'changed' : 'same'
      const isNew = JSON.stringify(this.#addresses.get(key)) !== JSON.stringify(news.address)
      this.#addresses.set(key, news.address)
      if (!this.#links.has(news.address.link)) return 'look'
      return isNew ? 'changed' : 'same'
    }
    // A port that leaves a bridge is reported in the same words as an interface that ceases to be.
    if (news.isGone) return 'look'
    const isNew = JSON.stringify(this.#links.get(news.link.index)) !== JSON.stringify(news.link)
    this.#links.set(news.link.index, news.link)
    return isNew ? 'changed' : 'same'
  }
}

/** The kernel's spelling of an address, or null when it is none. */
export function canonicalAddress(text: string): string | null {
  try {
    return new SocketAddress({ address: text, family: text.includes(':') ? 'ipv6' : 'ipv4' }).address
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_INVALID_ADDRESS') return null
    throw error
  }
}

const keyOf = (one: HostAddress): string => `${one.link} ${one.address}/${one.prefix}`

type News =
  | { readonly kind: 'address'; readonly isGone: boolean; readonly address: HostAddress }
  | { readonly kind: 'link'; readonly isGone: boolean; readonly link: HostLink }

const addressLine = /^(Deleted )?(\d+): (\S+)\s+inet6? ([0-9a-fA-F.:]+)(?: peer [0-9a-fA-F.:]+)?(?:\/(\d+))?(?: (.*))?$/
const linkLine = /^(Deleted )?(\d+): ([^:@\s]+)(?:@[^:\s]+)?: <([A-Z0-9_,-]*)>(.*)$/

function readLine(line: string): News | null {
  const [head = '', ...more] = line.split('\\')
  const address = addressLine.exec(head.trimEnd())
  if (address !== null) {
    const [, deleted, index, name = '', text = '', prefix, rest = ''] = address
    const isIpv6 = text.includes(':')
    const words = rest.split(' ')
    const broadcast = words.indexOf('brd')
    const label = isIpv6 ? '' : (words.at(-1) ?? '')
    return {
      kind: 'address',
      isGone: deleted !== undefined,
      address: {
        link: Number(index),
        address: text,
        prefix: prefix === undefined ? (isIpv6 ? 128 : 32) : Number(prefix),
        broadcast: broadcast < 0 ? '' : (words[broadcast + 1] ?? ''),
        label: label === name || !label.includes(':') ? '' : label,
        isSecondary: words.includes('secondary')
      }
    }
  }
  const link = linkLine.exec(head.trimEnd())
  if (link === null) return null
  const [, deleted, index, name = '', flags = '', rest = ''] = link
  const state = / state (\S+)/.exec(rest)?.[1] ?? 'UNKNOWN'
  const mac = /link\/\S+ ([0-9a-fA-F:]+)/.exec(more.join(' '))?.[1] ?? ''
  return { kind: 'link', isGone: deleted !== undefined, link: linkOf(Number(index), name, flags.split(','), state, mac) }
}

function linkOf(index: number, name: string, flags: readonly string[], state: string, mac: string): HostLink {
  return {
    index,
    name,
    isUp: flags.includes('UP'),
    hasCarrier: flags.includes('UP') && !flags.includes('NO-CARRIER') && state !== 'DOWN' && state !== 'LOWERLAYERDOWN' && state !== 'NOTPRESENT',
    hasNeighbours: flags.includes('BROADCAST') && !flags.includes('LOOPBACK') && !flags.includes('NOARP'),
    mac: mac.toLowerCase()
  }
}

/** The output of `ip -j address show`; null when it is none. Entries with a shape we do not know are left out. */
function readLook(output: string): { readonly links: readonly HostLink[]; readonly addresses: readonly HostAddress[] } | null {
  let listed: unknown
  try {
    listed = JSON.parse(output)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  if (!Array.isArray(listed)) return null
  const links: HostLink[] = []
  const addresses: HostAddress[] = []
  for (const entry of listed.map(fieldsOf)) {
    const index = entry['ifindex']
    const name = entry['ifname']
    if (typeof index !== 'number' || typeof name !== 'string') continue
    links.push(linkOf(index, name, textsOf(entry['flags']), textOf(entry['operstate']), textOf(entry['address'])))
    for (const one of (Array.isArray(entry['addr_info']) ? entry['addr_info'] : []).map(fieldsOf)) {
      const prefix = one['prefixlen']
      if (typeof one['local'] !== 'string' || typeof prefix !== 'number') continue
      const label = textOf(one['label'])
      addresses.push({ link: index, address: one['local'], prefix, broadcast: textOf(one['broadcast']), label: label.includes(':') ? label : '', isSecondary: one['secondary'] === true })
    }
  }
  return { links, addresses }
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {})
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter(one => typeof one === 'string') : [])
