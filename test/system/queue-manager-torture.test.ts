/**
 * Eight clients at the client's place put and get in units of work while the node that runs the queue manager loses power
 * again and again; and a queue manager that has much to restart with fails over. What kill -9 alone does is in
 * mq-torture.test.ts, what a disk may forget is in test/mq/sim.
 */

import t from 'tap'
import { Prng } from '../../src/base/prng.js'
import { connect } from '../../src/client/client.js'
import { channel, depthOf, floatingAddress, loadQueue, mountDisk, port, queue, queueManager, socketOf, toolOn, unmountDisk } from '../lab/queue-manager.js'
import { Crew } from '../mq/torture/crew.js'
import { deadtimeMs, needsLab } from './cluster.js'
import { configuredQueueManager, patienceMs, putting, returns, runningQueueManager, runs, startBoth } from './queue-manager-cluster.js'

const losses = 5

t.test(`torture: eight clients in units of work, the active node loses power ${losses} times -> nothing acknowledged is lost, doubled or invented`, needsLab, async test => {
  const cluster = await runningQueueManager(test, { autoFailback: 'off' })
  const { lab } = cluster
  const crew = new Crew(test, {
    launcher: lab.enteringClient(),
    address: `failover:(tcp://${floatingAddress}:${port})?initialReconnectDelay=10&maxReconnectDelay=50`,
    channel,
    queue: loadQueue,
    directory: test.testdir({}),
    putters: 4,
    getters: 4,
    batch: 5,
    bodyBytes: 300
  })
  const prng = new Prng(11)
  let active = cluster.n1
  for (let loss = 0; loss < losses; loss += 1) {
    const before = crew.progress()
    const more = prng.below(60) + 1
    await lab.waitFor('putters and getters to work', () => {
      const now = crew.progress()
      return now.put > before.put + more && now.got > before.got + 1
    }, patienceMs)
    await lab.powerOff(active)
    const survivor = lab.peerOf(active)
    await runs(cluster, survivor)
    await returns(cluster, active)
    await cluster.settled(patienceMs)
    active = survivor
  }
  await crew.end()
  await using connection = await connect({ address: socketOf(active) })
  const result = await crew.account(connection)
  test.comment(`${result.put} put, ${result.got} got, ${result.left} left`)
  test.ok(result.put > losses * 5)
  test.strictSame({ lost: result.lost, doubled: result.doubled, invented: result.invented }, { lost: [], doubled: [], invented: [] })
})

const stored = 100_000

t.test(`much to restart with: power loss with ${stored} stored messages of 1 KB -> the peer runs the queue manager with all of them`, needsLab, async test => {
  const cluster = await configuredQueueManager(test, { autoFailback: 'off' })
  const { lab, n1, n2 } = cluster
  await mountDisk(lab, n1)
  await toolOn(n1, 'strmqm', [queueManager])
  await toolOn(n1, 'runmqsc', [queueManager], `alter qlocal(${queue}) maxdepth(999999999)\n`)
  const connection = await connect({ address: socketOf(n1) })
  const body = 'x'.repeat(1_024)
  const outstanding = 500
  for (let put = 0; put < stored; put += outstanding) {
    await Promise.all(Array.from({ length: outstanding }, () => connection.put(queue, body, { persistent: true })))
  }
  await connection.close()
  await toolOn(n1, 'endmqm', ['-i', queueManager])
  await unmountDisk(n1)

  await startBoth(cluster)
  const putter = await putting(test, cluster)
  const died = await lab.powerOff(n1)
  await runs(cluster, n2)
  const outageMs = await putter.outageAfter(lab, died)
  test.comment(`the client that puts waited ${Math.round(outageMs)} ms; the goal is deadtime + 1500 = ${deadtimeMs + 1_500} ms on a quiet machine`)
  const put = await putter.stop()
  test.equal(await depthOf(lab, queue), stored)
  test.equal(await depthOf(lab, loadQueue), put)
})
