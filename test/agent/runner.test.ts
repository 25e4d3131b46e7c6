import { createHook } from 'node:async_hooks'
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import t, { type Test } from 'tap'
import { createAgentRunner, type ScriptRunner } from '../../src/agent/runner.js'
import { instant, millis } from '../../src/base/units.js'
import type { AgentOperation, AgentOutcome } from '../../src/port/agent-runner.js'
import type { Clock } from '../../src/port/clock.js'
import { statOf } from '../../src/process/life.js'
import { freezable, noLoop } from '../lease/real-storage.js'

const clock: Clock = {
  monotonic: () => instant(performance.now()),
  wall: () => 0,
  schedule: (delay, callback) => {
    const timer = setTimeout(callback, delay)
    return { cancel: () => clearTimeout(timer) }
  }
}

interface Bench {
  readonly folder: string
  readonly runner: ScriptRunner
  /** What the runner had to say besides outcomes. */
  readonly troubles: readonly string[]
  /** The bench of another life of the daemon over the same folders. */
  nextLife(): Bench
  run(type: string, args: readonly string[], operation: AgentOperation, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<AgentOutcome>
}

/** A runner over fixture scripts: `own` ones stand in the project's folder, `foreign` ones in the administrator's, `lsb` in init.d. */
function bench(
  test: Test,
  scripts: { readonly own?: Record<string, string>; readonly foreign?: Record<string, string>; readonly lsb?: Record<string, string> },
  options: { readonly childrenMax?: number } = {}
): Bench {
  const file = (body: string): string => `#!/bin/sh\n${body}\n`
  const folderOf = (bodies: Record<string, string> | undefined): Record<string, string> =>
    Object.fromEntries(Object.entries(bodies ?? {}).map(([name, body]) => [name, file(body)]))
  const folder = test.testdir({ own: folderOf(scripts.own), foreign: folderOf(scripts.foreign), lsb: folderOf(scripts.lsb), run: {} })
  for (const kind of ['own', 'foreign', 'lsb'])
    for (const name of readdirSync(join(folder, kind))) if (!name.startsWith('plain')) chmodSync(join(folder, kind, name), 0o755)
  return benchOver(test, folder, options)
}

function benchOver(test: Test, folder: string, options: { readonly childrenMax?: number }): Bench {
  const troubles: string[] = []
  const runner = createAgentRunner({
    clock,
    onTrouble: sentence => troubles.push(sentence),
    searchPath: [
      { path: join(folder, 'foreign'), style: 'r1', own: false },
      { path: join(folder, 'own'), style: 'r1', own: true },
      { path: join(folder, 'lsb'), style: 'lsb', own: false }
    ],
    environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', WORK: folder },
    runDir: join(folder, 'run'),
    graceMs: millis(200),
    ...options
  })
  test.teardown(() => runner.close())
  const position = { file: 'haresources', line: 1, column: 1 }
  return {
    folder,
    runner,
    troubles,
    nextLife: () => benchOver(test, folder, options),
    run: (type, args, operation, { timeoutMs = 5000, signal = new AbortController().signal } = {}) =>
      runner.run({ resource: { word: [type, ...args].join('::'), type, args, position }, operation, timeoutMs: millis(timeoutMs) }, { signal })
  }
}

/** True when a process of this number runs (a zombie does not count). */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

const pidIn = (folder: string, name: string): number => Number(readFileSync(join(folder, name), 'utf8'))

t.test('runner: start and stop -> exit code decides, words are kept', async test => {
  const { run } = bench(test, { foreign: { svc: 'echo "arguments: $*"; echo trouble >&2; [ "$2" = start ]' } })
  const started = await run('svc', ['a b'], 'start')
  test.match(started, { kind: 'ok', exitCode: 0, signal: null, said: ['arguments: a b start', 'trouble'] })
  const stopped = await run('svc', ['x'], 'stop')
  test.match(stopped, { kind: 'failed', exitCode: 1 })
})

t.test('runner: many operations asked for at once -> begun one in each turn of the event loop, so that heartbeats go out between them', async test => {
  const { run } = bench(test, { foreign: { svc: 'exit 0' } })
  let turn = 0
  const counting = setImmediate(function next() {
    turn += 1
    handle = setImmediate(next)
  })
  let handle = counting
  const begunIn: number[] = []
  const hook = createHook({ init: (_, type) => void (type === 'PROCESSWRAP' && begunIn.push(turn)) }).enable()
  test.teardown(() => {
    hook.disable()
    clearImmediate(handle)
  })
  const outcomes = await Promise.all(Array.from({ length: 12 }, (_, index) => run('svc', [`${index}`], 'start')))
  test.ok(outcomes.every(outcome => outcome.kind === 'ok'))
  test.equal(begunIn.length, 12)
  test.equal(new Set(begunIn).size, 12, begunIn.join())
})

t.test('runner: start leaves a service behind -> settles with the script, the service lives on and may talk', async test => {
  const { run, folder } = bench(test, {
    foreign: { svc: '(trap "" HUP; echo $$ >/dev/null; while :; do echo word; sleep 0.05; done) & echo $! >"$WORK/pid"; echo up' }
  })
  const outcome = await run('svc', [], 'start')
  const pid = pidIn(folder, 'pid')
  test.teardown(() => process.kill(pid, 'SIGKILL'))
  test.equal(outcome.kind, 'ok')
  test.ok(outcome.durationMs < 1000, `took ${outcome.durationMs} ms`)
  test.ok(isAlive(pid))
})

t.test('runner: hanging start with a grandchild -> the whole family is ended at the limit', async test => {
  const { run, folder } = bench(test, { foreign: { svc: 'sleep 300 & echo $! >"$WORK/pid"; echo waiting; wait' } })
  const outcome = await run('svc', [], 'start', { timeoutMs: 150 })
  test.match(outcome, { kind: 'timed-out', exitCode: null, said: ['waiting', 'start did not end within 150 ms'] })
  test.ok(outcome.durationMs >= 150 && outcome.durationMs < 800, `took ${outcome.durationMs} ms`)
  test.notOk(isAlive(pidIn(folder, 'pid')), 'the grandchild is gone')
})

t.test('runner: script and child ignore TERM -> killed after the grace, and said so', async test => {
  const { run, folder } = bench(test, { foreign: { svc: 'trap "" TERM; sleep 300 & echo $! >"$WORK/pid"; while :; do sleep 300; done' } })
  const outcome = await run('svc', [], 'stop', { timeoutMs: 150 })
  test.equal(outcome.kind, 'timed-out')
  test.ok(outcome.durationMs < 1500, `took ${outcome.durationMs} ms`)
  test.match(outcome.said.join('\n'), /SIGKILL was sent/)
  test.notOk(isAlive(pidIn(folder, 'pid')))
})

t.test('runner: leader obeys TERM but its child ignores it -> the child is killed as well', async test => {
  const { run, folder } = bench(test, { foreign: { svc: '(trap "" TERM; echo x >"$WORK/ready"; while :; do sleep 0.1; done) & echo $! >"$WORK/pid"; wait' } })
  const outcome = await run('svc', [], 'start', { timeoutMs: 200 })
  test.equal(outcome.kind, 'timed-out')
  test.notOk(isAlive(pidIn(folder, 'pid')))
})

t.test('runner: aborted while running -> cancelled, family ended; aborted before -> never run', async test => {
  const { run, folder } = bench(test, { foreign: { svc: 'echo $$ >"$WORK/pid"; exec sleep 300' } })
  const abort = new AbortController()
  const running = run('svc', [], 'start', { signal: abort.signal })
  await until(() => existsSync(join(folder, 'pid')) && pidIn(folder, 'pid') > 0)
  abort.abort()
  test.equal((await running).kind, 'cancelled')
  test.notOk(isAlive(pidIn(folder, 'pid')))
  test.equal((await run('svc', [], 'start', { signal: AbortSignal.abort() })).kind, 'cancelled')
})

t.test('runner: endless output -> bounded, and the last words are kept', async test => {
  const { run, folder } = bench(test, { foreign: { svc: 'head -c 30000000 /dev/zero | tr "\\\\0" x | fold -w 100; sleep 0.3; echo; echo the end' } })
  const outcome = await run('svc', [], 'start')
  test.equal(outcome.kind, 'ok')
  test.equal(outcome.said.at(-1), 'the end')
  test.ok(outcome.said.join('').length < 20_000)
  test.match(outcome.said[0], /bytes of earlier output were dropped/)
  test.strictSame(readdirSync(join(folder, 'run')), ['scripts'], 'no output file is left in the run directory')
})

t.test('runner: output with control characters -> cleaned for the log', async test => {
  const { run } = bench(test, { foreign: { svc: 'printf "\\\\033[31mred\\\\033[0m\\\\007bell\\\\n\\\\n\\\\n"' } })
  test.strictSame((await run('svc', [], 'start')).said, ['red bell'])
})

t.test('runner: status of foreign scripts -> the words of stdout decide', async test => {
  const { run } = bench(test, {
    foreign: {
      runs: 'echo "svc is running"',
      not: 'echo "svc is NOT running"; exit 3',
      silent: 'exit 3',
      odd: 'echo "it is running on stderr" >&2; echo "is stopped"; exit 0',
      ocf: 'echo "ERROR:  Generic error"; exit 1',
      killed: 'kill -KILL $$'
    }
  })
  test.equal((await run('runs', [], 'status')).kind, 'running')
  test.equal((await run('not', [], 'status')).kind, 'stopped')
  test.equal((await run('silent', [], 'status')).kind, 'stopped')
  test.match(await run('odd', [], 'status'), { kind: 'stopped', said: ['is stopped', 'it is running on stderr', /ambiguous/] })
  test.equal((await run('ocf', [], 'status')).kind, 'unknown')
  test.match(await run('killed', [], 'status'), { kind: 'unknown', signal: 'SIGKILL', exitCode: null })
})

t.test('runner: status of an own script -> exit code 0, 3, 4 whatever the words', async test => {
  const { run, runner } = bench(test, { own: { mine: 'echo running; exit "$1"' }, foreign: { theirs: '' } })
  test.equal((await run('mine', ['0'], 'status')).kind, 'running')
  test.equal((await run('mine', ['3'], 'status')).kind, 'stopped')
  test.equal((await run('mine', ['4'], 'status')).kind, 'unknown')
  test.equal((await run('mine', ['1'], 'status')).kind, 'unknown')
  const spec = (type: string) => ({ word: type, type, args: [], position: { file: '', line: 1, column: 1 } })
  test.ok(runner.isOwnScript(spec('mine')))
  test.notOk(runner.isOwnScript(spec('theirs')))
  test.notOk(runner.isOwnScript(spec('nobody')))
})

t.test('runner: missing, not executable, a path, no interpreter -> said plainly, never thrown', async test => {
  const { run, folder } = bench(test, { foreign: { plain: 'echo x', 'bad-interpreter': '' } })
  writeFileSync(join(folder, 'foreign', 'bad-interpreter'), '#!/no/such/interpreter\n')
  test.match(await run('nobody', [], 'start'), { kind: 'not-installed', said: [/no executable script "nobody"/] })
  test.equal((await run('plain', [], 'start')).kind, 'not-installed')
  test.equal((await run('../foreign/plain', [], 'start')).kind, 'not-installed')
  const failed = await run('bad-interpreter', [], 'start')
  test.match(failed, { kind: 'failed', exitCode: null })
  test.ok(failed.said.length > 0)
})

t.test('runner: what starts an address must not put it on any more -> killed at once with what it began; stops and other resources go on', async test => {
  const { folder, run, runner } = bench(test, { foreign: { ip: 'trap "" TERM; sleep 300 & echo $! >"$WORK/pid.$1.$2"; wait' } })
  const abort = new AbortController()
  const pidOf = (name: string): number => (existsSync(join(folder, `pid.${name}`)) ? pidIn(folder, `pid.${name}`) : 0)
  const started = run('ip', ['a'], 'start', { signal: abort.signal })
  const others = [run('ip', ['b'], 'start', { signal: abort.signal }), run('ip', ['a'], 'stop', { signal: abort.signal })]
  await until(() => ['a.start', 'b.start', 'a.stop'].every(name => pidOf(name) > 0))
  runner.killStarts(new Set(['ip::a']))
  test.match(await started, { kind: 'failed', signal: 'SIGKILL' })
  await until(() => !isAlive(pidOf('a.start')))
  test.ok(isAlive(pidOf('b.start')))
  test.ok(isAlive(pidOf('a.stop')))
  abort.abort()
  for (const outcome of await Promise.all(others)) test.match(outcome, { kind: 'cancelled' })
})

t.test('runner: the daemon dies while a script runs -> its next life ends the script and what that began, then looks', async test => {
  const before = bench(test, { foreign: { svc: 'if [ "$1" = status ]; then [ -e "$WORK/up" ] && echo running || echo stopped; exit; fi; sleep 300 & echo $! >"$WORK/pid"; wait; : >"$WORK/up"' } })
  const started = before.run('svc', [], 'start')
  await until(() => existsSync(join(before.folder, 'pid')) && pidIn(before.folder, 'pid') > 0)
  const after = before.nextLife()
  test.match(await after.run('svc', [], 'status'), { kind: 'stopped' })
  test.notOk(isAlive(pidIn(before.folder, 'pid')), 'ended before anybody looked')
  test.match(after.troubles, [/^start of svc \(pid \d+\), begun by an earlier life of this daemon, was still running: ended$/])
  test.match(await started, { kind: 'failed', signal: 'SIGTERM' })
  test.strictSame(readdirSync(join(before.folder, 'run', 'scripts')), [], 'no note stays')
})

t.test('runner: a script waits for a disk and not even SIGKILL ends it -> its resource cannot be judged, and what follows on it waits', { skip: noLoop }, async test => {
  const disk = freezable(test)
  const before = bench(test, { foreign: { svc: '[ "$2" != start ] || (echo x >"$1/x"); [ "$2" != status ] || echo stopped' } })
  const args = [disk.directory]
  disk.freeze()
  const started = await before.run('svc', args, 'start', { timeoutMs: 200 })
  test.match(started, { kind: 'timed-out', said: [/did not end within/, /SIGKILL was sent/, /^still there after SIGKILL: pid \d+/] })
  const sentence = /^start of svc::.* \(pid \d+\) cannot be ended: it waits in the kernel$/
  for (const life of [before, before.nextLife()]) {
    test.match(await life.run('svc', args, 'status'), { kind: 'failed', said: [sentence] })
    test.match(await life.run('svc', args, 'stop', { timeoutMs: 300 }), { kind: 'timed-out', said: [sentence] })
    test.match(await life.run('svc', ['/another'], 'stop'), { kind: 'ok' }, 'other resources go on')
  }
  const stopped = before.run('svc', args, 'stop', { timeoutMs: 10_000 })
  disk.thaw()
  test.match(await stopped, { kind: 'ok' })
  test.match(await before.run('svc', args, 'status'), { kind: 'stopped' })
  test.strictSame(readdirSync(join(before.folder, 'run', 'scripts')), [])
})

t.test('runner: a script was killed by somebody, and a part of what it began waits for a disk -> it is not over before that is gone, in this life and in the next', { skip: noLoop }, async test => {
  const disk = freezable(test)
  const before = bench(test, { foreign: { svc: '[ "$2" != start ] || { echo $$ >"$WORK/pid"; (echo x >"$1/x"); }; [ "$2" != status ] || echo stopped' } })
  const args = [disk.directory]
  disk.freeze()
  const started = before.run('svc', args, 'start')
  const leader = (): number => (existsSync(join(before.folder, 'pid')) ? pidIn(before.folder, 'pid') : 0)
  const childOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'))
  await until(() => leader() > 0 && statOf(childOf(leader()))?.state === 'D')
  const notes = join(before.folder, 'run', 'scripts')
  const note = readFileSync(join(notes, `${leader()}`))
  process.kill(-leader(), 'SIGKILL')
  test.match(await started, { kind: 'failed', signal: 'SIGKILL' })
  const cannotTell = { kind: 'failed', said: [/^start of svc::.* \(pid \d+\) cannot be ended: it waits in the kernel$/] }
  test.match(await before.run('svc', args, 'status'), cannotTell)
  // A daemon that was killed with its scripts, as by its sentry, has noted no more than this.
  for (const name of readdirSync(notes)) rmSync(join(notes, name))
  writeFileSync(join(notes, `${leader()}`), note)
  test.match(await before.nextLife().run('svc', args, 'status'), cannotTell)
  disk.thaw()
  test.match(await before.run('svc', args, 'stop'), { kind: 'ok' })
})

t.test('runner: the daemon died after a script had ended, and its number was given away -> nobody is ended', async test => {
  const before = bench(test, { foreign: { svc: 'exit 0' } })
  await before.run('svc', [], 'start')
  const other = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' })
  test.teardown(() => other.kill('SIGKILL'))
  const notes = join(before.folder, 'run', 'scripts')
  writeFileSync(join(notes, `${other.pid ?? 0}`), '4711 start svc\n')
  writeFileSync(join(notes, '999999999'), '4711 start svc\n')
  writeFileSync(join(notes, '1'), 'nonsense')
  const after = before.nextLife()
  test.match(await after.run('svc', [], 'start'), { kind: 'ok' })
  test.ok(isAlive(other.pid ?? 0))
  test.strictSame(after.troubles, [])
  test.strictSame(readdirSync(notes), [])
})

t.test('runner: the note of a running script cannot be written -> it runs all the same, and that is said', async test => {
  const { run, folder, troubles } = bench(test, { foreign: { svc: 'exit 0' } })
  writeFileSync(join(folder, 'run', 'scripts'), 'in the way')
  test.match(await run('svc', [], 'start'), { kind: 'ok' })
  test.match(troubles[0], /start of svc \(pid \d+\) runs, which cannot be noted for a next life of this daemon: /)
})

t.test('runner: unusual names and arguments -> reach the script as they are', async test => {
  const { run } = bench(test, { foreign: { 'a name; with $(odd) *things': 'for a; do printf "<%s>" "$a"; done' } })
  const outcome = await run('a name; with $(odd) *things', ['$HOME', '*', '', 'a\nb', '--', "'"], 'start')
  test.equal(outcome.kind, 'ok')
  test.equal(outcome.said.join('|'), "<$HOME><*><><a|b><--><'><start>")
})

t.test('runner: environment -> fixed, with the limit, nothing inherited; LSB scripts keep systemctl out', async test => {
  process.env['AGENT_TEST_LEAK'] = 'yes'
  const { run } = bench(test, { foreign: { env: 'env | sort; pwd' }, lsb: { service: 'env | grep SYSTEMCTL' } })
  const said = (await run('env', [], 'start', { timeoutMs: 4000 })).said
  test.notOk(said.some(line => line.startsWith('AGENT_TEST_LEAK')))
  test.ok(said.includes('LC_ALL=C'))
  test.ok(said.includes('/'), 'the working directory is /')
  const limit = Number(said.find(line => line.startsWith('HA_OP_TIMEOUT_MS='))?.split('=')[1])
  test.ok(limit > 3000 && limit <= 4000)
  test.equal((await run('service', [], 'start')).said.length, 2)
})

t.test('runner: more operations than slots -> wait in line, and the limit counts', async test => {
  const { run } = bench(test, { foreign: { slow: 'sleep 0.3', quick: ':' } }, { childrenMax: 1 })
  const [first, second, third] = await Promise.all([run('slow', [], 'start'), run('quick', [], 'start', { timeoutMs: 100 }), run('quick', [], 'start')])
  test.equal(first.kind, 'ok')
  test.equal(second.kind, 'timed-out')
  test.match(second.said[0], /never begun/)
  test.equal(third.kind, 'ok')
  test.ok(third.durationMs >= 250)
  test.equal((await run('quick', [], 'stop')).kind, 'ok', 'the slot was given back')
})

t.test('runner: announce -> our IPaddr2 for address types, nothing for others', async test => {
  const { run } = bench(test, { own: { IPaddr2: 'echo "own $*"' }, foreign: { IPaddr2: 'echo foreign; exit 1', IPaddr: 'exit 1', Other: 'exit 1' } })
  test.match(await run('IPaddr2', ['10.0.0.5/24'], 'announce'), { kind: 'ok', said: ['own 10.0.0.5/24 announce'] })
  test.match(await run('IPaddr', ['10.0.0.5'], 'announce'), { kind: 'ok', said: ['own 10.0.0.5 announce'] })
  test.match(await run('Other', [], 'announce'), { kind: 'ok', said: [] })
})

t.test('runner: cost beside the script -> small', async test => {
  const { run } = bench(test, { own: { nothing: ':' } })
  const times: number[] = []
  for (let i = 0; i < 15; i++) times.push((await run('nothing', [], 'start')).durationMs)
  times.sort((a, b) => a - b)
  test.comment(`median ${times[7]?.toFixed(1)} ms, best ${times[0]?.toFixed(1)} ms`)
  test.ok((times[7] ?? 0) < 100)
})

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > end) throw new Error('the condition did not come true within 5 s')
    await new Promise(resolve => setImmediate(resolve))
  }
}
