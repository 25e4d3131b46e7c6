import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import tls from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { instant } from '../../../src/base/units.js'
import type { Engine, EngineOwner, MqClock } from '../../../src/mq/core/engine.js'
import { supervise } from '../../../src/daemon/supervise.js'
import { Dispatcher } from '../../../src/mq/listener/dispatcher.js'
import { Listener } from '../../../src/mq/listener/listener.js'
import type { ListenerOptions } from '../../../src/mq/listener/listener.js'
import { RestServer } from '../../../src/mq/listener/rest.js'
import type { Session, SessionContext } from '../../../src/mq/protocol/session.js'

const clock: MqClock = { now: () => instant(performance.now()), wallMs: () => Date.now() }
const magic = Buffer.from('HBMQ\x01', 'latin1')

/** An engine that nobody calls: these tests are about sockets. */
const idleEngine = {
  name: 'QM1',
  qmid: 'QM1_x',
  nextDeadline: () => null,
  takeAnswers: () => [],
  takeEvents: () => [],
  onTick: () => undefined,
  onForced: () => undefined
} as unknown as Engine & EngineOwner

interface Seen {
  readonly contexts: SessionContext[]
  readonly bytes: Buffer[]
  readonly events: string[]
}

/** A session that remembers what it was told and greets with its protocol's name. */
function recorder(protocol: Session['protocol'], seen: Seen): (context: SessionContext) => Session {
  return context => {
    seen.contexts.push(context)
    return {
      protocol,
      onBytes: bytes => {
        seen.bytes.push(bytes)
        context.authorize('', { kind: 'none' }, 1)
        context.output.write(Buffer.from(`${protocol}\n`))
      },
      onAnswer: () => undefined,
      onAuthorized: (_, verdict) => seen.events.push(verdict.ok ? `admitted ${verdict.user}` : `refused ${verdict.reason}`),
      onCommand: () => undefined,
      onWritable: () => seen.events.push('writable'),
      onTick: () => undefined,
      onEnd: () => context.output.end(null),
      onClosed: () => seen.events.push('closed')
    }
  }
}

interface Fixture extends Seen {
  readonly listener: Listener
  readonly port: number
  readonly notes: string[]
}

async function fixture(test: Test, changes: Partial<ListenerOptions> = {}): Promise<Fixture> {
  const seen: Seen = { contexts: [], bytes: [], events: [] }
  const notes: string[] = []
  const dispatcher = new Dispatcher({ engine: idleEngine, clock })
  const admit = changes.admit ?? (applicant => Promise.resolve({ ok: true, user: 'alice', channel: applicant.channel }))
  const listener = new Listener({
    dispatcher,
    clock,
    sessions: { client: recorder('client', seen), stomp: recorder('stomp', seen) },
    rest: new RestServer({ dispatcher, clock, bodyBytesMax: 1 << 20, headerBytesMax: 1 << 14, headerCountMax: 50, admit, command: () => Promise.resolve({ outcome: 'done', lines: [] }), supervise }),
    clientMagic: magic,
    limits: { frameBytesMax: 1 << 20, headerCountMax: 100, headerBytesMax: 1 << 16, subscriptionsMax: 100, unacknowledgedMax: 1000, messageBytesMax: 1 << 22 },
    connectionsMax: 10,
    outputBytesMax: 256 * 1024,
    drainMs: 10_000,
    recogniseMs: 10_000,
    authorizeMs: 10_000,
    productVersion: '0',
    instance: '1',
    admit,
    command: () => Promise.resolve({ outcome: 'done', lines: [] }),
    tls: () => null,
    note: (_, text) => notes.push(text),
    supervise,
    ...changes
  })
  const open = await listener.openPort({ address: '127.0.0.1', port: 0, backlog: 100 })
  test.teardown(async () => {
    listener.destroyAll()
    dispatcher.close()
    await open.close()
  })
  return { ...seen, listener, port: open.port, notes }
}
async function dial(test: Test, port: number): Promise<net.Socket> {
  const socket = net.connect({ host: '127.0.0.1', port })
  socket.on('error', () => undefined)
  test.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}
const firstData = async (socket: net.Socket): Promise<string> => String((await once(socket, 'data'))[0])

t.test('listener: the first bytes of each protocol -> its session gets them all', async test => {
  for (const [hello, protocol] of [
    ['CONNECT\naccept-version:1.2\n\n\0', 'stomp'],
    ['\n\nSTOMP\n\n\0', 'stomp'],
    ['HBMQ\x01rest', 'client']
  ] as const) {
    const it = await fixture(test)
    const socket = await dial(test, it.port)
    socket.write(Buffer.from(hello, 'latin1'))
    test.equal(await firstData(socket), `${protocol}\n`)
    test.equal(Buffer.concat(it.bytes).toString('latin1'), hello)
  }
})

t.test('listener: a first word that comes byte by byte -> is recognised all the same', async test => {
  const it = await fixture(test)
  const socket = await dial(test, it.port)
  for (const letter of 'STOMP\n') {
    socket.write(letter)
    await new Promise(resolve => setImmediate(resolve))
  }
  test.equal(await firstData(socket), 'stomp\n')
})

t.test('listener: bytes of no protocol -> the connection is cut and said once', async test => {
  const it = await fixture(test)
  for (const garbage of ['\x00\x01\x02', 'HELO mail\r\n', '\x16\x03\x01', 'CONNEXION\n']) {
    const socket = await dial(test, it.port)
    socket.write(Buffer.from(garbage, 'latin1'))
    await once(socket, 'close')
  }
  test.equal(it.contexts.length, 0)
  test.equal(it.notes.length, 1, 'further refusals are counted, not told')
  test.match(it.notes[0], /AMQ9207: 127\.0\.0\.1 speaks no protocol we know/)
})

t.test('listener: more connections than allowed -> the surplus is refused, a free place is given again', async test => {
  const it = await fixture(test, { connectionsMax: 2 })
  const sockets = []
  for (let i = 0; i < 2; i++) {
    const socket = await dial(test, it.port)
    socket.write('STOMP\n')
    await firstData(socket)
    sockets.push(socket)
  }
  const surplus = await dial(test, it.port)
  await once(surplus, 'close')
  test.match(it.notes[0], /AMQ9694/)
  sockets[0]?.destroy()
  while (it.listener.connections > 1) await new Promise(resolve => setImmediate(resolve))
  const again = await dial(test, it.port)
  again.write('STOMP\n')
  test.equal(await firstData(again), 'stomp\n')
})

t.test('listener: a peer that says nothing -> is cut after its time', async test => {
  const it = await fixture(test, { recogniseMs: 20 })
  const socket = await dial(test, it.port)
  await once(socket, 'close')
  test.match(it.notes[0], /did not say what it speaks/)
})

t.test('listener: a peer that is not admitted in time -> is cut', async test => {
  const it = await fixture(test, { authorizeMs: 20, admit: () => new Promise(() => undefined) })
  const socket = await dial(test, it.port)
  socket.resume().write('STOMP\n')
  await once(socket, 'close')
  test.match(it.notes[0], /did not prove who it is/)
  while (!it.events.includes('closed')) await new Promise(resolve => setImmediate(resolve))
  test.pass('its session is told')
})

t.test('listener: a refusal -> reaches the session with its reason, and the log with the rule', async test => {
  const it = await fixture(test, { admit: () => Promise.resolve({ ok: false, reason: 2035, why: 'CHLAUTH rule 3', channel: '' }) })
  const socket = await dial(test, it.port)
  socket.write('STOMP\n')
  await firstData(socket)
  while (it.events.length === 0) await new Promise(resolve => setImmediate(resolve))
  test.strictSame(it.events, ['refused 2035'])
  test.match(it.notes[0], /CHLAUTH rule 3/)
})

t.test('connection: a peer that reads nothing -> write says so, memory stays bounded, and the peer is cut', async test => {
  const it = await fixture(test, { drainMs: 200 })
  const socket = await dial(test, it.port)
  socket.write('STOMP\n')
  await firstData(socket)
  socket.pause()
  const output = it.contexts[0]?.output
  if (output === undefined) throw new Error('no session')
  let written = 0
  while (output.write(Buffer.alloc(64 * 1024))) {
    written += 1
    await new Promise(resolve => setImmediate(resolve))
    if (written > 10_000) break
  }
  test.ok(written < 10_000, 'write answers false')
  await new Promise<void>(resolve => {
    const look = (): void => {
      if (it.events.includes('closed')) resolve()
      else setImmediate(look)
    }
    look()
  })
  test.match(it.notes.at(-1), /took nothing/)
})

t.test('connection: a slow peer that reads at last -> the session hears that it may go on', async test => {
  const it = await fixture(test)
  const socket = await dial(test, it.port)
  socket.write('STOMP\n')
  await firstData(socket)
  socket.pause()
  const output = it.contexts[0]?.output
  while (output?.write(Buffer.alloc(64 * 1024)) === true) await new Promise(resolve => setImmediate(resolve))
  socket.resume()
  while (!it.events.includes('writable')) await new Promise(resolve => setImmediate(resolve))
  test.pass()
})

t.test('listener: a TLS handshake -> the protocol is recognised inside; plain peers from here may go on', { skip: hasOpenssl() ? false : 'missing tool: openssl' }, async test => {
  const dir = test.testdir({})
  const key = path.join(dir, 'key.pem')
  const certificate = path.join(dir, 'certificate.pem')
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  const context = tls.createSecureContext({ key: fs.readFileSync(key), cert: fs.readFileSync(certificate) })
  const it = await fixture(test, { tls: () => ({ context, isRequired: true, asksCertificate: false }) })
  const socket = tls.connect({ host: '127.0.0.1', port: it.port, ca: fs.readFileSync(certificate), servername: 'localhost' })
  test.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  socket.write('STOMP\nlogin:a\n\n\0')
  test.equal(await firstData(socket), 'stomp\n')
  test.equal(it.contexts[0]?.isTls, true)
  test.equal(Buffer.concat(it.bytes).toString(), 'STOMP\nlogin:a\n\n\0')
  const plain = await dial(test, it.port)
  plain.write('STOMP\n')
  test.equal(await firstData(plain), 'stomp\n')
})

t.test('listener: the end of a channel -> its instances are told, others go on', async test => {
  const it = await fixture(test, { admit: () => Promise.resolve({ ok: true, user: 'a', channel: 'APP.ONE' }) })
  const socket = await dial(test, it.port)
  socket.write('STOMP\n')
  await firstData(socket)
  while (it.listener.instances('APP.ONE') === 0) await new Promise(resolve => setImmediate(resolve))
  test.equal(it.listener.channels()[0]?.user, 'a')
  test.equal(it.listener.endChannel('APP.TWO', 'now'), 0)
  test.equal(it.listener.endChannel('APP.ONE', 'now'), 1)
  socket.resume()
  await once(socket, 'close')
})

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return false
  }
}
