import { constants, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { millis } from '../../src/base/units.js'
import { systemClock } from '../../src/daemon/system-clock.js'
import type { LeaseConfig } from '../../src/config/types.js'
import { createLeaseArea, type DiskLeaseArea } from '../../src/lease-disk/area.js'
import { DirectDisk } from '../../src/lease-disk/direct-disk.js'
import { hostView } from '../../src/lease-disk/host-view.js'
import { checkLeaseAtStart } from '../../src/lease-disk/start-check.js'
import type { HostView } from '../../src/lease-disk/storage.js'
import { areaBytes } from '../../src/lease/layout.js'
import { encodeHeader } from '../../src/lease/records.js'
import type { LeaseReport } from '../../src/port/lease.js'
import { shortDirectory } from '../control/short-directory.js'
import { datagramOf, header, keys, nodeRecord } from './fixture.js'
import { fillUp, freezable, loopDevice, noLoop, openFlagsOf, smallTmpfs } from './real-storage.js'

const configOf = (path: string): LeaseConfig => ({ path, leaseMs: millis(1000), intervalMs: millis(125), position: { file: 'ha.cf', line: 1, column: 1 } })

interface Node {
  readonly area: DiskLeaseArea
  readonly reports: LeaseReport[]
  readonly datagrams: Buffer[]
  readonly notes: string[]
  /** The first report from now on of which the condition holds. */
  next(condition: (report: LeaseReport) => boolean): Promise<LeaseReport>
}

const patienceMs = 15_000

function start(t: Test, name: 'ha1' | 'ha2', path: string): Node {
  const waiting = new Set<(report: LeaseReport) => void>()
  const node: Node = {
    reports: [],
    datagrams: [],
    notes: [],
    area: createLeaseArea({
      config: configOf(path), self: name, nodes: ['ha1', 'ha2'], keys: () => keys, clock: systemClock, disk: new DirectDisk(path),
      bootId: nodeRecord().bootId, onNote: text => node.notes.push(text)
    }),
    next: condition =>
      new Promise((resolve, reject) => {
        const limit = setTimeout(() => reject(new Error(`no such report within ${patienceMs} ms; the last: ${JSON.stringify(node.reports.slice(-3))} ${node.notes.join()}`)), patienceMs)
        const look = (report: LeaseReport): void => {
          if (!condition(report)) return
          clearTimeout(limit)
          waiting.delete(look)
          resolve(report)
        }
        waiting.add(look)
      })
  }
  node.area.open({
    onReport: report => {
      node.reports.push(report)
      for (const look of [...waiting]) look(report)
    },
    onDatagram: payload => node.datagrams.push(Buffer.from(payload))
  })
  t.teardown(() => node.area.close())
  return node
}

const prepared = (path: string, bytes = areaBytes): string => {
  const area = Buffer.alloc(bytes)
  area.set(encodeHeader(header, keys))
  writeFileSync(path, area)
  return path
}

const show = (node: Node, name: string, sequence: number) => node.area.show(datagramOf(name, sequence), { generation: 7, sequence, promisedMs: 1000, isUrgent: true })

async function beatOnEachOther(t: Test, path: string): Promise<readonly [Node, Node]> {
  const one = start(t, 'ha1', path)
  const two = start(t, 'ha2', path)
  show(one, 'ha1', 1)
  show(two, 'ha2', 1)
  const sees = (report: LeaseReport): boolean => report.kind === 'read' && (report.peer?.sequence ?? 0) >= 4
  await Promise.all([one.next(sees), two.next(sees)])
  show(two, 'ha2', 2)
  await one.next(() => one.datagrams.some(datagram => datagram.equals(datagramOf('ha2', 2))))
  two.area.poison({ generation: 7, from: 'ha2' })
  await one.next(report => report.kind === 'read' && report.pill?.generation === 7)
  t.strictSame([...one.reports, ...two.reports].filter(report => report.kind === 'trouble'), [])
  return [one, two]
}

t.test('lease disk: a file -> two nodes beat on each other; read past the page cache where the file system can', async t => {
  const path = prepared(join(shortDirectory(t), 'area'))
  const [one, two] = await beatOnEachOther(t, path)
  if (one.notes.length === 0) t.ok((openFlagsOf(path) & constants.O_DIRECT) !== 0)
  t.ok((openFlagsOf(path) & constants.O_DSYNC) !== 0)
  t.match(one.area.status(), { trouble: null, sentence: /^measured p99 of renewals here is .* ms; the lease of 1 s is \d+x$/ })
  await Promise.all([one.area.close(), two.area.close()])
  t.notOk(one.area.isHanging)
})

t.test('lease disk: a block device -> two nodes beat on each other with O_DIRECT', { skip: noLoop }, async t => {
  const device = prepared(loopDevice(t))
  const [one] = await beatOnEachOther(t, device)
  t.strictSame(one.notes.filter(note => note.includes('O_DIRECT')), [])
  t.equal(openFlagsOf(device) & (constants.O_DIRECT | constants.O_DSYNC), constants.O_DIRECT | constants.O_DSYNC)
})

t.test('lease disk: another process writes the device -> read from the device, not from our memory', { skip: noLoop }, async t => {
  const device = prepared(loopDevice(t))
  const one = start(t, 'ha1', device)
  show(one, 'ha1', 1)
  await one.next(report => report.kind === 'read')
  spawnSync('dd', ['if=/dev/zero', `of=${device}`, 'bs=4k', 'count=1', 'oflag=direct'], { timeout: 10_000 })
  t.match(await one.next(report => report.kind === 'trouble'), { operation: 'read', reason: /the header was never written; this is not the area/ })
})

t.test('lease disk: the disk answers EIO (a sparse device on a full file system) -> trouble with the code, and goes on when there is room', { skip: noLoop }, async t => {
  const directory = smallTmpfs(t, 256)
  const device = loopDevice(t, { directory })
  const sector = Buffer.alloc(4096)
  sector.set(encodeHeader(header, keys))
  writeFileSync(device, sector)
  spawnSync('sync', [device])
  const filler = fillUp(directory)
  const one = start(t, 'ha1', device)
  show(one, 'ha1', 1)
  t.match(await one.next(report => report.kind === 'trouble' && report.operation === 'write'), { reason: /\((EIO|ENOSPC)\)/ })
  t.strictSame(one.reports.filter(report => report.kind === 'written'), [])
  rmSync(filler)
  t.match(await one.next(report => report.kind === 'written'), { kind: 'written' })
})

t.test('lease disk: writes hang in the kernel -> reported, reading goes on, and the late renewal counts from when it was issued', { skip: noLoop }, async t => {
  const disk = freezable(t)
  const path = prepared(join(disk.directory, 'area'))
  const one = start(t, 'ha1', path)
  show(one, 'ha1', 1)
  await one.next(report => report.kind === 'written')
  disk.freeze()
  const trouble = await one.next(report => report.kind === 'trouble')
  t.match(trouble, { operation: 'write', reason: /it hangs: no answer from the disk for [5-9]\d\d ms/ })
  await one.next(report => report.kind === 'trouble')
  await one.next(report => report.kind === 'read')
  const frozenAt = systemClock.monotonic()
  disk.thaw()
  const late = await one.next(report => report.kind === 'written')
  t.ok(late.kind === 'written' && late.from < frozenAt - 1000 && late.tookMs > 1000)
  await one.next(report => report.kind === 'written')
})

t.test('lease disk: closed while the kernel holds a write -> ends in time and says so; the thread comes back with the disk', { skip: noLoop }, async t => {
  const disk = freezable(t)
  const one = start(t, 'ha1', prepared(join(disk.directory, 'area')))
  show(one, 'ha1', 1)
  await one.next(report => report.kind === 'written')
  disk.freeze()
  await one.next(report => report.kind === 'trouble')
  await one.area.close()
  t.ok(one.area.isHanging)
  disk.thaw()
})

t.test('lease disk: no file, too short, a directory, a FIFO -> said what it is', async t => {
  const directory = shortDirectory(t)
  mkdirSync(join(directory, 'folder'))
  writeFileSync(join(directory, 'short'), Buffer.alloc(4096))
  spawnSync('mkfifo', [join(directory, 'fifo')])
  for (const [name, reason] of [['nothing', /nothing of this name \(ENOENT\)/], ['short', /has 4096 bytes, and a lease area has 65536/], ['folder', /it is a directory \(EISDIR\)/], ['fifo', /neither a block device nor a plain file/]] as const) {
    const one = start(t, 'ha1', join(directory, name))
    t.match(await one.next(report => report.kind === 'trouble'), { operation: 'read', reason }, name)
    await one.area.close()
  }
  t.notOk(statSync(join(directory, 'short')).size > 4096, 'nothing was made longer')
})

const view = (filesystem: string): HostView => ({ ...hostView, text: async path => (path === '/proc/self/mountinfo' ? `1 0 0:99 / / rw - ${filesystem} source rw\n` : null) })

t.test('lease at start: mirrored, unshared, no area, foreign -> a sentence that stops the start; no answer -> a note', async t => {
  const path = prepared(join(shortDirectory(t), 'area'))
  const check = (filesystem: string, nodes: readonly string[] = ['ha1', 'ha2'], where = path) =>
    checkLeaseAtStart(configOf(where), { nodes, keys, clock: systemClock, disk: new DirectDisk(where), view: view(filesystem) })
  t.strictSame(await check('nfs4'), { fault: null, trouble: null, notes: [], isHanging: false })
  t.match(await check('fuse.glusterfs'), { fault: /^lease .* cannot be used: .* which the nodes replicate among themselves; a lease on storage that is mirrored/ })
  t.match(await check('ext4'), { fault: null, notes: [/for tests only/] }, 'made with --force-unshared')
  t.match(await check('nfs4', ['ha1', 'db']), { fault: /is that of ha1 and ha2, not of ha1 and db/ })
  t.match(await check('nfs4', ['ha1', 'ha2'], `${path}.missing`), { fault: null, trouble: /cannot be looked at: .*ENOENT/ })
  const area = Buffer.alloc(areaBytes)
  area.set(encodeHeader({ ...header, isUnsharedAllowed: false }, keys))
  writeFileSync(path, area)
  t.match(await check('ext4'), { fault: /which one node mounts at a time; the other node cannot see/ })
  writeFileSync(path, Buffer.alloc(areaBytes))
  t.match(await check('nfs4'), { fault: /there is no lease area; make it once, on one node, with: heartbeat lease create/ })
  writeFileSync(path, randomBytes(areaBytes))
  t.match(await check('nfs4'), { fault: /there is no lease area/ })
})
