/**
 * Errors a caller may handle, each with a stable code. Match on `code`, never on the text.
 */

/** Every code with its meaning; the text is what `heartbeat` prints when nothing more precise is known. */
export const errorCodes = {
  HA_CONFIG_INVALID: 'the configuration has faults; nothing was started or changed',
  HA_NOT_RUNNING: 'no heartbeat daemon runs on this node',
  HA_ALREADY_RUNNING: 'a heartbeat daemon runs on this node already',
  HA_NOT_PERMITTED: 'the control socket may be used by root and the haclient group only',
  HA_CONTROL_TIMEOUT: 'the daemon did not answer in time',
  HA_CONTROL_BAD_REQUEST: 'the request is not one the daemon understands',
  HA_CONTROL_BUSY: 'too many control connections',
  HA_STANDBY_REFUSED: 'the resources cannot be moved now',
  HA_UNKNOWN_GROUP: 'no such resource group in haresources',
  HA_START_FAILED: 'the daemon ended while starting',
  HA_STATE_UNUSABLE: 'the state directory cannot be read or written',
  HA_MEDIA_UNUSABLE: 'no heartbeat medium could be opened',
  HA_SYNC_FAILED: 'the other node did not say what was asked',
  HA_STOP_INCOMPLETE: 'the daemon ended, but a resource could not be stopped',
  HA_LEASE_UNUSABLE: 'the lease area cannot be read or written',
  HA_LEASE_REFUSED: 'the lease area was left as it is',
  HA_MQ_DAMAGED: 'the recovery log is damaged before its end; the queue manager does not start on it',
  HA_MQ_FOREIGN_LOG: 'the recovery log belongs to another queue manager',
  HA_MQ_NEWER_VERSION: 'the queue manager directory was written by a newer version',
  HA_MQ_LOG_FAILED: 'the recovery log cannot be written; the queue manager ends',
  HA_MQ_LOG_FULL: 'the recovery log is full',
  HA_MQ_LOCKED: 'another instance of the queue manager holds its lock',
  HA_MQ_LOCK_LOST: 'the queue manager lost its right to write; it ends',
  HA_MQ_INI_INVALID: 'mqs.ini or qm.ini has faults',
  HA_MQ_CONNECTION_FAILED: 'the connection to the queue manager could not be made',
  HA_MQ_REASON: 'the queue manager refused the call',
  HA_MQ_PROTOCOL: 'the partner does not speak this protocol'
} as const

export type ErrorCode = keyof typeof errorCodes

export class HaError extends Error {
  override readonly name = 'HaError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, string | number | boolean>>

  constructor(
    code: ErrorCode,
    message: string = errorCodes[code],
    options: { details?: Readonly<Record<string, string | number | boolean>>; cause?: unknown } = {}
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}
