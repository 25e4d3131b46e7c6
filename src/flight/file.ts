/** The ring file on a real disk: made whole at once, so that a full disk is noticed at the start and not in an incident. */

import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { fileHeader, headerBytes, readChunks, sizeOf } from './ring.js'
import { flightBytes, type FlightFile } from './recorder.js'

export const flightPath = (stateDir: string): string => join(stateDir, 'flight')

const pieceBytes = 256 * 1024

/** Opens the ring of this state directory; one of another size or format is replaced by an empty one. */
export async function openFlightFile(path: string, sizeBytes = flightBytes): Promise<FlightFile> {
  const known = await openKnown(path, sizeBytes)
  if (known !== null) return known
  return asFlightFile(await make(path, sizeBytes), { number: 0, to: headerBytes }, sizeBytes)
}

async function openKnown(path: string, sizeBytes: number): Promise<FlightFile | null> {
  let file: FileHandle
  try {
    file = await open(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  const bytes = await file.readFile()
  if (bytes.length === sizeBytes && sizeOf(bytes) === sizeBytes) {
    const newest = readChunks(bytes, true).at(-1)
    return asFlightFile(file, { number: newest?.number ?? 0, to: newest?.to ?? headerBytes }, sizeBytes)
  }
  await file.close()
  return null
}

async function make(path: string, sizeBytes: number): Promise<FileHandle> {
  const temporary = `${path}.new`
  await rm(temporary, { force: true })
  const file = await open(temporary, 'wx+', 0o600)
  try {
    const zeros = Buffer.alloc(pieceBytes)
    for (let at = 0; at < sizeBytes; at += pieceBytes) await file.write(zeros, 0, Math.min(pieceBytes, sizeBytes - at), at)
    await file.write(fileHeader(sizeBytes), 0, headerBytes, 0)
    await rename(temporary, path)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

const asFlightFile = (file: FileHandle, last: FlightFile['last'], sizeBytes: number): FlightFile => ({
  last,
  sizeBytes,
  async write(bytes, position) {
    const { bytesWritten } = await file.write(bytes, 0, bytes.length, position)
    if (bytesWritten !== bytes.length) throw new Error(`only ${bytesWritten} of ${bytes.length} bytes were written`)
  },
  close: () => file.close()
})
