/** The lease area's storage as area.ts needs it: three calls, each answered once, later. Real in direct-disk.ts, faulty in tests. */

/** What went wrong, as the end of a sentence: `EIO: input/output error`. */
export interface DiskFault {
  readonly reason: string
}

export type Opened = { readonly ok: true; readonly note: string | null } | { readonly ok: false; readonly fault: DiskFault }
export type ReadBytes = { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly fault: DiskFault }

/**
 * Nothing here has a time limit: an operation on a disk cannot be called back, and may end after minutes. Whoever calls
 * watches the time. At most one read (or open, or close) and one write may be under way at any moment.
 */
export interface LeaseDisk {
  /** e.g. `/dev/sdb1`. */
  readonly path: string
  /** Opens what exists, never makes anything. `note` is worth telling an operator once. Called again after `close`. */
  open(done: (opened: Opened) => void): void
  /** Reads `lookBytes` from the beginning. The bytes are the disk's and good until the next read. */
  read(done: (result: ReadBytes) => void): void
  /** Writes whole sectors, durably: answered when they are on the disk. The bytes may be used again at once. */
  write(at: number, sectors: Uint8Array, done: (fault: DiskFault | null) => void): void
  close(done: () => void): void
}
