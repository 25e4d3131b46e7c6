/**
 * The attributes of channels: one table for all types, in the order they are displayed, with the types that have them.
 * Source: queue manager reference 3.7. Only SVRCONN channels carry anything here; the others can be defined, altered,
 * displayed and dumped, and every one of their attributes is only stored.
 */

import { countMax, keyword, keywords, list, made, number, objectName, text } from './attribute.js'
import type { AttributeSpec } from './attribute.js'

export const channelTypes = ['SDR', 'SVR', 'RCVR', 'RQSTR', 'SVRCONN', 'CLNTCONN', 'CLUSSDR', 'CLUSRCVR', 'AMQP'] as const
export type ChannelType = (typeof channelTypes)[number]

const messageBytesMax = 104_857_600
const exit = 128
const sending = 'SDR SVR CLUSSDR CLUSRCVR'
const receiving = 'RCVR RQSTR CLUSRCVR'
const calling = 'SDR SVR RQSTR CLUSSDR CLUSRCVR'
const moving = 'SDR SVR RCVR RQSTR CLUSSDR CLUSRCVR'
const cluster = 'CLUSSDR CLUSRCVR'
const transmitting = `${moving} SVRCONN CLNTCONN`
const everywhere = `${transmitting} AMQP`

const isCluster = (type: ChannelType): boolean => type === 'CLUSSDR' || type === 'CLUSRCVR'

/** Rows: the types that have the attribute, and the attribute, or a function of the type where its default differs. */
const rows: readonly (readonly [string, AttributeSpec | ((type: ChannelType) => AttributeSpec)])[] = [
  ['CLNTCONN', keyword('AFFINITY', 'stored', 'PREFERRED NONE')],
  [everywhere, made('ALTDATE')],
  [everywhere, made('ALTTIME')],
  ['AMQP', number('AMQPKA', 'stored', 'AUTO', 0, 99_999, ['AUTO'])],
  [sending, number('BATCHHB', 'stored', 0, 0, 999_999)],
  [sending, number('BATCHINT', 'stored', 0, 0, countMax)],
  [sending, number('BATCHLIM', 'stored', 5000, 0, 999_999)],
  [moving, number('BATCHSZ', 'stored', 50, 1, 9999)],
  ['SDR SVR RCVR RQSTR CLUSRCVR SVRCONN CLNTCONN AMQP', text('CERTLABL', 'stored')],
  ['CLNTCONN', number('CLNTWGHT', 'stored', 0, 0, 99)],
  [cluster, objectName('CLUSNL', 'stored')],
  [cluster, objectName('CLUSTER', 'stored')],
  [cluster, number('CLWLPRTY', 'stored', 0, 0, 9)],
  [cluster, number('CLWLRANK', 'stored', 0, 0, 9)],
  [cluster, number('CLWLWGHT', 'stored', 50, 1, 99)],
  [transmitting, keywords('COMPHDR', 'stored', 2, 'NONE SYSTEM')],
  [transmitting, keywords('COMPMSG', 'stored', 16, 'NONE RLE ZLIBFAST ZLIBHIGH LZ4FAST LZ4HIGH ANY')],
  [`${calling} CLNTCONN`, text('CONNAME', 'stored', 264)],
  [sending, keyword('CONVERT', 'stored', 'NO YES')],
  ['CLNTCONN', keyword('DEFRECON', 'stored', 'NO YES QMGR DISABLED')],
  [everywhere, text('DESCR', 'stored')],
  [`${sending} SVRCONN`, type => number('DISCINT', 'stored', type === 'SVRCONN' ? 0 : 6000, 0, 999_999)],
  [transmitting, type => number('HBINT', type === 'SVRCONN' ? 'acted' : 'stored', 300, 0, 999_999)],
  [transmitting, number('KAINT', 'stored', 'AUTO', 0, 99_999, ['AUTO'])],
  [`${calling} CLNTCONN AMQP`, text('LOCLADDR', 'stored', 48)],
  [sending, number('LONGRTY', 'stored', countMax, 0, countMax)],
  [sending, number('LONGTMR', 'stored', 1200, 0, countMax)],
  ['SVRCONN AMQP', type => number('MAXINST', type === 'SVRCONN' ? 'acted' : 'stored', countMax, 0, countMax)],
  ['SVRCONN', number('MAXINSTC', 'acted', countMax, 0, countMax)],
  [everywhere, type => number('MAXMSGL', type === 'SVRCONN' ? 'acted' : 'stored', 4_194_304, 0, messageBytesMax)],
  [calling, text('MCANAME', 'stored', 20)],
  [calling, type => keyword('MCATYPE', 'stored', isCluster(type) ? 'THREAD PROCESS' : 'PROCESS THREAD')],
  [`${moving} SVRCONN AMQP`, type => text('MCAUSER', type === 'SVRCONN' ? 'acted' : 'stored', 64)],
  [`${calling} CLNTCONN`, text('MODENAME', 'stored', 8)],
  [`${moving} SVRCONN`, keyword('MONCHL', 'stored', 'QMGR OFF LOW MEDIUM HIGH')],
  [receiving, text('MRDATA', 'stored', 32)],
  [receiving, text('MREXIT', 'stored', exit)],
  [receiving, number('MRRTY', 'stored', 10, 0, countMax)],
  [receiving, number('MRTMR', 'stored', 1000, 0, countMax)],
  [moving, list('MSGDATA', 'stored', 16, 32)],
  [moving, list('MSGEXIT', 'stored', 16, exit)],
  ['CLUSRCVR', number('NETPRTY', 'stored', 0, 0, 9)],
  [moving, keyword('NPMSPEED', 'stored', 'FAST NORMAL')],
  ['SDR SVR RQSTR CLUSSDR CLNTCONN', text('PASSWORD', 'stored', 12, '', { isSecret: true })],
  ['AMQP', number('PORT', 'stored', 5672, 0, 65_535)],
  [sending, keyword('PROPCTL', 'stored', 'COMPAT NONE ALL')],
  [receiving, keyword('PUTAUT', 'stored', 'DEF CTX')],
  ['CLNTCONN', text('QMNAME', 'stored', 48)],
  [transmitting, list('RCVDATA', 'stored', 16, 32)],
  [transmitting, list('RCVEXIT', 'stored', 16, exit)],
  [moving, keyword('RESETSEQ', 'stored', 'NO YES')],
  [transmitting, text('SCYDATA', 'stored', 32)],
  [transmitting, text('SCYEXIT', 'stored', exit)],
  [transmitting, list('SENDDATA', 'stored', 16, 32)],
  [transmitting, list('SENDEXIT', 'stored', 16, exit)],
  [moving, number('SEQWRAP', 'stored', countMax, 100, countMax)],
  ['SVRCONN CLNTCONN', number('SHARECNV', 'stored', 10, 0, countMax)],
  [sending, number('SHORTRTY', 'stored', 10, 0, countMax)],
  [sending, number('SHORTTMR', 'stored', 60, 0, countMax)],
  ['SVR RCVR RQSTR CLUSRCVR SVRCONN AMQP', keyword('SSLCAUTH', 'stored', 'REQUIRED OPTIONAL')],
  [everywhere, text('SSLCIPH', 'stored')],
  [everywhere, text('SSLPEER', 'stored', 1024)],
  [moving, keyword('STATCHL', 'stored', 'QMGR OFF LOW MEDIUM HIGH')],
  ['AMQP', objectName('TMPMODEL', 'stored', 48, 'SYSTEM.DEFAULT.MODEL.QUEUE')],
  ['AMQP', text('TMPQPRFX', 'stored', 33, 'AMQP.*')],
  [`${calling} CLNTCONN`, text('TPNAME', 'stored', 64)],
  ['AMQP', objectName('TPROOT', 'stored', 48, 'SYSTEM.BASE.TOPIC')],
  [transmitting, keyword('TRPTYPE', 'stored', 'TCP LU62')],
  ['AMQP', keyword('USECLTID', 'stored', 'NO YES')],
  [moving, keyword('USEDLQ', 'stored', 'YES NO')],
  ['SDR SVR RQSTR CLUSSDR CLNTCONN', text('USERID', 'stored', 12)],
  ['SDR SVR', objectName('XMITQ', 'stored')]
]

const specsOf = (type: ChannelType): readonly AttributeSpec[] =>
  rows.filter(([types]) => types.split(' ').includes(type)).map(([, row]) => (typeof row === 'function' ? row(type) : row))

export const channelAttributes: Readonly<Record<ChannelType, readonly AttributeSpec[]>> = Object.freeze({
  SDR: specsOf('SDR'),
  SVR: specsOf('SVR'),
  RCVR: specsOf('RCVR'),
  RQSTR: specsOf('RQSTR'),
  SVRCONN: specsOf('SVRCONN'),
  CLNTCONN: specsOf('CLNTCONN'),
  CLUSSDR: specsOf('CLUSSDR'),
  CLUSRCVR: specsOf('CLUSRCVR'),
  AMQP: specsOf('AMQP')
})

export const isChannelType = (word: string): word is ChannelType => (channelTypes as readonly string[]).includes(word)
/** Types that cannot be defined without a CONNAME. */
export const needsConnectionName = (type: ChannelType): boolean => ['SDR', 'RQSTR', 'CLUSSDR', 'CLUSRCVR', 'CLNTCONN'].includes(type)
export const needsTransmissionQueue = (type: ChannelType): boolean => type === 'SDR' || type === 'SVR'
