/** A queue manager that lost its right to write ends itself: real processes, since the right hangs on the kernel's locks. */

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { growEpoch } from '../../../src/mq/store/epoch.js'
import { realDisk } from '../../../src/mq/store/real-disk.js'
import { MqHost } from '../host.js'

const patienceMs = 60_000

async function untilGone(host: MqHost, directory: string): Promise<void> {
  const until = performance.now() + patienceMs
  while (host.pid(directory) !== null) {
    if (performance.now() > until) throw new Error(`${directory} still runs after ${patienceMs} ms`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

async function started(test: Test): Promise<MqHost> {
  const host = new MqHost(test)
  await host.do('crtmqm', ['-lf', '64', 'Q1'])
  await host.do('strmqm', ['-z', 'Q1'])
  await host.do('runmqsc', ['Q1'], 'define qlocal(A) defpsist(yes)\n')
  return host
}

t.test('lock file replaced under a running queue manager -> it ends by itself and says why where it may', async t => {
  const host = await started(t)
  const data = path.join(host.root, 'qmgrs', 'Q1')
  const status = fs.readFileSync(path.join(data, 'qmstatus.ini'), 'utf8')
  fs.writeFileSync(path.join(data, 'master.new'), '')
  fs.renameSync(path.join(data, 'master.new'), path.join(data, 'master'))
  await untilGone(host, 'Q1')
  t.match(fs.readFileSync(path.join(host.root, 'errors', 'AMQERR01.LOG'), 'utf8'), /AMQ7279S/)
  t.equal(fs.readFileSync(path.join(data, 'qmstatus.ini'), 'utf8'), status, 'what belongs to the successor is left alone')
  t.match(await host.do('dspmq', []), /STATUS\(Ended unexpectedly\)/)
  await host.do('strmqm', ['-z', 'Q1'])
})

t.test('frozen through a takeover: the epoch has grown -> a put is not answered, nothing is stored, the process ends', async t => {
  const host = await started(t)
  const program = await host.connect('Q1')
  await program.put('A', 'before', { persistent: true })
  const pid = host.pid('Q1')
  if (pid === null) throw new Error('Q1 does not run')
  process.kill(pid, 'SIGSTOP')
  // More than the second for which a right seen before still counts.
  await new Promise(resolve => setTimeout(resolve, 1_500))
  await growEpoch(realDisk, path.join(host.root, 'qmgrs', 'Q1'))
  const put = program.put('A', 'late', { persistent: true })
  process.kill(pid, 'SIGCONT')
  await t.rejects(put, /2009|2549/)
  await untilGone(host, 'Q1')
  await program.close()
  await host.do('strmqm', ['-z', 'Q1'])
  const got = await host.do('amqsget', ['A', 'Q1', '--wait', '0'])
  t.match(got, /message <before>/)
  t.notMatch(got, /late/)
})
