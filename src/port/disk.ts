/**
 * Files as the recovery log uses them. The real one is in `mq/store`, the simulated one in the tests can lose unforced
 * bytes, tear writes, and fail with EIO or ENOSPC.
 */

export interface DiskFile {
  readonly path: string
  /** Resolves when the bytes are with the operating system; they are durable after the next `force`. Rejects with the system's error. */
  write(bytes: readonly Buffer[], position: number): Promise<void>
  /** fdatasync. A rejection is final: what was written since the last force may be lost for ever. */
  force(): Promise<void>
  /** Reads at most `length` bytes, synchronously; fewer at the end of the file. */
  read(position: number, length: number): Buffer
  /** Current size in bytes. */
  size(): number
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

export interface Disk {
  /** `create` makes a new file or empties an existing one, for reading and writing. The new name is durable after `forceDirectory`. */
  open(path: string, mode: 'create' | 'read-write' | 'read'): Promise<DiskFile>
  /** Names in a directory, sorted. */
  list(directory: string): Promise<readonly string[]>
  /** Both names in the same directory; replaces `to`. Forces the directory: the new name is durable when it resolves. */
  rename(from: string, to: string): Promise<void>
  /** Durable after `forceDirectory`. */
  remove(path: string): Promise<void>
  /** With its parents; no error when it exists. */
  makeDirectory(path: string): Promise<void>
  forceDirectory(path: string): Promise<void>
  /** Bytes free for us on the file system of the path. */
  free(path: string): Promise<number>
}
