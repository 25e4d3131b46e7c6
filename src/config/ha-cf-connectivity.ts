/**
 * Reads what ha.cf says about the network around the nodes: ping, ping_group and deadping.
 *
 * A ping node stands for "the network is there": a router, a switch. What is no witness of that (this cluster's own
 * nodes, loopback) is said here as far as the file can tell.
 *
 * Not here: whether they answer (connectivity/), addresses of this host (connectivity/check.ts), what is done about it
 * (safety/).
 * Source: Linux-HA 3.0.6, ha.cf(5): ping, ping_group, deadping; ipfail.
 */

import { millis, type Millis } from '../base/units.js'
import { canonical, isLinkLocal, parseIp, specialUse } from './address.js'
import type { Findings } from './diagnostics.js'
import type { Draft } from './ha-cf-draft.js'
import { shown, type Word } from './lexer.js'
import type { ConnectivityConfig, HaCf, PingTarget } from './types.js'
import { shownTime } from './values.js'

/** Each address is a process of its own; more witnesses tell nothing new. */
const addressesMax = 32
/** ping may be run five times a second by anybody; below this a single lost answer would count as silence. */
const deadpingMinMs = millis(400)
const deadpingComfortMs = millis(800)

export function onPing(values: readonly Word[], name: Word, draft: Draft, findings: Findings): void {
  for (const word of values) {
    const address = readAddress(word, findings)
    if (address === null) continue
    const twin = draft.pings.find(target => target.kind === 'node' && isSame(target.name, address))
    if (twin !== undefined) {
      findings.warning(word.position, {
        what: `ping node ${address} is listed again (first on line ${twin.position.line})`,
        why: 'it is one witness, not two; the second is ignored',
        fix: 'delete one of the two'
      })
      continue
    }
    add({ kind: 'node', name: address, addresses: [address], position: word.position }, name, draft, findings)
  }
}

export function onPingGroup(values: readonly Word[], name: Word, draft: Draft, findings: Findings): void {
  const [group, ...words] = values
  if (group === undefined || words.length === 0) {
    findings.error(name.position, {
      what: `\`ping_group\` ${group === undefined ? 'has no name' : 'has no addresses'}`,
      why: 'a group is reached when any of its addresses answers',
      fix: 'write `ping_group NAME ADDRESS...`, e.g. `ping_group routers 10.0.0.1 10.0.0.2`'
    })
    return
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(group.text) || parseIp(group.text) !== null) {
    findings.error(group.position, {
      what: `${shown(group.text)} cannot be the name of a ping group`,
      why: parseIp(group.text) === null ? 'letters, digits, dots and dashes make a name, at most 64' : 'the first word is the name, addresses follow',
      fix: 'write `ping_group NAME ADDRESS...`'
    })
    return
  }
  const twin = draft.pings.find(target => target.kind === 'group' && target.name === group.text)
  if (twin !== undefined) {
    findings.error(group.position, {
      what: `ping group ${shown(group.text)} is named again (first on line ${twin.position.line})`,
      why: 'it would not be clear which is meant',
      fix: 'give each group its own name, or write all addresses in one line'
    })
    return
  }
  const addresses: string[] = []
  for (const word of words) {
    const address = readAddress(word, findings)
    if (address === null) continue
    if (addresses.some(other => isSame(other, address))) {
      findings.warning(word.position, { what: `${address} stands twice in this group`, why: 'it answers once', fix: 'delete one of the two' })
    } else addresses.push(address)
  }
  if (addresses.length > 0) add({ kind: 'group', name: group.text, addresses, position: name.position }, name, draft, findings)
}

/** The address in one spelling, or null with a finding. */
function readAddress(word: Word, findings: Findings): string | null {
  const ip = parseIp(word.text)
  if (ip === null) {
    const isZoned = parseIp(word.text.replace(/%.*$/, '')) !== null
    findings.error(word.position, {
      what: `${shown(word.text)} is not an IP address`,
      why: isZoned ? 'an address with a zone differs from node to node' : 'names are not looked up: a silent name server would look like a network that is gone',
      fix: isZoned ? 'write an address that both nodes reach by their routes' : 'write the address in numbers, e.g. `10.0.0.254` or `2001:db8::1`'
    })
    return null
  }
  const special = specialUse(ip)
  if (special?.isLoopback === true) {
    findings.warning(word.position, { what: `${word.text} is ${special.phrase}`, why: 'it answers as long as this host runs, with or without a network', fix: 'write the address of a router or switch' })
  } else if (special !== null || isLinkLocal(ip)) {
    findings.error(word.position, {
      what: `${word.text} is ${special?.phrase ?? 'a link-local address'}`,
      why: special === null ? 'which of the networks is meant cannot be told from it' : 'one host must answer, always the same',
      fix: 'write the address of a router or switch that both nodes reach'
    })
    return null
  }
  return word.text.toLowerCase()
}

/** IPv6 has many spellings for one address. */
function isSame(a: string, b: string): boolean {
  const [left, right] = [parseIp(a), parseIp(b)]
  return left !== null && right !== null && canonical(left) === canonical(right)
}

function add(target: PingTarget, at: Word, draft: Draft, findings: Findings): void {
  const known = new Set(draft.pings.flatMap(other => other.addresses))
  const total = new Set([...known, ...target.addresses]).size
  if (total > addressesMax) {
    findings.error(at.position, { what: `more than ${addressesMax} addresses to ping`, why: 'each is a process of its own, and tells nothing that the others do not', fix: 'keep the few that stand for the network' })
    return
  }
  draft.pings.push(target)
}

/** Joins the lines and looks at them together; null when nothing is to be pinged. */
export function connectivityOf(draft: Draft, cf: Pick<HaCf, 'deadtimeMs' | 'media' | 'nodes'>, findings: Findings): ConnectivityConfig | null {
  const deadping = draft.times.get('deadping')
  if (draft.pings.length === 0) {
    if (deadping !== undefined && !draft.broken.has('ping') && !draft.broken.has('ping_group')) {
      findings.warning(deadping.position, { what: '`deadping` without ping nodes', why: 'nothing is pinged, so it has no effect', fix: 'add a line `ping ADDRESS`, or delete this one' })
    }
    return null
  }
  const deadpingMs = deadping?.value ?? cf.deadtimeMs
  if (deadping !== undefined) checkDeadping(deadping.value, deadping.position, findings)
  const peers = new Map(cf.media.flatMap(medium => (medium.kind === 'ucast' ? [[medium.address, medium.position.line] as const] : [])))
  for (const target of draft.pings) {
    if (target.kind === 'group' && cf.nodes.includes(target.name.toLowerCase())) {
      findings.error(target.position, { what: `ping group ${shown(target.name)} has the name of a node`, why: 'status could not tell them apart', fix: 'give the group another name' })
    }
    const own = target.addresses.find(address => peers.has(address))
    if (own === undefined) continue
    findings.warning(target.position, {
      what: `${own} is a node of this cluster (ucast on line ${peers.get(own) ?? 0})`,
      why: 'it falls silent exactly when the peer dies, so it says nothing about the network then',
      fix: 'ping a router or switch instead'
    })
  }
  // Whoever set only a short deadtime has not asked for a short deadping.
  return { targets: [...draft.pings], deadpingMs: millis(Math.max(deadpingMs, deadpingMinMs)) }
}

function checkDeadping(value: Millis, position: PingTarget['position'], findings: Findings): void {
  if (value < deadpingMinMs) {
    findings.error(position, { what: `deadping ${shownTime(value)} is too short`, why: 'ping asks five times a second at most, so one lost answer would count as silence', fix: `write \`deadping ${deadpingComfortMs}ms\` or longer` })
  } else if (value < deadpingComfortMs) {
    findings.warning(position, { what: `deadping ${shownTime(value)} is short`, why: 'two or three lost answers in a row count as silence, and routers answer pings last', fix: `write \`deadping ${deadpingComfortMs}ms\` or longer` })
  }
}
