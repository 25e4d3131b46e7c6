/**
 * Asks all that must be asked before a connection may use the queue manager: is the password or token right, does the
 * channel exist and have room, what do the CHLAUTH records say. The decision itself is `decideChannel`, pure; here its
 * facts are gathered.
 */

import type { Administration } from '../core/administration.js'
import { decideChannel } from '../core/channel-authority.js'
import type { ChannelPolicy } from '../core/channel-authority.js'
import { numberOf, textOf } from '../core/definition.js'
import { reasons } from '../core/reason.js'
import type { Admission, Applicant } from './listener.js'
import type { Authenticator } from './users.js'

export interface GatekeeperOptions {
  readonly administration: Pick<Administration, 'find' | 'list'>
  readonly authenticator: Authenticator
  readonly isAdministrator: (user: string) => boolean
  /** The channel a connection of our own protocol gets when it names none. */
  readonly defaultChannel: string
  readonly instances: (channel: string, remoteAddress?: string) => number
  readonly note: (level: 'info' | 'warn', text: string) => void
}

export class Gatekeeper {
  readonly #options: GatekeeperOptions
  readonly #stopped = new Set<string>()

  constructor(options: GatekeeperOptions) {
    this.#options = options
  }

  /** STOP CHANNEL and START CHANNEL. */
  setStopped(channel: string, isStopped: boolean): void {
    if (isStopped) this.#stopped.add(channel)
    else this.#stopped.delete(channel)
  }

  isStopped(channel: string): boolean {
    return this.#stopped.has(channel)
  }

  async admit(applicant: Applicant): Promise<Admission> {
    const { credentials } = applicant
    let user = ''
    let isAuthenticated = false
    if (credentials.kind === 'password') {
      // A name without a password only says who somebody wants to be; rules may still let them in.
      user = credentials.user
      isAuthenticated = credentials.password !== '' && (await this.#options.authenticator.isPassword(user, credentials.password))
      // Programs on this machine may name a user that was never set up here (`guest`); a wrong password is wrong everywhere.
      const isExpected = !applicant.isLocal || this.#options.authenticator.isKnown(user)
      if (credentials.password !== '' && !isAuthenticated && isExpected) return this.#refuse(applicant, `AMQ5534: the password of user '${user.slice(0, 64)}' is wrong`)
    } else if (credentials.kind === 'token') {
      const owner = this.#options.authenticator.userOfToken(credentials.token)
      if (owner === null) return this.#refuse(applicant, 'AMQ5534: the token is not known')
      user = owner
      isAuthenticated = true
    }
    // The directory of the local socket has decided already who may come this way.
    if (applicant.remoteAddress === '') return { ok: true, user, channel: applicant.channel }
    const channel = applicant.channel !== '' ? applicant.channel : applicant.protocol === 'client' ? this.#options.defaultChannel : ''
    const policy = this.#policy(channel, applicant.remoteAddress)
    const decision = decideChannel({ channel, address: applicant.remoteAddress, user, isAuthenticated }, policy)
    if (!decision.allowed) return { ok: false, reason: decision.reason, why: `${decision.message}: ${decision.rule}`, channel }
    for (const warning of decision.warnings) this.#options.note('warn', `would have been refused but for WARN(YES): ${warning}`)
    const definition = policy.channel
    return {
      ok: true,
      user: decision.user,
      channel,
      ...(definition === undefined
        ? {}
        : { channelFacts: { name: channel, messageBytesMax: numberOf(definition, 'MAXMSGL', 4_194_304), heartbeatSeconds: numberOf(definition, 'HBINT', 300) } })
    }
  }

  #refuse(applicant: Applicant, why: string): Admission {
    return { ok: false, reason: reasons.notAuthorized, why, channel: applicant.channel }
  }

  #policy(channel: string, address: string): ChannelPolicy {
    const { administration, instances } = this.#options
    const queueManager = administration.list('QMGR')[0]
    const connectionAuthority = queueManager === undefined ? '' : textOf(queueManager, 'CONNAUTH')
    const information = connectionAuthority === '' ? null : administration.find('AUTHINFO', connectionAuthority)
    // Blank CONNAUTH asks nobody for a password; a name that leads nowhere is a mistake, and asks everybody.
    const check = connectionAuthority === '' ? 'NONE' : (information === null ? '' : textOf(information, 'CHCKCLNT')) || 'REQUIRED'
    return {
      channel: administration.find('CHANNEL', channel) ?? undefined,
      records: administration.list('CHLAUTH'),
      isChlauthEnabled: queueManager !== undefined && textOf(queueManager, 'CHLAUTH') === 'ENABLED',
      checkClient: check === 'OPTIONAL' || check === 'REQUIRED' || check === 'REQDADM' ? check : 'NONE',
      adoptsContext: information !== null && textOf(information, 'ADOPTCTX') === 'YES',
      isAdministrator: this.#options.isAdministrator,
      isStopped: this.#stopped.has(channel),
      instances: instances(channel),
      instancesOfAddress: instances(channel, address)
    }
  }
}
