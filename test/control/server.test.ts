import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { HaError } from '../../src/base/errors.js'
import { instant, millis } from '../../src/base/units.js'
import { request } from '../../src/control/client.js'
import { connectionsMax, lineBytesMax } from '../../src/control/protocol.js'
import type { ControlRequest } from '../../src/control/protocol.js'
import { startControlServer } from '../../src/control/server.js'
import type { ControlReply, ControlServer } from '../../src/control/server.js'
import { systemClock } from '../../src/daemon/system-clock.js'
import type { Clock } from '../../src/port/clock.js'
import { shortDirectory } from './short-directory.js'

type Handler = (request: ControlRequest, reply: ControlReply, signal: AbortSignal) => void

const answerDone: Handler = (asked, reply) => reply.done({ kind: 'done', note: asked.kind })

async function serve(t: Test, onRequest: Handler, clock: Clock = systemClock): Promise<{ path: string; server: ControlServer }> {
  const path = join(shortDirectory(t), 'control')
  const server = await startControlServer({ path, clock, onRequest })
  t.teardown(() => server.close())
  return { path, server }
}

/** A clock whose timers fire when the test says so. */
function handClock(): Clock & { advance(ms: number): void } {
  let now = 0
  let timers: { at: number; callback: () => void }[] = []
  return {
    monotonic: () => instant(now),
    wall: () => now,
    schedule(delay, callback) {
      const timer = { at: now + delay, callback }
      timers.push(timer)
      return { cancel: () => void (timers = timers.filter(other => other !== timer)) }
    },
    advance(ms) {
      now += ms
      const due = timers.filter(timer => timer.at <= now)
      timers = timers.filter(timer => timer.at > now)
      for (const timer of due) timer.callback()
    }
  }
}

/** Sends bytes as they are and returns all that came back until the connection closed. */
async function raw(path: string, bytes: string | Buffer, options: { end?: boolean } = {}): Promise<string> {
  const socket = createConnection(path)
  let said = ''
  socket.setEncoding('utf8').on('data', chunk => (said += chunk))
  socket.on('error', () => socket.destroy()) // a reset while we still write is one way of being refused
  if (options.end === true) socket.end(bytes)
  else socket.write(bytes)
  await once(socket, 'close')
  return said
}

const ask = (path: string, asked: ControlRequest, more: { onProgress?: (text: string) => void; timeoutMs?: number } = {}) =>
  request(path, asked, { clock: systemClock, timeoutMs: millis(more.timeoutMs ?? 5_000), ...(more.onProgress ? { onProgress: more.onProgress } : {}) })

t.test('control: request with progress -> progress in order, then the result, then the connection ends', async t => {
  const { path, server } = await serve(t, (_asked, reply) => {
    reply.progress('giving up 10.0.0.5')
    reply.progress('giving up 10.0.0.6')
    reply.done({ kind: 'done', note: 'all released' })
    reply.progress('too late')
    reply.done({ kind: 'done', note: 'twice' })
  })
  const progress: string[] = []
  t.strictSame(await ask(path, { kind: 'stop' }, { onProgress: text => progress.push(text) }), { kind: 'done', note: 'all released' })
  t.strictSame(progress, ['giving up 10.0.0.5', 'giving up 10.0.0.6'])
  await server.close()
  t.equal(server.connections, 0)
  t.notOk(existsSync(path), 'the socket is gone')
})

t.test('control: the socket is for its owner and group only', async t => {
  const { path } = await serve(t, answerDone)
  t.equal(statSync(path).mode & 0o777, 0o660)
})

t.test('control: bad requests -> one HA_CONTROL_BAD_REQUEST each, and the server goes on', async t => {
  const { path } = await serve(t, answerDone)
  const cases: readonly [string, RegExp][] = [
    ['hello\n', /not JSON/],
    ['[]\n', /not a JSON object/],
    ['null\n', /not a JSON object/],
    ['{"v":1}\n', /id must be/],
    ['{"v":2,"id":3,"request":{"kind":"status"}}\n', /version 2 .*speaks version 1/],
    ['{"v":1,"id":3,"request":{"kind":"explode"}}\n', /unknown request .*explode/],
    ['{"v":1,"id":3,"request":{"kind":"standby"}}\n', /scope must be/],
    ['{"v":1,"id":3,"request":{"kind":"standby","scope":{"kind":"group"}}}\n', /key must be/],
    ['{"v":1,"id":3,"request":{"kind":"takeover","scope":{"kind":"all"},"force":1}}\n', /force must be/],
    ['\n', /not JSON/],
    ['{"v":1,"id":3,"request":{"__proto__":{"kind":"stop"}}}\n', /unknown request/]
  ]
  for (const [line, expected] of cases) {
    const answer = JSON.parse(await raw(path, line)) as { ok: boolean; error: { code: string; message: string } }
    t.equal(answer.error.code, 'HA_CONTROL_BAD_REQUEST', line)
    t.match(answer.error.message, expected)
  }
  t.same(await ask(path, { kind: 'status' }), { kind: 'done', note: 'status' })
})

t.test('control: line longer than the limit -> refused without waiting for its end', async t => {
  const { path } = await serve(t, answerDone)
  t.match(await raw(path, Buffer.alloc(lineBytesMax + 1, 'x')), /HA_CONTROL_BAD_REQUEST/)
})

t.test('control: half a line, then the end -> refused', async t => {
  const { path } = await serve(t, answerDone)
  t.match(await raw(path, '{"v":1,', { end: true }), /ended before its line feed/)
})

t.test('control: half a line, then silence -> refused at the deadline', async t => {
  const clock = handClock()
  const { path, server } = await serve(t, answerDone, clock)
  const socket = createConnection(path)
  const answer = collect(socket)
  socket.write('{"v":1')
  await until(() => server.connections === 1)
  clock.advance(10_000)
  t.match(await answer, /no complete request within 10 s/)
})

t.test('control: binary rubbish -> refused', async t => {
  const { path } = await serve(t, answerDone)
  t.match(await raw(path, Buffer.from([0, 255, 254, 10, 13, 10])), /HA_CONTROL_BAD_REQUEST/)
})

t.test('control: a request in many pieces -> understood', async t => {
  const { path } = await serve(t, answerDone)
  const socket = createConnection(path)
  const answer = collect(socket)
  for (const character of '{"v":1,"id":9,"request":{"kind":"status"}}\n') {
    if (!socket.write(character)) await once(socket, 'drain')
    await new Promise(resolve => setImmediate(resolve))
  }
  t.match(await answer, /"id":9,"ok":true/)
})

t.test('control: one connection too many -> HA_CONTROL_BUSY; room again when one ends', async t => {
  const { path, server } = await serve(t, answerDone)
  const idle = Array.from({ length: connectionsMax }, () => createConnection(path))
  t.teardown(() => idle.forEach(socket => socket.destroy()))
  await until(() => server.connections === connectionsMax)
  await t.rejects(ask(path, { kind: 'status' }), { code: 'HA_CONTROL_BUSY' })
  idle[0]?.destroy()
  await until(() => server.connections < connectionsMax)
  t.same(await ask(path, { kind: 'status' }), { kind: 'done', note: 'status' })
})

t.test('control: asker that never reads -> cut when too much is unread, and the signal aborts', async t => {
  let aborted = false
  const { path, server } = await serve(t, (_asked, reply, signal) => {
    signal.addEventListener('abort', () => (aborted = true))
    const line = 'x'.repeat(64 * 1024)
    for (let count = 0; count < 64; count += 1) reply.progress(line)
  })
  const socket = createConnection(path)
  socket.pause()
  socket.on('error', () => socket.destroy())
  t.teardown(() => socket.destroy())
  socket.write('{"v":1,"id":1,"request":{"kind":"status"}}\n')
  await until(() => aborted)
  t.equal(server.connections, 0)
})

t.test('control: answered asker that neither reads nor hangs up -> cut at the drain deadline', async t => {
  const clock = handClock()
  const { path, server } = await serve(t, (_asked, reply) => reply.fail('HA_UNKNOWN_GROUP', 'x'.repeat(600 * 1024)), clock)
  const socket = createConnection({ path, allowHalfOpen: true })
  socket.pause()
  socket.on('error', () => socket.destroy())
  t.teardown(() => socket.destroy())
  socket.write('{"v":1,"id":1,"request":{"kind":"status"}}\n')
  await until(() => server.connections === 1)
  await until(() => {
    clock.advance(5_000)
    return server.connections === 0
  })
})

t.test('control: asker hangs up while waiting -> the signal aborts', async t => {
  let signal: AbortSignal | null = null
  const { path } = await serve(t, (_asked, _reply, given) => (signal = given))
  const socket = createConnection(path)
  socket.write('{"v":1,"id":1,"request":{"kind":"stop"}}\n')
  await until(() => signal !== null)
  socket.destroy()
  await until(() => (signal as AbortSignal | null)?.aborted === true)
})

t.test('control: closed with a request unanswered -> HA_NOT_RUNNING, in bounded time', async t => {
  let asked = false
  const { path, server } = await serve(t, () => (asked = true))
  const answer = ask(path, { kind: 'stop' }).then(() => 'answered', (error: HaError) => error.code)
  await until(() => asked)
  await server.close()
  t.equal(await answer, 'HA_NOT_RUNNING')
})

t.test('control: socket left by a dead daemon -> replaced; by a living one -> HA_ALREADY_RUNNING', async t => {
  const path = join(shortDirectory(t), 'control')
  const child = spawn(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.ok(existsSync(path))
  const first = await startControlServer({ path, clock: systemClock, onRequest: answerDone })
  t.teardown(() => first.close())
  await t.rejects(startControlServer({ path, clock: systemClock, onRequest: answerDone }), { code: 'HA_ALREADY_RUNNING' })
  t.same(await ask(path, { kind: 'status' }), { kind: 'done', note: 'status' }, 'the first one still answers')
})

t.test('control: something else at the path, or a path too long -> HA_STATE_UNUSABLE, nothing removed', async t => {
  const path = join(shortDirectory(t), 'control')
  writeFileSync(path, 'precious')
  await t.rejects(startControlServer({ path, clock: systemClock, onRequest: answerDone }), { code: 'HA_STATE_UNUSABLE' })
  t.ok(existsSync(path))
  await t.rejects(startControlServer({ path: `/tmp/${'x'.repeat(120)}`, clock: systemClock, onRequest: answerDone }), { code: 'HA_STATE_UNUSABLE' })
})

t.test('client: nobody listens, no permission, no answer, garbled answer -> a code each', async t => {
  const directory = shortDirectory(t)
  await t.rejects(ask(join(directory, 'absent'), { kind: 'status' }), { code: 'HA_NOT_RUNNING' })

  const { path } = await serve(t, () => undefined)
  await t.rejects(ask(path, { kind: 'status' }, { timeoutMs: 50 }), { code: 'HA_CONTROL_TIMEOUT' })

  const { createServer } = await import('node:net')
  const odd = createServer(socket => socket.end('what?\n'))
  const oddPath = join(directory, 'odd')
  await new Promise<void>(resolve => odd.listen(oddPath, resolve))
  t.teardown(() => odd.close())
  await t.rejects(ask(oddPath, { kind: 'status' }), { code: 'HA_CONTROL_BAD_REQUEST' })
})

t.test('client: a stranger to the group -> HA_NOT_PERMITTED', { skip: process.getuid?.() !== 0 && 'needs root to become somebody else' }, async t => {
  const directory = shortDirectory(t)
  chmodSync(directory, 0o755)
  const path = join(directory, 'control')
  const server = await startControlServer({ path, clock: systemClock, onRequest: answerDone })
  t.teardown(() => server.close())
  process.seteuid?.(65534)
  try {
    await t.rejects(ask(path, { kind: 'status' }), { code: 'HA_NOT_PERMITTED' })
  } finally {
    process.seteuid?.(0)
  }
})

async function collect(socket: Socket): Promise<string> {
  let said = ''
  socket.setEncoding('utf8').on('data', chunk => (said += chunk))
  await once(socket, 'close')
  return said
}

/** Waits for a condition that events outside this process bring about, for at most five seconds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not come true within 5 s')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
