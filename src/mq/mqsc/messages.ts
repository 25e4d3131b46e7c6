/**
 * Every message with an id: what MQSC answers, what the commands print, what goes to the error log.
 *
 * Ids and severity letters are what scripts know from the original product; the wording is our own. `%1` to `%9` are
 * inserts. Letters: I information, W warning, E error, S severe, T terminating. Explanations and actions for those that
 * an operator meets in the error log stand in explanations.ts. Source: queue manager reference 0.2 and 1.16; ids that the
 * reference does not have are marked `own`.
 */

import { invariant } from '../../base/invariant.js'

export type Severity = 'I' | 'W' | 'E' | 'S' | 'T'

const texts = {
  // Parts of a queue manager as they start and end.
  AMQ5008: 'S An essential process of the queue manager, %1, is missing; the queue manager ends.',
  AMQ5009: 'S Agent process %1 of the queue manager ended unexpectedly.',
  AMQ5022: 'I The channel initiator has started. Process %1.',
  AMQ5023: 'I The channel initiator has ended. Process %1.',
  AMQ5024: 'I The command server has started. Process %1.',
  AMQ5025: 'I The command server has ended. Process %1.',
  AMQ5026: 'I Listener %1 has started on port %2. Process %3.',
  AMQ5027: 'I Listener %1 has ended. Process %2.',
  AMQ5028: 'I Service %1 has started. Process %2.',
  AMQ5029: 'I Service %1 has ended. Process %2.',
  AMQ5037: 'I The queue manager task %1 has started.',
  AMQ5041: 'I The queue manager task %1 has ended.',
  AMQ5051: 'I The queue manager task %1 has started.',
  AMQ5052: 'I The queue manager task %1 has ended.',
  AMQ5534: 'E User %1 was not admitted: %2.',
  AMQ6109: 'S An internal error occurred: %1.',
  AMQ6119: 'S An internal error occurred: %1.',
  AMQ6125: 'S An internal error occurred: %1.',
  AMQ6206: 'I Command %1 was issued.',
  AMQ6708: 'S The disk was full when a log file was to be formatted: %1.',
  AMQ6709: 'E The log of queue manager %1 is full.',
  // Files, names, the log.
  AMQ7001: 'E The location given for queue manager %1 is not valid: %2.',
  AMQ7002: 'S A file could not be handled: %1.',
  AMQ7005: 'E Queue manager %1 is running.',
  AMQ7006: 'E Attribute %1 is missing from stanza %2 of file %3.',
  AMQ7008: 'E Queue manager %1 exists already.',
  AMQ7009: 'E No directory name is left for queue manager %1.',
  AMQ7017: 'E The log is not available: %1.',
  AMQ7030: 'I The queue manager accepted the request to quiesce; it ends when nothing uses it any more.',
  AMQ7048: 'E Queue manager name %1 is not valid or not known.',
  AMQ7064: 'E Log path %1 is not valid or cannot be used.',
  AMQ7075: 'E %1: attribute %2 on line %3 is not known.',
  AMQ7076: 'E %1: value %2 on line %3 is not valid for attribute %4.',
  AMQ7077: 'E You are not authorized to do this.',
  AMQ7229: 'I %1 log records were read for queue manager %2 in the log replay.',
  AMQ7230: 'I The log replay of queue manager %1 is complete.',
  AMQ7231: 'I %1 log records were read for queue manager %2 in the recovery.',
  AMQ7232: 'I The state of the transactions of queue manager %1 was recovered.',
  AMQ7233: 'I %1 of %2 transactions in flight were resolved for queue manager %3.',
  AMQ7276: 'E Queue manager %1 cannot switch over: %2.',
  AMQ7279: 'S Queue manager %1 lost the lock on its data; it ends.',
  AMQ7280: 'E Queue manager %1 does not respond: %2.',
  AMQ7463: 'E The log of queue manager %1 is full.',
  AMQ7466: 'W The log of queue manager %1 is too small for the rate at which data is written.',
  AMQ7467: 'I The oldest log file needed to start queue manager %1 is %2.',
  AMQ7468: 'I The oldest log file needed for the media recovery of queue manager %1 is %2.',
  AMQ7469: 'W Transactions were backed out to free log space: %1.',
  AMQ7472: 'S Object %1 of type %2 is damaged.',
  AMQ7490: 'I Log files of queue manager %1: %2 created, %3 used again, %4 deleted.',
  // Queue managers and objects.
  AMQ8001: 'I Queue manager %1 created.',
  AMQ8002: 'I Queue manager %1 deleted.',
  AMQ8003: 'I Queue manager %1 started, version %2.',
  AMQ8004: 'I Queue manager %1 ended.',
  AMQ8005: 'I Queue manager changed.',
  AMQ8006: 'I Queue created.',
  AMQ8007: 'I Queue deleted.',
  AMQ8008: 'I Queue changed.',
  AMQ8010: 'I Process created.',
  AMQ8011: 'I Process deleted.',
  AMQ8012: 'I Process changed.',
  AMQ8014: 'I Channel created.',
  AMQ8015: 'I Channel deleted.',
  AMQ8016: 'I Channel changed.',
  AMQ8018: 'I Start of channel accepted.',
  AMQ8019: 'I Stop of channel accepted.',
  AMQ8020: 'I Ping of channel %1 complete.',
  AMQ8021: 'I Start of listener accepted.',
  AMQ8022: 'I Queue cleared.',
  AMQ8023: 'I Channel reset.',
  AMQ8024: 'I The channel initiator has started.',
  AMQ8025: 'I Channel resolved.',
  AMQ8048: 'I Default objects statistics : %1 created. %2 replaced. %3 failed.',
  AMQ8094: 'I Subscription created.',
  AMQ8095: 'I Subscription changed.',
  AMQ8096: 'I Display subscription details.',
  AMQ8097: 'I Subscription deleted.', // own
  AMQ8099: 'I Display subscription status details.', // own
  AMQ8101: 'S The command failed for a reason it is not prepared for: %1.',
  AMQ8102: 'E Object name %1 is not valid.',
  AMQ8106: 'I Queue manager %1 is being created.',
  AMQ8108: 'E Queue manager %1 is ending.',
  AMQ8110: 'E Queue manager %1 exists already.',
  AMQ8118: 'E Queue manager %1 does not exist.',
  AMQ8135: 'E Not authorized.',
  AMQ8138: 'E Queue %1 is of another type, %2.',
  AMQ8141: 'I Queue manager %1 is starting.',
  AMQ8142: 'I Queue manager %1 has stopped.',
  AMQ8143: 'E Queue %1 is not empty.',
  AMQ8144: 'E The log is not available.',
  AMQ8145: 'E The connection to the queue manager is broken.',
  AMQ8146: 'E Queue manager %1 not available.',
  AMQ8147: 'E Object %1 not found.',
  AMQ8148: 'E Object %1 is in use.',
  AMQ8149: 'S Object %1 is damaged.',
  AMQ8150: 'E Object %1 exists already.',
  AMQ8199: 'E %1 is not available: %2.', // own
  AMQ8213: 'E Parameter XMITQ is missing, or blank.', // own
  AMQ8214: 'E Parameter CONNAME is missing, or blank.',
  AMQ8226: 'E Channel %1 cannot be created: it exists as a channel of type %2.',
  AMQ8227: 'E Channel %1 not found.',
  AMQ8276: 'I Display connection details.', // own
  // MQSC itself.
  AMQ8405: 'I Syntax error at or near the end of the command segment below: %1:-',
  AMQ8406: 'E The input ended within a command.',
  AMQ8407: 'I Display process details.', // own
  AMQ8408: 'I Display queue manager details.',
  AMQ8409: 'I Display queue details.',
  AMQ8411: 'E Keyword %1 is given twice, or with its opposite.',
  AMQ8412: 'E Number %2 of %1 is out of range; valid: %3.',
  AMQ8413: 'E The text of %1 is too long: %2 characters, at most %3.',
  AMQ8414: 'I Display channel details.',
  AMQ8415: 'I The queue manager answered the ping.',
  AMQ8417: 'I Display channel status details.',
  AMQ8420: 'I Channel status not found.',
  AMQ8424: 'E Name %2 of keyword %1 is not valid: %3.',
  AMQ8425: 'E Value %2 is not valid for attribute %1; valid: %3.',
  AMQ8426: 'I Valid MQSC commands are:',
  AMQ8441: 'I Display cluster queue manager details.',
  AMQ8450: 'I Display queue status details.',
  AMQ8457: 'I Connection stopped.', // own
  AMQ8461: 'E Connection %1 not found.', // own
  AMQ8504: 'E The command server refused the command: %1.',
  AMQ8506: 'E The command server did not answer in time.',
  AMQ8507: 'E The command could not be sent to the command server: %1.',
  AMQ8508: 'E The answer of the command server could not be read: %1.',
  AMQ8509: 'E The command server closed the connection.',
  AMQ8518: 'E LOGGEREV(ENABLED) needs a linear log; this queue manager has a circular one.',
  AMQ8550: 'I Display namelist details.',
  AMQ8551: 'I Namelist changed.',
  AMQ8552: 'I Namelist created.',
  AMQ8553: 'I Namelist deleted.',
  AMQ8556: 'I RESUME accepted.',
  AMQ8557: 'I SUSPEND accepted.',
  AMQ8558: 'I REFRESH CLUSTER accepted.',
  AMQ8559: 'I RESET CLUSTER accepted.',
  AMQ8560: 'I Security was refreshed.',
  AMQ8563: 'I Authentication information created.',
  AMQ8564: 'I Authentication information deleted.', // own
  AMQ8566: 'I Display authentication information details.', // own
  AMQ8567: 'I Authentication information changed.',
  AMQ8569: 'E %1: %2.', // own; a value that no other message describes
  AMQ8623: 'I Service deleted.', // own
  AMQ8624: 'I Listener deleted.', // own
  AMQ8625: 'I Service created.', // own
  AMQ8626: 'I Listener created.',
  AMQ8627: 'I Service changed.', // own
  AMQ8628: 'I Listener changed.', // own
  AMQ8629: 'I Display service details.', // own
  AMQ8630: 'I Display listener details.',
  AMQ8631: 'I Display listener status details.',
  AMQ8633: 'I Display topic details.', // own
  AMQ8690: 'I Topic created.',
  AMQ8691: 'I Topic changed.',
  AMQ8692: 'I Topic deleted.',
  AMQ8693: 'I The retained publication of the topic was cleared.', // own
  AMQ8705: 'I Display queue manager status details.',
  AMQ8706: 'I Stop of listener accepted.', // own
  AMQ8708: 'I The dead-letter queue handler has started.',
  AMQ8754: 'I Display topic status details.', // own
  AMQ8877: 'I Channel authentication record set.',
  AMQ8878: 'I Display channel authentication record details.',
  AMQ8884: 'E No channel authentication record matches.', // own
  AMQ8919: 'E There is no queue manager of such a name.',
  AMQ8932: 'I Display application status details.',
  // Channels and listeners in the error log.
  AMQ9001: 'I Channel %1 for %2 ended normally.',
  AMQ9002: 'I Channel %1 for %2 is starting.',
  AMQ9202: 'E Host %1 is not available; try again later.',
  AMQ9206: 'E Data could not be sent to %1: %2.',
  AMQ9207: 'E Data received from %1 is not valid: %2.',
  AMQ9208: 'E Data could not be received from %1: %2.',
  AMQ9209: 'E The connection to %1 was closed by the partner.',
  AMQ9213: 'E A communications error occurred: %1.',
  AMQ9218: 'E Listener %1 could not bind to port %2: %3.',
  AMQ9255: 'E Listener %1 is running already.',
  AMQ9256: 'E Listener %1 is not running.', // own
  AMQ9271: 'E Channel %1 for %2 timed out.',
  AMQ9409: 'S The repository manager ended abnormally.',
  AMQ9410: 'I The repository manager has started.',
  AMQ9411: 'I The repository manager has ended.',
  AMQ9418: 'W Cluster %1 has only one repository.',
  AMQ9420: 'E Cluster %1 has no repository.',
  AMQ9442: 'I REFRESH CLUSTER done: %1.',
  AMQ9509: 'E Object %1 cannot be opened: %2.',
  AMQ9514: 'E Channel %1 is in use.',
  AMQ9519: 'E Channel %1 not found for %2: %3.',
  AMQ9526: 'E Message sequence number error on channel %1.',
  AMQ9533: 'W Channel %1 is not active.',
  AMQ9558: 'E The remote channel %1 is not available.',
  AMQ9694: 'E Connection limit reached: %1.',
  AMQ9776: 'E Channel %1 was blocked for user %2 from %3: %4.',
  AMQ9777: 'E Channel %1 was blocked for address %2: %3.',
  AMQ9999: 'E Channel %1 for %2 ended abnormally: %3.'
} as const

export type MessageId = keyof typeof texts

/** Every id we have a text for, in order. */
export const messageIds: readonly MessageId[] = (Object.keys(texts) as MessageId[]).sort()

export const severityOf = (id: MessageId): Severity => texts[id].charAt(0) as Severity

/** How many inserts the text has. */
export const insertsOf = (id: MessageId): number => Math.max(0, ...[...texts[id].matchAll(/%(\d)/g)].map(found => Number(found[1])))

/** The text alone, for commands that print no ids when they succeed. */
export function messageText(id: MessageId, ...inserts: readonly (string | number)[]): string {
  invariant(inserts.length >= insertsOf(id), `${id} has ${insertsOf(id)} inserts`)
  return texts[id].slice(2).replace(/%(\d)/g, (_, digit: string) => printable(String(inserts[Number(digit) - 1] ?? '')))
}

/** `AMQ8147E: Object A not found.` */
export const messageLine = (id: MessageId, ...inserts: readonly (string | number)[]): string => `${id}${severityOf(id)}: ${messageText(id, ...inserts)}`

/** Inserts come from outside: what would end the line or play tricks on a terminal is shown as a dot. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '.')
}
