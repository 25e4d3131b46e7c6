/**
 * Exit statuses of the `heartbeat` commands. They follow Linux-HA and the LSB where those have a number, and the daemon's
 * own (daemon/exit-status.ts) where the daemon's end is the answer.
 */

import { HaError } from '../base/errors.js'
import type { ErrorCode } from '../base/errors.js'
import { exitStatuses } from '../daemon/exit-status.js'
import type { CommandContext } from './context.js'

export const usageError = 2
export const notRunning = 3
/** The other node's files could not be fetched, or not be written. */
export const syncFailed = 13

/** Codes that the heartbeat commands can meet; those of the queue manager have statuses of their own commands. */
const statusByCode: Readonly<Partial<Record<ErrorCode, number>>> = {
  HA_CONFIG_INVALID: exitStatuses.configuration.status,
  HA_NOT_RUNNING: notRunning,
  HA_ALREADY_RUNNING: exitStatuses.alreadyRunning.status,
  HA_NOT_PERMITTED: exitStatuses.permission.status,
  HA_CONTROL_TIMEOUT: exitStatuses.general.status,
  HA_CONTROL_BAD_REQUEST: exitStatuses.general.status,
  HA_CONTROL_BUSY: exitStatuses.general.status,
  HA_STANDBY_REFUSED: exitStatuses.general.status,
  HA_UNKNOWN_GROUP: usageError,
  HA_SYNC_FAILED: syncFailed,
  HA_START_FAILED: exitStatuses.general.status,
  HA_STATE_UNUSABLE: exitStatuses.state.status,
  HA_MEDIA_UNUSABLE: exitStatuses.media.status,
  HA_STOP_INCOMPLETE: exitStatuses.stopIncomplete.status
}

export function exitStatusOf(code: ErrorCode): number {
  return statusByCode[code] ?? exitStatuses.general.status
}

/** Says an expected failure, in words or as JSON, and returns its exit status; anything else is thrown on. */
export function reportFailure(error: unknown, context: CommandContext, options: { readonly json: boolean }): number {
  if (!(error instanceof HaError)) throw error
  if (options.json) context.out(JSON.stringify({ ok: false, code: error.code, message: error.message }))
  else context.err(`ERROR: ${error.message}`)
  return exitStatusOf(error.code)
}
