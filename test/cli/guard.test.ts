import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { millis } from '../../src/base/units.js'
import { guardCommand } from '../../src/daemon/guard.js'

/** Starts the real guard over a shell script that plays the daemon; each life appends its pid and surroundings to `lives`. */
function guard(t: Test, script: string, release = ''): { child: ChildProcess; directory: string; lives: () => readonly string[]; ended: Promise<number | null> } {
  const directory = t.testdir({ 'daemon.sh': `echo "$$ \${HA_READY_FD-none} \${HA_RESTARTED_AFTER-none}" >>"$1/lives"\n${script}\n`, 'release.js': release })
  const { file, args } = guardCommand({
    runDir: directory,
    realtimePriority: null,
    deadtimeMs: millis(500),
    daemon: ['/bin/sh', join(directory, 'daemon.sh'), directory],
    release: join(directory, release === '' ? 'absent' : 'release.js')
  })
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'], env: { ...process.env, HA_READY_FD: '3' }, detached: true })
  t.teardown(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit').then(([status]) => status as number | null)
  return { child, directory, ended, lives: () => read(join(directory, 'lives')).split('\n').filter(line => line !== '') }
}

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')
const pidOf = (life: string | undefined): number => Number(life?.split(' ')[0])

for (const status of [0, 4, 6, 10, 11, 12, 20]) {
  t.test(`guard: daemon ends by itself with ${status} -> guard ends with ${status}, nothing started again`, async t => {
    const { child, directory, ended, lives } = guard(t, `sleep 0.2; exit ${status}`)
    await until(() => lives().length === 1)
    child.kill('SIGUSR1')
    t.equal(await ended, status)
    t.equal(lives().length, 1)
    t.notOk(existsSync(join(directory, 'guard.pid')))
  })
}

t.test('guard: daemon killed -> started again at once, knowing how it died, without the ready pipe', async t => {
  const { child, directory, ended, lives } = guard(t, 'exec sleep 60')
  await until(() => lives().length === 1)
  t.equal(Number(read(join(directory, 'guard.pid'))), child.pid)
  child.kill('SIGUSR1')
  process.kill(pidOf(lives()[0]), 'SIGKILL')
  await until(() => lives().length === 2)
  t.match(lives()[0], / 3 none$/)
  t.match(lives()[1], / none 137$/)
  child.kill('SIGTERM')
  t.equal(await ended, 143)
})

t.test('guard: TERM -> passed on, waited for, status kept; a second one does no harm', async t => {
  const { child, directory, ended, lives } = guard(t, `trap 'sleep 0.3; echo done >>"$1/stopped"; exit 20' TERM; : >"$1/up"; while :; do sleep 0.05; done`)
  await until(() => existsSync(join(directory, 'up')))
  child.kill('SIGUSR1')
  child.kill('SIGTERM')
  child.kill('SIGTERM')
  t.equal(await ended, 20)
  t.ok(existsSync(join(directory, 'stopped')), 'the daemon had its time')
  t.equal(lives().length, 1)
})

t.test('guard: HUP -> passed on; the guard and the daemon live on', async t => {
  const { child, directory, ended } = guard(t, `trap ': >"$1/hup"' HUP; trap 'exit 0' TERM; : >"$1/up"; while :; do sleep 0.05; done`)
  await until(() => existsSync(join(directory, 'up')))
  child.kill('SIGHUP')
  await until(() => existsSync(join(directory, 'hup')))
  child.kill('SIGTERM')
  t.equal(await ended, 0)
})

t.test('guard: first life dies before it was ready -> no second life, the status is told', async t => {
  const { ended, lives } = guard(t, 'exit 70')
  t.equal(await ended, 70)
  t.equal(lives().length, 1)
})

t.test('guard: daemon dies again and again -> five more lives, then what it held is released, then the end', async t => {
  const { child, directory, ended, lives } = guard(t, 'sleep 0.1; exit 70', "require('fs').writeFileSync(__dirname + '/released', '')")
  writeFileSync(join(directory, 'package.json'), '{"type":"commonjs"}')
  await until(() => lives().length === 1)
  child.kill('SIGUSR1')
  t.equal(await ended, 70)
  t.equal(lives().length, 6)
  t.ok(existsSync(join(directory, 'released')))
})

t.test('guard: real-time priority wanted -> chrt before the daemon', async t => {
  t.strictSame(guardCommand({ runDir: '/run/x', realtimePriority: 1, deadtimeMs: millis(500), daemon: ['node', 'main.js'] }).args.slice(4), ['chrt', '-r', '1', 'node', 'main.js'])
})

t.test('guard: a short deadtime -> the engine may compile aside, so that no heartbeat waits for it; a longer one saves the memory', async t => {
  const flags = (deadtimeMs: number): readonly string[] => guardCommand({ runDir: '/run/x', realtimePriority: null, deadtimeMs: millis(deadtimeMs) }).args.filter(word => word.startsWith('--single'))
  t.strictSame(flags(60), ['--single-threaded-gc'])
  t.strictSame(flags(500), ['--single-threaded'])
})

/** Waits for what another process does, for at most ten seconds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not come true within 10 s')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
