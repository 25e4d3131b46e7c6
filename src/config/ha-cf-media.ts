/**
 * Reads the media lines of ha.cf: bcast, ucast and mcast.
 *
 * A heartbeat that waits for a name server is no heartbeat, so addresses are written as numbers. A ucast line with the
 * node's own address is normal (both nodes have the same file) and is kept; the link layer leaves it out.
 *
 * Not here: whether the interface exists on this host (cli/check.ts), udpport (it may stand on a later line).
 * Source: Linux-HA 3.0.6, bcast(5), ucast(5), mcast(5) sections of ha.cf.
 */

import { isInterfaceName, parseIpv4, parseIpv6, specialUse, type IpAddress } from './address.js'
import { bounds } from './defaults.js'
import type { Findings } from './diagnostics.js'
import type { Draft, Unported } from './ha-cf-draft.js'
import { shown, type Word } from './lexer.js'
import { parseNumber } from './values.js'

export function onBcast(values: readonly Word[], name: Word, draft: Draft, findings: Findings): void {
  for (const word of values) {
    if (checkInterface(word, findings)) add({ kind: 'bcast', name: word.text, port: null, position: name.position }, word, draft, findings)
  }
}

export function onUcast(values: readonly Word[], name: Word, draft: Draft, findings: Findings): void {
  const [device, address, extra] = values
  if (device === undefined || address === undefined) {
    wrongCount(name, 'ucast INTERFACE ADDRESS', 'ucast eth1 10.0.0.2', findings)
    return
  }
  if (extra !== undefined) {
    findings.error(extra.position, {
      what: `\`ucast\` has a third word ${shown(extra.text)}`,
      why: 'each line names one address of one node',
      fix: 'write one `ucast INTERFACE ADDRESS` line for each address'
    })
  }
  const hasInterface = checkInterface(device, findings)
  const ip = checkPeerAddress(address, findings)
  if (!hasInterface || ip === null) return
  add({ kind: 'ucast', name: device.text, address: address.text, port: null, position: name.position }, name, draft, findings)
}

function checkPeerAddress(word: Word, findings: Findings): IpAddress | null {
  const ip = parseIpv4(word.text)
  if (ip === null) {
    const isIpv6 = parseIpv6(word.text.replace(/[%/].*$/, '')) !== null
    findings.error(word.position, {
      what: `\`ucast\` cannot send to ${shown(word.text)}`,
      why: isIpv6
        ? 'heartbeats travel over IPv4 only in this version'
        : 'it is not an IP address, and names are not looked up on the heartbeat path: a name server that hangs would look like a dead peer',
      fix: isIpv6 ? 'write the IPv4 address of the peer on this link' : 'write the address as four numbers, e.g. `10.0.0.2`'
    })
    return null
  }
  const special = specialUse(ip)
  if (special === null) return ip
  if (special.isLoopback) {
    findings.warning(word.position, {
      what: `${word.text} is ${special.phrase}`,
      why: 'only a peer on this same machine could be heard there',
      fix: 'write the address of the other node on this link'
    })
    return ip
  }
  findings.error(word.position, {
    what: `${word.text} is ${special.phrase}`,
    why: '`ucast` sends to one node',
    fix: 'write the address of the other node, or use `bcast` or `mcast`'
  })
  return null
}

export function onMcast(values: readonly Word[], name: Word, draft: Draft, findings: Findings): void {
  const [device, group, port, ttl, loop, extra] = values
  if (device === undefined || group === undefined || port === undefined || ttl === undefined || loop === undefined || extra !== undefined) {
    wrongCount(name, 'mcast INTERFACE GROUP PORT TTL LOOP', 'mcast eth1 239.0.0.42 694 1 0', findings)
    return
  }
  const hasInterface = checkInterface(device, findings)
  const top = Number((parseIpv4(group.text)?.value ?? 0n) >> 24n)
  const isGroup = top >= 224 && top <= 239
  if (!isGroup) {
    findings.error(group.position, {
      what: `${shown(group.text)} is not a multicast group`,
      why: 'a group is an address from 224.0.0.0 to 239.255.255.255',
      fix: 'write a group of the local scope, e.g. `239.0.0.42`'
    })
  }
  const portNumber = takeNumber(port, 'PORT', 1, 65535, findings)
  const ttlNumber = takeNumber(ttl, 'TTL', 0, 255, findings)
  const loopNumber = takeNumber(loop, 'LOOP', 0, 1, findings)
  if (ttlNumber === 0) {
    findings.warning(ttl.position, { what: 'TTL is 0', why: 'such datagrams never leave this host, so the peer is not heard', fix: 'write `1` for a peer in the same network' })
  }
  if (!hasInterface || !isGroup || portNumber === null || ttlNumber === null || loopNumber === null) return
  const twin = draft.media.find(medium => medium.kind === 'mcast' && medium.group === group.text && medium.name !== device.text)
  if (twin !== undefined) {
    findings.warning(group.position, {
      what: `group ${group.text} is used on ${twin.name} and on ${device.text}`,
      why: 'both links hear what arrives on either, so a cut cable goes unnoticed',
      fix: 'give each interface its own group'
    })
  }
  const spec: Unported = {
    kind: 'mcast', name: device.text, group: group.text, port: portNumber, ttl: ttlNumber, loop: loopNumber === 1, position: name.position
  }
  add(spec, name, draft, findings)
}

function add(spec: Unported, at: Word, draft: Draft, findings: Findings): void {
  const twin = draft.media.find(medium => sameMedium(medium, spec))
  if (twin !== undefined) {
    findings.warning(at.position, {
      what: `this medium is listed again (first on line ${twin.position.line})`,
      why: 'every datagram would be sent twice on the same wire; the second line is ignored',
      fix: 'delete one of the two lines'
    })
    return
  }
  if (draft.media.length >= bounds.mediaMax) {
    findings.error(at.position, { what: `more than ${bounds.mediaMax} media`, why: 'each is a socket and a datagram per keepalive', fix: 'keep the two or three best links' })
    return
  }
  draft.media.push(spec)
}

function sameMedium(a: Unported, b: Unported): boolean {
  if (a.kind !== b.kind || a.name !== b.name) return false
  if (a.kind === 'ucast' && b.kind === 'ucast') return a.address === b.address
  if (a.kind === 'mcast' && b.kind === 'mcast') return a.group === b.group && a.port === b.port
  return true
}

function checkInterface(word: Word, findings: Findings): boolean {
  if (isInterfaceName(word.text)) return true
  const isLabel = /^[^\s/:]{1,15}:/.test(word.text)
  findings.error(word.position, {
    what: `${shown(word.text)} cannot be an interface name`,
    why: isLabel ? 'what stands behind the `:` is the label of an address, not an interface' : 'the kernel allows 15 characters, without `/`, `:` and blanks',
    fix: isLabel ? `write \`${word.text.replace(/:.*$/, '')}\`` : 'write a name that `ip link` shows'
  })
  return false
}

function takeNumber(word: Word, what: string, min: number, max: number, findings: Findings): number | null {
  const parsed = parseNumber(word.text, min, max)
  if (parsed.ok) return parsed.value
  findings.error(word.position, { what: `${what} cannot be ${shown(word.text)}`, why: 'the value is not understood', fix: parsed.fix })
  return null
}

function wrongCount(name: Word, syntax: string, example: string, findings: Findings): void {
  findings.error(name.position, {
    what: `\`${name.text}\` has the wrong number of words`,
    why: 'the link cannot be set up from it',
    fix: `write \`${syntax}\`, separated by blanks, e.g. \`${example}\``
  })
}
