/**
 * Reads `lease PATH [TIME]`: the area on shared storage in which each node renews its right to run resources.
 *
 * A short lease means a quick takeover and little patience with a slow disk; a long one the opposite. The bounds keep both
 * within what two nodes can keep: below a second an ordinary pause of a storage array ends the right of a healthy node.
 *
 * Not here: whether the path exists and is shared (lease-disk/), what a lease permits (safety/).
 */

import { millis, type Millis } from '../base/units.js'
import type { Findings } from './diagnostics.js'
import type { Draft } from './ha-cf-draft.js'
import { shown, type Word } from './lexer.js'
import type { LeaseConfig } from './types.js'
import { parseTime, shownTime, writtenTime } from './values.js'

export interface LeaseDraft {
  readonly path: string
  readonly leaseMs: Millis
}

export const leaseBounds = { minMs: millis(1000), maxMs: millis(60_000), defaultMs: millis(3000) } as const

/** Eight renewals a lease: seven may be lost in a row. Twice a second suffices for long leases, 20 times is what disks are spared. */
export const leaseIntervalMs = (leaseMs: Millis): Millis => millis(Math.max(50, Math.min(leaseMs / 8, 500)))

export function onLease(values: readonly Word[], name: Word, draft: Draft, findings: Findings): void {
  const [path, time, extra] = values
  if (draft.lease !== null) {
    findings.warning(name.position, {
      what: `\`lease\` is set again (first on line ${draft.lease.position.line})`,
      why: 'a cluster has one lease area; the last line counts',
      fix: 'delete one of the two lines'
    })
  }
  if (path === undefined) return // said by the caller
  if (extra !== undefined) {
    const isDetachedUnit = /^(ms|us|s|sec|seconds?)$/i.test(extra.text)
    findings.error(extra.position, {
      what: `\`lease\` has a third word ${shown(extra.text)}`,
      why: isDetachedUnit ? 'a unit stands directly behind its number' : 'it takes the path of the area and a time',
      fix: 'write `lease PATH [TIME]`, e.g. `lease /dev/disk/by-id/scsi-lun7 3s`'
    })
  }
  const isPathGood = isAbsolutePath(path, findings)
  const leaseMs = time === undefined ? leaseBounds.defaultMs : leaseTime(time, findings)
  if (isPathGood && leaseMs !== null && extra === undefined) draft.lease = { value: { path: path.text, leaseMs }, position: name.position }
}

function isAbsolutePath(word: Word, findings: Findings): boolean {
  if (/^\/(?:.*[^/])$/.test(word.text)) {
    if (/^\/dev\/(?:sd|vd|xvd|nvme|dm-)/.test(word.text)) {
      findings.info(word.position, {
        what: `${word.text} is a name that the kernel gives in the order of discovery`,
        why: 'after a reboot it may be another disk; the daemon then finds no area of this cluster there and writes nothing, but has no lease',
        fix: 'write a name below /dev/disk/by-id or /dev/mapper'
      })
    }
    return true
  }
  findings.error(word.position, {
    what: `\`lease\` cannot be at ${shown(word.text)}`,
    why: 'it is no path of a block device or file',
    fix: 'write the whole path, beginning with `/`, e.g. `lease /dev/disk/by-id/scsi-lun7 3s`'
  })
  return false
}

function leaseTime(word: Word, findings: Findings): Millis | null {
  const parsed = parseTime(word.text)
  if (!parsed.ok) {
    findings.error(word.position, { what: `\`lease\` cannot last ${shown(word.text)}`, why: 'the value is not understood', fix: parsed.fix })
    return null
  }
  if (parsed.value >= leaseBounds.minMs && parsed.value <= leaseBounds.maxMs) return parsed.value
  const isShort = parsed.value < leaseBounds.minMs
  findings.error(word.position, {
    what: `a lease of ${shownTime(parsed.value)} is too ${isShort ? 'short' : 'long'}`,
    why: isShort
      ? 'storage may pause that long with nothing wrong (a path that fails over, a busy array), and a healthy node would stop its resources'
      : 'after a power loss nobody would run the resources for that long',
    fix: `write a time from \`${writtenTime(leaseBounds.minMs)}\` to \`${writtenTime(leaseBounds.maxMs)}\` (seconds); \`heartbeat lease test\` says what this disk can keep`
  })
  return null
}

/** The second pass: the lease against the other times. */
export function checkedLease(draft: Draft, deadtimeMs: Millis, findings: Findings): LeaseConfig | null {
  if (draft.lease === null) return null
  const { value, position } = draft.lease
  const enough = millis(2 * deadtimeMs)
  if (value.leaseMs <= enough && !draft.broken.has('deadtime')) {
    const longer = millis((Math.floor(enough / 1000) + 1) * 1000)
    const shorter = millis(Math.floor(value.leaseMs / 3))
    findings.warning(position, {
      what: `the lease of ${shownTime(value.leaseMs)} is not longer than twice deadtime ${shownTime(deadtimeMs)}`,
      why: 'the disk is given less patience than the network: when a link is cut, a pause of the disk shorter than deadtime already ends the right of the owner',
      fix: longer <= leaseBounds.maxMs ? `write \`lease ${value.path} ${writtenTime(longer)}\`, or \`deadtime ${writtenTime(shorter)}\` or shorter` : `write \`deadtime ${writtenTime(shorter)}\` or shorter`
    })
  }
  return { ...value, intervalMs: leaseIntervalMs(value.leaseMs), position }
}
