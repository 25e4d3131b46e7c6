/**
 * A program at the client that puts persistent messages one after another, whatever happens to the queue manager, and
 * tells how long it had to wait for an answer. Arguments: address, channel, queue, the shortest wait worth telling (ms).
 * Lines out: `{"kind":"answered","at":…,"count":…}` now and then, `{"kind":"outage","fromMs":…,"toMs":…}` for each wait.
 * A line on standard input ends it.
 */

import { connect } from '../../src/client/client.js'
import { monotonicMs } from '../lab/command.js'

const [, , address = '', channel = '', queue = '', threshold = '100'] = process.argv
const tellEveryMs = 50

let isEnding = false
process.stdin.once('data', () => {
  isEnding = true
})
const say = (event: object): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

await using connection = await connect({ address, channel, application: 'putter', heartbeatMs: 200, connectTimeoutMs: 200 })
let answeredAt = monotonicMs()
let toldAt = 0
let count = 0
while (!isEnding) {
  await connection.put(queue, `message ${count}`, { persistent: true })
  count += 1
  const now = monotonicMs()
  if (now - answeredAt >= Number(threshold)) say({ kind: 'outage', fromMs: answeredAt, toMs: now })
  answeredAt = now
  if (now - toldAt >= tellEveryMs) {
    say({ kind: 'answered', at: now, count })
    toldAt = now
  }
}
say({ kind: 'answered', at: answeredAt, count })
process.stdin.destroy()
