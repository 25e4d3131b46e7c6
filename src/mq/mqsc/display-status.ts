/**
 * DISPLAY of how things are: QSTATUS, CHSTATUS, CONN, QMSTATUS, LSSTATUS, SBSTATUS, TPSTATUS, SVSTATUS.
 *
 * What we do not measure is shown as not known, `( )`, as the original does without monitoring; nothing is made up.
 * Source: queue manager reference 11.1 and 5.2.
 */

import { textOf } from '../core/definition.js'
import type { ObjectDefinition } from '../core/definition.js'
import type { ChannelStatus, ConnectionStatus, HandleStatus, LogStatus } from '../core/administration.js'
import { live, liveNumber } from './attributes/attribute.js'
import type { AttributeSpec } from './attributes/attribute.js'
import { queueManagerStatusAttributes } from './attributes/queue-manager.js'
import { handleStatusAttributes, queueStatusAttributes } from './attributes/queue.js'
import { dateOf, timeOf } from './calendar.js'
import { cell } from './layout.js'
import type { Cell } from './layout.js'
import type { MessageId } from './messages.js'
import { syntaxFault } from './parse.js'
import type { ParsedCommand } from './parse.js'
import { refuse } from './result.js'
import type { Compiled, Environment } from './result.js'
import { readSelection, showRows } from './rows.js'
import type { Defaults, Row } from './rows.js'
import { matchesPattern, readPattern } from './values.js'
import { matchesTopic } from './topics.js'

const names = (words: string): AttributeSpec[] => words.split(' ').map(word => (word.startsWith('#') ? liveNumber(word.slice(1)) : live(word)))

const channelWords = names(
  'BATCHES #BYTSRCVD #BYTSSENT CHSTADA CHSTATI CONNAME CURLUWID CURMSGS CURRENT CURSEQNO EXITTIME #HBINT INDOUBT JOBNAME LONGRTS LSTLUWID LSTMSGDA LSTMSGTI ' +
    'LSTSEQNO MCASTAT MCAUSER #MSGS NETTIME RAPPLTAG RPRODUCT RQMNAME RVERSION SHORTRTS STATUS STOPREQ SUBSTATE XBATCHSZ XMITQ XQTIME'
)
const connectionWords = names('APPLDESC APPLTAG APPLTYPE ASTATE CHANNEL CLIENTID CONNAME #PID TID UOWLOG UOWLOGDA UOWLOGTI UOWSTATE UOWSTDA UOWSTTI URTYPE USERID')
const objectWords = names('OBJNAME OBJTYPE ASTATE HSTATE OPENOPTS')
const listenerWords = names('STATUS #PID STARTDA STARTTI DESCR TRPTYPE CONTROL IPADDR #PORT #BACKLOG')
const subscriptionWords = names('DURABLE #NUMMSGS SUBTYPE TOPICSTR')
const topicWords = names('ADMIN #PUBCOUNT RETAINED #SUBCOUNT')

interface StatusDisplay {
  readonly id: MessageId
  readonly keys: readonly string[]
  readonly attributes: readonly AttributeSpec[]
  readonly defaults: Defaults
  readonly conditions?: readonly string[]
  readonly ignored?: readonly string[]
  readonly notFound: MessageId
  readonly lengthMax: number
  readonly isFree?: boolean
  readonly rows: (pattern: string, environment: Environment) => readonly Row[]
}

/** In the order the words stand, each with what is known of it. */
const filled = (attributes: readonly AttributeSpec[], known: Readonly<Record<string, Cell['value']>>): Cell[] =>
  attributes.filter(({ name }) => known[name] !== undefined).map(({ name }) => ({ name, value: known[name] ?? null, form: name === 'CURRENT' ? 'word' : 'value' }))

const yes = (value: boolean): string => (value ? 'YES' : 'NO')
const dated = (at: number | null): string => (at === null ? '' : dateOf(at))
const timed = (at: number | null): string => (at === null ? '' : timeOf(at))

const queueStatus: StatusDisplay = {
  id: 'AMQ8450',
  keys: ['QUEUE', 'TYPE'],
  attributes: queueStatusAttributes,
  defaults: null,
  ignored: ['MONITOR'],
  notFound: 'AMQ8147',
  lengthMax: 48,
  rows: (pattern, environment) => {
    const [queueManager] = environment.administration.list('QMGR')
    const general = queueManager === undefined ? 'OFF' : textOf(queueManager, 'MONQ')
    const log = environment.facilities.log()
    return localQueues(pattern, environment).map(queue => queueRow(queue, environment, monitoringOf(queue, general), log))
  }
}

/** MONQ of the queue, or of the queue manager where the queue says so; NONE of the queue manager is for all. */
function monitoringOf(queue: ObjectDefinition, general: string): string {
  const own = textOf(queue, 'MONQ')
  return general === 'NONE' || (own === 'QMGR' && general === '') ? 'OFF' : own === 'QMGR' || own === '' ? general : own
}

function localQueues(pattern: string, { administration }: Environment): readonly ObjectDefinition[] {
  if (pattern.endsWith('*')) return administration.list('QLOCAL').filter(({ name }) => matchesPattern(pattern, name))
  const queue = administration.find('QLOCAL', pattern)
  return queue === null ? [] : [queue]
}

function queueRow(queue: ObjectDefinition, environment: Environment, monitoring: string, log: LogStatus): Row {
  const status = environment.administration.queueStatus(queue.name)
  const isMonitored = monitoring !== 'OFF' && monitoring !== 'NONE'
  const lastGet = isMonitored ? (status?.lastGetMs ?? null) : null
  const lastPut = isMonitored ? (status?.lastPutMs ?? null) : null
  const known = {
    CURDEPTH: status?.depth ?? 0,
    CURFSIZE: '',
    CURMAXFS: '',
    IPPROCS: status?.openInput ?? 0,
    LGETDATE: dated(lastGet),
    LGETTIME: timed(lastGet),
    LPUTDATE: dated(lastPut),
    LPUTTIME: timed(lastPut),
    MEDIALOG: log.type === 'LINEAR' ? log.mediaExtent : '',
    MONQ: isMonitored ? monitoring : 'OFF',
    MSGAGE: isMonitored ? (status?.oldestSeconds ?? 0) : '',
    OPPROCS: status?.openOutput ?? 0,
    QTIME: ' , ',
    UNCOM: yes(status?.hasUncommitted ?? false)
  }
  return { keys: [cell('QUEUE', queue.name), cell('TYPE', 'QUEUE')], cells: filled(queueStatusAttributes, known) }
}

const handleStatus: StatusDisplay = {
  ...queueStatus,
  attributes: handleStatusAttributes,
  rows: (pattern, environment) =>
    localQueues(pattern, environment).flatMap(({ name }) => environment.administration.handles(name).map(handle => ({ keys: [cell('QUEUE', name), cell('TYPE', 'HANDLE')], cells: handleCells(handle) })))
}

const handleCells = (handle: HandleStatus): Cell[] =>
  filled(handleStatusAttributes, {
    APPLDESC: '',
    APPLTAG: handle.applicationTag,
    APPLTYPE: 'USER',
    BROWSE: yes(handle.browse),
    CHANNEL: handle.channel,
    CONNAME: handle.connectionName,
    INPUT: handle.input,
    INQUIRE: yes(handle.inquire),
    OUTPUT: yes(handle.output),
    PID: handle.processId,
    SET: 'NO',
    TID: '*',
    USERID: handle.user
  })

const channelStatus: StatusDisplay = {
  id: 'AMQ8417',
  keys: ['CHANNEL', 'CHLTYPE'],
  attributes: channelWords,
  defaults: ['CONNAME', 'CURRENT', 'STATUS', 'SUBSTATE'],
  conditions: ['CONNAME', 'CHLTYPE'],
  ignored: ['CURRENT', 'SHORT', 'MONITOR'],
  notFound: 'AMQ8420',
  lengthMax: 20,
  rows: (pattern, { facilities }) =>
    facilities
      .channels()
      .filter(({ channel, status }) => matchesPattern(pattern, channel) && status !== 'INACTIVE')
      .map(instance => ({ keys: [cell('CHANNEL', instance.channel), cell('CHLTYPE', instance.type)], cells: channelCells(instance) }))
}

const channelCells = (instance: ChannelStatus): Cell[] =>
  filled(channelWords, {
    BYTSRCVD: instance.bytesReceived,
    BYTSSENT: instance.bytesSent,
    CHSTADA: dateOf(instance.startedMs),
    CHSTATI: timeOf(instance.startedMs),
    CONNAME: instance.connectionName,
    CURRENT: 'YES',
    HBINT: instance.heartbeatSeconds,
    LSTMSGDA: dated(instance.lastMessageMs),
    LSTMSGTI: timed(instance.lastMessageMs),
    MCASTAT: instance.status === 'RUNNING' ? 'RUNNING' : 'NOTRUNNING',
    MCAUSER: instance.user,
    MSGS: instance.messages,
    RAPPLTAG: instance.applicationTag,
    STATUS: instance.status,
    STOPREQ: yes(instance.status === 'STOPPING'),
    SUBSTATE: instance.status === 'RUNNING' ? 'RECEIVE' : ''
  })

const connectionRows = (pattern: string, { administration }: Environment, isHandles: boolean): readonly Row[] => {
  const extended = [...`AMQC${administration.name.padEnd(12).slice(0, 12)}`].map(letter => letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')).join('')
  const keys = (id: string, type: string): readonly Cell[] => [cell('CONN', id), cell('EXTCONN', extended), cell('TYPE', type)]
  const connections = administration.connections().filter(({ id }) => matchesPattern(pattern, id.toUpperCase()))
  if (!isHandles) return connections.map(connection => ({ keys: keys(connection.id, 'CONN'), cells: connectionCells(connection) }))
  const ids = new Set(connections.map(({ id }) => id))
  return administration
    .list('QLOCAL')
    .flatMap(({ name }) => administration.handles(name))
    .filter(({ connection }) => ids.has(connection))
    .map(handle => ({ keys: keys(handle.connection, 'HANDLE'), cells: filled(objectWords, { OBJNAME: handle.queue, OBJTYPE: 'QUEUE', OPENOPTS: openOptions(handle) }) }))
}

const openOptions = ({ input, output, browse, inquire }: HandleStatus): string =>
  [input === 'SHARED' ? 'MQOO_INPUT_SHARED' : input === 'EXCL' ? 'MQOO_INPUT_EXCLUSIVE' : '', output ? 'MQOO_OUTPUT' : '', browse ? 'MQOO_BROWSE' : '', inquire ? 'MQOO_INQUIRE' : '']
    .filter(option => option !== '')
    .join(',')

const connectionCells = (connection: ConnectionStatus): Cell[] =>
  filled(connectionWords, {
    APPLDESC: connection.kind === 'local' || connection.kind === 'client' ? '' : connection.kind.toUpperCase(),
    APPLTAG: connection.applicationTag,
    APPLTYPE: connection.kind === 'internal' ? 'SYSTEM' : 'USER',
    CHANNEL: connection.channel,
    CONNAME: connection.connectionName,
    PID: connection.processId,
    UOWLOG: '',
    UOWSTATE: connection.unitStartedMs === null ? 'NONE' : 'ACTIVE',
    UOWSTDA: dated(connection.unitStartedMs),
    UOWSTTI: timed(connection.unitStartedMs),
    URTYPE: 'QMGR',
    USERID: connection.user
  })

const connectionStatus = (isHandles: boolean): StatusDisplay => ({
  id: 'AMQ8276',
  keys: ['CONN', 'EXTCONN', 'TYPE'],
  attributes: isHandles ? objectWords : connectionWords,
  defaults: isHandles ? null : [],
  notFound: 'AMQ8461',
  lengthMax: 48,
  rows: (pattern, environment) => connectionRows(pattern, environment, isHandles)
})

const queueManagerStatus: StatusDisplay = {
  id: 'AMQ8705',
  keys: ['QMNAME', 'TYPE'],
  attributes: queueManagerStatusAttributes,
  defaults: ['STATUS', 'CONNS', 'CHINIT', 'CMDSERV'],
  ignored: ['LOG'],
  notFound: 'AMQ8147',
  lengthMax: 48,
  rows: (_, { administration, facilities }) => {
    const log = facilities.log()
    const known = {
      STATUS: facilities.status(),
      CHINIT: 'STOPPED',
      CHKPTCNT: log.checkpoints,
      CMDSERV: 'STOPPED',
      CONNS: administration.connections().length,
      CURRLOG: log.currentExtent,
      DATPATH: facilities.dataPath(),
      DISKLSN: log.diskLsn,
      HOSTNAME: facilities.hostName,
      LOGEXTSZ: Math.round(log.extentBytes / 1024),
      LOGINUSE: log.inUse,
      LOGPATH: log.path,
      LOGPRIM: log.primary,
      LOGSEC: log.secondary,
      LOGTYPE: log.type,
      LOGUTIL: log.inUse,
      MEDIALOG: log.mediaExtent,
      PID: facilities.processId,
      RECLOG: log.restartExtent,
      STANDBY: 'NOPERMIT',
      STARTDA: dateOf(facilities.startedMs),
      STARTTI: timeOf(facilities.startedMs)
    }
    return [{ keys: [cell('QMNAME', administration.name), cell('TYPE', 'QMGR')], cells: filled(queueManagerStatusAttributes, known) }]
  }
}

const listenerStatus: StatusDisplay = {
  id: 'AMQ8631',
  keys: ['LISTENER'],
  attributes: listenerWords,
  defaults: ['STATUS', 'PID'],
  notFound: 'AMQ8147',
  lengthMax: 48,
  rows: (pattern, { administration, facilities }) =>
    facilities
      .listeners()
      .filter(({ name }) => matchesPattern(pattern, name))
      .map(listener => {
        const definition = administration.find('LISTENER', listener.name)
        const said = (attribute: string): string => (definition === null ? '' : textOf(definition, attribute))
        const known = {
          STATUS: listener.status,
          PID: listener.processId,
          STARTDA: dateOf(listener.startedMs),
          STARTTI: timeOf(listener.startedMs),
          DESCR: said('DESCR'),
          TRPTYPE: 'TCP',
          CONTROL: said('CONTROL'),
          IPADDR: listener.address === '' ? '*' : listener.address,
          PORT: listener.port,
          BACKLOG: listener.backlog
        }
        return { keys: [cell('LISTENER', listener.name)], cells: filled(listenerWords, known) }
      })
}

const subscriptionStatus: StatusDisplay = {
  id: 'AMQ8099',
  keys: ['SUB'],
  attributes: subscriptionWords,
  defaults: ['DURABLE', 'NUMMSGS'],
  conditions: ['DURABLE', 'SUBTYPE'],
  notFound: 'AMQ8147',
  lengthMax: 10_240,
  isFree: true,
  rows: (pattern, { administration }) =>
    administration
      .subscriptions()
      .filter(({ name }) => matchesPattern(pattern, name))
      .map(({ name, topic, isDurable, messages }) => ({
        keys: [cell('SUB', name)],
        cells: filled(subscriptionWords, { DURABLE: yes(isDurable), NUMMSGS: messages, SUBTYPE: administration.find('SUB', name) === null ? 'API' : 'ADMIN', TOPICSTR: topic })
      }))
}

const topicStatus: StatusDisplay = {
  id: 'AMQ8754',
  keys: ['TPSTATUS', 'TYPE'],
  attributes: topicWords,
  defaults: null,
  conditions: ['TYPE'],
  notFound: 'AMQ8147',
  lengthMax: 10_240,
  isFree: true,
  rows: (pattern, { administration }) => {
    const objects = new Map(administration.list('TOPIC').map(object => [textOf(object, 'TOPICSTR'), object.name]))
    return administration
      .topics()
      .filter(({ topic }) => matchesTopic(pattern, topic))
      .map(({ topic, publishers, subscribers, isRetained }) => ({
        keys: [cell('TPSTATUS', topic), cell('TYPE', 'TOPIC')],
        cells: filled(topicWords, {
          ADMIN: objects.get(topic) ?? '',
          PUBCOUNT: publishers,
          RETAINED: yes(isRetained),
          SUBCOUNT: subscribers
        })
      }))
  }
}

const serviceStatus: StatusDisplay = { id: 'AMQ8629', keys: ['SERVICE'], attributes: [], defaults: null, notFound: 'AMQ8147', lengthMax: 48, rows: () => [] }

/** Which display a command asks for; `type` is the value of its TYPE keyword, or ''. */
function displayOf(object: string, type: string): StatusDisplay | null {
  switch (object) {
    case 'QSTATUS':
      return type === '' || type === 'QUEUE' ? queueStatus : type === 'HANDLE' ? handleStatus : null
    case 'CONN':
      return ['', 'CONN', 'ALL'].includes(type) ? connectionStatus(false) : type === 'HANDLE' ? connectionStatus(true) : null
    case 'CHSTATUS':
      return type === '' ? channelStatus : null
    case 'QMSTATUS':
      return ['', 'QMGR', 'LOG'].includes(type) ? queueManagerStatus : null
    case 'LSSTATUS':
      return type === '' ? listenerStatus : null
    case 'SBSTATUS':
      return type === '' ? subscriptionStatus : null
    case 'TPSTATUS':
      return ['', 'TOPIC'].includes(type) ? topicStatus : null
    default:
      return type === '' ? serviceStatus : null
  }
}

export function compileDisplayStatus(command: ParsedCommand): Compiled {
  const { object, text } = command
  const typed = command.parameters.find(({ keyword, values }) => keyword === 'TYPE' && values !== null)
  const type = typed?.values?.[0]?.text.toUpperCase() ?? ''
  const display = displayOf(object, type)
  if (display === null || (typed !== undefined && typed.values?.length !== 1)) return refuse(syntaxFault(text, typed?.end ?? text.length, `${object} has no TYPE(${type})`))
  let pattern = ''
  if (object === 'QMSTATUS') {
    if (command.name !== null) return refuse(syntaxFault(text, command.name.end, 'QMSTATUS takes no name'))
  } else {
    const named = readPattern(object, command.name, display.lengthMax, text, display.isFree)
    if (!named.ok) return refuse(named.fault)
    pattern = object === 'CONN' ? named.name.toUpperCase() : named.name
  }
  const isSaved = command.parameters.some(({ keyword }) => keyword === 'SAVED')
  const parameters = command.parameters.filter(parameter => parameter !== typed && parameter.keyword !== 'SAVED')
  const read = readSelection(parameters, { attributes: display.attributes, keys: display.keys, conditions: display.conditions ?? [], ignored: display.ignored ?? [] }, text)
  if (!read.ok) return refuse(read.fault)
  const { selection } = read
  // CURRENT in a channel status display chooses which status; it is no request for one attribute alone.
  const wanted = { ...selection, names: selection.names.filter(name => name !== 'CURRENT') }
  return {
    ok: true,
    run: environment =>
      showRows(isSaved ? [] : display.rows(pattern, environment), wanted, display.id, display.defaults, [display.notFound, ...(display.notFound === 'AMQ8420' ? [] : [pattern])])
  }
}
