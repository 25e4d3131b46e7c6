import t from 'tap'
import type { ConnectionId, SubscribeRequest } from '../../../src/mq/core/engine.js'
import { CoreFixture, putRequest } from '../fake/core-fixture.js'

const withTopics = (): { f: CoreFixture; c: ConnectionId } => {
  const f = new CoreFixture()
  f.define('QMODEL', 'SYSTEM.DURABLE.MODEL.QUEUE', { DEFTYPE: 'PERMDYN', MAXDEPTH: 1_000 })
  f.define('QMODEL', 'SYSTEM.NDURABLE.MODEL.QUEUE', { DEFTYPE: 'TEMPDYN', MAXDEPTH: 1_000 })
  f.define('QLOCAL', 'SYSTEM.RETAINED.PUB.QUEUE')
  f.define('TOPIC', 'SYSTEM.BASE.TOPIC', {
    TOPICSTR: '',
    PUB: 'ENABLED',
    SUB: 'ENABLED',
    DURSUB: 'YES',
    PMSGDLV: 'ALLDUR',
    NPMSGDLV: 'ALLAVAIL',
    USEDLQ: 'YES',
    DEFPRTY: 0,
    DEFPSIST: 'NO',
    MDURMDL: 'SYSTEM.DURABLE.MODEL.QUEUE',
    MNDURMDL: 'SYSTEM.NDURABLE.MODEL.QUEUE'
  })
  return { f, c: f.connect() }
}

const refusal = (f: CoreFixture, c: ConnectionId, topic: string, more: Partial<SubscribeRequest> = {}): number => {
  const subscribed = f.qm.subscribe(c, { topic, durableName: null, ...more })
  return subscribed.ok ? 0 : subscribed.reason
}

t.test('publish: every matching subscription gets a copy; + is one level, # any number', async t => {
  const { f, c } = withTopics()
  const filters = ['a/b', 'a/+', 'a/#', '#', 'a/c', '+', 'a/b/#']
  const handles = filters.map(filter => f.subscribe(c, filter).handle)
  t.equal(f.publish(c, 'a/b', { body: 'x' }), 0)
  t.strictSame(handles.map(handle => f.text(c, handle)), ['x', 'x', 'x', 'x', 2033, 2033, 'x'])
  t.equal(f.publish(c, 'nobody/listens'), 0)
  t.equal(f.publish(c, 'a/+'), 2425)
  t.equal(f.publish(c, ''), 2425)
})

t.test('publish: the topic comes with the message; selectors choose; priority and persistence as the topic says', async t => {
  const { f, c } = withTopics()
  f.define('TOPIC', 'NEWS', { TOPICSTR: 'news', DEFPRTY: 7, DEFPSIST: 'YES', PUB: 'ASPARENT' })
  const durable = f.subscribe(c, 'news/#', { durableName: 'paper' })
  const chosen = f.subscribe(c, 'news/#', { selector: "section = 'sport'" })
  t.equal(refusal(f, c, 'news', { selector: 'section =' }), 2459)
  const { handle } = f.openTarget(c, { kind: 'topic', object: 'NEWS', topic: 'local' }, { output: true })
  f.put(c, handle, { body: 'goal', properties: new Map([['section', 'sport']]) })
  f.put(c, handle, { body: 'vote', properties: new Map([['section', 'politics']]) })
  const got = f.get(c, durable.handle)?.message
  t.match(got?.descriptor, { priority: 7, persistence: 1 })
  t.equal(got?.properties.get('mqps.Top'), 'news/local')
  t.equal(got?.properties.get('section'), 'sport')
  t.equal(f.text(c, durable.handle), 'vote')
  t.match(f.get(c, chosen.handle)?.message, { body: Buffer.from('goal'), descriptor: { persistence: 0 } }, 'on a temporary queue nothing is persistent')
  t.equal(f.text(c, chosen.handle), 2033)
})

t.test('publish: in a unit of work -> to all at its commit, to nobody after a backout', async t => {
  const { f, c } = withTopics()
  const [one, two] = [f.subscribe(c, 'a'), f.subscribe(c, 'a', { durableName: 'two' })]
  const { handle } = f.openTarget(c, { kind: 'topic', topic: 'a' }, { output: true })
  const unit = f.begin(c)
  f.put(c, handle, { body: 'x', unit, persistent: true })
  t.equal(f.text(c, one.handle), 2033)
  f.commit(c, unit)
  t.strictSame([f.text(c, one.handle), f.text(c, two.handle)], ['x', 'x'])
  const second = f.begin(c)
  f.put(c, handle, { body: 'y', unit: second, persistent: true })
  f.backout(c, second)
  t.strictSame([f.text(c, one.handle), f.text(c, two.handle)], [2033, 2033])
})

t.test('publish: persistent to durable subscriptions -> answered when forced; a crash gives it to all or to none', async t => {
  const { f, c } = withTopics()
  for (const name of ['one', 'two']) f.subscribe(c, 'a', { durableName: name })
  f.forcing = false
  t.equal(f.publish(c, 'a', { persistent: true }), undefined)
  const counts = f.journal.cuts().map(cut => {
    let count = 0
    f.journal.crash(1, cut).restored.forEachMessage(() => count++)
    return count
  })
  t.strictSame(counts, [0, 0, 0, 2])
  f.force()
  t.match(f.answerOf(c, f.lastToken), { reason: 0 })
})

t.test('publish: a repetition -> not published again', async t => {
  const { f, c } = withTopics()
  const durable = f.subscribe(c, 'a', { durableName: 'one' })
  const origin = { producer: Buffer.alloc(16, 1), sequence: 1 }
  t.equal(f.publish(c, 'a', { body: 'x', persistent: true, request: { origin } }), 0)
  t.equal(f.publish(c, 'a', { body: 'x', persistent: true, request: { origin } }), 0)
  t.equal(f.depth(durable.queue), 1)
})

t.test('topic objects: PUB and SUB disabled in the tree -> 2051 and 2503 at once, unless enabled further down', async t => {
  const { f, c } = withTopics()
  f.define('TOPIC', 'T', { TOPICSTR: 'a/b', PUB: 'DISABLED', SUB: 'DISABLED', DURSUB: 'NO' })
  f.define('TOPIC', 'U', { TOPICSTR: 'a/b/c', PUB: 'ENABLED', SUB: 'ENABLED' })
  t.equal(f.publish(c, 'a/b'), 2051)
  t.equal(f.publish(c, 'a/b/x'), 2051)
  t.equal(f.publish(c, 'a/b/c/d'), 0)
  t.equal(f.publish(c, 'a/bc'), 0)
  t.equal(refusal(f, c, 'a/b/+'), 2503)
  t.equal(refusal(f, c, 'a/b/c'), 0)
  t.equal(refusal(f, c, 'a/b/c', { durableName: 'd' }), 2436)
  f.qm.remove('TOPIC', 'T')
  t.equal(f.publish(c, 'a/b'), 0)
  f.define('QMGR', 'QM1', { PSMODE: 'DISABLED' })
  t.equal(f.publish(c, 'a/b'), 2051)
  t.equal(refusal(f, c, 'x'), 2503)
  t.match(f.qm.open(c, { kind: 'topic', object: 'NOT.THERE' }, { output: true }), { reason: 2085 })
  t.match(f.qm.open(c, { kind: 'topic', topic: 'a' }, { input: 'shared' }), { reason: 2045 })
})

t.test('subscription that is not durable: its queue goes with its handle or connection', async t => {
  const { f, c } = withTopics()
  const one = f.subscribe(c, 'a')
  t.match(one.queue, /^SYSTEM\.MANAGED\.NDURABLE\.[0-9A-F]{16}$/)
  t.equal(f.qm.subscriptions().length, 1)
  f.qm.close(c, one.handle)
  t.equal(f.qm.subscriptions().length, 0)
  t.equal(f.depth(one.queue), -1)
  const two = f.subscribe(c, 'a')
  f.qm.disconnect(c, 'broken')
  t.equal(f.depth(two.queue), -1)
  t.equal(f.qm.subscriptions().length, 0)
})

t.test('durable subscription: kept while nobody is there, and through a restart; resumed by name; 2432, 2428, 2429', async t => {
  const { f, c } = withTopics()
  const named = { durableName: 'mine', resume: true }
  t.equal(refusal(f, c, 'a/#', { durableName: 'mine', resume: true, create: false }), 2428)
  const first = f.subscribe(c, 'a/#', named)
  t.match(first, { resumed: false, queue: /^SYSTEM\.MANAGED\.DURABLE\.[0-9A-F]{16}$/ })
  t.equal(refusal(f, c, 'a/#', { durableName: 'mine' }), 2432)
  t.equal(refusal(f, f.connect(), 'a/#', named), 2429)
  t.equal(refusal(f, c, 'a/#', { durableName: '' }), 2440)
  f.qm.disconnect(c, 'orderly')
  f.publish(f.connect(), 'a/b', { body: 'while away', persistent: true })
  f.crash()
  const again = f.connect()
  const second = f.subscribe(again, 'a/#', named)
  t.match(second, { resumed: true, queue: first.queue })
  t.equal(f.text(again, second.handle), 'while away')
  t.equal(f.publish(again, 'a/c', { body: 'now' }), 0)
  t.equal(f.text(again, second.handle), 'now')
  t.match(f.qm.subscriptions(), [{ name: 'mine', topic: 'a/#', destination: first.queue, isDurable: true, messages: 1 }])
})

t.test('durable subscription: resumed with another topic or selector -> 2510, 2524, nothing changed; with none -> as it is', async t => {
  const { f, c } = withTopics()
  f.define('TOPIC', 'OBJECT', { TOPICSTR: 'a' })
  const named = { durableName: 'mine', resume: true }
  f.subscribe(c, 'a/#', { ...named, selector: 'price > 10' })
  t.equal(refusal(f, f.connect(), 'b', named), 2429, 'in use')
  f.qm.disconnect(c, 'orderly')
  const again = f.connect()
  t.equal(refusal(f, again, 'b/#', named), 2510)
  t.equal(refusal(f, again, 'a', { ...named, object: 'OBJECT' }), 2510, 'a/a')
  t.equal(refusal(f, again, 'a/#', { ...named, selector: 'price > 11' }), 2524)
  t.equal(refusal(f, again, 'a/#', { ...named, selector: 'price >' }), 2459)
  t.match(f.qm.subscriptions(), [{ name: 'mine', topic: 'a/#' }])
  for (const [topic, more] of [['a/#', { selector: 'price > 10' }], ['a/#', {}], ['', {}], ['#', { object: 'OBJECT' }]] as const) {
    const resumed = f.subscribe(again, topic, { ...named, ...more })
    t.equal(resumed.resumed, true)
    f.qm.close(again, resumed.handle)
  }
})

t.test('unsubscribe: the subscription and its queue go with all messages; 2428 when there is none, 2429 when another uses it', async t => {
  const { f, c } = withTopics()
  const { queue } = f.subscribe(c, 'a', { durableName: 'mine' })
  f.publish(c, 'a', { persistent: true })
  t.match(f.qm.unsubscribe(f.connect(), 'mine'), { reason: 2429 })
  t.match(f.qm.remove('SUB', 'mine'), { reason: 2042 })
  t.match(f.qm.remove('QLOCAL', queue), { reason: 2042 })
  t.match(f.qm.unsubscribe(c, 'mine'), { ok: true })
  t.match(f.qm.unsubscribe(c, 'mine'), { reason: 2428 })
  f.settleLog()
  t.equal(f.journal.unreleased(), 0)
  t.equal(f.depth(queue), -1)
  f.crash()
  t.equal(f.qm.subscriptions().length, 0)
})

t.test('durable subscription: a crash at each record of its making and ending -> whole or gone, and no queue is left over', async t => {
  for (const ending of [false, true]) {
    const { f, c } = withTopics()
    if (ending) f.subscribe(c, 'a', { durableName: 'mine' })
    f.forcing = false
    if (ending) f.qm.unsubscribe(c, 'mine')
    else f.qm.subscribe(c, { topic: 'a', durableName: 'mine' })
    const cuts = f.journal.cuts()
    t.equal(cuts.length, 3)
    for (const cut of cuts) {
      const fresh = withTopics()
      if (ending) fresh.f.subscribe(fresh.c, 'a', { durableName: 'mine' })
      fresh.f.forcing = false
      if (ending) fresh.f.qm.unsubscribe(fresh.c, 'mine')
      else fresh.f.qm.subscribe(fresh.c, { topic: 'a', durableName: 'mine' })
      fresh.f.crash(cut)
      const managed = fresh.f.qm.list('QLOCAL').filter(({ name }) => name.startsWith('SYSTEM.MANAGED'))
      t.equal(managed.length, fresh.f.qm.subscriptions().length)
    }
  }
})

t.test('SUB object: to a queue of its own or a managed one; deleted with it', async t => {
  const { f, c } = withTopics()
  f.define('QLOCAL', 'Q')
  f.define('TOPIC', 'T', { TOPICSTR: 'a' })
  f.define('SUB', 'TEMPLATE', { TOPICSTR: '', DESTCLAS: 'PROVIDED' })
  f.define('SUB', 'S', { TOPICOBJ: 'T', TOPICSTR: 'b', DEST: 'Q', DESTCLAS: 'PROVIDED' })
  f.define('SUB', 'M', { TOPICSTR: 'a/#', DEST: '', DESTCLAS: 'MANAGED', SELECTOR: 'n > 1' })
  t.match(f.qm.define({ type: 'SUB', name: 'X', attributes: { TOPICSTR: 'a', DEST: 'NOT.THERE', DESTCLAS: 'PROVIDED' } }), { reason: 2085 })
  f.publish(c, 'a/b', { body: 'x', properties: new Map([['n', 1]]) })
  t.equal(f.text(c, f.open(c, 'Q')), 'x')
  const managed = String(f.qm.find('SUB', 'M')?.attributes['DEST'])
  t.match(managed, /^SYSTEM\.MANAGED\.DURABLE\./)
  t.equal(f.depth(managed), 0)
  f.publish(c, 'a/b', { properties: new Map([['n', 2]]), persistent: true })
  f.define('SUB', 'M', { TOPICSTR: 'a/#', DEST: managed, DESTCLAS: 'MANAGED', SELECTOR: 'n > 1' })
  f.crash()
  t.equal(f.depth(managed), 1)
  t.equal(f.qm.subscriptions().length, 2)
  t.match(f.qm.remove('SUB', 'M'), { ok: true })
  t.match(f.qm.remove('SUB', 'S'), { ok: true })
  t.equal(f.depth(managed), -1)
  t.equal(f.depth('Q'), 1)
})

t.test('retained: kept through a restart, the last of a topic wins, new subscriptions get it, clear forgets it', async t => {
  const { f, c } = withTopics()
  const retain = { request: { retain: true } }
  f.publish(c, 'a/b', { body: 'old', persistent: true, ...retain })
  f.publish(c, 'a/b', { body: 'new', persistent: false, ...retain })
  f.publish(c, 'a/c', { body: 'other', persistent: true, ...retain })
  t.equal(f.depth('SYSTEM.RETAINED.PUB.QUEUE'), 2)
  f.crash()
  const again = f.connect()
  const durable = f.subscribe(again, 'a/b', { durableName: 'd' })
  t.match(f.get(again, durable.handle)?.message, { body: Buffer.from('new'), descriptor: { persistence: 0 } })
  const all = f.subscribe(again, 'a/+')
  t.strictSame([f.text(again, all.handle), f.text(again, all.handle)].sort(), ['new', 'other'])
  t.strictSame(f.qm.topics().map(({ topic, isRetained, subscribers }) => [topic, isRetained, subscribers]), [
    ['a/+', false, 1],
    ['a/b', true, 1],
    ['a/c', true, 0]
  ])
  t.match(f.qm.clearRetained('a/b'), { ok: true })
  t.match(f.qm.clearRetained('never'), { ok: true })
  f.settleLog()
  f.crash()
  const third = f.connect()
  t.equal(f.text(third, f.subscribe(third, 'a/b').handle), 2033)
  t.equal(f.text(third, f.subscribe(third, 'a/c').handle), 'other')
  const resumed = f.subscribe(third, 'a/b', { durableName: 'd', resume: true })
  t.equal(f.text(third, resumed.handle), 2033, 'resuming brings nothing again')
})

t.test('retained: marked as such; a crash at each record of a change -> exactly one is there', async t => {
  const { f, c } = withTopics()
  const retain = { request: { retain: true } }
  f.publish(c, 'a', { body: 'old', persistent: true, ...retain })
  const got = f.get(c, f.subscribe(c, 'a').handle)?.message
  t.equal(got?.properties.get('mqps.Ret'), true)
  f.forcing = false
  f.publish(c, 'a', { body: 'new', persistent: true, ...retain })
  for (const cut of f.journal.cuts()) {
    let count = 0
    f.journal.crash(1, cut).restored.forEachMessage(() => count++)
    t.equal(count, 1, `${cut}`)
  }
})

t.test('retained: two units keep one of the same topic -> the one committed last', async t => {
  const { f, c } = withTopics()
  const { handle } = f.openTarget(c, { kind: 'topic', topic: 'a' }, { output: true })
  f.put(c, handle, { body: 'zero', persistent: true, request: { retain: true } })
  const [one, two] = [f.begin(c), f.begin(c)]
  f.put(c, handle, { body: 'one', unit: one, persistent: true, request: { retain: true } })
  f.put(c, handle, { body: 'two', unit: two, persistent: true, request: { retain: true } })
  f.commit(c, two)
  f.commit(c, one)
  t.equal(f.depth('SYSTEM.RETAINED.PUB.QUEUE'), 1)
  t.equal(f.text(c, f.subscribe(c, 'a').handle), 'one')
})

t.test('publish: a subscriber whose queue is full -> dead-letter queue; without one the topic decides who matters', async t => {
  const { f, c } = withTopics()
  f.define('QLOCAL', 'Q', { MAXDEPTH: 0 })
  f.define('QLOCAL', 'DEAD')
  f.define('QMGR', 'QM1', { DEADQ: 'DEAD' })
  f.define('SUB', 'S', { TOPICSTR: 'a', DEST: 'Q', DESTCLAS: 'PROVIDED' })
  const other = f.subscribe(c, 'a')
  t.equal(f.publish(c, 'a', { body: 'x', persistent: true }), 0)
  t.equal(f.depth('DEAD'), 1)
  t.equal(f.text(c, other.handle), 'x')
  f.define('QMGR', 'QM1', { DEADQ: '' })
  t.equal(f.publish(c, 'a', { persistent: true }), 2053, 'ALLDUR')
  t.equal(f.publish(c, 'a', { persistent: false }), 0, 'ALLAVAIL')
  t.equal(f.depth(other.queue), 1)
  const { handle } = f.openTarget(c, { kind: 'topic', topic: 'a' }, { output: true })
  const unit = f.begin(c)
  t.equal(f.put(c, handle, { unit, persistent: true })?.reason, 2053)
  t.equal(f.commit(c, unit), 0, 'nothing of it was stored, so the unit is whole')
})

t.test('publish: through an alias for a topic -> its subscribers; not for input', async t => {
  const { f, c } = withTopics()
  f.define('TOPIC', 'T', { TOPICSTR: 'a' })
  f.define('QALIAS', 'A', { TARGET: 'T', TARGTYPE: 'TOPIC' })
  const { handle } = f.subscribe(c, 'a')
  t.equal(f.call(c, token => f.qm.putOne(c, { kind: 'queue', name: 'A' }, putRequest({ body: 'x' }), token))?.reason, 0)
  t.equal(f.text(c, handle), 'x')
  t.match(f.qm.open(c, { kind: 'queue', name: 'A' }, { input: 'shared' }), { reason: 2045 })
})
