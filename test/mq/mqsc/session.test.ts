/** The sessions in test/data/mq/mqsc: what runmqsc answers must be what is written there. HA_REWRITE=1 writes it anew. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { defaultQueueManager, systemObjects } from '../../../src/mq/mqsc/system-objects.js'
import { CoreFixture } from '../fake/core-fixture.js'
import { FakeFacilities, fakeWallMs } from '../fake/fake-administration.js'
import { inputOf, replaySession, runSession } from './session.js'

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

  if (told.includes('\n!')) continue // arranges things that only the fake has
  t.test(`${name.replace('.txt', '')}: the same from the real core`, async t => {
    const { qm } = new CoreFixture()
    for (const definition of [defaultQueueManager('QM1', {}, fakeWallMs), ...systemObjects(fakeWallMs)]) t.match(qm.define(definition), { ok: true })
    const title = told.split('\n').filter(line => line.startsWith('# '))
    t.equal([...title, ...(await runSession(inputOf(told), { administration: qm, facilities: new FakeFacilities() })), ''].join('\n'), told)
  })
}
