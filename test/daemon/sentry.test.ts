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
function watch(t: Test, environment: Readonly<Record<string, string>> = {}, { begins = '', orphanS = 30 } = {}): Watched {
  const folder = t.testdir({
    bin: { ip: '', 'systemd-notify': '', logger: '#!/bin/sh\n' },
    watchdog: ''
  })
  const bin = join(folder, 'bin')
  script(join(bin, 'ip'), `cat >>${folder}/dropped`)
  script(join(bin, 'systemd-notify'), `echo "$1" >>${folder}/notified`)
  script(join(bin, 'logger'), ':')
  const device = join(folder, 'watchdog')
  const daemon = spawn('/bin/sh', ['-c', `${begins} /bin/bash ${program} $$ ${folder} ${orphanS} ${device}; wait`], {
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
  const watched = watch(t, {}, { begins: `sleep 1000 & echo $! >${list}; setsid sh -c 'sleep 1000 & echo $! >>${list}; wait' & echo $! >>${list};` })
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

t.test('sentry: end of file, and no next life speaks in time -> takes the addresses off before the other node may; a hold does not count', async t => {
  const watched = watch(t, {}, { orphanS: 0.3 })
  watched.feed('60 1 10.0.0.5/24@eth0')
  await until(t, () => watched.device() === '.')
  const fed = performance.now()
  watched.close()
  t.equal(await watched.died, null)
  t.ok(performance.now() - fed > 250, 'the next life had its time')
  t.strictSame(watched.dropped(), ['address del 10.0.0.5/24 dev eth0'])
  t.match(watched.said(), /the daemon is gone, and nobody has spoken in its place for 0.3\d* s: addresses taken off/)
})

t.test('sentry: end of file with a script still at work -> it is ended before the addresses go; one of a next life is not, nor another process of its number', async t => {
  const watched = watch(t, {}, { orphanS: 1 })
  const begun: number[] = []
  const begin = (): number => {
    const pid = spawn('/bin/sh', ['-c', 'sleep 1000; :'], { detached: true, stdio: 'ignore' }).pid ?? 0
    begun.push(pid)
    return pid
  }
  const note = (pid: number, startedAt = statOf(pid)?.startedAt ?? 0): void => writeFileSync(join(watched.folder, 'scripts', String(pid)), `${startedAt} start IPaddr2::10.0.0.5\n`)
  t.teardown(() => {
    for (const pid of begun) if (lifeOf(pid) === 'alive') process.kill(-pid, 'SIGKILL')
  })
  mkdirSync(join(watched.folder, 'scripts'))
  const [script, stranger] = [begin(), begin()]
  note(script)
  note(stranger, 4711)
  watched.feed('30 1 10.0.0.5/24@eth0')
  await until(t, () => watched.device() === '.')
  watched.close()
  const closed = performance.now()
  await until(t, () => performance.now() - closed > 100) // the kernel counts hundredths of a second
  const next = begin()
  note(next)
  t.equal(await watched.died, null)
  await until(t, () => lifeOf(script) === 'gone')
  t.strictSame([lifeOf(stranger), lifeOf(next)], ['alive', 'alive'])
  t.strictSame(watched.dropped(), ['address del 10.0.0.5/24 dev eth0'])
})

t.test('sentry: end of file, and the sentry of a next life is fed -> ends, touches nothing, leaves the watchdog counting', async t => {
  const watched = watch(t)
  watched.feed('30 1 10.0.0.5/24@eth0')
  await until(t, () => watched.device() === '.')
  const mark = join(watched.folder, 'sentry.pid')
  t.match(readFileSync(mark, 'utf8'), /^\d+\n$/, 'it has said that it is fed')
  watched.close()
  writeFileSync(mark, `${process.pid}\n`)
  t.equal(await watched.died, null)
  t.strictSame([watched.dropped(), watched.device()], [[], '.'])
})

t.test('sentry: the daemon is gone, and somebody else still has the other end of the pipe -> as at the end of file, once the limit is over', async t => {
  const pipe = join(t.testdirName, 'pipe')
  const watched = watch(t, {}, { begins: `mkfifo ${pipe}; exec 3<&0; { cat <&3; exec sleep 1000; } >${pipe} & exec <${pipe};` })
  const daemon = watched.daemon.pid ?? 0
  t.teardown(() => process.kill(-daemon, 'SIGKILL'))
  watched.feed('0.2 1 10.0.0.5/24@eth0')
  await until(t, () => watched.device() === '.')
  process.kill(daemon, 'SIGKILL')
  t.equal(await watched.died, 'SIGKILL')
  await until(t, () => watched.dropped().length === 1)
  t.strictSame(watched.dropped(), ['address del 10.0.0.5/24 dev eth0'])
})

t.test('sentry: end of file before the first line -> ends, as nothing was held', async t => {
  const watched = watch(t)
  watched.close()
  t.equal(await watched.died, null)
  t.strictSame([watched.dropped(), existsSync(join(watched.folder, 'sentry.pid'))], [[], false])
})

t.test('sentry: end of file after everything stood still for longer than the limit -> takes the addresses off at once', async t => {
  const watched = watch(t)
  const group = -(watched.daemon.pid ?? 0)
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
  t.ok(performance.now() - stopped < 20_000)
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
  t.equal(limitsOf(settings(500)).orphanMs, 475, 'the next life of a daemon that died needs every moment')
  t.equal(limitsOf(settings(60)).orphanMs, 45)
  t.equal(limitsOf(settings(500, { lease })).orphanMs, 2_000)
  t.equal(limitsOf(settings(500, { lease, fencing })).orphanMs, 475)
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
