/**
 * `npm run bench -- safety [freeze|heal|lease|guard|stress] [--runs N] [--only NAME] [--minutes M] [--json]`: what becomes of
 * the address when a node stands still, is cut off, loses its power or the address itself, and under a machine's full load.
 *
 *   freeze  every process of the owner is stopped for 2 s and goes on: how long two nodes held the address after that
 *   heal    the nodes do not hear each other for 3 s, then do: how long until one of them holds it alone
 *   lease   power loss of the owner where its lease on a shared disk must run out first
 *   guard   `ip address flush` on the owner, 20 times
 *   stress  `stress-ng` beside a running pair for `--minutes` (10) each: false failovers, two owners
 *
 * Who held the address is read from the kernel's announcements (holdings.ts), outages of 20 ms and more (freeze: 60 ms) from a client's questions.
 * freeze and heal are measured for Debian's heartbeat and keepalived, too; stress takes `--only 10/60` or `--only 100/500`.
 */

import os from 'node:os'
import { table } from '../demo/table.js'
import { labUnavailable } from '../lab/lab.js'
import { contenders, deadtimeMs, keepaliveMs, type Contender } from './contenders.js'
import { freezeMs, freezeLife, healLife, partitionMs } from './safety-faults.js'
import { flushes, guardLife, leaseLives, leaseMs } from './safety-own.js'
import { benchStress } from './stress.js'

const scenarios = ['freeze', 'heal', 'lease', 'guard', 'stress'] as const
type SafetyScenario = (typeof scenarios)[number]

export interface SafetyOptions {
  readonly wanted: ReadonlySet<SafetyScenario>
  readonly runs: number
  readonly only: string | null
  readonly minutes: number
  readonly json: boolean
}

/** All in ms. */
const rows: readonly { readonly key: string; readonly title: string; readonly goal: string }[] = [
  { key: 'freezeBoth', title: `stopped for ${freezeMs} ms: both hold the address after that`, goal: '20' },
  { key: 'freezeNobody', title: '  longest time with nobody, from the stop on', goal: '0' },
  { key: 'freezeClient', title: '  longest outage at the client after it', goal: '' },
  { key: 'healOne', title: `cut off for ${partitionMs} ms: until exactly one holds it for good`, goal: '200' },
  { key: 'healNobody', title: '  longest time with nobody after the heal', goal: '0' },
  { key: 'healClient', title: '  longest outage at the client after the heal', goal: '' },
  { key: 'leasePower', title: `lease ${leaseMs} ms: from the power loss to the address`, goal: String(leaseMs + 300) },
  { key: 'leaseRenewal', title: '  from the last renewal on the disk to the address', goal: String(leaseMs + 300) },
  { key: 'guardBack', title: 'flushed: until the address is back', goal: '100' },
  { key: 'guardClient', title: '  outage at the client', goal: '' }
]

function optionsFrom(args: readonly string[]): SafetyOptions | string {
  const wanted = new Set<SafetyScenario>()
  let runs = 5
  let minutes = 10
  let only: string | null = null
  let json = false
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] ?? ''
    const scenario = scenarios.find(one => one === word)
    if (scenario !== undefined) wanted.add(scenario)
    else if (word === '--json') json = true
    else if (word === '--only') only = args[(index += 1)] ?? null
    else if (word === '--runs') runs = Number(args[(index += 1)])
    else if (word === '--minutes') minutes = Number(args[(index += 1)])
    else return `unknown word ${word}; use ${scenarios.join(', ')}, --runs N, --only NAME, --minutes M, --json`
  }
  if (!Number.isInteger(runs) || runs < 1) return '--runs wants a whole number of at least 1'
  if (!(minutes > 0 && minutes <= 24 * 60)) return '--minutes wants a number above 0'
  return { wanted: wanted.size === 0 ? new Set(scenarios) : wanted, runs, minutes, only, json }
}

export async function benchSafety(args: readonly string[]): Promise<number> {
  const options = optionsFrom(args)
  if (typeof options === 'string') {
    console.error(`bench: ${options}`)
    return 2
  }
  const reason = labUnavailable()
  if (reason !== null) {
    console.error(`bench: ${reason}`)
    return 1
  }
  const began = os.loadavg()
  const results: Record<string, Record<string, number[]>> = {}
  const add = (name: string, figures: Readonly<Record<string, number>>): void => {
    const values = (results[name] ??= {})
    for (const [key, value] of Object.entries(figures)) (values[key] ??= []).push(value)
  }
  for (const contender of contenders) await measureFaults(contender, options, add)
  if (isWanted(options, own)) {
    if (options.wanted.has('lease')) await leaseLives(options.runs, (run, figures) => tell(own, 'lease', run, options.runs, figures, add))
    if (options.wanted.has('guard')) await guardLife((run, figures) => tell(own, 'guard', run, flushes, figures, add))
  }
  const load = `load averages ${loads(began)} before, ${loads(os.loadavg())} after, ${os.cpus().length} processors`
  if (options.json) console.log(JSON.stringify({ keepaliveMs, deadtimeMs, freezeMs, partitionMs, leaseMs, runs: options.runs, load, results }, null, 1))
  else if (Object.keys(results).length > 0) console.log(`keepalive ${keepaliveMs} ms, deadtime ${deadtimeMs} ms; ms: median (worst); ${load}\n\n${asTable(results)}`)
  return options.wanted.has('stress') ? benchStress(options) : 0
}

const own = contenders[0]?.name ?? ''
const isWanted = (options: SafetyOptions, name: string): boolean => options.only === null || name.includes(options.only)
const loads = (averages: readonly number[]): string => averages.map(one => one.toFixed(1)).join(' ')

type Add = (name: string, figures: Readonly<Record<string, number>>) => void

async function measureFaults(contender: Contender, options: SafetyOptions, add: Add): Promise<void> {
  const lives = { freeze: freezeLife, heal: healLife }
  const wanted = (['freeze', 'heal'] as const).filter(scenario => options.wanted.has(scenario))
  if (wanted.length === 0 || !isWanted(options, contender.name)) return
  const missing = contender.unavailable()
  if (missing !== null) {
    process.stderr.write(`${contender.name}: not measured, ${missing}\n`)
    return
  }
  for (const scenario of wanted) {
    for (let run = 1; run <= options.runs; run += 1) tell(contender.name, scenario, run, options.runs, await lives[scenario](contender), add)
  }
}

/** Each run at once: a figure that misses its goal is looked into while the run is fresh. */
function tell(name: string, scenario: SafetyScenario, run: number, runs: number, figures: Readonly<Record<string, number>>, add: Add): void {
  const told = Object.entries(figures).map(([key, value]) => `${key} ${value.toFixed(1)}`)
  process.stderr.write(`${name}: ${scenario}, run ${run} of ${runs}: ${told.join(', ')}\n`)
  add(name, figures)
}

function asTable(results: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>): string {
  const names = Object.keys(results)
  const lines = rows
    .filter(row => names.some(name => results[name]?.[row.key] !== undefined))
    .map(row => {
      const cells = names.map(name => {
        const values = [...(results[name]?.[row.key] ?? [])].sort((a, b) => a - b)
        const [middle, worst] = [values[(values.length - 1) >> 1], values.at(-1)]
        return middle === undefined || worst === undefined ? '-' : `${middle.toFixed(1)} (${worst.toFixed(1)}), n=${values.length}`
      })
      return [row.title, ...cells, row.goal]
    })
  return table([['', ...names, 'goal'], ...lines])
}
