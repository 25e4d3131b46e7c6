/**
 * Decides whether a client may use a channel, and as which user: channel authentication records (CHLAUTH), the channel's
 * own MCAUSER, and whether a password is demanded. Pure; whoever holds the socket supplies the facts and obeys.
 *
 * Think of a gate with four guards, each asked only when the one before let you pass:
 *  1. BLOCKADDR: addresses that are turned away before anybody asks for a channel.
 *  2. The channel: is there one of that name for clients, is it started, is there room.
 *  3. Mapping: of all records whose profile fits, the most specific one says which user the client becomes, or NOACCESS.
 *  4. The password, when the record or the queue manager demands one; then BLOCKUSER looks at the user that came out.
 *
 * The sentence in `rule` names what decided; it goes to the error log, never to the client.
 * Source: queue manager reference 3.9. We differ in two ways. CHCKCLNT of the queue manager spares clients of this very
 * machine (loopback); a record with CHCKCLNT(REQUIRED) spares nobody. And a channel whose definition names an MCAUSER is an
 * administrator's own word that whoever reaches it acts as that user: CHCKCLNT of the queue manager and a BLOCKUSER
 * record for `*MQADMIN` do not apply to it (walkthroughs define such channels); other records do.
 */

import { matchesAddress, addressBreadth, isLoopback, parseAddress } from './address-pattern.js'
import { numberOf, textOf } from './definition.js'
import type { ObjectDefinition } from './definition.js'
import { reasons } from './reason.js'
import type { Reason } from './reason.js'

export const channelRuleTypes = ['BLOCKADDR', 'BLOCKUSER', 'ADDRESSMAP', 'USERMAP', 'QMGRMAP', 'SSLPEERMAP'] as const
export type ChannelRuleType = (typeof channelRuleTypes)[number]
export const isChannelRuleType = (word: string): word is ChannelRuleType => (channelRuleTypes as readonly string[]).includes(word)

export interface ChannelRequest {
  /** As the client named it; '' when its protocol knows no channels: then only records for `*` apply. */
  readonly channel: string
  /** IPv4 or IPv6 in text form; '' for a connection that has none (a Unix socket). */
  readonly address: string
  /** The user the client says it is, or the one its password or token proved. */
  readonly user: string
  /** A password or a token was given and found right. */
  readonly isAuthenticated: boolean
}

export interface ChannelPolicy {
  /** The definition of the channel asked for; undefined when there is none. */
  readonly channel: ObjectDefinition | undefined
  /** All CHLAUTH records. */
  readonly records: readonly ObjectDefinition[]
  /** CHLAUTH of the queue manager. */
  readonly isChlauthEnabled: boolean
  /** CHCKCLNT of the authentication information CONNAUTH names; NONE when CONNAUTH is blank. */
  readonly checkClient: 'NONE' | 'OPTIONAL' | 'REQUIRED' | 'REQDADM'
  /** ADOPTCTX: a proved user is who the connection runs as, whatever the channel's MCAUSER says. */
  readonly adoptsContext: boolean
  readonly isAdministrator: (user: string) => boolean
  /** STOP CHANNEL is in force. */
  readonly isStopped?: boolean
  /** Running instances of the channel, and those of them from this address. */
  readonly instances?: number
  readonly instancesOfAddress?: number
}

export type ChannelDecision =
  | { readonly allowed: true; readonly user: string; readonly rule: string; /** Records with WARN(YES) that would have refused. */ readonly warnings: readonly string[] }
  /** `message` is the id for the error log. */
  | { readonly allowed: false; readonly reason: Reason; readonly rule: string; readonly message: 'AMQ9776' | 'AMQ9777' | 'AMQ9519' | 'AMQ9533' | 'AMQ9694' | 'AMQ5534' }

/** Name under which a record is kept: what makes it another record, joined. */
export const channelRuleName = (attributes: ObjectDefinition['attributes']): string =>
  ['CHLAUTH', 'TYPE', 'SSLPEER', 'SSLCERTI', 'QMNAME', 'CLNTUSER', 'ADDRESS']
    .map(key => {
      const value = attributes[key]
      return typeof value === 'string' ? value.replace(/[%|]/g, character => `%${character.charCodeAt(0).toString(16)}`) : ''
    })
    .join('|')
    .replace(/\|+$/, '')

const refused = (reason: Reason, rule: string, message: 'AMQ9776' | 'AMQ9777' | 'AMQ9519' | 'AMQ9533' | 'AMQ9694' | 'AMQ5534'): ChannelDecision => ({ allowed: false, reason, rule, message })

export function decideChannel(request: ChannelRequest, policy: ChannelPolicy): ChannelDecision {
  const warnings: string[] = []
  const records = policy.isChlauthEnabled ? policy.records : []
  const blocked = blockedAddress(records, request.address)
  if (blocked !== undefined) {
    if (!warns(blocked)) return refused(reasons.notAuthorized, describe(blocked), 'AMQ9777')
    warnings.push(describe(blocked))
  }
  const unusable = refusalOfChannel(request, policy)
  if (unusable !== null) return unusable

  const rule = mappingRule(records, request)
  if (rule !== null && textOf(rule, 'USERSRC') === 'NOACCESS') {
    if (!warns(rule)) return refused(reasons.notAuthorized, describe(rule), 'AMQ9777')
    warnings.push(describe(rule))
  }
  const user = mappedUser(rule, request, policy)
  const isOpened = policy.channel !== undefined && textOf(policy.channel, 'MCAUSER') !== '' && user === textOf(policy.channel, 'MCAUSER')
  const demand = passwordDemand(rule, user, request, policy, isOpened)
  if (demand !== null && !request.isAuthenticated) return refused(reasons.notAuthorized, demand, 'AMQ5534')

  const block = userBlock(records, request.channel)
  if (block !== null && listOf(block, 'USERLIST').some(entry => (entry === '*MQADMIN' ? !isOpened : true) && isListedUser(entry, user, policy))) {
    if (!warns(block)) return refused(reasons.notAuthorized, `${describe(block)} for user '${user}'`, 'AMQ9776')
    warnings.push(`${describe(block)} for user '${user}'`)
  }
  return { allowed: true, user, rule: rule === null ? 'no record applies' : describe(rule), warnings }
}

/** The record that would decide for such a client, for DISPLAY CHLAUTH MATCH(RUNCHECK); null when none would. */
export function ruleInForce(records: readonly ObjectDefinition[], request: ChannelRequest): ObjectDefinition | null {
  return blockedAddress(records, request.address) ?? mappingRule(records, request)
}

const blockedAddress = (records: readonly ObjectDefinition[], address: string): ObjectDefinition | undefined =>
  records.find(record => typeOf(record) === 'BLOCKADDR' && listOf(record, 'ADDRLIST').some(pattern => matchesAddress(pattern, address)))

function refusalOfChannel(request: ChannelRequest, policy: ChannelPolicy): ChannelDecision | null {
  if (request.channel === '') return null
  const { channel } = policy
  if (channel === undefined) return refused(reasons.unknownChannelName, `channel '${request.channel}' is not defined`, 'AMQ9519')
  const type = textOf(channel, 'CHLTYPE')
  if (type !== 'SVRCONN') return refused(reasons.channelConfigError, `channel '${request.channel}' is of type ${type}; clients need SVRCONN`, 'AMQ9519')
  if (policy.isStopped === true) return refused(reasons.channelNotAvailable, `channel '${request.channel}' is stopped`, 'AMQ9533')
  const most = numberOf(channel, 'MAXINST', Infinity)
  if ((policy.instances ?? 0) >= most) return refused(reasons.channelNotAvailable, `channel '${request.channel}' runs MAXINST(${most}) times`, 'AMQ9694')
  const mostOfAddress = numberOf(channel, 'MAXINSTC', Infinity)
  if ((policy.instancesOfAddress ?? 0) >= mostOfAddress) {
    return refused(reasons.channelNotAvailable, `channel '${request.channel}' runs MAXINSTC(${mostOfAddress}) times for ${request.address}`, 'AMQ9694')
  }
  return null
}

const typeOf = (record: ObjectDefinition): string => textOf(record, 'TYPE')
const warns = (record: ObjectDefinition): boolean => textOf(record, 'WARN') === 'YES'
const listOf = (record: ObjectDefinition, attribute: string): readonly string[] => {
  const value = record.attributes[attribute]
  return Array.isArray(value) ? (value as readonly string[]) : []
}

/** How a record is named in the log: `SET CHLAUTH('SYSTEM.*') TYPE(ADDRESSMAP) ADDRESS('*')`. */
function describe(record: ObjectDefinition): string {
  const keys = ['ADDRESS', 'CLNTUSER'].map(key => [key, textOf(record, key)] as const).filter(([, value]) => value !== '')
  const lists = ['ADDRLIST', 'USERLIST'].map(key => [key, listOf(record, key)] as const).filter(([, value]) => value.length > 0)
  return [
    `CHLAUTH('${textOf(record, 'CHLAUTH')}') TYPE(${typeOf(record)})`,
    ...keys.map(([key, value]) => `${key}('${value}')`),
    ...lists.map(([key, value]) => `${key}(${value.map(item => `'${item}'`).join(',')})`)
  ].join(' ')
}

/** The record that says who the client becomes: most specific profile, then user before address, then narrower address. */
function mappingRule(records: readonly ObjectDefinition[], request: ChannelRequest): ObjectDefinition | null {
  let best: { readonly record: ObjectDefinition; readonly rank: readonly number[] } | null = null
  for (const record of records) {
    const rank = rankOf(record, request)
    if (rank !== null && (best === null || compareRanks(rank, best.rank) < 0)) best = { record, rank }
  }
  return best?.record ?? null
}

/** Smaller is more specific; null when the record does not apply. */
function rankOf(record: ObjectDefinition, request: ChannelRequest): readonly number[] | null {
  const type = typeOf(record)
  if (type !== 'USERMAP' && type !== 'ADDRESSMAP') return null // the others are about queue managers and certificates
  const profile = textOf(record, 'CHLAUTH')
  if (!matchesProfile(profile, request.channel)) return null
  const address = textOf(record, 'ADDRESS')
  if (address !== '' && !matchesAddress(address, request.address)) return null
  const user = textOf(record, 'CLNTUSER')
  if (type === 'USERMAP' && (request.user === '' || user !== request.user)) return null
  return [...profileRank(profile), type === 'USERMAP' ? 0 : 1, address === '' ? Infinity : addressBreadth(address)]
}

function compareRanks(left: readonly number[], right: readonly number[]): number {
  for (let index = 0; index < left.length; index += 1) {
    const a = left[index] ?? 0
    const b = right[index] ?? 0
    if (a !== b) return a < b ? -1 : 1
  }
  return 0
}

/** `*` stands for any characters, anywhere in a profile. Linear in the name: at most 20 characters are compared. */
export function matchesProfile(profile: string, channel: string): boolean {
  const [head = '', ...rest] = profile.split('*')
  if (rest.length === 0) return profile === channel
  if (!channel.startsWith(head)) return false
  let at = head.length
  const tail = rest.pop() ?? ''
  for (const part of rest) {
    const found = channel.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return channel.length - tail.length >= at && channel.endsWith(tail)
}

/** Exact before generic; of generic ones more letters before the first star, then more letters altogether. */
function profileRank(profile: string): readonly number[] {
  const star = profile.indexOf('*')
  if (star < 0) return [0, 0, 0]
  return [1, -star, -profile.replaceAll('*', '').length]
}

function mappedUser(rule: ObjectDefinition | null, request: ChannelRequest, policy: ChannelPolicy): string {
  if (rule !== null && textOf(rule, 'USERSRC') === 'MAP') return textOf(rule, 'MCAUSER')
  if (request.isAuthenticated && policy.adoptsContext) return request.user
  const own = policy.channel === undefined ? '' : textOf(policy.channel, 'MCAUSER')
  return own === '' ? request.user : own
}

/** Why a password is needed, or null when none is. */
function passwordDemand(rule: ObjectDefinition | null, user: string, request: ChannelRequest, policy: ChannelPolicy, isOpened: boolean): string | null {
  const ofRule = rule === null ? 'ASQMGR' : textOf(rule, 'CHCKCLNT')
  const isPrivileged = policy.isAdministrator(user) || policy.isAdministrator(request.user)
  if (rule !== null && (ofRule === 'REQUIRED' || (ofRule === 'REQDADM' && isPrivileged))) return `${describe(rule)} CHCKCLNT(${ofRule}): a password or token is needed`
  if (ofRule === 'REQDADM' || isOpened) return null // a record, or the channel itself, says that no password is needed
  const address = parseAddress(request.address)
  if (address === null || isLoopback(address)) return null
  const demands = policy.checkClient === 'REQUIRED' || (policy.checkClient === 'REQDADM' && isPrivileged)
  return demands ? `CONNAUTH with CHCKCLNT(${policy.checkClient}): a password or token is needed` : null
}

/** Of the BLOCKUSER records only the one with the most specific profile counts, so that one channel can be opened. */
function userBlock(records: readonly ObjectDefinition[], channel: string): ObjectDefinition | null {
  let best: ObjectDefinition | null = null
  for (const record of records) {
    if (typeOf(record) !== 'BLOCKUSER' || !matchesProfile(textOf(record, 'CHLAUTH'), channel)) continue
    if (best === null || compareRanks(profileRank(textOf(record, 'CHLAUTH')), profileRank(textOf(best, 'CHLAUTH'))) < 0) best = record
  }
  return best
}

const isListedUser = (entry: string, user: string, policy: ChannelPolicy): boolean => (entry === '*MQADMIN' ? policy.isAdministrator(user) : entry === user)
