/**
 * `npm run bench -- mq [--runs N] [--only NAME] [--json]`, and `npm run bench -- mq deep` for our queue manager alone with
 * a million messages of 1 KB and ten million of 100 bytes: memory with them, and restarts after kill -9.
 *
 * `mq`: what clients see of the queue manager, beside RabbitMQ and
 * ActiveMQ when they are installed, same machine, same run, one after the other, over STOMP.
 *
 *   puts      1 KB persistent SENDs with receipts, 4 connections, 100 outstanding each
 *   gets      the same messages delivered client-individual, each acknowledged
 *   one       one connection, one SEND outstanding: time to its receipt
 *   restart   100,000 messages stored, SIGKILL, until connections are accepted again; memory then
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { table } from '../demo/table.js'
import { brokers, familyOf, type Broker, type RunningBroker } from './brokers.js'
import type { LoadOptions, LoadResult } from './stomp-load.js'

const loadProgram = path.join(path.dirname(fileURLToPath(import.meta.url)), 'stomp-load.js')
const messages = 100_000

interface Row {
  readonly key: string
  readonly title: string
  readonly goal: string

  readonly show: (value: number) => string
}

const count = (value: number): string => Math.round(value).toLocaleString('en')
const rows: readonly Row[] = [
  { key: 'puts', title: 'durable 1 KB puts a second', goal: '20,000', show: count },
  { key: 'putP99', title: '  of them 99 % answered within', goal: '', show: value => `${value.toFixed(1)} ms` },
  { key: 'gets', title: 'acknowledged gets a second', goal: '25,000', show: count },
  { key: 'oneP50', title: 'one durable put at a time, p50', goal: '0.50 ms', show: value => `${value.toFixed(2)} ms` },
  { key: 'restart', title: `restart after kill -9 with ${messages.toLocaleString('en')} stored`, goal: '3 s', show: value => `${(value / 1000).toFixed(2)} s` },
  { key: 'memory', title: '  memory then (RSS)', goal: '', show: value => `${Math.round(value / 1024)} MB` }
]

async function load(mode: 'put' | 'get', options: LoadOptions): Promise<LoadResult> {
  const child = spawn(process.execPath, [loadProgram, mode, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`the load program ended with ${code}`)
  return JSON.parse(said) as LoadResult
}

/** Of the largest process of the broker, in KB. */
function residentKb(pid: number): number {
  const sizes = familyOf(pid).map(one => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${one}/status`, 'utf8'))?.[1] ?? 0))
  return Math.max(...sizes)
}

async function life(broker: Broker, running: RunningBroker): Promise<Record<string, number>> {
  const base = { host: '127.0.0.1', port: running.port, login: running.login, passcode: running.passcode, destination: broker.destination('BENCH'), bodyBytes: 1024 }
  // Everybody's paths are warm before anything counts.
  await load('put', { ...base, connections: 4, window: 100, messages: 20_000 })
  await load('get', { ...base, connections: 4, window: 100, messages: 20_000 })
  const puts = await load('put', { ...base, connections: 4, window: 100, messages })
  const gets = await load('get', { ...base, connections: 4, window: 100, messages })
  const one = await load('put', { ...base, connections: 1, window: 1, messages: 3_000 })
  await load('get', { ...base, connections: 1, window: 100, messages: 3_000 })
  await load('put', { ...base, connections: 4, window: 100, messages })
  const restart = await running.restartAfterKill()
  return { puts: puts.messages / puts.seconds, putP99: puts.p99Ms, gets: gets.messages / gets.seconds, oneP50: one.p50Ms, restart, memory: residentKb(running.pid()) }
}

/** How a restart and the memory grow with what is stored. */
export async function benchDeep(): Promise<number> {
  const own = brokers[0]
  if (own === undefined) throw new Error('no broker')
  const lines: string[][] = [['stored', 'put a second', 'memory full', 'restart after kill -9', 'memory then']]
  for (const { stored, bodyBytes } of [
    { stored: 100_000, bodyBytes: 1024 },
    { stored: 1_000_000, bodyBytes: 1024 },
    { stored: 10_000_000, bodyBytes: 100 }
  ]) {
    process.stderr.write(`${count(stored)} messages of ${bodyBytes} bytes\n`)
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-mq-'))
    try {
      const running = await own.start(directory)
      try {
        const put = await load('put', { host: '127.0.0.1', port: running.port, login: '', passcode: '', destination: own.destination('BENCH'), connections: 4, window: 100, messages: stored, bodyBytes })
        const full = residentKb(running.pid())
        const restart = await running.restartAfterKill()
        const megabytes = (kb: number): string => `${Math.round(kb / 1024)} MB`
        lines.push([`${count(stored)} x ${bodyBytes} bytes`, count(put.messages / put.seconds), megabytes(full), `${(restart / 1000).toFixed(2)} s`, megabytes(residentKb(running.pid()))])
      } finally {
        await running.stop()
      }
    } finally {
      fs.rmSync(directory, { recursive: true, force: true })
    }
  }
  console.log(table(lines))
  return 0
}

export async function benchMq(options: { readonly runs: number; readonly only: string | null; readonly json: boolean }): Promise<number> {
  const results: Record<string, Record<string, number[]>> = {}
  for (const broker of brokers) {
    if (options.only !== null && !broker.name.includes(options.only)) continue
    const missing = broker.unavailable()
    if (missing !== null) {
      process.stderr.write(`${broker.name}: not measured, ${missing}\n`)
      continue
    }
    const values: Record<string, number[]> = (results[broker.name] = {})
    for (let run = 0; run < options.runs; run += 1) {
      process.stderr.write(`${broker.name}: run ${run + 1} of ${options.runs}\n`)
      const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-mq-'))
      try {
        const running = await broker.start(directory)
        try {
          for (const [key, value] of Object.entries(await life(broker, running))) (values[key] ??= []).push(value)
        } finally {
          await running.stop()
        }
      } finally {
        fs.rmSync(directory, { recursive: true, force: true })
      }
    }
  }
  if (options.json) console.log(JSON.stringify({ messages, runs: options.runs, results }, null, 1))
  else console.log(asTable(results))
  return 0
}

function asTable(results: Readonly<Record<string, Readonly<Record<string, number[]>>>>): string {
  const names = Object.keys(results)
  const lines = rows.map(row => {
    const cells = names.map(name => {
      const values = [...(results[name]?.[row.key] ?? [])].sort((a, b) => a - b)
      const middle = values[values.length >> 1]
      return middle === undefined ? '-' : row.show(middle)
    })
    return [row.title, ...cells, row.goal]
  })
  return `1 KB persistent messages over STOMP; medians\n\n${table([['', ...names, 'goal'], ...lines])}`
}
