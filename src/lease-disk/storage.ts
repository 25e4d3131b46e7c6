/**
 * Judges storage for a lease area: do both nodes see the same bytes, and by another way than their heartbeats?
 *
 * A lease on storage that is mirrored over the nodes' own links is worth nothing: when the links are cut, so is the mirror,
 * and each node goes on renewing its own copy. The same holds for storage that one machine has for itself. Followed are
 * symbolic links, partitions, device-mapper and software RAID down to the disks, loop devices to their file, and files to
 * their file system. What a disk array or an iSCSI target does behind its own back cannot be seen from here.
 *
 * Not here: whether a lease area is there (header-fault.ts).
 */

import { basename, dirname } from 'node:path'

/** What is looked up; real in host-view.ts, recorded samples in tests. */
export interface HostView {
  /** The path without symbolic links, or null when nothing is there. */
  realPath(path: string): Promise<string | null>
  /** `device` is `major:minor` of a block device itself, or of the file system that a file is on. */
  stat(path: string): Promise<{ readonly kind: 'block' | 'file' | 'directory' | 'other'; readonly device: string } | null>
  /** A small file of /proc or /sys, or null. */
  text(path: string): Promise<string | null>
  /** The names in a directory of /sys; none when there is no such directory. */
  list(path: string): Promise<readonly string[]>
  /** Where a symbolic link of /sys points, or null. */
  link(path: string): Promise<string | null>
}

export interface StorageVerdict {
  /** `shared`: nothing that can be seen speaks against it. */
  readonly kind: 'shared' | 'unshared' | 'mirrored' | 'missing'
  /** `/dev/vg0/lease is on the DRBD device drbd0` */
  readonly what: string
  /** What follows from it; empty for `shared`. */
  readonly why: string
}

/** Loops over files over loops end here. */
const depthMax = 8

export const mirroredWhy = 'a lease on storage that is mirrored over the nodes\' own links is cut together with them, and then proves nothing'
export const unsharedWhy = 'the other node cannot see what this one writes there, so a lease on it proves nothing'

export async function judgeStorage(path: string, view: HostView): Promise<StorageVerdict> {
  const real = await view.realPath(path)
  const stat = real === null ? null : await view.stat(real)
  if (real === null || stat === null) return { kind: 'missing', what: `there is no ${path}`, why: 'nothing can be written there' }
  switch (stat.kind) {
    case 'block':
      return await judgeDevice(path, await nameOf(stat.device, view), view, 0)
    case 'file':
    case 'directory':
      return await judgeFile(path, real, view, 0)
    case 'other':
      return { kind: 'unshared', what: `${path} is neither a block device nor a file`, why: 'a lease area needs sectors to write to' }
  }
}

/** `sda1` of `8:1`, or null for a device that /sys does not know. */
async function nameOf(device: string, view: HostView): Promise<string | null> {
  const link = await view.link(`/sys/dev/block/${device}`)
  return link === null ? null : basename(link)
}

const worst = (verdicts: readonly StorageVerdict[]): StorageVerdict | null =>
  verdicts.find(verdict => verdict.kind === 'mirrored') ?? verdicts.find(verdict => verdict.kind === 'unshared') ?? null

async function judgeDevice(path: string, name: string | null, view: HostView, depth: number): Promise<StorageVerdict> {
  if (name === null) return { kind: 'shared', what: `${path} is a block device that /sys does not describe`, why: '' }
  const seen = `${path} is ${path === `/dev/${name}` ? '' : `on ${name}, `}`
  if (/^drbd\d/.test(name)) return { kind: 'mirrored', what: `${seen}a DRBD device`, why: mirroredWhy }
  if (/^nbd\d/.test(name)) return { kind: 'mirrored', what: `${seen}a network block device (nbd)`, why: mirroredWhy }
  if (/^(ram|zram)\d/.test(name)) return { kind: 'unshared', what: `${seen}memory of this machine`, why: unsharedWhy }
  if (/^zd\d/.test(name)) return { kind: 'unshared', what: `${seen}a volume of a ZFS pool, which one node imports at a time`, why: unsharedWhy }
  if (depth >= depthMax) return { kind: 'unshared', what: `${path} is on more than ${depthMax} layers of devices`, why: 'what is below them was not looked at' }
  const folder = `/sys/class/block/${name}`
  if ((await view.text(`${folder}/partition`)) !== null) {
    const link = await view.link(folder)
    return await judgeDevice(path, link === null ? null : basename(dirname(link)), view, depth + 1)
  }
  const backing = await view.text(`${folder}/loop/backing_file`)
  if (backing !== null) {
    const file = backing.trim()
    const below = (await view.realPath(file)) === null ? null : await judgeFile(file, file, view, depth + 1)
    return below === null || below.kind === 'shared'
      ? { kind: below === null ? 'unshared' : 'shared', what: `${seen}a loop device over ${file}`, why: below === null ? unsharedWhy : '' }
      : { ...below, what: `${seen}a loop device: ${below.what}` }
  }
  const slaves = await view.list(`${folder}/slaves`)
  const below = await Promise.all(slaves.map(slave => judgeDevice(path, slave, view, depth + 1)))
  const bad = worst(below)
  if (bad !== null) return bad
  if (/^md\d/.test(name) && slaves.length > 1) return { kind: 'unshared', what: `${seen}a software RAID`, why: 'two nodes that run it at once know nothing of each other\'s writes, and may read different halves' }
  return { kind: 'shared', what: `${seen}a block device`, why: '' }
}

/** File systems that several machines use at once through servers of their own. */
const networkTypes: ReadonlySet<string> = new Set(['nfs', 'nfs4', 'ceph', 'fuse.ceph', 'fuse.ceph-fuse', 'lustre', 'gpfs', 'beegfs', 'cifs', 'smb3', 'virtiofs', '9p'])
/** File systems that several machines mount from one block device. */
const clusterTypes: ReadonlySet<string> = new Set(['gfs2', 'ocfs2'])
const replicatedTypes: ReadonlySet<string> = new Set(['glusterfs', 'fuse.glusterfs'])
const memoryTypes: ReadonlySet<string> = new Set(['tmpfs', 'ramfs', 'devtmpfs', 'rootfs'])

async function judgeFile(path: string, real: string, view: HostView, depth: number): Promise<StorageVerdict> {
  const mount = mountOf(real, (await view.text('/proc/self/mountinfo')) ?? '')
  if (mount === null) return { kind: 'unshared', what: `${path} is on a file system that /proc/self/mountinfo does not list`, why: unsharedWhy }
  const { type, device, source } = mount
  if (replicatedTypes.has(type)) return { kind: 'mirrored', what: `${path} is on ${type} (${source}), which the nodes replicate among themselves`, why: mirroredWhy }
  if (networkTypes.has(type)) return { kind: 'shared', what: `${path} is on ${type} (${source})`, why: '' }
  if (memoryTypes.has(type)) return { kind: 'unshared', what: `${path} is in memory of this machine (${type})`, why: unsharedWhy }
  if (type === 'overlay' || type === 'fuse.overlayfs') return { kind: 'unshared', what: `${path} is on an overlay of this machine`, why: unsharedWhy }
  const name = device.startsWith('0:') ? await sourceName(source, view) : await nameOf(device, view)
  const below = name === null || depth >= depthMax ? null : await judgeDevice(source, name, view, depth + 1)
  if (below !== null && below.kind === 'mirrored') return { ...below, what: `${path} is on ${type}, and ${below.what}` }
  if (!clusterTypes.has(type)) return { kind: 'unshared', what: `${path} is on ${type} (${source}), which one node mounts at a time`, why: unsharedWhy }
  if (below !== null && below.kind !== 'shared') return { ...below, what: `${path} is on ${type}, and ${below.what}` }
  return { kind: 'shared', what: `${path} is on ${type} (${source})`, why: '' }
}

/** btrfs and others have a device number of their own; their source names one of the disks. */
async function sourceName(source: string, view: HostView): Promise<string | null> {
  const real = source.startsWith('/') ? await view.realPath(source) : null
  const stat = real === null ? null : await view.stat(real)
  return stat?.kind === 'block' ? await nameOf(stat.device, view) : null
}

interface Mount {
  readonly device: string
  readonly type: string
  readonly source: string
}

/** The mount that a path lies on: the longest mount point above it, the last one where two are stacked. */
export function mountOf(path: string, mountinfo: string): Mount | null {
  let best: (Mount & { readonly length: number }) | null = null
  for (const line of mountinfo.split('\n')) {
    const words = line.split(' ')
    const dash = words.indexOf('-', 6) // optional fields end with a single dash
    const [device, point, type, source] = [words[2], words[4], words[dash + 1], words[dash + 2]]
    if (dash < 0 || device === undefined || point === undefined || type === undefined || source === undefined) continue
    const directory = unescaped(point)
    const isAbove = directory === '/' || path === directory || path.startsWith(`${directory}/`)
    if (isAbove && (best === null || directory.length >= best.length)) best = { device, type, source: unescaped(source), length: directory.length }
  }
  return best
}

/** The kernel writes blanks in names as `\040`. */
const unescaped = (text: string): string => text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
