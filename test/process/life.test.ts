/** A killed process with a thread in a hanging write is tried with a real disk: test/system/mq-disk.test.ts. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { commandLineOf, isGone, lifeOf, statOf } from '../../src/process/life.js'

t.test('life: this process -> alive, with its words and threads', async test => {
  test.equal(lifeOf(process.pid), 'alive')
  test.match(statOf(process.pid), { state: /^[RS]$/, threads: fs.readdirSync('/proc/self/task').length })
  test.equal(commandLineOf(process.pid)[0], process.argv0)
})

t.test('life: a number nobody has -> gone', async test => {
  const pid = 4_194_305 // above the largest a kernel gives
  test.equal(lifeOf(pid), 'gone')
  test.equal(statOf(pid), null)
  test.strictSame(commandLineOf(pid), [])
})

t.test('life: a zombie -> gone, as it holds nothing', async test => {
  // The child of a program that never asks for it. It ends with its input, when sleep has taken the shell's place.
  const child = spawn('sh', ['-c', 'head -c 1 <&3 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore', 'pipe'] })
  test.teardown(() => {
    child.kill('SIGKILL')
  })
  const [words] = (await once(child.stdout ?? child, 'data')) as [Buffer]
  const pid = Number(words.toString())
  const deadline = performance.now() + 10_000
  while (!commandLineOf(child.pid ?? 0).includes('60') && performance.now() < deadline) await new Promise(resolve => setImmediate(resolve))
  test.equal(lifeOf(pid), 'alive')
  const input = child.stdio[3]
  if (input === null || input === undefined || !('write' in input)) throw new Error('no pipe')
  input.write('x')
  while (lifeOf(pid) !== 'gone' && performance.now() < deadline) await new Promise(resolve => setImmediate(resolve))
  test.match(statOf(pid), { state: 'Z', threads: 1 })
})

t.test('life: a name with blanks and parentheses -> split after the last one', async test => {
  const program = path.join(test.testdir({}), 'a) (b c')
  fs.copyFileSync('/bin/sleep', program)
  fs.chmodSync(program, 0o755)
  const child = spawn(program, ['60'])
  test.teardown(() => {
    child.kill('SIGKILL')
  })
  await once(child, 'spawn')
  test.match(statOf(child.pid ?? 0), { name: 'a) (b c', threads: 1, processGroup: Number, startedAt: Number })
})

t.test('life: what is left of a process that was killed', async test => {
  const stat = { name: 'node', processGroup: 7, startedAt: 1 }
  test.equal(isGone({ ...stat, state: 'Z', threads: 1 }), true)
  test.equal(isGone({ ...stat, state: 'X', threads: 1 }), true)
  test.equal(isGone({ ...stat, state: 'Z', threads: 3 }), false, 'a thread waits for a disk')
  test.equal(isGone({ ...stat, state: 'D', threads: 1 }), false)
})
