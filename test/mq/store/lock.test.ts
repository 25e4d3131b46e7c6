/** The lock on the data directory and the right to write, with real processes: killed, frozen, and succeeded. */

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { instant } from '../../../src/base/units.js'
import { growEpoch, readEpoch, readEpochNow, RightToWrite } from '../../../src/mq/store/epoch.js'
import { instanceStatus, type RecordedState } from '../../../src/mq/store/instance-status.js'
import { acquireLock, lockHolder, lockHostName, type LockState } from '../../../src/mq/store/lock.js'
import { realDisk } from '../../../src/mq/store/real-disk.js'

const program = fileURLToPath(new URL('./lock-holder.js', import.meta.url))

interface Said {
  readonly held?: boolean
  readonly epoch?: number
  readonly pids?: number[]
  readonly refused?: unknown
  readonly mayWrite?: boolean
  readonly why?: string | null
  readonly lost?: string
  readonly released?: boolean
}

/** A holder in a process of its own. */
class Instance {
  readonly child: ChildProcess
  readonly #said: Said[] = []
  #wake: (() => void) | null = null

  constructor(test: { teardown(done: () => void): void }, directory: string, ...options: string[]) {
    this.child = fork(program, [directory, ...options])
    this.child.on('message', message => {
      this.#said.push(message as Said) // lock-holder.ts says nothing else
      this.#wake?.()
    })
    test.teardown(() => this.child.kill('SIGKILL'))
  }

  async next(): Promise<Said> {
    for (;;) {
      const said = this.#said.shift()
      if (said !== undefined) return said
      const { promise, resolve, reject } = withResolvers()
      const deadline = setTimeout(() => reject(new Error('the holder says nothing')), 20_000)
      this.#wake = resolve
      await promise.finally(() => clearTimeout(deadline))
    }
  }

  async ask(question: object): Promise<Said> {
    this.child.send(question)
    return await this.next()
  }

  async kill(): Promise<void> {
    const gone = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await gone
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = (): void => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

t.test('lock: a second taker -> refused, and told which process of which host has it', async test => {
  const directory = test.testdir()
  const first = new Instance(test, directory)
  test.match(await first.next(), { held: true, epoch: 1 })
  test.strictSame(await acquireLock(directory), { kind: 'refused', heldBy: { host: lockHostName(), processId: first.child.pid } })
  test.match(await new Instance(test, directory).next(), { refused: { processId: first.child.pid } })
  test.strictSame(await lockHolder(directory), { isHeld: true, isHere: true, holder: { host: lockHostName(), processId: first.child.pid } })
  test.equal(fs.statSync(`${directory}/master`).size, 30, 'the file names its holder in 30 bytes')
})

t.test('lock: the holder is killed with SIGKILL -> free at once, though children of his live on', async test => {
  const directory = test.testdir()
  const first = new Instance(test, directory, 'with-children')
  const { pids = [] } = await first.next()
  test.teardown(() => pids.forEach(pid => process.kill(pid)))
  await first.kill()
  test.strictSame(await lockHolder(directory), { isHeld: false, isHere: false, holder: { host: lockHostName(), processId: first.child.pid } })
  const second = new Instance(test, directory)
  test.match(await second.next(), { held: true, epoch: 2 })
  test.equal(pids.length, 2)
  pids.forEach(pid => test.ok(process.kill(pid, 0), 'the child lives'))
})

t.test('lock: released -> the next one has it, and the name in the file is his', async test => {
  const directory = test.testdir()
  const first = new Instance(test, directory)
  await first.next()
  test.match(await first.ask({ ask: 'release' }), { released: true })
  const lock = await acquireLock(directory)
  test.equal(lock.kind, 'held')
  test.equal((await lockHolder(directory)).holder?.processId, process.pid)
  if (lock.kind === 'held') lock.release()
  test.equal((await lockHolder(directory)).isHeld, false)
})

t.test('lock: a reader that looks all the time -> never keeps a taker out', async test => {
  const directory = test.testdir()
  fs.writeFileSync(`${directory}/master`, '')
  let isDone = false
  const look = async (): Promise<void> => {
    while (!isDone) await lockHolder(directory)
  }
  const reader = look()
  for (let round = 0; round < 5; round += 1) {
    const lock = await acquireLock(directory)
    test.equal(lock.kind, 'held')
    if (lock.kind === 'held') lock.release()
  }
  isDone = true
  await reader
})

t.test('lock: its file is removed or replaced -> the holder is told, once, and may not write', async test => {
  for (const replace of [false, true]) {
    const directory = test.testdir()
    const lock = await acquireLock(directory)
    if (lock.kind === 'refused') throw new Error('nobody else is here')
    const told: string[] = []
    lock.onLost = why => told.push(why)
    test.equal(lock.isHeld(), true)
    fs.unlinkSync(`${directory}/master`)
    if (replace) fs.writeFileSync(`${directory}/master`, 'x')
    test.equal(lock.isHeld(), false)
    test.equal(lock.isHeld(), false)
    test.match(told, [replace ? /master was replaced by another file/ : /cannot be checked: ENOENT/])
    test.equal(lock.lostBecause, told[0])
    lock.release()
  }
})

t.test('lock: taken away while the holder is idle -> he is told without asking', async test => {
  const directory = test.testdir()
  const first = new Instance(test, directory)
  await first.next()
  fs.unlinkSync(`${directory}/master`)
  test.match(await first.next(), { lost: /cannot be checked/ })
})

t.test('lock: no such directory, a directory of that name -> a clear error, not "free"', async test => {
  const directory = test.testdir({ master: {} })
  await test.rejects(acquireLock(`${directory}/none`), { code: 'HA_STATE_UNUSABLE' })
  await test.rejects(lockHolder(`${directory}/none`), { code: 'HA_STATE_UNUSABLE' })
  await test.rejects(acquireLock(directory), { code: 'HA_STATE_UNUSABLE' })
})

t.test('lock: never taken, or its file holds garbage -> free, holder unknown; looking creates nothing', async test => {
  const directory = test.testdir()
  test.strictSame(await lockHolder(directory), { isHeld: false, isHere: false, holder: null })
  test.strictSame(fs.readdirSync(directory), [])
  for (const text of ['', 'x', 'alpha', 'alpha -1                      \n', `${'a'.repeat(300)} 1\n`]) {
    fs.writeFileSync(`${directory}/master`, text)
    test.equal((await lockHolder(directory)).holder, null)
  }
})

t.test('epoch: grows with each start, durable under its name, never below what the log has seen', async test => {
  const directory = test.testdir()
  test.equal(await readEpoch(realDisk, directory), 0)
  test.equal(await growEpoch(realDisk, directory), 1)
  test.equal(await growEpoch(realDisk, directory), 2)
  test.equal(readEpochNow(directory), 2)
  test.equal(await growEpoch(realDisk, directory, 9), 10)
  test.equal(await readEpoch(realDisk, directory), 10)
  test.strictSame(fs.readdirSync(directory), ['epoch'])
})

t.test('epoch: the file is damaged -> refused with its name, and left as it is', async test => {
  for (const text of ['', 'epoch 3 2\n', 'epoch 0 0\n', 'epoch 4294967296 4294967296\n', 'epoch 7 7', 'x'.repeat(100)]) {
    const directory = test.testdir({ epoch: text })
    await test.rejects(growEpoch(realDisk, directory), { code: 'HA_MQ_DAMAGED', message: /epoch is damaged/ })
    test.throws(() => readEpochNow(directory), { code: 'HA_MQ_DAMAGED' })
    test.equal(fs.readFileSync(`${directory}/epoch`, 'utf8'), text)
  }
})

t.test('right to write: seen less than a second ago -> not looked at; then looked at; lost once, lost for ever', test => {
  let epoch = 4
  let isLockHeld = true
  let looks = 0
  const readEpoch = (): number => {
    looks += 1
    return epoch
  }
  const right = new RightToWrite({ epoch: 4, readEpoch, isLockHeld: () => isLockHeld }, instant(0))
  test.equal(right.mayWrite(instant(999)), true)
  test.equal(looks, 0)
  test.equal(right.mayWrite(instant(1_000)), true)
  test.equal(right.mayWrite(instant(1_999)), true)
  test.equal(looks, 1)
  epoch = 5
  test.equal(right.mayWrite(instant(1_999)), true)
  test.equal(right.mayWrite(instant(2_000)), false)
  test.match(right.lostBecause, /another instance was started: the epoch is 5, ours was 4/)
  epoch = 4
  test.equal(right.mayWrite(instant(9_000)), false)

  isLockHeld = false
  const unlocked = new RightToWrite({ epoch: 4, readEpoch, isLockHeld: () => isLockHeld }, instant(0))
  test.equal(unlocked.mayWrite(instant(5_000)), false)
  test.match(unlocked.lostBecause, /lock/)

  const unreadable = new RightToWrite({ epoch: 4, readEpoch: () => readEpochNow('/nonexistent'), isLockHeld: () => true }, instant(0))
  test.equal(unreadable.mayWrite(instant(5_000)), false)
  test.match(unreadable.lostBecause, /cannot be read: ENOENT/)
  test.end()
})

t.test('frozen holder: stopped, the epoch moves on, continued -> it may not write any more', async test => {
  const directory = test.testdir()
  const first = new Instance(test, directory)
  test.match(await first.next(), { held: true, epoch: 1 })
  test.match(await first.ask({ ask: 'may-write', now: 2_000 }), { mayWrite: true })
  first.child.kill('SIGSTOP')
  await growEpoch(realDisk, directory)
  first.child.kill('SIGCONT')
  test.match(await first.ask({ ask: 'may-write', now: 4_000 }), { mayWrite: false, why: /another instance was started/ })
})

t.test('frozen holder: stopped and nobody came -> still has the lock; killed while stopped -> free', async test => {
  const directory = test.testdir()
  const first = new Instance(test, directory)
  await first.next()
  first.child.kill('SIGSTOP')
  test.equal((await acquireLock(directory)).kind, 'refused')
  await first.kill()
  const lock = await acquireLock(directory)
  test.equal(lock.kind, 'held')
  if (lock.kind === 'held') lock.release()
})

t.test('status: what was recorded and who holds the lock -> the words of dspmq', test => {
  const here: LockState = { isHeld: true, isHere: true, holder: null }
  const elsewhere: LockState = { ...here, isHere: false }
  const free: LockState = { ...elsewhere, isHeld: false }
  const words = (lock: LockState, states: readonly (RecordedState | null)[]): string[] => states.map(state => instanceStatus(state, lock))
  const alive: RecordedState[] = ['starting', 'running', 'quiescing', 'ending-immediately', 'ending-preemptively']
  const ended: RecordedState[] = ['ended-normally', 'ended-immediately', 'ended-preemptively']
  test.strictSame(words(here, alive), ['Starting', 'Running', 'Quiescing', 'Ending immediately', 'Ending pre-emptively'])
  test.strictSame(words(here, [...ended, null]), Array(4).fill('Starting'))
  test.strictSame(words(elsewhere, [...alive, ...ended]), Array(8).fill('Running elsewhere'))
  test.strictSame(words(free, alive), Array(5).fill('Ended unexpectedly'))
  test.strictSame(words(free, [...ended, null]), ['Ended normally', 'Ended immediately', 'Ended pre-emptively', 'Ended immediately'])
  test.equal(instanceStatus('running', elsewhere, here), 'Running as standby')
  test.equal(instanceStatus('running', null), 'Status not available')
  test.end()
})
