/** What stands where a lease area is to be made, so that nobody's data are overwritten by a slip of the pen. */

import { Buffer } from 'node:buffer'
import type { AuthKeys } from '../config/types.js'
import { sectorBytes } from './layout.js'
import { decodeHeader, type AreaHeader } from './records.js'

/** How much `create` reads to judge: superblocks of file systems stand up to 64 KiB behind the beginning. */
export const contentBytes = 1024 * 1024

export type Content =
  | { readonly kind: 'zero' }
  /** A lease area; `isOurs` when its signature is by one of our keys. */
  | { readonly kind: 'area'; readonly header: AreaHeader; readonly isOurs: boolean }
  /** `an ext2, ext3 or ext4 file system` */
  | { readonly kind: 'known'; readonly what: string }
  | { readonly kind: 'data' }

interface Signature {
  readonly at: number
  readonly bytes: Buffer
  readonly what: string
}

const mark = (at: number, text: string, what: string): Signature => ({ at, bytes: Buffer.from(text, 'latin1'), what })

/** From each format's own documents; the more specific first. */
const signatures: readonly Signature[] = [
  mark(0, 'SBD_SBD_', 'an SBD device'),
  mark(0, 'LUKS\xba\xbe', 'a LUKS encrypted volume'),
  mark(0, 'XFSB', 'an XFS file system'),
  mark(512, 'EFI PART', 'a GPT partition table'),
  ...[0, 512, 1024, 1536].map(at => mark(at, 'LABELONE', 'an LVM physical volume')),
  mark(1080, '\x53\xef', 'an ext2, ext3 or ext4 file system'),
  mark(4086, 'SWAPSPACE2', 'swap space'),
  mark(4096, '\xfc\x4e\x2b\xa9', 'a member of a software RAID'),
  mark(0, '\xfc\x4e\x2b\xa9', 'a member of a software RAID'),
  mark(65_536, '\x01\x16\x19\x70', 'a GFS2 file system'),
  ...[1024, 2048, 4096, 8192].map(at => mark(at, 'OCFSV2', 'an OCFS2 file system')),
  mark(65_600, '_BHRfS_M', 'a btrfs file system'),
  mark(3, 'NTFS', 'an NTFS file system'),
  mark(32_769, 'CD001', 'an ISO 9660 image'),
  mark(510, '\x55\xaa', 'a partition table or boot sector')
]

export function contentOf(bytes: Uint8Array, keys: AuthKeys): Content {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.every(byte => byte === 0)) return { kind: 'zero' }
  if (view.length >= sectorBytes) {
    const described = decodeHeader(view.subarray(0, sectorBytes), null)
    if (described.ok) return { kind: 'area', header: described.header, isOurs: decodeHeader(view.subarray(0, sectorBytes), keys).ok }
  }
  const known = signatures.find(({ at, bytes: wanted }) => view.subarray(at, at + wanted.length).equals(wanted))
  return known === undefined ? { kind: 'data' } : { kind: 'known', what: known.what }
}
