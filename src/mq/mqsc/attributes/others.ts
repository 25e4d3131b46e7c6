/**
 * The attributes of listeners, processes, namelists, topics, subscriptions, services and authentication information, in
 * the order they are displayed. Source: queue manager reference 3.8.
 */

import { countMax, keyword, list, live, liveNumber, made, number, objectName, text } from './attribute.js'
import type { AttributeSpec } from './attribute.js'

/** Longest topic string and subscription name. */
export const topicLengthMax = 10_240

/** Displayed in an order of its own, not by letter. */
export const listenerAttributes: readonly AttributeSpec[] = [
  keyword('CONTROL', 'acted', 'MANUAL QMGR STARTONLY'),
  keyword('TRPTYPE', 'acted', 'TCP', { isFixed: true }),
  number('PORT', 'acted', 0, 0, 65_535),
  text('IPADDR', 'acted', 48),
  number('BACKLOG', 'acted', 0, 0, countMax),
  text('DESCR', 'stored'),
  made('ALTDATE'),
  made('ALTTIME')
]

export const processAttributes: readonly AttributeSpec[] = [
  made('ALTDATE'),
  made('ALTTIME'),
  text('APPLICID', 'stored', 256),
  number('APPLTYPE', 'stored', 'UNIX', 0, countMax, ['UNIX', 'DEF', 'WINDOWS', 'WINDOWSNT', 'DOS', 'MVS', 'NOTESAGENT', 'NSK', 'OS2', 'OS400', 'USER', 'VMS', 'CICS', 'IMS']),
  text('DESCR', 'stored'),
  text('ENVRDATA', 'stored', 128),
  text('USERDATA', 'stored', 128)
]

export const namelistAttributes: readonly AttributeSpec[] = [
  made('ALTDATE'),
  made('ALTTIME'),
  text('DESCR', 'stored'),
  liveNumber('NAMCOUNT'),
  list('NAMES', 'stored', 256, 48, { isName: true })
]

const inherited = 'ASPARENT ENABLED DISABLED'

export const topicAttributes: readonly AttributeSpec[] = [
  made('ALTDATE'),
  made('ALTTIME'),
  keyword('CLROUTE', 'stored', 'DIRECT TOPICHOST'),
  objectName('CLUSTER', 'stored'),
  text('CUSTOM', 'stored', 128),
  keyword('DEFPRESP', 'stored', 'ASPARENT SYNC ASYNC'),
  number('DEFPRTY', 'acted', 'ASPARENT', 0, 9, ['ASPARENT']),
  keyword('DEFPSIST', 'acted', 'ASPARENT NO YES'),
  text('DESCR', 'stored'),
  keyword('DURSUB', 'acted', 'ASPARENT YES NO'),
  objectName('MDURMDL', 'acted'),
  objectName('MNDURMDL', 'acted'),
  keyword('NPMSGDLV', 'stored', 'ASPARENT ALL ALLDUR ALLAVAIL'),
  keyword('PMSGDLV', 'stored', 'ASPARENT ALL ALLDUR ALLAVAIL'),
  keyword('PROXYSUB', 'stored', 'FIRSTUSE FORCE'),
  keyword('PUB', 'acted', inherited),
  keyword('PUBSCOPE', 'stored', 'ASPARENT ALL QMGR'),
  keyword('SUB', 'acted', inherited),
  keyword('SUBSCOPE', 'stored', 'ASPARENT ALL QMGR'),
  text('TOPICSTR', 'acted', topicLengthMax, '', { isFixed: true }),
  keyword('USEDLQ', 'stored', 'ASPARENT YES NO'),
  keyword('WILDCARD', 'stored', 'PASSTHRU BLOCK')
]

export const subscriptionAttributes: readonly AttributeSpec[] = [
  made('ALTDATE'),
  made('ALTTIME'),
  made('CRDATE'),
  made('CRTIME'),
  objectName('DEST', 'acted'),
  keyword('DESTCLAS', 'acted', 'PROVIDED MANAGED', { isFixed: true }),
  text('DESTCORL', 'stored', 48),
  objectName('DESTQMGR', 'stored'),
  keyword('DURABLE', 'made', 'YES NO'),
  number('EXPIRY', 'stored', 'UNLIMITED', 0, countMax, ['UNLIMITED']),
  text('PUBACCT', 'stored', 64),
  text('PUBAPPID', 'stored', 32),
  number('PUBPRTY', 'stored', 'ASPUB', 0, 9, ['ASPUB', 'ASQDEF']),
  keyword('PSPROP', 'stored', 'MSGPROP NONE COMPAT RFH2'),
  keyword('REQONLY', 'stored', 'NO YES'),
  text('SELECTOR', 'acted', topicLengthMax, '', { isFixed: true }),
  number('SUBLEVEL', 'stored', 1, 0, 9),
  keyword('SUBSCOPE', 'stored', 'ALL QMGR'),
  live('SUBTYPE'),
  text('SUBUSER', 'stored', 12),
  objectName('TOPICOBJ', 'acted', 48, '', { isFixed: true }),
  text('TOPICSTR', 'acted', topicLengthMax, '', { isFixed: true }),
  text('USERDATA', 'stored', topicLengthMax),
  keyword('VARUSER', 'stored', 'ANY FIXED'),
  keyword('WSCHEMA', 'stored', 'TOPIC CHAR')
]

export const serviceAttributes: readonly AttributeSpec[] = [
  made('ALTDATE'),
  made('ALTTIME'),
  keyword('CONTROL', 'stored', 'MANUAL QMGR STARTONLY'),
  text('DESCR', 'stored'),
  keyword('SERVTYPE', 'stored', 'COMMAND SERVER', { isFixed: true }),
  text('STARTARG', 'stored', 255),
  text('STARTCMD', 'stored', 255),
  text('STDERR', 'stored', 255),
  text('STDOUT', 'stored', 255),
  text('STOPARG', 'stored', 255),
  text('STOPCMD', 'stored', 255)
]

export const authenticationTypes = ['IDPWOS', 'CRLLDAP', 'OCSP'] as const
export type AuthenticationType = (typeof authenticationTypes)[number]
export const isAuthenticationType = (word: string): word is AuthenticationType => (authenticationTypes as readonly string[]).includes(word)

/** CHCKCLNT is REQUIRED for new queue managers: who comes from another machine says who he is. */
export const authenticationAttributes: Readonly<Record<AuthenticationType, readonly AttributeSpec[]>> = Object.freeze({
  IDPWOS: [
    keyword('ADOPTCTX', 'acted', 'YES NO'),
    made('ALTDATE'),
    made('ALTTIME'),
    keyword('AUTHENMD', 'stored', 'OS PAM'),
    keyword('CHCKCLNT', 'acted', 'REQUIRED OPTIONAL REQDADM NONE'),
    keyword('CHCKLOCL', 'stored', 'OPTIONAL NONE REQDADM REQUIRED'),
    text('DESCR', 'stored'),
    number('FAILDLAY', 'stored', 1, 0, 60)
  ],
  CRLLDAP: [
    made('ALTDATE'),
    made('ALTTIME'),
    text('CONNAME', 'stored', 264),
    text('DESCR', 'stored'),
    text('LDAPPWD', 'stored', 32, '', { isSecret: true }),
    text('LDAPUSER', 'stored', 1024)
  ],
  OCSP: [made('ALTDATE'), made('ALTTIME'), text('DESCR', 'stored'), text('OCSPURL', 'stored', 256)]
})
