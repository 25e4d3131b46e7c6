/** Loopback answers for every address of 127/8; silence is an address that nobody may have. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { millis } from '../../src/base/units.js'
import type { ConnectivityConfig } from '../../src/config/types.js'
import { createConnectivity, intervalFor, type Sight, type WatchedConnectivity } from '../../src/connectivity/ping-connectivity.js'
import { isAnswer } from '../../src/connectivity/pinger.js'
import { clock, eventually } from '../arbiter/etcd-server.js'
import { asAdministrator } from '../lab/command.js'
import { projectDirectory } from '../lab/lab.js'

const position = { file: 'ha.cf', line: 9, column: 1 }
const hasPing = spawnSync('ping', ['-c', '1', '-W', '2', '127.0.0.9']).status === 0
const options = { skip: hasPing ? false : 'missing tool: ping (Debian package iputils-ping), or it may not be used here' }
/** 240/4 is reserved: the kernel refuses it, or nobody answers. */
const silentAddress = '240.0.0.1'

function config(targets: Readonly<Record<string, readonly string[]>>, deadpingMs = 800): ConnectivityConfig {
  return {
    deadpingMs: millis(deadpingMs),
    targets: Object.entries(targets).map(([name, addresses]) => ({ kind: addresses[0] === name ? 'node' : 'group', name, addresses, position }))
  }
}

interface Watch {
  readonly connectivity: WatchedConnectivity
  readonly seen: Sight[]
  readonly notes: string[]
  hears(what: string, isTrue: (seen: Sight) => boolean): Promise<void>
}

function watch(t: Pick<Test, 'teardown'>, settings: ConnectivityConfig): Watch {
  const seen: Sight[] = []
  const notes: string[] = []
  const connectivity = createConnectivity(settings, { clock, onNote: text => notes.push(text) })
  t.teardown(() => connectivity.close())
  connectivity.open(sight => seen.push(sight))
  return { connectivity, seen, notes, hears: (what, isTrue) => eventually(what, () => seen.some(isTrue)) }
}

/** Whether a process of this number runs; a zombie does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

t.test('ping: lines of iputils -> answers are told from reports of routers, from misses, and from answers that came too late', async t => {
  t.ok(isAnswer('64 bytes from 10.0.0.254: icmp_seq=7 ttl=64 time=0.21 ms', millis(800)))
  t.ok(isAnswer('64 bytes from 2001:db8::1: icmp_seq=1 ttl=64 time=12 ms', millis(800)))
  t.ok(isAnswer('64 bytes from 10.0.0.254: icmp_seq=7 ttl=64 time=0.21 ms (DUP!)', millis(800)))
  for (const line of [
    'PING 10.0.0.254 (10.0.0.254) 56(84) bytes of data.', 'From 10.0.0.1 icmp_seq=1 Destination Host Unreachable', 'no answer yet for icmp_seq=1',
    '64 bytes from 10.0.0.254: icmp_seq=1 ttl=64 time=800 ms', '--- 10.0.0.254 ping statistics ---', ''
  ]) t.notOk(isAnswer(line, millis(800)), line)
})

t.test('ping: the interval -> four tries within deadping, from five a second to one a second', async t => {
  t.strictSame([400, 800, 2000, 4000, 30_000].map(value => intervalFor(millis(value))), [200, 200, 500, 1000, 1000])
})

t.test('connectivity: everything answers -> reported once, then nothing', options, async t => {
  const { connectivity, seen, hears } = watch(t, config({ '127.0.0.5': ['127.0.0.5'], routers: ['127.0.0.6', '127.0.0.7'] }))
  t.equal(connectivity.description, 'ping 127.0.0.5, routers(127.0.0.6 127.0.0.7)')
  await hears('all answer', ({ reached }) => reached === 2)
  t.strictSame(seen, [{ reached: 2, of: 2, silent: [] }])
})

t.test('connectivity: a silent node, a group with one silent member, a silent group -> only whole targets count as silent', options, async t => {
  const { seen, hears } = watch(t, config({ '127.0.0.5': ['127.0.0.5'], [silentAddress]: [silentAddress], half: [silentAddress, '127.0.0.6'], gone: [silentAddress] }))
  await hears('the first report', () => true)
  t.strictSame(seen, [{ reached: 2, of: 4, silent: [silentAddress, 'gone'] }])
})

t.test('connectivity: one address in a node and a group -> one process', options, async t => {
  const { connectivity } = watch(t, config({ '127.0.0.5': ['127.0.0.5'], g: ['127.0.0.5', '127.0.0.6'] }))
  t.strictSame([...connectivity.pids().keys()], ['127.0.0.5', '127.0.0.6'])
})

t.test('connectivity: the child is killed -> begun again, and nothing is reported', options, async t => {
  const { connectivity, seen, notes, hears } = watch(t, config({ '127.0.0.5': ['127.0.0.5'] }, 2000))
  await hears('it answers', ({ reached }) => reached === 1)
  const first = connectivity.pids().get('127.0.0.5') ?? 0
  process.kill(first, 'SIGKILL')
  await eventually('another child', () => ![undefined, first].includes(connectivity.pids().get('127.0.0.5')))
  t.strictSame(notes, ['ping 127.0.0.5 ended (SIGKILL); it is begun again'])
  t.equal(seen.length, 1)
})

t.test('connectivity: the child stops (SIGSTOP) -> silent after deadping; it goes on -> reached again', options, async t => {
  const { connectivity, seen, hears } = watch(t, config({ '127.0.0.5': ['127.0.0.5'] }))
  await hears('it answers', ({ reached }) => reached === 1)
  process.kill(connectivity.pids().get('127.0.0.5') ?? 0, 'SIGSTOP')
  await hears('silent', ({ reached }) => reached === 0)
  process.kill(connectivity.pids().get('127.0.0.5') ?? 0, 'SIGCONT')
  await eventually('reached again', () => seen.at(-1)?.reached === 1)
})

t.test('connectivity: closed -> no child is left, nothing more is said', options, async t => {
  const { connectivity, seen } = watch(t, config({ '127.0.0.5': ['127.0.0.5'], [silentAddress]: [silentAddress] }))
  const pids = [...connectivity.pids().values()]
  connectivity.close()
  await eventually('they are gone', () => !pids.some(isAlive))
  t.strictSame(seen, [])
})

/** A watch in a process of its own, and what it reported. */
function holder(t: Pick<Test, 'teardown'>, ...addresses: readonly string[]): { readonly child: ChildProcess; reports(): readonly (Sight & { readonly pids: readonly number[] })[] } {
  const [file = 'env', ...args] = asAdministrator([process.execPath, path.join(projectDirectory, 'dist/test/connectivity/holder.js'), ...addresses])
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (piece: Buffer) => {
    said += piece.toString()
  })
  return { child, reports: () => said.split('\n').slice(0, -1).map(line => JSON.parse(line) as Sight & { readonly pids: readonly number[] }) }
}

t.test('connectivity: we are killed -> the children end by themselves, also one that nobody answers', options, async t => {
  const { child, reports } = holder(t, '127.0.0.5', silentAddress)
  await eventually('its report', () => reports().length > 0)
  const pids = reports()[0]?.pids ?? []
  t.ok(pids.length > 0 && pids.every(isAlive))
  child.kill('SIGKILL')
  await eventually('they are gone', () => !pids.some(isAlive))
})

t.test('connectivity: we and our pings stop (SIGSTOP) for longer than deadping, and go on -> nobody is called silent', options, async t => {
  const { child, reports } = holder(t, '127.0.0.5', '127.0.0.6')
  await eventually('its report', () => reports().length > 0)
  const pids = [child.pid ?? 0, ...(reports()[0]?.pids ?? [])]
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  const stopped = watch(t, config({ [silentAddress]: [silentAddress] }, 1600))
  await stopped.hears('1600 ms have passed', () => true)
  for (const pid of pids) process.kill(pid, 'SIGCONT')
  const goesOn = watch(t, config({ [silentAddress]: [silentAddress] }, 1600))
  await goesOn.hears('1600 ms have passed', () => true)
  t.equal(reports().length, 1)
})

t.test('connectivity: no ping on this machine -> silent after deadping, a note, and no end', async t => {
  const { connectivity, seen, notes, hears } = watch(t, config({ 'not-an-address': ['not-an-address'] }))
  await hears('the first report', () => true)
  t.strictSame(seen, [{ reached: 0, of: 1, silent: ['not-an-address'] }])
  t.match(notes[0], /^ping not-an-address (ended \(status 2\)|cannot be run)/)
  connectivity.close()
})
