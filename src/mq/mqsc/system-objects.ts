/**
 * The objects a new queue manager is created with. Scripts and tools expect the names, so they exist even where nothing
 * here uses them. Source: queue manager reference 3.10 and, for the CHLAUTH records, 3.9.
 */

import type { AttributeValue, ObjectDefinition, ObjectType } from '../core/definition.js'
import { completeDefinition } from './complete.js'

interface Plan {
  readonly type: ObjectType
  readonly name: string
  readonly attributes: Readonly<Record<string, AttributeValue>>
}

const plan = (type: ObjectType, name: string, attributes: Readonly<Record<string, AttributeValue>> = {}): Plan => ({ type, name, attributes })
const queues = (names: string, attributes: Readonly<Record<string, AttributeValue>> = {}): Plan[] =>
  names.split(' ').map(name => plan('QLOCAL', `SYSTEM.${name}`, attributes))
const model = (name: string, attributes: Readonly<Record<string, AttributeValue>>): Plan => plan('QMODEL', `SYSTEM.${name}`, attributes)
const channel = (name: string, type: string, attributes: Readonly<Record<string, AttributeValue>> = {}): Plan =>
  plan('CHANNEL', `SYSTEM.${name}`, { CHLTYPE: type, ...attributes })
const rule = (profile: string, type: string, attributes: Readonly<Record<string, AttributeValue>>): Plan =>
  plan('CHLAUTH', '', { CHLAUTH: profile, TYPE: type, ...attributes })

const kept = { DEFPSIST: 'YES' }

const plans: readonly Plan[] = [
  plan('QLOCAL', 'SYSTEM.DEFAULT.LOCAL.QUEUE'),
  plan('QALIAS', 'SYSTEM.DEFAULT.ALIAS.QUEUE'),
  plan('QREMOTE', 'SYSTEM.DEFAULT.REMOTE.QUEUE'),
  plan('QMODEL', 'SYSTEM.DEFAULT.MODEL.QUEUE'),
  ...queues('DEFAULT.INITIATION.QUEUE CICS.INITIATION.QUEUE CHANNEL.INITQ', { TRIGTYPE: 'NONE', MAXMSGL: 1000 }),
  ...queues('ADMIN.COMMAND.QUEUE', { MAXMSGL: 32_762, MAXDEPTH: 3000 }),
  ...queues('ADMIN.QMGR.EVENT ADMIN.CHANNEL.EVENT ADMIN.PERFM.EVENT ADMIN.CONFIG.EVENT ADMIN.COMMAND.EVENT ADMIN.LOGGER.EVENT ADMIN.PUBSUB.EVENT'),
  ...queues('ADMIN.ACTIVITY.QUEUE ADMIN.ACCOUNTING.QUEUE ADMIN.STATISTICS.QUEUE ADMIN.TRACE.ACTIVITY.QUEUE ADMIN.TRACE.ROUTE.QUEUE'),
  ...queues('CHANNEL.SYNCQ CLUSTER.COMMAND.QUEUE CLUSTER.HISTORY.QUEUE CLUSTER.REPOSITORY.QUEUE', kept),
  ...queues('CLUSTER.TRANSMIT.QUEUE', { USAGE: 'XMITQ', ...kept }),
  model('CLUSTER.TRANSMIT.MODEL.QUEUE', { DEFTYPE: 'PERMDYN', USAGE: 'XMITQ', SHARE: 'YES', DEFSOPT: 'SHARED', ...kept }),
  ...queues('DEAD.LETTER.QUEUE', { MAXMSGL: 104_857_600 }),
  model('MQSC.REPLY.QUEUE', {}),
  model('MQEXPLORER.REPLY.MODEL', {}),
  ...queues('AUTH.DATA.QUEUE CHLAUTH.DATA.QUEUE RETAINED.PUB.QUEUE DURABLE.SUBSCRIBER.QUEUE HIERARCHY.STATE', kept),
  ...queues('INTER.QMGR.CONTROL INTER.QMGR.PUBS INTER.QMGR.FANREQ', kept),
  ...queues('BROKER.DEFAULT.STREAM BROKER.ADMIN.STREAM BROKER.CONTROL.QUEUE BROKER.INTER.BROKER.COMMUNICATIONS'),
  model('DURABLE.MODEL.QUEUE', { DEFTYPE: 'PERMDYN', DEFSOPT: 'SHARED', SHARE: 'YES', MAXDEPTH: 999_999_999 }),
  model('NDURABLE.MODEL.QUEUE', { DEFTYPE: 'TEMPDYN', DEFSOPT: 'SHARED', SHARE: 'YES', MAXDEPTH: 999_999_999 }),
  ...queues('DDELAY.LOCAL.QUEUE PENDING.DATA.QUEUE PROTECTION.POLICY.QUEUE PROTECTION.ERROR.QUEUE', kept),
  channel('DEF.SENDER', 'SDR'),
  channel('DEF.SERVER', 'SVR'),
  channel('DEF.RECEIVER', 'RCVR'),
  channel('DEF.REQUESTER', 'RQSTR'),
  channel('DEF.SVRCONN', 'SVRCONN'),
  channel('DEF.CLNTCONN', 'CLNTCONN'),
  channel('DEF.CLUSSDR', 'CLUSSDR'),
  channel('DEF.CLUSRCVR', 'CLUSRCVR'),
  channel('DEF.AMQP', 'AMQP'),
  channel('AUTO.RECEIVER', 'RCVR', { DESCR: 'Auto-defined by' }),
  channel('AUTO.SVRCONN', 'SVRCONN', { DESCR: 'Auto-defined by' }),
  plan('LISTENER', 'SYSTEM.DEFAULT.LISTENER.TCP'),
  plan('PROCESS', 'SYSTEM.DEFAULT.PROCESS'),
  plan('NAMELIST', 'SYSTEM.DEFAULT.NAMELIST'),
  plan('NAMELIST', 'SYSTEM.QPUBSUB.QUEUE.NAMELIST', { NAMES: ['SYSTEM.BROKER.DEFAULT.STREAM', 'SYSTEM.BROKER.ADMIN.STREAM'] }),
  plan('NAMELIST', 'SYSTEM.QPUBSUB.SUBPOINT.NAMELIST'),
  plan('SERVICE', 'SYSTEM.DEFAULT.SERVICE'),
  plan('AUTHINFO', 'SYSTEM.DEFAULT.AUTHINFO.IDPWOS', { AUTHTYPE: 'IDPWOS' }),
  plan('AUTHINFO', 'SYSTEM.DEFAULT.AUTHINFO.CRLLDAP', { AUTHTYPE: 'CRLLDAP' }),
  plan('AUTHINFO', 'SYSTEM.DEFAULT.AUTHINFO.OCSP', { AUTHTYPE: 'OCSP' }),
  plan('TOPIC', 'SYSTEM.DEFAULT.TOPIC'),
  // The root of the topic tree: every ASPARENT ends here.
  plan('TOPIC', 'SYSTEM.BASE.TOPIC', {
    DEFPRESP: 'SYNC', DEFPRTY: 0, DEFPSIST: 'NO', DURSUB: 'YES', NPMSGDLV: 'ALLAVAIL', PMSGDLV: 'ALLDUR', PUB: 'ENABLED',
    PUBSCOPE: 'ALL', SUB: 'ENABLED', SUBSCOPE: 'ALL', USEDLQ: 'YES', MDURMDL: 'SYSTEM.DURABLE.MODEL.QUEUE', MNDURMDL: 'SYSTEM.NDURABLE.MODEL.QUEUE'
  }),
  plan('TOPIC', 'SYSTEM.ADMIN.TOPIC', { TOPICSTR: '$SYS/MQ' }),
  plan('TOPIC', 'SYSTEM.BROKER.DEFAULT.STREAM', { TOPICSTR: 'SYSTEM.BROKER.DEFAULT.STREAM' }),
  plan('TOPIC', 'SYSTEM.BROKER.ADMIN.STREAM', { TOPICSTR: 'SYSTEM.BROKER.ADMIN.STREAM' }),
  plan('TOPIC', 'SYSTEM.BROKER.DEFAULT.SUBPOINT', { TOPICSTR: 'SYSTEM.BROKER.DEFAULT.SUBPOINT' }),
  plan('SUB', 'SYSTEM.DEFAULT.SUB'),
  rule('SYSTEM.*', 'ADDRESSMAP', { ADDRESS: '*', USERSRC: 'NOACCESS', DESCR: 'System channels are for nobody unless opened' }),
  rule('SYSTEM.ADMIN.SVRCONN', 'ADDRESSMAP', { ADDRESS: '*', USERSRC: 'CHANNEL', DESCR: 'The channel of remote administration' }),
  rule('*', 'BLOCKUSER', { USERLIST: ['*MQADMIN'], DESCR: 'Administrators do not come through channels unless let in' })
]

/** What `crtmqm` defines, besides the queue manager itself. */
export const systemObjects = (wallMs: number): readonly ObjectDefinition[] =>
  plans.map(({ type, name, attributes }) => completeDefinition(type, name, attributes, wallMs))

/** The queue manager as `crtmqm` makes it; `attributes` are those its options set (DESCR, DEADQ, DEFXMITQ, MAXHANDS …). */
export const defaultQueueManager = (name: string, attributes: Readonly<Record<string, AttributeValue>>, wallMs: number): ObjectDefinition =>
  completeDefinition('QMGR', name, attributes, wallMs)

/** The listener `crtmqm -p` defines, which starts with the queue manager. */
export const listenerOnPort = (port: number, wallMs: number): ObjectDefinition =>
  completeDefinition('LISTENER', 'SYSTEM.LISTENER.TCP.1', { TRPTYPE: 'TCP', PORT: port, CONTROL: 'QMGR' }, wallMs)
