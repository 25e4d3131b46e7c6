/** Scripts that fail or hang, data on the shared disk, Debian's own scripts, and haresources that differ. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { ownPriority } from '../../src/process/ordinary.js'
import { freezable, noLoop } from '../lease/real-storage.js'
import { Cluster, address, defaultHaresources, group, needsLab, needsTool, overlaps, soonMs } from './cluster.js'

const debianScripts = [needsTool('/usr/lib/ocf/resource.d/heartbeat/IPaddr2', 'resource-agents'), needsTool('/etc/ha.d/resource.d/IPaddr2', 'heartbeat')]
const needsDebianScripts = debianScripts.find(one => one.skip !== undefined) ?? {}
const needsFreezing = needsLab.skip === undefined && noLoop !== false ? { skip: noLoop } : needsLab
const limits = 'start_timeout 1\nstop_timeout 1\nstatus_timeout 1\nstop_retries 2\nstop_retry_delay 100ms'

for (const behaviour of ['fail', 'hang'] as const) {
  t.test(`start: a script ${behaviour}s on its home node -> the group is released there and runs on the peer; cleanup brings it home`, needsLab, async test => {
    const cluster = await Cluster.configured(test, { more: limits })
    cluster.behave(cluster.n1, 'start', behaviour)
    await cluster.start(cluster.n1, cluster.n2)
    await cluster.runs(cluster.n2)
    await cluster.lab.waitFor('n2 alone holds the address', async () => (await cluster.lab.holdersOf(address)).join() === 'n2', soonMs)
    const failed = await cluster.groupOn(cluster.n1)
    test.equal(failed?.here, 'failed')
    test.match(failed?.reason ?? '', /Recorder/)
    test.notMatch(await cluster.n1.run(['ps', '-e', '-o', 'args']), /sleep 3600/, 'nothing of the hanging script is left')
    test.strictSame(overlaps(cluster.deeds().filter(deed => deed.node === 'n2')), [])
    test.match(cluster.n1.readLog(), /Giving up resources due to failure of Recorder|Recorder::app/)
    await cluster.watch('it is not tried here again beside a healthy peer', async () => (await cluster.groupOn(cluster.n2))?.here === 'running', 1_500)
    cluster.behave(cluster.n1, 'start', 'ok')
    test.equal((await cluster.n1.heartbeat('cleanup')).code, 0)
    await cluster.runs(cluster.n1)
    await cluster.settled()
  })

  t.test(`stop: a script ${behaviour}s when the group should move -> blocked, said loudly, never started elsewhere; cleanup ends it`, needsLab, async test => {
    const cluster = await Cluster.running(test, { more: limits, autoFailback: 'off' })
    cluster.behave(cluster.n1, 'stop', behaviour)
    const standby = await cluster.n1.heartbeat('standby', 'all')
    test.not(standby.code, 0, standby.stdout + standby.stderr)
    await cluster.lab.waitFor('blocked on n1', async () => (await cluster.groupOn(cluster.n1))?.here === 'blocked', 10_000)
    await cluster.watch('n2 does not start it', async () => (await cluster.groupOn(cluster.n2))?.here === 'stopped', 1_500)
    test.strictSame(cluster.story(), ['n1 start'])
    const status = await cluster.n1.status()
    test.ok(status?.warnings.some(warning => /blocked/i.test(warning)), JSON.stringify(status?.warnings))
    test.match(cluster.n1.readLog(), /CRIT.*Recorder|Resource STOP failure/)
    cluster.behave(cluster.n1, 'stop', 'ok')
    await cluster.n1.run(['rm', '-f', '/run/recorder.app'])
    test.equal((await cluster.n1.heartbeat('cleanup')).code, 0)
    await cluster.settled()
    test.equal((await cluster.lab.holdersOf(address)).length, 1)
  })
}

t.test('stop: blocked on a node that then loses power -> the peer waits for an operator’s word', needsLab, async test => {
  const cluster = await Cluster.running(test, { more: limits, autoFailback: 'off' })
  cluster.behave(cluster.n1, 'stop', 'fail')
  await cluster.n1.heartbeat('standby', 'all')
  await cluster.lab.waitFor('n2 knows it is blocked on n1', async () => (await cluster.groupOn(cluster.n2))?.there === 'blocked', 10_000)
  await cluster.lab.powerOff(cluster.n1)
  await cluster.logs(cluster.n2, /node n1: is dead/)
  await cluster.watch('n2 does not start it', async () => (await cluster.groupOn(cluster.n2))?.here !== 'running', 1_000)
  test.match((await cluster.groupOn(cluster.n2))?.reason ?? '', /blocked on n1/)
  const forced = await cluster.n2.heartbeat('takeover', 'all', '--force')
  test.equal(forced.code, 0, forced.stdout + forced.stderr)
  await cluster.runs(cluster.n2)
})

t.test('stop: fails while the daemon is stopped -> the command says which resource may still run, with its own exit status; switched off and confirmed, it is free', needsLab, async test => {
  const cluster = await Cluster.running(test, { more: limits })
  cluster.behave(cluster.n1, 'stop', 'fail')
  const stopped = await cluster.n1.heartbeat('stop')
  test.not(stopped.code, 0)
  test.match(stopped.stdout + stopped.stderr, /Recorder::app|10\.77\.0\.100/)
  await cluster.watch('n2 does not start it', async () => (await cluster.groupOn(cluster.n2))?.here !== 'running', 1_500)
  test.match((await cluster.groupOn(cluster.n2))?.reason ?? '', /blocked on n1/)
  await cluster.lab.powerOff(cluster.n1)
  const confirmed = await cluster.n2.heartbeat('confirm-off', 'n1', '--yes')
  test.equal(confirmed.code, 0, confirmed.stdout + confirmed.stderr)
  await cluster.runs(cluster.n2)
  test.match((await cluster.n2.heartbeat('status')).stdout, /an operator says that it is off/)
})

t.test('start: waits for a disk, and not even SIGKILL ends it -> the peer gets the group when that is over, not before', needsFreezing, async test => {
  const disk = freezable(test)
  const cluster = await Cluster.configured(test, { more: limits.replace('stop_timeout 1', 'stop_timeout 60'), haresources: `n1 ${group} Writer::${disk.directory}\n` })
  for (const node of cluster.lab.nodes) {
    node.writeScript('Writer', '#!/bin/sh\nmark=/run/writer\ncase $2 in start) [ "$(uname -n)" != n1 ] || echo x >"$1/x"; : >$mark ;; stop) rm -f $mark ;; status) [ -e $mark ] && echo running || echo stopped ;; esac\n')
  }
  disk.freeze()
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.logs(cluster.n1, /still there after SIGKILL/)
  await cluster.watch('n2 does not start it', async () => (await cluster.groupOn(cluster.n1))?.here === 'stopping' && (await cluster.groupOn(cluster.n2))?.here === 'stopped', 1_500)
  disk.thaw()
  await cluster.runs(cluster.n2)
  test.equal((await cluster.groupOn(cluster.n1))?.here, 'failed')
})

t.test('start: fails on both nodes -> failed on both, tried again, and it runs once the cause is gone', needsLab, async test => {
  const cluster = await Cluster.configured(test, { more: limits })
  cluster.behave(cluster.n1, 'start', 'fail')
  cluster.behave(cluster.n2, 'start', 'fail')
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.lab.waitFor('failed on both', async () => {
    const found = await Promise.all(cluster.lab.nodes.map(node => cluster.groupOn(node)))
    return found.every(one => one?.here === 'failed')
  }, 10_000)
  test.strictSame(await cluster.lab.holdersOf(address), [])
  cluster.behave(cluster.n1, 'start', 'ok')
  cluster.behave(cluster.n2, 'start', 'ok')
  await cluster.n1.heartbeat('cleanup')
  await cluster.n2.heartbeat('cleanup')
  await cluster.settled(20_000)
})

t.test('shared disk: address, Filesystem and a service, power loss -> the survivor mounts it and has the file', needsTool('mkfs.ext4', 'e2fsprogs'), async test => {
  const cluster = await Cluster.configured(test, { diskMegabytes: 16 })
  const haresources = `n1 ${group} Filesystem::${cluster.lab.disk ?? ''}::/run/shared::ext4 Recorder::app\n`
  for (const node of cluster.lab.nodes) node.writeConfig({ haresources })
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.runs(cluster.n1)
  await cluster.n1.run(['sh', '-c', 'echo written by n1 >/run/shared/file && sync /run/shared/file'])
  test.not((await cluster.n2.exec(['mountpoint', '-q', '/run/shared'])).code, 0, 'mounted on one node only')
  await cluster.lab.powerOff(cluster.n1)
  await cluster.runs(cluster.n2)
  test.equal(await cluster.n2.run(['cat', '/run/shared/file']), 'written by n1\n')
  await cluster.n1.boot()
  await cluster.start(cluster.n1)
  await cluster.runs(cluster.n1)
  test.equal(await cluster.n1.run(['cat', '/run/shared/file']), 'written by n1\n')
  test.not((await cluster.n2.exec(['mountpoint', '-q', '/run/shared'])).code, 0)
})

t.test('Debian: its own IPaddr2 and Filesystem scripts, unmodified -> run, move and stop the group', needsDebianScripts, async test => {
  const cluster = await Cluster.configured(test, { diskMegabytes: 16 })
  const haresources = `n1 IPaddr2::${group} Filesystem::${cluster.lab.disk ?? ''}::/run/shared::ext4 Recorder::app\n`
  for (const node of cluster.lab.nodes) {
    node.writeConfig({ haresources })
    for (const name of ['IPaddr2', 'Filesystem', 'hto-mapfuncs']) fs.copyFileSync(path.join('/etc/ha.d/resource.d', name), path.join(node.directory, 'ha.d/resource.d', name))
    fs.copyFileSync('/etc/ha.d/shellfuncs', path.join(node.directory, 'ha.d/shellfuncs'))
  }
  await cluster.start(cluster.n1, cluster.n2)
  const key = `IPaddr2::${group}`
  await cluster.runs(cluster.n1, key, 10_000)
  test.strictSame(await cluster.lab.holdersOf(address), ['n1'])
  await cluster.n1.run(['mountpoint', '-q', '/run/shared'])
  await cluster.lab.powerOff(cluster.n1)
  await cluster.runs(cluster.n2, key, 10_000)
  test.strictSame(await cluster.lab.holdersOf(address), ['n2'])
  await cluster.n1.boot()
  await cluster.start(cluster.n1)
  await cluster.runs(cluster.n1, key, 10_000)
  test.strictSame(await cluster.lab.holdersOf(address), ['n1'])
  test.equal((await cluster.n1.heartbeat('stop')).code, 0)
  test.strictSame(await cluster.n1.addressesHeld(), [])
  test.not((await cluster.n1.exec(['mountpoint', '-q', '/run/shared'])).code, 0)
})

t.test('LSB: a script of /etc/init.d -> started, asked by its status words and stopped', needsLab, async test => {
  const cluster = await Cluster.configured(test, { haresources: `n1 ${group} lsbthing\n` })
  const folder = path.join(cluster.lab.directory, 'init.d')
  fs.mkdirSync(folder)
  fs.writeFileSync(
    path.join(folder, 'lsbthing'),
    '#!/bin/sh\nmark=/run/lsbthing\ncase $1 in\n  start) : >$mark ;;\n  stop) rm -f $mark ;;\n  status) if [ -e $mark ]; then echo "lsbthing is running"; else echo "lsbthing is stopped"; exit 3; fi ;;\nesac\n',
    { mode: 0o755 }
  )
  for (const node of cluster.lab.nodes) await node.run(['mount', '--bind', folder, '/etc/init.d'])
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.settled()
  test.equal((await cluster.n1.exec(['test', '-e', '/run/lsbthing'])).code, 0)
  await cluster.n1.heartbeat('stop')
  await cluster.runs(cluster.n2)
  test.not((await cluster.n1.exec(['test', '-e', '/run/lsbthing'])).code, 0)
  test.equal((await cluster.n2.exec(['test', '-e', '/run/lsbthing'])).code, 0)
})

t.test('haresources: differs between the nodes -> said on both from the start; groups that agree run, the others start nowhere beside a living peer', needsLab, async test => {
  const cluster = await Cluster.configured(test)
  cluster.n1.writeConfig({ haresources: `${defaultHaresources}n2 10.77.0.101/24/eth0 Recorder::web\n` })
  cluster.n2.writeConfig({ haresources: `${defaultHaresources}n2 10.77.0.101/24/eth0 Recorder::other\n` })
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.runs(cluster.n1)
  for (const node of cluster.lab.nodes) {
    await cluster.logs(node, /haresources/)
    test.ok((await node.status())?.warnings.some(warning => /10\.77\.0\.101/.test(warning)), `${node.name} warns`)
  }
  await cluster.watch('the group that differs starts nowhere', async () => (await cluster.lab.holdersOf('10.77.0.101')).length === 0, 1_500)
})

t.test('haresources: the group’s scripts -> started left to right, stopped right to left', needsLab, async test => {
  const cluster = await Cluster.running(test, { haresources: `n1 ${group} Recorder::one Recorder::two Recorder::three\n` })
  await cluster.n1.heartbeat('stop')
  const log = fs.readFileSync(path.join(cluster.lab.directory, 'deeds'), 'utf8').trimEnd().split('\n').filter(line => line.includes(' n1 '))
  test.strictSame(log.map(line => line.split(' ').slice(2).join(' ')), ['start one', 'start two', 'start three', 'stop three', 'stop two', 'stop one'])
})

/** Why a daemon has no real-time priority on this machine, as `heartbeat start` finds out, too. */
const needsPriority = ((): { readonly skip?: string } => {
  if (needsLab.skip !== undefined) return needsLab
  const tried = spawnSync('chrt', ['-r', '1', 'true'], { encoding: 'utf8' })
  return tried.status === 0 ? {} : { skip: `no real-time priority here: ${tried.stderr.trim()}` }
})()

t.test('real-time priority: the daemon and its sentry have it; scripts, what they leave behind and the watchers have not', needsPriority, async test => {
  const cluster = await Cluster.configured(test, { haresources: `${defaultHaresources.trimEnd()} Service\n`, more: 'ping 10.77.0.254' })
  for (const node of cluster.lab.nodes) {
    node.writeScript('Service', ['#!/bin/sh', 'case $1 in', 'start) read -r stat </proc/$$/stat; echo "$stat" >/run/script.stat; sleep 1000 & ;;', 'stop) rm -f /run/script.stat ;;', 'status) [ -e /run/script.stat ] && echo running || echo stopped ;;', 'esac', ''].join('\n'))
  }
  await cluster.start(cluster.n1, cluster.n2)
  await cluster.settled()
  const listed = await cluster.n1.run(['sh', '-c', 'for one in /proc/[0-9]*; do { read -r stat <$one/stat && echo "$stat|$(tr "\\0" " " <$one/cmdline)"; } 2>/dev/null || :; done'])
  const processes = listed.split('\n').filter(line => line !== '').map(line => {
    const [stat = '', words = ''] = line.split('|')
    return { words, priority: ownPriority(stat) }
  })
  const priorityOf = (what: RegExp): readonly (number | null)[] => processes.filter(({ words }) => what.test(words)).map(({ priority }) => priority)
  test.strictSame(priorityOf(/daemon\/main\.js/).filter(one => one !== null), [1], 'the daemon; its guard is ordinary')
  test.strictSame(priorityOf(/^\/bin\/bash .*heartbeat-sentry/), [2])
  for (const what of [/^ip .*monitor/, /^ping /, /^sleep 1000/]) test.strictSame(priorityOf(what), [null], String(what))
  test.equal(ownPriority(await cluster.n1.run(['cat', '/run/script.stat'])), null)
})
