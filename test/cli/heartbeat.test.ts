import { writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { hostname } from 'node:os'
import t from 'tap'
import { heartbeat } from '../../src/cli/heartbeat-program.js'
import { hastyClock, report, world } from './fake-daemon.js'

const haCf = 'logfile /dev/null\nrealtime off\nkeepalive 100ms\nwarntime 250ms\ndeadtime 500ms\ninitdead 5\nudpport 6940\nbcast lo\nnode %NODE% other\n'

t.test('heartbeat: no daemon -> status 3, stop 0 with the old words, moves 3', async t => {
  const w = world(t)
  t.same(await w.run(heartbeat, 'status'), { status: 3, out: 'heartbeat is stopped. No process\n', err: '' })
  t.same(await w.run(heartbeat, '-s'), { status: 3, out: 'heartbeat is stopped. No process\n', err: '' })
  t.same(await w.run(heartbeat, 'stop'), { status: 0, out: 'INFO: Heartbeat already stopped.\n', err: '' })
  t.same(await w.run(heartbeat, '-k'), { status: 0, out: 'INFO: Heartbeat already stopped.\n', err: '' })
  for (const move of ['standby', 'takeover', 'cleanup']) t.equal((await w.run(heartbeat, move)).status, 3, move)
  t.same(JSON.parse((await w.run(heartbeat, 'status', '--json')).out), { running: false, isPidFileLeft: false, text: 'heartbeat is stopped. No process' })
})

t.test('heartbeat: pid file of a dead daemon -> status 1 and a hint that resources may run; stop releases them', async t => {
  const w = world(t)
  writeFileSync(w.context.paths.pidFile, '   4194300\n')
  const { status, out } = await w.run(heartbeat, 'status')
  t.equal(status, 1)
  t.match(out, /was killed, and its resources may still run here/)
  // Without a configuration nobody knows what to release, and that is said.
  t.match(await w.run(heartbeat, 'stop'), { status: 6, out: 'INFO: Heartbeat already stopped.\n', err: /not everything was released/ })
  w.file('ha.cf', haCf.replace('%NODE%', hostname()))
  w.file('haresources', '')
  w.file('authkeys', 'auth 1\n1 sha256 0123456789abcdef0123\n')
  t.match(await w.run(heartbeat, 'stop'), { status: 0, err: /releasing what they may have left running/ })
  t.same(await w.run(heartbeat, 'stop'), { status: 0, out: 'INFO: Heartbeat already stopped.\n', err: '' })
})

t.test("heartbeat: pid used again by a stranger -> not taken for the daemon", async t => {
  const w = world(t)
  const stranger = spawn('sleep', ['60'])
  t.teardown(() => stranger.kill())
  writeFileSync(w.context.paths.pidFile, `${String(stranger.pid).padStart(10)}\n`)
  t.match((await w.run(heartbeat, 'stop')).out, /already stopped/)
  t.equal(stranger.exitCode, null)
})

t.test("status: running -> Linux-HA's first line, then nodes, links and groups", async t => {
  const w = world(t)
  await w.serve()
  const { status, out } = await w.run(heartbeat, 'status')
  t.equal(status, 0)
  t.equal(
    out,
    `heartbeat OK [pid 4711 et al] is running on ha1 [ha1]...

node ha1: active, holds local resources; up 3 min 10 s, generation 12
  keepalive 100 ms, warntime 250 ms, deadtime 500 ms, initdead 5 s, auto_failback on
peer ha2: active, generation 8 (heard on eth0)
  link eth0  up    ucast eth0 10.0.0.2  heard 80 ms ago; medium: bound
  link eth1  DEAD  bcast eth1           never heard; medium: interface is down

GROUP             HOME  HERE     THERE    OWNER  REASON
10.0.0.5/24/eth0  ha1   running  stopped  ha1    at home
`
  )
})

t.test('status: trouble -> said before everything else', async t => {
  const w = world(t)
  const group = { key: '10.0.0.5', home: 'ha1', resources: ['10.0.0.5'], here: 'blocked' as const, there: null, owner: null, reason: 'umount /data: target is busy' }
  await w.serve((_request, reply) => reply.done({ kind: 'status', status: report({ warnings: ['different haresources'], groups: [group], stalls: { count: 2, longestMs: 400, totalMs: 400, lastMs: 0, lastAgoMs: null, cause: null } }) }))
  writeFileSync(w.context.paths.guardPidFile, '4194300\n')
  const lines = (await w.run(heartbeat, 'status')).out.split('\n')
  t.match(lines.slice(1, 5), [
    'WARNING: different haresources',
    /^WARNING: the guard \[pid 4194300\] .* is gone/,
    'WARNING: 10.0.0.5 is blocked on ha1: umount /data: target is busy',
    /^note: .* stalled 2 times, 400 ms at most/
  ])
  t.ok(lines.some(line => line.includes('NOBODY')))
  const json = JSON.parse((await w.run(heartbeat, 'status', '--json')).out) as { running: boolean; node: string; warnings: string[] }
  t.match(json, { running: true, node: 'ha1' })
  t.equal(json.warnings.length, 2)
})

t.test('status: daemon that hangs -> 1 with a sentence, in bounded time', async t => {
  const w = world(t, { clock: hastyClock })
  await w.serve(() => undefined)
  const { status, err } = await w.run(heartbeat, 'status')
  t.equal(status, 1)
  t.match(err, /no answer from the daemon within 5 s/)
})

t.test('moves: words become scopes, progress and outcome are printed', async t => {
  const w = world(t)
  await w.serve((request, reply) => {
    reply.progress('giving up 10.0.0.5')
    reply.done({ kind: 'done', note: `${request.kind}: ha2 now runs 10.0.0.5` })
  })
  t.same(await w.run(heartbeat, 'standby'), { status: 0, out: 'giving up 10.0.0.5\nstandby: ha2 now runs 10.0.0.5\n', err: '' })
  t.same(JSON.parse((await w.run(heartbeat, 'takeover', 'local', '--force', '--json')).out), { ok: true, note: 'takeover: ha2 now runs 10.0.0.5' })
  await w.run(heartbeat, 'takeover', '10.0.0.5', '--no-wait')
  await w.run(heartbeat, 'standby', 'foreign', '--no-wait')
  await w.run(heartbeat, 'cleanup', 'all')
  t.strictSame(w.asked, [
    { kind: 'standby', scope: { kind: 'all' }, wait: true },
    { kind: 'takeover', scope: { kind: 'local' }, wait: true, force: true },
    { kind: 'takeover', scope: { kind: 'group', key: '10.0.0.5' }, wait: false, force: false },
    { kind: 'standby', scope: { kind: 'foreign' }, wait: false },
    { kind: 'cleanup', scope: { kind: 'all' } }
  ])
})

t.test('moves: refused -> the reason, and the exit status of its code', async t => {
  const w = world(t)
  await w.serve((request, reply) => (request.kind === 'standby' ? reply.fail('HA_STANDBY_REFUSED', 'ha2 is dead') : reply.fail('HA_UNKNOWN_GROUP', 'no group x')))
  t.same(await w.run(heartbeat, 'standby'), { status: 1, out: '', err: 'ERROR: ha2 is dead\n' })
  t.same(await w.run(heartbeat, 'takeover', 'x'), { status: 2, out: '', err: 'ERROR: no group x\n' })
  t.same(JSON.parse((await w.run(heartbeat, 'standby', '--json')).out), { ok: false, code: 'HA_STANDBY_REFUSED', message: 'ha2 is dead' })
})

t.test('stop: progress live, then the note; a blocked group -> 20 with the reason', async t => {
  const w = world(t)
  await w.serve((_request, reply) => {
    reply.progress('giving up 10.0.0.5 ...')
    reply.fail('HA_STOP_INCOMPLETE', 'Filesystem::/dev/sdb1::/data could not be stopped: target is busy')
  })
  t.same(await w.run(heartbeat, 'stop'), { status: 20, out: 'giving up 10.0.0.5 ...\n', err: 'ERROR: Filesystem::/dev/sdb1::/data could not be stopped: target is busy\n' })
})

t.test('stop: daemon that hangs -> told, left alone, 1', async t => {
  const w = world(t)
  await w.serve(() => undefined)
  const daemon = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000) // daemon/main.js'])
  t.teardown(() => daemon.kill())
  writeFileSync(w.context.paths.pidFile, `${daemon.pid}\n`)
  const { status, err } = await w.run(heartbeat, 'stop', '--timeout', '100ms')
  t.equal(status, 1)
  t.match(err, new RegExp(`\\[pid ${daemon.pid}\\] may hang .* left alone`))
  t.equal(daemon.signalCode, null)
})

t.test('usage: unknown command, option, time or nothing at all -> 2 with a hint; help and version -> 0', async t => {
  const w = world(t)
  t.match(await w.run(heartbeat, 'stauts'), { status: 2, err: /Did you mean status/ })
  t.match(await w.run(heartbeat, 'status', '--jsno'), { status: 2, err: /Did you mean --json/ })
  t.match(await w.run(heartbeat, 'stop', '--timeout', 'soon'), { status: 2, err: /give a time such as/ })
  t.match(await w.run(heartbeat), { status: 2, err: /Usage: heartbeat/ })
  t.match(await w.run(heartbeat, '-V'), { status: 0, out: /^\d+\.\d+\.\d+\n$/ })
  t.match(await w.run(heartbeat, '--help'), { status: 0, out: /First steps/ })
  for (const command of ['start', 'stop', 'restart', 'status', 'reload', 'standby', 'takeover', 'cleanup']) {
    const { status, out } = await w.run(heartbeat, command, '--help')
    t.equal(status, 0)
    for (const part of [`Usage: heartbeat ${command}`, 'Exit status:', 'Examples:', 'Options:']) t.ok(out.includes(part), `${command}: ${part}`)
  }
})

const isRoot = process.getuid?.() === 0 ? {} : { skip: 'needs root' }

t.test('start: faults in the configuration -> all printed, 6, nothing touched', isRoot, async t => {
  const w = world(t)
  w.file('ha.cf', 'keepalif 1\nnode a b\n')
  const { status, err } = await w.run(heartbeat, 'start')
  t.equal(status, 6)
  for (const part of ['ha.cf:1:1: error:', 'haresources:1:1: error:', 'authkeys:1:1: error:', 'nothing was started or changed']) t.ok(err.includes(part), part)
  await w.serve()
  t.equal((await w.run(heartbeat, 'restart')).status, 6)
  t.strictSame(w.asked, [], 'the running daemon was not even asked')
})

async function configured(w: ReturnType<typeof world>): Promise<void> {
  const { hostname } = await import('node:os')
  w.file('ha.cf', haCf.replace('%NODE%', hostname().toLowerCase()))
  w.file('haresources', '')
  w.file('authkeys', 'auth 1\n1 sha1 0123456789abcdef0123456789abcdef\n')
}

t.test('start: already running -> says so with its pid, 0', isRoot, async t => {
  const w = world(t)
  await configured(w)
  await w.serve()
  t.match(await w.run(heartbeat, 'start'), { status: 0, out: 'info: heartbeat: already running [pid 4711].\n' })
})

t.test('start: daemon says ready -> 0 and it lives on under its guard; stop ends both', isRoot, async t => {
  const script = 'echo $$ >"$HA_RUN_DIR/heartbeat.pid"; trap "exit 0" TERM; echo ready >&3; exec 3>&-; while :; do sleep 0.05; done # daemon/main'
  const w = world(t, { daemon: ['/bin/sh', '-c', script] })
  await configured(w)
  const started = await w.run(heartbeat, 'start')
  t.match(started, { status: 0, out: /^heartbeat is running \[pid \d+\]/ }, started.err)
  t.match((await w.run(heartbeat, 'start')).err, /starting or ending just now/, 'its control socket is closed in this test')
  t.match(await w.run(heartbeat, 'stop'), { status: 0, out: /heartbeat ended/ })
  t.match((await w.run(heartbeat, 'stop')).out, /already stopped/)
})

t.test('start: daemon says why not -> the sentence, and the exit status of its code', isRoot, async t => {
  const w = world(t, { daemon: ['/bin/sh', '-c', 'echo "failed HA_MEDIA_UNUSABLE no interface eth7" >&3; exit 10'] })
  await configured(w)
  t.match(await w.run(heartbeat, 'start'), { status: 10, err: /did not start: no interface eth7/ })
})

t.test('start: daemon dies without a word -> status, meaning and its last words', isRoot, async t => {
  const w = world(t, { daemon: ['/bin/sh', '-c', 'echo "TypeError: x is not a function" >&2; exit 70'] })
  await configured(w)
  t.match(await w.run(heartbeat, 'start'), { status: 70, err: /with status 70 \(a bug[^]*TypeError: x is not/ })
})

t.test('start: daemon never gets ready -> told to stop, 1, in bounded time', isRoot, async t => {
  const w = world(t, { daemon: ['/bin/sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done'] })
  await configured(w)
  t.match(await w.run(heartbeat, 'start', '--timeout', '300ms'), { status: 1, err: /was not up within 0.3 s/ })
})
