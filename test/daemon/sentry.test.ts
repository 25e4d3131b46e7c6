import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { millis } from '../../src/base/units.js'
import type { ClusterSettings } from '../../src/cluster/types.js'
import { limitsOf, patienceOf } from '../../src/daemon/sentry.js'
import { packageRoot } from '../../src/daemon/paths.js'
import { lifeOf, statOf } from '../../src/process/life.js'
import { noSafety, type SafetySettings } from '../../src/safety/types.js'

const program = join(packageRoot(), 'bin', 'heartbeat-sentry')

interface Watched {
  /** A shell that plays the daemon and is the sentry's parent. */
  readonly daemon: ChildProcess
  readonly died: Promise<NodeJS.Signals | null>
  /** Stands for /run/heartbeat. */
  readonly folder: string
  feed(line: string): void
  /** A part of a line. */
  begin(part: string): void
  close(): void
  /** What `ip -batch` was given, and how often systemd was told. */
  dropped(): readonly string[]
  notified(): number
  device(): string
  said(): string
}

/** The real sentry, with recorders in place of `ip` and `systemd-notify`, and a file in place of /dev/watchdog. */
function watch(t: Test, environment: Readonly<Record<string, string>> = {}, begins = ''): Watched {
  const folder = t.testdir({
    bin: { ip: '', 'systemd-notify': '', logger: '#!/bin/sh\n' },
    watchdog: ''
  })
  const bin = join(folder, 'bin')
  script(join(bin, 'ip'), `cat >>${folder}/dropped`)
  script(join(bin, 'systemd-notify'), `echo "$1" >>${folder}/notified`)
  script(join(bin, 'logger'), ':')
  const device = join(folder, 'watchdog')
  const daemon = spawn('/bin/sh', ['-c', `${begins} /bin/bash ${program} $$ ${folder} ${device}; wait`], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
    env: { PATH: `${bin}:/usr/bin:/bin`, ...environment }
  })
  const { stdin, stderr } = daemon
  let said = ''
  stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
  stdin?.on('error', () => undefined) // the sentry may be gone already
  t.teardown(() => {
    if (daemon.exitCode === null && daemon.signalCode === null && daemon.pid !== undefined) process.kill(-daemon.pid, 'SIGKILL')
  })
  return {
    daemon,
    folder,
    died: once(daemon, 'exit').then(([, signal]) => signal as NodeJS.Signals | null),
    feed: line => stdin?.write(`${line}\n`),
    begin: part => stdin?.write(part),
    close: () => stdin?.end(),
    dropped: () => lines(join(folder, 'dropped')),
    notified: () => lines(join(folder, 'notified')).length,
    device: () => readFileSync(device, 'utf8'),
    said: () => said
  }
}

t.test('sentry: fed in time -> takes nothing off, feeds the watchdog with every line', async t => {
  const watched = watch(t)
  for (let round = 1; round <= 5; round += 1) {
    watched.feed(round === 1 ? '30 1 10.0.0.5/24@eth0' : '.')
    await until(t, () => watched.device().length === round)
  }
  watched.feed('bye')
  t.equal(await watched.died, null)
  t.equal(watched.device(), '.....V', 'an orderly end switches the watchdog off')
  t.strictSame(watched.dropped(), [])
})

t.test('sentry: no line within the limit -> takes every address off, and kills the daemon after the grace', async t => {
  const watched = watch(t)
  watched.feed('0.1 0.1 10.0.0.5/24@eth0 2001:db8::5/64@eth1')
  t.equal(await watched.died, 'SIGKILL')
  const both = ['address del 10.0.0.5/24 dev eth0', 'address del 2001:db8::5/64 dev eth1']
  t.strictSame(watched.dropped(), [...both, ...both], 'and once more when nobody can have put them back')
  t.match(watched.said(), /has said nothing for 0\.1 s: addresses taken off/)
  t.match(watched.said(), /the daemon hangs: killing it/)
  t.notMatch(watched.device(), /V/, 'the watchdog goes on counting')
})

t.test('sentry: the daemon hangs with children at work -> they are ended with it, before the addresses are taken off for good', async t => {
  const list = join(t.testdirName, 'children')
  const watched = watch(t, {}, `sleep 1000 & echo $! >${list}; setsid sh -c 'sleep 1000 & echo $! >>${list}; wait' & echo $! >>${list};`)
  await until(t, () => lines(list).length === 3)
  const children = lines(list).map(Number)
  t.teardown(() => {
    for (const pid of children) if (lifeOf(pid) === 'alive') process.kill(pid, 'SIGKILL')
  })
  watched.feed('0.1 0.1 10.0.0.5/24@eth0')
  t.equal(await watched.died, 'SIGKILL')
  await until(t, () => children.every(pid => lifeOf(pid) !== 'alive'))
  t.equal(watched.dropped().length, 2)
})

t.test('sentry: a late line within the grace -> the addresses are off, the daemon lives', async t => {
  const watched = watch(t)
  watched.feed('0.1 20 10.0.0.5/24@eth0')
  await until(t, () => watched.dropped().length === 1)
  watched.feed('30 1')
  await until(t, () => watched.said().includes('the daemon goes on'))
  watched.feed('bye')
  t.equal(await watched.died, null)
})

t.test('sentry: the newest line counts -> addresses released meanwhile are left alone', async t => {
  const watched = watch(t)
  watched.feed('30 1 10.0.0.5/24@eth0')
  watched.feed('0.1 0.05')
  t.equal(await watched.died, 'SIGKILL')
  t.strictSame(watched.dropped(), [])
})

t.test('sentry: the line before repeated by a dot -> its limit and its addresses still count', async t => {
  const watched = watch(t)
  watched.feed('0.2 0.05 10.0.0.5/24@eth0')
  watched.feed('.')
  t.equal(await watched.died, 'SIGKILL')
  t.strictSame([...new Set(watched.dropped())], ['address del 10.0.0.5/24 dev eth0'])
})

t.test('sentry: the limit passes in the middle of a line -> a sign of life, and the rest of the line belongs to it', async t => {
  const watched = watch(t)
  watched.feed('0.3 20 10.0.0.5/24@eth0')
  await until(t, () => watched.device() === '.')
  watched.begin('0.4 20 10.0.0')
  const begun = performance.now()
  await until(t, () => performance.now() - begun > 350) // the limit has passed
  watched.feed('.6/24@eth0')
  await until(t, () => watched.device() === '..')
  t.strictSame(watched.dropped(), [])
  await until(t, () => watched.dropped().length > 0)
  t.strictSame(watched.dropped(), ['address del 10.0.0.6/24 dev eth0'])
  watched.feed('')
  watched.feed('bye')
  t.equal(await watched.died, null)
  t.equal(watched.device(), '..V', 'an empty line is none of ours')
})

t.test('sentry: end of file, and neither a guard nor a daemon lives -> takes the addresses off, since nobody else will', async t => {
  const watched = watch(t)
  watched.feed('0.1 0.05 10.0.0.5/24@eth0')
  await until(t, () => watched.device() === '.')
  watched.close()
  t.equal(await watched.died, null)
  t.strictSame(watched.dropped(), ['address del 10.0.0.5/24 dev eth0'])
})

t.test('sentry: end of file with a script still at work, and nobody is left -> the script is ended before the addresses go; another process of that number is not', async t => {
  const watched = watch(t)
  const [script, stranger] = [0, 1].map(() => spawn('/bin/sh', ['-c', 'sleep 1000; :'], { detached: true, stdio: 'ignore' }).pid ?? 0) as [number, number]
  t.teardown(() => {
    for (const pid of [script, stranger]) if (lifeOf(pid) === 'alive') process.kill(-pid, 'SIGKILL')
  })
  mkdirSync(join(watched.folder, 'scripts'))
  writeFileSync(join(watched.folder, 'scripts', String(script)), `${statOf(script)?.startedAt ?? 0} start IPaddr2::10.0.0.5\n`)
  writeFileSync(join(watched.folder, 'scripts', String(stranger)), '4711 start IPaddr2::10.0.0.5\n')
  watched.feed('0.1 0.05 10.0.0.5/24@eth0')
  await until(t, () => watched.device() === '.')
  watched.close()
  t.equal(await watched.died, null)
  await until(t, () => lifeOf(script) === 'gone')
  t.equal(lifeOf(stranger), 'alive')
  t.strictSame(watched.dropped(), ['address del 10.0.0.5/24 dev eth0'])
})

t.test('sentry: end of file, since the daemon died under its guard -> ends, touches nothing, leaves the watchdog counting', async t => {
  const watched = watch(t)
  writeFileSync(join(watched.folder, 'guard.pid'), `${process.pid}\n`)
  watched.feed('30 0.05 10.0.0.5/24@eth0')
  await until(t, () => watched.device() === '.')
  watched.close()
  t.equal(await watched.died, null)
  t.strictSame([watched.dropped(), watched.device()], [[], '.'])
})

t.test('sentry: end of file after everything stood still for longer than the limit -> takes the addresses off, guard or no guard', async t => {
  const watched = watch(t)
  const group = -(watched.daemon.pid ?? 0)
  writeFileSync(join(watched.folder, 'guard.pid'), `${process.pid}\n`)
  watched.feed('0.2 20 10.0.0.5/24@eth0')
  await until(t, () => watched.device() === '.')
  process.kill(group, 'SIGSTOP')
  const stopped = performance.now()
  watched.close()
  await until(t, () => performance.now() - stopped > 250)
  process.kill(group, 'SIGCONT')
  t.equal(await watched.died, null)
  t.strictSame([watched.dropped(), watched.device()], [['address del 10.0.0.5/24 dev eth0'], '.'])
  t.match(watched.said(), /the daemon is gone, and had said nothing for more than 0.2 s/)
})

t.test('sentry: under systemd with WatchdogSec -> systemd is told while the daemon feeds, not more often than it asks', async t => {
  const watched = watch(t, { NOTIFY_SOCKET: '/run/nobody', WATCHDOG_USEC: '30000000' })
  for (let round = 0; round < 5; round += 1) watched.feed('30 1')
  await until(t, () => watched.notified() === 1)
  watched.feed('bye')
  t.equal(await watched.died, null)
  t.equal(watched.notified(), 1)
})

t.test('limits: the sentry acts before the peer may', async t => {
  const settings = (deadtimeMs: number, safety: Partial<SafetySettings> = {}): Pick<ClusterSettings, 'timing' | 'safety'> => ({
    timing: { keepaliveMs: millis(deadtimeMs / 5), warntimeMs: millis(deadtimeMs / 2), deadtimeMs: millis(deadtimeMs), initdeadMs: millis(deadtimeMs) },
    safety: { ...noSafety, ...safety }
  })
  t.equal(limitsOf(settings(500)).waitMs, 400)
  t.equal(limitsOf(settings(60)).waitMs, 45)
  t.equal(limitsOf(settings(30_000)).waitMs, 29_900)
  const lease = { leaseMs: millis(3_000), intervalMs: millis(375), link: 2 }
  t.equal(limitsOf(settings(500, { lease })).waitMs, 2_000, 'the peer waits for the lease')
  const fencing = { delayMs: millis(1_000), timeoutMs: millis(60_000), retryMs: millis(10_000) }
  t.equal(limitsOf(settings(500, { lease, fencing })).waitMs, 400, 'a shot may come after deadtime')
  t.equal(patienceOf(limitsOf(settings(500)), 0), 400)
  t.equal(patienceOf(limitsOf(settings(500)), 60_000), 59_900, 'a hold ends for the peer when it is over, not a deadtime later')
  t.equal(patienceOf(limitsOf(settings(500, { lease })), 10_000), 9_000)
  for (const deadtimeMs of [60, 500, 30_000]) {
    const { everyMs, waitMs } = limitsOf(settings(deadtimeMs))
    t.ok(everyMs < waitMs / 2, `fed often enough at deadtime ${deadtimeMs}`)
  }
})

function script(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
}

const lines = (path: string): readonly string[] => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(line => line !== '') : [])

async function until(t: Test, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > deadline) return void t.fail('did not happen within 20 s')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
