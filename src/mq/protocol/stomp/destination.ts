/**
 * What a STOMP destination means here.
 *
 *     /queue/NAME, NAME       a queue, an alias or a remote queue; names keep their case
 *     /queue/NAME@QMGR        the same, seen from that queue manager
 *     /topic/a/b              the topic string a/b; in SUBSCRIBE with + for one level and # for any number of levels
 *     /temp-queue/WORD        a temporary dynamic queue of this connection; other connections reach it by reply-to
 *
 * Everything else that begins with `/` belongs to other brokers and is refused, rather than made into a queue of that name.
 */

import { shown } from './frame.js'
import { malformed, type Refusal } from './refusal.js'

export type Destination =
  | { readonly kind: 'queue'; readonly name: string; readonly queueManager: string }
  | { readonly kind: 'topic'; readonly topic: string }
  | { readonly kind: 'temporary'; readonly word: string }

export type ParsedDestination = { readonly ok: true; readonly destination: Destination } | Refusal

const queuePrefix = '/queue/'
const topicPrefix = '/topic/'
const temporaryPrefix = '/temp-queue/'
export const modelQueue = 'SYSTEM.DEFAULT.MODEL.QUEUE'

export function parseDestination(text: string): ParsedDestination {
  if (text.startsWith(queuePrefix)) return queue(text.slice(queuePrefix.length), text)
  if (text.startsWith(topicPrefix)) {
    const topic = text.slice(topicPrefix.length)
    return topic === '' ? malformed(`destination ${shown(text)} names no topic`) : { ok: true, destination: { kind: 'topic', topic } }
  }
  if (text.startsWith(temporaryPrefix)) {
    const word = text.slice(temporaryPrefix.length)
    return word === '' ? malformed(`destination ${shown(text)} names no queue`) : { ok: true, destination: { kind: 'temporary', word } }
  }
  if (text.startsWith('/')) return malformed(`destination ${shown(text)} is none of /queue/NAME, /topic/STRING and /temp-queue/WORD`)
  return queue(text, text)
}

function queue(rest: string, text: string): ParsedDestination {
  const at = rest.indexOf('@')
  const name = at === -1 ? rest : rest.slice(0, at)
  if (name === '') return malformed(`destination ${shown(text)} names no queue`)
  return { ok: true, destination: { kind: 'queue', name, queueManager: at === -1 ? '' : rest.slice(at + 1) } }
}

/** A queue as others may use it as a destination. */
export const queueDestination = (name: string, queueManager: string, own: string): string =>
  queuePrefix + name + (queueManager === '' || queueManager === own ? '' : `@${queueManager}`)

export const topicDestination = (topic: string): string => topicPrefix + topic
