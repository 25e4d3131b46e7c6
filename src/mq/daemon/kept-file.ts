/**
 * Messages of NPMCLASS(HIGH) between an orderly end and the next start: one file in the data directory.
 *
 * It belongs to exactly one end. It is taken back by the next start alone (the epoch says which), and it is gone, durably,
 * before that start lets anybody in; otherwise a crash later would bring back messages that somebody has got.
 *
 *   header: `LHMQKEP` and a zero byte, u32 version 1, u32 epoch
 *   per message: u32 length of the JSON, u32 of the head, u32 of the body; JSON, head, body
 *   end: u32 0xFFFFFFFF, u32 number of messages, u32 CRC-32 of all before
 */

import fs from 'node:fs'
import path from 'node:path'
import type { KeptMessage } from '../core/engine.js'
import type { IndexEntry } from '../core/journal.js'
import { codeOf, forceDirectory } from '../installation/durable-file.js'
import { crc32 } from '../store/bytes.js'

const magic = Buffer.from('LHMQKEP\0', 'latin1')
const version = 1
const headerBytes = 16
const lengthsBytes = 12
const endMark = 0xffff_ffff
const endBytes = 12
const chunkBytes = 256 * 1024

/**
 * Writes the messages of this end; without any no file is left. Durable when it returns; their number.
 *
 * @throws the system's error; then there is no file
 */
export function writeKept(file: string, epoch: number, messages: Iterable<KeptMessage>): number {
  const temporary = `${file}.new`
  fs.rmSync(file, { force: true })
  const descriptor = fs.openSync(temporary, 'w', 0o660)
  let isKept = false
  try {
    const header = Buffer.alloc(headerBytes)
    magic.copy(header)
    header.writeUInt32LE(version, 8)
    header.writeUInt32LE(epoch, 12)
    let gathered: Buffer[] = [header]
    let gatheredBytes = header.length
    let checksum = 0
    let count = 0
    const flush = (): void => {
      const bytes = Buffer.concat(gathered)
      checksum = crc32(bytes, checksum)
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(descriptor, bytes, at)
      gathered = []
      gatheredBytes = 0
    }
    for (const kept of messages) {
      const facts = Buffer.from(JSON.stringify({ ...kept.entry, backoutCount: kept.backoutCount }))
      const lengths = Buffer.alloc(lengthsBytes)
      lengths.writeUInt32LE(facts.length, 0)
      lengths.writeUInt32LE(kept.message.head.length, 4)
      lengths.writeUInt32LE(kept.message.body.length, 8)
      const pieces = [lengths, facts, kept.message.head, kept.message.body]
      gathered.push(...pieces)
      gatheredBytes += pieces.reduce((sum, piece) => sum + piece.length, 0)
      count += 1
      if (gatheredBytes >= chunkBytes) flush()
    }
    const end = Buffer.alloc(8)
    end.writeUInt32LE(endMark, 0)
    end.writeUInt32LE(count, 4)
    gathered.push(end)
    flush()
    const last = Buffer.alloc(4)
    last.writeUInt32LE(checksum, 0)
    fs.writeSync(descriptor, last)
    fs.fsyncSync(descriptor)
    isKept = count > 0
    if (isKept) fs.renameSync(temporary, file)
    return count
  } finally {
    fs.closeSync(descriptor)
    if (!isKept) fs.rmSync(temporary, { force: true })
    forceDirectory(path.dirname(file))
  }
}

/**
 * Takes the messages of the last end back and removes the file, durably, before anything is handed out.
 *
 * @param epoch  of this start; a file that is not of the one before is left behind by a life in between, and dropped
 * @returns      the messages, oldest first; empty when there is no file, or one that is not whole
 */
export function takeKept(file: string, epoch: number): readonly KeptMessage[] {
  let bytes: Buffer
  try {
    bytes = fs.readFileSync(file)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
  fs.rmSync(file)
  forceDirectory(path.dirname(file))
  return parseKept(bytes, epoch - 1) ?? []
}

/** null when the bytes are not a whole file of that epoch. */
export function parseKept(bytes: Buffer, epoch: number): KeptMessage[] | null {
  if (bytes.length < headerBytes + endBytes || !bytes.subarray(0, 8).equals(magic)) return null
  if (bytes.readUInt32LE(8) !== version || bytes.readUInt32LE(12) !== epoch) return null
  const sumAt = bytes.length - 4
  if (crc32(bytes.subarray(0, sumAt)) !== bytes.readUInt32LE(sumAt)) return null
  const messages: KeptMessage[] = []
  for (let at = headerBytes; at + 8 <= sumAt; ) {
    const factsBytes = bytes.readUInt32LE(at)
    if (factsBytes === endMark) return bytes.readUInt32LE(at + 4) === messages.length ? messages : null
    if (at + lengthsBytes > sumAt) return null
    const headAt = at + lengthsBytes + factsBytes
    const bodyAt = headAt + bytes.readUInt32LE(at + 4)
    const next = bodyAt + bytes.readUInt32LE(at + 8)
    if (next > sumAt) return null
    const { backoutCount, ...entry } = JSON.parse(bytes.toString('utf8', at + lengthsBytes, headAt)) as IndexEntry & { backoutCount: number } // verified by the checksum
    messages.push({ entry, backoutCount, message: { head: Buffer.from(bytes.subarray(headAt, bodyAt)), body: Buffer.from(bytes.subarray(bodyAt, next)) } })
    at = next
  }
  return null
}
