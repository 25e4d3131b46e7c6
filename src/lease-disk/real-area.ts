/** The lease area of this machine: what the daemon opens. */

import { readFileSync } from 'node:fs'
import { createLeaseArea, type DiskLeaseArea, type LeaseAreaOptions } from './area.js'
import { DirectDisk } from './direct-disk.js'

export function realLeaseArea(options: Omit<LeaseAreaOptions, 'disk' | 'bootId'>): DiskLeaseArea {
  return createLeaseArea({ ...options, disk: new DirectDisk(options.config.path), bootId: bootId() })
}

/** The kernel's boot id as 16 bytes: procfs, so it never waits for a disk. */
export function bootId(): Uint8Array {
  const text = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '')
  return Uint8Array.from(Buffer.from(text.padEnd(32, '0').slice(0, 32), 'hex'))
}
