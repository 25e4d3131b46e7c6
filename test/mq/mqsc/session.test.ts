/** The sessions in test/data/mq/mqsc: what runmqsc answers must be what is written there. HA_REWRITE=1 writes it anew. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { replaySession } from './session.js'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'data', 'mq', 'mqsc')

for (const name of readdirSync(folder).filter(file => file.endsWith('.txt')).sort()) {
  const path = join(folder, name)
  const told = readFileSync(path, 'utf8')
  const title = /^# (.*)/.exec(told)?.[1] ?? name
  t.test(`${name.replace('.txt', '')}: ${title}`, async t => {
    const played = await replaySession(told)
    if (process.env['HA_REWRITE'] === '1') writeFileSync(path, played)
    else t.equal(played, told)
  })
}
