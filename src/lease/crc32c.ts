/** CRC-32C (Castagnoli, reflected), as in iSCSI and ext4: finds torn and rotted sectors before anything else looks at them. */

const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value >>> 0
})

/** The checksum of all the bytes, those of [zeroFrom, zeroTo) counted as zero: the place where the checksum itself stands. */
export function crc32c(bytes: Uint8Array, zeroFrom = 0, zeroTo = 0): number {
  let crc = 0xffffffff
  for (let at = 0; at < bytes.length; at++) {
    const byte = at >= zeroFrom && at < zeroTo ? 0 : (bytes[at] as number) // at < length
    crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] as number) // 256 entries
  }
  return (crc ^ 0xffffffff) >>> 0
}
