/**
 * `npm run bench -- mq …` measures the queue manager (mq.ts), `npm run bench -- safety …` what becomes of the address under
 * faults and load (safety.ts); everything else is about the cluster:
 *
 * `npm run bench -- [failover|switch|coldstart|idle|all] [--runs N] [--only NAME] [--json]`
 *
 * Measures what a client sees, with keepalive 100 ms and deadtime 500 ms, for this project and, when installed, Debian's
 * heartbeat and keepalived, in the same laboratory on the same machine. Prints medians with the worst run in parentheses.
 */

import { labUnavailable } from '../lab/lab.js'
import { table } from '../demo/table.js'
import { contenders, deadtimeMs, initdeadMs, keepaliveMs, type Contender } from './contenders.js'
import { benchDeep, benchMq } from './mq.js'
import { benchSafety } from './safety.js'
import { loneLife, pairLife, type Figure, type Figures, type Scenario } from './measure.js'

const scenarios: readonly Scenario[] = ['failover', 'switch', 'coldstart', 'idle']

const figureRows: Readonly<Record<Figure, { readonly title: string; readonly goal: string; readonly unit: (value: number) => string }>> = {
  failover: { title: 'outage after power loss', goal: `${deadtimeMs + 50} ms`, unit: value => `${Math.round(value)} ms` },
  switch: { title: 'outage at a planned switch', goal: '60 ms', unit: value => `${Math.round(value)} ms` },
  coldstart: { title: 'cold start of both nodes', goal: '1000 ms', unit: value => `${Math.round(value)} ms` },
  lonestart: { title: `cold start alone, initdead ${initdeadMs} ms`, goal: `${initdeadMs + 500} ms`, unit: value => `${Math.round(value)} ms` },
  rss: { title: 'idle: memory (RSS)', goal: '70 MB', unit: value => `${(value / 1024).toFixed(1)} MB` },
  pss: { title: 'idle: memory (PSS)', goal: '', unit: value => `${(value / 1024).toFixed(1)} MB` },
  cpu: { title: 'idle: processor time a minute', goal: '300 ms', unit: value => `${Math.round(value)} ms` }
}

interface Options {
  readonly wanted: ReadonlySet<Scenario>
  readonly runs: number
  readonly only: string | null
  readonly json: boolean
}

function optionsFrom(args: readonly string[]): Options | string {
  const wanted = new Set<Scenario>()
  let runs = 5
  let only: string | null = null
  let json = false
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] ?? ''
    const scenario = scenarios.find(one => one === word)
    if (scenario !== undefined) wanted.add(scenario)
    else if (word === 'all') scenarios.forEach(one => wanted.add(one))
    else if (word === '--json') json = true
    else if (word === '--only') only = args[(index += 1)] ?? null
    else if (word === '--runs') runs = Number(args[(index += 1)])
    else return `unknown word ${word}; use ${scenarios.join(', ')}, all, --runs N, --only NAME, --json`
  }
  if (!Number.isInteger(runs) || runs < 1) return '--runs wants a whole number of at least 1'
  return { wanted: wanted.size === 0 ? new Set(scenarios) : wanted, runs, only, json }
}

function median(values: readonly number[]): number {
  const ordered = [...values].sort((a, b) => a - b)
  const middle = ordered.length >> 1
  return ordered.length % 2 === 1 ? (ordered[middle] ?? NaN) : ((ordered[middle - 1] ?? NaN) + (ordered[middle] ?? NaN)) / 2
}

async function measure(contender: Contender, options: Options): Promise<Record<string, number[]>> {
  const values: Record<string, number[]> = {}
  for (let run = 0; run < options.runs; run += 1) {
    process.stderr.write(`${contender.name}: run ${run + 1} of ${options.runs}\n`)
    // Memory and processor time hardly vary: once is enough.
    const wanted = new Set([...options.wanted].filter(scenario => scenario !== 'idle' || run === 0))
    const lives: Figures[] = []
    if (wanted.size > 0) lives.push(await pairLife(contender, wanted))
    if (wanted.has('coldstart')) lives.push(await loneLife(contender))
    for (const life of lives) {
      for (const [figure, value] of Object.entries(life)) (values[figure] ??= []).push(value)
    }
  }
  return values
}

async function main(args: readonly string[]): Promise<number> {
  const isMq = args[0] === 'mq'
  if (isMq && args[1] === 'deep') return benchDeep()
  if (args[0] === 'safety') return benchSafety(args.slice(1))
  const options = optionsFrom(isMq ? args.slice(1) : args)
  if (typeof options === 'string') {
    console.error(`bench: ${options}`)
    return 2
  }
  if (isMq) return benchMq(options)
  const reason = labUnavailable()
  if (reason !== null) {
    console.error(`bench: ${reason}`)
    return 1
  }
  const results: Record<string, Record<string, number[]>> = {}
  for (const contender of contenders) {
    if (options.only !== null && !contender.name.includes(options.only)) continue
    const missing = contender.unavailable()
    if (missing !== null) process.stderr.write(`${contender.name}: not measured, ${missing}\n`)
    else results[contender.name] = await measure(contender, options)
  }
  if (options.json) console.log(JSON.stringify({ keepaliveMs, deadtimeMs, initdeadMs, runs: options.runs, results }, null, 1))
  else console.log(asTable(results))
  return 0
}

function asTable(results: Readonly<Record<string, Readonly<Record<string, number[]>>>>): string {
  const names = Object.keys(results)
  const rows = Object.entries(figureRows)
    .filter(([figure]) => names.some(name => results[name]?.[figure] !== undefined))
    .map(([figure, row]) => {
      const cells = names.map(name => {
        const values = results[name]?.[figure]
        if (values === undefined) return '-'
        const worst = values.length > 1 ? ` (${row.unit(Math.max(...values))})` : ''
        return `${row.unit(median(values))}${worst}`
      })
      return [row.title, ...cells, row.goal]
    })
  return `keepalive ${keepaliveMs} ms, deadtime ${deadtimeMs} ms; median (worst)\n\n${table([['', ...names, 'goal'], ...rows])}`
}

process.exitCode = await main(process.argv.slice(2))
