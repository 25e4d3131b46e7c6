/**
 * Whether a daemon may start with its lease area. What is certainly wrong (mirrored storage, no area, another cluster's)
 * stops the start with a sentence; a disk that merely does not answer does not: the node is unfit until it does.
 */

import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import type { AuthKeys, LeaseConfig } from '../config/types.js'
import { headerPlace } from '../lease/layout.js'
import { decodeHeader } from '../lease/records.js'
import type { Clock } from '../port/clock.js'
import type { LeaseDisk } from './disk.js'
import { headerFault } from './header-fault.js'
import { OneShotDisk } from './one-shot.js'
import { judgeStorage, type HostView } from './storage.js'

/** Longer than a healthy disk ever takes, shorter than an operator's patience with a start. */
const answerWithin = millis(3_000)

export interface LeaseStart {
  /** Stops the start; null when the area is good or cannot be looked at now. */
  readonly fault: string | null
  /** Why the area could not be looked at; the daemon starts all the same, and is unfit until it can. */
  readonly trouble: string | null
  readonly notes: readonly string[]
  /** An operation is still held by the kernel: an orderly exit of the process would wait for it. */
  readonly isHanging: boolean
}

export async function checkLeaseAtStart(
  config: LeaseConfig,
  context: { readonly nodes: readonly string[]; readonly keys: AuthKeys; readonly clock: Clock; readonly disk: LeaseDisk; readonly view: HostView }
): Promise<LeaseStart> {
  const good: LeaseStart = { fault: null, trouble: null, notes: [], isHanging: false }
  const disk = new OneShotDisk(context.disk, { clock: context.clock, limitMs: answerWithin })
  try {
    await disk.open()
    const sector = (await disk.look()).subarray(headerPlace.from, headerPlace.to)
    const verdict = await judgeStorage(config.path, context.view)
    const refused = (why: string): LeaseStart => ({ ...good, fault: `lease ${config.path} cannot be used: ${why}` })
    if (verdict.kind === 'mirrored') return refused(`${verdict.what}; ${verdict.why}`)
    const read = decodeHeader(sector, context.keys)
    const fault = headerFault(read, context.nodes)
    if (fault !== null || !read.ok) return refused(fault ?? '')
    if (verdict.kind !== 'unshared') return good
    if (!read.header.isUnsharedAllowed) return refused(`${verdict.what}; ${verdict.why}`)
    return { ...good, notes: [`${verdict.what}; ${verdict.why}. It was made with --force-unshared: for tests only`] }
  } catch (error) {
    if (!(error instanceof HaError)) throw error
    return { ...good, trouble: `the lease area cannot be looked at: ${error.message}`, isHanging: disk.isHanging }
  } finally {
    await disk.close()
  }
}
