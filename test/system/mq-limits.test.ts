/** What a queue manager keeps for its clients is bounded: many idle ones, and some that read nothing. */

import fs from 'node:fs'
import net from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { freePort, MqHost } from '../mq/host.js'

const idleConnections = 10_000
/** Sockets of both ends, and some more. */
const filesNeeded = idleConnections + 500
const soonMs = 60_000
const megabyte = 1024 * 1024

/** What this process may open; Node has raised it as far as it may go. */
function openFilesMax(): number {
  const line = fs.readFileSync('/proc/self/limits', 'utf8').split('\n').find(one => one.startsWith('Max open files')) ?? ''
  return Number(line.split(/\s+/)[3])
}

const residentBytes = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + soonMs
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error(`waited in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

const tooFewFiles = openFilesMax() < filesNeeded ? { skip: `this process may open ${openFilesMax()} files, ${filesNeeded} are needed` } : {}

t.test(`connections: ${idleConnections} idle STOMP clients -> all are served, and another one works as ever`, tooFewFiles, async test => {
  const host = new MqHost(test)
  const port = await freePort()
  await host.startedQueueManager('IDLE', port)
  await host.mqsc('IDLE', 'DEFINE QLOCAL(Q)')
  const pid = host.pid('IDLE') ?? 0
  const before = residentBytes(pid)
  const sockets: net.Socket[] = []
  test.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  let connected = 0
  const dial = async (): Promise<void> => {
    const socket = net.connect({ host: '127.0.0.1', port })
    sockets.push(socket)
    await once(socket, 'connect')
    socket.write('CONNECT\naccept-version:1.2\nhost:/\nheart-beat:0,0\n\n\0')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    if (!answer.toString().startsWith('CONNECTED')) throw new Error(answer.toString())
    connected += 1
  }
  // A hundred at a time: the backlog of a listener is bounded too.
  for (let start = 0; start < idleConnections; start += 100) await Promise.all(Array.from({ length: 100 }, dial))
  test.equal(connected, idleConnections)
  const perConnection = (residentBytes(pid) - before) / idleConnections
  test.comment(`${Math.round(perConnection / 1024)} KB of memory a connection`)
  await using connection = await host.connect('IDLE')
  await connection.put('Q', 'still here', { persistent: true })
  await using queue = await connection.openQueue('Q')
  test.equal((await queue.get({ waitMs: soonMs }))?.text, 'still here')
  for (const socket of sockets) socket.destroy()
  await until('the queue manager notices that they left', async () => (await connection.command('DISPLAY CONN(*)')).lines.filter(line => line.startsWith('   CONN(')).length <= 1)
})

t.test('memory: clients that subscribe to 200 MB of messages and read nothing -> the queue manager does not grow by it', async test => {
  const host = new MqHost(test)
  const port = await freePort()
  await host.startedQueueManager('SLOW', port)
  await host.mqsc('SLOW', 'DEFINE QLOCAL(Q) MAXDEPTH(100000)')
  await using connection = await host.connect('SLOW')
  const body = Buffer.alloc(100 * 1024, 0x78)
  for (let sent = 0; sent < 2_000; sent += 50) await Promise.all(Array.from({ length: 50 }, () => connection.put('Q', body, { persistent: true })))
  const pid = host.pid('SLOW') ?? 0
  const before = residentBytes(pid)
  const clients: net.Socket[] = []
  test.teardown(() => {
    for (const socket of clients) socket.destroy()
  })
  for (let number = 0; number < 20; number += 1) {
    const socket = net.connect({ host: '127.0.0.1', port })
    clients.push(socket)
    await once(socket, 'connect')
    socket.pause()
    socket.write('CONNECT\naccept-version:1.2\nhost:/\n\n\0SUBSCRIBE\nid:1\ndestination:/queue/Q\nack:client-individual\nprefetch-count:100000\n\n\0')
  }
  // When what is on its way to them stands still, they are all full.
  let last = -1
  await until('the sockets are full', async () => {
    const depthLine = (await connection.command('DISPLAY QSTATUS(Q) UNCOM')).lines.join(' ')
    const received = clients.reduce((sum, socket) => sum + socket.bytesRead, 0)
    const isStill = received === last && depthLine !== ''
    last = received
    return isStill
  })
  const grown = residentBytes(pid) - before
  test.comment(`grown by ${Math.round(grown / megabyte)} MB with 20 clients that read nothing`)
  test.ok(grown < 150 * megabyte, 'a bound, not the 200 MB that wait for each of them')
  // Somebody who reads gets served meanwhile.
  await connection.put('Q', 'for a reader', { persistent: true, priority: 9 })
  await using queue = await connection.openQueue('Q')
  test.equal((await queue.get({ waitMs: soonMs }))?.text, 'for a reader')
})
