/**
 * What the sample programs share: arguments, where they connect, how they end.
 *
 * Local programs reach the queue manager by its Unix socket; MQSERVER (`CHANNEL/TCP/'host(port)'`) or `--conn` leads to one
 * elsewhere. They end with the reason code of what failed. The shell sees it modulo 256; since 2048 would look like
 * success, such a code ends as 1. Missing or wrong arguments end with 99. Source: reference 1.14.
 */

import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { Command, CommanderError } from 'commander'
import { HaError } from '../../base/errors.js'
import type { CommandContext } from '../../cli/context.js'
import { connect, MqError, reasons } from '../../client/client.js'
import type { Connection, ConnectionNotice, ConnectOptions, FailoverOptions, Received } from '../../client/client.js'
import { layoutFrom, localFiles } from '../installation/layout.js'
import { findQueueManager, readInstallation } from '../installation/mqs-ini.js'
import { directoryName } from '../installation/names.js'
import { productVersion } from './product.js'

export const wrongUse = 99

/** The exit status that tells a reason as far as one byte can. */
export const statusOf = (reason: number): number => (reason === 0 ? 0 : reason % 256 === 0 ? 1 : reason)

export interface SampleContext extends CommandContext {
  /** Where the messages or answers come from. */
  readonly input?: Readable
}

export interface ConnectionWords {
  readonly conn?: string
  readonly channel?: string
  readonly user?: string
  readonly passwordFile?: string
  readonly tokenFile?: string
  readonly json?: true
}

export interface SampleDescription {
  readonly name: string
  readonly about: string
  /** Adds the program's own arguments and options. Default: `<queue> [queue-manager]`. */
  describe?(command: Command): void
}

/** The arguments, or the exit status when there is nothing to run: help, version, wrong use. */
export function parseSample(description: SampleDescription, args: readonly string[], context: CommandContext): Command | number {
  const command = new Command(description.name)
    .description(description.about)
    .option('--conn <address>', "tcp://host:1414, tls://host:1414, unix:/path, failover:(…), or CHANNEL/TCP/'host(port)'; default MQSERVER, else the local socket")
    .option('--channel <name>', 'SVRCONN channel, when the address does not name one')
    .option('--user <name>', 'user for the password check; default MQSAMP_USER_ID')
    .option('--password-file <path>', 'its first line is the password; default MQSAMP_PASSWORD')
    .option('--token-file <path>', 'its first line is a token, instead of user and password')
    .version(productVersion().version, '--version')
    .addHelpText('after', '\nExit status: 0, or the reason code of what failed, of which a shell sees the last byte; 99 wrong use.')
    .exitOverride()
    .configureOutput({ writeOut: text => context.out(text.trimEnd()), writeErr: text => context.err(text.trimEnd()) })
  if (description.describe === undefined) command.argument('<queue>').argument('[queue-manager]')
  else description.describe(command)
  try {
    return command.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.missingArgument') context.out('Required parameter missing - queue name')
    return error.exitCode === 0 ? 0 : wrongUse
  }
}

export interface ConnectingOptions {
  readonly isClient?: boolean
  readonly failover?: Partial<FailoverOptions>
  readonly onNotice?: (notice: ConnectionNotice) => void
}

/** Rejects with MqError, also for mistakes in files and names (2058 no such queue manager here, 2035 an unreadable password). */
export async function connectSample(command: Command, queueManager: string, context: CommandContext, options: ConnectingOptions = {}): Promise<Connection> {
  const words = command.opts<ConnectionWords>()
  const given: ConnectOptions = {
    address: words.conn ?? serverOf(context) ?? localAddress(queueManager, context, options.isClient === true),
    queueManager: queueManager.replace(/^\*/, ''),
    application: command.name(),
    ...(words.channel === undefined ? {} : { channel: words.channel }),
    ...credentialsOf(words, context),
    ...(options.failover === undefined ? {} : { failover: options.failover }),
    ...(options.onNotice === undefined ? {} : { onNotice: options.onNotice })
  }
  // A name with an asterisk before it takes whichever queue manager answers.
  return await connect(queueManager.startsWith('*') ? { ...given, queueManager: '' } : given)
}

const serverOf = ({ env }: CommandContext): string | undefined => (env['MQSERVER'] === '' ? undefined : env['MQSERVER'])

function localAddress(name: string, context: CommandContext, isClient: boolean): string {
  if (isClient) throw new MqError(reasons.channelConfigError, "set MQSERVER=CHANNEL/TCP/'host(port)' or give --conn")
  const layout = layoutFrom(context.env)
  try {
    const installation = readInstallation(layout)
    const wanted = name === '' || name === '*' ? installation.defaultName : name
    if (wanted === null) throw new MqError(reasons.queueManagerNameError, 'there is no default queue manager; name one')
    const known = findQueueManager(installation, wanted)
    return `unix:${localFiles(layout, known?.directory ?? directoryName(wanted)).socket}`
  } catch (error) {
    if (error instanceof HaError) throw new MqError(reasons.queueManagerNotAvailable, error.message, { cause: error })
    throw error
  }
}

function credentialsOf(words: ConnectionWords, { env }: CommandContext): Pick<ConnectOptions, 'user' | 'password' | 'token'> {
  if (words.tokenFile !== undefined) return { token: firstLine(words.tokenFile) }
  const user = words.user ?? env['MQSAMP_USER_ID']
  if (user === undefined || user === '') return {}
  return { user, password: words.passwordFile === undefined ? (env['MQSAMP_PASSWORD'] ?? '') : firstLine(words.passwordFile) }
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').split('\n', 1)[0] ?? ''
  } catch (error) {
    throw new MqError(reasons.notAuthorized, `${file} cannot be read`, { cause: error })
  }
}

/** Says which call is under way, and what is said besides when it fails. */
export type At = (call: string, remark?: string) => void

/**
 * Runs a program's steps and turns their failure into its words: `MQCONN ended with reason code 2059`, then the remark.
 * Anything that is no MqError is a bug and goes on.
 */
export async function runSample(context: CommandContext, steps: (at: At) => Promise<number>): Promise<number> {
  let call = 'MQCONN'
  let remark: string | undefined
  try {
    return await steps((now, then) => {
      call = now
      remark = then
    })
  } catch (error) {
    if (!(error instanceof MqError)) throw error
    context.out(`${call} ended with reason code ${error.reason}`)
    if (remark !== undefined) context.out(remark)
    context.err(error.message)
    return statusOf(error.reason)
  }
}

/** A message as one JSON object on one line. */
export function messageJson(message: Received): string {
  const { descriptor } = message
  const isText = descriptor.format === 'MQSTR'
  return JSON.stringify({
    messageId: message.messageId.toString('hex'),
    correlationId: message.correlationId.toString('hex'),
    format: descriptor.format,
    persistent: message.isPersistent,
    priority: descriptor.priority,
    expiry: descriptor.expiry,
    backoutCount: descriptor.backoutCount,
    replyToQueue: descriptor.replyToQueue,
    replyToQueueManager: descriptor.replyToQueueManager,
    user: descriptor.userIdentifier,
    application: descriptor.putApplicationName,
    putDate: descriptor.putDate,
    putTime: descriptor.putTime,
    properties: Object.fromEntries([...message.properties].map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : Buffer.isBuffer(value) ? value.toString('base64') : value])),
    bytes: message.wholeBytes,
    ...(isText ? { text: message.text } : { base64: message.body.toString('base64') })
  })
}
