/**
 * The verbs and object words of MQSC with their synonyms, and which go together. Synonyms are exact words, not
 * abbreviations by length: DEF is DEFINE, DEFI is nothing. Source: queue manager reference 3.1, 3.2.
 */

export const verbs = ['ALTER', 'CLEAR', 'DEFINE', 'DELETE', 'DISPLAY', 'END', 'PING', 'REFRESH', 'RESET', 'RESOLVE', 'RESUME', 'SET', 'START', 'STOP', 'SUSPEND'] as const
export type Verb = Exclude<(typeof verbs)[number], 'END'>

const verbSynonyms: Readonly<Record<string, Verb>> = { ALT: 'ALTER', DEF: 'DEFINE', DEL: 'DELETE', DIS: 'DISPLAY', DSP: 'DISPLAY', REF: 'REFRESH', STA: 'START' }

const objectSynonyms: Readonly<Record<string, string>> = {
  CHL: 'CHANNEL', CHS: 'CHSTATUS', LS: 'LSSTATUS', LSTR: 'LISTENER', NL: 'NAMELIST', PRO: 'PROCESS', Q: 'QUEUE', QA: 'QALIAS',
  QC: 'QCLUSTER', QL: 'QLOCAL', QM: 'QMODEL', QR: 'QREMOTE', QS: 'QSTATUS', SEC: 'SECURITY', TPS: 'TPSTATUS'
}

const definable = 'QLOCAL QALIAS QREMOTE QMODEL CHANNEL LISTENER TOPIC SUB PROCESS NAMELIST AUTHINFO SERVICE COMMINFO'

const objects: Readonly<Record<Verb, string>> = {
  ALTER: `${definable} QMGR`,
  CLEAR: 'QLOCAL TOPICSTR',
  DEFINE: definable,
  DELETE: definable,
  DISPLAY:
    `${definable} QUEUE QCLUSTER QMGR QSTATUS CHSTATUS CHLAUTH CLUSQMGR CONN LSSTATUS QMSTATUS SBSTATUS TPSTATUS SVSTATUS ` +
    'APSTATUS PUBSUB AUTHREC AUTHSERV ENTAUTH POLICY TCLUSTER',
  PING: 'QMGR CHANNEL',
  REFRESH: 'SECURITY QMGR CLUSTER',
  RESET: 'QMGR CHANNEL CLUSTER',
  RESOLVE: 'CHANNEL',
  RESUME: 'QMGR',
  SET: 'CHLAUTH AUTHREC LOG POLICY',
  START: 'LISTENER CHANNEL SERVICE CHINIT',
  STOP: 'LISTENER CHANNEL SERVICE CONN',
  SUSPEND: 'QMGR'
}

/** What we have no part for, and why: recognised, and answered with a failure that says so. */
export const missingParts: Readonly<Record<string, string>> = {
  COMMINFO: 'there is no multicast',
  QCLUSTER: 'there are no clusters of queue managers',
  CLUSQMGR: 'there are no clusters of queue managers',
  TCLUSTER: 'there are no clusters of queue managers',
  CLUSTER: 'there are no clusters of queue managers',
  APSTATUS: 'there are no clusters of queue managers',
  PUBSUB: 'there are no hierarchies of queue managers',
  AUTHREC: 'there are no authority records; who may connect is decided by CHLAUTH records and the users file',
  AUTHSERV: 'there are no authority records; who may connect is decided by CHLAUTH records and the users file',
  ENTAUTH: 'there are no authority records; who may connect is decided by CHLAUTH records and the users file',
  POLICY: 'messages are not signed or encrypted by the queue manager',
  LOG: 'log files are not archived',
  CHINIT: 'there is no channel initiator, as no channel calls another queue manager',
  SERVICE: 'services are not run by the queue manager'
}

/** The verb a word means; null when it means none. END is for the reader of lines, not for here. */
export function verbOf(word: string): Verb | null {
  const synonym = Object.hasOwn(verbSynonyms, word) ? verbSynonyms[word] : undefined
  if (synonym !== undefined) return synonym
  return word !== 'END' && (verbs as readonly string[]).includes(word) ? (word as Verb) : null
}

/** The object word that a word means after this verb; null when the verb takes no such object. */
export function objectOf(verb: Verb, word: string): string | null {
  const object = Object.hasOwn(objectSynonyms, word) ? (objectSynonyms[word] ?? word) : word
  return objects[verb].split(' ').includes(object) ? object : null
}
