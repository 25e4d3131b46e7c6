/** Bits of Report and values of Feedback. Source: reference section 4.7. */

export const report = {
  passCorrelationId: 64,
  passMessageId: 128,
  arrival: 256,
  arrivalWithData: 768,
  arrivalWithFullData: 1_792,
  delivery: 2_048,
  deliveryWithData: 6_144,
  deliveryWithFullData: 14_336,
  passDiscardAndExpiry: 16_384,
  expiration: 2_097_152,
  expirationWithData: 6_291_456,
  expirationWithFullData: 14_680_064,
  exception: 16_777_216,
  exceptionWithData: 50_331_648,
  exceptionWithFullData: 117_440_512,
  discard: 134_217_728
} as const

/** Bits that must be refused when they are not understood (2061). */
export const reportUnsupported = 0x101c0000 & ~(report.expirationWithFullData | report.exceptionWithFullData)
/** Bits that need somebody to report to. */
export const reportToSomebody = report.arrival | report.delivery | report.expiration | report.exception

export const feedback = { none: 0, quit: 256, expiration: 258, arrival: 259, delivery: 260 } as const
/** Reason in the header of a message that an application gave up: MQRC_BACKOUT_THRESHOLD_REACHED. */
export const backoutThresholdReached = 2362
