import http from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { instant } from '../../../src/base/units.js'
import type { MqClock } from '../../../src/mq/core/engine.js'
import { supervise } from '../../../src/daemon/supervise.js'
import { Dispatcher } from '../../../src/mq/listener/dispatcher.js'
import { Listener, type ListenerOptions } from '../../../src/mq/listener/listener.js'
import { RestServer } from '../../../src/mq/listener/rest.js'
import { resourceOf } from '../../../src/mq/listener/rest-words.js'
import { CoreFixture, putRequest } from '../fake/core-fixture.js'

const clock: MqClock = { now: () => instant(performance.now()), wallMs: () => Date.now() }

interface Answered {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

interface Fixture {
  readonly core: CoreFixture
  readonly dispatcher: Dispatcher
  readonly listener: Listener
  ask(method: string, path: string, options?: { readonly headers?: Record<string, string>; readonly body?: string | Buffer; readonly signal?: AbortSignal }): Promise<Answered>
  /** Everything appended is forced, as the log would do it after a while. */
  force(): void
}

const base = '/ibmmq/rest/v2/messaging/qmgr/QM1'
const csrf = { 'ibm-mq-rest-csrf-token': '' }

async function fixture(test: Test, changes: Partial<ListenerOptions> = {}): Promise<Fixture> {
  const core = new CoreFixture()
  core.qm.define({ type: 'QLOCAL', name: 'Q1', attributes: { MAXDEPTH: 100, MAXMSGL: 1000, PUT: 'ENABLED', GET: 'ENABLED', DEFPSIST: 'YES' } })
  const dispatcher = new Dispatcher({ engine: core.qm, clock })
  const force = (): void => {
    core.journal.force()
    dispatcher.onForced()
  }
  force()
  const admit: ListenerOptions['admit'] = changes.admit ?? (applicant => Promise.resolve({ ok: true, user: applicant.credentials.kind === 'password' ? applicant.credentials.user : '', channel: '' }))
  const command: ListenerOptions['command'] = text => Promise.resolve({ outcome: 'done', lines: [`ran ${text}`] })
  const rest = new RestServer({ dispatcher, clock, bodyBytesMax: 4096, headerBytesMax: 16_384, headerCountMax: 50, admit, command, supervise })
  const noSession = (): never => {
    throw new Error('only HTTP here')
  }
  const listener = new Listener({
    dispatcher,
    clock,
    sessions: { client: noSession, stomp: noSession },
    rest,
    clientMagic: Buffer.from('HBMQ'),
    limits: { frameBytesMax: 1 << 20, headerCountMax: 100, headerBytesMax: 1 << 16, subscriptionsMax: 100, unacknowledgedMax: 1000, messageBytesMax: 1 << 22 },
    connectionsMax: 100,
    outputBytesMax: 1 << 20,
    drainMs: 10_000,
    recogniseMs: 10_000,
    authorizeMs: 10_000,
    productVersion: '0',
    instance: '1',
    admit,
    command,
    tls: () => null,
    note: () => undefined,
    supervise,
    ...changes
  })
  const open = await listener.openPort({ address: '127.0.0.1', port: 0, backlog: 10 })
  // A put waits for the log; here it is forced as soon as the loop comes round.
  const forcer = setInterval(force, 1)
  test.teardown(async () => {
    clearInterval(forcer)
    listener.destroyAll()
    dispatcher.close()
    await open.close()
  })
  return {
    core,
    dispatcher,
    listener,
    force,
    async ask(method, path, options = {}) {
      const request = http.request({ host: '127.0.0.1', port: open.port, method, path, headers: options.headers ?? {}, agent: false, ...(options.signal === undefined ? {} : { signal: options.signal }) })
      request.end(options.body)
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }
    }
  }
}

t.test('rest: a message put, browsed, listed and got -> 201, 200, 200, 200, then 204', async test => {
  const { ask } = await fixture(test)
  const put = await ask('POST', `${base}/queue/Q1/message`, { headers: { ...csrf, 'Content-Type': 'text/plain;charset=utf-8', 'ibm-mq-md-persistence': 'persistent', 'ibm-mq-md-correlationId': 'ab'.repeat(24) }, body: 'grüße' })
  test.equal(put.status, 201)
  const id = put.headers['ibm-mq-md-messageid']
  test.match(id, /^[0-9a-f]{48}$/)
  const seen = await ask('GET', `${base}/queue/Q1/message`)
  test.equal(seen.status, 200)
  test.equal(seen.body, 'grüße')
  test.equal(seen.headers['ibm-mq-md-persistence'], 'persistent')
  const list = await ask('GET', `${base}/queue/Q1/messagelist`)
  test.strictSame(JSON.parse(list.body), { messages: [{ messageId: id, format: 'MQSTR', correlationId: 'ab'.repeat(24) }] })
  const other = await ask('DELETE', `${base}/queue/Q1/message?correlationId=${'cd'.repeat(24)}`, { headers: csrf })
  test.equal(other.status, 204)
  const got = await ask('DELETE', `${base}/queue/Q1/message?messageId=${String(id)}`, { headers: csrf })
  test.equal(got.status, 200)
  test.equal(got.body, 'grüße')
  test.equal((await ask('DELETE', `${base}/queue/Q1/message`, { headers: csrf })).status, 204)
})

t.test('rest: persistence is not said -> the message is not persistent, whatever the queue says', async test => {
  const { ask } = await fixture(test)
  await ask('POST', `${base}/queue/Q1/message`, { headers: csrf, body: 'x' })
  test.equal((await ask('GET', `${base}/queue/Q1/message`)).headers['ibm-mq-md-persistence'], 'nonPersistent')
})

t.test('rest: a get that waits -> is answered when a message comes', async test => {
  const { ask } = await fixture(test)
  const waiting = ask('DELETE', `${base}/queue/Q1/message?wait=20000`, { headers: csrf })
  await ask('POST', `${base}/queue/Q1/message`, { headers: csrf, body: 'late' })
  test.equal((await waiting).body, 'late')
})

t.test('rest: a client that waits and leaves -> takes no message with it', async test => {
  const { ask, core } = await fixture(test)
  const abort = new AbortController()
  const waiting = ask('DELETE', `${base}/queue/Q1/message?wait=20000`, { headers: csrf, signal: abort.signal })
  while (core.qm.connections().length === 0) await new Promise(resolve => setImmediate(resolve))
  abort.abort()
  await test.rejects(waiting)
  while (core.qm.connections().length > 0) await new Promise(resolve => setImmediate(resolve))
  await ask('POST', `${base}/queue/Q1/message`, { headers: csrf, body: 'kept' })
  test.equal((await ask('GET', `${base}/queue/Q1/message`)).body, 'kept')
})

t.test('rest: faulty requests -> each its status, nothing is stored', async test => {
  const { ask, core } = await fixture(test)
  const post = (path: string, headers: Record<string, string> = {}, body = 'x'): Promise<Answered> => ask('POST', path, { headers: { ...csrf, ...headers }, body })
  test.equal((await ask('POST', `${base}/queue/Q1/message`, { body: 'x' })).status, 403, 'no csrf header')
  test.equal((await post(`${base}/queue/NO.SUCH/message`)).status, 404)
  test.equal((await post('/ibmmq/rest/v2/messaging/qmgr/OTHER/queue/Q1/message')).status, 404)
  test.equal((await post('/elsewhere')).status, 404)
  test.equal((await post(`${base}/queue/%E0%A4%A/message`)).status, 404, 'a broken escape')
  test.equal((await post(`${base}/queue/Q1/message`, { 'Content-Type': 'image/png' })).status, 415)
  test.equal((await post(`${base}/queue/Q1/message`, { 'ibm-mq-md-persistence': 'maybe' })).status, 400)
  test.equal((await post(`${base}/queue/Q1/message`, { 'ibm-mq-md-expiry': '-5' })).status, 400)
  test.equal((await post(`${base}/queue/Q1/message`, { 'ibm-mq-md-correlationId': 'xyz' })).status, 400)
  test.equal((await post(`${base}/queue/Q1/message`, {}, 'x'.repeat(2000))).status, 413, 'above MAXMSGL')
  test.equal((await post(`${base}/queue/Q1/message`, {}, 'x'.repeat(9000))).status, 413, 'above what is read')
  test.equal((await ask('PUT', `${base}/queue/Q1/message`, { headers: csrf })).status, 405)
  test.equal((await ask('DELETE', `${base}/queue/Q1/message?wait=soon`, { headers: csrf })).status, 400)
  test.equal((await ask('GET', `${base}/queue/Q1/messagelist?limit=0`)).status, 400)
  const refused = await post(`${base}/queue/NO.SUCH/message`)
  test.match(JSON.parse(refused.body), { error: [{ type: 'qmgr', reasonCode: 2085, completionCode: 2 }] })
  test.equal(core.qm.queueStatus('Q1')?.depth, 0)
  test.strictSame(core.qm.connections(), [], 'nobody stays connected')
})

t.test('rest: a message that is no text -> 501, and it is left on the queue', async test => {
  const { ask, core, dispatcher } = await fixture(test)
  dispatcher.enter(() => {
    const connected = core.qm.connect({ kind: 'local', applicationTag: '', user: '', channel: '', connectionName: '', processId: 1 })
    if (!connected.ok) throw new Error('connect')
    core.qm.putOne(connected.value, { kind: 'queue', name: 'Q1' }, putRequest({ persistent: false, descriptor: { format: 'BINARY' } }), 1)
  })
  test.equal((await ask('DELETE', `${base}/queue/Q1/message`, { headers: csrf })).status, 501)
  test.equal(core.qm.queueStatus('Q1')?.depth, 1)
})

t.test('rest: nobody in particular -> 401 with a challenge; a login -> a cookie that is good until logout', async test => {
  const { ask } = await fixture(test, {
    admit: ({ credentials }) => Promise.resolve(credentials.kind === 'password' && credentials.password === 'secret' ? { ok: true, user: credentials.user, channel: '' } : { ok: false, reason: 2035, why: 'password', channel: '' })
  })
  const refused = await ask('GET', `${base}/queue/Q1/message`)
  test.equal(refused.status, 401)
  test.match(refused.headers['www-authenticate'], /Basic/)
  const basic = { Authorization: `Basic ${Buffer.from('alice:secret').toString('base64')}` }
  test.equal((await ask('GET', `${base}/queue/Q1/message`, { headers: basic })).status, 204)
  const login = await ask('POST', '/ibmmq/rest/v2/login', { headers: csrf, body: JSON.stringify({ username: 'alice', password: 'secret' }) })
  test.equal(login.status, 204)
  const cookie = { Cookie: login.headers['set-cookie']?.[0]?.split(';')[0] ?? '' }
  test.equal((await ask('GET', `${base}/queue/Q1/message`, { headers: cookie })).status, 204)
  await ask('DELETE', '/ibmmq/rest/v2/login', { headers: { ...csrf, ...cookie } })
  test.equal((await ask('GET', `${base}/queue/Q1/message`, { headers: cookie })).status, 401)
  test.equal((await ask('POST', '/ibmmq/rest/v2/login', { headers: csrf, body: '{' })).status, 400)
  test.equal((await ask('POST', '/ibmmq/rest/v2/login', { headers: csrf, body: JSON.stringify({ username: 'alice', password: 'wrong' }) })).status, 401)
})

t.test('rest: an MQSC command -> its lines and codes', async test => {
  const { ask } = await fixture(test)
  const answer = await ask('POST', '/ibmmq/rest/v3/admin/action/qmgr/QM1/mqsc', { headers: csrf, body: JSON.stringify({ type: 'runCommand', parameters: { command: 'PING QMGR' } }) })
  test.strictSame(JSON.parse(answer.body), { commandResponse: [{ completionCode: 0, reasonCode: 0, text: ['ran PING QMGR'] }], overallCompletionCode: 0, overallReasonCode: 0 })
})

t.test('rest: the queue manager stops -> waiting requests are answered 503', async test => {
  const { ask, core, listener, dispatcher } = await fixture(test)
  const waiting = ask('DELETE', `${base}/queue/Q1/message?wait=20000`, { headers: csrf })
  while (core.qm.connections().length === 0) await new Promise(resolve => setImmediate(resolve))
  dispatcher.enter(() => {
    core.qm.onEnd('stop')
    listener.endAll(2162, 'now')
  })
  test.equal((await waiting).status, 503)
})

t.test('rest words: paths -> resources, everything else is nothing', async test => {
  test.strictSame(resourceOf('/ibmmq/rest/v1/messaging/qmgr/a%2Eb/queue/X%2FY/message'), { kind: 'message', version: 1, queueManager: 'a.b', queue: 'X/Y' })
  test.strictSame(resourceOf('/ibmmq/rest/v3/messaging/qmgr/Q/topic/a/b/message'), { kind: 'topic', version: 3, queueManager: 'Q', topic: 'a/b' })
  for (const path of ['', '/', '/ibmmq/rest/v4/login', '/ibmmq/rest/v1/messaging/qmgr/Q/queue//message', '/ibmmq/rest/v1/messaging/qmgr/Q/queue/A/messages', '/ibmmq/rest/v1/messaging/qmgr/Q']) test.equal(resourceOf(path), null, path)
})
