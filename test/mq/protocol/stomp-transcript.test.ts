/** The stories in test/data/mq/stomp: what clients see must be what is written there. HA_REWRITE=1 writes it anew. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseStory, playStory } from './stomp-story.js'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'data', 'mq', 'stomp')

for (const name of readdirSync(folder).filter(file => file.endsWith('.txt')).sort()) {
  const path = join(folder, name)
  const told = readFileSync(path, 'utf8')
  const title = /^# (.*)/.exec(told)?.[1] ?? name
  t.test(`stomp ${name.replace('.txt', '')}: ${title}`, t => {
    const played = playStory(parseStory(told))
    if (process.env['HA_REWRITE'] === '1') writeFileSync(path, played)
    else t.equal(played, told)
    t.end()
  })
}
