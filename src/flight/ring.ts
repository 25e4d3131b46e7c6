/**
 * The file of the flight recorder: a ring of chunks in a file of fixed size. Pure: bytes in, bytes out.
 *
 *   0      file header: "HBFLIGHT", version, size of the file
 *   4096   chunks, each on a multiple of 16:
 *          0 "HBFC"  4 flags (1 = begins with a checkpoint)  8 number (6 bytes)  16 bytes of payload  20 crc32c  32 payload
 *
 * A chunk is written whole in one go and never changed. When the next one does not fit before the end of the file, it goes
 * to the beginning, over the oldest. So whatever a crash tears is one chunk: its checksum fails, and reading goes on behind.
 */

import { Buffer } from 'node:buffer'
import { crc32c } from '../lease/crc32c.js'

export const headerBytes = 4_096
const chunkHeaderBytes = 32
const alignment = 16
const fileMagic = Buffer.from('HBFLIGHT')
const chunkMagic = Buffer.from('HBFC')
const ringVersion = 1

export interface Chunk {
  /** Grows by one from chunk to chunk, also across lives. */
  readonly number: number
  readonly beginsAnew: boolean
  readonly payload: Buffer
  /** Where it begins and ends in the file. */
  readonly from: number
  readonly to: number
}

export function fileHeader(sizeBytes: number): Buffer {
  const header = Buffer.alloc(headerBytes)
  fileMagic.copy(header)
  header.writeUInt32LE(ringVersion, 8)
  header.writeUInt32LE(sizeBytes, 12)
  return header
}

/** The size that a file header names; null when it is none of ours. */
export function sizeOf(header: Buffer): number | null {
  if (header.length < 16 || !header.subarray(0, 8).equals(fileMagic) || header.readUInt32LE(8) !== ringVersion) return null
  return header.readUInt32LE(12)
}

export const chunkBytes = (payloadBytes: number): number => Math.ceil((chunkHeaderBytes + payloadBytes) / alignment) * alignment

export function encodeChunk(number: number, beginsAnew: boolean, payload: Buffer): Buffer {
  const chunk = Buffer.alloc(chunkBytes(payload.length))
  chunkMagic.copy(chunk)
  chunk.writeUInt32LE(beginsAnew ? 1 : 0, 4)
  chunk.writeUIntLE(number, 8, 6)
  chunk.writeUInt32LE(payload.length, 16)
  payload.copy(chunk, chunkHeaderBytes)
  chunk.writeUInt32LE(crc32c(chunk), 20)
  return chunk
}

/** Where the next chunk goes, after one that ended at `end`. */
export const placeFor = (bytes: number, end: number, sizeBytes: number): number => (end + bytes > sizeBytes ? headerBytes : end)

/**
 * Every intact chunk of a file, oldest first. What lies between them is skipped: torn, overwritten in part, or never written.
 * `isTrusted` leaves the checksums out, for a writer that only looks for its place.
 */
export function readChunks(file: Buffer, isTrusted = false): readonly Chunk[] {
  const found: Chunk[] = []
  let at = headerBytes
  while (at + chunkHeaderBytes <= file.length) {
    const chunk = chunkAt(file, at, isTrusted)
    if (chunk !== null) {
      found.push(chunk)
      at = chunk.to
      continue
    }
    const next = file.indexOf(chunkMagic, at + 1)
    if (next === -1) break
    at = Math.ceil(next / alignment) * alignment
  }
  return found.sort((a, b) => a.number - b.number)
}

function chunkAt(file: Buffer, from: number, isTrusted: boolean): Chunk | null {
  if (!file.subarray(from, from + 4).equals(chunkMagic)) return null
  const size = file.readUInt32LE(from + 16)
  const to = from + chunkBytes(size)
  if (to > file.length) return null
  const chunk = file.subarray(from, to)
  if (!isTrusted && crc32c(chunk, 20, 24) !== chunk.readUInt32LE(20)) return null
  return { number: chunk.readUIntLE(8, 6), beginsAnew: (chunk.readUInt32LE(4) & 1) !== 0, payload: chunk.subarray(chunkHeaderBytes, chunkHeaderBytes + size), from, to }
}
