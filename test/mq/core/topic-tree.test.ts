import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import { filterFault, topicFault, topicLengthMax, topicLevelsMax, TopicMap, TopicTree } from '../../../src/mq/core/topic-tree.js'

/** The definition, straight: no tree, no sharing. */
function isMatch(filter: readonly string[], topic: readonly string[]): boolean {
  const [first, ...rest] = filter
  if (first === undefined) return topic.length === 0
  if (first === '#') return isMatch(rest, topic) || (topic.length > 0 && isMatch(filter, topic.slice(1)))
  return topic.length > 0 && (first === '+' || first === topic[0]) && isMatch(rest, topic.slice(1))
}

function matching(filters: readonly string[], topic: string): string[] {
  const tree = new TopicTree<string>()
  for (const filter of filters) tree.add(filter, filter)
  return tree.match(topic).sort()
}

t.test('topic tree: literal levels -> whole strings only, case and empty levels count', async test => {
  test.strictSame(matching(['a/b', 'a/B', 'a', 'a/b/', '/a/b', 'a//b'], 'a/b'), ['a/b'])
  test.strictSame(matching(['a//b', 'a/b', 'a/+/b'], 'a//b'), ['a/+/b', 'a//b'])
  test.strictSame(matching(['/a', 'a', '+/a', '/+'], '/a'), ['+/a', '/+', '/a'])
})

t.test('topic tree: + -> exactly one level; # -> any number of levels, none included, anywhere', async test => {
  const filters = ['#', 'a/#', 'a/+', '+', 'a/#/c', '#/c', '+/b/+', 'a/+/#', 'a/b/c', '#/b/#', 'a#', 'a/b+']
  test.strictSame(matching(filters, 'a'), ['#', '+', 'a/#'])
  test.strictSame(matching(filters, 'a/b'), ['#', '#/b/#', 'a/#', 'a/+', 'a/+/#'])
  test.strictSame(matching(filters, 'a/b/c'), ['#', '#/b/#', '#/c', '+/b/+', 'a/#', 'a/#/c', 'a/+/#', 'a/b/c'])
  test.strictSame(matching(filters, 'a/c'), ['#', '#/c', 'a/#', 'a/#/c', 'a/+', 'a/+/#'])
  test.strictSame(matching(filters, 'a#'), ['#', '+', 'a#'], 'within a level they are characters')
})

t.test('topic tree: an id with two matching filters -> once for each; removed -> no more', async test => {
  const tree = new TopicTree<number>()
  test.equal(tree.add('a/+', 7), true)
  test.equal(tree.add('a/+', 7), false, 'the same again')
  test.equal(tree.add('a/#', 7), true)
  test.strictSame(tree.match('a/b'), [7, 7])
  test.equal(tree.remove('a/+', 7), true)
  test.equal(tree.remove('a/+', 7), false)
  test.equal(tree.remove('a/x/y', 7), false)
  test.strictSame(tree.match('a/b'), [7])
  test.equal(tree.size, 1)
})

t.test('topic tree: strings from outside -> bounded, wildcards not published to', async test => {
  test.equal(topicFault('a/b'), null)
  test.equal(topicFault('a/+/b'), 'wildcards are for subscriptions only')
  test.equal(topicFault('a+/#b'), null)
  test.equal(filterFault('a/+/#'), null)
  test.equal(filterFault(''), 'the topic string is empty')
  test.equal(filterFault('a\0'), 'a topic string has no NUL')
  test.match(filterFault('a'.repeat(topicLengthMax + 1)), /longer than/)
  test.equal(filterFault('/'.repeat(topicLevelsMax - 1)), null)
  test.match(filterFault('/'.repeat(topicLevelsMax)), /more than/)
})

t.test('topic tree: many # in the deepest filters -> still ends', async test => {
  const tree = new TopicTree<number>()
  const filter = '#/a/'.repeat(topicLevelsMax / 2 - 1) + 'b'
  tree.add(filter, 1)
  test.strictSame(tree.match('a/'.repeat(topicLevelsMax - 1) + 'c'), [])
  const retained = new TopicMap<number>()
  retained.set('a/'.repeat(topicLevelsMax - 1) + 'c', 1)
  test.strictSame(retained.match(filter), [])
})

t.test('topic map: set, get, delete, and found by filter', async test => {
  const retained = new TopicMap<string>()
  for (const topic of ['a', 'a/b', 'a/b/c', '/a', 'b/c', 'a//c']) retained.set(topic, topic)
  retained.set('a', 'a, again')
  test.equal(retained.size, 6)
  test.equal(retained.get('a'), 'a, again')
  test.equal(retained.get('a/x'), null)
  test.strictSame(retained.match('a/#').sort(), ['a, again', 'a/b', 'a/b/c', 'a//c'].sort())
  test.strictSame(retained.match('+/+').sort(), ['/a', 'a/b', 'b/c'])
  test.strictSame(retained.match('#/c').sort(), ['a//c', 'a/b/c', 'b/c'])
  test.equal(retained.delete('a/b'), true)
  test.equal(retained.delete('a/b'), false)
  test.equal(retained.get('a/b/c'), 'a/b/c', 'what is below stays')
  test.equal(retained.size, 5)
})

t.test('topic tree and map: random filters and topics -> what the definition says, through additions and removals', async test => {
  const prng = new Prng(7)
  const word = (wild: boolean): string => prng.pick(wild ? ['a', 'b', '', '+', '#', '+', '#'] : ['a', 'b', ''])
  const string = (wild: boolean): string => Array.from({ length: prng.between(1, 5) }, () => word(wild)).join('/')
  const tree = new TopicTree<number>()
  const retained = new TopicMap<string>()
  const filters = new Map<number, string>()
  const topics = new Set<string>()
  for (let round = 0; round < 4_000; round++) {
    if (prng.chance(1, 2)) {
      const filter = string(true)
      if (filter !== '') {
        filters.set(round, filter)
        tree.add(filter, round)
      }
    }
    if (filters.size > 40) {
      const [id, filter] = prng.pick([...filters])
      if (!tree.remove(filter, id)) test.fail(`${filter} was not there`)
      filters.delete(id)
    }
    const topic = string(false)
    if (topic === '') continue
    if (prng.chance(1, 2)) retained.set(topic, topic)
    else retained.delete(topic)
    if (retained.get(topic) === null) topics.delete(topic)
    else topics.add(topic)
    const expected = [...filters].filter(([, filter]) => isMatch(filter.split('/'), topic.split('/'))).map(([id]) => id)
    const found = tree.match(topic).sort((a, b) => a - b)
    if (found.join() !== expected.join()) test.strictSame(found, expected, topic)
    const filter = string(true)
    const kept = [...topics].filter(candidate => isMatch(filter.split('/'), candidate.split('/'))).sort()
    const looked = retained.match(filter).sort()
    if (filter !== '' && looked.join('|') !== kept.join('|')) test.strictSame(looked, kept, filter)
  }
  for (const [id, filter] of filters) tree.remove(filter, id)
  test.equal(tree.size, 0)
  test.equal(retained.size, topics.size)
})
