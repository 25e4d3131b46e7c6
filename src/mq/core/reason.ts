/**
 * Completion and reason codes: the numbers and symbols every caller knows. A completion code is 0 (done), 1 (warning,
 * done with a remark) or 2 (failed); the reason says why.
 */

const table = {
  none: [0, 'NONE'],
  aliasBaseQueueTypeError: [2001, 'ALIAS_BASE_Q_TYPE_ERROR'],
  alreadyConnected: [2002, 'ALREADY_CONNECTED'],
  backedOut: [2003, 'BACKED_OUT'],
  connectionBroken: [2009, 'CONNECTION_BROKEN'],
  dataLengthError: [2010, 'DATA_LENGTH_ERROR'],
  expiryError: [2013, 'EXPIRY_ERROR'],
  getInhibited: [2016, 'GET_INHIBITED'],
  handleNotAvailable: [2017, 'HANDLE_NOT_AVAILABLE'],
  connectionHandleError: [2018, 'HCONN_ERROR'],
  objectHandleError: [2019, 'HOBJ_ERROR'],
  syncpointLimitReached: [2024, 'SYNCPOINT_LIMIT_REACHED'],
  connectionLimitReached: [2025, 'MAX_CONNS_LIMIT_REACHED'],
  descriptorError: [2026, 'MD_ERROR'],
  missingReplyToQueue: [2027, 'MISSING_REPLY_TO_Q'],
  messageTooBigForQueue: [2030, 'MSG_TOO_BIG_FOR_Q'],
  messageTooBigForQueueManager: [2031, 'MSG_TOO_BIG_FOR_Q_MGR'],
  noMessageAvailable: [2033, 'NO_MSG_AVAILABLE'],
  noMessageUnderCursor: [2034, 'NO_MSG_UNDER_CURSOR'],
  notAuthorized: [2035, 'NOT_AUTHORIZED'],
  notOpenForBrowse: [2036, 'NOT_OPEN_FOR_BROWSE'],
  notOpenForInput: [2037, 'NOT_OPEN_FOR_INPUT'],
  notOpenForOutput: [2039, 'NOT_OPEN_FOR_OUTPUT'],
  objectChanged: [2041, 'OBJECT_CHANGED'],
  objectInUse: [2042, 'OBJECT_IN_USE'],
  objectTypeError: [2043, 'OBJECT_TYPE_ERROR'],
  optionNotValidForType: [2045, 'OPTION_NOT_VALID_FOR_TYPE'],
  optionsError: [2046, 'OPTIONS_ERROR'],
  persistenceError: [2047, 'PERSISTENCE_ERROR'],
  persistentNotAllowed: [2048, 'PERSISTENT_NOT_ALLOWED'],
  priorityExceedsMaximum: [2049, 'PRIORITY_EXCEEDS_MAXIMUM'],
  priorityError: [2050, 'PRIORITY_ERROR'],
  putInhibited: [2051, 'PUT_INHIBITED'],
  queueDeleted: [2052, 'Q_DELETED'],
  queueFull: [2053, 'Q_FULL'],
  queueNotEmpty: [2055, 'Q_NOT_EMPTY'],
  queueSpaceNotAvailable: [2056, 'Q_SPACE_NOT_AVAILABLE'],
  queueTypeError: [2057, 'Q_TYPE_ERROR'],
  queueManagerNameError: [2058, 'Q_MGR_NAME_ERROR'],
  queueManagerNotAvailable: [2059, 'Q_MGR_NOT_AVAILABLE'],
  reportOptionsError: [2061, 'REPORT_OPTIONS_ERROR'],
  securityError: [2063, 'SECURITY_ERROR'],
  storageNotAvailable: [2071, 'STORAGE_NOT_AVAILABLE'],
  truncatedMessageAccepted: [2079, 'TRUNCATED_MSG_ACCEPTED'],
  truncatedMessageFailed: [2080, 'TRUNCATED_MSG_FAILED'],
  unknownAliasBaseQueue: [2082, 'UNKNOWN_ALIAS_BASE_Q'],
  unknownObjectName: [2085, 'UNKNOWN_OBJECT_NAME'],
  unknownObjectQueueManager: [2086, 'UNKNOWN_OBJECT_Q_MGR'],
  unknownRemoteQueueManager: [2087, 'UNKNOWN_REMOTE_Q_MGR'],
  waitIntervalError: [2090, 'WAIT_INTERVAL_ERROR'],
  transmissionQueueTypeError: [2091, 'XMIT_Q_TYPE_ERROR'],
  transmissionQueueUsageError: [2092, 'XMIT_Q_USAGE_ERROR'],
  objectAlreadyExists: [2100, 'OBJECT_ALREADY_EXISTS'],
  objectDamaged: [2101, 'OBJECT_DAMAGED'],
  resourceProblem: [2102, 'RESOURCE_PROBLEM'],
  formatError: [2110, 'FORMAT_ERROR'],
  sourceCcsidError: [2111, 'SOURCE_CCSID_ERROR'],
  targetCcsidError: [2115, 'TARGET_CCSID_ERROR'],
  notConverted: [2119, 'NOT_CONVERTED'],
  convertedMessageTooBig: [2120, 'CONVERTED_MSG_TOO_BIG'],
  deadLetterHeaderError: [2141, 'DLH_ERROR'],
  objectNameError: [2152, 'OBJECT_NAME_ERROR'],
  objectQueueManagerNameError: [2153, 'OBJECT_Q_MGR_NAME_ERROR'],
  queueManagerQuiescing: [2161, 'Q_MGR_QUIESCING'],
  queueManagerStopping: [2162, 'Q_MGR_STOPPING'],
  remoteQueueNameError: [2184, 'REMOTE_Q_NAME_ERROR'],
  clusterResolutionError: [2189, 'CLUSTER_RESOLUTION_ERROR'],
  storageMediumFull: [2192, 'STORAGE_MEDIUM_FULL'],
  unexpectedError: [2195, 'UNEXPECTED_ERROR'],
  unknownTransmissionQueue: [2196, 'UNKNOWN_XMIT_Q'],
  unknownDefaultTransmissionQueue: [2197, 'UNKNOWN_DEF_XMIT_Q'],
  defaultTransmissionQueueTypeError: [2198, 'DEF_XMIT_Q_TYPE_ERROR'],
  defaultTransmissionQueueUsageError: [2199, 'DEF_XMIT_Q_USAGE_ERROR'],
  connectionQuiescing: [2202, 'CONNECTION_QUIESCING'],
  connectionStopping: [2203, 'CONNECTION_STOPPING'],
  messageTooBigForChannel: [2218, 'MSG_TOO_BIG_FOR_CHANNEL'],
  queueManagerActive: [2222, 'Q_MGR_ACTIVE'],
  queueManagerNotActive: [2223, 'Q_MGR_NOT_ACTIVE'],
  queueDepthHigh: [2224, 'Q_DEPTH_HIGH'],
  queueDepthLow: [2225, 'Q_DEPTH_LOW'],
  feedbackError: [2259, 'FEEDBACK_ERROR'],
  functionNotSupported: [2298, 'FUNCTION_NOT_SUPPORTED'],
  topicStringError: [2425, 'TOPIC_STRING_ERROR'],
  noSubscription: [2428, 'NO_SUBSCRIPTION'],
  subscriptionInUse: [2429, 'SUBSCRIPTION_IN_USE'],
  subscriptionAlreadyExists: [2432, 'SUB_ALREADY_EXISTS'],
  durabilityNotAllowed: [2436, 'DURABILITY_NOT_ALLOWED'],
  subscriptionNameError: [2440, 'SUB_NAME_ERROR'],
  selectorSyntaxError: [2459, 'SELECTOR_SYNTAX_ERROR'],
  publicationFailure: [2502, 'PUBLICATION_FAILURE'],
  subscriptionInhibited: [2503, 'SUB_INHIBITED'],
  topicNotAlterable: [2510, 'TOPIC_NOT_ALTERABLE'],
  selectorError: [2519, 'SELECTION_STRING_ERROR'],
  selectorNotAlterable: [2524, 'SELECTOR_NOT_ALTERABLE'],
  channelNotAvailable: [2537, 'CHANNEL_NOT_AVAILABLE'],
  hostNotAvailable: [2538, 'HOST_NOT_AVAILABLE'],
  channelConfigError: [2539, 'CHANNEL_CONFIG_ERROR'],
  unknownChannelName: [2540, 'UNKNOWN_CHANNEL_NAME'],
  standbyQueueManager: [2543, 'STANDBY_Q_MGR'],
  reconnecting: [2544, 'RECONNECTING'],
  reconnected: [2545, 'RECONNECTED'],
  reconnectQmidMismatch: [2546, 'RECONNECT_QMID_MISMATCH'],
  reconnectFailed: [2548, 'RECONNECT_FAILED'],
  callInterrupted: [2549, 'CALL_INTERRUPTED'],
  reconnectTimedOut: [2556, 'RECONNECT_TIMED_OUT']
} as const

export type ReasonName = keyof typeof table
/** A reason code; the numbers of `reasons` are the only ones we raise. */
export type Reason = number

/** `reasons.queueFull` is 2053, and so on. */
export const reasons = Object.freeze(Object.fromEntries(Object.entries(table).map(([name, [code]]) => [name, code]))) as {
  readonly [Name in ReasonName]: (typeof table)[Name][0]
}

const symbols: ReadonlyMap<number, string> = new Map(Object.values(table).map(([code, symbol]) => [code, symbol]))

/** `MQRC_Q_FULL` for 2053; `MQRC_2999` for a number we do not know. */
export const reasonSymbol = (reason: Reason): string => `MQRC_${symbols.get(reason) ?? String(reason)}`

export type CompletionCode = 0 | 1 | 2

const warnings: ReadonlySet<number> = new Set([2002, 2049, 2079, 2080, 2110, 2111, 2115, 2119, 2120, 2222, 2223, 2224, 2225])

/** The completion code that usually goes with a reason. */
export function completionOf(reason: Reason): CompletionCode {
  if (reason === reasons.none) return 0
  return warnings.has(reason) ? 1 : 2
}
