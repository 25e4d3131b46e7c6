/**
 * Explanation and action of the messages an operator meets in the error log. The texts are our own.
 */

import { severityOf } from './messages.js'
import type { MessageId } from './messages.js'

export interface Explanation {
  /** What happened and what follows from it. */
  readonly explanation: string
  /** What to do. */
  readonly action: string
}

const none = 'Nothing needs to be done.'
const started = 'A part of the queue manager has started; it is ready for work.'
const ended = 'A part of the queue manager has ended, as it was asked to or because the queue manager ends.'
const askAgain = 'Look at the messages before this one; they say what went wrong first.'

const table: Readonly<Partial<Record<MessageId, readonly [explanation: string, action: string]>>> = {
  AMQ5008: ['A process the queue manager cannot do without has ended. The queue manager ends so that no work is done by halves.', 'Start the queue manager again. If this comes back, look for a lack of memory or for somebody ending processes.'],
  AMQ5009: ['A process that serves applications ended without being asked to. Its connections are broken and their open units of work are backed out.', 'Applications connect again. If this comes back, keep the error log and the system log of that time.'],
  AMQ5026: ['The listener accepts connections now.', none],
  AMQ5027: ['The listener accepts no more connections.', 'If it should be running, START LISTENER starts it.'],
  AMQ5534: ['The user and password, or the token, that a client gave were not found right, or it gave none where one is demanded.', 'Correct them at the client, or give the user a password with setmquser. CHCKCLNT of the authentication information that CONNAUTH names, and of CHLAUTH records, says who must give one.'],
  AMQ6109: ['Something happened that only a fault in the program can cause. The queue manager ends rather than go on from a state nobody knows.', 'Keep the error log, report the fault, and start the queue manager again.'],
  AMQ6119: ['An operation of the operating system failed in a way that is not prepared for.', 'Look up the error in the message; look into the system log.'],
  AMQ6125: ['Something happened that only a fault in the program can cause.', 'Keep the error log and report the fault.'],
  AMQ6206: ['An administrator has issued a command; this is a record of it.', none],
  AMQ6708: ['A log file could not be made as large as it must be, because the file system is full.', 'Make room in the file system of the log. Puts and commits are refused until there is.'],
  AMQ6709: ['No record can be written until space in the log is free. Persistent messages are refused with reason 2102; others go on.', 'Look for a unit of work that has been open for long: DISPLAY CONN(*) WHERE(UOWSTATE EQ ACTIVE) ALL. Ending it frees space. Define a larger log when this comes back.'],
  AMQ7017: ['The log files are missing, are locked, are not ours, or are on a file system that cannot do what is needed.', 'Correct what the message names. The log is never changed by this.'],
  AMQ7077: ['The command is for administrators of the queue manager alone.', 'Issue it as a member of the mqm group, or as the user that owns the queue manager.'],
  AMQ7229: ['The log is read from the last checkpoint on, to bring back what was stored.', none],
  AMQ7230: ['Everything that was in the log is in place again.', none],
  AMQ7231: ['Units of work that were open when the queue manager ended are undone.', none],
  AMQ7232: ['The state of all units of work is known again.', none],
  AMQ7233: ['Units of work that were open when the queue manager ended were backed out.', none],
  AMQ7279: ['Another instance may hold the data of this queue manager now. This instance stopped writing at once and ends; nothing that was answered is lost.', 'Find out why the lock was lost: a frozen machine, a lost network file system, or a second start. The other instance goes on.'],
  AMQ7280: ['The queue manager has not answered for some time.', 'Look at the load of the machine and its disks. The cluster manager acts by itself when this goes on.'],
  AMQ7463: ['The space between the oldest record that is needed and the newest one has reached the size of the log. Work that needs the log is refused with reason 2102.', 'Look for a unit of work that has been open for long: DISPLAY CONN(*) WHERE(UOWSTATE EQ ACTIVE) ALL. Define a larger log when this comes back.'],
  AMQ7466: ['Checkpoints come one after the other because the log fills faster than it should.', 'Define a queue manager with more or larger log files: crtmqm -lp, -ls and -lf.'],
  AMQ7467: ['Log files before this one are not needed to start the queue manager.', 'Older files of a linear log may be archived when they are not needed for media recovery either.'],
  AMQ7468: ['Log files before this one are not needed to bring back a damaged object.', 'Older files may be archived. Recording images with rcdmqimg lets this move on.'],
  AMQ7469: ['The oldest open units of work kept the log from being used again and were backed out. Their applications get reason 2003.', 'Let the applications commit more often, or define a larger log.'],
  AMQ7472: ['What is stored of the object cannot be read. Calls for it fail with reason 2101; other objects are not affected.', 'With a linear log, rcrmqobj makes the object again. Otherwise restore a copy.'],
  AMQ7490: ['How the files of the log were used since the last such message.', none],
  AMQ8003: ['The queue manager accepts connections.', none],
  AMQ8004: ['The queue manager has ended.', 'If it should be running, strmqm starts it.'],
  AMQ8560: ['Passwords, channel authentication records and certificates are read anew; connections that exist are not affected.', none],
  AMQ9001: ['A channel has ended in order.', none],
  AMQ9002: ['A channel is starting.', none],
  AMQ9202: ['The partner could not be reached: its machine, its network or its listener is down.', 'Check the CONNAME and that the partner listens.'],
  AMQ9206: ['The connection broke while data was sent. An open unit of work of the partner is backed out.', 'Look at the network and at the partner; it connects again by itself when it is meant to.'],
  AMQ9207: ['The partner sent something that no protocol known here allows. The connection was closed; nothing else is affected.', 'Find out what is at that address. Port scanners and clients of other products cause this.'],
  AMQ9208: ['The connection broke while data was awaited. An open unit of work of the partner is backed out.', 'Look at the network and at the partner; it connects again by itself when it is meant to.'],
  AMQ9209: ['The partner closed the connection without saying so first. Its open unit of work is backed out.', 'Look at the partner: programs that end without disconnecting cause this.'],
  AMQ9213: ['A call of the network failed.', 'Look up the error in the message.'],
  AMQ9218: ['The listener does not run: its port or address cannot be had. Most often another listener has it.', 'See who has the port (ss -ltnp), keep one listener for each port, and start the listener again.'],
  AMQ9255: ['The listener was running when it was to be started.', none],
  AMQ9271: ['Nothing was heard from the partner for longer than the heartbeat allows. The connection was closed and its open unit of work backed out.', 'Look at the network and at the partner. HBINT of the channel says how long silence may last.'],
  AMQ9509: ['The object does not exist, is of another kind, or is damaged.', 'Correct the name, or define the object.'],
  AMQ9514: ['The channel has running instances.', 'STOP CHANNEL first, or wait until its clients have disconnected.'],
  AMQ9519: ['A client asked for a channel that is not defined, or that is not for clients.', 'Define it as DEFINE CHANNEL(name) CHLTYPE(SVRCONN), or correct the name at the client. Names are case-sensitive.'],
  AMQ9533: ['The channel does not run, or was stopped by STOP CHANNEL.', 'START CHANNEL lets clients use it again.'],
  AMQ9694: ['No more connections are allowed: by MAXINST or MAXINSTC of the channel, or by the limit of the listener.', 'See who is connected with DISPLAY CHSTATUS(*); raise the limit when they are all wanted.'],
  AMQ9776: ['The user that the client would run as is on a BLOCKUSER list. The client gets reason 2035.', 'Have the client authenticate as another user, map it to one, or give the channel a BLOCKUSER record of its own.'],
  AMQ9777: ['A channel authentication record does not let clients of this address in. The client gets reason 2035.', 'DISPLAY CHLAUTH(channel) MATCH(RUNCHECK) ADDRESS(address) shows the record; SET CHLAUTH adds one that lets the client in.'],
  AMQ9999: ['The connection ended because of an error. An open unit of work of the partner is backed out.', askAgain]
}

/** What is known of a message; for those that explain themselves a sentence by its severity. */
export function explanationOf(id: MessageId): Explanation {
  const known = table[id]
  if (known !== undefined) return { explanation: known[0], action: known[1] }
  const number = Number(id.slice(3))
  if (severityOf(id) !== 'I') return { explanation: 'The request could not be carried out.', action: askAgain }
  return { explanation: number < 6000 && number >= 5000 ? (number % 2 === 0 ? started : ended) : 'This is a record of what was done.', action: none }
}
