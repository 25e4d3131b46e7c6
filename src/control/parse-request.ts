/**
 * Turns one line from the control socket into a request, or into the sentence that refuses it. Pure.
 *
 * Anybody in the haclient group can write here, so nothing is trusted: every field is checked, unknown kinds and versions
 * are refused by name, and the refusal carries the caller's id when there is a usable one. Fields we do not know are
 * ignored, so that a newer command can speak to an older daemon.
 */

import { millis } from '../base/units.js'
import { holdMsMax, holdReasonMax, protocolVersion } from './protocol.js'
import type { ControlRequest, GroupScope } from './protocol.js'

export type ParsedRequest =
  | { readonly ok: true; readonly id: number; readonly request: ControlRequest }
  | { readonly ok: false; readonly id: number; readonly message: string }

/** A group key is one word of haresources; a longer one cannot be there. */
const keyCharactersMax = 4096

export function parseLine(line: string): ParsedRequest {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return { ok: false, id: 0, message: 'the request is not JSON; send one JSON object on one line' }
  }
  return parseRequest(value)
}

export function parseRequest(value: unknown): ParsedRequest {
  if (!isRecord(value)) return { ok: false, id: 0, message: 'the request is not a JSON object' }
  const id = value['id']
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) {
    return { ok: false, id: 0, message: 'id must be a whole number that is not negative' }
  }
  const refuse = (message: string): ParsedRequest => ({ ok: false, id, message })
  if (value['v'] !== protocolVersion) {
    return refuse(`protocol version ${shown(value['v'])} is not spoken here; this daemon speaks version ${protocolVersion}`)
  }
  const body = value['request']
  if (!isRecord(body)) return refuse('request must be a JSON object')
  const request = parseBody(body)
  return typeof request === 'string' ? refuse(request) : { ok: true, id, request }
}

/** The request, or the sentence that refuses it. */
function parseBody(body: Readonly<Record<string, unknown>>): ControlRequest | string {
  const kind = body['kind']
  switch (kind) {
    case 'status':
    case 'reload':
    case 'stop':
      return { kind }
    case 'confirm-off':
    case 'sync':
    case 'why':
    case 'snapshot':
      return { kind }
    case 'hold': {
      const durationMs = body['durationMs']
      const reason = body['reason'] ?? ''
      if (typeof durationMs !== 'number' || !(durationMs >= 0 && durationMs <= holdMsMax)) return `durationMs must be a number of milliseconds from 0 to ${holdMsMax}`
      return typeof reason === 'string' && reason.length <= holdReasonMax ? { kind, durationMs: millis(Math.round(durationMs)), reason: reason.replace(/[^\x20-\x7e]/g, '?') } : `reason must be a text of at most ${holdReasonMax} characters`
    }
    case 'cleanup': {
      const scope = parseScope(body['scope'])
      return typeof scope === 'string' ? scope : { kind, scope }
    }
    case 'standby': {
      const scope = parseScope(body['scope'])
      if (typeof scope === 'string') return scope
      const wait = body['wait'] ?? true
      return typeof wait === 'boolean' ? { kind, scope, wait } : 'wait must be true or false'
    }
    case 'takeover': {
      const scope = parseScope(body['scope'])
      if (typeof scope === 'string') return scope
      const wait = body['wait'] ?? true
      const force = body['force'] ?? false
      if (typeof wait !== 'boolean') return 'wait must be true or false'
      return typeof force === 'boolean' ? { kind, scope, wait, force } : 'force must be true or false'
    }
    default:
      return `unknown request ${shown(kind)}; known are status, standby, takeover, cleanup, hold, confirm-off, sync, why, snapshot, reload, stop`
  }
}

function parseScope(value: unknown): GroupScope | string {
  if (!isRecord(value)) return 'scope must be an object with a kind'
  const kind = value['kind']
  switch (kind) {
    case 'all':
    case 'local':
    case 'foreign':
      return { kind }
    case 'group': {
      const key = value['key']
      if (typeof key !== 'string' || key === '' || key.length > keyCharactersMax) return 'key must be the first word of a haresources group'
      return { kind, key }
    }
    default:
      return `unknown scope ${shown(kind)}; known are all, local, foreign, group`
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A stranger's value, cut short for a message. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
