/**
 * A disk that fails or is full under a queue manager at work. The crash simulation (test/mq/sim) knows more ways; here the
 * disk, its page cache, the process and its clients are real, and so is the moment at which the kernel tells the error.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { MqError, reasons, type Connection } from '../../src/client/client.js'
import { basicEnvironment, tryCommand, type CommandResult } from '../lab/command.js'
import { projectDirectory } from '../lab/lab.js'
import { FailingDisk, failingDiskUnavailable, fillUp } from '../mq/failing-disk.js'
import { MqHost } from '../mq/host.js'

const why = failingDiskUnavailable()
const needsDisk = why === null ? {} : { skip: why }
const soonMs = 60_000
const logFailed = 21
const lanesOfClient = 4
/** 1 MB extents: 16 MB are formatted ahead. */
const smallLog = ['-lf', '256', '-lp', '20', '-ls', '2']
const filler = 'x'.repeat(2_000)

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain: ${what}`)), soonMs)
  })
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer))
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const limit = performance.now() + soonMs
  while (!isSo()) {
    if (performance.now() > limit) throw new Error(`waited in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Data and log on the disk, all else on this node, as in a cluster. */
async function created(test: Test, disk: FailingDisk): Promise<MqHost> {
  const host = new MqHost(test)
  for (const name of ['data', 'log']) fs.mkdirSync(path.join(disk.directory, name))
  await host.do('crtmqm', [...smallLog, '-md', path.join(disk.directory, 'data'), '-ld', path.join(disk.directory, 'log'), 'DISK'])
  return host
}

interface Running {
  readonly ended: Promise<number | null>
  /** Standard error until now. */
  said(): string
}

/** The process itself, since strmqm does not see how it ends. */
async function running(test: Test, host: MqHost): Promise<Running> {
  const main = path.join(projectDirectory, 'dist/src/mq/daemon/main.js')
  const child = spawn(process.execPath, [main, 'DISK'], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'], env: { ...basicEnvironment, MQ_DATA_ROOT: host.root, MQ_READY_FD: '3' } })
  test.teardown(() => {
    child.kill('SIGKILL')
  })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', text => {
    said += String(text)
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  const ready = child.stdio[3]
  if (ready === null || ready === undefined || !('setEncoding' in ready)) throw new Error('no pipe')
  let words = ''
  const isReady = new Promise<void>((resolve, reject) => {
    ready.setEncoding('utf8').on('data', text => {
      words += String(text)
      if (words.includes('"ready"')) resolve()
    })
    ready.on('end', () => reject(new Error(`not started: ${words}${said}`)))
  })
  await within('a start', isReady)
  return { ended, said: () => said }
}

/** What one client was promised. */
class Ledger {
  readonly answered = new Set<string>()
  readonly sent = new Set<string>()
  readonly refusals = new Set<number>()
  readonly lanes: Promise<void>[] = []
  isStopping = false
  readonly #stopsWhenRefused: boolean

  /** Puts in units of work and outside of them, several at once, until it is told to stop or cannot go on. */
  constructor(name: string, connection: Connection, options: { readonly stopsWhenRefused?: boolean } = {}) {
    this.#stopsWhenRefused = options.stopsWhenRefused ?? false
    for (let lane = 0; lane < lanesOfClient; lane += 1) this.lanes.push(this.#put(`${name}${lane}`, connection, lane % 2 === 1))
  }

  async #put(name: string, connection: Connection, inUnits: boolean): Promise<void> {
    for (let number = 0; !this.isStopping; number += 1) {
      const ids = inUnits ? [`${name}-${number}a`, `${name}-${number}b`, `${name}-${number}c`] : [`${name}-${number}`]
      try {
        for (const id of ids) this.sent.add(id)
        if (inUnits) {
          await connection.transaction(async unit => {
            await Promise.all(ids.map(id => connection.put('Q', `${id} ${filler}`, { persistent: true, unit })))
          })
        } else await connection.put('Q', `${ids[0] ?? ''} ${filler}`, { persistent: true })
        for (const id of ids) this.answered.add(id)
      } catch (error) {
        if (!(error instanceof MqError)) throw error
        this.refusals.add(error.reason)
        // Units end with their queue manager; whoever reconnects does the work anew.
        if (connection.isClosed || this.#stopsWhenRefused) return
      }
    }
  }

  async stop(): Promise<void> {
    this.isStopping = true
    await within('the last answers', Promise.all(this.lanes))
  }
}

/** Why a call was refused. */
async function reasonOf(call: Promise<unknown>): Promise<number> {
  try {
    await call
    return reasons.none
  } catch (error) {
    if (!(error instanceof MqError)) throw error
    return error.reason
  }
}

/** Takes everything from the queue: how often each message was there. */
async function emptied(connection: Connection): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number>()
  await using queue = await connection.openQueue('Q', { input: 'shared' })
  for (;;) {
    const message = await queue.get()
    if (message === null) return times
    const id = message.text.split(' ', 1)[0] ?? ''
    times.set(id, (times.get(id) ?? 0) + 1)
  }
}

function settle(test: Test, ledgers: readonly Ledger[], there: ReadonlyMap<string, number>): void {
  const answered = ledgers.flatMap(ledger => [...ledger.answered])
  const sent = new Set(ledgers.flatMap(ledger => [...ledger.sent]))
  test.comment(`${answered.length} put and answered, ${sent.size - answered.length} unanswered, ${there.size} there`)
  test.strictSame(answered.filter(id => !there.has(id)), [], 'nothing that was answered is lost')
  test.strictSame([...there].filter(([, times]) => times !== 1), [], 'nothing is there twice')
  test.strictSame([...there.keys()].filter(id => !sent.has(id)), [], 'nothing is there that nobody sent')
}

/** `R`, `S`, `D` and so on: the states of the threads of a process. */
function threadStates(pid: number): readonly string[] {
  return fs.readdirSync(`/proc/${pid}/task`).map(thread => /\) (\S) /.exec(fs.readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))?.[1] ?? '')
}

/** A queue manager with a write under way on a disk that hangs; `refusal` is why the put was refused in the end. */
async function inTheMiddleOfAWrite(test: Test): Promise<{ readonly disk: FailingDisk; readonly host: MqHost; readonly pid: number; readonly refusal: Promise<number> }> {
  const disk = await FailingDisk.create(test, { megabytes: 160 })
  const host = await created(test, disk)
  await host.do('strmqm', ['DISK'])
  await host.mqsc('DISK', 'DEFINE QLOCAL(Q)')
  const connection = await host.connect('DISK')
  test.teardown(() => connection[Symbol.asyncDispose]())
  await disk.hang()
  const refusal = reasonOf(connection.put('Q', 'unanswered', { persistent: true }))
  const pid = host.pid('DISK') ?? 0
  await until('the write waits for the disk', () => threadStates(pid).includes('D'))
  return { disk, host, pid, refusal }
}

const faults = [
  { call: 'fsync', says: /EIO: i\/o error, (fdatasync|fsync) /, mountOptions: '' },
  { call: 'write', says: /EIO: i\/o error, write /, mountOptions: 'sync' }
] as const

for (const { call, says, mountOptions } of faults) {
  t.test(`disk: ${call} fails with EIO -> the process says why and ends with ${logFailed}; repaired, every put that was answered is there once`, needsDisk, async test => {
    const disk = await FailingDisk.create(test, { megabytes: 160, mountOptions })
    const host = await created(test, disk)
    const life = await running(test, host)
    await host.mqsc('DISK', 'DEFINE QLOCAL(Q) MAXDEPTH(999999999)')
    await using connection = await host.connect('DISK')
    await using lasting = await host.connect('DISK', { failover: true })
    const ledgers = [new Ledger('plain', connection), new Ledger('lasting', lasting)]
    await until('both clients are answered', () => ledgers.every(ledger => ledger.answered.size > 100))
    await disk.break()
    test.equal(await within('the end of the process', life.ended), logFailed)
    test.match(life.said(), /AMQ7017E: /)
    test.match(life.said(), says)
    test.match(fs.readFileSync(path.join(host.root, 'errors/AMQERR01.LOG'), 'utf8'), says, 'and in the error log of the machine, which is on another disk')
    await disk.repair()
    await host.do('strmqm', ['DISK'])
    const answeredBefore = ledgers[1]?.answered.size ?? 0
    await until('who reconnects goes on', () => (ledgers[1]?.answered.size ?? 0) > answeredBefore + 50)
    for (const ledger of ledgers) await ledger.stop()
    await using after = await host.connect('DISK')
    settle(test, ledgers, await emptied(after))
    await host.do('endmqm', ['-i', 'DISK'])
  })
}

t.test('disk: its file system is full -> puts are refused with 2102, gets go on; with room again puts go on, in the same process', needsDisk, async test => {
  const disk = await FailingDisk.create(test, { megabytes: 160 })
  const host = await created(test, disk)
  const life = await running(test, host)
  await host.mqsc('DISK', 'DEFINE QLOCAL(Q) MAXDEPTH(999999999)')
  await host.mqsc('DISK', 'DEFINE QLOCAL(OTHER)')
  await using other = await host.connect('DISK')
  for (let number = 0; number < 100; number += 1) await other.put('OTHER', `o${number}`, { persistent: true })
  await using connection = await host.connect('DISK')
  const room = path.join(disk.directory, 'filler')
  fillUp(room)
  const ledger = new Ledger('full', connection, { stopsWhenRefused: true })
  await within('refusals', Promise.all(ledger.lanes))
  test.ok(ledger.answered.size > 0)
  const full: readonly number[] = [reasons.resourceProblem, reasons.backedOut]
  test.ok(ledger.refusals.has(reasons.resourceProblem))
  test.strictSame([...ledger.refusals].filter(reason => !full.includes(reason)), [])
  await using queue = await other.openQueue('OTHER')
  for (let number = 0; number < 50; number += 1) test.equal((await queue.get())?.text, `o${number}`)
  // A small message may still find a gap.
  const large = Buffer.alloc(256 * 1024)
  test.equal(await reasonOf(other.put('OTHER', large, { persistent: true })), reasons.resourceProblem)
  fs.rmSync(room)
  const limit = performance.now() + soonMs
  // What was refused has asked whether there is room now; the answer serves the next one.
  while ((await reasonOf(other.put('OTHER', large, { persistent: true }))) !== reasons.none) test.ok(performance.now() < limit, 'puts are taken again')
  const more = new Ledger('more', connection)
  await until('puts go on', () => more.answered.size > 1_000)
  await more.stop()
  test.strictSame([...more.refusals], [])
  await host.kill('DISK')
  await within('the end of the process', life.ended)
  await host.do('strmqm', ['DISK'])
  await using after = await host.connect('DISK')
  settle(test, [ledger, more], await emptied(after))
  await host.do('endmqm', ['-i', 'DISK'])
})

t.test('disk: it hangs, and the process is killed in the middle of a write -> strmqm waits until that has ended, says so, and starts it', needsDisk, async test => {
  const { disk, host, pid, refusal } = await inTheMiddleOfAWrite(test)
  await host.kill('DISK')
  test.equal(await within('the end of the put', refusal), reasons.connectionBroken)
  const strmqm = host.begin('strmqm', ['DISK'])
  await until('strmqm waits', () => strmqm.said().includes(`process ${pid} of its last life`))
  await disk.goOn()
  const ended = await within('the end of strmqm', strmqm.ended)
  test.equal(ended, 0, strmqm.said())
  await host.do('endmqm', ['-i', 'DISK'])
})

t.test('disk: it hangs for longer -> endmqm -p, strmqm and the resource script say that the killed process has not ended', needsDisk, async test => {
  const { disk, host, pid, refusal } = await inTheMiddleOfAWrite(test)
  const end = await host.run('endmqm', ['-p', 'DISK'])
  test.equal(end.code, 71, end.stdout + end.stderr)
  test.match(end.stderr, `process ${pid} was killed and is still there`)
  test.equal(await within('the end of the put', refusal), reasons.connectionBroken)
  const start = await host.run('strmqm', ['DISK'])
  test.equal(start.code, 24, start.stdout + start.stderr)
  test.match(start.stderr, /AMQ7005E: .* has not ended yet/)
  const script = (operation: string): Promise<CommandResult> =>
    tryCommand(['sh', path.join(projectDirectory, 'resource.d/mqseries'), 'DISK', operation], { env: { MQ_DATA_ROOT: host.root, HA_VARRUN: `${host.root}/run`, HA_OP_TIMEOUT_MS: '10000' } })
  const stop = await script('stop')
  test.equal(stop.code, 1, 'or its file system would be unmounted under it')
  test.match(stop.stderr, `DISK still runs as process ${pid}`)
  test.match(await script('status'), { stdout: /running/ })
  await disk.goOn()
  test.equal((await script('stop')).code, 0)
  await host.do('strmqm', ['DISK'])
  await host.do('endmqm', ['-i', 'DISK'])
})
