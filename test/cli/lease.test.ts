import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { millis } from '../../src/base/units.js'
import { checkReport } from '../../src/cli/check.js'
import { heartbeat } from '../../src/cli/heartbeat-program.js'
import { parseAuthkeys } from '../../src/config/authkeys.js'
import { formatDiagnostic, groupDigest, keyId } from '../../src/config/configuration.js'
import type { AuthKeys, ResourceGroup } from '../../src/config/types.js'
import { systemClock } from '../../src/daemon/system-clock.js'
import type { DiskLeaseArea } from '../../src/lease-disk/area.js'
import { realLeaseArea } from '../../src/lease-disk/real-area.js'
import { areaBytes, nodePlace } from '../../src/lease/layout.js'
import { datagramOf } from '../lease/fixture.js'
import { loopDevice, noLoop } from '../lease/real-storage.js'
import { world, type World } from './fake-daemon.js'

const authkeys = 'auth 1\n1 sha256 0123456789abcdef0123456789\n'
const keys = parseAuthkeys({ file: 'authkeys', text: authkeys, mode: 0o600, ownerUid: 0 }, { uid: 0 }).keys as AuthKeys // a literal without faults

/** A node of the cluster ha1, ha2 with its files; the area is where `area` says, or a file beside them. */
function node(t: Test, options: { readonly area?: string; readonly lease?: string; readonly keys?: string } = {}): World & { readonly area: string } {
  const w = world(t)
  const area = options.area ?? join(w.context.paths.haDir, 'area')
  w.file('ha.cf', `node ha1 ha2\nbcast eth0 eth1\nauto_failback off\nkeepalive 100ms\ndeadtime 400ms\n${options.lease ?? `lease ${area} 1\n`}`)
  w.file('haresources', 'ha1 10.0.0.5/24/eth0\n')
  w.file('authkeys', options.keys ?? authkeys)
  writeFileSync(join(w.context.paths.haDir, 'nodeinfo'), 'ha1\n')
  return { ...w, area }
}

const group: Pick<ResourceGroup, 'key' | 'home' | 'resources'> & ResourceGroup = {
  key: '10.0.0.5/24/eth0', home: 'ha1', position: { file: 'haresources', line: 1, column: 1 },
  resources: [{ word: '10.0.0.5/24/eth0', type: 'IPaddr', args: ['10.0.0.5/24/eth0'], position: { file: 'haresources', line: 1, column: 5 } }]
}

/** A daemon's lease area that beats for a node and shows the group. */
async function beat(t: Test, name: 'ha1' | 'ha2', path: string, state: 'running' | 'stopped', epoch: number): Promise<DiskLeaseArea> {
  const area = realLeaseArea({
    config: { path, leaseMs: millis(1000), intervalMs: millis(125), position: { file: 'ha.cf', line: 1, column: 1 } }, self: name, nodes: ['ha1', 'ha2'],
    keys: () => keys, clock: systemClock, onNote: () => undefined
  })
  const view = { id: keyId(group), digest: groupDigest(group), state, epoch, avoid: false, wanted: false, canServe: true }
  t.teardown(() => area.close())
  await new Promise<void>(resolve => {
    area.open({ onReport: report => report.kind === 'written' && resolve(), onDatagram: () => undefined })
    area.show(datagramOf(name, 5, [view], keys), { generation: 7, sequence: 5, promisedMs: 1000, isUrgent: true })
  })
  return area
}

const create = (w: World, ...args: string[]) => w.run(heartbeat, 'lease', 'create', '--force-unshared', ...args)

t.test('lease create: a file that does not exist -> made, 64 KiB, and what to do next', async t => {
  const w = node(t)
  t.match(await create(w), { status: 0, out: /^made the lease area of ha1 and ha2 at .*\nWARNING: only this machine sees it.*\nnext, on both nodes: heartbeat lease test\n$/, err: '' })
  t.equal(statSync(w.area).size, areaBytes)
  t.equal(statSync(w.area).mode & 0o777, 0o600)
  const other = `${w.area}2`
  t.match(JSON.parse((await create(w, other, '--time', '5', '--json')).out), { ok: true, path: other, nodes: ['ha1', 'ha2'], leaseMs: 5000, isUnsharedAllowed: true })
})

t.test('lease create: an area is there -> refused and unchanged; --force makes a new one', async t => {
  const w = node(t)
  await create(w)
  const before = readFileSync(w.area)
  t.match(await create(w), { status: 1, err: /holds the lease area of ha1 and ha2, made 20.*; nothing was written. To overwrite it: --force\n$/ })
  const stranger = node(t, { area: w.area, keys: 'auth 1\n1 sha256 the-key-of-another-cluster\n' })
  t.match(await create(stranger), { status: 1, err: /holds a lease area, signed with a key that authkeys does not have, of ha1 and ha2/ })
  t.ok(readFileSync(w.area).equals(before))
  t.match(await create(w, '--force'), { status: 0 })
  t.notOk(readFileSync(w.area).equals(before))
})

t.test('lease create: somebody beats there -> refused even with --force', async t => {
  const w = node(t)
  await create(w)
  await beat(t, 'ha2', w.area, 'stopped', 1)
  t.match(await create(w, '--force'), { status: 1, err: /its sectors move: a daemon is using it. Stop heartbeat on ha1 and ha2 first/ })
})

t.test('lease create: data, a partition table, a short file of text -> refused by what it is', async t => {
  const w = node(t)
  writeFileSync(w.area, 'my only copy\n')
  t.match(await create(w), { status: 1, err: /holds data of unknown kind/ })
  t.equal(readFileSync(w.area, 'utf8'), 'my only copy\n')
  const table = Buffer.alloc(1024 * 1024)
  table.writeUInt16BE(0x55aa, 510)
  writeFileSync(w.area, table)
  t.match(await create(w), { status: 1, err: /holds a partition table or boot sector/ })
  writeFileSync(w.area, Buffer.alloc(100))
  t.match(await create(w), { status: 0 }, 'zeros are nobody\'s data')
  t.equal(statSync(w.area).size, areaBytes)
})

t.test('lease create: wrong names, wrong storage -> a sentence, no traceback, nothing made', async t => {
  const w = node(t)
  t.match(await create(w, '/dev/no-such-disk'), { status: 1, err: /no such device; look with lsblk/ })
  t.notOk(existsSync('/dev/no-such-disk'))
  t.match(await create(w, '/no/such/directory/area'), { status: 1, err: /there is no directory \/no\/such\/directory/ })
  t.match(await create(w, 'area'), { status: 1, err: /area is not a whole path/ })
  t.match(await create(w, '/dev/null'), { status: 1, err: /ERROR: / })
  t.match(await create(w, w.context.paths.haDir), { status: 1, err: /it is a directory \(EISDIR\)/ })
  t.match(await w.run(heartbeat, 'lease', 'create'), { status: 1, err: /; the other node cannot see .*For tests on one machine: --force-unshared/ })
  t.match(await create(w, '--time', '100ms'), { status: 2, err: /a lease lasts from 1s to 60s/ })
  t.notOk(existsSync(w.area))
})

t.test('lease create: the configuration has faults, or names no area -> 6 with the faults, 1', async t => {
  const w = node(t, { lease: 'lease relative 1\n' })
  t.match(await create(w), { status: 6, err: /ha.cf:6:7: error: `lease` cannot be at `relative`.*\nERROR: the configuration in .* has faults/ })
  t.match(await node(t, { lease: '' }).run(heartbeat, 'lease', 'show'), { status: 1, err: /ha.cf has no `lease` line/ })
})

t.test('lease create: a block device -> a file system and a mounted device are refused, zeros are taken', { skip: noLoop }, async t => {
  const device = loopDevice(t, { bytes: 4 * 1024 * 1024 })
  const w = node(t, { area: device })
  t.match(await create(w), { status: 0, err: '' })
  t.match(await w.run(heartbeat, 'lease', 'test', '--for', '200ms'), { out: /^writes +\d+  median / })
  spawnSync('mkfs.ext4', ['-q', '-F', device])
  t.match(await create(w), { status: 1, err: /holds an ext2, ext3 or ext4 file system/ })
  const mounted = join(w.context.paths.haDir, 'mounted')
  mkdirSync(mounted)
  t.equal(spawnSync('mount', [device, mounted]).status, 0)
  t.teardown(() => spawnSync('umount', ['--lazy', mounted]))
  t.match(await create(w, '--force'), { status: 1, err: /is in use: mounted, or part of something that is/ })
  t.ok(readdirSync(mounted).includes('lost+found'))
})

t.test('lease create: through a symbolic link -> the thing behind it', async t => {
  const w = node(t)
  const link = join(w.context.paths.haDir, 'link')
  writeFileSync(w.area, '')
  symlinkSync(w.area, link)
  t.match(await create(w, link), { status: 0 })
  t.equal(statSync(w.area).size, areaBytes)
})

t.test('lease show: before anybody wrote, one beats, both beat -> who, how old, who owns what', async t => {
  const w = node(t)
  t.match(await w.run(heartbeat, 'lease', 'show'), { status: 1, err: /there is nothing of this name \(ENOENT\)/ })
  await create(w)
  t.match(await w.run(heartbeat, 'lease', 'show'), { status: 3, out: /node ha1 \(this one\): never wrote here since the area was made\nnode ha2: never wrote/ })
  const one = await beat(t, 'ha1', w.area, 'running', 12)
  const two = await beat(t, 'ha2', w.area, 'stopped', 11)
  const { status, out } = await w.run(heartbeat, 'lease', 'show')
  t.equal(status, 0)
  t.match(out, /^lease area .*: ha1 and ha2, lease 1 s, made 20/)
  t.match(out, /node ha1 \(this one\): beating, \d+ ms ago, generation 7, beat \d+, active, promised 1\.0 s/)
  t.match(out, /10\.0\.0\.5\/24\/eth0 +ha1 +12 +ha1 running 12, ha2 stopped 11/)
  t.match(out, /reads here: median /)
  await one.close()
  const json: unknown = JSON.parse((await w.run(heartbeat, 'lease', 'show', '--json')).out)
  t.match(json, { ok: true, leaseMs: 1000, nodes: [{ name: 'ha1', isSelf: true, state: 'silent', generation: 7 }, { name: 'ha2', state: 'beating' }], groups: [{ key: '10.0.0.5/24/eth0', owner: 'ha1', epoch: 12, isDisputed: false }] })
  two.poison({ generation: 7, from: 'ha2' })
  t.match((await w.run(heartbeat, 'lease', 'show')).out, /order: generation 7 of ha1 is to give up everything, says ha2/)
})

t.test('lease show: a damaged sector, another cluster\'s area -> named, not believed', async t => {
  const w = node(t)
  await create(w)
  const bytes = readFileSync(w.area)
  bytes.write('HBLSNODE\0\x01\0\x01\0\0\x01', nodePlace(1).from, 'latin1')
  writeFileSync(w.area, bytes)
  t.match(await w.run(heartbeat, 'lease', 'show'), { status: 3, out: /node ha2: UNREADABLE: its sector has a wrong checksum: written in part, or damaged/ })
  const stranger = node(t, { area: w.area, keys: 'auth 1\n1 sha256 the-key-of-another-cluster\n' })
  t.match(await stranger.run(heartbeat, 'lease', 'show'), { status: 1, err: /wrong signature: it is another cluster's area/ })
})

t.test('lease release: a node that beats, a stranger, no word given -> refused; a silent one -> released and shown', async t => {
  const w = node(t)
  await create(w)
  const two = await beat(t, 'ha2', w.area, 'running', 12)
  t.match(await w.run(heartbeat, 'lease', 'release', 'ha3', '--yes'), { status: 1, err: /ha3 is no node of this area; its nodes are ha1 and ha2/ })
  t.match(await w.run(heartbeat, 'lease', 'release', 'ha2'), { status: 1, err: /nothing was written. Make sure that ha2 is off .* then add --yes/ })
  t.match(await w.run(heartbeat, 'lease', 'release', 'ha2', '--yes'), { status: 1, err: /the sector of ha2 moves: it is alive/ })
  t.match(await w.run(heartbeat, 'lease', 'release'), { status: 2, err: /missing required argument 'node'/ })
  await two.close()
  t.match(await w.run(heartbeat, 'lease', 'release', 'HA2', '--yes'), { status: 0, out: /^released: ha2 stood still for / })
  t.match((await w.run(heartbeat, 'lease', 'show')).out, /node ha2: released by an operator \d+/)
})

t.test('lease test: measures -> the lease that this disk keeps, and whether ha.cf asks for more', async t => {
  const w = node(t)
  await create(w)
  const before = readFileSync(w.area).subarray(0, nodePlace(1).to)
  const { status, out } = await w.run(heartbeat, 'lease', 'test', '--for', '300ms', '--json')
  const json = JSON.parse(out) as { supportedLeaseMs: number; isEnough: boolean; writes: { count: number } }
  t.equal(status, json.isEnough ? 0 : 5)
  t.equal(json.isEnough, json.supportedLeaseMs <= 1000)
  t.ok(json.writes.count > 5)
  t.ok(readFileSync(w.area).subarray(0, nodePlace(1).to).equals(before), 'nobody\'s sector was touched')
  t.match((await w.run(heartbeat, 'lease', 'test', '--for', '100ms')).out, /This disk keeps a lease of .* s or longer/)
  t.match(await w.run(heartbeat, 'lease', 'test', '--for', 'ever'), { status: 2 })
})

t.test('check: the lease area -> missing, foreign, of one machine only', async t => {
  const w = node(t)
  const findings = async () => (await checkReport(w.context.env)).diagnostics.filter(found => found.what.includes('lease')).map(formatDiagnostic)
  t.match(await findings(), [/ha.cf:6:1: error: the lease area cannot be looked at: .*ENOENT.*; this node may hold nothing alone/])
  writeFileSync(w.area, Buffer.alloc(areaBytes))
  t.match(await findings(), [/error: lease .* cannot be used: there is no lease area; make it once/])
  await create(w, '--force')
  t.match(await findings(), [/warning: .*It was made with --force-unshared: for tests only/])
  w.file('authkeys', 'auth 1\n1 sha256 the-key-of-another-cluster\n')
  t.match(await findings(), [/error: lease .* it is another cluster's area, or authkeys lacks the key/])
})

t.test('lease: help -> every command explains itself and its exit statuses', async t => {
  const w = node(t)
  t.match((await w.run(heartbeat, 'lease', '--help')).out, /the network alone never decides who is dead/)
  for (const command of ['create', 'show', 'release', 'test']) t.match(await w.run(heartbeat, 'lease', command, '--help'), { status: 0, out: /Exit status: 0/ }, command)
  t.match(await w.run(heartbeat, 'lease', 'crate'), { status: 2, err: /unknown command 'crate'/ })
})
