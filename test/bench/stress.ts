/**
 * A running pair beside `stress-ng`: does it take a slow peer for a dead one, and do two nodes ever hold the address?
 *
 * Both nodes, the client and the load share this machine's processors and disk, so every fault of scheduling that two
 * machines would have one at a time is had here by both at once.
 */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { table } from '../demo/table.js'
import { monotonicMs } from '../lab/command.js'
import { Lab } from '../lab/lab.js'
import { address } from './contenders.js'
import { heldBy, Holdings, longestHeldBy } from './holdings.js'
import { pause } from './safety-faults.js'

interface Setup {
  readonly name: string
  readonly haCf: readonly string[]
}

const setups: readonly Setup[] = [
  { name: '10/60, realtime on', haCf: ['keepalive 10ms', 'warntime 30ms', 'deadtime 60ms', 'initdead 2'] },
  { name: '100/500, realtime off', haCf: ['keepalive 100ms', 'warntime 250ms', 'deadtime 500ms', 'initdead 2', 'realtime off'] }
]

const load = ['--cpu', '8', '--io', '4', '--vm', '2', '--hdd', '2']
const progressMs = 10_000
const settleLimitMs = 60_000
/** Debian's stress-ng tells its workers to end, and they unlink their files. */
const endLimitMs = 20_000

export async function benchStress(options: { readonly minutes: number; readonly only: string | null; readonly json: boolean }): Promise<number> {
  if (spawnSync('stress-ng', ['--version']).error !== undefined) {
    console.error('bench: missing tool: stress-ng (Debian package stress-ng)')
    return 1
  }
  const results: Record<string, Figures> = {}
  for (const setup of setups) {
    if (options.only === null || setup.name.includes(options.only)) results[setup.name] = await stressed(setup, options.minutes)
  }
  if (options.json) console.log(JSON.stringify({ minutes: options.minutes, load, results }, null, 1))
  else console.log(asTable(results, options.minutes))
  return 0
}

interface Figures {
  /** `node X: is dead` in the logs of both nodes. */
  falseDeaths: number
  /** Changes of the address's holders. */
  moves: number
  bothMs: number
  nobodyMs: number
  /** Longer than warntime between two heartbeats. */
  lateHeartbeats: number
  stalls: number
  longestStallMs: number
  clientOutageMs: number
  /** The client's own probe was kept from running for so long; its outages say no more than that. */
  probeLateMs: number
  loadAverage: number
}

async function stressed(setup: Setup, minutes: number): Promise<Figures> {
  const lab = await Lab.create({ prefix: 'bst', diskMegabytes: 0 })
  const files = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-stress-'))
  let stress: ChildProcess | null = null
  // A bench that is interrupted leaves no load behind: nothing may wait any more then, so the group is killed.
  const interrupted = (): void => {
    if (stress !== null && isRunning(stress)) process.kill(-(stress.pid ?? 0), 'SIGKILL')
    fs.rmSync(files, { recursive: true, force: true })
  }
  process.once('exit', interrupted)
  try {
    const haCf = ['logfile /var/log/ha-log', 'logfacility none', ...setup.haCf, 'ucast eth0 10.77.0.1', 'ucast eth0 10.77.0.2', 'bcast eth1', 'auto_failback off', 'node n1 n2', '']
    for (const node of lab.nodes) node.writeConfig({ haCf: haCf.join('\n'), haresources: `n1 ${address}/24/eth0\n`, authkeys: 'auth 1\n1 sha1 bench\n' })
    const started = await Promise.all(lab.nodes.map(node => node.heartbeat('start')))
    for (const one of started) if (one.code !== 0) throw new Error(`heartbeat start: ${one.stdout}${one.stderr}`)
    await lab.waitFor('one holder', async () => (await lab.holdersOf(address)).length === 1, settleLimitMs)
    const holdings = await Holdings.of(lab, address)
    const probe = lab.probe({ address, everyMs: 5, thresholdMs: 20 })
    await lab.waitFor('an answer', () => probe.answeredBy, settleLimitMs)
    const logLengths = lab.nodes.map(node => node.readLog().length)
    const began = monotonicMs()
    stress = spawn('stress-ng', [...load, '--temp-path', files, '--timeout', `${Math.ceil(minutes * 60) + 60}s`, '--quiet'], { stdio: ['ignore', 'inherit', 'inherit'], detached: true, cwd: files })
    const figures = async (): Promise<Figures> => {
      const now = monotonicMs()
      const logs = lab.nodes.map((node, index) => node.readLog().slice(logLengths[index]))
      const count = (pattern: RegExp): number => logs.reduce((sum, log) => sum + (log.match(pattern)?.length ?? 0), 0)
      const reports = (await Promise.all(lab.nodes.map(node => node.status()))).map(report => report?.stalls)
      return {
        falseDeaths: count(/node n\d: is dead/g),
        moves: holdings.spans.length - 1,
        bothMs: heldBy(2, holdings.spans, began, now),
        nobodyMs: longestHeldBy(0, holdings.spans, began, now),
        lateHeartbeats: count(/Late heartbeat/g),
        stalls: reports.reduce((sum, one) => sum + (one?.count ?? 0), 0),
        longestStallMs: Math.max(...reports.map(one => one?.longestMs ?? 0)),
        clientOutageMs: probe.longestOutageSince(began),
        probeLateMs: probe.lateMsMax,
        loadAverage: os.loadavg()[0] ?? 0
      }
    }
    let last = await figures()
    while (monotonicMs() - began < minutes * 60_000) {
      await pause(Math.min(progressMs, minutes * 60_000 - (monotonicMs() - began)))
      if (stress.exitCode !== null) throw new Error(`stress-ng ended with ${stress.exitCode}`)
      last = await figures()
      const told = Object.entries(last).map(([key, value]) => `${key} ${Math.round(value)}`)
      process.stderr.write(`${setup.name}: ${Math.round((monotonicMs() - began) / 1_000)} s: ${told.join(', ')}\n`)
    }
    await probe.stop()
    await holdings.stop()
    if (process.env['BENCH_TRACE'] === '1' || last.falseDeaths > 0 || last.moves > 0) tellLogs(lab, logLengths)
    return last
  } finally {
    if (stress !== null) await end(stress)
    lab.dispose()
    fs.rmSync(files, { recursive: true, force: true })
    process.off('exit', interrupted)
  }
}

/** What the nodes said during the stress, the first of it: the first death is the cause of what follows. */
function tellLogs(lab: Lab, logLengths: readonly number[]): void {
  for (const [index, node] of lab.nodes.entries()) {
    const lines = node.readLog().slice(logLengths[index]).trimEnd().split('\n')
    process.stderr.write([`--- ${node.name}, ${lines.length} lines`, ...lines.slice(0, 40), ''].join('\n'))
  }
}

const isRunning = (child: ChildProcess): boolean => child.pid !== undefined && child.exitCode === null && child.signalCode === null

/** Its whole group, which it leads: the workers are its own children. */
async function end(stress: ChildProcess): Promise<void> {
  if (!isRunning(stress)) return
  const ended = once(stress, 'exit')
  stress.kill('SIGINT')
  const limit = setTimeout(() => process.kill(-(stress.pid ?? 0), 'SIGKILL'), endLimitMs)
  await ended
  clearTimeout(limit)
}

function asTable(results: Readonly<Record<string, Figures>>, minutes: number): string {
  const names = Object.keys(results)
  const row = (title: string, goal: string, show: (figures: Figures) => string): string[] => [title, ...names.map(name => (results[name] === undefined ? '-' : show(results[name]))), goal]
  const ms = (value: number): string => `${Math.round(value)} ms`
  return `stress-ng ${load.join(' ')} for ${minutes} minutes each, both nodes and the client on the same ${os.cpus().length} processors\n\n${table([
    ['', ...names, 'goal'],
    row('peer declared dead', '0', one => String(one.falseDeaths)),
    row('changes of the holder', '0', one => String(one.moves)),
    row('both held the address', '0 ms', one => ms(one.bothMs)),
    row('nobody held it, longest', '0 ms', one => ms(one.nobodyMs)),
    row('late heartbeats (over warntime)', '', one => String(one.lateHeartbeats)),
    row('stalls of both nodes; longest', '', one => `${one.stalls}; ${ms(one.longestStallMs)}`),
    row('longest outage at the client (its probe late by)', '', one => `${ms(one.clientOutageMs)} (${ms(one.probeLateMs)})`),
    row('load average at the end', '', one => one.loadAverage.toFixed(1))
  ])}`
}
