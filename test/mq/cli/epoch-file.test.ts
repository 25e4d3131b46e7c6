import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { MqHost } from '../host.js'

t.test('strmqm: the epoch file is lost -> the log tells how far it had come, and what was put is there', async test => {
  const host = new MqHost(test)
  await host.do('crtmqm', ['QM1'])
  for (let start = 0; start < 3; start += 1) {
    await host.do('strmqm', ['QM1'])
    if (start === 0) {
      await host.mqsc('QM1', 'DEFINE QLOCAL(Q)')
      await using connection = await host.connect('QM1')
      await connection.put('Q', 'kept', { persistent: true })
    }
    await host.do('endmqm', ['-i', 'QM1'])
  }
  const file = path.join(host.root, 'qmgrs/QM1/epoch')
  const before = Number(fs.readFileSync(file, 'latin1').split(' ')[1])
  fs.rmSync(file)
  await host.do('strmqm', ['QM1'])
  test.ok(Number(fs.readFileSync(file, 'latin1').split(' ')[1]) > before, 'the epoch goes on growing')
  await using connection = await host.connect('QM1')
  await using queue = await connection.openQueue('Q')
  test.equal((await queue.get())?.text, 'kept')
})
