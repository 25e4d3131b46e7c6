/** Frames to a client other than MESSAGE. One Buffer each. */

import { reasonSymbol, type Reason } from '../../core/reason.js'
import { escaped, versions, type Version } from './header-text.js'

const commonError = 'content-type:text/plain\n'

/** CONNECTED; its headers are never escaped, so the caller gives plain words. */
export function connectedFrame(version: Version, session: string, server: string, heartBeat: string): Buffer {
  const beat = version === '1.0' ? '' : `heart-beat:${heartBeat}\n`
  return Buffer.from(`CONNECTED\nversion:${version}\nsession:${session}\nserver:${server}\n${beat}\n\0`)
}

export const receiptFrame = (receipt: string, version: Version): Buffer => Buffer.from(`RECEIPT\nreceipt-id:${escaped(receipt, version)}\n\n\0`)

export interface ErrorFacts {
  /** A sentence; also the body. */
  readonly why: string
  /** 0: none. */
  readonly reason: Reason
  /** What the frame asked for, when it did. */
  readonly receipt: string | null
  /** Tell which versions we speak. */
  readonly tellsVersions?: boolean
}

/** ERROR: `message` is the sentence, `reason-code` and `reason` the queue manager's code where there is one. */
export function errorFrame(facts: ErrorFacts, version: Version): Buffer {
  const { why, reason, receipt } = facts
  const body = Buffer.from(`${why}\n`)
  const head =
    `ERROR\nmessage:${escaped(why, version)}\n` +
    (reason === 0 ? '' : `reason-code:${reason}\nreason:${reasonSymbol(reason)}\n`) +
    (receipt === null ? '' : `receipt-id:${escaped(receipt, version)}\n`) +
    (facts.tellsVersions === true ? `version:${[...versions].reverse().join(',')}\n` : '')
  return Buffer.concat([Buffer.from(`${head}${commonError}content-length:${body.length}\n\n`), body, Buffer.alloc(1)])
}

export const heartBeatBytes = (): Buffer => Buffer.from('\n')
