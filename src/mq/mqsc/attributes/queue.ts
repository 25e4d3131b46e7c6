/**
 * The attributes of queues, in the order they are displayed. Source: queue manager reference 3.4 and 3.5.
 */

import { countMax, flag, keyword, live, liveNumber, made, number, objectName, text } from './attribute.js'
import type { AttributeSpec } from './attribute.js'

const messageBytesMax = 104_857_600
const switchWords = 'ENABLED DISABLED'

/** Local and model queues differ in few places; `isModel` says which is wanted. */
function localOrModel(isModel: boolean): AttributeSpec[] {
  const onlyLocal = (...specs: AttributeSpec[]): AttributeSpec[] => (isModel ? [] : specs)
  return [
    keyword('ACCTQ', 'stored', 'QMGR ON OFF'),
    made('ALTDATE'),
    made('ALTTIME'),
    objectName('BOQNAME', 'acted'),
    number('BOTHRESH', 'stored', 0, 0, countMax),
    ...onlyLocal(text('CLCHNAME', 'stored', 20), objectName('CLUSNL', 'stored'), objectName('CLUSTER', 'stored')),
    ...onlyLocal(number('CLWLPRTY', 'stored', 0, 0, 9), number('CLWLRANK', 'stored', 0, 0, 9), keyword('CLWLUSEQ', 'stored', 'QMGR LOCAL ANY')),
    made('CRDATE'),
    made('CRTIME'),
    ...onlyLocal(liveNumber('CURDEPTH')),
    text('CUSTOM', 'stored', 128),
    ...onlyLocal(keyword('DEFBIND', 'stored', 'OPEN NOTFIXED GROUP')),
    keyword('DEFPRESP', 'stored', 'SYNC ASYNC'),
    number('DEFPRTY', 'acted', 0, 0, 9),
    keyword('DEFPSIST', 'acted', 'NO YES'),
    keyword('DEFREADA', 'stored', 'NO YES DISABLED'),
    keyword('DEFSOPT', 'acted', 'SHARED EXCL', isModel ? { default: 'EXCL' } : {}),
    isModel ? keyword('DEFTYPE', 'acted', 'TEMPDYN PERMDYN SHAREDYN') : keyword('DEFTYPE', 'made', 'PREDEFINED TEMPDYN PERMDYN SHAREDYN'),
    text('DESCR', 'stored'),
    keyword('DISTL', 'stored', 'NO YES'),
    keyword('GET', 'acted', switchWords),
    flag('HARDENBO', 'stored', 'YES'),
    keyword('IMGRCOVQ', 'stored', 'QMGR YES NO'),
    objectName('INITQ', 'stored'),
    ...onlyLocal(liveNumber('IPPROCS')),
    number('MAXDEPTH', 'acted', 5000, 0, countMax),
    number('MAXFSIZE', 'stored', 'DEFAULT', 20, 267_386_880, ['DEFAULT']),
    number('MAXMSGL', 'acted', 4_194_304, 0, messageBytesMax),
    keyword('MONQ', 'acted', 'QMGR OFF LOW MEDIUM HIGH'),
    keyword('MSGDLVSQ', 'acted', 'PRIORITY FIFO'),
    flag('TRIGGER', 'stored', 'NO'),
    keyword('NPMCLASS', 'acted', 'NORMAL HIGH'),
    ...onlyLocal(liveNumber('OPPROCS')),
    objectName('PROCESS', 'stored'),
    keyword('PROPCTL', 'stored', 'COMPAT NONE ALL FORCE V6COMPAT'),
    keyword('PUT', 'acted', switchWords),
    number('QDEPTHHI', 'stored', 80, 0, 100),
    number('QDEPTHLO', 'stored', 20, 0, 100),
    keyword('QDPHIEV', 'stored', 'DISABLED ENABLED'),
    keyword('QDPLOEV', 'stored', 'DISABLED ENABLED'),
    keyword('QDPMAXEV', 'stored', 'ENABLED DISABLED'),
    keyword('QSVCIEV', 'stored', 'NONE HIGH OK'),
    number('QSVCINT', 'stored', countMax, 0, countMax),
    number('RETINTVL', 'stored', countMax, 0, countMax),
    keyword('SCOPE', 'stored', 'QMGR CELL'),
    flag('SHARE', 'acted', isModel ? 'NO' : 'YES'),
    keyword('STATQ', 'stored', 'QMGR ON OFF'),
    ...onlyLocal(objectName('STREAMQ', 'stored'), keyword('STRMQOS', 'stored', 'BESTEF MUSTDUP')),
    text('TRIGDATA', 'stored'),
    number('TRIGDPTH', 'stored', 1, 1, countMax),
    number('TRIGMPRI', 'stored', 0, 0, 9),
    keyword('TRIGTYPE', 'stored', 'FIRST EVERY DEPTH NONE'),
    keyword('USAGE', 'acted', 'NORMAL XMITQ')
  ]
}

export const localQueueAttributes: readonly AttributeSpec[] = localOrModel(false)
export const modelQueueAttributes: readonly AttributeSpec[] = localOrModel(true)

export const aliasQueueAttributes: readonly AttributeSpec[] = [
  made('ALTDATE'),
  made('ALTTIME'),
  objectName('CLUSNL', 'stored'),
  objectName('CLUSTER', 'stored'),
  number('CLWLPRTY', 'stored', 0, 0, 9),
  number('CLWLRANK', 'stored', 0, 0, 9),
  text('CUSTOM', 'stored', 128),
  keyword('DEFBIND', 'stored', 'OPEN NOTFIXED GROUP'),
  keyword('DEFPRESP', 'stored', 'SYNC ASYNC'),
  number('DEFPRTY', 'acted', 0, 0, 9),
  keyword('DEFPSIST', 'acted', 'NO YES'),
  keyword('DEFREADA', 'stored', 'NO YES DISABLED'),
  text('DESCR', 'stored'),
  keyword('GET', 'acted', switchWords),
  keyword('PROPCTL', 'stored', 'COMPAT NONE ALL FORCE V6COMPAT'),
  keyword('PUT', 'acted', switchWords),
  keyword('SCOPE', 'stored', 'QMGR CELL'),
  objectName('TARGET', 'acted', 48, '', { synonyms: ['TARGQ'] }),
  keyword('TARGTYPE', 'acted', 'QUEUE TOPIC')
]

export const remoteQueueAttributes: readonly AttributeSpec[] = [
  made('ALTDATE'),
  made('ALTTIME'),
  objectName('CLUSNL', 'stored'),
  objectName('CLUSTER', 'stored'),
  number('CLWLPRTY', 'stored', 0, 0, 9),
  number('CLWLRANK', 'stored', 0, 0, 9),
  text('CUSTOM', 'stored', 128),
  keyword('DEFBIND', 'stored', 'OPEN NOTFIXED GROUP'),
  keyword('DEFPRESP', 'stored', 'SYNC ASYNC'),
  number('DEFPRTY', 'acted', 0, 0, 9),
  keyword('DEFPSIST', 'acted', 'NO YES'),
  text('DESCR', 'stored'),
  keyword('PUT', 'acted', switchWords),
  objectName('RNAME', 'acted', 48, '', { refusesEmpty: true }),
  objectName('RQMNAME', 'acted'),
  keyword('SCOPE', 'stored', 'QMGR CELL'),
  objectName('XMITQ', 'acted')
]

/** What DISPLAY QSTATUS TYPE(QUEUE) shows. */
export const queueStatusAttributes: readonly AttributeSpec[] = [
  liveNumber('CURDEPTH'),
  liveNumber('CURFSIZE'),
  liveNumber('CURMAXFS'),
  liveNumber('IPPROCS'),
  live('LGETDATE'),
  live('LGETTIME'),
  live('LPUTDATE'),
  live('LPUTTIME'),
  live('MEDIALOG'),
  live('MONQ'),
  liveNumber('MSGAGE'),
  liveNumber('OPPROCS'),
  live('QTIME'),
  live('UNCOM')
]

/** What DISPLAY QSTATUS TYPE(HANDLE) shows. */
export const handleStatusAttributes: readonly AttributeSpec[] = [
  live('APPLDESC'),
  live('APPLTAG'),
  live('APPLTYPE'),
  live('ASTATE'),
  live('BROWSE'),
  live('CHANNEL'),
  live('CONNAME'),
  live('HSTATE'),
  live('INPUT'),
  live('INQUIRE'),
  live('OUTPUT'),
  liveNumber('PID'),
  live('QMURID'),
  live('SET'),
  live('TID'),
  live('URID'),
  live('URTYPE'),
  live('USERID')
]
