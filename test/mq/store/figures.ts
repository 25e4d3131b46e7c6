/**
 * Figures of the log on a real disk: `node dist/test/mq/store/figures.js [messages] [body bytes] [directory]`.
 *
 * One put at a time, storing so many messages, restart after the storing process was killed (SIGKILL), reading everything in
 * order, removing it. Not a test: it asserts nothing.
 */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { lsn, type JournalEvents, type Place } from '../../../src/mq/core/journal.js'
import { createLog } from '../../../src/mq/store/create-log.js'
import { RecoveryLog, type LogOptions } from '../../../src/mq/store/recovery-log.js'
import { realDisk } from '../../../src/mq/store/real-disk.js'

const [count = '100000', bodyBytes = '1024', where = os.tmpdir(), storeInto] = process.argv.slice(2)
const messages = Number(count)
const directory = storeInto ?? fs.mkdtempSync(path.join(where, 'lhmq-figures-'))
const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}
const megabytes = (bytes: number): string => `${(bytes / 1048576).toFixed(0)} MB`

const head = Buffer.alloc(120, 'h')
const body = Buffer.alloc(Number(bodyBytes), 'b')
let order = 0

function options(epoch: number): LogOptions {
  return { disk: realDisk, directory, qmid: 'FIGURES', epoch, primary: 3, secondary: 2, mayWrite: () => true }
}

const quiet: JournalEvents = {
  onForced: () => undefined,
  onMoved: () => undefined,
  onPinned: () => undefined,
  onFailed: error => {
    throw error
  }
}

function put(log: RecoveryLog): Place {
  order += 1
  const appended = log.append({ kind: 'put', unit: 0, entry: { queue: 1, order, priority: 0, expiresAt: 0, messageIdHash: order, correlationIdHash: 0 }, message: { head, body }, origin: null })
  if (!appended.ok) throw new Error(`log full after ${order} messages`)
  return appended.place
}

const percentile = (values: number[], share: number): number => values.sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0

async function single(log: RecoveryLog): Promise<void> {
  const times: number[] = []
  for (let turn = 0; turn < 2000; turn += 1) {
    const from = performance.now()
    log.release(put(log))
    await log.forcedTo(log.end)
    times.push(performance.now() - from)
  }
  say(`one put at a time, forced: p50 ${percentile(times, 0.5).toFixed(3)} ms, p99 ${percentile(times, 0.99).toFixed(3)} ms`)
}

async function store(log: RecoveryLog): Promise<void> {
  const from = performance.now()
  let appending = 0
  for (let stored = 0; stored < messages; ) {
    const start = performance.now()
    const end = Math.min(messages, stored + 400)
    for (; stored < end; stored += 1) put(log)
    appending += performance.now() - start
    await log.forcedTo(log.end)
  }
  const seconds = (performance.now() - from) / 1000
  say(`${messages} puts of ${bodyBytes} bytes, 400 per force: ${(messages / seconds).toFixed(0)}/s; append alone ${((appending * 1000) / messages).toFixed(2)} µs each`)
}

/** In a process of its own, which ends as by a power cut that spares the disk. */
async function fill(): Promise<void> {
  const extentBytes = 4096 * 4096
  const from = performance.now()
  await createLog({ disk: realDisk, directory, qmid: 'FIGURES', extentBytes, type: 'circular', primary: 3 })
  say(`create: ${(performance.now() - from).toFixed(0)} ms`)
  const first = await RecoveryLog.open(options(1))
  first.log.append({ kind: 'define', number: 1, definition: { type: 'QLOCAL', name: 'Q', attributes: {} } })
  first.log.start(quiet)
  await single(first.log)
  await store(first.log)
  say(`files: ${fs.readdirSync(path.join(directory, 'active')).length}, status ${JSON.stringify(first.log.status())}`)

  process.kill(process.pid, 'SIGKILL')
}

async function main(): Promise<void> {
  spawnSync(process.execPath, [process.argv[1] ?? '', count, bodyBytes, where, directory], { stdio: 'inherit' })
  const before = process.memoryUsage().rss
  const cpu = process.cpuUsage()
  let from = performance.now()
  const { log, restored, story } = await RecoveryLog.open(options(2))
  const opened = performance.now()
  const { user, system } = process.cpuUsage(cpu)
  let visited = 0
  let last = -1
  const places = { lsn: new Float64Array(messages + 2000), ordinal: new Uint32Array(messages + 2000), length: new Uint32Array(messages + 2000) }
  restored.forEachMessage((entry, place) => {
    if (entry.order <= last) throw new Error('not in order')
    last = entry.order
    places.lsn[visited] = place.lsn
    places.ordinal[visited] = place.ordinal
    places.length[visited] = place.length
    visited += 1
  })
  const done = performance.now()
  say(`restart: open ${(opened - from).toFixed(0)} ms (cpu ${(user / 1000).toFixed(0)} + ${(system / 1000).toFixed(0)}) + ${visited} messages visited ${(done - opened).toFixed(0)} ms; replayed ${story.recordsReplayed} records, ${megabytes(story.bytesReplayed)}; rss ${megabytes(before)} -> ${megabytes(process.memoryUsage().rss)}`)
  log.start(quiet)
  from = performance.now()
  for (let at = 0; at < visited; at += 1) log.read({ lsn: lsn(places.lsn[at] as number), ordinal: places.ordinal[at] as number, length: places.length[at] as number })
  const each = ((performance.now() - from) * 1000) / visited
  say(`read back in order: ${each.toFixed(2)} µs each; rss ${megabytes(process.memoryUsage().rss)}`)
  from = performance.now()
  for (let at = 0; at < visited; at += 1) {
    const place = { lsn: lsn(places.lsn[at] as number), ordinal: places.ordinal[at] as number, length: places.length[at] as number }
    log.append({ kind: 'remove', place })
    log.release(place)
    if (at % 400 === 399) await log.forcedTo(log.end)
  }
  await log.forcedTo(log.end)
  say(`removed: ${(visited / ((performance.now() - from) / 1000)).toFixed(0)}/s`)
  await log.checkpoint()
  say(`files after removal: ${fs.readdirSync(path.join(directory, 'active')).length}`)
  from = performance.now()
  await log.close()
  const closed = performance.now()
  const third = await RecoveryLog.open(options(3))
  say(`orderly end: ${(closed - from).toFixed(0)} ms, start after it: ${(performance.now() - closed).toFixed(0)} ms`)
  await third.log.close()
}

if (storeInto !== undefined) await fill()
else {
  try {
    await main()
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
  process.exit(0)
}
