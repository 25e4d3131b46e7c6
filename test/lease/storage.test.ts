import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { hostView } from '../../src/lease-disk/host-view.js'
import { judgeStorage, mountOf, type HostView } from '../../src/lease-disk/storage.js'

/** /proc/self/mountinfo as machines with these file systems print it. */
const mountinfo = `21 1 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/vg0-root rw,errors=remount-ro
24 21 0:22 / /dev rw,nosuid shared:2 - devtmpfs udev rw,size=4096k
25 21 0:24 / /run rw,nosuid,nodev - tmpfs tmpfs rw,size=1632964k
40 21 147:0 / /data rw,relatime shared:20 - ext4 /dev/drbd0 rw
41 21 0:51 / /gluster rw,relatime - fuse.glusterfs ha1:/gv0 rw,user_id=0,group_id=0,allow_other
42 21 0:52 / /nfs rw,relatime shared:90 - nfs4 10.0.0.9:/export rw,vers=4.2,proto=tcp
43 21 147:1 / /cluster rw,relatime - ocfs2 /dev/drbd1 rw,heartbeat=local
44 21 8:33 / /gfs rw,relatime - gfs2 /dev/sdc1 rw
45 21 0:53 / /var/lib/containers/merged rw - overlay overlay rw,lowerdir=/l,upperdir=/u
46 21 0:54 /@ /srv rw,relatime shared:7 master:3 - btrfs /dev/sdd rw,subvol=/@
47 21 0:55 / /mnt/with\\040blank rw - fuse.sshfs me@host:/ rw
48 42 0:56 / /nfs rw - tmpfs tmpfs rw
49 21 0:57 / /nfs2 rw - nfs 10.0.0.9:/export rw
`

/** /sys/dev/block links, and what stands below /sys/class/block. */
const links: Readonly<Record<string, string>> = {
  '8:16': '../../devices/pci0000:00/0000:00:05.0/host2/target2:0:0/2:0:0:0/block/sdb',
  '8:17': '../../devices/pci0000:00/0000:00:05.0/host2/target2:0:0/2:0:0:0/block/sdb/sdb1',
  '8:33': '../../devices/pci0000:00/0000:00:06.0/host3/target3:0:0/3:0:0:0/block/sdc/sdc1',
  '8:48': '../../devices/pci0000:00/0000:00:07.0/host4/target4:0:0/4:0:0:0/block/sdd',
  '43:1': '../../devices/virtual/block/nbd0/nbd0p1',
  '147:0': '../../devices/virtual/block/drbd0',
  '147:1': '../../devices/virtual/block/drbd1',
  '253:0': '../../devices/virtual/block/dm-0',
  '253:1': '../../devices/virtual/block/dm-1',
  '253:2': '../../devices/virtual/block/dm-2',
  '253:3': '../../devices/virtual/block/dm-3',
  '7:0': '../../devices/virtual/block/loop0',
  '7:1': '../../devices/virtual/block/loop1',
  '9:0': '../../devices/virtual/block/md0',
  '252:0': '../../devices/virtual/block/zram0',
  '259:2': '../../devices/pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme0/nvme0n1/nvme0n1p2'
}
const partitions: Readonly<Record<string, string>> = { sdb1: 'sdb', sdc1: 'sdc', nbd0p1: 'nbd0', nvme0n1p2: 'nvme0n1' }
const slaves: Readonly<Record<string, readonly string[]>> = { 'dm-0': ['nvme0n1p2'], 'dm-1': ['sdb', 'sdc'], 'dm-2': ['dm-3'], 'dm-3': ['drbd1'], md0: ['sdb', 'sdc'] }
const backing: Readonly<Record<string, string>> = { loop0: '/run/image\n', loop1: '/nfs2/image\n' }
const symlinks: Readonly<Record<string, string>> = { '/dev/mapper/quorum': '/dev/dm-1', '/dev/vg1/lease': '/dev/dm-2', '/dev/disk/by-id/scsi-1': '/dev/sdb1', '/lease': '/data/area', '/dev/drbd/by-res/r0/0': '/dev/drbd0' }
const devices: Readonly<Record<string, string>> = {
  '/dev/sdb': '8:16', '/dev/sdb1': '8:17', '/dev/sdd': '8:48', '/dev/nbd0p1': '43:1', '/dev/drbd0': '147:0', '/dev/dm-1': '253:1', '/dev/dm-2': '253:2',
  '/dev/loop0': '7:0', '/dev/loop1': '7:1', '/dev/md0': '9:0', '/dev/zram0': '252:0', '/dev/rbd7': '251:0'
}

const sample: HostView = {
  realPath: async path => symlinks[path] ?? (path.includes('missing') ? null : path),
  stat: async path => (devices[path] === undefined ? { kind: path === '/dev/null' ? 'other' : 'file', device: '0:0' } : { kind: 'block', device: devices[path] ?? '' }),
  text: async path => {
    if (path === '/proc/self/mountinfo') return mountinfo
    const [, name = '', what = ''] = /^\/sys\/class\/block\/([^/]+)\/(.+)$/.exec(path) ?? []
    if (what === 'partition') return name in partitions ? '1\n' : null
    return what === 'loop/backing_file' ? (backing[name] ?? null) : null
  },
  list: async path => slaves[/^\/sys\/class\/block\/([^/]+)\/slaves$/.exec(path)?.[1] ?? ''] ?? [],
  link: async path => {
    const device = /^\/sys\/dev\/block\/(.+)$/.exec(path)?.[1]
    if (device !== undefined) return links[device] ?? null
    const name = /^\/sys\/class\/block\/(.+)$/.exec(path)?.[1] ?? ''
    return Object.values(links).find(link => link.endsWith(`/${name}`)) ?? null
  }
}

const judged = async (path: string) => {
  const { kind, what } = await judgeStorage(path, sample)
  return `${kind}: ${what}`
}

t.test('storage: disks that both nodes may reach -> nothing speaks against them', async t => {
  t.equal(await judged('/dev/sdb'), 'shared: /dev/sdb is a block device')
  t.equal(await judged('/dev/disk/by-id/scsi-1'), 'shared: /dev/disk/by-id/scsi-1 is on sdb, a block device')
  t.equal(await judged('/dev/mapper/quorum'), 'shared: /dev/mapper/quorum is on dm-1, a block device', 'multipath')
  t.equal(await judged('/dev/rbd7'), 'shared: /dev/rbd7 is a block device that /sys does not describe')
  t.match(await judged('/nfs2/lease'), /^shared: .* is on nfs \(10\.0\.0\.9:\/export\)/)
  t.match(await judged('/gfs/lease'), /^shared: .* is on gfs2/)
  t.match(await judged('/dev/loop1'), /^shared: .*a loop device over \/nfs2\/image/)
})

t.test('storage: mirrored over the nodes\' own links, however deep -> refused', async t => {
  t.equal(await judged('/dev/drbd0'), 'mirrored: /dev/drbd0 is a DRBD device')
  t.equal(await judged('/dev/drbd/by-res/r0/0'), 'mirrored: /dev/drbd/by-res/r0/0 is on drbd0, a DRBD device')
  t.equal(await judged('/dev/vg1/lease'), 'mirrored: /dev/vg1/lease is on drbd1, a DRBD device', 'LVM over LVM over DRBD')
  t.match(await judged('/dev/nbd0p1'), /^mirrored: .* a network block device/, 'a partition of it')
  t.match(await judged('/lease'), /^mirrored: \/lease is on ext4, and \/dev\/drbd0 is a DRBD device/, 'a file on it, through a link')
  t.match(await judged('/cluster/lease'), /^mirrored: .* is on ocfs2, and .* a DRBD device/)
  t.match(await judged('/gluster/lease'), /^mirrored: .* is on fuse.glusterfs \(ha1:\/gv0\)/)
})

t.test('storage: of one machine alone -> unshared, and why', async t => {
  t.match(await judged('/home/lease'), /^unshared: .* is on ext4 \(\/dev\/mapper\/vg0-root\), which one node mounts at a time/)
  t.match(await judged('/run/lease'), /^unshared: .* memory of this machine \(tmpfs\)/)
  t.match(await judged('/nfs/lease'), /^unshared: .*tmpfs/, 'the mount on top counts')
  t.match(await judged('/var/lib/containers/merged/lease'), /^unshared: .* overlay/)
  t.match(await judged('/srv/lease'), /^unshared: .* btrfs/)
  t.match(await judged('/mnt/with blank/lease'), /^unshared: .* fuse\.sshfs/)
  t.match(await judged('/dev/loop0'), /^unshared: \/dev\/loop0 is a loop device: .*tmpfs/)
  t.match(await judged('/dev/zram0'), /^unshared: .* memory/)
  t.match(await judged('/dev/md0'), /^unshared: .* software RAID/)
  t.match(await judged('/dev/typo'), /^unshared: .* \(devtmpfs\)/, 'a file where a device was meant')
  t.match(await judged('/dev/null'), /^unshared: .* neither a block device nor a file/)
  t.match(await judged('/missing'), /^missing: there is no \/missing/)
})

t.test('storage: mountinfo with damage -> the lines that make sense', async t => {
  t.equal(mountOf('/x', 'nonsense\n\n1 2 3\n'), null)
  t.match(mountOf('/dataset/x', mountinfo), { type: 'ext4', device: '253:0' }, '/data is not above /dataset')
})

t.test('storage: this machine -> a file here is a file here', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'lease-storage-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'area'), '')
  t.match(await judgeStorage(join(directory, 'area'), hostView), { kind: /^(unshared|shared)$/, what: /area is / })
  t.match(await judgeStorage(join(directory, 'nothing'), hostView), { kind: 'missing' })
  t.match(await judgeStorage('/dev/null', hostView), { kind: 'unshared' })
})
