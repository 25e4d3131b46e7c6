/**
 * Eight clients put and get in units of work while their queue manager is killed over and over. Their ledgers prove that
 * nothing that was acknowledged is lost or doubled. The crash simulation (test/mq/sim) knows more ways to die; here the
 * disk, the sockets and the client library are real.
 */

import t from 'tap'
import { Prng } from '../../src/base/prng.js'
import { freePort, MqHost } from '../mq/host.js'
import { Crew } from '../mq/torture/crew.js'

const kills = 50

t.test(`torture: eight clients in units of work, ${kills} times kill -9 -> nothing acknowledged is lost, doubled or invented`, async test => {
  const host = new MqHost(test)
  const port = await freePort()
  await host.startedQueueManager('TORTURE', port)
  await host.mqsc('TORTURE', 'DEFINE QLOCAL(T) MAXDEPTH(5000)')
  await host.mqsc('TORTURE', 'DEFINE CHANNEL(CREW) CHLTYPE(SVRCONN)')
  const crew = new Crew(test, {
    channel: 'CREW',
    address: `failover:(tcp://127.0.0.1:${port})?maxReconnectDelay=50`,
    queue: 'T',
    directory: test.testdir({}),
    putters: 4,
    getters: 4,
    batch: 5,
    bodyBytes: 300
  })
  const prng = new Prng(7)
  for (let kill = 0; kill < kills; kill += 1) {
    // Killed at any moment of its work, but not before both sides have worked again.
    const before = crew.progress()
    const more = prng.below(60) + 1
    for (;;) {
      const now = crew.progress()
      if (now.put > before.put + more && now.got > before.got + 1) break
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    await host.kill('TORTURE')
    await host.do('strmqm', ['TORTURE'])
  }
  await crew.end()
  await using connection = await host.connect('TORTURE')
  const result = await crew.account(connection)
  test.comment(`${result.put} put, ${result.got} got, ${result.left} left`)
  test.ok(result.put > kills * 5)
  test.strictSame({ lost: result.lost, doubled: result.doubled, invented: result.invented }, { lost: [], doubled: [], invented: [] })
  await host.do('endmqm', ['-i', 'TORTURE'])
})
