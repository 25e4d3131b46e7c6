/** What `heartbeat check` says about the lease area: whether it is there, ours, and on storage that proves something. */

import { Findings } from '../config/diagnostics.js'
import type { AuthKeys, Diagnostic, LeaseConfig } from '../config/types.js'
import { systemClock } from '../daemon/system-clock.js'
import { DirectDisk } from '../lease-disk/direct-disk.js'
import { hostView } from '../lease-disk/host-view.js'
import { checkLeaseAtStart } from '../lease-disk/start-check.js'

export async function checkLease(lease: LeaseConfig, context: { readonly nodes: readonly string[]; readonly keys: AuthKeys }): Promise<readonly Diagnostic[]> {
  const findings = new Findings()
  const start = await checkLeaseAtStart(lease, { ...context, clock: systemClock, disk: new DirectDisk(lease.path), view: hostView })
  const fix = 'see: heartbeat lease --help'
  if (start.fault !== null) findings.error(lease.position, { what: start.fault, why: 'heartbeat does not start with it', fix })
  if (start.trouble !== null) findings.error(lease.position, { what: start.trouble, why: 'this node may hold nothing alone while it cannot renew its lease', fix: 'attach the disk, or correct the path' })
  for (const note of start.notes) findings.warning(lease.position, { what: note, why: 'with storage of one machine both nodes take each other for dead', fix: 'put the area on storage that both nodes reach' })
  // The report is printed first; an orderly exit would wait for a disk that may never answer.
  if (start.isHanging) setImmediate(() => setImmediate(() => process.kill(process.pid, 'SIGTERM')))
  return findings.inOrder()
}
