/**
 * Small files that somebody reads while they change: readers see the old text or the new, never a part, and a crash
 * leaves one of them. Written beside the target, forced, then renamed; then the directory is forced.
 */

import fs from 'node:fs'
import path from 'node:path'

/** Group `mqm` may read and change what belongs to the installation. */
export const fileMode = 0o660
export const directoryMode = 0o2770

/** @throws the system's error */
export function writeDurably(file: string, text: string | Buffer, mode: number = fileMode): void {
  const directory = path.dirname(file)
  const temporary = path.join(directory, `.${path.basename(file)}.${process.pid}.new`)
  const descriptor = fs.openSync(temporary, 'w', mode)
  try {
    fs.writeFileSync(descriptor, text)
    fs.fchmodSync(descriptor, mode)
    fs.fsyncSync(descriptor)
  } catch (error) {
    fs.closeSync(descriptor)
    fs.rmSync(temporary, { force: true })
    throw error
  }
  fs.closeSync(descriptor)
  fs.renameSync(temporary, file)
  forceDirectory(directory)
}

/** The text of a file, or null when there is none. Other errors are thrown. */
export function readIfThere(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/**
 * Makes a directory with its parents, for us and our group whatever the umask; durable when it returns. What was made,
 * deepest first.
 */
export function makeDirectory(directory: string, mode: number = directoryMode): readonly string[] {
  if (isDirectory(directory)) return []
  const parent = path.dirname(directory)
  // Step by step: Node's recursive mkdir never returns where a parent exists and yet nothing can be made, as in /proc.
  const made = parent === directory ? [] : makeDirectory(parent, mode)
  fs.mkdirSync(directory, { mode })
  fs.chmodSync(directory, mode)
  forceDirectory(parent)
  return [directory, ...made]
}

const isDirectory = (name: string): boolean => fs.statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false

export function forceDirectory(directory: string): void {
  const descriptor = fs.openSync(directory, 'r')
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/** The system's code of a failed operation, or null. */
export const codeOf = (error: unknown): string | null => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null)
