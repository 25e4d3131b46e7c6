/** A real queue manager and a real STOMP client: Debian's python3-stomp, which knows nothing of us. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import t from 'tap'
import { tryCommand } from '../lab/command.js'
import { projectDirectory } from '../lab/lab.js'
import { freePort, MqHost } from '../mq/host.js'

const python = '/usr/bin/python3'
const program = path.join(projectDirectory, 'test', 'data', 'mq', 'stomp-client.py')
const skip = fs.existsSync('/usr/lib/python3/dist-packages/stomp/__init__.py') && fs.existsSync(python) ? false : 'missing tool: stomp (Debian package python3-stomp)'

async function play(port: number, scenario: string, version = '1.2'): Promise<unknown> {
  const result = await tryCommand([python, program, String(port), scenario, version], { timeoutMs: 60_000 })
  if (result.code !== 0) throw new Error(`${scenario} ended with ${result.code}: ${result.stdout}${result.stderr}`)
  return JSON.parse(result.stdout)
}

async function depth(host: MqHost, queue: string): Promise<number> {
  return Number(/CURDEPTH\((\d+)\)/.exec((await host.mqsc('STOMP', `DISPLAY QSTATUS(${queue}) CURDEPTH`)).join(' '))?.[1] ?? -1)
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!(await condition())) if (performance.now() > deadline) throw new Error(`not within 30 s: ${what}`)
}

t.test('python3-stomp against a queue manager', { skip }, async test => {
  const host = new MqHost(test)
  const port = await freePort()
  await host.startedQueueManager('STOMP', port)
  for (const queue of ['TALK', 'TX', 'SAFE', 'HANG', 'BAD', 'NACK) BOTHRESH(2) BOQNAME(BAD']) await host.mqsc('STOMP', `DEFINE QLOCAL(${queue})`)

  for (const version of ['1.0', '1.1', '1.2']) {
    await test.test(`${version}: send with a receipt, receive, acknowledge, disconnect -> headers come back`, async test => {
      test.match(await play(port, 'talk', version), {
        message: {
          body: 'grüße', priority: '7', persistent: 'true', color: 'red', 'correlation-id': 'c-1', 'reply-to': '/queue/ANSWERS', type: 'order', destination: '/queue/TALK',
          ...(version === '1.0' ? {} : { spaced: 'line\nbreak: \\' })
        },
        receipts: ['sent', 'acknowledged', 'bye']
      })
      test.equal(await depth(host, 'TALK'), 0)
    })

    await test.test(`${version}: transactions -> what was aborted comes back, what was committed stays`, async test => {
      test.match(await play(port, 'transaction', version), [{ body: 'kept' }, { body: 'kept', redelivered: 'true' }])
      test.equal(await depth(host, 'TX'), 0)
    })

    await test.test(`${version}: a durable subscription with a selector -> what came meanwhile is delivered`, async test => {
      test.match(await play(port, 'publish', version), [{ body: 'red', destination: '/topic/py/red' }])
    })

    await test.test(`${version}: an unknown queue -> ERROR with the reason, and the end`, async test => {
      test.match(await play(port, 'wrong', version), { 'reason-code': '2085', reason: 'MQRC_UNKNOWN_OBJECT_NAME', 'receipt-id': 'never' })
    })
  }

  for (const version of ['1.1', '1.2']) {
    await test.test(`${version}: NACK until BOTHRESH -> the message goes to BOQNAME`, async test => {
      const before = await depth(host, 'BAD')
      test.match(await play(port, 'refuse', version), [{ body: 'poison' }, { body: 'poison', redelivered: 'true' }])
      test.equal(await depth(host, 'NACK'), 0)
      test.equal(await depth(host, 'BAD'), before + 1)
    })

    await test.test(`${version}: heart-beats -> both sides hear each other`, async test => {
      test.match(await play(port, 'beat', version), { isCut: false })
    })
  }

  await test.test('500 persistent sends with receipts, then kill -9 -> all are there, in order', async test => {
    test.equal(await play(port, 'fill'), 500)
    await host.kill('STOMP')
    await host.do('strmqm', ['STOMP'])
    test.equal(await play(port, 'empty'), true)
    test.equal(await depth(host, 'SAFE'), 0)
  })

  await test.test('a client that is frozen in a transaction -> its silence is noticed, its work backed out', async test => {
    await using connection = await host.connect('STOMP')
    await connection.put('HANG', 'work')
    const client = spawn(python, [program, String(port), 'hang', '1.2'], { stdio: ['ignore', 'pipe', 'inherit'] })
    test.teardown(() => {
      client.kill('SIGKILL')
    })
    const [line] = (await once(readline.createInterface(client.stdout), 'line')) as [string]
    test.equal(line, 'ready')
    const conns = async (): Promise<number> => (await host.mqsc('STOMP', 'DISPLAY CONN(*) APPLTAG')).filter(text => text.includes('APPLTAG(stomp)')).length
    test.equal(await conns(), 1)
    client.kill('SIGSTOP')
    await until(async () => (await conns()) === 0, 'the end of the silent connection')
    test.equal(await depth(host, 'HANG'), 1)
  })

  await host.do('endmqm', ['-i', 'STOMP'])
})
