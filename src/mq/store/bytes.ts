/** Numbers of 64 bits in buffers, and the checksum of the log. All values are safe integers, as in README.md. */

import zlib from 'node:zlib'

const high = 0x1_0000_0000

export function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value >>> 0, at)
  bytes.writeUInt32LE(Math.floor(value / high), at + 4)
}

/** May exceed the safe integers when the bytes are not ours; callers compare it with what they expect. */
export const readU64 = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + 4) * high + bytes.readUInt32LE(at)

const table = new Uint32Array(256).map((_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
  return value
})

/** CRC-32 by table, for Node before 20.15, which has none; about ten times slower. */
export function crc32ByTable(bytes: Uint8Array, start = 0): number {
  let value = ~start
  for (let at = 0; at < bytes.length; at += 1) value = (table[(value ^ (bytes[at] as number)) & 0xff] as number) ^ (value >>> 8)
  return ~value >>> 0
}

/** CRC-32 as in zlib; `start` continues an earlier one. */
export const crc32: (bytes: Uint8Array, start?: number) => number = typeof zlib.crc32 === 'function' ? zlib.crc32 : crc32ByTable

/** Checksum of `bytes[from, to)`. */
export const crcOf = (bytes: Buffer, from: number, to: number): number => crc32(bytes.subarray(from, to))
