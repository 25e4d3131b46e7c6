/** What the library leaves behind: nothing. */

import { execFile } from 'node:child_process'
import { getEventListeners } from 'node:events'
import t from 'tap'
import { connect } from '../../src/client/client.js'
import { packageRoot } from '../../src/daemon/paths.js'
import { asAdministrator } from '../lab/command.js'
import { ClientServer } from '../mq/fake/client-server.js'

const root = packageRoot()

/** Runs a module text as a program of its own that imports the package by its public name. */
function program(text: string): Promise<{ readonly code: number | null; readonly out: string }> {
  return new Promise(resolve => {
    execFile('env', asAdministrator([process.execPath, '--input-type=module', '-e', text]).slice(1), { cwd: root, timeout: 20_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : null, out: out + err })
    )
  })
}

t.test('signals: after each kind of call, answered, aborted or failed -> no listener is left', async t => {
  const qm = await ClientServer.listen()
  t.teardown(() => qm.close())
  qm.define('QLOCAL', 'Q')
  const { signal } = new AbortController()
  const address = `failover:(${qm.address})`
  const connection = await connect({ address, signal, putsMax: 1 })
  const queue = await connection.openQueue('Q', { input: 'shared', output: true, browse: true, inquire: true, signal })
  await connection.openQueue('NONE', { signal }).catch(() => undefined)
  await Promise.all([queue.put('a', { signal }), queue.put('b', { signal }), queue.put('c', { signal })])
  await queue.get({ signal })
  await queue.get({ signal, waitMs: 1, correlationId: Buffer.from('none') })
  await queue.inquire({ signal })
  for await (const message of queue.browse({ signal })) t.ok(message.text)
  for await (const message of queue.consume({ signal, prefetch: 2, autoAccept: true })) if (message.text === 'c') break
  await connection.transaction(async unit => queue.put('d', { unit, signal }), { signal })
  await connection.command('x', { signal })
  const waiting = queue.get({ signal, waitMs: 10_000, correlationId: Buffer.from('none') }).catch(() => undefined)
  await connection.command('it waits')
  t.equal(getEventListeners(signal, 'abort').length, 1, 'only the one that waits')
  qm.cut()
  await waiting
  t.equal(getEventListeners(signal, 'abort').length, 0)
  await connection.close()
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('abort: an open, a put and a get that were sent -> rejected at once, and what they made is undone', async t => {
  const qm = await ClientServer.listen()
  t.teardown(() => qm.close())
  qm.define('QLOCAL', 'Q')
  await using connection = await connect(qm.address)
  const abort = new AbortController()
  const why = new Error('changed my mind')
  const calls: readonly Promise<unknown>[] = [
    connection.openQueue('Q', { input: 'exclusive', signal: abort.signal }),
    connection.begin({ signal: abort.signal }),
    connection.put('Q', 'x', { signal: abort.signal })
  ]
  abort.abort(why)
  for (const call of calls) await t.rejects(call, why)
  await connection.command('the answers nobody waits for have come')
  await using queue = await connection.openQueue('Q', { input: 'exclusive' })
  t.equal((await queue.get())?.text, 'x', 'the put had been sent')
  t.match(qm.qm.connections(), [{ unitStartedMs: null }])
})

t.test('a program that connects, works and closes -> ends by itself; so does one whose connecting fails or is aborted', async t => {
  const qm = await ClientServer.listen()
  t.teardown(() => qm.close())
  qm.define('QLOCAL', 'Q')
  const works = `
    import { connect, MqError } from 'linux-heartbeat/client'
    const connection = await connect('failover:(${qm.address})')
    const queue = await connection.openQueue('Q')
    await queue.put('x', { persistent: true })
    console.log((await queue.get()).text)
    await queue.get({ waitMs: 60000, signal: AbortSignal.timeout(20) }).catch(error => console.log(error.name))
    const waiting = queue.get({ waitMs: 60000 })
    await connection.close()
    console.log(await waiting)
    try { await queue.get() } catch (error) { console.log(error instanceof MqError, error.reason) }`
  t.strictSame(await program(works), { code: 0, out: 'x\nTimeoutError\nnull\ntrue 2018\n' })
  const fails = `
    import { connect } from 'linux-heartbeat/client'
    await connect('tcp://127.0.0.1:1').catch(error => console.log(error.reason))
    await connect({ address: 'failover:(tcp://127.0.0.1:1)', signal: AbortSignal.timeout(30) }).catch(error => console.log(error.name))`
  t.strictSame(await program(fails), { code: 0, out: '2538\nTimeoutError\n' })
})

t.test('the package: anything but its public names -> cannot be imported', async t => {
  const result = await program("await import('linux-heartbeat')")
  t.equal(result.code, 1)
  t.match(result.out, /ERR_PACKAGE_PATH_NOT_EXPORTED/)
})
