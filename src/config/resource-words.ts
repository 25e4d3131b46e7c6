/**
 * Reads one word of haresources: a script with `::` arguments, or a bare address.
 *
 *   apache                                  script without arguments
 *   Filesystem::/dev/sdb1::/data::ext4      script and three arguments
 *   10.0.0.5/24/eth0/10.0.0.255             short for IPaddr::10.0.0.5/24/eth0/10.0.0.255
 *   2001:db8::5/64/eth0                     short for IPaddr2::2001:db8::5/64/eth0 (Linux-HA has no such shorthand)
 *   IPaddr2::2001:db8::5/64/eth0            one argument: the `::` belongs to the address
 *   Filesystem::[2001:db8::9]:/export::/data::nfs   in brackets an IPv6 address is whole for every script
 *
 * A word that reads as an IPv6 address is one, even where it could also be a script and an argument (`cafe::1`).
 *
 * Not here: groups and what may not stand in two of them (haresources.ts); whether the script exists (cli/check.ts).
 * Source: Linux-HA 3.0.6 ResourceManager, which turns every `::` into a blank; ours keeps IPv6 addresses.
 */

import {
  bitsOf, broadcastOf, canonical, formatIpv4, inSubnet, isInterfaceName, isLinkLocal, parseIp, parseIpv4, parseIpv6, parseMask, specialUse,
  type IpAddress
} from './address.js'
import type { Findings } from './diagnostics.js'
import { piecesOf, shown, within, type Word } from './lexer.js'
import type { ResourceSpec } from './types.js'

/** A floating address with what its word says about it; null where the word leaves it to each node. */
export interface FloatingAddress {
  readonly address: IpAddress
  /** The address's text without mask and interface, as written. */
  readonly text: string
  readonly prefix: number | null
  readonly nic: string | null
}

/** The scripts whose first argument is an address that they bring up. */
const addressTypes: readonly string[] = ['IPaddr', 'IPaddr2', 'IPv6addr']
/** These name an address too, but do not own it. */
const addressUsers: readonly string[] = ['IPsrcaddr', 'SendArp']

/** The resource, or null when the word is beyond recognition; all faults are reported either way. */
export function readResource(word: Word, findings: Findings): ResourceSpec | null {
  if (looksLikeAddress(word.text)) {
    const type = parseIpv6(addressPart(word.text)) === null ? 'IPaddr' : 'IPaddr2'
    checkAddress(word, type, findings)
    return { word: word.text, type, args: [word.text], position: word.position }
  }
  const separator = word.text.indexOf('::')
  const type = separator < 0 ? word.text : word.text.slice(0, separator)
  if (!checkType(word, type, findings)) return null
  checkQuotes(word, findings)
  if (separator < 0) {
    if (addressTypes.includes(type)) {
      findings.error(word.position, { what: `${shown(type)} has no address`, why: 'the script cannot know which address is meant', fix: `write \`${type}::ADDRESS/BITS/INTERFACE\`, e.g. \`${type}::10.0.0.5/24/eth0\`` })
    }
    return { word: word.text, type, args: [], position: word.position }
  }
  const rest = { text: word.text.slice(separator + 2), position: within(word, separator + 2) }
  const args = argumentsOf(rest, type)
  for (const arg of args.filter(arg => arg.text === '')) {
    findings.error(arg.position, {
      what: `${shown(type)} has an empty argument`,
      why: 'Linux-HA would drop it and shift the others; a script cannot be given an empty word',
      fix: args.at(-1) === arg ? 'delete the last `::`, or, if a blank follows it, delete the blank: arguments are joined by `::` alone' : 'write the argument, or delete one `::`'
    })
  }
  const [first] = args
  if (addressTypes.includes(type) && first !== undefined && first.text !== '') checkAddress(first, type, findings)
  return { word: word.text, type, args: args.map(arg => arg.text), position: word.position }
}

/** The address that the resource brings up, or null. */
export function floatingAddress(resource: ResourceSpec): FloatingAddress | null {
  const [first = ''] = resource.args
  const [text = '', mask, third] = first.split('/')
  const address = addressTypes.includes(resource.type) ? parseIp(text) : null
  if (address === null) return null
  const isNic = third !== undefined && third !== '' && !/^[0-9]/.test(third)
  return {
    address,
    text,
    prefix: mask === undefined ? null : parseMask(mask, address.family),
    nic: isNic ? third.replace(/:.*$/, '') : null
  }
}

const addressPart = (text: string): string => text.split('/')[0] ?? ''

/** Something that was meant to be an address, right or wrong. */
function looksLikeAddress(text: string): boolean {
  const address = addressPart(text)
  if (/^[0-9.]+$/.test(address) && address.includes('.')) return true
  if (/^[0-9][^.:]*(\.[0-9][^.:]*){3}/.test(address)) return true // Linux-HA's own pattern
  if (parseIpv6(address.replace(/%.*$/, '')) !== null) return true
  // Hex groups with a single colon somewhere: a mistyped IPv6 address rather than a script with arguments.
  return /^[0-9A-Fa-f:]+$/.test(address) && address.split(':').length > 3 && /[^:]:[^:]/.test(address)
}

function argumentsOf(rest: Word, type: string): readonly Word[] {
  const pieces = [...piecesOf(rest, '::')]
  const args: Word[] = []
  const isAddressFirst = addressTypes.includes(type) || addressUsers.includes(type)
  for (let next = pieces.shift(); next !== undefined; next = pieces.shift()) {
    const start = next
    const isWhole = isAddressFirst && args.length === 0 ? isIpv6Argument : isBracketed
    // A compressed address has one `::`, so it spans at most two pieces, or three when it begins or ends with it.
    const spans = [2, 1].map(more => [start, ...pieces.slice(0, more)].map(piece => piece.text).join('::'))
    const whole = spans.find(isWhole)
    if (whole !== undefined) {
      args.push({ text: whole, position: start.position })
      pieces.splice(0, whole.split('::').length - 1)
    } else {
      args.push(start)
    }
  }
  return args
}

/** `2001:db8::5`, perhaps with `/prefix/nic` behind it. */
function isIpv6Argument(text: string): boolean {
  const address = addressPart(text)
  return text.includes('::') && !text.slice(address.length).includes('::') && parseIpv6(address) !== null
}

/** `[2001:db8::9]:/export`: the only `::` stands within the brackets. */
function isBracketed(text: string): boolean {
  const match = /^\[([^\]]*)\](.*)$/.exec(text)
  return match !== null && text.includes('::') && !(match[2] ?? '').includes('::') && parseIpv6(match[1] ?? '') !== null
}

function checkType(word: Word, type: string, findings: Findings): boolean {
  if (/^[A-Za-z0-9][A-Za-z0-9._+@-]*$/.test(type)) return true
  const colon = type.indexOf(':')
  if (/^(ocf|lsb|systemd|service):/.test(type)) {
    findings.error(word.position, {
      what: `${shown(type)} names an agent in Pacemaker's way`,
      why: 'haresources names scripts of resource.d and /etc/init.d',
      fix: `write the script's own name, e.g. \`${type.split(':').at(-1) ?? type}\``
    })
  } else if (colon > 0) {
    findings.error(within(word, colon), {
      what: `a single \`:\` follows ${shown(type.slice(0, colon))}`,
      why: 'arguments are separated from the script and from each other by two',
      fix: `write \`${type.slice(0, colon)}::${type.slice(colon + 1)}\``
    })
  } else {
    findings.error(word.position, {
      what: `${shown(type === '' ? word.text : type)} cannot be the name of a script`,
      why: 'a script is named without its path; a blank ends a resource, so an argument cannot contain one',
      fix: type.startsWith('/') ? 'if it is an argument of the word before, join them with `::` and no blanks' : 'write SCRIPT or SCRIPT::ARGUMENT::ARGUMENT'
    })
  }
  return false
}

function checkQuotes(word: Word, findings: Findings): void {
  const quote = /["'\\]/.exec(word.text)
  if (quote === null) return
  const isOdd = quote[0] === '\\' || word.text.split(quote[0]).length % 2 === 0
  findings[isOdd ? 'error' : 'warning'](within(word, quote.index), {
    what: `${shown(quote[0])} has no meaning here`,
    why: isOdd
      ? 'it looks as if an argument should contain a blank, and none can: a blank always ends the resource'
      : 'the script is given the character as it stands',
    fix: quote[0] === '\\' ? 'use `\\` only as the last character of a line that goes on in the next' : 'write the argument without quotes and blanks, or a small script in resource.d that does'
  })
}

/** `address[/bits-or-mask[/interface[:label]][/broadcast]]`; a third part that begins with a digit is the broadcast. */
function checkAddress(word: Word, type: string, findings: Findings): void {
  const [addressWord = word, maskWord, ...tail] = piecesOf(word, '/')
  const address = parseIp(addressWord.text)
  if (address === null) {
    const zone = addressWord.text.indexOf('%')
    findings.error(zone < 0 ? addressWord.position : within(addressWord, zone), {
      what: `${shown(addressWord.text)} is not an IP address`,
      why: 'the resource could never start',
      fix: zone > 0 ? `write the interface behind the prefix: \`${addressWord.text.slice(0, zone)}/64/${addressWord.text.slice(zone + 1)}\`` : 'write four numbers from 0 to 255 without leading zeros, e.g. `10.0.0.5`, or an IPv6 address; names are not looked up'
    })
    return
  }
  if (type === 'IPv6addr' && address.family === 4) {
    findings.error(addressWord.position, { what: `${addressWord.text} is an IPv4 address`, why: 'IPv6addr brings up IPv6 addresses only', fix: `write \`IPaddr2::${word.text}\`` })
  }
  checkSpecialUse(addressWord, address, findings)
  const prefix = maskWord === undefined ? null : checkMask(maskWord, address, addressWord, findings)
  const isBroadcastThird = /^[0-9]/.test(tail[0]?.text ?? '')
  const nicWord = isBroadcastThird ? undefined : tail.shift()
  if (nicWord !== undefined) checkNic(nicWord, address, findings)
  else if (isLinkLocal(address)) {
    findings.error(addressWord.position, { what: `${addressWord.text} is a link-local address`, why: 'every interface has that network, so the interface must be named', fix: `write \`${addressWord.text}/64/INTERFACE\`` })
  }
  const [broadcastWord, extra] = tail
  if (broadcastWord !== undefined) checkBroadcast(broadcastWord, address, prefix, findings)
  if (extra !== undefined) {
    findings.error(extra.position, { what: `${shown(extra.text)} is one part too many`, why: 'nothing follows the broadcast address', fix: 'write ADDRESS/BITS/INTERFACE/BROADCAST' })
  }
}

function checkSpecialUse(word: Word, address: IpAddress, findings: Findings): void {
  const special = specialUse(address)
  if (special === null) return
  findings[special.isLoopback ? 'warning' : 'error'](word.position, {
    what: `${word.text} is ${special.phrase}`,
    why: special.isLoopback ? 'no other machine can reach it' : 'it cannot be given to an interface',
    fix: 'write an address of the network that the clients use'
  })
}

function checkMask(word: Word, address: IpAddress, addressWord: Word, findings: Findings): number | null {
  const prefix = parseMask(word.text, address.family)
  if (prefix === null || prefix === 0) {
    const range = address.family === 4 ? 'bits from 1 to 32, e.g. `24`, or a mask such as `255.255.255.0`' : 'bits from 1 to 128, e.g. `64`'
    findings.error(word.position, {
      what: `${shown(word.text)} is no network mask`,
      why: /^[A-Za-z]/.test(word.text) ? 'the mask stands between the address and the interface' : 'the subnet of the address cannot be told from it',
      fix: `write ${range}`
    })
    return null
  }
  const host = address.value & ((1n << BigInt(bitsOf(address.family) - prefix)) - 1n)
  const hasReserved = prefix < bitsOf(address.family) - 1
  if (hasReserved && host === 0n) {
    findings.error(addressWord.position, { what: `${addressWord.text} is the network's own address with mask ${word.text}`, why: 'no host may have it', fix: 'write an address within the network, or correct the mask' })
  } else if (broadcastOf(address, prefix) === address.value) {
    findings.error(addressWord.position, { what: `${addressWord.text} is the broadcast address with mask ${word.text}`, why: 'no host may have it', fix: 'write an address within the network, or correct the mask' })
  }
  return prefix
}

function checkNic(word: Word, address: IpAddress, findings: Findings): void {
  const [nic = word, label, extra] = piecesOf(word, ':')
  if (!isInterfaceName(nic.text) || label?.text === '' || extra !== undefined) {
    findings.error(word.position, { what: `${shown(word.text)} is no interface`, why: 'the third part names the interface, perhaps with a label: `eth0` or `eth0:web`', fix: 'write a name that `ip link` shows' })
  } else if (label !== undefined && address.family === 6) {
    findings.error(label.position, { what: `${shown(word.text)} has a label`, why: 'only IPv4 addresses have labels', fix: `write \`${nic.text}\`` })
  } else if (word.text.length > 15) {
    findings.error(word.position, { what: `${shown(word.text)} is longer than 15 characters`, why: 'the kernel refuses longer labels, interface and `:` included', fix: 'shorten the label' })
  }
}

function checkBroadcast(word: Word, address: IpAddress, prefix: number | null, findings: Findings): void {
  const broadcast = parseIpv4(word.text)
  if (address.family === 6) {
    findings.error(word.position, { what: `${shown(word.text)} follows an IPv6 address`, why: 'IPv6 has no broadcast addresses', fix: 'delete it' })
  } else if (broadcast === null) {
    findings.error(word.position, { what: `${shown(word.text)} is no broadcast address`, why: 'the last part is an IPv4 address', fix: 'write it as four numbers, or delete it: it follows from the mask' })
  } else if (prefix !== null) {
    const expected = broadcastOf(address, prefix)
    if (expected === null || broadcast.value === expected) return
    const isInside = inSubnet(address, broadcast, prefix)
    findings[isInside ? 'warning' : 'error'](word.position, {
      what: `${word.text} is not the broadcast address of ${canonical(address)}/${prefix}`,
      why: isInside ? 'neighbours with the usual one would miss broadcasts' : 'it lies outside the network of the address',
      fix: `write \`${formatIpv4(expected)}\`, or delete it: it follows from the mask`
    })
  }
}
