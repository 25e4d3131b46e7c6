/** How a start that failed is said, and with which status strmqm ends. Source: reference 1.1.1. */

import { HaError } from '../../base/errors.js'
import { messageLine } from '../mqsc/messages.js'
import type { MessageId } from '../mqsc/messages.js'
import { lockHostName } from '../store/lock.js'
import type { ExitReason } from './exit-status.js'

export interface StartFailure {
  /** Of strmqm. */
  readonly status: number
  readonly lines: readonly string[]
  /** Of the process itself. */
  readonly exit: ExitReason
  readonly id: MessageId
}

/** null for what is no failure one foresees. */
export function startFailure(error: unknown, name: string): StartFailure | null {
  if (!(error instanceof HaError)) return systemFailure(error)
  switch (error.code) {
    case 'HA_MQ_LOCKED': {
      const isHere = error.details['host'] === lockHostName()
      const line = isHere ? messageLine('AMQ7005', name) : `${messageLine('AMQ7005', name)} It runs on ${String(error.details['host']) || 'another host'}, which does not permit standby instances.`
      return { status: isHere ? 5 : 43, lines: [line], exit: 'locked', id: 'AMQ7005' }
    }
    case 'HA_MQ_DAMAGED':
    case 'HA_MQ_FOREIGN_LOG':
    case 'HA_MQ_NEWER_VERSION':
    case 'HA_MQ_LOG_FAILED':
    case 'HA_MQ_LOG_FULL':
      return { status: 23, lines: [messageLine('AMQ7017', error.message)], exit: 'logUnavailable', id: 'AMQ7017' }
    case 'HA_MQ_LOCK_LOST':
      return { status: 43, lines: [messageLine('AMQ7279', name), error.message], exit: 'lockLost', id: 'AMQ7279' }
    case 'HA_MQ_INI_INVALID':
      return { status: 71, lines: error.message.split('\n'), exit: 'configuration', id: 'AMQ7076' }
    case 'HA_STATE_UNUSABLE':
      return { status: 71, lines: [messageLine('AMQ7001', name, error.message)], exit: 'state', id: 'AMQ7001' }
    default:
      return null
  }
}

/** A disk that is full, read-only, not there, or not ours. */
function systemFailure(error: unknown): StartFailure | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null
  const text = error.message
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return { status: 100, lines: [messageLine('AMQ7017', text)], exit: 'logUnavailable', id: 'AMQ7017' }
    case 'EACCES':
    case 'EPERM':
      return { status: 119, lines: [messageLine('AMQ7077'), text], exit: 'state', id: 'AMQ7077' }
    case 'ENOSPC':
    case 'EDQUOT':
      return { status: 69, lines: [messageLine('AMQ6708', text)], exit: 'state', id: 'AMQ6708' }
    case 'EROFS':
    case 'EIO':
    case 'ESTALE':
    case 'EADDRINUSE':
      return { status: 71, lines: [messageLine('AMQ7002', text)], exit: 'state', id: 'AMQ7002' }
    default:
      return null
  }
}
