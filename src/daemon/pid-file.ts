/** The daemon's pid where scripts look for it, as Linux-HA writes it: ten characters and a line feed. */

import { unlinkSync, writeFileSync } from 'node:fs'
import { HaError } from '../base/errors.js'

export function writePidFile(path: string): void {
  try {
    writeFileSync(path, `${String(process.pid).padStart(10, ' ')}\n`)
  } catch (error) {
    throw new HaError('HA_STATE_UNUSABLE', `cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** A pid file that is gone already is what was wanted. */
export function removePidFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
