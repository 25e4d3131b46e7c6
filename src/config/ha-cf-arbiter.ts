/**
 * Reads the `arbiter` line of ha.cf: an etcd cluster that says which node may hold a group when the nodes do not hear
 * each other.
 *
 * Whoever can write to the service can take every group away, and whoever can read the wire learns the password: so what
 * travels without TLS is called so, loudly, unless it never leaves this host.
 *
 * Not here: whether the files exist and who may read them (arbiter/credentials.ts), whether the service answers
 * (arbiter/check.ts), how it is used (arbiter/etcd-arbiter.ts).
 */

import { millis, type Millis } from '../base/units.js'
import { parseIp, parseIpv4, parseIpv6, specialUse } from './address.js'
import type { Findings } from './diagnostics.js'
import type { Draft } from './ha-cf-draft.js'
import { piecesOf, shown, within, type Word } from './lexer.js'
import { didYouMean } from './nearest.js'
import type { ArbiterConfig, ArbiterEndpoint } from './types.js'
import { parseTime, shownTime } from './values.js'

export const arbiterSyntax = 'arbiter etcd URL[,URL...] [ttl=TIME] [user=NAME password-file=PATH] [ca=FILE] [cert=FILE key=FILE] [prefix=/PATH]'

/** What the line alone tells; the default of `prefix` needs the names of both nodes. */
export type ArbiterDraft = Omit<ArbiterConfig, 'prefix'> & { readonly prefix: string | null }

const ttlDefaultMs = millis(5000)
/** etcd of default settings grants no less than 2 s; an hour-long ttl would keep a dead node's groups for an hour. */
const ttlMinMs = millis(2000)
const ttlMaxMs = millis(60_000)
/** More members than any etcd cluster has. */
const endpointsMax = 9
const defaultPort = 2379

const optionNames = ['ttl', 'user', 'password-file', 'ca', 'cert', 'key', 'prefix'] as const
type OptionName = (typeof optionNames)[number]
type Options = ReadonlyMap<OptionName, Word>

export function onArbiter(values: readonly Word[], name: Word, draft: Draft, findings: Findings): void {
  const [kind, urls, ...rest] = values
  if (draft.arbiter !== null) {
    findings.error(name.position, {
      what: `a second \`arbiter\` (first on line ${draft.arbiter.position.line})`,
      why: 'two arbiters could give a group to one node each',
      fix: 'name the members of one etcd cluster in one line, separated by commas'
    })
    return
  }
  if (kind?.text !== 'etcd') {
    findings.error((kind ?? name).position, {
      what: `${shown(kind?.text ?? '')} is no arbiter`,
      why: '`etcd` is the only one this version can ask',
      fix: `write \`${arbiterSyntax}\``
    })
    return
  }
  if (urls === undefined) {
    findings.error(name.position, { what: '`arbiter etcd` names no URL', why: 'there is nobody to ask', fix: 'write e.g. `arbiter etcd https://10.0.0.9:2379`' })
    return
  }
  const errorsBefore = findings.errors
  const endpoints = readEndpoints(urls, findings)
  const options = readOptions(rest, findings)
  const ttlMs = readTtl(options.get('ttl'), findings)
  const prefix = readPrefix(options.get('prefix'), findings)
  checkPair('user', 'password-file', 'the service would be asked without a name', options, name, findings)
  checkPair('cert', 'key', 'a certificate is of use only with its key', options, name, findings)
  checkTls(endpoints, options, urls, findings)
  const [caFile, certFile, keyFile, passwordFile] = (['ca', 'cert', 'key', 'password-file'] as const).map(key => readFile(key, options.get(key), findings))
  if (findings.errors > errorsBefore) return
  draft.arbiter = {
    kind: 'etcd',
    endpoints,
    ttlMs,
    prefix,
    user: options.get('user')?.text ?? null,
    passwordFile: passwordFile ?? null,
    caFile: caFile ?? null,
    certFile: certFile ?? null,
    keyFile: keyFile ?? null,
    position: name.position
  }
}

/** Two clusters may share one etcd: without `prefix=` the names of the two nodes, whatever their order, keep them apart. */
export function arbiterOf(draft: ArbiterDraft | null, nodes: readonly string[]): ArbiterConfig | null {
  return draft === null ? null : { ...draft, prefix: draft.prefix ?? `/heartbeat/${[...nodes].sort().join('+')}` }
}

function readEndpoints(urls: Word, findings: Findings): readonly ArbiterEndpoint[] {
  const endpoints: ArbiterEndpoint[] = []
  for (const piece of piecesOf(urls, ',')) {
    const endpoint = readEndpoint(piece, findings)
    if (endpoint === null) continue
    if (endpoints.some(other => other.url === endpoint.url)) {
      findings.warning(piece.position, { what: `${endpoint.url} is listed again`, why: 'a member that is asked twice is no second member', fix: 'name each member once' })
    } else endpoints.push(endpoint)
  }
  if (endpoints.length > endpointsMax) {
    findings.error(urls.position, { what: `${endpoints.length} URLs`, why: `no etcd cluster has more than ${endpointsMax} members`, fix: 'name the members of one cluster' })
  }
  return endpoints
}

function readEndpoint(word: Word, findings: Findings): ArbiterEndpoint | null {
  const match = /^(https?):\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?\/?$/.exec(word.text)
  const [, protocol, bracketed = '', digits] = match ?? []
  const host = bracketed.replace(/^\[|\]$/g, '')
  const port = digits === undefined ? defaultPort : Number(digits)
  const looksLikeIpv4 = /^[0-9.]+$/.test(host)
  const isHost = bracketed.startsWith('[') ? parseIpv6(host) !== null : looksLikeIpv4 ? parseIpv4(host) !== null : /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host)
  if ((protocol !== 'http' && protocol !== 'https') || !isHost || port < 1 || port > 65535) {
    findings.error(word.position, {
      what: `${shown(word.text)} is not the URL of an etcd member`,
      why: 'it is made of http or https, an address and a port, nothing more',
      fix: 'write e.g. `https://10.0.0.9:2379` or `https://[2001:db8::9]:2379`, members separated by commas without blanks'
    })
    return null
  }
  const ip = parseIp(host)
  if (ip === null && host !== 'localhost') {
    findings.info(word.position, {
      what: `\`${host}\` is a name`,
      why: 'it is looked up for each connection: while the name server is silent, so is the arbiter',
      fix: 'write the address, or put the name into /etc/hosts on both nodes'
    })
  }
  const url = `${protocol}://${bracketed}:${port}`
  const isLoopback = ip === null ? host === 'localhost' : specialUse(ip)?.isLoopback === true
  if (protocol === 'http' && !isLoopback) {
    findings.warning(word.position, {
      what: `${url} is not encrypted`,
      why: 'whoever is on the wire can read the password and give or take any group',
      fix: 'write `https://` with `ca=FILE`, and let etcd serve TLS'
    })
  }
  return { url, isTls: protocol === 'https', host, port }
}

function readOptions(words: readonly Word[], findings: Findings): Options {
  const options = new Map<OptionName, Word>()
  for (const word of words) {
    const sign = word.text.indexOf('=')
    const key = sign < 0 ? word.text : word.text.slice(0, sign)
    const known = optionNames.find(candidate => candidate === key)
    if (known === undefined || sign < 0) {
      findings.error(word.position, {
        what: `\`arbiter\` cannot be ${shown(word.text)}`,
        why: known === undefined ? `its options are ${optionNames.join(', ')}` : 'a value is missing',
        fix: known === undefined ? `${didYouMean(key, optionNames)}write \`${arbiterSyntax}\`` : `write \`${key}=...\` without blanks`
      })
      continue
    }
    const value: Word = { text: word.text.slice(sign + 1), position: within(word, sign + 1) }
    if (value.text === '') {
      findings.error(word.position, { what: `\`${key}=\` has no value`, why: 'the option sets nothing', fix: 'write the value directly behind the `=`, or delete the option' })
    } else if (options.has(known)) {
      findings.error(word.position, { what: `\`${key}=\` is given twice`, why: 'only one of them can be meant', fix: 'delete one of them' })
    } else options.set(known, value)
  }
  return options
}

function readTtl(word: Word | undefined, findings: Findings): Millis {
  if (word === undefined) return ttlDefaultMs
  const parsed = parseTime(word.text)
  if (!parsed.ok) {
    findings.error(word.position, { what: `ttl cannot be ${shown(word.text)}`, why: 'the value is not understood', fix: parsed.fix })
    return ttlDefaultMs
  }
  if (parsed.value % 1000 !== 0) {
    findings.error(word.position, {
      what: `ttl ${shownTime(parsed.value)} is no whole number of seconds`,
      why: 'etcd counts leases in seconds',
      fix: `write \`ttl=${Math.max(ttlMinMs, Math.ceil(parsed.value / 1000) * 1000) / 1000}\``
    })
  } else if (parsed.value < ttlMinMs || parsed.value > ttlMaxMs) {
    findings.error(word.position, {
      what: `ttl ${shownTime(parsed.value)} is too ${parsed.value < ttlMinMs ? 'short' : 'long'}`,
      why: parsed.value < ttlMinMs ? 'etcd grants no lease below 2s, and one late answer would stop the groups' : 'the groups of a node that died alone stay down for that long',
      fix: `write a time from \`ttl=${ttlMinMs / 1000}\` to \`ttl=${ttlMaxMs / 1000}\``
    })
  }
  return parsed.value
}

function readPrefix(word: Word | undefined, findings: Findings): string | null {
  if (word === undefined) return null
  if (/^(?:\/[A-Za-z0-9._+-]+)+$/.test(word.text) && word.text.length <= 200) return word.text
  findings.error(word.position, {
    what: `prefix cannot be ${shown(word.text)}`,
    why: 'the keys of this cluster begin with it: a path of letters, digits and . _ + -',
    fix: 'write e.g. `prefix=/heartbeat/web`, the same on both nodes'
  })
  return null
}

function readFile(key: OptionName, word: Word | undefined, findings: Findings): string | null {
  if (word === undefined) return null
  if (/^\/[^\0]*[^/]$/.test(word.text)) return word.text
  findings.error(word.position, { what: `\`${key}=\` cannot be ${shown(word.text)}`, why: 'the daemon runs in no particular directory', fix: 'write the whole path of a file, beginning with `/`' })
  return null
}

function checkPair(a: OptionName, b: OptionName, why: string, options: Options, name: Word, findings: Findings): void {
  const [given, absent] = options.has(a) ? [a, b] : [b, a]
  if (options.has(a) === options.has(b)) return
  findings.error(options.get(given)?.position ?? name.position, { what: `\`${given}=\` without \`${absent}=\``, why, fix: `add \`${absent}=...\`, or delete \`${given}=\`` })
}

function checkTls(endpoints: readonly ArbiterEndpoint[], options: Options, urls: Word, findings: Findings): void {
  const unused = (['ca', 'cert', 'key'] as const).find(key => options.has(key))
  if (unused !== undefined && endpoints.length > 0 && !endpoints.some(endpoint => endpoint.isTls)) {
    findings.warning(options.get(unused)?.position ?? urls.position, { what: `\`${unused}=\` has no effect`, why: 'no URL begins with https', fix: 'write `https://` in the URLs' })
  }
}
