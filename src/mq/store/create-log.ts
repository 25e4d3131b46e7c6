/** Makes a new, empty log: directory, formatted primaries, a first checkpoint, and last the control file that makes it one. */

import path from 'node:path'
import { lsn } from '../core/journal.js'
import type { Disk } from '../../port/disk.js'
import { encodeCheckpoint } from './checkpoint.js'
import { Geometry, checkpointName, controlFileName, encodeControl, extentBytesMax, extentBytesMin, qmidBytesMax } from './extent.js'
import { ExtentSupply } from './extent-supply.js'
import { HaError } from '../../base/errors.js'
import { invariant } from '../../base/invariant.js'
import { LogState } from './log-state.js'
import { activeDirectory } from './recovery.js'

export interface CreateOptions {
  readonly disk: Disk
  /** Made when missing; the directory above exists. */
  readonly directory: string
  readonly qmid: string
  /** LogFilePages × 4096. */
  readonly extentBytes: number
  readonly type: 'circular' | 'linear'
  /** Files formatted now. */
  readonly primary: number
}

/** @throws HaError HA_MQ_LOG_FULL when the disk has no room for the primary extents; what the disk says, else */
export async function createLog(options: CreateOptions): Promise<void> {
  const { disk, directory, qmid, extentBytes, type, primary } = options
  invariant(extentBytes % 4096 === 0 && extentBytes >= extentBytesMin && extentBytes <= extentBytesMax, 'LogFilePages is checked where it is read')
  invariant(Buffer.byteLength(qmid, 'utf8') <= qmidBytesMax, 'a QMID fits its field')
  const active = activeDirectory(directory)
  await disk.makeDirectory(directory)
  await disk.makeDirectory(active)
  const geometry = new Geometry(extentBytes)
  const supply = new ExtentSupply({ disk, active, geometry, qmid, epoch: 0, mayWrite: () => true, sparesMax: primary })
  await supply.stock(primary)
  if (supply.spares < primary) throw new HaError('HA_MQ_LOG_FULL', `${active}: the disk has no room for ${primary} extents of ${extentBytes} bytes`)
  const start = lsn(geometry.startOf(0))
  await writeWhole(disk, path.join(active, checkpointName(0, 0)), encodeCheckpoint({ epoch: 0, sequence: 0, isOrderly: true, qmid, replayFrom: start, end: start }, new LogState(extentBytes), []))
  await writeWhole(disk, path.join(directory, controlFileName), encodeControl({ extentBytes, type, qmid }))
}

async function writeWhole(disk: Disk, name: string, bytes: Buffer): Promise<void> {
  const file = await disk.open(`${name}.tmp`, 'create')
  try {
    await file.write([bytes], 0)
    await file.force()
  } finally {
    await file.close()
  }
  await disk.rename(`${name}.tmp`, name)
}
