/** The parts of an open log as its housekeeper sees them; made by recovery-log.ts. Types only. */

import type { IndexEntry, JournalEvents, Place, StoredMessage } from '../core/journal.js'
import type { Disk } from '../../port/disk.js'
import type { AppendBuffer } from './append-buffer.js'
import type { ExtentSupply } from './extent-supply.js'
import type { ForceLoop } from './force-loop.js'
import type { Geometry } from './extent.js'
import type { IndexBuilder } from './index-file.js'
import type { LogState } from './log-state.js'
import type { LogWindow } from './window.js'

export interface LogParts {
  readonly disk: Disk
  readonly active: string
  readonly geometry: Geometry
  readonly qmid: string
  readonly epoch: number
  readonly type: 'circular' | 'linear'
  /** Extents of a linear log below the media extent are deleted after each checkpoint. */
  readonly deletesBelowMedia: boolean
  readonly primary: number
  readonly mayWrite: () => boolean
  readonly state: LogState
  readonly buffer: AppendBuffer
  readonly loop: ForceLoop
  readonly supply: ExtentSupply
  readonly window: LogWindow
  /** Indexes that are not on disk, by extent. */
  readonly indexes: Map<number, IndexBuilder>
  /** Bytes of log after which a checkpoint is written. */
  readonly checkpointBytes: number
  /** Extents formatted and named ahead. */
  readonly ahead: number
  events(): JournalEvents | null
  read(place: Place): StoredMessage
  /** Writes a live message again at the end; null when the log has no room. */
  move(entry: IndexEntry, message: StoredMessage, from: Place): Place | null
}
