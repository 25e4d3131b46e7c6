/**
 * START, STOP, PING, REFRESH, RESET: what makes things go. "Accepted" is not "done": STOP and START of a channel answer
 * before the last instance has ended.
 */

import { textOf } from '../core/definition.js'
import type { ChannelStatus } from '../core/administration.js'
import { nameLengthOf } from './object-types.js'
import { syntaxFault } from './parse.js'
import type { ParsedCommand } from './parse.js'
import { readOptions } from './remove.js'
import type { Options } from './remove.js'
import { done, failed, refuse, succeeded, unavailable } from './result.js'
import type { Answered, CommandResult, Compiled, Environment } from './result.js'
import { messageLine } from './messages.js'
import { readObjectName } from './values.js'

const states = ['NO', 'YES'] as const

type Run = (name: string, options: Options, environment: Environment) => Answered

/** Commands on a named object, with the keywords they take. */
const named: Readonly<Record<string, { readonly lengthMax: number; readonly allowed: Readonly<Record<string, readonly string[] | null>>; readonly run: Run }>> = {
  'START LISTENER': { lengthMax: 48, allowed: { IGNSTATE: states }, run: startListener },
  'STOP LISTENER': { lengthMax: 48, allowed: { IGNSTATE: states }, run: stopListener },
  'START CHANNEL': { lengthMax: nameLengthOf('CHANNEL'), allowed: { IGNSTATE: states }, run: startChannel },
  'STOP CHANNEL': {
    lengthMax: nameLengthOf('CHANNEL'),
    allowed: { MODE: ['QUIESCE', 'FORCE', 'TERMINATE'], STATUS: ['STOPPED', 'INACTIVE'], CONNAME: [], QMNAME: [], IGNSTATE: states },
    run: stopChannel
  },
  'STOP CONN': { lengthMax: 48, allowed: { EXTCONN: [] }, run: stopConnection },
  'PING CHANNEL': { lengthMax: nameLengthOf('CHANNEL'), allowed: { DATALEN: [] }, run: (name, _, environment) => movingOnly('PING CHANNEL', name, environment) },
  'RESET CHANNEL': { lengthMax: nameLengthOf('CHANNEL'), allowed: { SEQNUM: [] }, run: (name, _, environment) => movingOnly('RESET CHANNEL', name, environment) },
  'RESOLVE CHANNEL': { lengthMax: nameLengthOf('CHANNEL'), allowed: { ACTION: ['COMMIT', 'BACKOUT'] }, run: (name, _, environment) => movingOnly('RESOLVE CHANNEL', name, environment) }
}

/** START and STOP, and PING, RESET and RESOLVE of channels. */
export function compileControl(command: ParsedCommand): Compiled {
  const { verb, object, text } = command
  const plan = named[`${verb} ${object}`]
  if (plan === undefined) return refuse(syntaxFault(text, text.length, `${verb} ${object} is no command`))
  const name = readObjectName(object, command.name, plan.lengthMax, text)
  if (!name.ok) return refuse(name.fault)
  const read = readOptions(command.parameters, plan.allowed, text)
  if (!read.ok) return read
  for (const [keyword, low, high] of [['DATALEN', 16, 32_768], ['SEQNUM', 1, 999_999_999]] as const) {
    const value = read.options.get(keyword)
    if (value !== undefined && (!/^\d{1,10}$/.test(value) || Number(value) < low || Number(value) > high)) {
      return refuse({ id: 'AMQ8412', inserts: [keyword, value, `${low} to ${high}`], segment: '' })
    }
  }
  if (`${verb} ${object}` === 'RESOLVE CHANNEL' && !read.options.has('ACTION')) return refuse(syntaxFault(text, text.length, 'ACTION is missing'))
  return { ok: true, run: environment => plan.run(name.name, read.options, environment) }
}

async function startListener(name: string, options: Options, { administration, facilities }: Environment): Promise<CommandResult> {
  const listener = administration.find('LISTENER', name)
  if (listener === null) return failed('AMQ8147', name)
  if (facilities.listeners().some(running => running.name === name)) return options.get('IGNSTATE') === 'YES' ? succeeded('AMQ8021') : failed('AMQ9255', name)
  const problem = await facilities.startListener(listener)
  return problem === null ? succeeded('AMQ8021') : failed('AMQ9218', name, textOf(listener, 'IPADDR') === '' ? portText(listener.attributes['PORT']) : `${portText(listener.attributes['PORT'])} of ${textOf(listener, 'IPADDR')}`, problem)
}

const portText = (port: unknown): string => (typeof port === 'number' && port !== 0 ? String(port) : '1414')

async function stopListener(name: string, options: Options, { administration, facilities }: Environment): Promise<CommandResult> {
  const isRunning = facilities.listeners().some(running => running.name === name)
  if (!isRunning) {
    if (administration.find('LISTENER', name) === null) return failed('AMQ8147', name)
    return options.get('IGNSTATE') === 'YES' ? succeeded('AMQ8706') : failed('AMQ9256', name)
  }
  const problem = await facilities.stopListener(name)
  return problem === null ? succeeded('AMQ8706') : failed('AMQ8569', `listener ${name}`, problem)
}

function startChannel(name: string, _: Options, { administration, facilities }: Environment): CommandResult {
  const channel = administration.find('CHANNEL', name)
  if (channel === null) return failed('AMQ8227', name)
  const type = textOf(channel, 'CHLTYPE')
  if (type !== 'SVRCONN') return unavailable(`START CHANNEL of type ${type}`, 'only SVRCONN channels run here')
  facilities.startChannel(name)
  return succeeded('AMQ8018')
}

function stopChannel(name: string, options: Options, { administration, facilities }: Environment): CommandResult {
  const channel = administration.find('CHANNEL', name)
  if (channel === null) return failed('AMQ8227', name)
  const type = textOf(channel, 'CHLTYPE')
  if (type !== 'SVRCONN') return unavailable(`STOP CHANNEL of type ${type}`, 'only SVRCONN channels run here')
  if (options.has('QMNAME')) return unavailable('QMNAME', 'partners of SVRCONN channels are clients')
  const connectionName = options.get('CONNAME')
  const leave = options.get('STATUS') === 'INACTIVE' || (connectionName !== undefined && !options.has('STATUS')) ? 'inactive' : 'stopped'
  if (connectionName !== undefined && leave === 'stopped') return failed('AMQ8569', 'STATUS(STOPPED)', 'with CONNAME only STATUS(INACTIVE) can be had')
  const isMeant = (instance: ChannelStatus): boolean => instance.channel === name && instance.status !== 'STOPPED' && (connectionName === undefined || instance.connectionName === connectionName)
  const isActive = facilities.channels().some(isMeant)
  if (leave === 'inactive' && !isActive) return options.get('IGNSTATE') === 'YES' ? succeeded('AMQ8019') : failed('AMQ9533', name)
  const mode = (options.get('MODE') ?? 'QUIESCE').toLowerCase() as 'quiesce' | 'force' | 'terminate'
  facilities.stopChannel(name, { mode, leave, ...(connectionName === undefined ? {} : { connectionName }) })
  return succeeded('AMQ8019')
}

function stopConnection(id: string, _: Options, { administration }: Environment): CommandResult {
  const connection = administration.connections().find(candidate => candidate.id.toUpperCase() === id.toUpperCase())
  if (connection === undefined || !administration.endConnection(connection.id)) return failed('AMQ8461', id)
  return succeeded('AMQ8457')
}

function movingOnly(what: string, name: string, { administration }: Environment): CommandResult {
  const channel = administration.find('CHANNEL', name)
  if (channel === null) return failed('AMQ8227', name)
  const type = textOf(channel, 'CHLTYPE')
  return unavailable(`${what} of type ${type}`, type === 'SVRCONN' ? 'it is for channels that move messages' : 'no channel moves messages here')
}

/** PING QMGR, REFRESH SECURITY, REFRESH QMGR, RESET QMGR, SUSPEND QMGR, RESUME QMGR. */
export function compileQueueManagerControl(command: ParsedCommand): Compiled {
  const { verb, object, text } = command
  if (object === 'QMGR' && command.name !== null) return refuse(syntaxFault(text, command.name.end, 'QMGR takes no name'))
  switch (`${verb} ${object}`) {
    case 'PING QMGR': {
      const read = readOptions(command.parameters, {}, text)
      return read.ok ? { ok: true, run: () => done([messageLine('AMQ8415')]) } : read
    }
    case 'REFRESH SECURITY': {
      const read = readOptions(command.parameters, { TYPE: ['AUTHSERV', 'SSL', 'CONNAUTH', 'CLASSES'] }, text)
      if (!read.ok) return read
      return {
        ok: true,
        run: ({ facilities }) => {
          facilities.refreshSecurity()
          return succeeded('AMQ8560')
        }
      }
    }
    case 'REFRESH QMGR': {
      const read = readOptions(command.parameters, { TYPE: ['CONFIGEV', 'EXPIRY', 'EARLY', 'PROXYSUB'], OBJECT: [], NAME: [], INCLINT: [] }, text)
      return read.ok ? { ok: true, run: () => unavailable('REFRESH QMGR', 'there are no configuration events and no proxy subscriptions') } : read
    }
    case 'RESET QMGR': {
      const read = readOptions(command.parameters, { TYPE: ['ADVANCELOG', 'REDUCELOG', 'STATISTICS', 'PUBSUB', 'ARCHLOG'], CHILD: [], PARENT: [], REDUCE: [], ARCHIVED: [] }, text)
      if (!read.ok) return read
      const type = read.options.get('TYPE')
      if (type === undefined) return refuse(syntaxFault(text, text.length, 'TYPE is missing'))
      return { ok: true, run: () => unavailable(`RESET QMGR TYPE(${type})`, type === 'STATISTICS' ? 'no statistics are collected' : 'the log manages its files itself') }
    }
    default: {
      const read = readOptions(command.parameters, { CLUSTER: [], CLUSNL: [], MODE: ['QUIESCE', 'FORCE'] }, text)
      return read.ok ? { ok: true, run: () => unavailable(`${verb} QMGR`, 'there are no clusters of queue managers') } : read
    }
  }
}
