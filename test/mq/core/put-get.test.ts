import t from 'tap'
import { CoreFixture } from '../fake/core-fixture.js'

t.test('put and get: persistent -> answered and seen when forced, gone when its removal is forced', async t => {
  const f = new CoreFixture()
  f.define('QLOCAL', 'Q')
  const c = f.connect()
  const h = f.open(c, 'Q')
  f.forcing = false
  t.equal(f.put(c, h, { body: 'one', persistent: true }), undefined)
  const put = f.lastToken
  t.equal(f.text(c, h), 2033, 'not there for anybody')
  t.equal(f.depth('Q'), 1, 'but counted')
  f.force()
  t.match(f.answerOf(c, put), { kind: 'put', completion: 0, reason: 0 })
  t.equal(f.get(c, h), undefined)
  const got = f.lastToken
  t.equal(f.text(c, h), 2033)
  f.force()
  t.match(f.answerOf(c, got), { kind: 'get', reason: 0, message: { body: Buffer.from('one') } })
  t.equal(f.depth('Q'), 0)
  t.equal(f.journal.unreleased(), 0)
})

t.test('unit of work: commit -> all of it; backout -> nothing, and gets come back to their place', async t => {
  const f = new CoreFixture()
  f.define('QLOCAL', 'Q')
  const c = f.connect()
  const h = f.open(c, 'Q')
  for (const body of ['1', '2', '3']) f.put(c, h, { body, persistent: true })
  const unit = f.begin(c)
  t.equal(f.text(c, h, { unit }), '1')
  f.put(c, h, { body: '4', persistent: true, unit })
  t.equal(f.text(c, h), '2')
  t.equal(f.backout(c, unit), 0)
  t.equal(f.get(c, h, { mode: 'browse-first' })?.message?.descriptor.backoutCount, 1)
  t.equal(f.text(c, h), '1')
  t.equal(f.text(c, h), '3')
  t.equal(f.text(c, h), 2033)
})
